import '@/asides/words'
import { sha256 } from '@noble/hashes/sha2.js'
import { describe, expect, it } from 'vitest'

import { toHex } from '@/proof/bytes'
import type { FeedItem } from '@/session/feed'
import { sayEvent } from '@/locale/events'
import { setLanguage } from '@/locale'
import { LANE_OF, lanesOf, pauses, stageBands } from '@/replay/lanes'
import { mediaUs, placeAt, type RecordedTrack, type Reel, utcMs } from '@/replay/recording'
import { entriesBySeat, sheetAt } from '@/replay/sheets'
import { correction, median, type Player, SyncController } from '@/replay/sync'
import { verifyReel } from '@/replay/verify'

const REEL: Reel = {
  file: 'a.mp4',
  available: true,
  map: [
    [0, 1_000_000_000],
    [10_000_000, 1_010_001_000],
    [20_000_000, 1_020_003_000],
  ],
  duration_us: 20_000_000,
  bytes: 0,
  sha256: '',
  torn: false,
  fragments: [],
}

function track(reels: Reel[], gaps: RecordedTrack['gaps'] = []): RecordedTrack {
  return { id: 'host-E01/camera', site: 'host', seat: 'E01', kind: 'camera', started_ms: 0, ended_ms: null, gaps, reels }
}

describe('media time and session clock', () => {
  it('go over into each other piece by piece, drift included', () => {
    for (const us of [0, 1, 5_000_000, 10_000_000, 15_000_000, 20_000_000, 25_000_000]) {
      expect(mediaUs(REEL.map, utcMs(REEL.map, us)).us).toBeCloseTo(us, 2)
    }
    expect(utcMs(REEL.map, 5_000_000)).toBeCloseTo(1_005_000.5, 6)
    expect(utcMs(REEL.map, 15_000_000)).toBeCloseTo(1_015_002, 6)
  })

  it('have slope one where there is a single pair', () => {
    expect(mediaUs([[0, 5_000_000]], 7000)).toEqual({ us: 2_000_000, slope: 1 })
  })

  it('leave a track without a place in a gap, before its start and after its end', () => {
    const gapped = track([REEL], [{ from_ms: 1_004_000, to_ms: 1_005_000, cause: 'link' }])
    expect(placeAt(gapped, 999_999)).toBeNull()
    expect(placeAt(gapped, 1_004_500)).toBeNull()
    expect(placeAt(gapped, 1_003_999)?.mediaS).toBeCloseTo(3.9986, 3)
    expect(placeAt(gapped, 1_020_003)).toBeNull()
  })

  it('skip a reel that has not been handed over', () => {
    expect(placeAt(track([{ ...REEL, available: false }]), 1_001_000)).toBeNull()
  })
})

describe('a correction', () => {
  it('leaves alone what is within the dead band', () => {
    expect(correction(0.019, 1, 1, 5)).toEqual({ seekTo: null, speed: 1 })
  })

  it('slows down what is ahead and hurries what is behind, never by more than 15 %', () => {
    expect(correction(0.05, 1, 1, 5).speed).toBeCloseTo(0.925)
    expect(correction(-0.05, 2, 1, 5).speed).toBeCloseTo(2.15)
    expect(correction(0.4, 1, 1, 5).speed).toBeCloseTo(0.85)
  })

  it('seeks a little ahead when more than half a second is missing', () => {
    expect(correction(-0.6, 1, 1, 5).seekTo).toBeCloseTo(5.08)
  })
})

/** A picture in virtual time: starts late, then runs at the speed it is told. */
class FakePlayer implements Player {
  at = 0
  speed = 1
  playing = false
  blanked = false
  private waits: number

  constructor(
    private readonly offsetMs: number,
    private readonly startDelayMs: number,
  ) {
    this.waits = startDelayMs
  }

  locate(atMs: number) {
    const mediaS = (atMs - this.offsetMs) / 1000
    return mediaS < 0 ? null : { reel: 0, mediaS, slope: 1 }
  }
  position() {
    return { reel: 0, mediaS: this.at, atMs: this.offsetMs + this.at * 1000, ready: true }
  }
  seek(_: number, mediaS: number) {
    this.at = mediaS
  }
  blank() {
    this.blanked = true
  }
  play() {
    if (!this.playing) this.waits = this.startDelayMs
    this.playing = true
  }
  pause() {
    this.playing = false
  }
  setSpeed(speed: number) {
    this.speed = speed
  }
  run(ms: number) {
    const late = Math.min(this.waits, ms)
    this.waits -= late
    if (this.playing) this.at += ((ms - late) / 1000) * this.speed
  }
}

