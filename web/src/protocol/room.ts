// Written by `python3 dev.py docs` from the schema of the wire (`evalroom schema`): change the Python classes instead.
// The room's data as it stands in journal entries, and what a seat may order (evalroom/events.py, commands.py).
// Points and rationals are strings, instants integers of UTC milliseconds, media time integer microseconds.

/** End the opening for good: what is sealed stays sealed. `bids` is how many the closed list has. */
export interface AbortOpening {
  reason: string
  bids: number
  kind: 'abort_opening'
}

/** End the session for good before its conclusion. */
export interface AbortSession {
  kind: 'abort_session'
}

/** Agree to the commitment letter, whose text has this digest. */
export interface AcceptDiscipline {
  seat: string
  sha256: string
  kind: 'accept_discipline'
}

/** Another price for comparison, where the conditions hold: preference, correction, second price. */
export interface Adjustment {
  name: string
  price: string | Operation
  title?: string
  when?: Condition[]
}

/** A bid must meet every condition, or is rejected or scores nothing. */
export interface AdmitRule {
  name: string
  keep: Condition[]
  title?: string
  otherwise?: Otherwise
}

/** Move the session on; `before` is the stage the giver saw. */
export interface AdvanceStage {
  before: Stage
  after: Stage
  reason: string
  kind: 'advance_stage'
}

/**
 * A member neither signed nor refused in writing: by the rules that is agreement, put down by two persons.
 */
