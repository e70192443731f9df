/** What is brought back: units of a snapshot that a query names, read from any holders that suffice, in order.
 *
 *      query ─► tree: units ─► sum (a dry run ends here) ─► packs ─► opened in the pool ─► sink */
import { failure, failureOf, PlexusError } from "../../../protocols/index.ts";
import type { RowFilter, Snapshot, StripeName, UnitEntry } from "../../../runtimes/backup/index.ts";
import { fileType, ownerOf } from "../format/files.ts";
import { asStored, openUnits, PackCache } from "../format/packs.ts";
import type { BackupPorts } from "../ports.ts";
import type { Repository } from "../repository.ts";
import { unitsOf } from "../format/tree.ts";

/** The type of a room's messages. */
const messageType = "message";

/** What to bring back: what fits all that is named. */
export interface RecallQuery {
  /** The number of a snapshot; or the newest at that time; or the newest. */
  readonly snapshot?: number;
  readonly atMs?: number;
  /** A user: what is that person's own, the person's agents too, and of all else what the person wrote. */
  readonly person?: string;
  /** An actor: a room, an agent. */
  readonly thread?: string;
  readonly type?: string;
  /** Of a room: the message of this position, and what answers it. */
  readonly replies?: number;
  /** Records whose text has this in it, whatever its case. */
  readonly text?: string;
  readonly fromMs?: number;
  /** Not after and not at it. */
  readonly toMs?: number;
}

/** What a query comes to, before anything is read. */
interface RecallPlan {
  readonly snapshot: Snapshot;
  readonly units: number;
  readonly rows: number;
  /** Of plaintext. With a date or a person less is given. */
  readonly bytes: number;
  readonly threads: number;
  /** What is read for it. */
  readonly stripes: number;
  readonly stripeBytes: number;
}

/** Takes what is brought back: units of one thread and type come one after the other. Only BACKUP_DAMAGED is the unit's
 *  fault; any other error ends the recall. */
export interface RecallSink {
  /** `place`: the unit's number among those of the query, from 0; the same in each recall of it. */
  write(unit: UnitEntry, content: Uint8Array, place: number): Promise<void>;
}

/** Why there is no such snapshot, and what helps. `sought`: a number, or a time. */
export function noSnapshot(
  snapshots: readonly Pick<Snapshot, "number" | "atMs">[],
  sought: { readonly snapshot?: number | undefined; readonly atMs?: number | undefined },
): PlexusError {
  const [first] = snapshots;
  const message =
    first === undefined
      ? "There is no backup yet. Make the first one: `plexus backup run`, or `plexus backup run --to FOLDER` for " +
        "one in a folder."
      : sought.snapshot !== undefined
        ? `There is no snapshot ${sought.snapshot}. The snapshots that there are: \`plexus backup list\`.`
        : `There is no snapshot of that time or earlier: the first one is of ${new Date(first.atMs).toISOString()}.`;
  return new PlexusError({ ...failure("NOT_FOUND", { snapshot: sought.snapshot ?? "any" }), message });
}

/** The snapshot that a query means. Error: NOT_FOUND. */
export function snapshotFor(snapshots: readonly Snapshot[], { snapshot, atMs }: RecallQuery): Snapshot {
  const found =
    snapshot !== undefined
      ? snapshots.find(({ number }) => number === snapshot)
      : snapshots.findLast((one) => atMs === undefined || one.atMs <= atMs);
  if (found === undefined) throw noSnapshot(snapshots, { snapshot, atMs });
  return found;
}

/** The units that may have rows of a query; those of one thread and type in the order of their rows, which a clock that
 *  was set back makes another than that of their days. Error: as of reading stripes. */
