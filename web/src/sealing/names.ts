// Names that stand in cores and policies: tenders, and the parts a bid may have.

import { malformed } from './errors'

/** What is no path anywhere, as the room's own names of sessions and bids. */
const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?$/

/** The parts a bid may have, in the order of every policy. */
export const PART_NAMES: readonly string[] = ['identity', 'opening', 'qualification', 'technical', 'price']

/** Return `text` when it may name a tender; throws malformed_envelope. */
export function checkName(text: string): string {
  return NAME.test(text) && !text.includes('..') ? text : malformed('name')
}
