/** The plan of a turn, before any of it has happened: the effects of `decide`, sorted into events to append, notes to
 *  remember, and outputs to let out. */
import { failure, ok, refused, type Result } from "../../protocols/index.ts";
import type { AnyBehavior, Effect, ReplyTo } from "../../actors/behavior.ts";
import type { SideOp } from "../storage/index.ts";
import { waiterOf, type Envelope } from "./mailbox.ts";

/** Something a turn does outside of its actor. */
export type Output =
  | Exclude<Effect, { type: "persist" | "note" | "reply" | "refuse" | "stop" }>
  | { readonly type: "answer"; readonly to: ReplyTo; readonly result: Result<unknown> };

export interface Plan {
  state: unknown;
  notes: unknown;
  readonly events: unknown[];
  readonly side: SideOp[];
  /** Answers to operations; stored only when the turn appends something. */
  readonly answers: (readonly [string, Result<unknown>])[];
  readonly outputs: Output[];
  stop: boolean;
  /** Whether the actor has pending work after it; undefined when that cannot have changed. */
  pending: boolean | undefined;
}

/** Sorts the effects of one turn. Throws what the behavior throws. */
export function planTurn(
  behavior: AnyBehavior,
  key: string,
  before: { readonly state: unknown; readonly notes: unknown },
  effects: readonly Effect[],
  envelope: Envelope | undefined,
): Plan {
  const plan: Plan = { ...before, events: [], side: [], answers: [], outputs: [], stop: false, pending: undefined };
  const asker = envelope?.type === "ask" ? envelope.replyTo : undefined;
  for (const effect of effects) {
    switch (effect.type) {
      case "persist":
        plan.events.push(effect.event);
        plan.state = behavior.evolve(plan.state, effect.event);
        for (const op of behavior.record?.(effect.event, key) ?? []) plan.side.push({ space: "record", ...op });
        break;
      case "note":
        plan.notes = behavior.notes?.evolve(plan.notes, effect.note as never);
        break;
      case "reply":
        answer(plan, effect.to ?? asker, ok(effect.value));
        break;
      case "refuse":
        answer(plan, effect.to ?? asker, refused(failure(effect.code, effect.details)));
        break;
      case "remind":
        plan.side.push({ space: "reminder", put: effect.id, value: effect.dueMs });
        plan.outputs.push(effect);
        break;
      case "forget":
        plan.side.push({ space: "reminder", delete: effect.id });
        plan.outputs.push(effect);
        break;
      case "stop":
        plan.stop = true;
        break;
      default:
        plan.outputs.push(effect);
    }
  }
  if (plan.events.length > 0) plan.pending = behavior.pending?.(plan.state) ?? false;
  if (envelope === undefined || asker !== undefined) return plan;
  // The sender of a tell waits for no answer of the actor's making; its node hears that the turn took effect.
  const receipt = waiterOf(envelope);
  if (receipt !== undefined) answer(plan, receipt, ok(null));
  // A tell of this node has no receipt; its operation is remembered all the same.
  else if (envelope.operation !== undefined) plan.answers.push([envelope.operation, ok(null)]);
  return plan;
}

function answer(plan: Plan, to: ReplyTo | undefined, result: Result<unknown>): void {
  if (to === undefined) return;
  plan.outputs.push({ type: "answer", to, result });
  if (to.operation !== undefined) plan.answers.push([to.operation, result]);
}
