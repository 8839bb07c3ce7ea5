// Written by `python3 dev.py docs` from the schema of the wire (`evalroom schema`): change the Python classes instead.
// The room's data as it stands in journal entries, and what a seat may order (evalroom/events.py, commands.py).
// Points and rationals are strings, instants integers of UTC milliseconds, media time integer microseconds.

/** End the opening for good: what is sealed stays sealed. `bids` is how many the closed list has. */
export interface AbortOpening {
  reason: string
  bids: number
  kind: 'abort_opening'
}

/** Accept the discipline notice, whose text has this digest. */
export interface AcceptDiscipline {
  seat: string
  sha256: string
  kind: 'accept_discipline'
}

/** Move the session on; `before` is the stage the giver saw. */
export interface AdvanceStage {
  before: Stage
  after: Stage
  reason: string
  kind: 'advance_stage'
}

/** A person dealt with an alarm and said how. */
export interface AlarmClosed {
  alarm: string
  note: string
}

/** Something needs a person's eye; `code` is stable, the text says what happened and what is safe. */
export interface AlarmRaised {
  alarm: string
  code: string
  seat: string
  text: string
}

/** One bid of a lot: its id on the sheets and the bidder's name. */
export interface Bid {
  id: string
  bidder: string
}

/** A trustee's agent opened its own share of every part and compared it, or says why it could not. */
export interface BidAcknowledged {
  trustee: string
  bid: string
  good: boolean
  cause: string
  signature: string
}

/**
 * An opened bid joins a lot of the evaluation under an id of its own; `number` is that of the sealed bid.
 */
export interface BidAdmitted {
  lot: string
  bid: string
  number: string
  bidder: string
  documents: OpenedPart[]
}

/** A plain bid brought in by the operator, rehearsal only; the price stays committed until pricing. */
export interface BidImported {
  lot: string
  bid: string
  bidder: string
  price: Commitment
  sha256: string
  bytes: number
  pages: number
}

/** The verdict on a bid in a window, with its cause, the party at fault, and the entries it follows from. */
export interface BidJudged {
  window: string
  bid: string
  verdict: Verdict
  cause: string
  party: string
  parts: OpenedPart[]
  evidence: number[]
  signature: string
}

/**
 * A sealed bid lies at the host, whole and with its root recomputed; `replaces` an earlier one, or nothing.
 */
export interface BidSubmitted {
  bid: string
  suite: number
  size: number
  root: string
  digest: string
  replaces: string
  signature: string
}

/** The committee's majority on one bid: members who found it failing on an item, and members in all. */
export interface BidVote {
  bid: string
  against: number
  members: number
  rejected: boolean
}

/** The bidder took a sealed bid back before the deadline, by its envelope key. */
export interface BidWithdrawn {
  bid: string
  signature: string
}

/** The deadline is over; these bids, sorted by number, are the ones that count. */
export interface BidsClosed {
  policy: string
  bids: ListedBid[]
}

/** The preliminary review's result per bid: rejected when most members fail it on some item. */
export interface BidsReviewed {
  lot: string
  votes: BidVote[]
}

/** The opening stands still and no window runs out, because of the platform or of missing trustees. */
export interface CeremonyPaused {
  reason: string
}

/** The opening goes on; the window that was open ends later by the length of the pause. */
export interface CeremonyResumed {
  reason: string
}

/** Take the seat: register the key that will sign its acts. */
export interface CheckIn {
  seat: string
  role: Role
  key: string
  kind: 'check_in'
}

/** A quorum of witnesses, named as their keys are, cosigned the journal up to `size` entries. */
export interface CheckpointCosigned {
  size: number
  root: string
  witnesses: string[]
}

/** Piecewise map from media time to the session clock: pairs of (media µs, UTC µs). */
export interface ClockMapped {
  track: string
  reel: number
  map: [number, number][]
}

