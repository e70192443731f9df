/** What the cluster remembers of itself: this node's questions to the role-manager actor. */
import type { Config } from "../../config/index.ts";
import { auditPageOf, auditRange, type AuditQuery } from "../../actors/role-manager/index.ts";
import {
  auditActionOf,
  everyModel,
  failure,
  ownSlot,
  PlexusError,
  slotOf,
  type AuditPage,
  type ClusterView,
  type Noticed,
} from "../../protocols/index.ts";
import type { Kernel } from "../kernel/index.ts";
import { startLimits } from "../composition/limits.ts";
import type { Clock, MemberRecord } from "../ports/index.ts";
import type { SlotTable } from "../cluster/facts/slot-table.ts";
import type { Journal } from "../storage/index.ts";

const askTimeoutMs = 10_000;

/** Tells it that this node has started, with what, until it has heard: it may be away now, or too few copies be in
 *  sync. `attempted` is of the first attempt, and rejects with why it failed. */
export function registerNode(
  at: { readonly kernel: Pick<Kernel, "ask">; readonly clock: Pick<Clock, "after"> },
  facts: { readonly row: MemberRecord; readonly config: Config; readonly adminCodeHash: string | undefined },
): { readonly attempted: Promise<void>; stop(): void } {
  const { node, roles, labels } = facts.row;
  const message = {
    type: "nodeStarted",
    node,
    roles,
    // Those it is there to serve; its row says which it does serve at the moment.
    models: roles.includes("ai")
      ? facts.config.models.filter(({ model }) => model !== everyModel).map(({ name }) => name)
      : [],
    labels,
    ...(facts.adminCodeHash !== undefined && { adminCodeHash: facts.adminCodeHash }),
  };
  let stopped = false;
  let cancel = (): void => undefined;
  const attempt = async (): Promise<void> => {
    const told = await at.kernel.ask({ to: "role-manager/cluster", from: "node", message, timeoutMs: askTimeoutMs });
    if (told.ok) return;
    if (!stopped) cancel = at.clock.after(startLimits.registerPauseMs, () => void attempt().catch(() => undefined));
    throw new PlexusError(told.error);
  };
  return {
    attempted: attempt(),
    stop() {
      stopped = true;
      cancel();
    },
  };
}

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
  kernel: Kernel,
  action: string,
  facts: Readonly<Record<string, string>>,
  by: string | undefined,
  tell?: Noticed,
) => void;

/** Has the cluster remember what was done to it. Nobody waits: what was done is done, and is in the log as well. */
export function audit(
  kernel: Kernel,
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

/** A page of the audit as the copy on this node has it, or undefined where this node is no copy in sync, as far as it
 *  knows. A copy in sync has all that was acknowledged; but one that is cut off does not know what came after. Error:
 *  DATA_DAMAGED. */
export async function auditInCopy(
  at: { readonly journal: Journal; readonly table: SlotTable; readonly node: string },
  query: AuditQuery,
): Promise<AuditPage | undefined> {
  const actor = "role-manager/cluster";
  // Moved by hand it has a slot of its own.
  for (const slot of [ownSlot(actor), slotOf("manager", actor)]) {
    const record = at.table.get(slot)?.record;
    if (record === undefined) continue;
    if (!record.inSync.includes(at.node)) return undefined;
    const copy = await at.journal.openSlot(slot);
    return auditPageOf(query, await copy.reader.readSide("record", actor, auditRange(query)));
  }
  return undefined;
}

/** What a node knows of the cluster's first admin. */
export interface FirstAdmin {
  /** Whether the first account is still to come. Error: SLOT_UNAVAILABLE when this node does not know, and the node
   *  that does is away. */
  needed(): Promise<boolean>;
  stop(): void;
}

/** A cluster that has an admin keeps one (actors/role-manager). So that none is needed holds for good: it is kept, also
 *  on the disk, and nobody is asked again, and people come in while the role-manager is on a node that died. Until then
 *  the node looks by itself, so that it knows before that node dies. */
export function followFirstAdmin(at: {
  readonly kernel: Pick<Kernel, "ask">;
  readonly clock: Pick<Clock, "after">;
  /** What was kept. */
  readonly known: boolean;
  keep(): void;
}): FirstAdmin {
  let { known } = at;
  let stopped = false;
  let cancel = (): void => undefined;

  const needed = async (): Promise<boolean> => {
    if (known) return false;
    const message = { type: "describe" };
    const question = {
      to: "role-manager/cluster",
      from: "node",
      message,
      timeoutMs: startLimits.adminAskTimeoutMs,
    } as const;
    const answer = await at.kernel.ask(question);
    if (!answer.ok) {
      const reason =
        "this node does not know yet whether the cluster has an admin, because the manager does not answer; " +
        "try again later";
      throw new PlexusError(failure("SLOT_UNAVAILABLE", { reason, code: answer.error.code }));
    }
    const { adminNeeded } = (answer.value ?? {}) as Partial<ClusterView>;
    // It is kept for good: only what says so is taken for it, and no nonsense of another node.
    if (adminNeeded === false && !known) {
      known = true;
      at.keep();
    }
    return adminNeeded !== false;
  };
  const look = async (): Promise<void> => {
    const isNeeded = await needed().catch(() => true);
    if (isNeeded && !stopped) cancel = at.clock.after(startLimits.adminLookMs, () => void look());
  };
  void look();
  return {
    needed,
    stop() {
      stopped = true;
      cancel();
    },
  };
}