function run(controller: SyncController, players: FakePlayer[], clock: { now: number }, ms: number): void {
  for (let passed = 0; passed < ms; passed += 10) {
    clock.now += 10
    players.forEach((player) => player.run(10))
    if (clock.now % 150 === 0) controller.beat()
  }
}

describe('the controller', () => {
  function setUp(players: FakePlayer[]) {
    const clock = { now: 0 }
    const times: number[] = []
    const controller = new SyncController((at) => times.push(at), () => ({ fromMs: 0, toMs: 60_000 }), () => clock.now)
    players.forEach((player) => controller.add(player))
    return { controller, clock, times }
  }

  it('brings tracks that start at different moments to one clock, within the dead band', () => {
    const players = [new FakePlayer(0, 20), new FakePlayer(317, 180), new FakePlayer(900, 90), new FakePlayer(40, 400)]
    const { controller, clock } = setUp(players)
    controller.seek(2000)
    controller.play()
    run(controller, players, clock, 6000)
    const instants = players.map((player) => player.position().atMs)
    expect(Math.max(...instants) - Math.min(...instants)).toBeLessThanOrEqual(45)
    expect(Math.abs(controller.time - median(instants))).toBeLessThan(30)
  })

  it('is not held up by a track that never moves', () => {
    const stuck = new FakePlayer(0, 1e9)
    const players = [new FakePlayer(0, 20), stuck]
    const { controller, clock } = setUp(players)
    controller.play()
    run(controller, players, clock, 4000)
    expect(controller.time).toBeGreaterThan(1500)
  })

  it('seeks every track to the same instant', () => {
    const players = [new FakePlayer(0, 0), new FakePlayer(500, 0)]
    const { controller } = setUp(players)
    controller.seek(10_000)
    expect(players.map((player) => player.at)).toEqual([10, 9.5])
  })

  it('blanks a track where nothing was recorded', () => {
    const late = new FakePlayer(30_000, 0)
    const { controller } = setUp([late])
    controller.seek(1000)
    expect(late.blanked).toBe(true)
  })

  it('runs over a stretch without any picture, and stops at the end', () => {
    const players = [new FakePlayer(70_000, 0)]
    const { controller, clock } = setUp(players)
    controller.seek(57_000)
    controller.play()
    run(controller, players, clock, 6000)
    expect([controller.playing, controller.time]).toEqual([false, 60_000])
  })

  it('does not leave what is being recorded', () => {
    const { controller } = setUp([])
    controller.seek(-5)
    expect(controller.time).toBe(0)
    controller.seek(1e9)
    expect(controller.time).toBe(60_000)
  })
})

describe('verifying a reel', () => {
  const bytes = Uint8Array.from({ length: 1000 }, (_, index) => index % 251)
  const digest = (from: number, length: number): string => toHex(sha256(bytes.subarray(from, from + length)))
  const reel: Reel = {
    ...REEL,
    bytes: 1000,
    sha256: toHex(sha256(bytes)),
    fragments: [
      [100, 300, digest(100, 300), 0, 1, true],
      [400, 250, digest(400, 250), 1, 1, false],
      [650, 200, digest(650, 200), 2, 1, false],
    ],
  }

  async function* pieces(data: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size)
  }

  it.each([1, 7, 100, 333, 5000])('finds a flipped bit in the fragment it lies in, read %i bytes at a time', async (size) => {
    const flipped = bytes.slice()
    flipped[500] = (flipped[500] ?? 0) ^ 1
    const seen: number[] = []
    const verdict = await verifyReel(reel, pieces(flipped, size), (index) => seen.push(index))
    expect(verdict).toEqual({ fragments: ['verified', 'mismatch', 'verified'], whole: 'mismatch' })
    expect(seen).toEqual([0, 1, 2])
  })

  it('finds a change outside all fragments by the whole', async () => {
    const flipped = bytes.slice()
    flipped[950] = (flipped[950] ?? 0) ^ 1
    const verdict = await verifyReel(reel, pieces(flipped, 64), () => undefined)
    expect(verdict).toEqual({ fragments: ['verified', 'verified', 'verified'], whole: 'mismatch' })
  })

  it('finds a reel cut short', async () => {
    const verdict = await verifyReel(reel, pieces(bytes.subarray(0, 700), 64), () => undefined)
    expect(verdict).toEqual({ fragments: ['verified', 'verified', 'mismatch'], whole: 'mismatch' })
  })

  it.each([1, 64, 4096])('passes the clean reel, read %i bytes at a time', async (size) => {
    const verdict = await verifyReel(reel, pieces(bytes, size), () => undefined)
    expect(verdict).toEqual({ fragments: ['verified', 'verified', 'verified'], whole: 'verified' })
  })
})

