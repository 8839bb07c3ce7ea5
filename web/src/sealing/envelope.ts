// The layout of EVB1: fixed head, header, parts, trailer, foot. Says what the bytes are and derives what follows from a part's core;
// decides nothing about keys. Refuses with malformed_envelope whatever is not exactly this form.

import { sha256 } from '@noble/hashes/sha2.js'
import { expand, extract } from '@noble/hashes/hkdf.js'

import { canonical } from '@/proof/canonical'

import { ascii, type Bytes, concat, equal, readU32, toBase64, u32 } from './bytes'
import { SECRET_SIZE, SHARE_SIZE } from './dealing'
import { malformed } from './errors'
import { MAX_OBJECT, Members } from './json'
import { checkName, PART_NAMES } from './names'
import { TAG_SIZE } from './hpke'
import { PREFIX_SIZE } from './stream'
import { type Suite, wrapOverhead } from './suites'

const MAGIC = ascii('EVB1')
const MAGIC_END = ascii('1BVE')
const VERSION = 1
export const HEAD_SIZE = 12
export const FOOT_SIZE = 12
const MAX_SIGNATURE = 8192
const HASH_SIZE = 32
const BID_SIZE = 16
const MOST_CORE = 16 * 1024
export const MOST_SLOTS = 16
const MOST_TRUSTEES = 16
const NAME_LENGTH = 64

/** What a part is bound to; all parts of an envelope agree in everything but `part`. */
export interface Core {
  readonly suite: number
  readonly tender: string
  /** Hash of policy.json. */
  readonly policy: Bytes
  readonly bid: Bytes
  /** Commitment to the bidder's certificate: hash of salt and DER. */
  readonly bidder: Bytes
  /** The envelope's public key. */
  readonly env: Bytes
  readonly part: string
}

export interface SealedShare {
  readonly number: number
  readonly wrapped: Bytes
  readonly commitment: Bytes
}

/** What the header says of one part. */
export interface PartHeader {
  readonly core: Bytes
  readonly slots: readonly Bytes[]
  /** Commitment to the bidder's half; in mode `sites` there is none. */
  readonly half: Bytes | undefined
  readonly shares: readonly SealedShare[]
}

export interface Trailer {
  readonly parts: readonly (readonly [number, number])[]
  readonly size: number
  readonly root: Bytes
}

export function coreBytes(core: Core): Bytes {
  return canonical({
    bid: toBase64(core.bid),
    bidder: toBase64(core.bidder),
    env: toBase64(core.env),
    part: core.part,
    policy: toBase64(core.policy),
    suite: core.suite,
    tender: core.tender,
    v: VERSION,
  })
}

/** Return what `bytes` bind a part to; throws malformed_envelope. */
export function parseCore(bytes: Bytes, suite: Suite): Core {
  const members = Members.parse(bytes, 'core')
  members.integer('v', VERSION, VERSION)
  const core = {
    suite: members.integer('suite', suite.code, suite.code),
    tender: checkName(members.text('tender', NAME_LENGTH)),
    policy: members.data('policy', HASH_SIZE),
    bid: members.data('bid', BID_SIZE),
    bidder: members.data('bidder', HASH_SIZE),
    env: members.data('env', suite.signing.publicSize),
    part: members.text('part', NAME_LENGTH),
  }
  members.close()
  return PART_NAMES.includes(core.part) ? core : malformed('part_name')
}

// --- what follows from a core

function hash(...pieces: Uint8Array[]): Bytes {
  return concat(sha256(concat(...pieces)))
}

/** Return the context that everything of a part is bound to. */
export function contextOf(core: Bytes): Bytes {
  return hash(ascii('EVB1 ctx'), core)
}

export function halfCommitment(context: Bytes, half: Bytes): Bytes {
  return hash(ascii('EVB1 half'), context, half)
}

export function bidderInfo(context: Bytes): Bytes {
  return concat(ascii('EVB1 bidder'), context)
}

export function trusteeInfo(number: number, context: Bytes): Bytes {
  return concat(ascii(`EVB1 trustee${number}`), context)
}

/** Return the content key of the bidder's half and the trustees' secret. */
export function contentKey(suite: Suite, half: Bytes, secret: Bytes, context: Bytes): Bytes {
  const key = extract(sha256, concat(half, secret), undefined)
  return concat(expand(sha256, key, concat(ascii('EVB1 cek'), context), suite.keySize))
}

// --- writing

