// One bid on its way from the bidder's files to the receipt. The steps follow each other; what a reload would lose (keys, prices) is
// either locked into the key file or was not sealed yet.

import { defineStore } from 'pinia'
import { computed, reactive, ref, shallowRef } from 'vue'

import { toHex } from '@/proof/bytes'
import type { Bytes } from '@/sealing/bytes'
import { SealingError } from '@/sealing/errors'
import { blobSource } from '@/sealing/files'
import { Envelope } from '@/sealing/open'
import { pad, PADDED } from '@/sealing/padding'
import { parsePolicy, type Policy } from '@/sealing/policy'
import type { PartToSeal, Progress } from '@/sealing/seal'
import { type BidDraft, chooseSuiteInWorker, draftBid, sealInWorker } from '@/sealing/sealing'
import { OpeningKey, type SuiteChoice, suiteOf } from '@/sealing/suites'

import { type OwnBid, signReplacement } from './acts'
import { fetchPolicy, fetchReceipt, type TenderLine } from './api'
import { type CheckedTrustee, checkSignatures } from './policyCheck'
import { serverNow } from './clock'
import { bidderCommitment, identityText, loadSignatory, makeSignatory, type Signatory } from './identity'
import { claimBytes, dropBytes, forget, keep, keepBlob, keptBids, type KeptBid, ownBidOf, sealedBytes, sweepBytes } from './kept'
import { type BidKeys, type BidRecord, lockKeys, numberOf, readRecord } from './keyFile'
import { type SheetForm, sheetTexts } from './sheet'
import { handIn, type UploadStep } from './upload'

export const STEPS = ['policy', 'files', 'seal', 'key', 'send', 'receipt'] as const
export type Step = (typeof STEPS)[number]

/** How far one part is: encrypted, and compared with what went in. */
export interface PartProgress {
  readonly part: string
  readonly sealed: number
  readonly checked: number
}

/** A sealed bid whose keys are still open in this page. */
interface FreshBid {
  readonly record: BidRecord
  readonly keys: BidKeys
  readonly bidder: string
}

const emptySheet = (): SheetForm => ({ bidder: '', prices: [], remarks: '' })

