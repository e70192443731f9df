import { decode, type HolderGroup } from "../../../protocols/index.ts";
import type { Channel, MemberRecord, NodeId, SlotRecord, StoreOp } from "../../../node/ports/index.ts";
import { asText, entriesIn, tokenPattern, type CheckerName, type Durability, type SeenEntry } from "../checkers.ts";
import type { Disk, NetworkWatcher, Pulse, World } from "../../world/index.ts";
import { Copy, headIn, Lineage } from "./copies.ts";

/** Where an entry stands: its slot, and its checksum over everything up to it. */
type Place = Pick<SeenEntry, "slot" | "epoch" | "seq" | "checksum">;

/** What an entry has beside its log where its actor leaves for a slot of its own. */
const splitOp = 4;
const placeName = ({ slot, epoch, seq }: Place): string => `${slot} (${epoch}, ${seq})`;

/** Checksums cover the whole log, whose beginning names its slot: this is unique without the slot's name. */
const idOf = ({ epoch, seq, checksum }: Place): string => `${epoch} ${seq} ${checksum}`;

/** Damage to one copy of a slot. */
export interface Rot {
  /** The damaged bytes are still there. */
  readonly lasts: () => boolean;
  readonly mend: () => void;
}

/** One machine, as the checkers know it. */
interface Machine {
  readonly node: NodeId;
  readonly disk: Disk;
  readonly copies: Map<string, Copy>;
  /** The highest fence seen for each slot; a crash may take back one that was not synced. */
  readonly fences: Map<string, number>;
  /** Entries that reached it only in messages of an epoch below its fence. */
  readonly stale: Map<string, Set<string>>;
  /** Slots that an owner gives a whole copy of: that may hold what an owner before it sent too late. */
  readonly given: Set<string>;
  readonly fresh: Map<string, Set<string>>;
  /** Entries that it was given as a new owner. */
  readonly fetched: Set<string>;
}

const rowPrefix = "directory/row/";

/** Knows the disks of all nodes, the directory as it is, and everything that was said between nodes; compares them all
 *  the time. Reads the bytes with an own small reader of the journal's layout. */
export class ClusterWatch implements Durability, NetworkWatcher {
  readonly records = new Map<string, SlotRecord>();
  readonly members = new Map<NodeId, MemberRecord>();
  readonly groups = new Map<string, HolderGroup>();
  /** Nodes whose data the plan has taken away. */
  readonly excused = new Set<NodeId>();
  /** Copies that the plan has damaged: by slot, then by node. */
  readonly #rotten = new Map<string, Map<NodeId, Rot>>();
  readonly #world: World;
  readonly #minInSync: number;
  readonly #machines = new Map<NodeId, Machine>();
  readonly #owners = new Map<string, NodeId>();
  readonly #lives = new Map<string, number>();
  readonly #entries = new Map<string, number>();
  readonly #lineages = new Map<string, Lineage>();
  readonly #tokens = new Map<string, Place[]>();
  /** Whose entry stands where: slot, then seq. The newest epoch's, where there were several. */
  readonly #actors = new Map<string, Map<number, { readonly epoch: number; readonly actor: string }>>();
  readonly #acknowledged = new Map<string, Place>();
  /** Who had everything and lost its place, by slot: whether some record since then named every other copy that the
   *  slot is to have, and as many as writes need, as in sync. Before that its copy may be all there is but one. */
  readonly #left = new Map<string, Map<NodeId, boolean>>();
  /** Hears that a disk has something more for good. */
  onDurable: ((node: NodeId) => void) | undefined;

  constructor(world: World, minInSync: number) {
    this.#world = world;
    this.#minInSync = minInSync;
  }

  /** Watches a machine. `host`: the embedded directory lies on its disk. */
  machine(node: NodeId, disk: Disk, host: boolean): void {
    const machine: Machine = {
      node,
      disk,
      copies: new Map(),
      fences: new Map(),
      stale: new Map(),
      given: new Set(),
      fresh: new Map(),
      fetched: new Set(),
    };
    this.#machines.set(node, machine);
    disk.watch({
      written: (ops, by) => this.#written(machine, ops, by),
      durable: (ops) => {
        if (host) this.#rowsDurable(ops);
        this.#durable(machine, ops);
        this.onDurable?.(node);
      },
    });
  }

