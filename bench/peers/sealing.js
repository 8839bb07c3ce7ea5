// Runs in the page of bench/browser_sealing.py, beside the pages' own sealing library on `window.evb1`.
// Every run is timed from the first call to the last byte; plaintext lies in a Blob, as a chosen file does.

const MIB = 1024 * 1024

/** Plaintext that no disk or engine finds pattern in. */
window.plaintext = (size) => {
  const pieces = []
  for (let at = 0; at < size; at += MIB) {
    const piece = new Uint8Array(Math.min(MIB, size - at))
    for (let from = 0; from < piece.length; from += 65536) crypto.getRandomValues(piece.subarray(from, from + 65536))
    pieces.push(piece)
  }
  window.content = new Blob(pieces)
}

/**
 * WebCrypto's AES-GCM alone: the same file read by the same stream, encrypted in pieces of `size`, and dropped. With `together`
 * below 0 all memory is given back at once, as our own sealing does it, and so many pieces are under way as that says.
 */
window.raw = async (size, together) => {
  const waits = together === 0
  const sparing = together < 0
  const { port1: closed, port2 } = new MessageChannel()
  port2.close()
  const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt'])
  const began = performance.now()
  const reader = window.content.stream().getReader()
  const slab = new Uint8Array(MIB)
  const calls = []
  let [rest, filled] = [new Uint8Array(0), 0]
  const encrypt = (plain) => calls.push(crypto.subtle.encrypt({ name: 'AES-GCM', iv: new Uint8Array(12) }, key, plain))
  const flush = async () => {
    for (let from = 0; from < filled; from += size) {
      encrypt(slab.subarray(from, Math.min(from + size, filled)))
      if (waits) await calls.pop()
      if (sparing && calls.length === -together) closed.postMessage(null, await Promise.all(calls.splice(0)))
    }
    filled = 0
    if (!sparing && calls.length > together) await Promise.all(calls.splice(0, calls.length - together))
  }
  for (;;) {
    if (rest.length === 0) {
      const { done, value } = await reader.read()
      if (done) break
      rest = value
    }
    const taken = Math.min(rest.length, MIB - filled)
    slab.set(rest.subarray(0, taken), filled)
    const read = rest.buffer
    rest = rest.subarray(taken)
    if (sparing && rest.length === 0) closed.postMessage(null, [read])
    filled += taken
    if (filled === MIB) await flush()
  }
  await flush()
  await Promise.all(calls)
  return performance.now() - began
}

/** The same in a worker, where no page waits for its turn. */
window.rawInWorker = (size, together) => {
  const source = `const MIB = ${MIB}; const window = self; window.raw = ${window.raw}
    onmessage = async ({data}) => { window.content = data; postMessage(await window.raw(${size}, ${together})) }`
  const worker = new Worker(URL.createObjectURL(new Blob([source])))
  return new Promise((done) => {
    worker.onmessage = ({ data }) => {
      worker.terminate()
      done(data)
    }
    worker.postMessage(window.content)
  })
}

/** What comes before the button, on the bidder's page too: the suites are tried out when the tender is chosen; then a sheet is filled in. */
window.drafted = async ({ policy, suite }) => {
  await window.evb1.chooseSuiteInWorker([suite])
  window.draft = await window.evb1.draftBid(window.evb1.parsePolicy(new TextEncoder().encode(policy)), suite, new Uint8Array(32))
  await new Promise((filledIn) => setTimeout(filledIn, 1000))
}

/**
 * The whole product: keys, streams, leaf hashes, private file, signature; then its self-test. Returns how long sealing took, and
 * leaves the self-test running: `tested` waits for that.
 */
window.sealed = async ({ slots }) => {
  const { evb1, draft } = window
  const small = new Blob(['{}'])
  const parts = [['identity', small], ['opening', small], ['technical', window.content], ['price', small]]
  const began = performance.now()
  let testing
  const sealedAt = await new Promise((done, failed) => {
    const progress = ({ phase }) => phase !== 'sealing' && done(performance.now())
    testing = evb1.sealInWorker(draft, slots.map(evb1.fromBase64), parts.map(([name, content]) => ({ name, content })), { progress })
    testing.catch(failed)
  })
  window.tested = async () => {
    await testing
    const took = performance.now() - sealedAt
    await evb1.removePrivateFile(evb1.fileNameOf(draft.bid))
    return took
  }
  return sealedAt - began
}
window.ready = true
