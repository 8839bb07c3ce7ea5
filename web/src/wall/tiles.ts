// Which tiles the wall has: one per seat that is filmed, by site, in an order that never changes under the eye.

import type { SeatState, Status, TrackState } from '@/protocol/messages'
import type { Seat, Site } from '@/protocol/room'
import type { Alarm, SessionView } from '@/session/view'

export interface Tile {
  readonly seat: Seat
  readonly state: SeatState | null
  readonly camera: TrackState | null
  readonly screen: TrackState | null
  readonly joined: boolean
  readonly alarms: readonly Alarm[]
  /** Why this tile deserves a look, worst first; null when it does not. Of a seat whose site is cut off nothing newer is known. */
  readonly trouble: 'cut' | 'offline' | 'stalled' | 'alarm' | 'weak' | null
}

export interface SiteTiles {
  readonly site: Site
  readonly tiles: readonly Tile[]
}

export function tilesBySite(view: SessionView, status: Status | null): SiteTiles[] {
  const states = new Map((status?.sites ?? []).flatMap((site) => site.seats.map((seat) => [seat.seat, seat] as const)))
  const tracks = (status?.sites ?? []).flatMap((site) => site.tracks)
  const cut = new Set((status?.sites ?? []).filter((site) => site.link === 'offline').map((site) => site.site))
  return view.sites
    .map((site) => ({
      site,
      tiles: view.seats
        .filter((seat) => seat.site === site.id)
        .filter((seat) => seat.role === 'expert' || tracks.some((track) => track.seat === seat.code))
        .map((seat) => tileOf(view, seat, states.get(seat.code) ?? null, tracks, cut.has(site.id))),
    }))
    .filter((each) => each.tiles.length > 0)
}

function tileOf(view: SessionView, seat: Seat, state: SeatState | null, tracks: readonly TrackState[], cut: boolean): Tile {
  const own = tracks.filter((track) => track.seat === seat.code && track.state !== 'gone')
  const alarms = [...view.alarms.values()].filter((alarm) => alarm.closed === null && alarm.seat === seat.code)
  const camera = own.find((track) => track.track_kind === 'camera') ?? null
  const screen = own.find((track) => track.track_kind === 'screen') ?? null
  const joined = (view.seatFacts.get(seat.code)?.joined ?? null) !== null
  return { seat, state, camera, screen, joined, alarms, trouble: cut && joined ? 'cut' : troubleOf(state, camera, joined, alarms) }
}

function troubleOf(
  state: SeatState | null,
  camera: TrackState | null,
  joined: boolean,
  alarms: readonly Alarm[],
): Tile['trouble'] {
  if (joined && state?.link === 'offline') return 'offline'
  if (camera?.state === 'stalled') return 'stalled'
  if (alarms.length > 0) return 'alarm'
  return state?.link === 'weak' ? 'weak' : null
}
