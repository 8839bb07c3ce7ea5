// The sealing policy of a tender as a bidder's browser reads it: to whom, in which parts, how large. Its bytes are hashed into every
// core as they are, so they must be the canonical ones. The host checked it before it was signed; the bidder's machine looks again, since a
// host who means ill would give one person two shares. Whether a key is a point is found out when it is wrapped to.

import { sha256 } from '@noble/hashes/sha2.js'

import { type Bytes, concat, toBase64 } from './bytes'
import { type SealingDetail, SealingError } from './errors'
import { Members } from './json'
import { checkName, PART_NAMES } from './names'
import { PADDED, PADDING_STEP } from './padding'
import { type Suite, suiteOf } from './suites'

/** Who holds what: both halves, the trustees alone, the bidder alone. */
export type Mode = 'joint' | 'sites' | 'bidder'

export interface Trustee {
  readonly name: string
  readonly kind: string
  readonly who: string
  /** SPKI of the key that signs its acks. */
  readonly signer: Bytes
  /** Public key by suite. */
  readonly keys: ReadonlyMap<number, Bytes>
}

/** Who may read opened documents years later; its keys are its own and last. */
export interface Recipient {
  readonly name: string
  readonly who: string
  readonly keys: ReadonlyMap<number, Bytes>
}

export interface Window {
  readonly name: string
  readonly gate: string
  readonly opensAt: number | null
  readonly releaseMs: number
}

export interface PartTerms {
  readonly name: string
  readonly window: string
  /** Most bytes of plaintext, padding included. */
  readonly maxSize: number
}

export interface Policy {
  readonly bytes: Bytes
  readonly tender: string
  readonly mode: Mode
  readonly threshold: number
  readonly suites: readonly number[]
  /** UTC milliseconds. */
  readonly deadline: number
  readonly minBids: number
  readonly maxSize: number
  readonly trustees: readonly Trustee[]
  readonly windows: readonly Window[]
  readonly parts: readonly PartTerms[]
  readonly recipients: readonly Recipient[]
}

const VERSION = 1
const REQUIRED: readonly string[] = ['identity', 'opening']
const HOST = 'host'
const KINDS: readonly string[] = [HOST, 'site', 'supervisor']
const MOST_PADDED = 16 * 1024 * 1024
const MODES: readonly Mode[] = ['joint', 'sites', 'bidder']
const MOST_TRUSTEES = 16
const MOST_RECIPIENTS = 8
const MOST_SUITES = 8
const MOST_PARTS = 5
const NAME = 64
const KIND = 16
const WHO = 200
const MOST_SIGNER = 4096

/** Return the policy whose policy.json is exactly `bytes`; throws malformed_policy. */
export function parsePolicy(bytes: Bytes): Policy {
  try {
    return read(bytes)
  } catch (cause) {
    if (cause instanceof SealingError && cause.code === 'malformed_envelope') refuse(cause.detail)
    throw cause
  }
}

/** Return what stands in every core: the hash of policy.json. */
export function policyDigest(policy: Policy): Bytes {
  return concat(sha256(policy.bytes))
}

/** Return how many shares are dealt. */
export function shareCount(policy: Policy): number {
  return policy.mode === 'bidder' ? 0 : policy.trustees.length
}

/** Return the suite of a code when bids may be sealed under it; throws unknown_suite, policy_refuses. */
export function checkSuite(policy: Policy, code: number): Suite {
  const suite = suiteOf(code)
  if (!policy.suites.includes(code)) throw new SealingError('policy_refuses', { rule: 'suite', suite: code })
  return suite
}

/** Return the trustees' keys in their order; throws malformed_policy when one is of another length than the suite's. */
export function trusteeKeys(policy: Policy, suite: Suite): Bytes[] {
  return policy.trustees.slice(0, shareCount(policy)).map(({ name, keys }) => {
    const key = keys.get(suite.code)
    return key?.length === suite.kem.publicSize ? key : refuse({ rule: 'key', trustee: name })
  })
}

/** Return the terms of a part; throws policy_refuses when the tender has no such part. */
export function partTerms(policy: Policy, name: string): PartTerms {
  const terms = policy.parts.find((part) => part.name === name)
  if (terms === undefined) throw new SealingError('policy_refuses', { rule: 'part', part: name })
  return terms
}

function refuse(detail: SealingDetail): never {
  throw new SealingError('malformed_policy', detail)
}

