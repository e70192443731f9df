/** What rooms and conversations with agents have in common when entries of a backup come back into them. */
import {
  failure,
  PlexusError,
  type ActorId,
  type FailedThread,
  type Failure,
  type Losses,
  type LostUnit,
  type Result,
} from "../../../protocols/index.ts";
import type { Row, Snapshot } from "../../../runtimes/backup/index.ts";
import { comesBack, type Existing, type Verdict } from "./conflicts.ts";
import type { BackupLimits } from "../limits.ts";
import { LossList } from "../upkeep/losses.ts";
import type { RecallQuery } from "./recall.ts";

/** What is to come back, and by which rules. */
export interface PlaceRequest {
  /** Names the recall: going on with it, and taking it back. */
  readonly recall: string;
  readonly query: RecallQuery;
  readonly existing: Existing;
  /** Also what was deleted since. */
  readonly deleted: boolean;
  /** A room or an agent that is gone is made anew as it was then; else it is refused. */
  readonly remake: boolean;
  /** Only says what would come. */
  readonly dryRun: boolean;
}

/** Living actors, as a recall knows them. */
export interface PlaceTarget {
  /** Asks an actor, as the node. */
  ask(to: ActorId, message: { readonly type: string }, operationId?: string): Promise<Result<unknown>>;
  /** Makes an actor anew, from its rows in a backup that are no records. Error: NOT_FOUND (there was none then, or
   *  nobody has it now). */
  remake(actor: ActorId, rows: readonly Row[]): Promise<Result<unknown>>;
  /** Stores a file for an actor, and has the actor refer to it by a command. Errors: BACKUP_DAMAGED (the bytes are
   *  another file's), those of storing and of the command. */
  file(actor: ActorId, hash: string, bytes: Uint8Array, message: { readonly type: string }): Promise<Result<unknown>>;
}

export interface PlaceOptions {
  readonly signal: AbortSignal;
  progress(at: { readonly messages: number; readonly messagesOf?: number; readonly restored: number }): void;
  /** Waits so long, or until the signal is given. */
  wait(ms: number): Promise<void>;
  /** Where an earlier turn of the same recall was; absent: from the beginning. */
  readonly mark?: PlaceMark | undefined;
  /** Remembers how far it is. Its error ends the recall. */
  keep?(mark: PlaceMark): Promise<void>;
}

/** How far a recall into place is: a place in the units of its snapshot, which always come in the same order, and what
 *  it came to so far. */
export interface PlaceMark {
  readonly snapshot: number;
  /** The sort of records; so many of its units are settled, and so many rows of the next one. */
  readonly sort: number;
  readonly units: number;
  readonly rows: number;
  /** The thread that it is in, and whether that takes nothing more. */
  readonly thread: string;
  readonly hasFailed: boolean;
  readonly sums: PlaceSums;
}

/** What a recall into place came to so far. */
export interface PlaceSums {
  readonly found: Readonly<Record<Verdict, number>>;
  readonly messages: number;
  readonly restored: number;
  readonly bytes: number;
  /** Pictures and sounds of conversations. */
  readonly files: number;
  readonly remade: number;
  readonly threads: number;
  readonly failed: Losses<FailedThread>;
  readonly lost: Losses<LostUnit>;
}

/** Takes the records of one actor, in order. */
export interface Place {
  add(record: unknown): Promise<void>;
  /** What was added is there, or counted. */
  finish(): Promise<void>;
  /** All of the actor was added: brings what belongs to it. May be repeated. */
  end?(): Promise<void>;
  /** Nothing that was added waits. */
  readonly isSettled: boolean;
}

/** What all places of a recall come to. */
export class Tally {
  readonly found: Record<Verdict, number>;
  messages = 0;
  restored = 0;
  bytes = 0;
  files = 0;
  remade = 0;
  threads = 0;
  readonly failed: LossList<FailedThread>;
  readonly lost: LossList<LostUnit>;

  constructor(max: number, sums?: PlaceSums) {
    this.found = { fresh: 0, same: 0, edited: 0, deleted: 0, back: 0, done: 0, ...sums?.found };
    this.failed = new LossList(max, sums?.failed);
    this.lost = new LossList(max, sums?.lost);
    const { messages = 0, restored = 0, bytes = 0, files = 0, remade = 0, threads = 0 } = sums ?? {};
    Object.assign(this, { messages, restored, bytes, files, remade, threads });
  }

  get sums(): PlaceSums {
    const { found, messages, restored, bytes, files, remade, threads, failed, lost } = this;
    return {
      found: { ...found },
      messages,
      restored,
      bytes,
      files,
      remade,
      threads,
      failed: failed.rows,
      lost: lost.rows,
    };
  }
}

/** Takes a file. Only BACKUP_DAMAGED is the file's fault. */
export type TakeFile = (hash: string, bytes: Uint8Array) => Promise<void>;

/** One actor that entries come back into: asked so that it takes nothing twice, and in its own time. */
export class PlaceActor {
  readonly actor: ActorId;
  readonly request: PlaceRequest;
  readonly limits: BackupLimits;
  readonly snapshot: Snapshot;
  readonly tally: Tally;
  /** The actor is gone; in a dry run it stays so. */
  isGone = false;
  readonly #target: PlaceTarget;
  readonly #options: PlaceOptions;
  /** Its rows in the snapshot that are no records. */
  readonly #rows: () => Promise<readonly Row[]>;
  /** Its files in the snapshot, one after the other. */
  readonly #files: (take: TakeFile) => Promise<void>;

