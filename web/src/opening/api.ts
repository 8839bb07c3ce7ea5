// The operator's routes around sealed bids: a draft on the template's terms or others, and taking bids in.

import { call } from '@/link/api'

/** What differs from the terms of the session's template; instants in UTC ms. */
export interface DraftChanges {
  readonly deadline?: number
  readonly opens_at?: number
  readonly mode?: string
  readonly k?: number
  readonly suites?: readonly number[]
  readonly min_bids?: number
}

const at = (session: string): string => `/api/v1/sessions/${encodeURIComponent(session)}`

/** Have the trustees publish their keys and put a policy before them; resolves when it lies before them, not when they have signed. */
export const draftPolicy = (session: string, changes: DraftChanges): Promise<{ sha256: string; state: string }> =>
  call('POST', `${at(session)}/policy`, changes)

export const openSubmissions = (session: string): Promise<void> => call('POST', `${at(session)}/submissions/open`)
