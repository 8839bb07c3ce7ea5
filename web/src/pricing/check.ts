// What a formula must be before anybody relies on it: names in scope, tables in order, samples that come out
// (docs/spec/price-formula.md §2, §3, §12).

import { hasBase, MAX_DEPTH, type Condition, type Expression, type Input, type PriceFormula, type Sample, type Score, type Segment } from './formula'
import { compare, isNumber, parseNumber, ZERO, type Rational } from './rational'
import { malformed, PriceRefusal } from './refusal'
import { runFormula } from './run'

const NAME = /^[A-Za-z][A-Za-z0-9_]{0,31}$/
const PLACE = /^[1-9][0-9]?$/
const RESERVED = ['read', 'price', 'deviation', 'full', 'admitted', 'kept', 'trimmed']
const OVER_SETS: Readonly<Record<string, number>> = { count: 1, total: 2, mean: 2, median: 2, lowest: 3, highest: 3 }
const MANY = ['sum', 'product', 'min', 'max', 'else']
const MAX_OF = 32

interface Names {
  /** Values that are the same for all bids. */
  common: Set<string>
  /** Values that differ from bid to bid. */
  own: Set<string>
  sets: Set<string>
}

/** Refuse a formula that cannot be run, has no sample, or whose sample comes out otherwise. */
export function checkFormula(formula: PriceFormula): void {
  checkForm(formula)
  if (formula.samples.length === 0) throw new PriceRefusal('formula_without_sample')
  formula.samples.forEach((sample, index) => checkSample(formula, sample, index))
}

/** Refuse a formula that cannot be run, whatever its samples say. */
export function checkForm(formula: PriceFormula): void {
  if (formula.version !== 1) throw malformed('version')
  const letters = [...formula.name].length
  if (letters < 1 || letters > 64) throw malformed('name')
  checkTitle(formula.title, 'title')
  numberAt(formula.weight, 'weight', (value) => compare(value, ZERO) >= 0)
  checkInputs(formula.inputs)
  const names = scopeOf(formula)
  checkRules(formula, names)
  checkTrim(formula)
  checkSteps(formula, names)
  checkExpression(formula.shift, 'shift', names, false)
  if (hasBase(formula)) checkExpression(formula.deviate.of, 'deviate.of', names, false)
  checkScore(formula, names)
  checkRounds(formula)
  checkTies(formula)
  formula.samples.forEach((sample, index) => checkSampleForm(sample, `samples[${index}]`))
}

function scopeOf(formula: PriceFormula): Names {
  const of = (per: Input['per']): string[] => formula.inputs.filter((one) => one.per === per).map((one) => one.name)
  return { common: new Set(of('tender')), own: new Set(['read', 'price', ...of('bid')]), sets: new Set(['admitted']) }
}

// --- members in turn --------------------------------------------------------------------------------------

function checkInputs(inputs: readonly Input[]): void {
  checkNames(inputs, 'inputs', [...RESERVED, 'base'])
  inputs.forEach((one, index) => {
    const path = `inputs[${index}]`
    checkTitle(one.title, `${path}.title`)
    if (one.value !== '') numberAt(one.value, `${path}.value`)
    one.choices.forEach((choice, place) => numberAt(choice, `${path}.choices[${place}]`))
    if (one.choices.length > 0 && one.value !== '') throw malformed(`${path}.value`)
    if (one.optional && (one.per === 'tender' || one.value !== '')) throw malformed(`${path}.optional`)
  })
}

function checkRules(formula: PriceFormula, names: Names): void {
  checkNames(formula.admit, 'admit', [])
  checkNames(formula.adjust, 'adjust', [])
  formula.admit.forEach((rule, index) => {
    checkTitle(rule.title, `admit[${index}].title`)
    if (rule.keep.length === 0) throw malformed(`admit[${index}].keep`)
    checkConditions(rule.keep, `admit[${index}].keep`, names, true)
  })
  formula.adjust.forEach((one, index) => {
    checkTitle(one.title, `adjust[${index}].title`)
    checkConditions(one.when, `adjust[${index}].when`, names, true)
    checkExpression(one.price, `adjust[${index}].price`, names, true)
  })
}

function checkTrim(formula: PriceFormula): void {
  const starts = new Set<number>()
  formula.trim.rows.forEach((row, index) => {
    const path = `trim.rows[${index}]`
    if (row.from_bids < 1 || starts.has(row.from_bids)) throw malformed(`${path}.from_bids`)
    if (row.high < 0 || row.low < 0 || row.high + row.low >= row.from_bids) throw malformed(`${path}.high`)
    starts.add(row.from_bids)
  })
}

