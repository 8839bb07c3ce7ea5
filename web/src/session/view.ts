// What this person may know of the session: a fold of the feed, item by item. `evolve` holds every change of
// state and no rule; whatever the rules forbid was refused before it became an item.

import { shallowReactive } from 'vue'

import type { Bid, EventBodies, Item, Lot, OpenedPart, Part, PartName, Role, Seat, SelfTestResult, Site, Stage, Tender } from '@/protocol/room'

import { type CeremonyView, emptyCeremony, evolveCeremony } from './ceremony'
import type { FeedBodies, FeedItem } from './feed'
import type { CommittedCell } from './sheet'

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
}

const NO_FACTS: SeatFacts = { joined: null, role: null, tested: null, disciplined: false, lost: false }

export interface Alarm {
  readonly alarm: string
  readonly code: string
  readonly seat: string
  readonly site: string
  readonly text: string
  readonly raisedMs: number
  readonly closed: { readonly by: string; readonly note: string; readonly atMs: number } | null
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
  paused: { reason: string; by: string; atMs: number } | null
  closed: boolean
  readonly documents: Map<string, Document>
  /** Documents of an opened bid, by bid: names of its parts. */
  readonly openedParts: Map<string, readonly PartName[]>
  readonly seatFacts: Map<string, SeatFacts>
  /** Own cells by `lot/bid/item`. */
  readonly cells: Map<string, OwnCell>
  /** Digest by `seat/lot/part`. */
  readonly locks: Map<string, string>
  /** `lot/part` once the committee's view is open. */
  readonly unlocked: Set<string>
  /** Values of every member's sheet after the unlock, by `seat/lot/part`, then `bid/item`. */
  readonly sheets: Map<string, Map<string, { value: string; reason: string }>>
  readonly reviews: Map<string, FeedBodies['BidsReviewed']>
  readonly prices: Map<string, FeedBodies['PricesOpened']>
  readonly pricing: Map<string, FeedBodies['PricesComputed']>
  readonly rankings: Map<string, FeedBodies['RankingComputed']>
  readonly signatures: Map<string, { digest: string; dissent: string; atMs: number }>
  readonly alarms: Map<string, Alarm>
  readonly lostSites: Set<string>
  readonly refusedWitnesses: Map<string, string>
  readonly lastFragmentMs: Map<string, number>
  /** The opening of sealed bids; in a rehearsal nothing ever happens in it. */
  readonly ceremony: CeremonyView
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
    documents: shallowReactive(new Map()),
    openedParts: shallowReactive(new Map()),
    seatFacts: shallowReactive(new Map()),
    cells: shallowReactive(new Map()),
    locks: shallowReactive(new Map()),
    unlocked: shallowReactive(new Set<string>()),
    sheets: shallowReactive(new Map()),
    reviews: shallowReactive(new Map()),
    prices: shallowReactive(new Map()),
    pricing: shallowReactive(new Map()),
    rankings: shallowReactive(new Map()),
    signatures: shallowReactive(new Map()),
    alarms: shallowReactive(new Map()),
    lostSites: shallowReactive(new Set<string>()),
    refusedWitnesses: shallowReactive(new Map()),
    lastFragmentMs: shallowReactive(new Map()),
    ceremony: emptyCeremony(),
    log: [],
  })
}

export function sheetKey(seat: string, lot: string, part: Part): string {
  return `${seat}/${lot}/${part}`
}

export function ownCellKey(lot: string, bid: string, item: string): string {
  return `${lot}/${bid}/${item}`
}

function changeSeat(view: SessionView, seat: string, change: Partial<SeatFacts>): void {
  view.seatFacts.set(seat, { ...(view.seatFacts.get(seat) ?? NO_FACTS), ...change })
}

/** Fold `items` into `view`, and list those that people read. */
export function fold(view: SessionView, items: readonly FeedItem[]): void {
  for (const item of items) evolve(view, item)
  const lines: LogLine[] = items.filter((item) => !UNLISTED.has(item.type))
  if (lines.length > 0) view.log = [...view.log, ...lines].slice(-LOG_LENGTH)
}

/** Fold one item; it refuses nothing: what was committed has happened. */
export function evolve(view: SessionView, item: FeedItem): void {
  switch (item.type) {
    case 'SessionOpened':
      return openSession(view, item.body, item.t)
    case 'StageChanged':
      view.stage = item.body.after
      view.stageSinceMs = item.t
      return
    case 'SessionPaused':
      view.paused = { reason: item.body.reason, by: item.actor, atMs: item.t }
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
      return changeSeat(view, item.body.seat, { joined: item.t, role: item.body.role, lost: false })
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
      return
    case 'GroupUnlocked':
      view.unlocked.add(`${item.body.lot}/${item.body.part}`)
      for (const sheet of item.body.sheets ?? []) {
        view.locks.set(sheetKey(sheet.seat, item.body.lot, item.body.part), sheet.digest)
      }
      return
    case 'SheetOpened':
      return openSheet(view, item.body)
    case 'BidsReviewed':
      view.reviews.set(item.body.lot, item.body)
      return
    case 'PricesComputed':
      view.pricing.set(item.body.lot, item.body)
      return
    case 'RankingComputed':
      view.rankings.set(item.body.lot, item.body)
      return
    case 'ReportSigned':
      view.signatures.set(item.actor, { ...item.body, atMs: item.t })
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
    case 'PriceRead':
    case 'RecordConfirmed':
    case 'CeremonyPaused':
    case 'CeremonyResumed':
    case 'KeysDestroyed':
      return evolveCeremony(view.ceremony, item)
    case 'BidAdmitted':
      evolveCeremony(view.ceremony, item)
      return admitBid(view, item.body)
    case 'DarkBidAdmitted':
      return admitDarkBid(view, item.body)
    case 'DarkBidNamed':
      evolveCeremony(view.ceremony, item)
      return nameBid(view, item.body)
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
  view.stage = view.rehearsal ? 'gathering' : 'receiving'
  view.stageSinceMs = at
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

function closeAlarm(view: SessionView, body: EventBodies['AlarmClosed'], by: string, atMs: number): void {
  const alarm = view.alarms.get(body.alarm)
  if (alarm !== undefined) view.alarms.set(body.alarm, { ...alarm, closed: { by, note: body.note, atMs } })
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
