// Handing a sealed bid in: what the host has already is not sent again, so a killed upload goes on where it was. What fails on the
// way is tried again for ever and said aloud; what the host refuses comes back at once.

import { retryDelay } from '@/link/backoff'
import { Problem } from '@/link/api'
import { SealingError } from '@/sealing/errors'

import { announce, type Announcement, bidStatus, fetchReceipt, putPiece, submit } from './api'

export interface UploadStep {
  readonly done: number
  readonly total: number
  /** Milliseconds until it is tried again; 0 while it goes on. */
  readonly waitMs: number
}

export interface Handing {
  readonly tender: string
  readonly bid: string
  readonly facts: Announcement
  readonly bytes: Blob
}

export interface UploadOptions {
  readonly signal: AbortSignal
  readonly step: (step: UploadStep) => void
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>
}

/** Answers that say "not now" (RFC 9110 §15): nothing about the request is wrong. */
const LATER = new Set([0, 408, 425, 429, 500, 502, 503, 504])
/** States of a bid that was taken in, whatever became of it. */
const TAKEN = new Set(['submitted', 'listed', 'released', 'opened', 'revoked', 'malformed', 'awaiting_bytes'])
/** Refusals after which the host says anew what it lacks. */
const AGAIN = new Set(['pieces_missing', 'piece_mismatch', 'piece_stalled', 'upload_mismatch'])
/** How often pieces that the host says to miss are sent before its word is believed to be wrong. */
const ROUNDS = 5

/** Bring the bid to the host and return its receipt; throws Problem with the host's code, AbortError when cancelled. */
export async function handIn(handing: Handing, options: UploadOptions): Promise<string> {
  for (let round = 1; ; round += 1) {
    try {
      await sendPieces(handing, options)
      return await again(() => submit(handing.tender, handing.bid), handing.bytes.size, options)
    } catch (cause) {
      if (!(cause instanceof Problem)) throw cause
      if (cause.code === 'bid_exists' && (await takenIn(handing))) return fetchReceipt(handing.tender, handing.bid)
      if (!AGAIN.has(cause.code) || round === ROUNDS) throw cause
    }
  }
}

/** An earlier attempt may have been taken in and its answer lost. */
async function takenIn({ tender, bid }: Handing): Promise<boolean> {
  return TAKEN.has((await bidStatus(tender, bid)).state)
}

async function sendPieces(handing: Handing, options: UploadOptions): Promise<void> {
  const { tender, bid, facts, bytes } = handing
  const { piece, have } = await again(() => announce(tender, bid, facts), bytes.size, options)
  if (!Number.isSafeInteger(piece) || piece < 1) throw new Problem('unknown', 'pieces of no length', 0)
  const there = new Set(have)
  let done = 0
  for (let index = 0; index * piece < bytes.size; index += 1) {
    const part = bytes.slice(index * piece, (index + 1) * piece)
    if (!there.has(index)) await again(() => sendPiece(handing, index, part, options.signal), bytes.size, options, done)
    done += part.size
    options.step({ done, total: bytes.size, waitMs: 0 })
  }
}

async function sendPiece({ tender, bid }: Handing, index: number, part: Blob, signal: AbortSignal): Promise<void> {
  await putPiece(tender, bid, index, await read(part), signal)
}

export async function read(part: Blob): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await part.arrayBuffer())
  } catch (cause) {
    throw new SealingError('bytes_missing', { reason: String(cause) })
  }
}

/** Do `work` until it is done or refused; every request here may be repeated. */
export async function again<T>(work: () => Promise<T>, total: number, options: UploadOptions, done = 0): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    if (options.signal.aborted) throw new DOMException('cancelled', 'AbortError')
    try {
      return await work()
    } catch (cause) {
      if (!(cause instanceof Problem) || !LATER.has(cause.status)) throw cause
      const waitMs = Math.max(500, retryDelay(attempt, Math.random()))
      options.step({ done, total, waitMs })
      await (options.sleep ?? sleep)(waitMs, options.signal)
    }
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done, failed) => {
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      failed(new DOMException('cancelled', 'AbortError'))
    })
  })
}
