// Whether the bytes of a reel are those the journal speaks of: each fragment by its digest, then the whole.
// The reel is read once, as a stream; nothing is kept but one fragment.

import { sha256 } from '@noble/hashes/sha2.js'

import { toHex } from '@/proof/bytes'

import type { Reel } from './recording'

export type Verdict = 'unknown' | 'verified' | 'mismatch'

export interface ReelVerdict {
  /** One per fragment, in the journal's order. */
  readonly fragments: Verdict[]
  readonly whole: Verdict
}

/** Hash `chunks` of a reel and compare; `onFragment` learns of each fragment as it is known. */
export async function verifyReel(
  reel: Reel,
  chunks: AsyncIterable<Uint8Array>,
  onFragment: (index: number, verdict: Verdict) => void,
): Promise<ReelVerdict> {
  const fragments: Verdict[] = reel.fragments.map(() => 'unknown')
  const whole = sha256.create()
  let part = sha256.create()
  let index = 0
  let at = 0
  for await (const chunk of chunks) {
    whole.update(chunk)
    let from = 0
    while (index < reel.fragments.length && from < chunk.length) {
      const [offset, length, digest] = reel.fragments[index] ?? [0, 0, '']
      const start = Math.max(from, offset - at)
      const end = Math.min(chunk.length, offset + length - at)
      if (start >= chunk.length) break
      if (end > start) part.update(chunk.subarray(start, end))
      from = Math.max(from, end)
      if (at + end < offset + length) break
      fragments[index] = toHex(part.digest()) === digest ? 'verified' : 'mismatch'
      onFragment(index, fragments[index] ?? 'unknown')
      part = sha256.create()
      index += 1
    }
    at += chunk.length
  }
  for (; index < fragments.length; index += 1) {
    fragments[index] = 'mismatch'
    onFragment(index, 'mismatch')
  }
  return { fragments, whole: toHex(whole.digest()) === reel.sha256 && at === reel.bytes ? 'verified' : 'mismatch' }
}

/** Fetch a reel and yield it piece by piece. */
export async function* reelBytes(file: string): AsyncGenerator<Uint8Array> {
  const response = await fetch(mediaUrl(file), { credentials: 'same-origin' })
  if (!response.ok || response.body === null) throw new Error(`${file}: ${response.status}`)
  const reader = response.body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    yield value
  }
}

export function mediaUrl(file: string): string {
  return `/api/v1/replay/media/${file.split('/').map(encodeURIComponent).join('/')}`
}
