/** One life of a node's process, as far as backups go: its stripes, its keys, the directory as it reaches it. */
import { keysPrefix } from "../../../node/cluster/facts/records.ts";
import type { Message } from "../../../actors/behavior.ts";
import {
  createClusterBackups,
  createDirectoryHeads,
  keepHolderHeads,
  type BackupPorts,
} from "../../../node/backup/index.ts";
import {
  anchorOf,
  createClusterKeys,
  sealEpochTo,
  type ClusterKeys,
  type RootKeys,
  type RootRecord,
} from "../../../node/keys/index.ts";
import { diskKeyOf } from "../../../node/keys/disk-key.ts";
import type { Directory, NodeId, SlotRecord, Stripes } from "../../../node/ports/index.ts";
import { backupActor, failureOf, ownSlot, type Result, type SlotId, type StripeRef } from "../../../protocols/index.ts";
import { readHead } from "../../../runtimes/backup/index.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { plainSealer } from "../../unit/backup/world.ts";
import type { Machine } from "../../unit/bulk/shards/fixture.ts";
import { simulatedClock, type Pulse, type World } from "../../world/index.ts";
import { slots } from "./journals.ts";
import type { Scene } from "./scene.ts";
import { backupOwner, cluster, limits, type BackupWatch } from "./watch.ts";

const diskKey = diskKeyOf(Buffer.alloc(32, 7));
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");

/** Waits of seconds are tenths. */
const quickRunner = { pollMs: 200, tellMs: 300, askTimeoutMs: 1_500, asksMax: 10, partSlots: 2, partsAtOnce: 3, partAnswerMs: 300, partTimeoutMs: 2_000, partForgottenMs: 6_000, slotPauseMs: 150, slotWaitMs: 4_000, partBytesPerSecond: 200_000 }; // prettier-ignore

export class Member {
  readonly node: NodeId;
  readonly machine: Machine;
  readonly pulse: Pulse;
  readonly keys: ClusterKeys;
  readonly directory: Directory;
  readonly #world: World;
  /** The node that owns the actor of the backups, as this one has heard. */
  heardOwner: NodeId = "";

  constructor(world: World, machine: Machine, directory: Directory) {
    this.#world = world;
    this.machine = machine;
    this.node = machine.node;
    this.pulse = machine.pulse;
    this.directory = directory;
    const source = { read: async () => diskKey, make: async () => diskKey };
    const store = machine.disk.open(machine.pulse);
    this.keys = createClusterKeys({ cluster, directory, store, diskKey: source, clock: this.clock, log: quietLog });
  }

