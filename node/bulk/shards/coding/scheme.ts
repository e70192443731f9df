/** How a stripe is coded: by what its class asks for, and how many holders there are.
 *
 *      holders    1        2          3, 4       5        6, 7      8 … 11     12 and more
 *      scheme     none     2 copies   3 copies   3 + 2    4 + 2     4 + 4      8 + 4          (`usualSchemes`)
 *      survives            1          2          2        2         4          4              losses
 *
 *  Pure. docs/backup/README.md has what each promises, computed and simulated. */
import { assert, failure, ok, refused, type Result, type Scheme } from "../../../../protocols/index.ts";
import { codingLimits } from "./limits.ts";

/** How many shards give the stripe, and how many may be lost. */
export const countsOf = (scheme: Scheme): { readonly k: number; readonly m: number } =>
  scheme.type === "copies" ? { k: 1, m: scheme.copies - 1 } : scheme;

/** The scheme with these counts; undefined: there is none. */
export function schemeOf(
  type: Scheme["type"] | undefined,
  { k, m }: { readonly k: number; readonly m: number },
): Scheme | undefined {
  if (type === undefined || k < 1 || m < 0 || k + m > codingLimits.shardsMax) return undefined;
  if (type === "rs") return m > 0 ? { type, k, m } : undefined;
  return k === 1 ? { type, copies: m + 1 } : undefined;
}

/** Shards of a stripe. */
export const widthOf = (scheme: Scheme): number => countsOf(scheme).k + countsOf(scheme).m;

/** How many shards must be on disks before an upload is acknowledged: half of what may be lost later may be lost
 *  already. */
export const enoughOf = (scheme: Scheme): number => countsOf(scheme).k + Math.ceil(countsOf(scheme).m / 2);

/** The bytes of one shard's part of a stripe. */
export const partBytes = (scheme: Scheme, stripeBytes: number): number => Math.ceil(stripeBytes / countsOf(scheme).k);

/** Bytes on disks for each byte stored, headers apart. */
export const overheadOf = (scheme: Scheme): number => widthOf(scheme) / countsOf(scheme).k;

/** `4 + 2`, or `3 copies`. */
export const schemeText = (scheme: Scheme): string =>
  scheme.type === "copies" ? `${scheme.copies} copies` : `${scheme.k} + ${scheme.m}`;

/** What a class of data asks for: the widest scheme first. The first one that there are enough holders for is taken. */
interface ClassSettings {
  readonly name: string;
  readonly schemes: readonly Scheme[];
}

const copies = (count: number): Scheme => ({ type: "copies", copies: count });
const rs = (k: number, m: number): Scheme => ({ type: "rs", k, m });

/** For what is not set otherwise. With 4 holders 2 + 2 would survive as much as 3 copies and take less room; but any
 *  one copy is read by itself. */
export const usualSchemes: readonly Scheme[] = [rs(8, 4), rs(4, 4), rs(4, 2), rs(3, 2), copies(3), copies(2)];

/** The names under which settings for a class are looked for, the nearest first: those of `backup` are for
 *  `backup.pack`, too. */
export const namesOfClass = (name: string): readonly string[] => {
  const parts = name.split(".");
  return [...parts.map((_, at) => parts.slice(0, parts.length - at).join(".")), "default"];
};

/** What is usual for a class. Manifests of backups, without which nothing is found, are on at least five nodes, or on
 *  all there are. */
export const usualOf = (name: string): readonly Scheme[] =>
  name === "backup.manifest" ? [rs(8, 4), rs(4, 4), rs(4, 2), rs(3, 2), copies(4), copies(3), copies(2)] : usualSchemes;

/** Why settings cannot be used; undefined: they can. */
export function problemOf({ name, schemes }: ClassSettings): string | undefined {
  if (schemes.length === 0) return `class ${name} has no scheme`;
  for (const [at, scheme] of schemes.entries()) {
    const { k, m } = countsOf(scheme);
    if (![k, m].every(Number.isSafeInteger) || schemeOf(scheme.type, { k, m }) === undefined)
      return `class ${name}: there is no scheme ${schemeText(scheme)} (at most ${codingLimits.shardsMax} shards)`;
    const wider = schemes[at - 1];
    if (wider !== undefined && widthOf(wider) <= widthOf(scheme))
      return (
        `class ${name}: ${schemeText(scheme)} is never taken after ${schemeText(wider)}, which needs no more ` +
        "holders"
      );
  }
  return undefined;
}

/** The scheme for a class with so many independent holders: on nodes of their own, that take new shards. Error:
 *  HOLDERS_TOO_FEW. */
export function schemeFor(settings: ClassSettings, holders: number): Result<Scheme> {
  assert(problemOf(settings) === undefined, "settings are checked where they are read");
  const scheme = settings.schemes.find((each) => widthOf(each) <= holders);
  if (scheme !== undefined) return ok(scheme);
  const needed = Math.min(...settings.schemes.map(widthOf));
  return refused(failure("HOLDERS_TOO_FEW", { class: settings.name, holders, needed }));
}
