// The one byte form of a JSON value: RFC 8785 over the journal's domain (strings, safe integers, booleans,
// null, arrays, objects with ASCII names). Refuses floats, undefined, lone surrogates and deep nesting, so that
// what is hashed or signed here has the same bytes at the host.

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json }

const MAX_DEPTH = 32
const ASCII = /^[\x00-\x7f]*$/
// A surrogate without its other half: encodeURIComponent would throw, TextEncoder would quietly write U+FFFD.
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?:[^\ud800-\udbff]|^)[\udc00-\udfff]/

export class NotCanonical extends Error {
  readonly code = 'not_canonical'
}

/** Return the RFC 8785 text of `value`; throws NotCanonical outside the domain. */
export function canonicalText(value: unknown, depth = MAX_DEPTH): string {
  if (typeof value === 'string') return quote(value)
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'number') return integer(value)
  if (depth === 0) throw new NotCanonical(`nested deeper than ${MAX_DEPTH}`)
  if (Array.isArray(value)) return `[${value.map((element) => canonicalText(element, depth - 1)).join(',')}]`
  if (typeof value === 'object') return members(value as Record<string, unknown>, depth - 1)
  throw new NotCanonical(`a ${typeof value} has no place in an entry`)
}

/** Return the RFC 8785 bytes of `value`; throws NotCanonical outside the domain. */
export function canonical(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(canonicalText(value))
}

function members(value: Record<string, unknown>, depth: number): string {
  const names = Object.keys(value).sort()
  const parts = names.map((name) => {
    if (!ASCII.test(name)) throw new NotCanonical('member name that is no ASCII string')
    return `${JSON.stringify(name)}:${canonicalText(value[name], depth)}`
  })
  return `{${parts.join(',')}}`
}

function quote(text: string): string {
  if (LONE_SURROGATE.test(text)) throw new NotCanonical('lone surrogate')
  return JSON.stringify(text)
}

function integer(value: number): string {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) throw new NotCanonical('not a safe integer')
  return String(value)
}
