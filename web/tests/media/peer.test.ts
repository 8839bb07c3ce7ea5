// The page's end of a media connection against a browser made of paper.

import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import { SeatMedia, type MediaMessage } from '@/media/peer'
import type { Mid, Offer } from '@/protocol/messages'

class PaperTrack {
  contentHint = ''
  constructor(
    readonly kind: string,
    readonly id: string,
  ) {}
}

class PaperStream {
  readonly #tracks: PaperTrack[]
  constructor(tracks: PaperTrack[] = []) {
    this.#tracks = tracks
  }
  getTracks = (): PaperTrack[] => this.#tracks
  getVideoTracks = (): PaperTrack[] => this.#tracks.filter((track) => track.kind === 'video')
  getAudioTracks = (): PaperTrack[] => this.#tracks.filter((track) => track.kind === 'audio')
}

class PaperTransceiver {
  direction = 'recvonly'
  readonly receiver: { track: PaperTrack }
  readonly sender = {
    track: null as PaperTrack | null,
    parameters: { encodings: [{}] as { maxBitrate?: number }[], degradationPreference: '' },
    replaceTrack: async (track: PaperTrack | null): Promise<void> => {
      this.sender.track = track
    },
    getParameters: () => this.sender.parameters,
    setParameters: async (parameters: { encodings: { maxBitrate?: number }[]; degradationPreference: string }) => {
      this.sender.parameters = parameters
    },
  }
  constructor(
    readonly mid: string,
    kind: string,
    connection: number,
  ) {
    this.receiver = { track: new PaperTrack(kind, `${connection}/${mid}`) }
  }
}

class PaperConnection extends EventTarget {
  static all: PaperConnection[] = []
  static refuse = false
  connectionState = 'new'
  iceGatheringState = 'complete'
  localDescription: { sdp: string } | null = null
  readonly transceivers: PaperTransceiver[] = []

  constructor() {
    super()
    PaperConnection.all.push(this)
  }

  async setRemoteDescription({ sdp }: { sdp: string }): Promise<void> {
    if (PaperConnection.refuse) throw new Error('not today')
    for (const [, mid, kind] of sdp.matchAll(/^mid (\S+) (\S+)$/gm)) {
      if (this.transceivers.some((one) => one.mid === mid)) continue
      this.transceivers.push(new PaperTransceiver(mid ?? '', kind ?? '', PaperConnection.all.indexOf(this)))
    }
  }

  async setLocalDescription(): Promise<void> {
    this.localDescription = { sdp: 'an answer' }
  }

  getTransceivers = (): PaperTransceiver[] => this.transceivers

  become(state: string): void {
    this.connectionState = state
    this.dispatchEvent(new Event('connectionstatechange'))
  }

  close(): void {
    this.connectionState = 'closed'
  }
}

const CAMERA = { mid: '0', track: 'camera', medium: 'video' } as const
const MICROPHONE = { mid: '1', track: 'camera', medium: 'audio' } as const
const SEEN = { mid: '2', track: 'west-E2/camera', medium: 'video' } as const

function offer(generation: number, publish: Mid[], view: Mid[], ufrag = `node${generation}`): Offer {
  const lines = [...publish, ...view].map((line) => `mid ${line.mid} ${line.medium}`)
  return { kind: 'offer', generation, publish, view, sdp: [`a=ice-ufrag:${ufrag}`, ...lines].join('\n') }
}

function camera(id = 'a'): MediaStream {
  return new PaperStream([new PaperTrack('video', id), new PaperTrack('audio', `${id}s`)]) as unknown as MediaStream
}

let sent: MediaMessage[]
let shown: Map<string, MediaStream | null>
let media: SeatMedia

function connection(index: number): PaperConnection {
  const found = PaperConnection.all[index]
  if (!found) throw new Error(`no connection ${index}`)
  return found
}

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('RTCPeerConnection', PaperConnection)
  vi.stubGlobal('MediaStream', PaperStream)
  vi.spyOn(console, 'warn').mockImplementation(() => undefined)
  PaperConnection.all = []
  PaperConnection.refuse = false
  sent = []
  shown = new Map()
  media = new SeatMedia((message) => sent.push(message), { onTrack: (track, stream) => shown.set(track, stream) })
})

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

test('an offer that cannot be used is answered by asking for a new connection', async () => {
  PaperConnection.refuse = true
  await media.handle(offer(1, [], []))
  expect(sent).toEqual([{ kind: 'media_lost', generation: 1 }])
  PaperConnection.refuse = false
  await media.handle(offer(2, [], []))
  expect(sent[1]).toEqual({ kind: 'answer', generation: 2, sdp: 'an answer' })
})

