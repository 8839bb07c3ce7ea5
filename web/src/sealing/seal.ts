// Seals a bid: deals the secrets of each part, wraps them to trustees and bidder, encrypts the parts as streams, signs the
// trailer. Sealing is not done before the result was opened again from where it lies and compared with the files
// that went in: a bidder must never learn in the opening hour that a byte was wrong.

import { randomBytes } from '@/proof/bytes'

import { type Bytes, concat, equal } from './bytes'
import { deal, SECRET_SIZE, shareCommitment } from './dealing'
import {
  bidderInfo,
  contentKey,
  contextOf,
  type Core,
  coreBytes,
  halfCommitment,
  MOST_SLOTS,
  type PartHeader,
  signedBytes,
  trailerBytes,
  trusteeInfo,
  writeEnd,
  writeHeader,
} from './envelope'
import { SealingError } from './errors'
import { release } from './memory'
import { Envelope } from './open'
import { pad, PADDED } from './padding'
import { Pieces } from './pieces'
import { checkSuite, type Policy, policyDigest, trusteeKeys } from './policy'
import { CHUNK, CHUNKS_AT_ONCE, PIECE, SALT_SIZE, StreamCipher, streamSize } from './stream'
import { type SigningKey, type Suite, suiteOf, wrapTo } from './suites'
import { EnvelopeWriter, type Sink } from './writer'

export interface PartToSeal {
  readonly name: string
  readonly content: Blob
}

export interface SealingOrder {
  readonly policy: Policy
  readonly suite: number
  /** 16 random bytes that name the bid. */
  readonly bid: Bytes
  /** Hash of salt and certificate. */
  readonly bidder: Bytes
  readonly signing: SigningKey
  /** Public keys of the bidder's slots; none in mode `sites`. */
  readonly slots: readonly Bytes[]
  /** All parts of the policy, in any order. */
  readonly parts: readonly PartToSeal[]
}

/** Encrypting; then the self-test: recomputing the root and, beside it, opening and comparing each part. */
export type Phase = 'sealing' | 'hashing' | 'checking'

export interface Progress {
  readonly phase: Phase
  /** The part at hand; none while hashing. */
  readonly part: string
  readonly done: number
  readonly total: number
}

export interface SealingOptions {
  readonly signal?: AbortSignal
  readonly progress?: (progress: Progress) => void
}

export interface SealedPart {
  readonly name: string
  /** The half to release at the opening; zeros in mode `sites`. */
  readonly half: Bytes
}

export interface SealedBid {
  readonly envelope: Envelope
  readonly size: number
  readonly root: Bytes
  readonly parts: readonly SealedPart[]
}

/** Plaintext read at once: a leaf's worth. */
const SLAB = 64 * CHUNK

interface DealtPart {
  readonly name: string
  readonly content: Blob
  readonly context: Bytes
  readonly half: Bytes
  readonly secret: Bytes
  readonly header: PartHeader
}

/** Return the bytes that a part is bound to, before it is sealed: the identity part signs their context. */
export function coreOf(order: Omit<SealingOrder, 'parts' | 'slots'>, part: string): Core {
  const { policy, suite, bid, bidder, signing } = order
  return { suite, tender: policy.tender, policy: policyDigest(policy), bid, bidder, env: signing.publicKey, part }
}

/**
 * Seal `order` into `sink`, then open it again and compare; the sink is finished and its bytes are in the result.
 *
 * Throws SealingError; whatever it throws, and when the signal cancels, the sink was discarded.
 */
export async function seal(order: SealingOrder, sink: Sink, options: SealingOptions = {}): Promise<SealedBid> {
  try {
    const dealt = await dealParts(order)
    await write(order, dealt, sink, options)
    const envelope = await Envelope.open(await sink.finish(), order.policy, order.bid)
    await selfTest(envelope, order, dealt, options)
    const parts = dealt.map(({ name, half }) => ({ name, half }))
    return { envelope, size: envelope.trailer.size, root: envelope.trailer.root, parts }
  } catch (cause) {
    await sink.discard()
    throw cause
  }
}

