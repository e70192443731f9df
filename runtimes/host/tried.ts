/** Which models were tried, and what came of it, and how many processes the calls of each have ended since: known by
 *  what is in their files and the version of what loads them, and what came of a trial also by how they were loaded. It
 *  is kept beyond a restart.
 *
 *      disk      what the disk knows the files by ─► content      so a file is read through once, not at every start
 *      found     content, how it is loaded        ─► verdict
 *      strikes   content                          ─► processes that its calls ended */
import { Type } from "typebox";
import { checkOf } from "../../protocols/wire/check.ts";
import { parseDocument } from "../../protocols/wire/json-meter.ts";
import type { ModelSpec } from "../adapter.ts";
import type { RuntimeLog } from "../environment.ts";
import { runtimeLimits } from "../limits.ts";
import { contentOf, strikeKey, subjectOf, trialKey, type Subject } from "./subject.ts";
import { endedBy, type Ended } from "./suspects.ts";

/** A text that outlives the process. Both reject with the system's errors. */
export interface KeptTrials {
  /** Undefined: there is none that can be read. */
  read(): Promise<string | undefined>;
  /** Replaces it at once. */
  write(text: string): Promise<void>;
}

/** What came of a trial: nothing, or why the model cannot be used. */
type Verdict = { readonly type: "passed" } | { readonly type: "failed"; readonly reason: string };

/** What is known of files: what came of their trial, or that their calls have ended as many processes as a model may
 *  end. */
export type Found = Verdict | { readonly type: "struck"; readonly ended: Ended };

const digest = Type.String({ pattern: "^[0-9a-f]{64}$" });
const { trialsKept, trialReasonCharsMax, hostsEndedMax } = runtimeLimits;
const count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const ended = Type.Object({
  alone: count,
  among: count,
  proven: Type.Boolean(),
  how: Type.String({ maxLength: trialReasonCharsMax }),
});
const isKept = checkOf(
  Type.Object({
    disk: Type.Array(Type.Tuple([digest, digest]), { maxItems: trialsKept }),
    found: Type.Array(Type.Tuple([digest, Type.String({ maxLength: trialReasonCharsMax })]), { maxItems: trialsKept }),
    strikes: Type.Array(Type.Tuple([digest, ended]), { maxItems: trialsKept }),
  }),
);

/** What is remembered of trials. */
export class Tried {
  readonly #kept: KeptTrials | undefined;
  readonly #log: RuntimeLog;
  readonly #disk = new Map<string, string>();
  /** The reason; empty: it passed. */
  readonly #found = new Map<string, string>();
  readonly #strikes = new Map<string, Ended>();
  readonly #opened: Promise<void>;
  #writing = false;
  #changed = false;

  constructor(kept: KeptTrials | undefined, log: RuntimeLog) {
    this.#kept = kept;
    this.#log = log;
    this.#opened = kept === undefined ? Promise.resolve() : this.#read(kept);
  }

  /** What is known of files that were read through before; undefined: nothing. */
  async known(subject: Subject): Promise<Found | undefined> {
    await this.#opened;
    const content = this.#disk.get(subject.disk);
    return content === undefined ? undefined : this.#of(subject, content);
  }

  /** What is in the files, and so what is known of them. */
  identified(subject: Subject, content: string): Found | undefined {
    put(this.#disk, subject.disk, content);
    const found = this.#of(subject, content);
    if (found !== undefined) this.#write();
    return found;
  }

  /** Remembers what came of a trial of files with this content. */
  add(subject: Subject, content: string, verdict: Verdict): void {
    put(
      this.#found,
      trialKey(subject, content),
      verdict.type === "passed" ? "" : verdict.reason.slice(0, trialReasonCharsMax),
    );
    this.#write();
  }

  /** What strikes against these files are counted by; undefined: nobody has read them through. */
  strikeKey(subject: Subject): string | undefined {
    const content = this.#disk.get(subject.disk);
    return content === undefined ? undefined : strikeKey(subject, content);
  }

  /** The processes that calls of a model ended, for code that is not about to load it: its files are read through only
   *  where any model ended one. */
  async strikesOf(spec: ModelSpec): Promise<Ended | undefined> {
    await this.#opened;
    if (this.#strikes.size === 0) return undefined;
    const subject = subjectOf(spec);
    return this.#strikes.get(strikeKey(subject, this.#disk.get(subject.disk) ?? (await contentOf(subject.files))));
  }

  /** The processes that calls of such files ended. */
  strikes(key: string): Ended | undefined {
    return this.#strikes.get(key);
  }

  strike(key: string, { how, ...counts }: Ended): void {
    put(this.#strikes, key, { ...counts, how: how.slice(0, trialReasonCharsMax) });
    this.#write();
  }

  /** Its next load is tried anew, and what was taken out for its strikes begins without any. */
  forget(subject: Subject): void {
    const content = this.#disk.get(subject.disk);
    if (content === undefined) return;
    const wasTried = this.#found.delete(trialKey(subject, content));
    const key = strikeKey(subject, content);
    const wasOut = isOut(this.#strikes.get(key)) && this.#strikes.delete(key);
    if (wasTried || wasOut) this.#write();
  }

  #of(subject: Subject, content: string): Found | undefined {
    const strikes = this.#strikes.get(strikeKey(subject, content));
    if (isOut(strikes)) return { type: "struck", ended: strikes };
    const key = trialKey(subject, content);
    const reason = this.#found.get(key);
    if (reason === undefined) return undefined;
    // It goes later than those that nobody needs.
    put(this.#found, key, reason);
    return reason === "" ? { type: "passed" } : { type: "failed", reason };
  }

  async #read(kept: KeptTrials): Promise<void> {
    try {
      const value: unknown = parseDocument((await kept.read()) ?? "null");
      if (!isKept.Check(value)) return;
      for (const [disk, content] of value.disk) put(this.#disk, disk, content);
      for (const [key, reason] of value.found) put(this.#found, key, reason);
      for (const [key, one] of value.strikes) put(this.#strikes, key, one);
    } catch {
      // There is none, or it is none: models are tried anew.
    }
  }

  /** One write at a time; what changes meanwhile is in the next. */
  #write(): void {
    this.#changed = true;
    if (this.#kept === undefined || this.#writing) return;
    this.#writing = true;
    void this.#writeAll(this.#kept);
  }

  async #writeAll(kept: KeptTrials): Promise<void> {
    while (this.#changed) {
      this.#changed = false;
      try {
        const all = { disk: [...this.#disk], found: [...this.#found], strikes: [...this.#strikes] };
        await kept.write(`${JSON.stringify(all)}\n`);
      } catch (error) {
        this.#log.warn("model.trials.unwritten", { reason: String(error) });
      }
    }
    this.#writing = false;
  }
}

/** Whether a model that ended this is out. */
export const isOut = (one: Ended | undefined): one is Ended => one !== undefined && endedBy(one) >= hostsEndedMax;

/** Puts it at the end; the first goes where there are too many. */
function put<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key);
  map.set(key, value);
  const [first] = map.keys();
  if (map.size > trialsKept && first !== undefined) map.delete(first);
}
