// @vitest-environment node
// Memory that sealing gives back before the collector would.
import { expect, it } from 'vitest'

import { Pieces } from '@/sealing/files'
import { release } from '@/sealing/memory'

import { pattern } from './bids'

it('is nobody’s any more once it was given back', () => {
  const [one, other] = [new ArrayBuffer(16), new ArrayBuffer(32)]
  release([one, other])
  release([new ArrayBuffer(1)])
  expect([one.byteLength, other.byteLength]).toEqual([0, 0])
})

it('is used again for the next piece, whatever the stream’s own pieces are', async () => {
  const pieces = new Pieces(new Blob([pattern(100), pattern(70_000), pattern(3)]), 60_000)
  const whole = new Uint8Array([...pattern(100), ...pattern(70_000), ...pattern(3)])
  let at = 0
  for (const length of [0, 50, 60_000, 1, 10_000, 52]) {
    expect(Buffer.compare(await pieces.take(length), whole.subarray(at, at + length))).toBe(0)
    at += length
  }
  await expect(pieces.take(1)).rejects.toMatchObject({ code: 'source_unreadable' })
  await pieces.close()
})
