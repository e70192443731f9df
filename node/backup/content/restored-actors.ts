/** Actors that are written into a new journal as a backup has them: units come in, and become snapshots and rows.
 *
 *      .state (snapshot, entries, reminders) ─ folded ─► snapshot at the slot's position, rows beside it
 *      message, turn, … ──────────────────────────────► rows */
import { createHash } from "node:crypto";
import {
  actorOf,
  failure,
  failureOf,
  holderAt,
  ownSlot,
  parseActorId,
  slotOf,
  type ActorId,
  type Failure,
  type SlotId,
} from "../../../protocols/index.ts";
import { decodeRows, type Row, type UnitEntry, type UnitName } from "../../../runtimes/backup/index.ts";
import type { Store, StoreOp } from "../../ports/index.ts";
import { fileType } from "../index.ts";
import { restoredSide, restoredState, spaces, type Space } from "../../storage/index.ts";
import { behaviorOf, restoredOf } from "./backed-up-actor.ts";
import { settingsActor } from "./settings.ts";
import { filePieces } from "./file-pieces.ts";

/** A slot that is written. */
export interface RestorePlace {
  readonly slot: SlotId;
  /** How far its actors go: at least as far as the backup says that it read the slot. */
  epoch: number;
  seq: number;
}

/** What decides where actors go. */
interface ActorsAt {
  /** Undefined: this slot is taken from another backup. */
  placeOf(slot: SlotId): RestorePlace | undefined;
  /** Whether there is such a slot at all. */
  hasOwn(slot: SlotId): boolean;
  /** Keeps a file of an actor. */
  keep(actor: ActorId, hash: string, bytes: Uint8Array): Promise<void>;
}

type Lack = Pick<UnitName, "thread" | "type" | "bucket" | "part">;

/** Type of the units that have an actor's state. */
export const stateType = ".state";
/** Events that clients resume from: positions leap, so nobody asks for these any more. */
const eventType = "event";
const batchBytes = 2 * 1024 * 1024;

/** Hashes of states as they were written, by their keys. */
export type WrittenStates = Map<string, string>;
export const hashOfState = (stored: Uint8Array): string => createHash("sha256").update(stored).digest("hex");

/** Whether units of this name become a part of the journal, in a cluster that has their actor's slot. */
export const isRestored = ({ thread, type }: Pick<UnitName, "thread" | "type">): boolean =>
  type !== eventType &&
  parseActorId(thread) !== undefined &&
  behaviorOf(thread) !== undefined &&
  holderAt(thread) === undefined;

export class RestoredActors {
  /** What was written. `holders`: actors that hold bytes of a node that is gone, and are not. */
  readonly sums = { actors: 0, rows: 0, files: 0, bytes: 0, holders: 0 };
  readonly unusable: { readonly name: Lack; readonly error: Failure }[] = [];
  readonly settings: Row[] = [];
  readonly #target: Store;
  readonly #at: ActorsAt;
  readonly #whole = filePieces();
  readonly #states: WrittenStates;
  /** The actor whose state comes in, unit by unit. */
  #open: { readonly actor: ActorId; readonly name: Lack; readonly rows: Row[] } | undefined;
  /** Actors whose state lacks a part. */
  readonly #lacking = new Set<string>();
  #ops: StoreOp[] = [];
  #waiting = 0;

  constructor(target: Store, at: ActorsAt, states: WrittenStates) {
    this.#target = target;
    this.#states = states;
    this.#at = at;
  }

  /** Whether a slot is bound to a node that is gone: its actor says which bytes lie there. */
  static isLeftOut(slot: SlotId): boolean {
    return holderAt(slot) !== undefined;
  }

  /** The slot that an actor's own was split from. */
  static splitFrom(slot: SlotId): SlotId | undefined {
    const actor = actorOf(slot);
    return actor === undefined ? undefined : slotOf(behaviorOf(actor)?.role ?? "chat", actor);
  }

