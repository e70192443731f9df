/** The bytes beside the holders of this node, for every node that asks, this one in the same way as the others.
 *
 *      begin ─► chunk, chunk … ─► synced, compared with the hash ─► hold: still the owner? ─► inventory ─► receipt
 *
 *  Invariant: a receipt is given only while this node owned the holder, in one epoch, from before the bytes were seen
 *  here until the inventory named them. */
import {
  failure,
  failureOf,
  ok,
  ownSlot,
  PlexusError,
  refused,
  type ActorId,
  type Failure,
  type Result,
  type ShardReceipt,
  type StripeRef,
} from "../../../protocols/index.ts";
import type { MeshAnswer, MeshBody } from "../../../protocols/mesh/index.ts";
import type { BlobHash, NodeId } from "../../ports/index.ts";
import { headerBytes, isAsCoded, readHeader, schemeText } from "./coding/index.ts";
import { attempt, isHolder, moved, type ShardPorts } from "./parts.ts";
import { quotaFault } from "./quota.ts";
import { receiptBytes } from "./receipts.ts";

/** Bytes that are on their way here. */
interface Upload {
  readonly from: NodeId;
  readonly hash: BlobHash;
  readonly sizeBytes: number;
  received: number;
  readonly inflow: Inflow;
  /** Settled when everything is on the disk, or will not be. */
  readonly stored: Promise<Result<null>>;
  idle: () => void;
}

export type Calls = `shard.${"begin" | "chunk" | "hold" | "check" | "lacks" | "read" | "prove"}`;

/** What can be asked of a node; the answers of the messages of the same names. */
export interface Intake {
  call<Name extends Calls>(name: Name, body: MeshBody<Name>, from: NodeId): Promise<Result<MeshAnswer<Name>>>;
  /** Whether a holder is being told that it has these bytes: what it says of them may change in this moment. */
  isBeingHeld(hash: BlobHash): boolean;
  stop(): void;
}

