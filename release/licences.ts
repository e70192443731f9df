import parse from "spdx-expression-parse";
import type { Package } from "./lock.ts";

/** What people decided on licences: `licences.json`. */
export interface LicenceRules {
  /** Of everything. SPDX identifiers. */
  readonly allowed: readonly string[];
  /** Also of what only tests and tools use, and no release has. */
  readonly allowedForDevelopment: readonly string[];
  /** Packages whose licence the lock does not know, or that are allowed for a reason: by name, or by a prefix that ends
   *  in `*`. */
  readonly reviewed: readonly { readonly package: string; readonly licence: string; readonly reason: string }[];
}

/** The licence of a package: what a person found, or else what its author says. */
export function licenceOf({ name, licence }: Package, rules: LicenceRules): string | undefined {
  const fits = (pattern: string) => (pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern);
  return rules.reviewed.find((one) => fits(one.package))?.licence ?? licence;
}

type Parsed = ReturnType<typeof parse>;

/** Whether one may use it under allowed licences alone: of “A OR B” one is enough, of “A AND B” both are needed. */
function isAllowed(expression: Parsed, allowed: ReadonlySet<string>): boolean {
  if ("license" in expression) return expression.exception === undefined && allowed.has(expression.license);
  const left = isAllowed(expression.left, allowed);
  return expression.conjunction === "or"
    ? left || isAllowed(expression.right, allowed)
    : left && isAllowed(expression.right, allowed);
}

/** Packages whose licence is unknown, unreadable or not allowed, and reviews of packages that are gone. */
export function licenceProblems(packages: readonly Package[], rules: LicenceRules): readonly string[] {
  const always = new Set(rules.allowed);
  const forDevelopment = new Set([...rules.allowed, ...rules.allowedForDevelopment]);
  const problems = packages.flatMap((one) => {
    const licence = licenceOf(one, rules);
    const what = `${one.name} ${one.version}`;
    if (licence === undefined) return [`${what} has no licence that is known: look, and add it to "reviewed"`];
    try {
      return isAllowed(parse(licence), one.development ? forDevelopment : always)
        ? []
        : [`${what} has the licence ${licence}, which is not allowed`];
    } catch {
      return [`${what} has the licence ${licence}, which is no SPDX expression`];
    }
  });
  const names = packages.map(({ name }) => name);
  const stale = rules.reviewed.filter(({ package: pattern }) =>
    pattern.endsWith("*") ? !names.some((name) => name.startsWith(pattern.slice(0, -1))) : !names.includes(pattern),
  );
  return [...problems, ...stale.map((one) => `"reviewed" names ${one.package}, which is not used`)];
}

/** The list of licences that a release brings: one line a package, by licence. */
export function licenceTable(packages: readonly Package[], rules: LicenceRules): string {
  const rows = packages.map((one) => [licenceOf(one, rules) ?? "unknown", `${one.name} ${one.version}`] as const);
  const byLicence = Map.groupBy(rows, ([licence]) => licence);
  return [...byLicence]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([licence, of]) => `${licence}\n${[...new Set(of.map(([, what]) => `  ${what}`))].toSorted().join("\n")}\n`)
    .join("\n");
}
