/** Rules over events as detectors: entries that match a rule's steps, about one person, from one address or done to one
 *  thing, within a time.
 *
 *  A step that asks for several entries is as many steps of one. In order: of each step it is remembered when, at the
 *  latest, a match of the rule up to that step began; so the newest possible beginning is known, and a match is found
 *  when there is one. In any order: the newest times of each step. */
import { auditActionOf, type AuditRecord, type WatchRule } from "../../protocols/index.ts";
import type { Detector } from "./detector.ts";

type RuleSteps = Pick<WatchRule, "steps" | "by" | "ordered" | "withinMinutes">;
type RuleStep = WatchRule["steps"][number];

const fits = (pattern: string, value: string): boolean =>
  pattern.endsWith("*") ? value.startsWith(pattern.slice(0, -1)) : pattern === value;

/** Whether an entry is one that a step asks for. An action may be an area, or end in `*`. */
function isStep({ action, outcome }: RuleStep, entry: Pick<AuditRecord, "action" | "outcome">): boolean {
  if (action !== undefined && !fits(action, entry.action) && auditActionOf(entry.action)?.area !== action) return false;
  if (outcome === undefined) return true;
  return outcome === "refused" ? entry.outcome !== "done" : fits(outcome, entry.outcome);
}

/** The person, address or thing that an entry is about, for a rule. An attempt by a stranger is about the person whose
 *  name was used. */
function subjectOf(by: WatchRule["by"], entry: AuditRecord): string | undefined {
  switch (by) {
    case "user":
      return entry.by === "stranger" ? entry.target : entry.by;
    case "address":
      return entry.address === undefined ? undefined : `address/${entry.address}`;
    case "target":
      return entry.target;
  }
}

/** In order: when a match up to each step began, at the latest; null: there is none. In any order: the newest times of
 *  each step. */
type RuleRow = readonly (number | null)[] | readonly (readonly number[])[];

/** The detector of a rule. */
export function ruleDetector(rule: RuleSteps): Detector {
  const spanMs = rule.withinMinutes * 60_000;
  const found = { title: `Everything that the rule asks for came within ${rule.withinMinutes} minutes` };
  const single = rule.steps.flatMap((step) => Array.from({ length: step.count ?? 1 }, () => step));

  const inOrder: Detector<readonly (number | null)[]>["step"] = (row, entry) => {
    const began: (number | null)[] = single.map((_, at) => row?.[at] ?? null);
    // From behind: an entry is one step of a match, not several.
    for (let at = single.length - 1; at >= 0; at -= 1) {
      if (!isStep(single[at] as RuleStep, entry)) continue;
      const from = at === 0 ? entry.atMs : (began[at - 1] ?? null);
      if (from !== null) began[at] = Math.max(from, began[at] ?? from);
    }
    const from = began.at(-1) ?? null;
    return from !== null && entry.atMs - from <= spanMs ? { row: null, found } : { row: began };
  };

  const inAnyOrder: Detector<readonly (readonly number[])[]>["step"] = (row, entry) => {
    const times = rule.steps.map((step, at) => {
      const before = row?.[at] ?? [];
      if (!isStep(step, entry)) return before;
      return [...before, entry.atMs].toSorted((one, other) => one - other).slice(-(step.count ?? 1));
    });
    const newestMs = Math.max(...times.flat());
    const isFound = rule.steps.every(({ count = 1 }, at) => {
      const [oldest] = times[at] ?? [];
      return (times[at]?.length ?? 0) === count && newestMs - (oldest as number) <= spanMs;
    });
    return isFound ? { row: null, found } : { row: times };
  };

  return {
    subjects(entry) {
      const subject = rule.steps.some((step) => isStep(step, entry)) ? subjectOf(rule.by, entry) : undefined;
      return subject === undefined ? [] : [subject];
    },
    step: (row, entry, at) =>
      rule.ordered === true
        ? inOrder(row as readonly (number | null)[] | undefined, entry, at)
        : inAnyOrder(row as readonly (readonly number[])[] | undefined, entry, at),
  } satisfies Detector<RuleRow> as Detector;
}
