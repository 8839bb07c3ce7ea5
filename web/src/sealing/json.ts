// Reading the JSON of cores, headers, trailers and policies, distrusting each member. The bytes must be the RFC 8785 form of
// their value: that alone finds doubled members (`JSON.parse` lets the last one win), white space, floats, integers beyond
// 2^53 and deep nesting. Members that the format does not know are refused.

import { canonicalText, NotCanonical } from '@/proof/canonical'

import { type Bytes, fromBase64, utf8 } from './bytes'
import { malformed } from './errors'

/** Most bytes of an object that is read at all. */
export const MAX_OBJECT = 1024 * 1024

/** The members of one object: each is taken once, `close` refuses what is left. */
export class Members {
  readonly #left: Map<string, unknown>

  constructor(
    value: unknown,
    private readonly place: string,
  ) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) malformed('object', { at: place })
    this.#left = new Map(Object.entries(value))
  }

  /** Return the object whose canonical form is `bytes`; throws malformed_envelope. */
  static parse(bytes: Bytes, place: string): Members {
    if (bytes.length > MAX_OBJECT) malformed('size', { at: place })
    return new Members(parseCanonical(utf8(bytes), place), place)
  }

  has(name: string): boolean {
    return this.#left.has(name)
  }

  text(name: string, most: number): string {
    const value = this.#take(name)
    // Code points, as the room counts them.
    return typeof value === 'string' && value !== '' && [...value].length <= most ? value : this.#wrong(name)
  }

  integer(name: string, low = 0, high = Number.MAX_SAFE_INTEGER): number {
    return this.#natural(name, this.#take(name), low, high)
  }

  /** Take between `least` and `most` bytes in base64. */
  data(name: string, least: number, most = least): Bytes {
    return this.#decode(name, this.#take(name), least, most)
  }

  list(name: string, least: number, most: number): readonly unknown[] {
    const value: unknown = this.#take(name)
    return Array.isArray(value) && value.length >= least && value.length <= most ? value : this.#wrong(name)
  }

  manyData(name: string, size: number, least: number, most: number): Bytes[] {
    return this.list(name, least, most).map((one) => this.#decode(name, one, size, size))
  }

  integers(name: string, least: number, most: number): number[] {
    return this.list(name, least, most).map((one) => this.#natural(name, one, 0, Number.MAX_SAFE_INTEGER))
  }

  texts(name: string, least: number, most: number): string[] {
    return this.list(name, least, most).map((one) => (typeof one === 'string' ? one : this.#wrong(name)))
  }

  pairs(name: string, least: number, most: number): [number, number][] {
    return this.list(name, least, most).map((pair) => {
      if (!Array.isArray(pair) || pair.length !== 2) this.#wrong(name)
      const [first, second] = (pair as unknown[]).map((one) => this.#natural(name, one, 0, Number.MAX_SAFE_INTEGER))
      return [first as number, second as number]
    })
  }

  objects(name: string, least: number, most: number): Members[] {
    return this.list(name, least, most).map((one, index) => new Members(one, `${this.place}.${name}[${index}]`))
  }

  /** Refuse what was not taken. */
  close(): void {
    for (const name of this.#left.keys()) this.#wrong(name)
  }

  #take(name: string): unknown {
    if (!this.#left.has(name)) this.#wrong(name)
    const value = this.#left.get(name)
    this.#left.delete(name)
    return value
  }

  #natural(name: string, value: unknown, low: number, high: number): number {
    return typeof value === 'number' && Number.isSafeInteger(value) && value >= low && value <= high ? value : this.#wrong(name)
  }

  #decode(name: string, value: unknown, least: number, most: number): Bytes {
    if (typeof value !== 'string' || value.length > Math.ceil(most / 3) * 4) this.#wrong(name)
    const bytes = fromBase64(value as string)
    return bytes.length >= least && bytes.length <= most ? bytes : this.#wrong(name)
  }

  #wrong(name: string): never {
    return malformed('member', { at: this.place, name: name.slice(0, 40) })
  }
}

function parseCanonical(text: string, place: string): unknown {
  try {
    const value = JSON.parse(text) as unknown
    if (canonicalText(value) === text) return value
  } catch (cause) {
    // Besides NotCanonical only the parser's own: SyntaxError, and RangeError where a browser parses recursively.
    if (!(cause instanceof NotCanonical || cause instanceof SyntaxError || cause instanceof RangeError)) throw cause
  }
  return malformed('canonical', { at: place })
}
