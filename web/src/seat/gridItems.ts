// From the tender's items to what the grid shows.

import type { GridItem } from '@/grid/cells'
import type { Item } from '@/protocol/room'

export function gridItem(item: Item): GridItem {
  return {
    id: item.id,
    title: item.title,
    kind: item.kind,
    max: item.full,
    digits: item.digits,
    objective: item.objective,
    rubric: item.standard,
    group: item.part,
    open: true,
  }
}
