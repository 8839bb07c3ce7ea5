// What the timeline draws: bands and marks on lanes, from the events and the recordings alone.

import type { FeedItem, FeedType } from '@/session/feed'

import type { RecordedTrack, ReplayIndex, Span } from './recording'
import { spanOf } from './recording'
import { stageAfter } from '@/session/stages'

export type LaneId = 'stage' | 'opening' | 'scores' | 'alarms' | 'acts' | 'links'

/** Which lane an event belongs to; the rest is read in the list. */
export const LANE_OF: Readonly<Partial<Record<FeedType, LaneId>>> = {
  StageChanged: 'acts',
  SteppedBack: 'acts',
  TenderFailed: 'acts',
  SessionAborted: 'acts',
  LotFailed: 'acts',
  BookingConfirmed: 'acts',
  BookingDeclined: 'acts',
  Proposed: 'acts',
  Approved: 'acts',
  Vetoed: 'acts',
  VoteOpened: 'acts',
  BallotCast: 'acts',
  VoteCounted: 'acts',
  ChairElected: 'acts',
  BallotsShown: 'acts',
  TieSettled: 'acts',
  LotAwarded: 'acts',
  ExpertRecused: 'acts',
  ExpertReplaced: 'acts',
  SheetReopened: 'acts',
  PriceCorrected: 'acts',
  SessionPaused: 'acts',
  SessionResumed: 'acts',
  SheetLocked: 'acts',
  FindingRaised: 'acts',
  FindingAnswered: 'acts',
  QuestionDrafted: 'acts',
  QuestionSent: 'acts',
  QuestionRelayed: 'acts',
  QuestionAnswered: 'acts',
  AnswerEntered: 'acts',
  QuestionUnanswered: 'acts',
  MoreTimeAsked: 'acts',
  MoreTimeGranted: 'acts',
  FaultDeclared: 'acts',
  FaultMended: 'acts',
  FaultSettled: 'acts',
  ComplaintOpened: 'acts',
  SupplementSigned: 'acts',
  ComplaintClosed: 'acts',
  GroupUnlocked: 'acts',
  ReportSigned: 'acts',
  BidImported: 'acts',
  SeatJoined: 'acts',
  DisciplineAccepted: 'acts',
  OccupancyConfirmed: 'acts',
  PhoneKept: 'acts',
  PhoneReturned: 'acts',
  SiteDeclared: 'acts',
  LegalPersonsEntered: 'acts',
  LetterIssued: 'acts',
  ExpertAppraised: 'acts',
  AppraisalAnswered: 'acts',
  ScoreEntered: 'scores',
  TrusteeKeyPublished: 'opening',
  PolicyDrafted: 'opening',
  PolicySigned: 'opening',
  SubmissionsOpened: 'opening',
  BidSubmitted: 'opening',
  BidAcknowledged: 'opening',
  BidWithdrawn: 'opening',
  BidsClosed: 'opening',
  OpeningAborted: 'opening',
  OfficerSteppedUp: 'opening',
  WindowOpened: 'opening',
  WindowExtended: 'opening',
  HalfReleased: 'opening',
  ShareReleased: 'opening',
  WindowClosed: 'opening',
  BidJudged: 'opening',
  OpeningRecorded: 'opening',
  PartKeyPublished: 'opening',
  BidAdmitted: 'opening',
  PriceRead: 'opening',
  RecordConfirmed: 'opening',
  CeremonyPaused: 'opening',
  CeremonyResumed: 'opening',
  KeysDestroyed: 'opening',
  KeysNotDestroyed: 'opening',
  AlarmRaised: 'alarms',
  AlarmClosed: 'alarms',
  WitnessRefused: 'alarms',
  SeatLost: 'links',
  SeatReturned: 'links',
  SiteLost: 'links',
  SiteReturned: 'links',
}

/** The lanes in their order; a rehearsal, whose bids came in plain, has none of an opening. */
export function lanesOf(events: readonly FeedItem[]): LaneId[] {
  const opening = events.some((event) => LANE_OF[event.type] === 'opening')
  return opening ? ['stage', 'opening', 'acts', 'scores', 'alarms', 'links'] : ['stage', 'acts', 'scores', 'alarms', 'links']
}

export interface StageBand extends Span {
  readonly stage: string
}

/** Return the stages as bands, the last one up to `toMs`. */
export function stageBands(events: readonly FeedItem[], toMs: number): StageBand[] {
  const bands: StageBand[] = []
  const first = events.find((event) => event.type === 'StageChanged')
  let stage: string = first?.type === 'StageChanged' ? first.body.before : firstStage(events)
  let fromMs = events[0]?.t ?? toMs
  for (const event of events) {
    const after = stageAfter(event)
    if (after === null) continue
    bands.push({ stage, fromMs, toMs: event.t })
    stage = after
    fromMs = event.t
  }
  bands.push({ stage, fromMs, toMs })
  return bands.filter((band) => band.toMs > band.fromMs)
}

/** Without a change of stage: the plan, or in a rehearsal where plain bids are brought in. */
function firstStage(events: readonly FeedItem[]): string {
  return lanesOf(events).includes('opening') ? 'planned' : 'gathering'
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
