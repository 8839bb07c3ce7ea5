// The sheets as they stood at an instant: the last value of each cell entered before it.

import type { FeedItem } from '@/session/feed'
import type { Lot } from '@/protocol/room'

export interface Entry {
  readonly t: number
  readonly lot: string
  readonly bid: string
  readonly item: string
  readonly revision: number
  readonly value: string
  readonly reason: string
}

export interface StoodCell extends Entry {
  /** Entered so shortly before the instant that the eye should find it. */
  readonly fresh: boolean
}

const FRESH_MS = 4000

/** Return every opened entry by seat, in order of time. */
export function entriesBySeat(events: readonly FeedItem[]): Map<string, Entry[]> {
  const seats = new Map<string, Entry[]>()
  for (const event of events) {
    if (event.type !== 'ScoreEntered' || event.opened === undefined) continue
    const { lot, bid, item, revision } = event.body
    const value = event.opened['/value'] ?? ''
    const entry = { t: event.t, lot, bid, item, revision, value, reason: event.opened['/reason'] ?? '' }
    const list = seats.get(event.actor)
    if (list === undefined) seats.set(event.actor, [entry])
    else list.push(entry)
  }
  return seats
}

/** Return the filled cells of one lot at `atMs`, keyed `bid/item`. */
export function sheetAt(entries: readonly Entry[], lot: Lot, atMs: number): Map<string, StoodCell> {
  const cells = new Map<string, StoodCell>()
  for (const entry of entries) {
    if (entry.t > atMs) break
    if (entry.lot !== lot.id) continue
    const key = `${entry.bid}/${entry.item}`
    if (entry.value === '') cells.delete(key)
    else cells.set(key, { ...entry, fresh: atMs - entry.t < FRESH_MS })
  }
  return cells
}
