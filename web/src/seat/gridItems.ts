// From the tender's items to what the grid shows.

import type { GridItem } from '@/grid/cells'
import type { Group, Item, Lot, Part } from '@/protocol/room'
import { itemsOf } from '@/session/view'

import { isLow } from './lint'

/** The groups in the order they are judged (evalroom/tender.py, GROUPS); what has none comes last. */
const GROUPS: readonly Group[] = ['form', 'qualification', 'responsiveness', 'technical', 'commercial']

export function gridItem(lot: Lot, item: Item): GridItem {
  return {
    id: item.id,
    title: item.title,
    kind: item.kind,
    max: item.full,
    digits: item.digits,
    objective: item.objective,
    rubric: item.standard,
    group: item.group ?? '',
    options: item.options ?? [],
    low: (value) => isLow(lot, item, value),
    open: true,
  }
}

function place(item: GridItem): number {
  const at = GROUPS.findIndex((group) => group === item.group)
  return at < 0 ? GROUPS.length : at
}

/** Return the items of a part, group by group, in the tender's order inside each. */
export function gridItems(lot: Lot, part: Part): GridItem[] {
  return itemsOf(lot, part)
    .map((item) => gridItem(lot, item))
    .sort((left, right) => place(left) - place(right))
}
