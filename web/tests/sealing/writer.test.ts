// @vitest-environment node
// The root that grows with a sealed bid, whoever hashes its leaves.
import { expect, it } from 'vitest'

import type { Bytes } from '@/sealing/bytes'
import { blobSource, BlobPieces } from '@/sealing/files'
import { LEAF_SIZE } from '@/sealing/merkle'
import { type AppendedLeaf, EnvelopeWriter, rootOf } from '@/sealing/writer'

import { pattern } from './bids'

/** A disk that answers no leaf before it has `held` of them, and says in how many places of memory they lay. */
class SlowDisk extends BlobPieces {
  readonly #held: (() => void)[] = []
  readonly places = new Set<ArrayBuffer>()
  #leaves = 0

  constructor(private readonly held: number) {
    super()
  }

  override async append(leaf: Bytes): Promise<AppendedLeaf> {
    this.places.add(leaf.buffer)
    this.#leaves += 1
    const appended = await super.append(leaf)
    await new Promise<void>((go) => {
      this.#held.push(go)
      if (this.#leaves >= this.held) for (const one of this.#held.splice(0)) one()
    })
    return appended
  }
}

it.each([1, 12])('is that of the bytes written, by a disk that answers after %i leaves', async (held) => {
  const disk = new SlowDisk(held)
  const writer = new EnvelopeWriter(disk)
  const piece = pattern(LEAF_SIZE - 7)
  for (let count = 0; count < 14; count += 1) await writer.append(piece)
  const root = await writer.root()
  expect(writer.size).toBe(14 * piece.length)
  expect(root).toEqual(await rootOf(blobSource(await disk.release()), writer.size, () => undefined))
})

it('takes no more memory than a slow disk holds, however long the bid', async () => {
  const disk = new SlowDisk(12)
  const writer = new EnvelopeWriter(disk)
  for (let count = 0; count < 40; count += 1) await writer.append(pattern(LEAF_SIZE))
  await writer.root()
  expect(disk.places.size).toBeLessThanOrEqual(14)
})
