/** Recall into place: what people said in a snapshot comes back into its rooms and conversations, as new entries that
 *  say what they were.
 *
 *      query ─► units ─► messages, turns, in order ─► what lives there ─► verdict, rule (conflicts.ts) ─► lots ─► actor
 *                                  place-room.ts, place-agent.ts                                        place.ts
 *
 *  A stream keeps its promise: nothing comes at an old position, and followers see one event for each lot. Nothing
 *  comes twice in one recall: the actor remembers what it brought (`restoring.ts` of its kind), and is asked before. So
 *  a recall that was broken off is begun again under the same id. A mark of an earlier turn only saves what is known
 *  already, and keeps the sums. */
import {
  failureOf,
  type ActorId,
  type FailedThread,
  type Failure,
  type RoomWithdrawn,
} from "../../../protocols/index.ts";
import { decodeRows, type Row, type Snapshot, type UnitEntry } from "../../../runtimes/backup/index.ts";
import { FileParts, fileType } from "../format/files.ts";
import { LossList } from "../upkeep/losses.ts";
import { AgentPlace } from "./place-agent.ts";
import { RoomPlace } from "./place-room.ts";
import {
  askAgain,
  pauseFor,
  PlaceActor,
  Tally,
  type Place,
  type PlaceMark,
  type PlaceOptions,
  type PlaceSums,
  type PlaceTarget,
  type PlaceRequest,
  type TakeFile,
} from "./place.ts";
import type { BackupPorts } from "../ports.ts";
import { planRecall, recall as recallUnits, snapshotFor, unitsFor, type ReadRate, type RecallQuery } from "./recall.ts";
import type { Repository } from "../repository.ts";

/** What a recall into place came to, or would. */
export interface PlaceReport extends Omit<PlaceSums, "messages"> {
  readonly recall: string;
  readonly snapshot: Snapshot;
  /** How long reading it takes, and the time that people are given. */
  readonly takesMs: number;
  /** What was read in this turn. */
  readonly read: ReadRate;
}

/** The records that come into place: of which type, of which kind of actor, and how. */
const sorts: readonly { readonly type: string; readonly kind: string; readonly place: (at: PlaceActor) => Place }[] = [
  { type: "message", kind: "room/", place: (at) => new RoomPlace(at) },
  { type: "turn", kind: "agent/", place: (at) => new AgentPlace(at) },
];
const stateType = ".state";

/** Kept before the first entry is brought: a turn that goes on after a death goes on with the same snapshot. */
const firstMark = ({ number }: Snapshot, sums: PlaceSums): PlaceMark => ({
  snapshot: number,
  sort: 0,
  units: 0,
  rows: 0,
  thread: "",
  hasFailed: false,
  sums,
});

/** Brings entries back into their places. Errors: NOT_FOUND (no such snapshot), CANCELLED, those of reading the
 *  manifest. */
