// The operator's form for a sealing policy, turned into what differs from the template. The host checks all of it again.

import type { DraftChanges } from './api'

/** Fields as they are typed; instants as `datetime-local` inputs have them, at this place's time. Empty means: as in the template. */
export interface DraftForm {
  deadline: string
  opensAt: string
  mode: string
  k: string
  suites: number[]
  minBids: string
}

export type DraftFault = 'deadline' | 'opens_at' | 'quorum' | 'min_bids'

const COUNT = /^\d{1,3}$/
const MOST_TRUSTEES = 16

const instant = (text: string): number => new Date(text).getTime()
const wrong = (text: string, least: number, most: number): boolean =>
  text.trim() !== '' && !(COUNT.test(text.trim()) && Number(text) >= least && Number(text) <= most)

/** Return the first thing that is wrong, or null. */
export function draftFault({ deadline, opensAt, k, minBids }: DraftForm, now: number): DraftFault | null {
  if (deadline !== '' && !(instant(deadline) > now)) return 'deadline'
  if (opensAt !== '' && deadline !== '' && !(instant(opensAt) >= instant(deadline))) return 'opens_at'
  if (wrong(k, 0, MOST_TRUSTEES)) return 'quorum'
  return wrong(minBids, 0, 999) ? 'min_bids' : null
}

/** Return what the form says, without what it leaves to the template. */
export function changesOf({ deadline, opensAt, mode, k, suites, minBids }: DraftForm): DraftChanges {
  return {
    ...(deadline === '' ? {} : { deadline: instant(deadline) }),
    ...(opensAt === '' ? {} : { opens_at: instant(opensAt) }),
    ...(mode === '' ? {} : { mode }),
    ...(k.trim() === '' ? {} : { k: Number(k) }),
    ...(suites.length === 0 ? {} : { suites: [...suites].sort((one, other) => one - other) }),
    ...(minBids.trim() === '' ? {} : { min_bids: Number(minBids) }),
  }
}
