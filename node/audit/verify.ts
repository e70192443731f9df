/** An export of the audit, and its proof offline: which entry is the first that was altered, dropped or put in another
 *  order.
 *
 *      {"audit":1, …}                                        header
 *      {"log":…, "from":…, "start":head|null}                a log: what its entries continue
 *      {"entry":{…},"hash":…}  …                             its entries, in order
 *      {"head":{…}} … {"witness":{…}} …                      what the writer has signed, and what others have
 *      {"end":…,"lines":…,"digest":…,"by":…,"signature":…}   digest of every byte before, signed by the exporting node
 *
 *  What the file proves by itself is that its parts fit together and were signed by the keys that it names. That these
 *  are the nodes' keys, and that the file is not an old one, is compared with what one has from elsewhere: an earlier
 *  export, or the heads of another node. */
import { createHash } from "node:crypto";
import {
  chainStart,
  extended,
  hashOfLine,
  headText,
  isHeadSound,
  recordOf,
  rootOf,
  stateOfHead,
  witnessText,
  type AuditHead,
  type AuditWitness,
  type ChainState,
} from "./chain.ts";
import type { AuditSigner } from "./writer.ts";

/** What is wrong with an entry, or with what says how far a log came. */
export type AuditFault = "altered" | "dropped" | "reordered" | "truncated" | "rolledBack" | "forged" | "notExport";

/** The first thing that is wrong. */
export interface AuditFinding {
  readonly fault: AuditFault;
  /** Line of the file, from 1. */
  readonly line: number;
  readonly log?: string;
  /** Number of the entry in its log. */
  readonly seq?: number;
  readonly reason: string;
}

/** How far a log is proven to have come. */
export interface ProvenLog {
  readonly log: string;
  readonly from: number;
  readonly seq: number;
  readonly hash: string;
  readonly root: string;
  /** Up to where the writer has signed it. */
  readonly signedSeq: number;
  readonly peer: string | undefined;
  readonly witnesses: number;
}

export interface AuditProof {
  readonly entries: number;
  readonly logs: readonly ProvenLog[];
  readonly finding: AuditFinding | undefined;
}

/** What is known from elsewhere: heads of an earlier export, by log. */
export type Anchors = ReadonlyMap<string, { readonly seq: number; readonly root: string }>;

interface OpenLog {
  readonly log: string;
  readonly from: number;
  state: ChainState;
  signedSeq: number;
  peer: string | undefined;
  witnesses: number;
}

