// What this person may know of the session: a fold of the feed, item by item. `evolve` holds every change of
// state and no rule; whatever the rules forbid was refused before it became an item.

import { shallowReactive } from 'vue'

import type { Bid, EventBodies, Item, Lot, OpenedPart, Part, PartName, Role, Seat, SelfTestResult, Site, Stage, Stand, Tender } from '@/protocol/room'

import { type AsidesView, emptyAsides, evolveAsides } from './asides'
import { type CeremonyView, emptyCeremony, evolveCeremony } from './ceremony'
import { type DrawView, evolveDraws } from './draws'
import type { FeedBodies, FeedItem } from './feed'
import type { CommittedCell } from './sheet'
import { NO_RULES, type PeopleRules, readRules } from './people'
import { STAGES, stageAfter } from './stages'

export interface OwnCell {
  readonly revision: number
  readonly value: string
  readonly reason: string
  readonly commits: CommittedCell
}

export interface Document {
  readonly lot: string
  readonly bid: string
  readonly bidder: string
  readonly pages: number
  readonly bytes: number
  readonly sha256: string
}

export interface SeatFacts {
  readonly joined: number | null
  readonly role: Role | null
  readonly tested: readonly SelfTestResult[] | null
  readonly disciplined: boolean
  readonly lost: boolean
  /** Check-ins at the seat so far: a confirmation is of one of them. */
  readonly occupancy: number
  readonly confirmed: EventBodies['OccupancyConfirmed'] | null
  /** What was handed in and lies in the locker; null before, and once it was given back. */
  readonly phone: EventBodies['PhoneKept'] | null
}

/** What a site said of itself last. */
export interface SiteWord {
  readonly ready: boolean
  readonly open: readonly string[]
  readonly note: string
  readonly by: string
  readonly atMs: number
}

export interface Signature {
  readonly stand: Stand | null
  readonly reason: string
  readonly atMs: number
}

export interface RaisedFinding {
  readonly body: EventBodies['FindingRaised']
  readonly before: string
}

const NO_FACTS: SeatFacts = { joined: null, role: null, tested: null, disciplined: false, lost: false, occupancy: 0, confirmed: null, phone: null }

export interface Alarm {
  readonly alarm: string
  readonly code: string
  readonly seat: string
  readonly site: string
  readonly text: string
  readonly raisedMs: number
  readonly closed: { readonly by: string; readonly note: string; readonly atMs: number } | null
}

export interface Proposal {
  readonly proposal: string
  readonly act: EventBodies['Proposed']['act']
  readonly reason: string
  readonly by: string
  readonly atMs: number
  readonly stage: Stage
  /** Roles that have approved, where more than one has to. */
  readonly agreed: readonly Role[]
  readonly decided: { readonly approved: boolean; readonly by: string } | null
}

export interface Vote {
  readonly vote: string
  readonly question: EventBodies['VoteOpened']['question']
  readonly lot: string
  readonly round: number
  readonly options: readonly string[]
  readonly voters: readonly string[]
  /** What this seat chose in this round. */
  readonly own: string | null
  readonly counted: EventBodies['VoteCounted'] | null
  /** Who chose what, where the tender says that ballots are open. */
  readonly ballots: EventBodies['BallotsShown']['ballots'] | null
}

export interface LogLine {
  readonly n: number
  readonly t: number
  readonly type: FeedItem['type']
  readonly site: string
  readonly actor: string
  readonly body: FeedItem['body']
}

/** Types too frequent for a list that people read. */
const UNLISTED = new Set<FeedItem['type']>([
  'FragmentRecorded',
  'ClockMapped',
  'SiteOffsetMeasured',
  'CheckpointCosigned',
  'ScoreEntered',
  'SheetOpened',
  'ReelReceived',
  'FormatChanged',
])
const LOG_LENGTH = 400
/** Parts that are documents to read; the others are data. */
const READABLE = new Set<PartName>(['qualification', 'technical'])

