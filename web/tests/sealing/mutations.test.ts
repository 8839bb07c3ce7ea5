// @vitest-environment node
// Whatever a stranger sends in place of a sealed bid ends in a SealingError: never in another error, never in an opened bid.
// Mutants know the structure: bits, cuts, swaps, JSON tricks re-signed by the bidder's own key, chunk edges.
import { describe, expect, it, vi } from 'vitest'

import { fromHex, randomBytes, toHex } from '@/proof/bytes'
import { canonical } from '@/proof/canonical'
import { ascii, type Bytes, concat, fromBase64, readU32, toBase64, u32 } from '@/sealing/bytes'
import { parseTrailer, signedBytes, writeEnd } from '@/sealing/envelope'
import { SealingError } from '@/sealing/errors'
import { blobSource } from '@/sealing/files'
import { pad, unpad } from '@/sealing/padding'
import { parsePolicy } from '@/sealing/policy'
import { SigningKey, suiteOf, verifySignature } from '@/sealing/suites'
import { rootOf } from '@/sealing/writer'

import { bytesOf, type Cast, castFor, openAll, openBytes, openShares, pattern, sealHere } from './bids'

// Hundreds of signatures by a library in JavaScript, on a machine that is busy.
vi.setConfig({ testTimeout: 120_000 })

const HEAD = 12
const FOOT = 12
const BITS = 400

interface Taken {
  header: Bytes
  body: Bytes
  trailer: Bytes
  signature: Bytes
}

function takeApart(bytes: Bytes): Taken {
  const headerSize = readU32(bytes, 8)
  const [trailerSize, signatureSize] = [readU32(bytes, bytes.length - 12), readU32(bytes, bytes.length - 8)]
  const end = bytes.length - FOOT - signatureSize - trailerSize
  return {
    header: bytes.slice(HEAD, HEAD + headerSize),
    body: bytes.slice(HEAD + headerSize, end),
    trailer: bytes.slice(end, end + trailerSize),
    signature: bytes.slice(end + trailerSize, end + trailerSize + signatureSize),
  }
}

/** Put an envelope together as a malicious bidder would: offsets, root and signature are right again. */
async function signedAnew(cast: Cast, original: Bytes, header: Bytes, body: Bytes = takeApart(original).body): Promise<Bytes> {
  const shift = header.length - takeApart(original).header.length
  const { parts } = JSON.parse(new TextDecoder().decode(takeApart(original).trailer)) as { parts: [number, number][] }
  const front = concat(original.slice(0, 8), u32(header.length), header, body)
  const root = await rootOf(blobSource(new Blob([front])), front.length, () => undefined)
  const moved = parts.map(([offset, length]) => [offset + shift, length])
  const trailer = canonical({ parts: moved, root: toBase64(root), size: front.length })
  return concat(front, writeEnd(trailer, await cast.order.signing.sign(signedBytes(trailer))))
}

async function refused(attempt: Promise<unknown>): Promise<string> {
  const outcome = await attempt.then(
    () => 'accepted',
    (cause: unknown) => (cause instanceof SealingError ? cause.code : `untyped: ${String(cause)}`),
  )
  expect(outcome).not.toBe('accepted')
  expect(outcome).not.toMatch(/^untyped/)
  return outcome
}

