// The seat's end of its media connection: it answers the node's offers, sends what the page has and hands out
// what it watches.  Free of any framework.  The node alone offers and numbers the generations of a connection;
// a new generation comes up beside the old one, which goes only when the new one carries (make before break).

import type { Mid, Offer } from '@/protocol/messages'
import type { TrackKind } from '@/protocol/room'

export type MediaMessage =
  | { kind: 'publish'; tracks: TrackKind[] }
  | { kind: 'watch'; tracks: string[] }
  | { kind: 'answer'; generation: number; sdp: string }
  | { kind: 'media_lost'; generation: number }

export interface SeatMediaHandlers {
  /** The stream of a watched track, again whenever it is another one; null when it is watched no more. */
  onTrack?: (track: string, stream: MediaStream | null) => void
  /** State of the connection that carries; `disconnected` may heal by itself, `failed` is replaced. */
  onState?: (state: RTCPeerConnectionState) => void
}

export interface Published {
  camera?: MediaStream | null
  screen?: MediaStream | null
}

/** What one medium of one track has done so far; `track` is a kind for what this page sends. */
export interface LineStats {
  track: string
  medium: 'video' | 'audio'
  way: 'sent' | 'received'
  bytes: number
  packets: number
  lost: number
  frames: number
  width: number
  height: number
}

/** Bits per second; the node limits the sum, these divide it. */
const MAX_BITRATE: Record<TrackKind, number> = { camera: 1_500_000, screen: 2_300_000 }

/** Candidates are sent within the answer; a network that needs longer to find them has lost them already. */
const GATHERING_MS = 2000

/** The node closes a replaced connection itself; one that it cannot reach any more is closed here. */
const LINGER_MS = 4000

const SENT_KINDS: readonly TrackKind[] = ['camera', 'screen']

class Generation {
  readonly pc: RTCPeerConnection
  readonly streams = new Map<string, MediaStream>()
  publish: Mid[] = []
  view: Mid[] = []

  constructor(
    readonly number: number,
    readonly ufrag: string,
    configuration: RTCConfiguration,
  ) {
    this.pc = new RTCPeerConnection({ ...configuration, bundlePolicy: 'max-bundle' })
  }

  line(mid: string): RTCRtpTransceiver | undefined {
    return this.pc.getTransceivers().find((transceiver) => transceiver.mid === mid)
  }
}

export class SeatMedia {
  readonly #send: (message: MediaMessage) => void
  readonly #handlers: SeatMediaHandlers
  readonly #configuration: RTCConfiguration
  readonly #generations: Generation[] = []
  readonly #published: Record<TrackKind, MediaStream | null> = { camera: null, screen: null }
  readonly #shown = new Map<string, MediaStream>()
  #watched: string[] = []
  #announced: string | null = ''
  #work: Promise<void> = Promise.resolve()
  #closed = false

  constructor(
    send: (message: MediaMessage) => void,
    handlers: SeatMediaHandlers = {},
    configuration: RTCConfiguration = {},
  ) {
    this.#send = send
    this.#handlers = handlers
    this.#configuration = configuration
  }

  /** State of the youngest connection, `new` before the first. */
  get state(): RTCPeerConnectionState {
    return this.#youngest()?.pc.connectionState ?? 'new'
  }

