// A draw's file (docs/spec/draw.md §6): read strictly, written from what a page's feed showed.

import { canonicalText } from '@/proof/canonical'
import type { DrawCommitted, DrawContinued, DrawDeclared, DrawMade, DrawRevealed, DrawVoided } from '@/protocol/room'

const SCHEMA = 'evalroom.draw/1'
const MAX_FILE = 4 * 1024 * 1024
const MAX_ENTRIES = 1_000

export class MalformedDrawFile extends Error {
  readonly code = 'malformed_draw_file'
}

interface Bodies {
  DrawDeclared: DrawDeclared
  DrawCommitted: DrawCommitted
  DrawRevealed: DrawRevealed
  DrawMade: DrawMade
  DrawVoided: DrawVoided
  DrawContinued: DrawContinued
}

/** Who did what when; all members of the entry where the file has them. */
export interface Line<Type extends string = string, Body = Record<string, unknown>> {
  readonly type: Type
  readonly t: number
  readonly actor: string
  readonly body: Body
  readonly seq?: number
  readonly site?: string
  readonly salt?: string
  readonly cmd?: string
  readonly sig?: string
}

export type DrawLine = { [Type in keyof Bodies]: Line<Type, Bodies[Type]> }[keyof Bodies]

export interface DrawFile {
  readonly session: string
  readonly facts: readonly DrawLine[]
  readonly seats: readonly Line[]
  readonly proofs: readonly string[]
  readonly keys: { readonly log: string; readonly witnesses: readonly string[]; readonly quorum: number } | null
  readonly pool: { readonly against: readonly string[]; readonly experts: readonly { id: string; units: string[]; nonce: string }[] } | null
}

/** Say whether all members of an entry are there, so that signature and proof can be checked. */
export function isWhole(line: Line): boolean {
  return line.seq !== undefined && line.site !== undefined && line.salt !== undefined
}

// --- shapes -------------------------------------------------------------------------------------------------

type Shape = (value: unknown) => boolean

const text: Shape = (value) => typeof value === 'string'
const whole: Shape = (value) => Number.isSafeInteger(value)
const flag: Shape = (value) => typeof value === 'boolean'
const list = (shape: Shape): Shape => (value) => Array.isArray(value) && value.length <= MAX_ENTRIES && value.every(shape)
const oneOf = (...words: string[]): Shape => (value) => typeof value === 'string' && words.includes(value)

function object(members: Record<string, Shape>, optional: Record<string, Shape> = {}): Shape {
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
    const own = value as Record<string, unknown>
    const known = Object.keys(own).every((name) => name in members || name in optional)
    const there = Object.entries(members).every(([name, shape]) => name in own && shape(own[name]))
    return known && there && Object.entries(optional).every(([name, shape]) => !(name in own) || shape(own[name]))
  }
}

const expertClass = oneOf('technical', 'economic', 'other')
const makeUp = object({ least: whole, share: text, odd: flag, owners: whole })
const BODIES: Record<keyof Bodies, Shape> = {
  DrawDeclared: object({
    draw: text,
    purpose: oneOf('experts', 'seats', 'sub_site', 'price_parameter', 'tie', 'chair', 'code', 'members'),
    subject: text,
    lot: text,
    options: list(text),
    experts: list(object({ id: text, type: expertClass, region: text, units: text, recused: flag })),
    places: list(object({ type: expertClass, region: text, count: whole })),
    make_up: (value) => value === null || makeUp(value),
    count: whole,
    takers: list(text),
    parties: list(text),
    closes: whole,
    ends: whole,
    redoes: text,
  }),
  DrawCommitted: object({ draw: text, commitment: text }),
  DrawRevealed: object({ draw: text, value: text, nonce: text, commitments: text }),
  DrawMade: object({ draw: text, seed: text, order: list(text), drawn: list(text) }),
  DrawVoided: object({ draw: text, silent: list(text) }),
  DrawContinued: object({ draw: text, out: text, drawn: text, reason: text }),
}
const anObject: Shape = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)
const line = object({ type: text, t: whole, actor: text, body: anObject }, { seq: whole, site: text, salt: text, cmd: text, sig: text })
const file = object(
  { schema: oneOf(SCHEMA), session: text, facts: list(line) },
  {
    seats: list(line),
    proofs: list(text),
    keys: object({ log: text, witnesses: list(text), quorum: whole }),
    pool: object({ against: list(text), experts: list(object({ id: text, units: list(text), nonce: text })) }),
  },
)

/** Refuse what JSON.parse passes over: a member that stands twice in one object. */
function hasDoubles(source: string): boolean {
  const open: (Set<string> | null)[] = []
  for (const [token, , key] of source.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?|[{}[\]]/g)) {
    if (token === '{') open.push(new Set())
    else if (token === '[') open.push(null)
    else if (token === '}' || token === ']') open.pop()
    else if (key !== undefined) {
      const names = open[open.length - 1]
      const name = JSON.parse(token.slice(0, token.lastIndexOf('"') + 1)) as string
      if (names === null || names === undefined || names.has(name)) return true
      names.add(name)
    }
  }
  return false
}

/** Return what a draw's file holds; throws MalformedDrawFile when it is none. */
export function readDrawFile(source: string): DrawFile {
  let value: unknown
  try {
    if (new TextEncoder().encode(source).length > MAX_FILE) throw new RangeError('longer than 4 MiB')
    value = JSON.parse(source)
    canonicalText(value) // floats, lone surrogates and deep nesting end here
    if (/[:[,]\s*-?\d+(?:\.\d|[eE])/.test(source.replace(/"(?:[^"\\]|\\.)*"/g, '""')) || hasDoubles(source)) throw new RangeError('no plain JSON')
  } catch (error) {
    throw new MalformedDrawFile(String(error))
  }
  if (!file(value)) throw new MalformedDrawFile('members')
  const { session, facts, seats = [], proofs = [], keys = null, pool = null } = value as unknown as DrawFile & { seats?: Line[] }
  const [first] = facts
  const one = facts.every(({ type, body }, at) => type in BODIES && BODIES[type](body) && body.draw === first?.body.draw && (type === 'DrawDeclared') === (at === 0))
  if (first === undefined || !one) throw new MalformedDrawFile('one draw in one file')
  if (seats.some(({ type }) => type !== 'SeatJoined')) throw new MalformedDrawFile('seats')
  if (proofs.length > 0 && proofs.length !== facts.length + seats.length) throw new MalformedDrawFile('proofs')
  return { session, facts, seats, proofs, keys, pool }
}

/** Return the file of a draw that a page has seen. */
export function writeDrawFile(session: string, facts: readonly DrawLine[]): string {
  const lines = facts.map(({ type, t, actor, body }) => ({ type, t, actor, body }))
  return `${canonicalText({ schema: SCHEMA, session, facts: lines })}\n`
}
