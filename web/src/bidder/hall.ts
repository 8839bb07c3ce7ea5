// The opening hall as everybody sees it, kept up by long questions to the host; and the bid whose keys are open in this page, if any.

import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'

import { retryDelay } from '@/link/backoff'
import { Problem } from '@/link/api'
import { type Said } from '@/locale/errors'

import { type OwnBid, signConfirmation, signWithdrawal, wrappedHalves } from './acts'
import { bidStatus, confirmRecord, fetchHall, fetchHead, type Hall, release, withdraw } from './api'
import { serverNow, setServerTime } from './clock'
import { dropBytes } from './kept'
import { numberOf } from './keyFile'
import { sayBidderError } from './said'

/** A host that knows no versions answers at once: then it is asked so often. */
const PACE_MS = 2000
/** From here on nobody needs a bid's sealed bytes any more. */
const OVER: ReadonlySet<string> = new Set(['destroyed', 'aborted'])

export const useHall = defineStore('hall', () => {
  const hall = shallowRef<Hall | null>(null)
  const said = shallowRef<Said | null>(null)
  const lost = ref(false)
  const own = shallowRef<OwnBid | null>(null)
  const ownState = ref('')
  /** Windows whose halves were taken, and records that were answered, in this page. */
  const released = ref<string[]>([])
  const confirmed = ref<Record<string, 'confirmed' | 'objected'>>({})
  let watching = new AbortController()

  const ownNumber = computed(() => (own.value === null ? '' : numberOf(own.value.record)))
  const ownBid = computed(() => hall.value?.bids?.find(({ bid }) => bid === ownNumber.value) ?? null)
  const releasedCount = computed(() => hall.value?.bids?.filter(({ state, cause }) => state !== 'listed' && cause !== 'not_released').length ?? 0)
  const open = computed(() => hall.value?.state === 'unsealing' && (hall.value.paused ?? '') === '' && serverNow.value < hall.value.until)

  /** Watch the hall of `tender` until another is watched. */
  function watch(tender: string): void {
    stop()
    if (own.value !== null && own.value.record.tender !== tender) closeBid()
    hall.value = null
    watching = new AbortController()
    void follow(tender, watching.signal)
  }

  function stop(): void {
    watching.abort()
  }

  async function follow(tender: string, signal: AbortSignal): Promise<void> {
    let attempt = 0
    while (!signal.aborted) {
      const asked = Date.now()
      try {
        take(await fetchHall(tender, hall.value?.version, signal))
        attempt = 0
        if (hall.value?.version === undefined) await pause(Math.max(0, PACE_MS - (Date.now() - asked)), signal)
      } catch (error) {
        if (signal.aborted) return
        lost.value = hall.value !== null || (error instanceof Problem && error.code === 'unreachable')
        said.value = sayBidderError(error)
        await pause(Math.max(1000, retryDelay(attempt++, Math.random())), signal)
      }
    }
  }

  function take(next: Hall): void {
    hall.value = next
    said.value = null
    lost.value = false
    setServerTime(next.now)
    if (OVER.has(next.state) && own.value !== null) void dropBytes(ownNumber.value)
  }

  function pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((done) => {
      const timer = setTimeout(done, ms)
      signal.addEventListener('abort', () => {
        clearTimeout(timer)
        done()
      })
    })
  }

  async function openBid(bid: OwnBid): Promise<void> {
    own.value = bid
    released.value = []
    ownState.value = (await bidStatus(bid.record.tender, numberOf(bid.record))).state
  }

  function closeBid(): void {
    own.value = null
    ownState.value = ''
  }

  /** Release the halves of the window that is open; the same release twice is one. */
  async function releaseHalves(): Promise<void> {
    const [bid, now] = [own.value, hall.value]
    if (bid === null || now === null) return
    const { tender } = bid.record
    const halves = await wrappedHalves(bid, await fetchHead(tender, ownNumber.value), now.window, now.session_key)
    await release(tender, ownNumber.value, now.window, halves)
    released.value = [...released.value, now.window]
  }

  async function answerRecord(objection: string): Promise<void> {
    const [bid, record] = [own.value, hall.value?.record]
    if (bid === null || record === undefined) return
    const signature = await signConfirmation(bid, record.sha256, objection)
    const { window, sha256 } = record
    await confirmRecord(bid.record.tender, ownNumber.value, { window, sha256, objection, signature })
    confirmed.value = { ...confirmed.value, [window]: objection === '' ? 'confirmed' : 'objected' }
  }

  async function withdrawBid(): Promise<void> {
    const bid = own.value
    if (bid === null) return
    await withdraw(bid.record.tender, ownNumber.value, await signWithdrawal(bid))
    ownState.value = 'withdrawn'
    await dropBytes(ownNumber.value)
  }

  return {
    hall, said, lost, own, ownState, released, confirmed, ownNumber, ownBid, releasedCount, open,
    watch, stop, openBid, closeBid, releaseHalves, answerRecord, withdrawBid,
  }
})
