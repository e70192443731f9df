/** Brings models that are wanted so into stripes, and takes out those that are not any more.
 *
 *      put     row without an index ─► pieces, for a day ─► index ─► all of them kept for good ─► row with the index
 *      settle  every holder is seen to keep each of them ─► row: whole
 *      check   one cannot be read any more, and a node has the model ─► put again, in a try of its own
 *      drop    row removed ─► its stripes released; what that misses, the holders' nodes find (`refersTo`)
 *
 *  Whatever is killed in between: before the index is in the row the pieces have an end, or their holders' nodes find
 *  no row. A model is in stripes when its row has an index, and no sooner: then all are kept. */
import {
  assert,
  failure,
  failureOf,
  ok,
  refused,
  type ActorId,
  type Failure,
  type Result,
  type StoredModel,
  type StripeRef,
} from "../../../protocols/index.ts";
import type { ModelStore } from "../../../runtimes/store/port.ts";
import { withoutName, type StripedModel, type StripedModels } from "../../cluster/facts/striped-models.ts";
import type { WantedModels } from "../../cluster/facts/wanted-models.ts";
import type { Clock, Log, Membership, Meter, NodeId, PutPacing, Random, Stripes } from "../../ports/index.ts";
import { backoffMs } from "../../waiting.ts";
import { decodeIndex, encodeIndex, modelClass, ownerOfModel, stripesOf, type FileStripes } from "./in-stripes.ts";
import { keeperOf } from "./keepers.ts";
import { modelLimits, type ModelLimits } from "./limits.ts";
import { planStripes, type StripesTask } from "./plan.ts";

interface StripingPorts {
  readonly node: NodeId;
  readonly store: Pick<ModelStore, "get" | "list" | "damaged" | "leavesOf" | "chunkOf" | "watch">;
  readonly wanted: Pick<WantedModels, "current" | "onChange" | "read">;
  readonly rows: Pick<StripedModels, "current" | "onChange" | "set" | "remove">;
  readonly stripes: Pick<Stripes, "put" | "keep" | "isKept" | "read" | "release" | "standing">;
  readonly pacing?: PutPacing;
  readonly membership: Membership;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly meter: Meter;
  readonly limits?: Partial<ModelLimits>;
}

/** A model that is on its way: what has been put of it, for a round that goes on after a failure. */
interface Underway {
  readonly row: StripedModel;
  /** The try in whose place it is: this node may hear of its own row later than of that one. */
  readonly before: string | undefined;
  readonly sinceMs: number;
  readonly put: Map<string, StripeRef>;
}

/** What became of the tries for one model. */
interface Tries {
  failures: number;
  notBeforeMs: number;
  readonly sinceMs: number;
}

