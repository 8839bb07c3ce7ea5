import { describe, expect, it } from 'vitest'

import { boardOf } from '@/people/board'
import { type Draft, type DutyName, FORM, isAdverse, ticksOf, undecided } from '@/people/duty'
import type { SiteState, Status, TrackState } from '@/protocol/messages'
import type { Lot, Tender } from '@/protocol/room'
import { currentStep, STEPS, stepsOf } from '@/seat/steps'
import type { FeedItem } from '@/session/feed'
import { gradeOf, isConfirmed, readRules } from '@/session/people'
import { emptyView, fold, type SessionView } from '@/session/view'

const item = (id: string, group: 'technical' | 'commercial') => ({ id, part: 'detailed' as const, kind: 'score' as const, title: id, standard: '', full: '10', digits: 0, objective: false, group })
const LOT = { id: '1', title: '一标段', items: [item('T1', 'technical'), item('C1', 'commercial')], bids: [{ id: 'B1', bidder: '甲' }], pricing: { name: 'lowest_price', weight: '80', score: { kind: 'value', value: 'full' } }, candidates: 1 } as unknown as Lot
const TENDER: Tender = { code: 'T', title: 'T', lots: [LOT] }
const SITES = [
  { id: 'host', name: '主场', host: true, node: true },
  { id: 'west', name: '西场', host: false, node: true },
]
const seat = (code: string, site: string, role: string) => ({ code, site, node: site, role, label: '', specialty: 'none', reserve: false })
const SEATS = [seat('E1', 'west', 'expert'), seat('L1', 'west', 'site_operator'), seat('O1', 'host', 'operator')]
const PROFILE = 'name = "works"\n[pause]\nphone = false\n[people]\ncheckin = "operator"\nphone = true\n[result]\ncandidates = 3\n'

let number = 0
function fact(type: FeedItem['type'], body: object, actor = 'O1'): FeedItem {
  number += 1
  return { n: number, t: 1000 + number, type, site: 'host', actor, body } as FeedItem
}

function opened(profile = PROFILE): SessionView {
  const view = emptyView()
  fold(view, [fact('SessionOpened', { session: 's', tender: TENDER, sites: SITES, seats: SEATS, rehearsal: true, profile })])
  return view
}

const joined = (code: string) => fact('SeatJoined', { seat: code, role: 'expert' })
const confirmed = (occupancy: number) => fact('OccupancyConfirmed', { seat: 'E1', occupancy, grade: 'operator', basis: 'device', reason: '' })

describe('who sits on a seat', () => {
  it('is confirmed for one check-in, and anew for the next', () => {
    const view = opened()
    fold(view, [joined('E1'), confirmed(1)])
    expect(gradeOf(view.seatFacts.get('E1'))).toBe('operator')
    expect(isConfirmed(view.seatFacts.get('E1'), view.people)).toBe(true)
    fold(view, [joined('E1')])
    expect(gradeOf(view.seatFacts.get('E1'))).toBe('none')
    expect(isConfirmed(view.seatFacts.get('E1'), view.people)).toBe(false)
  })

  it('follows the profile, and no key of another table', () => {
    expect(readRules(PROFILE)).toEqual({ checkin: 'operator', phone: true, appraisal: false })
    expect(readRules('name = "plain"\n')).toEqual({ checkin: 'none', phone: false, appraisal: false })
    expect(readRules('[people]\ncheckin = "face"\n').checkin).toBe('none')
  })
})

const state = (site: string, change: Partial<SiteState> = {}): SiteState => ({
  site, link: 'online', rtt_ms: 5, offset_ms: 3, offset_bound_ms: 2, outbox: 0, recorder: 'recording', disk_used_percent: 40, disk_free_mb: 1,
  reels_waiting: 0, reels_waiting_mb: 0, uplink_kbps: 1, seats: [{ seat: 'E1', link: 'online', rtt_ms: 5, unsent: 0 }, ...['L1', 'O1'].map((code) => ({ seat: code, link: 'online', rtt_ms: 1, unsent: 0 }))],
  tracks: [{ track: 'west-E1/camera', seat: 'E1', site: 'west', track_kind: 'camera', media: [], state: 'live', kbps: 900, recording: true, last_fragment_ms: 99_000 } as unknown as TrackState],
  ...change,
})
const status = (...sites: SiteState[]): Status => ({ stage: 'gathering', paused: false, sites, witness: 'current', cosigned_ms: 0, kind: 'status' })

function ready(): SessionView {
  const view = opened()
  const passed = ['camera', 'microphone', 'network'].map((check) => ({ check, passed: true, detail: '' }))
  fold(view, [
    joined('E1'), joined('L1'), joined('O1'), confirmed(1), fact('SeatTested', { seat: 'E1', results: passed }),
    fact('PhoneKept', { seat: 'E1', pieces: 1, locker: 'A' }), fact('SiteDeclared', { site: 'west', ready: true, open: [], note: '' }, 'L1'),
  ])
  return view
}

