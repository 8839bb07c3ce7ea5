// The bulk of a part: c2sp.org/chunked-encryption with AES-256-GCM and HKDF-SHA-512. Chunks of 16 KiB, the last one shorter and
// possibly empty; nonce XOR number; 56 bytes before them name the salt and commit to the key, which GCM's tags alone don't.
// Refuses a stream whose last chunk is full (cut at a chunk's edge), and reads no range before that last chunk was checked.

import { hmac } from '@noble/hashes/hmac.js'
import { sha512 } from '@noble/hashes/sha2.js'

import { ascii, type Bytes, concat, equal } from './bytes'
import { SealingError } from './errors'
import { TAG_SIZE } from './hpke'
import { release } from './memory'

export const CHUNK = 16 * 1024
export const SEALED_CHUNK = CHUNK + TAG_SIZE
export const SALT_SIZE = 24
export const COMMITMENT_SIZE = 32
export const PREFIX_SIZE = SALT_SIZE + COMMITMENT_SIZE
/** Chunks sealed or opened together: few enough that the browser keeps their memory for the next ones (memory.ts). */
export const CHUNKS_AT_ONCE = 16

const KEY_SIZE = 32
const NONCE_SIZE = 12
const LABEL = concat(ascii('c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM'), new Uint8Array(1))

/** Return how long the stream of `length` bytes is. */
export function streamSize(length: number): number {
  return PREFIX_SIZE + length + TAG_SIZE * (Math.floor(length / CHUNK) + 1)
}

/** Return how many bytes a stream of `size` bytes holds; throws part_damaged when no stream is that long. */
export function plainSize(size: number): number {
  const body = size - PREFIX_SIZE
  const full = Math.floor(body / SEALED_CHUNK)
  const last = body - full * SEALED_CHUNK
  if (body < TAG_SIZE || last < TAG_SIZE) throw new SealingError('part_damaged', { rule: 'length', size })
  return full * CHUNK + last - TAG_SIZE
}

/** One stream under its key: each chunk is sealed and opened by its number. */
export class StreamCipher {
  private constructor(
    private readonly key: CryptoKey,
    private readonly nonce: Bytes,
    readonly commitment: Bytes,
  ) {}

  /** Derive the stream's own key from the content key, its salt and the context it belongs to. */
  static async of(contentKey: Bytes, salt: Bytes, context: Bytes): Promise<StreamCipher> {
    const material = expandTwice(contentKey, concat(LABEL, salt, context))
    const key = concat(material.subarray(0, KEY_SIZE))
    return new StreamCipher(
      await crypto.subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt', 'decrypt']),
      concat(material.subarray(KEY_SIZE, KEY_SIZE + NONCE_SIZE)),
      concat(material.subarray(KEY_SIZE + NONCE_SIZE, KEY_SIZE + NONCE_SIZE + COMMITMENT_SIZE)),
    )
  }

