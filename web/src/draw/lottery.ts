// Draws as docs/spec/draw.md has them, written from that page alone: digests, seed, order, who is drawn and who follows.
// SHA-256 comes from a library, not from the browser: a page opened from a file has to work, too.

import { sha256 } from '@noble/hashes/sha2.js'

import { concat, fromHex, toHex } from '@/proof/bytes'
import { canonical } from '@/proof/canonical'
import type { DrawDeclared, Place } from '@/protocol/room'

const UTF8 = new TextEncoder()
const WORD = 8
const TWO_64 = BigInt(2) ** BigInt(64)

function tagged(tag: string, value: unknown): string {
  return toHex(sha256(concat(UTF8.encode(`evalroom/draw/${tag}/v1\n`), canonical(value))))
}

export function declarationDigest(session: string, declared: DrawDeclared): string {
  return tagged('declaration', { ...declared, session })
}

export function commitmentTo(session: string, draw: string, declaration: string, party: string, value: string, nonce: string): string {
  return tagged('commitment', [session, draw, declaration, party, value, nonce])
}

/** Return the digest of all commitments, in the declared order of the parties. */
export function commitmentsDigest(declaration: string, parties: readonly string[], commitments: ReadonlyMap<string, string>): string {
  return tagged('commitments', [declaration, parties.map((party) => [party, commitments.get(party) ?? ''])])
}

export function seedOf(declaration: string, parties: readonly string[], values: ReadonlyMap<string, string>): string {
  return tagged('seed', [declaration, parties.map((party) => [party, values.get(party) ?? ''])])
}

/** Yield the stream of a seed: 64-bit numbers, four from each block. */
export function* words(seed: Uint8Array): Generator<bigint> {
  const tag = UTF8.encode('evalroom/draw/stream/v1\n')
  for (let block = 0; ; block += 1) {
    const counter = new DataView(new ArrayBuffer(WORD))
    counter.setBigUint64(0, BigInt(block))
    const digest = sha256(concat(tag, seed, new Uint8Array(counter.buffer)))
    const view = new DataView(digest.buffer, digest.byteOffset, digest.byteLength)
    for (let at = 0; at < digest.length; at += WORD) yield view.getBigUint64(at)
  }
}

/** Return the next number from 0 to `bound` - 1; one that would favour small remainders is passed over. */
export function below(bound: number, stream: Iterator<bigint>): number {
  const size = BigInt(bound)
  const limit = TWO_64 - (TWO_64 % size)
  for (;;) {
    const { value, done } = stream.next()
    if (done === true) throw new RangeError('the stream has ended')
    if (value < limit) return Number(value % size)
  }
}

export function shuffled(options: readonly string[], seed: string): string[] {
  const order = [...options]
  const stream = words(fromHex(seed))
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = below(last + 1, stream)
    const kept = order[last] ?? ''
    order[last] = order[other] ?? ''
    order[other] = kept
  }
  return order
}

/** List what is drawn from: the options, or the experts who are not recused. */
export function drawable(declared: DrawDeclared): string[] {
  return [...declared.options, ...declared.experts.filter(({ recused }) => !recused).map(({ id }) => id)]
}

/** The row of each single place, in the order in which places are filled. */
function rowsOf(declared: DrawDeclared): Place[] {
  return declared.places.flatMap((place) => new Array<Place>(place.count).fill(place))
}

function fits(declared: DrawDeclared, name: string, place: Place): boolean {
  const expert = declared.experts.find(({ id }) => id === name)
  return expert !== undefined && expert.type === place.type && (place.region === '' || place.region === expert.region)
}

export function select(declared: DrawDeclared, order: readonly string[]): string[] {
  if (declared.places.length === 0) return order.slice(0, declared.count)
  const drawn: string[] = []
  for (const place of rowsOf(declared)) drawn.push(order.find((one) => !drawn.includes(one) && fits(declared, one, place)) ?? '')
  return drawn
}

/** Return who comes in for `out`, who is drawn; nothing when no reserve fits. */
export function successor(declared: DrawDeclared, order: readonly string[], drawn: readonly string[], out: string, gone: readonly string[]): string {
  const row = rowsOf(declared)[drawn.indexOf(out)]
  const fit = (one: string): boolean => !drawn.includes(one) && !gone.includes(one) && (row === undefined || fits(declared, one, row))
  return order.find(fit) ?? ''
}

/** Return the first row that some order might leave empty; null when there is none. */
export function shortage(declared: DrawDeclared): Place | null {
  const names = drawable(declared)
  const earlier: { fit: Set<string>; count: number }[] = []
  for (const place of declared.places) {
    const fit = new Set(names.filter((name) => fits(declared, name, place)))
    const others = earlier.filter((one) => [...one.fit].some((name) => fit.has(name))).reduce((sum, one) => sum + one.count, 0)
    if (fit.size < others + place.count) return place
    earlier.push({ fit, count: place.count })
  }
  return null
}

/** Say whether the committee would be of the declared make-up. */
export function madeUpRightly(declared: DrawDeclared): boolean {
  const terms = declared.make_up
  const [top, bottom] = (terms?.share ?? '').split('/').map(Number)
  if (terms == null || top === undefined || bottom === undefined || !(bottom > 0)) return false
  const sum = (places: readonly Place[]): number => places.reduce((all, { count }) => all + count, 0)
  const members = terms.owners + sum(declared.places)
  const experts = sum(declared.places.filter(({ type }) => type === 'technical' || type === 'economic'))
  return members >= terms.least && !(terms.odd && members % 2 === 0) && experts * bottom >= top * members
}

const WHITE_SPACE = /[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/g

/** Return what two spellings of one unit have in common: width, case and white space do not count. */
export function unitKey(name: string): string {
  const text = name.normalize('NFKC').replace(WHITE_SPACE, '')
  return [...text].map((character) => character.toUpperCase().toLowerCase()).join('')
}
