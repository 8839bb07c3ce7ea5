// The operator's draft of a draw, and what is wrong with it; the room judges it again.

import type { Bid, DrawDeclared, ExpertClass, PoolExpert, Purpose, Role, Stage } from '@/protocol/room'
import { type DrawView, lastAbout } from '@/session/draws'
import { type SessionView, tiedIn } from '@/session/view'

import { drawable, madeUpRightly, shortage } from './lottery'

export const PURPOSES: readonly Purpose[] = ['experts', 'seats', 'sub_site', 'price_parameter', 'tie', 'chair', 'code', 'members']
export const CLASSES: readonly ExpertClass[] = ['technical', 'economic', 'other']
const PER_LOT = new Set<Purpose>(['tie', 'price_parameter', 'members'])
/** What a draw of the members' order is about: there is one for each lot. */
export const MEMBERS_SUBJECT = 'members'
/**
 * Whoever writes the list reveals first, a supervisor last: the last one to reveal knows the result before the others. Archivists may be
 * parties, too, but their page, the replay, has no place to take part.
 */
const ORDER: readonly Role[] = ['operator', 'site_operator', 'supervisor']
const MINUTE_MS = 60_000

const EARLY: readonly Stage[] = ['planned', 'booked', 'receiving', 'opening', 'gathering', 'briefed']
const STAGES: Readonly<Record<Purpose, readonly Stage[]>> = {
  experts: [...EARLY, 'electing', 'preliminary', 'detailed'],
  seats: [...EARLY, 'electing', 'preliminary', 'detailed'],
  sub_site: EARLY,
  code: EARLY,
  price_parameter: EARLY,
  chair: ['electing'],
  tie: ['summary'],
  members: [...EARLY, 'electing', 'preliminary', 'detailed'],
}

/** List what may be drawn at this stage. */
export function purposesAt(view: Pick<SessionView, 'stage' | 'rehearsal'>): Purpose[] {
  return PURPOSES.filter((purpose) => {
    const late = purpose === 'price_parameter' && !view.rehearsal && (view.stage === 'gathering' || view.stage === 'briefed')
    return STAGES[purpose].includes(view.stage) && !late
  })
}

export interface PlaceRow {
  type: ExpertClass
  region: string
  count: string
}

export interface DrawForm {
  purpose: Purpose
  subject: string
  lot: string
  /** One option a line. */
  options: string
  count: string
  /** One taker a line, or nothing. */
  takers: string
  parties: string[]
  /** For each of the two phases. */
  minutes: number
  experts: readonly PoolExpert[]
  places: PlaceRow[]
  least: string
  share: string
  odd: boolean
  owners: string
}

export function emptyForm(purpose: Purpose): DrawForm {
  const places: PlaceRow[] = [{ type: 'technical', region: '', count: '3' }, { type: 'economic', region: '', count: '2' }]
  return { purpose, subject: '', lot: '', options: '', count: '1', takers: '', parties: [], minutes: 10, experts: [], places, least: '5', share: '2/3', odd: true, owners: '0' }
}

export function isPerLot(purpose: Purpose): boolean {
  return PER_LOT.has(purpose)
}

/** List the seats that may be parties, in the order in which they reveal. */
export function partiesOf(view: SessionView): string[] {
  const seats = view.seats.filter(({ role }) => ORDER.includes(role))
  return [...seats].sort((one, other) => ORDER.indexOf(one.role) - ORDER.indexOf(other.role)).map(({ code }) => code)
}

/** Return what is usually drawn from, one a line. */
export function usualOptions(view: SessionView, purpose: Purpose, lot: string): string[] {
  const experts = view.seats.filter(({ role }) => role === 'expert').map(({ code }) => code)
  if (purpose === 'chair' || purpose === 'seats' || purpose === 'members') return experts
  if (purpose === 'sub_site') return view.sites.filter(({ host }) => !host).map(({ id }) => id)
  if (purpose === 'tie') return [...tiedIn(view, lot)]
  return []
}

