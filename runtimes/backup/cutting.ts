/** Where one unit ends and the next begins: a pure rule, so that a run that reads the same rows again comes to the same
 *  units.
 *
 *      units that there are   │ 0 │ 1 │ 2 │3│               each keeps its rows, whatever comes before or behind it
 *      rows that are new                    │ a little │    3 and these become one unit; of much, a unit of its own
 *
 *  Rows of one actor and type come in the order of their keys. A unit has rows of one day, and so many bytes; a larger
 *  row is alone in one. Of an actor's state, the entries of the log and what is behind them are in different units: new
 *  entries come between them. A row that names no time is of the day of the row before it. A change in the middle
 *  changes the unit that it is in. What is added between two units, or at the end, is a unit of its own; where three
 *  units of the day before it are each no more than twice as large, these and it become one. So a row is written anew
 *  as seldom as a day's bytes grow fourfold. And a day has few units: of each unit and three before it one is more than
 *  twice as large as the last. */

/** What decides of rows. */
interface Measured {
  readonly count: number;
  readonly bytes: ArrayLike<number>;
  /** NaN: it names no time. */
  readonly atMs: ArrayLike<number>;
  /** The first row of those that are in no unit with the ones before them; absent: there are none. */
  readonly apartAt?: number;
}

/** The rows of one unit: those from `from` up to `to`. */
interface CutPiece {
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
  /** Units that there were whose names other rows have now (`unitPlace`). */
  readonly named?: readonly string[];
}

/** A unit that there is, in the order of its rows. */
export interface Standing {
  readonly bucket: string;
  readonly part: number;
  /** Its rows: those that lie between its first and its last one now. */
  readonly from: number;
  readonly to: number;
}

/** How units of one actor and type are told apart. */
export const unitPlace = ({ bucket, part }: { readonly bucket: string; readonly part: number }): string =>
  `${bucket}/${part}`;

/** Nothing was cut before. */
export const cutFromStart: CutState = { bucket: "", parts: {} };

/** So many units before it become one with what is new, where each of them is no more than so many times as large. */
const [takenAtOnce, takenTimes] = [3, 2];

/** Cuts rows into units. Without `final`, more rows follow these, so the last unit stays open: its rows are not in any
 *  piece. */
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
  const named = new Set(state.named);
  for (const { bucket, part } of standing) parts[bucket] = Math.max(parts[bucket] ?? 0, part + 1);
  const bucketAt = bucketsOf(rows, state.bucket);
  const stretches = stretchesOf(rows, standing, bucketAt, final ? bytesMax : 0);
  const pieces: CutPiece[] = [];
  let stretch = 0;
  let [from, bytes, bucket] = [0, 0, state.bucket];
  /** Whose name the open unit takes. */
  let own = stretches[0]?.unit;
  const close = (to: number): void => {
    const isOwn = own?.bucket === bucket && !named.has(unitPlace(own));
    const part = isOwn ? (own as Standing).part : (parts[bucket] ?? 0);
    if (isOwn) named.add(unitPlace({ bucket, part }));
    parts[bucket] = Math.max(parts[bucket] ?? 0, part + 1);
    pieces.push({ bucket, part, from, to });
    own = undefined;
    [from, bytes] = [to, 0];
  };
  for (let at = 0; at < rows.count; at += 1) {
    const size = rows.bytes[at] as number;
    const day = bucketAt(at);
    const isBehind = at === stretches[stretch]?.to;
    if (at > from && (isBehind || day !== bucket || at === rows.apartAt || bytes + size > bytesMax)) close(at);
    if (isBehind) own = stretches[(stretch += 1)]?.unit;
    bucket = day;
    bytes += size;
  }
  if (final && rows.count > from) close(rows.count);
  return { pieces, state: { bucket: pieces.at(-1)?.bucket ?? state.bucket, parts, named: [...named] } };
}

/** Rows that are cut by themselves: those of a unit that there is, or new ones. */
interface Stretch {
  readonly to: number;
  readonly bytes: number;
  /** Those of one bucket may become one. */
  readonly bucket: string;
  /** Absent: new. */
  readonly unit?: Standing | undefined;
}

/** All rows, in stretches. New ones become one with three units before them that are small beside them, up to so many
 *  bytes. */
function stretchesOf(
  rows: Measured,
  standing: readonly Standing[],
  bucketAt: (at: number) => string,
  bytesMax: number,
): readonly Stretch[] {
  const stretches: Stretch[] = [];
  const { apartAt = 0 } = rows;
  let from = 0;
  const add = (to: number, unit?: Standing): void => {
    if (to <= from) return;
    if (unit === undefined && from < apartAt && apartAt < to) add(apartAt);
    let bytes = 0;
    for (let at = from; at < to; at += 1) bytes += rows.bytes[at] as number;
    const bucket = `${bucketAt(from)} ${from < apartAt}`;
    from = to;
    let first = unit;
    for (; unit === undefined && stretches.length >= takenAtOnce; stretches.length -= takenAtOnce) {
      const taken = stretches.slice(-takenAtOnce);
      const all = taken.reduce((sum, one) => sum + one.bytes, bytes);
      if (all > bytesMax || taken.some((one) => one.bucket !== bucket || one.bytes > takenTimes * bytes)) break;
      bytes = all;
      first = taken[0]?.unit;
    }
    stretches.push({ to, bytes, bucket, unit: first });
  };
  for (const unit of standing) {
    add(unit.from);
    add(unit.to, unit);
  }
  // New rows of several days: those of the first day may become one with what is before them.
  for (let at = from + 1; at < rows.count; at += 1) if (bucketAt(at) !== bucketAt(from)) add(at);
  add(rows.count);
  return stretches;
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

/** Whether a row is a person's, as it says: the author of a message, who did what an event tells, or whom it is
 *  about. */
export function isOf(value: unknown, person: string): boolean {
  const fields = fieldsIn(value);
  const author = fieldsIn(fields?.["message"])?.["author"];
  return [fields?.["author"], fields?.["by"], fields?.["member"], author].includes(person);
}
