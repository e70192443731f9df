/** The operator's view of this node's actors: lists, one in detail, the end of a quarantine. */
import {
  failure,
  failureOf,
  isRoleSlot,
  ok,
  refused,
  type ActorDetail,
  type ActorId,
  type ActorRow,
  type Result,
  type SlotId,
} from "../../protocols/index.ts";
import type { Clock, Log } from "../ports/index.ts";
import type { Activation } from "./activation.ts";
import type { Kernel, Slots } from "./api.ts";
import type { Reminders } from "./reminders.ts";
import type { SlotHost } from "./slot-host.ts";

/** Most actors whose snapshots are looked up at a time, for a listing. */
const storedActorsPerRead = 256;

interface OperatorPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly slots: Slots;
  readonly reminders: Reminders;
  roleOf(kind: string): string | undefined;
  slotOf(actor: ActorId): SlotId | undefined;
  activationOf(actor: ActorId): Activation | undefined;
  /** The slot's host, if there is one. */
  known(slot: SlotId): SlotHost | undefined;
  hostOf(slot: SlotId): SlotHost;
}

/** Which ids a slot is asked for: `from` ≤ id < `to`. */
interface Listed {
  readonly from: string;
  readonly to: string;
  readonly status: ActorRow["status"] | undefined;
  /** How many are read from the disk at a time. */
  readonly atOnce: number;
}

export class Operator {
  readonly #ports: OperatorPorts;

  constructor(ports: OperatorPorts) {
    this.#ports = ports;
  }

  /** See `Kernel.listActors`. */
  async list(filter: Parameters<Kernel["listActors"]>[0]): ReturnType<Kernel["listActors"]> {
    const { kind, status, after = "", limit } = filter;
    const role = kind === undefined ? undefined : this.#ports.roleOf(kind);
    // "0" follows "/", and "~" all that is in an id.
    const [first, to] = kind === undefined ? ["", "~"] : [`${kind}/`, `${kind}0`];
    const from = after < first ? first : `${after}\0`;
    // With a status most of what is read may be left out.
    const atOnce = status === undefined ? Math.min(limit + 1, storedActorsPerRead) : storedActorsPerRead;
    const listed: Listed = { from, to, status, atOnce };
    const lists: AsyncGenerator<ActorId>[] = [];
    for (const slot of await this.#ports.slots.owned()) {
      // A kind lives in the slots of its role, and in those of its actors that have one of their own.
      if (role !== undefined && !slot.startsWith(`${isRoleSlot(slot) ? role : kind}/`)) continue;
      const host = this.#ports.hostOf(slot);
      await host.open();
      if (host.status === "open") lists.push(actorsOf(host, listed));
    }
    const rows: ActorRow[] = [];
    for await (const id of inOrder(lists)) {
      const row = this.#row(id);
      if (status !== undefined && row.status !== status) continue;
      if (rows.length === limit) return { rows, more: true };
      rows.push(row);
    }
    return { rows, more: false };
  }

  /** See `Kernel.showActor`. */
  async show(actor: ActorId): Promise<Result<ActorDetail>> {
    const slot = this.#ports.slotOf(actor);
    if (slot === undefined) return refused(failure("NOT_FOUND", { actor }));
    const host = this.#ports.hostOf(slot);
    await host.open();
    if (host.status !== "open") return refused(host.reason ?? failure("SLOT_UNAVAILABLE", { slot: host.slot }));
    const activation = host.activations.get(actor);
    let recovered: Awaited<ReturnType<SlotHost["recover"]>>;
    try {
      recovered = await host.recover(actor);
    } catch (error) {
      return refused(failureOf(error));
    }
    const known = activation ?? recovered.snapshot ?? recovered.entries[0];
    if (known === undefined) return refused(failure("NOT_FOUND", { actor }));
    const lastError = activation?.lastError ?? host.quarantines.of(actor)?.reason;
    return ok({
      ...this.#row(actor),
      epoch: host.epoch,
      entries: recovered.entries.length,
      reminders: this.#ports.reminders.of(actor),
      deadLetters: host.quarantines.shown(actor),
      stateBytes: activation?.storedBytes ?? recovered.tailBytes,
      ...(lastError === undefined ? {} : { lastError }),
    });
  }

