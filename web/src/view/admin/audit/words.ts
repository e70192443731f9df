/** The audit, in words. Pure. */
import {
  auditActionOf,
  auditActions,
  auditDone,
  type AuditArea,
  type AuditFacts,
} from "../../../../../protocols/admin/audit.ts";
import type { AuditRecord } from "../../../../../protocols/index.ts";

/** What actions are about, as the page calls it. */
export const areaTitles: Readonly<Record<AuditArea, string>> = {
  signIn: "Sign-in",
  power: "Accounts and power",
  cluster: "The cluster",
  models: "Models",
  backups: "Backups",
  keys: "Keys",
  data: "Exported data",
  audit: "Audit and alerts",
  settings: "Settings",
};

/** All actions by their area. */
export const actionsByArea: readonly {
  readonly area: AuditArea;
  readonly actions: readonly { readonly name: string; readonly title: string }[];
}[] = (Object.keys(areaTitles) as AuditArea[]).map((area) => ({
  area,
  actions: Object.entries(auditActions)
    .filter(([, row]) => row.area === area)
    .map(([name, row]) => ({ name, title: row.for })),
}));

/** What was done; an action of a later version says its name. */
export const actionText = (action: string): string => auditActionOf(action)?.for ?? action;

/** How it ended. */
export const outcomeText = (outcome: string): string => (outcome === auditDone ? "done" : `refused: ${outcome}`);

/** What an entry says of a change, and what else it says. */
interface Told {
  readonly changes: readonly { readonly name: string; readonly before: string; readonly after: string }[];
  readonly others: readonly (readonly [string, string])[];
}

export function toldBy(facts: AuditFacts = {}): Told {
  const names = new Set(Object.keys(facts).flatMap((name) => /^(?:before|after)\.(.+)$/.exec(name)?.[1] ?? []));
  const text = (value: AuditFacts[string] | undefined): string => (value === undefined ? "" : String(value));
  return {
    changes: [...names].map((name) => ({
      name,
      before: text(facts[`before.${name}`]),
      after: text(facts[`after.${name}`]),
    })),
    others: Object.entries(facts).flatMap(([name, value]) =>
      /^(?:before|after)\./.test(name) ? [] : [[name, String(value)] as const],
    ),
  };
}

/** The account that a name of the audit stands for; undefined: none. */
export const userOf = (name: string | undefined): string | undefined =>
  /^user\/([a-z0-9][a-z0-9_-]{0,31})$/.exec(name ?? "")?.[1];

/** What tells one entry from all others. */
export const keyOf = ({ log, seq }: AuditRecord): string => `${log}.${seq}`;
