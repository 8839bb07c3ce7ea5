// Who bids: a certificate with its key from files, or one made here that says a name and nobody vouches for. Its signature over envelope key
// and context makes the bid this bidder's (docs/spec/sealed-bid.md §9). Refuses, before anything is sealed, keys that are not the
// certificate's and algorithms that the identity part has no name for.

import { sha256 } from '@noble/hashes/sha2.js'

import { randomBytes } from '@/proof/bytes'
import { canonical } from '@/proof/canonical'
import { ascii, type Bytes, concat, equal, toBase64 } from '@/sealing/bytes'
import { contextOf, coreBytes } from '@/sealing/envelope'
import { coreOf } from '@/sealing/seal'
import type { BidDraft } from '@/sealing/sealing'
import { withLowS } from '@/sealing/suites'

import { bitString, explicit, NotDer, objectId, positive, readCertificate, readPem, SEQUENCE, SET, tlv, utcTime, utf8String } from './der'

export type CertificateCode = 'no_certificate' | 'no_key' | 'locked_key' | 'other_key' | 'unknown_key' | 'expired' | 'too_long'

export class CertificateError extends Error {
  constructor(readonly code: CertificateCode) {
    super(code)
    this.name = 'CertificateError'
  }
}

export interface Signatory {
  readonly name: string
  readonly certificate: Bytes
  readonly chain: readonly Bytes[]
  readonly alg: 'ES256' | 'EdDSA' | 'RS256'
  readonly notAfter: number
  readonly salt: Bytes
  sign(message: Bytes): Promise<Bytes>
}

const SALT_SIZE = 32
const MOST_CERTIFICATE = 16 * 1024
const MOST_CHAIN = 8
const DAY_MS = 86_400_000
const LIFE_DAYS = 366
const LONGEST_NAME = 64
const P256 = { name: 'ECDSA', namedCurve: 'P-256' } as const
const ES256 = { name: 'ECDSA', hash: 'SHA-256' } as const
const RS256 = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } as const
const ED25519 = { name: 'Ed25519' } as const
/** ecdsa-with-SHA256, and commonName (RFC 5758, RFC 5280). */
const SIGNED_WITH = tlv(SEQUENCE, objectId(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02))
const COMMON_NAME = objectId(0x55, 0x04, 0x03)

/** Return what stands in the core for the bidder: hash of salt and certificate. */
export function bidderCommitment({ salt, certificate }: Signatory): Bytes {
  return concat(sha256(concat(salt, certificate)))
}

/** Return the text of the identity part of one bid. */
export async function identityText(who: Signatory, draft: BidDraft): Promise<Bytes> {
  const context = contextOf(coreBytes(coreOf(draft, 'identity')))
  const signature = await who.sign(concat(ascii('EVB1 identity'), draft.signing.publicKey, context))
  return canonical({
    v: 1,
    certificate: toBase64(who.certificate),
    chain: who.chain.map(toBase64),
    salt: toBase64(who.salt),
    alg: who.alg,
    signature: toBase64(signature),
    marks: [],
  })
}

// --- made here

/** Make a key and a certificate that says `name`; the key is forgotten with the page. Throws CertificateError. */
export async function makeSignatory(name: string, now: number): Promise<Signatory> {
  if (name === '' || name.length > LONGEST_NAME) throw new CertificateError('too_long')
  const pair = await crypto.subtle.generateKey(P256, true, ['sign', 'verify'])
  const spki = new Uint8Array(await crypto.subtle.exportKey('spki', pair.publicKey))
  const sign = es256(pair.privateKey)
  const notAfter = now + LIFE_DAYS * DAY_MS
  const certificate = await selfSigned(name, spki, now - DAY_MS, notAfter, sign)
  return { name, certificate, chain: [], alg: 'ES256', notAfter, salt: randomBytes(SALT_SIZE), sign }
}

async function selfSigned(name: string, spki: Bytes, from: number, until: number, sign: Signatory['sign']): Promise<Bytes> {
  const subject = tlv(SEQUENCE, tlv(SET, tlv(SEQUENCE, COMMON_NAME, utf8String(name))))
  const validity = tlv(SEQUENCE, utcTime(from), utcTime(until))
  const version3 = explicit(0, positive(new Uint8Array([2])))
  const signed = tlv(SEQUENCE, version3, positive(randomBytes(SALT_SIZE / 2)), SIGNED_WITH, subject, validity, subject, spki)
  const raw = await sign(signed)
  const signature = tlv(SEQUENCE, positive(raw.subarray(0, raw.length / 2)), positive(raw.subarray(raw.length / 2)))
  return tlv(SEQUENCE, signed, SIGNED_WITH, bitString(signature))
}