/** Serves the bytes here. */
export function createIntake(ports: ShardPorts): Intake {
  const { node, owned, clock, limits, meter, table, exchange } = ports;
  const { blobs } = owned;
  const inTurn = turns(ports);
  const uploads = new Map<string, Upload>();
  const coming = new Set<BlobHash>();
  const holding = new Map<BlobHash, number>();
  let reads = 0;

  const rowOf = (holder: ActorId) => table.get(ownSlot(holder))?.record;
  /** Whether bytes for a holder may lie here: for its owner, and for the one that it is moved to. */
  const belongs = (holder: ActorId): boolean => {
    const row = rowOf(holder);
    return isHolder(holder) && row !== undefined && (row.owner === node || row.want?.owner === node);
  };
  const placed = async <T>(read: () => Promise<T>): Promise<Result<T>> => {
    if (reads >= limits.readsAtOnceMax) return refused(failure("OVERLOADED", { limit: "readsAtOnceMax" }));
    reads += 1;
    try {
      return await attempt(read);
    } finally {
      reads -= 1;
    }
  };
  const isHere = async (hash: BlobHash): Promise<boolean> => (await blobs.has(hash)) !== undefined;
  const keyOf = (from: NodeId, upload: string): string => `${from}/${upload}`;
  const giveUpAfter = (ms: number, { from, inflow }: Pick<Upload, "from" | "inflow">): (() => void) =>
    clock.after(ms, () => inflow.end(failure("PEER_LOST", { node: from })));
  const watch = (upload: Upload): void => {
    upload.idle();
    upload.idle = giveUpAfter(limits.uploadIdleMs, upload);
  };

  async function begin(
    { upload: name, holder, hash, sizeBytes }: MeshBody<"shard.begin">,
    from: NodeId,
  ): Promise<Result<{ has: boolean }>> {
    if (!belongs(holder)) return refused(moved(ports, holder));
    if (sizeBytes > limits.shardBytesMax) return refused(failure("TOO_LARGE", { limitBytes: limits.shardBytesMax }));
    if (!coming.has(hash)) {
      const has = await attempt(async () => {
        if (!(await isHere(hash))) return false;
        // A sender may send it again because it is damaged.
        return owned.adopt([hash, holder]);
      });
      if (has.ok && has.value) return ok({ has: true });
    }
    const beyond = quotaFault(owned, ports.quotaBytes?.(), sizeBytes);
    if (beyond !== undefined) return refused(beyond);
    const key = keyOf(from, name);
    const ofThatNode = [...uploads.values()].filter((one) => one.from === from).length;
    const isCrowded = uploads.size >= limits.uploadsMax || ofThatNode >= limits.uploadsPerNodeMax;
    // Two uploads of the same bytes would wait for each other.
    if (isCrowded || uploads.has(key) || coming.has(hash))
      return refused(failure("OVERLOADED", { limit: "uploadsMax" }));
    const inflow = new Inflow();
    const late = giveUpAfter(limits.uploadMsMax, { from, inflow });
    coming.add(hash);
    const { begun, done } = inTurn({ from, holder }, () => owned.take([hash, holder], inflow, sizeBytes));
    const stored = attempt(() => done.then(() => null)).then((result) => {
      coming.delete(hash);
      uploads.get(key)?.idle();
      late();
      uploads.delete(key);
      inflow.end(failure("NOT_FOUND", { upload: name }));
      if (result.ok) meter.count("shards_received");
      return result;
    });
    const upload: Upload = { from, hash, sizeBytes, received: 0, inflow, stored, idle: () => undefined };
    uploads.set(key, upload);
    watch(upload);
    if (sizeBytes === 0) inflow.end();
    await begun;
    return ok({ has: false });
  }

  async function chunk({ upload: name, start, bytes }: MeshBody<"shard.chunk">, from: NodeId): Promise<Result<null>> {
    const key = keyOf(from, name);
    const upload = uploads.get(key);
    if (upload === undefined) return refused(failure("NOT_FOUND", { upload: name }));
    const { inflow, sizeBytes, stored } = upload;
    const end = start + bytes.length;
    const isSmall = bytes.length < limits.chunkBytesMin && end !== sizeBytes;
    if (start !== upload.received || bytes.length === 0 || isSmall || end > sizeBytes) {
      const problem =
        "chunks come in order, no more than was announced, and none but the last has less than " +
        `${limits.chunkBytesMin} bytes`;
      inflow.end(failure("BAD_REQUEST", { path: isSmall ? "bytes" : "start", problem }));
      return stored;
    }
    upload.received += bytes.length;
    watch(upload);
    const take = (): Promise<Result<null>> => taken(upload, bytes);
    // What this node stores at itself is counted where it is sent.
    return from === node ? take() : (ports.counted?.(take) ?? take());
  }

  async function hold(asked: MeshBody<"shard.hold">): Promise<Result<MeshAnswer<"shard.hold">>> {
    const { hash } = asked.stripe.shards[asked.shard] ?? {};
    if (hash === undefined)
      return refused(failure("BAD_REQUEST", { path: "shard", problem: "the stripe has no such shard" }));
    holding.set(hash, (holding.get(hash) ?? 0) + 1);
    const end = (): void => {
      const left = (holding.get(hash) ?? 1) - 1;
      if (left === 0) holding.delete(hash);
      else holding.set(hash, left);
    };
    const held = await holdHere(asked, hash);
    // Nobody knows whether the holder still takes it.
    if (!held.ok && held.error.outcome === "unknown") clock.after(limits.holderTimeoutMs, end);
    else end();
    return held;
  }

  /** Whether a shard that is here is the one that a descriptor names; undefined: it is not here. Who could name more
   *  bytes than there are would use up what the holder may have, and who could name another stripe would keep that one
   *  from being put. */
  async function isOf(stripe: StripeRef, number: number, hash: BlobHash): Promise<boolean | undefined> {
    const sizeBytes = await blobs.has(hash);
    if (sizeBytes === undefined) return undefined;
    if (!isAsCoded(stripe) || stripe.shards[number]?.sizeBytes !== sizeBytes) return false;
    const parts: Uint8Array[] = [];
    for await (const part of (await blobs.open(hash, { start: 0, end: headerBytes })).bytes) parts.push(part);
    const read = readHeader(Buffer.concat(parts), sizeBytes);
    if (!read.ok) return false;
    const says = read.value;
    const isSameCode = schemeText(says.scheme) === schemeText(stripe.scheme) && says.stripeBytes === stripe.sizeBytes;
    return isSameCode && says.id === stripe.id && says.number === number;
  }

  async function holdHere(
    { holder, stripe, shard, for: owner, operation, lifeMs }: MeshBody<"shard.hold">,
    hash: BlobHash,
  ): Promise<Result<MeshAnswer<"shard.hold">>> {
    const before = rowOf(holder);
    if (before?.owner !== node) return refused(moved(ports, holder));
    // From now on nobody deletes it for being named by nobody.
    const isNamed = await attempt(async () =>
      (await owned.seen([hash, holder])) ? isOf(stripe, shard, hash) : undefined,
    );
    if (!isNamed.ok) return isNamed;
    if (isNamed.value === undefined) return refused(failure("NOT_FOUND", { blob: hash }));
    if (isNamed.value === false)
      return refused(failure("BAD_REQUEST", { stripe: stripe.id, problem: "the shard is not as its descriptor says" }));
    const terms = {
      open: takes(stripe.group, operation),
      bytesMax: limits.holderBytesMax,
      shardsMax: limits.holderShardsMax,
      ownerBytesPerMinute: limits.ownerBytesPerMinute,
    };
    const command = {
      type: "hold",
      stripe,
      shard,
      owner,
      operation,
      terms,
      ...(lifeMs !== undefined && { lifeMs }),
    } as const;
    const answer = await ports.ask(holder, command, limits.holderTimeoutMs);
    if (!answer.ok) return refused(answer.error);
    const after = rowOf(holder);
    if (after?.owner !== node || after.epoch !== before.epoch) return refused(moved(ports, holder));
    const receipt = answer.value as ShardReceipt;
    return ok({ receipt, signature: await ports.signer.sign(receiptBytes({ receipt, node })) });
  }

  /** Whether a group takes a stripe that was begun by this operation. A writer that begins one looks for an open
   *  group; what comes late must be taken. */
  function takes(name: string, operation: number): boolean {
    const group = ports.groups().find((one) => one.name === name);
    if (group === undefined || group.open) return group !== undefined;
    return operation <= (group.closedAtMs ?? 0) + limits.closedGraceMs;
  }

  const read = ({ hash, start, end }: MeshBody<"shard.read">): Promise<Result<MeshAnswer<"shard.read">>> =>
    placed(async () => {
      if (end < start || end - start > limits.chunkBytesMax)
        throw new PlexusError(
          failure("BAD_REQUEST", { path: "end", problem: `at most ${limits.chunkBytesMax} bytes` }),
        );
      const parts: Uint8Array[] = [];
      const { size, bytes } = await blobs.open(hash, { start, end });
      for await (const part of bytes) parts.push(part);
      return { bytes: parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts), sizeBytes: size };
    });

  const lacks = ({ hashes, holder }: MeshBody<"shard.lacks">): Promise<Result<{ lacks: number[] }>> =>
    attempt(async () => {
      const missing: number[] = [];
      for (const [place, hash] of hashes.entries()) {
        const isKnown = holder === undefined || owned.isFor(hash, holder);
        if (!isKnown || !(await isHere(hash))) missing.push(place);
      }
      return { lacks: missing };
    });

  const check = ({ hash }: MeshBody<"shard.check">) => placed(async () => ({ well: await blobs.check(hash) }));

  const prove = ({ hash, leaf }: MeshBody<"shard.prove">) =>
    placed(async () => {
      const { path, ...proof } = await blobs.prove(hash, leaf);
      return { proof: { ...proof, path: [...path] } };
    });

  const serves: { readonly [Name in Calls]: (body: MeshBody<Name>, from: NodeId) => Promise<Result<unknown>> } = {
    "shard.begin": begin,
    "shard.chunk": chunk,
    "shard.hold": hold,
    "shard.check": check,
    "shard.read": read,
    "shard.lacks": lacks,
    "shard.prove": prove,
  };
  exchange.on("shard.begin", begin);
  exchange.on("shard.chunk", chunk);
  exchange.on("shard.hold", hold);
  exchange.on("shard.check", check);
  exchange.on("shard.read", read);
  exchange.on("shard.lacks", lacks);
  exchange.on("shard.prove", prove);

  return {
    call: async (name, body, from) => {
      try {
        // The table above gives each name its own answer, which the compiler loses here.
        return (await serves[name](body, from)) as never;
      } catch (thrown) {
        return refused(failureOf(thrown));
      }
    },
    isBeingHeld: (hash) => holding.has(hash),
    stop() {
      for (const { inflow } of uploads.values()) inflow.end(failure("STOPPING"));
    },
  };
}