/** Close an alarm with a note that says how it was dealt with. */
export interface CloseAlarm {
  alarm: string
  note: string
  kind: 'close_alarm'
}

/** End the journal. */
export interface CloseSession {
  reason: string
  kind: 'close_session'
}

/** A salted commitment in place of a secret value: HMAC-SHA256 in lower-case hex. */
export interface Commitment {
  commit: string
}

/** An entry that says nothing, so that the journal's size does not tell how many bids there are. */
export interface CoverMade {
  noise: string
}

/**
 * An opened bid joins a dark lot under a random code; its number stays committed until the sheets are
 * unlocked.
 */
export interface DarkBidAdmitted {
  lot: string
  bid: string
  number: Commitment
}

/** The expert accepted the discipline notice and knows of no ground for recusal; digest of its text. */
export interface DisciplineAccepted {
  seat: string
  sha256: string
}

/** Put a sealing policy before the trustees: the text of policy.json and its SHA-256. */
export interface DraftPolicy {
  policy: string
  sha256: string
  kind: 'draft_policy'
}

/** Set one cell of one's own sheet to revision `revision`, one above what its owner last saw. */
export interface EnterScore {
  lot: string
  bid: string
  item: string
  revision: number
  value: Commitment
  reason: Commitment
  kind: 'enter_score'
}

/** Give bidders until `until` (UTC ms) to release their halves, for a reason. */
export interface ExtendWindow {
  window: string
  until: number
  reason: string
  kind: 'extend_window'
}

/** The picture's size changed inside a reel, from `pts` (µs from the start of the reel) on. */
export interface FormatChanged {
  track: string
  reel: number
  pts: number
  width: number
  height: number
}

/** The price formulas of this version (domain.md F1 and F2). */
export type Formula = 'lowest_price' | 'trimmed_mean'