export const linesOf = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')

const whole = (text: string): number => (/^\d{1,4}$/.test(text.trim()) ? Number(text) : -1)

/** Return the order that a form makes, now. */
export function declarationOf(form: DrawForm, draws: ReadonlyMap<string, DrawView>, order: readonly string[], now: number): DrawDeclared {
  const isRoster = form.purpose === 'experts'
  const lot = isPerLot(form.purpose) ? form.lot : ''
  const subject = form.subject.trim()
  const before = lastAbout(draws, { purpose: form.purpose, lot, subject })
  const places = isRoster ? form.places.map(({ type, region, count }) => ({ type, region: region.trim(), count: whole(count) })) : []
  const make_up = isRoster ? { least: whole(form.least), share: form.share.trim(), odd: form.odd, owners: whole(form.owners) } : null
  const closes = Math.round(now) + form.minutes * MINUTE_MS
  return {
    draw: `${form.purpose}-${draws.size + 1}`,
    purpose: form.purpose,
    subject,
    lot,
    options: isRoster ? [] : linesOf(form.options),
    experts: isRoster ? [...form.experts] : [],
    places,
    make_up,
    count: isRoster ? places.reduce((sum, { count }) => sum + count, 0) : whole(form.count),
    takers: isRoster ? [] : linesOf(form.takers),
    parties: order.filter((seat) => form.parties.includes(seat)),
    closes,
    ends: closes + form.minutes * MINUTE_MS,
    redoes: before?.state === 'void' ? before.declared.draw : '',
  }
}

export type Fault = 'subject' | 'lot' | 'list' | 'doubles' | 'count' | 'takers' | 'parties' | 'pool' | 'places' | 'make_up' | 'shortage' | 'drawn'

/** Return what still has to be mended, null when the draw can be declared. */
export function faultOf(order: DrawDeclared, draws: ReadonlyMap<string, DrawView>): Fault | null {
  const names = drawable(order)
  const isRoster = order.purpose === 'experts'
  if (order.subject === '') return 'subject'
  if (isPerLot(order.purpose) && order.lot === '') return 'lot'
  const before = lastAbout(draws, order)
  if (before !== null && before.state !== 'void') return 'drawn'
  if (isRoster && order.experts.length === 0) return 'pool'
  if (isRoster && order.places.some(({ count }) => count < 1)) return 'places'
  if (isRoster && !madeUpRightly(order)) return 'make_up'
  if (isRoster && shortage(order) !== null) return 'shortage'
  if (names.length === 0) return 'list'
  if (new Set(order.options).size !== order.options.length) return 'doubles'
  if (order.count < 1 || order.count > names.length) return 'count'
  if (order.takers.length > 0 && (order.takers.length !== order.count || new Set(order.takers).size !== order.count)) return 'takers'
  if (order.parties.length < 2) return 'parties'
  return null
}

/** Read what `evalroom draw pool` published; throws SyntaxError when it is not that. */
export function readPool(text: string): PoolExpert[] {
  const value: unknown = JSON.parse(text)
  const isExpert = (one: unknown): one is PoolExpert =>
    typeof one === 'object' && one !== null && CLASSES.includes((one as PoolExpert).type) && /^[0-9a-f]{64}$/.test((one as PoolExpert).units) && typeof (one as PoolExpert).recused === 'boolean'
  if (!Array.isArray(value) || value.length === 0 || !value.every(isExpert)) throw new SyntaxError('no list of a pool')
  return value.map(({ id, type, region, units, recused }) => ({ id: String(id), type, region: String(region), units, recused }))
}

/** Name a bid by its bidder where the tender has it: ids mean nothing to people. */
export function nameOf(one: string, bids: readonly Bid[]): string {
  return bids.find(({ id }) => id === one)?.bidder ?? one
}
