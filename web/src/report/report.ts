// A lot's report as it comes from the host (docs/spec/report.md): what stands in it, and the digest of the very bytes.

import { call, send } from '@/link/api'
import type { Section, Stage } from '@/protocol/room'
import { reportDigest } from '@/session/sheet'

export const SECTIONS: readonly Section[] = ['overview', 'preliminary', 'rejections', 'clarifications', 'detailed', 'price', 'recommendation']

export interface ReportData {
  readonly bids: readonly { readonly id: string; readonly bidder: string }[]
  readonly items: readonly { readonly id: string; readonly title: string }[]
  readonly stages: readonly { readonly at_ms: number; readonly stage: Stage }[]
  readonly attendance: readonly { readonly seat: string; readonly site: string; readonly role: string; readonly member: boolean; readonly joined_ms: number | null; readonly committed_ms: number | null }[]
  readonly review: readonly { readonly bid: string; readonly against: number; readonly members: number; readonly rejected: boolean }[]
  readonly failure: { readonly at_ms: number; readonly ground: string; readonly reason: string; readonly by: readonly string[] } | null
  readonly rejections: readonly { readonly bid: string; readonly stage: Stage; readonly ground: string; readonly seats: readonly string[]; readonly reasons: readonly string[] }[]
  readonly clarifications: readonly { readonly bid: string; readonly question: string; readonly answer: string }[]
  readonly subtotals: readonly { readonly seat: string; readonly bid: string; readonly group: string; readonly points: string }[]
  readonly prices: { readonly rows: readonly { readonly bid: string; readonly read: string; readonly price: string; readonly points: string; readonly why: string }[] } | null
  readonly ranking: readonly { readonly bid: string; readonly technical: string; readonly price: string; readonly total: string; readonly rank: number; readonly candidate: boolean }[]
  readonly findings: readonly { readonly finding: string; readonly code: string; readonly bid: string; readonly item: string; readonly seat: string; readonly answered: boolean; readonly stand: boolean; readonly reason: string }[]
  readonly incidents: readonly { readonly at_ms: number; readonly kind: string; readonly by: string; readonly facts: readonly (readonly [string, string])[] }[]
  readonly earlier: readonly { readonly number: number; readonly sha256: string; readonly made_ms: number; readonly voided_ms: number; readonly stands: readonly (readonly [string, string])[] }[]
  readonly prose: readonly { readonly section: Section; readonly text: string }[]
}

export interface Problem {
  readonly code: string
  readonly effect: 'blocks' | 'asks'
  readonly section: Section
  readonly names: readonly string[]
  readonly justified: string
}

export interface Gap {
  readonly track: string
  readonly from_ms: number
  readonly to_ms: number
}

export interface Described {
  readonly lot: string
  readonly state: 'draft' | 'signing' | 'final'
  readonly digest: string
  readonly report: ReportData
  readonly problems: readonly Problem[]
  readonly gaps: readonly Gap[]
}

function path(lot: string, what = ''): string {
  return `/api/v1/reports/${encodeURIComponent(lot)}${what}`
}

/** Return what the host says of a report. */
export function describe(lot: string): Promise<Described> {
  return call<Described>('GET', path(lot))
}

/** Return the digest of the data as they come here, computed over every byte of them. */
export async function digestHere(lot: string): Promise<string> {
  const answer = await send(path(lot, '/data'), { credentials: 'same-origin' })
  return reportDigest(new Uint8Array(await answer.arrayBuffer()))
}

/** Return the PDF of a report; setting it takes a moment. */
export async function pages(lot: string, language: 'zh' | 'en'): Promise<Blob> {
  return (await send(path(lot, `/pdf?lang=${language}`), { credentials: 'same-origin' })).blob()
}
