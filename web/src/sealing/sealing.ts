// Sealing as a page asks for it: choose the suite, hand the files to a worker, hear how far it is, cancel it. The page learns of nothing
// half-done: the promise gives a bid that was opened again, or a SealingError, and the worker is gone either way.

import { randomBytes, toHex } from '@/proof/bytes'

import type { Bytes } from './bytes'
import { SealingError } from './errors'
import { checkSuite, type Policy } from './policy'
import type { PartToSeal, Progress } from './seal'
import { SigningKey, type SuiteChoice, suiteOf } from './suites'
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

/** The worker in which the suites were tried out, until it seals. */
let waiting: Worker | undefined

/**
 * Return the first of the policy's suites that works here; throws suite_unavailable when none does.
 *
 * Tried out in the worker that seals the next bid: what it needs is fetched and compiled by then, a quarter of a second where
 * the library works, and does not stop the page now.
 */
export async function chooseSuiteInWorker(listed: readonly number[]): Promise<SuiteChoice> {
  const worker = newWorker()
  try {
    const { suite, fromLibrary } = await ask(worker, { kind: 'choose', suites: listed }, 'chosen')
    waiting?.terminate()
    waiting = worker
    return { suite: suiteOf(suite), fromLibrary }
  } catch (cause) {
    worker.terminate()
    throw cause
  }
}

/** Seal `parts` in a worker, wrapped for the bidder to `slots`; throws SealingError. */
export async function sealInWorker(draft: BidDraft, slots: readonly Bytes[], parts: readonly PartToSeal[], options: WorkerOptions = {}): Promise<SealedFile> {
  const { policy, suite, bid, bidder, signing } = draft
  const key = { pkcs8: signing.pkcs8(), publicKey: signing.publicKey }
  const order: WorkerOrder = { kind: 'seal', file: fileNameOf(bid), policy, suite, bid, bidder, signing: key, slots, parts }
  const worker = waiting ?? newWorker()
  waiting = undefined
  const cancel = (): void => worker.postMessage({ kind: 'cancel' } satisfies ToWorker)
  options.signal?.addEventListener('abort', cancel)
  try {
    const sealing = ask(worker, order, 'sealed', options.progress)
    if (options.signal?.aborted === true) cancel()
    return (await sealing).sealed
  } finally {
    options.signal?.removeEventListener('abort', cancel)
    worker.terminate()
  }
}

function newWorker(): Worker {
  return new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' })
}

type AnswerOf<K> = Extract<FromWorker, { readonly kind: K }>

/** Return the worker's answer of this kind; throws SealingError. One question at a time. */
function ask<K extends 'chosen' | 'sealed'>(worker: Worker, question: ToWorker, kind: K, progress?: (progress: Progress) => void): Promise<AnswerOf<K>> {
  return new Promise((done, failed) => {
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.kind === 'progress') progress?.(data.progress)
      else if (data.kind === 'failed') failed(new SealingError(data.code, data.detail))
      else if (data.kind === kind) done(data as AnswerOf<K>)
    }
    worker.onerror = ({ message }) => failed(new SealingError('sealing_failed', { reason: message }))
    worker.postMessage(question)
  })
}
