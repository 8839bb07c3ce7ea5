// What this browser keeps of a bid between sealing and receipt, so that a reload loses nothing: what the bid is, its key file (locked),
// how far the upload is, the receipt. Never a key in clear, a price or a passphrase.

import { openPrivateFile, privateFileNames, removePrivateFile } from '@/sealing/files'
import { transact } from '@/link/database'

const NAME = 'evalroom-bidder'
const VERSION = 1
const BIDS = 'bids'
/** Sealed bytes, for browsers without files of their own. */
const BLOBS = 'blobs'

export interface KeptBid {
  readonly number: string
  readonly tender: string
  readonly title: string
  readonly bidder: string
  readonly suite: number
  readonly size: number
  readonly root: string
  readonly digest: string
  readonly sealedMs: number
  /** The bytes of the key file. */
  readonly keyFile: Uint8Array<ArrayBuffer>
  /** Chosen again from the disk and compared: it was really saved. */
  readonly keySaved: boolean
  readonly replaces: { readonly earlier: string; readonly signature: string } | null
  readonly receipt: string | null
}

let opened: Promise<IDBDatabase> | undefined

function database(): Promise<IDBDatabase> {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, VERSION)
    request.onupgradeneeded = () => {
      request.result.createObjectStore(BIDS, { keyPath: 'number' })
      request.result.createObjectStore(BLOBS)
    }
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error ?? new Error('the browser refused its database'))
  })
  return opened
}

export async function keptBids(): Promise<KeptBid[]> {
  const bids = await transact<KeptBid[]>(await database(), BIDS, 'readonly', (store) => store.getAll())
  return bids.sort((one, other) => other.sealedMs - one.sealedMs)
}

/** Return the bid of a tender to go on with: one that was not handed in yet, else the newest. */
export function ownBidOf(bids: readonly KeptBid[], tender: string): KeptBid | undefined {
  const own = bids.filter((bid) => bid.tender === tender)
  return own.find((bid) => bid.receipt === null) ?? own[0]
}

export async function keep(bid: KeptBid): Promise<void> {
  await transact(await database(), BIDS, 'readwrite', (store) => store.put(bid))
}

export async function keepBlob(number: string, blob: Blob): Promise<void> {
  await transact(await database(), BLOBS, 'readwrite', (store) => store.put(blob, number))
}

/** Return the sealed bytes, or null when this browser has them no more. */
export async function sealedBytes(number: string): Promise<Blob | null> {
  const file = await openPrivateFile(`${number}.evb1`)
  if (file !== null) return file
  return (await transact<Blob | undefined>(await database(), BLOBS, 'readonly', (store) => store.get(number))) ?? null
}

/** Let go of the sealed bytes; what the bid is stays. */
export async function dropBytes(number: string): Promise<void> {
  await removePrivateFile(`${number}.evb1`)
  await transact(await database(), BLOBS, 'readwrite', (store) => store.delete(number))
}

/** Claim the bytes of a bid that is being made, for as long as this page lives: another one must not sweep them away. */
export function claimBytes(number: string): Promise<void> {
  return new Promise((claimed) => {
    if (navigator.locks === undefined) return claimed()
    void navigator.locks.request(`${number}.evb1`, () => {
      claimed()
      return new Promise<never>(() => undefined)
    })
  })
}

/** Remove sealed bytes that no page claims and no kept bid needs: a tab that was killed while it sealed left them. */
export async function sweepBytes(): Promise<void> {
  if (navigator.locks === undefined) return
  const needed = new Set((await keptBids()).map(({ number }) => `${number}.evb1`))
  for (const name of (await privateFileNames()).filter((one) => !needed.has(one))) {
    await navigator.locks.request(name, { ifAvailable: true }, (lock) => (lock === null ? undefined : removePrivateFile(name)))
  }
}

/** Forget a bid that was given up before it was handed in. */
export async function forget(number: string): Promise<void> {
  await dropBytes(number)
  await transact(await database(), BIDS, 'readwrite', (store) => store.delete(number))
}