  /** See `Kernel.release`. */
  async release(actor: ActorId, redeliver: boolean): ReturnType<Kernel["release"]> {
    const shown = await this.show(actor);
    if (!shown.ok) return shown;
    const slot = this.#ports.slotOf(actor);
    const host = slot && this.#ports.known(slot);
    const nothing = shown.value.status !== "quarantined" && shown.value.deadLetters.length === 0;
    if (nothing || host === undefined) return refused(failure("ALREADY_DONE", { actor }));
    // Its disk may have failed while the actor was looked at.
    if (host.status !== "open") return refused(host.reason ?? failure("SLOT_UNAVAILABLE", { slot: host.slot }));
    try {
      const released = await host.release(actor, redeliver);
      this.#ports.log.info("actor.released", { actor, ...released });
      return ok(released);
    } catch (error) {
      return refused(failureOf(error));
    }
  }

  #row(actor: ActorId): ActorRow {
    const activation = this.#ports.activationOf(actor);
    const slot = activation?.host.slot ?? this.#ports.slotOf(actor);
    const host = slot && this.#ports.known(slot);
    const status = host?.quarantines.of(actor) ? "quarantined" : activation ? "active" : "idle";
    return {
      actor,
      slot: slot ?? "",
      status,
      mailbox: activation?.mailbox.messages ?? 0,
      restarts: activation?.restarts ?? 0,
      ...(activation && { lastActiveAtMs: this.#wallMs(activation.lastActiveMs) }),
    };
  }

  /** A moment of the monotonic clock as a time of day. */
  #wallMs(monotonicMs: number): number {
    const { clock } = this.#ports;
    return Math.round(clock.nowMs() - (clock.monotonicMs() - monotonicMs));
  }
}

/** The actors of a slot that may have a status, in order: in memory, in the log, and in snapshots. */
async function* actorsOf(host: SlotHost, { from, to, status, atOnce }: Listed): AsyncGenerator<ActorId> {
  const known = knownTo(host, status)
    .filter((actor) => actor >= from && actor < to)
    .sort();
  let at = 0;
  let gte = from;
  for (let more = isOnDisk(status); more;) {
    const page = (await host.log?.actorsWithSnapshot({ from: gte, to, limit: atOnce })) ?? [];
    for (const actor of page) {
      for (; (known[at] ?? to) < actor; at += 1) yield known[at] as ActorId;
      if (known[at] === actor) at += 1;
      yield actor;
    }
    gte = `${page.at(-1)}\0`;
    more = page.length === atOnce;
  }
  yield* known.slice(at);
}

/** Whether actors of a status may be in a snapshot alone. The others are known without asking the disk. */
const isOnDisk = (status: ActorRow["status"] | undefined): boolean => status === undefined || status === "idle";

/** The actors that a slot's host knows without its snapshots, and that may have a status. A slot has many and few of
 *  them are quarantined, which every overview asks for. */
function knownTo(host: SlotHost, status: ActorRow["status"] | undefined): ActorId[] {
  if (status === "quarantined") return [...host.quarantines.actors()];
  if (status === "active") return [...host.activations.keys()];
  return [
    ...new Set([...host.activations.keys(), ...host.quarantines.actors(), ...(host.log?.actorsWithTail() ?? [])]),
  ];
}

/** The members of sorted lists, in order, each once. */
async function* inOrder(lists: readonly AsyncGenerator<ActorId>[]): AsyncGenerator<ActorId> {
  const heads = new Map<AsyncGenerator<ActorId>, ActorId>();
  const step = async (list: AsyncGenerator<ActorId>): Promise<void> => {
    const next = await list.next();
    if (next.done === true) heads.delete(list);
    else heads.set(list, next.value);
  };
  for (const list of lists) await step(list);
  while (heads.size > 0) {
    let least: ActorId | undefined;
    for (const head of heads.values()) if (least === undefined || head < least) least = head;
    for (const [list, head] of heads) if (head === least) await step(list);
    yield least as ActorId;
  }
}
