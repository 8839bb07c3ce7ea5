// What the timeline draws: bands and marks on lanes, from the events and the recordings alone.

import type { FeedItem, FeedType } from '@/session/feed'

import type { RecordedTrack, ReplayIndex, Span } from './recording'
import { spanOf } from './recording'

export type LaneId = 'stage' | 'scores' | 'alarms' | 'acts' | 'links'

/** Which lane an event belongs to; the rest is read in the list. */
export const LANE_OF: Readonly<Partial<Record<FeedType, LaneId>>> = {
  StageChanged: 'acts',
  SessionPaused: 'acts',
  SessionResumed: 'acts',
  SheetLocked: 'acts',
  GroupUnlocked: 'acts',
  ReportSigned: 'acts',
  BidImported: 'acts',
  SeatJoined: 'acts',
  DisciplineAccepted: 'acts',
  ScoreEntered: 'scores',
  AlarmRaised: 'alarms',
  AlarmClosed: 'alarms',
  WitnessRefused: 'alarms',
  SeatLost: 'links',
  SeatReturned: 'links',
  SiteLost: 'links',
  SiteReturned: 'links',
}

export interface StageBand extends Span {
  readonly stage: string
}

/** Return the stages as bands, the last one up to `toMs`. */
export function stageBands(events: readonly FeedItem[], toMs: number): StageBand[] {
  const bands: StageBand[] = []
  let stage: string = 'gathering'
  let fromMs = events[0]?.t ?? toMs
  for (const event of events) {
    if (event.type !== 'StageChanged') continue
    bands.push({ stage, fromMs, toMs: event.t })
    stage = event.body.after
    fromMs = event.t
  }
  bands.push({ stage, fromMs, toMs })
  return bands.filter((band) => band.toMs > band.fromMs)
}

/** Return the stretches in which the session stood paused. */
export function pauses(events: readonly FeedItem[], toMs: number): Span[] {
  const spans: Span[] = []
  let since: number | null = null
  for (const event of events) {
    if (event.type === 'SessionPaused') since = event.t
    if (event.type === 'SessionResumed' && since !== null) {
      spans.push({ fromMs: since, toMs: event.t })
      since = null
    }
  }
  return since === null ? spans : [...spans, { fromMs: since, toMs }]
}

/** Return what of a track can be seen, reel by reel. */
export function coverage(track: RecordedTrack): (Span & { reel: number; available: boolean })[] {
  return track.reels.flatMap((reel, index) => {
    const span = spanOf(reel)
    return span === null ? [] : [{ ...span, reel: index, available: reel.available }]
  })
}

/** Return the first alarm after `atMs`, or null. */
export function nextAlarm(index: ReplayIndex, atMs: number): FeedItem | null {
  return index.events.find((event) => event.t > atMs + 1 && event.type === 'AlarmRaised') ?? null
}
