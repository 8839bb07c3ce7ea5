// The way from stage to stage, as the host's table has it (evalroom/session.py, TRANSITIONS).

import type { Stage } from '@/protocol/room'

import type { FeedItem } from './feed'

export const STAGES: readonly Stage[] = [
  'planned',
  'booked',
  'receiving',
  'opening',
  'gathering',
  'briefed',
  'electing',
  'preliminary',
  'detailed',
  'pricing',
  'summary',
  'reporting',
  'signing',
  'concluded',
]

/** Stages in which nothing is evaluated any more. */
export const OVER: ReadonlySet<Stage> = new Set<Stage>(['concluded', 'archived', 'failed', 'aborted'])

/** The stages of this session: in a rehearsal no sealed bids are received and opened. */
export function stagesOf(rehearsal: boolean): readonly Stage[] {
  return rehearsal ? STAGES.slice(STAGES.indexOf('gathering')) : STAGES
}

export const NEXT_STAGE: Readonly<Partial<Record<Stage, Stage>>> = Object.fromEntries(
  STAGES.slice(0, -1).map((stage, index) => [stage, STAGES[index + 1]]),
)

/** The stage that an item leads to, null when it leaves the stage as it is; the opening of a session is not asked here. */
export function stageAfter(item: FeedItem): Stage | null {
  switch (item.type) {
    case 'StageChanged':
    case 'SteppedBack':
    case 'ExpertReplaced':
      return item.body.after
    case 'TenderFailed':
      return 'failed'
    case 'SessionAborted':
      return 'aborted'
    default:
      return null
  }
}
