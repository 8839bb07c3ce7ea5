// Opens a sealed bid that somebody else may have made: first frame, cores, policy and signature, then root, halves, shares and content, each check by itself, since a ceremony comes to them at different hours. Everything throws; nothing returns "maybe".

import { sha256 } from '@noble/hashes/sha2.js'

import { type Bytes, concat, equal } from './bytes'
import { checkDealing, checkShare, join, SECRET_SIZE } from './dealing'
import {
  bidderInfo,
  contentKey,
  contextOf,
  type Core,
  FOOT_SIZE,
  halfCommitment,
  HEAD_SIZE,
  parseCore,
  parseFoot,
  parseHead,
  parseHeader,
  parseTrailer,
  type PartHeader,
  signedBytes,
  type Trailer,
  trusteeInfo,
} from './envelope'
import { malformed, SealingError } from './errors'
import { PADDED, PADDING_STEP, unpad } from './padding'
import { checkSuite, type PartTerms, type Policy, policyDigest, shareCount } from './policy'
import { type ByteSource, plainSize, StreamReader } from './stream'
import { type OpeningKey, type Suite, verifySignature } from './suites'
import { rootOf } from './writer'

/** One part of an envelope, still closed. */
export class ClosedPart {
  readonly context: Bytes

  constructor(
    private readonly source: ByteSource,
    private readonly suite: Suite,
    readonly core: Core,
    readonly header: PartHeader,
    private readonly place: readonly [number, number],
  ) {
    this.context = contextOf(header.core)
  }

  /** Return the half that one of the slots holds for `key`; throws wrap_not_opened, half_mismatch. */
  async openHalf(key: OpeningKey): Promise<Bytes> {
    for (const slot of this.header.slots) {
      const half = await opened(key, slot, bidderInfo(this.context))
      if (half === undefined) continue
      this.verifyHalf(half)
      return half
    }
    throw new SealingError('wrap_not_opened')
  }

  /** Return trustee `number`'s share; throws wrap_not_opened, share_mismatch. */
  async openShare(number: number, key: OpeningKey): Promise<Bytes> {
    const sealed = this.header.shares[number - 1]
    if (sealed === undefined) throw new SealingError('wrap_not_opened', { number })
    const share = await key.unwrap(sealed.wrapped, trusteeInfo(number, this.context))
    checkShare(this.context, number, sealed.commitment, share)
    return share
  }

  /** Throws half_mismatch when `half` is not the one that was sealed with. */
  verifyHalf(half: Bytes): void {
    const promised = this.header.half
    // Without a half of the bidder's, zeros stand in its place.
    const right = promised === undefined ? half.every((byte) => byte === 0) : equal(halfCommitment(this.context, half), promised)
    if (!right || half.length !== SECRET_SIZE) throw new SealingError('half_mismatch')
  }

  /** Return the trustees' secret from shares by number; throws share_mismatch, too_few_shares, dealing. */
  joinShares(threshold: number, shares: ReadonlyMap<number, Bytes>): Bytes {
    return join(this.context, threshold, this.#commitments(), shares)
  }

  /** Throws dealing when the header's shares do not follow from `secret`. */
  verifyDealing(threshold: number, secret: Bytes): void {
    checkDealing(this.context, threshold, this.#commitments(), secret)
  }

  /** Return a reader of the part's stream, padding included; throws part_damaged. */
  reader(half: Bytes, secret: Bytes): Promise<StreamReader> {
    const key = contentKey(this.suite, half, secret, this.context)
    return StreamReader.open(this.source, this.place[0], this.place[1], key, this.context)
  }

  #commitments(): Bytes[] {
    return this.header.shares.map(({ commitment }) => commitment)
  }

  /** Return the whole content of a small part, without its padding; throws part_damaged. */
  async readText(half: Bytes, secret: Bytes): Promise<Bytes> {
    const reader = await this.reader(half, secret)
    const whole = await reader.read(0, reader.size)
    return PADDED.includes(this.core.part) ? unpad(whole) : whole
  }
}

export class Envelope {
  private constructor(
    readonly source: ByteSource,
    readonly suite: Suite,
    readonly parts: readonly ClosedPart[],
    readonly trailer: Trailer,
    /** Hash of trailer and signature, which the receipt names. */
    readonly digest: Bytes,
  ) {}