export async function recallIntoPlace(
  ports: BackupPorts,
  repository: Repository,
  request: PlaceRequest,
  target: PlaceTarget,
  options: PlaceOptions,
): Promise<PlaceReport> {
  const [{ snapshots }, { signal, mark }] = [await repository.state(), options];
  // The snapshot that the first turn found, whatever came meanwhile.
  const snapshot = snapshotFor(snapshots, mark === undefined ? request.query : { snapshot: mark.snapshot });
  const { limits, clock } = ports;
  const tally = new Tally(limits.placeLossesNamed, mark?.sums);
  const messagesOf = await rowsOfSorts(repository, { ...request.query, snapshot: snapshot.number });
  if (mark === undefined) await options.keep?.(firstMark(snapshot, tally.sums));
  let open = { thread: mark?.thread ?? "", hasFailed: mark?.hasFailed ?? false, place: nowhere };
  let keptMs = clock.monotonicMs();
  const read = { bytes: 0, ms: 0 };

  /** Whatever goes wrong at a thread is the thread's, but for the end of all. */
  const within = async (work: () => Promise<void>): Promise<void> => {
    if (open.hasFailed) return;
    try {
      await work();
    } catch (error) {
      signal.throwIfAborted();
      open.hasFailed = true;
      tally.failed.push({ thread: open.thread, error: shortened(failureOf(error)) });
    }
  };
  const rowsOf = (thread: string) => async (): Promise<readonly Row[]> => {
    const rows: Row[] = [];
    const query = { snapshot: snapshot.number, thread, type: stateType };
    const sink = { write: async (_: unknown, content: Uint8Array) => void rows.push(...decodeRows(content)) };
    await recallUnits(ports, repository, query, sink, { signal, progress: () => undefined });
    return rows;
  };
  const filesOf =
    (thread: string) =>
    async (take: TakeFile): Promise<void> => {
      const query = { snapshot: snapshot.number, thread, type: fileType };
      const files = new FileParts(take);
      const done = await recallUnits(ports, repository, query, files, { signal, progress: () => undefined, lost });
      read.bytes += done.read.bytes;
      read.ms += done.read.ms;
    };
  const lost = ({ name: { thread, type } }: UnitEntry, error: unknown): void =>
    tally.lost.push({ thread, type, error: shortened(failureOf(error)) });
  /** All of the thread was given. */
  const leave = async (): Promise<void> => {
    await within(() => open.place.finish());
    await within(async () => open.place.end?.());
  };
  const enter = (thread: string, place: (at: PlaceActor) => Place): void => {
    const actor = thread as ActorId;
    const at = new PlaceActor({
      actor,
      request,
      limits,
      snapshot,
      tally,
      target,
      options,
      rows: rowsOf(thread),
      files: filesOf(thread),
    });
    // An earlier turn has begun with this thread.
    const isKnown = open.thread === thread;
    if (!isKnown) tally.threads += 1;
    open = { thread, hasFailed: isKnown && open.hasFailed, place: place(at) };
  };

  for (const [sort, { type, kind, place }] of sorts.entries()) {
    if (sort < (mark?.sort ?? 0) || !isWanted(type, request.query)) continue;
    const query = { ...request.query, type, snapshot: snapshot.number };
    const from = mark?.sort === sort ? mark : { units: 0, rows: 0 };
    const keep = async (at: { readonly units: number; readonly rows: number }): Promise<void> => {
      const { thread, hasFailed } = open;
      keptMs = clock.monotonicMs();
      await options.keep?.({ snapshot: snapshot.number, sort, ...at, thread, hasFailed, sums: tally.sums });
    };
    const write = async ({ name: { thread } }: UnitEntry, content: Uint8Array, units: number): Promise<void> => {
      if (!thread.startsWith(kind)) return;
      if (open.place === nowhere || open.thread !== thread) {
        await leave();
        enter(thread, place);
      }
      for (const [at, [, value]] of decodeRows(content).entries()) {
        if (units === from.units && at < from.rows) continue;
        tally.messages += 1;
        await within(() => open.place.add(value));
        options.progress({ messages: tally.messages, messagesOf, restored: tally.restored });
        const isSettled = open.hasFailed || open.place.isSettled;
        if (isSettled && clock.monotonicMs() - keptMs >= limits.markKeptMs) await keep({ units, rows: at + 1 });
      }
    };
    // An earlier turn may have brought all of its entries, and not what belongs to them.
    if (mark?.sort === sort && mark.thread.startsWith(kind)) enter(mark.thread, place);
    const done = await recallUnits(
      ports,
      repository,
      query,
      { write },
      { signal, progress: () => undefined, lost, behind: from.units },
    );
    await leave();
    // What came last came in a batch with the others.
    options.progress({ messages: tally.messages, messagesOf, restored: tally.restored });
    open = { thread: "", hasFailed: false, place: nowhere };
    read.bytes += done.read.bytes;
    read.ms += done.read.ms;
  }
  const { messages: _messages, ...sums } = tally.sums;
  const takesMs = read.ms + pauseFor(sums.restored, limits);
  return { recall: request.recall, snapshot, ...sums, takesMs, read };
}

/** Only rooms have threads of replies. */
const isWanted = (type: string, { type: wanted, replies }: RecallQuery): boolean =>
  (wanted === undefined || wanted === type) && (replies === undefined || type === "message");

/** How many rows there are at the most that come into place. */
async function rowsOfSorts(repository: Repository, query: RecallQuery): Promise<number> {
  let rows = 0;
  for (const { type } of sorts.filter((one) => isWanted(one.type, query)))
    rows += (await planRecall(repository, { ...query, type })).rows;
  return rows;
}

/** A failure without more than a task can remember. */
function shortened({ code, outcome, message, details }: Failure): Failure {
  const reason = details?.["reason"];
  const why = typeof reason === "string" ? reason : message;
  return { code, outcome, message, details: { reason: why.slice(0, reasonCharsMax) } };
}

const reasonCharsMax = 160;

const nowhere: Place = { add: async () => undefined, finish: async () => undefined, isSettled: true };

/** What taking a recall back came to. */
interface WithdrawReport {
  readonly threads: number;
  readonly removed: number;
  readonly failed: PlaceSums["failed"];
}

/** Takes back what a recall brought into the threads of a query. May be repeated. Errors: NOT_FOUND (no such snapshot),
 *  CANCELLED. */
export async function withdrawRecall(
  ports: BackupPorts,
  repository: Repository,
  { recall, query }: Pick<PlaceRequest, "recall" | "query">,
  target: PlaceTarget,
  options: PlaceOptions,
): Promise<WithdrawReport> {
  const snapshot = snapshotFor((await repository.state()).snapshots, query);
  const all = new Set<string>();
  for (const { type, kind } of sorts.filter((one) => isWanted(one.type, query)))
    for await (const { name } of unitsFor(repository, snapshot, { ...query, type }))
      if (name.thread.startsWith(kind)) all.add(name.thread);
  const failed = new LossList<FailedThread>(ports.limits.placeLossesNamed);
  let [threads, removed] = [0, 0];
  for (const thread of all) {
    for (let more = true, first = true; more; first = false) {
      const message: { readonly type: string; readonly recall: string } = { type: "withdraw", recall };
      const answer = await askAgain(target, options, thread as ActorId, message, { tries: ports.limits.placeTries });
      if (!answer.ok) {
        // A thread that the recall brought nothing.
        if (answer.error.code !== "NOT_FOUND") failed.push({ thread, error: answer.error });
        break;
      }
      if (first) threads += 1;
      const part = answer.value as RoomWithdrawn;
      removed += part.removed;
      ({ more } = part);
      options.progress({ messages: 0, restored: removed });
      await options.wait(pauseFor(part.removed, ports.limits));
    }
  }
  return { threads, removed, failed: failed.rows };
}
