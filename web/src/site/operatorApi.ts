// The routes of the host's operator: sessions, codes, documents, sub-sites, archive.

import { call, type Me } from '@/link/api'
import type { Stage } from '@/protocol/room'
import type { Occupant } from '@/standing/api'

export interface SessionLine {
  session: string
  code: string
  title: string
  stage: Stage
  paused: boolean
  closed: boolean
  opened_ms: number
  archive: string
}

export interface IssuedCode {
  seat: string
  role: string
  label: string
  site: string
  node: string
  code: string
}

export interface Opened {
  session: string
  seats: IssuedCode[]
}

export interface ArchiveState {
  stage: string
  detail: string
  path: string
  reels_missing: number
  verified: boolean | null
}

export interface BidLine {
  lot: string
  bid: string
  bidder: string
  imported: boolean
  pages: number
  bytes: number
}

export interface Overview {
  stage: Stage
  closed: boolean
  archive: ArchiveState
  bids: BidLine[]
  missing: { stage?: Stage; needs?: { code: string; names: string[] }[] }
}

export interface SubSite {
  site: string
  name: string
  joined: boolean
  link: string
}

export interface PdfFacts {
  sha256: string
  bytes: number
  pages: number
}

const at = (session: string): string => `/api/v1/sessions/${encodeURIComponent(session)}`

export const operatorLogin = (code: string): Promise<void> => call('POST', '/api/v1/operator/login', { code })
export const listSessions = (): Promise<SessionLine[]> => call('GET', '/api/v1/sessions')
export const openSession = (template: File): Promise<Opened> => call('POST', '/api/v1/sessions', template)
export const overview = (session: string): Promise<Overview> => call('GET', at(session))
export const enterSession = (session: string): Promise<Me> => call('POST', `${at(session)}/enter`)
/** Issue a new code; `occupant` is the expert who will use it, where that is known. */
export const newCode = (session: string, seat: string, occupant: Occupant | null = null): Promise<IssuedCode> =>
  call('POST', `${at(session)}/seats/${encodeURIComponent(seat)}/code`, occupant ?? undefined)
export const listSites = (): Promise<SubSite[]> => call('GET', '/api/v1/sites')
export const inviteSite = (site: string, name: string): Promise<{ site: string; code: string }> =>
  call('POST', '/api/v1/sites', { site, name })
export const putDocument = (pdf: File): Promise<PdfFacts> => call('POST', '/api/v1/documents', pdf)
