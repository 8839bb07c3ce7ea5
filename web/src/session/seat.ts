// One seat's end of the session: connection, feed, outbox and signing key put together. It turns what a person
// does into signed commands that arrive exactly once, and what the feed says into items for the fold.

import type { Me } from '@/link/api'
import { Connection, type LinkState, type Socket } from '@/link/connection'
import { openDatabase } from '@/link/database'
import { Outbox, type Pending } from '@/link/outbox'
import { randomBytes, toHex } from '@/proof/bytes'
import { SeatKey } from '@/proof/signing'
import type { Entries, FromSeat, Offer, Refused, SheetProgress, Status, Submit, ToSeat, Welcome } from '@/protocol/messages'
import { ACTS, type CommandKind, type SeatCommands, type Secret } from '@/protocol/room'

import { Feed, type FeedItem } from './feed'

const SITE = 'evalroom.site.'

export interface SeatEvents {
  welcomed(welcome: Welcome): void
  items(items: FeedItem[]): void
  /** The command reached the journal; its item, if any, was handed over before. */
  acknowledged(submit: Submit, number: number): void
  refused(submit: Submit, refusal: Refused): void
  outboxChanged(): void
  linkChanged(state: LinkState): void
  measured(rttMs: number, offsetMs: number): void
  status(status: Status): void
  progress(sheets: SheetProgress[]): void
  offered(offer: Offer): void
  /** Another window holds the pen (true), or it came back to this one (false). */
  readOnly(readOnly: boolean): void
  faulted(code: string, message: string): void
  /** The seat cookie is no longer valid: log in again. */
  ended(code: number, reason: string): void
}

export type Outcome =
  | { readonly done: true; readonly number: number }
  | { readonly done: false; readonly code: string; readonly message: string; readonly detail: Refused['detail'] }

/** The body of a command and the openings of its commitments, made for a command id. */
export type Draft<Kind extends CommandKind> = (cmd: string) => { body: SeatCommands[Kind]; secrets: Secret[] }

/** Reasons, in a close with 1008, after which the same cookie will never be let in again. */
const FINAL_REASONS = new Set(['not_seated', 'not_permitted'])
const POLICY = 1008

/** How a socket is asked for: with or without taking the pen, and with the media connection still alive here. */
export interface SocketWish {
  readonly take: boolean
  readonly generation: number
}

export class SeatSession {
  readonly #connection: Connection
  readonly #feed: Feed
  readonly #waiting = new Map<string, (outcome: Outcome) => void>()
  #giving: Promise<unknown> = Promise.resolve()
  #welcomed = false
  #readOnly = false
  #take = false
  /** Where the seat stands, as the node says; signatures name it. */
  #site: string | null
  #siteKnown: (() => void)[] = []
  #generation = 0
  /** What the node told of commands and the journal is carried out in the order it came: digests take their time. */
  #turn: Promise<void> = Promise.resolve()
  /** A broken feed was asked for again: what was already on its way then looks like holes. */
  #rereading = false

