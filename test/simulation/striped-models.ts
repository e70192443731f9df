/** The life of models that lie in stripes: several nodes with the real plan and its carrying out, one directory, and
 *  three holders (`simulated-stripes.ts`). Nodes die and lose their disks, holders are away, the directory
 *  loses answers; an admin wants other things, and nodes pull newer files of the same name.
 *
 *      faults ─► calm ─► audit: what is wanted can be read from the storage nodes alone, and nothing else is kept there
 */
import { createHash } from "node:crypto";
import { createReleasing } from "../../node/bulk/attachments/releasing.ts";
import { attachmentLimits } from "../../node/bulk/attachments/limits.ts";
import { contentTree } from "../../node/bulk/blobs/index.ts";
import { watchStripedModels, type StripedModel } from "../../node/cluster/facts/striped-models.ts";
import { createFromStripes, ownersOfModels, stripeModels } from "../../node/inference/models/index.ts";
import { type ModelLimits } from "../../node/inference/models/limits.ts";
import { decodeIndex, ownerOfModel, stripesOf } from "../../node/inference/models/in-stripes.ts";
import type { Directory, DirectoryRow, DirectoryWatcher, MemberRecord, Membership } from "../../node/ports/index.ts";
import { failure, ok, PlexusError, type ActorId, type StoredModel, type WantedModel } from "../../protocols/index.ts";
import { memberRecord } from "../fixtures/members.ts";
import { quietLog, quietMeter } from "../fixtures/quiet.ts";
import { simulatedClock, type Pulse, type World } from "../world/index.ts";
import { SimulatedStripes } from "./simulated-stripes.ts";
import { judge, type Simulated, type Verdict } from "./verdict.ts";

const lifeMs = 20 * 60_000;
const limits: Partial<ModelLimits> = {
  settleMs: 500,
  stripesLookMs: 5_000,
  stripesPatienceMs: 60_000,
  retryMsMin: 2_000,
  retryMsMax: 20_000,
  unfinishedMs: 4 * 60_000,
  wholeTriesMax: 3,
  stripesCheckMs: 60_000,
  pieceBytes: 40,
};
/** Nodes that have an older file of the name have had their time in line, and what was put last has come to its end. */
const calmMs = 20 * 60_000;
const names = ["m1", "m2", "m3"];

/** Runs one seed. */
export const runStripedModelsSeed = (seed: number, options: { readonly trace?: boolean } = {}): Promise<Verdict> =>
  judge(seed, options, (world) => new StripedLife(world));

/** What a node says of each model that it has. */
const offer = {
  engine: "generate",
  runtime: "llama",
  capabilities: ["chat"],
  contextTokens: 0,
  sizeBytes: 0,
  demonstration: false,
  state: "idle",
} as const;

interface Node {
  readonly id: string;
  pulse: Pulse;
  readonly disk: Map<string, StoredModel>;
  readonly changed: Set<() => void>;
  readonly stored: Set<() => void>;
  stop: () => void;
}

class StripedLife implements Simulated {
  readonly #world: World;
  readonly #stripes: SimulatedStripes;
  readonly #nodes: readonly Node[];
  readonly #files = new Map<string, Uint8Array>();
  readonly #rows = new Map<string, DirectoryRow>();
  readonly #watching = new Set<(key: string) => void>();
  #wanted: readonly WantedModel[] = [];
  #revision = 0;
  #calm = false;
  lives = 0;
  replies = 0;
  faults = 0;

