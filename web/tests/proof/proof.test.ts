// Values here were computed by the room's Python (evalroom/ledger, evalroom/protocol/feed.py, evalroom/sheet.py).
import 'fake-indexeddb/auto'

import { describe, expect, it } from 'vitest'

import { openDatabase } from '@/link/database'
import { concat, fromBase64Url, fromHex, toBase64Url, toHex } from '@/proof/bytes'
import { canonical, canonicalText, NotCanonical } from '@/proof/canonical'
import { commit, opens, seal } from '@/proof/commitment'
import { SeatKey, type SignedAct } from '@/proof/signing'
import { sheetDigest } from '@/session/sheet'

describe('canonical JSON', () => {
  it.each([[1.5], [Number.NaN], [2 ** 53], [-0], [undefined], [() => 1], ['\ud800'], [{ 名: 1 }], [{ a: undefined }]])(
    'refuses %s, which has no place in an entry',
    (value) => {
      expect(() => canonical(value)).toThrow(NotCanonical)
    },
  )

  it('refuses a value nested too deeply, cycles included', () => {
    const cycle: unknown[] = []
    cycle.push(cycle)
    expect(() => canonical(cycle)).toThrow(NotCanonical)
  })

  it('writes the bytes that the room writes', () => {
    expect(canonicalText({ b: [1, true, null, '中\u2028"\\\u0007'], a: { z: -5, A: '' } })).toBe(
      '{"a":{"A":"","z":-5},"b":[1,true,null,"中\u2028\\"\\\\\\u0007"]}',
    )
  })

  it('takes a pair of surrogates for the letter it is', () => {
    expect(canonicalText('𠮷')).toBe('"𠮷"')
  })
})

describe('a commitment', () => {
  const nonce = Uint8Array.from({ length: 32 }, (_, index) => index)

  it('refuses a nonce of any other length', () => {
    expect(() => commit(nonce.subarray(1), 's', 'c', '/value', '8')).toThrow(RangeError)
  })

  it('is the one the room computes', () => {
    expect(commit(nonce, 'YC-1', '00'.repeat(16), '/value', '8.5')).toBe(
      '8d2371206f26ef3b1fbb81dcc63a92359edb843b6c60cbd0668b267a3f8a32a1',
    )
  })

  it('is opened by its own secret and by no other value, place or command', () => {
    const { commitment, secret } = seal('s', 'c', '/value', '8.5')
    expect(opens(commitment, 's', 'c', secret)).toBe(true)
    expect(opens(commitment, 's', 'c', { ...secret, value: '8.6' })).toBe(false)
    expect(opens(commitment, 's', 'c', { ...secret, path: '/reason' })).toBe(false)
    expect(opens(commitment, 's', 'd', secret)).toBe(false)
    expect(opens(commitment, 't', 'c', secret)).toBe(false)
  })

  it('hides equal values behind different commitments', () => {
    expect(seal('s', 'c', '/value', '8').commitment).not.toEqual(seal('s', 'c', '/value', '8').commitment)
  })
})

describe('a signature', () => {
  const act: SignedAct = { actor: 'E01', body: { seat: 'E01' }, cmd: 'ab', session: 's', site: 'host', type: 'SeatJoined' }

  async function verifies(key: SeatKey, jws: string, signed: SignedAct): Promise<boolean> {
    const [header, , signature] = jws.split('.')
    const publicKey = await crypto.subtle.importKey(
      'spki',
      fromBase64Url(key.spki),
      { name: 'ECDSA', namedCurve: 'P-256' },
      true,
      ['verify'],
    )
    const input = new TextEncoder().encode(`${header}.${toBase64Url(canonical(signed))}`)
    const algorithm = { name: 'ECDSA', hash: 'SHA-256' }
    return crypto.subtle.verify(algorithm, publicKey, fromBase64Url(signature ?? ''), concat(input))
  }

  // fake-indexeddb cannot clone a CryptoKey of Node's: the browser tests keep and find keys again for real.
  async function freshKey(): Promise<SeatKey> {
    const store = new Map<string, unknown>()
    const request = (result: unknown) => ({ result })
    const database = {
      transaction: () => {
        const transaction: Record<string, unknown> = {
          objectStore: () => ({
            get: (key: string) => request(store.get(key)),
            put: (value: unknown, key: string) => request(store.set(key, value)),
          }),
        }
        queueMicrotask(() => (transaction['oncomplete'] as () => void)())
        return transaction
      },
    }
    return SeatKey.of(database as unknown as IDBDatabase, 's/E01')
  }

  it('covers every member, and belongs to one key', async () => {
    const [key, other] = [await freshKey(), await freshKey()]
    const jws = await key.sign(act)
    expect(await verifies(key, jws, act)).toBe(true)
    expect(await verifies(other, jws, act)).toBe(false)
    for (const member of Object.keys(act) as (keyof SignedAct)[]) {
      expect(await verifies(key, jws, { ...act, [member]: 'x' })).toBe(false)
    }
  })

  it('is a detached JWS whose header says ES256 and nothing else', async () => {
    const [header, payload] = (await (await freshKey()).sign(act)).split('.')
    expect(new TextDecoder().decode(fromBase64Url(header ?? ''))).toBe('{"alg":"ES256"}')
    expect(payload).toBe('')
  })
})

describe('the digest of a sheet', () => {
  const cells = [
    { bid: 'B2', item: 'T1', revision: 1, value: 'aa', reason: 'bb' },
    { bid: 'B1', item: 'T2', revision: 2, value: 'cc', reason: 'dd' },
    { bid: 'B1', item: 'T10', revision: 1, value: 'ee', reason: 'ff' },
  ]

  it('is the one the room computes, in whatever order the cells come', () => {
    const digest = '91847ea2a602c4889c4ff0f32593c6dfba41b3962d7b3272f5066060cfe85ac4'
    expect(sheetDigest(cells)).toBe(digest)
    expect(sheetDigest([...cells].reverse())).toBe(digest)
  })

  it('changes with any revision', () => {
    expect(sheetDigest(cells.map((cell) => ({ ...cell, revision: cell.revision + 1 })))).not.toBe(sheetDigest(cells))
  })
})

it('spells bytes in hex and base64url, and refuses capitals', () => {
  const bytes = Uint8Array.from([0, 250, 255, 62])
  expect(fromHex(toHex(bytes))).toEqual(bytes)
  expect(fromBase64Url(toBase64Url(bytes))).toEqual(bytes)
  expect(() => fromHex('FA')).toThrow(RangeError)
  expect(() => fromHex('abc')).toThrow(RangeError)
})

it('opens the database it keeps keys and commands in', async () => {
  expect([...(await openDatabase()).objectStoreNames]).toEqual(['keys', 'outbox'])
})
