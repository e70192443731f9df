/** Recall into place: what people said in a snapshot comes back into its rooms and conversations, as new entries that say what they were.
 *
 *      query ─► units ─► messages, turns, in order ─► what lives there ─► verdict, rule (conflicts.ts) ─► lots ─► room, agent
 *                                  place-room.ts, place-agent.ts                                        place.ts
 *
 *  A stream keeps its promise: nothing comes at an old position, and followers see one event for each lot. Nothing comes twice in one recall:
 *  the actor remembers what it brought (`restoring.ts` of its kind), and is asked before. So whoever goes on with a recall that was
 *  broken off begins it again under the same id. */
import { failureOf, type ActorId, type Failure, type RoomWithdrawn } from "../../protocols/index.ts";
import { decodeRows, type Row, type Snapshot } from "../../runtimes/backup/index.ts";
import type { Verdict } from "./conflicts.ts";
import { AgentPlace } from "./place-agent.ts";
import { RoomPlace } from "./place-room.ts";
import { askAgain, pauseFor, PlaceActor, Tally, type Place, type PlaceOptions, type PlaceTarget, type PlaceWish } from "./place.ts"; // prettier-ignore
import type { BackupPorts } from "./ports.ts";
import { recall as recallUnits, snapshotFor, unitsFor } from "./recall.ts";
import type { Repository } from "./repository.ts";

/** What a recall into place came to, or would. */
export interface PlaceReport {
  readonly recall: string;
  readonly snapshot: Snapshot;
  /** Rooms and conversations with agents. */
  readonly threads: number;
  /** Entries of the backup by how they stand to what lives. */
  readonly found: Readonly<Record<Verdict, number>>;
  /** What came back, or would, and the bytes of its texts. */
  readonly restored: number;
  readonly bytes: number;
  /** How long people are given for that. */
  readonly takesMs: number;
  /** Rooms and agents that are gone and were made anew, or would be. */
  readonly remade: number;
  /** Threads that took nothing more, and why. */
  readonly failed: readonly { readonly thread: string; readonly error: Failure }[];
  /** Units that could not be read. */
  readonly lost: readonly { readonly thread: string; readonly type: string; readonly error: Failure }[];
}

/** The records that come into place: of which type, of which kind of actor, and how. */
const sorts: readonly { readonly type: string; readonly kind: string; readonly place: (at: PlaceActor) => Place }[] = [
  { type: "message", kind: "room/", place: (at) => new RoomPlace(at) },
  { type: "turn", kind: "agent/", place: (at) => new AgentPlace(at) },
];
const stateType = ".state";

/** Brings entries back into their places. Errors: NOT_FOUND (no such snapshot), CANCELLED, those of reading the manifest. */
export async function recallIntoPlace(
  ports: BackupPorts,
  repository: Repository,
  wish: PlaceWish,
  target: PlaceTarget,
  options: PlaceOptions,
): Promise<PlaceReport> {
  const snapshot = snapshotFor((await repository.state()).snapshots, wish.query);
  const { signal } = options;
  const tally = new Tally();
  const failed = new Map<string, Failure>();
  const lost: PlaceReport["lost"][number][] = [];
  const threads = new Set<string>();
  let open: { readonly thread: string; readonly place: Place } = { thread: "", place: nowhere };

  /** Whatever goes wrong at a thread is the thread's, but for the end of all. */
  const within = async (thread: string, work: () => Promise<void>): Promise<void> => {
    if (failed.has(thread)) return;
    try {
      await work();
    } catch (error) {
      signal.throwIfAborted();
      failed.set(thread, failureOf(error));
    }
  };
  const close = async (): Promise<void> => {
    const { thread, place } = open;
    open = { thread: "", place: nowhere };
    await within(thread, () => place.finish());
  };
  const rowsOf = (thread: string) => async (): Promise<readonly Row[]> => {
    const rows: Row[] = [];
    const query = { snapshot: snapshot.number, thread, type: stateType };
    const sink = { write: async (_: unknown, content: Uint8Array) => void rows.push(...decodeRows(content)) };
    await recallUnits(ports, repository, query, sink, { signal, progress: () => undefined });
    return rows;
  };

  for (const { type, kind, place } of sorts) {
    const query = { ...wish.query, type, snapshot: snapshot.number };
    const write = async ({ name: { thread } }: { readonly name: { readonly thread: string } }, content: Uint8Array) => {
      if (!thread.startsWith(kind)) return;
      if (thread !== open.thread) {
        await close();
        threads.add(thread);
        const actor = thread as ActorId;
        const at = new PlaceActor({ actor, wish, limits: ports.limits, snapshot, tally, target, options, rows: rowsOf(thread) }); // prettier-ignore
        open = { thread, place: place(at) };
      }
      for (const [, value] of decodeRows(content)) {
        tally.messages += 1;
        await within(thread, () => open.place.add(value));
      }
      options.progress({ messages: tally.messages, restored: tally.restored });
    };
    const miss = ({ name }: { readonly name: { readonly thread: string; readonly type: string } }, error: unknown) => {
      signal.throwIfAborted();
      const { thread } = name;
      if (lost.length < ports.limits.missedFilesNamed) lost.push({ thread, type, error: failureOf(error) });
    };
    await recallUnits(ports, repository, query, { write }, { signal, progress: () => undefined, lost: miss });
    await close();
  }
  const { found, restored, bytes, remade } = tally;
  return {
    recall: wish.recall,
    snapshot,
    threads: threads.size,
    found,
    restored,
    bytes,
    takesMs: pauseFor(restored, ports.limits),
    remade,
    failed: [...failed].map(([thread, error]) => ({ thread, error })),
    lost,
  };
}

const nowhere: Place = { add: async () => undefined, finish: async () => undefined };

/** What taking a recall back came to. */
export interface WithdrawReport {
  readonly threads: number;
  readonly removed: number;
  readonly failed: PlaceReport["failed"];
}

/** Takes back what a recall brought into the threads of a query. May be repeated. Errors: NOT_FOUND (no such snapshot), CANCELLED. */
export async function withdrawRecall(
  ports: BackupPorts,
  repository: Repository,
  { recall, query }: Pick<PlaceWish, "recall" | "query">,
  target: PlaceTarget,
  options: PlaceOptions,
): Promise<WithdrawReport> {
  const snapshot = snapshotFor((await repository.state()).snapshots, query);
  const all = new Set<string>();
  for (const { type, kind } of sorts)
    for await (const { name } of unitsFor(repository, snapshot, { ...query, type }))
      if (name.thread.startsWith(kind)) all.add(name.thread);
  const failed: { thread: string; error: Failure }[] = [];
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
  return { threads, removed, failed };
}
