// Acts that need a second person (evalroom/approval.py): what the digest covers, and who proposes and approves what.

import { sha256 } from '@noble/hashes/sha2.js'

import { toHex } from '@/proof/bytes'
import { canonical } from '@/proof/canonical'
import type { EventBodies, Lot, Role, Stage } from '@/protocol/room'
import { STAGES } from '@/session/stages'
import { awardTied, type SessionView, signatories } from '@/session/view'

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
  settle_tie: { proposers: ['operator'], approvers: ['regulator', 'supervisor'], stages: ['summary'], chair: false },
  award_lot: { proposers: ['operator'], approvers: ['regulator', 'supervisor'], stages: ['summary'], chair: false },
  deem_agreed: { proposers: ['expert', 'operator'], approvers: ['regulator', 'supervisor'], stages: ['signing'], chair: true },
  abort_session: { proposers: ['supervisor'], approvers: ['regulator'], stages: between('planned', 'signing'), chair: false },
  release_question: { proposers: ['expert'], approvers: ['regulator'], stages: ['preliminary', 'detailed', 'summary'], chair: false },
  settle_fault: { proposers: ['operator'], approvers: ['regulator'], stages: between('gathering', 'signing'), chair: false },
  reopen_for_complaint: { proposers: ['operator', 'supervisor'], approvers: ['regulator'], stages: ['concluded'], chair: false },
  confirm_by_two: { proposers: ['site_operator', 'operator'], approvers: ['supervisor', 'operator'], stages: between('gathering', 'signing'), chair: false },
}

/** Acts that are proposed where they come up (src/asides, a seat's own card), not from the list of what may be proposed. */
const ELSEWHERE: ReadonlySet<ActKind> = new Set<ActKind>(['release_question', 'settle_fault', 'confirm_by_two'])

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

/** Members who have not said how they stand to a report, lot by lot. */
export function unsigned(view: SessionView): { lot: string; seat: string }[] {
  const pairs = [...view.reports.keys()].flatMap((lot) => signatories(view).map((seat) => ({ lot, seat })))
  return pairs.filter(({ lot, seat }) => !view.signatures.has(`${lot}/${seat}`))
}

/** What this seat may propose now. */
export function proposable(view: SessionView, seat: string, role: Role): ActKind[] {
  return (Object.keys(RULES) as ActKind[]).filter((kind) => {
    const rule = RULES[kind]
    if (ELSEWHERE.has(kind) || !rule.proposers.includes(role) || !rule.stages.includes(view.stage)) return false
    if (rule.chair && role === 'expert' && view.chair !== seat) return false
    if (kind === 'deem_agreed') return unsigned(view).length > 0
    if (kind === 'resume') return view.paused !== null && view.twoToResume
    if (kind === 'step_back') return (BACK[view.stage] ?? []).length > 0
    if (kind === 'settle_tie' || kind === 'award_lot') return lotsToSettle(view, kind).length > 0
    return true
  })
}

/** Lots in which the tenderer has to put tied bids in order, or to choose among those a vote left tied. */
export function lotsToSettle(view: SessionView, kind: 'settle_tie' | 'award_lot'): Lot[] {
  const left = (view.tender?.lots ?? []).filter((lot) => lot.pricing.undecided === 'tenderer' && !view.failedLots.has(lot.id))
  return left.filter(({ id }) => (kind === 'award_lot' ? awardTied(view, id) : (view.rankings.get(id)?.ties ?? [])).length > 0)
}

/** Whether this seat is the second person for a proposal; where no regulator has a seat another officer is. `agreed` have approved. */
export function mayDecide(view: SessionView, seat: string, role: Role, kind: ActKind, by: string, agreed: readonly Role[] = []): boolean {
  if (seat === by || agreed.includes(role)) return false
  const regulator = view.seats.some((one) => one.role === 'regulator')
  if (kind === 'release_question' && view.asides.rules.approval === 'both') {
    return role === 'operator' || role === (regulator ? 'regulator' : 'supervisor')
  }
  const approvers = RULES[kind].approvers.filter((one) => regulator || one !== 'regulator')
  return (approvers.length > 0 ? approvers : ['supervisor', 'operator']).includes(role)
}
