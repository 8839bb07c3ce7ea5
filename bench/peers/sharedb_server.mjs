// A ShareDB server for comparison.  MODE "everybody": one document that every client subscribes to, in memory.
// MODE "owner": one document per writer; only its owner may submit to it, and an operation is committed after it
// stands in a file that was synchronised (operations that wait together share one fdatasync).
//
//   node sharedb_server.mjs PORT MODE WRITERS [FILE]

import fs from 'node:fs'
import http from 'node:http'

import WebSocketJSONStream from '@teamwork/websocket-json-stream'
import ShareDB from 'sharedb'
import { WebSocketServer } from 'ws'

const [port, mode, writers, file] = process.argv.slice(2)
const MemoryDB = ShareDB.MemoryDB

class SyncedDB extends MemoryDB {
  #file = fs.openSync(file, 'a')
  #waiting = []
  #writing = false

  commit(collection, id, op, snapshot, options, callback) {
    const store = () => super.commit(collection, id, op, snapshot, options, callback)
    this.#waiting.push({ line: `${JSON.stringify([id, op])}\n`, store, fail: callback })
    if (!this.#writing) this.#write()
  }

  #write() {
    const batch = this.#waiting
    this.#waiting = []
    this.#writing = true
    fs.write(this.#file, batch.map((one) => one.line).join(''), (failed) => {
      if (failed) return this.#done(batch, failed)
      fs.fdatasync(this.#file, (error) => this.#done(batch, error))
    })
  }

  #done(batch, error) {
    this.#writing = false
    for (const one of batch) error ? one.fail(error) : one.store()
    if (this.#waiting.length > 0) this.#write()
  }
}

const owned = mode === 'owner'
const backend = new ShareDB(owned ? { db: new SyncedDB() } : {})
if (owned) {
  backend.use('connect', (context, next) => {
    if (context.req) context.agent.custom.writer = context.req.url.slice(1)
    next()
  })
  backend.use('submit', (context, next) => {
    const stranger = context.agent.custom.writer !== undefined && context.agent.custom.writer !== context.id
    next(stranger ? new Error('not the owner') : undefined)
  })
}

const connection = backend.connect()
const create = (id) =>
  new Promise((resolve, reject) => {
    connection.get('sheets', id).create({ cells: {} }, (error) => (error ? reject(error) : resolve()))
  })
const names = owned ? Array.from({ length: Number(writers) }, (_, index) => `w${index}`) : ['all']
await Promise.all(names.map(create))

const server = http.createServer()
new WebSocketServer({ server }).on('connection', (socket, request) => {
  backend.listen(new WebSocketJSONStream(socket), request)
})
server.listen(Number(port), '127.0.0.1', () => console.log('ready'))
