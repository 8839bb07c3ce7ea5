// The root over a sealed bid: the RFC 9162 tree (§2.1.1) over its 1 MiB leaves, taken in one by one. Keeps one hash per level, so the
// root of a 10 GB bid needs no more memory than that of a small one.

import { sha256 } from '@noble/hashes/sha2.js'

import { type Bytes, concat } from './bytes'

export const LEAF_SIZE = 1024 * 1024

const LEAF = 0
const NODE = new Uint8Array([1])

export class MerkleRoot {
  /** Roots of the perfect subtrees so far, largest first, each with its height. */
  #subtrees: { hash: Bytes; height: number }[] = []

  /** Take in the hash of the next leaf. */
  push(hash: Bytes): void {
    let right = { hash, height: 0 }
    for (let left = this.#subtrees.pop(); left !== undefined; left = this.#subtrees.pop()) {
      if (left.height !== right.height) {
        this.#subtrees.push(left)
        break
      }
      right = { hash: join(left.hash, right.hash), height: right.height + 1 }
    }
    this.#subtrees.push(right)
  }

  /** Return the root over the leaves so far; of none, the hash of nothing. */
  root(): Bytes {
    const hashes = this.#subtrees.map(({ hash }) => hash)
    if (hashes.length === 0) return concat(sha256(new Uint8Array(0)))
    return hashes.reduceRight((right, left) => join(left, right))
  }
}

/** A leaf under construction: its prefix stands before the bytes, so that the browser hashes both in one call. */
export class Leaf {
  readonly #buffer: Bytes
  #length = 0

  /** Begin in fresh memory, or in that of an earlier leaf. */
  constructor(memory = new ArrayBuffer(1 + LEAF_SIZE)) {
    this.#buffer = new Uint8Array(memory)
    this.#buffer[0] = LEAF
  }

  get length(): number {
    return this.#length
  }

  /** Copy as much of `bytes` as still fits and return how much that was. */
  append(bytes: Uint8Array): number {
    const taken = Math.min(bytes.length, LEAF_SIZE - this.#length)
    this.#buffer.set(taken === bytes.length ? bytes : bytes.subarray(0, taken), 1 + this.#length)
    this.#length += taken
    return taken
  }

  /** Return prefix and bytes, as they are hashed: a view of its memory. */
  prefixed(): Bytes {
    return this.#buffer.subarray(0, 1 + this.#length)
  }

  async hash(): Promise<Bytes> {
    return new Uint8Array(await crypto.subtle.digest('SHA-256', this.prefixed()))
  }

  clear(): void {
    this.#length = 0
  }
}

function join(left: Bytes, right: Bytes): Bytes {
  return concat(sha256(concat(NODE, left, right)))
}
