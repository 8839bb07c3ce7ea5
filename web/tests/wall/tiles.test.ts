import { describe, expect, it } from 'vitest'

import type { SeatState, SiteState, Status } from '@/protocol/messages'
import type { Seat, Site } from '@/protocol/room'
import { emptyView, type SessionView } from '@/session/view'
import { tilesBySite } from '@/wall/tiles'

const SITES = [{ id: 'host', name: '', host: true, node: true }, { id: 'west', name: '', host: false, node: true }] as Site[]
const seat = (code: string, site: string): Seat => ({ code, site, node: site, role: 'expert', label: '' }) as unknown as Seat

function view(): SessionView {
  const joined = new Map(['E1', 'E2'].map((code) => [code, { joined: 1 }])) as unknown as SessionView['seatFacts']
  return { ...emptyView(), sites: SITES, seats: [seat('E1', 'host'), seat('E2', 'west'), seat('E3', 'west')], seatFacts: joined }
}

function status(link: string): Status {
  const state = (code: string): SeatState => ({ seat: code, link: 'online' }) as unknown as SeatState
  const site = (id: string, word: string, codes: string[]): SiteState => ({ site: id, link: word, seats: codes.map(state), tracks: [] }) as unknown as SiteState
  return { sites: [site('host', 'online', ['E1']), site('west', link, ['E2'])] } as unknown as Status
}

const troubles = (link: string) => Object.fromEntries(tilesBySite(view(), status(link)).flatMap(({ tiles }) => tiles).map((tile) => [tile.seat.code, tile.trouble]))

describe('the tiles of a site whose link is cut', () => {
  it('say so, for what was last heard of its seats is old', () => {
    expect(troubles('offline')).toEqual({ E1: null, E2: 'cut', E3: null })
  })

  it('are as before once it is back', () => {
    expect(troubles('online')).toEqual({ E1: null, E2: null, E3: null })
  })
})