/** Starts it. The returned function ends it. */
export function stripeModels(ports: StripingPorts): () => void {
  const { node, store, wanted, rows, stripes, membership, clock, log, meter } = ports;
  const limits: ModelLimits = { ...modelLimits, ...ports.limits };
  const tries = new Map<string, Tries>();
  let underway: Underway | undefined;
  let stopped = false;
  let running = false;
  let cancelLook = (): void => undefined;
  let dueMs = Infinity;

  const isStopped = (): boolean => stopped;
  const pause = (ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));
  const rowOf = (digest: string): StripedModel | undefined => rows.current().find(({ name }) => name === digest);
  const isWanted = (model: string): boolean =>
    wanted.current().some(({ name, keep }) => name === model && keep === "stripes");

  function lookIn(delayMs: number): void {
    const atMs = clock.monotonicMs() + delayMs;
    if (stopped || running || atMs >= dueMs) return;
    cancelLook();
    dueMs = atMs;
    cancelLook = clock.after(delayMs, look);
  }

  function look(): void {
    dueMs = Infinity;
    running = true;
    void round().finally(() => {
      running = false;
      lookIn(limits.stripesLookMs);
    });
  }

  async function round(): Promise<void> {
    const damaged = new Set(store.damaged());
    const own = store.list().filter(({ name }) => !damaged.has(name));
    const has = new Set(own.map(({ name }) => name));
    const keepers = membership.members().members.map((member) => {
      const up = membership.isUp(member.node);
      return keeperOf(member, { up, there: up, ...(member.node === node && { has }) });
    });
    const tasks = planStripes({ wanted: wanted.current(), rows: rows.current() }, keepers, { self: node, own });
    const names = new Set(tasks.map(nameOf));
    for (const name of tries.keys()) if (!names.has(name)) tries.delete(name);
    meter.gauge("models_stripes_missing", tasks.filter(({ type }) => type === "put").length);
    // What was done changes what is to be done, and takes hours at times: then it is planned anew.
    for (const task of tasks) if (!stopped && (await attempt(task))) return;
  }

  /** Tries and waiting are for one try of a model. */
  function nameOf(task: StripesTask): string {
    const digest = task.type === "put" ? task.model.digest : task.row.name;
    const row = task.type === "put" ? rowOf(digest) : task.row;
    return `${task.type} ${digest} ${row?.attempt ?? ""}`;
  }

  /** Whether anything was done. */
  async function attempt(task: StripesTask): Promise<boolean> {
    const name = nameOf(task);
    const nowMs = clock.monotonicMs();
    const one = tries.get(name) ?? { failures: 0, notBeforeMs: 0, sinceMs: nowMs };
    tries.set(name, one);
    if (nowMs < one.notBeforeMs || nowMs - one.sinceMs < waitFor(task)) return false;
    const done = await carryOut(task).catch((thrown: unknown) => refused(failureOf(thrown)));
    if (stopped) return true;
    const isChecked = task.type === "check" && done.ok;
    if (done.ok && !isChecked) tries.delete(name);
    if (isChecked) one.notBeforeMs = clock.monotonicMs() + limits.stripesCheckMs;
    if (done.ok) {
      one.failures = 0;
      log.debug("models.stripes.done", { task: task.type, model: name });
      return true;
    }
    one.failures += 1;
    const waitMs = backoffMs(one.failures - 1, { firstMs: limits.retryMsMin, maxMs: limits.retryMsMax });
    one.notBeforeMs = clock.monotonicMs() + waitMs;
    log.warn("models.stripes.failed", { task: task.type, model: name, failure: done.error, againInMs: waitMs });
    return true;
  }

  /** Others are before this node in line, or one is at it. */
  function waitFor(task: StripesTask): number {
    const row = task.type === "put" ? rowOf(task.model.digest) : undefined;
    const isUnderway = row !== undefined && row.by !== node && membership.isUp(row.by);
    return isUnderway ? limits.unfinishedMs / 2 : task.place * limits.stripesPatienceMs;
  }

  function carryOut(task: StripesTask): Promise<Result<null>> {
    if (task.type === "put") return put(task.model.name);
    if (task.type === "check") return check(task);
    return task.type === "settle" ? settle(task.row) : drop(task);
  }

  // --- there ---------------------------------------------------------------------------------------------------------

  /** `lost`: the try whose stripes cannot be read any more. */
  async function put(name: string, lost?: string): Promise<Result<null>> {
    const model = store.get(name);
    if (model === undefined) return refused(failure("NOT_FOUND", { model: name }));
    const { digest } = model;
    const row = rowOf(digest);
    if (row?.index !== undefined && row.attempt !== lost) return ok(null);
    const isFresh = clock.monotonicMs() - (underway?.sinceMs ?? 0) < limits.unfinishedMs / 2;
    const goesOn = isFresh && row !== undefined && row.attempt === underway?.row.attempt;
    const begun = goesOn ? ok(row) : await begin(model, row);
    if (!begun.ok) return begun;
    const into = underway;
    assert(into !== undefined, "a try has begun");
    const files: FileStripes[] = [];
    for (const { digest: file, size } of model.files) {
      const there = await putFile(model, { file, size }, into);
      if (!there.ok) return there;
      files.push(there.value);
    }
    const bytes = encodeIndex({ version: 1, pieceBytes: limits.pieceBytes, model, files });
    if (bytes.length > limits.indexBytesMax)
      return refused(failure("TOO_LARGE", { model: name, limitBytes: limits.indexBytesMax }));
    const index = await putPiece(model, { key: "index", bytes }, into);
    if (!index.ok) return index;
    const all = [...stripesOf({ files }), index.value];
    const kept = await keepAll(all, ownerOfModel(into.row));
    if (!kept.ok) return kept;
    const told = await rows.set({ ...into.row, index: index.value }, withoutName(into.row));
    if (told.ok) underway = undefined;
    return told.ok ? ok(null) : told;
  }

  /** Begins anew: in place of a try of a node that is gone, or of one of this node that is old or was ended. */
  async function begin(model: StoredModel, before: StripedModel | undefined): Promise<Result<StripedModel>> {
    const { digest: name, name: called, addedAtMs, size: sizeBytes } = model;
    const attempt = Buffer.from(ports.random.bytes(8)).toString("hex");
    const row: StripedModel = { name, model: called, addedAtMs, sizeBytes, by: node, attempt };
    const begun = await rows.set(row, withoutName(before));
    // What was put in another try has an end, or is found by its holders' nodes.
    if (begun.ok) underway = { row, before: before?.attempt, sinceMs: clock.monotonicMs(), put: new Map() };
    return begun;
  }

  async function putFile(
    model: StoredModel,
    { file, size }: { readonly file: string; readonly size: number },
    into: Underway,
  ): Promise<Result<FileStripes>> {
    const pieces: StripeRef[] = [];
    for (let start = 0; start < size; start += limits.pieceBytes) {
      const end = Math.min(size, start + limits.pieceBytes);
      const key = `${file}:${start}`;
      const bytes = into.put.has(key) ? undefined : await store.chunkOf(file, { start, end });
      if (bytes === undefined && !into.put.has(key)) return refused(failure("NOT_FOUND", { file }));
      const piece = await putPiece(model, { key, bytes }, into);
      if (!piece.ok) return piece;
      pieces.push(piece.value);
    }
    const all = await store.leavesOf(file);
    if (all === undefined) return refused(failure("NOT_FOUND", { file }));
    const leaves: StripeRef[] = [];
    for (let start = 0; start < all.length; start += limits.pieceBytes) {
      const bytes = all.slice(start, start + limits.pieceBytes);
      const piece = await putPiece(model, { key: `${file}:leaves:${start}`, bytes }, into);
      if (!piece.ok) return piece;
      leaves.push(piece.value);
    }
    return ok({ digest: file, pieces, leaves });
  }

  /** One piece, unless it was put a while ago. */
  async function putPiece(
    { name }: StoredModel,
    { key, bytes }: { readonly key: string; readonly bytes: Uint8Array | undefined },
    into: Underway,
  ): Promise<Result<StripeRef>> {
    const there = into.put.get(key);
    if (there !== undefined) return ok(there);
    if (isStopped()) return refused(failure("STOPPING"));
    const row = rowOf(into.row.name);
    const isOther = row !== undefined && row.attempt !== into.row.attempt && row.attempt !== into.before;
    if (!isWanted(name) || isOther) return refused(failure("CHANGED_MEANWHILE", { model: name }));
    const put = await stripes.put(bytes ?? new Uint8Array(), {
      class: modelClass,
      owner: ownerOfModel(into.row),
      lifeMs: limits.unfinishedMs,
      ...(ports.pacing && { pacing: ports.pacing }),
    });
    if (put.ok) into.put.set(key, put.value);
    return put;
  }

  async function keepAll(all: readonly StripeRef[], owner: ActorId): Promise<Result<null>> {
    for (const one of all) {
      if (isStopped()) return refused(failure("STOPPING"));
      const kept = await stripes.keep(one, owner);
      if (!kept.ok) return kept;
    }
    return ok(null);
  }

  /** All stripes of a row that has an index, that one first. */
  async function stripesIn({ index }: StripedModel): Promise<Result<readonly StripeRef[]>> {
    if (index === undefined) return ok([]);
    const bytes = await stripes.read(index);
    const read = bytes.ok ? decodeIndex(bytes.value) : bytes;
    return read.ok ? ok([index, ...stripesOf(read.value)]) : read;
  }

  /** A holder that was away when it was told to keep a shard hears of it from this node, which may be lost before. */
  async function settle(row: StripedModel): Promise<Result<null>> {
    const all = await stripesIn(row);
    if (!all.ok) return all;
    const owner = ownerOfModel(row);
    for (const one of all.value) {
      let isKept = await stripes.isKept(one, owner);
      for (let tried = 0; !isKept && tried < limits.wholeTriesMax; tried += 1) {
        if (isStopped()) return refused(failure("STOPPING"));
        const kept = await stripes.keep(one, owner);
        if (!kept.ok) return kept;
        await pause(limits.wholePauseMs);
        isKept = await stripes.isKept(one, owner);
      }
      if (!isKept) return refused(failure("UNREACHABLE", { stripe: one.id }));
    }
    const told = await rows.set({ ...row, whole: true }, withoutName(row));
    return told.ok ? ok(null) : told;
  }

  // --- gone ----------------------------------------------------------------------------------------------------------

  /** The row first: nobody reads from there any more. What is not released now is found later. What is wanted is asked
   *  of the directory: a node that has just begun does not know it yet. */
  async function drop({ row, because }: Extract<StripesTask, { readonly type: "drop" }>): Promise<Result<null>> {
    if (because === "unwanted") {
      const now = await wanted.read();
      if (now.some(({ name, keep }) => name === row.model && keep === "stripes"))
        return refused(failure("CHANGED_MEANWHILE", { model: row.model }));
    }
    const removed = await rows.remove(row.name, withoutName(row));
    if (!removed.ok) return removed.error.code === "NOT_FOUND" ? ok(null) : removed;
    const all = await stripesIn(row);
    if (all.ok) await releaseAll(row, all.value);
    else log.warn("models.stripes.unread", { model: row.model, failure: all.error });
    return ok(null);
  }

  /** Where it cannot be read any more, because more holders were lost than it bears: puts it again, or makes room for
   *  what this node has. */
  async function check({ row, model }: Extract<StripesTask, { readonly type: "check" }>): Promise<Result<null>> {
    const lost = await lostIn(row);
    if (!lost.ok) return lost;
    if (!lost.value) return ok(null);
    log.warn("models.stripes.lost", { model: row.model });
    if (model.digest === row.name) return put(model.name, row.attempt);
    const removed = await rows.remove(row.name, withoutName(row));
    return removed.ok ? ok(null) : removed;
  }

  async function lostIn(row: StripedModel): Promise<Result<boolean>> {
    const isLost = (error: Failure): Result<boolean> => (error.code === "STRIPE_LOST" ? ok(true) : refused(error));
    const all = await stripesIn(row);
    if (!all.ok) return isLost(all.error);
    const standing = await stripes.standing(all.value);
    for (const one of all.value) {
      if (standing.has(one.id)) continue;
      const read = await stripes.read(one);
      if (!read.ok) return isLost(read.error);
    }
    return ok(false);
  }

  async function releaseAll(row: StripedModel, all: readonly StripeRef[]): Promise<void> {
    for (const one of all) {
      const released = await stripes.release(one, ownerOfModel(row));
      if (!released.ok) log.debug("models.stripe.not.released", { stripe: one.id, failure: released.error });
    }
  }

  const soon = (): void => lookIn(limits.settleMs);
  const ends = [
    wanted.onChange(soon),
    rows.onChange(soon),
    membership.onChange(soon),
    store.watch((what) => what === "models" && soon()),
  ];
  soon();
  return () => {
    stopped = true;
    cancelLook();
    for (const end of ends) end();
  };
}
