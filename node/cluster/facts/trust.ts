/** What audits have shown of the nodes that keep shards, as every node knows it. The controller writes it
 *  (`node/cluster/placement/trusting.ts`). */
import type { TrustState } from "../../../protocols/index.ts";
import type { Directory, NodeId } from "../../ports/index.ts";
import { watchNamedRows, type NamedRows } from "./named-rows.ts";
import { asTrust, trustPrefix, type TrustRow } from "./records.ts";

export interface Trust extends Pick<NamedRows<TrustRow>, "current" | "onChange" | "stop"> {
  /** Undefined: nothing is written down of any node yet. */
  of(node: NodeId): TrustState | undefined;
}

/** Nodes of which it may be written down. */
const trustRowsMax = 1_024;

/** Begins to watch the rows. */
export function watchTrust(directory: Directory): Trust {
  const rows = watchNamedRows<TrustRow>(directory, {
    one: "node",
    prefix: trustPrefix,
    read: asTrust,
    limit: { trustRowsMax },
  });
  return {
    current: () => rows.current(),
    onChange: (listener) => rows.onChange(listener),
    stop: () => rows.stop(),
    of(node) {
      const known = rows.current();
      // One that has just come is not looked at yet.
      return known.find(({ name }) => name === node)?.state ?? (known.length === 0 ? undefined : "new");
    },
  };
}
