/** What snapshots refer to. */
import type { NodeLink, Snapshot, StripeName, TreeNode } from "../../../runtimes/backup/index.ts";
import { walkTree, type TreeNodes } from "./tree.ts";

/** Every stripe that some snapshots refer to, with the nodes of their trees, each visited once however many share
 *  it. */
export async function markStripes(
  repository: Pick<TreeNodes, "load">,
  snapshots: readonly Pick<Snapshot, "root" | "cursors">[],
  visit: {
    readonly signal: AbortSignal;
    readonly node?: (node: TreeNode) => void | Promise<void>;
    readonly lost?: (link: NodeLink, error: unknown) => void;
  },
): Promise<Map<string, StripeName>> {
  const stripes = new Map<string, StripeName>();
  const mark = (stripe: StripeName): void => void stripes.set(stripe.id, stripe);
  for (const { root, cursors } of snapshots) {
    mark(cursors.stripe);
    if (root === null) continue;
    await walkTree(repository, root, {
      skip: ({ stripe }: NodeLink) => stripes.has(stripe.id),
      async node({ stripe }, node) {
        visit.signal.throwIfAborted();
        mark(stripe);
        if ("units" in node) for (const { fragments } of node.units) for (const place of fragments) mark(place.stripe);
        await visit.node?.(node);
      },
      ...(visit.lost && { lost: visit.lost }),
    });
  }
  return stripes;
}
