// Where the sealed bytes lie: in the origin private file system, written in place by a worker (Chromium 108, Firefox 111), or else in
// pieces of a Blob, which a browser moves to its disk by itself. The quota's end is storage_full, and nothing
// half-written stays. It cannot be foretold: `navigator.storage.estimate` says 10 GiB more than is used, whatever the disk has.

import type { Bytes } from './bytes'
import type { Answer, Asked, DiskCall, DiskCalls } from './disk'
import { SealingError } from './errors'
import type { ByteSource } from './stream'
import type { AppendedLeaf, Sink } from './writer'

const FOLDER = 'sealed-bids'
const BATCH = 16 * 1024 * 1024

/** Return the bytes of a file or blob for reading by place. */
export function blobSource(blob: Blob): ByteSource {
  return {
    size: blob.size,
    async read(at, length) {
      const bytes = new Uint8Array(await blob.slice(at, at + length).arrayBuffer())
      if (bytes.length !== length) throw new SealingError('bytes_missing', { at })
      return bytes
    },
  }
}

/** A worker that waits for its file. */
let prepared: Worker | undefined

function newDisk(): Worker {
  return new Worker(new URL('./disk.ts', import.meta.url), { type: 'module' })
}

/** A file of the origin private file system, held by a worker of its own. */
export class PrivateFile implements Sink {
  readonly #worker: Worker
  readonly #waiting = new Map<number, { done: (value: never) => void; failed: (cause: SealingError) => void }>()
  #asked = 0

  private constructor(worker: Worker) {
    this.#worker = worker
    this.#worker.addEventListener('message', ({ data }: MessageEvent<Answer>) => {
      const waiting = this.#waiting.get(data.number)
      this.#waiting.delete(data.number)
      if ('code' in data) waiting?.failed(new SealingError(data.code, data.detail))
      else waiting?.done(data.value as never)
    })
    this.#worker.addEventListener('error', ({ message }) => {
      for (const { failed } of this.#waiting.values()) failed(new SealingError('sealing_failed', { reason: message }))
    })
  }

  /** Start the worker of the next file. */
  static prepare(): void {
    prepared ??= newDisk()
  }

  /** Say whether this browser has files that workers write in place. */
  static available(): boolean {
    return typeof FileSystemFileHandle !== 'undefined' && 'createSyncAccessHandle' in FileSystemFileHandle.prototype
  }

  /** Make a file of this name, in place of an older one, with room for so many bytes; throws storage_full. */
  static async create(name: string, room: number): Promise<PrivateFile> {
    const file = new PrivateFile(prepared ?? newDisk())
    prepared = undefined
    try {
      await file.#ask('create', { folder: FOLDER, name, room })
    } catch (cause) {
      await file.discard()
      throw cause
    }
    return file
  }

  append(leaf: Bytes): Promise<AppendedLeaf> {
    return this.#ask('append', { leaf }, [leaf.buffer])
  }

  async write(bytes: Bytes): Promise<void> {
    await this.#ask('write', { bytes })
  }

  async finish(): Promise<ByteSource> {
    const { size } = await this.#ask('finish', {})
    return {
      size,
      read: (at, length) => this.#ask('read', { at, length }),
      leafHash: (at, length) => this.#ask('leafHash', { at, length }),
    }
  }

  async discard(): Promise<void> {
    await this.#ask('discard', {})
    this.#worker.terminate()
  }

  /** Let go of the file and return it as a blob, whose bytes stay on the disk. */
  async release(): Promise<File> {
    const file = await this.#ask('release', {})
    this.#worker.terminate()
    return file
  }

  #ask<C extends DiskCall>(call: C, terms: DiskCalls[C]['in'], transfer: Transferable[] = []): Promise<DiskCalls[C]['out']> {
    const number = this.#asked
    this.#asked += 1
    return new Promise((done, failed) => {
      this.#waiting.set(number, { done, failed })
      this.#worker.postMessage({ number, call, terms } satisfies Asked<C>, transfer)
    })
  }
}

/** Return a sealed bid that was written in this browser before, or null when it is not there any more. */
export async function openPrivateFile(name: string): Promise<File | null> {
  // Pages read such files in more browsers than workers write them in.
  if (navigator.storage?.getDirectory === undefined) return null
  const root = await navigator.storage.getDirectory()
  try {
    return await (await (await root.getDirectoryHandle(FOLDER)).getFileHandle(name)).getFile()
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'NotFoundError') return null
    throw cause
  }
}

/** Return the names of all sealed bids that lie in this browser. */
export async function privateFileNames(): Promise<string[]> {
  if (navigator.storage?.getDirectory === undefined) return []
  const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, { create: true })
  const names: string[] = []
  for await (const name of folder.keys()) names.push(name)
  return names
}

/** Remove a sealed bid that was uploaded or given up; nothing happens when there is none. */
export async function removePrivateFile(name: string): Promise<void> {
  if (navigator.storage?.getDirectory === undefined) return
  const root = await navigator.storage.getDirectory()
  try {
    await (await root.getDirectoryHandle(FOLDER)).removeEntry(name)
  } catch (cause) {
    if (!(cause instanceof DOMException && cause.name === 'NotFoundError')) throw cause
  }
}

/** Bytes kept as a blob of blobs, for browsers without private files. */
export class BlobPieces implements Sink {
  #pieces: Blob[] = []
  #batch: Bytes[] = []
  #batched = 0

  async append(leaf: Bytes): Promise<AppendedLeaf> {
    this.#keep(leaf.subarray(1))
    return { hash: new Uint8Array(await crypto.subtle.digest('SHA-256', leaf)), leaf }
  }

  async write(bytes: Bytes): Promise<void> {
    this.#keep(bytes)
  }


  async finish(): Promise<ByteSource> {
    return blobSource(await this.release())
  }

  async discard(): Promise<void> {
    this.#pieces = []
    this.#batch = []
  }

  async release(): Promise<Blob> {
    this.#flush()
    return new Blob(this.#pieces)
  }

  #keep(bytes: Bytes): void {
    this.#batch.push(bytes.slice())
    this.#batched += bytes.length
    if (this.#batched >= BATCH) this.#flush()
  }

  #flush(): void {
    this.#pieces.push(new Blob(this.#batch))
    this.#batch = []
    this.#batched = 0
  }
}
