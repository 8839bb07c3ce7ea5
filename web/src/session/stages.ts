// The way from stage to stage, as the host's table has it (evalroom/session.py, TRANSITIONS).

import type { Stage } from '@/protocol/room'

export const STAGES: readonly Stage[] = [
  'receiving',
  'opening',
  'gathering',
  'briefed',
  'preliminary',
  'detailed',
  'pricing',
  'summary',
  'signing',
  'concluded',
]

/** The stages of this session: in a rehearsal no sealed bids are received and opened. */
export function stagesOf(rehearsal: boolean): readonly Stage[] {
  return rehearsal ? STAGES.slice(STAGES.indexOf('gathering')) : STAGES
}

export const NEXT_STAGE: Readonly<Partial<Record<Stage, Stage>>> = Object.fromEntries(
  STAGES.slice(0, -1).map((stage, index) => [stage, STAGES[index + 1]]),
)
