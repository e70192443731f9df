/** Blobs that belong to actors, on the nodes that hold the actors' slots.
 *
 *      put:    store at every node in sync ─► commit the fact ─► store at those that came in sync meanwhile ─► done
 *      later:  a slot gets another node ─► nodes that have the slot's blobs ask it what it lacks, and send that
 *      round:  ask each actor what it refers to ─► still this: make good what lacks or is damaged
 *                                               └► not this for the grace: delete
 *      forget: each node asks the actor ─► not this: delete, for nobody puts it again
 *
 *  Which blob is here for which actor is in rows, `blob/<hash>/<actor>` (`owned.ts`).
 *
 *  Invariant: a blob is deleted only when its actor has answered that it refers to something else, or when every node
 *  in sync with the actor's slot, of which this one is none, has said that it has it. */
import {
  assert,
  failure,
  failureOf,
  ok,
  refused,
  type ActorId,
  type Failure,
  type Result,
  type SlotId,
} from "../../../protocols/index.ts";
import type { Exchange } from "../../cluster/exchange/index.ts";
import type {
  ActorBlobs,
  BlobHash,
  BlobStore,
  Clock,
  HashedBytes,
  Log,
  Membership,
  Meter,
  NodeId,
  OwnedBlobs,
  Pair,
  Reference,
  Store,
} from "../../ports/index.ts";
import type { SlotTable } from "../../cluster/facts/slot-table.ts";
import { forgetting } from "./forgetting.ts";
import { blobLimits, type BlobLimits } from "./limits.ts";
import { openOwnedBlobs } from "./owned.ts";
import { hashed, hashOf } from "./tree.ts";

/** Of the rows that say for which actor a blob is here. */
export const actorBlobPrefix = "blob/";

export interface CopiesOptions {
  readonly node: NodeId;
  readonly blobs: BlobStore;
  /** For the rows. */
  readonly store: Store;
  readonly exchange: Exchange;
  readonly table: SlotTable;
  readonly membership: Membership;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  /** The slot of an actor; undefined for an id of no known kind. */
  slotOf(actor: ActorId): SlotId | undefined;
  /** Whether an actor refers to a blob now, by its own word. */
  refersTo(actor: ActorId, hash: BlobHash): Promise<Result<boolean>>;
  readonly limits?: Partial<BlobLimits>;
}

export interface BlobCopies extends ActorBlobs {
  /** What is on this node's disk, and for whom. */
  readonly owned: Pick<OwnedBlobs, "pairs" | "isFor">;
  /** Looks after everything once, as it is done now and then. */
  round(): Promise<void>;
  stop(): void;
}

/** Other members that are asked for a blob when none of its slot's nodes has it. */
const strangersAsked = 8;

/** Bytes from elsewhere, if they are what they are called. */
function hashedAs(hash: BlobHash, bytes: Uint8Array, { copyBytesMax }: BlobLimits): Result<HashedBytes> {
  if (bytes.length > copyBytesMax) return refused(failure("TOO_LARGE", { limitBytes: copyBytesMax }));
  const blob = hashed(bytes);
  if (blob.hash === hash) return ok(blob);
  return refused(failure("BAD_REQUEST", { path: "", problem: `these bytes are not ${hash}` }));
}

