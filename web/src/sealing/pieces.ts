// A chosen file from its beginning to its end, in pieces of whatever length is asked for, by one stream: slices of 1 MiB, each with its
// own errand to the browser's process, came at 0.4 of its speed. The stream fills memory of ours, which saves a page fault for
// each 4 KiB of the file; where a browser cannot do that, or its read does not come back, the stream makes its own.

import type { Bytes } from './bytes'
import { SealingError } from './errors'
import { release } from './memory'

/**
 * How long one piece may take before the rest is read in the stream's own memory. In Chromium 156 a read into ours never came
 * back, four times in some two hundred files; in 150 never, in 3,800. A slow drive that is taken for that loses nothing by it.
 */
export const PATIENCE_MS = 5_000

interface Reading {
  /** Return memory that begins with the next `length` bytes: `memory`, or what has become of it. */
  fill(memory: ArrayBuffer, length: number): Promise<ArrayBuffer>
  stop(): Promise<void>
}

export class Pieces {
  readonly #blob: Blob
  readonly #most: number
  /** What the caller has, and what is free or being filled: the next piece is read while this one is worked on. */
  #lent: ArrayBuffer
  #free: ArrayBuffer
  #ahead: Promise<ArrayBuffer> | undefined
  #reading: Reading
  /** Where the next piece to be read begins. */
  #at = 0

  /** Begin to read, at most `most` bytes at a time. */
  constructor(blob: Blob, most: number) {
    this.#blob = blob
    this.#most = most
    this.#lent = new ArrayBuffer(most)
    this.#free = new ArrayBuffer(most)
    this.#reading = IntoOurs.of(blob) ?? new IntoItsOwn(blob)
  }

  /**
   * Return the next `length` bytes and begin to read the `next` that will be asked for then. Their memory is used again after the
   * next call. Throws source_unreadable when the file was changed or ends.
   */
  async take(length: number, next = 0): Promise<Bytes> {
    const filled = await (this.#ahead ?? this.#read(length))
    this.#free = this.#lent
    this.#lent = filled
    this.#ahead = next > 0 ? this.#read(next) : undefined
    this.#ahead?.catch(() => undefined) // it is awaited by the next call, if there is one
    return new Uint8Array(filled, 0, length)
  }

  /** Stop reading. */
  async close(): Promise<void> {
    await this.#reading.stop()
  }

  async #read(length: number): Promise<ArrayBuffer> {
    try {
      const filled = (await this.#filled(length)) ?? (await this.#filledAnew(length))
      this.#at += length
      return filled
    } catch (cause) {
      // Chromium refuses to read a file that was changed after it was chosen.
      throw cause instanceof SealingError ? cause : new SealingError('source_unreadable', { reason: String(cause) })
    }
  }

  async #filled(length: number): Promise<ArrayBuffer | undefined> {
    const filling = this.#reading.fill(this.#free, length)
    return this.#reading instanceof IntoOurs ? withPatience(filling) : filling
  }

  /** Begin again where this piece began, without the reader that did not come back and the memory that it holds. */
  #filledAnew(length: number): Promise<ArrayBuffer> {
    this.#reading.stop().catch(() => undefined)
    this.#reading = new IntoItsOwn(this.#blob.slice(this.#at))
    return this.#reading.fill(new ArrayBuffer(this.#most), length)
  }
}

/** Return what `filling` comes to, or undefined when that takes too long. */
async function withPatience(filling: Promise<ArrayBuffer>): Promise<ArrayBuffer | undefined> {
  let watch: number | undefined
  const late = new Promise<undefined>((resolve) => {
    watch = setTimeout(resolve, PATIENCE_MS)
  })
  try {
    return await Promise.race([filling, late])
  } finally {
    clearTimeout(watch)
    filling.catch(() => undefined) // after this, nobody waits for it any more
  }
}

class IntoOurs implements Reading {
  private constructor(private readonly reader: ReadableStreamBYOBReader) {}

  /** Return the reading, or undefined when this browser's blobs are no streams of bytes (Chromium 87). */
  static of(blob: Blob): IntoOurs | undefined {
    try {
      return new IntoOurs(blob.stream().getReader({ mode: 'byob' }))
    } catch {
      return undefined
    }
  }

  async fill(memory: ArrayBuffer, length: number): Promise<ArrayBuffer> {
    for (let filled = 0; filled < length; ) {
      const { done, value } = await this.reader.read(new Uint8Array(memory, filled, length - filled))
      if (done) throw ended()
      memory = value.buffer
      filled += value.length
    }
    return memory
  }

  async stop(): Promise<void> {
    await this.reader.cancel()
  }
}

class IntoItsOwn implements Reading {
  readonly #reader: ReadableStreamDefaultReader<Bytes>
  #rest: Bytes = new Uint8Array(0)

  constructor(blob: Blob) {
    this.#reader = blob.stream().getReader()
  }

  async fill(memory: ArrayBuffer, length: number): Promise<ArrayBuffer> {
    const into = new Uint8Array(memory)
    for (let filled = 0; filled < length; ) {
      if (this.#rest.length === 0) this.#rest = await this.#next()
      const piece = this.#rest
      const taken = Math.min(piece.length, length - filled)
      into.set(piece.subarray(0, taken), filled)
      this.#rest = piece.subarray(taken)
      if (this.#rest.length === 0) release([piece.buffer])
      filled += taken
    }
    return memory
  }

  async stop(): Promise<void> {
    await this.#reader.cancel()
  }

  async #next(): Promise<Bytes> {
    const { done, value } = await this.#reader.read()
    if (done) throw ended()
    return value
  }
}

function ended(): SealingError {
  return new SealingError('source_unreadable', { reason: 'shorter than it was' })
}
