/** What a person has begun to write, the same on all their devices (decision 0249).
 *
 *      typed ─► this browser (`Kept`) ──a pause──► the account ──draftSet──► their other devices
 *                    ▲                                 │
 *                    └── both were changed: both stay ◄┘ CHANGED_MEANWHILE
 *
 *  For each place this browser keeps what it knows the account to have: a text that is still that was not typed on
 *  here, and follows the account. Any other is the person's own, and is never written over. */
import type { DraftList, Failure, Result, UnsentText, UserEvent } from "../../../protocols/index.ts";
import { wireLimits } from "../../../protocols/limits.ts";
import { cleaned } from "../../../protocols/text/text.ts";
import type { Kept } from "../model/index.ts";

/** What the account has, as this browser knows it. */
interface Known {
  readonly text: string;
  readonly revision: number;
  /** What its tabs sent last and have no answer to: it is the person's own, whatever they type meanwhile. */
  readonly sent?: readonly string[];
}

const nothing: Known = { text: "", revision: 0 };

/** Where the texts are kept, and asked for. */
interface DraftPorts {
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

/** What could not be sent is tried again. */
const retryMs = 30_000;
/** Texts on their way that are known for one's own. */
const sentMax = 2;
const retried: ReadonlySet<string> = new Set(["UNREACHABLE", "ASK_TIMEOUT", "OVERLOADED", "RATE_LIMITED"]);

const keptPlace = /^(room\/[^/]+|agent\/[^/]+)\/text$|^(room\/[^/]+\/thread\/\d+)$/;

/** The name of a place at the node; undefined: what is kept there stays here. */
function draftPlace(place: string): string | undefined {
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

  /** The account has another draft at a place, of which its own change is no news to this browser; or some went with
   *  a room or an agent. */
  told(event: UserEvent): void {
    if (event.type === "draftSet" && this.#known(event.place).revision !== event.revision) this.pull();
    if (event.type === "roomLeft" || event.type === "agentCreated" || event.type === "agentDeleted") this.pull();
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
      this.#compare(answer.value, before);
      // One that was emptied here has no field any more, and is still to be taken off the account.
      const fields = [...kept.places("room/"), ...kept.places("agent/")].map(draftPlace);
      const known = kept.places("drafts/").map((place) => place.slice(7));
      for (const place of new Set([...fields, ...known])) if (place !== undefined) this.#later(place);
    });
  }

  /** Takes over what is new or gone. `before`: what was known when it was asked. */
  #compare({ drafts, revision: head = Infinity }: DraftList, before: ReadonlyMap<string, Known>): void {
    for (const draft of drafts) if (draft.revision > this.#known(draft.place).revision) this.#meet(draft);
    for (const [place, { revision }] of before) {
      // Another tab may have learned more meanwhile.
      if (this.#known(place).revision !== revision) continue;
      const now = drafts.find((draft) => draft.place === place);
      // The account is older than this browser, from a backup: the text here stays, and is sent.
      if (revision > head) this.#know(place, now ?? nothing);
      else if (now === undefined) this.#meet({ place, ...nothing });
    }
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

  /** A text is on its way: it comes back as one's own, also when its answer is lost or another tab has it. */
  #noteSent(place: string, text: string): void {
    const { sent = [], ...known } = this.#known(place);
    const next = [...sent.filter((one) => one !== text), text].slice(-sentMax);
    this.#ports.kept.write(knownPlace(place), { ...known, sent: next });
  }

  /** The text at a place is sent when its person pauses. */
  #later(place: string): void {
    this.#timers.get(place)?.();
    this.#timers.delete(place);
    if (this.#isClosed || this.#isRefused || this.#text(place) === this.#known(place).text) return;
    this.#pushAfter(place, this.#text(place) === "" ? sentPauseMs : pauseMs);
  }

  #pushAfter(place: string, ms: number): void {
    this.#timers.get(place)?.();
    const cancel = this.#ports.after(ms, () => {
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
    if (sent !== "") this.#noteSent(place, sent);
    const answer = await this.#ports.set({ place, text: sent, revision: known.revision });
    if (this.#isClosed) return;
    if (answer.ok) return this.#know(place, { text, revision: answer.value.revision });
    const { code, details } = answer.error;
    if (code === "CHANGED_MEANWHILE") this.#meet({ place, ...(details?.["now"] as Known) });
    else if (!retried.has(code)) this.#refuse(answer.error);
    // Typed on meanwhile: what waits sends that.
    else if (!this.#timers.has(place)) this.#pushAfter(place, retryMs);
  }

  /** What the account has is another than this browser knew. */
  #meet({ place, text: theirs, revision }: UnsentText): void {
    const { kept } = this.#ports;
    const own = this.#text(place);
    const known = this.#known(place);
    const isUntouched = own === known.text || own === "";
    const isOwn = theirs !== "" && (known.sent?.includes(theirs) === true || theirs === known.text);
    this.#know(place, { text: theirs, revision });
    if (own === theirs) return;
    if (isOwn) return this.#later(place);
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
