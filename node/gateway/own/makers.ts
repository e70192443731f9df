/** People at whose word a link stands: a link to a conversation, or into a room. */
import {
  defaultRole,
  grantsOf,
  ok,
  type ActorId,
  type PeoplePage,
  type Permission,
  type Result,
} from "../../../protocols/index.ts";
import type { GatewayContext } from "../options.ts";

/** Whether the roles of a link's maker let them make such a one now, wherever and whenever that holds. */
export async function mayMake(
  { kernel, limits, rights }: Pick<GatewayContext, "kernel" | "limits" | "rights">,
  maker: ActorId,
  permission: Permission,
): Promise<Result<boolean>> {
  const user = maker.slice("user/".length);
  const message = { type: "people", user };
  const asks = { to: "role-manager/cluster", from: "gateway", message, timeoutMs: limits.askTimeoutMs } as const;
  const held = (await kernel.ask(asks)) as Result<PeoplePage>;
  if (!held.ok) return held;
  const roles = held.value.people[0]?.roles ?? [defaultRole];
  return ok(grantsOf(roles, rights.table()).some((grant) => grant.permission === permission));
}