const parsed = (line: string): Record<string, unknown> | undefined => {
  try {
    const said = JSON.parse(line) as unknown;
    return typeof said === "object" && said !== null && !Array.isArray(said)
      ? (said as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
};

/** An entry as it was written, and its hash: the line is made of them, so that the bytes that were hashed are at
 *  hand. */
function entryLine(line: string): { readonly entry: string; readonly hash: string } | undefined {
  const parts = /^\{"entry":(\{.*\}),"hash":"([0-9a-f]{64})"\}$/.exec(line);
  return parts === null ? undefined : { entry: parts[1] as string, hash: parts[2] as string };
}

/** A line of an export with an entry. */
export const exportedEntry = (entry: string): string => `{"entry":${entry},"hash":"${hashOfLine(entry)}"}`;

async function* iteratorOf(lines: AsyncIterable<string> | Iterable<string>): AsyncGenerator<string> {
  yield* lines;
}

/** Whether an entry comes later in the file. */
async function comes(source: AsyncGenerator<string>, log: string, seq: number): Promise<boolean> {
  for (let next = await source.next(); next.done !== true; next = await source.next()) {
    const entry = entryLine(next.value)?.entry;
    const record = entry === undefined ? undefined : recordOf(entry);
    if (record?.log === log && record.seq === seq) return true;
  }
  return false;
}

/** What the end of an export signs. */
export const endText = (end: unknown, lines: unknown, digest: unknown, by: unknown): string =>
  `plexus audit export\n${JSON.stringify([end, lines, digest, by])}`;

/** Verifies an export, line by line. `isSigned` knows whether a key has signed. */
export async function verifyExport(
  lines: AsyncIterable<string> | Iterable<string>,
  isSigned: AuditSigner["isSigned"],
  anchors: Anchors = new Map(),
): Promise<AuditProof> {
  const verifier = new Verifier(iteratorOf(lines), isSigned, anchors);
  return verifier.proof(await verifier.run());
}

/** A line of an export, as it is written and as it is read. */
interface Line {
  readonly text: string;
  readonly said: Readonly<Record<string, unknown>>;
}

type Found = AuditFinding | undefined;

/** An export while it is verified: what it has shown up to the line that is read. Each kind of line has a method, which
 *  gives what is wrong with it. */
class Verifier {
  readonly #source: AsyncGenerator<string>;
  readonly #isSigned: AuditSigner["isSigned"];
  readonly #anchors: Anchors;
  readonly #logs: OpenLog[] = [];
  readonly #digest = createHash("sha256");
  /** Of the line that is read, from 1. */
  #number = 0;
  #entries = 0;
  #ended = false;
  /** The log that the lines are about. */
  #open: OpenLog | undefined;

  constructor(source: AsyncGenerator<string>, isSigned: AuditSigner["isSigned"], anchors: Anchors) {
    this.#source = source;
    this.#isSigned = isSigned;
    this.#anchors = anchors;
  }

  /** What is proven, up to what was found. */
  proof(finding: Found): AuditProof {
    const logs = this.#logs.map(({ log, from, state, signedSeq, peer, witnesses }) => ({
      log,
      from,
      seq: state.seq,
      hash: state.hash,
      root: rootOf(state.peaks),
      signedSeq,
      peer,
      witnesses,
    }));
    return { entries: this.#entries, finding, logs };
  }

  /** Reads to the end, or to the first thing that is wrong. */
  async run(): Promise<Found> {
    for (let next = await this.#source.next(); next.done !== true; next = await this.#source.next()) {
      this.#number += 1;
      const found = await this.#line(next.value);
      if (found !== undefined) return found;
      if (!this.#ended) this.#digest.update(next.value).update("\n");
    }
    if (!this.#ended) {
      this.#number += 1;
      const seq = this.#open && { seq: this.#open.state.seq + 1 };
      return this.#found("truncated", "the end of the file is missing", seq);
    }
    for (const [log, { seq }] of this.#anchors) {
      const now = this.#logs.find((one) => one.log === log);
      if (now !== undefined && now.state.seq >= seq) continue;
      this.#open = now;
      const next = (now?.state.seq ?? 0) + 1;
      return this.#found("rolledBack", `an earlier export has ${seq} entries of this log`, { log, seq: next });
    }
    return undefined;
  }

  #found(fault: AuditFault, reason: string, more: Partial<AuditFinding> = {}): AuditFinding {
    return { fault, line: this.#number, reason, ...(this.#open && { log: this.#open.log }), ...more };
  }

  async #signedBy(peer: string, text: string, signature: unknown): Promise<boolean> {
    if (typeof signature !== "string") return false;
    const bytes = Buffer.from(signature, "base64");
    // Base64 has several texts for the same bytes; one of them was written.
    return bytes.toString("base64") === signature && (await this.#isSigned(peer, Buffer.from(text), bytes));
  }

  async #line(text: string): Promise<Found> {
    if (this.#ended) return this.#found("notExport", "there is something after the end");
    const said = parsed(text);
    if (said === undefined)
      return this.#open === undefined
        ? this.#found("notExport", "not a line of an export")
        : this.#found("altered", "not a line of an export", { seq: this.#open.state.seq + 1 });
    if (this.#number === 1)
      return said["audit"] === 1 ? undefined : this.#found("notExport", "this file is not an export of the audit");
    if (said["entry"] !== undefined) return this.#entry(text);
    if (said["head"] !== undefined) return this.#head((said["head"] ?? {}) as AuditHead);
    if (said["witness"] !== undefined) return this.#witness((said["witness"] ?? {}) as AuditWitness);
    if (said["log"] !== undefined) return this.#begin(said);
    if (said["end"] !== undefined) return this.#end({ text, said });
    return this.#found("notExport", "not a line of an export");
  }

  async #entry(line: string): Promise<Found> {
    if (this.#open === undefined) return this.#found("notExport", "an entry without a log");
    const { log, state, from } = this.#open;
    const at = entryLine(line);
    const record = at && recordOf(at.entry);
    if (at === undefined || record === undefined)
      return this.#found("altered", "this is not what an entry looks like", { seq: state.seq + 1 });
    if (record.log !== log || record.seq !== state.seq + 1) {
      const next = { seq: state.seq + 1 };
      // Whether it comes later tells what was done; the rest of the file is not read for it, the entry is missing here
      // in any case.
      return record.log !== log || record.seq <= state.seq || (await comes(this.#source, log, state.seq + 1))
        ? this.#found("reordered", `entry ${record.seq} is in its place`, next)
        : this.#found("dropped", `entry ${record.seq} comes in its place`, next);
    }
    if (hashOfLine(at.entry) !== at.hash)
      return this.#found("altered", "it has another hash than it had", { seq: record.seq });
    if (record.prev !== state.hash) {
      if (state.seq < from)
        return this.#found("altered", "it does not continue what is before this export", { seq: record.seq });
      return this.#unknown(record.seq, at.hash);
    }
    this.#open.state = extended(state, at.entry, record.atMs);
    this.#entries += 1;
    const anchor = this.#anchors.get(log);
    if (anchor?.seq === this.#open.state.seq && anchor.root !== rootOf(this.#open.state.peaks))
      return this.#found("altered", "an earlier export has other entries up to here", { seq: anchor.seq });
    return undefined;
  }

  /** An entry that does not know the hash of the one before: either it was altered or that one. The one after it says
   *  which, as it knows the hash of this one. */
  async #unknown(seq: number, hash: string): Promise<AuditFinding> {
    const after = await this.#source.next();
    const later = after.done === true ? undefined : entryLine(after.value);
    const knows = later === undefined ? undefined : recordOf(later.entry)?.prev;
    return knows !== undefined && knows !== hash
      ? this.#found("altered", "neither the entry before nor the one after knows it", { seq })
      : this.#found("altered", "the entry after it knows another one", { seq: seq - 1, line: this.#number - 1 });
  }

  async #head(head: AuditHead): Promise<Found> {
    const log = this.#logs.find((one) => one.log === head.log);
    if (log === undefined) return this.#found("notExport", "a head of no log");
    this.#open = log;
    if (!isHeadSound(head) || !(await this.#signedBy(head.peer, headText(head), head.signature)))
      return this.#found("forged", "the head is not what the writer has signed", { seq: head.seq });
    if (log.peer !== undefined && log.peer !== head.peer)
      return this.#found("forged", "signed with another key", { seq: head.seq });
    if (head.seq > log.state.seq)
      return this.#found("truncated", `the writer has signed ${head.seq} entries`, { seq: log.state.seq + 1 });
    if (head.seq === log.state.seq && head.root !== rootOf(log.state.peaks))
      return this.#found("altered", "the writer has signed other entries", { seq: head.seq });
    log.peer = head.peer;
    log.signedSeq = Math.max(log.signedSeq, head.seq);
    return undefined;
  }

  async #witness(witness: AuditWitness): Promise<Found> {
    const log = this.#logs.find((one) => one.log === witness.log);
    if (log === undefined) return this.#found("notExport", "a witness of no log");
    this.#open = log;
    if (!(await this.#signedBy(witness.peer, witnessText(witness), witness.signature)))
      return this.#found("forged", "the witness is not what that node has signed", { seq: witness.seq });
    if (witness.seq > log.state.seq)
      return this.#found("rolledBack", `another node has seen ${witness.seq} entries`, { seq: log.state.seq + 1 });
    if (witness.seq === log.state.seq && witness.root !== rootOf(log.state.peaks))
      return this.#found("altered", "another node has seen other entries", { seq: witness.seq });
    log.witnesses += 1;
    return undefined;
  }

  /** How a log begins. */
  async #begin(said: Line["said"]): Promise<Found> {
    const { log, from, start } = said as { log?: unknown; from?: unknown; start?: AuditHead | null };
    if (typeof log !== "string" || typeof from !== "number" || this.#logs.some((one) => one.log === log))
      return this.#found("notExport", "not how a log begins");
    let state = chainStart;
    if (start !== null && start !== undefined) {
      const isWriters = start.log === log && isHeadSound(start);
      if (!isWriters || !(await this.#signedBy(start.peer, headText(start), start.signature)))
        return this.#found("forged", "what the log continues is not what the writer has signed");
      state = stateOfHead(start);
    }
    if (from !== state.seq + 1)
      return this.#found("dropped", `the first entry here is ${from}`, { log, seq: state.seq + 1 });
    this.#open = { log, from, state, signedSeq: state.seq, peer: start?.peer, witnesses: 0 };
    this.#logs.push(this.#open);
    const anchor = this.#anchors.get(log);
    return anchor !== undefined && anchor.seq === state.seq && anchor.root !== rootOf(state.peaks)
      ? this.#found("altered", "it was another log before", { seq: state.seq })
      : undefined;
  }

  async #end({ text, said }: Line): Promise<Found> {
    const { end, lines, digest, by, signature } = said;
    if (lines !== this.#number - 1 || digest !== this.#digest.digest("hex"))
      return this.#found("altered", "the file is not what was exported");
    const isExact = JSON.stringify({ end, lines, digest, by, signature }) === text;
    if (!isExact || typeof by !== "string" || !(await this.#signedBy(by, endText(end, lines, digest, by), signature)))
      return this.#found("forged", "the end is not what the exporting node has signed");
    this.#ended = true;
    return undefined;
  }
}