export interface SessionView {
  session: string
  tender: Tender | null
  sites: Site[]
  seats: Seat[]
  rehearsal: boolean
  stage: Stage
  stageSinceMs: number
  paused: { reason: string; by: string; atMs: number; resumeMs: number | null } | null
  /** Whether the rule profile asks for a second person to resume. */
  twoToResume: boolean
  /** Seats of the committee's members; reserves are none. */
  members: string[]
  chair: string | null
  readonly recused: Set<string>
  /** Lots that nobody wins, each with its ground. */
  readonly failedLots: Map<string, string>
  /** Sites' answers to the booking: empty when confirmed, else why not. */
  readonly bookings: Map<string, string>
  readonly proposals: Map<string, Proposal>
  readonly votes: Map<string, Vote>
  readonly corrections: Map<string, EventBodies['PriceCorrected']>
  closed: boolean
  readonly documents: Map<string, Document>
  /** Documents of an opened bid, by bid: names of its parts. */
  readonly openedParts: Map<string, readonly PartName[]>
  readonly seatFacts: Map<string, SeatFacts>
  /** Own cells by `lot/bid/item`. */
  readonly cells: Map<string, OwnCell>
  /** Digest by `seat/lot/part`. */
  readonly locks: Map<string, string>
  /** What was asked once all sheets were locked, by its name; `before` is what the own cell said then. */
  readonly findings: Map<string, RaisedFinding>
  /** Answers by `finding/seat`. */
  readonly answers: Map<string, { stand: boolean; reason: string }>
  /** Sheets that were locked and are open again for some cells, by `seat/lot/part`. */
  readonly reopened: Set<string>
  /** `lot/part` once the committee's view is open. */
  readonly unlocked: Set<string>
  /** Values of every member's sheet after the unlock, by `seat/lot/part`, then `bid/item`. */
  readonly sheets: Map<string, Map<string, { value: string; reason: string }>>
  readonly reviews: Map<string, FeedBodies['BidsReviewed']>
  readonly prices: Map<string, FeedBodies['PricesOpened']>
  readonly pricing: Map<string, FeedBodies['PricesComputed']>
  readonly rankings: Map<string, FeedBodies['RankingComputed']>
  /** How marks were summed, by lot, where they are more than means. */
  readonly marks: Map<string, FeedBodies['MarksSummed']>
  /** Ties that a draw or the tenderer put in order, by lot. */
  readonly settled: Map<string, readonly FeedBodies['TieSettled'][]>
  readonly awards: Map<string, FeedBodies['LotAwarded']>
  /** Digest of each lot's report, once there is one to sign. */
  readonly reports: Map<string, string>
  /** How members stand to reports, by `lot/seat`; a site's operator learns only who has signed. */
  readonly signatures: Map<string, Signature>
  /** When a report was witnessed (UTC ms), by `lot/seat`. */
  readonly witnessed: Map<string, number>
  /** The chair's words by `lot/section`, and reasons for warnings by `lot/warning`. */
  readonly prose: Map<string, string>
  readonly justified: Map<string, string>
  readonly alarms: Map<string, Alarm>
  readonly lostSites: Set<string>
  readonly refusedWitnesses: Map<string, string>
  readonly lastFragmentMs: Map<string, number>
  /** The opening of sealed bids; in a rehearsal nothing ever happens in it. */
  readonly ceremony: CeremonyView
  /** What the rule profile asks of people: the grade of check-in, phones, appraisals. */
  people: PeopleRules
  readonly siteWords: Map<string, SiteWord>
  /** Legal persons by bidder, as the operator entered them. */
  readonly legalPersons: Map<string, string>
  /** The commitment letter that experts agree to, once it was issued. */
  letter: EventBodies['LetterIssued'] | null
  /** Duty forms by `seat/lot`, and the experts' answers to them. */
  readonly forms: Map<string, EventBodies['ExpertAppraised']>
  readonly formAnswers: Map<string, EventBodies['AppraisalAnswered']>
  /** Draws by id, in the order of their declaration. */
  readonly draws: Map<string, DrawView>
  /** Questions to bidders, more time, faults, complaints. */
  readonly asides: AsidesView
  log: LogLine[]
}

