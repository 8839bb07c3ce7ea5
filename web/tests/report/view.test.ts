// What the fold keeps of reports: digests, stands, witnesses, words; and what a step back voids.

import { describe, expect, it } from 'vitest'

import { unsigned } from '@/orders/proposal'
import { reportDigest } from '@/session/sheet'
import type { FeedItem } from '@/session/feed'
import { emptyView, evolve, signatories } from '@/session/view'

let n = 0
function item(type: FeedItem['type'], body: object, actor = 'host'): FeedItem {
  n += 1
  return { n, t: n * 1000, type, site: 'host', actor, body } as unknown as FeedItem
}

function signing(): ReturnType<typeof emptyView> {
  const view = emptyView()
  view.members = ['E1', 'E2']
  view.stage = 'signing'
  evolve(view, item('ReportMade', { lot: '1', sha256: 'ab', bytes: 2 }))
  return view
}

describe('reports in the view', () => {
  it('keep how each member stands, and who is missing', () => {
    const view = signing()
    expect(unsigned(view)).toEqual([
      { lot: '1', seat: 'E1' },
      { lot: '1', seat: 'E2' },
    ])
    evolve(view, item('ReportSigned', { lot: '1', digest: 'ab', stand: 'dissents', reason: 'no' }, 'E1'))
    evolve(view, item('AgreementDeemed', { lot: '1', seat: 'E2', digest: 'ab', reason: 'away' }))
    expect(view.signatures.get('1/E1')).toMatchObject({ stand: 'dissents', reason: 'no' })
    expect(view.signatures.get('1/E2')).toMatchObject({ stand: 'deemed' })
    expect(unsigned(view)).toEqual([])
  })

  it('of a tender that failed are signed by those members who had accepted the commitment', () => {
    const view = signing()
    evolve(view, item('DisciplineAccepted', { seat: 'E2' }))
    expect(unsigned(view)).toHaveLength(2)
    view.stage = 'failed'
    expect(signatories(view)).toEqual(['E2'])
    expect(unsigned(view)).toEqual([{ lot: '1', seat: 'E2' }])
  })

  it('know that somebody signed where how they stand is withheld', () => {
    const view = signing()
    evolve(view, item('ReportSigned', { lot: '1', digest: 'ab' }, 'E1'))
    expect(view.signatures.get('1/E1')).toMatchObject({ stand: null, reason: '' })
  })

  it('are void after a step back, the words are not', () => {
    const view = signing()
    evolve(view, item('ReportEdited', { lot: '1', section: 'overview', text: 'as it went' }, 'E1'))
    evolve(view, item('WarningJustified', { lot: '1', warning: 'tie_open', reason: 'so' }, 'E1'))
    evolve(view, item('ReportWitnessed', { lot: '1', digest: 'ab' }, 'R1'))
    evolve(view, item('SteppedBack', { before: 'signing', after: 'reporting', reason: 'typo' }))
    expect([view.reports.size, view.signatures.size, view.witnessed.size]).toEqual([0, 0, 0])
    expect(view.prose.get('1/overview')).toBe('as it went')
    expect(view.justified.size).toBe(1)
    view.stage = 'signing'
    evolve(view, item('SteppedBack', { before: 'signing', after: 'summary', reason: 'sum' }))
    expect(view.justified.size).toBe(0)
  })

  it('are signed by the digest of the very bytes that came', () => {
    expect(reportDigest(new Uint8Array([123, 125]))).toBe('44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a')
  })
})