/** Reads the rows, then looks after what they name. Errors: the system's, DATA_DAMAGED. */
export async function createBlobCopies(options: CopiesOptions): Promise<BlobCopies> {
  const { node, blobs, store, exchange, table, membership, clock, log, meter } = options;
  const limits: BlobLimits = { ...blobLimits, ...options.limits };
  const owned = await openOwnedBlobs({ blobs, store, clock, prefix: actorBlobPrefix, limits });
  const [cache, fetching] = [new Map<BlobHash, Uint8Array>(), new Map<BlobHash, Promise<Result<Uint8Array>>>()];
  const [turns, openedMs] = [new Turns(limits), clock.nowMs()];
  let [stopped, spreading, cachedBytes] = [false, false, 0];
  let [cancelSpread, cancelRound]: ((() => void) | undefined)[] = [];

  const attempt = async <T>(work: () => Promise<T>): Promise<Result<T>> => {
    try {
      return ok(await work());
    } catch (error) {
      const reason = failureOf(error);
      if (reason.code === "INTERNAL") log.error("blob.failed", { error });
      return refused(reason);
    }
  };

  /** Stores a blob here, for an actor; `takeNamed` one from elsewhere. */
  const take = (actor: ActorId, blob: HashedBytes): Promise<Result<null>> =>
    attempt(async () => {
      await owned.takeHashed(actor, blob);
      return null;
    });
  const takeNamed = async (actor: ActorId, hash: BlobHash, bytes: Uint8Array): Promise<Result<null>> => {
    const blob = hashedAs(hash, bytes, limits);
    return blob.ok ? take(actor, blob.value) : blob;
  };

  const drop = async (pair: Pair, reference: Reference): Promise<void> => {
    if (await owned.drop(pair, reference)) meter.count("blobs_dropped");
  };

  /** What is here, from the disk. */
  const own = (hash: BlobHash): Promise<Result<Uint8Array>> => attempt(() => blobs.whole(hash));

  // --- putting -------------------------------------------------------------------------------------------------------

  /** Sends a blob to another node. */
  const sendTo = (to: NodeId, actor: ActorId, blob: Pick<HashedBytes, "hash" | "bytes">): Promise<Result<null>> =>
    exchange.call(to, "blob.put", { for: actor, hash: blob.hash, bytes: blob.bytes }, limits.callTimeoutMs);

  /** Failures that another try does not mend. */
  const lasting = (reason: Failure): boolean =>
    ["TOO_LARGE", "LIMIT_REACHED", "DISK_FULL", "VERSION_UNSUPPORTED"].includes(reason.code);

  /** Stores a blob at every node in sync with the actor's slot that is not among `have`, which grows. Undefined: all
   *  have it. */
  async function cover(actor: ActorId, blob: HashedBytes, have: Set<NodeId>): Promise<Failure | undefined> {
    const endMs = clock.monotonicMs() + limits.keepTimeoutMs;
    for (;;) {
      const slot = options.slotOf(actor);
      const inSync = (slot && table.get(slot)?.record.inSync) ?? [];
      const missing = inSync.filter((other) => !have.has(other));
      if (inSync.length > 0 && missing.length === 0) return undefined;
      const results = await Promise.all(
        missing.map((other) => (other === node ? take(actor, blob) : sendTo(other, actor, blob))),
      );
      for (const [index, result] of results.entries()) {
        if (result.ok) have.add(missing[index] as NodeId);
        else if (lasting(result.error)) return result.error;
      }
      if (inSync.length > 0 && results.every((result) => result.ok)) continue;
      if (stopped || clock.monotonicMs() >= endMs)
        return failure("SLOT_UNAVAILABLE", { slot: slot ?? actor, nodes: missing.filter((other) => !have.has(other)) });
      await new Promise<void>((resolve) => void clock.after(limits.keepRetryMs, resolve));
    }
  }

  // --- reading -------------------------------------------------------------------------------------------------------

  function remember(hash: BlobHash, bytes: Uint8Array): void {
    if (bytes.length > limits.cacheBytesMax || cache.has(hash)) return;
    cache.set(hash, bytes);
    cachedBytes += bytes.length;
    for (const [oldest, held] of cache) {
      if (cachedBytes <= limits.cacheBytesMax) break;
      cache.delete(oldest);
      cachedBytes -= held.length;
    }
    assert(cachedBytes >= 0 && cachedBytes <= limits.cacheBytesMax, "the cache of blobs has its size");
  }

  /** The other nodes that may have what belongs to an actor, the likeliest first. */
  function holdersOf(actor: ActorId): readonly NodeId[] {
    const slot = options.slotOf(actor);
    const record = slot && table.get(slot)?.record;
    const up = membership.members().members.filter((member) => member.node !== node && membership.isUp(member.node));
    const likely = [record?.owner ?? "", ...(record?.inSync ?? []), ...(record?.learners ?? [])];
    const strangers = up.map((member) => member.node).filter((other) => !likely.includes(other));
    return [...new Set([...likely, ...strangers.slice(0, strangersAsked)])].filter((other) =>
      up.some((member) => member.node === other),
    );
  }

  async function fetchFrom(actor: ActorId, hash: BlobHash): Promise<Result<Uint8Array>> {
    const endMs = clock.monotonicMs() + limits.fetchTimeoutMs;
    for (const other of holdersOf(actor)) {
      const leftMs = Math.min(limits.callTimeoutMs, endMs - clock.monotonicMs());
      if (leftMs <= 0 || stopped) break;
      const answer = await exchange.call(other, "blob.read", { hash }, leftMs);
      if (!answer.ok) continue;
      const { bytes } = answer.value;
      if (bytes.length <= limits.copyBytesMax && hashOf(bytes) === hash) {
        meter.count("blobs_fetched");
        return ok(bytes);
      }
      log.warn("blob.wrong", { hash, from: other, bytes: bytes.length });
    }
    return refused(failure("NOT_FOUND", { blob: hash }));
  }

  /** The same, once for all who wait for it. Bytes that belong on this node's disk are put there. */
  function fetched(actor: ActorId, hash: BlobHash): Promise<Result<Uint8Array>> {
    const under = fetching.get(hash);
    if (under !== undefined) return under;
    if (fetching.size >= limits.fetchesMax)
      return Promise.resolve(refused(failure("OVERLOADED", { fetchesMax: limits.fetchesMax })));
    const work = fetchFrom(actor, hash)
      .then(async (found) => {
        if (!found.ok) return found;
        if (placesOf(actor).includes(node) && owned.isFor(hash, actor)) {
          const taken = await takeNamed(actor, hash, found.value);
          if (!taken.ok) log.warn("blob.not.mended", { hash, failure: taken.error });
        }
        return found;
      })
      .finally(() => fetching.delete(hash));
    fetching.set(hash, work);
    return work;
  }

  // --- looking after -------------------------------------------------------------------------------------------------

  /** The nodes that should have what belongs to an actor; none where that is not known. */
  function placesOf(actor: ActorId): readonly NodeId[] {
    const slot = options.slotOf(actor);
    const record = slot && table.get(slot)?.record;
    return record === undefined ? [] : [...new Set([...record.inSync, ...record.learners])];
  }

  /** Which of some blobs another node lacks; undefined when it does not say. */
  async function lackingAt(to: NodeId, asked: readonly Pair[]): Promise<ReadonlySet<Pair> | undefined> {
    const lacking = new Set<Pair>();
    for (let at = 0; at < asked.length; at += limits.askedPerMessage) {
      const some = asked.slice(at, at + limits.askedPerMessage);
      const body = { blobs: some.map(([hash, actor]): [string, ActorId] => [hash, actor]) };
      const answer = await exchange.call(to, "blob.lacks", body, limits.callTimeoutMs);
      if (!answer.ok) return undefined;
      for (const index of answer.value.lacks) {
        const pair = some[index];
        if (pair !== undefined) lacking.add(pair);
      }
    }
    return lacking;
  }

  /** Sends what other nodes of the slots lack. */
  async function spread(): Promise<void> {
    const wanted = new Map<NodeId, Pair[]>();
    for (const pair of owned.pairs())
      for (const to of placesOf(pair[1]))
        if (to !== node && membership.isUp(to)) {
          const some = wanted.get(to);
          if (some) some.push(pair);
          else wanted.set(to, [pair]);
        }
    for (const [to, asked] of wanted) {
      for (const [hash, actor] of (await lackingAt(to, asked)) ?? []) {
        const present = await options.refersTo(actor, hash);
        if (stopped) return;
        // What nobody refers to would go from node to node, each counting its own grace. Without an answer it may be
        // needed.
        if (present.ok && !present.value) continue;
        const bytes = await own(hash);
        if (!bytes.ok) continue;
        const sent = await sendTo(to, actor, { hash, bytes: bytes.value });
        if (sent.ok) {
          meter.count("blobs_copied");
          continue;
        }
        // A node that takes nothing now is asked again in the next round.
        meter.count("blobs_not_copied");
        log.warn("blob.not.copied", { to, hash, failure: sent.error });
        break;
      }
    }
  }

  /** Whether every node in sync with an actor's slot has said that it has a blob. */
  async function heldElsewhere([hash, actor]: Pair): Promise<boolean> {
    const slot = options.slotOf(actor);
    const inSync = (slot && table.get(slot)?.record.inSync) ?? [];
    if (inSync.length === 0 || inSync.includes(node) || !table.current) return false;
    const lacking = await Promise.all(inSync.map((other) => lackingAt(other, [[hash, actor]])));
    return lacking.every((lacks) => lacks?.size === 0);
  }

  async function look([hash, actor]: Pair): Promise<void> {
    const reference = owned.reference([hash, actor]);
    const present = await options.refersTo(actor, hash);
    if (reference === undefined || stopped || !present.ok) return;
    if (!present.value) {
      // What a row says is up to half the grace of others old: of a room's file the grace begins with this process.
      const [graceMs, sinceMs] = actor.startsWith("room/")
        ? [limits.fileGraceMs, Math.max(reference.atMs, openedMs)]
        : [limits.graceMs, reference.atMs];
      if (clock.nowMs() - sinceMs > graceMs) await drop([hash, actor], reference);
      return;
    }
    await owned.seen([hash, actor]);
    const seen = owned.reference([hash, actor]);
    if (!placesOf(actor).includes(node)) {
      if (seen !== undefined && (await heldElsewhere([hash, actor]))) await drop([hash, actor], seen);
      return;
    }
    turns.read((await blobs.has(hash)) ?? 0);
    if (await blobs.check(hash).catch(() => false)) return;
    log.warn("blob.mending", { hash });
    await fetched(actor, hash);
  }

  async function round(): Promise<void> {
    await spread();
    turns.begin(owned.pairs());
    const worker = async (): Promise<void> => {
      for (let pair = turns.next(); pair !== undefined && !stopped; pair = turns.next()) {
        const [hash] = pair;
        await look(pair).catch((error: unknown) => log.warn("blob.round.failed", { hash, failure: failureOf(error) }));
      }
    };
    await Promise.all(Array.from({ length: limits.asksAtOnce }, worker));
  }

  const scheduleSpread = (): void => {
    if (stopped || cancelSpread !== undefined || owned.size === 0) return;
    cancelSpread = clock.after(limits.spreadDelayMs, () => {
      cancelSpread = undefined;
      if (spreading) return scheduleSpread();
      spreading = true;
      void spread()
        .catch((error: unknown) => log.warn("blob.spread.failed", { failure: failureOf(error) }))
        .finally(() => (spreading = false));
    });
  };
  const scheduleRound = (): void => {
    const isHalfFull = owned.size > limits.referencesMax / 2;
    cancelRound = clock.after(isHalfFull ? limits.roundEveryMs / 4 : limits.roundEveryMs, () => {
      void round()
        .catch((error: unknown) => log.warn("blob.round.failed", { failure: failureOf(error) }))
        .finally(() => {
          if (!stopped) scheduleRound();
        });
    });
  };

  exchange.on("blob.put", ({ for: actor, hash, bytes }) => takeNamed(actor, hash, bytes));
  exchange.on("blob.read", ({ hash }) => own(hash).then((found) => (found.ok ? ok({ bytes: found.value }) : found)));
  exchange.on("blob.lacks", ({ blobs: asked }) =>
    attempt(async () => {
      const lacks: number[] = [];
      for (const [index, [hash, actor]] of asked.entries())
        if (!owned.isFor(hash, actor) || (await blobs.has(hash)) === undefined) lacks.push(index);
      return { lacks };
    }),
  );
  const stopTable = table.onChange(scheduleSpread);
  const stopMembers = membership.onChange(scheduleSpread);
  scheduleSpread();
  scheduleRound();

  return {
    async put(actor, bytes, commit) {
      if (bytes.length > limits.copyBytesMax) return refused(failure("TOO_LARGE", { limitBytes: limits.copyBytesMax }));
      const [blob, have] = [hashed(bytes), new Set<NodeId>()];
      const early = await cover(actor, blob, have);
      if (early !== undefined) return refused(early);
      const committed = await commit(blob.hash);
      if (!committed.ok) return committed;
      const late = await cover(actor, blob, have);
      return late === undefined ? committed : refused(failure("ASK_TIMEOUT", { because: late.code, ...late.details }));
    },
    async read(actor, hash) {
      const cached = cache.get(hash);
      if (cached !== undefined) return ok(cached);
      if (owned.has(hash)) {
        const here = await own(hash);
        if (here.ok || here.error.code === "OVERLOADED") return here;
      }
      const found = await fetched(actor, hash);
      if (found.ok && !owned.has(hash)) remember(hash, found.value);
      return found;
    },
    forget: forgetting({ ...options, limits, owned, placesOf, drop }),
    owned,
    round,
    stop() {
      stopped = true;
      for (const end of [cancelSpread, cancelRound, stopTable, stopMembers]) end?.();
    },
  };
}

/** Which pairs a round looks after: it goes on where the one before had looked at enough, or read enough. */
class Turns {
  readonly #limits: Pick<BlobLimits, "lookedPerRound" | "checkedBytesPerRound">;
  #waiting: Pair[] = [];
  #first = 0;
  #bytesLeft = 0;

  constructor(limits: Pick<BlobLimits, "lookedPerRound" | "checkedBytesPerRound">) {
    this.#limits = limits;
  }

  begin(all: readonly Pair[]): void {
    const { lookedPerRound, checkedBytesPerRound } = this.#limits;
    this.#first %= Math.max(1, all.length);
    this.#waiting = [...all.slice(this.#first), ...all.slice(0, this.#first)].slice(0, lookedPerRound).toReversed();
    this.#bytesLeft = checkedBytesPerRound;
  }

  next(): Pair | undefined {
    if (this.#bytesLeft <= 0 || this.#waiting.length === 0) return undefined;
    this.#first += 1;
    return this.#waiting.pop();
  }

  read(bytes: number): void {
    this.#bytesLeft -= bytes;
  }
}