  constructor(of: {
    readonly actor: ActorId;
    readonly request: PlaceRequest;
    readonly limits: BackupLimits;
    readonly snapshot: Snapshot;
    readonly tally: Tally;
    readonly target: PlaceTarget;
    readonly options: PlaceOptions;
    readonly rows: () => Promise<readonly Row[]>;
    readonly files: (take: TakeFile) => Promise<void>;
  }) {
    this.actor = of.actor;
    this.request = of.request;
    this.limits = of.limits;
    this.snapshot = of.snapshot;
    this.tally = of.tally;
    this.#target = of.target;
    this.#options = of.options;
    this.#rows = of.rows;
    this.#files = of.files;
  }

  /** Counts an entry of the backup, and says whether it comes back. */
  judged(verdict: Verdict): boolean {
    this.tally.found[verdict] += 1;
    return comesBack(verdict, this.request);
  }

  /** Counts what comes back. */
  count(entries: readonly { readonly text: string }[]): void {
    this.tally.restored += entries.length;
    this.tally.bytes += entries.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
  }

  /** Counts what came, and gives the people time. Error: CANCELLED. */
  async came(entries: readonly { readonly text: string }[]): Promise<void> {
    this.count(entries);
    await this.#options.wait(pauseFor(entries.length, this.limits));
    this.#options.signal.throwIfAborted();
  }

  /** Asks the actor; what it has done already it does not do twice. `operation` names the question within the
   *  recall. */
  ask(message: { readonly type: string }, operation?: string): Promise<Result<unknown>> {
    const id = operation === undefined ? undefined : `${this.request.recall}.${operation}`.slice(0, 64);
    return askAgain(this.#target, this.#options, this.actor, message, { id, tries: this.limits.placeTries });
  }

  /** The answer to a question that leaves nothing behind; an actor that is gone is made anew first, where that was
   *  asked for. Undefined: it is gone, and this is a dry run. Error: NOT_FOUND. */
  async look<Answer>(message: { readonly type: string }): Promise<Answer | undefined> {
    if (this.isGone && this.request.dryRun) return undefined;
    const answer = await this.ask(message);
    if (answer.ok) return answer.value as Answer;
    if (answer.error.code !== "NOT_FOUND" || this.isGone) throw new PlexusError(answer.error);
    await this.#makeAnew(answer.error);
    return this.look(message);
  }

  /** Brings those of its files that are named, each by the command that has the actor refer to it. Where it takes no
   *  more, the others stay away. Errors: those of asking, and of reading the manifest. */
  async bringFiles(named: ReadonlyMap<string, { readonly type: string }>): Promise<void> {
    let isFull = false;
    await this.#files(async (hash, bytes) => {
      const message = named.get(hash);
      if (message === undefined || isFull) return;
      const brought = await this.#target.file(this.actor, hash, bytes, message);
      isFull = !brought.ok && brought.error.code === "LIMIT_REACHED";
      if (isFull) return;
      if (!brought.ok) throw new PlexusError(brought.error);
      this.tally.files += 1;
      this.#options.signal.throwIfAborted();
    });
  }

  async #makeAnew({ code }: Failure): Promise<void> {
    this.isGone = true;
    const reason = "it no longer exists; add --remake to create it again as it was in the backup";
    if (!this.request.remake) throw new PlexusError(failure(code, { actor: this.actor, reason }));
    this.tally.remade += 1;
    if (this.request.dryRun) return;
    const made = await this.#target.remake(this.actor, await this.#rows());
    // It is there: somebody was first.
    if (!made.ok && made.error.code !== "NAME_TAKEN") throw new PlexusError(made.error);
  }
}

/** How long people are given for so many entries. */
export const pauseFor = (entries: number, { placePerSecond }: BackupLimits): number =>
  Math.ceil((entries * 1_000) / placePerSecond);

/** Entries in lots of bounded number and size. */
export function* lotsOf<Entry extends { readonly text: string }>(
  entries: readonly Entry[],
  { placeBatch, placeBatchChars }: BackupLimits,
): Generator<readonly Entry[]> {
  let lot: Entry[] = [];
  let chars = 0;
  for (const entry of entries) {
    if (lot.length >= placeBatch || (lot.length > 0 && chars + entry.text.length > placeBatchChars)) {
      yield lot;
      [lot, chars] = [[], 0];
    }
    lot.push(entry);
    chars += entry.text.length;
  }
  if (lot.length > 0) yield lot;
}

const retryMs = 500;

/** Asks an actor, again where it may not have heard. Error: CANCELLED. */
export async function askAgain(
  target: PlaceTarget,
  options: PlaceOptions,
  to: ActorId,
  message: { readonly type: string },
  { id, tries }: { readonly id?: string | undefined; readonly tries: number },
): Promise<Result<unknown>> {
  for (let tried = 1; ; tried += 1) {
    options.signal.throwIfAborted();
    const answer = await target.ask(to, message, id);
    if (answer.ok || answer.error.outcome === "failed" || tried >= tries) return answer;
    await options.wait(retryMs * tried);
  }
}
