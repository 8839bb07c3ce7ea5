// Keeps all tracks on one clock T (ms UTC), as archive.md §8 has it: play all, wait until every picture has moved,
// anchor T on their median, then hold each within 20 ms by its speed and seek only what is more than half a second off.

import type { Place } from './recording'

export const DEAD_BAND_S = 0.02
export const SEEK_BEYOND_S = 0.5
/** A seek while playing lands behind by the time it takes. */
export const SEEK_AHEAD_S = 0.08
const GAIN = 1.5
const MOST_CORRECTION = 0.15
const MEDIAN_LIMIT_MS = 30
const BEAT_MS = 150
const MOVED_S = 0.02
/** A track that has not moved after this is waited for no longer: one broken file must not hold up nine good ones. */
const PATIENCE_MS = 1500
/** Above this speed decoders cannot follow: pictures are stepped instead. */
export const FASTEST_PLAYED = 4
const STEP_MS = 400

/** What the controller needs of a track on the page. */
export interface Player {
  /** Where the track should be at `atMs`; null where nothing was recorded. */
  locate(atMs: number): Place | null
  /** Where it is: reel, seconds into it, and its instant on the session clock; null while it shows nothing. */
  position(): { reel: number; mediaS: number; atMs: number; ready: boolean } | null
  /** Show `reel` from `mediaS` on; without effect on what is shown when it is that reel already, but for the seek. */
  seek(reel: number, mediaS: number): void
  blank(): void
  play(): void
  pause(): void
  setSpeed(speed: number): void
}

export interface Correction {
  readonly seekTo: number | null
  readonly speed: number
}