export async function* unitsFor(
  repository: Repository,
  { root, units, bytes }: Snapshot,
  query: RecallQuery,
): AsyncGenerator<UnitEntry> {
  demandRoom(query);
  if (root === null) return;
  let same: UnitEntry[] = [];
  const inOrder = (): readonly UnitEntry[] => same.toSorted((one, other) => (one.first < other.first ? -1 : 1));
  for await (const unit of unitsOf(repository, { link: root, units, bytes })) {
    const [before] = same;
    if (before !== undefined && (before.name.thread !== unit.name.thread || before.name.type !== unit.name.type)) {
      yield* inOrder();
      same = [];
    }
    if (isWanted(unit, query)) same.push(unit);
  }
  yield* inOrder();
}

/** Positions are a room's own. */
function demandRoom({ replies, thread = "", type = messageType }: RecallQuery): void {
  if (replies === undefined || (thread.startsWith("room/") && type === messageType)) return;
  const problem = "a thread of replies is named by its room and the position of the message that they answer";
  throw new PlexusError(failure("BAD_REQUEST", { path: "/query/replies", problem }));
}

/** What answers a message lies behind it: a unit that ends before has nothing of its thread. */
const mayHaveReplies = ({ name, last }: UnitEntry, root: number): boolean =>
  name.type === messageType && last >= `${messageType}/${String(root).padStart(16, "0")}`;

function isWanted(unit: UnitEntry, query: RecallQuery): boolean {
  const { name, fromMs, toMs } = unit;
  if (query.replies !== undefined && !mayHaveReplies(unit, query.replies)) return false;
  if (query.thread !== undefined && name.thread !== query.thread) return false;
  if (query.type !== undefined && name.type !== query.type) return false;
  // What another person owns is not this person's, even where this one wrote it.
  const owner = ownerOf(name.thread);
  if (query.person !== undefined && owner !== "" && owner !== query.person) return false;
  // A file is of no date and has no text: it comes with what names it, and is not found by words.
  if (name.type === fileType) return query.text === undefined;
  // A unit without times, like the state of an actor, is of no date.
  const timed = query.fromMs !== undefined || query.toMs !== undefined;
  if (timed && toMs === 0) return false;
  if (query.fromMs !== undefined && toMs < query.fromMs) return false;
  return query.toMs === undefined || fromMs < query.toMs;
}

/** Sums up what a query comes to. Errors: NOT_FOUND, BACKUP_DAMAGED, those of reading the manifest. */
export async function planRecall(repository: Repository, query: RecallQuery): Promise<RecallPlan> {
  const { snapshots } = await repository.state();
  const snapshot = snapshotFor(snapshots, query);
  const threads = new Set<string>();
  const stripes = new Map<string, number>();
  let [units, rows, bytes] = [0, 0, 0];
  for await (const unit of unitsFor(repository, snapshot, query)) {
    units += 1;
    rows += unit.rows;
    bytes += unit.bytes;
    threads.add(unit.name.thread);
    for (const { stripe } of unit.fragments) stripes.set(stripe.id, stripe.sizeBytes);
  }
  const stripeBytes = [...stripes.values()].reduce((sum, size) => sum + size, 0);
  return { snapshot, units, rows, bytes, threads: threads.size, stripes: stripes.size, stripeBytes };
}

/** What rates of reading are assumed where nobody has measured one. */
const assumedPerSecond = 20_000_000;
/** Keys, the manifest, the first answers of holders. */
const startMs = 1_000;

/** How long reading so many bytes of stripes takes; `perSecond` was measured. */
export const readingTime = (
  stripeBytes: number,
  perSecond?: number,
): { readonly takesMs: number; readonly measured: boolean } => ({
  takesMs: startMs + Math.ceil((1_000 * stripeBytes) / (perSecond ?? assumedPerSecond)),
  measured: perSecond !== undefined,
});

/** Bytes of stripes, and how long somebody waited for them. */
export interface ReadRate {
  readonly bytes: number;
  readonly ms: number;
}

/** Reads stripes, and measures how long any of them is being read. */
class MeasuredReader {
  readonly #repository: Pick<Repository, "read">;
  readonly #clock: Pick<BackupPorts["clock"], "monotonicMs">;
  #reading = 0;
  #sinceMs = 0;
  #ms = 0;
  #bytes = 0;

