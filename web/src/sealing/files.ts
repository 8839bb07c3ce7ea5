// Where the sealed bytes lie: in the origin private file system, written in place by a worker (Chromium 108, Firefox 111), or else in
// pieces of a Blob, which a browser moves to its disk by itself. The quota's end is storage_full, and nothing
// half-written stays. It cannot be foretold: `navigator.storage.estimate` says 10 GiB more than is used, whatever the disk has.

import type { Bytes } from './bytes'
import { SealingError } from './errors'
import type { ByteSource } from './stream'
import type { Sink } from './writer'

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

/** A file of the origin private file system; in workers only. */
export class PrivateFile implements Sink {
  #size = 0

  private constructor(
    private readonly folder: FileSystemDirectoryHandle,
    private readonly handle: SyncFileHandle,
    private readonly file: SyncAccessHandle,
  ) {}

  /** Say whether this worker has such files. */
  static available(): boolean {
    return typeof FileSystemFileHandle !== 'undefined' && 'createSyncAccessHandle' in FileSystemFileHandle.prototype
  }

  /** Make an empty file of this name, in place of an older one. */
  static async create(name: string): Promise<PrivateFile> {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, { create: true })
    const handle = (await folder.getFileHandle(name, { create: true })) as SyncFileHandle
    const file = await handle.createSyncAccessHandle()
    file.truncate(0)
    return new PrivateFile(folder, handle, file)
  }

  write(bytes: Bytes): void {
    let written = 0
    try {
      written = this.file.write(bytes, { at: this.#size })
    } catch (cause) {
      throw new SealingError('storage_full', { reason: String(cause), written: this.#size })
    }
    // Chromium 156 throws nothing at the quota's end: it returns fewer bytes, or 2^32 less an error's number.
    if (written !== bytes.length) throw new SealingError('storage_full', { written: this.#size })
    this.#size += written
  }

  async finish(): Promise<ByteSource> {
    this.file.flush()
    return {
      size: this.#size,
      read: async (at, length) => {
        const bytes = new Uint8Array(length)
        if (this.file.read(bytes, { at }) !== length) throw new SealingError('bytes_missing', { at })
        return bytes
      },
    }
  }

  async discard(): Promise<void> {
    this.file.close()
    await this.folder.removeEntry(this.handle.name)
  }

  /** Let go of the file and return it as a blob, whose bytes stay on the disk. */
  async release(): Promise<File> {
    this.file.close()
    return this.handle.getFile()
  }
}

/** Remove a sealed bid that was uploaded or given up; nothing happens when there is none. */
export async function removePrivateFile(name: string): Promise<void> {
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

  write(bytes: Bytes): void {
    this.#batch.push(bytes.slice())
    this.#batched += bytes.length
    if (this.#batched >= BATCH) this.#flush()
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

  #flush(): void {
    this.#pieces.push(new Blob(this.#batch))
    this.#batch = []
    this.#batched = 0
  }
}