function es256(key: CryptoKey): Signatory['sign'] {
  return async (message) => withLowS(new Uint8Array(await crypto.subtle.sign(ES256, key, message)))
}

// --- from files

/** Return who the files are: certificate with chain, and its private key as unencrypted PKCS#8. Throws CertificateError. */
export async function loadSignatory(certificateFile: Bytes, keyFile: Bytes, now: number): Promise<Signatory> {
  const [certificate, ...chain] = certificatesIn(certificateFile)
  if (certificate === undefined) throw new CertificateError('no_certificate')
  const facts = factsOf(certificate)
  if (!(facts.notBefore <= now && now <= facts.notAfter)) throw new CertificateError('expired')
  const { alg, sign } = await keyOf(pkcs8In(keyFile), facts.spki)
  return { name: facts.commonName, certificate, chain, alg, notAfter: facts.notAfter, salt: randomBytes(SALT_SIZE), sign }
}

function certificatesIn(file: Bytes): Bytes[] {
  const found = readPem(file).filter(({ label }) => label === '' || label === 'CERTIFICATE')
  if (found.length > 1 + MOST_CHAIN || found.some(({ der }) => der.length > MOST_CERTIFICATE)) throw new CertificateError('no_certificate')
  return found.map(({ der }) => der)
}

function factsOf(certificate: Bytes): ReturnType<typeof readCertificate> {
  try {
    return readCertificate(certificate)
  } catch (cause) {
    if (cause instanceof NotDer) throw new CertificateError('no_certificate')
    throw cause
  }
}

function pkcs8In(file: Bytes): Bytes {
  const found = readPem(file)
  if (found.some(({ label }) => label === 'ENCRYPTED PRIVATE KEY')) throw new CertificateError('locked_key')
  const key = found.find(({ label }) => label === '' || label === 'PRIVATE KEY')
  if (key === undefined) throw new CertificateError('no_key')
  return key.der
}

interface Kind {
  readonly alg: Signatory['alg']
  readonly key: EcKeyImportParams | RsaHashedImportParams | Algorithm
  readonly signer: (key: CryptoKey) => Signatory['sign']
}

const plain = (algorithm: Algorithm) => (key: CryptoKey): Signatory['sign'] => async (message) =>
  new Uint8Array(await crypto.subtle.sign(algorithm, key, message))

const KINDS: readonly Kind[] = [
  { alg: 'ES256', key: P256, signer: es256 },
  { alg: 'EdDSA', key: ED25519, signer: plain(ED25519) },
  { alg: 'RS256', key: RS256, signer: plain(RS256) },
]

/** Find out by trying what the key is, and sign once: it must be the certificate's. */
async function keyOf(pkcs8: Bytes, spki: Bytes): Promise<{ alg: Signatory['alg']; sign: Signatory['sign'] }> {
  for (const { alg, key, signer } of KINDS) {
    const own = await imported(() => crypto.subtle.importKey('pkcs8', pkcs8, key, true, ['sign']))
    if (own === null) continue
    if (!equal(await publicOf(own, key), spki)) throw new CertificateError('other_key')
    return { alg, sign: signer(own) }
  }
  throw new CertificateError('unknown_key')
}

async function imported(importing: () => Promise<CryptoKey>): Promise<CryptoKey | null> {
  try {
    return await importing()
  } catch {
    return null // a key of another algorithm: the next one is tried
  }
}

/** Return the SubjectPublicKeyInfo of a private key: its JWK without the private members is the public key's. */
async function publicOf(own: CryptoKey, algorithm: Kind['key']): Promise<Bytes> {
  const { kty, crv, x, y, n, e } = await crypto.subtle.exportKey('jwk', own)
  const members = Object.entries({ kty, crv, x, y, n, e }).filter(([, value]) => value !== undefined)
  const key = await crypto.subtle.importKey('jwk', Object.fromEntries(members) as JsonWebKey, algorithm, true, ['verify'])
  return new Uint8Array(await crypto.subtle.exportKey('spki', key))
}
