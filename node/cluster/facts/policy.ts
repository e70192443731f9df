/** What the operators want of every slot: one row of the directory, the same for all nodes.
 *
 *  The manager that begins to act as controller writes there what its configuration says. Until a node has read the
 *  row, its own configuration holds. */
import { ok, PlexusError } from "../../../protocols/index.ts";
import type { Directory } from "../../ports/index.ts";
import { changeRow, watchRow } from "./one-row.ts";
import { asPolicy, policyKey, type Policy } from "./records.ts";

export interface ClusterPolicy {
  /** The policy that holds now. */
  current(): Policy;
  /** Called when the policy that holds is another one. */
  onChange(listener: () => void): () => void;
  /** This node's configuration says this from now on. The node that publishes it for the cluster is asked to. */
  configure(policy: Policy): void;
  /** Called when this node's configuration says something else. */
  onConfigured(listener: () => void): () => void;
  /** Makes this node's configuration the cluster's. Rejects with DIRECTORY_UNAVAILABLE, or OVERLOADED when others keep
   *  writing it. */
  publish(): Promise<void>;
  stop(): void;
}

const same = (one: Policy, other: Policy): boolean =>
  one.replicas === other.replicas && one.minInSync === other.minInSync;

/** Begins to watch the row. */
export function watchPolicy(directory: Directory, first: Policy): ClusterPolicy {
  let configured = first;
  let current = first;
  const publishers = new Set<() => void>();
  const listeners = new Set<() => void>();

  const take = (policy: Policy | undefined): void => {
    const next = policy ?? configured;
    if (same(next, current)) return;
    current = next;
    for (const listener of listeners) listener();
  };
  const stop = watchRow(directory, policyKey, (row) => take(row && asPolicy(row)));

  return {
    current: () => current,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    configure(policy) {
      if (same(policy, configured)) return;
      configured = policy;
      for (const publisher of publishers) publisher();
    },
    onConfigured(listener) {
      publishers.add(listener);
      return () => publishers.delete(listener);
    },
    async publish() {
      const published = await changeRow(directory, policyKey, {
        make(row) {
          const policy = row && asPolicy(row);
          return ok(policy !== undefined && same(policy, configured) ? row?.value : configured);
        },
      });
      if (!published.ok) throw new PlexusError(published.error);
    },
    stop,
  };
}
