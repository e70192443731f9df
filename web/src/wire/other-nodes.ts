import { otherNodes, type NodePlace } from "../../../protocols/admin/nodes.ts";
import { ownPlace } from "./place.ts";
import { call } from "./rest.ts";
import { shelf } from "./storage.ts";

const storageKey = "plexus.nodes";

/** Keeps what the node said about others: it is needed when the node can no longer be asked. */
export function rememberNodes(nodes: readonly NodePlace[]): void {
  shelf.write(storageKey, JSON.stringify(nodes));
}

/** Has the node say which others are up by now. One that does not answer says nothing, and what is remembered
 *  stands. */
export async function refreshNodes(): Promise<void> {
  const answer = await call("nodes.list");
  // Something between may have answered in the node's place.
  const nodes: unknown = answer.ok && answer.value.nodes;
  if (Array.isArray(nodes)) rememberNodes(nodes.filter(isPlace));
}

/** The nodes whose pages can take the place of this one. */
export function rememberedNodes(): readonly NodePlace[] {
  try {
    const nodes: unknown = JSON.parse(shelf.read(storageKey) ?? "[]");
    return Array.isArray(nodes) ? otherNodes(nodes.filter(isPlace), ownPlace()) : [];
  } catch {
    return [];
  }
}

function isPlace(value: unknown): value is NodePlace {
  const { name, url } = (value ?? {}) as Partial<Record<keyof NodePlace, unknown>>;
  return typeof name === "string" && typeof url === "string";
}