function checkSteps(formula: PriceFormula, names: Names): void {
  names.sets.add('kept').add('trimmed')
  const taken = new Set([...RESERVED, ...formula.inputs.map((one) => one.name)])
  const kinds = new Map<string, boolean>()
  formula.aggregate.forEach((step, index) => {
    const path = `aggregate[${index}]`
    const isSet = step.of !== ''
    if (!NAME.test(step.name) || taken.has(step.name)) throw malformed(`${path}.name`)
    if ((step.value !== '') === isSet) throw malformed(`${path}.value`)
    if ((kinds.get(step.name) ?? isSet) !== isSet || (isSet && step.name === 'base')) throw malformed(`${path}.name`)
    kinds.set(step.name, isSet)
    checkTitle(step.title, `${path}.title`)
    checkConditions(step.when, `${path}.when`, names, false)
    if (isSet) {
      if (!names.sets.has(step.of)) throw malformed(`${path}.of`)
      checkConditions(step.where, `${path}.where`, names, true)
      names.sets.add(step.name)
    } else {
      if (step.where.length > 0) throw malformed(`${path}.where`)
      checkExpression(step.value, `${path}.value`, names, false)
      names.common.add(step.name)
    }
  })
}

function checkScore(formula: PriceFormula, names: Names): void {
  const { score, floor } = formula
  numberAt(score.full, 'score.full', (value) => compare(value, ZERO) > 0)
  numberAt(score.step, 'score.step', (value) => compare(value, ZERO) > 0)
  if (score.kind !== 'value' && !hasBase(formula)) throw malformed('aggregate')
  checkKind(score)
  names.common.add('full')
  if (score.kind === 'value') {
    const own = hasBase(formula) ? new Set([...names.own, 'deviation']) : names.own
    checkExpression(score.value, 'score.value', { ...names, own }, true)
  }
  checkSegments(score.above, 'score.above', names)
  checkSegments(score.below, 'score.below', names)
  score.rows.forEach((row, index) => {
    const at = numberAt(row.at, `score.rows[${index}].at`)
    numberAt(row.points, `score.rows[${index}].points`)
    const before = score.rows[index - 1]
    if (before && compare(at, parseNumber(before.at)) <= 0) throw malformed(`score.rows[${index}].at`)
  })
  const bounds: [string, Expression][] = [
    ['score.cap_above', score.cap_above],
    ['score.cap_below', score.cap_below],
    ['floor.least', floor.least],
    ['floor.most', floor.most],
  ]
  for (const [path, bound] of bounds) if (bound !== '') checkExpression(bound, path, names, false)
  const { least } = floor
  if (typeof least === 'string' && isNumber(least) && compare(parseNumber(least), parseNumber(score.full)) > 0) {
    throw malformed('floor.least')
  }
}

/** Members of a kind the score is not keep their defaults; those of its own kind are filled. */
function checkKind(score: Score): void {
  const penalty = score.above.length > 0 || score.below.length > 0 || score.cap_above !== '' || score.cap_below !== ''
  const filled: [Score['kind'], string, boolean][] = [
    ['value', 'score.value', score.value !== ''],
    ['table', 'score.rows', score.rows.length > 0],
    ['penalty', 'score.above', penalty],
  ]
  for (const [kind, path, there] of filled) if (there !== (score.kind === kind)) throw malformed(path)
}

function checkSegments(segments: readonly Segment[], path: string, names: Names): void {
  let before = ZERO
  segments.forEach((one, index) => {
    checkExpression(one.rate, `${path}[${index}].rate`, names, false)
    const to = `${path}[${index}].to`
    if (one.to === '') {
      if (index + 1 < segments.length) throw malformed(to)
      return
    }
    const end = numberAt(one.to, to)
    if (compare(end, before) <= 0) throw malformed(to)
    before = end
  })
}

function checkRounds(formula: PriceFormula): void {
  const steps = formula.aggregate.filter((step) => step.of === '').map((step) => step.name)
  const seen = new Set<string>()
  formula.rounds.forEach((one, index) => {
    const path = `rounds[${index}]`
    if (one.digits < -6 || one.digits > 8) throw malformed(`${path}.digits`)
    if (one.step !== '' && (one.stage !== 'aggregate' || !steps.includes(one.step))) throw malformed(`${path}.step`)
    const key = `${one.stage} ${one.step}`
    if (seen.has(key)) throw malformed(`${path}.stage`)
    seen.add(key)
  })
  if (formula.total.digits < 0 || formula.total.digits > 4) throw malformed('total.digits')
}

