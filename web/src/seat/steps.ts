// The steps of the bar, in the order that experts know from today's manuals, and which of them it is now.

import type { Item, Lot } from '@/protocol/room'
import { OVER } from '@/session/stages'
import { bidsInPlay, ownCellKey, type SessionView } from '@/session/view'

export const STEPS = [
  'check',
  'check_in',
  'pledge',
  'electing',
  'discipline',
  'project',
  'preliminary',
  'clarification',
  'technical',
  'commercial',
  'pricing',
  'summary',
  'reporting',
  'signing',
  'concluded',
] as const
export type Step = (typeof STEPS)[number]

/** The steps of this lot: without commercial items there is no commercial review. */
export function stepsOf(lot: Lot | null): readonly Step[] {
  const commercial = lot === null || lot.items.some((item) => item.group === 'commercial')
  return STEPS.filter((step) => step !== 'commercial' || commercial)
}

/** The step that the stage stands for, once this person has checked in; before that the devices, then check-in. */
export function currentStep(view: SessionView, lot: Lot | null, checkedIn: boolean, tested: boolean): Step {
  if (!checkedIn) return tested ? 'check_in' : 'check'
  if (OVER.has(view.stage)) return 'concluded'
  switch (view.stage) {
    case 'briefed':
      return 'pledge'
    case 'detailed':
      return lot !== null && technicalDone(view, lot) ? 'commercial' : 'technical'
    default:
      return STEPS.find((step) => step === view.stage) ?? 'check_in'
  }
}

/** Whether the own sheet has every technical cell, and commercial ones are left to look at. */
function technicalDone(view: SessionView, lot: Lot): boolean {
  const detailed = lot.items.filter((item) => item.part === 'detailed')
  if (!detailed.some((item) => item.group === 'commercial')) return false
  const technical = detailed.filter((item) => item.group !== 'commercial')
  return bidsInPlay(view, lot).every((bid) => technical.every((item) => isFilled(view, lot, bid.id, item)))
}

function isFilled(view: SessionView, lot: Lot, bid: string, item: Item): boolean {
  return (view.cells.get(ownCellKey(lot.id, bid, item.id))?.value ?? '') !== ''
}
