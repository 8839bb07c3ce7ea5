// The suites that a browser seals and opens: 0x01 (X-Wing, Ed25519 and ML-DSA-65 together) and 0x02 (P-256, for tokens). One byte names a
// suite; all lengths follow from it and are checked before a key is touched. 0x11 (SM2, SM3, SM4) is the command line's.
// Refuses an ES256 signature with s above n/2: two spellings of one signature would give one bid two digests.

import { randomBytes } from '@/proof/bytes'

import { type Bytes, concat } from './bytes'
import { SealingError } from './errors'
import { importScalar, type Kem, P256, pointOf, scalarOf, TAG_SIZE, unwrap, wrap, X_WING } from './hpke'
import { type Algorithm, seedOf, toPkcs8 } from './pkcs8'
import { primitive, sources, withKey } from './primitives'

export interface Signing {
  readonly publicSize: number
  readonly signatureSize: number
  newSeed(): Promise<Bytes>
  publicOf(seed: Bytes): Promise<Bytes>
  sign(seed: Bytes, message: Bytes): Promise<Bytes>
  verify(publicKey: Bytes, message: Bytes, signature: Bytes): Promise<boolean>
}

/** A key's algorithm and how many bytes of the seed are its. */
type SeedPart = readonly [Algorithm, number]

export interface Suite {
  readonly code: number
  readonly name: string
  /** Bytes of a content key. */
  readonly keySize: number
  readonly kem: Kem
  readonly signing: Signing
  readonly openingParts: readonly SeedPart[]
  readonly signingParts: readonly SeedPart[]
}

const SCALAR_SIZE = 32
const ED25519_PUBLIC = 32
const ED25519_SIGNATURE = 64
const MLDSA_PUBLIC = 1952
const MLDSA_SIGNATURE = 3309
const SEED_SIZE = 32

const bothSignatures: Signing = {
  publicSize: ED25519_PUBLIC + MLDSA_PUBLIC,
  signatureSize: ED25519_SIGNATURE + MLDSA_SIGNATURE,

  async newSeed() {
    return randomBytes(2 * SEED_SIZE)
  },

  async publicOf(seed) {
    const [first, second] = [await primitive('Ed25519'), await primitive('ML-DSA-65')]
    return concat(await first.publicOf(seed.slice(0, SEED_SIZE)), await second.publicOf(seed.slice(SEED_SIZE)))
  },

  async sign(seed, message) {
    const [first, second] = [await primitive('Ed25519'), await primitive('ML-DSA-65')]
    return concat(await first.sign(seed.slice(0, SEED_SIZE), message), await second.sign(seed.slice(SEED_SIZE), message))
  },

  async verify(publicKey, message, signature) {
    const [first, second] = [await primitive('Ed25519'), await primitive('ML-DSA-65')]
    const [edwards, lattice] = [publicKey.slice(0, ED25519_PUBLIC), publicKey.slice(ED25519_PUBLIC)]
    return (
      (await first.verify(edwards, message, signature.slice(0, ED25519_SIGNATURE))) &&
      (await second.verify(lattice, message, signature.slice(ED25519_SIGNATURE)))
    )
  },
}

export const CURVE = { name: 'ECDSA', namedCurve: 'P-256' } as const
export const ES256 = { name: 'ECDSA', hash: 'SHA-256' } as const
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

const es256: Signing = {
  publicSize: P256.publicSize,
  signatureSize: 2 * SCALAR_SIZE,

  async newSeed() {
    return scalarOf(await crypto.subtle.generateKey(CURVE, true, ['sign']))
  },

  async publicOf(seed) {
    return pointOf(await importScalar(seed, CURVE, ['sign']))
  },

  async sign(seed, message) {
    const key = await importScalar(seed, CURVE, ['sign'])
    return withLowS(new Uint8Array(await crypto.subtle.sign(ES256, key, message)))
  },

  async verify(publicKey, message, signature) {
    if (upperHalf(signature) > ORDER / 2n) return false
    const key = await withKey('P-256', () => crypto.subtle.importKey('raw', publicKey, CURVE, false, ['verify']))
    return crypto.subtle.verify(ES256, key, signature, message)
  },
}

