// The host's routes for bidders (docs/spec/opening.md §5): no cookie, no account. What a bid may do, it proves by its envelope key.

import { call, Problem, send } from '@/link/api'
import { type Bytes, fromBase64, toBase64, utf8 } from '@/sealing/bytes'

/** A tender that accepts or opens bids; instants in UTC ms by the host's clock. */
export interface TenderLine {
  readonly session: string
  readonly tender: string
  readonly title: string
  readonly state: HallState
  readonly deadline: number
  readonly opens_at: number | null
  readonly policy_sha256: string
  readonly now: number
  /** Lots to be priced, where the host names them. */
  readonly lots?: readonly LotLine[]
}

export interface LotLine {
  readonly id: string
  readonly title: string
}

export type HallState = 'drafted' | 'armed' | 'accepting' | 'closed' | 'unsealing' | 'combining' | 'opened' | 'destroyed' | 'aborted'

export interface PolicySignature {
  readonly trustee: string
  readonly signature: string
}

export interface BidStatus {
  readonly state: string
  readonly verdict?: string
  readonly cause?: string
}

export interface HallBid {
  readonly bid: string
  readonly root: string
  readonly state: string
  readonly verdict?: string
  readonly cause?: string
}

export interface HallPrice {
  readonly bid: string
  readonly bidder: string
  readonly lot: string
  readonly price_fen: string
}

export interface HallRecord {
  readonly window: string
  readonly sha256: string
  readonly text: string
}

/** The public state of an opening (opening.md §9). Before the deadline it has neither `count` nor `bids`. */
export interface Hall {
  readonly tender: string
  readonly state: HallState
  readonly paused?: string
  readonly now: number
  readonly version?: string
  readonly deadline: number
  readonly window: string
  readonly opens_at: number | null
  readonly until: number
  readonly session_key: string
  readonly count?: number
  readonly bids?: readonly HallBid[]
  readonly officers: readonly { readonly site: string; readonly seats: readonly string[] }[]
  readonly trustees: readonly { readonly trustee: string; readonly who: string; readonly shares: number }[]
  readonly k: number
  readonly record?: HallRecord
  readonly prices: readonly HallPrice[]
}

export interface Announcement {
  readonly size: number
  readonly digest: string
  readonly root: string
  readonly replaces?: string
  readonly signature?: string
}

const BASE = '/api/v1/tenders'
const ofTender = (tender: string): string => `${BASE}/${encodeURIComponent(tender)}`
const ofBid = (tender: string, bid: string): string => `${ofTender(tender)}/bids/${bid}`

export const listTenders = (): Promise<TenderLine[]> => call('GET', BASE)

/** Return policy.json as its bytes are, and the trustees' signatures, not yet verified. */
export async function fetchPolicy(tender: string): Promise<{ bytes: Bytes; signatures: PolicySignature[] }> {
  const response = await send(`${ofTender(tender)}/policy`, {})
  const bytes = new Uint8Array(await response.arrayBuffer())
  const header = response.headers.get('X-Policy-Signatures') ?? ''
  return { bytes, signatures: header === '' ? [] : signaturesIn(header) }
}

function signaturesIn(header: string): PolicySignature[] {
  const listed = JSON.parse(utf8(fromBase64(header))) as unknown
  return Array.isArray(listed) ? (listed as PolicySignature[]) : []
}

/** Say that a bid is coming; returns the length of a piece and the numbers of those that are there already. */
export async function announce(tender: string, bid: string, facts: Announcement): Promise<{ piece: number; have: number[] }> {
  return (await put(ofBid(tender, bid), JSON.stringify(facts), { 'Content-Type': 'application/json' })).json()
}

export const putPiece = (tender: string, bid: string, index: number, bytes: Bytes, signal: AbortSignal): Promise<void> =>
  putBytes(`${ofBid(tender, bid)}/pieces/${index}`, bytes, signal)

/** Show how the bytes of a handed-in bid are known: hashes of its leaves, and its tail; returns which pieces are whole at the host. */
export async function beginAgain(tender: string, bid: string, leaves: Bytes, tail: Bytes): Promise<{ piece: number; have: number[] }> {
  const body = JSON.stringify({ leaves: toBase64(leaves), tail: toBase64(tail) })
  return (await put(`${ofBid(tender, bid)}/again`, body, { 'Content-Type': 'application/json' })).json()
}

