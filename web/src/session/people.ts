// What the rule profile asks of people, and how the present occupancy of a seat stands (evalroom/checkin.py).

import type { SeatFacts } from './view'

export interface PeopleRules {
  readonly checkin: 'none' | 'operator' | 'two'
  readonly phone: boolean
  readonly appraisal: boolean
}

export const NO_RULES: PeopleRules = { checkin: 'none', phone: false, appraisal: false }

const GRADES = ['none', 'operator', 'two'] as const

/** Read the profile's table [people]; the host has read the whole profile strictly, so a line per key will do. */
export function readRules(profile: string): PeopleRules {
  const table = /^\s*\[people\]([^[]*)/m.exec(profile)?.[1] ?? ''
  const value = (key: string): string => new RegExp(`^\\s*${key}\\s*=\\s*"?(\\w+)"?`, 'm').exec(table)?.[1] ?? ''
  return {
    checkin: GRADES.find((grade) => grade === value('checkin')) ?? 'none',
    phone: value('phone') === 'true',
    appraisal: value('appraisal') === 'true',
  }
}

/** By how many persons the present occupancy was confirmed: whoever checked in anew is confirmed anew. */
export function gradeOf(facts: SeatFacts | undefined): PeopleRules['checkin'] {
  const { confirmed, occupancy } = facts ?? { confirmed: null, occupancy: 0 }
  return confirmed !== null && confirmed.occupancy === occupancy ? confirmed.grade : 'none'
}

export function isConfirmed(facts: SeatFacts | undefined, rules: PeopleRules): boolean {
  return GRADES.indexOf(gradeOf(facts)) >= GRADES.indexOf(rules.checkin)
}
