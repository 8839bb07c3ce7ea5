// What this seat sends and whom it watches: the wishes of the pages, kept here and handed to the connection.
// Publishing never waits for a click: after a cut the node offers anew and the same tracks go out again.

import { shallowReactive } from 'vue'

const streams = shallowReactive(new Map<string, MediaStream>())
const wish: { camera: MediaStream | null; screen: MediaStream | null; tracks: string[] } = {
  camera: null,
  screen: null,
  tracks: [],
}

function publish(camera: MediaStream | null, screen: MediaStream | null): void {
  wish.camera = camera
  wish.screen = screen
}

function watch(tracks: string[]): void {
  wish.tracks = tracks
}

export function usePublishing() {
  return { streams, publish, watch }
}
