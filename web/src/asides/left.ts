/** Return the time until `ms` as hours, minutes and seconds; nothing is left after it. */
export function left(ms: number, now: number): string {
  const seconds = Math.max(0, Math.floor((ms - now) / 1000))
  return [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map((n) => String(n).padStart(2, '0')).join(':')
}
