import { describe, expect, it } from 'vitest'

import { changesOf, type DraftForm, draftFault } from '@/opening/draft'
import { partyOf, rowsOf } from '@/opening/verdicts'

const EMPTY: DraftForm = { deadline: '', opensAt: '', mode: '', k: '', suites: [], minBids: '' }
const NOW = new Date('2026-11-24T09:00').getTime()

describe('a draft', () => {
  it('leaves to the template what was not filled in', () => {
    expect([draftFault(EMPTY, NOW), changesOf(EMPTY)]).toEqual([null, {}])
  })

  it('says the rest, instants in milliseconds', () => {
    const form = { ...EMPTY, deadline: '2026-12-01T10:00', opensAt: '2026-12-01T10:05', mode: 'joint', k: '2', suites: [2, 1], minBids: '3' }
    const at = new Date('2026-12-01T10:00').getTime()
    expect(draftFault(form, NOW)).toBeNull()
    expect(changesOf(form)).toEqual({ deadline: at, opens_at: at + 300_000, mode: 'joint', k: 2, suites: [1, 2], min_bids: 3 })
  })

  it.each([
    ['deadline', { deadline: '2026-11-24T08:59' }],
    ['opens_at', { deadline: '2026-12-01T10:00', opensAt: '2026-12-01T09:00' }],
    ['quorum', { k: '17' }],
    ['quorum', { k: 'two' }],
    ['min_bids', { minBids: '-1' }],
  ])('is refused: %s', (fault, change) => {
    expect(draftFault({ ...EMPTY, ...change }, NOW)).toBe(fault)
  })
})

describe('a record', () => {
  it('has no rows when it is none', () => {
    expect([rowsOf('no json'), rowsOf('{}'), rowsOf('{"rows": [{"number": "a"}]}')]).toEqual([[], [], [{ number: 'a' }]])
  })

  it('lays a fault where the table of verdicts does', () => {
    expect(['root_mismatch', 'dealing', 'share_mismatch', 'unheard_of'].map(partyOf)).toEqual(['platform', 'bidder', 'trustee', 'nobody'])
  })
})
