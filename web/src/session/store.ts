// The session as the pages see it: the fold of the feed, the cells with what is still on its way, the link, the
// clock. No component talks to the socket; they read here and call what stands at the end.

import { defineStore } from 'pinia'
import { computed, reactive, ref, shallowReactive, shallowRef } from 'vue'

import { type Cell, cellKey, type CellState, EMPTY_CELL } from '@/grid/cells'
import { type Me, whoAmI } from '@/link/api'
import type { LinkState } from '@/link/connection'
import { loadDrafts, saveDraft } from '@/link/drafts'
import { seal } from '@/proof/commitment'
import type { FromSeat, Offer, Refused, SheetProgress, Status, Submit, TrackState, Welcome } from '@/protocol/messages'
import type { EventBodies, Lot, Part, SeatCommands, SelfTestResult, Stage } from '@/protocol/room'

import type { FeedItem } from './feed'
import { type Outcome, SeatSession } from './seat'
import { resultsDigest, sheetDigest } from './sheet'
import { committedCells, emptyView, fold, itemsOf, ownCellKey, partOf, sheetKey } from './view'

/** The socket's handshake hides a 401 behind close code 1006; after this many failures the cookie is looked at. */
const FAILURES_BEFORE_ASKING = 3
const CLOCK_TICK_MS = 500

/** A clock this far off is worth a word, be it a site's or this computer's (archive.md §4). */
export const CLOCK_LIMIT_MS = 2000
const REGISTERED = 'evalroom.registered.'

/** What changes the state of cells that were entered before. */
const REFRESHING = new Set<FeedItem['type']>(['SessionOpened', 'SheetLocked', 'FindingRaised'])

type EnterScore = SeatCommands['enter_score']