  private constructor(
    private readonly me: Me,
    private readonly outbox: Outbox,
    private readonly key: SeatKey,
    private readonly events: SeatEvents,
    openSocket: (wish: SocketWish) => Socket,
  ) {
    this.#site = localStorage.getItem(SITE + this.#owner)
    this.#feed = new Feed(me.session, me.seat)
    this.#connection = new Connection(() => openSocket({ take: this.#take, generation: this.#generation }), {
      opened: () => undefined,
      received: (message) => this.#receive(message),
      stateChanged: (state) => events.linkChanged(state),
      measured: (rtt, offset) => events.measured(rtt, offset),
      unsent: () => outbox.size,
      closed: (code, reason) => this.#closed(code, reason),
    })
  }

  /** Open what this browser keeps for the seat and begin to connect; rejects when it can keep nothing. */
  static async open(me: Me, events: SeatEvents, openSocket = openSeatSocket): Promise<SeatSession> {
    const database = await openDatabase()
    const owner = `${me.session}/${me.seat}`
    const [outbox, key] = [await Outbox.open(database, owner), await SeatKey.of(database, owner)]
    return new SeatSession(me, outbox, key, events, openSocket)
  }

  /** Say which media connection lives in this page, so that a new socket does not replace it. */
  setGeneration(generation: number): void {
    this.#generation = generation
  }

  get #owner(): string {
    return `${this.me.session}/${this.me.seat}`
  }

  start(): void {
    this.#connection.start()
  }

  stop(): void {
    this.#connection.stop()
  }

  /** The public key of this browser, as check-in registers it. */
  get publicKey(): string {
    return this.key.spki
  }

  pending(): Pending[] {
    return this.outbox.all()
  }

  retryNow(): void {
    this.#connection.retryNow()
  }

  /** Take the pen from the other window of this seat. */
  takeOver(): void {
    this.#take = true
    this.#welcomed = false
    this.#connection.stop()
    this.#connection.start()
  }

  /** Send a message that need not be kept: it is meaningless after the next reconnection. */
  send(message: FromSeat): boolean {
    return this.#welcomed && this.#connection.send(message)
  }

  /** Sign and keep a command, then send it; resolves when the host has acknowledged or refused it. */
  give<Kind extends CommandKind>(kind: Kind, draft: Draft<Kind>): Promise<Outcome> {
    const cmd = toHex(randomBytes(16))
    const settled = new Promise<Outcome>((resolve) => this.#waiting.set(cmd, resolve))
    const given = this.#giving.then(() => this.#keep(kind, cmd, draft))
    // One refused by the browser's storage must not hold up those behind it.
    this.#giving = given.catch(() => undefined)
    return given.then(() => settled)
  }

  async #keep<Kind extends CommandKind>(kind: Kind, cmd: string, draft: Draft<Kind>): Promise<void> {
    const { body, secrets } = draft(cmd)
    const site = this.#site ?? (await this.#whereabouts())
    const sig = await this.key.sign({
      actor: this.me.seat,
      body,
      cmd,
      session: this.me.session,
      site,
      type: ACTS[kind],
    })
    const command = { kind, ...body } as Submit['command']
    const submit: Submit = { kind: 'submit', command_id: cmd, command, secrets, sig, client_ms: Date.now() }
    await this.outbox.keep(submit)
    this.#send(submit)
    this.events.outboxChanged()
  }

  /** Resolve once the node has said at which site the seat stands: only before the very first welcome. */
  #whereabouts(): Promise<string> {
    return new Promise((resolve) => this.#siteKnown.push(() => resolve(this.#site ?? '')))
  }

  #send(submit: Submit): void {
    if (this.#welcomed && !this.#readOnly && this.#connection.send(submit)) this.outbox.mark(submit.command_id, 'sent')
  }

  #receive(message: ToSeat): void {
    switch (message.kind) {
      case 'welcome':
        return this.#welcome(message)
      case 'entries':
        return this.#inTurn(() => this.#takeEntries(message))
      case 'held':
        return this.#inTurn(() => this.#hold(message.command_ids))
      case 'refused':
        return this.#inTurn(() => this.#refuse(message))
      case 'offer':
        return this.events.offered(message)
      case 'progress':
        return this.events.progress(message.sheets)
      case 'status':
        return this.events.status(message)
      case 'fault':
        return this.#fault(message.code, message.message)
      case 'pong':
        return
    }
  }

  #inTurn(step: () => void | Promise<void>): void {
    const done = this.#turn.then(step)
    // A step that failed is reported as an unhandled rejection; those behind it have their turn all the same.
    this.#turn = done.then(undefined, () => undefined)
    void done.then()
  }

  #hold(commandIds: string[]): void {
    for (const id of commandIds) this.outbox.mark(id, 'held')
    this.events.outboxChanged()
  }

  #welcome(welcome: Welcome): void {
    this.#welcomed = true
    this.#rereading = false
    this.#settle(welcome.site)
    // Whoever held the pen takes it again after a cut: the old socket may still look alive to the node.
    this.#take = true
    this.#setReadOnly(false)
    this.events.welcomed(welcome)
    this.#subscribe()
    this.outbox.forgetSent()
    this.#sendAll()
  }

  #settle(site: string): void {
    this.#site = site
    localStorage.setItem(SITE + this.#owner, site)
    this.#siteKnown.splice(0).forEach((tell) => tell())
  }

  #sendAll(): void {
    for (const { submit } of this.outbox.all()) this.#send(submit)
    this.events.outboxChanged()
  }

  #subscribe(): void {
    this.#connection.send({ kind: 'subscribe', since: this.#feed.number })
  }

  async #takeEntries(entries: Entries): Promise<void> {
    const outcome = await this.#feed.take(entries)
    if (!outcome.accepted) return this.#readAgain(outcome.reason)
    this.#rereading = false
    if (outcome.items.length > 0) this.events.items(outcome.items)
    for (const [commandId, number] of entries.acks) this.#acknowledge(commandId, number)
  }

  #readAgain(reason: 'hole' | 'head'): void {
    if (reason === 'hole' && this.#rereading) return
    this.#rereading = true
    this.events.faulted(`feed_${reason}`, '')
    this.#subscribe()
  }

  #acknowledge(commandId: string, number: number): void {
    const submit = this.outbox.settle(commandId)
    if (submit !== null) this.events.acknowledged(submit, number)
    this.#waiting.get(commandId)?.({ done: true, number })
    this.#waiting.delete(commandId)
    this.events.outboxChanged()
  }

  #refuse(refusal: Refused): void {
    const submit = this.outbox.settle(refusal.command_id)
    if (submit !== null) this.events.refused(submit, refusal)
    const { code, message, detail } = refusal
    this.#waiting.get(refusal.command_id)?.({ done: false, code, message, detail })
    this.#waiting.delete(refusal.command_id)
    this.events.outboxChanged()
  }

  #fault(code: string, message: string): void {
    if (code === 'read_only' || code === 'taken_over') {
      this.#take = false
      this.#setReadOnly(true)
    } else this.events.faulted(code, message)
  }

  #setReadOnly(readOnly: boolean): void {
    if (readOnly === this.#readOnly) return
    this.#readOnly = readOnly
    this.events.readOnly(readOnly)
  }

  #closed(code: number, reason: string): boolean {
    this.#welcomed = false
    if (code !== POLICY || !FINAL_REASONS.has(reason)) return false
    this.events.ended(code, reason)
    return true
  }
}

/** Open the socket to the node that served this page. */
export function openSeatSocket({ take, generation }: SocketWish): Socket {
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:'
  const socket = new WebSocket(`${scheme}//${location.host}/ws/seat?take=${take ? 1 : 0}&media=${generation}`)
  // The DOM types its handlers for every event there is; Socket names the few members that are read.
  return socket as unknown as Socket
}
