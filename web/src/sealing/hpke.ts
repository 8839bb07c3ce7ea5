// HPKE (RFC 9180) in base mode, one message per key, with HKDF-SHA256 and AES-256-GCM, over two ways to agree on a secret:
// DHKEM(P-256) and X-Wing (draft-connolly-cfrg-xwing-kem, KEM 0x647a). A wrap is the encapsulation followed by the ciphertext.
// HKDF comes from the hash library: HPKE needs Extract and Expand apart, and WebCrypto has them only in one.

import { expand, extract } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { sha3_256 } from '@noble/hashes/sha3.js'

import { fromBase64Url, randomBytes } from '@/proof/bytes'

import { ascii, type Bytes, concat, u16 } from './bytes'
import { SealingError } from './errors'
import { toPkcs8 } from './pkcs8'
import { primitive, withKey } from './primitives'

/** One way to agree on a secret with the holder of a key. */
export interface Kem {
  readonly id: number
  readonly publicSize: number
  readonly seedSize: number
  readonly encapsulationSize: number
  newSeed(): Promise<Bytes>
  publicOf(seed: Bytes): Promise<Bytes>
  encapsulate(other: Bytes): Promise<{ readonly secret: Bytes; readonly encapsulation: Bytes }>
  decapsulate(seed: Bytes, encapsulation: Bytes): Promise<Bytes>
}

const HKDF_SHA256 = 1
const AES_256_GCM = 2
const KEY_SIZE = 32
const NONCE_SIZE = 12
export const TAG_SIZE = 16
const BASE_MODE = new Uint8Array([0])
const NOTHING = new Uint8Array(0)

/** Return `plaintext` wrapped to the key `other`, bound to `info`. */
export async function wrap(kem: Kem, other: Bytes, plaintext: Bytes, info: Bytes): Promise<Bytes> {
  if (other.length !== kem.publicSize) throw new SealingError('malformed_sealing_key', { size: other.length })
  const { secret, encapsulation } = await kem.encapsulate(other)
  const { key, nonce } = schedule(kem, secret, info)
  const cipher = await crypto.subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt'])
  return concat(encapsulation, new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv: nonce }, cipher, plaintext)))
}

/** Return what was wrapped to the key of `seed` for `info`; throws wrap_not_opened. */
export async function unwrap(kem: Kem, seed: Bytes, wrapped: Bytes, info: Bytes): Promise<Bytes> {
  try {
    const secret = await kem.decapsulate(seed, wrapped.slice(0, kem.encapsulationSize))
    const { key, nonce } = schedule(kem, secret, info)
    const cipher = await crypto.subtle.importKey('raw', key, 'AES-GCM', false, ['decrypt'])
    const ciphertext = wrapped.subarray(kem.encapsulationSize)
    return new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv: nonce }, cipher, ciphertext))
  } catch (cause) {
    if (cause instanceof SealingError && cause.code === 'suite_unavailable') throw cause
    throw new SealingError('wrap_not_opened')
  }
}

function schedule(kem: Kem, secret: Bytes, info: Bytes): { key: Bytes; nonce: Bytes } {
  const suite = concat(ascii('HPKE'), u16(kem.id), u16(HKDF_SHA256), u16(AES_256_GCM))
  const context = concat(
    BASE_MODE,
    labeledExtract(suite, NOTHING, 'psk_id_hash', NOTHING),
    labeledExtract(suite, NOTHING, 'info_hash', info),
  )
  const main = labeledExtract(suite, secret, 'secret', NOTHING)
  return {
    key: labeledExpand(suite, main, 'key', context, KEY_SIZE),
    nonce: labeledExpand(suite, main, 'base_nonce', context, NONCE_SIZE),
  }
}

/** RFC 9180 §4. */
function labeledExtract(suite: Bytes, salt: Bytes, label: string, material: Bytes): Bytes {
  return concat(extract(sha256, concat(ascii('HPKE-v1'), suite, ascii(label), material), salt))
}

function labeledExpand(suite: Bytes, key: Bytes, label: string, info: Bytes, length: number): Bytes {
  return concat(expand(sha256, key, concat(u16(length), ascii('HPKE-v1'), suite, ascii(label), info), length))
}

// --- X-Wing

const MLKEM_PUBLIC = 1184
const MLKEM_CIPHERTEXT = 1088
const MLKEM_SEED = 64
const X25519_SIZE = 32
/** `\.//^\`, the wings (draft §5.3). */
const WINGS = ascii('\\.//^\\')

