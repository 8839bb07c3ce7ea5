// @vitest-environment node
// The key file: what loses or leaks it costs a bid. The command line reads the same file in tests/browser.
import { describe, expect, it } from 'vitest'

import { checkPassphrase, lockKeys, newPassphrase, readRecord, unlockKeys } from '@/bidder/keyFile'
import { ascii, type Bytes, toBase64 } from '@/sealing/bytes'

const RECORD = {
  tender: 'T-1',
  bid: new Uint8Array(16).fill(7),
  suite: 2,
  policy: ascii('{"v":1}'),
  root: new Uint8Array(32).fill(1),
  digest: new Uint8Array(32).fill(2),
  size: 123_456,
}
const KEYS = { envelope: [new Uint8Array(70).fill(3)], slots: [[new Uint8Array(70).fill(4)]] }
const PASSPHRASE = 'a long passphrase'
const refused = (code: string): object => expect.objectContaining({ code }) as object

const file = await lockKeys(RECORD, KEYS, PASSPHRASE)

function changed(file: Bytes, change: (members: Record<string, unknown>) => void): Bytes {
  const members = JSON.parse(new TextDecoder().decode(file)) as Record<string, unknown>
  change(members)
  return ascii(`${JSON.stringify(members)}\n`)
}

describe('a key file', () => {
  it('gives back its keys to whoever has the passphrase, however it was typed', async () => {
    expect(await unlockKeys(file, ` ${PASSPHRASE} `)).toEqual({ record: RECORD, keys: KEYS })
  })

  it('says what the bid is without the passphrase, and nothing of the keys', () => {
    expect(readRecord(file)).toEqual(RECORD)
    expect(new TextDecoder().decode(file)).not.toContain(toBase64(KEYS.envelope[0] as Bytes).slice(0, 40))
  })

  it('stays shut to another passphrase', async () => {
    await expect(unlockKeys(file, 'another passphrase')).rejects.toEqual(refused('bid_keys_locked'))
  })

  it('stays shut when what it says in clear was changed', async () => {
    const other = changed(file, (members) => (members['tender'] = 'T-2'))
    await expect(unlockKeys(other, PASSPHRASE)).rejects.toEqual(refused('bid_keys_locked'))
  })

  it.each([
    ['no line end', (): Bytes => file.slice(0, -1)],
    ['a cheaper derivation', (): Bytes => changed(file, (members) => (members['kdf'] = 'scrypt 2 8 1'))],
    ['a member too many', (): Bytes => changed(file, (members) => (members['zz'] = 1))],
    ['another kind', (): Bytes => changed(file, (members) => (members['kind'] = 'shopping list'))],
    ['a picture', (): Bytes => new Uint8Array([0x89, 0x50, 0x0a])],
    ['nothing', (): Bytes => new Uint8Array(0)],
  ])('is refused with %s', async (_, bytes) => {
    await expect(unlockKeys(bytes(), PASSPHRASE)).rejects.toEqual(refused('malformed_key_file'))
  })
})

describe('a passphrase', () => {
  it('is refused when it is short, white space not counted', () => {
    expect(() => checkPassphrase('  eleven char  ')).toThrow(refused('weak_passphrase') as Error)
    expect(checkPassphrase(' twelve chars ')).toBe('twelve chars')
  })

  it('is drawn from letters that cannot be mistaken, another each time', () => {
    const drawn = Array.from({ length: 50 }, newPassphrase)
    expect(new Set(drawn).size).toBe(50)
    expect(drawn.every((one) => /^([a-hjkmnp-z2-9]{5}-){4}[a-hjkmnp-z2-9]{5}$/.test(one))).toBe(true)
  })
})