  /** The machine lost what was not synced: a fence may have fallen back. */
  crashed(node: NodeId): void {
    const machine = this.#machines.get(node);
    if (machine === undefined) return;
    machine.fences.clear();
    for (const [key, value] of machine.disk.range({ gte: "head/", lt: "head0" })) {
      const { fence } = decode(value.subarray(4)) as { fence: number };
      machine.fences.set(key.slice("head/".length), fence);
    }
  }

  /** A copy was damaged. Undone where it would be the last: that is more than the design survives. */
  rots(node: NodeId, slot: string, rot: Rot): void {
    const copies = this.#rotten.get(slot) ?? new Map<NodeId, Rot>();
    this.#rotten.set(slot, copies.set(node, rot));
  }

  /** Whether a copy of the slot is damaged somewhere, in the set or where it may come back from. */
  hasRot(slot: string): boolean {
    return (this.#rotten.get(slot)?.size ?? 0) > 0;
  }

  /** Whether nothing was done to what a node has of a slot. */
  isWhole(node: NodeId, slot: string): boolean {
    return !this.excused.has(node) && this.#rotten.get(slot)?.has(node) !== true;
  }

  // --- Durability: what nobody can lose any more ---------------------------------------------------------------------

  holds(token: string): boolean {
    const places = this.#tokens.get(token) ?? [];
    const place = places.find((one) => this.#missing(one) === undefined);
    if (place === undefined) {
      this.#world.note(() => {
        const told = places.map((one) => `${placeName(one)}: ${this.#missing(one)}`);
        return `${token} is not durable: ${told.join("; ") || "no entry has it"}`;
      });
      return false;
    }
    const known = this.#acknowledged.get(place.slot);
    if ((known?.seq ?? 0) >= place.seq) return true;
    this.#acknowledged.set(place.slot, place);
    const copies = [...this.#machines.values()].filter(
      (machine) => machine.copies.get(place.slot)?.has(place) === true,
    );
    if (copies.length < this.#minInSync)
      this.#violate(
        "acknowledged-kept",
        `${placeName(place)} was acknowledged with ${copies.length} copies, not ${this.#minInSync}`,
      );
    return true;
  }

  /** Why an entry is not on all disks that are in sync; undefined: it is. */
  #missing(place: Place): string | undefined {
    const record = this.records.get(place.slot);
    if (record === undefined) return "its slot has no record";
    const lacks = record.inSync.find((node) => !this.#has(node, place));
    return lacks === undefined ? undefined : `${lacks}, in sync in epoch ${record.epoch}, lacks it`;
  }

