/** Where a node's page and API are, for people and their clients. */
export interface NodePlace {
  /** What people call the node. */
  readonly name: string;
  readonly url: string;
}

/** Of the nodes that a node has listed, those at which a client that reached it at `current` may go on: it will send its
 *  session there. So none where the way there is weaker (plain HTTP after HTTPS), and no loopback address learned from a
 *  node elsewhere: on this machine somebody else may listen there. The address in use is left out. */
export function otherNodes(nodes: readonly NodePlace[], current: string): readonly NodePlace[] {
  const from = webAddress(current);
  if (from === undefined) return [];
  const seen = new Set([from.origin]);
  // The first is the node that answered, whatever address it knows itself by.
  return nodes.slice(1).filter((node) => {
    const to = webAddress(node.url);
    if (to === undefined || seen.has(to.origin)) return false;
    if (from.protocol === "https:" && to.protocol !== "https:") return false;
    if (isLoopback(to.hostname) && !isLoopback(from.hostname)) return false;
    seen.add(to.origin);
    return true;
  });
}

function webAddress(text: string): URL | undefined {
  try {
    const url = new URL(text);
    return url.protocol === "http:" || url.protocol === "https:" ? url : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a URL's host is the machine itself. */
export const isLoopback = (hostname: string): boolean =>
  /^(?:localhost|.+\.localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(hostname);
