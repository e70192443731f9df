/** The key ring: the keys of tenants, wrapped, in 64 rows of the directory. Every change of a part compares and sets
 *  it, so an erased key does not come back with a change that was prepared before. */
import { createHash } from "node:crypto";
import { failure, PlexusError } from "../../protocols/index.ts";
import type { Clock, Directory } from "../ports/index.ts";
import { keyLimits } from "./limits.ts";
import type { KeyRows } from "./rows.ts";
import {
  createTenantKey,
  createUnitKeys,
  rewrapTenantKey,
  type EpochKeys,
  type TenantKey,
  type UnitKeys,
} from "./units.ts";

const ringPrefix = "keys/ring/";
const rotationKey = "keys/rotation";
const partsCount = 64;
const partOf = (tenant: string): string =>
  (createHash("sha256").update(tenant).digest()[0]! % partsCount).toString(16).padStart(2, "0");
const partNames = Array.from({ length: partsCount }, (_, part) => part.toString(16).padStart(2, "0"));

type Part = Readonly<Record<string, readonly [under: number, sealed: string]>>;
const entryKey = (tenant: string, epoch: number): string => `${epoch} ${tenant}`;
const tenantIn = (key: string): string => key.slice(key.indexOf(" ") + 1);

const entriesOf = (part: Part): readonly TenantKey[] =>
  Object.entries(part).map(([key, [under, sealed]]) => ({
    tenant: tenantIn(key),
    epoch: Number(key.slice(0, key.indexOf(" "))),
    under,
    sealed: Buffer.from(sealed, "base64url"),
  }));
const rowOf = ({ under, sealed }: TenantKey): readonly [number, string] => [
  under,
  Buffer.from(sealed).toString("base64url"),
];

type Ring = ReturnType<typeof ringOf>;

/** Reads and changes it. What resolves with false was refused: others keep changing the row. */
export function ringOf(directory: Directory, { change }: Pick<KeyRows, "change">) {
  return {
    load: async (): Promise<readonly TenantKey[]> =>
      (await directory.list(ringPrefix)).flatMap(({ value }) => entriesOf(value as Part)),
    /** Makes the keys that these tenants lack. Error: KEY_MISSING (of the epoch). */
    async ensure(keys: EpochKeys, epoch: number, tenants: readonly string[]): Promise<boolean> {
      for (const [part, names] of Map.groupBy(tenants, partOf)) {
        const done = await change(`${ringPrefix}${part}`, (value) => {
          const found = (value ?? {}) as Part;
          const lacking = names.filter((tenant) => found[entryKey(tenant, epoch)] === undefined);
          if (lacking.length === 0) return undefined;
          const made = lacking.map((tenant) => [entryKey(tenant, epoch), rowOf(createTenantKey(keys, tenant, epoch))]);
          return { ...found, ...Object.fromEntries(made) };
        });
        if (!done) return false;
      }
      return true;
    },
    /** Takes keys that a backup carried, where there are none. */
    async take(tenants: readonly TenantKey[]): Promise<boolean> {
      for (const [part, entries] of Map.groupBy(tenants, ({ tenant }) => partOf(tenant))) {
        const taken = Object.fromEntries(entries.map((entry) => [entryKey(entry.tenant, entry.epoch), rowOf(entry)]));
        if (!(await change(`${ringPrefix}${part}`, (value) => ({ ...taken, ...(value as Part | undefined) }))))
          return false;
      }
      return true;
    },
    /** Resolves with how many keys there were; undefined: refused. */
    async erase(tenant: string): Promise<number | undefined> {
      let count = 0;
      const done = await change(`${ringPrefix}${partOf(tenant)}`, (value) => {
        const all = Object.entries((value ?? {}) as Part);
        const left = all.filter(([key]) => tenantIn(key) !== tenant);
        count = all.length - left.length;
        return count === 0 ? undefined : Object.fromEntries(left);
      });
      return done ? count : undefined;
    },
    /** How far it is wrapped anew; undefined: nothing is under way. */
    async rotation(): Promise<{ readonly epoch: number; readonly done: number; readonly total: number } | undefined> {
      const row = await directory.read(rotationKey);
      if (row === undefined) return undefined;
      const { epoch, after } = row.value as { epoch: number; after: string };
      return { epoch, done: partNames.indexOf(after) + 1, total: partsCount };
    },
    beginRewrap: (epoch: number): Promise<boolean> => change(rotationKey, () => ({ epoch, after: "" })),
    /** Wraps the ring anew by the rotation's epoch, from where it was broken off. May be done twice. */
    async rewrap(keys: EpochKeys): Promise<boolean> {
      const row = await directory.read(rotationKey);
      if (row === undefined) return true;
      const { epoch, after } = row.value as { epoch: number; after: string };
      for (const part of partNames.slice(partNames.indexOf(after) + 1)) {
        const done = await change(`${ringPrefix}${part}`, (value) => {
          const entries = entriesOf((value ?? {}) as Part);
          if (entries.every(({ under }) => under >= epoch)) return undefined;
          const again = entries.map((entry) => (entry.under < epoch ? rewrapTenantKey(keys, entry, epoch) : entry));
          return Object.fromEntries(again.map((entry) => [entryKey(entry.tenant, entry.epoch), rowOf(entry)]));
        });
        if (!done || !(await change(rotationKey, () => ({ epoch, after: part })))) return false;
      }
      const last = await directory.read(rotationKey);
      if (last !== undefined) await directory.compareAndSet(rotationKey, undefined, last.revision);
      return true;
    },
  };
}

/** The ring as a task uses it, which looks at it again now and then: what was erased is not used for longer than the
 *  limits say. Error of `units`: KEY_MISSING. */
export async function keptRing(
  ring: Ring,
  at: {
    readonly epoch: number;
    /** The keys of epochs that the node has now: the ring may be wrapped anew by a later one. */
    readonly keys: () => Promise<EpochKeys>;
    readonly clock: Clock;
  },
) {
  const { clock, epoch } = at;
  const entries = new Map<string, TenantKey>();
  let units: UnitKeys;
  let atMs = 0;
  let looking = false;
  const look = async (): Promise<void> => {
    const askedMs = clock.monotonicMs();
    const [found, keys] = [await ring.load(), await at.keys()];
    const before = new Map(entries);
    entries.clear();
    for (const entry of found) {
      const place = entryKey(entry.tenant, entry.epoch);
      // Wrapped anew, with a key that has not come to this node: the same key, wrapped as it was, is still good.
      entries.set(place, keys.has(entry.under) ? entry : (before.get(place) ?? entry));
    }
    units = createUnitKeys(keys, epoch, [...entries.values()]);
    atMs = askedMs;
  };
  await look();
  return {
    look,
    get units(): UnitKeys {
      const ageMs = clock.monotonicMs() - atMs;
      if (ageMs > keyLimits.ringOldMs)
        throw new PlexusError(failure("KEY_MISSING", { reason: "the key ring could not be read for too long" }));
      if (ageMs > keyLimits.ringLookMs && !looking) {
        looking = true;
        // The directory is away: what that means is said above when it is away for too long.
        void look()
          .catch(() => undefined)
          .finally(() => (looking = false));
      }
      return units;
    },
  };
}
