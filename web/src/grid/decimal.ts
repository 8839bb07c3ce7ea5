// Points as people type them and as they travel: decimal strings, never floats.
// Refuses signs, exponents and thousands separators; a value that would need rounding is an error, not a guess.

/** What a Chinese input method leaves behind when it was not switched off: full-width digits and stops. */
const FULL_WIDTH_ZERO = 0xff10
const POINTS = new Set(['.', '．', '。', '｡', '·', '，'])
const PLAIN = /^(?:\d+\.?\d*|\.\d+)$/

/** Return `text` in canonical form ("８．５０" gives "8.5"), or null when it is no unsigned decimal. */
export function normaliseDecimal(text: string): string | null {
  const plain = toPlain(text)
  if (plain.length > 40 || !PLAIN.test(plain)) return null
  const [whole = '', fraction = ''] = plain.split('.')
  const head = whole.replace(/^0+(?=\d)/, '') || '0'
  const tail = fraction.replace(/0+$/, '')
  return tail === '' ? head : `${head}.${tail}`
}

function toPlain(text: string): string {
  let plain = ''
  for (const char of text.trim()) {
    const offset = char.charCodeAt(0) - FULL_WIDTH_ZERO
    if (offset >= 0 && offset <= 9) plain += String(offset)
    else if (POINTS.has(char)) plain += '.'
    else plain += char
  }
  return plain
}

/** Return how many digits stand after the point of a canonical decimal. */
export function fractionDigits(value: string): number {
  const point = value.indexOf('.')
  return point < 0 ? 0 : value.length - point - 1
}

function scaled(value: string, digits: number): bigint {
  const negative = value.startsWith('-')
  const [whole = '0', fraction = ''] = value.replace('-', '').split('.')
  const magnitude = BigInt(whole + fraction.padEnd(digits, '0'))
  return negative ? -magnitude : magnitude
}

function unscaled(value: bigint, digits: number): string {
  const negative = value < BigInt(0)
  const text = (negative ? -value : value).toString().padStart(digits + 1, '0')
  const whole = text.slice(0, text.length - digits)
  const fraction = digits === 0 ? '' : text.slice(-digits).replace(/0+$/, '')
  return `${negative ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`
}

/** Return -1, 0 or 1 as `left` is less than, equal to or greater than `right`. */
export function compareDecimals(left: string, right: string): -1 | 0 | 1 {
  const digits = Math.max(fractionDigits(left), fractionDigits(right))
  const [a, b] = [scaled(left, digits), scaled(right, digits)]
  return a < b ? -1 : a > b ? 1 : 0
}

/** Return the exact sum of canonical decimals, each taken with its sign (-1 for deductions). */
export function sumDecimals(terms: readonly { value: string; sign: 1 | -1 }[]): string {
  const digits = terms.reduce((most, term) => Math.max(most, fractionDigits(term.value)), 0)
  const total = terms.reduce((sum, { value, sign }) => sum + BigInt(sign) * scaled(value, digits), BigInt(0))
  return unscaled(total, digits)
}

/** Return the exact product of two canonical decimals. */
export function multiplyDecimals(left: string, right: string): string {
  const digits = Math.max(fractionDigits(left), fractionDigits(right))
  return unscaled(scaled(left, digits) * scaled(right, digits), 2 * digits)
}