/** Return the head and header of an envelope. */
export function writeHeader(suite: Suite, parts: readonly PartHeader[]): Bytes {
  const header = canonical({
    parts: parts.map((part) => ({ core: toBase64(part.core), ...halfMembers(part), ...shareMembers(part) })),
  })
  if (header.length > MAX_OBJECT) malformed('header_size', { size: header.length })
  return concat(MAGIC, new Uint8Array([VERSION, suite.code, 0, 0]), u32(header.length), header)
}

function halfMembers({ half, slots }: PartHeader): object {
  return half === undefined ? {} : { bh: toBase64(half), bidder: slots.map(toBase64) }
}

function shareMembers({ shares }: PartHeader): object {
  if (shares.length === 0) return {}
  return { shares: shares.map(({ number, wrapped, commitment }) => ({ ct: toBase64(wrapped), h: toBase64(commitment), i: number })) }
}

export function trailerBytes({ parts, size, root }: Trailer): Bytes {
  return canonical({ parts, root: toBase64(root), size })
}

/** Return what the envelope key signs. */
export function signedBytes(trailer: Bytes): Bytes {
  return concat(ascii('EVB1 bid'), trailer)
}

/** Return what stands behind the signed part of an envelope. */
export function writeEnd(trailer: Bytes, signature: Bytes): Bytes {
  return concat(trailer, signature, u32(trailer.length), u32(signature.length), MAGIC_END)
}

// --- reading

export interface Head {
  readonly code: number
  readonly headerSize: number
}

/** Read the first 12 bytes of an envelope; throws malformed_envelope. */
export function parseHead(bytes: Bytes): Head {
  if (!equal(bytes.subarray(0, 4), MAGIC) || bytes[4] !== VERSION || bytes[6] !== 0 || bytes[7] !== 0) malformed('head')
  const headerSize = readU32(bytes, 8)
  if (headerSize > MAX_OBJECT) malformed('header_size', { size: headerSize })
  return { code: bytes[5] as number, headerSize }
}

export interface Foot {
  readonly trailerSize: number
  readonly signatureSize: number
}

/** Read the last 12 bytes of an envelope; throws malformed_envelope. */
export function parseFoot(bytes: Bytes): Foot {
  const [trailerSize, signatureSize] = [readU32(bytes, 0), readU32(bytes, 4)]
  if (!equal(bytes.subarray(8), MAGIC_END)) malformed('foot')
  if (trailerSize > MAX_OBJECT || signatureSize > MAX_SIGNATURE) malformed('foot_size', { trailerSize, signatureSize })
  return { trailerSize, signatureSize }
}

/** Read the header's JSON; throws malformed_envelope. */
export function parseHeader(bytes: Bytes, suite: Suite): PartHeader[] {
  const members = Members.parse(bytes, 'header')
  const parts = members.objects('parts', 1, PART_NAMES.length).map((part) => parsePart(part, suite))
  members.close()
  return parts
}

function parsePart(members: Members, suite: Suite): PartHeader {
  const core = members.data('core', 1, MOST_CORE)
  const [hasHalf, hasShares] = [members.has('bidder'), members.has('shares')]
  if (!hasHalf && !hasShares) malformed('nobody_could_open')
  const slots = hasHalf ? members.manyData('bidder', SECRET_SIZE + wrapOverhead(suite), 1, MOST_SLOTS) : []
  const half = hasHalf ? members.data('bh', HASH_SIZE) : undefined
  const shares = hasShares ? members.objects('shares', 1, MOST_TRUSTEES) : []
  members.close()
  return { core, slots, half, shares: shares.map((share, index) => parseShare(share, index + 1, suite)) }
}

function parseShare(members: Members, number: number, suite: Suite): SealedShare {
  members.integer('i', number, number)
  const wrapped = members.data('ct', SHARE_SIZE + wrapOverhead(suite))
  const commitment = members.data('h', HASH_SIZE)
  members.close()
  return { number, wrapped, commitment }
}

/** Read the trailer of an envelope whose parts begin at `from`; throws malformed_envelope unless they lie without gaps. */
export function parseTrailer(bytes: Bytes, from: number): Trailer {
  const members = Members.parse(bytes, 'trailer')
  const parts = members.pairs('parts', 1, PART_NAMES.length)
  const size = members.integer('size')
  const root = members.data('root', HASH_SIZE)
  members.close()
  let at = from
  for (const [offset, length] of parts) {
    if (offset !== at || length > size) malformed('offsets', { offset })
    if (length < PREFIX_SIZE + TAG_SIZE) malformed('part_size', { length })
    at += length
  }
  if (at !== size) malformed('size', { size })
  return { parts, size, root }
}
