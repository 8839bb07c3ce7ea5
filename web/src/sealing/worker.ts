// The worker that seals one bid and ends. It does all the work, so that the page stays alive while gigabytes pass; only
// Blobs cross the border, never content.

import type { Bytes } from './bytes'
import { type SealingDetail, SealingError } from './errors'
import { BlobPieces, PrivateFile } from './files'
import { PADDED, paddedSize } from './padding'
import type { Policy } from './policy'
import { type PartToSeal, type Progress, seal, type SealedPart, type SealingOrder } from './seal'
import { streamSize } from './stream'
import { chooseSuite, SigningKey, type SigningKeyBytes, type Suite, suiteOf } from './suites'

/** What the page hands over: an order as plain data. */
export interface WorkerOrder {
  readonly kind: 'seal'
  /** Name of the file in the origin private file system. */
  readonly file: string
  readonly policy: Policy
  readonly suite: number
  readonly bid: Bytes
  readonly bidder: Bytes
  readonly signing: SigningKeyBytes
  readonly slots: readonly Bytes[]
  readonly parts: readonly PartToSeal[]
}

export type ToWorker =
  /** Asked before the order, or not at all: whoever tried the suites out has their code at hand when the order comes. */
  | { readonly kind: 'choose'; readonly suites: readonly number[] }
  | WorkerOrder
  | { readonly kind: 'cancel' }

export interface SealedFile {
  /** The sealed bid: its bytes lie on the disk. */
  readonly blob: Blob
  readonly size: number
  readonly root: Bytes
  readonly parts: readonly SealedPart[]
  /** Whether the bytes are in a private file of the order's name, to be removed after the upload. */
  readonly private: boolean
}

export type FromWorker =
  | { readonly kind: 'chosen'; readonly suite: number; readonly fromLibrary: readonly string[] }
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'sealed'; readonly sealed: SealedFile }
  | { readonly kind: 'failed'; readonly code: SealingError['code']; readonly detail: SealingDetail }

const PROGRESS_EVERY_MS = 100
/** The library's first signature takes 90 ms and its first wrap 13, its sixth 10 and 1: by then the engine has compiled it. */
const TRIALS = 5
/** More than header and trailer can be: five parts of sixteen slots and sixteen shares each. */
const FRAME = 512 * 1024

const cancelling = new AbortController()
const post = (message: FromWorker): void => self.postMessage(message)

self.addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
  if (data.kind === 'cancel') cancelling.abort()
  else void answer(data.kind === 'choose' ? choose(data.suites) : sealTo(data))
})

async function answer(answering: Promise<FromWorker>): Promise<void> {
  try {
    post(await answering)
  } catch (cause) {
    const known = cause instanceof SealingError ? cause : new SealingError('sealing_failed', { reason: String(cause) })
    post({ kind: 'failed', code: known.code, detail: known.detail })
  }
}

async function choose(suites: readonly number[]): Promise<FromWorker> {
  const { suite, fromLibrary } = await chooseSuite(suites)
  prepare(suite, fromLibrary).catch(() => undefined) // what does not work now is said when it is needed
  return { kind: 'chosen', suite: suite.code, fromLibrary }
}

/** Get ready for the order, while the bidder fills in his sheet. */
async function prepare(suite: Suite, fromLibrary: readonly string[]): Promise<void> {
  if (PrivateFile.available()) PrivateFile.prepare()
  if (fromLibrary.length === 0) return
  for (let time = 0; time < TRIALS; time += 1) await chooseSuite([suite.code])
}

async function sealTo(order: WorkerOrder): Promise<FromWorker> {
  const signing = SigningKey.of(suiteOf(order.suite), order.signing)
  const sink = PrivateFile.available() ? await PrivateFile.create(order.file, roomFor(order.parts)) : new BlobPieces()
  const options = { signal: cancelling.signal, progress: sparingly() }
  const { size, root, parts } = await seal({ ...order, signing } satisfies SealingOrder, sink, options)
  const sealed = { blob: await sink.release(), size, root, parts, private: sink instanceof PrivateFile }
  return { kind: 'sealed', sealed }
}

/** Return how long the sealed bid becomes at most. */
function roomFor(parts: readonly PartToSeal[]): number {
  return parts.reduce((sum, { name, content }) => sum + streamSize(PADDED.includes(name) ? paddedSize(content.size) : content.size), FRAME)
}

/** A bid of gigabytes has thousands of steps; the page wants ten a second of each kind, and the first and last of each part. */
function sparingly(): (progress: Progress) => void {
  const last = new Map<string, number>()
  return (progress) => {
    const [now, step] = [performance.now(), `${progress.phase} ${progress.part}`]
    if (progress.done < progress.total && now - (last.get(step) ?? -Infinity) < PROGRESS_EVERY_MS) return
    last.set(step, now)
    post({ kind: 'progress', progress })
  }
}