  constructor(repository: Pick<Repository, "read">, clock: Pick<BackupPorts["clock"], "monotonicMs">) {
    this.#repository = repository;
    this.#clock = clock;
  }

  async read(stripe: StripeName, memory?: Buffer): Promise<Uint8Array> {
    if (this.#reading === 0) this.#sinceMs = this.#clock.monotonicMs();
    this.#reading += 1;
    try {
      const bytes = await this.#repository.read(stripe, memory);
      this.#bytes += bytes.length;
      return bytes;
    } finally {
      this.#reading -= 1;
      if (this.#reading === 0) this.#ms += this.#clock.monotonicMs() - this.#sinceMs;
    }
  }

  get rate(): ReadRate {
    return { bytes: this.#bytes, ms: Math.ceil(this.#ms) };
  }
}

interface RecallOptions {
  readonly signal: AbortSignal;
  progress(at: { readonly units: number; readonly bytes: number }): void;
  /** A unit that cannot be read is told here, and the others follow; without it the first one ends the recall. */
  lost?(unit: UnitEntry, error: unknown): void;
  /** So many units of the query were brought back before: they are left out. */
  readonly behind?: number;
}

/** Brings back what a query names. Errors: NOT_FOUND, BACKUP_DAMAGED, KEY_MISSING, those of reading stripes and of the
 *  sink, CANCELLED. */
export async function recall(
  ports: BackupPorts,
  repository: Repository,
  query: RecallQuery,
  sink: RecallSink,
  options: RecallOptions,
): Promise<{ readonly units: number; readonly bytes: number; readonly read: ReadRate }> {
  const { snapshots } = await repository.state();
  const snapshot = snapshotFor(snapshots, query);
  const reader = new MeasuredReader(repository, ports.clock);
  const packs = new PackCache(reader, ports.limits.packsKept);
  const { behind = 0 } = options;
  let at = { units: 0, bytes: 0 };
  let place = behind - 1;
  const units = after(asStored(unitsFor(repository, snapshot, query), ports.limits), behind);
  for await (const opened of openUnits(ports, packs, units, (unit) => filterFor(unit, query))) {
    options.signal.throwIfAborted();
    place += 1;
    const { unit } = opened;
    if ("error" in opened) {
      if (options.lost === undefined) throw opened.error;
      options.lost(unit, opened.error);
      continue;
    }
    const { content } = opened;
    try {
      if (content.length > 0 || unit.name.type === fileType) await sink.write(unit, content, place);
    } catch (error) {
      // The sink may find that the content is not what it should be; any other fault is the sink's own.
      if (options.lost === undefined || failureOf(error).code !== "BACKUP_DAMAGED") throw error;
      options.lost(unit, error);
      continue;
    }
    at = { units: at.units + 1, bytes: at.bytes + content.length };
    options.progress(at);
  }
  return { ...at, read: reader.rate };
}

/** What comes behind the first so many. */
async function* after<Item>(items: AsyncIterable<Item>, count: number): AsyncGenerator<Item> {
  let at = 0;
  for await (const item of items) {
    if (at >= count) yield item;
    at += 1;
  }
}

/** What of a unit's rows a query wants; undefined: all. */
function filterFor({ name, fromMs, toMs }: UnitEntry, query: RecallQuery): RowFilter | undefined {
  if (name.type === fileType) return undefined;
  const person = ownerOf(name.thread) === "" ? query.person : undefined;
  const from = query.fromMs !== undefined && query.fromMs > fromMs ? query.fromMs : undefined;
  const to = query.toMs !== undefined && query.toMs <= toMs ? query.toMs : undefined;
  const { text, replies } = query;
  if (person === undefined && replies === undefined && text === undefined && from === undefined && to === undefined)
    return undefined;
  return {
    ...(person !== undefined && { person }),
    ...(replies !== undefined && { replies }),
    ...(text !== undefined && { text }),
    ...(from !== undefined && { fromMs: from }),
    ...(to !== undefined && { toMs: to }),
  };
}
