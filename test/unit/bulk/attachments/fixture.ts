/** Files of a real room on nodes with shards: copies beside the room, stripes at the real holders, on simulated disks
 *  and paths. Parts are small, and are said to be as large as they usually are. */
import { room } from "../../../../actors/room/index.ts";
import type { AnyBehavior, Message, Sender } from "../../../../actors/behavior.ts";
import { createAttachments, type Attachments } from "../../../../node/bulk/attachments/index.ts";
import { hashOf, openBlobStore, type BlobCopies } from "../../../../node/bulk/blobs/index.ts";
import { createBlobCopies } from "../../../../node/bulk/blobs/copies.ts";
import type { Membership, NodeId, SlotRecord } from "../../../../node/ports/index.ts";
import {
  failure,
  holderOf,
  ok,
  ownSlot,
  refused,
  wireLimits,
  type ActorId,
  type FileHeld,
  type KeptFile,
  type Result,
  type RoomMessage,
  type StripeRef,
} from "../../../../protocols/index.ts";
import { quietLog, quietMeter } from "../../../fixtures/quiet.ts";
import { FileDisk, simulatedClock, type World } from "../../../world/index.ts";
import { Fixture, pathOf } from "../shards/fixture.ts";

export const lobby: ActorId = "room/lobby";
const author: ActorId = "user/ada";

/** Bytes of a part here. */
const partBytes = 2_000;
const lastBytes = 700;

/** Quick, where a test says nothing else. */
const quick = {
  copies: {
    roundEveryMs: 2_000,
    spreadDelayMs: 50,
    graceMs: 20_000,
    fileGraceMs: 20_000,
    callTimeoutMs: 500,
    keepTimeoutMs: 3_000,
    fetchTimeoutMs: 1_500,
  },
  attachments: {
    roundEveryMs: 700,
    restRoundsMax: 4,
    askTimeoutMs: 1_000,
    unfinishedMs: 30_000,
    wholeTriesMax: 8,
    wholePauseMs: 200,
    heldMs: 500,
    sweepEveryMs: 1_000,
    sweptPerRound: 5,
  },
};

/** A file that was posted. */
export interface Posted {
  readonly id: string;
  readonly seq: number;
  readonly parts: readonly Uint8Array[];
}

/** What a machine has beside its shards. */
interface Beside {
  disk: FileDisk;
  copies?: BlobCopies | undefined;
  attachments?: Attachments | undefined;
}

export class FilesFixture extends Fixture {
  /** Members whose version does not read stripes. */
  readonly old = new Set<NodeId>();
  /** Copies of a slot that the cluster's operators want. */
  replicas = 1;
  readonly #beside = new Map<NodeId, Beside>();
  #files = 0;

  constructor(
    world: World,
    options: Omit<ConstructorParameters<typeof Fixture>[1], "others">,
    places: readonly NodeId[] = ["n1", "n2"],
  ) {
    super(world, { ...options, others: [room as unknown as AnyBehavior] });
    const [owner = "n1"] = places;
    this.change(lobby, { slot: lobby, epoch: 1, owner, inSync: [...places], learners: [] } as SlotRecord);
    for (const { node } of this.machines) this.#beside.set(node, { disk: new FileDisk(world) });
  }

  beside(node: NodeId): Beside {
    return this.#beside.get(node) as Beside;
  }

  /** Asks the room as somebody, in the name of a process. */
  async say<Value>(message: Message, from: Sender = "node"): Promise<Result<Value>> {
    return (await this.holders.ask(lobby, message, 2_000, from)) as Result<Value>;
  }

  override async start(node: NodeId): Promise<void> {
    await super.start(node);
    const machine = this.machine(node);
    const { pulse, exchange, table, membership, shards } = machine;
    if (
      !pulse.alive ||
      exchange === undefined ||
      table === undefined ||
      membership === undefined ||
      shards === undefined
    )
      return;
    const beside = this.beside(node);
    const clock = simulatedClock(this.world, machine.wall, pulse);
    const ask = (to: ActorId, message: Message, timeoutMs: number): Promise<Result<unknown>> =>
      new Promise((resolve) => {
        void this.holders.ask(to, message, timeoutMs).then((result) => pulse.alive && resolve(result));
      });
    const meter = {
      ...quietMeter,
      count: (name: string) => void this.counts.set(name, (this.counts.get(name) ?? 0) + 1),
    };
    const copies = await createBlobCopies({
      node,
      blobs: await openBlobStore({ files: beside.disk.open(pulse), meter }),
      store: machine.disk.open(pulse),
      exchange,
      table,
      membership: membership as Membership,
      clock,
      log: quietLog,
      meter,
      slotOf: (actor) => (actor === lobby ? ownSlot(lobby) : undefined),
      async refersTo(actor, hash) {
        const answer = await ask(actor, { type: "fileHeld", hash }, 1_000);
        return answer.ok ? ok((answer.value as FileHeld).held) : refused(answer.error);
      },
      limits: quick.copies,
    });
    if (!pulse.alive) return;
    beside.copies = copies;
    beside.attachments = createAttachments({
      copies,
      owned: copies.owned,
      stripes: shards.stripes,
      ask,
      losses: (name) => shards.losses(name),
      copiesOf: (actor) =>
        this.ownerOf(actor) === node ? Math.max(this.recordOf(actor).inSync.length, this.replicas) : undefined,
      isReadByAll: () => this.machines.every((one) => !this.old.has(one.node)),
      holders: () => this.holdersAt(node).filter((holder) => holder !== lobby),
      clock,
      log: { ...quietLog, warn: (event, more) => this.world.note(() => `${node}: ${event} ${JSON.stringify(more)}`) },
      meter,
      limits: quick.attachments,
    });
  }

