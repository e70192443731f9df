/** What is to be encrypted anew, as a row of the directory: epochs, and how many units of them each place with backups
 *  still refers to. Places tell after each run and removal; an epoch goes when at least one place has told, and none of
 *  those that did has a unit of it.
 *
 *      keys/reencrypt   { epochs, left: { place: { epoch: units } } } */
import { Type } from "typebox";
import { checkOf } from "../../protocols/wire/check.ts";
import type { Directory } from "../ports/index.ts";
import { keyLimits } from "./limits.ts";
import type { KeyRows } from "./rows.ts";

const rowKey = "keys/reencrypt";
const row = checkOf(
  Type.Object({
    epochs: Type.Array(Type.Integer({ minimum: 1 })),
    left: Type.Optional(Type.Record(Type.String(), Type.Record(Type.String(), Type.Integer({ minimum: 0 })))),
  }),
);

type Left = Readonly<Record<string, Readonly<Record<string, number>>>>;
interface Queue {
  readonly epochs: readonly number[];
  readonly left: Left;
}
const queueOf = (value: unknown): Queue =>
  row.Check(value) ? { epochs: value.epochs, left: value.left ?? {} } : { epochs: [], left: {} };
const sumOf = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);

/** The queue after a place has told of its units, by epoch. */
function afterCount({ epochs, left }: Queue, place: string, counts: ReadonlyMap<number, number>): Queue {
  const told = Object.entries({ ...left, [place]: Object.fromEntries(counts) }).slice(-keyLimits.placesMax);
  // A place that was counted before an epoch came to the queue does not know of it.
  const staying = epochs.filter((epoch) => told.some(([, own]) => (own[String(epoch)] ?? 1) > 0));
  return { epochs: staying, left: staying.length === 0 ? {} : Object.fromEntries(told) };
}

/** Reads and changes it. */
export function reencryptionOf(directory: Directory, { change }: Pick<KeyRows, "change">) {
  return {
    async read(): Promise<{ readonly epochs: readonly number[]; readonly left: Readonly<Record<string, number>> }> {
      const { epochs, left } = queueOf((await directory.read(rowKey))?.value);
      return {
        epochs,
        left: Object.fromEntries(Object.entries(left).map(([place, counts]) => [place, sumOf(counts)])),
      };
    },
    /** What places have told before counts no more: they had not seen these epochs. */
    add: (added: readonly number[]): Promise<boolean> =>
      change(rowKey, (value) => ({
        epochs: [...new Set([...queueOf(value).epochs, ...added])].toSorted((a, b) => a - b),
        left: {},
      })),
    count: (place: string, counts: ReadonlyMap<number, number>): Promise<boolean> =>
      change(rowKey, (value) => {
        const before = queueOf(value);
        return before.epochs.length === 0 ? undefined : afterCount(before, place, counts);
      }),
  };
}