export function emptyView(): SessionView {
  return shallowReactive({
    session: '',
    tender: null,
    sites: [],
    seats: [],
    rehearsal: false,
    stage: 'gathering' as Stage,
    stageSinceMs: 0,
    paused: null,
    closed: false,
    twoToResume: false,
    members: [],
    chair: null,
    recused: shallowReactive(new Set<string>()),
    failedLots: shallowReactive(new Map()),
    bookings: shallowReactive(new Map()),
    proposals: shallowReactive(new Map()),
    votes: shallowReactive(new Map()),
    corrections: shallowReactive(new Map()),
    documents: shallowReactive(new Map()),
    openedParts: shallowReactive(new Map()),
    seatFacts: shallowReactive(new Map()),
    cells: shallowReactive(new Map()),
    locks: shallowReactive(new Map()),
    findings: shallowReactive(new Map()),
    answers: shallowReactive(new Map()),
    reopened: shallowReactive(new Set<string>()),
    unlocked: shallowReactive(new Set<string>()),
    sheets: shallowReactive(new Map()),
    reviews: shallowReactive(new Map()),
    prices: shallowReactive(new Map()),
    pricing: shallowReactive(new Map()),
    rankings: shallowReactive(new Map()),
    marks: shallowReactive(new Map()),
    settled: shallowReactive(new Map()),
    awards: shallowReactive(new Map()),
    reports: shallowReactive(new Map()),
    signatures: shallowReactive(new Map()),
    witnessed: shallowReactive(new Map()),
    prose: shallowReactive(new Map()),
    justified: shallowReactive(new Map()),
    alarms: shallowReactive(new Map()),
    lostSites: shallowReactive(new Set<string>()),
    refusedWitnesses: shallowReactive(new Map()),
    lastFragmentMs: shallowReactive(new Map()),
    people: NO_RULES,
    siteWords: shallowReactive(new Map()),
    legalPersons: shallowReactive(new Map()),
    letter: null,
    forms: shallowReactive(new Map()),
    formAnswers: shallowReactive(new Map()),
    ceremony: emptyCeremony(),
    draws: shallowReactive(new Map()),
    asides: emptyAsides(),
    log: [],
  })
}

export function sheetKey(seat: string, lot: string, part: Part): string {
  return `${seat}/${lot}/${part}`
}

export function ownCellKey(lot: string, bid: string, item: string): string {
  return `${lot}/${bid}/${item}`
}

export function formKey(seat: string, lot: string): string {
  return `${seat}/${lot}`
}

function changeSeat(view: SessionView, seat: string, change: Partial<SeatFacts>): void {
  view.seatFacts.set(seat, { ...(view.seatFacts.get(seat) ?? NO_FACTS), ...change })
}

/** Fold `items` into `view`, and list those that people read. */
export function fold(view: SessionView, items: readonly FeedItem[]): void {
  for (const item of items) {
    evolveAsides(view.asides, item, view.stage)
    evolve(view, item)
  }
  const lines: LogLine[] = items.filter((item) => !UNLISTED.has(item.type))
  if (lines.length > 0) view.log = [...view.log, ...lines].slice(-LOG_LENGTH)
}