/** Return how to bring a picture that is `errorS` ahead of the clock back to it. */
export function correction(errorS: number, rate: number, slope: number, targetS: number): Correction {
  if (Math.abs(errorS) > SEEK_BEYOND_S) return { seekTo: targetS + SEEK_AHEAD_S * rate, speed: rate * slope }
  if (Math.abs(errorS) <= DEAD_BAND_S) return { seekTo: null, speed: rate * slope }
  const pull = Math.min(MOST_CORRECTION, Math.max(-MOST_CORRECTION, GAIN * errorS))
  return { seekTo: null, speed: rate * slope * (1 - pull) }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

export class SyncController {
  readonly #players = new Set<Player>()
  #anchor = { atMs: 0, now: 0 }
  #rate = 1
  #playing = false
  #starting: { since: number; from: Map<Player, number> } | null = null
  #timer: ReturnType<typeof setInterval> | null = null
  #steppedAt = 0
  /** Largest distance between two pictures at the last beat, ms. */
  skewMs = 0

  constructor(
    private readonly onTime: (atMs: number) => void,
    private readonly limit: () => { fromMs: number; toMs: number },
    private readonly now: () => number = () => performance.now(),
  ) {}

  get playing(): boolean {
    return this.#playing
  }

  get rate(): number {
    return this.#rate
  }

  /** The master clock: UTC ms of the session. */
  get time(): number {
    const running = this.#playing && this.#starting === null
    return running ? this.#anchor.atMs + (this.now() - this.#anchor.now) * this.#rate : this.#anchor.atMs
  }

  add(player: Player): void {
    this.#players.add(player)
    this.#bring(player, this.time)
  }

  remove(player: Player): void {
    this.#players.delete(player)
  }

  start(): void {
    this.#timer ??= setInterval(() => this.beat(), BEAT_MS)
  }

  stop(): void {
    this.pause()
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }

  seek(atMs: number): void {
    const { fromMs, toMs } = this.limit()
    this.#set(Math.min(toMs, Math.max(fromMs, atMs)))
    for (const player of this.#players) this.#bring(player, this.#anchor.atMs)
    if (this.#playing) this.#launch()
    this.onTime(this.#anchor.atMs)
  }

  play(): void {
    if (this.#playing) return
    if (this.time >= this.limit().toMs) this.seek(this.limit().fromMs)
    this.#set(this.time)
    this.#playing = true
    this.#launch()
  }

  pause(): void {
    this.#set(this.time)
    this.#playing = false
    this.#starting = null
    for (const player of this.#players) player.pause()
    for (const player of this.#players) this.#bring(player, this.#anchor.atMs)
  }

  setRate(rate: number): void {
    this.#set(this.time)
    this.#rate = rate
    if (!this.#playing) return
    for (const player of this.#players) player.pause()
    this.#launch()
  }

  #set(atMs: number): void {
    this.#anchor = { atMs, now: this.now() }
  }

  #launch(): void {
    if (this.#rate > FASTEST_PLAYED) {
      this.#starting = null
      return this.#set(this.#anchor.atMs)
    }
    const from = new Map<Player, number>()
    for (const player of this.#players) {
      const position = player.position()
      if (player.locate(this.#anchor.atMs) === null || position === null) continue
      from.set(player, position.mediaS)
      player.setSpeed(this.#rate)
      player.play()
    }
    this.#starting = from.size === 0 ? null : { since: this.now(), from }
    this.#set(this.#anchor.atMs)
  }

  /** One look at all tracks; called every 150 ms. */
  beat(): void {
    if (!this.#playing) return
    if (this.#starting !== null && !this.#begun(this.#starting)) return
    if (this.time >= this.limit().toMs) {
      this.#set(this.limit().toMs)
      this.pause()
      return this.onTime(this.#anchor.atMs)
    }
    if (this.#rate > FASTEST_PLAYED) this.#step()
    else this.#hold()
    this.onTime(this.time)
  }

  /** Wait until every picture has moved; then T is where most of them are. */
  #begun(starting: { since: number; from: Map<Player, number> }): boolean {
    const moved = [...starting.from].filter(([player, from]) => Math.abs((player.position()?.mediaS ?? from) - from) >= MOVED_S)
    if (moved.length < starting.from.size && this.now() - starting.since < PATIENCE_MS) return false
    this.#starting = null
    const instants = moved.map(([player]) => player.position()?.atMs ?? this.#anchor.atMs)
    this.#set(instants.length > 0 ? median(instants) : this.#anchor.atMs)
    return true
  }

  #hold(): void {
    const atMs = this.time
    const errors: number[] = []
    for (const player of this.#players) {
      const error = this.#holdOne(player, atMs)
      if (error !== null) errors.push(error)
    }
    if (errors.length === 0) return
    this.skewMs = Math.round((Math.max(...errors) - Math.min(...errors)) * 1000)
    const common = median(errors) * 1000
    // When most of them are off the same way, the clock is wrong, not the pictures.
    if (Math.abs(common) > MEDIAN_LIMIT_MS && Math.abs(common) < SEEK_BEYOND_S * 1000) this.#set(atMs + common)
  }

  /** Return by how many seconds the picture was ahead; null when there is none to compare. */
  #holdOne(player: Player, atMs: number): number | null {
    const target = player.locate(atMs)
    if (target === null) {
      player.blank()
      return null
    }
    const position = player.position()
    if (position === null || position.reel !== target.reel) {
      player.seek(target.reel, target.mediaS)
      player.setSpeed(this.#rate * target.slope)
      player.play()
      return null
    }
    if (!position.ready) return null
    const error = position.mediaS - target.mediaS
    const { seekTo, speed } = correction(error, this.#rate, target.slope, target.mediaS)
    player.setSpeed(speed)
    if (seekTo !== null) player.seek(target.reel, seekTo)
    player.play()
    return Math.abs(error) > SEEK_BEYOND_S ? null : error
  }

  #step(): void {
    if (this.now() - this.#steppedAt < STEP_MS) return
    this.#steppedAt = this.now()
    for (const player of this.#players) this.#bring(player, this.time)
  }

  #bring(player: Player, atMs: number): void {
    const target = player.locate(atMs)
    if (target === null) player.blank()
    else player.seek(target.reel, target.mediaS)
  }
}
