// @vitest-environment node
// Who bids: a certificate made here is read by Node's own X.509; keys that are not a certificate's are refused before sealing.
import { createPublicKey, generateKeyPairSync, verify, X509Certificate } from 'node:crypto'

import { describe, expect, it } from 'vitest'

import { readCertificate } from '@/bidder/der'
import { bidderCommitment, identityText, loadSignatory, makeSignatory } from '@/bidder/identity'
import { ascii, type Bytes, concat, fromBase64, toBase64 } from '@/sealing/bytes'
import { contextOf, coreBytes } from '@/sealing/envelope'
import { coreOf } from '@/sealing/seal'
import { draftBid } from '@/sealing/sealing'

import { castFor } from '../sealing/bids'

const NOW = Date.UTC(2026, 10, 24)
const NAME = '江州清泉水务工程有限公司'
const refused = (code: string): object => expect.objectContaining({ code }) as object

function pem(label: string, der: Bytes): Bytes {
  return ascii(`-----BEGIN ${label}-----\n${toBase64(der).replace(/(.{64})/g, '$1\n')}\n-----END ${label}-----\n`)
}

const keyFile = (key: ReturnType<typeof generateKeyPairSync>): Bytes =>
  ascii((key.privateKey as unknown as { export(options: object): string }).export({ type: 'pkcs8', format: 'pem' }))

describe('a certificate made here', () => {
  it('says the name, is valid for a year and signed by itself', async () => {
    const { certificate } = await makeSignatory(NAME, NOW)
    const read = new X509Certificate(certificate)
    expect(read.subject).toBe(`CN=${NAME}`)
    expect(read.verify(read.publicKey)).toBe(true)
    expect(Date.parse(read.validFrom)).toBeLessThan(NOW)
    expect(Date.parse(read.validTo)).toBeGreaterThan(NOW + 365 * 86_400_000)
    expect(readCertificate(certificate)).toMatchObject({ commonName: NAME, notAfter: Date.parse(read.validTo) })
  })

  it('bears no name of more than 64 characters', async () => {
    await expect(makeSignatory('长'.repeat(65), NOW)).rejects.toEqual(refused('too_long'))
  })
})

describe('an identity part', () => {
  it('is signed by the certificate over envelope key and context', async () => {
    const { order } = await castFor(2, new Blob([]))
    const who = await makeSignatory(NAME, NOW)
    const draft = await draftBid(order.policy, 2, bidderCommitment(who))
    const text = JSON.parse(new TextDecoder().decode(await identityText(who, draft))) as Record<string, string>
    const message = concat(ascii('EVB1 identity'), draft.signing.publicKey, contextOf(coreBytes(coreOf(draft, 'identity'))))
    const key = { key: createPublicKey(new X509Certificate(fromBase64(text['certificate'] as string)).publicKey.export({ type: 'spki', format: 'pem' })), dsaEncoding: 'ieee-p1363' as const }
    expect(verify('sha256', message, key, fromBase64(text['signature'] as string))).toBe(true)
    expect([text['alg'], text['marks']]).toEqual(['ES256', []])
  })
})

describe('files of a bidder', async () => {
  const own = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { certificate } = await makeSignatory(NAME, NOW)

  it('are refused when key and certificate do not belong together', async () => {
    await expect(loadSignatory(pem('CERTIFICATE', certificate), keyFile(own), NOW)).rejects.toEqual(refused('other_key'))
  })

  it('are refused when the certificate is out of its time', async () => {
    await expect(loadSignatory(certificate, keyFile(own), NOW + 400 * 86_400_000)).rejects.toEqual(refused('expired'))
  })

  it.each([
    ['no_certificate', ascii('hello'), keyFile(own)],
    ['no_certificate', pem('PUBLIC KEY', certificate), keyFile(own)],
    ['no_key', certificate, pem('EC PRIVATE KEY', new Uint8Array(9))],
    ['locked_key', certificate, pem('ENCRYPTED PRIVATE KEY', new Uint8Array(9))],
    ['unknown_key', certificate, keyFile(generateKeyPairSync('ec', { namedCurve: 'secp384r1' }))],
  ])('end in %s', async (code, first, second) => {
    await expect(loadSignatory(first, second, NOW)).rejects.toEqual(refused(code))
  })
})
