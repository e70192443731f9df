/** The store of a node: pulls, one after the other from asking to manifest, and what there is.
 *
 *      waiting ─► resolving ─► fetching ─► checking ─► done
 *         │           │           │           │
 *         └───────────┴───────────┴───────────┴──► failed, cancelled       what was fetched stays
 *
 *  A pull of the same source and name joins the one that is under way. */
import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import {
  failure,
  failureOf,
  ok,
  PlexusError,
  refused,
  withoutSecrets,
  type Failure,
  type ModelFile,
  type PullModel,
  type PullView,
  type Result,
  type StoredModel,
  type VerifiedModel,
} from "../../protocols/index.ts";
import type { RuntimeClock, RuntimeLog } from "../environment.ts";
import type { Checked } from "./check.ts";
import { openStoreDisk, type StoreDisk } from "./disk.ts";
import { fetchFile } from "./fetching.ts";
import { EarlyWatch } from "./early.ts";
import { planModel, type EarlyLook, type LookedInto } from "./inspect.ts";
import { storeLimits } from "./limits.ts";
import { digestOf, isPlainPath, nameFrom, sizeOf } from "./manifest.ts";
import { parseRepository } from "./names.ts";
import { open, readFile } from "./reading.ts";
import type { ContentTree, ModelPeers, ModelStore } from "./port.ts";
import { sourceOf, sources, type OfferedFile, type OfferedModel, type SourcePlaces } from "./sources/index.ts";

/** Reads whole files; in a thread, because that takes long. */
export interface FileChecks {
  /** `look` false: only what it is named by is wanted. Rejects with the reason of the signal, the system's errors,
   *  MODEL_REFUSED (too slow). */
  check(
    path: string,
    name: string,
    options: { readonly signal: AbortSignal; readonly look: boolean },
  ): Promise<Checked>;
  /** Looks at the beginning of a file that is still coming. Rejects like `check`. */
  begin(
    path: string,
    name: string,
    options: { readonly signal: AbortSignal; readonly total: number | undefined },
  ): Promise<EarlyLook>;
  stop(): Promise<void>;
}

/** What a store needs. */
export interface StoreOptions {
  readonly folder: string;
  readonly places: SourcePlaces;
  readonly clock: RuntimeClock & { nowMs(): number };
  readonly log: RuntimeLog;
  readonly tree: ContentTree;
  readonly checks: FileChecks;
  /** Absent: there are no other nodes. */
  readonly peers?: ModelPeers;
  hasRoom(bytes: number): boolean;
}

/** Opens the store. Errors: the system's. */
export async function openModelStore(options: StoreOptions): Promise<ModelStore> {
  return new Store(options, await openStoreDisk(options.folder, options.clock.nowMs()));
}

interface Pull {
  readonly id: string;
  readonly request: PullModel;
  readonly by: string;
  readonly abort: AbortController;
  readonly startedAtMs: number;
  endedAtMs: number | undefined;
  name: string | undefined;
  state: PullView["state"];
  /** Of each file. */
  readonly done: Map<string, readonly [done: number, total: number | undefined]>;
  totalBytes: number | undefined;
  samples: readonly (readonly [atMs: number, bytes: number])[];
  error: Failure | undefined;
  readonly ended: PromiseWithResolvers<void>;
}

const isOver = ({ state }: Pick<PullView, "state">): boolean => ["done", "failed", "cancelled"].includes(state);
/** Not a failure: somebody wanted it. */
const cancelled = Symbol("cancelled");
/** The node stops. */
const stopping = Symbol("stopping");
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

class Store implements ModelStore {
  readonly #options: StoreOptions;
  readonly #disk: StoreDisk;
  readonly #watchers = new Set<(what: "models" | "pulls") => void>();
  /** The newest last. */
  #pulls: Pull[] = [];
  #count = 0;
  #told = 0;
  #cancelTell: (() => void) | undefined;
  #stopped = false;
  readonly #stop = new AbortController();
  /** Those under way, by their models. */
  readonly #verifies = new Map<StoredModel, Promise<Result<VerifiedModel>>>();

  constructor(options: StoreOptions, disk: StoreDisk) {
    this.#options = options;
    this.#disk = disk;
    for (const name of disk.damaged) options.log.warn("store.model.damaged", { model: name, folder: options.folder });
  }

