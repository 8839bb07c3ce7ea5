// The go/no-go board: for each seat, site and trustee what has to be right, and how it stands. Pure, so that it can be tested;
// the sentence and the cure of each line are words of the page.

import type { SiteState, Status } from '@/protocol/messages'
import type { Seat } from '@/protocol/room'
import { isConfirmed } from '@/session/people'
import { STAGES } from '@/session/stages'
import type { SessionView } from '@/session/view'

/** Green, red, not looked at yet, or of no concern here. */
export type Light = 'good' | 'bad' | 'open' | 'none'

export const SEAT_CHECKS = ['present', 'passport', 'camera', 'microphone', 'network', 'identity', 'phone', 'recorder'] as const
export type SeatCheck = (typeof SEAT_CHECKS)[number]
export const SITE_CHECKS = ['link', 'recorder', 'disk', 'clock', 'witness', 'ready'] as const
export type SiteCheck = (typeof SITE_CHECKS)[number]

export interface SeatRow {
  readonly seat: Seat
  readonly lights: Readonly<Record<SeatCheck, Light>>
}

export interface SiteRow {
  readonly site: string
  readonly name: string
  readonly lights: Readonly<Record<SiteCheck, Light>>
}

export interface RedLine {
  /** Seat, site or trustee. */
  readonly who: string
  readonly check: string
}

export interface Board {
  readonly seats: readonly SeatRow[]
  readonly sites: readonly SiteRow[]
  readonly agents: readonly { readonly name: string; readonly who: string; readonly light: Light }[]
  readonly red: readonly RedLine[]
}

const DISK_FULL_PERCENT = 90
const CLOCK_LIMIT_MS = 2000
/** A recorder that seals no fragment for so long is not recording (pages.md §4). */
const FRAGMENT_LIMIT_MS = 15_000

/** Work the board out; with `only` that of one site alone, as its own operator sees it. */
export function boardOf(view: SessionView, status: Status | null, now: number, only: string | null = null): Board {
  const mine = (site: string): boolean => only === null || site === only
  const seats = view.seats.filter((seat) => mine(seat.site) && !seat.reserve).map((seat) => seatRow(view, status, seat, now))
  const sites = view.sites.filter((site) => mine(site.id)).map((site) => siteRow(view, status, site.id, site.name, site.host, site.node))
  const agents = only === null ? agentsOf(view) : []
  const red = [
    ...seats.flatMap((row) => SEAT_CHECKS.filter((check) => row.lights[check] === 'bad').map((check) => ({ who: row.seat.code, check: `seat_${check}` }))),
    ...sites.flatMap((row) => SITE_CHECKS.filter((check) => row.lights[check] === 'bad').map((check) => ({ who: row.name, check: `site_${check}` }))),
    ...agents.filter((one) => one.light === 'bad').map((one) => ({ who: one.who, check: 'agent' })),
  ]
  return { seats, sites, agents, red }
}

function seatRow(view: SessionView, status: Status | null, seat: Seat, now: number): SeatRow {
  const facts = view.seatFacts.get(seat.code)
  const state = status?.sites.flatMap((site) => site.seats).find((one) => one.seat === seat.code)
  const tracks = (status?.sites ?? []).flatMap((site) => site.tracks).filter((track) => track.seat === seat.code && track.state !== 'gone')
  const expert = seat.role === 'expert'
  // Nobody waits for an archivist; a regulator may come when there is something to approve.
  const awaited = seat.role !== 'archivist' && seat.role !== 'regulator'
  // Before people come in nobody sits there, and nothing of a seat is red.
  const due = STAGES.indexOf(view.stage) >= STAGES.indexOf('gathering') || !expert
  const joined = facts?.joined != null
  const tested = (check: string): Light => {
    const found = facts?.tested?.find((one) => one.check === check)
    if (!expert) return 'none'
    return found === undefined ? 'open' : found.passed ? 'good' : 'bad'
  }
  const sealed = tracks.some((track) => track.recording && track.last_fragment_ms !== null && now - track.last_fragment_ms < FRAGMENT_LIMIT_MS)
  // A screen is chosen after the check as well: the recorder's column tells whether it is there.
  const lights: Record<SeatCheck, Light> = {
    present: joined && state?.link !== 'offline' ? 'good' : due && awaited ? 'bad' : 'none',
    passport: !expert || !due ? 'none' : facts?.tested == null ? (joined ? 'bad' : 'open') : facts.tested.every((one) => one.passed || one.check === 'screen') ? 'good' : 'bad',
    camera: tested('camera'),
    microphone: tested('microphone'),
    network: state?.link === 'weak' ? 'bad' : tested('network'),
    identity: !expert || view.people.checkin === 'none' ? 'none' : !joined ? 'open' : isConfirmed(facts, view.people) ? 'good' : 'bad',
    phone: !expert || !view.people.phone ? 'none' : !joined ? 'open' : facts?.phone ? 'good' : 'bad',
    recorder: !expert ? 'none' : !joined ? 'open' : sealed ? 'good' : 'bad',
  }
  return { seat, lights }
}

function siteRow(view: SessionView, status: Status | null, id: string, name: string, host: boolean, node: boolean): SiteRow {
  const state = status?.sites.find((one) => one.site === id)
  const word = view.siteWords.get(id)
  const operated = view.seats.some((seat) => seat.site === id && seat.role === 'site_operator')
  const lights: Record<SiteCheck, Light> = {
    link: !node ? 'none' : state === undefined ? 'open' : host || state.link === 'online' ? 'good' : 'bad',
    recorder: nodeLight(node, state, (one) => one.recorder !== 'gap' && one.recorder !== 'disk' && one.recorder !== 'unknown'),
    disk: nodeLight(node, state, (one) => one.disk_used_percent < DISK_FULL_PERCENT),
    clock: host ? 'none' : nodeLight(node, state, (one) => one.offset_ms !== null && Math.abs(one.offset_ms) <= CLOCK_LIMIT_MS),
    witness: host || !node ? 'none' : view.refusedWitnesses.has(id) ? 'bad' : view.lostSites.has(id) ? 'bad' : 'good',
    ready: host || !operated ? 'none' : word?.ready === true ? 'good' : 'bad',
  }
  return { site: id, name, lights }
}

function nodeLight(node: boolean, state: SiteState | undefined, good: (state: SiteState) => boolean): Light {
  if (!node) return 'none'
  return state === undefined ? 'open' : good(state) ? 'good' : 'bad'
}

/** Trustees: their agent has given its key, signed the policy, and not destroyed its keys while bids are sealed. */
function agentsOf(view: SessionView): { name: string; who: string; light: Light }[] {
  const { policy, keys, signed, destroyed, state } = view.ceremony
  const over = state === 'opened' || state === 'destroyed' || state === 'aborted'
  return (policy?.trustees ?? []).map((one) => {
    const there = keys.has(one.name) && signed.has(one.name)
    const lost = destroyed.has(one.name) && !over
    return { name: one.name, who: one.who, light: over ? 'none' : there && !lost ? 'good' : 'bad' }
  })
}
