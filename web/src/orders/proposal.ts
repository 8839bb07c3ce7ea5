// Acts that need a second person (evalroom/approval.py): what the digest covers, and who proposes and approves what.

import { sha256 } from '@noble/hashes/sha2.js'

import { toHex } from '@/proof/bytes'
import { canonical } from '@/proof/canonical'
import type { EventBodies, Role, Stage } from '@/protocol/room'
import { STAGES } from '@/session/stages'
import type { SessionView } from '@/session/view'

export type Act = EventBodies['Proposed']['act']
export type ActKind = NonNullable<Act['kind']>

interface Rule {
  readonly proposers: readonly Role[]
  readonly approvers: readonly Role[]
  readonly stages: readonly Stage[]
  readonly chair: boolean
}

function between(first: Stage, last: Stage): Stage[] {
  return STAGES.slice(STAGES.indexOf(first), STAGES.indexOf(last) + 1)
}

/** The table of the host; it decides, this only shows what can be asked for. */
export const RULES: Readonly<Record<ActKind, Rule>> = {
  step_back: { proposers: ['expert'], approvers: ['regulator'], stages: between('preliminary', 'signing'), chair: true },
  reopen_sheet: { proposers: ['expert'], approvers: ['regulator'], stages: ['preliminary', 'detailed'], chair: true },
  replace_expert: { proposers: ['supervisor'], approvers: ['regulator'], stages: between('gathering', 'signing'), chair: false },
  resume: { proposers: ['supervisor'], approvers: ['regulator'], stages: between('planned', 'signing'), chair: false },
  correct_price: { proposers: ['operator'], approvers: ['regulator', 'supervisor'], stages: ['pricing', 'summary'], chair: false },
  fail_lot: { proposers: ['operator', 'supervisor'], approvers: ['regulator'], stages: between('opening', 'reporting'), chair: false },
  reevaluate: { proposers: ['operator'], approvers: ['regulator'], stages: ['signing'], chair: false },
  abort_session: { proposers: ['supervisor'], approvers: ['regulator'], stages: between('planned', 'signing'), chair: false },
  confirm_by_two: { proposers: ['site_operator', 'operator'], approvers: ['supervisor', 'operator'], stages: between('gathering', 'signing'), chair: false },
}

/** Stages that a step back may lead to. */
export const BACK: Readonly<Partial<Record<Stage, readonly Stage[]>>> = {
  detailed: ['preliminary'],
  pricing: ['preliminary', 'detailed'],
  summary: ['preliminary', 'detailed', 'pricing'],
  reporting: ['preliminary', 'detailed', 'pricing', 'summary'],
  signing: ['preliminary', 'detailed', 'pricing', 'summary', 'reporting'],
}

/** The digest both persons sign: hex SHA-256 of the RFC 8785 bytes of {act, proposal, reason}. */
export function proposalDigest(proposal: string, act: Act, reason: string): string {
  return toHex(sha256(canonical({ act: { ...act }, proposal, reason })))
}

/** What this seat may propose now. */
export function proposable(view: SessionView, seat: string, role: Role): ActKind[] {
  return (Object.keys(RULES) as ActKind[]).filter((kind) => {
    const rule = RULES[kind]
    if (kind === 'confirm_by_two') return false // proposed at the seat's own card
    if (!rule.proposers.includes(role) || !rule.stages.includes(view.stage)) return false
    if (rule.chair && view.chair !== seat) return false
    if (kind === 'resume') return view.paused !== null && view.twoToResume
    if (kind === 'step_back') return (BACK[view.stage] ?? []).length > 0
    return true
  })
}

/** Whether this seat is the second person for a proposal; where no regulator has a seat another officer is. */
export function mayDecide(view: SessionView, seat: string, role: Role, kind: ActKind, by: string): boolean {
  if (seat === by) return false
  const regulator = view.seats.some((one) => one.role === 'regulator')
  const approvers = RULES[kind].approvers.filter((one) => regulator || one !== 'regulator')
  return (approvers.length > 0 ? approvers : ['supervisor', 'operator']).includes(role)
}
