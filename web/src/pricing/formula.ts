// The language of price formulas and its strict reader: docs/spec/price-formula.md §2 and §3, written from that page.
// Members that are left out get their defaults; unknown ones, missing ones and wrong types are refused by their path.

import type { Mode } from './rational'
import { malformed } from './refusal'

const OPS = [
  'sum', 'product', 'min', 'max', 'difference', 'quotient', 'abs', 'else', 'count', 'total', 'mean', 'median', 'lowest', 'highest',
] as const
const RELATIONS = ['<', '<=', '=', '!=', '>=', '>'] as const
const STAGES = ['adjust', 'aggregate', 'shift', 'deviate', 'score', 'floor', 'weight'] as const
const MODES = ['half_up', 'half_even', 'down', 'up'] as const

export type Op = (typeof OPS)[number]
export type Relation = (typeof RELATIONS)[number]
export type Stage = (typeof STAGES)[number]

export interface Operation {
  readonly op: Op
  readonly of: readonly Expression[]
}
export type Expression = string | Operation

export interface Input {
  readonly name: string
  readonly title: string
  readonly per: 'tender' | 'bid'
  readonly unit: 'fen' | 'number'
  readonly value: string
  readonly choices: readonly string[]
  readonly optional: boolean
}
export interface Condition {
  readonly left: Expression
  readonly test: Relation
  readonly right: Expression
}
export interface Rule {
  readonly name: string
  readonly title: string
  readonly keep: readonly Condition[]
  readonly otherwise: 'reject' | 'zero'
}
export interface Adjustment {
  readonly name: string
  readonly title: string
  readonly when: readonly Condition[]
  readonly price: Expression
}
export interface TrimRow {
  readonly from_bids: number
  readonly high: number
  readonly low: number
}
export interface Step {
  readonly name: string
  readonly title: string
  readonly value: Expression
  readonly of: string
  readonly where: readonly Condition[]
  readonly when: readonly Condition[]
}
export interface Segment {
  readonly to: string
  readonly rate: Expression
}
export interface Score {
  readonly kind: 'value' | 'penalty' | 'table'
  readonly full: string
  readonly value: Expression
  readonly above: readonly Segment[]
  readonly below: readonly Segment[]
  readonly cap_above: Expression
  readonly cap_below: Expression
  readonly step: string
  readonly steps: 'linear' | 'up' | 'down' | 'nearest'
  readonly rows: readonly { readonly at: string; readonly points: string }[]
  readonly between: 'linear' | 'step'
}
export interface RoundAt {
  readonly stage: Stage
  readonly step: string
  readonly digits: number
  readonly mode: Mode
}
export interface Named {
  readonly name: string
  readonly value: string
}
export interface Sample {
  readonly title: string
  readonly bids: readonly {
    readonly bid: string
    readonly price: string
    readonly valid: boolean
    readonly values: readonly Named[]
    readonly score: string
  }[]
  readonly given: readonly Named[]
}
export interface PriceFormula {
  readonly version: number
  readonly name: string
  readonly title: string
  readonly quote: 'fen' | 'rate'
  readonly inputs: readonly Input[]
  readonly admit: readonly Rule[]
  readonly adjust: readonly Adjustment[]
  readonly trim: { readonly rows: readonly TrimRow[]; readonly scored: boolean }
  readonly aggregate: readonly Step[]
  readonly shift: Expression
  readonly deviate: { readonly better: 'lower' | 'higher'; readonly of: Expression }
  readonly score: Score
  readonly floor: { readonly least: Expression; readonly most: Expression }
  readonly weight: string
  readonly rounds: readonly RoundAt[]
  readonly total: { readonly digits: number; readonly mode: Mode }
  readonly ties: readonly { readonly by: string; readonly order: 'lowest' | 'highest' }[]
  readonly undecided: 'draw' | 'tenderer'
  readonly samples: readonly Sample[]
}

export const MAX_LIST = 100
export const MAX_DEPTH = 8

type Reader = (value: unknown, path: string) => unknown
interface Member {
  readonly read: Reader
  /** What stands there when the member is left out; undefined means that it may not be. */
  readonly missing?: unknown
}

export function member(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}

/** A number may be written as one: only whole ones are exact in JSON as JavaScript reads it. */
function numeral(value: unknown, path: string): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number' && Number.isSafeInteger(value) && Math.abs(value) < 1e15) return String(value)
  throw malformed(path)
}

function words(value: unknown, path: string): string {
  if (typeof value !== 'string') throw malformed(path)
  return value
}

function integer(value: unknown, path: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw malformed(path)
  return value
}

function flag(value: unknown, path: string): boolean {
  if (typeof value !== 'boolean') throw malformed(path)
  return value
}

function oneOf(known: readonly string[]): Reader {
  return (value, path) => {
    if (typeof value !== 'string' || !known.includes(value)) throw malformed(path)
    return value
  }
}

function listOf(read: Reader): Reader {
  return (value, path) => {
    if (!Array.isArray(value) || value.length > MAX_LIST) throw malformed(path)
    return value.map((one, index) => read(one, `${path}[${index}]`))
  }
}

