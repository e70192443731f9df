/** Slots with real journals whose actors go on writing, and what each slot had at every position of its log, which
 *  nothing of the code under test has told. The journals are always there; who owns a slot changes. */
import { journalSource } from "../../../node/backup/content/source.ts";
import type { SlotSource } from "../../../node/backup/index.ts";
import type { NodeId } from "../../../node/ports/index.ts";
import { openJournal, type SideOp, type SlotLog } from "../../../node/storage/index.ts";
import { failure, PlexusError, refused, type ActorId, type SlotId } from "../../../protocols/index.ts";
import { decodeRows, type Cursor } from "../../../runtimes/backup/index.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { append, identity, openAs, RowStore, snapshot, trim } from "../../unit/storage/fixture.ts";
import type { World } from "../../world/index.ts";

export const slots: readonly SlotId[] = ["chat/1", "chat/2", "chat/3", "chat/4"];
const residents: Readonly<Record<SlotId, readonly ActorId[]>> = {
  "chat/1": ["room/a", "ledger/ada"],
  "chat/2": ["room/b", "room/e"],
  "chat/3": ["room/c", "ledger/bob"],
  "chat/4": ["ledger/cyd", "room/d"],
};
export const people = ["user/ada", "user/bob", "user/cyd"] as const;

/** Whose keys an actor's units have. */
export const tenantOfActor = (actor: ActorId): string => actor.replace("ledger/", "user/");

/** One entry of a log, as its writer knows it. */
interface Told {
  readonly epoch: number;
  readonly actor: ActorId;
  readonly token: string;
  readonly side: readonly SideOp[];
}

/** What an actor has: what it did, in order, and its records. */
interface Had {
  readonly tokens: string[];
  readonly records: Map<string, unknown>;
}

const day = 24 * 3_600_000;

export class Journals {
  readonly #world: World;
  readonly #logs = new Map<SlotId, SlotLog>();
  readonly #told = new Map<SlotId, Told[]>(slots.map((slot) => [slot, []]));
  readonly #owners = new Map<SlotId, NodeId>();
  /** Tenants whose keys are destroyed: they write nothing any more. */
  readonly gone = new Set<string>();
  #tokens = 0;

  constructor(world: World) {
    this.#world = world;
  }

