// Shamir's sharing of the trustees' secret S over 2^256 + 297, dealt by the bidder so that everything follows from S: whoever
// joins k shares deals again and compares all n commitments. One mismatch is `dealing`, whichever quorum looked.
// BigInt arithmetic is not constant in time: it runs on the machine of the one who knows the secret anyway.

import { expand } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'

import { ascii, type Bytes, concat, equal, u16 } from './bytes'
import { SealingError } from './errors'

const PRIME = 2n ** 256n + 297n
const COEFFICIENT_SIZE = 48
const VALUE_SIZE = 33
const BLIND_SIZE = 32

export const SECRET_SIZE = 32
/** Bytes of a share: number, value, blind. */
export const SHARE_SIZE = 2 + VALUE_SIZE + BLIND_SIZE

/** Return the shares 1..n of `secret`, any `threshold` of which join to it. */
export function deal(secret: Uint8Array, threshold: number, count: number): Bytes[] {
  const coefficients = [toInteger(secret)]
  for (let degree = 1; degree < threshold; degree += 1) {
    coefficients.push(toInteger(expand(sha256, secret, ascii(`EVB1 coef${degree}`), COEFFICIENT_SIZE)) % PRIME)
  }
  return Array.from({ length: count }, (_, index) => {
    const number = index + 1
    const blind = expand(sha256, secret, ascii(`EVB1 blind${number}`), BLIND_SIZE)
    return concat(u16(number), toBytes(valueAt(coefficients, BigInt(number)), VALUE_SIZE), blind)
  })
}

/** Return what stands in the header for a share. */
export function shareCommitment(context: Bytes, share: Bytes): Bytes {
  return concat(sha256(concat(ascii('EVB1 share'), context, share)))
}

/**
 * Return the secret of which `shares`, by number of the trustee, are `threshold` or more; all dealt shares are compared with
 * `commitments` (of share 1..n).
 *
 * Throws share_mismatch naming a share that is not the one committed to; too_few_shares; dealing when the bidder dealt wrongly.
 */
export function join(context: Bytes, threshold: number, commitments: readonly Bytes[], shares: ReadonlyMap<number, Bytes>): Bytes {
  const numbers = [...shares.keys()].sort((one, other) => one - other)
  for (const number of numbers) checkShare(context, number, commitments[number - 1], shares.get(number) as Bytes)
  if (numbers.length < threshold) throw new SealingError('too_few_shares', { found: numbers.length, needed: threshold })
  const secret = interpolate(numbers.slice(0, threshold).map((number) => [number, shares.get(number) as Bytes]))
  checkDealing(context, threshold, commitments, secret)
  return secret
}

/** Throws share_mismatch when `share` is not what the header promises of trustee `number`. */
export function checkShare(context: Bytes, number: number, commitment: Bytes | undefined, share: Bytes): void {
  const right = commitment !== undefined && share.length === SHARE_SIZE && equal(commitment, shareCommitment(context, share))
  if (!right) throw new SealingError('share_mismatch', { number })
}

/** Throws dealing when `commitments` are not those of the shares that follow from `secret`. */
export function checkDealing(context: Bytes, threshold: number, commitments: readonly Bytes[], secret: Bytes): void {
  deal(secret, threshold, commitments.length).forEach((share, index) => {
    if (!equal(shareCommitment(context, share), commitments[index] as Bytes)) throw new SealingError('dealing', { share: index + 1 })
  })
}

function interpolate(shares: readonly (readonly [number, Bytes])[]): Bytes {
  const points = shares.map(([number, share]): [number, bigint] => {
    if (!equal(share.subarray(0, 2), u16(number))) throw new SealingError('dealing', { rule: 'number', share: number })
    return [number, toInteger(share.subarray(2, 2 + VALUE_SIZE))]
  })
  const value = atZero(points)
  if (value >= 2n ** 256n) throw new SealingError('dealing', { rule: 'secret' })
  return toBytes(value, SECRET_SIZE)
}

function valueAt(coefficients: readonly bigint[], x: bigint): bigint {
  return coefficients.reduceRight((sum, coefficient) => (sum * x + coefficient) % PRIME, 0n)
}

/** Lagrange's interpolation at 0. */
function atZero(points: readonly (readonly [number, bigint])[]): bigint {
  let sum = 0n
  for (const [number, value] of points) {
    let above = 1n
    let below = 1n
    for (const [other] of points) {
      if (other === number) continue
      above = (above * BigInt(other)) % PRIME
      below = (below * positive(BigInt(other - number))) % PRIME
    }
    sum = (sum + value * above * inverse(below)) % PRIME
  }
  return sum
}

/** Fermat: the modulus is prime. */
function inverse(value: bigint): bigint {
  let result = 1n
  let base = value
  for (let exponent = PRIME - 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * base) % PRIME
    base = (base * base) % PRIME
  }
  return result
}

function positive(value: bigint): bigint {
  return ((value % PRIME) + PRIME) % PRIME
}

function toInteger(bytes: Uint8Array): bigint {
  return bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n)
}

function toBytes(value: bigint, length: number): Bytes {
  const bytes = new Uint8Array(length)
  let rest = value
  for (let index = length - 1; index >= 0; index -= 1) {
    bytes[index] = Number(rest & 0xffn)
    rest >>= 8n
  }
  return bytes
}
