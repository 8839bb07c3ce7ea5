// The public-key algorithms of the suites, from WebCrypto where the browser has them (Chromium 156 has all five), else from
// a library that is fetched only then. "Has" means: a key was made and used, not that a name is known.
// Keys are seeds and raw bytes on this side, so that both sources take the same ones.

import { fromBase64Url } from '@/proof/bytes'

import type { Bytes } from './bytes'
import { SealingError } from './errors'
import { type Algorithm, toPkcs8 } from './pkcs8'

export interface Agreement {
  publicOf(seed: Bytes): Promise<Bytes>
  /** Return the Diffie-Hellman value; throws malformed_sealing_key for a point that is none, or of low order. */
  agree(seed: Bytes, other: Bytes): Promise<Bytes>
}

export interface Encapsulation {
  publicOf(seed: Bytes): Promise<Bytes>
  /** Throws malformed_sealing_key when `other` is no public key. */
  encapsulate(other: Bytes): Promise<{ readonly secret: Bytes; readonly ciphertext: Bytes }>
  decapsulate(seed: Bytes, ciphertext: Bytes): Promise<Bytes>
}

export interface Signature {
  publicOf(seed: Bytes): Promise<Bytes>
  sign(seed: Bytes, message: Bytes): Promise<Bytes>
  verify(publicKey: Bytes, message: Bytes, signature: Bytes): Promise<boolean>
}

export interface Primitives {
  readonly 'ML-KEM-768': Encapsulation
  readonly X25519: Agreement
  readonly Ed25519: Signature
  readonly 'ML-DSA-65': Signature
}

type Source = 'browser' | 'library'

/** What TypeScript's own declarations do not know yet: Web Cryptography's modern algorithms (WICG). */
interface ModernSubtle {
  encapsulateBits(algorithm: Named, key: CryptoKey): Promise<{ sharedKey: ArrayBuffer; ciphertext: ArrayBuffer }>
  decapsulateBits(algorithm: Named, key: CryptoKey, ciphertext: Bytes): Promise<ArrayBuffer>
  getPublicKey(key: CryptoKey, uses: readonly string[]): Promise<CryptoKey>
  importKey(format: string, bytes: Bytes, algorithm: Named, extractable: boolean, uses: readonly string[]): Promise<CryptoKey>
  exportKey(format: string, key: CryptoKey): Promise<ArrayBuffer>
}
interface Named {
  readonly name: string
}

const modern = (): ModernSubtle => crypto.subtle as unknown as ModernSubtle

/** Run `work` on a key that came from outside; whatever the browser throws means that the key is none. */
export async function withKey<T>(algorithm: Algorithm, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch {
    throw new SealingError('malformed_sealing_key', { algorithm })
  }
}

// --- the browser's own

const montgomery: Agreement = {
  async publicOf(seed) {
    return publicFromJwk(await importPrivate('X25519', seed, ['deriveBits']))
  },
  async agree(seed, other) {
    const own = await importPrivate('X25519', seed, ['deriveBits'])
    return withKey('X25519', async () => {
      const key = await crypto.subtle.importKey('raw', other, { name: 'X25519' }, false, [])
      return new Uint8Array(await crypto.subtle.deriveBits({ name: 'X25519', public: key }, own, 256))
    })
  },
}

const edwards: Signature = {
  async publicOf(seed) {
    return publicFromJwk(await importPrivate('Ed25519', seed, ['sign']))
  },
  async sign(seed, message) {
    const key = await importPrivate('Ed25519', seed, ['sign'])
    return new Uint8Array(await crypto.subtle.sign({ name: 'Ed25519' }, key, message))
  },
  async verify(publicKey, message, signature) {
    const key = await withKey('Ed25519', () => crypto.subtle.importKey('raw', publicKey, { name: 'Ed25519' }, false, ['verify']))
    return crypto.subtle.verify({ name: 'Ed25519' }, key, signature, message)
  },
}