  /** Send these streams from now on; what is left out stays, null ends it.  No renegotiation for a new device. */
  setPublish(streams: Published): void {
    for (const kind of SENT_KINDS) {
      const stream = streams[kind]
      if (stream !== undefined) this.#published[kind] = stream
    }
    for (const generation of this.#generations) void this.#fill(generation)
    this.#announce()
  }

  /** Watch exactly these tracks from now on. */
  watch(tracks: string[]): void {
    this.#watched = [...tracks]
    this.#send({ kind: 'watch', tracks: this.#watched })
  }

  /** Say everything once more: the socket to the node is a new one. */
  renew(): void {
    this.#announced = null
    this.#announce()
    this.#send({ kind: 'watch', tracks: this.#watched })
    // Word of a failure may have been lost with the old socket.
    const youngest = this.#youngest()
    if (youngest?.pc.connectionState === 'failed') this.#lost(youngest)
  }

  /** Take an offer; resolves when its answer has been sent.  Offers are taken one after the other. */
  handle(offer: Offer): Promise<void> {
    this.#work = this.#work.then(() => this.#answer(offer))
    return this.#work
  }

  /** Counters per medium of the youngest connection. */
  async stats(): Promise<LineStats[]> {
    const generation = this.#youngest()
    if (!generation) return []
    const report = await generation.pc.getStats()
    const lines: LineStats[] = []
    report.forEach((entry: Record<string, unknown>) => {
      const line = lineStats(entry, generation)
      if (line) lines.push(line)
    })
    return lines
  }

  close(): void {
    this.#closed = true
    for (const generation of this.#generations.splice(0)) generation.pc.close()
    this.#show()
  }

  #youngest(): Generation | undefined {
    return this.#generations[this.#generations.length - 1]
  }

  #announce(): void {
    const tracks = SENT_KINDS.filter((kind) => this.#published[kind] !== null)
    if (tracks.join() === this.#announced) return
    this.#announced = tracks.join()
    this.#send({ kind: 'publish', tracks })
  }

  async #answer(offer: Offer): Promise<void> {
    if (this.#closed) return
    try {
      const generation = this.#generationOf(offer)
      generation.publish = offer.publish
      generation.view = offer.view
      await generation.pc.setRemoteDescription({ type: 'offer', sdp: offer.sdp })
      this.#direct(generation)
      await this.#fill(generation)
      await generation.pc.setLocalDescription()
      await this.#limit(generation)
      await gathered(generation.pc)
      const sdp = generation.pc.localDescription?.sdp
      if (!sdp) throw new Error('no local description')
      this.#send({ kind: 'answer', generation: offer.generation, sdp })
      this.#collect(generation)
    } catch (error) {
      console.warn('offer could not be answered', error)
      if (!this.#closed) this.#send({ kind: 'media_lost', generation: offer.generation })
    }
  }

  // The node's own name for the connection tells a renegotiation from a new one: after a restart of the node
  // the numbers begin again.
  #generationOf(offer: Offer): Generation {
    const ufrag = /^a=ice-ufrag:(\S+)/m.exec(offer.sdp)?.[1] ?? ''
    const known = this.#generations.find((one) => one.ufrag === ufrag)
    if (known) return known
    const generation = new Generation(offer.generation, ufrag, this.#configuration)
    this.#generations.push(generation)
    generation.pc.addEventListener('connectionstatechange', () => this.#stateChanged(generation))
    return generation
  }

  #direct(generation: Generation): void {
    const sent = new Set(generation.publish.map((line) => line.mid))
    const seen = new Set(generation.view.map((line) => line.mid))
    for (const transceiver of generation.pc.getTransceivers()) {
      const mid = transceiver.mid ?? ''
      transceiver.direction = sent.has(mid) ? 'sendonly' : seen.has(mid) ? 'recvonly' : 'inactive'
    }
  }

  async #fill(generation: Generation): Promise<void> {
    const wanted = new Map(generation.publish.map((line) => [line.mid, line]))
    for (const transceiver of generation.pc.getTransceivers()) {
      const line = wanted.get(transceiver.mid ?? '')
      const track = line ? this.#outgoing(line) : null
      if (transceiver.sender.track !== track) await transceiver.sender.replaceTrack(track)
    }
  }

  #outgoing(line: Mid): MediaStreamTrack | null {
    const stream = this.#published[line.track as TrackKind] ?? null
    const tracks = line.medium === 'video' ? stream?.getVideoTracks() : stream?.getAudioTracks()
    const track = tracks?.[0] ?? null
    if (track && line.track === 'screen') track.contentHint = 'text'
    return track
  }

  // A blurred document proves nothing: rather fewer pictures than smaller ones.
  async #limit(generation: Generation): Promise<void> {
    for (const line of generation.publish) {
      const sender = line.medium === 'video' ? generation.line(line.mid)?.sender : undefined
      const parameters = sender?.getParameters()
      const encoding = parameters?.encodings?.[0]
      if (!sender || !parameters || !encoding) continue
      encoding.maxBitrate = MAX_BITRATE[line.track as TrackKind]
      parameters.degradationPreference = 'maintain-resolution'
      await sender.setParameters(parameters).catch((error: unknown) => console.warn('bit rate not set', error))
    }
  }