// --- dealing

async function dealParts(order: SealingOrder): Promise<DealtPart[]> {
  const suite = checkSuite(order.policy, order.suite)
  const dealt: DealtPart[] = []
  for (const part of partsInOrder(order)) dealt.push(await dealPart(order, suite, part))
  return dealt
}

/** Return the parts as the policy has them, padded; throws policy_refuses for what the host would refuse after the upload. */
function partsInOrder({ policy, parts, slots }: SealingOrder): PartToSeal[] {
  const most = policy.mode === 'sites' ? 0 : MOST_SLOTS
  if (slots.length > most || slots.length < Math.min(most, 1)) refuse('slots', slots.length)
  if (parts.length !== policy.parts.length) refuse('parts', parts.length)
  const ordered = policy.parts.map(({ name, maxSize }) => {
    const part = parts.find((one) => one.name === name) ?? refuse('parts', name)
    const content = PADDED.includes(name) ? pad(part.content) : part.content
    return content.size <= maxSize ? { name, content } : refuse('part_size', name)
  })
  // Header and trailer come on top: the exact size is checked when the envelope is opened again.
  const size = ordered.reduce((sum, { content }) => sum + streamSize(content.size), 0)
  return size <= policy.maxSize ? ordered : refuse('size', size)
}

function refuse(rule: string, what: string | number): never {
  throw new SealingError('policy_refuses', { rule, what })
}

async function dealPart(order: SealingOrder, suite: Suite, { name, content }: PartToSeal): Promise<DealtPart> {
  const { mode } = order.policy
  const core = coreBytes(coreOf(order, name))
  const context = contextOf(core)
  const half = mode === 'sites' ? new Uint8Array(SECRET_SIZE) : randomBytes(SECRET_SIZE)
  const secret = mode === 'bidder' ? new Uint8Array(SECRET_SIZE) : randomBytes(SECRET_SIZE)
  const slots = await Promise.all(order.slots.map((slot) => wrapTo(suite, slot, half, bidderInfo(context))))
  const shares = await wrapShares(suite, order.policy, secret, context)
  const header = { core, slots, half: mode === 'sites' ? undefined : halfCommitment(context, half), shares }
  return { name, content, context, half, secret, header }
}

function wrapShares(suite: Suite, policy: Policy, secret: Bytes, context: Bytes): Promise<PartHeader['shares']> {
  const keys = trusteeKeys(policy, suite)
  const wrapping = deal(secret, policy.threshold, keys.length).map(async (share, index) => {
    const number = index + 1
    const wrapped = await wrapTo(suite, keys[index] as Bytes, share, trusteeInfo(number, context))
    return { number, wrapped, commitment: shareCommitment(context, share) }
  })
  return Promise.all(wrapping)
}

// --- writing

async function write(order: SealingOrder, dealt: readonly DealtPart[], sink: Sink, options: SealingOptions): Promise<void> {
  const suite = suiteOf(order.suite)
  const writer = new EnvelopeWriter(sink)
  await writer.append(writeHeader(suite, dealt.map(({ header }) => header)))
  const parts: [number, number][] = []
  for (const part of dealt) {
    const offset = writer.size
    await writeStream(writer, suite, part, options)
    parts.push([offset, writer.size - offset])
  }
  const trailer = trailerBytes({ parts, root: await writer.root(), size: writer.size })
  await writer.end(writeEnd(trailer, await order.signing.sign(signedBytes(trailer))))
}

