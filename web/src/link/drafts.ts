// Text typed into cells and not yet entered, kept so that a killed tab brings it back. Synchronous on purpose:
// a tab that dies has no time for a promise.

const PREFIX = 'evalroom.drafts.'

export type Drafts = Record<string, string>

export function loadDrafts(owner: string, storage: Storage = localStorage): Drafts {
  const text = storage.getItem(PREFIX + owner)
  return text === null ? {} : (JSON.parse(text) as Drafts)
}

export function saveDraft(owner: string, cell: string, text: string | null, storage: Storage = localStorage): void {
  const drafts = loadDrafts(owner, storage)
  if (text === null) delete drafts[cell]
  else drafts[cell] = text
  if (Object.keys(drafts).length === 0) storage.removeItem(PREFIX + owner)
  else storage.setItem(PREFIX + owner, JSON.stringify(drafts))
}
