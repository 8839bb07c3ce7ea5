// When to try again. It never gives up: a session may wait four hours for a link (trust.md §1d).

const FIRST_DELAYS_MS = [0, 300, 1000, 2000, 5000] as const
const LATER_MS = 5000
const LATER_SPREAD_MS = 2000

/** Return how many ms to wait before attempt `attempt` (from 0); `random` is uniform in [0, 1). */
export function retryDelay(attempt: number, random: number): number {
  const first = FIRST_DELAYS_MS[attempt]
  return first ?? LATER_MS + Math.floor(random * LATER_SPREAD_MS)
}
