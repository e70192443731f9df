/** What routing needs, and what its parts share. */
import type { ActorId, Result, SlotId } from "../../protocols/index.ts";
import type { Exchange } from "../cluster/exchange/index.ts";
import type { AskTable, Kernel } from "../kernel/api.ts";
import type { Clock, Log, Membership, Meter, NodeId, Random, Tracer } from "../ports/index.ts";
import type { SlotTable } from "../cluster/facts/slot-table.ts";
import type { RoutingLimits } from "./limits.ts";

/** Signatures of nodes. */
export interface IdentitySigner {
  /** By this node's key. */
  sign(bytes: Uint8Array): Uint8Array;
  /** Whether a member has signed these bytes. */
  isSigned(by: NodeId, bytes: Uint8Array, signature: Uint8Array): boolean;
}

/** What routing is made with. */
export interface RoutingOptions {
  readonly node: NodeId;
  readonly exchange: Exchange;
  readonly table: SlotTable;
  readonly membership: Membership;
  /** The node that keeps the embedded directory; undefined with another directory. */
  directoryNode(): NodeId | undefined;
  /** Shared with the kernel. */
  readonly asks: AskTable;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly meter: Meter;
  /** Absent: nothing is traced. */
  readonly tracer?: Tracer;
  /** Asked when something arrives: kernel and routing need one another. */
  kernel(): Pick<Kernel, "receive" | "slotOf" | "left">;
  /** How nodes prove for whom they send; absent: they do not. */
  readonly identity?: {
    /** Undefined: it is not here yet. */
    signer(): IdentitySigner | undefined;
    /** Whether the cluster asks for it. */
    required(): boolean;
    /** Asks the person's actor whose token has this hash. */
    authenticate(user: string, tokenHash: string, timeoutMs: number): Promise<Result<unknown>>;
  };
  readonly limits?: Partial<RoutingLimits>;
}

/** What the parts of this folder share. */
export interface RoutingPorts extends RoutingOptions {
  /** The slot of an actor as the table has it; undefined for an unknown kind. */
  slotOf(actor: ActorId): SlotId | undefined;
  /** The owner of a slot by the table, or the node that would own a slot without a record. */
  ownerOf(slot: SlotId): NodeId | undefined;
}
