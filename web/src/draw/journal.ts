// Entries of the journal as docs/spec/journal.md has them, as far as a draw's file needs it: acts signed at a seat, and the proof that
// an entry stands under a checkpoint which the log signed and witnesses cosigned. Everything is checked here, nothing by the host.

import { ed25519 } from '@noble/curves/ed25519.js'
import { p256 } from '@noble/curves/nist.js'
import { sha256 } from '@noble/hashes/sha2.js'

import { concat, fromBase64Url, toBase64Url } from '@/proof/bytes'
import { canonical } from '@/proof/canonical'

import type { Line } from './file'

const UTF8 = new TextEncoder()
const HEADER = toBase64Url(UTF8.encode('{"alg":"ES256"}'))
/** SubjectPublicKeyInfo of a P-256 key: all that comes before the point (RFC 5480 §2). */
const SPKI_HEAD = '3059301306072a8648ce3d020106082a8648ce3d030107034200'
const [LEAF, NODE] = [new Uint8Array([0]), new Uint8Array([1])]
const [LOG_KEY, WITNESS_KEY] = [1, 4]

/** Say whether `line` was signed with the seat key `spki` (base64url). */
export function isSigned(line: Line, session: string, spki: string): boolean {
  try {
    const [head, signature, ...more] = (line.sig ?? '').split('..')
    if (head !== HEADER || signature === undefined || more.length > 0) return false
    const { actor, body, cmd, site, type } = line
    const payload = toBase64Url(canonical({ actor, body, cmd, session, site, type }))
    return p256.verify(strict(signature), UTF8.encode(`${HEADER}.${payload}`), pointOf(spki), { lowS: false, prehash: true })
  } catch {
    return false
  }
}

/** Return the bytes of canonical base64url; throws on any other spelling. */
function strict(text: string): Uint8Array {
  const bytes = fromBase64Url(text)
  if (toBase64Url(bytes) !== text) throw new RangeError('another spelling')
  return bytes
}

function pointOf(spki: string): Uint8Array {
  const der = strict(spki)
  const head = [...der.subarray(0, SPKI_HEAD.length / 2)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  const point = der.subarray(SPKI_HEAD.length / 2)
  if (head !== SPKI_HEAD || point.length !== 65 || point[0] !== 4) throw new RangeError('no P-256 key')
  return point
}

// --- keys, notes ----------------------------------------------------------------------------------------------

interface VerifierKey {
  readonly name: string
  readonly id: Uint8Array
  readonly type: number
  readonly key: Uint8Array
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0))
  if (btoa(String.fromCharCode(...bytes)) !== text) throw new RangeError('another spelling of Base64')
  return bytes
}

/** Read a C2SP verifier key; throws on another form or another id than the key's. */
function readKey(text: string): VerifierKey {
  const [name = '', id = '', ...rest] = text.split('+')
  const data = fromBase64(rest.join('+'))
  const [type = 0] = data
  const found = sha256(concat(UTF8.encode(`${name}\n`), data)).subarray(0, 4)
  const spelled = [...found].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  if (name === '' || spelled !== id || data.length !== 33) throw new RangeError('no verifier key')
  return { name, id: found, type, key: data.subarray(1) }
}

interface Checkpoint {
  readonly size: number
  readonly root: Uint8Array
}

const sameBytes = (one: Uint8Array, other: Uint8Array): boolean => one.length === other.length && one.every((byte, at) => byte === other[at])

/** Return the checkpoint in a note once the log and a quorum of witnesses have signed it; throws otherwise. */
function openNote(note: string, log: VerifierKey, witnesses: readonly VerifierKey[], quorum: number): Checkpoint {
  const end = note.indexOf('\n\n')
  const body = note.slice(0, end + 1)
  const [origin, size = '', root = '', ...rest] = body.split('\n')
  if (end < 0 || origin !== log.name || !/^(?:0|[1-9]\d{0,15})$/.test(size) || rest.join('') !== '' || rest.length !== 1) throw new RangeError('no checkpoint')
  const lines = note.slice(end + 2).split('\n')
  if (lines.pop() !== '') throw new RangeError('no newline at the end')
  const seen = new Set<VerifierKey>()
  for (const line of lines) {
    const match = /^\u2014 ([^\s+]+) ([A-Za-z0-9+/=]+)$/.exec(line)
    if (match === null) throw new RangeError('no signature line')
    const payload = fromBase64(match[2] ?? '')
    const key = [log, ...witnesses].find(({ name, id }) => name === match[1] && sameBytes(id, payload.subarray(0, 4)))
    if (key === undefined) continue // an unknown key counts for nothing
    if (seen.has(key) || !isSignature(key, payload.subarray(4), body)) throw new RangeError('a wrong signature')
    seen.add(key)
  }
  if (!seen.has(log)) throw new RangeError('the log did not sign')
  if (seen.size - 1 < quorum) throw new RangeError('fewer witnesses than the quorum')
  return { size: Number(size), root: fromBase64(root) }
}

