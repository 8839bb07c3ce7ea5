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

/** WebSocket close codes after which the same cookie will never be let in again. */
const FINAL_CLOSES = new Set([4401, 4403, 4404])

export class SeatSession {
  readonly #connection: Connection
  readonly #feed: Feed
  readonly #waiting = new Map<string, (outcome: Outcome) => void>()
  #giving: Promise<unknown> = Promise.resolve()
  #welcomed = false
  #readOnly = false
  #take = false

  private constructor(
    private readonly me: Me,
    private readonly outbox: Outbox,
    private readonly key: SeatKey,
    private readonly events: SeatEvents,
    openSocket: (take: boolean) => Socket,
  ) {
    this.#feed = new Feed(me.session, me.seat)
    this.#connection = new Connection(() => openSocket(this.#take), {
      opened: () => undefined,
      received: (message) => this.#receive(message),
      stateChanged: (state) => events.linkChanged(state),
      measured: (rtt, offset) => events.measured(rtt, offset),
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
    this.#connection.stop()
    this.#welcomed = false
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
    const sig = await this.key.sign({
      actor: this.me.seat,
      body,
      cmd,
      session: this.me.session,
      site: this.me.site,
      type: ACTS[kind],
    })
    const command = { kind, ...body } as Submit['command']
    const submit: Submit = { kind: 'submit', command_id: cmd, command, secrets, sig, client_ms: Date.now() }
    await this.outbox.keep(submit)
    this.#send(submit)
    this.events.outboxChanged()
  }

  #send(submit: Submit): void {
    if (this.#welcomed && !this.#readOnly && this.#connection.send(submit)) this.outbox.mark(submit.command_id, 'sent')
  }

  #receive(message: ToSeat): void {
    switch (message.kind) {
      case 'welcome':
        return this.#welcome(message)
      case 'entries':
        return this.#takeEntries(message)
      case 'held':
        for (const id of message.command_ids) this.outbox.mark(id, 'held')
        return this.events.outboxChanged()
      case 'refused':
        return this.#refuse(message)
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

  #welcome(welcome: Welcome): void {
    this.#welcomed = true
    this.#setReadOnly(false)
    this.events.welcomed(welcome)
    this.#subscribe()
    this.outbox.forgetSent()
    this.#sendAll()
  }

  #sendAll(): void {
    for (const { submit } of this.outbox.all()) this.#send(submit)
    this.events.outboxChanged()
  }

  #subscribe(): void {
    this.#connection.send({ kind: 'subscribe', since: this.#feed.number })
  }

  #takeEntries(entries: Entries): void {
    const outcome = this.#feed.take(entries)
    if (!outcome.accepted) {
      this.events.faulted(`feed_${outcome.reason}`, '')
      return this.#subscribe()
    }
    if (outcome.items.length > 0) this.events.items(outcome.items)
    for (const [commandId, number] of entries.acks) this.#acknowledge(commandId, number)
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
    if (!FINAL_CLOSES.has(code)) return false
    this.events.ended(code, reason)
    return true
  }
}

/** Open the socket to the node that served this page. */
export function openSeatSocket(take: boolean): Socket {
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:'
  const socket = new WebSocket(`${scheme}//${location.host}/ws/seat${take ? '?take=1' : ''}`)
  // The DOM types its handlers for every event there is; Socket names the few members that are read.
  return socket as unknown as Socket
}
