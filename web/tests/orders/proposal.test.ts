import { describe, expect, it } from 'vitest'

import { mayDecide, proposable, proposalDigest } from '@/orders/proposal'
import { emptyView } from '@/session/view'

function view(changes: Partial<ReturnType<typeof emptyView>> = {}): ReturnType<typeof emptyView> {
  const seat = (code: string, role: 'expert' | 'supervisor' | 'operator' | 'regulator') =>
    ({ code, role, site: 'host', node: 'host', label: '', specialty: 'none', reserve: false }) as const
  return Object.assign(emptyView(), {
    stage: 'detailed',
    chair: 'E1',
    seats: [seat('E1', 'expert'), seat('E2', 'expert'), seat('S1', 'supervisor'), seat('O1', 'operator'), seat('R1', 'regulator')],
    ...changes,
  })
}

describe('the digest of a proposal', () => {
  it.each([
    ['p-1', { kind: 'step_back', after: 'preliminary' } as const, '许可证看错', '5047c7f85f5ed620a060a734e0115e7f8b888cf2d7bfd5d944ab0ad1ace3e14b'],
    ['p-2', { kind: 'correct_price', lot: 'lot1', bid: 'b1', price_fen: 388000000 } as const, 'sum', 'cd7e530b825eaae99e0f8e4389b0ff1d3e8c0a87a4401de76562e13ed496cf62'],
    ['p-4', { kind: 'settle_tie' as const, lot: 'lot1', order: ['b2', 'b1'] }, 'cheaper to run', 'db1547e473862d877342c38c508d5a22cb586d133d8b872d525576ed31199db6'],
    ['p-3', { kind: 'resume' } as const, 'back', '31a5887c916277e07ebe9483b5ce3adb0e2eeee93e0d32792984dd628548b203'],
  ])('of %s is that of the host', (proposal, act, reason, digest) => {
    expect(proposalDigest(proposal, act, reason)).toBe(digest)
  })
})

describe('what the tenderer settles', () => {
  const lot = { id: 'lot1', title: '', items: [], bids: [], candidates: 3, pricing: { undecided: 'tenderer' } }
  const row = (bid: string, rank: number) => ({ bid, technical: '1/1', price: '1/1', total: '2', rank, candidate: true })
  const ranking = { lot: 'lot1', rows: [row('b1', 1), row('b2', 1)], ties: ['b1', 'b2'], rejected: [] }
  const at = (undecided: string) =>
    view({ stage: 'summary', tender: { code: '', title: '', lots: [{ ...lot, pricing: { undecided } }] } as never, rankings: new Map([['lot1', ranking]]) })

  it('is offered to the operator while bids are tied and the tender leaves them to the tenderer', () => {
    expect(proposable(at('tenderer'), 'O1', 'operator')).toContain('settle_tie')
    expect(proposable(at('draw'), 'O1', 'operator')).not.toContain('settle_tie')
    expect(proposable(at('tenderer'), 'S1', 'supervisor')).not.toContain('settle_tie')
  })

  it('is a vote whose last round stayed tied, until it is settled', () => {
    const counted = { vote: 'award-lot1', round: 3, counts: [], outcome: '', tied: ['b1', 'b2'] }
    const one = { vote: 'award-lot1', question: 'award', lot: 'lot1', round: 3, options: [], voters: [], own: null, ballots: null } as const
    const open = Object.assign(at('tenderer'), { votes: new Map([['award-lot1', { ...one, counted: null }]]) })
    expect(proposable(open, 'O1', 'operator')).not.toContain('award_lot')
    const over = Object.assign(at('tenderer'), { votes: new Map([['award-lot1', { ...one, counted }]]) })
    expect(proposable(over, 'O1', 'operator')).toContain('award_lot')
    over.awards.set('lot1', { lot: 'lot1', bid: 'b1', by: 'tenderer' })
    expect(proposable(over, 'O1', 'operator')).not.toContain('award_lot')
  })
})

describe('who proposes and decides', () => {
  it('lets the chair step back and return sheets, and no other member', () => {
    expect(proposable(view(), 'E1', 'expert')).toEqual(['step_back', 'reopen_sheet'])
    expect(proposable(view(), 'E2', 'expert')).toEqual([])
  })

  it('offers resuming only while the evaluation is paused', () => {
    expect(proposable(view(), 'S1', 'supervisor')).not.toContain('resume')
    const paused = { reason: '', by: 'S1', atMs: 0, resumeMs: null }
    expect(proposable(view({ paused, twoToResume: true }), 'S1', 'supervisor')).toContain('resume')
    expect(proposable(view({ paused }), 'S1', 'supervisor')).not.toContain('resume')
  })

  it('never lets anybody decide what they proposed', () => {
    expect(mayDecide(view(), 'R1', 'regulator', 'fail_lot', 'S1')).toBe(true)
    expect(mayDecide(view(), 'S1', 'supervisor', 'fail_lot', 'S1')).toBe(false)
    expect(mayDecide(view(), 'O1', 'operator', 'fail_lot', 'S1')).toBe(false)
  })

  it('asks another officer where no regulator has a seat', () => {
    const without = view()
    without.seats = without.seats.filter((seat) => seat.role !== 'regulator')
    expect(mayDecide(without, 'O1', 'operator', 'resume', 'S1')).toBe(true)
    expect(mayDecide(without, 'S1', 'supervisor', 'correct_price', 'O1')).toBe(true)
  })
})