export const useDesk = defineStore('desk', () => {
  const tender = shallowRef<TenderLine | null>(null)
  const step = ref<Step>('policy')
  const policy = shallowRef<Policy | null>(null)
  const trustees = shallowRef<readonly CheckedTrustee[]>([])
  const suite = shallowRef<SuiteChoice | null>(null)
  const made = ref(true)
  const certificate = shallowRef<File | null>(null)
  const privateKey = shallowRef<File | null>(null)
  const sheet = reactive<SheetForm>(emptySheet())
  const documents = reactive(new Map<string, File>())
  const parts = ref<PartProgress[]>([])
  const hashed = ref(0)
  const fresh = shallowRef<FreshBid | null>(null)
  const kept = shallowRef<KeptBid | null>(null)
  const locking = ref(0)
  const upload = shallowRef<UploadStep | null>(null)
  const earlier = shallowRef<OwnBid | null>(null)
  let stopping = new AbortController()

  const signedAll = computed(() => trustees.value.length > 0 && trustees.value.every(({ good }) => good))
  /** Parts that are given as files; the others are typed or made here. */
  const fileParts = computed(() => policy.value?.parts.filter(({ name }) => name === 'qualification' || name === 'technical') ?? [])
  const unsealedWork = computed(() => fresh.value !== null && kept.value === null)

  /** Begin with a tender, or go on where this browser left off; `replacing` is the bid whose place is to be taken. */
  async function begin(chosen: TenderLine, replacing: OwnBid | null): Promise<void> {
    stop()
    Object.assign(sheet, emptySheet())
    documents.clear()
    ;[tender.value, earlier.value, fresh.value, kept.value, upload.value, policy.value] = [chosen, replacing, null, null, null, null]
    step.value = 'policy'
    const own = ownBidOf(await keptBids(), chosen.tender)
    // Whoever replaces a bid that was handed in begins anew.
    if (own !== undefined && (own.receipt === null || replacing === null)) goOn(own)
    else await readPolicy()
  }

  function goOn(bid: KeptBid): void {
    kept.value = bid
    step.value = bid.receipt !== null ? 'receipt' : bid.keySaved ? 'send' : 'key'
  }

  async function readPolicy(): Promise<void> {
    const id = tender.value?.tender ?? ''
    const { bytes, signatures } = await fetchPolicy(id)
    const read = parsePolicy(bytes)
    trustees.value = await checkSignatures(read, signatures)
    suite.value = await chooseSuiteInWorker(read.suites)
    sheet.prices = (tender.value?.lots ?? [{ id: '1' }]).map(({ id: lot }) => ({ lot, yuan: '' }))
    policy.value = read
  }

  // --- sealing

  async function signatory(): Promise<Signatory> {
    if (made.value) return makeSignatory(sheet.bidder.trim(), serverNow.value)
    const read = async (file: File | null): Promise<Bytes> => new Uint8Array((await file?.arrayBuffer()) ?? [])
    return loadSignatory(await read(certificate.value), await read(privateKey.value), serverNow.value)
  }

  /** Seal and open again; throws SealingError, CertificateError. Nothing half-done stays behind, of a killed tab until the next bid. */
  async function seal(): Promise<void> {
    const [terms, choice] = [policy.value, suite.value]
    if (terms === null || choice === null) throw new Error('no policy')
    stopping = new AbortController()
    hashed.value = 0
    parts.value = terms.parts.map(({ name }) => ({ part: name, sealed: 0, checked: 0 }))
    const who = await signatory()
    const draft = await draftBid(terms, choice.suite.code, bidderCommitment(who))
    const slot = await OpeningKey.generate(choice.suite)
    const slots = terms.mode === 'sites' ? [] : [slot]
    const contents = await contentsOf(terms, draft, who)
    const options = { signal: stopping.signal, progress: showProgress }
    const number = toHex(draft.bid)
    // Room is worth having, but what cannot be swept must not keep a bid from being sealed.
    await sweepBytes().catch(() => undefined)
    await claimBytes(number)
    const sealed = await sealInWorker(draft, slots.map(({ publicKey }) => publicKey), contents, options)
    if (!sealed.private) await keepBlob(number, sealed.blob)
    const { digest } = await Envelope.open(blobSource(sealed.blob), terms, draft.bid)
    const record = { tender: terms.tender, bid: draft.bid, suite: draft.suite, policy: terms.bytes, root: sealed.root, digest, size: sealed.blob.size }
    const keys = { envelope: draft.signing.pkcs8(), slots: slots.map((one) => one.pkcs8()) }
    fresh.value = { record, keys, bidder: sheet.bidder.trim() }
    step.value = 'key'
  }

  async function contentsOf(terms: Policy, draft: BidDraft, who: Signatory): Promise<PartToSeal[]> {
    const texts = sheetTexts(sheet, terms)
    texts.set('identity', await identityText(who, draft))
    return terms.parts.map(({ name }) => {
      const text = texts.get(name)
      return { name, content: text === undefined ? (documents.get(name) ?? new Blob([])) : new Blob([text]) }
    })
  }

  function showProgress({ phase, part, done, total }: Progress): void {
    const share = total === 0 ? 1 : done / total
    if (phase === 'hashing') hashed.value = share
    else parts.value = parts.value.map((one) => (one.part === part ? { ...one, [phase === 'sealing' ? 'sealed' : 'checked']: share } : one))
  }

  /** Say whether the plaintext of a part fits the policy, padding included. */
  function fits(name: string, content: Blob): boolean {
    const limit = policy.value?.parts.find((part) => part.name === name)?.maxSize ?? 0
    return (PADDED.includes(name) ? pad(content) : content).size <= limit
  }

  // --- the key file

  /** Lock the keys into their file; from here on a reload loses nothing. */
  async function lock(passphrase: string): Promise<KeptBid> {
    const [bid, line] = [fresh.value, tender.value]
    if (bid === null || line === null) throw new Error('no bid to lock')
    locking.value = 0
    const { record } = bid
    const keyFile = await lockKeys(record, bid.keys, passphrase, (share) => (locking.value = share))
    const old = earlier.value
    const replaces = old === null ? null : { earlier: numberOf(old.record), signature: await signReplacement(old, record.bid, record.digest) }
    const { suite: code, size } = record
    const [root, digest, number] = [toHex(record.root), toHex(record.digest), numberOf(record)]
    const facts = { number, tender: line.tender, title: line.title, bidder: bid.bidder, suite: code, size, root, digest }
    await change({ ...facts, sealedMs: serverNow.value, keyFile, keySaved: false, replaces, receipt: null })
    fresh.value = null
    void navigator.storage?.persist?.()
    return kept.value as KeptBid
  }

  /** Take the saved file back in: only that shows that it was saved. Returns whether it is this bid's. */
  async function confirmSaved(file: File): Promise<boolean> {
    const bid = kept.value
    if (bid === null) return false
    const bytes = new Uint8Array(await file.arrayBuffer())
    const same = bytes.length === bid.keyFile.length && bytes.every((byte, index) => byte === bid.keyFile[index])
    if (!same) {
      readRecord(bytes) // throws for what is no key file at all; what is left is another bid's
      return false
    }
    await change({ ...bid, keySaved: true })
    step.value = 'send'
    return true
  }

  async function change(bid: KeptBid): Promise<void> {
    await keep(bid)
    kept.value = bid
  }

  // --- handing in

  async function send(): Promise<void> {
    const bid = kept.value
    if (bid === null) return
    stopping = new AbortController()
    const bytes = await sealedBytes(bid.number)
    if (bytes?.size !== bid.size) throw new SealingError('bytes_missing', { size: bytes?.size ?? 0 })
    const facts = { size: bid.size, digest: bid.digest, root: bid.root }
    const all = bid.replaces === null ? facts : { ...facts, replaces: bid.replaces.earlier, signature: bid.replaces.signature }
    const handing = { tender: bid.tender, bid: bid.number, facts: all, bytes }
    const receipt = await handIn(handing, { signal: stopping.signal, step: (now) => (upload.value = now) })
    await change({ ...bid, receipt })
    // Its own bytes stay until the opening is over: the host's copy may be damaged, and then only the very same file helps.
    if (bid.replaces !== null) await dropBytes(bid.replaces.earlier)
    step.value = 'receipt'
  }

  /** Fetch the receipt anew: cosignatures and time stamp may have come since. */
  async function renewReceipt(): Promise<void> {
    const bid = kept.value
    if (bid !== null) await change({ ...bid, receipt: await fetchReceipt(bid.tender, bid.number, bid.digest) })
  }

  async function giveUp(): Promise<void> {
    const [bid, line] = [kept.value, tender.value]
    if (bid !== null) await forget(bid.number)
    if (line !== null) await begin(line, earlier.value)
  }

  function stop(): void {
    stopping.abort()
  }

  return {
    tender, step, policy, trustees, suite, made, certificate, privateKey, sheet, documents, parts, hashed, fresh, kept, locking, upload, earlier,
    signedAll, fileParts, unsealedWork, suiteName: (code: number) => suiteOf(code).name,
    begin, readPolicy, seal, fits, lock, confirmSaved, send, renewReceipt, giveUp, stop,
  }
})
