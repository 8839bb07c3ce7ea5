// Camera, microphone and screen of this workstation: opened once, shown, checked and published from here.
// What the browser refuses becomes one of a few causes that a person can act on.

import { shallowRef } from 'vue'

export type DeviceFault = 'denied' | 'missing' | 'busy'

const camera = shallowRef<MediaStream | null>(null)
const screen = shallowRef<MediaStream | null>(null)

/** Picture and sound as the recording wants them (media.md §1): 720p, no processing that the browser must invent. */
const CAMERA: MediaStreamConstraints = {
  video: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 25, max: 30 } },
  audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
}
const SCREEN: MediaStreamConstraints = {
  video: { frameRate: { ideal: 10, max: 15 }, width: { max: 1920 }, height: { max: 1080 } },
  audio: false,
}

function faultOf(error: unknown): DeviceFault {
  const name = error instanceof DOMException ? error.name : ''
  if (name === 'NotAllowedError' || name === 'SecurityError') return 'denied'
  return name === 'NotReadableError' || name === 'AbortError' ? 'busy' : 'missing'
}

function alive(stream: MediaStream | null): boolean {
  return stream !== null && stream.getTracks().every((track) => track.readyState === 'live')
}

/** Forget a stream when its device is unplugged or its sharing is ended, so that the page asks again. */
function watchEnd(stream: MediaStream, holder: typeof camera): void {
  for (const track of stream.getTracks()) {
    track.addEventListener('ended', () => {
      if (holder.value === stream) holder.value = null
    })
  }
}

async function openCamera(): Promise<DeviceFault | null> {
  if (alive(camera.value)) return null
  if (navigator.mediaDevices === undefined) return 'denied'
  try {
    const stream = await navigator.mediaDevices.getUserMedia(CAMERA)
    watchEnd(stream, camera)
    camera.value = stream
    return null
  } catch (error) {
    return faultOf(error)
  }
}

async function openScreen(): Promise<DeviceFault | null> {
  if (alive(screen.value)) return null
  if (navigator.mediaDevices?.getDisplayMedia === undefined) return 'missing'
  try {
    const stream = await navigator.mediaDevices.getDisplayMedia(SCREEN)
    // Letters must stay sharp; motion may wait.
    for (const track of stream.getVideoTracks()) track.contentHint = 'text'
    watchEnd(stream, screen)
    screen.value = stream
    return null
  } catch (error) {
    return faultOf(error)
  }
}

/** Switch camera, microphone and screen off. */
function close(): void {
  for (const holder of [camera, screen]) {
    holder.value?.getTracks().forEach((track) => track.stop())
    holder.value = null
  }
}

export function useDevices() {
  return { camera, screen, openCamera, openScreen, close }
}