function read(bytes: Bytes): Policy {
  const members = Members.parse(bytes, 'policy')
  members.integer('v', VERSION, VERSION)
  const policy: Policy = {
    bytes,
    tender: members.text('tender', NAME),
    mode: modeOf(members.text('mode', KIND)),
    threshold: members.integer('k', 0, MOST_TRUSTEES),
    suites: members.integers('suites', 1, MOST_SUITES),
    deadline: members.integer('deadline'),
    minBids: members.integer('min_bids'),
    maxSize: members.integer('max_size', 1),
    trustees: members.objects('trustees', 1, MOST_TRUSTEES).map(readTrustee),
    windows: members.objects('windows', 1, MOST_PARTS).map(readWindow),
    parts: members.objects('parts', 1, MOST_PARTS).map(readPart),
    recipients: members.has('recipients') ? members.objects('recipients', 1, MOST_RECIPIENTS).map(readRecipient) : [],
  }
  members.close()
  check(policy)
  return policy
}

function modeOf(text: string): Mode {
  return MODES.find((mode) => mode === text) ?? refuse({ rule: 'mode' })
}

function check(policy: Policy): void {
  checkName(policy.tender)
  unique('suite', policy.suites)
  const count = shareCount(policy)
  if (policy.threshold > count || policy.threshold < Math.min(count, 1)) refuse({ rule: 'quorum' })
  checkTrustees(policy)
  checkWindows(policy)
  checkParts(policy)
}

/** No two trustees may be one person: a quorum of two would be one. */
function checkTrustees({ trustees, recipients, suites }: Policy): void {
  unique('trustee', trustees.map(({ name }) => checkName(name).toLowerCase()))
  unique('signer', trustees.map(({ signer }) => toBase64(signer)))
  if (!trustees.every(({ kind }) => KINDS.includes(kind))) refuse({ rule: 'kind' })
  if (trustees.filter(({ kind }) => kind === HOST).length !== 1) refuse({ rule: 'host' })
  unique('recipient', recipients.map(({ name }) => checkName(name).toLowerCase()))
  const holders = [...trustees, ...recipients]
  if (!holders.every(({ keys }) => [...keys.keys()].join() === suites.join())) refuse({ rule: 'keys' })
  for (const suite of suites) unique('key', holders.map(({ keys }) => toBase64(keys.get(suite) as Bytes)))
}

function checkWindows({ windows, parts, deadline }: Policy): void {
  unique('window', windows.map(({ name }) => checkName(name)))
  windows.forEach(({ gate }) => checkName(gate))
  if (windows.some(({ opensAt }) => opensAt !== null && opensAt < deadline)) refuse({ rule: 'window_before_deadline' })
  const [named, used] = [windows.map(({ name }) => name), parts.map(({ window }) => window)]
  if (!named.every((name) => used.includes(name)) || !used.every((name) => named.includes(name))) refuse({ rule: 'windows' })
}

function checkParts({ parts, maxSize }: Policy): void {
  const names = parts.map(({ name }) => name)
  const inOrder = PART_NAMES.filter((name) => names.includes(name))
  if (names.join() !== inOrder.join() || !REQUIRED.every((name) => names.includes(name))) refuse({ rule: 'parts', names: names.join() })
  for (const part of parts) {
    if (part.maxSize > maxSize) refuse({ rule: 'part_size', part: part.name })
    const fits = part.maxSize > 0 && part.maxSize <= MOST_PADDED && part.maxSize % PADDING_STEP === 0
    if (PADDED.includes(part.name) && !fits) refuse({ rule: 'padding', part: part.name })
  }
}

function unique(what: string, values: readonly (string | number)[]): void {
  if (new Set(values).size !== values.length) refuse({ rule: 'twice', what })
}

function readTrustee(members: Members): Trustee {
  const [name, kind, who] = [members.text('name', NAME), members.text('kind', KIND), members.text('who', WHO)]
  const signer = members.data('signer', 1, MOST_SIGNER)
  const keys = readKeys(members, name)
  members.close()
  return { name, kind, who, signer, keys }
}

function readRecipient(members: Members): Recipient {
  const [name, who] = [members.text('name', NAME), members.text('who', WHO)]
  const keys = readKeys(members, name)
  members.close()
  return { name, who, keys }
}

function readKeys(members: Members, name: string): ReadonlyMap<number, Bytes> {
  const listed = members.objects('keys', 1, MOST_SUITES).map(readKey)
  const keys = new Map(listed)
  if (keys.size !== listed.length) refuse({ rule: 'keys', trustee: name })
  return keys
}

function readKey(members: Members): [number, Bytes] {
  const key: [number, Bytes] = [members.integer('suite', 0, 255), members.data('public', 1, MOST_SIGNER)]
  members.close()
  return key
}

function readWindow(members: Members): Window {
  const window = {
    name: members.text('name', NAME),
    gate: members.text('gate', NAME),
    opensAt: members.has('opens_at') ? members.integer('opens_at') : null,
    releaseMs: members.integer('release_ms', 1),
  }
  members.close()
  return window
}

function readPart(members: Members): PartTerms {
  const part = { name: members.text('name', KIND), window: members.text('window', NAME), maxSize: members.integer('max_size') }
  members.close()
  return part
}
