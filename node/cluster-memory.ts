/** What the cluster remembers of itself: this node's questions to the role-manager actor. */
import type { Config } from "../config/index.ts";
import { PlexusError, type ClusterView } from "../protocols/index.ts";
import type { Kernel } from "./kernel/index.ts";
import type { MemberRecord } from "./ports.ts";

const askTimeoutMs = 10_000;

/** Tells it that this node has started, with what. Rejects with why it was not told. */
export async function registerNode(
  kernel: Kernel,
  facts: { readonly row: MemberRecord; readonly config: Config; readonly adminCodeHash: string | undefined },
): Promise<void> {
  const { node, roles, labels } = facts.row;
  const message = {
    type: "nodeStarted",
    node,
    roles,
    // Those it is there to serve; its row says which it does serve at the moment.
    models: roles.includes("ai") ? facts.config.models.map((model) => model.name) : [],
    labels,
    ...(facts.adminCodeHash !== undefined && { adminCodeHash: facts.adminCodeHash }),
  };
  const told = await kernel.ask({ to: "role-manager/cluster", from: "node", message, timeoutMs: askTimeoutMs });
  if (!told.ok) throw new PlexusError(told.error);
}

/** Longest text of an entry of the audit; see `roleManagerCommands.audit`. */
const auditTextMax = { by: 128, fact: 256 };

/** Has the cluster remember what was done to it. Nobody waits: what was done is done, and is in the log as well. */
export function audit(
  kernel: Kernel,
  entry: { readonly action: string; readonly by: string; readonly facts: Readonly<Record<string, string>> },
  operationId?: string,
): void {
  const facts = Object.entries(entry.facts).map(([name, text]) => [name, text.slice(0, auditTextMax.fact)] as const);
  kernel.tell({
    to: "role-manager/cluster",
    from: "node",
    message: {
      type: "audit",
      action: entry.action,
      by: entry.by.slice(0, auditTextMax.by),
      facts: Object.fromEntries(facts),
    },
    ...(operationId !== undefined && { operationId }),
  });
}

/** The cluster as it is remembered. Rejects with why nobody told. */
export async function describeCluster(kernel: Kernel): Promise<ClusterView> {
  const message = { type: "describe" };
  const answer = await kernel.ask({ to: "role-manager/cluster", from: "node", message, timeoutMs: askTimeoutMs });
  if (!answer.ok) throw new PlexusError(answer.error);
  return answer.value as ClusterView;
}
