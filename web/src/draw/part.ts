// A party's own part in draws: it draws a value, keeps it in this browser before anybody hears of it, commits to it, and reveals it by
// itself when its turn comes, also after the page was loaded anew.

import { ref, watch } from 'vue'

import { randomBytes, toHex } from '@/proof/bytes'
import { awaited, type DrawView } from '@/session/draws'
import type { Outcome } from '@/session/seat'
import { useSession } from '@/session/store'

import { commitmentsDigest, commitmentTo, declarationDigest } from './lottery'

const PREFIX = 'evalroom.draw.'

export interface Part {
  readonly value: string
  readonly nonce: string
}

/** Return what this browser keeps for a draw, null when it took no part here. */
export function keptPart(owner: string, draw: string, storage: Storage = localStorage): Part | null {
  const text = storage.getItem(`${PREFIX}${owner}/${draw}`)
  return text === null ? null : (JSON.parse(text) as Part)
}

/** Return the part kept for a draw, or draw and keep one; throws when the browser cannot keep it. */
export function partFor(owner: string, draw: string, storage: Storage = localStorage): Part {
  const kept = keptPart(owner, draw, storage)
  if (kept !== null) return kept
  const part = { value: toHex(randomBytes(32)), nonce: toHex(randomBytes(32)) }
  storage.setItem(`${PREFIX}${owner}/${draw}`, JSON.stringify(part))
  return part
}

/** Commit to a value of one's own. */
export function takePart(draw: DrawView): Promise<Outcome> {
  const session = useSession()
  const me = session.me
  if (me === null) return Promise.reject(new Error('not connected to a session'))
  const { draw: id } = draw.declared
  const { value, nonce } = partFor(session.owner, id)
  const commitment = commitmentTo(me.session, id, declarationDigest(me.session, draw.declared), me.seat, value, nonce)
  return session.give('commit_draw', { draw: id, commitment })
}

/** Reveal by itself whatever this seat committed to, each in its turn; returns draws whose value another browser keeps. */
export function useOwnParts() {
  const session = useSession()
  const elsewhere = ref<readonly string[]>([])
  const asked = new Set<string>()

  async function reveal(draw: DrawView, part: Part): Promise<void> {
    const id = draw.declared.draw
    const digest = declarationDigest(session.me?.session ?? '', draw.declared)
    const commitments = commitmentsDigest(digest, draw.declared.parties, draw.commitments)
    asked.add(id)
    try {
      await session.give('reveal_draw', { draw: id, value: part.value, nonce: part.nonce, commitments })
    } catch {
      asked.delete(id) // the browser could not keep the order: it is tried again at the next change
    }
  }

  watch(
    () => (session.caughtUp && !session.readOnly && !session.view.closed ? [...session.view.draws.values()] : []),
    (draws) => {
      const mine = draws.filter((draw) => draw.state === 'committed' && awaited(draw)[0] === session.me?.seat)
      elsewhere.value = mine.filter((draw) => keptPart(session.owner, draw.declared.draw) === null).map((draw) => draw.declared.draw)
      for (const draw of mine) {
        const part = keptPart(session.owner, draw.declared.draw)
        if (part !== null && !asked.has(draw.declared.draw)) void reveal(draw, part)
      }
    },
    { immediate: true },
  )
  return elsewhere
}
