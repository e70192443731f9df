/** What admins ask of actors, wherever these are: lists, one in detail, the end of a quarantine.
 *
 *      list ─► every owner that is up, at once ─► merged in the order of ids
 *      show, release ─► the owner of the actor's slot ─ MOVED ─► the one it names, once
 *
 *  Owners are read from the slot table, which may be behind. So an owner checks that it is one, and a list says which
 *  nodes did not answer: an admin who looks for what is wrong must not take half a list for the
 *  whole. */
import {
  failure,
  ok,
  refused,
  type ActorId,
  type ActorRow,
  type Failure,
  type Result,
  type SlotId,
} from "../../protocols/index.ts";
import { askEach, type Exchange } from "../cluster/exchange/index.ts";
import type { ActorFilter, ClusterActors, Kernel } from "../kernel/api.ts";
import type { Clock, Membership, NodeId } from "../ports/index.ts";
import type { SlotTable } from "../cluster/facts/slot-table.ts";
import { routingLimits, type RoutingLimits } from "./limits.ts";
import { movedTo, ownerAway, type MovedTo } from "./targets.ts";
import { slotOwner } from "../cluster/facts/slot-owner.ts";
import { nameIn } from "../cluster/facts/members.ts";

interface ClusterActorsOptions {
  readonly node: NodeId;
  readonly kernel: Pick<Kernel, "listActors" | "showActor" | "release" | "slotOf">;
  readonly exchange: Exchange;
  readonly table: SlotTable;
  readonly membership: Membership;
  readonly clock: Clock;
  readonly limits?: Partial<RoutingLimits>;
}

/** The answer of one node to a list. */
export interface NodePage {
  readonly node: NodeId;
  readonly rows: readonly ActorRow[];
  readonly more: boolean;
}

/** An owner, and the one that a MOVED names. */
const asksMax = 2;