export const putAgain = (tender: string, bid: string, index: number, bytes: Bytes, signal: AbortSignal): Promise<void> =>
  putBytes(`${ofBid(tender, bid)}/again/${index}`, bytes, signal)

async function putBytes(path: string, bytes: Bytes, signal: AbortSignal): Promise<void> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  const headers = { 'Content-Digest': `sha-256=:${toBase64(digest)}:`, 'Content-Type': 'application/octet-stream' }
  await put(path, bytes, headers, signal)
}

function put(path: string, body: BodyInit, headers: Record<string, string>, signal?: AbortSignal): Promise<Response> {
  return send(path, { method: 'PUT', body, headers: { Accept: 'application/json', ...headers }, ...(signal === undefined ? {} : { signal }) })
}

/** By its digest (hex) a bidder shows that the bid is its own: with dark lots the host asks for it. */
const own = (digest: string): { headers: Record<string, string> } => ({ headers: { 'X-Bid-Digest': digest } })

/** Hand the bid in, all pieces being there; returns the receipt's text. */
export async function submit(tender: string, bid: string, digest: string): Promise<string> {
  return receiptIn(await send(`${ofBid(tender, bid)}/submit`, { method: 'POST', ...own(digest) }))
}

export async function fetchReceipt(tender: string, bid: string, digest: string): Promise<string> {
  return receiptIn(await send(`${ofBid(tender, bid)}/receipt`, own(digest)))
}

async function receiptIn(response: Response): Promise<string> {
  const text = await response.text()
  if (!(response.headers.get('content-type') ?? '').startsWith('application/json')) return text
  const { receipt } = JSON.parse(text) as { receipt?: unknown }
  if (typeof receipt !== 'string') throw new Problem('unknown', 'the answer holds no receipt', response.status)
  return receipt
}

export const bidStatus = (tender: string, bid: string): Promise<BidStatus> => call('GET', ofBid(tender, bid))

export const withdraw = (tender: string, bid: string, signature: string): Promise<void> =>
  call('POST', `${ofBid(tender, bid)}/withdraw`, { signature })

/** Return head and tail of the envelope, one behind the other: for releasing without the bid itself. */
export async function fetchHead(tender: string, bid: string, digest: string): Promise<Bytes> {
  return new Uint8Array(await (await send(`${ofBid(tender, bid)}/head`, own(digest))).arrayBuffer())
}

export const release = (tender: string, bid: string, window: string, halves: string): Promise<void> =>
  call('POST', `${ofBid(tender, bid)}/release`, { window, halves })

/** Return the public state; with `since`, the version known, once it is another one, after 20 s in any case. */
export async function fetchHall(tender: string, since: string | undefined, signal: AbortSignal): Promise<Hall> {
  const query = since === undefined ? '' : `?since=${encodeURIComponent(since)}`
  return (await send(`${ofTender(tender)}/hall${query}`, { signal })).json()
}

export interface Confirmation {
  readonly window: string
  readonly sha256: string
  readonly objection: string
  readonly signature: string
}

export const confirmRecord = (tender: string, bid: string, body: Confirmation): Promise<void> =>
  call('POST', `${ofBid(tender, bid)}/confirm`, body)

/** A question of the committee about a bid, as the host shows it to the bid's own bidder (opening.md §14). */
export interface Inquiry {
  readonly question: string
  readonly text: string
  readonly until: number
  readonly state: 'open' | 'answered' | 'silent' | 'void'
  readonly answer: string | null
}

export interface Inquiries {
  readonly questions: readonly Inquiry[]
  readonly now: number
  readonly version: string
}

/** Return what a bid was asked; with `since`, the version known, once it is another one, after 20 s in any case. */
export async function fetchInquiries(tender: string, bid: string, digest: string, since: string, signal: AbortSignal): Promise<Inquiries> {
  const query = since === '' ? '' : `?since=${encodeURIComponent(since)}`
  return (await send(`${ofBid(tender, bid)}/questions${query}`, { ...own(digest), signal })).json()
}

export const answerInquiry = (tender: string, bid: string, question: string, body: { text: string; signature: string; marked: boolean }): Promise<void> =>
  call('POST', `${ofBid(tender, bid)}/questions/${encodeURIComponent(question)}/answer`, body)