  #collect(generation: Generation): void {
    const tracks = new Map<string, MediaStreamTrack[]>()
    for (const line of generation.view) {
      const receiver = generation.line(line.mid)?.receiver
      if (receiver) tracks.set(line.track, [...(tracks.get(line.track) ?? []), receiver.track])
    }
    for (const name of [...generation.streams.keys()]) if (!tracks.has(name)) generation.streams.delete(name)
    for (const [name, list] of tracks) {
      const ids = (some: MediaStreamTrack[]) => some.map((track) => track.id).sort().join()
      const known = generation.streams.get(name)
      if (!known || ids(known.getTracks()) !== ids(list)) generation.streams.set(name, new MediaStream(list))
    }
    this.#show()
  }

  /** Hand out the streams of the youngest connection that carries, or of the youngest when none does. */
  #show(): void {
    const carrying = [...this.#generations].reverse().find((one) => one.pc.connectionState === 'connected')
    const streams = (carrying ?? this.#youngest())?.streams ?? new Map<string, MediaStream>()
    for (const name of [...this.#shown.keys()]) {
      if (!streams.has(name)) {
        this.#shown.delete(name)
        this.#handlers.onTrack?.(name, null)
      }
    }
    for (const [name, stream] of streams) {
      if (this.#shown.get(name) === stream) continue
      this.#shown.set(name, stream)
      this.#handlers.onTrack?.(name, stream)
    }
  }

  #stateChanged(generation: Generation): void {
    const state = generation.pc.connectionState
    const youngest = generation === this.#youngest()
    if (youngest) this.#handlers.onState?.(state)
    if (youngest && state === 'connected') {
      this.#show()
      for (const old of this.#generations.filter((one) => one !== generation)) {
        setTimeout(() => this.#drop(old), LINGER_MS)
      }
    }
    // `iceConnectionState` never says failed in Chromium; this does, about 17 s after a cut.
    if (state === 'failed' && youngest) this.#lost(generation)
    if ((state === 'failed' || state === 'closed') && !youngest) this.#drop(generation)
  }

  #lost(generation: Generation): void {
    this.#send({ kind: 'media_lost', generation: generation.number })
  }

  #drop(generation: Generation): void {
    generation.pc.close()
    const at = this.#generations.indexOf(generation)
    if (at >= 0) this.#generations.splice(at, 1)
    this.#show()
  }
}

function gathered(pc: RTCPeerConnection): Promise<void> {
  if (pc.iceGatheringState === 'complete') return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      pc.removeEventListener('icegatheringstatechange', look)
      resolve()
    }
    const look = (): void => {
      if (pc.iceGatheringState === 'complete') done()
    }
    const timer = setTimeout(done, GATHERING_MS)
    pc.addEventListener('icegatheringstatechange', look)
  })
}

const WAYS: Record<string, 'sent' | 'received'> = { 'outbound-rtp': 'sent', 'inbound-rtp': 'received' }

function lineStats(entry: Record<string, unknown>, generation: Generation): LineStats | null {
  const way = WAYS[String(entry.type)]
  if (!way) return null
  const lines = way === 'sent' ? generation.publish : generation.view
  const line = lines.find((one) => one.mid === entry.mid)
  if (!line) return null
  const count = (name: string): number => (typeof entry[name] === 'number' ? (entry[name] as number) : 0)
  return {
    track: line.track,
    medium: line.medium,
    way,
    bytes: count(way === 'sent' ? 'bytesSent' : 'bytesReceived'),
    packets: count(way === 'sent' ? 'packetsSent' : 'packetsReceived'),
    lost: count('packetsLost'),
    frames: count(way === 'sent' ? 'framesEncoded' : 'framesDecoded'),
    width: count('frameWidth'),
    height: count('frameHeight'),
  }
}
