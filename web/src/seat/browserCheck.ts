// Whether this browser can do what a seat needs: said in one sentence, with the cure.

export interface BrowserVerdict {
  readonly passed: boolean
  /** Key under `check.` of the sentence, and what it names. */
  readonly key: 'browser_ok' | 'browser_old' | 'browser_insecure' | 'browser_missing'
  readonly facts: Readonly<Record<string, string>>
}

const OLDEST_CHROMIUM = 87
const OLDEST_FIREFOX = 115

/** Return the name and major version the user agent string gives. */
export function browserName(agent: string): { name: string; major: number; oldest: number } {
  const firefox = /Firefox\/(\d+)/.exec(agent)
  if (firefox) return { name: `Firefox ${firefox[1]}`, major: Number(firefox[1]), oldest: OLDEST_FIREFOX }
  const chromium = /(?:Chrome|Chromium|HeadlessChrome)\/(\d+)/.exec(agent)
  if (chromium) return { name: `Chromium ${chromium[1]}`, major: Number(chromium[1]), oldest: OLDEST_CHROMIUM }
  return { name: agent.slice(0, 60), major: 0, oldest: 0 }
}

export function checkBrowser(scope: Window & typeof globalThis = window): BrowserVerdict {
  const { name, major, oldest } = browserName(scope.navigator.userAgent)
  if (!scope.isSecureContext) return { passed: false, key: 'browser_insecure', facts: {} }
  if (major < oldest) return { passed: false, key: 'browser_old', facts: { name } }
  const needed = {
    WebRTC: 'RTCPeerConnection' in scope,
    WebCrypto: scope.crypto?.subtle !== undefined,
    IndexedDB: 'indexedDB' in scope,
    camera: scope.navigator.mediaDevices !== undefined,
  }
  const missing = Object.entries(needed).filter(([, there]) => !there)
  if (missing.length > 0) {
    return { passed: false, key: 'browser_missing', facts: { what: missing.map(([what]) => what).join(', ') } }
  }
  return { passed: true, key: 'browser_ok', facts: { name } }
}
