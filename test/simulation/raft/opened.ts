/** The machine of the voters (`node/cluster/directory/raft/core.ts`) as `explore.ts` needs it: with all that it is made of in
 *  the open, so that it can be copied, compared and kept. The source is that which runs, with `_` for each `#`: nothing
 *  that somebody adds to it is forgotten here. */
import { registerHooks } from "node:module";
import type * as CoreModule from "../../../node/cluster/directory/raft/core.ts";

const mark = "?opened";
const isMachine = (url: string): boolean => url.includes("/node/cluster/directory/raft/");

const textIn = (source: string | ArrayBuffer | NodeJS.TypedArray | undefined): string =>
  source === undefined || typeof source === "string" ? (source ?? "") : new TextDecoder().decode(source);

registerHooks({
  resolve(specifier, context, nextResolve) {
    const resolved = nextResolve(specifier, context);
    if (context.parentURL?.endsWith(mark) !== true || !isMachine(resolved.url)) return resolved;
    return { ...resolved, url: `${resolved.url}${mark}` };
  },
  load(url, context, nextLoad) {
    if (!url.endsWith(mark)) return nextLoad(url, context);
    const loaded = nextLoad(url.slice(0, -mark.length), context);
    return { ...loaded, source: textIn(loaded.source).replaceAll(/#(?=[a-z])/g, "_") };
  },
});

const path = new URL(`../../../node/cluster/directory/raft/core.ts${mark}`, import.meta.url).href;
export const { Core } = (await import(path)) as typeof CoreModule;

type Fields = Record<string, unknown>;

/** What is written into fields is written into the copy alone. Messages, entries and marks never change: copies share
 *  them. */
export function copyOf<Machine extends object>(machine: Machine): Machine {
  const copy = Object.create(Object.getPrototypeOf(machine) as object) as Fields;
  for (const [name, value] of Object.entries(machine as Fields)) copy[name] = copyField(value);
  return copy as Machine;
}

function copyField(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice();
  if (value instanceof Map) return new Map([...value].map(([key, one]) => [key, copyRecord(one)]));
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) === Object.prototype) return value;
  return copyOf(value);
}

/** What a map holds is changed in place. */
function copyRecord(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice();
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, copyRecord(field)]));
}

/** Sets what is not told by a method: time, and what is drawn. */
export const set = (machine: object, fields: Fields): void => void Object.assign(machine, fields);
export const get = (machine: object, field: string): unknown => (machine as Fields)[field];

/** Everything that a value is, as a text; ids are named by `name`. Lists of ids, and maps, are sets. */
export function textOf(value: unknown, name: (id: string) => string, leaveOut: ReadonlySet<string>): string {
  if (typeof value === "string") return name(value);
  if (typeof value !== "object" || value === null) return String(value);
  const parts = Array.isArray(value)
    ? value.map((one) => textOf(one, name, leaveOut))
    : value instanceof Map
      ? [...(value as Map<unknown, unknown>)].map(([key, one]) => `${name(String(key))}=${textOf(one, name, leaveOut)}`)
      : fieldsOf(value as Fields, name, leaveOut);
  const isSet = value instanceof Map || (Array.isArray(value) && typeof value[0] === "string");
  return `(${(isSet ? parts.toSorted() : parts).join()})`;
}

function fieldsOf(value: Fields, name: (id: string) => string, leaveOut: ReadonlySet<string>): string[] {
  const fields: string[] = [];
  for (const field in value) if (!leaveOut.has(field)) fields.push(textOf(value[field], name, leaveOut));
  return fields;
}
