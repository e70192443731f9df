/** What a person has begun to write, the same on all their devices (decision 0249).
 *
 *      typed ─► this browser (`Kept`) ──a pause──► the account ──draftSet──► their other devices
 *                    ▲                                 │
 *                    └── both were changed: both stay ◄┘ CHANGED_MEANWHILE
 *
 *  For each place this browser keeps what it knows the account to have: a text that is still that was not typed on
 *  here, and follows the account. Any other is the person's own, and is never written over. */
import type { DraftList, Failure, Result, UnsentText } from "../../../protocols/index.ts";
import { wireLimits } from "../../../protocols/limits.ts";
import { cleaned } from "../../../protocols/text/text.ts";
import type { Kept } from "../model/index.ts";

/** What the account has, as this browser knows it. */
interface Known {
  readonly text: string;
  readonly revision: number;
}

const nothing: Known = { text: "", revision: 0 };

/** Where the texts are kept, and asked for. */
export interface DraftPorts {
  readonly kept: Kept;
  set(draft: UnsentText): Promise<Result<UnsentText>>;
  list(): Promise<Result<DraftList>>;
  /** Both were changed: the field has both. */
  joined(): void;
  /** Calls back after a while, unless what this gives is called. */
  after(ms: number, run: () => void): () => void;
}

/** A text is sent when nothing was typed for so long. */
const pauseMs = 3_000;
/** What was sent is gone elsewhere as fast. */
const sentPauseMs = 300;

const keptPlace = /^(room\/[^/]+|agent\/[^/]+)\/text$|^(room\/[^/]+\/thread\/\d+)$/;

/** The name of a place at the node; undefined: what is kept there stays here. */
export function draftPlace(place: string): string | undefined {
  const [, whole, thread] = keptPlace.exec(place) ?? [];
  return whole ?? thread;
}

const fieldOf = (place: string): string => (place.includes("/thread/") ? place : `${place}/text`);
const knownPlace = (place: string): string => `drafts/${place}`;

/** Keeps the drafts of this browser and those of the account together. */
export class DraftSync {
  readonly #ports: DraftPorts;
  readonly #stopWatching: () => void;
  readonly #timers = new Map<string, () => void>();
  /** One after the other: an answer never meets what was asked after it. */
  #last: Promise<void> = Promise.resolve();
  #isClosed = false;
  /** A node of the version before does not know of drafts. */
  #isRefused = false;
  #isPulling = false;

  constructor(ports: DraftPorts) {
    this.#ports = ports;
    this.#stopWatching = ports.kept.watch((place) => {
      const named = draftPlace(place);
      if (named !== undefined) this.#later(named);
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#stopWatching();
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
  }

  /** The connection is new: the account may have other drafts, and this browser, too. */
  connected(): void {
    this.#isRefused = false;
    this.pull();
  }

  /** The account has another draft at a place; its own change is no news to this browser. */
  told({ place, revision }: { readonly place: string; readonly revision: number }): void {
    if (this.#known(place).revision !== revision) this.pull();
  }

  /** What waits is sent now: the page may be going. */
  flush(): void {
    for (const [place, cancel] of this.#timers) {
      cancel();
      this.#timers.delete(place);
      this.#inTurn(() => this.#push(place));
    }
  }

  /** Asks for all drafts; calls before that is begun share it. */
  pull(): void {
    if (this.#isPulling) return;
    this.#isPulling = true;
    this.#inTurn(async () => {
      this.#isPulling = false;
      const { kept } = this.#ports;
      const before = new Map(kept.places("drafts/").map((place) => [place.slice(7), this.#known(place.slice(7))]));
      const answer = await this.#ports.list();
      if (this.#isClosed) return;
      if (!answer.ok) return this.#refuse(answer.error);
      const { drafts } = answer.value;
      for (const draft of drafts) if (draft.revision > this.#known(draft.place).revision) this.#meet(draft);
      for (const [place, { revision }] of before) {
        // Another tab may have learned more meanwhile.
        const isGone = !drafts.some((draft) => draft.place === place) && this.#known(place).revision === revision;
        if (isGone) this.#meet({ place, ...nothing });
      }
      for (const field of [...kept.places("room/"), ...kept.places("agent/")]) {
        const place = draftPlace(field);
        if (place !== undefined) this.#later(place);
      }
    });
  }

  #text(place: string): string {
    const text = this.#ports.kept.read(fieldOf(place));
    return typeof text === "string" ? text : "";
  }

  #known(place: string): Known {
    const known = this.#ports.kept.read(knownPlace(place)) as Partial<Known> | undefined;
    const isOne = typeof known?.text === "string" && typeof known.revision === "number";
    return isOne ? (known as Known) : nothing;
  }

  #know(place: string, { text, revision }: Known): void {
    this.#ports.kept.write(knownPlace(place), revision === 0 ? undefined : { text, revision });
  }

  /** The text at a place is sent when its person pauses. */
  #later(place: string): void {
    this.#timers.get(place)?.();
    this.#timers.delete(place);
    if (this.#isClosed || this.#isRefused || this.#text(place) === this.#known(place).text) return;
    const cancel = this.#ports.after(this.#text(place) === "" ? sentPauseMs : pauseMs, () => {
      this.#timers.delete(place);
      this.#inTurn(() => this.#push(place));
    });
    this.#timers.set(place, cancel);
  }

  async #push(place: string): Promise<void> {
    const text = this.#text(place);
    const known = this.#known(place);
    if (this.#isRefused || text === known.text) return;
    const sent = cleaned(text, "lines");
    // It cannot be posted either: the field says so.
    if (sent.length > wireLimits.messageCharsMax) return;
    const answer = await this.#ports.set({ place, text: sent, revision: known.revision });
    if (this.#isClosed) return;
    if (answer.ok) return this.#know(place, { text, revision: answer.value.revision });
    const { code, details } = answer.error;
    if (code === "CHANGED_MEANWHILE") this.#meet({ place, ...(details?.["now"] as Known) });
    else this.#refuse(answer.error);
  }

  /** What the account has is another than this browser knew. */
  #meet({ place, text: theirs, revision }: UnsentText): void {
    const { kept } = this.#ports;
    const own = this.#text(place);
    const isUntouched = own === this.#known(place).text || own === "";
    this.#know(place, { text: theirs, revision });
    if (own === theirs) return;
    if (isUntouched) return kept.write(fieldOf(place), theirs === "" ? undefined : theirs);
    // It was sent or emptied elsewhere, and gone on with here; or one text has the other in it.
    if (own.includes(theirs)) return this.#later(place);
    kept.write(fieldOf(place), theirs.includes(own) ? theirs : `${theirs}\n\n${own}`);
    this.#ports.joined();
  }

  #refuse({ code }: Failure): void {
    if (code === "BAD_REQUEST") this.#isRefused = true;
  }

  #inTurn(work: () => Promise<void>): void {
    this.#last = this.#last.then(() => (this.#isClosed ? undefined : work())).catch(() => undefined);
  }
}