function checkTies(formula: PriceFormula): void {
  const own = formula.inputs.filter((one) => one.per === 'bid' && !one.optional).map((one) => one.name)
  const known = ['read', 'price', 'score', 'technical', ...own]
  formula.ties.forEach((key, index) => {
    if (!known.includes(key.by)) throw malformed(`ties[${index}].by`)
  })
}

function checkSampleForm(sample: Sample, path: string): void {
  checkTitle(sample.title, `${path}.title`)
  checkTwice(sample.given, `${path}.given`)
  sample.bids.forEach((one, index) => {
    checkTwice(one.values, `${path}.bids[${index}].values`)
    if (one.score !== 'out') numberAt(one.score, `${path}.bids[${index}].score`)
  })
}

// --- samples ----------------------------------------------------------------------------------------------

function checkSample(formula: PriceFormula, sample: Sample, index: number): void {
  const table = (list: Sample['given']): Record<string, string> =>
    Object.fromEntries(list.map((one) => [one.name, one.value]))
  const bids = sample.bids.map(({ bid, price, valid, values }) => ({ bid, price, valid, values: table(values) }))
  const expected = new Map(sample.bids.map((one) => [one.bid, one.score]))
  const differs = (bid: string, got: string): PriceRefusal =>
    new PriceRefusal('sample_differs', '', { sample: index + 1, bid, expected: expected.get(bid) ?? '', got })
  try {
    const trace = runFormula(formula, bids, table(sample.given))
    for (const row of trace.rows) {
      if (!same(expected.get(row.bid) ?? '', row.points)) throw differs(row.bid, row.points)
    }
  } catch (why) {
    if (!(why instanceof PriceRefusal) || why.code === 'sample_differs') throw why
    if (why.code === 'price_input') throw malformed(`samples[${index}].${why.path}`)
    throw differs(sample.bids[0]?.bid ?? '', why.code)
  }
}

function same(expected: string, got: string): boolean {
  if (isNumber(expected) && isNumber(got)) return compare(parseNumber(expected), parseNumber(got)) === 0
  return expected === got
}

// --- expressions ------------------------------------------------------------------------------------------

function checkConditions(conditions: readonly Condition[], path: string, names: Names, own: boolean): void {
  conditions.forEach((one, index) => {
    checkExpression(one.left, `${path}[${index}].left`, names, own)
    checkExpression(one.right, `${path}[${index}].right`, names, own)
  })
}

/** Refuse names that are not known here; `own` says whether the value may differ from bid to bid. */
function checkExpression(expr: Expression, path: string, names: Names, own: boolean, depth = 1): void {
  if (typeof expr === 'string') {
    const known = names.common.has(expr) || (own && names.own.has(expr)) || isNumber(expr)
    if (!known) throw malformed(path)
    return
  }
  if (depth > MAX_DEPTH) throw malformed(path)
  const { op, of } = expr
  const overSet = OVER_SETS[op]
  const most = overSet ?? (MANY.includes(op) ? MAX_OF : op === 'abs' ? 1 : 2)
  const least = op === 'difference' || op === 'quotient' ? 2 : 1
  if (of.length < least || of.length > most) throw malformed(`${path}.of`)
  if (overSet === undefined) {
    of.forEach((one, index) => {
      if (op === 'else' && typeof one !== 'string') throw malformed(`${path}.of[${index}]`)
      checkExpression(one, `${path}.of[${index}]`, names, own, depth + 1)
    })
    return
  }
  const [set, value, place] = of
  if (typeof set !== 'string' || !names.sets.has(set)) throw malformed(`${path}.of[0]`)
  if (value !== undefined) checkExpression(value, `${path}.of[1]`, names, true, depth + 1)
  if (place !== undefined && (typeof place !== 'string' || !PLACE.test(place))) throw malformed(`${path}.of[2]`)
}

// --- small things -----------------------------------------------------------------------------------------

function numberAt(text: string, path: string, fits: (value: Rational) => boolean = () => true): Rational {
  if (!isNumber(text)) throw malformed(path)
  const value = parseNumber(text)
  if (!fits(value)) throw malformed(path)
  return value
}

function checkTitle(text: string, path: string): void {
  if ([...text].length > 200) throw malformed(path)
}

function checkNames(things: readonly { readonly name: string }[], path: string, reserved: readonly string[]): void {
  const seen = new Set<string>(reserved)
  things.forEach(({ name }, index) => {
    if (!NAME.test(name) || seen.has(name)) throw malformed(`${path}[${index}].name`)
    seen.add(name)
  })
}

function checkTwice(things: readonly { readonly name: string }[], path: string): void {
  const seen = new Set<string>()
  things.forEach(({ name }, index) => {
    if (seen.has(name)) throw malformed(`${path}[${index}].name`)
    seen.add(name)
  })
}
