/** Where the envelopes of a slot go: to its owner by the slot table, or to the one that a refusal has named and the
 *  table does not know yet. */
import { failure, type Failure, type SlotId } from "../../protocols/index.ts";
import type { Outgoing } from "../kernel/api.ts";
import { roleOf, type SlotTable } from "../cluster/facts/slot-table.ts";
import type { Membership, NodeId } from "../ports/index.ts";
import type { RoutingPorts } from "./ports.ts";
import type { RoutingLimits } from "./limits.ts";
import { nameIn } from "../cluster/facts/members.ts";

/** The owner that a MOVED names. */
export interface MovedTo {
  readonly owner: NodeId;
  readonly epoch: number;
}

/** An owner that one node has named and that is not confirmed. The hint holds until the table says anything new of the
 *  slot, the named owner is no member or cannot be reached, or does not know of it either: the node that named it may
 *  be wrong. */
interface Hint extends MovedTo {
  /** Of the slot's row in the table when it was said. */
  readonly revision: number | undefined;
}

/** A message to the owner of a slot. */
export interface Aimed {
  readonly slot: SlotId;
  hint: Hint | undefined;
}

/** An envelope that waits for its answer. */
export interface Waiting {
  readonly envelope: Outgoing;
  readonly sinceMs: number;
}

export class Targets {
  readonly #ports: RoutingPorts;
  readonly #limits: Pick<RoutingLimits, "directoryPatienceMs">;

  constructor(ports: RoutingPorts, limits: Pick<RoutingLimits, "directoryPatienceMs">) {
    this.#ports = ports;
    this.#limits = limits;
  }

  owner(aimed: Aimed): NodeId | undefined {
    return this.#hint(aimed)?.owner ?? this.#ports.ownerOf(aimed.slot);
  }

  knownEpoch(aimed: Aimed): number {
    return this.#hint(aimed)?.epoch ?? this.#ports.table.get(aimed.slot)?.record.epoch ?? 0;
  }

  /** Takes the owner that a MOVED names as a hint. False when that is no news. */
  learn(aimed: Aimed, error: Failure): boolean {
    const moved = movedTo(error);
    if (moved === undefined) return false;
    const isNews = moved.epoch > this.knownEpoch(aimed) && this.#isMember(moved.owner);
    aimed.hint = isNews ? { ...moved, revision: this.#ports.table.get(aimed.slot)?.revision } : undefined;
    return isNews;
  }

  /** Whether an envelope that was not served may be served later. Damaged data heals where there is another copy. An
   *  owner that is away is replaced in moments, or comes back; a slot without an owner waits for the directory, and the
   *  sender of an ask should know that soon. */
  worthTrying(slot: SlotId, { envelope, sinceMs }: Waiting, error: Failure): boolean {
    const { table, clock } = this.#ports;
    const record = table.get(slot)?.record;
    if (error.code === "DIRECTORY_AWAY" && record === undefined && envelope.type === "ask") {
      const { askedMs: told } = error.details ?? {};
      const askedMs = typeof told === "number" ? told : 0;
      return Math.max(askedMs, clock.monotonicMs() - sinceMs) < this.#limits.directoryPatienceMs;
    }
    if (error.details?.["because"] !== "DATA_DAMAGED") return true;
    return (record?.inSync.length ?? 0) > 1;
  }

  #hint(aimed: Aimed): Hint | undefined {
    const { hint, slot } = aimed;
    if (hint === undefined) return undefined;
    if (this.#ports.table.get(slot)?.revision !== hint.revision || !this.#isMember(hint.owner)) aimed.hint = undefined;
    return aimed.hint;
  }

  #isMember(node: NodeId): boolean {
    return this.#ports.membership.members().members.some((member) => member.node === node);
  }
}

/** The new owner that a MOVED names. A peer may name anything. */
export function movedTo({ details }: Failure): MovedTo | undefined {
  const { owner, epoch } = details ?? {};
  const isEpoch = Number.isSafeInteger(epoch) && (epoch as number) >= 1;
  return typeof owner === "string" && isEpoch ? { owner, epoch: epoch as number } : undefined;
}

/** What says why a slot is not served. */
interface Standing {
  readonly membership: Membership;
  readonly table: Pick<SlotTable, "current">;
}

/** The failure while a slot's owner is away and no other node has taken over. `node` is the owner's name, not that of
 *  the node that was asked. */
export function ownerAway(slot: SlotId, owner: NodeId, { membership, table }: Standing): Failure {
  const node = nameIn(membership, owner);
  if (membership.isUp(owner))
    return failure("SLOT_UNAVAILABLE", { slot, node, reason: "there is no connection to the node that has it" });
  const reason = "the node that has it is down";
  // Who waits for a takeover has to know that there is none.
  return failure("SLOT_UNAVAILABLE", { slot, node, reason, ...(!table.current && { because: "DIRECTORY_AWAY" }) });
}

/** The failure while nobody has a slot: none is up that could have its first copy, or the directory, which would say or
 *  settle who has it, does not answer. Names the nodes that are to be started. */
export function ownerless(slot: SlotId, { membership, table }: Standing): Failure {
  const role = roleOf({ slot });
  const able = membership.members().members.filter(({ roles }) => roles.includes(role));
  const down = able.filter(({ node }) => !membership.isUp(node)).map(({ name }) => name);
  const start = down.length === 0 ? "" : `: start ${down.slice(0, namesMax).join(" or ")}`;
  if (able.length === 0)
    return failure("NO_CANDIDATE", {
      slot,
      role,
      reason: `no node has the role ${role}: plexus nodes roles NAME ROLES`,
    });
  if (down.length === able.length)
    return failure("SLOT_UNAVAILABLE", { slot, role, reason: `no node with the role ${role} is up${start}` });
  if (!table.current)
    return failure("DIRECTORY_AWAY", { slot, reason: `the directory, which says who has it, does not answer${start}` });
  return failure("NO_CANDIDATE", {
    slot,
    role,
    reason: `every node with the role ${role} that is up drains or is leaving${start}`,
  });
}

const namesMax = 5;
