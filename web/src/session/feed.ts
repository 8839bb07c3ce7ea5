// The receiving end of a feed: numbers without a hole, and a hash chain over the very bytes received.
// A hole or another head means that something was lost or changed: subscribe again from the own number.

import { sha256 } from '@noble/hashes/sha2.js'

import { concat, toHex } from '@/proof/bytes'
import type { Entries } from '@/protocol/messages'
import type { EventBodies, EventType, OpenedPart } from '@/protocol/room'

/** Exists in feeds only, after `GroupUnlocked`: what another member entered. */
export interface SheetOpened {
  seat: string
  lot: string
  part: 'preliminary' | 'detailed'
  /** bid, item, revision, value, reason */
  cells: [string, string, number, string, string][]
}

/** Exists in feeds only, after the unlock that ends the dark: whose a code is, and which documents may be read now. */
export interface DarkBidNamed {
  lot: string
  bid: string
  number: string
  bidder: string
  documents: OpenedPart[]
}

export type FeedBodies = EventBodies & { SheetOpened: SheetOpened; DarkBidNamed: DarkBidNamed }
export type FeedType = EventType | 'SheetOpened' | 'DarkBidNamed'

/** One item as this audience may see it: withheld members are absent. */
export type FeedItem = {
  [Type in FeedType]: {
    n: number
    t: number
    type: Type
    site: string
    actor: string
    body: FeedBodies[Type]
    cmd?: string
    opened?: Record<string, string>
  }
}[FeedType]

/** Items in one block of the chain (docs/spec/signalling.md §2). */
const BLOCK = 64
/** Two lines would pass for two items, and UTF-8 writes every lone surrogate as U+FFFD: the head would not differ. */
const NOT_ONE_LINE = /[\n\ud800-\udfff]/u
const UTF8 = new TextEncoder()

const NO_LINES = new Uint8Array(0)

function feedOrigin(session: string, audience: string): Uint8Array {
  return sha256(UTF8.encode(`evalroom/feed/v1\n${session}\n${audience}`))
}

export type Outcome =
  | { readonly accepted: true; readonly items: FeedItem[] }
  | { readonly accepted: false; readonly reason: 'hole' | 'head' }

/** Where a feed stands: `start` is the head before the block that is open, `lines` what that block holds so far. */
interface Place {
  readonly number: number
  readonly start: Uint8Array
  readonly lines: Uint8Array<ArrayBuffer>
  readonly head: Uint8Array
}

export class Feed {
  #place: Place
  #taking = false

  constructor(session: string, audience: string) {
    const origin = feedOrigin(session, audience)
    this.#place = { number: 0, start: origin, lines: NO_LINES, head: origin }
  }

  /** The number of the last item taken; what `subscribe` names. */
  get number(): number {
    return this.#place.number
  }

  get head(): string {
    return toHex(this.#place.head)
  }

  /**
   * Take `entries` whole or not at all; items already seen are dropped. One message at a time: a second call before
   * the first has settled rejects, as does an item that is no JSON.
   */
  async take(entries: Pick<Entries, 'first' | 'items' | 'head'>): Promise<Outcome> {
    if (this.#taking) throw new Error('a feed takes one message at a time')
    this.#taking = true
    try {
      return await this.#take(entries)
    } finally {
      this.#taking = false
    }
  }

  async #take(entries: Pick<Entries, 'first' | 'items' | 'head'>): Promise<Outcome> {
    const next = this.number + 1
    if (entries.first > next) return { accepted: false, reason: 'hole' }
    const fresh = entries.items.slice(next - entries.first)
    if (fresh.length === 0) return { accepted: true, items: [] }
    if (fresh.some((text) => NOT_ONE_LINE.test(text))) return { accepted: false, reason: 'head' }
    const hashing = after(this.#place, fresh)
    const items = parse(fresh)
    const place = await hashing
    if (toHex(place.head) !== entries.head) return { accepted: false, reason: 'head' }
    if (items === null) throw new SyntaxError(`an item after ${this.number} is no JSON`)
    this.#place = place
    return { accepted: true, items }
  }
}

/** Parse what has not been checked yet, while it is being hashed on another thread; null if an item is no JSON. */
function parse(texts: string[]): FeedItem[] | null {
  try {
    return texts.map((text) => JSON.parse(text) as FeedItem)
  } catch {
    return null
  }
}

/**
 * Return the place after some more items; the blocks they touch are hashed at the same time.
 *
 * WebCrypto does it for single live items, too, though it hashes the open block anew for each: a live item costs 45 µs
 * then, 17 µs with an incremental hash in JavaScript, and nobody sees either; 10,000 items cost 20 ms against 60.
 */
async function after(place: Place, texts: string[]): Promise<Place> {
  const blocks: Uint8Array<ArrayBuffer>[] = []
  let number = place.number
  for (let at = 0; at < texts.length; ) {
    const more = texts.slice(at, at + BLOCK - (number % BLOCK))
    const lines = UTF8.encode(`${more.join('\n')}\n`)
    blocks.push(at === 0 ? concat(place.lines, lines) : lines)
    at += more.length
    number += more.length
  }
  const digests = await Promise.all(blocks.map((lines) => crypto.subtle.digest('SHA-256', lines)))
  let start = place.start
  let head = start
  for (const digest of digests) {
    start = head
    head = sha256(concat(start, new Uint8Array(digest)))
  }
  if (number % BLOCK === 0) return { number, start: head, lines: NO_LINES, head }
  return { number, start, lines: blocks[blocks.length - 1] ?? NO_LINES, head }
}
