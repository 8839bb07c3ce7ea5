/// <reference types="node" />
// The room's vectors (tests/vectors/journal), which the Python core is held to as well.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

import { expect, it } from 'vitest'

import { concat, fromBase64Url, fromHex, toBase64Url } from '@/proof/bytes'
import { canonical, canonicalText } from '@/proof/canonical'
import { commit } from '@/proof/commitment'

function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(resolve(__dirname, '../../../tests/vectors/journal', name), 'utf8')) as T
}

interface CommitmentVector {
  nonce: string
  session: string
  cmd: string
  path: string
  value: string
  commit: string
}

it('computes the room’s commitments', () => {
  for (const { nonce, session, cmd, path, value, commit: expected } of vectors<CommitmentVector[]>('commitments.json')) {
    expect(commit(fromHex(nonce), session, cmd, path, value)).toBe(expected)
  }
})

it('writes the room’s entries byte for byte', () => {
  const { entries } = vectors<{ entries: { entry: string }[] }>('entries.json')
  for (const { entry } of entries) expect(canonicalText(JSON.parse(entry))).toBe(entry)
})

it('reads a seat’s signature as the room does', async () => {
  const { key, payload, jws } = vectors<{ key: string; payload: string; jws: string }>('signatures.json')
  const [header = '', , signature = ''] = jws.split('.')
  const curve = { name: 'ECDSA', namedCurve: 'P-256' }
  const publicKey = await crypto.subtle.importKey('spki', fromBase64Url(key), curve, true, ['verify'])
  const input = new TextEncoder().encode(`${header}.${toBase64Url(canonical(JSON.parse(payload)))}`)
  const algorithm = { name: 'ECDSA', hash: 'SHA-256' }
  expect(await crypto.subtle.verify(algorithm, publicKey, fromBase64Url(signature), concat(input))).toBe(true)
})
