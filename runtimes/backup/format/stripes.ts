/** How a backup names the bytes that it keeps elsewhere, and how it reads such a name that comes from a manifest. */
import { demand } from "./damaged.ts";

/** A stripe: what `Stripes.put` of the node gives back, kept as it is. */
export interface StripeName {
  readonly id: string;
  readonly group: string;
  readonly scheme:
    | { readonly type: "copies"; readonly copies: number }
    | { readonly type: "rs"; readonly k: number; readonly m: number };
  readonly sizeBytes: number;
  readonly shards: { readonly index: number; readonly hash: string; readonly sizeBytes: number }[];
}

type Fields = Readonly<Record<string, unknown>>;

export const isText = (value: unknown): value is string => typeof value === "string";
export const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
export const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);

/** Fields of an object that has these and no other. Error: BACKUP_DAMAGED. */
export function fieldsOf<Name extends string>(value: unknown, names: readonly Name[]): Readonly<Record<Name, unknown>> {
  demand(isFields(value), "node", "no object where one should be");
  const found = Object.keys(value);
  demand(
    found.length === names.length && names.every((name) => Object.hasOwn(value, name)),
    "node",
    "other fields than it should have",
  );
  return value as Readonly<Record<Name, unknown>>;
}

/** An array of things. Error: BACKUP_DAMAGED. */
export function listOf<T>(value: unknown, max: number, read: (item: unknown) => T): readonly T[] {
  demand(Array.isArray(value) && value.length <= max, "node", "no list, or one that is too long");
  return (value as readonly unknown[]).map(read);
}

/** A stripe's name. Error: BACKUP_DAMAGED. */
export function readStripe(value: unknown): StripeName {
  const { id, group, scheme, sizeBytes, shards } = fieldsOf(value, ["id", "group", "scheme", "sizeBytes", "shards"]);
  demand(isText(id) && isText(group) && isCount(sizeBytes), "node", "no stripe");
  return {
    id,
    group,
    sizeBytes,
    scheme: readScheme(scheme),
    shards: [...listOf(shards, 256, readShard)],
  };
}

function readShard(value: unknown): StripeName["shards"][number] {
  const { index, hash, sizeBytes } = fieldsOf(value, ["index", "hash", "sizeBytes"]);
  demand(isCount(index) && isText(hash) && isCount(sizeBytes), "node", "no shard");
  return { index, hash, sizeBytes };
}

function readScheme(value: unknown): StripeName["scheme"] {
  demand(isFields(value), "node", "no scheme");
  if (value["type"] === "copies") {
    const { copies } = fieldsOf(value, ["type", "copies"]);
    demand(isCount(copies) && copies > 0, "node", "no scheme");
    return { type: "copies", copies };
  }
  const { type, k, m } = fieldsOf(value, ["type", "k", "m"]);
  demand(type === "rs" && isCount(k) && k > 0 && isCount(m), "node", "no scheme");
  return { type, k, m };
}