/** A fragment is on disk: byte range in its reel, digest of those bytes, `pts`/`duration` in µs. */
export interface FragmentRecorded {
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

/**
 * Why packets are missing for good (archive.md §2); `refused`: the journal took none of what was told of
 * them.
 */
export type GapCause = 'link' | 'publisher' | 'recorder' | 'disk' | 'pause' | 'refused'

/** Nothing was recorded from `from_ms` to `to_ms`, and why. */
export interface GapDeclared {
  track: string
  from_ms: number
  to_ms: number
  cause: GapCause
  lost_packets: number
}

/** Whether a trustee's share of one part agrees with its commitment. */
export interface GivenShare {
  bid: string
  part: PartName
  good: boolean
}

/** All sheets of a part are locked and cosigned: the committee sees each other's values. */
export interface GroupUnlocked {
  lot: string
  part: Part
  sheets: LockedSheet[]
}

/** A bidder's halves came, sealed to the window's session key, and agree with the bid or do not. */
export interface HalfReleased {
  window: string
  bid: string
  sealed: string
  good: boolean
  cause: string
}

/** Bring in a plain bid (rehearsal): document digest, and the price as a commitment. */
export interface ImportBid {
  lot: string
  bid: string
  bidder: string
  price: Commitment
  sha256: string
  bytes: number
  pages: number
  kind: 'import_bid'
}

/** One line of the rubric. `full` is its weight in points as a decimal string; "0" for pass items. */
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

/** How an item is judged: points given, pass or fail, or points taken off. */
export type ItemKind = 'score' | 'pass' | 'deduct'

/** A trustee's agent destroyed its keys for this tender and signs that it did. */
export interface KeysDestroyed {
  trustee: string
  signature: string
}

/** A sealed bid as the closed list has it: its number, the root over its bytes, its digest. */
export interface ListedBid {
  bid: string
  root: string
  digest: string
}

/** Close one's own sheet of a part; `digest` is what the seat computed over it. */
export interface LockSheet {
  lot: string
  part: Part
  digest: string
  kind: 'lock_sheet'
}

/** Whose sheet was locked with which digest. */
export interface LockedSheet {
  seat: string
  digest: string
}

/** A lot 标段: its own sheets, prices, ranking and report. */
export interface Lot {
  id: string
  title: string
  items: Item[]
  bids: Bid[]
  pricing: PricingTerms
  candidates: number
  dark?: PartName[]
}

/** The two streams a track may hold; picture and its microphone are recorded together. */
export type Medium = 'video' | 'audio'

/** An officer at a seat is there and agrees that this window be opened. */
export interface OfficerSteppedUp {
  window: string
}

/** Take bids in under the signed policy with this SHA-256. */
export interface OpenSubmissions {
  policy: string
  kind: 'open_submissions'
}

/** A part's text or document, opened: SHA-256 and length of the plaintext without padding. */
export interface OpenedPart {
  part: PartName
  sha256: string
  size: number
}

/** A bid's price in fen, as opened. */
export interface OpenedPrice {
  bid: string
  price_fen: number
}

/**
 * The opening will not take place or not go on; what is sealed stays sealed. `bids` counts the listed ones.
 */
export interface OpeningAborted {
  reason: string
  bids: number
}

/** The record of a window, the text as canonical JSON and its SHA-256: read out and confirmed by bidders. */
export interface OpeningRecorded {
  window: string
  record: string
  sha256: string
}

/** The part of the evaluation a sheet belongs to; each has its own lock and its own group unlock. */
export type Part = 'preliminary' | 'detailed'

/**
 * The content key, in hex, of a part that everybody may open: whoever has the envelope can check the prices.
 */
export interface PartKeyPublished {
  bid: string
  part: PartName
  key: string
}

/** The parts a bid may have, each with keys and a window of its own. */
export type PartName = 'identity' | 'opening' | 'qualification' | 'technical' | 'price'

/** Report what the environment check found. */
export interface PassSelfTest {
  seat: string
  results: SelfTestResult[]
  kind: 'pass_self_test'
}

/** Let the opening stand still: no window runs out meanwhile. */
export interface PauseCeremony {
  reason: string
  kind: 'pause_ceremony'
}

/** Close the inputs on every site. */
export interface PauseSession {
  reason: string
  kind: 'pause_session'
}

/** The text of policy.json as all trustees are to sign it, and its SHA-256; an earlier draft is void. */
export interface PolicyDrafted {
  policy: string
  sha256: string
}

/** A trustee's agent compared the policy with what it knows, and signed it. */
export interface PolicySigned {
  trustee: string
  sha256: string
  signature: string
}

/** The price of an admitted bid in fen, as its price sheet has it. */
export interface PriceRead {
  lot: string
  bid: string
  price_fen: number
}

/** One bid in the price kernel: price in fen; deviation and score as exact rationals "n/d". */
export interface PriceRow {
  bid: string
  price_fen: number
  admitted: boolean
  trimmed: boolean
  deviation: string
  score: string
}

/** One run of the price kernel with every intermediate; rationals are strings "n/d". */
export interface PricesComputed {
  lot: string
  formula: Formula
  base_fen: string
  rows: PriceRow[]
}

/** The prices of a lot's bids that are still in the evaluation. */
export interface PricesOpened {
  lot: string
  prices: OpenedPrice[]
}

/** The price formula as data: weight, ceiling in fen, trimming, penalties in points per 1 % of deviation. */
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

/** One bid in the ranking: exact technical mean and price score, the rounded total, rank from 1. */
export interface RankRow {
  bid: string
  technical: string
  price: string
  total: string
  rank: number
  candidate: boolean
}

/** Totals and ranking of a lot; `ties` lists bids whose order the declared keys did not settle. */
export interface RankingComputed {
  lot: string
  rows: RankRow[]
  ties: string[]
  rejected: string[]
}

/** A bidder read the record and confirms it, or objects in writing. */
export interface RecordConfirmed {
  window: string
  bid: string
  objection: string
  signature: string
}

/** A reel is finished; a torn one (the recorder died) ends at its last whole fragment. */
export interface ReelClosed {
  track: string
  reel: number
  bytes: number
  sha256: string
  init_sha256: string
  fragments: number
  torn: boolean
}

/** The host holds a verified copy of a reel. */
export interface ReelReceived {
  track: string
  reel: number
  sha256: string
}

/** A member signed the results by their digest; a dissent is written out, else empty. */
export interface ReportSigned {
  digest: string
  dissent: string
}

/** Let the opening go on. */
export interface ResumeCeremony {
  reason: string
  kind: 'resume_ceremony'
}

/** Open the inputs again. */
export interface ResumeSession {
  reason: string
  kind: 'resume_session'
}

/** A role of the trade (trust.md §6); the last five are machines and strangers. */
export type Role = 'expert' | 'supervisor' | 'operator' | 'site_operator' | 'archivist' | 'node' | 'host' | 'trustee' | 'bidder' | 'anyone'

/** How a declared rounding treats the half. */
export type Rounding = 'half_up' | 'half_even' | 'down'

/** A declared rounding: digits after the point, and the treatment of the half. */
export interface RoundingTerms {
  digits: number
  mode: Rounding
}

/** A cell of the actor's own sheet was set; value and reason stand committed. */
export interface ScoreEntered {
  lot: string
  bid: string
  item: string
  revision: number
  value: Commitment
  reason: Commitment
}

/** A seat: where it stands, the node its browser connects to, and the role of whoever takes it. */
export interface Seat {
  code: string
  site: string
  node: string
  role: Role
  label: string
}

/** Somebody took the seat with its code; `key` is the P-256 public key (base64url SPKI) of their acts. */
export interface SeatJoined {
  seat: string
  role: Role
  key: string
}

/** The seat's link has been silent for six seconds. */
export interface SeatLost {
  seat: string
}

/** The same identity is back on its seat. */
export interface SeatReturned {
  seat: string
}

/** The seat passport: what the environment check at the seat found. */
export interface SeatTested {
  seat: string
  results: SelfTestResult[]
}

/** The opening of one commitment: RFC 6901 pointer into the body, the value, 32 bytes of nonce in hex. */
export interface Secret {
  path: string
  value: string
  nonce: string
}

/** One card of the environment check. */
export interface SelfTestResult {
  check: string
  passed: boolean
  detail: string
}

/** The last act: nothing but the final checkpoint follows. */
export interface SessionClosed {
  reason: string
}

/** The log's key, the witnesses, and how many of them make a quorum. */
export interface SessionKeys {
  log: string
  witnesses: WitnessKey[]
  quorum: number
}

/** The first entry: everything the session is bound to. `rehearsal` marks bids brought in unsealed. */
export interface SessionOpened {
  session: string
  tender: Tender
  sites: Site[]
  seats: Seat[]
  keys: SessionKeys
  rehearsal: boolean
  software: string
}

/** Inputs are closed on every site; recording goes on. */
export interface SessionPaused {
  reason: string
}

/** Inputs are open again, as they were. */
export interface SessionResumed {
  reason: string
}

/** A trustee's agent released its shares of the listed bids for this window. */
export interface ShareReleased {
  window: string
  trustee: string
  bids: GivenShare[]
}

/** The actor closed the sheet of one part; both ends computed the same digest over its commitments. */
export interface SheetLocked {
  lot: string
  part: Part
  digest: string
}

/** Sign the results by their digest, with a written dissent or none. */
export interface SignReport {
  digest: string
  dissent: string
  kind: 'sign_report'
}

/** A site; `host` leads. `node` says whether it runs a node of its own. */
export interface Site {
  id: string
  name: string
  host: boolean
  node: boolean
}

/** The link to a sub-site has been silent for six seconds; its seats go on and catch up later. */
export interface SiteLost {
  site: string
}

/** A site's clock against the host's, by least round trip; the bound is half of that round trip. */
export interface SiteOffsetMeasured {
  site: string
  offset_us: number
  bound_us: number
}

/** The link to a sub-site is back. */
export interface SiteReturned {
  site: string
}

/** The stages of this version; the others of domain.md join the table when their rules do. */
export type Stage = 'receiving' | 'opening' | 'gathering' | 'briefed' | 'preliminary' | 'detailed' | 'pricing' | 'summary' | 'signing' | 'concluded'

/** The session moved to another stage. */
export interface StageChanged {
  before: Stage
  after: Stage
  reason: string
}

/** Agree, as an officer at this seat, that the window be opened. */
export interface StepUp {
  window: string
  kind: 'step_up'
}

/** The notice is out: bids are taken in under the policy with this SHA-256. */
export interface SubmissionsOpened {
  policy: string
}

/** A trustee's public key for one suite, made for this tender; b64 in the suite's own form. */
export interface SuiteKey {
  suite: number
  public: string
}

/** The tender under evaluation. */
export interface Tender {
  code: string
  title: string
  lots: Lot[]
}

/** The track is over at `at_ms`. */
export interface TrackEnded {
  track: string
  at_ms: number
}

/** What a seat publishes: its camera with the microphone, or its screen. */
export type TrackKind = 'camera' | 'screen'

/** A seat began to publish a track; `at_ms` is the time meant, not the time of writing. */
export interface TrackStarted {
  track: string
  seat: string
  kind: TrackKind
  media: Medium[]
  codecs: string[]
  at_ms: number
}

/** From `from_bids` bids on, leave out that many highest and lowest prices from the mean. */
export interface TrimTerms {
  from_bids: number
  high: number
  low: number
}

/** A trustee's agent made its keys for this tender; `proof` is by the signer key over them. */
export interface TrusteeKeyPublished {
  trustee: string
  kind: TrusteeKind
  who: string
  signer: string
  keys: SuiteKey[]
  proof: string
}

/** On whose behalf a trustee holds a share. */
export type TrusteeKind = 'host' | 'site' | 'supervisor'

/** What became of a sealed bid (opening.md §8): 撤销 is `revoked`, 撤回 `withdrawn`. */
export type Verdict = 'opened' | 'revoked' | 'withdrawn' | 'malformed' | 'awaiting_bytes'

/** Bidders can release no more in this window; `missing` are the bids without a good half. */
export interface WindowClosed {
  window: string
  missing: string[]
}

/** The supervisor gives bidders more time, or opens the window again before any share has left. */
export interface WindowExtended {
  window: string
  until: number
  reason: string
}

/** Bidders may release their halves for the parts of this window until `until`. */
export interface WindowOpened {
  window: string
  until: number
}

/** A site's witness: its C2SP verifier key, certified by the site's enrolment. */
export interface WitnessKey {
  site: string
  vkey: string
}

/** A witness has not cosigned for 30 seconds; scoring and recording go on. */
export interface WitnessLate {
  site: string
}

/** A witness saw another history of this journal: nothing can be closed until this is explained. */
export interface WitnessRefused {
  site: string
  reason: string
}

/** Entry type to its body. */
export interface EventBodies {
  SessionOpened: SessionOpened
  StageChanged: StageChanged
  SessionPaused: SessionPaused
  SessionResumed: SessionResumed
  SessionClosed: SessionClosed
  BidImported: BidImported
  PricesOpened: PricesOpened
  SeatJoined: SeatJoined
  SeatTested: SeatTested
  DisciplineAccepted: DisciplineAccepted
  ScoreEntered: ScoreEntered
  SheetLocked: SheetLocked
  GroupUnlocked: GroupUnlocked
  BidsReviewed: BidsReviewed
  PricesComputed: PricesComputed
  RankingComputed: RankingComputed
  ReportSigned: ReportSigned
  AlarmClosed: AlarmClosed
  TrackStarted: TrackStarted
  FormatChanged: FormatChanged
  FragmentRecorded: FragmentRecorded
  GapDeclared: GapDeclared
  ReelClosed: ReelClosed
  TrackEnded: TrackEnded
  ClockMapped: ClockMapped
  SeatLost: SeatLost
  SeatReturned: SeatReturned
  AlarmRaised: AlarmRaised
  SiteOffsetMeasured: SiteOffsetMeasured
  SiteLost: SiteLost
  SiteReturned: SiteReturned
  ReelReceived: ReelReceived
  CheckpointCosigned: CheckpointCosigned
  WitnessLate: WitnessLate
  WitnessRefused: WitnessRefused
  TrusteeKeyPublished: TrusteeKeyPublished
  PolicySigned: PolicySigned
  BidAcknowledged: BidAcknowledged
  ShareReleased: ShareReleased
  KeysDestroyed: KeysDestroyed
  BidSubmitted: BidSubmitted
  BidWithdrawn: BidWithdrawn
  HalfReleased: HalfReleased
  RecordConfirmed: RecordConfirmed
  CoverMade: CoverMade
  BidJudged: BidJudged
  OpeningRecorded: OpeningRecorded
  PartKeyPublished: PartKeyPublished
  BidAdmitted: BidAdmitted
  PriceRead: PriceRead
  DarkBidAdmitted: DarkBidAdmitted
  PolicyDrafted: PolicyDrafted
  SubmissionsOpened: SubmissionsOpened
  BidsClosed: BidsClosed
  OpeningAborted: OpeningAborted
  OfficerSteppedUp: OfficerSteppedUp
  WindowOpened: WindowOpened
  WindowExtended: WindowExtended
  WindowClosed: WindowClosed
  CeremonyPaused: CeremonyPaused
  CeremonyResumed: CeremonyResumed
}

export type EventType = keyof EventBodies

export type SeatCommand =
  | ImportBid
  | CheckIn
  | PassSelfTest
  | AcceptDiscipline
  | AdvanceStage
  | PauseSession
  | ResumeSession
  | EnterScore
  | LockSheet
  | SignReport
  | CloseAlarm
  | CloseSession
  | DraftPolicy
  | OpenSubmissions
  | StepUp
  | ExtendWindow
  | PauseCeremony
  | ResumeCeremony
  | AbortOpening

export type CommandKind = SeatCommand['kind']

/** Command kind to what a seat fills in: the members of the event it leads to. */
export interface SeatCommands {
  import_bid: Omit<ImportBid, 'kind'>
  check_in: Omit<CheckIn, 'kind'>
  pass_self_test: Omit<PassSelfTest, 'kind'>
  accept_discipline: Omit<AcceptDiscipline, 'kind'>
  advance_stage: Omit<AdvanceStage, 'kind'>
  pause_session: Omit<PauseSession, 'kind'>
  resume_session: Omit<ResumeSession, 'kind'>
  enter_score: Omit<EnterScore, 'kind'>
  lock_sheet: Omit<LockSheet, 'kind'>
  sign_report: Omit<SignReport, 'kind'>
  close_alarm: Omit<CloseAlarm, 'kind'>
  close_session: Omit<CloseSession, 'kind'>
  draft_policy: Omit<DraftPolicy, 'kind'>
  open_submissions: Omit<OpenSubmissions, 'kind'>
  step_up: Omit<StepUp, 'kind'>
  extend_window: Omit<ExtendWindow, 'kind'>
  pause_ceremony: Omit<PauseCeremony, 'kind'>
  resume_ceremony: Omit<ResumeCeremony, 'kind'>
  abort_opening: Omit<AbortOpening, 'kind'>
}

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
  draft_policy: 'PolicyDrafted',
  open_submissions: 'SubmissionsOpened',
  step_up: 'OfficerSteppedUp',
  extend_window: 'WindowExtended',
  pause_ceremony: 'CeremonyPaused',
  resume_ceremony: 'CeremonyResumed',
  abort_opening: 'OpeningAborted',
}
