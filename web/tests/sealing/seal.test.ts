// @vitest-environment node
// Bids sealed and opened here; the room's Python opens the same in tests/browser. What a bidder's machine may do to a bid: refuse,
// be cancelled, find its own mistake, never leave half a file.
import { describe, expect, it, vi } from 'vitest'

import type { Bytes } from '@/sealing/bytes'
import { BlobPieces, blobSource } from '@/sealing/files'
import type { Mode } from '@/sealing/policy'
import { seal } from '@/sealing/seal'
import { OpeningKey, suiteOf } from '@/sealing/suites'

import { bytesOf, castFor, openAll, openBytes, partsWith, pattern, policyFor, sealHere } from './bids'

vi.setConfig({ testTimeout: 60_000 })

const small = new Blob([pattern(20_000)])
const refusal = (code: string): object => expect.objectContaining({ code }) as object

describe.each([0x01, 0x02])('suite %i', (suite) => {
  it('opens with the bidder’s half and any quorum, and gives back every byte', async () => {
    const cast = await castFor(suite, new Blob([pattern(2 * 1024 * 1024 + 5)]))
    const bytes = await bytesOf((await sealHere(cast)).envelope.source)
    for (const quorum of [[1, 2], [1, 3], [3, 2]]) {
      const texts = await openAll(cast, bytes, quorum)
      expect(new TextDecoder().decode(texts.get('opening'))).toBe('报价 1,234,567.89 元')
      expect(Buffer.compare(texts.get('technical') as Bytes, pattern(2 * 1024 * 1024 + 5))).toBe(0)
    }
  })
})

it.each<[Mode]>([['sites'], ['bidder']])('seals in mode %s', async (mode) => {
  const cast = await castFor(0x02, small, { mode })
  const bytes = await bytesOf((await sealHere(cast)).envelope.source)
  expect((await openAll(cast, bytes)).get('technical')).toEqual(pattern(20_000))
})

it.each([0, 1, 16_383, 16_384, 16_385, 1_048_575, 1_048_576, 1_048_577])('seals a part of %i bytes', async (size) => {
  const cast = await castFor(0x02, new Blob([pattern(size)]))
  const bytes = await bytesOf((await sealHere(cast)).envelope.source)
  expect(Buffer.compare((await openAll(cast, bytes)).get('technical') as Bytes, pattern(size))).toBe(0)
})

it('gives any range, and refuses one beyond the end', async () => {
  const cast = await castFor(0x02, new Blob([pattern(100_000)]))
  const { envelope, parts } = await sealHere(cast)
  const part = envelope.part('technical')
  const secret = part.joinShares(2, new Map([[1, await part.openShare(1, cast.trustees[0]!)], [3, await part.openShare(3, cast.trustees[2]!)]]))
  const reader = await part.reader(parts[2]!.half, secret)
  for (const [at, length] of [[0, 0], [0, 1], [16_383, 2], [16_384, 16_384], [99_999, 1], [100_000, 0], [5, 99_995]] as const) {
    expect(Buffer.compare(await reader.read(at, length), pattern(100_000).subarray(at, at + length))).toBe(0)
  }
  await expect(reader.read(99_999, 2)).rejects.toThrow(RangeError)
})

describe('a bid that the policy would not take is refused before a byte is written', () => {
  const sink = { append: vi.fn(), write: vi.fn(), finish: vi.fn(), discard: vi.fn(async () => undefined) }

  it.each([
    ['a part is missing', { parts: partsWith(small).slice(1) }],
    ['a part comes twice', { parts: [...partsWith(small).slice(1), ...partsWith(small).slice(2)] }],
    ['a price sheet is larger than allowed', { parts: [{ name: 'opening', content: new Blob([pattern(65_529)]) }, ...partsWith(small).filter(({ name }) => name !== 'opening')] }],
    ['nobody could release the bidder’s half', { slots: [] }],
    ['there are more slots than allowed', { slots: Array.from({ length: 17 }, () => new Uint8Array(65)) }],
    ['its suite is not listed', { suite: 0x01 }],
  ])('%s', async (_, change) => {
    const { order } = await castFor(0x02, small)
    await expect(seal({ ...order, ...change }, sink)).rejects.toEqual(refusal('policy_refuses'))
    expect(sink.append).not.toHaveBeenCalled()
  })

  it('a slot is no key', async () => {
    const { order } = await castFor(0x02, small)
    await expect(seal({ ...order, slots: [new Uint8Array(65)] }, sink)).rejects.toEqual(refusal('malformed_sealing_key'))
  })
})

it('stops when it is cancelled, and discards what was written', async () => {
  const cast = await castFor(0x02, new Blob([pattern(4 * 1024 * 1024)]))
  const sink = new BlobPieces()
  const discard = vi.spyOn(sink, 'discard')
  const cancelling = new AbortController()
  const sealing = sealHere(cast, { signal: cancelling.signal, progress: ({ part }) => part === 'technical' && cancelling.abort() }, sink)
  await expect(sealing).rejects.toEqual(refusal('sealing_cancelled'))
  expect(discard).toHaveBeenCalledOnce()
})

