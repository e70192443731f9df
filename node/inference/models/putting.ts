/** What a node does for one model in stripes: see `striping.ts`. */
import {
  assert,
  failure,
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
import type { Clock, Log, NodeId, PutPacing, Random, Stripes } from "../../ports/index.ts";
import { untilSo } from "../../waiting.ts";
import { decodeIndex, encodeIndex, modelClass, ownerOfModel, stripesOf, type FileStripes } from "./in-stripes.ts";
import type { ModelLimits } from "./limits.ts";
import type { StripesTask } from "./plan.ts";

export interface PuttingPorts {
  readonly node: NodeId;
  readonly store: Pick<ModelStore, "get" | "list" | "damaged" | "leavesOf" | "chunkOf" | "watch">;
  readonly wanted: Pick<WantedModels, "current" | "onChange" | "read">;
  readonly rows: Pick<StripedModels, "current" | "onChange" | "set" | "remove">;
  readonly stripes: Pick<Stripes, "put" | "keep" | "isKept" | "read" | "release" | "standing">;
  readonly pacing?: PutPacing;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly limits: ModelLimits;
}

/** A model that is on its way: what has been put of it, for a round that goes on after a failure. */
interface Underway {
  readonly row: StripedModel;
  /** The try in whose place it is: this node may hear of its own row later than of that one. */
  readonly before: string | undefined;
  readonly sinceMs: number;
  readonly put: Map<string, StripeRef>;
}

/** Makes it: carries out one task after the other. */
export function createPutting(
  ports: PuttingPorts,
  isStopped: () => boolean,
): (task: StripesTask) => Promise<Result<null>> {
  const { node, store, wanted, rows, stripes, clock, log, limits } = ports;
  let underway: Underway | undefined;

  const rowOf = (digest: string): StripedModel | undefined => rows.current().find(({ name }) => name === digest);
  const isWanted = (model: string): boolean =>
    wanted.current().some(({ name, keep }) => name === model && keep === "stripes");

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
    const patience = { triesMax: limits.wholeTriesMax + 1, pauseMs: limits.wholePauseMs, isStopped };
    for (const one of all.value) {
      const isKept = await untilSo(clock, patience, async () => {
        if (await stripes.isKept(one, owner)) return ok(true);
        const kept = await stripes.keep(one, owner);
        return kept.ok ? ok(false) : kept;
      });
      if (!isKept.ok) return isKept;
      if (!isKept.value) return refused(isStopped() ? failure("STOPPING") : failure("UNREACHABLE", { stripe: one.id }));
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

  return (task) => {
    if (task.type === "put") return put(task.model.name);
    if (task.type === "check") return check(task);
    return task.type === "settle" ? settle(task.row) : drop(task);
  };
}
