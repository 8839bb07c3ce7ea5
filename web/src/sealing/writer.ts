// Where a sealed bid is written, and the root that grows with it. The bytes go out leaf by leaf, each hashed and written while the
// next one fills, so that memory does not grow with the bid. What a cancelled bid left behind is removed.

import type { Bytes } from './bytes'
import { LEAF_SIZE, Leaf, MerkleRoot } from './merkle'
import type { ByteSource } from './stream'

export interface AppendedLeaf {
  readonly hash: Bytes
  readonly leaf: Bytes
}

/** A file being written from its beginning. */
export interface Sink {
  /**
   * Append the bytes of `leaf` and hash it, prefix included. The leaf's memory is the sink's until it comes back, and may be
   * filled again then. Throws storage_full.
   */
  append(leaf: Bytes): Promise<AppendedLeaf>
  /** Append `bytes` that belong to no leaf; throws storage_full. */
  write(bytes: Bytes): Promise<void>
  /** Make what was written durable and return it for reading. */
  finish(): Promise<ByteSource>
  /** Remove what was written. */
  discard(): Promise<void>
}

/** Leaves that are hashed and written beside the one that fills: 12 MiB, and a fifth faster than with 4 (bench/README.md). */
const HASHED_AT_ONCE = 12

export class EnvelopeWriter {
  readonly #tree = new MerkleRoot()
  readonly #hashing: Promise<Bytes>[] = []
  readonly #spare: Leaf[] = []
  #leaf = new Leaf()
  #size = 0

  constructor(private readonly sink: Sink) {}

  /** Bytes under the root so far. */
  get size(): number {
    return this.#size
  }

  /** Take in the next bytes under the root; a copy is made at once. */
  async append(bytes: Uint8Array): Promise<void> {
    this.#size += bytes.length
    for (let rest = bytes; rest.length > 0; ) {
      rest = rest.subarray(this.#leaf.append(rest))
      if (this.#leaf.length === LEAF_SIZE) await this.#flush()
    }
  }

  /** Write the last, shorter leaf and return the root. */
  async root(): Promise<Bytes> {
    if (this.#leaf.length > 0) await this.#flush()
    while (this.#hashing.length > 0) await this.#take()
    return this.#tree.root()
  }

  /** Write what stands behind the root. */
  async end(bytes: Bytes): Promise<void> {
    await this.sink.write(bytes)
  }

  async #flush(): Promise<void> {
    const hashing = this.#append(this.#leaf.prefixed())
    hashing.catch(() => undefined) // it is awaited in its turn, unless sealing fails before
    this.#hashing.push(hashing)
    if (this.#hashing.length > HASHED_AT_ONCE) await this.#take()
    // Memory that was used last is the fastest: fresh memory costs a fault for each page, and what lay longer is in no cache.
    this.#leaf = this.#spare.pop() ?? new Leaf()
  }

  /** Have the sink append `prefixed` and return its hash; the memory is for the next leaf as soon as it comes back. */
  async #append(prefixed: Bytes): Promise<Bytes> {
    const { hash, leaf } = await this.sink.append(prefixed)
    this.#spare.push(new Leaf(leaf.buffer))
    return hash
  }

  async #take(): Promise<void> {
    this.#tree.push(await (this.#hashing.shift() as Promise<Bytes>))
  }
}

/** Return the root over the first `size` bytes of `source`. */
export async function rootOf(source: ByteSource, size: number, progress: (done: number) => void): Promise<Bytes> {
  const tree = new MerkleRoot()
  const hash = source.leafHash?.bind(source) ?? hashOfRead(source)
  let hashing: Promise<Bytes> | undefined
  for (let at = 0; at < size; at += LEAF_SIZE) {
    const before = hashing
    hashing = hash(at, Math.min(LEAF_SIZE, size - at))
    hashing.catch(() => undefined) // it is awaited in its turn, unless one before it fails
    if (before !== undefined) tree.push(await before)
    progress(Math.min(at + LEAF_SIZE, size))
  }
  if (hashing !== undefined) tree.push(await hashing)
  return tree.root()
}

/** Return a way to hash the leaves of a source that does not do so itself. */
function hashOfRead(source: ByteSource): (at: number, length: number) => Promise<Bytes> {
  return async (at, length) => {
    const leaf = new Leaf()
    leaf.append(await source.read(at, length))
    return leaf.hash()
  }
}