  async open(owners: readonly NodeId[]): Promise<void> {
    const ports = { store: new RowStore(), clock: this.#world.clock(), log: quietLog, meter: quietMeter, identity };
    const journal = await openJournal(ports);
    for (const [at, slot] of slots.entries()) {
      this.#logs.set(slot, await openAs(journal, slot, 1));
      this.#owners.set(slot, owners[at % owners.length] as NodeId);
    }
  }

  ownerOf(slot: SlotId): NodeId {
    return this.#owners.get(slot) as NodeId;
  }

  /** Another node owns a slot from now on. */
  async move(slot: SlotId, to: NodeId): Promise<void> {
    const log = this.#logs.get(slot) as SlotLog;
    this.#owners.set(slot, to);
    await log.raise(log.fence + 1, true);
  }

  /** The slots as a node reads them: those of others refuse. */
  sourceOf(node: NodeId): SlotSource {
    const cuts = {
      owned: async () => slots,
      cut: async (slot: SlotId) => {
        await this.#world.sleep(this.#world.dice.between(1, 20));
        if (this.ownerOf(slot) !== node) throw new PlexusError(failure("MOVED", { slot, owner: this.ownerOf(slot) }));
        if (this.#world.dice.chance(0.03)) throw new PlexusError(failure("SLOT_UNAVAILABLE", { slot }));
        return (this.#logs.get(slot) as SlotLog).cut();
      },
    };
    return journalSource(cuts, { read: async (_actor, hash) => refused(failure("NOT_FOUND", { blob: hash })) });
  }

  /** Somebody writes something. */
  async write(): Promise<void> {
    const { dice } = this.#world;
    const slot = dice.pick(slots);
    const actor = dice.pick(residents[slot] as readonly ActorId[]);
    if (this.gone.has(tenantOfActor(actor))) return;
    const side: SideOp[] = [];
    for (let ops = 1 + dice.below(3); ops > 0; ops -= 1) side.push(this.#op());
    await this.#append(slot, actor, side);
    if (dice.chance(0.05)) await this.#fold(slot);
  }

  #op(): SideOp {
    const { dice, nowMs } = this.#world;
    const type = dice.pick(["message", "message", "event", "m"]);
    const keyOf = (n: number): string => `${type}/${String(n).padStart(4, "0")}`;
    if (dice.chance(0.1)) return { space: "record", delete: keyOf(dice.below(30)) };
    if (dice.chance(0.03)) return { space: "record", deleteFrom: keyOf(dice.below(30)), deleteTo: keyOf(30) };
    const atMs = Date.UTC(2026, 10, 1) + Math.floor(nowMs / 9_000) * day + dice.below(1_000);
    const author = dice.pick(people);
    const text = this.#token().repeat(1 + dice.below(8));
    const place = dice.below(30);
    // A message says its position.
    return { space: "record", put: keyOf(place), value: { atMs, author, seq: place + 1, text } };
  }

  #token(): string {
    this.#tokens += 1;
    return `t${this.#tokens} `;
  }

  /** Everything that a tenant has is deleted, then nothing of it is written any more. */
  async leave(tenant: string): Promise<void> {
    this.gone.add(tenant);
    for (const [slot, actors] of Object.entries(residents) as [SlotId, readonly ActorId[]][])
      for (const actor of actors)
        if (tenantOfActor(actor) === tenant) {
          await this.#append(slot, actor, [{ space: "record", deleteFrom: "a", deleteTo: "z" }]);
          await this.#fold(slot);
        }
  }

  async #append(slot: SlotId, actor: ActorId, side: readonly SideOp[]): Promise<void> {
    const log = this.#logs.get(slot) as SlotLog;
    const token = this.#token();
    (this.#told.get(slot) as Told[]).push({ epoch: log.fence, actor, token, side });
    await append(log, { atMs: 1, actor, events: [token], answers: [], side });
  }

  /** Actors are folded into snapshots, and the log loses its beginning. */
  async #fold(slot: SlotId): Promise<void> {
    const log = this.#logs.get(slot) as SlotLog;
    const seq = log.durableSeq;
    for (const actor of log.actorsBelow(seq)) {
      const { tokens } = this.#had(slot, seq).get(actor) as Had;
      await snapshot(log, actor, seq, tokens.length);
    }
    await trim(log, seq);
  }

  /** What each actor of a slot had behind its entry with this number. */
  #had(slot: SlotId, seq: number): ReadonlyMap<ActorId, Had> {
    const all = new Map<ActorId, Had>();
    for (const { actor, token, side } of (this.#told.get(slot) as Told[]).slice(0, seq)) {
      const had = all.get(actor) ?? { tokens: [], records: new Map<string, unknown>() };
      all.set(actor, had);
      had.tokens.push(token);
      for (const op of side) {
        if ("put" in op) had.records.set(op.put, op.value);
        else if ("delete" in op) had.records.delete(op.delete);
        else if ("deleteFrom" in op)
          for (const key of had.records.keys()) if (key >= op.deleteFrom && key < op.deleteTo) had.records.delete(key);
      }
    }
    return all;
  }

  /** The records that an actor had at a position of its slot. */
  recordsAt(cursors: ReadonlyMap<string, Cursor>, actor: ActorId): readonly (readonly [string, unknown])[] {
    const slot = slots.find((one) => residents[one]?.includes(actor)) as SlotId;
    return [...(this.#had(slot, cursors.get(slot)?.seq ?? 0).get(actor)?.records ?? [])];
  }

  /** What is wrong with what was brought back of the slots at these positions; `contents` are units, by actor and type,
   *  in order. `may` says of which units nothing has come, as it had to be. */
  faultOf(
    cursors: ReadonlyMap<string, Cursor>,
    contents: ReadonlyMap<string, readonly Uint8Array[]>,
    isLost: (actor: ActorId, type: string) => boolean,
  ): string | undefined {
    const expected = new Set<string>();
    for (const [slot, { epoch, seq }] of cursors) {
      const told = this.#told.get(slot as SlotId)?.[seq - 1];
      if (seq > 0 && told?.epoch !== epoch) return `${slot} never was at epoch ${epoch}, entry ${seq}`;
      for (const [actor, had] of this.#had(slot as SlotId, seq)) {
        const types = Map.groupBy(had.records, ([key]) => key.split("/")[0] as string);
        for (const type of [".state", ...types.keys()]) {
          const place = `${actor} ${type}`;
          expected.add(place);
          if (isLost(actor, type)) continue;
          const rows = (contents.get(place) ?? []).flatMap((one) => decodeRows(one));
          const fault = type === ".state" ? stateFault(had.tokens, rows) : recordsFault(types.get(type) ?? [], rows);
          if (fault !== undefined) return `${place} at ${epoch}/${seq} of ${slot}: ${fault}`;
        }
      }
    }
    const extra = [...contents.keys()].find((place) => !expected.has(place));
    return extra && `${extra} is brought back, which was not there`;
  }
}

type Rows = readonly (readonly [string, unknown])[];

const recordsFault = (had: Rows, rows: Rows): string | undefined => {
  const text = (all: Rows): string => JSON.stringify(all);
  const sorted = had.toSorted(([one], [other]) => (one < other ? -1 : 1));
  return text(sorted) === text(rows) ? undefined : `${text(rows)} is brought back of ${text(sorted)}`;
};

/** An actor's state is a snapshot, which says how many entries are in it, and those after it. */
function stateFault(tokens: readonly string[], rows: Rows): string | undefined {
  const snapshot = rows.find(([key]) => key === "snapshot")?.[1] as readonly [number, number] | undefined;
  const entries = rows.filter(([key]) => key.startsWith("entry/")).map(([, entry]) => (entry as { 4: string[] })[4][0]);
  const rest = tokens.slice(snapshot?.[1] ?? 0);
  return rest.join() === entries.join()
    ? undefined
    : `a snapshot of ${snapshot?.[1] ?? 0} entries and ${entries.join()} of ${tokens.join()}`;
}
