/** What was done to the cluster, as all its admins read it: an entry of the role-manager's audit, and a notice. The
 *  signed log of this node (`book.ts`) has what was done here. */
import { auditActionOf, type Noticed } from "../../protocols/index.ts";
import type { Kernel } from "../kernel/api.ts";

/** Longest text of an entry of the audit; see `roleManagerCommands.audit`. */
const auditTextMax = { by: 128, fact: 256, facts: 16 };

/** Of what has power all admins are told who did it, and what that is, whichever way it was done
 *  (docs/decisions/0109-power-is-a-column.md). */
function toldOf<
  Entry extends {
    readonly action: string;
    readonly by: string;
    readonly facts: Readonly<Record<string, string>>;
    readonly tell?: Noticed;
  },
>(entry: Entry): Entry {
  const row = auditActionOf(entry.action);
  if (row === undefined || row.power === "none") return entry;
  const facts = Object.entries({ by: entry.by, does: row.for, ...entry.facts }).slice(0, auditTextMax.facts);
  return { ...entry, facts: Object.fromEntries(facts), tell: { people: entry.tell?.people ?? [], admins: true } };
}

/** For the durable audit of what admins did. `by` names the admin, where the command said so; `tell` the people who are
 *  told of it. */
export type Changed = (
  kernel: Pick<Kernel, "tell">,
  action: string,
  facts: Readonly<Record<string, string>>,
  by: string | undefined,
  tell?: Noticed,
) => void;

/** Has the cluster remember what was done to it. Nobody waits: what was done is done, and is in the log as well. */
export function tellCluster(
  kernel: Pick<Kernel, "tell">,
  asked: {
    readonly action: string;
    readonly by: string;
    readonly facts: Readonly<Record<string, string>>;
    readonly tell?: Noticed;
  },
  operationId?: string,
): void {
  const entry = toldOf(asked);
  const facts = Object.entries(entry.facts).map(([name, text]) => [name, text.slice(0, auditTextMax.fact)] as const);
  kernel.tell({
    to: "role-manager/cluster",
    from: "node",
    message: {
      type: "audit",
      action: entry.action,
      by: entry.by.slice(0, auditTextMax.by),
      facts: Object.fromEntries(facts),
      ...(entry.tell && { tell: entry.tell }),
    },
    ...(operationId !== undefined && { operationId }),
  });
}
