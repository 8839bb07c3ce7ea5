// Prints the updates of a run before it begins, so that the load driver encodes nothing while it measures: for every
// round a line for each writer, base64.  A value is `~` and nine digits: (writer + 1) * 100 000 + round.
//
//   node yjs_updates.mjs WRITERS ROUNDS

import * as Y from 'yjs'

const [writers, rounds] = process.argv.slice(2).map(Number)
const CELLS = 20
const waiting = []
const documents = Array.from({ length: writers }, () => {
  const document = new Y.Doc()
  document.on('update', (update) => waiting.push(Buffer.from(update).toString('base64')))
  return document
})
for (let round = 0; round < rounds; round += 1) {
  documents.forEach((document, writer) => {
    const value = `~${String((writer + 1) * 100_000 + round).padStart(9, '0')}`
    document.getMap('cells').set(`${writer}/${round % CELLS}`, value)
  })
  process.stdout.write(`${waiting.splice(0).join('\n')}\n`)
}
