/** Whether a recall would show the person who asks for it what others wrote in private: direct rooms and private ones
 *  that they are no member of, another person's things, another person's agents. */
import {
  actorId,
  bringsBack,
  failure,
  parseActorId,
  PlexusError,
  type ActorId,
  type Asker,
  type BackupWish,
} from "../../../protocols/index.ts";
import type { Kernel } from "../../kernel/api.ts";

type Query = Extract<BackupWish, { sort: "recall" }>["query"];

/** What a query alone says: everybody may see it, only others may, or it is for a room to say. */
export function closenessOf({ person, thread }: Query, user: string): "open" | "private" | { readonly room: ActorId } {
  // Of all that is there, what this person has and wrote.
  if (person === `user/${user}`) return "open";
  const actor = thread === undefined ? undefined : parseActorId(thread);
  if (actor === undefined) return "private";
  const { kind, key } = actor;
  switch (kind) {
    case "room":
      return { room: `room/${key}` };
    case "user":
    case "ledger":
      return key === user ? "open" : "private";
    case "agent":
      return key.startsWith(`${user}.`) ? "open" : "private";
    case "catalog":
    case "role-manager":
    case "shard-holder":
    case "backup":
      return "open";
    default:
      return "private";
  }
}

/** What asks the room. */
export interface RecallPorts {
  readonly kernel: Pick<Kernel, "ask">;
  readonly limits: { readonly askTimeoutMs: number };
}

/** The person who asks; null: the operator, or a control token, which is nobody's account. */
export const personWho = ({ kind, by }: Pick<Asker, "kind" | "by">) =>
  kind === "operator" || kind === "control" ? null : { user: by, actor: actorId("user", by) };

/** Asks the room, where it is one's. A room that is no more cannot say who was in it. Errors: those of the room's slot:
 *  nothing is known then. */
export async function isPrivateRecall(
  { kernel, limits }: RecallPorts,
  wish: BackupWish,
  caller: { readonly user: string; readonly actor: ActorId } | null,
): Promise<boolean> {
  if (!bringsBack(wish) || !("query" in wish)) return false;
  const close = closenessOf(wish.query, caller?.user ?? "");
  if (typeof close === "string") return close === "private";
  // The operator is no member of anything.
  const from = caller?.actor ?? "gateway";
  if (from === "gateway") return true;
  const seen = await kernel.ask({
    to: close.room,
    from,
    message: { type: "describe" },
    timeoutMs: limits.askTimeoutMs,
  });
  if (!seen.ok && seen.error.outcome !== "failed") throw new PlexusError(seen.error);
  return !seen.ok;
}

/** What is asked for, as facts of the audit. */
export const factsOf = (wish: BackupWish): Readonly<Record<string, string>> =>
  "query" in wish ? Object.fromEntries(Object.entries(wish.query).map(([name, value]) => [name, String(value)])) : {};

/** A task whose moment is fixed: what is approved is what is begun, also a day later. */
export function atMoment(wish: BackupWish, nowMs: number): BackupWish {
  if (!("query" in wish))
    throw new PlexusError(failure("BAD_REQUEST", { field: "wish", reason: "only a recall can be asked for" }));
  const { query } = wish;
  if (query.snapshot !== undefined || query.atMs !== undefined) return wish;
  return { ...wish, query: { ...query, atMs: nowMs } };
}