describe('the sheet as it stood', () => {
  const lot = { id: '1', title: '', items: [], bids: [], pricing: {} as never, candidates: 1 }
  const events = [
    [1000, '8'],
    [2000, '9'],
    [3000, ''],
  ].map(([t, value], index) => ({
    n: index,
    t,
    type: 'ScoreEntered',
    site: 'host',
    actor: 'E01',
    body: { lot: '1', bid: 'B1', item: 'T1', revision: index + 1 },
    opened: { '/value': value, '/reason': '' },
  })) as unknown as FeedItem[]

  it('holds the last value entered before the instant, and none that was cleared', () => {
    const entries = entriesBySeat(events).get('E01') ?? []
    const at = (ms: number): string | undefined => sheetAt(entries, lot, ms).get('B1/T1')?.value
    expect([at(999), at(1000), at(2500), at(3000)]).toEqual([undefined, '8', '9', undefined])
  })
})

describe('bands', () => {
  const change = (t: number, before: string, after: string) => ({ t, type: 'StageChanged', body: { before, after } })
  it('follow one another without a hole', () => {
    const events = [{ t: 0, type: 'SessionOpened', body: {} }, change(100, 'gathering', 'briefed'), change(300, 'briefed', 'preliminary')]
    expect(stageBands(events as unknown as FeedItem[], 500).map(({ stage, fromMs, toMs }) => [stage, fromMs, toMs])).toEqual([
      ['gathering', 0, 100],
      ['briefed', 100, 300],
      ['preliminary', 300, 500],
    ])
  })

  it('show a pause that was never ended up to the end', () => {
    const events = [{ t: 100, type: 'SessionPaused', body: {} }] as unknown as FeedItem[]
    expect(pauses(events, 500)).toEqual([{ fromMs: 100, toMs: 500 }])
  })
})

describe('an opening in the replay', () => {
  const BID = '00112233445566778899aabbccddeeff'
  const say = (type: string, body: object) => sayEvent(type, 'S1', body, null)

  it('has a lane of its own, which a rehearsal has not', () => {
    const opened = [{ t: 0, type: 'PolicySigned', body: {} }] as unknown as FeedItem[]
    expect(lanesOf(opened)).toContain('opening')
    expect(lanesOf([])).not.toContain('opening')
    expect(stageBands(opened, 500)).toEqual([{ stage: 'planned', fromMs: 0, toMs: 500 }])
  })

  it('begins with the stage that the first change names', () => {
    const events = [
      { t: 0, type: 'SessionOpened', body: {} },
      { t: 100, type: 'StageChanged', body: { before: 'receiving', after: 'opening' } },
    ] as unknown as FeedItem[]
    expect(stageBands(events, 500).map(({ stage }) => stage)).toEqual(['receiving', 'opening'])
  })

  it.each(['zh-CN', 'en'] as const)('is said in words in %s', async (language) => {
    await setLanguage(language)
    for (const type of Object.keys(LANE_OF)) expect(say(type, {})).not.toBe(type)
    const verdict = say('BidJudged', { bid: BID, verdict: 'revoked' })
    expect(verdict).toContain('00112233…')
    expect(verdict).not.toContain(BID)
    expect(verdict).toContain(language === 'en' ? 'Revoked' : '撤销')
    expect(say('PriceRead', { bid: 'bid1', price_fen: 98_000_050 })).toContain('980,000.50')
    expect(say('RecordConfirmed', { bid: BID, objection: 'lot 1' })).toContain('lot 1')
    expect(say('RecordConfirmed', { bid: BID, objection: '' })).not.toContain('{')
    expect(say('HalfReleased', { bid: BID, good: false, cause: 'half_mismatch' })).not.toBe(
      say('HalfReleased', { bid: BID, good: true, cause: '' }),
    )
    await setLanguage('zh-CN')
  })
})
