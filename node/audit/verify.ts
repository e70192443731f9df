/** An export of the audit, and its proof offline: which entry is the first that was altered, dropped or put in another
 *  order.
 *
 *      {"audit":1, …}                                       header
 *      {"log":…, "from":…, "start":head|null}                 a log: what its entries continue
 *      {"entry":{…},"hash":…}  …                            its entries, in order
 *      {"head":{…}} … {"witness":{…}} …                     what the writer has signed, and what others have
 *      {"end":…,"lines":…,"digest":…,"by":…,"signature":…}    digest of every byte before, signed by the node that exported
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
  const logs: OpenLog[] = [];
  const digest = createHash("sha256");
  let [number, entries] = [0, 0];
  let ended = false;
  let open: OpenLog | undefined;
  const proof = (finding: AuditFinding | undefined): AuditProof => ({
    entries,
    finding,
    logs: logs.map(({ log, from, state, signedSeq, peer, witnesses }) => ({
      log,
      from,
      seq: state.seq,
      hash: state.hash,
      root: rootOf(state.peaks),
      signedSeq,
      peer,
      witnesses,
    })),
  });
  const found = (fault: AuditFault, reason: string, more: Partial<AuditFinding> = {}): AuditProof =>
    proof({ fault, line: number, reason, ...(open && { log: open.log }), ...more });
  const signedBy = async (peer: string, text: string, signature: unknown): Promise<boolean> => {
    if (typeof signature !== "string") return false;
    const bytes = Buffer.from(signature, "base64");
    // Base64 has several texts for the same bytes; one of them was written.
    return bytes.toString("base64") === signature && (await isSigned(peer, Buffer.from(text), bytes));
  };

  const source = iteratorOf(lines);
  for (let next = await source.next(); next.done !== true; next = await source.next()) {
    const line = next.value;
    number += 1;
    if (ended) return found("notExport", "there is something after the end");
    const said = parsed(line);
    if (said === undefined)
      return open === undefined
        ? found("notExport", "not a line of an export")
        : found("altered", "not a line of an export", { seq: open.state.seq + 1 });
    if (number === 1) {
      if (said["audit"] !== 1) return found("notExport", "this file is not an export of the audit");
    } else if (said["entry"] !== undefined) {
      if (open === undefined) return found("notExport", "an entry without a log");
      const at = entryLine(line);
      const record = at && recordOf(at.entry);
      if (at === undefined || record === undefined)
        return found("altered", "this is not what an entry looks like", { seq: open.state.seq + 1 });
      const { log, state } = open;
      if (record.log !== log || record.seq !== state.seq + 1) {
        const known = record.log === log && record.seq <= state.seq;
        const next = { seq: state.seq + 1 };
        if (known || record.log !== log) return found("reordered", `entry ${record.seq} is in its place`, next);
        // Whether it comes later tells what was done; the rest of the file is not read for it, the entry is missing
        // here in any case.
        return (await comes(source, log, state.seq + 1))
          ? found("reordered", `entry ${record.seq} is in its place`, next)
          : found("dropped", `entry ${record.seq} comes in its place`, next);
      }
      if (hashOfLine(at.entry) !== at.hash)
        return found("altered", "it has another hash than it had", { seq: record.seq });
      if (record.prev !== state.hash) {
        if (state.seq < open.from)
          return found("altered", "it does not continue what is before this export", { seq: record.seq });
        // Either this one was altered or the one before. The one after this says which: it knows the hash of this one.
        const after = await source.next();
        const later = after.done === true ? undefined : entryLine(after.value);
        const knows = later === undefined ? undefined : recordOf(later.entry)?.prev;
        if (knows !== undefined && knows !== at.hash)
          return found("altered", "neither the entry before nor the one after knows it", { seq: record.seq });
        return found("altered", "the entry after it knows another one", { seq: state.seq, line: number - 1 });
      }
      open.state = extended(state, at.entry, record.atMs);
      entries += 1;
    } else if (said["head"] !== undefined) {
      const head = (said["head"] ?? {}) as AuditHead;
      const log = logs.find((one) => one.log === head.log);
      if (log === undefined) return found("notExport", "a head of no log");
      open = log;
      if (!isHeadSound(head) || !(await signedBy(head.peer, headText(head), head.signature)))
        return found("forged", "the head is not what the writer has signed", { seq: head.seq });
      if (log.peer !== undefined && log.peer !== head.peer)
        return found("forged", "signed with another key", { seq: head.seq });
      if (head.seq > log.state.seq)
        return found("truncated", `the writer has signed ${head.seq} entries`, { seq: log.state.seq + 1 });
      if (head.seq === log.state.seq && head.root !== rootOf(log.state.peaks))
        return found("altered", "the writer has signed other entries", { seq: head.seq });
      log.peer = head.peer;
      log.signedSeq = Math.max(log.signedSeq, head.seq);
    } else if (said["witness"] !== undefined) {
      const witness = (said["witness"] ?? {}) as AuditWitness;
      const log = logs.find((one) => one.log === witness.log);
      if (log === undefined) return found("notExport", "a witness of no log");
      open = log;
      if (!(await signedBy(witness.peer, witnessText(witness), witness.signature)))
        return found("forged", "the witness is not what that node has signed", { seq: witness.seq });
      if (witness.seq > log.state.seq)
        return found("rolledBack", `another node has seen ${witness.seq} entries`, { seq: log.state.seq + 1 });
      if (witness.seq === log.state.seq && witness.root !== rootOf(log.state.peaks))
        return found("altered", "another node has seen other entries", { seq: witness.seq });
      log.witnesses += 1;
    } else if (said["log"] !== undefined) {
      const { log, from, start } = said as { log?: unknown; from?: unknown; start?: AuditHead | null };
      if (typeof log !== "string" || typeof from !== "number" || logs.some((one) => one.log === log))
        return found("notExport", "not how a log begins");
      let state = chainStart;
      if (start !== null && start !== undefined) {
        if (start.log !== log || !isHeadSound(start) || !(await signedBy(start.peer, headText(start), start.signature)))
          return found("forged", "what the log continues is not what the writer has signed");
        state = stateOfHead(start);
      }
      if (from !== state.seq + 1)
        return found("dropped", `the first entry here is ${from}`, { log, seq: state.seq + 1 });
      open = {
        log,
        from,
        state,
        signedSeq: state.seq,
        peer: start?.peer,
        witnesses: 0,
      };
      logs.push(open);
      const anchor = anchors.get(log);
      if (anchor !== undefined && anchor.seq === state.seq && anchor.root !== rootOf(state.peaks))
        return found("altered", "it was another log before", { seq: state.seq });
    } else if (said["end"] !== undefined) {
      const { end, lines: count, digest: stated, by, signature } = said;
      const text = endText(end, count, stated, by);
      const exact = JSON.stringify({ end, lines: count, digest: stated, by, signature });
      if (count !== number - 1 || stated !== digest.digest("hex"))
        return found("altered", "the file is not what was exported");
      if (exact !== line || typeof by !== "string" || !(await signedBy(by, text, signature)))
        return found("forged", "the end is not what the exporting node has signed");
      ended = true;
    } else return found("notExport", "not a line of an export");
    // What an earlier export knows of this log.
    if (open !== undefined && said["entry"] !== undefined) {
      const anchor = anchors.get(open.log);
      if (anchor?.seq === open.state.seq && anchor.root !== rootOf(open.state.peaks))
        return found("altered", "an earlier export has other entries up to here", { seq: open.state.seq });
    }
    if (!ended) digest.update(line).update("\n");
  }
  if (!ended) {
    number += 1;
    return found("truncated", "the end of the file is missing", open ? { seq: open.state.seq + 1 } : {});
  }
  for (const [log, { seq }] of anchors) {
    const now = logs.find((one) => one.log === log);
    if (now === undefined || now.state.seq < seq) {
      open = now;
      const next = (now?.state.seq ?? 0) + 1;
      return found("rolledBack", `an earlier export has ${seq} entries of this log`, { log, seq: next });
    }
  }
  return proof(undefined);
}
