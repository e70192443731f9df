/** Where one unit ends and the next begins: a pure rule, so that a run that reads the same rows again comes to the same units.
 *
 *  Rows of one actor and type come in the order of their keys. A unit has rows of one day, and so many bytes; a larger row is alone in one.
 *  A row that names no time is of the day of the row before it. The rule looks at nothing behind a row: so rows that are added at the end
 *  change the last unit, and add others, and leave all before as they were. */

/** What decides of rows. */
export interface Measured {
  readonly count: number;
  readonly bytes: ArrayLike<number>;
  /** NaN: it names no time. */
  readonly atMs: ArrayLike<number>;
}

/** The rows of one unit: those from `from` up to `to`. */
export interface CutPiece {
  readonly bucket: string;
  readonly part: number;
  readonly from: number;
  readonly to: number;
}

/** What was cut before. */
export interface CutState {
  /** The day of the row before the first one; empty: none. */
  readonly bucket: string;
  /** The number of the next part, of each day that there was. */
  readonly parts: Readonly<Record<string, number>>;
}

/** Nothing was cut before. */
export const cutFromStart: CutState = { bucket: "", parts: {} };

/** Cuts rows into units. Without `final`, more rows follow these, so the last unit stays open: its rows are not in any piece. */
export function cutRows(
  rows: Measured,
  state: CutState,
  { bytes: bytesMax, final }: { readonly bytes: number; readonly final: boolean },
): { readonly pieces: readonly CutPiece[]; readonly state: CutState } {
  const parts: Record<string, number> = { ...state.parts };
  const bucketAt = bucketsOf(rows, state.bucket);
  const pieces: CutPiece[] = [];
  let [from, bytes, bucket] = [0, 0, state.bucket];
  const close = (to: number): void => {
    const part = parts[bucket] ?? 0;
    parts[bucket] = part + 1;
    pieces.push({ bucket, part, from, to });
    [from, bytes] = [to, 0];
  };
  for (let at = 0; at < rows.count; at += 1) {
    const size = rows.bytes[at] as number;
    const day = bucketAt(at);
    if (at > from && (day !== bucket || bytes + size > bytesMax)) close(at);
    bucket = day;
    bytes += size;
  }
  if (final && rows.count > from) close(rows.count);
  return { pieces, state: { bucket: pieces.at(-1)?.bucket ?? state.bucket, parts } };
}

const dayMs = 24 * 3_600_000;

/** The day of each row. Rows of one day follow one another, and to write a date takes longer than all else here. */
function bucketsOf({ count, atMs }: Measured, first: string): (at: number) => string {
  const names = [first];
  const numbers = new Uint32Array(count);
  let [known, number] = [NaN, 0];
  for (let at = 0; at < count; at += 1) {
    const ms = atMs[at] as number;
    const day = Math.floor(ms / dayMs);
    if (!Number.isNaN(ms) && day !== known) {
      known = day;
      number = names.push(dayOf(ms)) - 1;
    }
    numbers[at] = number;
  }
  return (at) => names[numbers[at] as number] as string;
}

/** A day in UTC. Times beyond what a date can be have none. */
function dayOf(atMs: number): string {
  const date = new Date(atMs);
  return Number.isNaN(date.getTime()) ? "" : date.toISOString().slice(0, 10);
}

type Fields = Readonly<Record<string, unknown>>;
const fieldsIn = (value: unknown): Fields | undefined =>
  typeof value === "object" && value !== null ? (value as Fields) : undefined;

/** When a row happened, as it says: a message does, and an event that has one. */
export function timeOf(value: unknown): number | undefined {
  const fields = fieldsIn(value);
  const at = fields?.["atMs"] ?? fieldsIn(fields?.["message"])?.["atMs"];
  return typeof at === "number" && Number.isSafeInteger(at) && at > 0 ? at : undefined;
}

/** Whether a row is a person's, as it says: the author of a message, who did what an event tells, or whom it is about. */
export function isOf(value: unknown, person: string): boolean {
  const fields = fieldsIn(value);
  const author = fieldsIn(fields?.["message"])?.["author"];
  return [fields?.["author"], fields?.["by"], fields?.["member"], author].includes(person);
}
