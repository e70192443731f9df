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
  const days = daysOf(rows, state.bucket);
  const { apartAt = 0 } = rows;
  const stretches = stretchesOf(rows, standing, days, final ? bytesMax : 0);
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
  // Loops over all rows are in small functions of their own: to compile one large function for good took longer than
  // all that it did.
  for (let at = 0; at < rows.count;) {
    const isBehind = at === stretches[stretch]?.to;
    const day = days.names[days.numbers[at] as number] as string;
    bytes += rows.bytes[at] as number;
    if (at > from && (isBehind || day !== bucket || at === apartAt || bytes > bytesMax)) {
      close(at);
      bytes = rows.bytes[at] as number;
    }
    if (isBehind) own = stretches[(stretch += 1)]?.unit;
    bucket = day;
    // Those that follow are of the same day and stretch.
    const end = Math.min(sameDayTo(days.numbers, at), stretches[stretch]?.to ?? rows.count);
    const behind = roomTo(rows.bytes, at + 1, at < apartAt && apartAt < end ? apartAt : end, bytesMax - bytes);
    bytes += sumWithin(rows.bytes, at + 1, behind);
    at = behind;
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
  { numbers, names }: Days,
  bytesMax: number,
): readonly Stretch[] {
  const stretches: Stretch[] = [];
  const { apartAt = 0 } = rows;
  let from = 0;
  const add = (to: number, unit?: Standing): void => {
    if (to <= from) return;
    if (unit === undefined && from < apartAt && apartAt < to) add(apartAt);
    const bytes = sumWithin(rows.bytes, from, to);
    const bucket = `${names[numbers[from] as number] as string} ${from < apartAt}`;
    from = to;
    const stretch = { to, bytes, bucket, unit };
    stretches.push(unit === undefined ? oneWithLast(stretches, stretch, bytesMax) : stretch);
  };
  for (const unit of standing) {
    add(unit.from);
    add(unit.to, unit);
  }
  // New rows of several days: those of the first day may become one with what is before them.
  while (from < rows.count) add(sameDayTo(numbers, from));
  return stretches;
}

/** New rows with the units before them that become one with them, and are taken from the list. */
function oneWithLast(stretches: Stretch[], added: Stretch, bytesMax: number): Stretch {
  let { bytes, unit } = added;
  for (; stretches.length >= takenAtOnce; stretches.length -= takenAtOnce) {
    const taken = stretches.slice(-takenAtOnce);
    const all = taken.reduce((sum, one) => sum + one.bytes, bytes);
    if (all > bytesMax || taken.some((one) => one.bucket !== added.bucket || one.bytes > takenTimes * bytes)) break;
    bytes = all;
    unit = taken[0]?.unit;
  }
  return { ...added, bytes, unit };
}

function sumWithin(bytes: ArrayLike<number>, from: number, to: number): number {
  let sum = 0;
  for (let at = from; at < to; at += 1) sum += bytes[at] as number;
  return sum;
}

/** The first of some rows that has no room in so many bytes with those before it. */
function roomTo(bytes: ArrayLike<number>, from: number, to: number, room: number): number {
  let at = from;
  for (let left = room; at < to; at += 1) if ((left -= bytes[at] as number) < 0) break;
  return at;
}

/** The first row behind one that is of another day. */
function sameDayTo(numbers: Uint32Array, from: number): number {
  let at = from + 1;
  while (at < numbers.length && numbers[at] === numbers[from]) at += 1;
  return at;
}

/** The day of each row, by the number of its name: days of one name have one number. */
interface Days {
  readonly numbers: Uint32Array;
  readonly names: readonly string[];
}

const dayMs = 24 * 3_600_000;

/** Rows of one day follow one another, and to write a date takes longer than all else here. A row that names no time is
 *  of the day of the row before it. */
function daysOf({ count, atMs }: Measured, first: string): Days {
  const names = [first];
  const numbers = new Uint32Array(count);
  let [known, number] = [NaN, 0];
  for (let at = 0; at < count; at += 1) {
    const ms = atMs[at] as number;
    const day = Math.floor(ms / dayMs);
    if (!Number.isNaN(ms) && day !== known) {
      known = day;
      number = numberOf(names, dayOf(ms));
    }
    numbers[at] = number;
  }
  return { numbers, names };
}

function numberOf(names: string[], name: string): number {
  // A new day is behind all others, nearly always.
  const known = names.lastIndexOf(name);
  return known === -1 ? names.push(name) - 1 : known;
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
