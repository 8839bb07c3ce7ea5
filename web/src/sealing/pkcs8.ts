// Private keys as the command line writes them: PKCS#8 (RFC 5958), one fixed form per algorithm, so that a prefix is compared and
// nothing is parsed. Refuses any other form; encrypted files are opened before they come here.

import { type Bytes, concat, equal } from './bytes'
import { SealingError } from './errors'
import { fromHex } from '@/proof/bytes'

export type Algorithm = 'P-256' | 'X25519' | 'Ed25519' | 'ML-KEM-768' | 'ML-DSA-65'

interface Form {
  /** DER before the seed. */
  readonly prefix: Bytes
  readonly size: number
}

/** The forms with the seed alone (RFC 8410 §7, RFC 9935 §6, RFC 9881 §6; P-256 as RFC 5915 without its public key). */
const FORMS: Readonly<Record<Algorithm, Form>> = {
  'P-256': { prefix: fromHex('3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420'), size: 32 },
  X25519: { prefix: fromHex('302e020100300506032b656e04220420'), size: 32 },
  Ed25519: { prefix: fromHex('302e020100300506032b657004220420'), size: 32 },
  'ML-KEM-768': { prefix: fromHex('3054020100300b060960864801650304040204428040'), size: 64 },
  'ML-DSA-65': { prefix: fromHex('3034020100300b060960864801650304031204228020'), size: 32 },
}
/** P-256 with its public key behind the seed, as libraries on OpenSSL write it. */
const WITH_PUBLIC: Form = { prefix: fromHex('308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420'), size: 32 }
const PUBLIC_SIZE = 70

export function toPkcs8(algorithm: Algorithm, seed: Uint8Array): Bytes {
  return concat(FORMS[algorithm].prefix, seed)
}

/** Return the seed in a private key; throws malformed_sealing_key when it is another algorithm's or of another form. */
export function seedOf(algorithm: Algorithm, der: Uint8Array): Bytes {
  const form = FORMS[algorithm]
  if (has(form, der, 0)) return concat(der.subarray(form.prefix.length))
  if (algorithm === 'P-256' && has(WITH_PUBLIC, der, PUBLIC_SIZE)) {
    return concat(der.subarray(WITH_PUBLIC.prefix.length, WITH_PUBLIC.prefix.length + WITH_PUBLIC.size))
  }
  throw new SealingError('malformed_sealing_key', { algorithm })
}

function has({ prefix, size }: Form, der: Uint8Array, more: number): boolean {
  return der.length === prefix.length + size + more && equal(der.subarray(0, prefix.length), prefix)
}
