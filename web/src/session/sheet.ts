// The digest of a sheet and of a report, computed here as the host computes them: locking and signing name
// the digest, so that a seat never closes a sheet that differs from the one on its screen.

import { sha256 } from '@noble/hashes/sha2.js'

import { toHex } from '@/proof/bytes'
import { canonical } from '@/proof/canonical'
import type { EventBodies } from '@/protocol/room'

/** One filled cell as the journal knows it: the commitments, never the values. */
export interface CommittedCell {
  readonly bid: string
  readonly item: string
  readonly revision: number
  readonly value: string
  readonly reason: string
}

function order(left: CommittedCell, right: CommittedCell): number {
  return left.bid < right.bid ? -1 : left.bid > right.bid ? 1 : left.item < right.item ? -1 : left.item > right.item ? 1 : 0
}

/** Return the lower-case hex digest over the filled cells of one lot and part (signalling §3). */
export function sheetDigest(cells: readonly CommittedCell[]): string {
  const rows = [...cells].sort(order).map((cell) => [cell.bid, cell.item, cell.revision, cell.value, cell.reason])
  return toHex(sha256(canonical(rows)))
}

/** Return the lower-case hex digest of a report's data, byte for byte as they came (report.md §1). */
export function reportDigest(data: Uint8Array): string {
  return toHex(sha256(data))
}

/** Return the digest that a statement on a complaint names: over the rankings in the order of the tender's lots. */
export function resultsDigest(rankings: readonly EventBodies['RankingComputed'][]): string {
  return toHex(sha256(canonical(rankings)))
}

/** Return a digest in groups of four, as two people compare it aloud. */
export function spokenDigest(digest: string, groups = 16): string {
  return (digest.match(/.{4}/g) ?? []).slice(0, groups).join(' ')
}
