import { describe, expect, it } from 'vitest'

import { awaited, emptyAsides, evolveAsides, isOverdue, openFaults, questionDigest, rulesOf } from '@/session/asides'
import { mayDecide } from '@/orders/proposal'
import type { FeedItem } from '@/session/feed'
import { emptyView, fold } from '@/session/view'

let n = 0
function item(type: string, body: object, actor = 'E1', t = 1000): FeedItem {
  return { n: (n += 1), t, type, site: 'host', actor, body } as unknown as FeedItem
}

const ASKED = item('QuestionDrafted', { question: 'q1', lot: 'lot1', bid: 'bid1', text: 'Which crane is meant?' })
const SENT = item('QuestionSent', { question: 'q1', sha256: '00' })
const RELAYED = item('QuestionRelayed', { question: 'q1', until: 5000 })

describe('the digest of a question', () => {
  it('is that of the host, and leaves the bid out', () => {
    expect(questionDigest('q1', 'Which crane is meant on page 12?')).toBe('2175dc0e4ed95003b15bd2f7497af42308365d42eedf77fe12c4e056b3d29ac0')
  })
})

describe('a question', () => {
  it('goes from draft to answer, and waits in between', () => {
    const view = emptyAsides()
    for (const one of [ASKED, SENT, RELAYED]) evolveAsides(view, one, 'detailed')
    expect(awaited(view).map((one) => [one.question, one.until])).toEqual([['q1', 5000]])
    evolveAsides(view, item('QuestionAnswered', { question: 'q1', text: 'The red one.', marks: [] }, 'bidder'), 'detailed')
    expect(view.questions.get('q1')).toMatchObject({ state: 'answered', answer: 'The red one.', hidden: false })
    expect(awaited(view)).toEqual([])
  })

  it('may have an answer that stays hidden until the names are known', () => {
    const view = emptyAsides()
    for (const one of [ASKED, SENT, RELAYED]) evolveAsides(view, one, 'detailed')
    evolveAsides(view, item('QuestionAnswered', { question: 'q1', marks: ['contact'] }, 'bidder'), 'detailed')
    expect(view.questions.get('q1')).toMatchObject({ answer: null, hidden: true })
    evolveAsides(view, item('QuestionAnswered', { question: 'q1', text: 'call 139', marks: ['contact'] }, 'bidder'), 'detailed')
    expect(view.questions.get('q1')).toMatchObject({ answer: 'call 139', hidden: false })
  })

  it('becomes an annex when its stage is gone through anew, and stays one', () => {
    const view = emptyAsides()
    for (const one of [ASKED, SENT]) evolveAsides(view, one, 'detailed')
    evolveAsides(view, item('SteppedBack', { before: 'detailed', after: 'preliminary', reason: '' }), 'detailed')
    evolveAsides(view, RELAYED, 'preliminary')
    expect(view.questions.get('q1')?.state).toBe('annex')
  })
})

describe('a fault', () => {
  const declared = item('FaultDeclared', { fault: 'f1', site: 'west', what: 'no power' }, 'S1', 0)

  it.each([
    ['briefed', 2 * 3_600_000],
    ['detailed', 4 * 3_600_000],
  ] as const)('of stage %s has the time of the profile', (stage, limit) => {
    const view = emptyAsides()
    evolveAsides(view, declared, stage)
    const [fault] = openFaults(view)
    expect(fault?.limit).toBe(limit)
    expect(isOverdue(fault!, limit - 1)).toBe(false)
    expect(isOverdue(fault!, limit)).toBe(true)
  })

  it('mended in time is over, mended late waits for two persons', () => {
    for (const [at, open] of [[1, 0], [4 * 3_600_000, 1]] as const) {
      const view = emptyAsides()
      evolveAsides(view, declared, 'detailed')
      evolveAsides(view, item('FaultMended', { fault: 'f1', note: '' }, 'S1', at), 'detailed')
      expect(openFaults(view)).toHaveLength(open)
      evolveAsides(view, item('FaultSettled', { fault: 'f1', way: 'go_on', until: 0, reason: '' }), 'detailed')
      expect(openFaults(view)).toHaveLength(0)
    }
  })
})

describe('requests for more time', () => {
  it('count for one stage, and are answered by an extension', () => {
    const view = emptyAsides()
    evolveAsides(view, item('MoreTimeAsked', { reason: 'many bids' }), 'detailed')
    expect([...view.asking.keys()]).toEqual(['E1'])
    evolveAsides(view, item('MoreTimeGranted', { until: 9000, reason: '' }, 'O1'), 'detailed')
    expect([view.asking.size, view.extendedUntil]).toEqual([0, 9000])
    evolveAsides(view, item('MoreTimeAsked', { reason: 'still' }), 'detailed')
    evolveAsides(view, item('StageChanged', { before: 'detailed', after: 'pricing', reason: '' }), 'detailed')
    expect(view.asking.size).toBe(0)
  })
})

describe('a complaint', () => {
  it('is open until it is closed, with the statements beside it', () => {
    const view = emptyAsides()
    evolveAsides(view, item('ComplaintOpened', { complaint: 1, matter: 'the crane' }, 'host'), 'concluded')
    evolveAsides(view, item('SupplementSigned', { complaint: 1, digest: '', statement: 'It stands.' }, 'E2'), 'concluded')
    expect(view.complaint).toEqual({ number: 1, matter: 'the crane' })
    expect([...view.statements]).toEqual([['1/E2', 'It stands.']])
    evolveAsides(view, item('ComplaintClosed', { complaint: 1, reason: '' }, 'O1'), 'concluded')
    expect(view.complaint).toBeNull()
  })
})

describe('the rules of a profile', () => {
  it.each([
    ['', 'none', 7_200_000],
    ['[clarification]\napproval = "both"\nwithin = "30min"\n[fault]\nduring = "1h"', 'both', 1_800_000],
    ['clarification = { approval = "regulator", within = "90s" }', 'regulator', 90_000],
    ['clarification.approval = "both"', 'both', 7_200_000],
    ['[other]\napproval = "both"', 'none', 7_200_000],
  ])('are read as they are written: %s', (profile, approval, withinMs) => {
    expect(rulesOf(profile)).toMatchObject({ approval, withinMs })
  })
})

describe('a question that both have to approve', () => {
  it('waits for the second of them', () => {
    const view = emptyView()
    const seats = [{ code: 'E1', role: 'expert' }, { code: 'R1', role: 'regulator' }, { code: 'O1', role: 'operator' }]
    fold(view, [
      item('SessionOpened', { session: 'S', seats, profile: '[clarification]\napproval = "both"', rehearsal: true }, 'host'),
      ASKED,
      item('Proposed', { proposal: 'p1', act: { kind: 'release_question', question: 'q1', sha256: '' }, reason: 'why' }),
      item('Approved', { proposal: 'p1', digest: '' }, 'R1'),
    ])
    const one = view.proposals.get('p1')
    expect([one?.decided, one?.agreed]).toEqual([null, ['regulator']])
    expect(mayDecide(view, 'R1', 'regulator', 'release_question', 'E1', one?.agreed)).toBe(false)
    expect(mayDecide(view, 'O1', 'operator', 'release_question', 'E1', one?.agreed)).toBe(true)
    fold(view, [item('Approved', { proposal: 'p1', digest: '' }, 'O1')])
    expect(view.proposals.get('p1')?.decided).toEqual({ approved: true, by: 'O1' })
  })
})