function isSignature(key: VerifierKey, payload: Uint8Array, body: string): boolean {
  if (key.type === LOG_KEY) return ed25519.verify(payload, UTF8.encode(body), key.key, { zip215: false })
  const time = new DataView(payload.buffer, payload.byteOffset, 8).getBigUint64(0)
  const message = UTF8.encode(`cosignature/v1\ntime ${time}\n${body}`)
  return ed25519.verify(payload.subarray(8), message, key.key, { zip215: false })
}

// --- proofs -----------------------------------------------------------------------------------------------------

/** Check the proof that an entry stands in the journal (RFC 9162 §2.1.3.2); throws when it does not. */
export function checkProof(line: Line, proof: string, keys: Keys): void {
  const blank = proof.indexOf('\n\n')
  const [head, ...lines] = proof.slice(0, blank).split('\n')
  const numbered = lines.filter((one) => !one.startsWith('extra '))
  const index = Number(/^index (0|[1-9]\d{0,15})$/.exec(numbered.shift() ?? '')?.[1] ?? Number.NaN)
  if (head !== 'c2sp.org/tlog-proof@v1' || blank < 0 || index !== line.seq) throw new RangeError('no proof of this entry')
  const { size, root } = openNote(proof.slice(blank + 2), keys.log, keys.witnesses, keys.quorum)
  const leaf = sha256(concat(LEAF, canonical(line)))
  if (!sameBytes(rootOf(leaf, index, size, numbered.map(fromBase64)), root)) throw new RangeError('the proof does not lead to the root')
}

function rootOf(leaf: Uint8Array, index: number, size: number, path: readonly Uint8Array[]): Uint8Array {
  if (index >= size) throw new RangeError('an entry beyond the checkpoint')
  let [node, last, hash] = [BigInt(index), BigInt(size - 1), leaf]
  const one = BigInt(1)
  for (const sibling of path) {
    if (last === BigInt(0) || sibling.length !== 32) throw new RangeError('a longer proof than can be')
    if ((node & one) === one || node === last) {
      hash = sha256(concat(NODE, sibling, hash))
      while ((node & one) === BigInt(0) && node !== BigInt(0)) [node, last] = [node >> one, last >> one]
    } else hash = sha256(concat(NODE, hash, sibling))
    ;[node, last] = [node >> one, last >> one]
  }
  if (last !== BigInt(0)) throw new RangeError('a shorter proof than must be')
  return hash
}

export interface Keys {
  readonly log: VerifierKey
  readonly witnesses: readonly VerifierKey[]
  readonly quorum: number
}

/** Read the keys of a session; throws when they are not those of this session's log, doubled, or too few for the quorum. */
export function readKeys(session: string, given: { readonly log: string; readonly witnesses: readonly string[]; readonly quorum: number }): Keys {
  const [log, witnesses] = [readKey(given.log), given.witnesses.map(readKey)]
  const names = new Set(witnesses.map(({ name }) => name))
  const publics = new Set(witnesses.map(({ key }) => key.join()))
  if (log.type !== LOG_KEY || log.name !== `evalroom/${session}` || witnesses.some(({ type }) => type !== WITNESS_KEY)) throw new RangeError('keys of another session')
  if (names.size !== witnesses.length || publics.size !== witnesses.length || given.quorum > witnesses.length || given.quorum < 0) throw new RangeError('witnesses and quorum')
  return { log, witnesses, quorum: given.quorum }
}
