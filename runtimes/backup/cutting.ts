/** Where one unit ends and the next begins: a pure rule, so that a run that reads the same rows again comes to the same units.
 *
 *      units that there are   │ 0 │ 1 │ 2 │3│                    each keeps its rows, whatever comes before it or behind it
 *      rows that are new                    │ a little │  ─► 3 and these become one unit; of much it would be a unit of its own
 *
 *  Rows of one actor and type come in the order of their keys. A unit has rows of one day, and so many bytes; a larger row is alone in one.
 *  A row that names no time is of the day of the row before it. A change in the middle changes the unit that it is in. What is added at the end is a
 *  unit of its own, together with units before it that are no more than twice as large: so a row is written anew about as often as a day's bytes double,
 *  and a day has few units. */

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

/** A unit that there is, in the order of its rows. */
export interface Standing {
  readonly bucket: string;
  readonly part: number;
  /** The first row that is not its. */
  readonly to: number;
  /** Its first row is not among these: its name is taken. */
  readonly isBegun?: boolean;
}

/** Nothing was cut before. */
export const cutFromStart: CutState = { bucket: "", parts: {} };

/** A unit takes those before it that are no more than so many times as large. */
const takenTimes = 2;

/** Cuts rows into units. Without `final`, more rows follow these, so the last unit stays open: its rows are not in any piece. */
export function cutRows(
  rows: Measured,
  state: CutState,
  {
    bytes: bytesMax,
    final,
    standing = [],
  }: { readonly bytes: number; readonly final: boolean; readonly standing?: readonly Standing[] },
): { readonly pieces: readonly CutPiece[]; readonly state: CutState } {
  const parts: Record<string, number> = { ...state.parts };
  for (const { bucket, part } of standing) parts[bucket] = Math.max(parts[bucket] ?? 0, part + 1);
  const bucketAt = bucketsOf(rows, state.bucket);
  const stretches = final ? together(rows, standing, bucketAt, bytesMax) : standing;
  const pieces: CutPiece[] = [];
  let stretch = 0;
  let [from, bytes, bucket] = [0, 0, state.bucket];
  /** Whose name the open unit takes. */
  let own = stretches[0];
  const close = (to: number): void => {
    const isOwn = own?.bucket === bucket && own.isBegun !== true;
    const part = isOwn ? (own as Standing).part : (parts[bucket] ?? 0);
    parts[bucket] = Math.max(parts[bucket] ?? 0, part + 1);
    pieces.push({ bucket, part, from, to });
    own = undefined;
    [from, bytes] = [to, 0];
  };
  for (let at = 0; at < rows.count; at += 1) {
    const size = rows.bytes[at] as number;
    const day = bucketAt(at);
    const isBehind = at === stretches[stretch]?.to;
    if (at > from && (isBehind || day !== bucket || bytes + size > bytesMax)) close(at);
    if (isBehind || at === 0) {
      while (at >= (stretches[stretch]?.to ?? Infinity)) stretch += 1;
      own = stretches[stretch];
    }
    bucket = day;
    bytes += size;
  }
  if (final && rows.count > from) close(rows.count);
  return { pieces, state: { bucket: pieces.at(-1)?.bucket ?? state.bucket, parts } };
}

/** The units that there are, of which the last ones and what is new behind them become one. */
function together(
  rows: Measured,
  standing: readonly Standing[],
  bucketAt: (at: number) => string,
  bytesMax: number,
): readonly Standing[] {
  const sum = (from: number, to: number): number => {
    let bytes = 0;
    for (let at = from; at < to; at += 1) bytes += rows.bytes[at] as number;
    return bytes;
  };
  const end = standing.at(-1)?.to ?? rows.count;
  if (end >= rows.count) return standing;
  const bucket = bucketAt(end);
  let to = end;
  while (to < rows.count && bucketAt(to) === bucket) to += 1;
  let bytes = sum(end, to);
  let kept = standing.length;
  while (kept > 0) {
    const last = standing[kept - 1] as Standing;
    const before = sum(standing[kept - 2]?.to ?? 0, last.to);
    if (last.bucket !== bucket || before > takenTimes * bytes || before + bytes > bytesMax) break;
    bytes += before;
    kept -= 1;
  }
  const first = standing[kept];
  return first === undefined ? standing : [...standing.slice(0, kept), { ...first, to }];
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
