// The receiving end of a feed: numbers without a hole, and a hash chain over the very bytes received.
// A hole or another head means that something was lost or changed: subscribe again from the own number.

import { sha256 } from '@noble/hashes/sha2.js'

import { concat, toHex } from '@/proof/bytes'
import type { Entries } from '@/protocol/messages'
import type { EventBodies, EventType } from '@/protocol/room'

/** Exists in feeds only, after `GroupUnlocked`: what another member entered. */
export interface SheetOpened {
  seat: string
  lot: string
  part: 'preliminary' | 'detailed'
  /** bid, item, revision, value, reason */
  cells: [string, string, number, string, string][]
}

export type FeedBodies = EventBodies & { SheetOpened: SheetOpened }
export type FeedType = EventType | 'SheetOpened'

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

const UTF8 = new TextEncoder()

export function feedOrigin(session: string, audience: string): Uint8Array {
  return sha256(UTF8.encode(`evalroom/feed/v1\n${session}\n${audience}`))
}

export type Outcome =
  | { readonly accepted: true; readonly items: FeedItem[] }
  | { readonly accepted: false; readonly reason: 'hole' | 'head' }

export class Feed {
  #number = 0
  #head: Uint8Array

  constructor(session: string, audience: string) {
    this.#head = feedOrigin(session, audience)
  }

  /** The number of the last item taken; what `subscribe` names. */
  get number(): number {
    return this.#number
  }

  get head(): string {
    return toHex(this.#head)
  }

  /** Take `entries` whole or not at all; items already seen are dropped. */
  take(entries: Pick<Entries, 'first' | 'items' | 'head'>): Outcome {
    if (entries.first > this.#number + 1) return { accepted: false, reason: 'hole' }
    const fresh = entries.items.slice(this.#number + 1 - entries.first)
    if (fresh.length === 0) return { accepted: true, items: [] }
    let head = this.#head
    for (const text of fresh) head = sha256(concat(head, UTF8.encode(text)))
    if (toHex(head) !== entries.head) return { accepted: false, reason: 'head' }
    this.#head = head
    this.#number += fresh.length
    return { accepted: true, items: fresh.map((text) => JSON.parse(text) as FeedItem) }
  }
}