/** Takes a chunk that has come: the last one is taken when all of them are stored. */
function taken({ inflow, stored, received, sizeBytes }: Upload, bytes: Uint8Array): Promise<Result<null>> {
  const pushed = inflow.push(bytes);
  // The disk may refuse what nobody takes any more.
  if (received < sizeBytes) return Promise.race([pushed.then(() => ok(null)), stored]);
  inflow.end();
  return stored;
}

/** What another node puts here waits for its turn; what this one stores at itself had it when it was sent. What the
 *  owner of a holder sends ahead of it waits for nothing: after a day the holder comes without what is not here. Gives
 *  when it begins, too. How long it then takes says nothing: the sender makes room for people between its chunks. */
const turns =
  ({ node, guest, table }: Pick<ShardPorts, "node" | "guest" | "table">) =>
  (
    { from, holder }: { readonly from: NodeId; readonly holder: ActorId },
    take: () => Promise<void>,
  ): { readonly begun: Promise<void>; readonly done: Promise<void> } => {
    const row = table.get(ownSlot(holder))?.record;
    const isAtOnce = from === node || (row?.owner === from && row.want?.owner === node);
    const { promise: begun, resolve } = Promise.withResolvers<void>();
    const begin = (): Promise<void> => (resolve(), take());
    const turn = isAtOnce ? undefined : guest?.(async () => undefined);
    return { begun, done: turn === undefined ? begin() : turn.then(begin) };
  };

/** A stream that is fed from outside: the giver waits until it is taken. */
class Inflow implements AsyncIterable<Uint8Array> {
  readonly #queue: { readonly bytes: Uint8Array; readonly taken: () => void }[] = [];
  #over: { readonly because: Failure | undefined } | undefined;
  #wake = (): void => undefined;

  push(bytes: Uint8Array): Promise<void> {
    if (this.#over !== undefined) return Promise.resolve();
    return new Promise((taken) => {
      this.#queue.push({ bytes, taken });
      this.#wake();
    });
  }

  /** Nothing comes after what is queued; with a reason the stream fails at once. The first word holds. */
  end(because?: Failure): void {
    this.#over ??= { because };
    if (because !== undefined) for (const { taken } of this.#queue.splice(0)) taken();
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (this.#over?.because !== undefined) throw new PlexusError(this.#over.because);
      const next = this.#queue.shift();
      if (next !== undefined) {
        yield next.bytes;
        next.taken();
      } else if (this.#over !== undefined) return;
      else await new Promise<void>((wake) => (this.#wake = wake));
    }
  }
}
