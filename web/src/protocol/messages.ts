// Written by `python3 dev.py docs` from the schema of the wire (`evalroom schema`): change the Python classes instead.
// Messages between a seat's page and the node of its site (evalroom/protocol/messages.py).
// A member with a question mark may be left out of what a page sends; what a node sends holds every member.

import type { Medium, Part, Role, SeatCommand, Secret, Stage, TrackKind } from './room'

/** The SDP answer to offer `generation`. */
export interface Answer {
  generation: number
  sdp: string
  kind: 'answer'
}

/** Items `first`, `first + 1`, … of a feed, each a canonical JSON text, and acknowledgements. */
export interface Entries {
  first: number
  items: string[]
  head: string
  acks: [string, number][]
  audience: string
  kind: 'entries'
}

/** The protocol was broken or the connection is ending; `code` says why. */
export interface Fault {
  code: string
  message: string
  kind: 'fault'
}

/** Your site's node keeps these commands on disk; the host has not acknowledged them yet. */
export interface Held {
  command_ids: string[]
  kind: 'held'
}

/** The connection of this generation failed here: make a new one. */
export interface MediaLost {
  generation: number
  kind: 'media_lost'
}

/** One m-line of an offer: which track and medium it carries. */
export interface Mid {
  mid: string
  track: string
  medium: Medium
}

/** An SDP offer: send `publish` on their m-lines, receive `view` on theirs. */
export interface Offer {
  generation: number
  sdp: string
  publish: Mid[]
  view: Mid[]
  kind: 'offer'
}

/** Are you there? Sent every two seconds; `sent_ms` comes back. The rest only informs supervisors. */
export interface Ping {
  sent_ms: number
  rtt_ms?: number | null
  unsent?: number
  kind: 'ping'
}

/** I am here; `at_ms` is this node's estimate of the session clock. */
export interface Pong {
  sent_ms: number
  at_ms: number
  kind: 'pong'
}

/** All sheets' progress, at most once a second: finer timing would tell who scores what. */
export interface Progress {
  sheets: SheetProgress[]
  kind: 'progress'
}

/** These tracks are ready to be sent from here; an empty list ends them. */
export interface Publish {
  tracks: TrackKind[]
  kind: 'publish'
}

/** The command changed nothing. `code` is stable; `message` says what to do; `detail` the facts. */
export interface Refused {
  command_id: string
  code: string
  message: string
  detail: Record<string, string | number | null>
  seat: string
  kind: 'refused'
}

/** One seat as its node sees it: `link` is online, weak, offline or never; round trip in ms. */
export interface SeatState {
  seat: string
  link: string
  rtt_ms: number | null
  unsent: number
}

/** How far one sheet is: filled cells of all, and whether it is locked. */
export interface SheetProgress {
  seat: string
  lot: string
  part: Part
  filled: number
  total: number
  locked: boolean
}

/** One site as the host or the site itself sees it. Shares are percent, rates kbit/s. */
export interface SiteState {
  site: string
  link: string
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

/** What is alive, as seen by the node that sends it; each audience gets what its role may see. */
export interface Status {
  stage: Stage
  paused: boolean
  sites: SiteState[]
  witness: string
  cosigned_ms: number | null
  kind: 'status'
}

/** Carry out this command, once, however often it arrives. `seat` is filled on the site link only. */
export interface Submit {
  command_id: string
  command: SeatCommand
  secrets?: Secret[]
  sig?: string | null
  client_ms?: number | null
  seat?: string
  kind: 'submit'
}

/** Send me every item of this feed after number `since`, and go on doing so. */
export interface Subscribe {
  since: number
  audience?: string
  kind: 'subscribe'
}

/** One track as its node sees it: `state` is live, still, stalled or gone; instants are session clock. */
export interface TrackState {
  track: string
  seat: string
  site: string
  track_kind: TrackKind
  media: Medium[]
  state: string
  kbps: number
  recording: boolean
  last_fragment_ms: number | null
}

/** I want to see exactly these tracks from now on. */
export interface Watch {
  tracks: string[]
  kind: 'watch'
}

/** The first message of a node: who you are here, and what the node's clock says. */
export interface Welcome {
  session: string
  site: string
  seat: string
  role: Role
  at_ms: number
  host_online: boolean
  kind: 'welcome'
}

export type FromSeat =
  | Subscribe
  | Submit
  | Ping
  | Publish
  | Watch
  | Answer
  | MediaLost

export type ToSeat =
  | Welcome
  | Entries
  | Held
  | Refused
  | Pong
  | Offer
  | Progress
  | Status
  | Fault
