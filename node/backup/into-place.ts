/** Recall into place: messages of a snapshot come back into their rooms, as new entries that say what they were.
 *
 *      query ─► units ─► messages in order, by stretches ─► what lives there ─► verdict, rule (conflicts.ts) ─► batches ─► room
 *
 *  A room's stream keeps its promise: nothing comes at an old position, and followers see one event for each batch. Nothing comes twice in one recall:
 *  the room remembers what it brought (`actors/room/restoring.ts`), and before each stretch it is asked. So whoever goes on with a recall
 *  that was broken off begins it again under the same id. */
import {
  failure,
  failureOf,
  PlexusError,
  type ActorId,
  type Failure,
  type RecalledMessage,
  type Result,
  type RoomHistory,
  type RoomMessage,
  type RoomRestored,
  type RoomWithdrawn,
} from "../../protocols/index.ts";
import { decodeRows, type Row, type Snapshot } from "../../runtimes/backup/index.ts";
import { comesBack, verdictOf, type Existing, type Verdict } from "./conflicts.ts";
import type { BackupPorts } from "./ports.ts";
import { planRecall, recall as recallUnits, unitsFor, snapshotFor, type RecallQuery } from "./recall.ts";
import { valueOf, type Repository } from "./repository.ts";

/** What is to come back, and by which rules. */
export interface PlaceWish {
  /** Names the recall: going on with it, and taking it back. */
  readonly recall: string;
  readonly query: RecallQuery;
  readonly existing: Existing;
  /** Also what was deleted since. */
  readonly deleted: boolean;
  /** A room that is gone is made anew, with its members of then; else it is refused. */
  readonly remake: boolean;
  /** Only says what would come. */
  readonly dryRun: boolean;
}

/** Living actors, as a recall knows them. */
export interface PlaceTarget {
  /** Asks an actor, as the node. */
  ask(to: ActorId, message: { readonly type: string }, operationId?: string): Promise<Result<unknown>>;
  /** The command that makes a room anew, from its rows in a backup that are no records; undefined: it was none then. */
  remake(room: ActorId, rows: readonly Row[]): { readonly type: string } | undefined;
}

export interface PlaceOptions {
  readonly signal: AbortSignal;
  progress(at: { readonly messages: number; readonly restored: number }): void;
  /** Waits so long, or until the signal is given. */
  wait(ms: number): Promise<void>;
}

/** What a recall into place came to, or would. */
export interface PlaceReport {
  readonly recall: string;
  readonly snapshot: Snapshot;
  readonly rooms: number;
  /** Messages of the backup by how they stand to what lives. */
  readonly found: Readonly<Record<Verdict, number>>;
  /** What came back, or would, and the bytes of its texts. */
  readonly restored: number;
  readonly bytes: number;
  /** How long the rooms are given for that. */
  readonly takesMs: number;
  /** Rooms that are gone and were made anew, or would be. */
  readonly remade: number;
  /** Rooms that took nothing more, and why. */
  readonly failed: readonly { readonly room: string; readonly error: Failure }[];
  /** Units that could not be read. */
  readonly lost: readonly { readonly thread: string; readonly type: string; readonly error: Failure }[];
}

/** The records that come into place. */
const messageType = "message";
const stateType = ".state";

/** Brings messages back into their rooms. Errors: NOT_FOUND (no such snapshot), CANCELLED, those of reading the manifest. */
export async function recallIntoPlace(
  ports: BackupPorts,
  repository: Repository,
  wish: PlaceWish,
  target: PlaceTarget,
  options: PlaceOptions,
): Promise<PlaceReport> {
  return new IntoPlace(ports, repository, wish, target, options).run();
}

class IntoPlace {
  readonly #ports: BackupPorts;
  readonly #repository: Repository;
  readonly #wish: PlaceWish;
  readonly #target: PlaceTarget;
  readonly #options: PlaceOptions;
  readonly #found: Record<Verdict, number> = { fresh: 0, same: 0, edited: 0, deleted: 0, back: 0, done: 0 };
  readonly #failed = new Map<string, Failure>();
  readonly #lost: PlaceReport["lost"][number][] = [];
  readonly #rooms = new Set<string>();
  #snapshot: Snapshot | undefined;
  #stretch: RoomMessage[] = [];
  #room: ActorId = "room/";
  #isGone = false;
  /** Where roots of threads are now; undefined: nowhere. */
  #roots = new Map<number, number | undefined>();
  #remade = 0;
  #messages = 0;
  #restored = 0;
  #bytes = 0;