  get clock() {
    return simulatedClock(this.#world, this.machine.wall, this.pulse);
  }

  get isUp(): boolean {
    return this.pulse.alive && this.machine.pulse === this.pulse && this.machine.shards !== undefined;
  }

  /** Reads its slots for whoever makes a snapshot, and works on tasks where it owns them. */
  serve(scene: Scene): void {
    const { exchange, membership } = this.machine;
    if (exchange === undefined || membership === undefined) return;
    this.heardOwner = scene.actorOwner;
    const record = (slot: SlotId, owner: NodeId): SlotRecord => ({
      slot,
      epoch: 1,
      owner,
      inSync: [owner],
      learners: [],
    });
    const own = ownSlot(backupActor);
    createClusterBackups({
      node: this.node,
      exchange,
      membership,
      table: {
        get: (slot) => (slot === own ? { record: record(own, this.heardOwner), revision: 1 } : undefined),
        rows: () => slots.map((slot) => ({ record: record(slot, scene.journals.ownerOf(slot)), revision: 1 })).values(),
      },
      clock: this.clock,
      random: scene.world.dice,
      log: quietLog,
      meter: quietMeter,
      source: scene.journals.sourceOf(this.node),
      target: scene.rooms.targetOf(this),
      drill: () => Promise.reject(new Error("nobody rehearses here")),
      use: async (work) => work(await this.ports(scene.members, scene.watch)),
      ask: (message, timeoutMs) => this.ask(scene, message, timeoutMs),
      limits: quickRunner,
    });
  }

  /** Keeps the newest heads and the keys beside its shards. */
  keepHeads(scene: Scene): void {
    keepHolderHeads({
      files: this.machine.files.open(this.pulse),
      heads: createDirectoryHeads(this.directory),
      directory: this.directory,
      keyRows: keysPrefix,
      holds: () => true,
      verified: async (bytes) => readHead(bytes, { verify: (...signed) => scene.watch.isSigned(...signed) }),
      carried: async () => {
        await this.pause(5);
        return scene.watch.carriedKeys();
      },
      clock: this.clock,
      log: quietLog,
      limits: { settleMs: 200, retryMsMin: 300, retryMsMax: 2_000, headsKept: 3 },
    });
  }

  /** Asks the actor of the backups. */
  ask(scene: Scene, message: Message, timeoutMs: number, from: "node" | "gateway" = "node"): Promise<Result<unknown>> {
    return new Promise((resolve) => {
      void scene.fixture.holders
        .ask(backupActor, message, timeoutMs, from)
        .then((result) => this.pulse.alive && resolve(result));
    });
  }

  /** What a process waits for ends with the process. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.clock.after(ms, resolve));
  }

  /** Makes the cluster's kit. */
  async found(root: RootKeys): Promise<Result<unknown>> {
    const to = { commitment: root.commitment, recoveryKey: text(root.recipient.publicKey) };
    const begun = await this.keys.beginKit(to);
    const last = begun.ok ? begun.value.at(-1) : undefined;
    if (last === undefined) return begun;
    const record: RootRecord = {
      ...to,
      verifyKey: text(root.signer.verifyKey),
      needed: 2,
      digests: ["a", "b"],
      madeAtMs: 1,
      anchor: anchorOf(cluster, last, root),
    };
    return this.keys.confirmKit(record);
  }

  /** Asks the others for the keys of epochs that lack here; those that no node has are in the kit. */
  async completeKeys(others: readonly Member[], watch: BackupWatch): Promise<void> {
    const lacks = async (): Promise<boolean> => {
      const { epochs, here } = await this.keys.status();
      return epochs.some(({ epoch }) => !here.includes(epoch));
    };
    for (const other of others) {
      if (other === this || !other.isUp || !(await lacks())) continue;
      await this.pause(5);
      const given = await other.keys.sealFor(this.keys.receiver).catch(() => []);
      if (other.isUp) await this.keys.take(given);
    }
    if (!(await lacks())) return;
    const row = (await this.directory.read("keys/root"))?.value as RootRecord;
    const records = watch.epochRecords;
    const sealed = records.map((record) => ({
      epoch: record.epoch,
      sealed: text(sealEpochTo(cluster, this.keys.receiver, record.epoch, watch.epochKey(record))),
    }));
    await this.keys.restore({ root: row, epochs: records, keys: sealed } as never);
  }

  /** Stripes, with a trace of what is done with them. */
  #told(stripes: Stripes): Stripes {
    const tell = (what: string, { id }: StripeRef, result: Result<unknown>): void =>
      this.#world.note(() => `${this.node} ${what} ${id}: ${result.ok ? "done" : result.error.code}`);
    return {
      ...stripes,
      put: async (bytes, how) => {
        const put = await stripes.put(bytes, how);
        if (put.ok) tell(`stores (${how.class})`, put.value, put);
        return put;
      },
      keep: async (ref, owner, lifeMs) => {
        const kept = await stripes.keep(ref, owner, lifeMs);
        tell(lifeMs === undefined ? "keeps" : `keeps for ${lifeMs} ms`, ref, kept);
        return kept;
      },
      release: async (ref, owner) => {
        const released = await stripes.release(ref, owner);
        tell("releases", ref, released);
        return released;
      },
    };
  }

  /** What a backup needs of this node. Error: what lacks. */
  async ports(others: readonly Member[], watch: BackupWatch): Promise<BackupPorts> {
    await this.completeKeys(others, watch);
    const keys = await this.keys.backupKeys();
    if (!keys.ok) throw Object.assign(new Error(keys.error.code), { failure: keys.error });
    const { shards } = this.machine;
    if (shards === undefined) throw new Error("its process has ended");
    return {
      cluster,
      owner: backupOwner,
      stripes: this.#told(shards.stripes),
      heads: createDirectoryHeads(this.directory),
      keys: keys.value,
      sealer: plainSealer,
      clock: this.clock,
      random: this.#world.dice,
      log: quietLog,
      limits,
    };
  }
}

export const codeOf = (error: unknown): string => failureOf(error).code;