  constructor(world: World) {
    this.#world = world;
    this.#stripes = new SimulatedStripes(world);
    this.#nodes = Array.from({ length: 3 }, (_, index) => ({
      id: `n${index}`,
      pulse: { life: 0, alive: false },
      disk: new Map(),
      changed: new Set(),
      stored: new Set(),
      stop: () => undefined,
    }));
  }

  async run(): Promise<void> {
    for (const node of this.#nodes) this.#start(node);
    this.#mendOn();
    this.#goOn(() => this.#act(), 30_000);
    this.#goOn(() => this.#fault(), 25_000);
    await this.#world.run(() => false, lifeMs);
    this.#calm = true;
    for (const node of this.#nodes) if (!node.pulse.alive) this.#start(node);
    for (const holder of this.#stripes.holders) holder.up = true;
    await this.#world.run(() => false, lifeMs + calmMs);
    if (this.#world.violations.length === 0) await this.#world.settle(this.#audit()).catch(() => undefined);
    for (const node of this.#nodes) node.stop();
  }

  #mendOn(): void {
    this.#world.after(60_000, () => {
      this.#stripes.mend();
      this.#mendOn();
    });
  }

  #goOn(act: () => void, pauseMs: number): void {
    this.#world.after(this.#world.dice.between(0, 2 * pauseMs), () => {
      if (this.#calm) return;
      act();
      this.#goOn(act, pauseMs);
    });
  }

  // --- what people do, and what goes wrong ---------------------------------------------------------------------------

  #act(): void {
    const { dice } = this.#world;
    const name = dice.pick(names);
    const node = dice.pick(this.#nodes);
    const act = dice.weighted({ want: 4, unwant: 2, pull: 4, copy: 3, remove: 1 });
    this.#world.note(() => `${act} ${name} ${node.id}`);
    if (act === "want" || act === "unwant") {
      const others = this.#wanted.filter((one) => one.name !== name);
      const wanted: WantedModel = { name, source: `hf:a/${name}`, nodes: 1, keep: "stripes" };
      this.#wanted = act === "want" ? [...others, wanted] : others;
    } else if (act === "pull") node.disk.set(name, this.#modelOf(name));
    else if (act === "remove") node.disk.delete(name);
    else {
      const from = this.#nodes.find(({ disk }) => disk.has(name))?.disk.get(name);
      if (from !== undefined) node.disk.set(name, { ...from, addedAtMs: Math.floor(this.#world.nowMs) });
    }
    for (const one of this.#nodes) for (const heard of [...one.changed, ...one.stored]) heard();
  }

  #modelOf(name: string): StoredModel {
    const bytes = Buffer.from(this.#world.dice.bytes(1 + this.#world.dice.below(150)));
    const digest = createHash("sha256").update(bytes).digest("hex");
    this.#files.set(digest, bytes);
    const tree = contentTree.hashOfLeaves(bytes.length, [contentTree.hashLeaf(bytes)]);
    return {
      name,
      digest,
      size: bytes.length,
      files: [{ path: "m.gguf", size: bytes.length, digest, tree }],
      main: "m.gguf",
      card: { format: "gguf", kind: "model", family: "llama", capabilities: [] },
      source: `hf:a/${name}`,
      addedAtMs: Math.floor(this.#world.nowMs),
    };
  }

  #fault(): void {
    const { dice } = this.#world;
    this.faults += 1;
    const node = dice.pick(this.#nodes);
    const holder = dice.pick(this.#stripes.holders);
    const act = dice.weighted({ die: 4, back: 5, wipe: 1, away: 3, there: 4, rot: 1 });
    this.#world.note(() => `${node.id}: ${act}`);
    if (act === "die" && node.pulse.alive) this.#end(node);
    else if (act === "back" && !node.pulse.alive) this.#start(node);
    else if (act === "wipe" && !node.pulse.alive) node.disk.clear();
    else if (act === "away" && this.#stripes.holders.every(({ up }) => up)) holder.up = false;
    else if (act === "rot") for (const { inventory } of this.#stripes.holders) inventory.clear();
    else if (act === "there") for (const one of this.#stripes.holders) one.up = true;
  }

  // --- nodes ---------------------------------------------------------------------------------------------------------

  #start(node: Node): void {
    this.lives += 1;
    const pulse: Pulse = { life: node.pulse.life + 1, alive: true };
    node.pulse = pulse;
    const alive = (): boolean => pulse.alive;
    const clock = simulatedClock(this.#world, { offsetMs: 0 }, pulse);
    const directory = this.#directoryOf(alive);
    const rows = watchStripedModels(directory);
    const stripes = this.#stripes.portOf(alive);
    const stopStriping = stripeModels({
      node: node.id,
      store: {
        list: () => [...node.disk.values()],
        get: (name) => node.disk.get(name),
        damaged: () => [],
        leavesOf: async (digest) => this.#leavesOf(digest),
        chunkOf: async (digest, { start, end }) => this.#files.get(digest)?.subarray(start, end),
        watch: (heard) => this.#hears(node.stored, () => heard("models")),
      },
      wanted: this.#wantedOf(node, pulse),
      rows,
      stripes,
      membership: this.#membershipOf(node),
      clock,
      random: this.#world.dice,
      log: quietLog,
      meter: quietMeter,
      limits,
    });
    const sweep = createReleasing(
      {
        stripes,
        ask: async (holder, message) => this.#inventoryOf(holder, message),
        owners: [ownersOfModels(directory)],
        holders: () => ["shard-holder/g1.0", "shard-holder/g1.1", "shard-holder/g1.2"],
        log: quietLog,
        meter: quietMeter,
        limits: attachmentLimits,
      },
      () => !alive(),
    );
    const again = (): void => void clock.after(30_000, () => void sweep().finally(again));
    again();
    for (const one of this.#nodes) for (const heard of one.changed) heard();
    node.stop = () => {
      stopStriping();
      rows.stop();
      pulse.alive = false;
    };
  }

  #end(node: Node): void {
    node.stop();
    node.changed.clear();
    node.stored.clear();
    for (const one of this.#nodes) for (const heard of one.changed) heard();
  }

  /** The list as a node knows it: none at first, and what was changed a while later. */
  #wantedOf(node: Node, pulse: Pulse) {
    let known: readonly WantedModel[] = [];
    const hear = (): void => {
      const now = this.#wanted;
      this.#world.after(this.#world.dice.between(10, 6_000), () => {
        if (!pulse.alive) return;
        known = now;
        for (const heard of node.stored) heard();
      });
    };
    node.changed.add(hear);
    hear();
    return {
      current: () => known,
      onChange: (heard: () => void) => this.#hears(node.changed, heard),
      read: async () => {
        await this.#world.sleep(this.#world.dice.between(5, 400));
        return this.#wanted;
      },
    };
  }

  #hears(all: Set<() => void>, heard: () => void): () => void {
    all.add(heard);
    return () => all.delete(heard);
  }

  #leavesOf(digest: string): Uint8Array | undefined {
    const bytes = this.#files.get(digest);
    return bytes && contentTree.hashLeaf(bytes);
  }

  #membershipOf(node: Node): Membership {
    const memberOf = ({ id, disk }: Node): MemberRecord => {
      const offers = [...disk.keys()].map((model) => ({ ...offer, model }));
      return memberRecord(id, { roles: ["ai"], offers });
    };
    return {
      self: node.id,
      members: () => ({ view: 1, members: this.#nodes.map(memberOf) }),
      isUp: (other) => this.#nodes.find(({ id }) => id === other)?.pulse.alive === true,
      isSlow: () => false,
      isStaying: () => true,
      onChange: (heard) => this.#hears(node.changed, heard),
    };
  }

  #inventoryOf(holder: ActorId, message: { readonly type: string; readonly stripes?: readonly string[] }) {
    const { inventory, up } = this.#stripes.holders[Number(holder.at(-1))]!;
    if (!up) return { ok: false, error: failure("SLOT_UNAVAILABLE") } as const;
    if (message.type === "list") return ok({ shards: [...inventory.keys()].map((stripe) => ({ stripe })) });
    const shards = (message.stripes ?? []).flatMap((id) => {
      const kept = inventory.get(id);
      const references = [...(kept?.owners ?? [])].flatMap(([owner, { untilMs }]) =>
        untilMs === 0 ? [] : [{ owner, ...(untilMs !== Infinity && { expiresAtMs: untilMs }) }],
      );
      return kept === undefined ? [] : [{ stripe: kept.ref, references }];
    });
    return ok({ shards });
  }

  // --- the directory -------------------------------------------------------------------------------------------------

  /** Answers late, or not at all; then a change may have been made. */
  #directoryOf(alive: () => boolean): Directory {
    const { dice } = this.#world;
    const pause = async (): Promise<void> => {
      await this.#world.sleep(dice.between(5, 400));
      if (!alive()) await new Promise(() => undefined);
    };
    const mayFail = (): void => {
      if (!this.#calm && dice.chance(0.05)) throw new PlexusError(failure("DIRECTORY_UNAVAILABLE"));
    };
    return {
      read: async (key) => {
        await pause();
        mayFail();
        return this.#rows.get(key);
      },
      compareAndSet: async (key, value, revision) => {
        await pause();
        mayFail();
        const before = this.#rows.get(key);
        const applied = (before?.revision ?? 0) === revision;
        if (applied) this.#write(key, value);
        await pause();
        mayFail();
        return { applied, row: this.#rows.get(key) };
      },
      list: async (prefix) => [...this.#rows.values()].filter(({ key }) => key.startsWith(prefix)),
      watch: (prefix, watcher: DirectoryWatcher) => {
        const told = (key: string): void => {
          this.#world.after(dice.between(10, 3_000), () => {
            if (!alive() || !key.startsWith(prefix)) return;
            const row = this.#rows.get(key);
            if (row === undefined) watcher.removed(key, this.#revision);
            else watcher.changed(row);
          });
        };
        this.#watching.add(told);
        watcher.reset([...this.#rows.values()]);
        return () => this.#watching.delete(told);
      },
    };
  }

  #write(key: string, value: unknown): void {
    this.#revision += 1;
    if (value === undefined) this.#rows.delete(key);
    else this.#rows.set(key, { key, value, revision: this.#revision });
    for (const told of this.#watching) told(key);
    const row = value as StripedModel | undefined;
    const said = row === undefined ? "gone" : `${row.by} ${row.attempt} ${row.index?.id.slice(0, 8)} ${row.whole}`;
    this.#world.note(() => `${key.slice(0, 14)} ${said}`);
    if (row?.index === undefined) return;
    this.replies += 1;
    for (const { id } of this.#stripesIn(row) ?? [])
      if (this.#stripes.keepers(id, ownerOfModel(row)) < 2)
        this.#world.violate("striped-kept", `${row.model} is said to be in stripes, and ${id.slice(0, 8)} has an end`);
  }

  #stripesIn({ index }: StripedModel) {
    const bytes = this.#stripes.holders.map(({ inventory }) => inventory.get(index!.id)?.bytes).find((one) => one);
    const read = bytes && decodeIndex(bytes);
    return read?.ok === true ? [index!, ...stripesOf(read.value)] : undefined;
  }

  // --- in the end ----------------------------------------------------------------------------------------------------

  async #audit(): Promise<void> {
    this.#stripes.expire();
    const rows = [...this.#rows.values()].map(({ value }) => value as StripedModel);
    const isWanted = (model: string): boolean => this.#wanted.some(({ name }) => name === model);
    const needed = new Map<string, Set<string>>();
    for (const row of rows) {
      needed.set(ownerOfModel(row), this.#isGone(row) ? new Set() : this.#auditRow(row));
      if (!isWanted(row.model)) this.#world.violate("striped-needed", `${row.model} is not wanted`);
    }
    for (const { inventory } of this.#stripes.holders)
      for (const [id, { owners }] of inventory)
        for (const [owner, { untilMs }] of owners) {
          if (untilMs !== Infinity || needed.get(owner)?.has(id) === true) continue;
          this.#world.violate("striped-needed", `nobody needs ${id.slice(0, 8)} of ${owner.slice(0, 16)}`);
        }
    for (const { name } of this.#wanted) await this.#auditWanted(name, rows);
  }

  /** The disks of all holders were lost, and no node has it or another one of its name. */
  #isGone(row: StripedModel): boolean {
    const ids = row.index && this.#stripesIn(row)?.map(({ id }) => id);
    const isLost = ids?.every((id) => this.#stripes.holders.some(({ inventory }) => inventory.has(id))) !== true;
    return row.index !== undefined && isLost && this.#nodes.every(({ disk }) => !disk.has(row.model));
  }

  /** The stripes of a row, each of which all holders keep. */
  #auditRow(row: StripedModel): Set<string> {
    const all = row.index === undefined ? [] : this.#stripesIn(row);
    if (all === undefined) this.#world.violate("striped-kept", `${row.model} has no index`);
    for (const { id } of all ?? [])
      if (this.#stripes.keepers(id, ownerOfModel(row)) < 3)
        this.#world.violate("striped-kept", `${row.model}: a holder does not keep ${id.slice(0, 8)}`);
    return new Set(all?.map(({ id }) => id));
  }

  async #auditWanted(name: string, rows: readonly StripedModel[]): Promise<void> {
    const have = this.#nodes.flatMap(({ disk }) => disk.get(name) ?? []);
    const own = rows.filter((row) => row.model === name && row.whole === true && !this.#isGone(row));
    if (have.length === 0 && own.length === 0) return;
    if (own.length === 0) return this.#world.violate("striped-there", `${name} is on ${have.length} nodes alone`);
    const newest = Math.max(...own.map(({ addedAtMs }) => addedAtMs));
    if (have.some((one) => one.addedAtMs > newest && own.every((row) => row.name !== one.digest)))
      this.#world.violate("striped-there", `${name} is there as it was before`);
    const peers = createFromStripes({
      rows: { current: () => own },
      read: this.#stripes.portOf(() => true).read,
      tree: contentTree,
    });
    const found = await peers.find(name);
    if (!found.ok) return this.#world.violate("striped-there", `${name} cannot be found: ${found.error.code}`);
    for (const file of found.value.model.files) {
      const leaves = await peers.leaves("stripes", file, new AbortController().signal);
      const bytes = await peers.chunk("stripes", { digest: file.digest, start: 0, end: file.size });
      const same = bytes.ok && Buffer.compare(bytes.value, this.#files.get(file.digest)!) === 0;
      if (!leaves.ok || !same) this.#world.violate("striped-there", `${name} cannot be read`);
    }
  }
}
