// One run of a price formula, stage after stage, with every intermediate (docs/spec/price-formula.md §4 to §10).
// A second implementation: it was written from that page, and is held to the same vectors as the host's.

import { has, hasBase, member, type Condition, type Expression, type Input, type PriceFormula, type Relation, type Rule, type Segment, type Stage } from './formula'
import {
  absolute, add, compare, decimal, divide, greater, HUNDRED, isNumber, isZero, lesser, multiply, ONE, parseNumber, round, subtract, whole,
  write, ZERO, type Rational,
} from './rational'
import { PriceRefusal } from './refusal'

export interface BidPrice {
  readonly bid: string
  readonly price: string
  readonly valid: boolean
  readonly values: Readonly<Record<string, string>>
}
export interface TraceStep {
  stage: string
  name: string
  value: string
  bids: string[]
}
export interface TraceRow {
  bid: string
  read: string
  admitted: boolean
  scored: boolean
  trimmed: boolean
  why: string
  values: { stage: string; value: string }[]
  price: string
  deviation: string
  score: string
  points: string
}
export interface PriceTrace {
  formula: string
  given: { name: string; value: string }[]
  steps: TraceStep[]
  rows: TraceRow[]
}

const ID = /^[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?$/

const HOLDS: Readonly<Record<Relation, (sign: -1 | 0 | 1) => boolean>> = {
  '<': (sign) => sign < 0,
  '<=': (sign) => sign <= 0,
  '=': (sign) => sign === 0,
  '!=': (sign) => sign !== 0,
  '>=': (sign) => sign >= 0,
  '>': (sign) => sign > 0,
}

/** Run a formula over bids and given values; throws PriceRefusal. */
export function runFormula(
  formula: PriceFormula,
  bids: readonly BidPrice[],
  given: Readonly<Record<string, string>>,
): PriceTrace {
  const common = readGiven(formula, given)
  checkBids(formula, bids)
  const ordered = [...bids].sort((a, b) => (a.bid < b.bid ? -1 : 1)) // ids are ASCII: code units are code points
  return new Run(formula, ordered, common).trace()
}

// --- what comes in ----------------------------------------------------------------------------------------

function bad(path: string): PriceRefusal {
  return new PriceRefusal('price_input', path)
}

function readGiven(formula: PriceFormula, given: Readonly<Record<string, string>>): Map<string, Rational> {
  const inputs = formula.inputs.filter((one) => one.per === 'tender')
  for (const name of Object.keys(given)) {
    if (!inputs.some((one) => one.name === name && one.value === '')) throw bad(member('given', name))
  }
  return new Map(inputs.map((one) => [one.name, readValue(one, one.value || (has(given, one.name) ? given[one.name] : undefined), member('given', one.name))]))
}

function readValue(declared: Input, text: string | undefined, path: string): Rational {
  if (text === undefined || !isNumber(text)) throw bad(path)
  const value = parseNumber(text)
  if (declared.unit === 'fen' && value.d !== BigInt(1)) throw bad(path)
  const drawn = declared.choices.map(parseNumber)
  if (drawn.length > 0 && !drawn.some((one) => compare(one, value) === 0)) throw bad(path)
  return value
}

function checkBids(formula: PriceFormula, bids: readonly BidPrice[]): void {
  if (bids.length === 0) throw bad('bids')
  const declared = formula.inputs.filter((one) => one.per === 'bid')
  const seen = new Set<string>()
  bids.forEach((one, index) => {
    const path = `bids[${index}]`
    if (!ID.test(one.bid) || one.bid.includes('..') || seen.has(one.bid)) throw bad(`${path}.bid`)
    seen.add(one.bid)
    if (!isNumber(one.price)) throw bad(`${path}.price`)
    const price = parseNumber(one.price)
    if (formula.quote === 'fen' && (compare(price, ZERO) <= 0 || price.d !== BigInt(1))) throw bad(`${path}.price`)
    for (const [name, text] of Object.entries(one.values)) {
      const input = declared.find((each) => each.name === name)
      if (!input) throw bad(`${path}.values.${name}`)
      readValue(input, text, `${path}.values.${name}`)
    }
    for (const input of declared) {
      if (!has(one.values, input.name) && input.value === '' && !input.optional) throw bad(`${path}.values.${input.name}`)
    }
  })
}

// --- the run ----------------------------------------------------------------------------------------------

/** A value that is the same for all bids, or a way to get it for one; undefined where an optional input is not there. */
type Value = Rational | ((bid: string) => Rational | undefined)

class Run {
  private readonly ids: string[]
  private readonly steps: TraceStep[] = []
  private readonly rows = new Map<string, TraceRow>()
  private readonly own = new Map<string, Map<string, Rational>>()
  private readonly sets = new Map<string, string[]>()
  private readonly scores = new Map<string, Rational>()
  private readonly given: PriceTrace['given']

  constructor(
    private readonly formula: PriceFormula,
    bids: readonly BidPrice[],
    private readonly common: Map<string, Rational>,
  ) {
    this.ids = bids.map((one) => one.bid)
    this.given = [...common].map(([name, value]) => ({ name, value: write(value) }))
    const read = new Map(bids.map((one) => [one.bid, parseNumber(one.price)]))
    this.own.set('read', read).set('price', new Map(read))
    for (const input of formula.inputs.filter((one) => one.per === 'bid')) {
      const column = new Map<string, Rational>()
      for (const one of bids) {
        const text = has(one.values, input.name) ? one.values[input.name] : input.value
        if (text) column.set(one.bid, parseNumber(text))
      }
      this.own.set(input.name, column)
    }
    for (const one of bids) {
      const text = write(read.get(one.bid) ?? ZERO)
      this.rows.set(one.bid, {
        bid: one.bid, read: text, admitted: one.valid, scored: false, trimmed: false, why: one.valid ? '' : 'invalid',
        values: [{ stage: 'read', value: text }], price: text, deviation: '', score: '0/1', points: '',
      }) // prettier-ignore
    }
  }

  trace(): PriceTrace {
    this.admit()
    this.adjust()
    this.trim()
    this.aggregate()
    if (hasBase(this.formula)) this.shift()
    this.score()
    return { formula: this.formula.name, given: this.given, steps: this.steps, rows: this.ids.map((bid) => this.finished(bid)) }
  }

  // --- stages ---------------------------------------------------------------------------------------------

  private admit(): void {
    const valid = this.ids.filter((bid) => this.row(bid).admitted)
    this.tell('admit', 'invalid', '', this.ids.filter((bid) => !this.row(bid).admitted))
    this.sets.set('admitted', valid)
    this.formula.admit.forEach((rule, index) => this.applyRule(rule, `admit[${index}].keep`))
    if (this.set('admitted', 'admit').length === 0) throw new PriceRefusal('nothing_to_price')
  }

  private applyRule(rule: Rule, path: string): void {
    const before = this.set('admitted', path)
    const kept = this.select(rule.keep, before, path)
    const out = before.filter((bid) => !kept.includes(bid))
    for (const bid of out) {
      this.row(bid).why = rule.name
      if (rule.otherwise === 'reject') this.row(bid).admitted = false
    }
    this.sets.set('admitted', kept)
    this.tell('admit', rule.name, '', out)
  }

  private adjust(): void {
    const inside = this.ids.filter((bid) => this.row(bid).admitted)
    this.formula.adjust.forEach((one, index) => {
      const path = `adjust[${index}]`
      const bids = this.select(one.when, inside, `${path}.when`)
      const prices = this.each(one.price, bids, `${path}.price`)
      bids.forEach((bid, place) => this.setPrice(bid, prices[place] ?? ZERO, 'adjust'))
      this.tell('adjust', one.name, '', bids)
    })
    const rounding = this.rounding('adjust')
    if (rounding) for (const bid of inside) this.setPrice(bid, rounding(this.price(bid)), 'round')
  }

  private setPrice(bid: string, price: Rational, stage: string): void {
    this.column('price').set(bid, price)
    this.row(bid).price = write(price)
    this.row(bid).values.push({ stage, value: write(price) })
  }

  private trim(): void {
    const admitted = this.set('admitted', 'trim')
    const count = admitted.length
    const none = { from_bids: 0, high: 0, low: 0 }
    const row = this.formula.trim.rows
      .filter((one) => one.from_bids <= count)
      .reduce((best, one) => (one.from_bids > best.from_bids ? one : best), none)
    if (row.high + row.low >= count) {
      throw new PriceRefusal('trims_too_many', '', { bids: count, high: row.high, low: row.low })
    }
    const order = [...admitted].sort((a, b) => compare(this.price(a), this.price(b)) || (a < b ? -1 : 1))
    const low = order.slice(0, row.low)
    const high = order.slice(count - row.high)
    for (const bid of [...low, ...high]) this.row(bid).trimmed = true
    this.sets.set('trimmed', admitted.filter((bid) => this.row(bid).trimmed))
    this.sets.set('kept', admitted.filter((bid) => !this.row(bid).trimmed))
    if (this.formula.trim.rows.length > 0) {
      this.tell('trim', 'high', '', [...high].sort())
      this.tell('trim', 'low', '', [...low].sort())
    }
  }

  private aggregate(): void {
    this.formula.aggregate.forEach((step, index) => {
      const path = `aggregate[${index}]`
      if (this.common.has(step.name) || this.sets.has(step.name)) return
      const holds = step.when.every((one, place) => this.holds(one, `${path}.when[${place}]`))
      if (!holds) return
      if (step.of !== '') {
        const found = this.select(step.where, this.set(step.of, `${path}.of`), `${path}.where`)
        this.sets.set(step.name, found)
        this.tell('aggregate', step.name, '', found)
        return
      }
      this.define('aggregate', step.name, this.one(step.value, `${path}.value`), this.rounding('aggregate', step.name))
    })
  }

  private shift(): void {
    const base = this.common.get('base')
    if (!base) throw undefinedAt('aggregate')
    this.define('shift', 'base', multiply(base, this.one(this.formula.shift, 'shift')), this.rounding('shift'))
  }

  /** Put a value on record, and its rounded one where that is declared, which then counts. */
  private define(stage: string, name: string, value: Rational, rounding?: (value: Rational) => Rational): void {
    this.tell(stage, name, write(value), [])
    const after = rounding ? rounding(value) : value
    if (rounding) this.tell('round', name, write(after), [])
    this.common.set(name, after)
  }

  private score(): void {
    const { formula } = this
    const bids = this.set('admitted', 'score').filter((bid) => formula.trim.scored || !this.row(bid).trimmed)
    if (hasBase(formula)) this.deviate(bids)
    const full = parseNumber(formula.score.full)
    this.common.set('full', full)
    const raw = this.record('score', this.points(bids, full), bids)
    const bounded = this.record('floor', this.bounded(raw), bids)
    const share = divide(parseNumber(formula.weight), full)
    const weighted = this.record('weight', bounded.map((one) => multiply(one, share)), bids)
    bids.forEach((bid, index) => this.scores.set(bid, weighted[index] ?? ZERO))
  }

  private deviate(bids: readonly string[]): void {
    const { better, of } = this.formula.deviate
    const whole = this.one(of, 'deviate.of')
    if (isZero(whole)) throw undefinedAt('deviate.of')
    const base = this.common.get('base') ?? ZERO
    const away = bids.map((bid) => {
      const worse = better === 'lower' ? subtract(this.price(bid), base) : subtract(base, this.price(bid))
      return divide(multiply(HUNDRED, worse), whole)
    })
    const found = this.record('deviate', away, bids)
    this.own.set('deviation', new Map(bids.map((bid, index) => [bid, found[index] ?? ZERO])))
    bids.forEach((bid, index) => (this.row(bid).deviation = write(found[index] ?? ZERO)))
  }

  private points(bids: readonly string[], full: Rational): Rational[] {
    const { score } = this.formula
    if (score.kind === 'value') return this.each(score.value, bids, 'score.value')
    const deviations = bids.map((bid) => this.column('deviation').get(bid) ?? ZERO)
    if (score.kind === 'table') return deviations.map((away) => this.fromTable(away))
    const above = this.rates(score.above, 'score.above')
    const below = this.rates(score.below, 'score.below')
    const capAbove = this.bound(score.cap_above, 'score.cap_above')
    const capBelow = this.bound(score.cap_below, 'score.cap_below')
    return deviations.map((away) => {
      const worse = compare(away, ZERO) > 0
      const penalty = penaltyOf(this.inSteps(absolute(away)), worse ? above : below)
      const cap = worse ? capAbove : capBelow
      return subtract(full, cap ? lesser(penalty, cap) : penalty)
    })
  }

  private rates(segments: readonly Segment[], path: string): { rate: Rational; to: Rational | undefined }[] {
    return segments.map((one, index) => ({
      rate: this.one(one.rate, `${path}[${index}].rate`),
      to: one.to === '' ? undefined : parseNumber(one.to),
    }))
  }

  private inSteps(far: Rational): Rational {
    const { step, steps } = this.formula.score
    if (steps === 'linear') return far
    const modes = { up: 'up', down: 'down', nearest: 'half_up' } as const
    const size = parseNumber(step)
    return multiply(round(divide(far, size), 0, modes[steps]), size)
  }

  private fromTable(away: Rational): Rational {
    const rows = this.formula.score.rows.map((row) => ({ at: parseNumber(row.at), points: parseNumber(row.points) }))
    const reached = rows.filter((row) => compare(row.at, away) <= 0)
    const last = reached[reached.length - 1]
    const next = rows[reached.length]
    if (!last) return next?.points ?? ZERO
    if (!next || this.formula.score.between === 'step') return last.points
    const part = divide(subtract(away, last.at), subtract(next.at, last.at))
    return add(last.points, multiply(subtract(next.points, last.points), part))
  }

  private bounded(scores: readonly Rational[]): Rational[] {
    const least = this.bound(this.formula.floor.least, 'floor.least')
    const most = this.bound(this.formula.floor.most, 'floor.most')
    return scores.map((one) => {
      const lifted = least ? greater(least, one) : one
      return most ? lesser(most, lifted) : lifted
    })
  }

  private bound(expr: Expression, path: string): Rational | undefined {
    return expr === '' ? undefined : this.one(expr, path)
  }

  private finished(bid: string): TraceRow {
    const row = this.row(bid)
    const { digits, mode } = this.formula.total
    const score = this.scores.get(bid)
    row.scored = score !== undefined
    row.score = write(score ?? ZERO)
    row.points = row.admitted ? decimal(score ?? ZERO, digits, mode) : 'out'
    return row
  }

  // --- what stages share ----------------------------------------------------------------------------------

  private row(bid: string): TraceRow {
    const row = this.rows.get(bid)
    if (!row) throw new Error(`no bid ${bid}`)
    return row
  }

  private column(name: string): Map<string, Rational> {
    const column = this.own.get(name)
    if (!column) throw new Error(`no column ${name}`)
    return column
  }

  private price(bid: string): Rational {
    return this.column('price').get(bid) ?? ZERO
  }

  private set(name: string, path: string): string[] {
    const found = this.sets.get(name)
    if (!found) throw undefinedAt(path)
    return found
  }

  private tell(stage: string, name: string, value: string, bids: string[]): void {
    this.steps.push({ stage, name, value, bids: [...bids] })
  }

  private rounding(stage: Stage, step = ''): ((value: Rational) => Rational) | undefined {
    const declared = this.formula.rounds.filter((one) => one.stage === stage)
    const terms = declared.find((one) => one.step === step && step !== '') ?? declared.find((one) => one.step === '')
    if (!terms) return undefined
    const money = this.formula.quote === 'fen' && ['adjust', 'aggregate', 'shift'].includes(stage)
    const digits = terms.digits - (money ? 2 : 0)
    return (value) => round(value, digits, terms.mode)
  }

  private record(stage: Stage, values: readonly Rational[], bids: readonly string[]): Rational[] {
    const rounding = this.rounding(stage)
    return bids.map((bid, index) => {
      const value = values[index] ?? ZERO
      const { values: told } = this.row(bid)
      told.push({ stage, value: write(value) })
      if (!rounding) return value
      const after = rounding(value)
      told.push({ stage: 'round', value: write(after) })
      return after
    })
  }

  private select(conditions: readonly Condition[], bids: readonly string[], path: string): string[] {
    return conditions.reduce<string[]>((left, one, index) => {
      const a = this.each(one.left, left, `${path}[${index}].left`)
      const b = this.each(one.right, left, `${path}[${index}].right`)
      return left.filter((_, place) => HOLDS[one.test](compare(a[place] ?? ZERO, b[place] ?? ZERO)))
    }, [...bids])
  }

  private holds(one: Condition, path: string): boolean {
    return HOLDS[one.test](compare(this.one(one.left, `${path}.left`), this.one(one.right, `${path}.right`)))
  }

  // --- expressions ----------------------------------------------------------------------------------------

  private one(expr: Expression, path: string): Rational {
    const value = this.value(expr, path)
    if (typeof value === 'function') throw undefinedAt(path)
    return value
  }

  private each(expr: Expression, bids: readonly string[], path: string): Rational[] {
    if (bids.length === 0) return []
    const value = this.value(expr, path)
    return bids.map((bid) => forBid(value, bid, path))
  }

  private value(expr: Expression, path: string): Value {
    if (typeof expr === 'string') return this.named(expr, path)
    const { op, of } = expr
    switch (op) {
      case 'count':
      case 'total':
      case 'mean':
      case 'median':
      case 'lowest':
      case 'highest':
        return this.overSet(op, of, path)
      case 'else': {
        const parts = of.map((one) => this.value(one, path))
        const [first] = parts
        if (first !== undefined && typeof first !== 'function') return first
        return (bid) => parts.map((part) => (typeof part === 'function' ? part(bid) : part)).find((found) => found !== undefined)
      }
      default: {
        const parts = of.map((one) => this.value(one, path))
        const work = (bid: string): Rational => calculate(op, parts.map((part) => forBid(part, bid, path)), path)
        return parts.some((part) => typeof part === 'function') ? work : work('')
      }
    }
  }

  private named(name: string, path: string): Value {
    const column = this.own.get(name)
    if (column) return (bid) => column.get(bid)
    const value = this.common.get(name)
    if (value) return value
    if (!isNumber(name)) throw undefinedAt(path)
    return parseNumber(name)
  }

  private overSet(op: string, of: readonly Expression[], path: string): Rational {
    const [name, expr = 'price', place = '1'] = of
    const bids = this.set(typeof name === 'string' ? name : '', path)
    if (op === 'count') return whole(bids.length)
    const value = this.value(expr, path)
    const found = bids.map((bid) => forBid(value, bid, path))
    const sum = (): Rational => found.reduce(add, ZERO)
    if (op === 'total') return sum()
    const nth = op === 'lowest' || op === 'highest' ? Number(place) : 1
    if (found.length < nth) throw undefinedAt(path)
    if (op === 'mean') return divide(sum(), whole(found.length))
    const ordered = [...found].sort(compare)
    const at = (index: number): Rational => ordered[index] ?? ZERO
    if (op === 'lowest') return at(nth - 1)
    if (op === 'highest') return at(ordered.length - nth)
    const half = Math.floor(ordered.length / 2)
    return ordered.length % 2 === 1 ? at(half) : divide(add(at(half - 1), at(half)), whole(2))
  }
}

function undefinedAt(path: string): PriceRefusal {
  return new PriceRefusal('formula_undefined', path)
}

function forBid(value: Value, bid: string, path: string): Rational {
  const found = typeof value === 'function' ? value(bid) : value
  if (found === undefined) throw undefinedAt(path)
  return found
}

function calculate(op: string, values: readonly Rational[], path: string): Rational {
  const [first = ZERO, second = ZERO] = values
  switch (op) {
    case 'sum':
      return values.reduce(add, ZERO)
    case 'product':
      return values.reduce(multiply, ONE)
    case 'min':
      return values.reduce(lesser)
    case 'max':
      return values.reduce(greater)
    case 'difference':
      return subtract(first, second)
    case 'abs':
      return absolute(first)
    default: // quotient
      if (isZero(second)) throw undefinedAt(path)
      return divide(first, second)
  }
}

function penaltyOf(far: Rational, segments: readonly { rate: Rational; to: Rational | undefined }[]): Rational {
  let start = ZERO
  let penalty = ZERO
  for (const { rate, to } of segments) {
    const end = to ? lesser(to, far) : far
    if (compare(end, start) <= 0) break
    penalty = add(penalty, multiply(rate, subtract(end, start)))
    start = end
  }
  return penalty
}