  /**
   * Return the envelope in `source` once all that needs no key is right: frame, cores, `policy`, number of the `bid`, signature.
   *
   * Throws malformed_envelope, unknown_suite, policy_refuses, foreign_envelope, bad_envelope_signature, malformed_sealing_key,
   * bytes_missing.
   */
  static async open(source: ByteSource, policy: Policy, bid: Bytes): Promise<Envelope> {
    if (source.size > policy.maxSize) refuse('size', source.size)
    if (source.size < HEAD_SIZE + FOOT_SIZE) malformed('size', { size: source.size })
    const { suite, header } = await readHead(source, policy)
    const { trailer, trailerBytes, signature } = await readTail(source, suite, HEAD_SIZE + header.length)
    const headers = parseHeader(header, suite)
    const cores = headers.map(({ core }) => parseCore(core, suite))
    checkCores(cores, policy, bid)
    checkLocks(headers, policy)
    if (trailer.parts.length !== headers.length) malformed('parts')
    await verifySignature(suite, (cores[0] as Core).env, signedBytes(trailerBytes), signature)
    const parts = headers.map((part, index) => {
      const place = trailer.parts[index] as readonly [number, number]
      checkPartSize(place[1], policy.parts[index] as PartTerms)
      return new ClosedPart(source, suite, cores[index] as Core, part, place)
    })
    return new Envelope(source, suite, parts, trailer, digestOf(trailerBytes, signature))
  }

  get core(): Core {
    return (this.parts[0] as ClosedPart).core
  }

  /** Throws policy_refuses when there is no such part. */
  part(name: string): ClosedPart {
    return this.parts.find(({ core }) => core.part === name) ?? refuse('part', name)
  }

  /** Throws root_mismatch when the bytes are not those that were sealed. */
  async verifyRoot(progress: (done: number) => void = () => undefined): Promise<void> {
    const root = await rootOf(this.source, this.trailer.size, progress)
    if (!equal(root, this.trailer.root)) throw new SealingError('root_mismatch')
  }
}

function refuse(rule: string, what: string | number): never {
  throw new SealingError('policy_refuses', { rule, what })
}

function digestOf(trailer: Bytes, signature: Bytes): Bytes {
  return concat(sha256(concat(trailer, signature)))
}

async function readHead(source: ByteSource, policy: Policy): Promise<{ suite: Suite; header: Bytes }> {
  const { code, headerSize } = parseHead(await source.read(0, HEAD_SIZE))
  const suite = checkSuite(policy, code)
  if (headerSize > source.size - HEAD_SIZE - FOOT_SIZE) malformed('header_size', { size: headerSize })
  return { suite, header: await source.read(HEAD_SIZE, headerSize) }
}

async function readTail(source: ByteSource, suite: Suite, begin: number): Promise<{ trailer: Trailer; trailerBytes: Bytes; signature: Bytes }> {
  const { trailerSize, signatureSize } = parseFoot(await source.read(source.size - FOOT_SIZE, FOOT_SIZE))
  if (signatureSize !== suite.signing.signatureSize) malformed('signature_size', { size: signatureSize })
  const end = source.size - FOOT_SIZE - signatureSize - trailerSize
  if (end < begin) malformed('overlap')
  const bytes = await source.read(end, trailerSize + signatureSize)
  const trailerBytes = bytes.slice(0, trailerSize)
  const trailer = parseTrailer(trailerBytes, begin)
  if (trailer.size !== end) malformed('size', { size: trailer.size })
  return { trailer, trailerBytes, signature: bytes.slice(trailerSize) }
}

/** All parts are bound to one bid, which is the expected one under the expected policy, in the policy's order. */
function checkCores(cores: readonly Core[], policy: Policy, bid: Bytes): void {
  const first = cores[0] as Core
  const same = ({ tender, ...one }: Core): boolean =>
    tender === first.tender && (['policy', 'bid', 'bidder', 'env'] as const).every((name) => equal(one[name], first[name]))
  if (!cores.every(same)) malformed('cores_differ')
  if (first.tender !== policy.tender || !equal(first.policy, policyDigest(policy))) throw new SealingError('foreign_envelope', { rule: 'policy' })
  if (!equal(first.bid, bid)) throw new SealingError('foreign_envelope', { rule: 'bid' })
  const names = cores.map(({ part }) => part).join()
  if (names !== policy.parts.map(({ name }) => name).join()) refuse('parts', names)
}

/** Halves and shares are there as the policy's mode has them, whatever the header says. */
function checkLocks(headers: readonly PartHeader[], policy: Policy): void {
  const withHalf = policy.mode !== 'sites'
  const fits = ({ slots, shares }: PartHeader): boolean => slots.length > 0 === withHalf && shares.length === shareCount(policy)
  if (!headers.every(fits)) refuse('mode', policy.mode)
}

function checkPartSize(length: number, { name, maxSize }: PartTerms): void {
  const size = plainSizeOf(length)
  if (size > maxSize) refuse('part_size', name)
  if (PADDED.includes(name) && (size === 0 || size % PADDING_STEP !== 0)) malformed('padding', { part: name })
}

function plainSizeOf(length: number): number {
  try {
    return plainSize(length)
  } catch {
    return malformed('part_size', { length })
  }
}

async function opened(key: OpeningKey, wrapped: Bytes, info: Bytes): Promise<Bytes | undefined> {
  try {
    return await key.unwrap(wrapped, info)
  } catch (cause) {
    if (cause instanceof SealingError && cause.code === 'wrap_not_opened') return undefined
    throw cause
  }
}
