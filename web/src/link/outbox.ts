// Commands given here and not yet acknowledged, in the order they were given, kept across a killed tab.
// A command leaves only by an acknowledgement or a refusal; sending it twice is safe, its id is the same.

import type { Submit } from '@/protocol/messages'

import { OUTBOX_STORE, transact } from './database'

/** How far a command got: kept here, sent to the node, or on the node's disk while the host is away. */
export type Progress = 'kept' | 'sent' | 'held'

export interface Pending {
  readonly submit: Submit
  readonly progress: Progress
}

interface Row {
  order?: number
  owner: string
  submit: Submit
}

export class Outbox {
  readonly #pending = new Map<string, { order: number; submit: Submit; progress: Progress }>()
  #writes: Promise<unknown> = Promise.resolve()

  private constructor(
    private readonly database: IDBDatabase,
    private readonly owner: string,
  ) {}

  /** Open the outbox of `owner` (session and seat) with what a former tab left in it. */
  static async open(database: IDBDatabase, owner: string): Promise<Outbox> {
    const outbox = new Outbox(database, owner)
    const rows = await transact<Row[]>(database, OUTBOX_STORE, 'readonly', (store) =>
      store.index('owner').getAll(owner),
    )
    for (const row of rows.sort((a, b) => (a.order ?? 0) - (b.order ?? 0))) {
      outbox.#pending.set(row.submit.command_id, { order: row.order ?? 0, submit: row.submit, progress: 'kept' })
    }
    return outbox
  }

  get size(): number {
    return this.#pending.size
  }

  /** All commands in the order they were given. */
  all(): Pending[] {
    return [...this.#pending.values()]
  }

  /** Keep `submit`; resolves when the browser has committed it, and only then may it be sent. */
  async keep(submit: Submit): Promise<void> {
    const written = this.#writes.then(() =>
      transact(this.database, OUTBOX_STORE, 'readwrite', (store) => store.add({ owner: this.owner, submit })),
    )
    this.#writes = written.catch(() => undefined)
    const order = Number(await written)
    this.#pending.set(submit.command_id, { order, submit, progress: 'kept' })
  }

  mark(commandId: string, progress: Progress): void {
    const pending = this.#pending.get(commandId)
    if (pending !== undefined) pending.progress = progress
  }

  /** After a new connection nobody knows what the last one carried: everything counts as unsent again. */
  forgetSent(): void {
    for (const pending of this.#pending.values()) pending.progress = 'kept'
  }

  /** Take out a command that was acknowledged or refused; returns it, or null when it was not ours. */
  settle(commandId: string): Submit | null {
    const pending = this.#pending.get(commandId)
    if (pending === undefined) return null
    this.#pending.delete(commandId)
    // A deletion lost with the tab only means that the command is sent once more and answered as before.
    this.#writes = this.#writes
      .then(() => transact(this.database, OUTBOX_STORE, 'readwrite', (store) => store.delete(pending.order)))
      .catch(() => undefined)
    return pending.submit
  }

  /** Resolves when every write so far is committed or has failed. */
  async flushed(): Promise<void> {
    await this.#writes
  }
}