/** Return the one of the two signatures (r, s) and (r, n - s) that is taken; WebCrypto gives either. */
export function withLowS(signature: Bytes): Bytes {
  const s = upperHalf(signature)
  if (s <= ORDER / 2n) return signature
  let rest = ORDER - s
  for (let index = signature.length - 1; index >= SCALAR_SIZE; index -= 1) {
    signature[index] = Number(rest & 0xffn)
    rest >>= 8n
  }
  return signature
}

function upperHalf(signature: Bytes): bigint {
  return signature.subarray(SCALAR_SIZE).reduce((value, byte) => (value << 8n) | BigInt(byte), 0n)
}

export const SUITES: Readonly<Record<number, Suite>> = {
  0x01: {
    code: 0x01,
    name: 'X-Wing, AES-256-GCM, SHA-256, Ed25519 + ML-DSA-65',
    keySize: 32,
    kem: X_WING,
    signing: bothSignatures,
    openingParts: [['ML-KEM-768', 64], ['X25519', SEED_SIZE]],
    signingParts: [['Ed25519', SEED_SIZE], ['ML-DSA-65', SEED_SIZE]],
  },
  0x02: {
    code: 0x02,
    name: 'P-256, AES-256-GCM, SHA-256, ES256',
    keySize: 32,
    kem: P256,
    signing: es256,
    openingParts: [['P-256', SCALAR_SIZE]],
    signingParts: [['P-256', SCALAR_SIZE]],
  },
}

/** Return the suite of a code; throws unknown_suite for one that browsers don't have. */
export function suiteOf(code: number): Suite {
  const suite = SUITES[code]
  if (suite === undefined) throw new SealingError('unknown_suite', { suite: code })
  return suite
}

export function wrapOverhead(suite: Suite): number {
  return suite.kem.encapsulationSize + TAG_SIZE
}

/** A private key to which secrets are wrapped. */
export class OpeningKey {
  private constructor(
    readonly suite: Suite,
    private readonly seed: Bytes,
    readonly publicKey: Bytes,
  ) {}

  static async generate(suite: Suite): Promise<OpeningKey> {
    return OpeningKey.#of(suite, await suite.kem.newSeed())
  }

  /** Return the key in unencrypted PKCS#8 DERs, one or two as the suite has it; throws malformed_sealing_key. */
  static async load(suite: Suite, pkcs8: readonly Bytes[]): Promise<OpeningKey> {
    return OpeningKey.#of(suite, seedIn(suite.openingParts, pkcs8))
  }

  static async #of(suite: Suite, seed: Bytes): Promise<OpeningKey> {
    return new OpeningKey(suite, seed, await suite.kem.publicOf(seed))
  }

  pkcs8(): Bytes[] {
    return dersOf(this.suite.openingParts, this.seed)
  }

  /** Return the secret that was wrapped to this key for `info`; throws wrap_not_opened, never returns garbage. */
  unwrap(wrapped: Bytes, info: Bytes): Promise<Bytes> {
    return unwrap(this.suite.kem, this.seed, wrapped, info)
  }
}

/** A signing key on its way to a worker. */
export interface SigningKeyBytes {
  readonly pkcs8: readonly Bytes[]
  readonly publicKey: Bytes
}

/** The envelope key: made for one bid, it signs the envelope and later its replacement or withdrawal. */
export class SigningKey {
  private constructor(
    readonly suite: Suite,
    private readonly seed: Bytes,
    readonly publicKey: Bytes,
  ) {}

  static async generate(suite: Suite): Promise<SigningKey> {
    return SigningKey.#of(suite, await suite.signing.newSeed())
  }

