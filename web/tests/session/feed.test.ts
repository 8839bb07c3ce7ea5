// @vitest-environment node
// The feed's chain, held to the vectors that the node is held to as well (tests/vectors/feed).

import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

import { concat, fromHex, toHex } from '@/proof/bytes'
import { Feed } from '@/session/feed'

interface Vectors {
  session: string
  audience: string
  items: string[]
  heads: string[]
  refused: { reason: string; after: number; first: number; items: string[]; head: string }[]
}

const VECTORS = JSON.parse(readFileSync(resolve(__dirname, '../../../tests/vectors/feed/chain.json'), 'utf8')) as Vectors
const { items, heads } = VECTORS
const BLOCK = 64

const run = (first: number, last: number) => ({ first, items: items.slice(first - 1, last), head: heads[last] ?? '' })
const parsed = (first: number, last: number) => items.slice(first - 1, last).map((text) => JSON.parse(text) as unknown)

async function feedAt(number: number): Promise<Feed> {
  const feed = new Feed(VECTORS.session, VECTORS.audience)
  expect((await feed.take(run(1, number))).accepted).toBe(true)
  return feed
}

describe('a feed', () => {
  it.each(VECTORS.refused)('refuses, whole message and all: $reason', async ({ after, ...message }) => {
    const feed = await feedAt(after)
    expect(await feed.take(message)).toMatchObject({ accepted: false })
    expect([feed.number, feed.head]).toEqual([after, heads[after]])
    expect(await feed.take(run(after + 1, items.length))).toEqual({ accepted: true, items: parsed(after + 1, items.length) })
  })

  it('says whether it was a hole', async () => {
    const feed = await feedAt(4)
    expect(await feed.take(run(6, 7))).toEqual({ accepted: false, reason: 'hole' })
    expect(await feed.take({ ...run(5, 7), head: heads[6] ?? '' })).toEqual({ accepted: false, reason: 'head' })
  })

  it('begins otherwise for another session or audience', () => {
    expect(new Feed(VECTORS.session, VECTORS.audience).head).toBe(heads[0])
    expect(new Feed(VECTORS.session, 'E04').head).not.toBe(heads[0])
    expect(new Feed('EV-2026-0002', VECTORS.audience).head).not.toBe(heads[0])
  })

  it.each([1, 3, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 150])('takes messages of %i items as the node chained them', async (size) => {
    const feed = await feedAt(0)
    for (let first = 1; first <= items.length; first += size) {
      const last = Math.min(first + size - 1, items.length)
      expect(await feed.take(run(first, last))).toEqual({ accepted: true, items: parsed(first, last) })
      expect([feed.number, feed.head]).toEqual([last, heads[last]])
    }
  })

  it('drops what it has', async () => {
    const feed = await feedAt(70)
    expect(await feed.take(run(60, 70))).toEqual({ accepted: true, items: [] })
    expect(await feed.take(run(60, 71))).toEqual({ accepted: true, items: parsed(71, 71) })
    expect(await feed.take(run(1, 3))).toEqual({ accepted: true, items: [] })
    expect([feed.number, feed.head]).toEqual([71, heads[71]])
  })

  it('takes nothing of a message with an item that is no JSON, even under its right head', async () => {
    const feed = new Feed('S', 'E')
    const digest = async (bytes: Uint8Array<ArrayBuffer>) => new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
    const lines = await digest(new TextEncoder().encode('{"n":1}\n{\n'))
    const head = toHex(await digest(concat(fromHex(feed.head), lines)))
    await expect(feed.take({ first: 1, items: ['{"n":1}', '{'], head })).rejects.toThrow(SyntaxError)
    expect(feed.number).toBe(0)
  })

  it('refuses a second message while a digest is under way, and keeps its place', async () => {
    const feed = await feedAt(0)
    const taking = feed.take(run(1, 2))
    await expect(feed.take(run(1, 3))).rejects.toThrow('one message at a time')
    expect((await taking).accepted).toBe(true)
    expect((await feed.take(run(3, 3))).accepted).toBe(true)
  })
})
