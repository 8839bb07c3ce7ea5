// What a bidder proves with the keys of its bid: replacing, withdrawing, releasing, confirming, answering (docs/spec/opening.md §5, §7, §14).
// Nothing here goes over a wire, and nothing but signatures and wrapped halves leaves it.

import { sha256 } from '@noble/hashes/sha2.js'

import { fromHex, toHex } from '@/proof/bytes'
import { canonical } from '@/proof/canonical'
import { ascii, type Bytes, concat, fromBase64, readU32, toBase64 } from '@/sealing/bytes'
import { SealingError } from '@/sealing/errors'
import { Envelope } from '@/sealing/open'
import { parsePolicy, type Policy } from '@/sealing/policy'
import type { ByteSource } from '@/sealing/stream'
import { OpeningKey, SigningKey, suiteOf, wrapTo } from '@/sealing/suites'

import type { BidKeys, BidRecord } from './keyFile'

/** A bid whose keys are open: what its owner may do with it. */
export interface OwnBid {
  readonly record: BidRecord
  readonly keys: BidKeys
}

export class NothingToRelease extends Error {
  readonly code = 'nothing_to_release'
}

/** `digest` names the bid that takes the earlier one's place; signed by the earlier one's envelope key. */
export function signReplacement(earlier: OwnBid, bid: Bytes, digest: Bytes): Promise<string> {
  const { tender, bid: old } = earlier.record
  return signed(earlier, concat(ascii('EVB1 replace'), ascii(tender), new Uint8Array(1), old, bid, digest))
}

export function signWithdrawal(own: OwnBid): Promise<string> {
  const { tender, bid, digest } = own.record
  return signed(own, concat(ascii('EVB1 withdraw'), ascii(tender), new Uint8Array(1), bid, digest))
}

/** Sign the record with this SHA-256 (hex); an empty objection confirms it. */
export function signConfirmation(own: OwnBid, record: string, objection: string): Promise<string> {
  return signed(own, concat(ascii('EVB1 record'), fromHex(record), sha256(ascii(objection))))
}

/** Sign an answer; `question` is the digest of what was asked (hex), as this page worked it out from the words (opening.md §14). */
export function signAnswer(own: OwnBid, question: string, text: string): Promise<string> {
  const { tender, bid } = own.record
  return signed(own, concat(ascii('EVB1 answer'), ascii(tender), new Uint8Array(1), bid, fromHex(question), sha256(ascii(text))))
}

async function signed({ record, keys }: OwnBid, message: Bytes): Promise<string> {
  const key = await SigningKey.load(suiteOf(record.suite), keys.envelope)
  return toBase64(await key.sign(message))
}

export function policyOf({ record }: OwnBid): Policy {
  return parsePolicy(record.policy)
}

/** Names of the parts that this bid opens in `window`. */
export function partsIn(policy: Policy, window: string): string[] {
  return policy.parts.filter((part) => part.window === window).map(({ name }) => name)
}

/**
 * Return the halves of `window`, wrapped to its session key, b64; `head` is head and tail of the envelope as the host keeps them.
 *
 * Throws NothingToRelease; SealingError when the head is not this bid's, or the keys open no slot.
 */
export async function wrappedHalves(own: OwnBid, head: Bytes, window: string, sessionKey: string): Promise<string> {
  const policy = policyOf(own)
  const names = partsIn(policy, window)
  if (names.length === 0 || policy.mode === 'sites') throw new NothingToRelease()
  const envelope = await Envelope.open(endsOf(head, own.record.size), policy, own.record.bid)
  const suite = suiteOf(own.record.suite)
  const openers = await Promise.all(own.keys.slots.map((slot) => OpeningKey.load(suite, slot)))
  const halves: Record<string, string> = {}
  for (const name of names) halves[name] = toBase64(await halfOf(envelope, name, openers))
  const text = canonical({ bid: toHex(own.record.bid), halves, window })
  const info = concat(ascii('EVB1 release'), envelope.part('identity').context)
  // The session key is of the policy's first suite, whatever suite the bid has.
  return toBase64(await wrapTo(suiteOf(policy.suites[0] as number), fromBase64(sessionKey), text, info))
}

async function halfOf(envelope: Envelope, name: string, openers: readonly OpeningKey[]): Promise<Bytes> {
  for (const opener of openers) {
    try {
      return await envelope.part(name).openHalf(opener)
    } catch (cause) {
      if (!(cause instanceof SealingError && cause.code === 'wrap_not_opened')) throw cause
    }
  }
  throw new SealingError('wrap_not_opened')
}

const FRAME = 12
const HEADER_LENGTH_AT = 8

/** Head and tail of an envelope of `size` bytes, each in its place; what lies between is not there. */
export function endsOf(head: Bytes, size: number): ByteSource {
  if (head.length < FRAME) throw new SealingError('bytes_missing', { at: 0 })
  const front = FRAME + readU32(head, HEADER_LENGTH_AT)
  const back = size - (head.length - front)
  return {
    size,
    async read(at, length) {
      const from = at < front ? at : at - back + front
      const there = at < front ? at + length <= front : at >= back
      if (!there || from + length > head.length) throw new SealingError('bytes_missing', { at })
      return head.slice(from, from + length)
    },
  }
}