  /** Return the key in unencrypted PKCS#8 DERs, one or two as the suite has it; throws malformed_sealing_key. */
  static async load(suite: Suite, pkcs8: readonly Bytes[]): Promise<SigningKey> {
    return SigningKey.#of(suite, seedIn(suite.signingParts, pkcs8))
  }

  /** Return the key whose public half is known: to work that out takes the library 50 ms; throws malformed_sealing_key. */
  static of(suite: Suite, { pkcs8, publicKey }: SigningKeyBytes): SigningKey {
    return new SigningKey(suite, seedIn(suite.signingParts, pkcs8), publicKey)
  }

  static async #of(suite: Suite, seed: Bytes): Promise<SigningKey> {
    return new SigningKey(suite, seed, await suite.signing.publicOf(seed))
  }

  pkcs8(): Bytes[] {
    return dersOf(this.suite.signingParts, this.seed)
  }

  sign(message: Bytes): Promise<Bytes> {
    return this.suite.signing.sign(this.seed, message)
  }
}

/** Return `secret` wrapped to the public key `other`, bound to `info`; another result each time. */
export function wrapTo(suite: Suite, other: Bytes, secret: Bytes, info: Bytes): Promise<Bytes> {
  return wrap(suite.kem, other, secret, info)
}

/** Return when `signature` is that of `publicKey`, of two keys both; throws malformed_sealing_key, bad_envelope_signature. */
export async function verifySignature(suite: Suite, publicKey: Bytes, message: Bytes, signature: Bytes): Promise<void> {
  const { signing } = suite
  if (publicKey.length !== signing.publicSize) throw new SealingError('malformed_sealing_key', { size: publicKey.length })
  const right = signature.length === signing.signatureSize && (await signing.verify(publicKey, message, signature))
  if (!right) throw new SealingError('bad_envelope_signature')
}

/** What this browser is to seal with. */
export interface SuiteChoice {
  readonly suite: Suite
  /** Algorithms that come from the library because the browser lacks them: to be said aloud. */
  readonly fromLibrary: readonly string[]
}

/** Return the first of the policy's suites that works here; throws suite_unavailable when none does. */
export async function chooseSuite(listed: readonly number[]): Promise<SuiteChoice> {
  for (const code of listed) {
    const suite = SUITES[code]
    if (suite === undefined) continue
    const fromLibrary = await tryOut(suite)
    if (fromLibrary !== undefined) return { suite, fromLibrary }
  }
  throw new SealingError('suite_unavailable', { listed: listed.join() })
}

/** Wrap, unwrap, sign and verify once; return what the library had to do, or undefined when that does not work here. */
async function tryOut(suite: Suite): Promise<string[] | undefined> {
  try {
    const [opening, signing] = [await OpeningKey.generate(suite), await SigningKey.generate(suite)]
    const secret = randomBytes(SEED_SIZE)
    const opened = await opening.unwrap(await wrapTo(suite, opening.publicKey, secret, secret), secret)
    await verifySignature(suite, signing.publicKey, opened, await signing.sign(secret))
  } catch {
    return undefined
  }
  const known = await sources()
  const needed = [...suite.openingParts, ...suite.signingParts].map(([algorithm]) => algorithm)
  return needed.filter((algorithm) => algorithm !== 'P-256' && known.get(algorithm) === 'library')
}

function seedIn(parts: readonly SeedPart[], pkcs8: readonly Bytes[]): Bytes {
  if (pkcs8.length !== parts.length) throw new SealingError('malformed_sealing_key', { keys: pkcs8.length })
  return concat(...parts.map(([algorithm], index) => seedOf(algorithm, pkcs8[index] as Bytes)))
}

function dersOf(parts: readonly SeedPart[], seed: Bytes): Bytes[] {
  let at = 0
  return parts.map(([algorithm, size]) => {
    at += size
    return toPkcs8(algorithm, seed.subarray(at - size, at))
  })
}
