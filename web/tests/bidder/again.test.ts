// @vitest-environment node
// Bringing damaged bytes anew: only the very file passes, only what is damaged is sent, and a host that was started again is told again.
import { afterEach, describe, expect, it, vi } from 'vitest'

import { bringAgain } from '@/bidder/again'
import type { BidRecord } from '@/bidder/keyFile'
import { fromBase64 } from '@/sealing/bytes'
import { Leaf, LEAF_SIZE, MerkleRoot } from '@/sealing/merkle'
import { pattern } from '../sealing/bids'

const PIECE = 4 * LEAF_SIZE
const BODY = 9_000_000
const TRAILER = pattern(300)
const SIGNATURE = pattern(64)

function tail(): Uint8Array<ArrayBuffer> {
  const end = new Uint8Array(12)
  new DataView(end.buffer).setUint32(0, TRAILER.length)
  new DataView(end.buffer).setUint32(4, SIGNATURE.length)
  end.set([0x31, 0x42, 0x56, 0x45], 8)
  return new Uint8Array([...TRAILER, ...SIGNATURE, ...end])
}

async function bid(): Promise<{ bytes: Blob; record: BidRecord }> {
  const body = pattern(BODY)
  const tree = new MerkleRoot()
  for (let at = 0; at < BODY; at += LEAF_SIZE) {
    const leaf = new Leaf()
    leaf.append(body.subarray(at, at + LEAF_SIZE))
    tree.push(await leaf.hash())
  }
  const bytes = new Blob([body, tail()])
  const some = new Uint8Array(32)
  return { bytes, record: { tender: 'T', bid: new Uint8Array(16), suite: 2, policy: some, root: tree.root(), digest: some, size: bytes.size } }
}

interface Told {
  readonly leaves: number
  readonly tail: number
}

/** A host that has the pieces `have`; it forgets what it was told as often as `forgets` says. */
function host(have: number[], forgets = 0): { sent: string[]; told: Told[] } {
  const [sent, told, whole] = [[] as string[], [] as Told[], new Set(have)]
  let left = forgets
  vi.stubGlobal('fetch', async (path: string, { body }: RequestInit) => {
    const place = path.replace(/^.*\/again/, '')
    if (place === '') {
      const said = JSON.parse(String(body)) as { leaves: string; tail: string }
      told.push({ leaves: fromBase64(said.leaves).length, tail: fromBase64(said.tail).length })
      return Response.json({ piece: PIECE, have: [...whole] })
    }
    sent.push(place)
    if (left > 0) {
      left -= 1
      return new Response(JSON.stringify({ code: 'leaves_missing', title: 'x', detail: {} }), { status: 409 })
    }
    whole.add(Number(place.slice(1)))
    return new Response(null, { status: 204 })
  })
  return { sent, told }
}

const OPTIONS = { signal: new AbortController().signal, step: () => undefined, sleep: async () => undefined }

afterEach(() => vi.unstubAllGlobals())

describe('bringing bytes again', () => {
  it('refuses another file before anything is sent', async () => {
    const { bytes, record } = await bid()
    const { told } = host([])
    const changed = new Uint8Array(await bytes.arrayBuffer())
    changed[5_000_000] = (changed[5_000_000] ?? 0) ^ 1
    for (const other of [new Blob([changed]), bytes.slice(1), new Blob([bytes, 'x']), new Blob([new Uint8Array(bytes.size).fill(255)])]) {
      await expect(bringAgain(record, other, OPTIONS)).rejects.toMatchObject({ code: 'other_bytes' })
    }
    expect(told).toEqual([])
  })

  it('sends what is damaged and nothing else', async () => {
    const { bytes, record } = await bid()
    const { sent, told } = host([0, 2])
    expect(await bringAgain(record, bytes, OPTIONS)).toBe(1)
    expect(sent).toEqual(['/1'])
    expect(told).toEqual([{ leaves: 9 * 32, tail: tail().length }])
  })

  it('sends nothing where nothing is damaged', async () => {
    const { bytes, record } = await bid()
    host([0, 1, 2])
    expect(await bringAgain(record, bytes, OPTIONS)).toBe(0)
  })

  it('tells a host again that has forgotten, but not for ever', async () => {
    const { bytes, record } = await bid()
    const { told } = host([0, 2], 2)
    expect(await bringAgain(record, bytes, OPTIONS)).toBe(1)
    expect(told.length).toBe(3)
    host([0, 2], 99)
    await expect(bringAgain(record, bytes, OPTIONS)).rejects.toMatchObject({ code: 'leaves_missing' })
  })
})
