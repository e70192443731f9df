import { otherNodes, type NodePlace } from "../../../protocols/nodes.ts";

const storageKey = "plexus.nodes";

/** Keeps what the node said about others: it is needed when the node can no longer be asked. */
export function rememberNodes(nodes: readonly NodePlace[]): void {
  try {
    localStorage.setItem(storageKey, JSON.stringify(nodes));
  } catch {
    // Private windows of some browsers throw here; the only loss is the memory.
  }
}

/** The nodes whose pages can take the place of this one. */
export function rememberedNodes(): readonly NodePlace[] {
  try {
    const nodes: unknown = JSON.parse(localStorage.getItem(storageKey) ?? "[]");
    return Array.isArray(nodes) ? otherNodes(nodes.filter(isPlace), location.origin) : [];
  } catch {
    return [];
  }
}

function isPlace(value: unknown): value is NodePlace {
  const { name, url } = (value ?? {}) as Partial<Record<keyof NodePlace, unknown>>;
  return typeof name === "string" && typeof url === "string";
}
