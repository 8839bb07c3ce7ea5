// The seat's own signature under what its person does: ECDSA P-256 over SHA-256 (ES256), as a detached JWS.
// The private key is made in this browser, cannot be taken out of it, and is registered at check-in.

import { KEY_STORE, transact } from '@/link/database'

import { concat, toBase64Url } from './bytes'
import { canonical } from './canonical'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const
const HEADER = toBase64Url(new TextEncoder().encode('{"alg":"ES256"}'))

/** What a signature covers (archive.md §13): never a clear secret, only the body with its commitments. */
export interface SignedAct {
  readonly actor: string
  readonly body: unknown
  readonly cmd: string
  readonly session: string
  readonly site: string
  readonly type: string
}

export class SeatKey {
  private constructor(
    private readonly pair: CryptoKeyPair,
    /** The public key, base64url of its SubjectPublicKeyInfo. */
    readonly spki: string,
  ) {}

  /** Return the key kept for `owner` (session and seat), or make and keep one. */
  static async of(database: IDBDatabase, owner: string): Promise<SeatKey> {
    const kept = await transact<CryptoKeyPair | undefined>(database, KEY_STORE, 'readonly', (store) => store.get(owner))
    const pair = kept ?? (await SeatKey.#make(database, owner))
    const spki = await crypto.subtle.exportKey('spki', pair.publicKey)
    return new SeatKey(pair, toBase64Url(new Uint8Array(spki)))
  }

  static async #make(database: IDBDatabase, owner: string): Promise<CryptoKeyPair> {
    const pair = await crypto.subtle.generateKey(ALGORITHM, false, ['sign', 'verify'])
    await transact(database, KEY_STORE, 'readwrite', (store) => store.put(pair, owner))
    return pair
  }

  /** Return the detached JWS (`header..signature`) over the canonical bytes of `act`. */
  async sign(act: SignedAct): Promise<string> {
    const payload = toBase64Url(canonical(act))
    const input = new TextEncoder().encode(`${HEADER}.${payload}`)
    const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, this.pair.privateKey, concat(input))
    return `${HEADER}..${toBase64Url(new Uint8Array(signature))}`
  }
}
