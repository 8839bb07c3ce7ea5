// Padding of the parts whose very length tells something: length in 8 bytes, content, zeros up to the next 64 KiB. One content has one
// padded form; any other is refused with part_damaged.

import { type Bytes, readU64, u64 } from './bytes'
import { SealingError } from './errors'

export const PADDING_STEP = 64 * 1024
export const PADDED: readonly string[] = ['identity', 'opening', 'price']

const LENGTH_SIZE = 8

/** Return how long `size` bytes are when padded. */
export function paddedSize(size: number): number {
  return Math.ceil((size + LENGTH_SIZE) / PADDING_STEP) * PADDING_STEP
}

/** Return `content` padded, without reading it. */
export function pad(content: Blob): Blob {
  return new Blob([u64(content.size), content, new Uint8Array(paddedSize(content.size) - LENGTH_SIZE - content.size)])
}

/** Return the content in a padded part; throws part_damaged. */
export function unpad(padded: Bytes): Bytes {
  if (padded.length < LENGTH_SIZE) throw new SealingError('part_damaged', { rule: 'padding' })
  const length = readU64(padded)
  const zeros = padded.subarray(Math.min(LENGTH_SIZE + length, padded.length))
  if (paddedSize(length) !== padded.length || zeros.some((byte) => byte !== 0)) throw new SealingError('part_damaged', { rule: 'padding' })
  return padded.slice(LENGTH_SIZE, LENGTH_SIZE + length)
}
