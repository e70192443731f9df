/** What stands before a message that an account sends by itself, at the time that its person has set: what their roles
 *  allow by then, and their quota of messages, as before all that people post. The account's own node asks, for the
 *  table of roles and the quotas are the cluster's and no actor's.
 *
 *  From where the person writes was asked when they wrote: nobody is anywhere at the time itself.
 *
 *  A post that is refused here may be in its room already: its account has asked before, and the answer was lost.
 *  So the room is asked under the post's own operation: its first answer comes, whatever the question is. */
import type { Message } from "../../actors/behavior.ts";
import { failure, mayDo, ok, refused, type ActorId, type Result } from "../../protocols/index.ts";
import type { ClusterRoles } from "../cluster/facts/roles.ts";
import type { Kernel } from "../kernel/api.ts";
import type { Clock, Membership } from "../ports/index.ts";
import { createRoleMemory } from "./role-memory.ts";
import { memberIn } from "../cluster/facts/members.ts";

/** A room that does not answer for so long is asked again with the next try of the post. */
const askTimeoutMs = 5_000;

/** What an actor sends, as the kernel says it before it does. */
interface Sent {
  readonly from: string;
  readonly to: ActorId;
  readonly message: Message;
  readonly operationId: string | undefined;
}

/** What is told how it ended; undefined: nothing is. */
type Admitted = Result<((isDone: boolean) => void) | undefined>;

/** A part of a quota that is held for a post. */
type Reserved = Result<{ over(used: number): void } | undefined>;

/** Makes it. */
export function createLaterPosts(at: {
  readonly node: string;
  readonly clock: Clock;
  readonly membership: Pick<Membership, "members">;
  readonly facts: { readonly clusterRoles: Pick<ClusterRoles, "table"> };
  readonly ask: Kernel["ask"];
  /** The quotas of people. */
  readonly usage: {
    admit(person: string, roles: readonly string[], of: "messages", amount: number): Reserved | Promise<Reserved>;
  };
}): (post: Sent) => Promise<Admitted> | undefined {
  const { node, clock, membership, facts, usage } = at;
  const rolesOf = createRoleMemory(at.ask, clock);
  async function admit(person: string): Promise<Admitted> {
    const roles = await rolesOf(person);
    if (roles === undefined) return refused(failure("SLOT_UNAVAILABLE", { reason: "the account does not answer" }));
    const may = mayDo({ roles, kind: "session" }, "room.post", {
      roles: facts.clusterRoles.table(),
      freshMs: 0,
      nowMs: clock.nowMs(),
      isFrom: () => true,
      labels: memberIn(membership, node)?.labels ?? {},
    });
    if (!may.ok) return may;
    const admitted = await usage.admit(person, roles, "messages", 1);
    if (!admitted.ok) return admitted;
    const { value } = admitted;
    return ok(value && ((isDone) => value.over(isDone ? 1 : 0)));
  }
  /** Whether the room has answered the post before. Error: it cannot be asked now, and the post is tried again. */
  async function isThere(to: ActorId, from: ActorId, operationId: string): Promise<Result<boolean>> {
    const asked = { to, from, message: { type: "summary" }, operationId, timeoutMs: askTimeoutMs };
    const said = await at.ask(asked);
    if (!said.ok && said.error.outcome !== "failed")
      return refused(failure("SLOT_UNAVAILABLE", { reason: "it is not known whether the room has it already" }));
    return ok(said.ok && (said.value as { readonly room?: string }).room === undefined);
  }
  async function admitOnce(person: string, ask: Sent): Promise<Admitted> {
    const admitted = await admit(person);
    const { operationId } = ask;
    if (admitted.ok || operationId === undefined) return admitted;
    const there = await isThere(ask.to, ask.from as ActorId, operationId);
    if (!there.ok) return there;
    // The post itself gets the room's first answer, and does nothing.
    return there.value ? ok(undefined) : admitted;
  }
  return (ask) => {
    const { from, to, message } = ask;
    const person = /^user\/(.+)$/.exec(from)?.[1];
    const isPost = person !== undefined && message.type === "post" && to.startsWith("room/");
    return isPost ? admitOnce(person, ask) : undefined;
  };
}
