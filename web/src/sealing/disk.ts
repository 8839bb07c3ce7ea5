// The worker that holds the file of a sealed bid: appends and hashes its leaves, reads them back, removes it. Apart from the sealing worker,
// because a synchronous write stops whoever calls it: on two cores that took a third off the speed of sealing.

import type { Bytes } from './bytes'
import { type SealingDetail, SealingError } from './errors'
import { LEAF_SIZE } from './merkle'
import type { AppendedLeaf } from './writer'

/** The synchronous file of the origin private file system, which workers have; not in TypeScript's DOM library. */
interface SyncAccessHandle {
  read(into: Bytes, options: { at: number }): number
  write(from: Bytes, options: { at: number }): number
  truncate(size: number): void
  flush(): void
  close(): void
}
interface SyncFileHandle extends FileSystemFileHandle {
  createSyncAccessHandle(): Promise<SyncAccessHandle>
}

/** What is asked of the disk, and what it answers with. */
export interface DiskCalls {
  create: { in: { folder: string; name: string; room: number }; out: undefined }
  /** Byte 0 of the leaf is its prefix: hashed and not written. */
  append: { in: { leaf: Bytes }; out: AppendedLeaf }
  write: { in: { bytes: Bytes }; out: undefined }
  finish: { in: object; out: { size: number } }
  read: { in: { at: number; length: number }; out: Bytes }
  leafHash: { in: { at: number; length: number }; out: Bytes }
  release: { in: object; out: File }
  discard: { in: object; out: undefined }
}
export type DiskCall = keyof DiskCalls
export interface Asked<C extends DiskCall = DiskCall> {
  readonly number: number
  readonly call: C
  readonly terms: DiskCalls[C]['in']
}
export type Answer =
  | { readonly number: number; readonly value: DiskCalls[DiskCall]['out'] }
  | { readonly number: number; readonly code: SealingError['code']; readonly detail: SealingDetail }

let directory: FileSystemDirectoryHandle
let handle: SyncFileHandle
let file: SyncAccessHandle
let size = 0
/** A leaf that is read back, behind its prefix, which is zero. */
const prefixed: Bytes = new Uint8Array(1 + LEAF_SIZE)

const calls: { [C in DiskCall]: (terms: DiskCalls[C]['in']) => Promise<DiskCalls[C]['out']> } = {
  async create({ folder, name, room }) {
    directory = await (await navigator.storage.getDirectory()).getDirectoryHandle(folder, { create: true })
    handle = (await directory.getFileHandle(name, { create: true })) as SyncFileHandle
    file = await handle.createSyncAccessHandle()
    // All of it at once: growing write by write asks the browser's process each time, and a full disk shows at the end only.
    orFull(() => file.truncate(room))
    return undefined
  },

  async append({ leaf }) {
    const hashing = crypto.subtle.digest('SHA-256', leaf)
    append(leaf.subarray(1))
    return { hash: new Uint8Array(await hashing), leaf }
  },

  async write({ bytes }) {
    append(bytes)
    return undefined
  },

  async finish() {
    file.truncate(size)
    return { size }
  },

  async read({ at, length }) {
    const bytes = new Uint8Array(length)
    readInto(bytes, at)
    return bytes
  },

  async leafHash({ at, length }) {
    const leaf = prefixed.subarray(0, 1 + length)
    readInto(leaf.subarray(1), at)
    // The browser copies what it hashes before the call returns: the next leaf may be read into the same memory.
    return new Uint8Array(await crypto.subtle.digest('SHA-256', leaf))
  },

  async release() {
    file.flush()
    file.close()
    return handle.getFile()
  },

  async discard() {
    file.close()
    await directory.removeEntry(handle.name)
    return undefined
  },
}

function readInto(bytes: Bytes, at: number): void {
  if (file.read(bytes, { at }) !== bytes.length) throw new SealingError('bytes_missing', { at })
}

function append(bytes: Bytes): void {
  const written = orFull(() => file.write(bytes, { at: size }))
  // Chromium 156 throws nothing at the quota's end: it returns fewer bytes, or 2^32 less an error's number.
  if (written !== bytes.length) throw new SealingError('storage_full', { written: size })
  size += written
}

function orFull<T>(grow: () => T): T {
  try {
    return grow()
  } catch (cause) {
    throw new SealingError('storage_full', { reason: String(cause), written: size })
  }
}

self.addEventListener('message', ({ data }: MessageEvent<Asked>) => void answer(data))

async function answer<C extends DiskCall>({ number, call, terms }: Asked<C>): Promise<void> {
  try {
    const value = await calls[call](terms)
    post({ number, value }, buffersOf(value))
  } catch (cause) {
    const known = cause instanceof SealingError ? cause : new SealingError('sealing_failed', { reason: String(cause) })
    post({ number, code: known.code, detail: known.detail }, [])
  }
}

function post(message: Answer, transfer: Transferable[]): void {
  self.postMessage(message, { transfer })
}

/** Bytes change hands without being copied. */
function buffersOf(value: DiskCalls[DiskCall]['out']): ArrayBuffer[] {
  if (value instanceof Uint8Array) return [value.buffer]
  return value !== undefined && 'leaf' in value ? [value.leaf.buffer] : []
}
