/** Groups of people who are mentioned together. What the caller may is the row's; here is looked that no account is
 *  called like a new group, which would be mentioned in its place. */
import {
  failure,
  refused,
  removed,
  type GroupSet,
  type GroupsView,
  type Result,
  type UserGroup,
} from "../../../protocols/index.ts";
import type { Message } from "../../../actors/behavior.ts";
import type { GatewayContext } from "../options.ts";
import type { OwnHandlers } from "../rest/own.ts";

/** Whether there is such a group. Where nobody can be asked, there is none. */
export async function isGroup(
  { kernel, limits }: Pick<GatewayContext, "kernel" | "limits">,
  name: string,
): Promise<boolean> {
  const message = { type: "called", words: [name], seq: 1 };
  const called = await kernel.ask({ to: "groups/cluster", from: "gateway", message, timeoutMs: limits.askTimeoutMs });
  return called.ok && (called.value as GroupsView).groups.length > 0;
}

/** The handlers. */
export function handleGroups(
  at: Pick<GatewayContext, "kernel" | "limits">,
): Pick<OwnHandlers, "groups.set" | "groups.remove"> {
  const ask = (to: `${string}/${string}`, message: Message) =>
    at.kernel.ask({ to, from: "gateway", message, timeoutMs: at.limits.askTimeoutMs });
  return {
    "groups.set": async ({ group, ...settings }) => {
      const account = await ask(`user/${group}`, { type: "credentials" });
      if (!account.ok && account.error.code !== "NOT_FOUND") return { result: account };
      if (account.ok && !(await isGroup(at, group)))
        return { result: refused(failure("NAME_TAKEN", { field: "group" })) };
      const set = (await ask("groups/cluster", { type: "set", group, ...settings })) as Result<GroupSet>;
      if (!set.ok) return { result: set };
      const { now, before } = set.value;
      return { result: { ok: true, value: now }, before, after: now };
    },
    "groups.remove": async ({ group }) =>
      removed((await ask("groups/cluster", { type: "remove", group })) as Result<UserGroup>),
  };
}
