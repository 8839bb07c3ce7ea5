// Messages between a seat's page and the node of its site: mirrors evalroom/protocol/messages.py, seat link only.

import type { CommandKind, Medium, Part, Role, SeatCommands, Secret, Stage, TrackKind } from './room'

export type SeatCommand = { [Kind in CommandKind]: SeatCommands[Kind] & { kind: Kind } }[CommandKind]

export interface Submit {
  kind: 'submit'
  command_id: string
  command: SeatCommand
  secrets: Secret[]
  sig: string | null
  client_ms: number | null
}

export type FromSeat =
  | { kind: 'subscribe'; since: number }
  | Submit
  | { kind: 'ping'; sent_ms: number; rtt_ms: number | null; unsent: number }
  | { kind: 'publish'; tracks: TrackKind[] }
  | { kind: 'watch'; tracks: string[] }
  | { kind: 'answer'; generation: number; sdp: string }
  | { kind: 'media_lost'; generation: number }

export interface Welcome {
  kind: 'welcome'
  session: string
  site: string
  seat: string
  role: Role
  at_ms: number
  host_online: boolean
}

export interface Entries {
  kind: 'entries'
  first: number
  items: string[]
  head: string
  acks: [string, number][]
  audience: string
}

export interface Refused {
  kind: 'refused'
  command_id: string
  code: string
  message: string
  detail: Record<string, string | number | null>
}

export interface Mid {
  mid: string
  track: string
  medium: Medium
}

export interface Offer {
  kind: 'offer'
  generation: number
  sdp: string
  publish: Mid[]
  view: Mid[]
}

export interface SheetProgress {
  seat: string
  lot: string
  part: Part
  filled: number
  total: number
  locked: boolean
}

export type LinkWord = 'online' | 'weak' | 'offline' | 'never'

export interface TrackState {
  track: string
  seat: string
  site: string
  track_kind: TrackKind
  media: Medium[]
  /** live, still, stalled or gone */
  state: string
  kbps: number
  recording: boolean
  last_fragment_ms: number | null
}

export interface SeatState {
  seat: string
  link: LinkWord
  rtt_ms: number | null
  unsent: number
}

export interface SiteState {
  site: string
  link: LinkWord
  rtt_ms: number | null
  offset_ms: number | null
  offset_bound_ms: number | null
  outbox: number
  recorder: string
  disk_used_percent: number
  disk_free_mb: number
  reels_waiting: number
  reels_waiting_mb: number
  uplink_kbps: number
  seats: SeatState[]
  tracks: TrackState[]
}

export interface Status {
  kind: 'status'
  stage: Stage
  paused: boolean
  sites: SiteState[]
  witness: string
  cosigned_ms: number | null
}

export type ToSeat =
  | Welcome
  | Entries
  | { kind: 'held'; command_ids: string[] }
  | Refused
  | { kind: 'pong'; sent_ms: number; at_ms: number }
  | Offer
  | { kind: 'progress'; sheets: SheetProgress[] }
  | Status
  | { kind: 'fault'; code: string; message: string }