export const useSession = defineStore('session', () => {
  const view = emptyView()
  const me = shallowRef<Me | null>(null)
  const link = ref<LinkState>('connecting')
  const rttMs = ref<number | null>(null)
  const clockOffsetMs = ref(0)
  const now = ref(Date.now())
  const status = shallowRef<Status | null>(null)
  const progress = shallowRef<SheetProgress[]>([])
  const hostOnline = ref(true)
  const ownSite = ref('')
  /** How often a socket was opened: whoever keeps wishes at the node says them again. */
  const welcomes = ref(0)
  const unsent = ref(0)
  const held = ref(0)
  const readOnly = ref(false)
  const ended = ref(false)
  const caughtUp = ref(false)
  const storageFault = ref<string | null>(null)
  const lastFault = shallowRef<{ code: string; message: string } | null>(null)

  /** Grid cells by lot, each map keyed `item/bid`, reactive per key. */
  const cells = reactive(new Map<string, Map<string, Cell>>())
  /** Values of own cells that are on their way, newest last, by `lot/bid/item`. */
  const onTheWay = new Map<string, { cmd: string; value: string; reason: string; revision: number; held: boolean }[]>()
  const troubles = new Map<string, { code: string; value: string; reason: string; conflict: boolean }>()

  let session: SeatSession | null = null
  let failures = 0
  let offerHandler: ((offer: Offer) => void) | null = null
  let waitingOffer: Offer | null = null

  const owner = computed(() => (me.value === null ? '' : `${me.value.session}/${me.value.seat}`))
  const part = computed(() => partOf(view.stage))
  const lots = computed(() => view.tender?.lots ?? [])
  const ownFacts = computed(() => view.seatFacts.get(me.value?.seat ?? ''))
  const registeredKey = ref<string | null>(null)
  const publicKey = ref<string | null>(null)
  const keyUnknown = computed(() => publicKey.value !== null && registeredKey.value !== publicKey.value)
  const checkedIn = computed(
    () => ownFacts.value?.joined != null && publicKey.value !== null && registeredKey.value === publicKey.value,
  )
  const openAlarms = computed(() => [...view.alarms.values()].filter((alarm) => alarm.closed === null))
  const resultsToNote = computed(() => {
    const rankings = lots.value.filter((lot) => !view.failedLots.has(lot.id)).map((lot) => view.rankings.get(lot.id))
    return rankings.length > 0 && rankings.every((ranking) => ranking !== undefined)
      ? resultsDigest(rankings as EventBodies['RankingComputed'][])
      : null
  })
  /** There is a report to write, to sign or to keep. */
  const reporting = computed(() => view.stage === 'reporting' || view.reports.size > 0)
  /** Reports are being signed: in their stage, or once the whole tender has failed, until the session is closed. */
  const signing = computed(() => view.stage === 'signing' || (view.stage === 'failed' && !view.closed))
  const tracks = computed<TrackState[]>(() => status.value?.sites.flatMap((site) => site.tracks) ?? [])

  function cellsOf(lot: string): Map<string, Cell> {
    let map = cells.get(lot)
    if (map === undefined) {
      map = shallowReactive(new Map<string, Cell>())
      cells.set(lot, map)
    }
    return map
  }

  // --- one cell: what the journal has, what is on its way, what went wrong ---------------------------------

  function refreshCell(lot: string, bid: string, item: string): void {
    cellsOf(lot).set(cellKey(item, bid), cellOf(lot, bid, item))
  }

  function cellOf(lot: string, bid: string, item: string): Cell {
    const key = ownCellKey(lot, bid, item)
    const known = view.cells.get(key)
    const last = onTheWay.get(key)?.slice(-1)[0]
    const trouble = troubles.get(key)
    const reason = last?.reason ?? trouble?.reason ?? known?.reason ?? ''
    const base = { revision: known?.revision ?? 0, reason, theirs: null, refused: null }
    if (last !== undefined) return { ...base, state: last.held ? 'held' : 'pending', value: last.value || null }
    if (trouble?.conflict) return { ...base, state: 'conflict', value: trouble.value || null, theirs: known?.value || null }
    if (trouble !== undefined) return { ...base, state: 'typing', value: trouble.value || null, refused: trouble.code }
    if (known === undefined || known.value === '') return { ...EMPTY_CELL, reason, revision: base.revision }
    return { ...base, state: settledState(lot, item), value: known.value }
  }

  function settledState(lotId: string, itemId: string): CellState {
    const lot = lots.value.find((each) => each.id === lotId)
    const item = lot?.items.find((each) => each.id === itemId)
    return item !== undefined && locked(lotId, item.part) ? 'locked' : 'saved'
  }

  function locked(lot: string, ofPart: Part): boolean {
    return view.locks.has(sheetKey(me.value?.seat ?? '', lot, ofPart))
  }

  function refreshLot(lot: Lot): void {
    for (const item of lot.items) for (const bid of lot.bids) refreshCell(lot.id, bid.id, item.id)
  }

  // --- what the seat's end tells ------------------------------------------------------------------------------

  function takeItems(items: FeedItem[]): void {
    fold(view, items)
    for (const item of items) {
      if (item.type === 'ScoreEntered') refreshCell(item.body.lot, item.body.bid, item.body.item)
      else if (REFRESHING.has(item.type)) lots.value.forEach(refreshLot)
    }
    caughtUp.value = true
  }

  function settle(submit: Submit): EnterScore | null {
    if (submit.command.kind !== 'enter_score') return null
    const key = ownCellKey(submit.command.lot, submit.command.bid, submit.command.item)
    const rest = (onTheWay.get(key) ?? []).filter((each) => each.cmd !== submit.command_id)
    if (rest.length > 0) onTheWay.set(key, rest)
    else onTheWay.delete(key)
    return submit.command
  }

  function acknowledged(submit: Submit): void {
    if (submit.command.kind === 'check_in') register(submit.command.key)
    const cell = settle(submit)
    if (cell !== null) refreshCell(cell.lot, cell.bid, cell.item)
  }

  /** Remember which key the host has taken: the feed withholds keys, and a new browser must check in anew. */
  function register(key: string | null): void {
    registeredKey.value = key
    if (key === null) localStorage.removeItem(REGISTERED + owner.value)
    else localStorage.setItem(REGISTERED + owner.value, key)
  }

  function refusedBy(submit: Submit, refusal: Refused): void {
    if (refusal.code === 'bad_act_signature') register(null)
    const cell = settle(submit)
    if (cell === null) return
    const [value, reason] = ['/value', '/reason'].map((path) => secretOf(submit, path))
    const key = ownCellKey(cell.lot, cell.bid, cell.item)
    const conflict = refusal.code === 'stale'
    troubles.set(key, { code: refusal.code, value: value ?? '', reason: reason ?? '', conflict })
    refreshCell(cell.lot, cell.bid, cell.item)
  }

  function secretOf(submit: Submit, path: string): string {
    return submit.secrets?.find((secret) => secret.path === path)?.value ?? ''
  }

  /** Count what is unsent, and show cells of a former tab that are still on their way. */
  function outboxChanged(): void {
    const pending = session?.pending() ?? []
    unsent.value = pending.length
    held.value = pending.filter((each) => each.progress === 'held').length
    for (const { submit, progress: how } of pending) {
      if (submit.command.kind !== 'enter_score') continue
      const { lot, bid, item, revision } = submit.command
      const queue = onTheWay.get(ownCellKey(lot, bid, item)) ?? []
      const known = queue.find((each) => each.cmd === submit.command_id)
      const isHeld = how === 'held'
      if (known === undefined) {
        const values = { value: secretOf(submit, '/value'), reason: secretOf(submit, '/reason') }
        onTheWay.set(ownCellKey(lot, bid, item), [...queue, { cmd: submit.command_id, ...values, revision, held: isHeld }])
      } else if (known.held === isHeld) continue
      else known.held = isHeld
      refreshCell(lot, bid, item)
    }
  }

  async function linkChanged(state: LinkState): Promise<void> {
    link.value = state
    failures = state === 'online' ? 0 : failures + 1
    if (failures < FAILURES_BEFORE_ASKING) return
    failures = 0
    try {
      if ((await whoAmI()) === null) ended.value = true
    } catch {
      // The node is out of reach: that is what the banner says already, and the connection goes on trying.
    }
  }

  // --- opening ------------------------------------------------------------------------------------------------

  async function open(who: Me): Promise<void> {
    me.value = who
    ended.value = false
    setInterval(() => (now.value = Date.now()), CLOCK_TICK_MS)
    try {
      session = await SeatSession.open(who, {
        welcomed,
        items: takeItems,
        acknowledged,
        refused: refusedBy,
        outboxChanged,
        linkChanged: (state) => void linkChanged(state),
        measured: measure,
        status: takeStatus,
        progress: (sheets) => (progress.value = sheets),
        offered: (offer) => (offerHandler === null ? (waitingOffer = offer) : offerHandler(offer)),
        readOnly: (value) => (readOnly.value = value),
        faulted: (code, message) => (lastFault.value = { code, message }),
        ended: () => (ended.value = true),
      })
    } catch (error) {
      storageFault.value = String(error)
      return
    }
    publicKey.value = session.publicKey
    registeredKey.value = localStorage.getItem(REGISTERED + owner.value)
    outboxChanged()
    session.start()
    window.addEventListener('online', () => session?.retryNow())
  }

  function welcomed(welcome: Welcome): void {
    hostOnline.value = welcome.host_online
    ownSite.value = welcome.site
    welcomes.value += 1
  }

  function measure(rtt: number, offset: number): void {
    // The shortest round trip bounds the error best; a slow one may only confirm.
    if (rttMs.value === null || rtt <= rttMs.value * 2) clockOffsetMs.value = offset
    rttMs.value = rtt
  }

  function takeStatus(message: Status): void {
    status.value = message
    hostOnline.value = message.sites.find((site) => site.site === ownSite.value)?.link !== 'offline'
  }

  // --- what the pages ask for ---------------------------------------------------------------------------------

  function give<Kind extends keyof SeatCommands>(kind: Kind, body: SeatCommands[Kind]): Promise<Outcome> {
    if (session === null) return Promise.reject(new Error('not connected to a session'))
    return session.give(kind, () => ({ body, secrets: [] }))
  }

  function enterScore(lot: string, bid: string, item: string, value: string, reason?: string): Promise<Outcome> {
    if (session === null || me.value === null) return Promise.reject(new Error('not connected to a session'))
    const { session: id } = me.value
    const key = ownCellKey(lot, bid, item)
    const queue = onTheWay.get(key) ?? []
    const last = queue[queue.length - 1]
    const known = view.cells.get(key)
    const why = reason ?? troubles.get(key)?.reason ?? last?.reason ?? known?.reason ?? ''
    const revision = (last?.revision ?? known?.revision ?? 0) + 1
    const entry = { cmd: '', value, reason: why, revision, held: false }
    onTheWay.set(key, [...queue, entry])
    troubles.delete(key)
    refreshCell(lot, bid, item)
    const given = session.give('enter_score', (cmd) => {
      entry.cmd = cmd
      const [sealed, because] = [seal(id, cmd, '/value', value), seal(id, cmd, '/reason', why)]
      const body = { lot, bid, item, revision, value: sealed.commitment, reason: because.commitment }
      return { body, secrets: [sealed.secret, because.secret] }
    })
    return given.catch((error: unknown) => unkept(key, { lot, bid, item }, entry, error))
  }

  /** The browser could not keep the entry: say so in the cell, instead of letting it wait for ever. */
  function unkept(
    key: string,
    cell: { lot: string; bid: string; item: string },
    entry: { cmd: string; value: string; reason: string },
    error: unknown,
  ): Outcome {
    const rest = (onTheWay.get(key) ?? []).filter((each) => each !== entry)
    if (rest.length > 0) onTheWay.set(key, rest)
    else onTheWay.delete(key)
    troubles.set(key, { code: 'not_kept', value: entry.value, reason: entry.reason, conflict: false })
    storageFault.value = String(error)
    refreshCell(cell.lot, cell.bid, cell.item)
    return { done: false, code: 'not_kept', message: '', detail: {} }
  }

  /** Settle a conflict: enter our value again above the newer revision, or let the newer one stand. */
  function resolveConflict(lot: string, bid: string, item: string, choice: 'keep' | 'take'): void {
    const key = ownCellKey(lot, bid, item)
    const trouble = troubles.get(key)
    if (trouble === undefined) return
    if (choice === 'keep') void enterScore(lot, bid, item, trouble.value, trouble.reason)
    else {
      troubles.delete(key)
      refreshCell(lot, bid, item)
    }
  }

  function ownDigest(lot: Lot, ofPart: Part): string {
    return sheetDigest(committedCells(view, lot, ofPart))
  }

  /** Close one's own sheet: its digest and what is stated with it (evalroom/checks.py) go into the journal. */
  function lockSheet(lot: Lot, ofPart: Part, text: string): Promise<Outcome> {
    if (session === null || me.value === null) return Promise.reject(new Error('not connected to a session'))
    const { session: id } = me.value
    return session.give('lock_sheet', (cmd) => {
      const stated = seal(id, cmd, '/statement', text)
      const body = { lot: lot.id, part: ofPart, digest: ownDigest(lot, ofPart), statement: stated.commitment }
      return { body, secrets: [stated.secret] }
    })
  }

  /** Answer what was asked once all sheets were locked: whether the own value stands, and why. */
  function answerFinding(finding: string, stand: boolean, reason: string): Promise<Outcome> {
    if (session === null || me.value === null) return Promise.reject(new Error('not connected to a session'))
    const { session: id } = me.value
    return session.give('answer_finding', (cmd) => {
      const because = seal(id, cmd, '/reason', reason)
      return { body: { finding, stand, reason: because.commitment }, secrets: [because.secret] }
    })
  }

  /** Filled and total cells of one's own sheet, as the journal has them. */
  function filled(lot: Lot, ofPart: Part, bids: number): { filled: number; total: number } {
    return { filled: committedCells(view, lot, ofPart).length, total: itemsOf(lot, ofPart).length * bids }
  }

  function checkIn(): Promise<Outcome> {
    if (session === null || me.value === null) return Promise.reject(new Error('not connected to a session'))
    return give('check_in', { seat: me.value.seat, role: me.value.role, key: session.publicKey })
  }

  function passSelfTest(results: SelfTestResult[]): Promise<Outcome> {
    return give('pass_self_test', { seat: me.value?.seat ?? '', results })
  }

  function advance(after: Stage, reason: string): Promise<Outcome> {
    return give('advance_stage', { before: view.stage, after, reason })
  }

  async function importBid(bid: Omit<SeatCommands['import_bid'], 'price'>, priceFen: string): Promise<Outcome> {
    if (session === null || me.value === null) throw new Error('not connected to a session')
    const { session: id } = me.value
    return session.give('import_bid', (cmd) => {
      const { commitment, secret } = seal(id, cmd, '/price', priceFen)
      return { body: { ...bid, price: commitment }, secrets: [secret] }
    })
  }

  /** Vote; the choice is committed, so that nobody learns it before the count, and who chose what never. */
  async function castBallot(vote: string, round: number, choice: string): Promise<Outcome> {
    if (session === null || me.value === null) throw new Error('not connected to a session')
    const { session: id } = me.value
    return session.give('cast_ballot', (cmd) => {
      const { commitment, secret } = seal(id, cmd, '/choice', choice)
      return { body: { vote, round, choice: commitment }, secrets: [secret] }
    })
  }

  function send(message: FromSeat): boolean {
    return session?.send(message) ?? false
  }

  /** Hand offers of the node to `handler`, the one that came before it was there included. */
  function onOffer(handler: (offer: Offer) => void): void {
    offerHandler = handler
    if (waitingOffer !== null) handler(waitingOffer)
    waitingOffer = null
  }

  return {
    view, me, link, rttMs, clockOffsetMs, now, status, progress, hostOnline, ownSite, welcomes, unsent, held, readOnly, ended, caughtUp,
    storageFault, lastFault, owner, part, lots, ownFacts, keyUnknown, checkedIn, openAlarms, tracks, reporting, signing, resultsToNote,
    cellsOf, locked, open, give, enterScore, resolveConflict, ownDigest, lockSheet, answerFinding, filled, checkIn, passSelfTest,
    advance, importBid, castBallot, send, onOffer,
    setGeneration: (generation: number) => session?.setGeneration(generation),
    takeOver: () => session?.takeOver(),
    retryNow: () => session?.retryNow(),
    drafts: () => loadDrafts(owner.value),
    saveDraft: (cell: string, text: string | null) => saveDraft(owner.value, cell, text),
    serverNow: computed(() => now.value + clockOffsetMs.value),
  }
})
