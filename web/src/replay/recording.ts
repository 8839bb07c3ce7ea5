// The replay's index as the host gives it, and where on the session clock each byte of picture belongs.
// Media time and session clock are joined by `ClockMapped` alone: a guessed start is off by 0.2 to 1.9 s (archive.md §8).

import type { FeedItem } from '@/session/feed'
import type { GapCause, Site, Stage, Tender, TrackKind } from '@/protocol/room'

/** offset, length, sha256, pts µs, duration µs, begins with a key frame */
export type Fragment = [number, number, string, number, number, boolean]

export interface Reel {
  file: string
  available: boolean
  /** Pairs of media µs and UTC µs, ascending. */
  map: [number, number][]
  duration_us: number
  bytes: number
  sha256: string
  torn: boolean
  fragments: Fragment[]
}

export interface Gap {
  from_ms: number
  to_ms: number
  cause: GapCause
}

export interface RecordedTrack {
  id: string
  site: string
  seat: string
  kind: TrackKind
  started_ms: number
  ended_ms: number | null
  gaps: Gap[]
  reels: Reel[]
}

export interface ReplayIndex {
  session: string
  title: string
  closed: boolean
  stage: Stage
  sites: Site[]
  tender: Tender
  tracks: RecordedTrack[]
  events: FeedItem[]
  archive: { stage: string; verified: boolean | null }
  clock: { max_err_ms: number }
}

/** Where a track stands at an instant: which reel, how far into it (s), and media seconds per second of clock. */
export interface Place {
  readonly reel: number
  readonly mediaS: number
  readonly slope: number
}

export interface Span {
  readonly fromMs: number
  readonly toMs: number
}

/** Return the session clock (ms) at `mediaUs` of a reel; beyond its ends the nearest piece goes on. */
export function utcMs(map: readonly (readonly [number, number])[], mediaUs: number): number {
  const [from, to] = piece(map, (pair) => pair[0], mediaUs)
  if (from === to) return (from[1] + (mediaUs - from[0])) / 1000
  const slope = (to[1] - from[1]) / (to[0] - from[0])
  return (from[1] + (mediaUs - from[0]) * slope) / 1000
}

/** Return media µs at `atMs` of the session clock, and media µs per µs of clock there. */
export function mediaUs(map: readonly (readonly [number, number])[], atMs: number): { us: number; slope: number } {
  const at = atMs * 1000
  const [from, to] = piece(map, (pair) => pair[1], at)
  if (from === to) return { us: from[0] + (at - from[1]), slope: 1 }
  const slope = (to[0] - from[0]) / (to[1] - from[1])
  return { us: from[0] + (at - from[1]) * slope, slope }
}

type Pair = readonly [number, number]

function piece(map: readonly Pair[], key: (pair: Pair) => number, value: number): [Pair, Pair] {
  const first = map[0] ?? [0, 0]
  if (map.length < 2) return [first, first]
  let index = map.findIndex((pair) => key(pair) > value)
  if (index <= 0) index = index === 0 ? 1 : map.length - 1
  return [map[index - 1] ?? first, map[index] ?? first]
}

/** Return the stretch of the session clock that a reel covers. */
export function spanOf(reel: Reel): Span | null {
  if (reel.map.length === 0) return null
  return { fromMs: utcMs(reel.map, 0), toMs: utcMs(reel.map, reel.duration_us) }
}

/** Return where `track` stands at `atMs`, or null in a gap, before its start and after its end. */
export function placeAt(track: RecordedTrack, atMs: number): Place | null {
  if (gapAt(track, atMs) !== null) return null
  for (const [reel, of] of track.reels.entries()) {
    const span = of.available ? spanOf(of) : null
    if (span === null || atMs < span.fromMs || atMs >= span.toMs) continue
    const { us, slope } = mediaUs(of.map, atMs)
    return { reel, mediaS: us / 1e6, slope }
  }
  return null
}

export function gapAt(track: RecordedTrack, atMs: number): Gap | null {
  return track.gaps.find((gap) => atMs >= gap.from_ms && atMs < gap.to_ms) ?? null
}

/** Return the stretch of the session clock that anything in the index covers. */
export function extent(index: ReplayIndex): Span {
  const spans = index.tracks.flatMap((track) => track.reels.map(spanOf)).filter((span) => span !== null)
  const times = index.events.map((event) => event.t)
  const from = Math.min(...times, ...spans.map((span) => span.fromMs))
  const to = Math.max(...times, ...spans.map((span) => span.toMs))
  return Number.isFinite(from) ? { fromMs: from, toMs: Math.max(to, from + 1000) } : { fromMs: 0, toMs: 1000 }
}
