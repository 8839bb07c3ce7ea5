// @vitest-environment node
// Handing in over a bad link: nothing is sent twice that was taken, nothing is given up that may be tried again.
import { afterEach, describe, expect, it, vi } from 'vitest'

import { handIn } from '@/bidder/upload'
import { pattern } from '../sealing/bids'

const PIECE = 1000
const BYTES = new Blob([pattern(2500)])
const HANDING = { tender: 'T', bid: 'ab'.repeat(16), facts: { size: 2500, digest: 'd', root: 'r' }, bytes: BYTES }

interface Asked {
  readonly method: string
  readonly path: string
}

/** A host: `answers` may speak first, by number of the request; what it leaves is answered well. */
function host(answers: (asked: Asked, count: number) => Response | Error | undefined, have: number[] = []): Asked[] {
  const asked: Asked[] = []
  vi.stubGlobal('fetch', async (path: string, { method = 'GET' }: RequestInit) => {
    asked.push({ method, path: path.replace(/^.*\/bids\/\w+/, '') })
    const answer = answers(asked[asked.length - 1] as Asked, asked.length)
    if (answer instanceof Error) throw answer
    if (answer !== undefined) return answer
    if (path.endsWith('/submit') || path.endsWith('/receipt')) return new Response('the receipt', { headers: { 'content-type': 'text/plain' } })
    return path.includes('/pieces/') ? new Response(null, { status: 204 }) : Response.json({ piece: PIECE, have })
  })
  return asked
}

const problem = (status: number, code: string): Response => new Response(JSON.stringify({ code, title: code, detail: {} }), { status })
const pieces = (asked: readonly Asked[]): string[] => asked.map(({ path }) => path).filter((path) => path.startsWith('/pieces/'))

async function run(signal = new AbortController().signal): Promise<{ receipt: string; waits: number; shares: number[] }> {
  let waits = 0
  const shares: number[] = []
  const step = ({ done, waitMs }: { done: number; waitMs: number }): void => {
    if (waitMs > 0) waits += 1
    else shares.push(done)
  }
  const receipt = await handIn(HANDING, { signal, step, sleep: async () => undefined })
  return { receipt, waits, shares }
}

afterEach(() => vi.unstubAllGlobals())

describe('an upload', () => {
  it('sends every piece in order and ends in the receipt', async () => {
    const asked = host(() => undefined)
    expect(await run()).toEqual({ receipt: 'the receipt', waits: 0, shares: [1000, 2000, 2500] })
    expect(pieces(asked)).toEqual(['/pieces/0', '/pieces/1', '/pieces/2'])
  })

  it('does not send again what the host has', async () => {
    const asked = host(() => undefined, [0, 2])
    await run()
    expect(pieces(asked)).toEqual(['/pieces/1'])
  })

  it('tries a piece again when the link fails or the host cannot just now, and says so', async () => {
    const asked = host((_, count) => (count === 2 ? new TypeError('no link') : count === 3 ? problem(503, 'unavailable') : undefined))
    expect((await run()).waits).toBe(2)
    expect(pieces(asked)).toEqual(['/pieces/0', '/pieces/0', '/pieces/0', '/pieces/1', '/pieces/2'])
  })

  it('begins the round anew when a piece was damaged on its way', async () => {
    host(({ path }, count) => (path === '/pieces/1' && count === 3 ? problem(400, 'piece_mismatch') : undefined))
    expect((await run()).receipt).toBe('the receipt')
  })

  it('takes the receipt of an attempt whose answer was lost', async () => {
    host(({ path, method }) => {
      if (path === '/submit') return problem(409, 'bid_exists')
      return path === '' && method === 'GET' ? Response.json({ state: 'submitted' }) : undefined
    })
    expect((await run()).receipt).toBe('the receipt')
  })

  it('believes the host that the deadline is over', async () => {
    host(({ path }) => (path === '/submit' ? problem(409, 'deadline_passed') : undefined))
    await expect(run()).rejects.toMatchObject({ code: 'deadline_passed' })
  })

  it('ends when pieces are said to miss for ever', async () => {
    host(({ path }) => (path === '/submit' ? problem(409, 'pieces_missing') : undefined))
    await expect(run()).rejects.toMatchObject({ code: 'pieces_missing' })
  })

  it('stops when the person pauses it', async () => {
    const pausing = new AbortController()
    host(({ path }) => {
      if (path === '/pieces/0') pausing.abort()
      return undefined
    })
    await expect(run(pausing.signal)).rejects.toMatchObject({ name: 'AbortError' })
  })
})
