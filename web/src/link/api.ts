// The few HTTP routes beside the socket. A refusal comes as RFC 9457 problem details with our stable code.

import type { Role } from '@/protocol/room'

export interface Me {
  session: string
  seat: string
  role: Role
  label: string
  title: string
  page: string
}

export class Problem extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status: number,
    readonly detail: Readonly<Record<string, unknown>> = {},
  ) {
    super(message)
  }
}

/** Fetch `path` and return the parsed answer; throws Problem for a refusal and for a node out of reach. */
export async function call<T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> {
  const init: RequestInit = { method, credentials: 'same-origin', headers: { Accept: 'application/json' } }
  if (body instanceof Blob || body instanceof FormData) init.body = body
  else if (body !== undefined) {
    init.body = JSON.stringify(body)
    init.headers = { ...init.headers, 'Content-Type': 'application/json' }
  }
  const text = await (await send(path, init)).text()
  return (text === '' ? null : JSON.parse(text)) as T
}

/** Fetch `path` and return the answer when it is a good one; throws Problem for a refusal and for a node out of reach. */
export async function send(path: string, init: RequestInit): Promise<Response> {
  const response = await reach(path, init)
  if (!response.ok) throw problemOf(response.status, await response.text())
  return response
}

async function reach(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, init)
  } catch (cause) {
    if (init.signal?.aborted === true) throw cause
    throw new Problem('unreachable', String(cause), 0)
  }
}

function problemOf(status: number, text: string): Problem {
  try {
    const problem = JSON.parse(text) as { code?: unknown; title?: unknown; detail?: unknown }
    const facts = typeof problem.detail === 'object' && problem.detail !== null ? problem.detail : {}
    const title = typeof problem.title === 'string' ? problem.title : ''
    return new Problem(String(problem.code ?? `http_${status}`), title, status, facts as Record<string, unknown>)
  } catch {
    return new Problem(`http_${status}`, '', status)
  }
}

export function login(code: string): Promise<Me> {
  return call<Me>('POST', '/api/v1/login', { code })
}

/** Who holds this browser's seat cookie; null when nobody is logged in. */
export async function whoAmI(): Promise<Me | null> {
  try {
    return await call<Me>('GET', '/api/v1/me')
  } catch (error) {
    if (error instanceof Problem && error.status === 401) return null
    throw error
  }
}

const PAGES: Readonly<Partial<Record<Role, string>>> = {
  expert: '/seat/',
  supervisor: '/wall/',
  operator: '/site/',
  site_operator: '/site/',
  archivist: '/replay/',
  regulator: '/wall/',
}

/** End this browser's login; the seat itself stays as it is. */
export function logout(): Promise<void> {
  return call<void>('POST', '/api/v1/logout')
}

/** Where the seat of `role` works. */
export function pageOf(role: Role): string {
  return PAGES[role] ?? '/'
}
