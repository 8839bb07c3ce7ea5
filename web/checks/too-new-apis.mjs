// The build target transpiles syntax, not missing APIs: what Chromium 87 and Firefox 115 lack must not be called
// in our own sources without a fall-back. Each line names the first Chromium that has it.

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')

const TOO_NEW = [
  [/\bstructuredClone\(/, 'structuredClone', 98],
  [/\.at\(-?\w+\)/, 'Array.prototype.at', 92],
  [/\brandomUUID\(/, 'crypto.randomUUID', 92],
  [/\bObject\.hasOwn\(/, 'Object.hasOwn', 93],
  [/\.findLast(Index)?\(/, 'Array.prototype.findLast', 97],
  [/\.to(Sorted|Reversed|Spliced)\(/, 'change array by copy', 110],
  [/\bArray\.fromAsync\(/, 'Array.fromAsync', 121],
  [/\b(Object|Map)\.groupBy\(/, 'groupBy', 117],
  [/\bPromise\.(withResolvers|try)\(/, 'Promise.withResolvers', 119],
  [/\bAbortSignal\.(timeout|any)\(/, 'AbortSignal.timeout', 103],
  [/\bsignal\.throwIfAborted\(/, 'AbortSignal.throwIfAborted', 100],
  [/\bIterator\.from\(|\.values\(\)\.(map|filter)\(/, 'iterator helpers', 122],
  [/\.(toBase64|toHex|setFromHex)\(\)/, 'Uint8Array base64', 140],
  [/\bnew Set\([^)]*\)\.(union|intersection|difference)\(/, 'Set methods', 122],
  [/\.isWellFormed\(|\.toWellFormed\(/, 'well-formed strings', 111],
  [/\brequestVideoFrameCallback\(/, 'requestVideoFrameCallback (Firefox 132)', 83],
  [/\.showPopover\(|\.togglePopover\(/, 'popover', 114],
  [/\bfor await \(const \w+ of (response|stream)\.body/, 'ReadableStream iteration', 124],
]

/** Fall-backs that were written down: file and name. */
const ALLOWED = new Set([])

function files(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return files(path)
    return /\.(ts|vue)$/.test(entry.name) ? [path] : []
  })
}

let found = 0
for (const path of files(join(ROOT, 'src'))) {
  readFileSync(path, 'utf8')
    .split('\n')
    .forEach((line, index) => {
      if (line.trimStart().startsWith('//')) return
      for (const [pattern, name, chromium] of TOO_NEW) {
        if (!pattern.test(line) || ALLOWED.has(`${relative(ROOT, path)}:${name}`)) continue
        found += 1
        console.log(`${relative(ROOT, path)}:${index + 1}: ${name} needs Chromium ${chromium}`)
      }
    })
}
console.log(`${found} calls that Chromium 87 does not know`)
process.exit(found > 0 ? 1 : 0)
