// Prints the updates of a run before it begins, so that the load driver encodes nothing while it measures: for every
// round a line for each writer, base64; or, with `merged`, one line with the state they lead to.  A value is `~` and
// nine digits: (writer + 1) * 100 000 + round.
//
//   node yjs_updates.mjs WRITERS ROUNDS [merged]

import * as Y from 'yjs'

const [writers, rounds] = process.argv.slice(2).map(Number)
const merged = process.argv[4] === 'merged'
const CELLS = 20
const all = new Y.Doc()
const waiting = []
const documents = Array.from({ length: writers }, () => {
  const document = new Y.Doc()
  document.on('update', (update) => waiting.push(update))
  return document
})
const print = (updates) =>
  process.stdout.write(`${updates.map((one) => Buffer.from(one).toString('base64')).join('\n')}\n`)
for (let round = 0; round < rounds; round += 1) {
  documents.forEach((document, writer) => {
    const value = `~${String((writer + 1) * 100_000 + round).padStart(9, '0')}`
    document.getMap('cells').set(`${writer}/${round % CELLS}`, value)
  })
  if (!merged) print(waiting.splice(0))
}
if (merged) {
  for (const update of waiting) Y.applyUpdate(all, update)
  print([Y.encodeStateAsUpdate(all)])
}