  constructor(ports: BackupPorts, repository: Repository, wish: PlaceWish, target: PlaceTarget, options: PlaceOptions) {
    this.#ports = ports;
    this.#repository = repository;
    this.#wish = wish;
    this.#target = target;
    this.#options = options;
  }

  async run(): Promise<PlaceReport> {
    const { recall, query } = this.#wish;
    const { snapshot } = await planRecall(this.#repository, { ...query, type: messageType });
    this.#snapshot = snapshot;
    const fixed = { ...query, type: messageType, snapshot: snapshot.number };
    await recallUnits(this.#ports, this.#repository, fixed, {
      write: async ({ name: { thread } }, content) => {
        if (!thread.startsWith("room/")) return;
        if (thread !== this.#room) await this.#turnTo(thread as ActorId);
        for (const [, value] of decodeRows(content)) await this.#add(value as RoomMessage);
      },
    }, {
      signal: this.#options.signal,
      progress: () => undefined,
      lost: ({ name: { thread, type } }, error) => {
        // What a room refuses is noted there. The rest is the backup's, but for the end of the recall.
        if (this.#options.signal.aborted) throw error;
        if (this.#lost.length < this.#ports.limits.missedFilesNamed) this.#lost.push({ thread, type, error: failureOf(error) });
      },
    }); // prettier-ignore
    await this.#flush();
    const failed = [...this.#failed].map(([room, error]) => ({ room, error }));
    return {
      recall,
      snapshot,
      rooms: this.#rooms.size,
      found: this.#found,
      restored: this.#restored,
      bytes: this.#bytes,
      takesMs: this.#pauseFor(this.#restored),
      remade: this.#remade,
      failed,
      lost: this.#lost,
    };
  }

  async #turnTo(room: ActorId): Promise<void> {
    await this.#flush();
    this.#room = room;
    this.#rooms.add(room);
    this.#roots = new Map();
    this.#isGone = false;
  }

  async #add(message: RoomMessage): Promise<void> {
    this.#messages += 1;
    // Of a message that was deleted then, there is nothing.
    if (message.deletedAtMs !== undefined) return;
    this.#stretch.push(message);
    if (this.#stretch.length >= this.#ports.limits.placeStretch) await this.#flush();
  }

  async #flush(): Promise<void> {
    const stretch = this.#stretch;
    this.#stretch = [];
    if (stretch.length === 0 || this.#failed.has(this.#room)) return;
    this.#options.signal.throwIfAborted();
    try {
      await this.#place(stretch);
    } catch (error) {
      this.#options.signal.throwIfAborted();
      this.#failed.set(this.#room, failureOf(error));
    }
    this.#options.progress({ messages: this.#messages, restored: this.#restored });
  }

  /** Brings back what is wanted of a stretch: what stands in the room itself first, then the answers, thread by thread. */
  async #place(stretch: readonly RoomMessage[]): Promise<void> {
    const from = (stretch[0] as RoomMessage).seq;
    const to = (stretch.at(-1) as RoomMessage).seq + 1;
    const living = Map.groupBy(await this.#entries("message", from, to), ({ seq }) => seq);
    const restored = Map.groupBy(await this.#entries("restored", from, to), (one) => one.restored?.seq ?? 0);
    const wanted = stretch.filter((was) => {
      const now = { living: living.get(was.seq)?.[0], restored: restored.get(was.seq) ?? [] };
      const verdict = verdictOf(was, now, this.#wish.recall);
      this.#found[verdict] += 1;
      return comesBack(verdict, this.#wish);
    });
    if (this.#wish.dryRun) return this.#count(wanted);
    const [tops, answers] = [wanted.filter(({ replyTo }) => replyTo === undefined), wanted.filter(({ replyTo }) => replyTo !== undefined)]; // prettier-ignore
    await this.#send(from, undefined, tops);
    for (const [root, some] of Map.groupBy(answers, ({ replyTo }) => replyTo as number))
      await this.#send(from, await this.#rootOf(root, (some[0] as RoomMessage).atMs), some);
  }

  #count(messages: readonly RoomMessage[]): void {
    this.#restored += messages.length;
    this.#bytes += messages.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
  }

  /** What the room has at some positions, or has of what was there; nothing of a room that is gone. */
  async #entries(of: "message" | "restored", from: number, to: number): Promise<readonly RoomMessage[]> {
    if (this.#isGone && this.#wish.dryRun) return [];
    const all = new Map<number, RoomMessage>();
    for (let next = from; next < to;) {
      const message = { type: "entries", of, from: next, to, limit: this.#ports.limits.placeStretch };
      const answer = await this.#ask(message);
      if (!answer.ok && answer.error.code === "NOT_FOUND" && !this.#isGone) {
        await this.#makeAnew(answer.error);
        if (this.#wish.dryRun) return [];
        continue;
      }
      const page = valueOf(answer) as RoomHistory;
      for (const one of page.messages) all.set(one.seq, one);
      const last = page.messages.at(-1);
      if (!page.more || last === undefined) break;
      // A page may end within what came back of one message.
      next = of === "message" ? last.seq + 1 : Math.max(next + 1, last.restored?.seq ?? to);
    }
    return [...all.values()];
  }

  async #makeAnew(gone: Failure): Promise<void> {
    this.#isGone = true;
    const reason = "the room is gone: it can be made anew, with its members of then (--remake)";
    if (!this.#wish.remake) throw new PlexusError(failure(gone.code, { room: this.#room, reason }));
    this.#remade += 1;
    if (this.#wish.dryRun) return;
    const rows: Row[] = [];
    const query = { snapshot: this.#snapshot?.number ?? 0, thread: this.#room, type: stateType };
    await recallUnits(this.#ports, this.#repository, query, {
      write: async (_, content) => void rows.push(...decodeRows(content)),
    }, { signal: this.#options.signal, progress: () => undefined }); // prettier-ignore
    const command = this.#target.remake(this.#room, rows);
    if (command === undefined) throw new PlexusError(gone);
    const made = await this.#ask(command, "remake");
    // It is there: somebody was first.
    if (!made.ok && made.error.code !== "NAME_TAKEN") throw new PlexusError(made.error);
  }

  /** Where the message is now with which a thread began: back by this recall, in its place, or back before. */
  async #rootOf(was: number, answeredAtMs: number): Promise<number | undefined> {
    if (this.#roots.has(was)) return this.#roots.get(was);
    const back = (await this.#entries("restored", was, was + 1)).filter(({ deletedAtMs }) => deletedAtMs === undefined);
    const [living] = await this.#entries("message", was, was + 1);
    // A message that is younger than its answer is another one, of a room that was made anew.
    const isIt = living?.deletedAtMs === undefined && (living?.atMs ?? Infinity) <= answeredAtMs;
    const mine = back.find(({ restored }) => restored?.recall === this.#wish.recall);
    const root = mine?.seq ?? (isIt ? living?.seq : back.at(-1)?.seq);
    this.#remember(was, root);
    return root;
  }

  #remember(was: number, now: number | undefined): void {
    this.#roots.set(was, now);
    const [oldest] = this.#roots.keys();
    if (this.#roots.size > this.#ports.limits.placeRootsKept && oldest !== undefined) this.#roots.delete(oldest);
  }

  async #send(from: number, root: number | undefined, messages: readonly RoomMessage[]): Promise<void> {
    const { recall } = this.#wish;
    const { number: snapshot = 0, atMs: backupAtMs = 0 } = this.#snapshot ?? {};
    for (const batch of this.#batches(messages)) {
      const command = { type: "restore", recall, snapshot, backupAtMs, from, ...(root !== undefined && { root }), messages: batch.map(recalled) }; // prettier-ignore
      const { restored } = valueOf(await this.#ask(command, `${from}.${batch[0]?.seq}.${root ?? 0}`)) as RoomRestored;
      const came = new Set(restored.map(([was]) => was));
      for (const [was, now] of restored) this.#remember(was, now);
      this.#count(batch.filter(({ seq }) => came.has(seq)));
      await this.#options.wait(this.#pauseFor(came.size));
      this.#options.signal.throwIfAborted();
    }
  }

  *#batches(messages: readonly RoomMessage[]): Generator<readonly RoomMessage[]> {
    const { placeBatch, placeBatchChars } = this.#ports.limits;
    let batch: RoomMessage[] = [];
    let chars = 0;
    for (const message of messages) {
      if (batch.length >= placeBatch || (batch.length > 0 && chars + message.text.length > placeBatchChars)) {
        yield batch;
        [batch, chars] = [[], 0];
      }
      batch.push(message);
      chars += message.text.length;
    }
    if (batch.length > 0) yield batch;
  }

  #pauseFor(messages: number): number {
    return Math.ceil((messages * 1_000) / this.#ports.limits.placePerSecond);
  }

  /** Asks the room, again where it may not have heard: what it has done already it does not do twice. */
  #ask(message: { readonly type: string }, operation?: string): Promise<Result<unknown>> {
    const id = operation === undefined ? undefined : `${this.#wish.recall}.${operation}`.slice(0, 64);
    return askAgain(this.#target, this.#options, this.#room, message, { id, tries: this.#ports.limits.placeTries });
  }
}

const recalled = ({ seq, author, text, atMs, editedAtMs, poll }: RoomMessage): RecalledMessage => ({
  seq,
  author,
  text,
  atMs,
  ...(editedAtMs !== undefined && { editedAtMs }),
  ...(poll && { poll }),
});

const retryMs = 500;

async function askAgain(
  target: PlaceTarget,
  options: PlaceOptions,
  to: ActorId,
  message: { readonly type: string },
  { id, tries }: { readonly id: string | undefined; readonly tries: number },
): Promise<Result<unknown>> {
  for (let tried = 1; ; tried += 1) {
    options.signal.throwIfAborted();
    const answer = await target.ask(to, message, id);
    if (answer.ok || answer.error.outcome === "failed" || tried >= tries) return answer;
    await options.wait(retryMs * tried);
  }
}

/** What taking a recall back came to. */
export interface WithdrawReport {
  readonly rooms: number;
  readonly removed: number;
  readonly failed: PlaceReport["failed"];
}

/** Takes back what a recall brought into the rooms of a query. May be repeated. Errors: NOT_FOUND (no such snapshot), CANCELLED. */
export async function withdrawRecall(
  ports: BackupPorts,
  repository: Repository,
  { recall, query }: Pick<PlaceWish, "recall" | "query">,
  target: PlaceTarget,
  options: PlaceOptions,
): Promise<WithdrawReport> {
  const { snapshots } = await repository.state();
  const threads = new Set<string>();
  for await (const { name } of unitsFor(repository, snapshotFor(snapshots, query), { ...query, type: messageType }))
    if (name.thread.startsWith("room/")) threads.add(name.thread);
  const failed: { room: string; error: Failure }[] = [];
  let [rooms, removed] = [0, 0];
  for (const room of threads) {
    for (let more = true, first = true; more; first = false) {
      const tries = { id: undefined, tries: ports.limits.placeTries };
      const answer = await askAgain(target, options, room as ActorId, { type: "withdraw", recall } as { type: string }, tries); // prettier-ignore
      if (!answer.ok) {
        // A room that the recall brought nothing.
        if (answer.error.code !== "NOT_FOUND") failed.push({ room, error: answer.error });
        break;
      }
      if (first) rooms += 1;
      const part = answer.value as RoomWithdrawn;
      removed += part.removed;
      ({ more } = part);
      options.progress({ messages: 0, restored: removed });
      await options.wait(Math.ceil((part.removed * 1_000) / ports.limits.placePerSecond));
    }
  }
  return { rooms, removed, failed };
}
