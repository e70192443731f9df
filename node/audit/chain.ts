/** How entries are chained and sealed. Pure.
 *
 *      entry 1 ◄─prev─ entry 2 ◄─prev─ entry 3 ◄─prev─ entry 4          prev: hash of the entry before
 *         └───────┬───────┘               └───────┬───────┘
 *               node                            node                     a Merkle tree over the hashes (RFC 6962)
 *                 └───────────────┬───────────────┘
 *                               root  ─►  head: seq, hash, peaks, root, time, signed by the writer
 *
 *  An entry is one line of JSON; its hash is that of its bytes. The peaks are the roots of the full trees from the
 *  left. A node that has them and the entries after them can go on, so the entries before a head may be removed and the
 *  rest can still be verified. */
import { createHash } from "node:crypto";
import { auditTexts, type AuditEvent, type AuditFacts, type AuditRecord } from "../../protocols/index.ts";

/** Where a log is: after its entry `seq`. */
export interface ChainState {
  readonly seq: number;
  /** Of entry `seq`. */
  readonly hash: string;
  readonly peaks: readonly string[];
  readonly atMs: number;
}

/** Before the first entry. */
export const chainStart: ChainState = { seq: 0, hash: "0".repeat(64), peaks: [], atMs: 0 };

const sha256 = (...parts: readonly (Uint8Array | string)[]): string => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
};
const leafMark = Buffer.from([0]);
const nodeMark = Buffer.from([1]);
const hex = (text: string): Buffer => Buffer.from(text, "hex");

/** The hash of an entry's line, as a leaf of the tree. */
export const hashOfLine = (line: string): string => sha256(leafMark, line);
const joined = (left: string, right: string): string => sha256(nodeMark, hex(left), hex(right));

/** The state after one more entry. */
export function extended(state: ChainState, line: string, atMs: number): ChainState {
  const hash = hashOfLine(line);
  const peaks = [...state.peaks];
  // As a binary counter is counted up: each carry joins two trees of the same size.
  let top = hash;
  for (let carry = state.seq; (carry & 1) === 1; carry = Math.floor(carry / 2))
    top = joined(peaks.pop() as string, top);
  peaks.push(top);
  return { seq: state.seq + 1, hash, peaks, atMs };
}

/** The root of the tree over all entries. */
export function rootOf(peaks: readonly string[]): string {
  const [last, ...others] = peaks.toReversed();
  if (last === undefined) return sha256();
  return others.reduce((right, left) => joined(left, right), last);
}

/** The peaks that a log of so many entries has. */
export const peaksOf = (seq: number): number => {
  let count = 0;
  for (let rest = seq; rest > 0; rest = Math.floor(rest / 2)) count += rest & 1;
  return count;
};

const cut = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

/** Plain facts, none too long. */
function boundedFacts(facts: AuditFacts): AuditFacts {
  const bounded: Record<string, string | number | boolean> = {};
  for (const [name, fact] of Object.entries(facts).slice(0, auditTexts.factsMax))
    bounded[cut(name, auditTexts.name)] = typeof fact === "string" ? cut(fact.toWellFormed(), auditTexts.fact) : fact;
  return bounded;
}

/** The line of the next entry. The order of its fields is fixed, so that the same entry is the same bytes. */
export function lineOf(
  event: AuditEvent,
  at: { readonly log: string; readonly node: string; readonly atMs: number; readonly state: ChainState },
): { readonly line: string; readonly record: AuditRecord } {
  const name = (text: string): string => cut(text.toWellFormed(), auditTexts.name);
  const { action, by, session, address, target, outcome, facts } = event;
  const record: AuditRecord = {
    log: at.log,
    seq: at.state.seq + 1,
    atMs: Math.max(at.atMs, at.state.atMs),
    node: name(at.node),
    action,
    by: name(by),
    ...(session !== undefined && { session: name(session) }),
    ...(address !== undefined && { address: name(address) }),
    ...(target !== undefined && { target: name(target) }),
    outcome: name(outcome),
    ...(facts !== undefined && Object.keys(facts).length > 0 && { facts: boundedFacts(facts) }),
    prev: at.state.hash,
  };
  return { line: JSON.stringify(record), record };
}

/** An entry's line as what it says; undefined: it is none. */
export function recordOf(line: string): AuditRecord | undefined {
  try {
    const said = JSON.parse(line) as Partial<AuditRecord>;
    const isEntry =
      typeof said.log === "string" &&
      Number.isSafeInteger(said.seq) &&
      Number.isFinite(said.atMs) &&
      typeof said.action === "string" &&
      typeof said.by === "string" &&
      typeof said.outcome === "string" &&
      typeof said.prev === "string";
    return isEntry ? (said as AuditRecord) : undefined;
  } catch {
    return undefined;
  }
}

/** That a log has come so far, by the word of the node that writes it. */
export interface AuditHead {
  readonly log: string;
  readonly seq: number;
  readonly hash: string;
  readonly peaks: string[];
  readonly root: string;
  readonly atMs: number;
  /** The id that the writer's key is known by. */
  readonly peer: string;
  /** Base64. */
  readonly signature: string;
}

/** That another node has seen a log come so far. */
export interface AuditWitness {
  readonly log: string;
  readonly seq: number;
  readonly root: string;
  /** When, and who. */
  readonly atMs: number;
  readonly by: string;
  readonly peer: string;
  readonly signature: string;
}

/** What the signature of a head is of. */
export const headText = ({ log, seq, hash, peaks, root, atMs, peer }: Omit<AuditHead, "signature">): string =>
  `plexus audit head\n${JSON.stringify([log, seq, hash, peaks, root, atMs, peer])}`;

/** What the signature of a witness is of. */
export const witnessText = ({ log, seq, root, atMs, by, peer }: Omit<AuditWitness, "signature">): string =>
  `plexus audit witness\n${JSON.stringify([log, seq, root, atMs, by, peer])}`;

/** The head of a state, before it is signed. */
export const headOf = (
  state: ChainState,
  of: { readonly log: string; readonly peer: string; readonly atMs: number },
): Omit<AuditHead, "signature"> => ({
  log: of.log,
  seq: state.seq,
  hash: state.hash,
  peaks: [...state.peaks],
  root: rootOf(state.peaks),
  atMs: of.atMs,
  peer: of.peer,
});

/** The state that a head says. */
export const stateOfHead = ({ seq, hash, peaks, atMs }: AuditHead): ChainState => ({ seq, hash, peaks, atMs });

const isHash = (said: unknown): said is string => typeof said === "string" && /^[0-9a-f]{64}$/.test(said);

/** Whether what somebody says is a head could be one: its root is that of its peaks, of which it has as many as a log
 *  of that length. */
export function isHeadSound(said: unknown): said is AuditHead {
  const { log, seq, hash, peaks, root, atMs, peer, signature } = (said ?? {}) as Partial<
    Record<keyof AuditHead, unknown>
  >;
  const isShaped =
    [log, peer, signature].every((text) => typeof text === "string") &&
    Number.isSafeInteger(seq) &&
    Number.isFinite(atMs) &&
    isHash(hash) &&
    Array.isArray(peaks) &&
    peaks.every(isHash);
  return isShaped && peaks.length === peaksOf(seq as number) && rootOf(peaks as string[]) === root;
}
