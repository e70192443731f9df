/** The detectors. Each is a fold that is kept apart for each subject: `subjects` says whom an entry is about, and
 *  `step` what is remembered of that subject with it, and whether something was found. Both are pure. What each reads,
 *  finds and takes for too much is in the table `detectors` (`protocols/admin/watch.ts`).
 *
 *  Entries of one node come in their order, those of several nodes nearly so: a step sorts what it remembers by time
 *  and judges by the entry's own time, never by a clock. */
import { auditActionOf, type AuditRecord, type DetectorOf } from "../../protocols/index.ts";
import { watchLimits } from "./limits.ts";
import { unusualActs } from "./mix.ts";
import type { Place, Detector } from "./detector.ts";

const minuteMs = 60_000;
const signsIn: ReadonlySet<string> = new Set(["signIn", "signInStep"]);
const isRefusedSignIn = ({ action, outcome }: AuditRecord): boolean => signsIn.has(action) && outcome !== "done";

/** Times with one more, of which only those within a span before the newest count. */
function recentTimes(times: readonly number[], atMs: number, spanMs: number): readonly number[] {
  const all = [...times, atMs].toSorted((one, other) => one - other);
  const newest = all.at(-1) as number;
  return all.filter((time) => newest - time <= spanMs).slice(-Math.max(watchLimits.rememberedMax, 1));
}

/** Many sign-ins to one account were refused. */
const refusedPerson: Detector<readonly number[]> = {
  subjects: (entry) => (isRefusedSignIn(entry) ? [entry.target ?? entry.by] : []),
  step(times = [], { atMs, address }, { settings: { count = 10, minutes = 15 } }) {
    const recent = recentTimes(times, atMs, minutes * minuteMs);
    if (recent.length < count) return { row: recent };
    // What comes after is counted anew: the same attack is the same alert, once for each so many.
    const title = `${recent.length} sign-ins were refused within ${minutes} minutes`;
    return {
      row: null,
      found: { title, facts: { refused: recent.length, ...(address !== undefined && { newestAddress: address }) } },
    };
  },
};

