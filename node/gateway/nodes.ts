import type { NodePlace } from "../../protocols/index.ts";

/** What a client is told about where it may go on: the node that answers, then at most `max - 1` others by name,
 *  beginning with the one after it. So each node names others first, and the clients of one that dies do not all go to
 *  the same. */
export function listNodes(own: NodePlace, others: readonly NodePlace[], max: number): readonly NodePlace[] {
  const byName = others.toSorted((left, right) => (left.name < right.name ? -1 : 1));
  const after = byName.findIndex(({ name }) => name > own.name);
  const turned = after < 0 ? byName : [...byName.slice(after), ...byName.slice(0, after)];
  return [own, ...turned.slice(0, Math.max(0, max - 1))];
}
