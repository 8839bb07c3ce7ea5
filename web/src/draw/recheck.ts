// Repeat a draw from its file, step by step as docs/spec/draw.md §7 numbers them. A step passes, fails, or is absent: what could not be
// checked never passes for checked.

import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'

import { fromHex, toHex } from '@/proof/bytes'
import { canonical } from '@/proof/canonical'
import type { DrawDeclared } from '@/protocol/room'

import { type DrawFile, type DrawLine, isWhole, type Line } from './file'
import { checkProof, isSigned, readKeys } from './journal'
import { commitmentsDigest, commitmentTo, declarationDigest, drawable, madeUpRightly, seedOf, select, shortage, shuffled, successor, unitKey } from './lottery'

export type Mark = 'passed' | 'failed' | 'absent'

export interface Step {
  readonly number: number
  readonly mark: Mark
  /** What was found: name and value. */
  readonly found: readonly (readonly [string, string])[]
  /** Why it failed or is absent: a word of `verify.wrong` or `verify.absent`, and whom it is about. */
  readonly why: string
  readonly who: string
}

export interface Report {
  readonly steps: readonly Step[]
  readonly state: 'declared' | 'committed' | 'revealed' | 'drawn' | 'void'
  /** Who or what is drawn now, after those who left. */
  readonly drawn: readonly string[]
  readonly ok: boolean
}

class Wrong extends Error {
  constructor(
    readonly why: string,
    readonly who = '',
  ) {
    super(why)
  }
}

class Absent extends Wrong {}

type Found = [string, string][]
type Fact<Type> = Extract<DrawLine, { type: Type }>

class Case {
  readonly declared: DrawDeclared
  readonly digest: string
  readonly commitments = new Map<string, string>()
  readonly values = new Map<string, string>()
  state: Report['state'] = 'declared'
  order: string[] = []
  drawn: string[] = []

  constructor(readonly file: DrawFile) {
    this.declared = (file.facts[0] as Fact<'DrawDeclared'>).body
    this.digest = declarationDigest(file.session, this.declared)
  }

  of<Type extends DrawLine['type']>(type: Type): { at: number; fact: Fact<Type> }[] {
    return this.file.facts.flatMap((fact, at) => (fact.type === type ? [{ at, fact: fact as Fact<Type> }] : []))
  }
}

const demand = (condition: boolean, why: string, who = ''): void => {
  if (!condition) throw new Wrong(why, who)
}

/** Steps up to this one need all those before them. */
const CHAINED = 5

export function recheck(file: DrawFile): Report {
  const all = new Case(file)
  const steps: Step[] = []
  RUN.forEach((check, index) => {
    const blocked = index > 0 && index < CHAINED && steps.some(({ mark }) => mark === 'failed')
    steps.push(blocked ? { number: index + 1, mark: 'failed', found: [], why: 'blocked', who: '' } : run(index + 1, check, all))
  })
  return { steps, state: all.state, drawn: all.drawn, ok: steps.every(({ mark }) => mark !== 'failed') }
}

function run(number: number, check: (all: Case, found: Found) => void, all: Case): Step {
  const found: Found = []
  try {
    check(all, found)
    return { number, mark: 'passed', found, why: '', who: '' }
  } catch (error) {
    if (error instanceof Absent) return { number, mark: 'absent', found, why: error.why, who: error.who }
    if (error instanceof Wrong) return { number, mark: 'failed', found, why: error.why, who: error.who }
    return { number, mark: 'failed', found, why: 'unreadable', who: error instanceof Error ? error.message : '' }
  }
}

