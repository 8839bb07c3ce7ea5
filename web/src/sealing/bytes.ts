// Bytes of the envelope: strict base64 (RFC 4648 §4), big-endian integers, comparison, labels.
// Refuses every second spelling of the same bytes, so that nobody can change an envelope without changing its meaning.

import { concat } from '@/proof/bytes'

import { malformed } from './errors'

/** Bytes over a buffer that WebCrypto takes (never a shared one). */
export type Bytes = Uint8Array<ArrayBuffer>

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const AT_ONCE = 0x8000
const EXACT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export { concat }

export function ascii(text: string): Bytes {
  return concat(new TextEncoder().encode(text))
}

/** Return the text of UTF-8 `bytes`; throws malformed_envelope on any other bytes. */
export function utf8(bytes: Uint8Array): string {
  try {
    return EXACT.decode(bytes)
  } catch {
    return malformed('utf-8')
  }
}

export function toBase64(bytes: Uint8Array): string {
  let binary = ''
  // Spread arguments lie on the stack, which a whole header would overflow.
  for (let at = 0; at < bytes.length; at += AT_ONCE) binary += String.fromCharCode(...bytes.subarray(at, at + AT_ONCE))
  return btoa(binary)
}

/** Return the bytes of padded base64; throws malformed_envelope on every other spelling. */
export function fromBase64(text: string): Bytes {
  if (!BASE64.test(text)) malformed('base64')
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let index = 0; index < binary.length; index += 1) bytes[index] = binary.charCodeAt(index)
  // The last letter of a padded text has bits that decode to nothing: two spellings of one value.
  if (text.endsWith('=') && toBase64(bytes.subarray(bytes.length - (bytes.length % 3))) !== text.slice(-4)) malformed('base64')
  return bytes
}

export function equal(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false
  let difference = 0
  for (let index = 0; index < one.length; index += 1) difference |= (one[index] as number) ^ (other[index] as number)
  return difference === 0
}

export function u16(value: number): Bytes {
  return new Uint8Array([value >>> 8, value & 0xff])
}

export function u32(value: number): Bytes {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return bytes
}

export function u64(value: number): Bytes {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value))
  return bytes
}

export function readU32(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset + at, 4).getUint32(0)
}

/** Return the big-endian integer in the first eight bytes; beyond 2^53 it is no longer exact, but larger than any file. */
export function readU64(bytes: Uint8Array): number {
  return Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0))
}
