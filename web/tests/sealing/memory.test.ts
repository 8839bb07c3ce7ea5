// @vitest-environment node
// Memory that sealing gives back before the collector would.
import { expect, it } from 'vitest'

import { release } from '@/sealing/memory'

it('is nobody’s any more once it was given back', () => {
  const [one, other] = [new ArrayBuffer(16), new ArrayBuffer(32)]
  release([one, other])
  release([new ArrayBuffer(1)])
  expect([one.byteLength, other.byteLength]).toEqual([0, 0])
})