test('what is published goes out on the lines the node names, with its limits', async () => {
  media.setPublish({ camera: camera() })
  await media.handle(offer(1, [CAMERA, MICROPHONE], [SEEN]))
  expect(sent.map((message) => message.kind)).toEqual(['publish', 'answer'])
  const [video, audio, view] = connection(0).transceivers
  expect([video?.direction, audio?.direction, view?.direction]).toEqual(['sendonly', 'sendonly', 'recvonly'])
  expect([video?.sender.track?.id, audio?.sender.track?.id, view?.sender.track]).toEqual(['a', 'as', null])
  expect(video?.sender.parameters.encodings[0]?.maxBitrate).toBe(1_500_000)
  expect(video?.sender.parameters.degradationPreference).toBe('maintain-resolution')
})

test('another camera replaces the first without a word to the node', async () => {
  media.setPublish({ camera: camera() })
  await media.handle(offer(1, [CAMERA, MICROPHONE], []))
  sent.length = 0
  media.setPublish({ camera: camera('b') })
  await vi.advanceTimersByTimeAsync(0)
  expect(sent).toEqual([])
  expect(connection(0).transceivers[0]?.sender.track?.id).toBe('b')
})

test('a track that ends is told, and its lines fall silent with the next offer', async () => {
  media.setPublish({ camera: camera() })
  await media.handle(offer(1, [CAMERA, MICROPHONE], []))
  media.setPublish({ camera: null })
  expect(sent[sent.length - 1]).toEqual({ kind: 'publish', tracks: [] })
  await media.handle(offer(1, [], []))
  expect(PaperConnection.all.length).toBe(1)
  expect(connection(0).transceivers.map((one) => [one.direction, one.sender.track])).toEqual([
    ['inactive', null],
    ['inactive', null],
  ])
})

test('a watched track is handed out once and taken back when its line serves another', async () => {
  await media.handle(offer(1, [], [SEEN]))
  const first = shown.get(SEEN.track)
  await media.handle(offer(1, [], [SEEN]))
  expect(shown.get(SEEN.track)).toBe(first)
  await media.handle(offer(1, [], [{ ...SEEN, track: 'west-E3/camera' }]))
  expect(shown.get(SEEN.track)).toBeNull()
  expect(shown.get('west-E3/camera')?.getTracks()[0]?.id).toBe('0/2')
})

test('a new generation comes up beside the old one and takes over when it carries', async () => {
  media.setPublish({ camera: camera() })
  await media.handle(offer(1, [CAMERA, MICROPHONE], [SEEN]))
  connection(0).become('connected')
  await media.handle(offer(2, [CAMERA, MICROPHONE], [SEEN]))
  expect(connection(0).connectionState).toBe('connected')
  expect(connection(1).transceivers[0]?.sender.track?.id).toBe('a')
  expect(shown.get(SEEN.track)?.getTracks()[0]?.id).toBe('0/2')
  connection(1).become('connected')
  expect(shown.get(SEEN.track)?.getTracks()[0]?.id).toBe('1/2')
  await vi.advanceTimersByTimeAsync(10_000)
  expect(connection(0).connectionState).toBe('closed')
})

test('a node that began again counts from one, and the page does not take it for the old connection', async () => {
  await media.handle(offer(1, [], [SEEN], 'before'))
  await media.handle(offer(1, [], [SEEN], 'after'))
  expect(PaperConnection.all.length).toBe(2)
})

test('only the failure of the youngest connection is told, and told again on a new socket', async () => {
  await media.handle(offer(1, [], [SEEN]))
  await media.handle(offer(2, [], [SEEN]))
  sent.length = 0
  connection(0).become('failed')
  expect(sent).toEqual([])
  connection(1).become('failed')
  expect(sent).toEqual([{ kind: 'media_lost', generation: 2 }])
  media.renew()
  expect(sent.slice(1)).toEqual([
    { kind: 'publish', tracks: [] },
    { kind: 'watch', tracks: [] },
    { kind: 'media_lost', generation: 2 },
  ])
})

test('after the end nothing is answered', async () => {
  await media.handle(offer(1, [], [SEEN]))
  media.close()
  expect(shown.get(SEEN.track)).toBeNull()
  sent.length = 0
  await media.handle(offer(2, [], []))
  expect(sent).toEqual([])
  expect(connection(0).connectionState).toBe('closed')
})
