/** Quotas of roles: who may still post or upload. */
import { actorId, ok, type Result, type UsedMeasure } from "../../protocols/index.ts";
import type { Admission, GatewayContext } from "./options.ts";
import type { Caller } from "./identity/callers.ts";

/** Whether somebody's quotas have room for so much; reserves it. Undefined in the result: nothing counts it. At once
 *  where no ledger has to be asked. */
export function admitQuota(
  { budgets }: Pick<GatewayContext, "budgets">,
  { user, roles }: Pick<Caller, "user" | "roles">,
  measure: UsedMeasure,
  amount: number,
): Result<Admission | undefined> | Promise<Result<Admission | undefined>> {
  return budgets?.admit(user, roles, measure, amount) ?? ok(undefined);
}

/** What is about to be uploaded. */
interface Wanted {
  readonly id: string;
  readonly room: string;
  readonly bytes: number;
  /** The account knows it by itself as soon as it has begun. */
  readonly isOwn?: boolean;
}

/** Begins an upload within what its person may keep: the account keeps room for it until the room has told that it
 *  began. What the room refused is given back; where nobody knows, the account waits a while. Errors: STORAGE_FULL,
 *  LIMIT_REACHED. */
export async function withinStorage<Begun>(
  { budgets, kernel, limits }: Pick<GatewayContext, "budgets" | "kernel" | "limits">,
  { user, roles }: Pick<Caller, "user" | "roles">,
  { id, room, bytes, isOwn = false }: Wanted,
  begin: () => Promise<Result<Begun>>,
): Promise<Result<Begun>> {
  const quota = bytes === 0 ? undefined : budgets?.storageQuota(roles);
  if (quota === undefined) return begin();
  const ask = (message: { readonly type: string; readonly [field: string]: unknown }) =>
    kernel.ask({ to: actorId("user", user), from: "gateway", message, timeoutMs: limits.askTimeoutMs });
  const { limit, name } = quota;
  const reserved = await ask({ type: "reserveStorage", id, room, bytes, limit, quota: name });
  if (!reserved.ok) return reserved;
  const begun = await begin();
  if (begun.ok ? isOwn : begun.error.outcome !== "unknown") await ask({ type: "freeStorage", id });
  return begun;
}

/** A post in a room, which quotas count. */
export const isPost = (to: string, type: string): boolean => type === "post" && to.startsWith("room/");

/** Asks for something that a quota may count; what was refused counts for nothing. */
export async function withQuota(
  at: Pick<GatewayContext, "budgets">,
  caller: Pick<Caller, "user" | "roles">,
  { to, type }: { readonly to: string; readonly type: string },
  ask: () => Promise<Result<unknown>>,
): Promise<Result<unknown>> {
  if (!isPost(to, type)) return ask();
  const admitted = await admitQuota(at, caller, "messages", 1);
  if (!admitted.ok) return admitted;
  const result = await ask();
  admitted.value?.over(result.ok ? 1 : 0);
  return result;
}