const KEM = { name: 'ML-KEM-768' }
const lattice: Encapsulation = {
  async publicOf(seed) {
    const own = await modern().importKey('raw-seed', seed, KEM, false, ['decapsulateBits'])
    const key = await modern().getPublicKey(own, ['encapsulateBits'])
    return new Uint8Array(await modern().exportKey('raw-public', key))
  },
  async encapsulate(other) {
    const key = await withKey('ML-KEM-768', () => modern().importKey('raw-public', other, KEM, false, ['encapsulateBits']))
    const { sharedKey, ciphertext } = await modern().encapsulateBits(KEM, key)
    return { secret: new Uint8Array(sharedKey), ciphertext: new Uint8Array(ciphertext) }
  },
  async decapsulate(seed, ciphertext) {
    const own = await modern().importKey('raw-seed', seed, KEM, false, ['decapsulateBits'])
    return new Uint8Array(await modern().decapsulateBits(KEM, own, ciphertext))
  },
}

const DSA = { name: 'ML-DSA-65' }
const latticeSignature: Signature = {
  async publicOf(seed) {
    const own = await modern().importKey('raw-seed', seed, DSA, false, ['sign'])
    return new Uint8Array(await modern().exportKey('raw-public', await modern().getPublicKey(own, ['verify'])))
  },
  async sign(seed, message) {
    const own = await modern().importKey('raw-seed', seed, DSA, false, ['sign'])
    return new Uint8Array(await crypto.subtle.sign(DSA, own, message))
  },
  async verify(publicKey, message, signature) {
    const key = await withKey('ML-DSA-65', () => modern().importKey('raw-public', publicKey, DSA, false, ['verify']))
    return crypto.subtle.verify(DSA, key, signature, message)
  },
}

const BROWSER: Primitives = { 'ML-KEM-768': lattice, X25519: montgomery, Ed25519: edwards, 'ML-DSA-65': latticeSignature }

function importPrivate(algorithm: 'X25519' | 'Ed25519', seed: Bytes, uses: KeyUsage[]): Promise<CryptoKey> {
  return crypto.subtle.importKey('pkcs8', toPkcs8(algorithm, seed), { name: algorithm }, true, uses)
}

async function publicFromJwk(key: CryptoKey): Promise<Bytes> {
  const { x } = await crypto.subtle.exportKey('jwk', key)
  return fromBase64Url(x as string)
}

// --- which source

const TRIALS: Readonly<Record<keyof Primitives, () => Promise<unknown>>> = {
  'ML-KEM-768': async () => lattice.encapsulate(await lattice.publicOf(new Uint8Array(64))),
  X25519: async () => montgomery.publicOf(new Uint8Array(32)),
  Ed25519: async () => edwards.publicOf(new Uint8Array(32)),
  'ML-DSA-65': async () => latticeSignature.sign(new Uint8Array(32), new Uint8Array(1)),
}

let tried: Promise<ReadonlyMap<keyof Primitives, Source>> | undefined

/** Say for each algorithm whether this browser has it; tried once. */
export function sources(): Promise<ReadonlyMap<keyof Primitives, Source>> {
  tried ??= trySources()
  return tried
}

async function trySources(): Promise<ReadonlyMap<keyof Primitives, Source>> {
  const found = new Map<keyof Primitives, Source>()
  for (const [algorithm, trial] of Object.entries(TRIALS) as [keyof Primitives, () => Promise<unknown>][]) {
    found.set(algorithm, await trial().then(
      () => 'browser' as const,
      () => 'library' as const,
    ))
  }
  return found
}

/** Return the best implementation of `algorithm`; throws suite_unavailable when neither browser nor node has it. */
export async function primitive<A extends keyof Primitives>(algorithm: A): Promise<Primitives[A]> {
  if ((await sources()).get(algorithm) === 'browser') return BROWSER[algorithm]
  try {
    return (await import('./library')).LIBRARY[algorithm]
  } catch {
    throw new SealingError('suite_unavailable', { algorithm })
  }
}