/** Fold one item; it refuses nothing: what was committed has happened. */
export function evolve(view: SessionView, item: FeedItem): void {
  switch (item.type) {
    case 'SessionOpened':
      return openSession(view, item.body, item.t)
    case 'StageChanged':
    case 'TenderFailed':
      return enterStage(view, item)
    case 'SessionAborted':
      view.paused = null
      return enterStage(view, item)
    case 'SteppedBack':
      stepBack(view, item.body.after)
      return enterStage(view, item)
    case 'ExpertReplaced':
      replaceExpert(view, item.body.seat, item.body.newcomer)
      return enterStage(view, item)
    case 'LotFailed':
      view.failedLots.set(item.body.lot, item.body.ground)
      voidAward(view, item.body.lot)
      return
    case 'BookingConfirmed':
      view.bookings.set(item.body.site, '')
      return
    case 'BookingDeclined':
      view.bookings.set(item.body.site, item.body.reason)
      return
    case 'Proposed':
      view.proposals.set(item.body.proposal, { ...item.body, by: item.actor, atMs: item.t, stage: view.stage, agreed: [], decided: null })
      return
    case 'Approved':
    case 'Vetoed':
      return decideProposal(view, item.body.proposal, item.type === 'Approved', item.actor)
    case 'VoteOpened':
      view.votes.set(item.body.vote, { ...item.body, own: null, counted: null, ballots: null })
      return
    case 'BallotCast':
      return castBallot(view, item.body.vote, item.opened?.['/choice'] ?? '')
    case 'VoteCounted':
      return countVote(view, item.body)
    case 'BallotsShown':
      return showBallots(view, item.body)
    case 'ChairElected':
      view.chair = item.body.seat
      return
    case 'ExpertRecused':
      view.recused.add(item.body.seat)
      return
    case 'SheetReopened':
      view.locks.delete(sheetKey(item.body.seat, item.body.lot, item.body.part))
      view.unlocked.delete(`${item.body.lot}/${item.body.part}`)
      return voidFindings(view, item.body.lot, item.body.part)
    case 'PriceCorrected':
      view.corrections.set(`${item.body.lot}/${item.body.bid}`, item.body)
      voidAward(view, item.body.lot)
      return
    case 'SessionPaused':
      view.paused = { reason: item.body.reason, by: item.actor, atMs: item.t, resumeMs: item.body.resume_at }
      return
    case 'SessionResumed':
      view.paused = null
      return
    case 'SessionClosed':
      view.closed = true
      return
    case 'BidImported':
      view.documents.set(item.body.bid, item.body)
      return
    case 'PricesOpened':
      view.prices.set(item.body.lot, item.body)
      return
    case 'SeatJoined':
      return changeSeat(view, item.body.seat, {
        joined: item.t,
        role: item.body.role,
        lost: false,
        occupancy: (view.seatFacts.get(item.body.seat)?.occupancy ?? 0) + 1,
      })
    case 'OccupancyConfirmed':
      return changeSeat(view, item.body.seat, { confirmed: item.body })
    case 'PhoneKept':
      return changeSeat(view, item.body.seat, { phone: item.body })
    case 'PhoneReturned':
      return changeSeat(view, item.body.seat, { phone: null })
    case 'SiteDeclared':
      view.siteWords.set(item.body.site, { ...item.body, by: item.actor, atMs: item.t })
      return
    case 'LegalPersonsEntered':
      view.legalPersons.clear()
      for (const one of item.body.persons) view.legalPersons.set(one.bidder, one.person)
      return
    case 'LetterIssued':
      view.letter = item.body
      return
    case 'ExpertAppraised':
      view.forms.set(formKey(item.body.seat, item.body.lot), item.body)
      return
    case 'AppraisalAnswered':
      view.formAnswers.set(formKey(item.body.seat, item.body.lot), item.body)
      return
    case 'SeatTested':
      return changeSeat(view, item.body.seat, { tested: item.body.results })
    case 'SeatLost':
      return changeSeat(view, item.body.seat, { lost: true })
    case 'SeatReturned':
      return changeSeat(view, item.body.seat, { lost: false })
    case 'DisciplineAccepted':
      return changeSeat(view, item.body.seat, { disciplined: true })
    case 'ScoreEntered':
      return enterScore(view, item.body, item.opened)
    case 'SheetLocked':
      view.locks.set(sheetKey(item.actor, item.body.lot, item.body.part), item.body.digest)
      view.reopened.delete(sheetKey(item.actor, item.body.lot, item.body.part))
      return
    case 'GroupUnlocked':
      view.unlocked.add(`${item.body.lot}/${item.body.part}`)
      for (const sheet of item.body.sheets ?? []) {
        view.locks.set(sheetKey(sheet.seat, item.body.lot, item.body.part), sheet.digest)
      }
      return
    case 'SheetOpened':
      return openSheet(view, item.body)
    case 'FindingRaised':
      return raiseFinding(view, item.body)
    case 'FindingAnswered':
      view.answers.set(answerKey(item.body.finding, item.actor), { stand: item.body.stand, reason: item.opened?.['/reason'] ?? '' })
      return
    case 'BidsReviewed':
      view.reviews.set(item.body.lot, item.body)
      return
    case 'PricesComputed':
      view.pricing.set(item.body.lot, item.body)
      return
    case 'RankingComputed':
      view.rankings.set(item.body.lot, item.body)
      return
    case 'MarksSummed':
      return sumMarks(view, item.body)
    case 'TieSettled':
      view.settled.set(item.body.lot, [...(view.settled.get(item.body.lot) ?? []), item.body])
      return
    case 'LotAwarded':
      view.awards.set(item.body.lot, item.body)
      return
    case 'ReportEdited':
      view.prose.set(`${item.body.lot}/${item.body.section}`, item.body.text)
      return
    case 'WarningJustified':
      view.justified.set(`${item.body.lot}/${item.body.warning}`, item.body.reason)
      return
    case 'ReportMade':
      view.reports.set(item.body.lot, item.body.sha256)
      return
    case 'ReportSigned':
      view.signatures.set(`${item.body.lot}/${item.actor}`, { stand: item.body.stand ?? null, reason: item.body.reason ?? '', atMs: item.t })
      return
    case 'AgreementDeemed':
      view.signatures.set(`${item.body.lot}/${item.body.seat}`, { stand: 'deemed', reason: item.body.reason ?? '', atMs: item.t })
      return
    case 'ReportWitnessed':
      view.witnessed.set(`${item.body.lot}/${item.actor}`, item.t)
      return
    case 'AlarmRaised':
      view.alarms.set(item.body.alarm, { ...item.body, site: item.site, raisedMs: item.t, closed: null })
      return
    case 'AlarmClosed':
      return closeAlarm(view, item.body, item.actor, item.t)
    case 'SiteLost':
      view.lostSites.add(item.body.site)
      return
    case 'SiteReturned':
      view.lostSites.delete(item.body.site)
      return
    case 'WitnessRefused':
      view.refusedWitnesses.set(item.body.site, item.body.reason)
      return
    case 'FragmentRecorded':
      view.lastFragmentMs.set(item.body.track, item.t)
      return
    case 'TrackStarted':
    case 'FormatChanged':
    case 'GapDeclared':
    case 'ReelClosed':
    case 'ReelReceived':
    case 'TrackEnded':
    case 'ClockMapped':
    case 'SiteOffsetMeasured':
    case 'CheckpointCosigned':
    case 'WitnessLate':
      return
    case 'TrusteeKeyPublished':
    case 'PolicyDrafted':
    case 'PolicySigned':
    case 'SubmissionsOpened':
    case 'BidSubmitted':
    case 'BidAcknowledged':
    case 'BidWithdrawn':
    case 'CoverMade':
    case 'BidsClosed':
    case 'OpeningAborted':
    case 'OfficerSteppedUp':
    case 'WindowOpened':
    case 'WindowExtended':
    case 'HalfReleased':
    case 'ShareReleased':
    case 'WindowClosed':
    case 'BidJudged':
    case 'OpeningRecorded':
    case 'PartKeyPublished':
    case 'PartKeySealed':
    case 'PriceRead':
    case 'RecordConfirmed':
    case 'CeremonyPaused':
    case 'CeremonyResumed':
    case 'KeysDestroyed':
    case 'KeysNotDestroyed':
      return evolveCeremony(view.ceremony, item)
    case 'BidAdmitted':
      evolveCeremony(view.ceremony, item)
      return admitBid(view, item.body)
    case 'DrawDeclared':
    case 'DrawCommitted':
    case 'DrawRevealed':
    case 'DrawMade':
    case 'DrawVoided':
    case 'DrawContinued':
    case 'RosterSealed':
    case 'RosterUnsealed':
      return evolveDraws(view.draws, item)
    case 'GapExplained':
      return // the list of events says it; what is left undeclared comes with the report
    case 'DarkBidAdmitted':
      return admitDarkBid(view, item.body)
    case 'DarkBidNamed':
      evolveCeremony(view.ceremony, item)
      return nameBid(view, item.body)
    case 'QuestionDrafted':
    case 'QuestionSent':
    case 'QuestionRelayed':
    case 'QuestionAnswered':
    case 'AnswerEntered':
    case 'QuestionUnanswered':
    case 'MoreTimeAsked':
    case 'MoreTimeGranted':
    case 'FaultDeclared':
    case 'FaultMended':
    case 'FaultSettled':
    case 'ComplaintOpened':
    case 'SupplementSigned':
    case 'ComplaintClosed':
      return // `evolveAsides` took it in
    default:
      // A newer node may know more types; a page that refused them could not be left open over an update.
      item satisfies never
  }
}