  seal(number: number, plain: Bytes): Promise<ArrayBuffer> {
    return crypto.subtle.encrypt({ name: 'AES-GCM', iv: this.#nonceOf(number) }, this.key, plain)
  }

  /** Return the plaintext of chunk `number`; throws part_damaged when it is not what was sealed there. */
  async open(number: number, sealed: Bytes): Promise<ArrayBuffer> {
    try {
      return await crypto.subtle.decrypt({ name: 'AES-GCM', iv: this.#nonceOf(number) }, this.key, sealed)
    } catch {
      throw new SealingError('part_damaged', { rule: 'tag', chunk: number })
    }
  }

  /** The chunk's number as a big-endian integer of 12 bytes, by exclusive or; safe integers fill the last seven. */
  #nonceOf(number: number): Bytes {
    const nonce = this.nonce.slice()
    const view = new DataView(nonce.buffer)
    view.setUint32(8, (view.getUint32(8) ^ number % 2 ** 32) >>> 0)
    view.setUint32(4, (view.getUint32(4) ^ Math.floor(number / 2 ** 32)) >>> 0)
    return nonce
  }
}

/** HKDF-Expand-SHA-512, 128 bytes. The library's own refuses a key shorter than the hash, which the format has on purpose. */
function expandTwice(key: Bytes, info: Bytes): Bytes {
  const first = hmac(sha512, key, concat(info, new Uint8Array([1])))
  return concat(first, hmac(sha512, key, concat(first, info, new Uint8Array([2]))))
}

/** Bytes that can be read at any place. */
export interface ByteSource {
  readonly size: number
  /** Return exactly `length` bytes from `at` on, in memory of their own, which is then the caller's. */
  read(at: number, length: number): Promise<Bytes>
  /** Return the hash of the leaf of `length` bytes at `at`, taken where the bytes lie; a source without this is read. */
  leafHash?(at: number, length: number): Promise<Bytes>
}

const READ_AHEAD = 64
/** Most plaintext that `each` hands over at once. */
export const PIECE = READ_AHEAD * CHUNK

/** The plaintext of one stream inside `source`, by ranges; nothing is kept. */
export class StreamReader {
  private constructor(
    private readonly source: ByteSource,
    private readonly offset: number,
    private readonly cipher: StreamCipher,
    /** Bytes of plaintext. */
    readonly size: number,
  ) {}

  /** Open the stream at `offset`; throws part_damaged when key, context or last chunk are not the sealed ones. */
  static async open(source: ByteSource, offset: number, length: number, contentKey: Bytes, context: Bytes): Promise<StreamReader> {
    const size = plainSize(length)
    const prefix = await source.read(offset, PREFIX_SIZE)
    const cipher = await StreamCipher.of(contentKey, prefix.slice(0, SALT_SIZE), context)
    if (!equal(cipher.commitment, prefix.subarray(SALT_SIZE))) throw new SealingError('part_damaged', { rule: 'commitment' })
    const reader = new StreamReader(source, offset, cipher, size)
    await reader.#open(new Uint8Array(CHUNK), Math.floor(size / CHUNK), 1)
    return reader
  }

  /** Return `length` bytes of plaintext from `at` on; throws RangeError outside the stream, part_damaged. */
  async read(at: number, length: number): Promise<Bytes> {
    if (at < 0 || length < 0 || at + length > this.size) throw new RangeError('outside the part')
    if (length === 0) return new Uint8Array(0)
    const first = Math.floor(at / CHUNK)
    const last = Math.floor((at + length - 1) / CHUNK)
    const plain = await this.#open(new Uint8Array((last - first + 1) * CHUNK), first, last - first + 1)
    return plain.subarray(at - first * CHUNK, at - first * CHUNK + length)
  }

  /** Hand every piece of plaintext in turn to `take`, with its offset; its memory is used again for the next one. */
  async each(take: (plain: Bytes, at: number) => void | Promise<void>): Promise<void> {
    const count = Math.floor(this.size / CHUNK) + 1
    const piece = new Uint8Array(PIECE)
    let ahead = this.#sealed(0, Math.min(READ_AHEAD, count))
    for (let first = 0; first < count; first += READ_AHEAD) {
      const sealed = await ahead
      const next = first + READ_AHEAD
      if (next < count) ahead = this.#sealed(next, Math.min(READ_AHEAD, count - next))
      // The next piece is under way; when taking this one fails, nobody waits for that one any more.
      ahead.catch(() => undefined)
      await take(await this.#openInto(piece, first, sealed), first * CHUNK)
    }
  }

  async #open(into: Bytes, first: number, count: number): Promise<Bytes> {
    return this.#openInto(into, first, await this.#sealed(first, count))
  }

  /** Return `count` sealed chunks from `first` on, as they lie. */
  #sealed(first: number, count: number): Promise<Bytes> {
    const end = Math.min((first + count) * SEALED_CHUNK, this.size + TAG_SIZE * (Math.floor(this.size / CHUNK) + 1))
    return this.source.read(this.offset + PREFIX_SIZE + first * SEALED_CHUNK, end - first * SEALED_CHUNK)
  }

  /** Open the chunks in `sealed`, from number `first` on, one after another into `into`; return the part of it that they fill. */
  async #openInto(into: Bytes, first: number, sealed: Bytes): Promise<Bytes> {
    let filled = 0
    for (let at = 0; at < sealed.length; ) {
      const opening: Promise<ArrayBuffer>[] = []
      for (; at < sealed.length && opening.length < CHUNKS_AT_ONCE; at += SEALED_CHUNK) {
        opening.push(this.cipher.open(first + at / SEALED_CHUNK, sealed.subarray(at, at + SEALED_CHUNK)))
      }
      const opened = await Promise.all(opening)
      for (const chunk of opened) {
        into.set(new Uint8Array(chunk), filled)
        filled += chunk.byteLength
      }
      release(opened)
    }
    release([sealed.buffer])
    return into.subarray(0, filled)
  }
}
