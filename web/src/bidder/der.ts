// The little DER that a certificate needs: writing one that says a name, and finding key and chain in one that is given.
// Reads lengths and nesting only; whether a certificate is trusted is asked elsewhere.

import { type Bytes, ascii, concat, fromBase64 } from '@/sealing/bytes'

export class NotDer extends Error {}

export interface Tlv {
  readonly tag: number
  readonly content: Bytes
  /** Tag, length and content together. */
  readonly whole: Bytes
}

export const SEQUENCE = 0x30
export const SET = 0x31
const INTEGER = 0x02
const BIT_STRING = 0x03
const OBJECT_ID = 0x06
const UTF8_STRING = 0x0c
const UTC_TIME = 0x17
const CONTEXT = 0xa0
const LONG = 0x80

// --- writing

export function tlv(tag: number, ...contents: readonly Uint8Array[]): Bytes {
  const content = concat(...contents)
  return concat(new Uint8Array([tag]), lengthOf(content.length), content)
}

function lengthOf(length: number): Uint8Array {
  if (length < LONG) return new Uint8Array([length])
  const bytes: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256)
  return new Uint8Array([LONG | bytes.length, ...bytes])
}

/** Return an INTEGER of positive `bytes`, big-endian. */
export function positive(bytes: Uint8Array): Bytes {
  let from = 0
  while (from < bytes.length - 1 && bytes[from] === 0) from += 1
  const magnitude = bytes.subarray(from)
  // A set top bit would make it negative.
  return tlv(INTEGER, ((magnitude[0] ?? 0) & 0x80) === 0 ? magnitude : concat(new Uint8Array([0]), magnitude))
}

export const objectId = (...bytes: number[]): Bytes => tlv(OBJECT_ID, new Uint8Array(bytes))
export const utf8String = (text: string): Bytes => tlv(UTF8_STRING, ascii(text))
export const bitString = (bytes: Uint8Array): Bytes => tlv(BIT_STRING, new Uint8Array([0]), bytes)
export const explicit = (number: number, content: Uint8Array): Bytes => tlv(CONTEXT | number, content)

/** Return a UTCTime; `ms` lies before 2050. */
export function utcTime(ms: number): Bytes {
  const [date = '', time = ''] = new Date(ms).toISOString().split(/[T.]/)
  return tlv(UTC_TIME, ascii(`${date.slice(2).replace(/-/g, '')}${time.replace(/:/g, '')}Z`))
}

// --- reading

/** Return the values that `bytes` consist of; throws NotDer. */
export function children(bytes: Bytes): Tlv[] {
  const found: Tlv[] = []
  for (let at = 0; at < bytes.length; ) {
    const one = readAt(bytes, at)
    found.push(one)
    at += one.whole.length
  }
  return found
}

function readAt(bytes: Bytes, at: number): Tlv {
  const [tag, first] = [bytes[at], bytes[at + 1]]
  if (tag === undefined || first === undefined) throw new NotDer('cut')
  const more = first < LONG ? 0 : first & 0x7f
  if (first === LONG || more > 4) throw new NotDer('length')
  const length = more === 0 ? first : bytes.subarray(at + 2, at + 2 + more).reduce((value, byte) => value * 256 + byte, 0)
  const from = at + 2 + more
  if (from + length > bytes.length) throw new NotDer('cut')
  return { tag, content: bytes.slice(from, from + length), whole: bytes.slice(at, from + length) }
}

export interface CertificateFacts {
  /** SubjectPublicKeyInfo. */
  readonly spki: Bytes
  readonly commonName: string
  readonly notBefore: number
  readonly notAfter: number
}

const COMMON_NAME = objectId(0x55, 0x04, 0x03)

/** Return what the page says of a certificate before it signs with it; throws NotDer. */
export function readCertificate(der: Bytes): CertificateFacts {
  const [certificate] = children(der)
  const [signed] = children(certificate?.content ?? new Uint8Array())
  const members = children(signed?.content ?? new Uint8Array())
  // The version stands in front where it is not 1.
  const from = (members[0]?.tag ?? 0) === CONTEXT ? 1 : 0
  const [validity, subject, spki] = [members[from + 3], members[from + 4], members[from + 5]]
  if (validity === undefined || subject === undefined || spki?.tag !== SEQUENCE) throw new NotDer('no certificate')
  const [notBefore, notAfter] = children(validity.content).map(instantOf)
  return { spki: spki.whole, commonName: commonNameIn(subject.content), notBefore: notBefore ?? Number.NaN, notAfter: notAfter ?? Number.NaN }
}

function commonNameIn(subject: Bytes): string {
  for (const set of children(subject)) {
    for (const pair of children(set.content)) {
      const [type, value] = children(pair.content)
      if (type !== undefined && value !== undefined && sameBytes(type.whole, COMMON_NAME)) return new TextDecoder().decode(value.content)
    }
  }
  return ''
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index])
}

function instantOf({ tag, content }: Tlv): number {
  const text = new TextDecoder().decode(content)
  const digits = tag === UTC_TIME ? `${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}` : text
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(digits)
  if (match === null) throw new NotDer('time')
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number)
  return Date.UTC(year, month - 1, day, hour, minute, second)
}

const ARMOUR = /-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\s]+?)-----END \1-----/g

/** Return the documents of a PEM file by their labels; a file that is no PEM is one nameless document. */
export function readPem(file: Bytes): { readonly label: string; readonly der: Bytes }[] {
  const text = new TextDecoder('latin1').decode(file)
  const found = [...text.matchAll(ARMOUR)].map(([, label = '', body = '']) => ({ label, der: fromBase64(body.replace(/\s/g, '')) }))
  return found.length > 0 ? found : [{ label: '', der: file }]
}