/** Members of the prototype are none of a table's. */
export function has(table: object, name: string): boolean {
  return Object.prototype.hasOwnProperty.call(table, name)
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function table(shape: Readonly<Record<string, Member>>): Reader {
  return (value, path) => {
    if (!isTable(value)) throw malformed(path)
    for (const name of Object.keys(value)) if (!has(shape, name)) throw malformed(member(path, name))
    const read: Record<string, unknown> = {}
    for (const [name, { read: reader, missing }] of Object.entries(shape)) {
      const where = member(path, name)
      if (has(value, name)) read[name] = reader(value[name], where)
      else if (missing !== undefined) read[name] = missing
      else throw malformed(where)
    }
    return read
  }
}

/** Named values stand as a list, or as one object. */
function named(value: unknown, path: string): unknown {
  const list = isTable(value) ? Object.entries(value).map(([name, one]) => ({ name, value: one })) : value
  return listOf(NAMED)(list, path)
}

function expression(value: unknown, path: string, depth = 1): Expression {
  if (!isTable(value)) return numeral(value, path)
  if (depth > MAX_DEPTH) throw malformed(path)
  for (const name of Object.keys(value)) if (name !== 'op' && name !== 'of') throw malformed(member(path, name))
  for (const name of ['op', 'of']) if (!has(value, name)) throw malformed(member(path, name))
  const op = oneOf(OPS)(value['op'], member(path, 'op')) as Op
  const of = value['of']
  if (!Array.isArray(of)) throw malformed(member(path, 'of'))
  return { op, of: of.map((one, index) => expression(one, `${member(path, 'of')}[${index}]`, depth + 1)) }
}

const anExpression: Reader = (value, path) => expression(value, path)
const needed = (read: Reader): Member => ({ read })
const usually = (read: Reader, missing: unknown): Member => ({ read, missing })

const NAME = needed(words)
const TITLE = usually(words, '')
const NUMBER = usually(numeral, '')

const NAMED = table({ name: NAME, value: needed(numeral) })
const CONDITIONS = listOf(table({ left: needed(anExpression), test: needed(oneOf(RELATIONS)), right: needed(anExpression) }))
const SEGMENTS = listOf(table({ to: NUMBER, rate: needed(anExpression) }))

const FORMULA = table({
  version: usually(integer, 1),
  name: NAME,
  title: TITLE,
  quote: usually(oneOf(['fen', 'rate']), 'fen'),
  inputs: usually(
    listOf(
      table({
        name: NAME,
        title: TITLE,
        per: usually(oneOf(['tender', 'bid']), 'tender'),
        unit: usually(oneOf(['fen', 'number']), 'number'),
        value: NUMBER,
        choices: usually(listOf(numeral), []),
        optional: usually(flag, false),
      }),
    ),
    [],
  ),
  admit: usually(
    listOf(table({ name: NAME, title: TITLE, keep: needed(CONDITIONS), otherwise: usually(oneOf(['reject', 'zero']), 'reject') })),
    [],
  ),
  adjust: usually(listOf(table({ name: NAME, title: TITLE, when: usually(CONDITIONS, []), price: needed(anExpression) })), []),
  trim: usually(
    table({
      rows: usually(listOf(table({ from_bids: needed(integer), high: needed(integer), low: needed(integer) })), []),
      scored: usually(flag, true),
    }),
    { rows: [], scored: true },
  ),
  aggregate: usually(
    listOf(
      table({
        name: NAME,
        title: TITLE,
        value: usually(anExpression, ''),
        of: usually(words, ''),
        where: usually(CONDITIONS, []),
        when: usually(CONDITIONS, []),
      }),
    ),
    [],
  ),
  shift: usually(anExpression, '1'),
  deviate: usually(
    table({ better: usually(oneOf(['lower', 'higher']), 'lower'), of: usually(anExpression, 'base') }),
    { better: 'lower', of: 'base' },
  ),
  score: needed(
    table({
      kind: needed(oneOf(['value', 'penalty', 'table'])),
      full: usually(numeral, '100'),
      value: usually(anExpression, ''),
      above: usually(SEGMENTS, []),
      below: usually(SEGMENTS, []),
      cap_above: usually(anExpression, ''),
      cap_below: usually(anExpression, ''),
      step: usually(numeral, '1'),
      steps: usually(oneOf(['linear', 'up', 'down', 'nearest']), 'linear'),
      rows: usually(listOf(table({ at: needed(numeral), points: needed(numeral) })), []),
      between: usually(oneOf(['linear', 'step']), 'linear'),
    }),
  ),
  floor: usually(table({ least: usually(anExpression, '0'), most: usually(anExpression, '') }), { least: '0', most: '' }),
  weight: needed(numeral),
  rounds: usually(
    listOf(
      table({ stage: needed(oneOf(STAGES)), step: usually(words, ''), digits: needed(integer), mode: needed(oneOf(MODES)) }),
    ),
    [],
  ),
  total: usually(table({ digits: needed(integer), mode: needed(oneOf(MODES)) }), { digits: 2, mode: 'half_up' }),
  ties: usually(listOf(table({ by: NAME, order: needed(oneOf(['lowest', 'highest'])) })), [
    { by: 'read', order: 'lowest' },
    { by: 'technical', order: 'highest' },
  ]),
  undecided: usually(oneOf(['draw', 'tenderer']), 'draw'),
  samples: usually(
    listOf(
      table({
        title: TITLE,
        bids: needed(
          listOf(
            table({
              bid: NAME,
              price: needed(numeral),
              valid: usually(flag, true),
              values: usually(named, []),
              score: needed(numeral),
            }),
          ),
        ),
        given: usually(named, []),
      }),
    ),
    [],
  ),
})

/** Read a formula from parsed JSON; throws PriceRefusal `formula_malformed` with the path of the member. */
export function readFormula(value: unknown): PriceFormula {
  return FORMULA(value, '') as PriceFormula
}

/** Return the base price's step, if the formula has one. */
export function hasBase(formula: PriceFormula): boolean {
  return formula.aggregate.some((step) => step.name === 'base')
}
