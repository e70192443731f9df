/** A thread that does what a backup computes: cutting, compressing and encrypting, and all of it backwards. It has keys only while a task
 *  runs. What its tasks and answers are is for `sealer.ts`, which gives them. */
import { randomBytes } from "node:crypto";
import { decode } from "../../protocols/codec.ts";
import { join, parted, type Joined } from "./bytes.ts";
import { cutRows, isOf, timeOf, type CutState } from "./cutting.ts";
import {
  decodeRows,
  encodeRow,
  encodeRows,
  hashOfUnit,
  openUnit,
  sealUnit,
  unitFormat,
  type Row,
  type UnitContext,
  type UnitName,
} from "./format/index.ts";

/** What all units of a task have in common. */
export type Subject = Pick<UnitName, "cluster" | "person" | "thread" | "type">;

/** Rows of one actor and type, as the journal has their values. */
export interface CutTask {
  readonly subject: Subject;
  readonly keys: readonly string[];
  /** Each as the journal's codec wrote it. */
  readonly values: Joined;
  readonly state: CutState;
  readonly unitBytes: number;
  readonly final: boolean;
  /** Hashes of units that there are, by day and part (`unitPlace`): such a one is not sealed anew. */
  readonly known: Readonly<Record<string, string>>;
  readonly epoch: number;
  readonly fragments: number;
}

/** One unit, sealed or as it was. */
export interface CutUnit {
  readonly name: UnitName;
  readonly hash: string;
  readonly bytes: number;
  readonly rows: number;
  readonly first: string;
  readonly last: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** Absent: it is known, and did not change. */
  readonly sealed?: { readonly id: string; readonly key: Uint8Array; readonly fragments: number };
}

export interface CutAnswer {
  readonly units: readonly CutUnit[];
  /** Of all sealed units, in order. */
  readonly fragments: Joined;
  readonly state: CutState;
  /** How many rows are in units; the others are to be given again, with more. */
  readonly taken: number;
}

/** Bytes that are units as they are: a file. */
export interface SealTask {
  readonly names: readonly UnitName[];
  readonly contents: Joined;
  readonly known: Readonly<Record<string, string>>;
  readonly epoch: number;
  readonly fragments: number;
}

/** What a reader wants of a unit's rows. */
export interface RowFilter {
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly person?: string;
}

export interface OpenTask {
  readonly units: readonly {
    readonly context: UnitContext;
    readonly key: Uint8Array;
    readonly hash: string;
    /** How many of the task's fragments are this unit's. */
    readonly fragments: number;
    /** Absent: all of it, as it is. */
    readonly filter?: RowFilter;
  }[];
  readonly fragments: Joined;
}

export interface OpenAnswer {
  readonly contents: Joined;
  readonly rows: readonly number[];
}

/** How a task's units are told apart. */
export const unitPlace = ({ bucket, part }: Pick<UnitName, "bucket" | "part">): string => `${bucket}/${part}`;

interface Made {
  readonly sealed?: NonNullable<CutUnit["sealed"]>;
  readonly fragments: readonly Uint8Array[];
}

function make(
  plaintext: Uint8Array,
  name: UnitName,
  hash: string,
  { known, epoch, fragments }: Pick<CutTask, "known" | "epoch" | "fragments">,
): Made {
  if (known[unitPlace(name)] === hash) return { fragments: [] };
  const id = randomBytes(16).toString("hex");
  const unit = sealUnit(plaintext, { ...name, id, epoch }, { fragments, random: randomBytes(unitFormat.randomBytes) });
  return { sealed: { id, key: unit.key, fragments }, fragments: unit.fragments };
}

/** Cuts rows into units and seals those that changed. */
export function cut(task: CutTask): CutAnswer {
  const payloads = parted(task.values);
  const values = payloads.map((payload) => decode(payload));
  const times = values.map(timeOf);
  const measured = payloads.map(({ length }, at) => ({ bytes: length, atMs: times[at] }));
  const { pieces, state } = cutRows(measured, task.state, { bytes: task.unitBytes, final: task.final });
  const made: Uint8Array[] = [];
  const units = pieces.map(({ bucket, part, from, to }): CutUnit => {
    const rows = task.keys.slice(from, to).map((key, at): Row => [key, values[from + at]]);
    const name = { ...task.subject, bucket, part };
    const plaintext = encodeRows(rows);
    const hash = hashOfUnit(plaintext);
    const { sealed, fragments } = make(plaintext, name, hash, task);
    made.push(...fragments);
    const known = times.slice(from, to).filter((atMs) => atMs !== undefined);
    return {
      name,
      hash,
      bytes: plaintext.length,
      rows: rows.length,
      first: task.keys[from] as string,
      last: task.keys[to - 1] as string,
      fromMs: known.reduce((least, atMs) => Math.min(least, atMs), known[0] ?? 0),
      toMs: known.reduce((most, atMs) => Math.max(most, atMs), 0),
      ...(sealed && { sealed }),
    };
  });
  return { units, fragments: join(made), state, taken: pieces.at(-1)?.to ?? 0 };
}

/** Seals bytes as they are, each as one unit. */
export function seal(task: SealTask): CutAnswer {
  const made: Uint8Array[] = [];
  const units = parted(task.contents).map((content, at): CutUnit => {
    const name = task.names[at] as UnitName;
    const hash = hashOfUnit(content);
    const { sealed, fragments } = make(content, name, hash, task);
    made.push(...fragments);
    const none = { rows: 0, first: "", last: "", fromMs: 0, toMs: 0 };
    return { name, hash, bytes: content.length, ...none, ...(sealed && { sealed }) };
  });
  return { units, fragments: join(made), state: { bucket: "", parts: {} }, taken: units.length };
}

/** Opens units. Error: BACKUP_DAMAGED. */
export function open(task: OpenTask): OpenAnswer {
  const all = parted(task.fragments);
  let next = 0;
  const opened = task.units.map(({ context, key, hash, fragments, filter }) => {
    const own = all.slice(next, (next += fragments));
    const plaintext = openUnit(own, context, { key, hash });
    return filter === undefined ? { plaintext, rows: 0 } : filtered(plaintext, filter);
  });
  return { contents: join(opened.map(({ plaintext }) => plaintext)), rows: opened.map(({ rows }) => rows) };
}

function filtered(plaintext: Uint8Array, { fromMs, toMs, person }: RowFilter): { plaintext: Uint8Array; rows: number } {
  const rows = decodeRows(plaintext).filter(([, value]) => {
    const atMs = timeOf(value);
    if (fromMs !== undefined && (atMs === undefined || atMs < fromMs)) return false;
    if (toMs !== undefined && (atMs === undefined || atMs >= toMs)) return false;
    return person === undefined || isOf(value, person);
  });
  return { plaintext: Buffer.from(rows.map(encodeRow).join("")), rows: rows.length };
}
