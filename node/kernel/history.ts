/** One actor on disk: its last snapshot and the entries after it. */
import { assert, type ActorId, type Failure, type TraceContext } from "../../protocols/index.ts";
import type { EntryDraft, Recovered } from "../storage/index.ts";
import type { ActivationHost } from "./host.ts";
import type { KernelLimits } from "./limits.ts";

type SnapshotLimits = Pick<KernelLimits, "snapshotEntriesMin" | "snapshotEntriesMax">;

export class History {
  readonly #actor: ActorId;
  readonly #host: ActivationHost;
  readonly #limits: SnapshotLimits;
  #lastSeq = 0;
  #tailEntries = 0;
  #tailBytes = 0;
  #snapshotBytes = 0;

  constructor(actor: ActorId, host: ActivationHost, limits: SnapshotLimits) {
    this.#actor = actor;
    this.#host = host;
    this.#limits = limits;
  }

  /** Nothing was ever written. */
  get empty(): boolean {
    return this.#lastSeq === 0;
  }

  /** Entries since the last snapshot, which have to be folded when the actor is loaded. */
  get tailEntries(): number {
    return this.#tailEntries;
  }

  /** Roughly the actor's bytes on disk: its last snapshot and the entries since. */
  get storedBytes(): number {
    return this.#snapshotBytes + this.#tailBytes;
  }

  /** The tail has grown long, for its snapshot's size or at all. */
  get snapshotDue(): boolean {
    const { snapshotEntriesMin, snapshotEntriesMax } = this.#limits;
    const grown = this.#tailEntries >= snapshotEntriesMin && this.#tailBytes >= 2 * this.#snapshotBytes;
    return grown || this.#tailEntries >= snapshotEntriesMax;
  }

  /** Takes over the history that was read from the disk. */
  recovered({ snapshot, entries, tailBytes }: Recovered): void {
    this.#lastSeq = entries.at(-1)?.seq ?? snapshot?.seq ?? 0;
    assert((entries[0]?.seq ?? Infinity) > (snapshot?.seq ?? 0), "the entries come after the snapshot");
    this.#tailEntries = entries.length;
    this.#tailBytes = tailBytes;
  }

  /** Appends one entry. Error, with nothing appended: TOO_LARGE. */
  write(draft: EntryDraft, done: (error: Failure | undefined) => void, trace?: TraceContext): void {
    const { seq, bytes } = this.#host.append(draft, done, trace);
    assert(seq > this.#lastSeq, "an actor's entries have rising seqs");
    this.#lastSeq = seq;
    this.#tailEntries += 1;
    this.#tailBytes += bytes;
  }

  /** Stores the state as of the last append; does nothing when the last snapshot is of it. */
  snapshot(body: () => unknown): void {
    if (this.#tailEntries === 0) return;
    this.#snapshotBytes = this.#host.snapshot(this.#actor, this.#lastSeq, body());
    this.#tailEntries = 0;
    this.#tailBytes = 0;
  }
}
