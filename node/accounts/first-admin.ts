/** What a node tells the role-manager of its start, and asks of it: whether the cluster has its first admin. */
import type { Config } from "../../config/index.ts";
import { everyModel, failure, PlexusError, type ClusterView } from "../../protocols/index.ts";
import type { Kernel } from "../kernel/api.ts";
import type { Clock, MemberRecord } from "../ports/index.ts";
import { startLimits } from "./limits.ts";

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