/** From one address sign-ins to many accounts were refused. */
const refusedAddress: Detector<readonly (readonly [account: string, atMs: number])[]> = {
  subjects: (entry) => (isRefusedSignIn(entry) && entry.address !== undefined ? [`address/${entry.address}`] : []),
  step(tried = [], { atMs, target, by }, { settings: { accounts = 10, minutes = 60 } }) {
    const account = target ?? by;
    const others = tried.filter(([one, time]) => one !== account && atMs - time <= minutes * minuteMs);
    const now = [...others, [account, atMs] as const].slice(-watchLimits.rememberedMax);
    if (now.length < accounts) return { row: now };
    const names = now.map(([one]) => one.replace(/^user\//, ""));
    const title = `Sign-ins to ${now.length} accounts were refused within ${minutes} minutes`;
    return { row: null, found: { title, facts: { accounts: names.join(", ") } } };
  },
};

interface Travels {
  /** The last place of the person. */
  readonly last: Place & { readonly atMs: number };
  /** On how many days, and on which one last, the person signed in from which places; the newest last. */
  readonly usual: readonly (readonly [place: string, days: number, day: number])[];
}
const usualMax = 12;
const dayMs = 24 * 60 * minuteMs;

/** Kilometres between two places on a sphere: haversines (R. W. Sinnott, Sky and Telescope 68, 1984). */
function kilometresBetween(one: Place, other: Place): number {
  const radians = (degrees: number): number => (degrees * Math.PI) / 180;
  const half = (angle: number): number => Math.sin(angle / 2) ** 2;
  const [from, to] = [radians(one.latitude), radians(other.latitude)];
  const h = half(to - from) + Math.cos(from) * Math.cos(to) * half(radians(other.longitude - one.longitude));
  return 2 * 6371 * Math.asin(Math.sqrt(Math.min(1, h)));
}

const isEntered = ({ action, outcome, by }: AuditRecord): boolean =>
  action === "signIn" && outcome === "done" && by.startsWith("user/");

/** Sign-ins from places that are too far apart. A person who uses two exits of a company's network every day is at both
 *  of them: after a few days neither is news. */
const impossibleTravel: Detector<Travels> = {
  subjects: (entry) => (isEntered(entry) && entry.address !== undefined ? [entry.by] : []),
  step(
    row,
    { atMs, address = "" },
    { place, settings: { kilometresPerHour = 1_000, kilometres = 500, usualDays = 3 } },
  ) {
    const here = place(address);
    if (here === undefined) return {};
    const day = Math.floor(atMs / dayMs);
    const [, days = 0, lastDay] = row?.usual.find(([name]) => name === here.name) ?? [];
    const others = row?.usual.filter(([name]) => name !== here.name) ?? [];
    const usual = [...others, [here.name, days + (day === lastDay ? 0 : 1), day] as const].slice(-usualMax);
    const next: Travels = { last: { ...here, atMs }, usual };
    if (row === undefined) return { row: next };
    const far = kilometresBetween(row.last, here);
    const hours = Math.abs(atMs - row.last.atMs) / (60 * minuteMs);
    // A late entry does not say where the person is now.
    const kept = atMs >= row.last.atMs ? next : { ...next, last: row.last };
    if (days >= usualDays || far < kilometres || far <= kilometresPerHour * hours) return { row: kept };
    const minutes = Math.round(hours * 60);
    const apart = `${Math.round(far)} km apart, within ${minutes} minutes`;
    const title = `Signed in from ${row.last.name} and ${here.name}, ${apart}`;
    return {
      row: kept,
      found: { title, facts: { from: row.last.name, to: here.name, kilometres: Math.round(far), minutes, address } },
    };
  },
};

const exporting: ReadonlySet<string> = new Set([
  "exportAudit",
  "exportUser",
  "downloadBackup",
  "recallBackup",
  "copyBackup",
]);
interface NewPlace {
  readonly seen: readonly string[];
  readonly fresh?: { readonly atMs: number; readonly address: string; readonly exports: number };
}
const seenMax = 24;

/** Exports soon after a sign-in from an address that is new of the person. */
const newPlaceExports: Detector<NewPlace> = {
  subjects: (entry) =>
    isEntered(entry) || (exporting.has(entry.action) && entry.outcome === "done" && entry.by.startsWith("user/"))
      ? [entry.by]
      : [],
  step(row, { action, atMs, address = "unknown" }, { settings: { exports = 3, minutes = 60 } }) {
    const { seen = [], fresh } = row ?? {};
    if (action === "signIn") {
      const known = [...seen.filter((one) => one !== address), address].slice(-seenMax);
      // For a person without a past, every address would be new.
      if (seen.length === 0 || seen.includes(address)) return { row: { seen: known, ...(fresh && { fresh }) } };
      return { row: { seen: known, fresh: { atMs, address, exports: 0 } } };
    }
    if (fresh === undefined || atMs - fresh.atMs > minutes * minuteMs)
      return fresh === undefined ? {} : { row: { seen } };
    const count = fresh.exports + 1;
    if (count < exports) return { row: { seen, fresh: { ...fresh, exports: count } } };
    const title = `${count} exports within ${minutes} minutes of a sign-in from an address that was not seen before`;
    return { row: { seen }, found: { title, facts: { exports: count, address: fresh.address, newest: action } } };
  },
};

const gains: ReadonlySet<string> = new Set(["setRoles", "setAdmin"]);
const powerful: ReadonlySet<string> = new Set(["power", "keys", "backups", "data", "settings"]);
const isPower = ({ action, outcome, by }: AuditRecord): boolean =>
  outcome === "done" && by.startsWith("user/") && powerful.has(auditActionOf(action)?.area ?? "");
interface Gain {
  readonly atMs: number;
  readonly by: string;
  readonly acts: number;
}

/** Whether an entry says that its target has more power now, and got it from somebody. The first owner, whom the code
 *  makes that the node printed, sets the cluster up at once. */
function isGain({ facts = {} }: AuditRecord): boolean {
  if (facts["reason"] === "admin code") return false;
  if (facts["admin"] !== undefined) return facts["admin"] === true || facts["admin"] === "true";
  const roles = String(facts["after.roles"] ?? facts["roles"] ?? "").split(/[ ,]+/);
  return roles.some((role) => role !== "" && role !== "member" && role !== "guest");
}

/** A privilege that is used within minutes after it was given. */
const powerUsedAtOnce: Detector<Gain> = {
  subjects: (entry) => [
    ...(gains.has(entry.action) && entry.outcome === "done" && entry.target?.startsWith("user/") === true
      ? [entry.target]
      : []),
    ...(isPower(entry) ? [entry.by] : []),
  ],
  step(row, entry, { subject, settings: { acts = 2, minutes = 10 } }) {
    const { action, atMs, target, by } = entry;
    if (gains.has(action) && target === subject) return { row: isGain(entry) ? { atMs, by, acts: 0 } : null };
    if (row === undefined) return {};
    if (atMs - row.atMs > minutes * minuteMs) return { row: null };
    const count = row.acts + 1;
    if (count < acts) return { row: { ...row, acts: count } };
    const title = `${count} acts of power within ${minutes} minutes of getting roles from ${row.by}`;
    return { row: null, found: { title, facts: { givenBy: row.by, acts: count, newest: action } } };
  },
};

/** A person tries again and again what their roles do not allow. */
const refusedActs: Detector<readonly number[]> = {
  subjects: ({ outcome, by }) => (outcome === "FORBIDDEN" && by.startsWith("user/") ? [by] : []),
  step(times = [], { atMs, action }, { settings: { count = 15, minutes = 10 } }) {
    const recent = recentTimes(times, atMs, minutes * minuteMs);
    if (recent.length < count) return { row: recent };
    return {
      row: null,
      found: {
        title: `${recent.length} acts were refused for lack of a permission within ${minutes} minutes`,
        facts: { newest: action },
      },
    };
  },
};

/** The audit of a node was altered, cut or set back. */
const auditTrouble: Detector<null> = {
  subjects: ({ action, node, facts }) =>
    action === "auditForked"
      ? [`node/${String(facts?.["node"] ?? node)}`]
      : action === "auditMissing"
        ? [`node/${node}`]
        : [],
  step(_row, { action, facts, node, by }, { settings: { missing = 1 } }) {
    if (action === "auditMissing") {
      const entries = Number(facts?.["entries"] ?? 0);
      if (entries < missing) return {};
      return {
        found: {
          title: `${node} could not write ${entries} entries of its audit, because too many came at once`,
          facts: { entries },
        },
      };
    }
    const reason = String(facts?.["reason"] ?? "it is not what another node has a copy of");
    return { found: { title: `The audit is not what it was: ${reason}`, facts: { ...facts, saidBy: by } } };
  },
};

/** The steps of each detector that reads the audit. */
export const detectorSteps: { readonly [Name in DetectorOf<"audit">]: Detector } = {
  "refused-person": refusedPerson as Detector,
  "refused-address": refusedAddress as Detector,
  "impossible-travel": impossibleTravel as Detector,
  "new-place-exports": newPlaceExports as Detector,
  "power-used-at-once": powerUsedAtOnce as Detector,
  "refused-acts": refusedActs as Detector,
  "unusual-acts": unusualActs as Detector,
  "audit-trouble": auditTrouble as Detector,
};