  list(): readonly StoredModel[] {
    return [...this.#disk.models.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  get(name: string): StoredModel | undefined {
    return this.#disk.models.get(name);
  }

  damaged(): readonly string[] {
    return [...this.#disk.damaged].sort();
  }

  refused(): ReturnType<ModelStore["refused"]> {
    return this.#disk.refused;
  }

  pathOf(model: StoredModel): string {
    return this.#disk.pathOf(model);
  }

  watch(listener: (what: "models" | "pulls") => void): () => void {
    this.#watchers.add(listener);
    return () => this.#watchers.delete(listener);
  }

  pulls(): readonly PullView[] {
    return this.#pulls.map((pull) => this.#viewOf(pull)).toReversed();
  }

  // --- pulling -------------------------------------------------------------------------------------------------------

  pull(request: PullModel, by: string): Result<PullView> {
    if (this.#stopped) return refused(failure("STOPPING"));
    const source = sourceOf(request.source);
    if (source === undefined) {
      const near = parseRepository(`hf:${request.source}`) === undefined ? "" : `; is it hf:${request.source}?`;
      const reason = `no source has this form; known are ${sources.map(({ form }) => form).join(", ")}${near}`;
      return refused(failure("BAD_REQUEST", { field: "source", reason }));
    }
    const running = this.#pulls.filter((pull) => !isOver(pull));
    const same = running.find((pull) => pull.request.source === request.source && pull.request.name === request.name);
    if (same !== undefined) return ok(this.#viewOf(same));
    const { name } = request;
    if (name !== undefined && running.some((pull) => pull.name === name))
      return refused(failure("NAME_TAKEN", { model: name, reason: "it is being pulled from another source" }));
    const known = name !== undefined && this.#disk.models.has(name);
    if (!known && this.#disk.models.size + running.length >= storeLimits.modelsMax)
      return refused(failure("LIMIT_REACHED", { limit: "modelsMax" }));
    if (running.length >= storeLimits.pullsAtOnceMax + storeLimits.pullsWaitingMax)
      return refused(failure("QUEUE_FULL", { limit: "pullsWaitingMax" }));
    this.#count += 1;
    const startedAtMs = this.#options.clock.nowMs();
    const pull: Pull = {
      id: `${Math.floor(startedAtMs).toString(36)}${this.#count.toString(36)}`,
      request,
      by,
      abort: new AbortController(),
      startedAtMs,
      endedAtMs: undefined,
      name,
      state: "waiting",
      done: new Map(),
      totalBytes: undefined,
      samples: [],
      error: undefined,
      ended: Promise.withResolvers(),
    };
    this.#pulls.push(pull);
    this.#forgetOld();
    this.#startNext();
    return ok(this.#viewOf(pull));
  }

  async ended(id: string): Promise<Result<PullView>> {
    const pull = this.#pulls.find((one) => one.id === id);
    if (pull === undefined) return refused(failure("NOT_FOUND", { pull: id }));
    await pull.ended.promise;
    return ok(this.#viewOf(pull));
  }

  cancel(id: string): Result<PullView> {
    const pull = this.#pulls.find((one) => one.id === id);
    if (pull === undefined) return refused(failure("NOT_FOUND", { pull: id }));
    if (pull.state === "waiting") this.#end(pull, "cancelled");
    else if (!isOver(pull)) pull.abort.abort(cancelled);
    return ok(this.#viewOf(pull));
  }

  #forgetOld(): void {
    const over = this.#pulls.filter(isOver);
    const gone = new Set(over.slice(0, Math.max(0, over.length - storeLimits.pullsShownMax)));
    this.#pulls = this.#pulls.filter((pull) => !gone.has(pull));
  }

  #startNext(): void {
    const running = this.#pulls.filter((pull) => !isOver(pull) && pull.state !== "waiting");
    const waiting = this.#pulls.filter((pull) => pull.state === "waiting");
    for (const pull of waiting.slice(0, Math.max(0, storeLimits.pullsAtOnceMax - running.length))) void this.#run(pull);
    this.#tell();
  }

  async #run(pull: Pull): Promise<void> {
    const { log } = this.#options;
    const source = withoutSecrets(pull.request.source);
    this.#step(pull, "resolving");
    try {
      const model = await this.#bring(pull);
      log.info("store.pulled", { model: model.name, source, digest: model.digest, bytes: model.size, by: pull.by });
      this.#end(pull, "done");
      for (const watcher of this.#watchers) watcher("models");
    } catch (thrown) {
      if (thrown === cancelled || pull.abort.signal.reason === cancelled) return this.#end(pull, "cancelled");
      pull.error = asFailure(thrown);
      const { code, details } = pull.error;
      log.warn("store.pull.failed", { source, code, reason: details?.["reason"] });
      this.#end(pull, "failed");
    }
  }

  /** From a source's text to a model that is there. */
  async #bring(pull: Pull): Promise<StoredModel> {
    const { request, abort, by } = pull;
    const { signal } = abort;
    const { places, peers, clock } = this.#options;
    const source = sourceOf(request.source);
    const offered = await source?.resolve(request.source, { places, peers, signal });
    if (offered === undefined) throw new PlexusError(failure("BAD_REQUEST", { field: "source" }));
    signal.throwIfAborted();
    const name = request.name ?? nameFrom(offered.name);
    if (this.#pulls.some((other) => other !== pull && !isOver(other) && other.name === name))
      throw new PlexusError(failure("NAME_TAKEN", { model: name, reason: "it is being pulled from another source" }));
    pull.name = name;
    checkOffer(offered, request);
    const isAccepted = offered.accepted !== undefined || request.acceptLicence === true;
    if (offered.licence !== undefined && !isAccepted) throw licenceNeeded(name, offered.licence);
    pull.totalBytes = sumOf(offered.files.map(({ size }) => size));
    this.#step(pull, "fetching");

    // No two pulls under way have the same name, so none writes to what another has checked.
    const id = sha256(JSON.stringify([request.source, name])).slice(0, 32);
    const folder = await this.#disk.partial(id);
    const held: string[] = [];
    try {
      const files = await this.#fetchAll(pull, offered.files, { folder, held });
      const plan = planModel(
        files.map(({ file, checked }) => ({ path: file.path, size: checked.size, found: checked.found })),
      );
      if ("refused" in plan) {
        const fault = files.find(({ file }) => file.path === plan.file) ?? files[0];
        if (fault !== undefined) await this.#setApart(pull, fault, String(plan.refused.details?.["reason"]));
        throw new PlexusError(plan.refused);
      }
      const { licence } = plan.card;
      if (licence !== undefined && offered.licence === undefined && !isAccepted)
        throw licenceNeeded(name, { name: licence });
      for (const { path, isContent, checked } of files) {
        if (isContent) continue;
        await this.#disk.adopt(path, { digest: checked.sha256, leaves: checked.leaves });
        held.push(checked.sha256);
      }
      const parts: readonly ModelFile[] = files.map(({ file, checked }) => ({
        path: file.path,
        size: checked.size,
        digest: checked.sha256,
        tree: checked.tree,
      }));
      const named = licence ?? offered.licence?.name;
      const model: StoredModel = {
        name,
        digest: digestOf(parts),
        size: sizeOf(parts),
        files: parts,
        main: plan.main,
        card: { ...plan.card, ...(named !== undefined && { licence: named.slice(0, 500) }) },
        source: withoutSecrets(request.source),
        addedAtMs: offered.addedAtMs ?? clock.nowMs(),
        ...(named !== undefined && { acceptedBy: offered.accepted ?? by }),
      };
      await this.#disk.publish(model);
      await this.#disk.dropPartial(id);
      return model;
    } finally {
      await this.#disk.release(held);
    }
  }

  /** Brings every file to the disk and reads it. */
  async #fetchAll(
    pull: Pull,
    offered: readonly OfferedFile[],
    at: { readonly folder: string; readonly held: string[] },
  ): Promise<readonly FetchedFile[]> {
    const fetched: FetchedFile[] = [];
    const left = [...offered.entries()];
    const work = async (): Promise<void> => {
      for (let next = left.shift(); next !== undefined; next = left.shift())
        fetched[next[0]] = await this.#fetchOne(pull, next[1], at);
    };
    const stopOthers = (thrown: unknown): never => {
      left.length = 0;
      throw thrown;
    };
    const workers = Array.from({ length: Math.min(storeLimits.filesAtOnceMax, offered.length) }, () =>
      work().catch(stopOthers),
    );
    const ends = await Promise.allSettled(workers);
    for (const end of ends) if (end.status === "rejected") throw end.reason;
    return fetched;
  }

  async #fetchOne(
    pull: Pull,
    file: OfferedFile,
    at: { readonly folder: string; readonly held: string[] },
  ): Promise<FetchedFile> {
    const { signal } = pull.abort;
    const wanted = file.sha256 ?? pull.request.digest;
    const there = wanted === undefined ? undefined : await this.#disk.has(wanted);
    if (wanted !== undefined && there !== undefined && (file.size === undefined || there === file.size)) {
      this.#disk.hold(wanted);
      at.held.push(wanted);
      const path = this.#disk.contentPath(wanted);
      this.#progress(pull, file, there, there);
      this.#step(pull, "checking");
      const checked = await this.#check(path, file.path, signal);
      if (checked.sha256 === wanted) return { file, path, checked, isContent: true };
      await this.#condemn(wanted, pull.request.source, file.path);
      this.#step(pull, "fetching");
    }
    const path = join(at.folder, sha256(JSON.stringify([file.path, addressOf(file)])).slice(0, 32));
    const { tree, peers } = this.#options;
    const early = new EarlyWatch((total, ended) =>
      this.#options.checks.begin(path, file.path, { signal: AbortSignal.any([signal, ended]), total }),
    );
    try {
      await fetchFile(file, path, {
        signal: AbortSignal.any([signal, early.signal]),
        tree,
        peers,
        hasRoom: (bytes) => this.#options.hasRoom(bytes),
        progress: (done, total) => {
          this.#progress(pull, file, done, total ?? file.size);
          early.seen(done, total ?? file.size);
        },
      });
    } catch (thrown) {
      const { refusal } = early;
      if (refusal === undefined || signal.aborted) throw thrown;
      await this.#setApart(pull, { path, file, isContent: false }, refusal.reason);
      throw new PlexusError(failure("MODEL_REFUSED", { file: file.path, reason: refusal.reason }));
    } finally {
      await early.stop();
    }
    signal.throwIfAborted();
    this.#step(pull, "checking");
    const checked = await this.#check(path, file.path, signal);
    const fetched: FetchedFile = { file, path, checked, isContent: false };
    if (wanted !== undefined && checked.sha256 !== wanted) {
      // What was resumed may be of two versions: the next pull begins anew.
      await rm(path, { force: true });
      await rm(`${path}.json`, { force: true });
      const reason = "its SHA-256 is not what it should be";
      throw new PlexusError(
        failure("SOURCE_FAILED", { file: file.path, reason, expected: wanted, found: checked.sha256 }),
      );
    }
    if (checked.found.type !== "refused") return fetched;
    await this.#setApart(pull, fetched, checked.found.reason);
    throw new PlexusError(failure("MODEL_REFUSED", { file: file.path, reason: checked.found.reason }));
  }

  #check(path: string, name: string, signal: AbortSignal): Promise<Checked> {
    return this.#options.checks.check(path, name, { signal, look: true });
  }

  async #setApart(pull: Pull, { file, path, isContent }: Omit<FetchedFile, "checked">, reason: string): Promise<void> {
    if (isContent) return;
    const source = withoutSecrets(pull.request.source);
    await this.#disk.refuse(path, { source, file: file.path, reason, atMs: this.#options.clock.nowMs() });
    await rm(`${path}.json`, { force: true });
  }

  async #condemn(digest: string, source: string, file: string): Promise<void> {
    const atMs = this.#options.clock.nowMs();
    this.#options.log.error("store.content.damaged", { digest, file });
    await this.#disk.condemn(digest, { source, file, reason: "it is not what was stored", atMs });
    for (const watcher of this.#watchers) watcher("models");
  }

  #step(pull: Pull, state: PullView["state"]): void {
    if (isOver(pull)) return;
    pull.state = state;
    this.#tell();
  }

  #progress(pull: Pull, file: OfferedFile, done: number, total: number | undefined): void {
    pull.done.set(file.path, [done, total]);
    const nowMs = this.#options.clock.monotonicMs();
    const sinceMs = nowMs - storeLimits.rateWindowMs;
    const [last] = pull.samples.at(-1) ?? [-Infinity];
    if (nowMs - last >= storeLimits.progressMs)
      pull.samples = [...pull.samples.filter(([atMs]) => atMs >= sinceMs), [nowMs, doneOf(pull)]];
    this.#tell();
  }

