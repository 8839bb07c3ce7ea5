// The host's clock, as far as this page knows it: deadlines and countdowns run by it, never by this computer's own.

import { computed, ref } from 'vue'

const TICK_MS = 500
const DAY_MS = 86_400_000

const now = ref(Date.now())
const offset = ref(0)
let ticking = false

/** Take the host's time as of an answer that came just now. */
export function setServerTime(ms: number): void {
  offset.value = ms - Date.now()
}

export const serverNow = computed(() => now.value + offset.value)

export function startClock(): void {
  if (ticking) return
  ticking = true
  setInterval(() => (now.value = Date.now()), TICK_MS)
}

export interface Remaining {
  readonly days: number
  readonly clock: string
}

/** Return the time until `ms`, whole days apart; nothing is left after it. */
export function remaining(ms: number, from: number): Remaining {
  const left = Math.max(0, ms - from)
  const seconds = Math.floor((left % DAY_MS) / 1000)
  const clock = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map((n) => String(n).padStart(2, '0')).join(':')
  return { days: Math.floor(left / DAY_MS), clock }
}

/** Return date and time of `ms` at this place, to the second. */
export function dateTime(ms: number): string {
  const two = (n: number): string => String(n).padStart(2, '0')
  const at = new Date(ms)
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  return `${date} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
}
