/** Recalls that show what others wrote in private: asked for with a reason, approved by somebody else, begun within a
 *  day.
 *
 *      askRecall ─► waiting ─approve─► approved ─beginRecall─► a task
 *                      │                   └─(a day)─► expired
 *                      ├─decline─► declined
 *                      └─(a day)─► expired
 *
 *  The people who may approve are fixed when it is asked, so the person who asks cannot make somebody an admin for
 *  it. */
import { bringsBack, type CommandOf, type RecallRequest, type backupGuardCommands } from "../../protocols/index.ts";
import { persist, refuse, reply, type Effect, type Turn } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import type { BackupTurn, Effects as BackupEffects } from "./effects.ts";
import type { GuardChange, GuardState, KeptRequest } from "./guards.ts";
import type { BackupState } from "./state.ts";
import { add } from "./tasks.ts";
import { holdsAt } from "../../protocols/index.ts";

type Incoming = CommandOf<typeof backupGuardCommands>;
type Of<Type extends Incoming["type"]> = Extract<Incoming, { type: Type }>;
type Effects = readonly Effect<GuardChange, never>[];
type Now = Pick<Turn, "nowMs">;

/** A person at the machine of a node, with its control token. */
const operator = "operator";

/** A request as it stands at a moment. */
function viewOf(request: KeptRequest, nowMs: number): RecallRequest {
  const { answer, ...asked } = request;
  const untilMs = (answer?.atMs ?? asked.askedAtMs) + limits.recallApprovalMs;
  const over = !holdsAt(nowMs, untilMs, limits.recallApprovalMs);
  return {
    ...asked,
    untilMs,
    state: answer?.approved === false ? "declined" : over ? "expired" : answer === undefined ? "waiting" : "approved",
    ...(answer !== undefined && { answeredBy: answer.by, answeredAtMs: answer.atMs }),
  };
}

const isOpen = (request: KeptRequest, nowMs: number): boolean =>
  ["waiting", "approved"].includes(viewOf(request, nowMs).state);

export function askRecall({ recalls }: GuardState, message: Of<"askRecall">, { nowMs }: Now): Effects {
  const { id, wish, reason, by, approvers } = message;
  const known = recalls.find((one) => one.id === id);
  if (known !== undefined) return [reply(viewOf(known, nowMs))];
  if (!bringsBack(wish))
    return [refuse("BAD_REQUEST", { field: "wish", reason: "this task restores nothing, so it needs no approval" })];
  if (recalls.filter((one) => isOpen(one, nowMs)).length >= limits.recallRequestsOpenMax)
    return [refuse("LIMIT_REACHED", { limit: "recallRequestsOpenMax" })];
  const request: KeptRequest = {
    id,
    wish,
    reason,
    by,
    askedAtMs: nowMs,
    approvers: approvers.filter((user) => user !== by),
  };
  // The oldest that is over makes place.
  const gone = recalls.length < limits.recallRequestsKept ? undefined : recalls.find((one) => !isOpen(one, nowMs));
  return [
    persist({ type: "recallAsked", request, ...(gone !== undefined && { gone: gone.id }) }),
    reply(viewOf(request, nowMs)),
  ];
}

export function answerRecall({ recalls }: GuardState, message: Of<"answerRecall">, { nowMs }: Now): Effects {
  const { id, approve, by } = message;
  const request = recalls.find((one) => one.id === id);
  if (request === undefined) return [refuse("NOT_FOUND", { request: id })];
  const { state } = viewOf(request, nowMs);
  const own = by === request.by;
  if (own && approve)
    return [refuse("FORBIDDEN", { reason: "you cannot approve your own recall; another admin has to" })];
  const may = own || (request.approvers.length === 0 ? by === operator : request.approvers.includes(by));
  if (!may)
    return [
      refuse("FORBIDDEN", {
        reason: "you are not one of the admins who were asked to approve this recall",
        request: id,
      }),
    ];
  if (state !== "waiting" && !(state === "approved" && !approve)) return [refuse("ALREADY_DONE", { state })];
  const answer = { approved: approve, by, atMs: nowMs };
  return [persist({ type: "recallAnswered", id, answer }), reply(viewOf({ ...request, answer }, nowMs))];
}

export const listRecalls = ({ recalls }: GuardState, { nowMs }: Now): Effects => [
  reply({ requests: recalls.map((one) => viewOf(one, nowMs)).toReversed() }),
];

/** The request, when the person that asked for it may begin it now; else why not. */
export function approvedRecall(
  { recalls }: GuardState,
  { id, by }: Pick<Of<"beginRecall">, "id" | "by">,
  { nowMs }: Now,
): { readonly request: RecallRequest } | { readonly refusal: Effects } {
  const found = recalls.find((one) => one.id === id);
  if (found === undefined) return { refusal: [refuse("NOT_FOUND", { request: id })] };
  if (found.by !== by)
    return {
      refusal: [refuse("FORBIDDEN", { reason: "only the person who asked for this recall can begin it", request: id })],
    };
  const request = viewOf(found, nowMs);
  return request.state === "approved"
    ? { request }
    : { refusal: [refuse("APPROVAL_NEEDED", { request: id, state: request.state })] };
}

/** Adds the task of a recall that was approved. */
export function beginRecall(state: BackupState, message: Of<"beginRecall">, turn: BackupTurn): BackupEffects {
  const found = approvedRecall(state, message, turn);
  if ("refusal" in found) return found.refusal;
  const { wish, by, answeredBy } = found.request;
  return add(state, { wish, by, ...(answeredBy !== undefined && { approvedBy: answeredBy }) }, turn, message.id);
}