  #has(node: NodeId, place: Place): boolean {
    if (!this.isWhole(node, place.slot)) return true;
    return this.#machines.get(node)?.copies.get(place.slot)?.has(place) ?? false;
  }

  /** Everything acknowledged is on every disk in sync: after any change of either. */
  #checkAcknowledged(slot: string, because: string): void {
    const place = this.#acknowledged.get(slot);
    const missing = place && this.#missing(place);
    if (missing !== undefined)
      this.#violate("acknowledged-kept", `${placeName(place as Place)}: ${missing}; ${because}`);
  }

  // --- disks ---------------------------------------------------------------------------------------------------------

  #written(machine: Machine, ops: readonly StoreOp[], by: Pulse): void {
    for (const op of ops) {
      if (op.type !== "put") continue;
      const slot = /^head\/(.*)$/.exec(op.key)?.[1];
      if (slot !== undefined) this.#headWritten(machine, slot, op.value);
      const [, log, first] = /^log\/(.+)\/([0-9]+)$/.exec(op.key) ?? [];
      if (log === undefined || first === undefined) continue;
      for (const entry of entriesIn(log, op.value)) this.#entryWritten(machine, entry, by);
    }
  }

  #entryWritten(machine: Machine, entry: SeenEntry, by: Pulse): void {
    const name = placeName(entry);
    const known = this.#entries.get(name);
    if (known !== undefined && known !== entry.checksum)
      this.#violate("entry-immutable", `${name} is another entry on ${machine.node}`);
    const id = idOf(entry);
    if (machine.stale.get(entry.slot)?.has(id) === true)
      this.#violate("append-above-fence", `${machine.node} wrote ${name}, which it was sent below its fence`);
    if (known !== undefined) return;
    this.#entries.set(name, entry.checksum);
    // The owner writes what is new first, or a replica does, who got it from the owner.
    const owner = this.#owners.get(`${entry.slot}@${entry.epoch}`);
    if (owner === undefined) this.#violate("owner-appends", `${name} is of an epoch that nobody owned`);
    if (owner === machine.node) this.#oneLife(entry.slot, entry.epoch, by);
    this.#remember(entry);
    this.#lineageOf(entry.slot).add(entry);
    for (const token of asText(entry.payload).match(tokenPattern) ?? []) {
      const places = this.#tokens.get(token) ?? [];
      const { slot, epoch, seq, checksum } = entry;
      this.#tokens.set(token, [...places, { slot, epoch, seq, checksum }]);
    }
  }

  #lineageOf(slot: string): Lineage {
    const lineage = this.#lineages.get(slot) ?? new Lineage();
    this.#lineages.set(slot, lineage);
    return lineage;
  }

  #remember({ slot, epoch, seq, payload }: SeenEntry): void {
    const [, , , actor, events, , side] = decode(payload) as [
      number,
      number,
      number,
      string,
      [],
      [],
      [string, number][],
    ];
    // That an actor was to leave for a slot of its own, which the directory refused, is nothing that a snapshot has.
    if (events.length === 0 && side.length > 0 && side.every(([, what]) => what === splitOp)) return;
    const rows = this.#actors.get(slot) ?? new Map<number, { readonly epoch: number; readonly actor: string }>();
    this.#actors.set(slot, rows);
    if ((rows.get(seq)?.epoch ?? 0) <= epoch) rows.set(seq, { epoch, actor });
  }

  /** What was trimmed from a log must be in a snapshot on the same disk. A damaged one cannot be read here either. */
  #checkTrim({ node, disk }: Machine, slot: string, from: number, to: number): void {
    if (!this.isWhole(node, slot)) return;
    for (let seq = from + 1; seq <= to; seq += 1) {
      const actor = this.#actors.get(slot)?.get(seq)?.actor;
      if (actor === undefined || this.records.has(actor)) continue;
      const sealed = disk.get(`snap/${slot}/${actor}`);
      const covered = sealed === undefined ? 0 : (decode(sealed.subarray(4)) as [seq: number, body: unknown])[0];
      if (covered < seq)
        this.#violate(
          "acknowledged-kept",
          `${node} trimmed ${slot} to ${to}; its snapshot of ${actor} lacks entry ${seq}`,
        );
    }
  }

  /** A process that starts again is another owner: it needs an epoch of its own. */
  #oneLife(slot: string, epoch: number, by: Pulse): void {
    const life = this.#lives.get(`${slot}@${epoch}`) ?? by.life;
    this.#lives.set(`${slot}@${epoch}`, life);
    if (life !== by.life)
      this.#violate("one-owner-per-epoch", `lives ${life} and ${by.life} wrote to ${slot} in epoch ${epoch}`);
  }

  #headWritten(machine: Machine, slot: string, value: Uint8Array): void {
    const { fence, incomplete } = headIn(value);
    const highest = machine.fences.get(slot) ?? 0;
    if (fence < highest)
      this.#violate("append-above-fence", `the fence of ${slot} on ${machine.node} fell from ${highest} to ${fence}`);
    machine.fences.set(slot, fence);
    if (!incomplete) return;
    const early = this.#left.get(slot)?.get(machine.node) === false;
    // It was complete, and there is nothing of it left to lose from here on.
    this.#left.get(slot)?.delete(machine.node);
    if (!early || !this.isWhole(machine.node, slot)) return;
    this.#violate(
      "acknowledged-kept",
      `${machine.node} threw away its copy of ${slot}, which lacks one: ${JSON.stringify(this.records.get(slot))}`,
    );
  }

  /** Keeps account of who may throw its copy away. */
  #keepLeft(slot: string, before: SlotRecord, record: SlotRecord): void {
    const { owner, inSync, learners, want } = record;
    const wanted = want?.replicas ?? [];
    const left = this.#left.get(slot) ?? new Map<NodeId, boolean>();
    this.#left.set(slot, left);
    // What was damaged when it left may go, though the damage is trimmed away since: nobody reads it any more.
    for (const node of before.inSync) left.set(node, !this.isWhole(node, slot));
    for (const node of [owner, ...inSync, ...learners, ...wanted]) left.delete(node);
    const needsNobody = inSync.length >= this.#minInSync && wanted.every((node) => inSync.includes(node));
    if (needsNobody) for (const node of left.keys()) left.set(node, true);
  }

  #durable(machine: Machine, ops: readonly StoreOp[]): void {
    const touched = new Set<string>();
    // A copy that is trimmed and thrown away in one batch is thrown away.
    const left = new Map(ops.map((op) => [op.key, op]));
    for (const op of ops) {
      const head = op.type === "put" ? /^head\/(.*)$/.exec(op.key)?.[1] : undefined;
      const [, log, first] = /^log\/(.+)\/([0-9]+)$/.exec(op.key) ?? [];
      const slot = head ?? log;
      if (slot === undefined) continue;
      touched.add(slot);
      const copy = machine.copies.get(slot) ?? new Copy(this.#lineageOf(slot));
      machine.copies.set(slot, copy);
      if (head !== undefined && op.type === "put" && left.get(op.key) === op) {
        const headed = headIn(op.value);
        // What was thrown away since has become durable together with that.
        const now = machine.disk.get(op.key);
        const stands = now !== undefined && headIn(now).incarnation === headed.incarnation;
        if (!headed.incomplete && stands && headed.baseSeq > copy.baseSeq)
          this.#checkTrim(machine, slot, copy.incomplete ? 0 : copy.baseSeq, headed.baseSeq);
        copy.head(headed);
      } else if (op.type === "put") copy.put(Number(first), entriesIn(slot, op.value));
      else copy.delete(Number(first));
    }
    for (const slot of touched) {
      if (this.records.get(slot)?.inSync.includes(machine.node) === true)
        this.#checkAcknowledged(slot, `${machine.node} has changed its log`);
    }
  }

  // --- the directory -------------------------------------------------------------------------------------------------

  /** Rows of the first node's disk count until voters decide. */
  voted = false;

  #rowsDurable(ops: readonly StoreOp[]): void {
    if (this.voted) return;
    for (const op of ops) {
      if (!op.key.startsWith(rowPrefix)) continue;
      const row = op.type === "put" ? (decode(op.value.subarray(4)) as { value: unknown }) : undefined;
      this.rowChanged(op.key.slice(rowPrefix.length), row?.value);
    }
  }

  /** A row of the directory is this from now on. */
  rowChanged(key: string, value: unknown): void {
    if (key.startsWith("slot/")) this.#slotChanged(key.slice("slot/".length), value as SlotRecord | undefined);
    if (key.startsWith("group/")) this.#groupChanged(key, value as HolderGroup | undefined);
    if (!key.startsWith("member/")) return;
    const node = key.slice("member/".length);
    if (value === undefined) this.members.delete(node);
    else this.members.set(node, value as MemberRecord);
  }

  /** Descriptors of stripes name holders by their numbers. */
  #groupChanged(key: string, group: HolderGroup | undefined): void {
    const before = this.groups.get(key);
    if (group === undefined || (before !== undefined && before.width !== group.width))
      this.#violate("record-changes", `${key} was ${JSON.stringify(before)} and is ${JSON.stringify(group)}`);
    if (group !== undefined) this.groups.set(key, group);
    this.#world.note(() => `directory: ${key} ${JSON.stringify(group)}`);
  }

  #slotChanged(slot: string, record: SlotRecord | undefined): void {
    const before = this.records.get(slot);
    if (record === undefined) {
      if (before !== undefined) this.#violate("record-changes", `the record of ${slot} was deleted`);
      return;
    }
    const { epoch, owner, inSync } = record;
    this.records.set(slot, record);
    const known = this.#owners.get(`${slot}@${epoch}`) ?? owner;
    if (known !== owner) this.#violate("one-owner-per-epoch", `${slot} in epoch ${epoch}: ${known} and ${owner}`);
    this.#owners.set(`${slot}@${epoch}`, owner);
    this.#world.note(
      () =>
        `directory: ${slot} epoch ${epoch} owner ${owner} inSync ${inSync.join(",")} learners ${record.learners.join(",")} want ${record.want ? `${record.want.owner}: ${record.want.replicas.join(",")}` : "-"}`,
    );
    if (!inSync.includes(owner)) this.#violate("record-changes", `${slot}: the owner ${owner} is not in sync`);
    if (before === undefined) return;
    this.#keepLeft(slot, before, record);
    // An operator gave the slot up, because the last node that held it is taken out: it drains, or is no member any
    // more.
    const givenUp = record.abandoned === epoch && inSync.length === 1 && inSync[0] === owner;
    if (
      givenUp &&
      epoch === before.epoch + 1 &&
      !before.inSync.some((node) => this.members.get(node)?.state === "active")
    )
      return;
    const late = inSync.find((node) => !before.inSync.includes(node));
    if (epoch > before.epoch && late !== undefined)
      this.#violate("record-changes", `${slot}: epoch ${epoch} begins with ${late}, which had left the set before`);
    if (epoch < before.epoch) this.#violate("record-changes", `${slot}: from epoch ${before.epoch} to ${epoch}`);
    if (epoch > before.epoch && !before.inSync.includes(owner))
      this.#violate("record-changes", `${slot}: ${owner} became the owner without being in sync`);
    const rotten = this.#rotten.get(slot) ?? new Map<NodeId, Rot>();
    // A copy that was damaged and has left comes back whole: unless nobody has found the damage, and it caught up only.
    for (const [node, rot] of rotten)
      if (!(inSync.includes(node) && before.inSync.includes(node)) && !rot.lasts()) rotten.delete(node);
    if (!inSync.some((node) => this.isWhole(node, slot))) {
      for (const node of inSync) {
        rotten.get(node)?.mend();
        rotten.delete(node);
      }
    }
    this.#checkAcknowledged(slot, "its record has changed");
  }

  // --- what nodes say to each other ----------------------------------------------------------------------------------

  sent(from: NodeId, _to: NodeId, _channel: Channel, message: unknown, by: Pulse): void {
    const [name, , body] = message as [string, number, Partial<AppendBody> | undefined];
    if (name !== "replica.append" || body?.slot === undefined || body.epoch === undefined) return;
    const owner = this.#owners.get(`${body.slot}@${body.epoch}`);
    if (owner !== from)
      this.#violate("owner-appends", `${from} appends to ${body.slot} in epoch ${body.epoch}, whose owner is ${owner}`);
    if ((body.chunks?.length ?? 0) > 0) this.#oneLife(body.slot, body.epoch, by);
  }

  received(_from: NodeId, to: NodeId, _channel: Channel, message: unknown): void {
    const [name, , body] = message as [string, number, Partial<AppendBody> | undefined];
    const machine = this.#machines.get(to);
    if (machine !== undefined && name === "") this.#fetched(machine, body);
    if (machine === undefined || body?.slot === undefined || body.epoch === undefined) return;
    const { slot, epoch } = body;
    if (name === "transfer.begin") {
      machine.stale.delete(slot);
      machine.given.add(slot);
    }
    if (name !== "replica.append") return;
    const stale = machine.stale.get(slot) ?? new Set();
    const fresh = machine.fresh.get(slot) ?? new Set();
    machine.stale.set(slot, stale);
    machine.fresh.set(slot, fresh);
    const below = epoch < (machine.fences.get(slot) ?? 0);
    if (!below) machine.given.delete(slot);
    else if (machine.given.has(slot)) return;
    for (const [, bytes] of body.chunks ?? []) {
      for (const entry of entriesIn(slot, bytes)) {
        const id = idOf(entry);
        if (!below) {
          stale.delete(id);
          fresh.add(id);
        } else if (
          entry.epoch === epoch &&
          !fresh.has(id) &&
          !machine.fetched.has(id) &&
          !this.#hasWritten(machine, entry)
        )
          stale.add(id);
      }
    }
  }

  /** A new owner asked for the end of a longer log: what it is given it may write. */
  #fetched(machine: Machine, answer: unknown): void {
    const { value } = (answer ?? {}) as { value?: { chunks?: unknown } };
    if (!Array.isArray(value?.chunks)) return;
    for (const [, bytes] of value.chunks as AppendBody["chunks"]) {
      for (const entry of entriesIn("", bytes)) {
        machine.fetched.add(idOf(entry));
        for (const stale of machine.stale.values()) stale.delete(idOf(entry));
      }
    }
  }

  #hasWritten(machine: Machine, entry: SeenEntry): boolean {
    return machine.copies.get(entry.slot)?.has(entry) ?? false;
  }

  // --- the end -------------------------------------------------------------------------------------------------------

  /** What keeps the cluster from being whole: slots with fewer replicas than wanted, or an owner that is not up. */
  unsettled(wanted: (record: SlotRecord) => number, isUp: (node: NodeId) => boolean): string | undefined {
    for (const [slot, record] of this.records) {
      const { owner, inSync, learners } = record;
      if (!isUp(owner)) return `${slot}: its owner ${owner} is down`;
      const lost = inSync.find((node) => !isUp(node));
      if (lost !== undefined) return `${slot}: ${lost} is in sync and down`;
      if (inSync.length < wanted(record) || learners.length > 0)
        return `${slot}: in sync ${inSync.join(",")}, learners ${learners.join(",")}, wanted ${wanted(record)}`;
    }
    return undefined;
  }

  /** What differs between the replicas in sync of some slot. How far a log is trimmed, and when an actor was
   *  snapshotted, may differ; the entries that both have, everything beside the log and where it ends may not. */
  difference(): string | undefined {
    for (const [slot, { owner, inSync }] of this.records) {
      const own = this.#contentOf(owner, slot);
      for (const node of inSync) {
        if (node === owner) continue;
        const other = this.#contentOf(node, slot);
        if (own.lastSeq !== other.lastSeq)
          return `${slot} ends at ${own.lastSeq} on ${owner} and at ${other.lastSeq} on ${node}`;
        const common = Math.max(own.baseSeq, other.baseSeq);
        for (const [seq, checksum] of own.entries)
          if (seq > common && other.entries.get(seq) !== checksum) return `${slot}: entry ${seq} differs on ${node}`;
        const keys = new Set([...own.side.keys(), ...other.side.keys()]);
        const differs = [...keys].find((key) => own.side.get(key) !== other.side.get(key));
        if (differs !== undefined) {
          const told = (side: ReadonlyMap<string, string>): string => `${side.get(differs)?.length ?? "absent"}`;
          return `${differs} is ${told(own.side)} on ${owner} and ${told(other.side)} on ${node}`;
        }
      }
    }
    return undefined;
  }

  /** Everything a node holds of a slot but snapshots. */
  #contentOf(
    node: NodeId,
    slot: string,
  ): {
    readonly baseSeq: number;
    readonly lastSeq: number;
    readonly entries: ReadonlyMap<number, number>;
    readonly side: ReadonlyMap<string, string>;
  } {
    const disk = this.#machines.get(node)?.disk;
    const rows = (prefix: string): (readonly [string, Uint8Array])[] =>
      disk?.range({ gte: prefix, lt: `${prefix.slice(0, -1)}0` }) ?? [];
    const head = disk?.get(`head/${slot}`);
    const { baseSeq = 0, lastSeq = 0 } = head ? (decode(head.subarray(4)) as { baseSeq: number; lastSeq: number }) : {};
    const entries = new Map<number, number>();
    for (const [, bytes] of rows(`log/${slot}/`))
      for (const { seq, checksum } of entriesIn(slot, bytes)) entries.set(seq, checksum);
    const side = new Map<string, string>();
    for (const space of ["record", "reminder", "wake", "quarantine", "dead"])
      for (const [key, value] of rows(`side/${space}/${slot}/`)) side.set(key, asText(value));
    return { baseSeq, lastSeq, entries, side };
  }

  #violate(checker: CheckerName, detail: string): void {
    this.#world.violate(checker, detail);
  }
}

interface AppendBody {
  readonly slot: string;
  readonly epoch: number;
  readonly chunks: readonly (readonly [number, Uint8Array])[];
}