  override crash(node: NodeId, how: { readonly power?: boolean; readonly worst?: boolean } = {}): void {
    const isUp = this.isUp(node);
    super.crash(node, how);
    const beside = this.beside(node);
    beside.copies = undefined;
    beside.attachments = undefined;
    if (isUp && how.power !== false) beside.disk.crash(how.worst ?? true);
  }

  override wipe(node: NodeId): void {
    super.wipe(node);
    this.beside(node).disk = new FileDisk(this.world);
  }

  /** Makes the room. */
  async create(): Promise<void> {
    const made = await this.world.settle(this.say({ type: "create", title: "Lobby" }, author));
    if (!made.ok) throw new Error(JSON.stringify(made.error));
  }

  /** Sends a file through a node, and posts it. Errors: those of the blobs and of the room. */
  async post(node: NodeId, count: number): Promise<Result<Posted>> {
    const { attachments } = this.beside(node);
    if (attachments === undefined) return refused(failure("STOPPING"));
    this.#files += 1;
    const id = `${this.#files.toString(16).padStart(20, "0")}.lobby`;
    const by = { by: author, id };
    const bytes = (count - 1) * wireLimits.filePartBytes + 10;
    const upload = { type: "upload", name: "a.bin", bytes, key: "k".repeat(43), ...by };
    for (const message of [upload, { type: "uploadTake", offset: 0, ...by }]) {
      const said = await this.say(message, "gateway");
      if (!said.ok) return said;
    }
    const parts: Uint8Array[] = [];
    for (let index = 0; index < count; index += 1) {
      const length = index < count - 1 ? partBytes : lastBytes;
      const part = Uint8Array.from({ length }, () => this.world.dice.below(256));
      parts.push(part);
      const of = { epoch: 1, index, bytes: index < count - 1 ? wireLimits.filePartBytes : 10, ...by };
      const kept = await attachments.blobs.put(lobby, part, (hash) =>
        this.say({ type: "uploadPart", part: hash, ...of }, "gateway"),
      );
      if (!kept.ok) return kept;
    }
    const posted = await this.say<{ seq: number }>({ type: "post", text: "", files: [id] }, author);
    return posted.ok ? ok({ id, seq: posted.value.seq, parts }) : posted;
  }

  remove({ seq }: Posted): Promise<Result<RoomMessage>> {
    return this.say({ type: "delete", seq }, author);
  }

  /** Reads all parts of a file at a node, as a reader does: `same`, `other`, or why not. */
  async readAt(node: NodeId, { parts }: Posted): Promise<string> {
    const { attachments } = this.beside(node);
    if (attachments === undefined) return "STOPPING";
    for (const part of parts) {
      const read = await attachments.blobs.read(lobby, hashOf(part));
      if (!read.ok) return read.error.code;
      if (Buffer.compare(Buffer.from(read.value), part) !== 0) return "other";
    }
    return "same";
  }

  /** What the room keeps of a file. */
  keptOf({ id }: Posted): KeptFile | undefined {
    const all = this.holders.recordsOf(lobby, "kept/").map(([, value]) => value as KeptFile);
    return all.find((kept) => kept.id === id);
  }

  /** The stripes that the room knows. */
  stripes(): readonly { readonly stripe: StripeRef; readonly parts: readonly string[]; readonly settled?: true }[] {
    return this.holders
      .recordsOf(lobby, "striped/")
      .map(([, value]) => value as ReturnType<FilesFixture["stripes"]>[number]);
  }

  /** Holders of a stripe that do not keep it for the room without an end. */
  unsureOf({ id, group, shards }: StripeRef): readonly ActorId[] {
    return shards
      .map(({ index }) => holderOf(group, index))
      .filter(
        (holder) =>
          !this.holders
            .inventory(holder)
            .some(
              ({ stripe, references }) =>
                stripe.id === id &&
                references.some(({ owner, expiresAtMs }) => owner === lobby && expiresAtMs === undefined),
            ),
      );
  }

  /** Nodes that have a copy of a part on their disks. */
  copiesOf(hash: string): readonly NodeId[] {
    return this.machines.flatMap(({ node }) => {
      const { disk } = this.beside(node);
      return disk.isDurable(pathOf(hash)) && disk.isSound(pathOf(hash)) ? [node] : [];
    });
  }
}
