// The room's data as it stands in journal entries: mirrors evalroom/tender.py, roles.py, media.py and events.py.
// Points and rationals are strings, instants integers of UTC milliseconds, media time integer microseconds.

export type Role = 'expert' | 'supervisor' | 'operator' | 'site_operator' | 'archivist' | 'node' | 'host' | 'anyone'
export type Stage =
  | 'gathering'
  | 'briefed'
  | 'preliminary'
  | 'detailed'
  | 'pricing'
  | 'summary'
  | 'signing'
  | 'concluded'
export type Part = 'preliminary' | 'detailed'
export type ItemKind = 'score' | 'pass' | 'deduct'
export type Formula = 'lowest_price' | 'trimmed_mean'
export type Rounding = 'half_up' | 'half_even' | 'down'
export type TrackKind = 'camera' | 'screen'
export type Medium = 'video' | 'audio'
export type GapCause = 'link' | 'publisher' | 'recorder' | 'disk' | 'pause'

export interface Item {
  id: string
  part: Part
  kind: ItemKind
  title: string
  standard: string
  full: string
  digits: number
  objective: boolean
}

export interface TrimTerms {
  from_bids: number
  high: number
  low: number
}

export interface RoundingTerms {
  digits: number
  mode: Rounding
}

export interface PricingTerms {
  formula: Formula
  weight: string
  ceiling_fen: number | null
  trim: TrimTerms[]
  penalty_above: string
  penalty_below: string
  floor: string
  rounding: RoundingTerms
}

export interface Bid {
  id: string
  bidder: string
}

export interface Lot {
  id: string
  title: string
  items: Item[]
  bids: Bid[]
  pricing: PricingTerms
  candidates: number
}

export interface Tender {
  code: string
  title: string
  lots: Lot[]
}

export interface Site {
  id: string
  name: string
  host: boolean
  node: boolean
}

export interface Seat {
  code: string
  site: string
  node: string
  role: Role
  label: string
}

export interface Commitment {
  commit: string
}

/** The opening of one commitment: RFC 6901 pointer into the body, the value, 32 bytes of nonce in hex. */
export interface Secret {
  path: string
  value: string
  nonce: string
}

export interface SelfTestResult {
  check: string
  passed: boolean
  detail: string
}

export interface LockedSheet {
  seat: string
  digest: string
}

export interface BidVote {
  bid: string
  against: number
  members: number
  rejected: boolean
}

export interface OpenedPrice {
  bid: string
  price_fen: number
}

export interface PriceRow {
  bid: string
  price_fen: number
  admitted: boolean
  trimmed: boolean
  deviation: string
  score: string
}

export interface RankRow {
  bid: string
  technical: string
  price: string
  total: string
  rank: number
  candidate: boolean
}

export interface SessionKeys {
  log: string
  witnesses: { site: string; vkey: string }[]
  quorum: number
}

/** Entry type to its body. */
export interface EventBodies {
  SessionOpened: {
    session: string
    tender: Tender
    sites: Site[]
    seats: Seat[]
    keys: SessionKeys
    rehearsal: boolean
    software: string
  }
  StageChanged: { before: Stage; after: Stage; reason: string }
  SessionPaused: { reason: string }
  SessionResumed: { reason: string }
  SessionClosed: { reason: string }
  BidImported: {
    lot: string
    bid: string
    bidder: string
    price: Commitment
    sha256: string
    bytes: number
    pages: number
  }
  PricesOpened: { lot: string; prices: OpenedPrice[] }
  SeatJoined: { seat: string; role: Role; key: string }
  SeatTested: { seat: string; results: SelfTestResult[] }
  SeatLost: { seat: string }
  SeatReturned: { seat: string }
  DisciplineAccepted: { seat: string; sha256: string }
  ScoreEntered: { lot: string; bid: string; item: string; revision: number; value: Commitment; reason: Commitment }
  SheetLocked: { lot: string; part: Part; digest: string }
  GroupUnlocked: { lot: string; part: Part; sheets: LockedSheet[] }
  BidsReviewed: { lot: string; votes: BidVote[] }
  PricesComputed: { lot: string; formula: Formula; base_fen: string; rows: PriceRow[] }
  RankingComputed: { lot: string; rows: RankRow[]; ties: string[]; rejected: string[] }
  ReportSigned: { digest: string; dissent: string }
  TrackStarted: { track: string; seat: string; kind: TrackKind; media: Medium[]; codecs: string[]; at_ms: number }
  FormatChanged: { track: string; reel: number; pts: number; width: number; height: number }
  FragmentRecorded: {
    track: string
    reel: number
    n: number
    offset: number
    length: number
    sha256: string
    pts: number
    duration: number
    keyframe: boolean
  }
  GapDeclared: { track: string; from_ms: number; to_ms: number; cause: GapCause; lost_packets: number }
  ReelClosed: {
    track: string
    reel: number
    bytes: number
    sha256: string
    init_sha256: string
    fragments: number
    torn: boolean
  }
  ReelReceived: { track: string; reel: number; sha256: string }
  TrackEnded: { track: string; at_ms: number }
  ClockMapped: { track: string; reel: number; map: [number, number][] }
  SiteOffsetMeasured: { site: string; offset_us: number; bound_us: number }
  SiteLost: { site: string }
  SiteReturned: { site: string }
  AlarmRaised: { alarm: string; code: string; seat: string; text: string }
  AlarmClosed: { alarm: string; note: string }
  CheckpointCosigned: { size: number; root: string; witnesses: string[] }
  WitnessLate: { site: string }
  WitnessRefused: { site: string; reason: string }
}

export type EventType = keyof EventBodies

/** Commands a seat may give; each has the members of the event it leads to (evalroom/commands.py, ACTS). */
export interface SeatCommands {
  import_bid: EventBodies['BidImported']
  check_in: EventBodies['SeatJoined']
  pass_self_test: EventBodies['SeatTested']
  accept_discipline: EventBodies['DisciplineAccepted']
  advance_stage: EventBodies['StageChanged']
  pause_session: EventBodies['SessionPaused']
  resume_session: EventBodies['SessionResumed']
  enter_score: EventBodies['ScoreEntered']
  lock_sheet: EventBodies['SheetLocked']
  sign_report: EventBodies['ReportSigned']
  close_alarm: EventBodies['AlarmClosed']
  close_session: EventBodies['SessionClosed']
}

export type CommandKind = keyof SeatCommands

/** Command kind to the type of the entry it asks for: what the seat signs (archive.md §13). */
export const ACTS: Readonly<Record<CommandKind, EventType>> = {
  import_bid: 'BidImported',
  check_in: 'SeatJoined',
  pass_self_test: 'SeatTested',
  accept_discipline: 'DisciplineAccepted',
  advance_stage: 'StageChanged',
  pause_session: 'SessionPaused',
  resume_session: 'SessionResumed',
  enter_score: 'ScoreEntered',
  lock_sheet: 'SheetLocked',
  sign_report: 'ReportSigned',
  close_alarm: 'AlarmClosed',
  close_session: 'SessionClosed',
}