describe.each([0x01, 0x02])('suite %i', (suite) => {
  const prepared = castFor(suite, new Blob([pattern(20_000)])).then(async (cast) => {
    return { cast, bytes: await bytesOf((await sealHere(cast)).envelope.source) }
  })

  it('refuses a flipped bit anywhere in frame, header, trailer and signature', async () => {
    const { cast, bytes } = await prepared
    const { body } = takeApart(bytes)
    const outside = bytes.length - body.length
    for (let step = 0; step < BITS; step += 1) {
      const at = Math.floor((step * outside) / BITS)
      const place = at < HEAD + takeApart(bytes).header.length ? at : at + body.length
      const mutant = bytes.slice()
      mutant[place] = (mutant[place] as number) ^ (1 << (step % 8))
      // A flipped header bit may leave all structure standing: then signature and root are what refuses it.
      await refused(openBytes(cast, mutant).then((envelope) => envelope.verifyRoot()))
    }
  })

  it('refuses a flipped bit anywhere in the parts, whoever looks', async () => {
    const { cast, bytes } = await prepared
    const { header, body } = takeApart(bytes)
    for (let step = 0; step < 40; step += 1) {
      const mutant = bytes.slice()
      const at = HEAD + header.length + Math.floor((step * body.length) / 40)
      mutant[at] = (mutant[at] as number) ^ (1 << (step % 8))
      expect(await refused(openAll(cast, mutant))).toBe('root_mismatch')
    }
  })

  it('refuses an envelope that was cut, lengthened or repeated', async () => {
    const { cast, bytes } = await prepared
    for (let step = 0; step < 200; step += 1) await refused(openBytes(cast, bytes.slice(0, Math.floor((step * bytes.length) / 200))))
    for (const more of [1, 11, 12, 13, 16_400]) await refused(openBytes(cast, concat(bytes, new Uint8Array(more))))
    for (const fewer of [1, 11, 12, 13, 16_400]) await refused(openBytes(cast, bytes.slice(fewer)))
    await refused(openBytes(cast, concat(bytes, bytes)))
  })

  it('refuses random bytes between a right head and a right foot', async () => {
    const { cast, bytes } = await prepared
    for (let step = 0; step < 100; step += 1) {
      const mutant = bytes.slice()
      const length = 1 + ((step * 977) % 60_000)
      const at = Math.min(8 + ((step * 7919) % bytes.length), bytes.length - length)
      mutant.set(randomBytes(length), at)
      // A random byte is the right one once in 256 times.
      mutant.set([(bytes[at] ?? 0) ^ 1], at)
      await refused(openAll(cast, mutant))
    }
  })
})