describe('the board', () => {
  it('has no red line when everything is there', () => {
    expect(boardOf(ready(), status(state('host'), state('west')), 100_000).red).toEqual([])
  })

  it.each([
    ['seat_identity', (view: SessionView) => fold(view, [joined('E1')]), {}],
    ['seat_phone', (view: SessionView) => fold(view, [fact('PhoneReturned', { seat: 'E1', reason: 'x' })]), {}],
    ['seat_camera', (view: SessionView) => fold(view, [fact('SeatTested', { seat: 'E1', results: [{ check: 'camera', passed: false, detail: '' }] })]), {}],
    ['site_ready', (view: SessionView) => fold(view, [fact('SiteDeclared', { site: 'west', ready: false, open: [], note: 'x' }, 'L1')]), {}],
    ['site_witness', (view: SessionView) => fold(view, [fact('WitnessRefused', { site: 'west', reason: 'x' })]), {}],
    ['site_disk', () => undefined, { disk_used_percent: 90 }],
    ['site_clock', () => undefined, { offset_ms: -2001 }],
    ['site_link', () => undefined, { link: 'offline' }],
    ['seat_recorder', () => undefined, { tracks: [] }],
  ] as const)('names %s', (check, change, west) => {
    const view = ready()
    change(view)
    const red = boardOf(view, status(state('host', { tracks: [] }), state('west', west as Partial<SiteState>)), 100_000).red
    expect(red.map((line) => line.check)).toContain(check)
  })

  it('shows a sub-site nothing but itself', () => {
    const board = boardOf(ready(), status(state('west')), 100_000, 'west')
    expect(board.seats.map((row) => row.seat.code)).toEqual(['E1', 'L1'])
    expect(board.sites.map((row) => row.site)).toEqual(['west'])
  })

  it('takes a recording whose last fragment is old for none', () => {
    const red = boardOf(ready(), status(state('host', { tracks: [] }), state('west')), 99_000 + 15_001).red
    expect(red.map((line) => line.check)).toContain('seat_recorder')
  })
})

describe('the duty form', () => {
  const drafts = (change: [DutyName, Partial<Draft>][] = []): Map<DutyName, Draft> =>
    new Map(FORM.map((duty) => [duty, { answer: 'unknown', remark: '', entries: [], ...Object.fromEntries(change)[duty] }]))

  it('has nothing to send before every question is decided', () => {
    expect(ticksOf(new Map())).toBeNull()
    expect(ticksOf(drafts([['knows_law', { answer: null }]]))).toBeNull()
    expect(undecided(drafts([['knows_law', { answer: null }]]))).toBe(1)
    expect(ticksOf(drafts())).toHaveLength(15)
  })

  it('wants a ground for what speaks against the expert', () => {
    expect(isAdverse({ duty: 'dragged_time', answer: 'yes' })).toBe(true)
    expect(isAdverse({ duty: 'handed_in_phone', answer: 'yes' })).toBe(false)
    expect(ticksOf(drafts([['dragged_time', { answer: 'yes', remark: ' ' }]]))).toBeNull()
    expect(ticksOf(drafts([['dragged_time', { answer: 'yes', entries: [7] }]]))).not.toBeNull()
    expect(ticksOf(drafts([['handed_in_phone', { answer: 'no', remark: '带入' }]]))).not.toBeNull()
  })
})

describe('the step bar', () => {
  it('has the order experts know, less what a lot has not', () => {
    expect(stepsOf(LOT)).toEqual(STEPS)
    expect(stepsOf({ ...LOT, items: LOT.items.slice(0, 1) })).not.toContain('commercial')
  })

  it('says where the evaluation stands, and in the detailed part what is left of the own sheet', () => {
    const view = opened()
    const at = (stage: string) => fold(view, [fact('StageChanged', { before: view.stage, after: stage, reason: '' })])
    expect(currentStep(view, LOT, false, false)).toBe('check')
    expect(currentStep(view, LOT, false, true)).toBe('check_in')
    expect(currentStep(view, LOT, true, true)).toBe('check_in')
    at('briefed')
    expect(currentStep(view, LOT, true, true)).toBe('pledge')
    at('detailed')
    expect(currentStep(view, LOT, true, true)).toBe('technical')
    const body = { lot: '1', bid: 'B1', item: 'T1', revision: 1, value: { commit: 'v' }, reason: { commit: 'r' } }
    fold(view, [{ ...fact('ScoreEntered', body, 'E1'), opened: { '/value': '7', '/reason': '' } } as FeedItem])
    expect(currentStep(view, LOT, true, true)).toBe('commercial')
    at('signing')
    expect(currentStep(view, LOT, true, true)).toBe('signing')
    at('concluded')
    expect(currentStep(view, LOT, true, true)).toBe('concluded')
  })
})
