/** Which models were tried, and what came of it: known by what is in their files, how they are loaded, and the version of what loads them. It is
 *  kept beyond a restart.
 *
 *      disk    what the disk knows the files by ─► content      so that a file is read through once, and not at every start
 *      found   content                         ─► verdict */
import { Type } from "typebox";
import { checkOf } from "../../protocols/check.ts";
import { parseDocument } from "../../protocols/json-meter.ts";
import type { RuntimeLog } from "../environment.ts";
import { runtimeLimits } from "../limits.ts";

/** A text that outlives the process. Both reject with the system's errors. */
export interface KeptTrials {
  /** Undefined: there is none that can be read. */
  read(): Promise<string | undefined>;
  /** Replaces it at once. */
  write(text: string): Promise<void>;
}

/** What came of a trial: nothing, or why the model cannot be used. */
export type Found = { readonly type: "passed" } | { readonly type: "failed"; readonly reason: string };

const digest = Type.String({ pattern: "^[0-9a-f]{64}$" });
const { trialsKept, trialReasonCharsMax } = runtimeLimits;
const isKept = checkOf(
  Type.Object({
    disk: Type.Array(Type.Tuple([digest, digest]), { maxItems: trialsKept }),
    found: Type.Array(Type.Tuple([digest, Type.String({ maxLength: trialReasonCharsMax })]), { maxItems: trialsKept }),
  }),
);

/** What is remembered of trials. */
export class Tried {
  readonly #kept: KeptTrials | undefined;
  readonly #log: RuntimeLog;
  readonly #disk = new Map<string, string>();
  /** The reason; empty: it passed. */
  readonly #found = new Map<string, string>();
  readonly #opened: Promise<void>;
  #writing = false;
  #changed = false;

  constructor(kept: KeptTrials | undefined, log: RuntimeLog) {
    this.#kept = kept;
    this.#log = log;
    this.#opened = kept === undefined ? Promise.resolve() : this.#read(kept);
  }

  /** What came of the trial of files that the disk knows as `disk`; undefined: nobody knows. */
  async byDisk(disk: string): Promise<Found | undefined> {
    await this.#opened;
    const content = this.#disk.get(disk);
    return content === undefined ? undefined : this.#of(content);
  }

  /** The same of what is in files, which the disk knows as `disk` from now on. */
  byContent(disk: string, content: string): Found | undefined {
    put(this.#disk, disk, content);
    const found = this.#of(content);
    if (found !== undefined) this.#write();
    return found;
  }

  /** Remembers what came of one. */
  add(content: string, found: Found): void {
    put(this.#found, content, found.type === "passed" ? "" : found.reason.slice(0, trialReasonCharsMax));
    this.#write();
  }

  /** What passed its trial, and ended the process later all the same. Files that were never read through are not known again. */
  condemn(disk: string, reason: string): void {
    const content = this.#disk.get(disk);
    if (content !== undefined) this.add(content, { type: "failed", reason });
  }

  /** Its next load is tried anew. */
  forget(disk: string): void {
    const content = this.#disk.get(disk);
    if (content !== undefined && this.#found.delete(content)) this.#write();
  }

  #of(content: string): Found | undefined {
    const reason = this.#found.get(content);
    if (reason === undefined) return undefined;
    // It goes later than those that nobody needs.
    put(this.#found, content, reason);
    return reason === "" ? { type: "passed" } : { type: "failed", reason };
  }

  async #read(kept: KeptTrials): Promise<void> {
    try {
      const value: unknown = parseDocument((await kept.read()) ?? "null");
      if (!isKept.Check(value)) return;
      for (const [disk, content] of value.disk) put(this.#disk, disk, content);
      for (const [content, reason] of value.found) put(this.#found, content, reason);
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
        await kept.write(`${JSON.stringify({ disk: [...this.#disk], found: [...this.#found] })}\n`);
      } catch (error) {
        this.#log.warn("model.trials.unwritten", { reason: String(error) });
      }
    }
    this.#writing = false;
  }
}

/** Puts it at the end; the first goes where there are too many. */
function put(map: Map<string, string>, key: string, value: string): void {
  map.delete(key);
  map.set(key, value);
  const [first] = map.keys();
  if (map.size > trialsKept && first !== undefined) map.delete(first);
}
