// Exact rationals over BigInt, and the one place where a price formula rounds (docs/spec/price-formula.md §1, §9).

export interface Rational {
  readonly n: bigint
  readonly d: bigint
}

export type Mode = 'half_up' | 'half_even' | 'down' | 'up'

const NUMBER = /^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,12}|\/[1-9][0-9]{0,14})?$/

const ZERO_N = BigInt(0)
const ONE_N = BigInt(1)
const TWO_N = BigInt(2)
const TEN_N = BigInt(10)

function gcd(a: bigint, b: bigint): bigint {
  let [x, y] = [a < ZERO_N ? -a : a, b]
  while (y !== ZERO_N) [x, y] = [y, x % y]
  return x
}

function power(digits: number): bigint {
  let result = ONE_N
  for (let left = digits; left > 0; left -= 1) result *= TEN_N
  return result
}

/** Return n/d in lowest terms, the sign above; `d` is not 0. */
export function ratio(n: bigint, d: bigint = ONE_N): Rational {
  const [above, below] = d < ZERO_N ? [-n, -d] : [n, d]
  const common = gcd(above, below)
  return common === ONE_N ? { n: above, d: below } : { n: above / common, d: below / common }
}

export const ZERO: Rational = { n: ZERO_N, d: ONE_N }
export const ONE: Rational = { n: ONE_N, d: ONE_N }
export const HUNDRED: Rational = { n: BigInt(100), d: ONE_N }

export function whole(value: number): Rational {
  return ratio(BigInt(value))
}

export function isNumber(text: string): boolean {
  return NUMBER.test(text)
}

/** Return the exact value of a number's text; it must be one. */
export function parseNumber(text: string): Rational {
  const [top = '0', bottom] = text.split('/')
  if (bottom !== undefined) return ratio(BigInt(top), BigInt(bottom))
  const [integer = '0', fraction = ''] = top.split('.')
  return ratio(BigInt(integer + fraction), power(fraction.length))
}

export function write(value: Rational): string {
  return `${value.n}/${value.d}`
}

export function add(a: Rational, b: Rational): Rational {
  return a.d === b.d ? ratio(a.n + b.n, a.d) : ratio(a.n * b.d + b.n * a.d, a.d * b.d)
}

export function subtract(a: Rational, b: Rational): Rational {
  return add(a, { n: -b.n, d: b.d })
}

export function multiply(a: Rational, b: Rational): Rational {
  return ratio(a.n * b.n, a.d * b.d)
}

/** Return a ÷ b; `b` is not 0. */
export function divide(a: Rational, b: Rational): Rational {
  return ratio(a.n * b.d, a.d * b.n)
}

export function compare(a: Rational, b: Rational): -1 | 0 | 1 {
  const [left, right] = [a.n * b.d, b.n * a.d]
  return left < right ? -1 : left > right ? 1 : 0
}

export function isZero(value: Rational): boolean {
  return value.n === ZERO_N
}

export function absolute(value: Rational): Rational {
  return value.n < ZERO_N ? { n: -value.n, d: value.d } : value
}

export function lesser(a: Rational, b: Rational): Rational {
  return compare(a, b) <= 0 ? a : b
}

export function greater(a: Rational, b: Rational): Rational {
  return compare(a, b) >= 0 ? a : b
}

/** Return how many units of the last of `digits` digits a value is, rounded; `digits` may be negative. */
function units(value: Rational, digits: number, mode: Mode): bigint {
  const size = absolute(value)
  const above = digits >= 0 ? size.n * power(digits) : size.n
  const below = digits >= 0 ? size.d : size.d * power(-digits)
  const floor = above / below
  const rest = above % below
  const twice = rest * TWO_N
  const more: Record<Mode, boolean> = {
    half_up: twice >= below,
    half_even: twice > below || (twice === below && floor % TWO_N === ONE_N),
    down: false,
    up: rest > ZERO_N,
  }
  const count = more[mode] ? floor + ONE_N : floor
  return value.n < ZERO_N ? -count : count
}

export function round(value: Rational, digits: number, mode: Mode): Rational {
  const count = units(value, digits, mode)
  return digits >= 0 ? ratio(count, power(digits)) : ratio(count * power(-digits))
}

/** Return a value rounded, as a decimal with all its digits; `digits` is not negative. */
export function decimal(value: Rational, digits: number, mode: Mode): string {
  const count = units(value, digits, mode)
  const text = String(count < ZERO_N ? -count : count).padStart(digits + 1, '0')
  const shown = digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`
  return count < ZERO_N ? `-${shown}` : shown
}
