/** Tries a rule on entries of the past: what it would have found, had it been on. */
import type { AuditRecord, Finding, RuleBody, RuleTried } from "../../protocols/index.ts";
import { Fold, ruleReader } from "./fold.ts";
import { watchLimits, type WatchLimits } from "./limits.ts";

/** Folds entries, the oldest first, with this rule alone. */
export async function tryRule(
  rule: RuleBody,
  entries: AsyncIterable<AuditRecord>,
  sinceMs: number,
  limits: Pick<WatchLimits, "triedEntries" | "triedFindings"> = watchLimits,
): Promise<RuleTried> {
  const fold = new Fold([ruleReader({ ...rule, name: "trial" })]);
  const findings: Finding[] = [];
  let [found, looked, untilMs] = [0, 0, sinceMs];
  for await (const entry of entries) {
    if (looked >= limits.triedEntries) return { findings, found, looked, sinceMs, untilMs, cut: true };
    looked += 1;
    untilMs = entry.atMs;
    for (const one of fold.take(entry)) {
      found += 1;
      findings.push(one);
      if (findings.length > limits.triedFindings) findings.shift();
    }
    // A trial keeps no rows.
    fold.changes();
  }
  return { findings, found, looked, sinceMs, untilMs, cut: false };
}