function openSession(view: SessionView, body: EventBodies['SessionOpened'], at: number): void {
  view.session = body.session
  view.tender = body.tender ?? null
  view.sites = body.sites ?? []
  view.seats = body.seats ?? []
  view.rehearsal = body.rehearsal ?? false
  view.stage = view.rehearsal ? 'gathering' : 'planned'
  // Of the profile's TOML the pages need this one key; everything else is the host's to know.
  view.twoToResume = /^\s*second_person\s*=\s*true\s*(#.*)?$/m.test(body.profile)
  view.people = readRules(body.profile)
  view.members = view.seats.filter((seat) => seat.role === 'expert' && !seat.reserve).map((seat) => seat.code)
  view.stageSinceMs = at
}

function enterStage(view: SessionView, item: FeedItem): void {
  view.stage = stageAfter(item) ?? view.stage
  view.stageSinceMs = item.t
  // A proposal lapses with the stage it was made in.
  for (const [id, one] of view.proposals) if (one.decided === null && one.stage !== view.stage) view.proposals.delete(id)
}

/** Void what was concluded from a stage on; its own sheets are open again (evalroom/session.py, `_keep_step_back`). */
function stepBack(view: SessionView, after: Stage): void {
  const part = partOf(after)
  for (const key of [...view.locks.keys()]) {
    if (after === 'preliminary' || (part !== null && key.endsWith(`/${part}`))) view.locks.delete(key)
  }
  if (after === 'preliminary') {
    const preliminary = new Set((view.tender?.lots ?? []).flatMap((lot) => itemsOf(lot, 'preliminary')).map((item) => item.id))
    for (const [key, cell] of [...view.cells]) if (!preliminary.has(cell.commits.item)) view.cells.delete(key)
  }
  voidConclusions(view, after)
}

function replaceExpert(view: SessionView, seat: string, newcomer: string): void {
  view.members = view.members.map((one) => (one === seat ? newcomer : one))
  view.recused.delete(seat)
  if (view.chair === seat) view.chair = null
  for (const key of [...view.locks.keys()]) if (key.startsWith(`${seat}/`)) view.locks.delete(key)
  for (const [id, vote] of [...view.votes]) if (vote.counted === null && vote.voters.includes(seat)) view.votes.delete(id)
  voidConclusions(view, 'preliminary')
}

function voidConclusions(view: SessionView, stage: Stage): void {
  const at = STAGES.indexOf(stage)
  if (stage === 'preliminary' || stage === 'detailed') voidFindings(view, null, stage === 'preliminary' ? null : stage)
  if (stage === 'preliminary') {
    view.reviews.clear()
    view.unlocked.clear()
    view.sheets.clear()
    for (const [lot, ground] of [...view.failedLots]) {
      if (ground === 'all_rejected' || ground === 'no_competition' || ground === 'no_price') view.failedLots.delete(lot)
    }
  }
  if (stage === 'detailed') for (const key of [...view.unlocked]) if (key.endsWith('/detailed')) view.unlocked.delete(key)
  if (at <= STAGES.indexOf('pricing')) {
    view.prices.clear()
    view.pricing.clear()
  }
  if (at <= STAGES.indexOf('summary')) {
    for (const lot of [...view.rankings.keys()]) voidAward(view, lot)
    view.rankings.clear()
    view.marks.clear()
  }
  view.reports.clear()
  view.signatures.clear()
  view.witnessed.clear()
  if (stage !== 'reporting') view.justified.clear()
}

function decideProposal(view: SessionView, proposal: string, approved: boolean, by: string): void {
  const waiting = view.proposals.get(proposal)
  if (waiting === undefined) return
  const role = view.seats.find((seat) => seat.code === by)?.role
  const agreed = role === undefined || !approved ? waiting.agreed : [...waiting.agreed, role]
  // A question may want two more persons (profile, `clarification.approval`); anything else is decided by one.
  const open = approved && waiting.act.kind === 'release_question' && view.asides.rules.approval === 'both' && agreed.length < 2
  view.proposals.set(proposal, { ...waiting, agreed, decided: open ? null : { approved, by } })
}

function castBallot(view: SessionView, vote: string, choice: string): void {
  const open = view.votes.get(vote)
  if (open !== undefined) view.votes.set(vote, { ...open, own: choice })
}

function countVote(view: SessionView, body: EventBodies['VoteCounted']): void {
  const open = view.votes.get(body.vote)
  if (open !== undefined) view.votes.set(body.vote, { ...open, counted: body })
}

function showBallots(view: SessionView, body: EventBodies['BallotsShown']): void {
  const open = view.votes.get(body.vote)
  if (open !== undefined) view.votes.set(body.vote, { ...open, ballots: body.ballots })
}

/** Take in how marks were summed; it comes in pieces, of which the first alone has the marks. */
function sumMarks(view: SessionView, body: FeedBodies['MarksSummed']): void {
  const known = view.marks.get(body.lot)
  const more = body.marks.length === 0 && known !== undefined
  view.marks.set(body.lot, more ? { ...known, cells: [...known.cells, ...body.cells] } : body)
}

/** What was settled and voted on a lot's ranking is void. */
function voidAward(view: SessionView, lot: string): void {
  view.settled.delete(lot)
  view.awards.delete(lot)
  for (const [id, vote] of [...view.votes]) if (vote.question === 'award' && vote.lot === lot) view.votes.delete(id)
}

/** Return the candidates that the last round of the vote on a lot's award left tied, until that is settled. */
export function awardTied(view: SessionView, lot: string): readonly string[] {
  const vote = [...view.votes.values()].find((one) => one.question === 'award' && one.lot === lot)
  return view.awards.has(lot) ? [] : (vote?.counted?.tied ?? [])
}

/** Return the bids of a lot whose order is still open: those a vote left tied, or else the ranking. */
export function tiedIn(view: SessionView, lot: string): readonly string[] {
  const voted = awardTied(view, lot)
  return voted.length > 0 ? voted : (view.rankings.get(lot)?.ties ?? [])
}

/** A sealed bid, once opened, joins the bids of its lot. */
function admitBid(view: SessionView, body: EventBodies['BidAdmitted']): void {
  view.openedParts.set(body.bid, readable(body.documents))
  changeBids(view, body.lot, (bids) => [...bids, { id: body.bid, bidder: body.bidder }])
}

/** In a dark lot a bid goes by its code, and what is read of it names nobody. */
function admitDarkBid(view: SessionView, body: EventBodies['DarkBidAdmitted']): void {
  view.openedParts.set(body.bid, view.tender?.lots.find((lot) => lot.id === body.lot)?.dark ?? [])
  changeBids(view, body.lot, (bids) => [...bids, { id: body.bid, bidder: '' }])
}

function nameBid(view: SessionView, body: FeedBodies['DarkBidNamed']): void {
  view.openedParts.set(body.bid, readable(body.documents))
  changeBids(view, body.lot, (bids) => bids.map((bid) => (bid.id === body.bid ? { ...bid, bidder: body.bidder } : bid)))
}

function readable(documents: readonly OpenedPart[] | undefined): PartName[] {
  return (documents ?? []).map(({ part }) => part).filter((part) => READABLE.has(part))
}

function changeBids(view: SessionView, id: string, change: (bids: Bid[]) => Bid[]): void {
  if (!view.tender) return
  const lots = view.tender.lots.map((lot) => (lot.id === id ? { ...lot, bids: change(lot.bids) } : lot))
  view.tender = { ...view.tender, lots }
}

function enterScore(view: SessionView, body: EventBodies['ScoreEntered'], opened?: Record<string, string>): void {
  const value = opened?.['/value']
  if (value === undefined) return
  const commits = {
    bid: body.bid,
    item: body.item,
    revision: body.revision,
    value: body.value.commit,
    reason: body.reason.commit,
  }
  const cell: OwnCell = { revision: body.revision, value, reason: opened?.['/reason'] ?? '', commits }
  view.cells.set(ownCellKey(body.lot, body.bid, body.item), cell)
}

function openSheet(view: SessionView, body: FeedBodies['SheetOpened']): void {
  const key = sheetKey(body.seat, body.lot, body.part)
  const sheet = new Map(view.sheets.get(key))
  for (const [bid, item, , value, reason] of body.cells) sheet.set(`${bid}/${item}`, { value, reason })
  view.sheets.set(key, sheet)
}

export function answerKey(finding: string, seat: string): string {
  return `${finding}/${seat}`
}

/** Void what was asked about sheets that are open again as a whole, of one lot and part or of all (null). */
function voidFindings(view: SessionView, lot: string | null, part: Part | null): void {
  for (const [name, { body }] of view.findings) {
    if ((lot ?? body.lot) === body.lot && (part ?? body.part) === body.part) view.findings.delete(name)
  }
  for (const key of [...view.reopened]) {
    const [, of, about] = key.split('/')
    if ((lot ?? of) === of && (part ?? about) === about) view.reopened.delete(key)
  }
}

/** Keep a question; one about an objective item opens the sheets of those who are asked for its cell. */
function raiseFinding(view: SessionView, body: EventBodies['FindingRaised']): void {
  const before = view.cells.get(ownCellKey(body.lot, body.bid, body.item))?.value ?? ''
  view.findings.set(body.finding, { body, before })
  if (body.code !== 'objective_differs') return
  for (const seat of body.seats) {
    view.locks.delete(sheetKey(seat, body.lot, body.part))
    view.reopened.add(sheetKey(seat, body.lot, body.part))
  }
}

function closeAlarm(view: SessionView, body: EventBodies['AlarmClosed'], by: string, atMs: number): void {
  const alarm = view.alarms.get(body.alarm)
  if (alarm !== undefined) view.alarms.set(body.alarm, { ...alarm, closed: { by, note: body.note, atMs } })
}

/** What `seat` was asked and has not answered, oldest first. */
export function openFindings(view: SessionView, seat: string): RaisedFinding[] {
  return [...view.findings.values()].filter(({ body }) => body.seats.includes(seat) && !view.answers.has(answerKey(body.finding, seat)))
}

// --- questions the pages ask -----------------------------------------------------------------------------

/** Bids of `lot` that are still in the evaluation. */
export function bidsInPlay(view: SessionView, lot: Lot): Bid[] {
  const rejected = new Set((view.reviews.get(lot.id)?.votes ?? []).filter((vote) => vote.rejected).map((vote) => vote.bid))
  return lot.bids.filter((bid) => !rejected.has(bid.id))
}

/** A code name of a dark lot (evalroom/sealing/dark.py). */
const CODE = /^T-[0-9A-HJKMNP-TV-Z]{3}$/

/** By which name a bid goes: its bidder's; in a dark lot its code, and once the bidder is told both, for it was scored by the code. */
export function titleOf(bid: Bid): string {
  if (bid.bidder === '') return bid.id
  return CODE.test(bid.id) ? `${bid.bidder} ${bid.id}` : bid.bidder
}

/** Whether the bidders of a lot are hidden still. */
export function isDark(lot: Lot): boolean {
  return (lot.dark ?? []).length > 0 && lot.bids.every((bid) => bid.bidder === '')
}

export function itemsOf(lot: Lot, part: Part): Item[] {
  return lot.items.filter((item) => item.part === part)
}

/** The part whose sheets are filled in at `stage`, or null when no sheet is open. */
export function partOf(stage: Stage): Part | null {
  return stage === 'preliminary' || stage === 'detailed' ? stage : null
}

/** Members who stand to the reports: all; of a tender that failed early, who had accepted the commitment. */
export function signatories(view: SessionView): string[] {
  return view.members.filter((seat) => view.stage !== 'failed' || view.seatFacts.get(seat)?.disciplined === true)
}

/** Own filled cells of a lot and part, as the digest wants them. */
export function committedCells(view: SessionView, lot: Lot, part: Part): CommittedCell[] {
  const items = new Set(itemsOf(lot, part).map((item) => item.id))
  const cells: CommittedCell[] = []
  for (const [key, cell] of view.cells) {
    if (key.startsWith(`${lot.id}/`) && items.has(cell.commits.item) && cell.value !== '') cells.push(cell.commits)
  }
  return cells
}

/** The address of a bid's document, of an opened bid that of one part; null while there is none. */
export function documentUrl(view: SessionView, bid: string, part: PartName | null): string | null {
  const path = `/api/v1/documents/${encodeURIComponent(bid)}`
  if (view.documents.has(bid)) return path
  return part !== null && (view.openedParts.get(bid) ?? []).includes(part) ? `${path}?part=${part}` : null
}