  /** Takes a unit. Those of one actor and type come one after the other. Error: the system's. */
  async take(unit: Pick<UnitEntry, "name" | "first" | "last">, content: Uint8Array): Promise<void> {
    const { name } = unit;
    const { thread, type } = name;
    if (this.#open !== undefined && (thread !== this.#open.actor || type !== stateType)) await this.#close();
    if (thread === settingsActor) return void this.settings.push(...decodeRows(content));
    const place = this.#placeOf(name);
    if (place === undefined || type === eventType) return;
    const actor = thread as ActorId;
    if (type === stateType) {
      this.#open ??= { actor, name, rows: [] };
      this.#open.rows.push(...decodeRows(content));
      return;
    }
    if (type === fileType) {
      const bytes = this.#whole(unit, content);
      if (bytes === undefined) return;
      await this.#at.keep(actor, name.bucket, bytes);
      this.sums.files += 1;
      this.sums.bytes += bytes.length;
      return;
    }
    for (const [key, value] of decodeRows(content))
      await this.#put(restoredSide(place.slot, actor, { space: "record", key, value }));
    this.sums.bytes += content.length;
  }

  /** A unit that is not there. */
  lack({ thread, type }: Pick<UnitName, "thread" | "type">): void {
    if (type === stateType) this.#lacking.add(thread);
  }

  /** Writes what is left. */
  async finish(): Promise<void> {
    await this.#close();
    await this.#flush();
  }

  #placeOf(name: UnitName): RestorePlace | undefined {
    const { thread, type, bucket, part } = name;
    const behavior = behaviorOf(thread);
    if (parseActorId(thread) === undefined || behavior === undefined) {
      const error = failure("NOT_FOUND", { reason: "this version knows no such kind of actor" });
      this.unusable.push({ name: { thread, type, bucket, part }, error });
      return undefined;
    }
    const actor = thread as ActorId;
    if (holderAt(actor) !== undefined) {
      if (type === stateType) this.sums.holders += 1;
      return undefined;
    }
    return this.#at.placeOf(this.slotOf(actor));
  }

  /** The slot of an actor of a known kind: its own if there is one, else its share of the role's. */
  slotOf(actor: ActorId): SlotId {
    const own = ownSlot(actor);
    return this.#at.hasOwn(own) ? own : slotOf(behaviorOf(actor)?.role ?? "chat", actor);
  }

  async #close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined || this.#lacking.has(open.actor)) return;
    const { actor, rows, name } = open;
    const place = this.#placeOf({ ...name, cluster: "", person: "" });
    if (place === undefined) return;
    let folded: ReturnType<typeof restoredOf>;
    try {
      folded = restoredOf(actor, rows);
    } catch (error) {
      const { thread, type, bucket, part } = name;
      this.unusable.push({ name: { thread, type, bucket, part }, error: failureOf(error) });
      return;
    }
    place.seq = Math.max(place.seq, folded.seq);
    place.epoch = Math.max(place.epoch, folded.epoch);
    const op = restoredState(place.slot, actor, folded);
    this.#states.set(op.key, hashOfState(op.value));
    await this.#put(op);
    for (const [key, value] of rows) {
      const [space, ...rest] = key.split("/");
      if ((spaces as readonly string[]).includes(space as string))
        await this.#put(restoredSide(place.slot, actor, { space: space as Space, key: rest.join("/"), value }));
    }
    this.sums.actors += 1;
  }

  async #put(op: StoreOp): Promise<void> {
    this.#ops.push(op);
    this.sums.rows += 1;
    this.#waiting += op.key.length + (op.type === "put" ? op.value.length : 0);
    if (this.#waiting >= batchBytes) await this.#flush();
  }

  async #flush(): Promise<void> {
    const ops = this.#ops;
    this.#ops = [];
    this.#waiting = 0;
    if (ops.length > 0) await this.#target.batch(ops, { sync: true });
  }
}