/** Serves the actors of this node to the others, and theirs to this node's admins. To be called once on each node. */
export function createClusterActors(options: ClusterActorsOptions): ClusterActors {
  const { node, kernel, exchange, table, membership, clock } = options;
  const limits: RoutingLimits = { ...routingLimits, ...options.limits };
  let listing = 0;

  // --- for others ----------------------------------------------------------------------------------------------------

  /** Why an actor is not to be looked for here. The kernel would find out as well, but might make the slot for it. */
  const notHere = (actor: ActorId): Failure | undefined => {
    const slot = kernel.slotOf(actor);
    const record = slot && table.get(slot)?.record;
    if (record === undefined) return failure("NOT_FOUND", { actor });
    const { owner, epoch } = record;
    return owner === node ? undefined : failure("MOVED", { slot, owner, epoch });
  };

  exchange.on("routing.listActors", async (filter) => {
    if (listing >= limits.actorListsMax) return refused(failure("OVERLOADED", { actorListsMax: limits.actorListsMax }));
    listing += 1;
    try {
      return ok(await kernel.listActors({ ...filter, limit: Math.min(filter.limit, limits.actorRowsMax) }));
    } finally {
      listing -= 1;
    }
  });
  exchange.on("routing.showActor", async ({ actor }) => {
    const reason = notHere(actor);
    return reason === undefined ? kernel.showActor(actor) : refused(reason);
  });
  exchange.on("routing.releaseActor", async ({ actor, redeliver }) => {
    const reason = notHere(actor);
    return reason === undefined ? kernel.release(actor, redeliver) : refused(reason);
  });

  // --- for admins ----------------------------------------------------------------------------------------------------

  const nameOf = (id: NodeId): string => nameIn(membership, id);

  /** This node asks itself too; there the exchange knows no deadline. */
  const inTime = <T>(to: NodeId, asked: Promise<Result<T>>): Promise<Result<T>> => {
    if (to !== node) return asked;
    return new Promise((resolve) => {
      const late = failure("ASK_TIMEOUT", { node: nameOf(node), timeoutMs: limits.actorsTimeoutMs });
      const cancel = clock.after(limits.actorsTimeoutMs, () => resolve(refused(late)));
      void asked.then((answer) => {
        cancel();
        resolve(answer);
      });
    });
  };

  const ownerOf = (actor: ActorId): NodeId | undefined => {
    const slot = kernel.slotOf(actor);
    return slot && slotOwner(table, slot);
  };

  const listAt = async (owner: NodeId, filter: ActorFilter) =>
    membership.isUp(owner)
      ? inTime(owner, exchange.call(owner, "routing.listActors", filter, limits.actorsTimeoutMs))
      : refused(failure("UNREACHABLE", { node: nameOf(owner) }));

  /** Asks the owner of an actor; when it is the owner no more, the node that it names, or that the table names by
   *  now. */
  const atOwner = async <T>(
    actor: ActorId,
    ask: (owner: NodeId) => Promise<Result<T>>,
  ): Promise<Result<{ readonly value: T; readonly owner: NodeId }>> => {
    let hint: (MovedTo & { readonly slot: SlotId }) | undefined;
    for (let asks = 1; ; asks += 1) {
      const slot = kernel.slotOf(actor);
      if (slot === undefined) return refused(failure("NOT_FOUND", { actor }));
      const known = table.get(slot)?.record;
      const newer = hint !== undefined && hint.slot === slot && hint.epoch > (known?.epoch ?? 0) ? hint : known;
      if (newer === undefined) return refused(failure(table.current ? "NOT_FOUND" : "DIRECTORY_AWAY", { actor }));
      const { owner } = newer;
      if (!membership.isUp(owner)) return refused(ownerAway(slot, owner, { membership, table }));
      const answer = await inTime(owner, ask(owner));
      if (answer.ok) return ok({ value: answer.value, owner });
      if (answer.error.code === "UNREACHABLE") return refused(ownerAway(slot, owner, { membership, table }));
      if (answer.error.code !== "MOVED" || asks === asksMax) return answer;
      const moved = movedTo(answer.error);
      hint = moved && { ...moved, slot };
    }
  };

  return {
    async list(filter) {
      // Itself too: then a table that knows nothing yet still asks a node.
      const owners = new Set<NodeId>([node]);
      for (const { record } of table.rows()) owners.add(record.owner);
      // Nobody knows then who owns what by now: all are asked, and those that are down are named.
      if (!table.current) for (const member of membership.members().members) owners.add(member.node);
      const asked = { ...filter, limit: Math.min(filter.limit, limits.actorRowsMax) };
      const { said, silent } = await askEach([...owners], (owner) => listAt(owner, asked));
      const pages = said.map(([owner, page]): NodePage => ({ node: owner, ...page }));
      const merged = mergePages(pages, asked, ownerOf);
      const rows = merged.rows.map((row) => ({ ...row, node: nameOf(row.node) }));
      const unanswered = silent.map(([owner]) => nameOf(owner)).sort();
      return { rows, more: merged.more, ...(unanswered.length > 0 && { unanswered }) };
    },

    async show(actor) {
      const shown = await atOwner(actor, (owner) =>
        exchange.call(owner, "routing.showActor", { actor }, limits.actorsTimeoutMs),
      );
      return shown.ok ? ok({ ...shown.value.value, node: nameOf(shown.value.owner) }) : shown;
    },

    async release(actor, redeliver) {
      const released = await atOwner(actor, (owner) =>
        exchange.call(owner, "routing.releaseActor", { actor, redeliver }, limits.actorsTimeoutMs),
      );
      return released.ok ? ok({ redelivered: released.value.value.redelivered }) : released;
    },
  };
}

/** One page of the answers of several nodes to the same question, in the order of ids. Beyond the last row of a node
 *  that has more rows nothing is given out: that node's next rows are not known yet. An actor that two nodes name has
 *  just moved: its owner's row counts. */
export function mergePages(
  pages: readonly NodePage[],
  filter: Pick<ActorFilter, "after" | "limit">,
  ownerOf: (actor: ActorId) => NodeId | undefined,
): { readonly rows: readonly (ActorRow & { readonly node: NodeId })[]; readonly more: boolean } {
  const { after, limit } = filter;
  const rows = new Map<string, ActorRow & { readonly node: NodeId }>();
  let known: string | undefined;
  let more = false;
  for (const page of pages) {
    for (const row of page.rows) {
      if (after !== undefined && row.actor <= after) continue;
      if (!rows.has(row.actor) || ownerOf(row.actor as ActorId) === page.node)
        rows.set(row.actor, { ...row, node: page.node });
    }
    const last = page.rows.at(-1)?.actor;
    if (!page.more || last === undefined) continue;
    more = true;
    if (known === undefined || last < known) known = last;
  }
  const inOrder = [...rows.values()]
    .filter(({ actor }) => known === undefined || actor <= known)
    .sort((one, other) => (one.actor < other.actor ? -1 : 1));
  return { rows: inOrder.slice(0, limit), more: more || inOrder.length > limit };
}
