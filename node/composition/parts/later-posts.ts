/** What stands before a message that an account sends by itself, at the time that its person has set: what their roles
 *  allow by then, and their quota of messages, as before all that people post. The account's own node asks, for the
 *  table of roles and the quotas are the cluster's and no actor's.
 *
 *  From where the person writes was asked when they wrote: nobody is anywhere at the time itself. */
import { failure, mayDo, ok, refused, type Result } from "../../../protocols/index.ts";
import type { ClusterRoles } from "../../cluster/facts/roles.ts";
import type { MembershipPart } from "../../cluster/membership/index.ts";
import type { Usage } from "../../inference/usage/index.ts";
import type { Kernel } from "../../kernel/api.ts";
import type { Before } from "../../kernel/index.ts";
import type { Clock } from "../../ports/index.ts";
import { createRoleMemory } from "./role-memory.ts";

/** Makes it. */
export function createLaterPosts(at: {
  readonly node: string;
  readonly clock: Clock;
  readonly membership: Pick<MembershipPart, "members">;
  readonly facts: { readonly clusterRoles: Pick<ClusterRoles, "table"> };
  readonly ask: Kernel["ask"];
  readonly usage: Pick<Usage, "admit">;
}): Before {
  const { node, clock, membership, facts, usage } = at;
  const rolesOf = createRoleMemory(at.ask, clock);
  async function admit(person: string): Promise<Result<((isDone: boolean) => void) | undefined>> {
    const roles = await rolesOf(person);
    if (roles === undefined) return refused(failure("SLOT_UNAVAILABLE", { reason: "the account does not answer" }));
    const may = mayDo({ roles, kind: "session" }, "room.post", {
      roles: facts.clusterRoles.table(),
      freshMs: 0,
      nowMs: clock.nowMs(),
      isFrom: () => true,
      labels: membership.members().members.find((one) => one.node === node)?.labels ?? {},
    });
    if (!may.ok) return may;
    const admitted = await usage.admit(person, roles, "messages", 1);
    if (!admitted.ok) return admitted;
    const { value } = admitted;
    return ok(value && ((isDone) => value.over(isDone ? 1 : 0)));
  }
  return ({ from, to, message }) => {
    const person = /^user\/(.+)$/.exec(from)?.[1];
    return person === undefined || message.type !== "post" || !to.startsWith("room/") ? undefined : admit(person);
  };
}