export interface AgreementDeemed {
  lot: string
  seat: string
  digest: string
  reason: string
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

/** Answer one's own duty form of a lot. */
export interface AnswerAppraisal {
  seat: string
  lot: string
  revision: number
  answer: string
  kind: 'answer_appraisal'
}

/** The operator entered an answer that was handed in on paper (rehearsals, whose bids have no keys). */
export interface AnswerEntered {
  question: string
  text: string
}

/** Answer a finding on locked sheets: whether one's own value stands, and why. */
export interface AnswerFinding {
  finding: string
  stand: boolean
  reason: Commitment
  kind: 'answer_finding'
}

/** The expert answered the own form, of this lot and revision, in writing. */
export interface AppraisalAnswered {
  seat: string
  lot: string
  revision: number
  answer: string
}

/** Decide the duty form of an expert for a lot. */
export interface AppraiseExpert {
  seat: string
  lot: string
  revision: number
  ticks: Tick[]
  kind: 'appraise_expert'
}

/** Approve a proposal by its digest: what it does follows at once. */
export interface Approve {
  proposal: string
  digest: string
  kind: 'approve'
}

/** A second person approved the proposal with this digest; what it does follows at once. */
export interface Approved {
  proposal: string
  digest: string
}

/** Ask, as a member, for more time. */
export interface AskMoreTime {
  reason: string
  kind: 'ask_more_time'
}

/** How a lot is awarded: by its ranking, or by a vote of the committee among the candidates 票决. */
export type Award = 'ranking' | 'vote'

/** Award a lot to one of the candidates that the last round of the committee's vote left tied. */
export interface AwardLot {
  lot: string
  bid: string
  kind: 'award_lot'
}

/** A member voted; the choice stands committed. */
export interface BallotCast {
  vote: string
  round: number
  choice: Commitment
}

/** Whether it is told who voted how: kept committed for good, or shown with the count 记名. */
export type Ballots = 'secret' | 'open'

/** Who chose what in a round just counted, where the tender says that ballots are open 记名. */
export interface BallotsShown {
  vote: string
  round: number
  ballots: ShownBallot[]
}

/** One step of aggregation: a value, or a set of bids; the one named `base` is the base price. */
export interface BaseStep {
  name: string
  title?: string
  value?: string | Operation
  of?: string
  where?: Condition[]
  when?: Condition[]
}

/** What the person who confirms has looked at. */
export type Basis = 'device' | 'document' | 'other'

/** Which way a bid gets better: prices down, rates of discount up. */
export type Better = 'lower' | 'higher'

/** What a table says between two of its rows. */
export type Between = 'linear' | 'step'

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

/**
 * The committee's vote on one bid: the most members who failed it on one item, members in all, every ground.
 */
export interface BidVote {
  bid: string
  against: number
  members: number
  rejected: boolean
  grounds: Ground[]
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

/** The preliminary review's result per bid: rejected when most members fail it on one and the same item. */
export interface BidsReviewed {
  lot: string
  votes: BidVote[]
}

/** A sub-site holds these seats for the session. */
export interface BookingConfirmed {
  site: string
  seats: string[]
}

/** A sub-site cannot hold its seats, and says why: the host asks another. */
export interface BookingDeclined {
  site: string
  reason: string
}

/** Vote in a round; the choice is committed. */
export interface CastBallot {
  vote: string
  round: number
  choice: Commitment
  kind: 'cast_ballot'
}

/** The exact mean of a bid's cell over the members whose marks were kept, and whose were left out. */
export interface CellMean {
  bid: string
  item: string
  mean: string
  out: string[]
}

/** The opening stands still and no window runs out, because of the platform or of missing trustees. */
export interface CeremonyPaused {
  reason: string
}

/** The opening goes on; the window that was open ends later by the length of the pause. */
export interface CeremonyResumed {
  reason: string
}

/** The committee has a chair, by `vote` or, after the last round, by `draw`. */
export interface ChairElected {
  seat: string
  by: string
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

/** End the look at a complaint. */
export interface CloseComplaint {
  complaint: number
  reason: string
  kind: 'close_complaint'
}

/** End the journal. */
export interface CloseSession {
  reason: string
  kind: 'close_session'
}

/** Commit, as a party, to a value of one's own. */
export interface CommitDraw {
  draw: string
  commitment: string
  kind: 'commit_draw'
}

/** A salted commitment in place of a secret value: HMAC-SHA256 in lower-case hex. */
export interface Commitment {
  commit: string
}

/** The complaint was dealt with: the session is as it was before, with the statements beside its results. */
export interface ComplaintClosed {
  complaint: number
  reason: string
}

/** The committee is asked to look at a complaint; they are numbered from 1. */
export interface ComplaintOpened {
  complaint: number
  matter: string
}

/** Two expressions and how they must compare. */
export interface Condition {
  left: string | Operation
  test: Relation
  right: string | Operation
}

/** Confirm, for one's own site, that these seats are held for the session. */
export interface ConfirmBooking {
  site: string
  seats: string[]
  kind: 'confirm_booking'
}

/** Confirm who sits on a seat where one person could not; `occupancy` as in `OccupancyConfirmed`. */
export interface ConfirmByTwo {
  seat: string
  occupancy: number
  basis: Basis
  kind: 'confirm_by_two'
}

/** Confirm, as one person of the venue, who sits on a seat since its check-in number `occupancy`. */
export interface ConfirmOccupancy {
  seat: string
  occupancy: number
  grade: Grade
  basis: Basis
  reason: string
  kind: 'confirm_occupancy'
}

/** Let the next of the order come in for somebody drawn who leaves, for a reason. */
export interface ContinueDraw {
  draw: string
  out: string
  drawn: string
  reason: string
  kind: 'continue_draw'
}

/** Put a corrected price in fen into the kernel and run it again; the earlier run is kept. */
export interface CorrectPrice {
  lot: string
  bid: string
  price_fen: number
  kind: 'correct_price'
}

/** How many members chose an option. */
export interface Count {
  option: string
  votes: number
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

/** Announce a draw on these terms (`DrawDeclared`). */
export interface DeclareDraw {
  draw: string
  purpose: Purpose
  subject: string
  lot: string
  options: string[]
  experts: PoolExpert[]
  places: Place[]
  make_up: MakeUp | null
  count: number
  takers: string[]
  parties: string[]
  closes: number
  ends: number
  redoes: string
  kind: 'declare_draw'
}

/** Declare a fault, at a site or (empty) at none: the session pauses and the profile's time begins. */
export interface DeclareFault {
  fault: string
  site: string
  what: string
  kind: 'declare_fault'
}

/** Say that one's own site is ready, or no longer, and which red lines are open nevertheless. */
export interface DeclareSite {
  site: string
  ready: boolean
  open: string[]
  note: string
  kind: 'declare_site'
}

/** Say that one's own site cannot hold its seats. */
export interface DeclineBooking {
  site: string
  reason: string
  kind: 'decline_booking'
}

/**
 * Put down that a member neither signs a lot's report nor refuses in writing: agreement (实施条例 art. 53,
 * unverified).
 */
export interface DeemAgreed {
  seat: string
  lot: string
  kind: 'deem_agreed'
}

/** Which way a bid is better, and what the deviation is a percentage of. */
export interface DeviationTerms {
  better?: Better
  of?: string | Operation
}

/** The expert agreed to the commitment letter and knows of no ground for recusal; digest of its text. */
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

/** Write down, as a member, what a bidder is to be asked; `question` is a new id. */
export interface DraftQuestion {
  question: string
  lot: string
  bid: string
  text: string
  kind: 'draft_question'
}

/** A party, the actor, committed to its value. */
export interface DrawCommitted {
  draw: string
  commitment: string
}

/**
 * Redraw 补抽: `out` leaves, for a reason, and `drawn`, the next of the same order for that place, comes in.
 */
export interface DrawContinued {
  draw: string
  out: string
  drawn: string
  reason: string
}

/** A draw is about to be held, on these terms and no others. */
export interface DrawDeclared {
  draw: string
  purpose: Purpose
  subject: string
  lot: string
  options: string[]
  experts: PoolExpert[]
  places: Place[]
  make_up: MakeUp | null
  count: number
  takers: string[]
  parties: string[]
  closes: number
  ends: number
  redoes: string
}

/** The result: the seed, the whole order that follows from it, and who or what was drawn. */
export interface DrawMade {
  draw: string
  seed: string
  order: string[]
  drawn: string[]
}

/** A party revealed its value; `commitments` is the digest of all commitments as this party saw them. */
export interface DrawRevealed {
  draw: string
  value: string
  nonce: string
  commitments: string
}

/** The draw came to nothing, because these parties were silent when their time was over. */
export interface DrawVoided {
  draw: string
  silent: string[]
}

/** The questions of the form, in its order. */
export type Duty = 'knows_law' | 'read_documents' | 'knows_commercial_terms' | 'knows_specification' | 'negotiates' | 'follows_others' | 'leading_talk' | 'scored_by_standard' | 'scoring_errors' | 'failed_to_ask_clarification' | 'kept_discipline' | 'handed_in_phone' | 'late_or_left_early' | 'useful_advice' | 'dragged_time'

/** Write the chair's words in a section of a lot's report, in place of those that stood there. */
export interface EditReport {
  lot: string
  section: Section
  text: string
  kind: 'edit_report'
}

/** Enter an answer that a bidder without a key handed in on paper (rehearsal). */
export interface EnterAnswer {
  question: string
  text: string
  kind: 'enter_answer'
}

/** Take down the bidders' legal persons, for the commitment letter. */
export interface EnterLegalPersons {
  persons: LegalPerson[]
  kind: 'enter_legal_persons'
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

/** The duty form of the expert on a seat for a lot; `revision` counts its decisions from 1. */
export interface ExpertAppraised {
  seat: string
  lot: string
  revision: number
  ticks: Tick[]
}

/** The class an expert is listed in; the law counts the first two (招标投标法 37: 技术、经济等方面的专家). */
export type ExpertClass = 'technical' | 'economic' | 'other'

/** A member stepped aside before the evaluation began 回避, and said why. */
export interface ExpertRecused {
  seat: string
  reason: string
}

/** A reserve seat took a member's place; sheets, votes and signatures of the leaver are void. */
export interface ExpertReplaced {
  seat: string
  newcomer: string
  reason: string
  before: Stage
  after: Stage
}

/** Declare, with a reason, a gap of a recording that no recorder has declared. */
export interface ExplainGap {
  track: string
  from_ms: number
  to_ms: number
  reason: string
  kind: 'explain_gap'
}

/** Give bidders until `until` (UTC ms) to release their halves, for a reason. */
export interface ExtendWindow {
  window: string
  until: number
  reason: string
  kind: 'extend_window'
}

/** Let a lot fail 流标: nobody wins it, and the other lots go on. */
export interface FailLot {
  lot: string
  kind: 'fail_lot'
}

/** End the evaluation when every lot has failed. */
export interface FailTender {
  reason: string
  kind: 'fail_tender'
}

/** Something at a site keeps the session from going on; `site` is empty where it is no site's. */
export interface FaultDeclared {
  fault: string
  site: string
  what: string
}

/** The fault is mended, and how. */
export interface FaultMended {
  fault: string
  note: string
}

/**
 * Two persons agreed how it goes on after a fault that outlasted its time; `until` (UTC ms) when it is put
 * off, else 0.
 */
export interface FaultSettled {
  fault: string
  way: Way
  until: number
  reason: string
}

/** The actor answered a finding: whether the own value stands, and the reason, committed. */
export interface FindingAnswered {
  finding: string
  stand: boolean
  reason: Commitment
}

/** What is found once all sheets of a part are locked (`evalroom.findings`). */
export type FindingCode = 'objective_differs' | 'deviation' | 'identical'

/** A comparison of locked sheets asks these seats something; no value stands here. */
export interface FindingRaised {
  finding: string
  code: FindingCode
  lot: string
  part: Part
  bid: string
  item: string
  seats: string[]
}

/** The picture's size changed inside a reel, from `pts` (µs from the start of the reel) on. */
export interface FormatChanged {
  track: string
  reel: number
  pts: number
  width: number
  height: number
}

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

/** The supervisor declared a gap that no recorder had declared, and said why there are no pictures. */
export interface GapExplained {
  track: string
  from_ms: number
  to_ms: number
  reason: string
}

/** Whether a trustee's share of one part agrees with its commitment. */
export interface GivenShare {
  bid: string
  part: PartName
  good: boolean
}

/** How many persons vouch for an occupancy. */
export type Grade = 'operator' | 'two'

/** Put down that the tenderer extends the evaluation until `until` (UTC ms). */
export interface GrantMoreTime {
  until: number
  reason: string
  kind: 'grant_more_time'
}

/** An item on which members failed a bid; their reasons stand in their cells, open since the unlock. */
export interface Ground {
  item: string
  seats: string[]
}

/** What an item belongs to inside its part; pages and report show each group with a subtotal of its own. */
export type Group = 'form' | 'qualification' | 'responsiveness' | 'technical' | 'commercial'

/**
 * A bid's exact mark in a group of items ("" for those in none), and as rounded where the tender says so.
 */
export interface GroupMark {
  bid: string
  group: string
  exact: string
  mark: string
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

/** What an input's value counts. */
export type InputUnit = 'fen' | 'number'

/** One line of the rubric. */
export interface Item {
  id: string
  part: Part
  kind: ItemKind
  title: string
  standard: string
  full: string
  digits: number
  objective: boolean
  group?: Group | null
  options?: Option[]
  reason_below?: string | null
}

/** How an item is judged: points given, pass or fail, points taken off, or one of declared options. */
export type ItemKind = 'score' | 'pass' | 'deduct' | 'choice'

/** What is ticked; `unknown` says that nobody could tell. */
export type Judgement = 'yes' | 'no' | 'unknown'

/** Give the reason that a warning of the report's checks asks for. */
export interface JustifyWarning {
  lot: string
  warning: string
  reason: string
  kind: 'justify_warning'
}

/** Take in the phones of whoever sits on a seat; none of them is an answer, too. */
export interface KeepPhone {
  seat: string
  pieces: number
  locker: string
  kind: 'keep_phone'
}

/** A trustee's agent destroyed its keys for this tender and signs that it did. */
export interface KeysDestroyed {
  trustee: string
  signature: string
}

/** A trustee is gone: the supervisor states, with a reason, that nobody vouches for the end of its keys. */
export interface KeysNotDestroyed {
  trustee: string
  reason: string
}

/** Who a bidder's legal person 法定代表人 is, as read at the opening. */
export interface LegalPerson {
  bidder: string
  person: string
}

/** The operator took down the bidders' legal persons; a later list takes the place of an earlier one. */
export interface LegalPersonsEntered {
  persons: LegalPerson[]
}

/** The text of the commitment letter, and its SHA-256: what experts agree to from now on. */
export interface LetterIssued {
  text: string
  sha256: string
}

/** A sealed bid as the closed list has it: its number, the root over its bytes, its digest. */
export interface ListedBid {
  bid: string
  root: string
  digest: string
}

/**
 * Close one's own sheet of a part; `digest` is what the seat computed over it, `statement` what it states.
 */
export interface LockSheet {
  lot: string
  part: Part
  digest: string
  statement: Commitment
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
  pricing: PriceFormula
  candidates: number
  dark?: PartName[]
  checks?: Thresholds
  summary?: SummaryTerms
}

/** The lot's award goes to this candidate: by vote, or by what settled a vote that stayed tied. */
export interface LotAwarded {
  lot: string
  bid: string
  by: Settler
}

/** Nobody wins this lot; `ground` is a code, `reason` what was written. */
export interface LotFailed {
  lot: string
  ground: string
  reason: string
}

/**
 * What the committee must be made of: at least `least` members, an odd number, `share` n/d of them experts.
 */
export interface MakeUp {
  least: number
  share: string
  odd: boolean
  owners: number
}

/**
 * From `members` on: leave out the `widest` member (0 or 1), then per cell `high` highest and `low` lowest.
 */
export interface MarkTrim {
  members: number
  widest: number
  high: number
  low: number
}

/** How the marks of so many members became the bids' marks, by the rule that their number reached. */
export interface MarksSummed {
  lot: string
  members: number
  rule: MarkTrim
  widest: string
  spreads: MemberSpread[]
  cells: CellMean[]
  marks: GroupMark[]
}

/** The two streams a track may hold; picture and its microphone are recorded together. */
export type Medium = 'video' | 'audio'

/**
 * How far a member's totals lie apart over the bids: highest less lowest, then the next pair inwards ("n/d").
 */
export interface MemberSpread {
  seat: string
  spreads: string[]
}

/** Say that a fault is mended, and how. */
export interface MendFault {
  fault: string
  note: string
  kind: 'mend_fault'
}

/** A member asked for more time, and said why. */
export interface MoreTimeAsked {
  reason: string
}

/** The tenderer extended the evaluation until `until` (UTC ms). */
export interface MoreTimeGranted {
  until: number
  reason: string
}

/** A value and its name, both as texts. */
export interface NamedValue {
  name: string
  value: string
}

/** The person on the seat is who was drawn for it; `occupancy` counts the check-ins at the seat from 1. */
export interface OccupancyConfirmed {
  seat: string
  occupancy: number
  grade: Grade
  basis: Basis
  reason: string
}

/** An officer at a seat is there and agrees that this window be opened. */
export interface OfficerSteppedUp {
  window: string
}

/** The operations of expressions; from `count` on they are over a set of bids. */
export type Op = 'sum' | 'product' | 'min' | 'max' | 'difference' | 'quotient' | 'abs' | 'else' | 'count' | 'total' | 'mean' | 'median' | 'lowest' | 'highest'

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

/** An operation on expressions or on a set of bids; a plain text is a number or the name of a value. */
export interface Operation {
  op: Op
  of: (string | Operation)[]
}

/** One option of a choice item: the name an expert chooses it by, and the points it earns. */
export interface Option {
  name: string
  points: string
}

/** What becomes of a bid that fails a rule: out of the ranking, or a price score of 0. */
export type Otherwise = 'reject' | 'zero'

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

/**
 * The content key of an opened part that is not for everybody, wrapped to a recipient of the policy, b64.
 */
export interface PartKeySealed {
  bid: string
  part: PartName
  recipient: string
  wrapped: string
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

/** Close the inputs on every site, and say when it will go on (UTC ms) where the profile asks for it. */
export interface PauseSession {
  reason: string
  resume_at: number | null
  kind: 'pause_session'
}

/** Points taken off per percent of deviation, up to `to` percent, or without end when that is empty. */
export interface PenaltySegment {
  rate: string | Operation
  to?: string
}

/** Whether an input has one value for the tender, or one for each bid. */
export type Per = 'tender' | 'bid'

/**
 * The person on the seat handed in their phones 收手机, `pieces` of them; 0 says that they have none with them.
 */
export interface PhoneKept {
  seat: string
  pieces: number
  locker: string
}

/** The phones were given back; before the end of the evaluation for a reason. */
export interface PhoneReturned {
  seat: string
  reason: string
}

/** So many places of the committee for one class of experts, of one region or, where it is empty, of any. */
export interface Place {
  type: ExpertClass
  region: string
  count: number
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

/**
 * An expert under a pool id; `units` commits to employer and recusal units, `recused` takes no part in the
 * draw.
 */
export interface PoolExpert {
  id: string
  type: ExpertClass
  region: string
  units: string
  recused: boolean
}

/** A price was corrected for the comparison by two persons; the kernel's earlier run is kept. */
export interface PriceCorrected {
  lot: string
  bid: string
  price_fen: number
  reason: string
}

/** The price formula of a lot, whole: from the prices as read to points, ties and worked samples. */
export interface PriceFormula {
  name: string
  score: ScoreTerms
  weight: string
  version?: number
  title?: string
  quote?: Quote
  inputs?: PriceInput[]
  admit?: AdmitRule[]
  adjust?: Adjustment[]
  trim?: TrimTable
  aggregate?: BaseStep[]
  shift?: string | Operation
  deviate?: DeviationTerms
  floor?: ScoreBounds
  rounds?: RoundAt[]
  total?: RoundingTerms
  ties?: TieKey[]
  undecided?: Undecided
  samples?: PriceSample[]
}

/** A named value from outside: fixed, given at the run, drawn from `choices`, or one for each bid. */
export interface PriceInput {
  name: string
  title?: string
  per?: Per
  unit?: InputUnit
  value?: string
  choices?: string[]
  optional?: boolean
}

/** The price of an admitted bid in fen, as its price sheet has it. */
export interface PriceRead {
  lot: string
  bid: string
  price_fen: number
}

/** One bid in the price kernel: its way through the stages; `why` names the rule that put it out. */
export interface PriceRow {
  bid: string
  read: string
  admitted: boolean
  scored: boolean
  trimmed: boolean
  why: string
  values: StageValue[]
  price: string
  deviation: string
  score: string
  points: string
}

/** A worked sample: what is given, and every score that must come out. */
export interface PriceSample {
  bids: SampleBid[]
  title?: string
  given?: NamedValue[]
}

/** The stages that work out values, each of which a rounding may follow. */
export type PriceStage = 'adjust' | 'aggregate' | 'shift' | 'deviate' | 'score' | 'floor' | 'weight'

/** What one step did for all: a value, or the bids it concerned. */
export interface PriceStep {
  stage: string
  name: string
  value: string
  bids: string[]
}

/** One run of the price kernel with every intermediate; rationals are strings "n/d". */
export interface PricesComputed {
  lot: string
  formula: string
  given: NamedValue[]
  steps: PriceStep[]
  rows: PriceRow[]
}

/** The prices of a lot's bids that are still in the evaluation. */
export interface PricesOpened {
  lot: string
  prices: OpenedPrice[]
}

/** Propose an act that needs a second person; `proposal` is a new id. */
export interface Propose {
  proposal: string
  act: StepBack | ReopenSheet | ReplaceExpert | Resume | CorrectPrice | FailLot | Reevaluate | AbortSession | SettleTie | AwardLot | ReleaseQuestion | SettleFault | ReopenForComplaint | ConfirmByTwo | DeemAgreed
  reason: string
  kind: 'propose'
}

/** Somebody proposed an act, with its reason; `proposal` is an id of their choice. */
export interface Proposed {
  proposal: string
  act: StepBack | ReopenSheet | ReplaceExpert | Resume | CorrectPrice | FailLot | Reevaluate | AbortSession | SettleTie | AwardLot | ReleaseQuestion | SettleFault | ReopenForComplaint | ConfirmByTwo | DeemAgreed
  reason: string
}

/** What is drawn (domain.md): 抽取专家, 席位, 副场, 浮动点, 同分, 组长, 代码, 评委次序. */
export type Purpose = 'experts' | 'seats' | 'sub_site' | 'price_parameter' | 'tie' | 'chair' | 'code' | 'members'

/** What is voted on. */
export type Question = 'chair' | 'competition' | 'award'

/** The bidder answered; `signature` is by the envelope key of its bid, which is not named here. */
export interface QuestionAnswered {
  question: string
  text: string
  signature: string
  marks: string[]
}

/** A member wrote down what a bidder is to be asked; `question` is an id of their choice. */
export interface QuestionDrafted {
  question: string
  lot: string
  bid: string
  text: string
}

/** The host put the question before its bidder, who answers until `until` (UTC ms). */
export interface QuestionRelayed {
  question: string
  until: number
}

/**
 * The chair sent a question with this digest, or it was approved as the profile asks: the host relays it.
 */
export interface QuestionSent {
  question: string
  sha256: string
}

/** The time to answer was over and nothing had come. */
export interface QuestionUnanswered {
  question: string
}

/** What bids are: prices in fen, or numbers such as a discount in percent. */
export type Quote = 'fen' | 'rate'

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

/** Step aside before the evaluation begins 回避. */
export interface RecuseSelf {
  seat: string
  reason: string
  kind: 'recuse_self'
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

/** Evaluate again 复议 on one of the profile's grounds; the report so far becomes an annex. */
export interface Reevaluate {
  ground: string
  kind: 'reevaluate'
}

/** How the two sides of a condition compare. */
export type Relation = '<' | '<=' | '=' | '!=' | '>=' | '>'

/** Put a question that was sent before its bidder, who answers until `until` (UTC ms). */
export interface RelayQuestion {
  question: string
  until: number
  kind: 'relay_question'
}

/** Let a question go to its bidder, under its digest, where the profile wants it approved. */
export interface ReleaseQuestion {
  question: string
  sha256: string
  kind: 'release_question'
}

/**
 * Let the committee look at a complaint about the concluded session, read-only; the reason says what it is
 * about.
 */
export interface ReopenForComplaint {
  kind: 'reopen_for_complaint'
}

/** Let an expert change a locked sheet; the version that was locked stays in the journal. */
export interface ReopenSheet {
  seat: string
  lot: string
  part: Part
  kind: 'reopen_sheet'
}

/** Let `newcomer`, a reserve seat, take the place of `seat`, whose conclusions are void and done anew. */
export interface ReplaceExpert {
  seat: string
  newcomer: string
  kind: 'replace_expert'
}

/** The chair wrote the prose of one section of a lot's report; the empty text takes it back. */
export interface ReportEdited {
  lot: string
  section: Section
  text: string
}

/** A lot's report stands: SHA-256 and length of its canonical JSON (docs/spec/report.md), which all sign. */
export interface ReportMade {
  lot: string
  sha256: string
  bytes: number
}

/**
 * A member stands to a lot's report, named by its digest; a dissent and a refusal are reasoned in writing.
 */
export interface ReportSigned {
  lot: string
  digest: string
  stand: Stand
  reason: string
}

/** A site, the supervisor or the regulator witnessed the signing of a lot's report, named by its digest. */
export interface ReportWitnessed {
  lot: string
  digest: string
}

/** Open the inputs again after a pause 复会. */
export interface Resume {
  kind: 'resume'
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

/** Give the phones back; before the end of the evaluation for a reason. */
export interface ReturnPhone {
  seat: string
  reason: string
  kind: 'return_phone'
}

/** Reveal, as a party, the value committed to; `commitments` digests all of them as the giver saw them. */
export interface RevealDraw {
  draw: string
  value: string
  nonce: string
  commitments: string
  kind: 'reveal_draw'
}

/** A role of the trade (trust.md §6); the last five are machines and strangers. */
export type Role = 'expert' | 'supervisor' | 'operator' | 'site_operator' | 'archivist' | 'regulator' | 'node' | 'host' | 'trustee' | 'bidder' | 'anyone'

/**
 * Who was drawn, with names and telephones, lies at the host sealed to the trustees: digest and size of the
 * file.
 */
export interface RosterSealed {
  draw: string
  sha256: string
  size: number
}

/** The roster was opened at check-in, with the shares of these trustees. */
export interface RosterUnsealed {
  draw: string
  sha256: string
  trustees: string[]
}

/** A rounding that follows a stage, or one step of the aggregation. */
export interface RoundAt {
  stage: PriceStage
  digits: number
  mode: Rounding
  step?: string
}

/** How a declared rounding treats what is cut off. */
export type Rounding = 'half_up' | 'half_even' | 'down' | 'up'

/** A declared rounding: digits after the point, and the treatment of what is cut off. */
export interface RoundingTerms {
  digits: number
  mode: Rounding
}

/** A bid of a worked sample, and the score that must come out, or `out`. */
export interface SampleBid {
  bid: string
  price: string
  score: string
  valid?: boolean
  values?: NamedValue[]
}

/** Bounds of the score; empty is none. */
export interface ScoreBounds {
  least?: string | Operation
  most?: string | Operation
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

/** How a deviation or a price becomes points. */
export type ScoreKind = 'value' | 'penalty' | 'table'

/** The points at one deviation, in percent. */
export interface ScoreRow {
  at: string
  points: string
}

/** How a bid gets its points out of `full`; members of another kind keep their defaults. */
export interface ScoreTerms {
  kind: ScoreKind
  full?: string
  value?: string | Operation
  above?: PenaltySegment[]
  below?: PenaltySegment[]
  cap_above?: string | Operation
  cap_below?: string | Operation
  step?: string
  steps?: WholeSteps
  rows?: ScoreRow[]
  between?: Between
}

/** Put down that a roster sealed to the trustees lies at the host: digest and size of the file. */
export interface SealRoster {
  draw: string
  sha256: string
  size: number
  kind: 'seal_roster'
}

/** A seat: where it stands, the node its browser connects to, and the role of whoever takes it. */
export interface Seat {
  code: string
  site: string
  node: string
  role: Role
  label: string
  specialty?: Specialty
  reserve?: boolean
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

/** The sections of a report that the chair writes words for, in the report's order. */
export type Section = 'overview' | 'preliminary' | 'rejections' | 'clarifications' | 'detailed' | 'price' | 'recommendation'

/** One card of the environment check. */
export interface SelfTestResult {
  check: string
  passed: boolean
  detail: string
}

/** Send a question, by its digest, as the chair. */
export interface SendQuestion {
  question: string
  sha256: string
  kind: 'send_question'
}

/** The session was ended for good before its conclusion. */
export interface SessionAborted {
  reason: string
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

/** The first entry: everything the session is bound to. */
export interface SessionOpened {
  session: string
  tender: Tender
  sites: Site[]
  seats: Seat[]
  keys: SessionKeys
  rehearsal: boolean
  software: string
  profile: string
  profile_sha256: string
}

/**
 * Inputs are closed on every site; recording goes on. `resume_at` is the announced time (UTC ms), or none.
 */
export interface SessionPaused {
  reason: string
  resume_at: number | null
}

/** Inputs are open again, as they were. */
export interface SessionResumed {
  reason: string
}

/**
 * Agree how it goes on after a fault that outlasted its time; `until` (UTC ms) when it is put off, else 0.
 */
export interface SettleFault {
  fault: string
  way: Way
  until: number
  kind: 'settle_fault'
}

/** Put bids that the tender's keys leave tied in order, as the tenderer decides 招标人自主确定. */
export interface SettleTie {
  lot: string
  order: string[]
  kind: 'settle_tie'
}

/** Who or what settled it. */
export type Settler = 'ranking' | 'vote' | 'draw' | 'tenderer'

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
  statement: Commitment
}

/** A locked sheet may be changed again; the locked version stays in the journal. */
export interface SheetReopened {
  seat: string
  lot: string
  part: Part
  reason: string
}

/** What a member chose. */
export interface ShownBallot {
  seat: string
  option: string
}

/**
 * Say how one stands to a lot's report, by its digest: agree, dissent in writing, or refuse for a reason.
 */
export interface SignReport {
  lot: string
  digest: string
  stand: Stand
  reason: string
  kind: 'sign_report'
}

/** Add, as a member, a statement on a complaint to the results with this digest. */
export interface SignSupplement {
  complaint: number
  digest: string
  statement: string
  kind: 'sign_supplement'
}

/** A site; `host` leads. `node` says whether it runs a node of its own. */
export interface Site {
  id: string
  name: string
  host: boolean
  node: boolean
}

/** A site says that it is ready 副场就绪, or no longer; `open` names the red lines it saw open nevertheless. */
export interface SiteDeclared {
  site: string
  ready: boolean
  open: string[]
  note: string
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

/**
 * What an expert stands for in the committee: the law counts technical and economic ones (招标投标法 art. 37).
 */
export type Specialty = 'none' | 'technical' | 'economic' | 'owner'

/** A stage, in the order of the trade; `failed` and `aborted` are ends off the road. */
export type Stage = 'planned' | 'booked' | 'receiving' | 'opening' | 'gathering' | 'briefed' | 'electing' | 'preliminary' | 'detailed' | 'pricing' | 'summary' | 'reporting' | 'signing' | 'concluded' | 'archived' | 'failed' | 'aborted'

/** The session moved to another stage. */
export interface StageChanged {
  before: Stage
  after: Stage
  reason: string
}

/** A bid's value after one stage. */
export interface StageValue {
  stage: string
  value: string
}

/** How a member stands to a report; `deemed` is put down by two persons about a member who does not sign. */
export type Stand = 'agrees' | 'dissents' | 'refuses' | 'deemed'

/**
 * State, with a reason, that a trustee which is gone did not destroy its keys, so that the session can close.
 */
export interface StateNotDestroyed {
  trustee: string
  reason: string
  kind: 'state_not_destroyed'
}

/** Go back to stage `after` 评标回退: later conclusions are void and kept as annexes. */
export interface StepBack {
  after: Stage
  kind: 'step_back'
}

/** Agree, as an officer at this seat, that the window be opened. */
export interface StepUp {
  window: string
  kind: 'step_up'
}

/** The session went back to an earlier stage; what was concluded from there on is void, kept as an annex. */
export interface SteppedBack {
  before: Stage
  after: Stage
  reason: string
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

/** The terms of one lot; as they stand by default every mark counts, unrounded, and the ranking decides. */
export interface SummaryTerms {
  trim?: MarkTrim[]
  widest_tie?: WidestTie
  technical?: number | null
  commercial?: number | null
  award?: Award
  ballots?: Ballots
}

/** A member added a statement on a complaint; `digest` is that of the results it is about. */
export interface SupplementSigned {
  complaint: number
  digest: string
  statement: string
}

/** The tender under evaluation. */
export interface Tender {
  code: string
  title: string
  lots: Lot[]
}

/** Every lot has failed 流标: the evaluation ends. */
export interface TenderFailed {
  reason: string
}

/** When a check of the sheets asks for a reason (domain.md, "Checks"); a profile may set each otherwise. */
export interface Thresholds {
  reason_below?: string
  copied_bids?: number
  copied_chars?: number
  vector_cells?: number
  deviation?: string
}

/** One question decided: `entries` are the numbers of journal entries that it rests on. */
export interface Tick {
  duty: Duty
  answer: Judgement
  entries: number[]
  remark: string
}

/** One key that puts equal totals in order. */
export interface TieKey {
  by: string
  order: TieOrder
}

/** Which of two equal totals goes first by a key. */
export type TieOrder = 'lowest' | 'highest'

/** Bids that the keys left tied stand in this order now, by a draw or the tenderer's decision. */
export interface TieSettled {
  lot: string
  order: string[]
  by: Settler
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

/** The trim table by number of bids; `scored` says whether the trimmed still get points. */
export interface TrimTable {
  rows?: TrimTerms[]
  scored?: boolean
}

/** From `from_bids` bids on, leave out that many highest and lowest prices. */
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

/** What settles a tie that the declared keys leave: a draw, or the tenderer's recorded decision. */
export type Undecided = 'draw' | 'tenderer'

/** What became of a sealed bid (opening.md §8): 撤销 is `revoked`, 撤回 `withdrawn`. */
export type Verdict = 'opened' | 'revoked' | 'withdrawn' | 'malformed' | 'awaiting_bytes'

/** Refuse a proposal by its digest, with a reason. */
export interface Veto {
  proposal: string
  digest: string
  reason: string
  kind: 'veto'
}

/** A second person refused the proposal with this digest, and said why. */
export interface Vetoed {
  proposal: string
  digest: string
  reason: string
}

/** The count of a round; `outcome` is empty where options are tied, `tied` names them. */
export interface VoteCounted {
  vote: string
  round: number
  counts: Count[]
  outcome: string
  tied: string[]
}

/** A vote is open to these members; `round` counts from 1, `lot` is empty where it concerns the session. */
export interface VoteOpened {
  vote: string
  question: Question
  lot: string
  round: number
  options: string[]
  voters: string[]
}

/** The chair gave the reason that a warning of the report's checks asks for; `warning` is its code. */
export interface WarningJustified {
  lot: string
  warning: string
  reason: string
}

/** How it goes on when a fault was not mended in time. */
export type Way = 'go_on' | 'put_off' | 'anew' | 'abort'

/** Whether parts of a step of deviation count, and how. */
export type WholeSteps = 'linear' | 'up' | 'down' | 'nearest'

/** Whose marks are left out where several members have the same widest spread. */
export type WidestTie = 'draw' | 'seat'

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

/** Witness the signing of a lot's report, by its digest. */
export interface WitnessReport {
  lot: string
  digest: string
  kind: 'witness_report'
}

/** Entry type to its body. */
export interface EventBodies {
  SessionOpened: SessionOpened
  StageChanged: StageChanged
  SessionPaused: SessionPaused
  SessionResumed: SessionResumed
  SessionClosed: SessionClosed
  SteppedBack: SteppedBack
  TenderFailed: TenderFailed
  SessionAborted: SessionAborted
  LotFailed: LotFailed
  BookingConfirmed: BookingConfirmed
  BookingDeclined: BookingDeclined
  Proposed: Proposed
  Approved: Approved
  Vetoed: Vetoed
  VoteOpened: VoteOpened
  BallotCast: BallotCast
  VoteCounted: VoteCounted
  BallotsShown: BallotsShown
  ChairElected: ChairElected
  OccupancyConfirmed: OccupancyConfirmed
  PhoneKept: PhoneKept
  PhoneReturned: PhoneReturned
  SiteDeclared: SiteDeclared
  LegalPersonsEntered: LegalPersonsEntered
  LetterIssued: LetterIssued
  ExpertAppraised: ExpertAppraised
  AppraisalAnswered: AppraisalAnswered
  BidImported: BidImported
  PricesOpened: PricesOpened
  PriceCorrected: PriceCorrected
  SeatJoined: SeatJoined
  SeatTested: SeatTested
  DisciplineAccepted: DisciplineAccepted
  ExpertRecused: ExpertRecused
  ExpertReplaced: ExpertReplaced
  ScoreEntered: ScoreEntered
  SheetLocked: SheetLocked
  SheetReopened: SheetReopened
  GroupUnlocked: GroupUnlocked
  BidsReviewed: BidsReviewed
  FindingRaised: FindingRaised
  FindingAnswered: FindingAnswered
  PricesComputed: PricesComputed
  RankingComputed: RankingComputed
  MarksSummed: MarksSummed
  TieSettled: TieSettled
  LotAwarded: LotAwarded
  AlarmClosed: AlarmClosed
  ReportEdited: ReportEdited
  WarningJustified: WarningJustified
  ReportMade: ReportMade
  ReportSigned: ReportSigned
  AgreementDeemed: AgreementDeemed
  ReportWitnessed: ReportWitnessed
  GapExplained: GapExplained
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
  PartKeySealed: PartKeySealed
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
  KeysNotDestroyed: KeysNotDestroyed
  DrawDeclared: DrawDeclared
  DrawCommitted: DrawCommitted
  DrawRevealed: DrawRevealed
  DrawMade: DrawMade
  DrawVoided: DrawVoided
  DrawContinued: DrawContinued
  RosterSealed: RosterSealed
  RosterUnsealed: RosterUnsealed
  QuestionDrafted: QuestionDrafted
  QuestionSent: QuestionSent
  QuestionRelayed: QuestionRelayed
  QuestionAnswered: QuestionAnswered
  AnswerEntered: AnswerEntered
  QuestionUnanswered: QuestionUnanswered
  MoreTimeAsked: MoreTimeAsked
  MoreTimeGranted: MoreTimeGranted
  FaultDeclared: FaultDeclared
  FaultMended: FaultMended
  FaultSettled: FaultSettled
  ComplaintOpened: ComplaintOpened
  SupplementSigned: SupplementSigned
  ComplaintClosed: ComplaintClosed
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
  | Propose
  | Approve
  | Veto
  | ConfirmBooking
  | DeclineBooking
  | RecuseSelf
  | CastBallot
  | FailTender
  | EnterScore
  | LockSheet
  | AnswerFinding
  | CloseAlarm
  | CloseSession
  | EditReport
  | JustifyWarning
  | SignReport
  | WitnessReport
  | ExplainGap
  | DraftPolicy
  | OpenSubmissions
  | StepUp
  | ExtendWindow
  | PauseCeremony
  | ResumeCeremony
  | AbortOpening
  | StateNotDestroyed
  | DeclareDraw
  | CommitDraw
  | RevealDraw
  | ContinueDraw
  | SealRoster
  | DraftQuestion
  | SendQuestion
  | RelayQuestion
  | EnterAnswer
  | AskMoreTime
  | GrantMoreTime
  | DeclareFault
  | MendFault
  | SignSupplement
  | CloseComplaint
  | ConfirmOccupancy
  | KeepPhone
  | ReturnPhone
  | DeclareSite
  | EnterLegalPersons
  | AppraiseExpert
  | AnswerAppraisal

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
  propose: Omit<Propose, 'kind'>
  approve: Omit<Approve, 'kind'>
  veto: Omit<Veto, 'kind'>
  confirm_booking: Omit<ConfirmBooking, 'kind'>
  decline_booking: Omit<DeclineBooking, 'kind'>
  recuse_self: Omit<RecuseSelf, 'kind'>
  cast_ballot: Omit<CastBallot, 'kind'>
  fail_tender: Omit<FailTender, 'kind'>
  enter_score: Omit<EnterScore, 'kind'>
  lock_sheet: Omit<LockSheet, 'kind'>
  answer_finding: Omit<AnswerFinding, 'kind'>
  edit_report: Omit<EditReport, 'kind'>
  justify_warning: Omit<JustifyWarning, 'kind'>
  sign_report: Omit<SignReport, 'kind'>
  witness_report: Omit<WitnessReport, 'kind'>
  explain_gap: Omit<ExplainGap, 'kind'>
  close_alarm: Omit<CloseAlarm, 'kind'>
  close_session: Omit<CloseSession, 'kind'>
  draft_policy: Omit<DraftPolicy, 'kind'>
  open_submissions: Omit<OpenSubmissions, 'kind'>
  step_up: Omit<StepUp, 'kind'>
  extend_window: Omit<ExtendWindow, 'kind'>
  pause_ceremony: Omit<PauseCeremony, 'kind'>
  resume_ceremony: Omit<ResumeCeremony, 'kind'>
  abort_opening: Omit<AbortOpening, 'kind'>
  state_not_destroyed: Omit<StateNotDestroyed, 'kind'>
  declare_draw: Omit<DeclareDraw, 'kind'>
  commit_draw: Omit<CommitDraw, 'kind'>
  reveal_draw: Omit<RevealDraw, 'kind'>
  continue_draw: Omit<ContinueDraw, 'kind'>
  seal_roster: Omit<SealRoster, 'kind'>
  draft_question: Omit<DraftQuestion, 'kind'>
  send_question: Omit<SendQuestion, 'kind'>
  relay_question: Omit<RelayQuestion, 'kind'>
  enter_answer: Omit<EnterAnswer, 'kind'>
  ask_more_time: Omit<AskMoreTime, 'kind'>
  grant_more_time: Omit<GrantMoreTime, 'kind'>
  declare_fault: Omit<DeclareFault, 'kind'>
  mend_fault: Omit<MendFault, 'kind'>
  sign_supplement: Omit<SignSupplement, 'kind'>
  close_complaint: Omit<CloseComplaint, 'kind'>
  confirm_occupancy: Omit<ConfirmOccupancy, 'kind'>
  keep_phone: Omit<KeepPhone, 'kind'>
  return_phone: Omit<ReturnPhone, 'kind'>
  declare_site: Omit<DeclareSite, 'kind'>
  enter_legal_persons: Omit<EnterLegalPersons, 'kind'>
  appraise_expert: Omit<AppraiseExpert, 'kind'>
  answer_appraisal: Omit<AnswerAppraisal, 'kind'>
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
  propose: 'Proposed',
  approve: 'Approved',
  veto: 'Vetoed',
  confirm_booking: 'BookingConfirmed',
  decline_booking: 'BookingDeclined',
  recuse_self: 'ExpertRecused',
  cast_ballot: 'BallotCast',
  fail_tender: 'TenderFailed',
  enter_score: 'ScoreEntered',
  lock_sheet: 'SheetLocked',
  answer_finding: 'FindingAnswered',
  edit_report: 'ReportEdited',
  justify_warning: 'WarningJustified',
  sign_report: 'ReportSigned',
  witness_report: 'ReportWitnessed',
  explain_gap: 'GapExplained',
  close_alarm: 'AlarmClosed',
  close_session: 'SessionClosed',
  draft_policy: 'PolicyDrafted',
  open_submissions: 'SubmissionsOpened',
  step_up: 'OfficerSteppedUp',
  extend_window: 'WindowExtended',
  pause_ceremony: 'CeremonyPaused',
  resume_ceremony: 'CeremonyResumed',
  abort_opening: 'OpeningAborted',
  state_not_destroyed: 'KeysNotDestroyed',
  declare_draw: 'DrawDeclared',
  commit_draw: 'DrawCommitted',
  reveal_draw: 'DrawRevealed',
  continue_draw: 'DrawContinued',
  seal_roster: 'RosterSealed',
  draft_question: 'QuestionDrafted',
  send_question: 'QuestionSent',
  relay_question: 'QuestionRelayed',
  enter_answer: 'AnswerEntered',
  ask_more_time: 'MoreTimeAsked',
  grant_more_time: 'MoreTimeGranted',
  declare_fault: 'FaultDeclared',
  mend_fault: 'FaultMended',
  sign_supplement: 'SupplementSigned',
  close_complaint: 'ComplaintClosed',
  confirm_occupancy: 'OccupancyConfirmed',
  keep_phone: 'PhoneKept',
  return_phone: 'PhoneReturned',
  declare_site: 'SiteDeclared',
  enter_legal_persons: 'LegalPersonsEntered',
  appraise_expert: 'ExpertAppraised',
  answer_appraisal: 'AppraisalAnswered',
}
