// The key file beside a sealed bid, as the command line writes and reads it: envelope key and slot keys under a passphrase, and in
// clear what the envelope says anyway. Whoever has file and passphrase can replace, withdraw and release the bid; nobody can without both.
// Refuses another form, another derivation (cheaper to guess, or too much for this machine), and a short passphrase.

import { scryptAsync } from '@noble/hashes/scrypt.js'

import { randomBytes, toHex } from '@/proof/bytes'
import { canonical } from '@/proof/canonical'
import { ascii, type Bytes, concat, fromBase64, toBase64, utf8 } from '@/sealing/bytes'
import { SealingError } from '@/sealing/errors'
import { Members } from '@/sealing/json'

export type KeyFileCode = 'bid_keys_locked' | 'malformed_key_file' | 'weak_passphrase'

export class KeyFileError extends Error {
  constructor(readonly code: KeyFileCode) {
    super(code)
    this.name = 'KeyFileError'
  }
}

/** What a sealed bid is, as far as the envelope itself tells anybody. */
export interface BidRecord {
  readonly tender: string
  /** 16 bytes; in hex it is the number of the bid. */
  readonly bid: Bytes
  readonly suite: number
  /** The bytes of policy.json. */
  readonly policy: Bytes
  readonly root: Bytes
  readonly digest: Bytes
  /** Bytes of the whole file. */
  readonly size: number
}

/** Unencrypted PKCS#8, one or two documents a key. */
export interface BidKeys {
  readonly envelope: readonly Bytes[]
  readonly slots: readonly (readonly Bytes[])[]
}

const KIND = 'evalroom bid keys'
const VERSION = 1
const COST = { N: 2 ** 13, r: 8, p: 10, dkLen: 32 }
const KDF = `scrypt ${COST.N} ${COST.r} ${COST.p}`
const SALT_SIZE = 16
const NONCE_SIZE = 12
const HASH_SIZE = 32
const BID_SIZE = 16
const MOST_TEXT = 2 ** 20
const MOST_KEY = 8192
const MOST_SLOTS = 16
export const SHORTEST_PASSPHRASE = 12
/** None that looks like another on paper. */
const LETTERS = 'abcdefghjkmnpqrstuvwxyz23456789'
const GROUPS = 5
const GROUP = 5

export const numberOf = (record: Pick<BidRecord, 'bid'>): string => toHex(record.bid)
export const keyFileName = (number: string): string => `${number}.evb1.key`

/** Return a passphrase of 25 letters and digits in five groups: 123 bits. */
export function newPassphrase(): string {
  const letter = (): string => {
    for (;;) {
      const value = randomBytes(1)[0] as number
      // A remainder of all 256 values would prefer the first letters.
      if (value < 256 - (256 % LETTERS.length)) return LETTERS[value % LETTERS.length] as string
    }
  }
  return Array.from({ length: GROUPS }, () => Array.from({ length: GROUP }, letter).join('')).join('-')
}

/** Return a passphrase as it is used; throws weak_passphrase. */
export function checkPassphrase(text: string): string {
  const said = text.trim().normalize('NFKC')
  if ([...said].length < SHORTEST_PASSPHRASE) throw new KeyFileError('weak_passphrase')
  return said
}

type Advance = (share: number) => void

/** Return the text of a key file. `advance` hears how far the derivation is, from 0 to 1. */
export async function lockKeys(record: BidRecord, keys: BidKeys, passphrase: string, advance?: Advance): Promise<Bytes> {
  const [salt, nonce] = [randomBytes(SALT_SIZE), randomBytes(NONCE_SIZE)]
  const clear = clearMembers(record, salt, nonce)
  const secret = canonical({
    envelope: keys.envelope.map(toBase64),
    slots: keys.slots.map((slot) => ({ key: slot.map(toBase64) })),
  })
  const key = await stretch(passphrase, salt, ['encrypt'], advance)
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv: nonce, additionalData: canonical(clear) }, key, secret)
  return concat(canonical({ ...clear, sealed: toBase64(new Uint8Array(sealed)) }), ascii('\n'))
}

