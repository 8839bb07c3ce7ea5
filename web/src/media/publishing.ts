// One media connection for this page, joined to the session's socket: what it sends and whom it watches.
// Publishing never waits for a click: after a cut the node offers anew and the same tracks go out again.

import { ref, shallowReactive, watch as onChange } from 'vue'

import { call } from '@/link/api'
import { useSession } from '@/session/store'

import { SeatMedia } from './peer'

const streams = shallowReactive(new Map<string, MediaStream>())
const state = ref<RTCPeerConnectionState>('new')
let opening: Promise<SeatMedia> | null = null

/** Open the connection's end once; the node offers as soon as it knows what is published or watched. */
function open(): Promise<SeatMedia> {
  opening ??= connect()
  return opening
}

async function connect(): Promise<SeatMedia> {
  const session = useSession()
  const configuration = await call<RTCConfiguration>('GET', '/api/v1/ice')
  const onState = (now: RTCPeerConnectionState): void => {
    state.value = now
    // Word of the failure may be lost with the socket: the next one must not claim that the connection lives.
    if (now === 'failed' || now === 'closed') session.setGeneration(0)
  }
  const media = new SeatMedia((message) => void session.send(message), { onTrack: show, onState }, configuration)
  session.onOffer((offer) => {
    session.setGeneration(offer.generation)
    void media.handle(offer)
  })
  // The node forgets wishes with the socket that carried them.
  onChange(
    () => session.welcomes,
    () => media.renew(),
  )
  return media
}

function show(track: string, stream: MediaStream | null): void {
  if (stream === null) streams.delete(track)
  else streams.set(track, stream)
}

async function publish(camera: MediaStream | null, screen: MediaStream | null): Promise<void> {
  if (camera === null && screen === null && opening === null) return
  const media = await open()
  media.setPublish({ camera, screen })
}

let watched = ''

/** Watch exactly these tracks from now on. */
async function watch(tracks: readonly string[]): Promise<void> {
  const wanted = [...new Set(tracks)].sort()
  if (wanted.join() === watched) return
  watched = wanted.join()
  const media = await open()
  media.watch(wanted)
}

export function usePublishing() {
  return { streams, state, publish, watch }
}
