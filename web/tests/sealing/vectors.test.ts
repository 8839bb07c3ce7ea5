// @vitest-environment node
/// <reference types="node" />
// The vectors of docs/spec/sealed-bid.md (tests/vectors/sealed-bid), which the room's Python is held to as well.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'

import { describe, expect, it, vi } from 'vitest'

import { fromHex, toHex } from '@/proof/bytes'
import { ascii, type Bytes, concat, fromBase64, toBase64 } from '@/sealing/bytes'
import { deal, shareCommitment } from '@/sealing/dealing'
import { contentKey, contextOf, coreBytes, halfCommitment, parseCore } from '@/sealing/envelope'
import { blobSource } from '@/sealing/files'
import { Envelope } from '@/sealing/open'
import { pad, unpad } from '@/sealing/padding'
import { parsePolicy } from '@/sealing/policy'
import { CHUNK, StreamCipher, streamSize } from '@/sealing/stream'
import { OpeningKey, SigningKey, suiteOf, verifySignature } from '@/sealing/suites'
import { rootOf } from '@/sealing/writer'

import { openShares, pattern } from './bids'

vi.setConfig({ testTimeout: 60_000 })

const FOLDER = resolve(__dirname, '../../../tests/vectors/sealed-bid')
const read = <T>(name: string): T => JSON.parse(readFileSync(resolve(FOLDER, name), 'utf8')) as T

interface Derivations {
  core: string
  context: string
  half: string
  half_digest: string
  secret: string
  content_key: string
  dealings: { secret: string; k: number; n: number; shares: string[]; digests: string[] }[]
  streams: { content_key: string; salt: string; context: string; commitment: string; text_size: number; sealed_size: number; sealed_sha256: string }[]
  padding: { text_size: number; padded_size: number; sha256: string }[]
  roots: { size: number; root: string }[]
}

describe('derivations', () => {
  const vector = read<Derivations>('derivations.json')
  const context = contextOf(ascii(vector.core))

  it('core, context, half and content key', () => {
    const core = parseCore(ascii(vector.core), suiteOf(0x02))
    expect(new TextDecoder().decode(coreBytes(core))).toBe(vector.core)
    expect(toHex(context)).toBe(vector.context)
    expect(toHex(halfCommitment(context, fromHex(vector.half)))).toBe(vector.half_digest)
    expect(toHex(contentKey(suiteOf(0x02), fromHex(vector.half), fromHex(vector.secret), context))).toBe(vector.content_key)
  })

  it.each(vector.dealings)('shares, $k of $n', ({ secret, k, n, shares, digests }) => {
    const dealt = deal(fromHex(secret), k, n)
    expect(dealt.map(toHex)).toEqual(shares)
    expect(dealt.map((share) => toHex(shareCommitment(context, share)))).toEqual(digests)
  })

  it.each(vector.streams)('a stream of $text_size bytes', async (stream) => {
    const salt = fromHex(stream.salt)
    const cipher = await StreamCipher.of(fromHex(stream.content_key), salt, fromHex(stream.context))
    const text = pattern(stream.text_size)
    const chunks: Bytes[] = [salt, cipher.commitment]
    for (let at = 0; at <= text.length; at += CHUNK) chunks.push(new Uint8Array(await cipher.seal(at / CHUNK, text.subarray(at, at + CHUNK))))
    const sealed = concat(...chunks)
    expect(toHex(cipher.commitment)).toBe(stream.commitment)
    expect([sealed.length, streamSize(text.length)]).toEqual([stream.sealed_size, stream.sealed_size])
    expect(createHash('sha256').update(sealed).digest('hex')).toBe(stream.sealed_sha256)
  })

  it.each(vector.padding)('padding of $text_size bytes', async ({ text_size, padded_size, sha256 }) => {
    const padded = new Uint8Array(await pad(new Blob([pattern(text_size)])).arrayBuffer())
    expect(padded.length).toBe(padded_size)
    expect(createHash('sha256').update(padded).digest('hex')).toBe(sha256)
    expect(unpad(padded)).toEqual(pattern(text_size))
  })

  it.each(vector.roots)('the root over $size bytes', async ({ size, root }) => {
    expect(toHex(await rootOf(blobSource(new Blob([pattern(size)])), size, () => undefined))).toBe(root)
  })
})

interface Pair {
  pkcs8: string[]
  public: string
}
interface EnvelopeVector {
  suite: number
  mode: string
  policy: string
  bid: string
  root: string
  digest: string
  envelope_key: Pair
  slots: Pair[]
  trustees: Pair[]
  parts: { part: string; core: string; context: string; half: string; secret: string; shares: string[]; content_key: string; text?: string; text_size?: number }[]
}

/** The GM suite is the command line's alone. */
const ENVELOPES = readdirSync(FOLDER).filter((name) => /^0x0[12].*\.evb1$/.test(name))

describe.each(ENVELOPES)('%s', (name) => {
  const vector = read<EnvelopeVector>(name.replace('.evb1', '.json'))
  const suite = suiteOf(vector.suite)
  const source = blobSource(new Blob([new Uint8Array(readFileSync(resolve(FOLDER, name)))]))
  const envelope = Envelope.open(source, parsePolicy(new TextEncoder().encode(vector.policy)), fromBase64(vector.bid))
  const keysOf = (pairs: Pair[]): Promise<OpeningKey[]> => Promise.all(pairs.map(({ pkcs8 }) => OpeningKey.load(suite, pkcs8.map(fromBase64))))

  it('is whole', async () => {
    const { trailer, digest } = await envelope
    expect([toBase64(trailer.root), toBase64(digest)]).toEqual([vector.root, vector.digest])
    await (await envelope).verifyRoot()
  })

  it('has keys that this library reads and writes the same', async () => {
    const pairs = [...vector.slots, ...vector.trustees]
    const keys = await keysOf(pairs)
    expect(keys.map(({ publicKey }) => toBase64(publicKey))).toEqual(pairs.map((pair) => pair.public))
    const again = await Promise.all(keys.map((key) => OpeningKey.load(suite, key.pkcs8())))
    expect(again.map(({ publicKey }) => toBase64(publicKey))).toEqual(pairs.map((pair) => pair.public))
    const signing = await SigningKey.load(suite, vector.envelope_key.pkcs8.map(fromBase64))
    expect(toBase64(signing.publicKey)).toBe(vector.envelope_key.public)
    await verifySignature(suite, signing.publicKey, ascii('text'), await signing.sign(ascii('text')))
  })

  it.each(vector.parts)('opens its part $part', async (row) => {
    const part = (await envelope).part(row.part)
    const [slots, trustees] = [await keysOf(vector.slots), await keysOf(vector.trustees)]
    expect(toBase64(part.context)).toBe(row.context)
    for (const slot of slots) expect(toBase64(await part.openHalf(slot))).toBe(row.half)
    const shares = await openShares(part, trustees, row.shares.map((_, index) => index + 1))
    expect([...shares.values()].map(toBase64)).toEqual(row.shares)
    const secret = shares.size === 0 ? new Uint8Array(32) : part.joinShares(2, new Map([...shares].slice(1)))
    expect(toBase64(secret)).toBe(row.secret)
    const text = row.text === undefined ? pattern(row.text_size as number) : fromBase64(row.text)
    expect(await part.readText(fromBase64(row.half), secret)).toEqual(text)
  })
})