  #end(pull: Pull, state: "done" | "failed" | "cancelled"): void {
    pull.state = state;
    pull.endedAtMs = this.#options.clock.nowMs();
    pull.ended.resolve();
    this.#forgetOld();
    if (!this.#stopped) this.#startNext();
    this.#tell();
  }

  /** Tells of pulls now and then, not of each piece. */
  #tell(): void {
    const { clock } = this.#options;
    if (this.#cancelTell !== undefined) return;
    const dueMs = this.#told + storeLimits.progressMs - clock.monotonicMs();
    this.#cancelTell = clock.after(Math.max(0, dueMs), () => {
      this.#cancelTell = undefined;
      this.#told = clock.monotonicMs();
      for (const watcher of this.#watchers) watcher("pulls");
    });
  }

  #viewOf(pull: Pull): PullView {
    const { id, request, name, state, startedAtMs, endedAtMs, by, error } = pull;
    const totals = [...pull.done.values()].map(([, total]) => total);
    const totalBytes = pull.totalBytes ?? (totals.length === 0 ? undefined : sumOf(totals));
    const [firstAtMs, firstBytes] = pull.samples[0] ?? [0, 0];
    const [lastAtMs, lastBytes] = pull.samples.at(-1) ?? [0, 0];
    const rate = lastAtMs > firstAtMs ? ((lastBytes - firstBytes) / (lastAtMs - firstAtMs)) * 1_000 : undefined;
    return {
      id,
      source: withoutSecrets(request.source),
      ...(name !== undefined && { name }),
      state,
      doneBytes: doneOf(pull),
      ...(totalBytes !== undefined && { totalBytes }),
      ...(rate !== undefined && state === "fetching" && { bytesPerSecond: Math.max(0, Math.round(rate)) }),
      startedAtMs,
      ...(endedAtMs !== undefined && { endedAtMs }),
      by,
      ...(error && { error }),
    };
  }

  // --- what is there -------------------------------------------------------------------------------------------------

  async remove(name: string): Promise<Result<null>> {
    const was = await this.#disk.remove(name);
    if (!was) return refused(failure("NOT_FOUND", { model: name }));
    this.#options.log.info("store.removed", { model: name });
    for (const watcher of this.#watchers) watcher("models");
    return ok(null);
  }

  verify(name: string): Promise<Result<VerifiedModel>> {
    const model = this.#disk.models.get(name);
    if (model === undefined) return Promise.resolve(refused(failure("NOT_FOUND", { model: name })));
    if (this.#stopped) return Promise.resolve(refused(failure("STOPPING")));
    const running = this.#verifies.get(model);
    if (running !== undefined) return running;
    const { verifiesAtOnceMax } = storeLimits;
    if (this.#verifies.size >= verifiesAtOnceMax)
      return Promise.resolve(refused(failure("OVERLOADED", { limit: "verifiesAtOnceMax", verifiesAtOnceMax })));
    const verified = this.#verify(model)
      .catch((thrown: unknown) => refused(thrown === stopping ? failure("STOPPING") : asFailure(thrown)))
      .finally(() => this.#verifies.delete(model));
    this.#verifies.set(model, verified);
    return verified;
  }

  async #verify(model: StoredModel): Promise<Result<VerifiedModel>> {
    const { name } = model;
    const { signal } = this.#stop;
    const files: VerifiedModel["files"][number][] = [];
    for (const { path, digest, size } of model.files) {
      const about = { path, expected: digest };
      const checked = await this.#readBack(digest, path, signal);
      // Its files may go with it at any moment: what is missing then is no damage.
      if (this.#disk.models.get(name) !== model)
        return refused(failure("NOT_FOUND", { model: name, reason: "it was removed or pulled again meanwhile" }));
      if (checked === undefined) {
        files.push({ ...about, state: "missing" });
        continue;
      }
      const isFine = checked.sha256 === digest && checked.size === size;
      files.push({ ...about, state: isFine ? "fine" : "damaged", found: checked.sha256 });
      if (!isFine) await this.#condemn(digest, model.source, path);
    }
    return ok({ name, files });
  }

  /** What a file of the store is now; undefined: it is not there. */
  async #readBack(digest: string, path: string, signal: AbortSignal): Promise<Checked | undefined> {
    try {
      if ((await this.#disk.has(digest)) === undefined) return undefined;
      return await this.#options.checks.check(this.#disk.contentPath(digest), path, { signal, look: false });
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw thrown;
    }
  }

  async leavesOf(digest: string): Promise<Uint8Array | undefined> {
    return (await this.#disk.has(digest)) === undefined ? undefined : await readFile(this.#disk.leavesPath(digest));
  }

  chunkOf(digest: string, { start, end }: { readonly start: number; readonly end: number }) {
    return open(this.#disk.contentPath(digest), start, end);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#stop.abort(stopping);
    for (const pull of this.#pulls) if (!isOver(pull)) this.cancel(pull.id);
    await Promise.all([...this.#pulls.map((pull) => pull.ended.promise), ...this.#verifies.values()]);
    this.#cancelTell?.();
    await this.#options.checks.stop();
  }
}

/** A file on the disk that was read. */
interface FetchedFile {
  readonly file: OfferedFile;
  readonly path: string;
  readonly checked: Checked & { readonly found: LookedInto["found"] };
  /** It was there before. */
  readonly isContent: boolean;
}

const addressOf = ({ from }: OfferedFile): string =>
  from.via === "http" ? from.url : from.via === "file" ? from.path : from.tree;

const sumOf = (sizes: readonly (number | undefined)[]): number | undefined =>
  sizes.every((size) => size !== undefined) ? sizes.reduce((sum, size) => sum + size, 0) : undefined;

const doneOf = (pull: Pull): number => [...pull.done.values()].reduce((sum, [done]) => sum + done, 0);

/** What a source says is checked before anything of it is fetched. */
function checkOffer({ files }: OfferedModel, { digest }: PullModel): void {
  const refuse = (reason: string): never => {
    throw new PlexusError(failure("MODEL_REFUSED", { reason }));
  };
  if (files.length === 0) refuse("there is no model in it");
  if (files.length > storeLimits.filesMax)
    refuse(`it has ${files.length} files, and ${storeLimits.filesMax} are the limit`);
  for (const { path } of files)
    if (!isPlainPath(path)) refuse(`a file of it is called ${JSON.stringify(path.slice(0, 100))}`);
  if (new Set(files.map(({ path }) => path)).size !== files.length) refuse("two of its files have the same name");
  const [only] = files;
  if (digest === undefined) return;
  if (files.length > 1)
    throw new PlexusError(failure("BAD_REQUEST", { field: "digest", reason: "the model has several files" }));
  if (only?.sha256 !== undefined && only.sha256 !== digest)
    throw new PlexusError(
      failure("SOURCE_FAILED", {
        reason: "the source has another file than the digest names",
        expected: digest,
        found: only.sha256,
      }),
    );
}

const licenceNeeded = (model: string, { name, text }: NonNullable<OfferedModel["licence"]>): PlexusError =>
  new PlexusError(
    failure("LICENCE_NOT_ACCEPTED", {
      model,
      licence: name,
      ...(text !== undefined && { text: text.slice(0, storeLimits.licenceCharsMax) }),
    }),
  );

/** The system's refusals by their names, so that a full disk is told from a place that may not be read. */
function asFailure(thrown: unknown): Failure {
  if (thrown instanceof PlexusError) return failureOf(thrown);
  const { code, message } = thrown as NodeJS.ErrnoException;
  if (code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG") return failure("DISK_FULL", { reason: code });
  if (code !== undefined) return failure("SOURCE_FAILED", { reason: `the system says ${code}` });
  return failure("INTERNAL", { reason: message });
}