/** Return what a key file says in clear; nothing vouches for it until `unlockKeys`. Throws malformed_key_file. */
export function readRecord(file: Bytes): BidRecord {
  return read(file).record
}

/** Return what a key file holds; throws malformed_key_file, bid_keys_locked. */
export async function unlockKeys(file: Bytes, passphrase: string, advance?: Advance): Promise<{ record: BidRecord; keys: BidKeys }> {
  const { record, salt, nonce, sealed } = read(file)
  const key = await stretch(passphrase, salt, ['decrypt'], advance)
  const associated = canonical(clearMembers(record, salt, nonce))
  let secret: ArrayBuffer
  try {
    secret = await crypto.subtle.decrypt({ name: 'AES-GCM', iv: nonce, additionalData: associated }, key, sealed)
  } catch {
    throw new KeyFileError('bid_keys_locked')
  }
  return { record, keys: known(() => parseKeys(new Uint8Array(secret))) }
}

function clearMembers(record: BidRecord, salt: Bytes, nonce: Bytes): Record<string, string | number> {
  return {
    v: VERSION,
    kind: KIND,
    tender: record.tender,
    bid: toBase64(record.bid),
    suite: record.suite,
    policy: toBase64(record.policy),
    root: toBase64(record.root),
    digest: toBase64(record.digest),
    size: record.size,
    kdf: KDF,
    salt: toBase64(salt),
    nonce: toBase64(nonce),
  }
}

async function stretch(passphrase: string, salt: Bytes, uses: KeyUsage[], advance?: Advance): Promise<CryptoKey> {
  const options = { ...COST, ...(advance === undefined ? {} : { onProgress: advance }) }
  const key = await scryptAsync(ascii(checkPassphrase(passphrase)), salt, options)
  return crypto.subtle.importKey('raw', concat(key), 'AES-GCM', false, uses)
}

interface KeyFile {
  readonly record: BidRecord
  readonly salt: Bytes
  readonly nonce: Bytes
  readonly sealed: Bytes
}

function read(file: Bytes): KeyFile {
  return known(() => {
    if (file[file.length - 1] !== 0x0a || file.length > MOST_TEXT) throw new KeyFileError('malformed_key_file')
    return parse(Members.parse(file.slice(0, -1), 'key_file'))
  })
}

function parse(members: Members): KeyFile {
  if (members.text('kind', 64) !== KIND || members.text('kdf', 64) !== KDF) throw new KeyFileError('malformed_key_file')
  members.integer('v', VERSION, VERSION)
  const record: BidRecord = {
    tender: members.text('tender', 64),
    bid: members.data('bid', BID_SIZE),
    suite: members.integer('suite', 0, 255),
    policy: members.data('policy', 1, MOST_TEXT),
    root: members.data('root', HASH_SIZE),
    digest: members.data('digest', HASH_SIZE),
    size: members.integer('size'),
  }
  const file = { record, salt: members.data('salt', SALT_SIZE), nonce: members.data('nonce', NONCE_SIZE), sealed: members.data('sealed', 1, MOST_TEXT) }
  members.close()
  return file
}

function parseKeys(secret: Bytes): BidKeys {
  const { envelope, slots } = JSON.parse(utf8(secret)) as { envelope: string[]; slots: { key: string[] }[] }
  const bytesOf = (texts: string[]): Bytes[] => texts.map(fromBase64).filter((der) => der.length <= MOST_KEY)
  return { envelope: bytesOf(envelope), slots: slots.slice(0, MOST_SLOTS).map(({ key }) => bytesOf(key)) }
}

/** Whatever the parsers say of a stranger's file, to its owner it is one thing: not the right file. */
function known<T>(work: () => T): T {
  try {
    return work()
  } catch (cause) {
    if (cause instanceof KeyFileError) throw cause
    if (cause instanceof SealingError || cause instanceof TypeError || cause instanceof SyntaxError) throw new KeyFileError('malformed_key_file')
    throw cause
  }
}
