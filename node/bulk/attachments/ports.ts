/** What a node brings for files of rooms in stripes. */
import type { ActorId, CommandOf, Result, roomCommands, shardHolderCommands } from "../../../protocols/index.ts";
import type { ActorBlobs, Clock, Log, Meter, OwnedBlobs, PutPacing, StripeOwners, Stripes } from "../../ports/index.ts";
import type { AttachmentLimits } from "./limits.ts";

type Asked = CommandOf<typeof roomCommands> | CommandOf<typeof shardHolderCommands>;

export interface AttachmentPorts {
  readonly copies: ActorBlobs;
  /** The copies on this node's disk. */
  readonly owned: Pick<OwnedBlobs, "pairs" | "isFor">;
  readonly stripes: Pick<Stripes, "put" | "keep" | "isKept" | "read" | "release" | "inspect">;
  /** Asks a room, or a holder. */
  readonly ask: (to: ActorId, message: Asked, timeoutMs: number) => Promise<Result<unknown>>;
  /** How many of its shards a new stripe of a class may lose; undefined: none can be put now. */
  losses(name: string): number | undefined;
  /** How many nodes have copies of what belongs to an actor, or are to have them, where this node owns it. */
  copiesOf(actor: ActorId): number | undefined;
  /** Whether every member knows how to read stripes. */
  isReadByAll(): boolean;
  /** Whose stripes are looked after beside those of rooms. */
  readonly owners?: readonly StripeOwners[];
  /** The holders that this node owns. */
  readonly holders: () => readonly ActorId[];
  readonly pacing?: PutPacing;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly limits: AttachmentLimits;
}

/** Whether files of an actor may be in stripes. */
export const isRoom = (actor: string): boolean => actor.startsWith("room/");