describe('what a malicious bidder signs', () => {
  type Json = { [name: string]: unknown }
  type PartJson = { core: string; bh: string; bidder: string[]; shares: { ct: string; h: string; i: number }[] }

  async function attempt(change: (parts: PartJson[]) => void, header?: (text: string) => string): Promise<string> {
    const cast = await castFor(0x02, new Blob([pattern(20_000)]))
    const bytes = await bytesOf((await sealHere(cast)).envelope.source)
    const value = JSON.parse(new TextDecoder().decode(takeApart(bytes).header)) as { parts: PartJson[] }
    change(value.parts)
    const text = new TextDecoder().decode(canonical(value))
    return refused(signedAnew(cast, bytes, ascii(header === undefined ? text : header(text))).then((mutant) => openAll(cast, mutant)))
  }
  const core = (part: PartJson, change: (core: Json) => void, spell = canonical): void => {
    const value = JSON.parse(new TextDecoder().decode(fromBase64(part.core))) as Json
    change(value)
    part.core = toBase64(spell(value))
  }
  const flipped = (text: string): string => {
    const bytes = fromBase64(text)
    bytes[0] = (bytes[0] as number) ^ 1
    return toBase64(bytes)
  }

  it.each<[string, string, (parts: PartJson[]) => void]>([
    ['a share commitment of nobody', 'share_mismatch', ([part]) => (part!.shares[0]!.h = flipped(part!.shares[0]!.h))],
    ['a share commitment of somebody who is not asked', 'dealing', ([part]) => (part!.shares[2]!.h = flipped(part!.shares[2]!.h))],
    ['a wrap that does not open', 'wrap_not_opened', ([part]) => (part!.shares[0]!.ct = flipped(part!.shares[0]!.ct))],
    ['shares of two trustees exchanged', 'wrap_not_opened', ([part]) => ([part!.shares[0]!.ct, part!.shares[1]!.ct] = [part!.shares[1]!.ct, part!.shares[0]!.ct])],
    ['shares of two parts exchanged', 'wrap_not_opened', ([one, other]) => ([one!.shares, other!.shares] = [other!.shares, one!.shares])],
    ['another half', 'half_mismatch', ([part]) => (part!.bh = flipped(part!.bh))],
    ['no share for one trustee', 'policy_refuses', ([part]) => part!.shares.pop()],
    ['one more share', 'policy_refuses', ([part]) => part!.shares.push({ ...part!.shares[0]!, i: 4 })],
    ['two shares of one number', 'malformed_envelope', ([part]) => (part!.shares[1]!.i = 1)],
    ['no half', 'policy_refuses', ([part]) => Object.assign(part!, { bidder: undefined, bh: undefined }) && (delete (part as Partial<PartJson>).bidder, delete (part as Partial<PartJson>).bh)],
    ['no slots', 'malformed_envelope', ([part]) => (part!.bidder = [])],
    ['an unknown member', 'malformed_envelope', ([part]) => Object.assign(part!, { extra: 1 })],
    ['a part left out', 'policy_refuses', (parts) => parts.pop()],
    ['a part twice', 'policy_refuses', (parts) => (parts[1] = parts[0]!)],
    ['parts in another order', 'policy_refuses', (parts) => parts.reverse()],
    ['a part of another bid', 'malformed_envelope', ([part]) => core(part!, (value) => (value.bid = toBase64(new Uint8Array(16))))],
    ['a part under another envelope key', 'malformed_envelope', ([part]) => core(part!, (value) => (value.env = flipped(value.env as string)))],
    ['another suite in a core', 'malformed_envelope', ([part]) => core(part!, (value) => (value.suite = 1))],
    ['another version in a core', 'malformed_envelope', ([part]) => core(part!, (value) => (value.v = 2))],
    ['a core with white space', 'malformed_envelope', ([part]) => core(part!, () => undefined, (value) => ascii(JSON.stringify(value, null, 1)))],
    ['a core with a fraction', 'malformed_envelope', ([part]) => core(part!, () => undefined, (value) => ascii(new TextDecoder().decode(canonical(value)).replace('"v":1', '"v":1.0')))],
    ['a core that is a number', 'malformed_envelope', ([part]) => (part!.core = toBase64(ascii('1')))],
    ['a core of nothing', 'malformed_envelope', ([part]) => (part!.core = '')],
    ['a core that is no UTF-8', 'malformed_envelope', ([part]) => (part!.core = toBase64(new Uint8Array([0xff, 0xfe])))],
    ['base64 in another spelling', 'malformed_envelope', ([part]) => (part!.bh = part!.bh.replace(/=$/, ''))],
    ['a tender that is a path', 'malformed_envelope', (parts) => parts.forEach((part) => core(part, (value) => (value.tender = '../x')))],
    ['another tender', 'foreign_envelope', (parts) => parts.forEach((part) => core(part, (value) => (value.tender = 'T-2')))],
  ])('%s is %s', async (_, code, change) => {
    expect(await attempt(change)).toBe(code)
  })

  it.each<[string, (text: string) => string]>([
    ['a doubled member', (text) => text.replace('{"parts":', '{"parts":[],"parts":')],
    ['white space', (text) => text.replace('{"parts":', '{ "parts":')],
    ['deep nesting', (text) => text.replace('{"parts":', `{"deep":${'['.repeat(5000)}${']'.repeat(5000)},"parts":`)],
    ['a number that is none', (text) => text.replace('"i":1', '"i":NaN')],
    ['a number beyond 2^53', (text) => text.replace('"i":1', '"i":9007199254740993')],
    ['a negative number', (text) => text.replace('"i":1', '"i":-1')],
    ['true for 1', (text) => text.replace('"i":1', '"i":true')],
    ['a text for 1', (text) => text.replace('"i":1', '"i":"1"')],
    ['null', () => 'null'],
    ['nothing', () => ''],
    ['a lone surrogate', (text) => text.replace('"i":1', '"\\ud800":1,"i":1')],
    ['a prototype', (text) => text.replace('{"parts":', '{"__proto__":{},"parts":')],
  ])('%s in the header is malformed', async (_, spell) => {
    expect(await attempt(() => undefined, spell)).toBe('malformed_envelope')
  })

  it('a stream that was sealed wrongly is the bidder’s: part_damaged', async () => {
    const cast = await castFor(0x02, new Blob([pattern(20_000)]))
    const bytes = await bytesOf((await sealHere(cast)).envelope.source)
    const { header, body } = takeApart(bytes)
    for (const at of [0, 24, 56, body.length - 1, body.length - 4000, body.length - 16_500]) {
      const changed = body.slice()
      changed[at] = (changed[at] as number) ^ 1
      expect(await refused(openAll(cast, await signedAnew(cast, bytes, header, changed)))).toBe('part_damaged')
    }
  })
})

