// One socket to the node of this site, for as long as the page lives. It knows heartbeats and reconnection,
// and nothing of what the messages mean. It never reloads the page and never gives up.

import type { FromSeat, ToSeat } from '@/protocol/messages'

import { retryDelay } from './backoff'

export const HEARTBEAT_MS = 2000
/** Nothing heard for this long: the link is weak (trust.md §3). */
export const WEAK_MS = 3000
/** Nothing heard for this long: offline; the socket is given up and a new one is tried. */
export const OFFLINE_MS = 6000
const TICK_MS = 500
/** A handshake that hangs longer than this is abandoned; a dead middlebox never answers at all. */
const HANDSHAKE_MS = 8000

export type LinkState = 'connecting' | 'online' | 'weak' | 'offline'

/** The part of WebSocket that is used, so that tests bring their own. */
export interface Socket {
  onopen: (() => void) | null
  onmessage: ((event: { data: unknown }) => void) | null
  onclose: ((event: { code: number; reason: string }) => void) | null
  send(text: string): void
  close(): void
}

export interface ConnectionEvents {
  /** A socket is open; nothing was heard on it yet. */
  opened(): void
  received(message: ToSeat): void
  stateChanged(state: LinkState): void
  /** Round trip of the last heartbeat in ms, and the node's clock minus ours. */
  measured(rttMs: number, offsetMs: number): void
  /** How many commands wait in the outbox; the heartbeat tells supervisors. */
  unsent(): number
  /** Closed by the node for a reason that a retry does not cure; return true to stop. */
  closed(code: number, reason: string): boolean
}

export class Connection {
  #socket: Socket | null = null
  #state: LinkState = 'connecting'
  #attempt = 0
  #heardAt = 0
  #pingedAt = 0
  #rtt: number | null = null
  #opened = false
  #retry: ReturnType<typeof setTimeout> | null = null
  #ticker: ReturnType<typeof setInterval> | null = null

  constructor(
    private readonly openSocket: () => Socket,
    private readonly events: ConnectionEvents,
    private readonly now: () => number = Date.now,
    private readonly random: () => number = Math.random,
  ) {}

  get state(): LinkState {
    return this.#state
  }

  start(): void {
    this.#heardAt = this.now()
    this.#ticker = setInterval(() => this.#tick(), TICK_MS)
    this.#open()
  }

  stop(): void {
    if (this.#ticker !== null) clearInterval(this.#ticker)
    if (this.#retry !== null) clearTimeout(this.#retry)
    this.#ticker = this.#retry = null
    this.#drop()
  }

  /** Send `message` when a socket is open; false when it was not sent, and whoever needs it sends it again. */
  send(message: FromSeat): boolean {
    if (this.#socket === null || !this.#opened) return false
    this.#socket.send(JSON.stringify(message))
    return true
  }

  /** Try at once instead of waiting, because the person asked or the browser says the network is back. */
  retryNow(): void {
    if (this.#socket !== null) return
    if (this.#retry !== null) clearTimeout(this.#retry)
    this.#open()
  }

  #open(): void {
    this.#retry = null
    this.#opened = false
    const socket = this.openSocket()
    const openedAt = this.now()
    this.#pingedAt = openedAt
    this.#socket = socket
    socket.onopen = () => this.#onOpen(socket)
    socket.onmessage = (event) => this.#onMessage(socket, event.data)
    socket.onclose = (event) => this.#onClose(socket, event.code, event.reason)
  }

  #onOpen(socket: Socket): void {
    if (socket !== this.#socket) return
    this.#opened = true
    this.events.opened()
    this.#ping()
  }

  #onMessage(socket: Socket, data: unknown): void {
    if (socket !== this.#socket || typeof data !== 'string') return
    this.#heardAt = this.now()
    this.#attempt = 0
    this.#become('online')
    const message = JSON.parse(data) as ToSeat
    if (message.kind === 'pong') this.#measure(message.sent_ms, message.at_ms)
    else this.events.received(message)
  }

  #measure(sentMs: number, atMs: number): void {
    const now = this.now()
    const rtt = Math.max(0, now - sentMs)
    this.#rtt = Math.round(rtt)
    this.events.measured(rtt, atMs - (sentMs + rtt / 2))
  }

  #onClose(socket: Socket, code: number, reason: string): void {
    if (socket !== this.#socket) return
    this.#socket = null
    this.#opened = false
    if (this.events.closed(code, reason)) return this.stop()
    this.#schedule()
  }

  #schedule(): void {
    const delay = retryDelay(this.#attempt, this.random())
    this.#attempt += 1
    this.#retry = setTimeout(() => this.#open(), delay)
  }

  #tick(): void {
    const silent = this.now() - this.#heardAt
    if (silent >= OFFLINE_MS) this.#become('offline')
    else if (silent >= WEAK_MS && this.#state === 'online') this.#become('weak')
    if (this.#socket === null) return
    const limit = this.#opened ? OFFLINE_MS : HANDSHAKE_MS
    if (silent >= limit && this.now() - this.#pingedAt >= (this.#opened ? HEARTBEAT_MS : HANDSHAKE_MS)) return this.#giveUpSocket()
    if (this.#opened && this.now() - this.#pingedAt >= HEARTBEAT_MS) this.#ping()
  }

  /** A dead peer cannot report itself: drop the silent socket and dial anew. */
  #giveUpSocket(): void {
    this.#drop()
    this.#schedule()
  }

  #drop(): void {
    const socket = this.#socket
    this.#socket = null
    this.#opened = false
    if (socket === null) return
    socket.onopen = socket.onmessage = socket.onclose = null
    socket.close()
  }

  #ping(): void {
    this.#pingedAt = this.now()
    this.send({ kind: 'ping', sent_ms: this.#pingedAt, rtt_ms: this.#rtt, unsent: this.events.unsent() })
  }

  #become(state: LinkState): void {
    if (state === this.#state) return
    this.#state = state
    this.events.stateChanged(state)
  }
}