function checkDeclaration(all: Case, found: Found): void {
  const { declared, file } = all
  const names = drawable(declared)
  const listed = [...declared.options, ...declared.experts.map(({ id }) => id)]
  found.push(['digest', all.digest], ['drawn_from', `${declared.count} / ${names.length}`])
  demand(new Set(listed).size === listed.length, 'doubles')
  demand(declared.count >= 1 && declared.count <= names.length, 'count')
  demand((declared.options.length > 0) !== (declared.experts.length > 0), 'list')
  demand(declared.parties.length >= 2 && new Set(declared.parties).size === declared.parties.length, 'parties')
  demand((file.facts[0]?.t ?? 0) < declared.closes && declared.closes < declared.ends, 'times')
  demand(declared.takers.length === 0 || (declared.takers.length === declared.count && new Set(declared.takers).size === declared.count), 'takers')
  if (declared.places.length === 0 && declared.experts.length === 0 && declared.make_up === null) return
  demand(declared.places.reduce((sum, { count }) => sum + count, 0) === declared.count, 'count')
  demand(madeUpRightly(declared), 'make_up')
  demand(shortage(declared) === null, 'shortage')
}

function checkCommitments(all: Case, found: Found): void {
  const { declared, file } = all
  const reveal = all.of('DrawRevealed')[0]?.at ?? file.facts.length
  for (const { at, fact } of all.of('DrawCommitted')) {
    demand(declared.parties.includes(fact.actor), 'no_party', fact.actor)
    demand(!all.commitments.has(fact.actor), 'twice', fact.actor)
    demand(fact.t >= (file.facts[0]?.t ?? 0) && fact.t <= declared.closes, 'late', fact.actor)
    demand(at < reveal, 'after_reveal', fact.actor)
    all.commitments.set(fact.actor, fact.body.commitment)
    found.push([fact.actor, fact.body.commitment])
  }
  const missing = declared.parties.filter((party) => !all.commitments.has(party))
  if (missing.length === 0) all.state = 'committed'
  demand(missing.length === 0 || all.of('DrawVoided').length > 0, 'not_committed', missing.join(', '))
}

function checkReveals(all: Case, found: Found): void {
  const { parties, ends, draw } = all.declared
  const reveals = all.of('DrawRevealed')
  demand(reveals.length === 0 || all.commitments.size === parties.length, 'too_early')
  reveals.forEach(({ fact }, place) => {
    const { actor, t, body } = fact
    demand(actor === parties[place], 'turn', actor)
    demand(t <= ends, 'late', actor)
    demand(commitmentTo(all.file.session, draw, all.digest, actor, body.value, body.nonce) === all.commitments.get(actor), 'other_value', actor)
    demand(body.commitments === commitmentsDigest(all.digest, parties, all.commitments), 'other_commitments', actor)
    all.values.set(actor, body.value)
    found.push([actor, body.value])
  })
  if (all.values.size === parties.length) all.state = 'revealed'
  demand(all.state === 'revealed' || all.of('DrawVoided').length > 0, 'not_revealed')
}

function checkOrder(all: Case, found: Found): void {
  if (all.of('DrawVoided').length > 0) throw new Absent('void')
  const seed = seedOf(all.digest, all.declared.parties, all.values)
  all.order = shuffled(drawable(all.declared), seed)
  found.push(['seed', seed], ['order', all.order.join(' · ')])
  const made = all.of('DrawMade')
  demand(made.length === 1, 'no_result')
  demand(made[0]?.fact.body.seed === seed && same(made[0].fact.body.order, all.order), 'order')
}

const same = (one: readonly string[], other: readonly string[]): boolean => one.length === other.length && one.every((each, at) => each === other[at])

function checkResult(all: Case, found: Found): void {
  if (all.of('DrawVoided').length > 0) return checkVoid(all, found)
  const { declared } = all
  const made = all.of('DrawMade')
  all.drawn = select(declared, all.order)
  demand(made.length === 1 && same(made[0]?.fact.body.drawn ?? [], all.drawn), 'result')
  all.state = 'drawn'
  all.drawn.forEach((one, at) => found.push([String(at + 1), declared.takers[at] === undefined ? one : `${one} → ${declared.takers[at]}`]))
  const gone: string[] = []
  for (const { at, fact } of all.of('DrawContinued')) {
    const { out, drawn, reason } = fact.body
    demand(at > (made[0]?.at ?? 0) && all.drawn.includes(out), 'not_drawn', out)
    const following = successor(declared, all.order, all.drawn, out, gone)
    demand(following !== '' && drawn === following, 'follows', following)
    gone.push(out)
    all.drawn = all.drawn.map((one) => (one === out ? following : one))
    found.push([`${out} → ${following}`, reason])
  }
}

