// Bids for the tests: a tender with three trustees, a bidder, and an envelope sealed to them in memory.

import { randomBytes } from '@/proof/bytes'
import { canonical } from '@/proof/canonical'
import { type Bytes, toBase64 } from '@/sealing/bytes'
import { BlobPieces, blobSource } from '@/sealing/files'
import { type ClosedPart, Envelope } from '@/sealing/open'
import { type Mode, parsePolicy, type Policy } from '@/sealing/policy'
import { type PartToSeal, seal, type SealedBid, type SealingOptions, type SealingOrder } from '@/sealing/seal'
import type { ByteSource } from '@/sealing/stream'
import { OpeningKey, SigningKey, suiteOf } from '@/sealing/suites'
import type { Sink } from '@/sealing/writer'

const STEP = 64 * 1024
const KINDS = ['host', 'site', 'supervisor']

export interface Cast {
  readonly trustees: readonly OpeningKey[]
  readonly bidder: OpeningKey
  readonly order: SealingOrder
}

/** What a policy says besides its trustees. */
export interface Terms {
  readonly mode?: Mode
  readonly tender?: string
  readonly technicalSize?: number
}

export async function castFor(suite: number, technical: Blob, terms: Terms = {}): Promise<Cast> {
  const trustees = await Promise.all(KINDS.map(() => OpeningKey.generate(suiteOf(suite))))
  const policy = policyFor(suite, trustees, terms)
  const bidder = await OpeningKey.generate(suiteOf(suite))
  const signing = await SigningKey.generate(suiteOf(suite))
  const slots = policy.mode === 'sites' ? [] : [(await OpeningKey.generate(suiteOf(suite))).publicKey, bidder.publicKey]
  const order = { policy, suite, bid: randomBytes(16), bidder: randomBytes(32), signing, slots, parts: partsWith(technical) }
  return { trustees, bidder, order }
}

export function policyFor(suite: number, trustees: readonly OpeningKey[], terms: Terms = {}): Policy {
  const { mode = 'joint', tender = 'T-2026-001', technicalSize = 2 ** 34 } = terms
  const window = (name: string): object => ({ name, window: 'first', max_size: name === 'technical' ? technicalSize : STEP })
  return parsePolicy(
    canonical({
      v: 1,
      tender,
      mode,
      k: mode === 'bidder' ? 0 : 2,
      suites: [suite],
      deadline: 1_796_000_400_000,
      min_bids: 3,
      max_size: 2 ** 34,
      trustees: trustees.map(({ publicKey }, index) => ({
        name: KINDS[index],
        kind: KINDS[index],
        who: '数据中心',
        signer: toBase64(new Uint8Array(44).fill(index)),
        keys: [{ suite, public: toBase64(publicKey) }],
      })),
      windows: [{ name: 'first', gate: 'BidsClosed', release_ms: 3_600_000 }],
      parts: ['identity', 'opening', 'technical'].map(window),
    }),
  )
}

export function partsWith(technical: Blob): PartToSeal[] {
  return [
    { name: 'identity', content: new Blob(['{"cert":"..."}']) },
    { name: 'opening', content: new Blob(['报价 1,234,567.89 元']) },
    { name: 'technical', content: technical },
  ]
}

export function sealHere({ order }: Cast, options: SealingOptions = {}, sink: Sink = new BlobPieces()): Promise<SealedBid> {
  return seal(order, sink, options)
}

export async function bytesOf(source: ByteSource): Promise<Bytes> {
  return source.read(0, source.size)
}

/** Bytes in memory as a source: cut or not, it never gives more than there is. */
export function sourceOf(bytes: Bytes): ByteSource {
  return blobSource(new Blob([bytes]))
}

export function openBytes({ order }: Cast, bytes: Bytes): Promise<Envelope> {
  return Envelope.open(sourceOf(bytes), order.policy, order.bid)
}

/** The bytes whose value at i is i mod 251, as the room's vectors have them. */
export function pattern(size: number): Bytes {
  const bytes = new Uint8Array(size)
  for (let index = 0; index < size; index += 1) bytes[index] = index % 251
  return bytes
}

/** Return the shares that the trustees of these numbers hold. */
export async function openShares(part: ClosedPart, trustees: readonly OpeningKey[], numbers: readonly number[]): Promise<Map<number, Bytes>> {
  const shares = new Map<number, Bytes>()
  for (const number of numbers) shares.set(number, await part.openShare(number, trustees[number - 1] as OpeningKey))
  return shares
}

/** Open everything as at the opening, root and signature first; throws what is wrong first. */
export async function openAll(cast: Cast, bytes: Bytes, numbers: readonly number[] = [1, 2]): Promise<Map<string, Bytes>> {
  const envelope = await openBytes(cast, bytes)
  await envelope.verifyRoot()
  const { mode, threshold } = cast.order.policy
  const texts = new Map<string, Bytes>()
  for (const part of envelope.parts) {
    const half = mode === 'sites' ? new Uint8Array(32) : await part.openHalf(cast.bidder)
    const joined = async (): Promise<Bytes> => part.joinShares(threshold, await openShares(part, cast.trustees, numbers))
    texts.set(part.core.part, await part.readText(half, mode === 'bidder' ? new Uint8Array(32) : await joined()))
  }
  return texts
}