it.each([
  ['elsewhere than they are', ([, second]: number[][]) => (second![0] = (second![0] as number) + 1)],
  ['with a gap', ([, second]: number[][]) => ((second![0] = (second![0] as number) + 1), (second![1] = (second![1] as number) - 1))],
  ['that overlap', ([first]: number[][]) => (first![1] = (first![1] as number) + 1)],
  ['too short for any stream', ([first, second]: number[][]) => ((second![1] = (second![1] as number) + (first![1] as number) - 71), (first![1] = 71), (second![0] = (first![0] as number) + 71))],
  ['behind the end', (parts: number[][]) => (parts[2]![1] = (parts[2]![1] as number) + 16)],
])('parts %s are malformed', (_, change) => {
  const parts = [[100, 1000], [1100, 1000], [2100, 1000]]
  const encode = (): Bytes => canonical({ parts, root: toBase64(new Uint8Array(32)), size: 3100 })
  expect(parseTrailer(encode(), 100).size).toBe(3100)
  change(parts)
  expect(() => parseTrailer(encode(), 100)).toThrow(expect.objectContaining({ code: 'malformed_envelope' }) as Error)
})

it('padding has one form: the length fits, zeros follow, as few as needed', async () => {
  const padded = new Uint8Array(await pad(new Blob([pattern(1000)])).arrayBuffer())
  expect(unpad(padded)).toEqual(pattern(1000))
  const [marked, longer, shorter] = [padded.slice(), padded.slice(), padded.slice()]
  marked[60_000] = 1
  longer[5] = 1
  shorter[7] = (shorter[7] as number) - 1 // one byte of the content becomes padding that is no zero
  for (const wrong of [marked, longer, shorter, concat(padded, new Uint8Array(65_536)), padded.slice(0, 100), new Uint8Array(3)]) {
    expect(() => unpad(wrong)).toThrow(expect.objectContaining({ code: 'part_damaged' }) as Error)
  }
})

it('no range is given out of a stream whose end was changed or cut', async () => {
  const cast = await castFor(0x02, new Blob([pattern(40_000)]))
  const { envelope, parts } = await sealHere(cast)
  const bytes = await bytesOf(envelope.source)
  const { header, body } = takeApart(bytes)
  const changed = body.slice()
  changed[body.length - 1] = (changed[body.length - 1] as number) ^ 1
  const mutant = await openBytes(cast, await signedAnew(cast, bytes, header, changed))
  const part = mutant.part('technical')
  const secret = part.joinShares(2, await openShares(part, cast.trustees, [1, 2]))
  expect(await refused(part.reader(parts[2]!.half, secret))).toBe('part_damaged')
})

it('a signature with the other s is refused: one bid has one digest', async () => {
  const suite = suiteOf(0x02)
  const signing = await SigningKey.generate(suite)
  const [message, order] = [ascii('text'), 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n]
  const signature = await signing.sign(message)
  await verifySignature(suite, signing.publicKey, message, signature)
  const s = BigInt(`0x${toHex(signature.subarray(32))}`)
  const other = concat(signature.subarray(0, 32), fromHex((order - s).toString(16).padStart(64, '0')))
  expect(await refused(verifySignature(suite, signing.publicKey, message, other))).toBe('bad_envelope_signature')
})

it('a policy that was changed is refused or is another policy', async () => {
  const { order } = await castFor(0x02, new Blob([]))
  const { bytes } = order.policy
  for (let step = 0; step < 1000; step += 1) {
    const mutant = bytes.slice()
    const at = (step * 7919) % bytes.length
    mutant[at] = (mutant[at] as number) ^ (1 << (step % 8))
    try {
      expect(parsePolicy(mutant).bytes).not.toEqual(bytes)
    } catch (cause) {
      expect(cause).toMatchObject({ code: 'malformed_policy' })
    }
  }
})
