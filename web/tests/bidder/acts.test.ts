// @vitest-environment node
// What the keys of a bid prove, and the release from nothing but head and tail.
import { sha256 } from '@noble/hashes/sha2.js'
import { describe, expect, it } from 'vitest'

import { endsOf, type OwnBid, partsIn, signAnswer, signConfirmation, signReplacement, signWithdrawal, wrappedHalves } from '@/bidder/acts'
import { toHex } from '@/proof/bytes'
import { ascii, type Bytes, concat, fromBase64, readU32, toBase64 } from '@/sealing/bytes'
import { Envelope } from '@/sealing/open'
import { OpeningKey, suiteOf, verifySignature } from '@/sealing/suites'

import { bytesOf, castFor, pattern, sealHere } from '../sealing/bids'

const cast = await castFor(2, new Blob([pattern(70_000)]))
const sealed = await sealHere(cast)
const bytes = await bytesOf(sealed.envelope.source)
const { policy, bid, signing } = cast.order
const own: OwnBid = {
  record: { tender: policy.tender, bid, suite: 2, policy: policy.bytes, root: sealed.root, digest: sealed.envelope.digest, size: bytes.length },
  keys: { envelope: signing.pkcs8(), slots: [(await OpeningKey.generate(suiteOf(2))).pkcs8(), cast.bidder.pkcs8()] },
}
const front = 12 + readU32(bytes, 8)
const head = concat(bytes.subarray(0, front), bytes.subarray(sealed.size))
const session = await OpeningKey.generate(suiteOf(2))
const zero = new Uint8Array(1)

const verifies = (message: Bytes, signature: string): Promise<void> => verifySignature(suiteOf(2), signing.publicKey, message, fromBase64(signature))

describe('the envelope key', () => {
  it('takes a bid back', async () => {
    await verifies(concat(ascii('EVB1 withdraw'), ascii(policy.tender), zero, bid, own.record.digest), await signWithdrawal(own))
  })

  it('puts another bid in its place', async () => {
    const [other, digest] = [new Uint8Array(16).fill(1), new Uint8Array(32).fill(2)]
    await verifies(concat(ascii('EVB1 replace'), ascii(policy.tender), zero, bid, other, digest), await signReplacement(own, other, digest))
  })

  it('objects to a record', async () => {
    const record = sha256(ascii('record'))
    await verifies(concat(ascii('EVB1 record'), record, sha256(ascii('异议'))), await signConfirmation(own, toHex(record), '异议'))
  })

  it('answers a question', async () => {
    const question = sha256(ascii('question'))
    const message = concat(ascii('EVB1 answer'), ascii(policy.tender), new Uint8Array(1), bid, question, sha256(ascii('五十吨')))
    await verifies(message, await signAnswer(own, toHex(question), '五十吨'))
  })
})

describe('a release', () => {
  it('gives the halves of its window to the session key and to nobody else', async () => {
    const wrapped = await wrappedHalves(own, head, 'first', toBase64(session.publicKey))
    const info = concat(ascii('EVB1 release'), sealed.envelope.part('identity').context)
    const said = JSON.parse(new TextDecoder().decode(await session.unwrap(fromBase64(wrapped), info))) as { halves: Record<string, string> }
    expect(said).toMatchObject({ bid: toHex(bid), window: 'first' })
    const halves = Object.entries(said.halves).map(([name, half]) => ({ name, half: fromBase64(half) }))
    expect(new Map(halves.map(({ name, half }) => [name, half]))).toEqual(new Map(sealed.parts.map(({ name, half }) => [name, half])))
  })

  it('is refused with the head of another bid', async () => {
    const other = await bytesOf((await sealHere(await castFor(2, new Blob([pattern(70_000)])))).envelope.source)
    const strange = concat(other.subarray(0, front), other.subarray(other.length - (head.length - front)))
    await expect(wrappedHalves(own, strange, 'first', toBase64(session.publicKey))).rejects.toMatchObject({ name: 'SealingError' })
  })

  it('is refused for a window without parts', async () => {
    expect(partsIn(policy, 'first')).toEqual(['identity', 'opening', 'technical'])
    await expect(wrappedHalves(own, head, 'second', toBase64(session.publicKey))).rejects.toMatchObject({ code: 'nothing_to_release' })
  })

  it('is refused with keys that open no slot', async () => {
    const keys = { ...own.keys, slots: own.keys.slots.slice(0, 1) }
    await expect(wrappedHalves({ ...own, keys }, head, 'first', toBase64(session.publicKey))).rejects.toMatchObject({ code: 'wrap_not_opened' })
  })

  it('reads nothing of what lies between head and tail', async () => {
    const source = endsOf(head, bytes.length)
    expect(await source.read(0, front)).toEqual(bytes.slice(0, front))
    expect(await source.read(bytes.length - 12, 12)).toEqual(bytes.slice(-12))
    await expect(source.read(front - 1, 2)).rejects.toMatchObject({ code: 'bytes_missing' })
    expect((await Envelope.open(source, policy, bid)).digest).toEqual(own.record.digest)
  })
})