function checkVoid(all: Case, found: Found): void {
  const { parties, ends, closes } = all.declared
  const voided = all.of('DrawVoided')
  const atReveal = all.commitments.size === parties.length
  const awaited = atReveal ? parties.filter((party) => !all.values.has(party)).slice(0, 1) : parties.filter((party) => !all.commitments.has(party))
  demand(voided.length === 1 && voided[0]?.at === all.file.facts.length - 1, 'goes_on')
  demand(awaited.length > 0 && same(voided[0]?.fact.body.silent ?? [], awaited), 'silent', awaited.join(', '))
  demand((voided[0]?.fact.t ?? 0) > (atReveal ? ends : closes), 'void_early')
  all.state = 'void'
  found.push(['silent', awaited.join(', ')])
}

function checkPool(all: Case, found: Found): void {
  const { declared, file } = all
  if (declared.experts.length === 0) throw new Absent('no_experts')
  if (file.pool === null || file.pool.experts.length === 0) throw new Absent('no_pool')
  const opened = new Map(file.pool.experts.map((one) => [one.id, one]))
  const against = new Set(file.pool.against.map(unitKey))
  demand(opened.size === file.pool.experts.length && same([...opened.keys()].sort(), declared.experts.map(({ id }) => id).sort()), 'pool')
  for (const { id, units, recused } of declared.experts) {
    const one = opened.get(id)
    const nonce = fromHex(one?.nonce ?? '')
    demand(nonce.length === 32 && toHex(hmac(sha256, nonce, canonical([file.session, declared.draw, id, one?.units]))) === units, 'units', id)
    demand((one?.units ?? []).some((unit) => against.has(unitKey(unit))) === recused, 'recused', id)
  }
  found.push(['recused', `${declared.experts.filter(({ recused }) => recused).length} / ${opened.size}`])
}

const BY_HOST = new Set<string>(['DrawMade', 'DrawVoided'])

function checkSignatures(all: Case, found: Found): void {
  const { file } = all
  const acts: Line[] = file.facts.filter(({ type }) => !BY_HOST.has(type)) as unknown as Line[]
  const lines = [...file.seats, ...acts]
  if (file.seats.length === 0 || !lines.every(isWhole)) throw new Absent('no_signatures')
  const keys = new Map<string, string>()
  for (const line of lines.sort((one, other) => (one.seq ?? 0) - (other.seq ?? 0))) {
    if (line.type === 'SeatJoined') keys.set(line.actor, String(line.body['key']))
    demand(line.cmd !== undefined && isSigned(line, file.session, keys.get(line.actor) ?? ''), 'signature', line.actor)
  }
  found.push(['signatures', String(acts.length)])
}

function checkProofs(all: Case, found: Found): void {
  const { file } = all
  const lines = [...file.facts, ...file.seats] as unknown as Line[]
  if (file.proofs.length === 0 || file.keys === null || !lines.every(isWhole)) throw new Absent('no_proofs')
  const keys = readKeys(file.session, file.keys)
  const numbers = file.facts.map(({ seq }) => seq ?? -1)
  demand(numbers.every((number, at) => at === 0 || number > (numbers[at - 1] ?? -1)), 'journal_order')
  lines.forEach((line, at) => checkProof(line, file.proofs[at] ?? '', keys))
  found.push(['log', file.keys.log], ['witnesses', `${keys.quorum} / ${keys.witnesses.length}`])
}

const RUN = [checkDeclaration, checkCommitments, checkReveals, checkOrder, checkResult, checkPool, checkSignatures, checkProofs] as const