/** Its seed here is the expanded one, ML-KEM's 64 bytes and X25519's 32: keys are kept as two PKCS#8 files. */
export const X_WING: Kem = {
  id: 0x647a,
  publicSize: MLKEM_PUBLIC + X25519_SIZE,
  seedSize: MLKEM_SEED + X25519_SIZE,
  encapsulationSize: MLKEM_CIPHERTEXT + X25519_SIZE,

  async newSeed() {
    return randomBytes(MLKEM_SEED + X25519_SIZE)
  },

  async publicOf(seed) {
    const [kem, curve] = [await primitive('ML-KEM-768'), await primitive('X25519')]
    return concat(await kem.publicOf(seed.slice(0, MLKEM_SEED)), await curve.publicOf(seed.slice(MLKEM_SEED)))
  },

  async encapsulate(other) {
    const [kem, curve] = [await primitive('ML-KEM-768'), await primitive('X25519')]
    const theirs = other.slice(MLKEM_PUBLIC)
    const ephemeral = randomBytes(X25519_SIZE)
    const { secret, ciphertext } = await kem.encapsulate(other.slice(0, MLKEM_PUBLIC))
    const [agreed, sent] = [await curve.agree(ephemeral, theirs), await curve.publicOf(ephemeral)]
    return { secret: combine(secret, agreed, sent, theirs), encapsulation: concat(ciphertext, sent) }
  },

  async decapsulate(seed, encapsulation) {
    const [kem, curve] = [await primitive('ML-KEM-768'), await primitive('X25519')]
    const own = seed.slice(MLKEM_SEED)
    const sent = encapsulation.slice(MLKEM_CIPHERTEXT)
    const secret = await kem.decapsulate(seed.slice(0, MLKEM_SEED), encapsulation.slice(0, MLKEM_CIPHERTEXT))
    return combine(secret, await curve.agree(own, sent), sent, await curve.publicOf(own))
  },
}

function combine(lattice: Bytes, agreed: Bytes, sent: Bytes, theirs: Bytes): Bytes {
  return concat(sha3_256(concat(lattice, agreed, sent, theirs, WINGS)))
}

// --- P-256

const CURVE = { name: 'ECDH', namedCurve: 'P-256' } as const
const POINT_SIZE = 65
const SCALAR_SIZE = 32

export const P256: Kem = {
  id: 0x0010,
  publicSize: POINT_SIZE,
  seedSize: SCALAR_SIZE,
  encapsulationSize: POINT_SIZE,

  async newSeed() {
    return scalarOf(await crypto.subtle.generateKey(CURVE, true, ['deriveBits']))
  },

  async publicOf(seed) {
    return pointOf(await importScalar(seed, CURVE, ['deriveBits']))
  },

  async encapsulate(other) {
    const key = await importPoint(other)
    const ephemeral = await crypto.subtle.generateKey(CURVE, true, ['deriveBits'])
    const encapsulation = new Uint8Array(await crypto.subtle.exportKey('raw', ephemeral.publicKey))
    return { secret: sharedSecret(await agree(ephemeral.privateKey, key), encapsulation, other), encapsulation }
  },

  async decapsulate(seed, encapsulation) {
    const own = await importScalar(seed, CURVE, ['deriveBits'])
    const agreed = await agree(own, await importPoint(encapsulation))
    return sharedSecret(agreed, encapsulation, await pointOf(own))
  },
}

function importPoint(point: Bytes): Promise<CryptoKey> {
  return withKey('P-256', () => crypto.subtle.importKey('raw', point, CURVE, false, []))
}

/** Return the private key of a P-256 scalar, for agreeing or signing. */
export function importScalar(scalar: Bytes, algorithm: EcKeyImportParams, uses: KeyUsage[]): Promise<CryptoKey> {
  return withKey('P-256', () => crypto.subtle.importKey('pkcs8', toPkcs8('P-256', scalar), algorithm, true, uses))
}

/** Return the uncompressed point that belongs to a private key. */
export async function pointOf(key: CryptoKey): Promise<Bytes> {
  const { x, y } = await crypto.subtle.exportKey('jwk', key)
  return concat(new Uint8Array([4]), fromBase64Url(x as string), fromBase64Url(y as string))
}

export async function scalarOf(pair: CryptoKeyPair): Promise<Bytes> {
  return fromBase64Url((await crypto.subtle.exportKey('jwk', pair.privateKey)).d as string)
}

async function agree(own: CryptoKey, other: CryptoKey): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.deriveBits({ name: 'ECDH', public: other }, own, 256))
}

/** ExtractAndExpand of RFC 9180 §4.1. */
function sharedSecret(agreed: Bytes, encapsulation: Bytes, theirs: Bytes): Bytes {
  const suite = concat(ascii('KEM'), u16(P256.id))
  const extracted = labeledExtract(suite, NOTHING, 'eae_prk', agreed)
  return labeledExpand(suite, extracted, 'shared_secret', concat(encapsulation, theirs), KEY_SIZE)
}