it('finds a disk that kept another byte than it was given', async () => {
  const cast = await castFor(0x02, new Blob([pattern(4 * 1024 * 1024)]))
  class Forgetful extends BlobPieces {
    override async finish(): ReturnType<BlobPieces['finish']> {
      const bytes = await bytesOf(await super.finish())
      bytes[3_000_000] = (bytes[3_000_000] as number) ^ 1
      return blobSource(new Blob([bytes]))
    }
  }
  await expect(sealHere(cast, {}, new Forgetful())).rejects.toEqual(refusal('root_mismatch'))
})

it('asks the disk for its hashes, and takes its word for none that is wrong', async () => {
  const cast = await castFor(0x02, new Blob([pattern(2 * 1024 * 1024)]))
  const asked: number[] = []
  class Forgetful extends BlobPieces {
    override async finish(): ReturnType<BlobPieces['finish']> {
      const source = await super.finish()
      return {
        size: source.size,
        read: (at, length) => source.read(at, length),
        leafHash: async (at) => {
          asked.push(at)
          return new Uint8Array(32)
        },
      }
    }
  }
  await expect(sealHere(cast, {}, new Forgetful())).rejects.toEqual(refusal('root_mismatch'))
  expect(asked).toEqual([0, 1024 * 1024, 2 * 1024 * 1024])
})

it('finds a file that changed while it was sealed', async () => {
  const cast = await castFor(0x02, small)
  class Changing extends Blob {
    #reads = 0
    override stream(): ReturnType<Blob['stream']> {
      this.#reads += 1
      return this.#reads > 1 ? new Blob([new Uint8Array(this.size)]).stream() : super.stream()
    }
  }
  const changing = { ...cast, order: { ...cast.order, parts: partsWith(new Changing([pattern(20_000)])) } }
  await expect(sealHere(changing)).rejects.toEqual(refusal('self_test_failed'))
})

it('says how far it is, sealing first and then checking', async () => {
  const seen: string[] = []
  const cast = await castFor(0x02, new Blob([pattern(3 * 1024 * 1024)]))
  await sealHere(cast, { progress: ({ phase, part, done, total }) => done === total && seen.push(`${phase} ${part}`) })
  const steps = [...new Set(seen)]
  expect(steps.slice(0, 3)).toEqual(['sealing identity', 'sealing opening', 'sealing technical'])
  // The root is hashed beside the checks, and ends when it likes.
  expect(steps.slice(3).filter((step) => step !== 'hashing ')).toEqual(['checking identity', 'checking opening', 'checking technical'])
  expect(steps).toContain('hashing ')
})

describe('an envelope is refused', () => {
  it('under another policy, and as another bid', async () => {
    const cast = await castFor(0x02, small)
    const bytes = await bytesOf((await sealHere(cast)).envelope.source)
    const elsewhere = { ...cast, order: { ...cast.order, policy: policyFor(0x02, cast.trustees, { tender: 'T-2026-002' }) } }
    await expect(openBytes(elsewhere, bytes)).rejects.toEqual(refusal('foreign_envelope'))
    const other = { ...cast, order: { ...cast.order, bid: new Uint8Array(16) } }
    await expect(openBytes(other, bytes)).rejects.toEqual(refusal('foreign_envelope'))
  })

  it('to a key that it was not sealed to', async () => {
    const cast = await castFor(0x02, small)
    const part = (await sealHere(cast)).envelope.part('opening')
    const stranger = await OpeningKey.generate(suiteOf(0x02))
    await expect(part.openHalf(stranger)).rejects.toEqual(refusal('wrap_not_opened'))
    // Trustee 2's key does not open the share of trustee 1, nor does a trustee's open the bidder's half.
    await expect(part.openShare(1, cast.trustees[1]!)).rejects.toEqual(refusal('wrap_not_opened'))
    await expect(part.openHalf(cast.trustees[0]!)).rejects.toEqual(refusal('wrap_not_opened'))
  })

  it('with a wrong half, or shares of another part', async () => {
    const cast = await castFor(0x02, small)
    const { envelope } = await sealHere(cast)
    const [opening, technical] = [envelope.part('opening'), envelope.part('technical')]
    expect(() => opening.verifyHalf(new Uint8Array(32))).toThrow(refusal('half_mismatch') as Error)
    const share = await technical.openShare(1, cast.trustees[0]!)
    expect(() => opening.joinShares(2, new Map([[1, share]]))).toThrow(refusal('share_mismatch') as Error)
    expect(() => technical.joinShares(2, new Map([[1, share]]))).toThrow(refusal('too_few_shares') as Error)
    expect(() => technical.joinShares(2, new Map([[2, share]]))).toThrow(refusal('share_mismatch') as Error)
  })
})
