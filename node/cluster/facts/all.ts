/** What a node reads of the directory besides who owns what: one watch for each subject. */
import { watchAuditRules } from "./audit-rules.ts";
import { watchBudgets } from "./budgets.ts";
import { watchControlTokens } from "./control-tokens.ts";
import { watchEndpoints } from "./endpoints.ts";
import { watchGroups } from "./groups.ts";
import { watchIdentity } from "./identity.ts";
import { watchIdentityProviders } from "./identity-providers.ts";
import { watchModelRoutes } from "./model-routes.ts";
import { watchPolicy } from "./policy.ts";
import type { Policy } from "./records.ts";
import { watchRoles } from "./roles.ts";
import { watchTokenKeys } from "./token-keys.ts";
import { watchTrust } from "./trust.ts";
import type { Clock, Directory, Membership, NodeId } from "../../ports/index.ts";

/** What the watches need. */
interface FactPorts {
  readonly node: NodeId;
  readonly clock: Clock;
  /** What this node's configuration says of copies. */
  readonly policy: Policy;
  readonly membership: Pick<Membership, "members">;
}

/** The facts by their subject. */
export type ClusterFacts = ReturnType<typeof watchSubjects>;

function watchSubjects(directory: Directory, { node, clock, policy, membership }: FactPorts) {
  return {
    policy: watchPolicy(directory, policy),
    modelRoutes: watchModelRoutes(directory),
    identityRule: watchIdentity(directory),
    clusterRoles: watchRoles(directory),
    controlTokens: watchControlTokens(directory, clock),
    auditRules: watchAuditRules(directory),
    identityProviders: watchIdentityProviders(directory),
    endpoints: watchEndpoints(directory),
    budgets: watchBudgets(directory),
    groups: watchGroups(directory),
    trust: watchTrust(directory),
    tokenKeys: watchTokenKeys(directory, {
      node,
      isMember: (one) => membership.members().members.some((member) => member.node === one),
    }),
  };
}

/** Starts the watches. */
export function watchFacts(
  directory: Directory,
  ports: FactPorts,
): { readonly facts: ClusterFacts; readonly stop: () => void } {
  const facts = watchSubjects(directory, ports);
  return {
    facts,
    stop() {
      for (const fact of Object.values(facts)) fact.stop();
    },
  };
}
