// Sealing as a page asks for it: choose the suite, hand the files to a worker, hear how far it is, cancel it. The page learns of nothing
// half-done: the promise gives a bid that was opened again, or a SealingError, and the worker is gone either way.

import { randomBytes, toHex } from '@/proof/bytes'

import type { Bytes } from './bytes'
import { SealingError } from './errors'
import { checkSuite, type Policy } from './policy'
import type { PartToSeal, Progress } from './seal'
import { SigningKey } from './suites'
import type { FromWorker, SealedFile, ToWorker, WorkerOrder } from './worker'

/** A bid before its parts are chosen: named, and with an envelope key of its own. */
export interface BidDraft {
  readonly policy: Policy
  readonly suite: number
  readonly bid: Bytes
  /** Hash of salt and certificate. */
  readonly bidder: Bytes
  readonly signing: SigningKey
}

export interface WorkerOptions {
  readonly signal?: AbortSignal
  readonly progress?: (progress: Progress) => void
}

/** Name a new bid and make its envelope key; throws unknown_suite, policy_refuses, suite_unavailable. */
export async function draftBid(policy: Policy, suite: number, bidder: Bytes): Promise<BidDraft> {
  return { policy, suite, bid: randomBytes(16), bidder, signing: await SigningKey.generate(checkSuite(policy, suite)) }
}

/** Return the name under which a sealed bid lies in the origin private file system. */
export function fileNameOf(bid: Bytes): string {
  return `${toHex(bid)}.evb1`
}

/** Seal `parts` in a worker, wrapped for the bidder to `slots`; throws SealingError. */
export function sealInWorker(draft: BidDraft, slots: readonly Bytes[], parts: readonly PartToSeal[], options: WorkerOptions = {}): Promise<SealedFile> {
  const { policy, suite, bid, bidder, signing } = draft
  const order: WorkerOrder = { kind: 'seal', file: fileNameOf(bid), policy, suite, bid, bidder, signing: signing.pkcs8(), slots, parts }
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' })
  const say = (message: ToWorker): void => worker.postMessage(message)
  const cancel = (): void => say({ kind: 'cancel' })
  const sealed = new Promise<SealedFile>((done, failed) => {
    worker.addEventListener('message', ({ data }: MessageEvent<FromWorker>) => {
      if (data.kind === 'progress') options.progress?.(data.progress)
      else if (data.kind === 'sealed') done(data.sealed)
      else failed(new SealingError(data.code, data.detail))
    })
    worker.addEventListener('error', ({ message }) => failed(new SealingError('sealing_failed', { reason: message })))
    options.signal?.addEventListener('abort', cancel)
    say(order)
    if (options.signal?.aborted === true) cancel()
  })
  return sealed.finally(() => {
    options.signal?.removeEventListener('abort', cancel)
    worker.terminate()
  })
}
