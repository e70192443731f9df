import semver from "semver";
import type { Package } from "./lock.ts";

/** A known fault of packages: a record of the Open Source Vulnerability format (https://ossf.github.io/osv-schema/), as
 *  far as it is read here. `advisories.json` has a list of them. */
export interface Advisory {
  readonly id: string;
  readonly summary: string;
  readonly aliases?: readonly string[];
  readonly affected: readonly {
    readonly package: { readonly ecosystem: "npm"; readonly name: string };
    readonly ranges?: readonly {
      readonly type: "SEMVER";
      /** In order of versions: what one event begins, the next one ends. */
      readonly events: readonly {
        readonly introduced?: string;
        readonly fixed?: string;
        readonly last_affected?: string;
      }[];
    }[];
    readonly versions?: readonly string[];
  }[];
}

/** A fault that people looked at and let pass for a while: `exceptions.json`. */
export interface Exception {
  readonly id: string;
  readonly package: string;
  readonly reason: string;
  /** The last day on which it holds: `2027-03-31`. */
  readonly until: string;
}

/** A package with a known fault. */
export interface Finding {
  readonly id: string;
  readonly package: string;
  readonly version: string;
  readonly summary: string;
  readonly development: boolean;
}

/** Whether a version is in a range: after the last event at or below it, is it affected? */
function isWithin(
  version: string,
  events: NonNullable<Advisory["affected"][number]["ranges"]>[number]["events"],
): boolean {
  let affected = false;
  for (const { introduced, fixed, last_affected: last } of events) {
    if (introduced !== undefined && (introduced === "0" || semver.gte(version, introduced))) affected = true;
    if (fixed !== undefined && semver.gte(version, fixed)) affected = false;
    if (last !== undefined && semver.gt(version, last)) affected = false;
  }
  return affected;
}

/** The packages that advisories name. */
export function advisoryFindings(packages: readonly Package[], advisories: readonly Advisory[]): readonly Finding[] {
  const byName = Map.groupBy(packages, ({ name }) => name);
  return advisories.flatMap(({ id, summary, affected }) =>
    affected.flatMap(({ package: { name }, ranges = [], versions = [] }) =>
      (byName.get(name) ?? [])
        .filter(({ version }) => versions.includes(version) || ranges.some(({ events }) => isWithin(version, events)))
        .map(({ version, development }) => ({ id, package: name, version, summary, development })),
    ),
  );
}

/** What `npm audit --json` answers, as far as it is read here; or the error that it could not ask for. */
export interface OnlineAudit {
  readonly message?: string;
  readonly vulnerabilities?: Readonly<Record<string, { readonly via: readonly Cause[] }>>;
}

/** A package by its name, or what is known of one. */
type Cause = string | Readonly<Record<"url" | "title" | "name" | "range", string>>;

/** The packages that an answer of npm's audit names. Throws when there is no answer, with its reason. */
export function onlineFindings(packages: readonly Package[], answer: OnlineAudit): readonly Finding[] {
  if (answer.vulnerabilities === undefined) throw new Error(answer.message ?? "npm audit gave no list");
  const advisories = Object.values(answer.vulnerabilities).flatMap(({ via }) =>
    via.filter((one) => typeof one === "object"),
  );
  return advisories.flatMap(({ url, title, name, range }) =>
    packages
      .filter((one) => one.name === name && semver.satisfies(one.version, range, { includePrerelease: true }))
      .map(({ version, development }) => ({
        id: url.slice(url.lastIndexOf("/") + 1),
        package: name,
        version,
        summary: title,
        development,
      })),
  );
}

/** What people have to do: findings without an exception that holds on `day`, and exceptions that are over, too long or
 *  of nothing. */
export function auditProblems(
  findings: readonly Finding[],
  exceptions: readonly Exception[],
  day: string,
): readonly string[] {
  const holds = (one: Exception) => one.until >= day;
  const covers = (one: Exception, found: Finding) => one.id === found.id && one.package === found.package;
  const open = findings.filter((found) => !exceptions.some((one) => holds(one) && covers(one, found)));
  const stale = exceptions.filter((one) => !findings.some((found) => covers(one, found)));
  const latest = new Date(Date.parse(day) + exceptionDaysMax * 86_400_000).toISOString().slice(0, 10);
  return [
    ...open.map((found) => `${found.package} ${found.version}: ${found.id}, ${found.summary}`),
    ...stale.map((one) => `the exception for ${one.package} (${one.id}) is of nothing: remove it`),
    ...exceptions
      .filter((one) => one.reason.trim() === "")
      .map((one) => `the exception for ${one.package} (${one.id}) has no reason`),
    ...exceptions
      .filter((one) => one.until > latest)
      .map((one) => `the exception for ${one.package} (${one.id}) holds for more than ${exceptionDaysMax} days`),
  ];
}

/** An exception is looked at again after so long. */
const exceptionDaysMax = 120;