async function writeStream(writer: EnvelopeWriter, suite: Suite, part: DealtPart, options: SealingOptions): Promise<void> {
  const salt = randomBytes(SALT_SIZE)
  const key = contentKey(suite, part.half, part.secret, part.context)
  const cipher = await StreamCipher.of(key, salt, part.context)
  await writer.append(concat(salt, cipher.commitment))
  const total = part.content.size
  const pieces = new Pieces(part.content, SLAB)
  try {
    for (let at = 0; at <= total; at += SLAB) {
      cancelled(options)
      const plain = await pieces.take(Math.min(SLAB, total - at), Math.min(SLAB, total - at - SLAB))
      await sealSlab(writer, cipher, at / CHUNK, plain)
      options.progress?.({ phase: 'sealing', part: part.name, done: Math.min(at + SLAB, total), total })
    }
  } finally {
    await pieces.close()
  }
}

/** Encrypt a slab; one that is shorter than a whole one ends the stream, with a chunk that is shorter than a whole one. */
async function sealSlab(writer: EnvelopeWriter, cipher: StreamCipher, first: number, plain: Bytes): Promise<void> {
  const count = plain.length === SLAB ? SLAB / CHUNK : Math.floor(plain.length / CHUNK) + 1
  for (let begin = 0; begin < count; begin += CHUNKS_AT_ONCE) {
    const length = Math.min(CHUNKS_AT_ONCE, count - begin)
    const sealing = Array.from({ length }, (_, index) => {
      const chunk = begin + index
      return cipher.seal(first + chunk, plain.subarray(chunk * CHUNK, (chunk + 1) * CHUNK))
    })
    const sealed = await Promise.all(sealing)
    for (const chunk of sealed) await writer.append(new Uint8Array(chunk))
    release(sealed)
  }
}

function cancelled({ signal }: SealingOptions): void {
  if (signal?.aborted === true) throw new SealingError('sealing_cancelled')
}

// --- opening it again

/** Hash what lies there and open it, both at once: the hash is taken beside the disk, by another core. */
async function selfTest(envelope: Envelope, order: SealingOrder, dealt: readonly DealtPart[], options: SealingOptions): Promise<void> {
  const total = envelope.trailer.size
  const hashing = envelope.verifyRoot((done) => {
    cancelled(options)
    options.progress?.({ phase: 'hashing', part: '', done, total })
  })
  const checks = await Promise.allSettled([hashing, checkParts(envelope, order, dealt, options)])
  // A byte that the disk lost fails both, and the root says so better.
  for (const check of checks) if (check.status === 'rejected') throw check.reason
}

async function checkParts(envelope: Envelope, order: SealingOrder, dealt: readonly DealtPart[], options: SealingOptions): Promise<void> {
  for (const { name, content, half, secret } of dealt) {
    const part = envelope.part(name)
    part.verifyHalf(half)
    part.verifyDealing(order.policy.threshold, secret)
    const reader = await part.reader(half, secret)
    if (reader.size !== content.size) throw new SealingError('self_test_failed', { part: name, rule: 'size' })
    const pieces = new Pieces(content, PIECE)
    await reader.each(async (plain, at) => {
      cancelled(options)
      const ours = await pieces.take(plain.length, Math.min(PIECE, content.size - at - plain.length))
      if (!same(plain, ours)) throw new SealingError('self_test_failed', { part: name, at })
      options.progress?.({ phase: 'checking', part: name, done: at + plain.length, total: content.size })
    })
    await pieces.close()
  }
}

/** Like `equal`, four bytes at a time: a whole bid passes here. (Eight at a time makes a BigInt of each, and is slower.) */
function same(one: Bytes, other: Bytes): boolean {
  if (one.byteOffset % 4 !== 0 || other.byteOffset % 4 !== 0 || one.length !== other.length) return equal(one, other)
  const words = Math.floor(one.length / 4)
  const left = new Int32Array(one.buffer, one.byteOffset, words)
  const right = new Int32Array(other.buffer, other.byteOffset, words)
  for (let index = 0; index < words; index += 1) if (left[index] !== right[index]) return false
  return equal(one.subarray(words * 4), other.subarray(words * 4))
}
