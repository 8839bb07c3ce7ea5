// @vitest-environment node
// A policy under which a bidder's browser must not seal, though host and trustees signed it.
import { expect, it } from 'vitest'

import { canonical } from '@/proof/canonical'
import { toBase64 } from '@/sealing/bytes'
import { parsePolicy } from '@/sealing/policy'

interface TrusteeJson {
  name: string
  kind: string
  who: string
  signer: string
  keys: { suite: number; public: string }[]
}

const trustee = (name: string, kind: string, mark: number): TrusteeJson => ({
  name,
  kind,
  who: '数据中心',
  signer: toBase64(new Uint8Array(44).fill(mark)),
  keys: [1, 2].map((suite) => ({ suite, public: toBase64(new Uint8Array(65).fill(16 * suite + mark)) })),
})

const recipient = (name: string, mark: number) => {
  const { who, keys } = trustee(name, 'site', mark)
  return { name, who, keys }
}

const good = () => ({
  v: 1,
  tender: 'T-1',
  mode: 'joint',
  k: 2,
  suites: [1, 2],
  deadline: 1000,
  min_bids: 3,
  max_size: 2 ** 30,
  trustees: [trustee('host', 'host', 1), trustee('north', 'site', 2), trustee('sup', 'supervisor', 3)],
  windows: [{ name: 'first', gate: 'BidsClosed', release_ms: 1, opens_at: 1000 as number | undefined }],
  parts: ['identity', 'opening', 'price'].map((name) => ({ name, window: 'first', max_size: 65_536 })),
  recipients: [recipient('supervisor-archive', 4), recipient('centre-archive', 5)],
})
type Json = ReturnType<typeof good>

it('a policy without these faults is taken', () => {
  expect(parsePolicy(canonical(good())).threshold).toBe(2)
  expect(parsePolicy(canonical(good())).recipients.map(({ name }) => name)).toEqual(['supervisor-archive', 'centre-archive'])
})

it('a policy need not name recipients', () => {
  const { recipients: _, ...without } = good()
  expect(parsePolicy(canonical(without)).recipients).toEqual([])
})

it.each<[string, (policy: Json) => unknown]>([
  ['one key stands for two trustees', ({ trustees: [one, other] }) => (one!.keys[1]!.public = other!.keys[1]!.public)],
  ['one signer stands for two trustees', ({ trustees: [one, other] }) => (one!.signer = other!.signer)],
  ['two trustees differ in case only', ({ trustees: [one] }) => (one!.name = 'NORTH')],
  ['two trustees are the host’s', ({ trustees }) => (trustees[1]!.kind = 'host')],
  ['no trustee is the host’s', ({ trustees }) => (trustees[0]!.kind = 'site')],
  ['a trustee is of no known kind', ({ trustees }) => (trustees[2]!.kind = 'bidder')],
  ['a trustee lacks a key', ({ trustees }) => trustees[0]!.keys.pop()],
  ['a trustee has two keys for one suite', ({ trustees }) => (trustees[0]!.keys[1]!.suite = 1)],
  ['a quorum of none', (policy) => (policy.k = 0)],
  ['a quorum larger than the trustees', (policy) => (policy.k = 4)],
  ['a quorum where nobody holds shares', (policy) => (policy.mode = 'bidder')],
  ['an unknown mode', (policy) => (policy.mode = 'nobody')],
  ['a suite twice', (policy) => (policy.suites = [1, 1])],
  ['a window before the deadline', ({ windows }) => (windows[0]!.opens_at = 999)],
  ['a part without a window', ({ parts }) => (parts[2]!.window = 'second')],
  ['a window without a part', ({ windows }) => windows.push({ ...windows[0]!, name: 'second' })],
  ['no price sheet', ({ parts }) => parts.splice(1, 1)],
  ['parts in another order', ({ parts }) => parts.reverse()],
  ['a part of no known name', ({ parts }) => (parts[2]!.name = 'other')],
  ['a part larger than the whole', ({ parts }) => (parts[2]!.max_size = 2 ** 31)],
  ['a price sheet that is not padded', ({ parts }) => (parts[1]!.max_size = 65_537)],
  ['a price sheet of more than 16 MiB', ({ parts }) => (parts[1]!.max_size = 2 ** 25)],
  ['a price part that is not padded', ({ parts }) => (parts[2]!.max_size = 65_535)],
  ['a tender that is a path', (policy) => (policy.tender = '../T')],
  ['another version', (policy) => (policy.v = 2)],
  ['recipients, and none named', ({ recipients }) => recipients.splice(0)],
  ['two recipients differ in case only', ({ recipients }) => (recipients[0]!.name = 'CENTRE-archive')],
  ['a recipient has a trustee’s key', ({ recipients, trustees }) => (recipients[0]!.keys[1]!.public = trustees[0]!.keys[1]!.public)],
  ['a recipient lacks a key', ({ recipients }) => recipients[0]!.keys.pop()],
  ['an unknown member', (policy) => Object.assign(policy, { escrow: 1 })],
])('%s: refused', (_, change) => {
  const policy = good()
  change(policy)
  expect(() => parsePolicy(canonical(policy))).toThrow(expect.objectContaining({ code: 'malformed_policy' }) as Error)
})
