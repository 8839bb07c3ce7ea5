// The little this page must remember when its tab is killed: signing keys and commands not yet acknowledged.
// IndexedDB, because it survives the tab, holds CryptoKeys that cannot be taken out, and reports its errors.

const NAME = 'evalroom'
const VERSION = 1

export const OUTBOX_STORE = 'outbox'
export const KEY_STORE = 'keys'

/** Open the database; rejects when the browser refuses storage (private window, disk full). */
export function openDatabase(factory: IDBFactory = indexedDB): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = factory.open(NAME, VERSION)
    request.onupgradeneeded = () => {
      const outbox = request.result.createObjectStore(OUTBOX_STORE, { keyPath: 'order', autoIncrement: true })
      outbox.createIndex('owner', 'owner')
      request.result.createObjectStore(KEY_STORE)
    }
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error ?? new Error('the browser refused its database'))
    request.onblocked = () => reject(new Error('another window holds an older database open'))
  })
}

/** Run `work` in one transaction over `store` and resolve when it is committed, not merely asked for. */
export function transact<T>(
  database: IDBDatabase,
  store: string,
  mode: IDBTransactionMode,
  work: (store: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(store, mode)
    const request = work(transaction.objectStore(store))
    transaction.oncomplete = () => resolve(request.result)
    transaction.onerror = () => reject(transaction.error ?? new Error('the browser could not write'))
    transaction.onabort = () => reject(transaction.error ?? new Error('the browser gave up writing'))
  })
}
