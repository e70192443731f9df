/** Where a node's page and API are, for people and their clients. */
export interface NodePlace {
  /** What people call the node. */
  readonly name: string;
  readonly url: string;
}

/** What is at `path` of the node whose address is `place`. A proxy may have put the node below a path: then its address
 *  ends with that. */
export function urlAt(place: string, path: string): URL {
  const { origin, pathname } = new URL(place);
  return new URL(`${origin}${pathname.replace(/\/+$/, "")}${path}`);
}

/** A node's address as one text, however it was written: what tells two nodes apart. */
export const placeOf = (place: string): string => urlAt(place, "").href.replace(/\/$/, "");

/** Of the nodes that a node has listed, those at which a client that reached it at `current` may go on: it will send
 *  its session there. So none where the way there is weaker (plain HTTP after HTTPS), and no loopback address learned
 *  from a node elsewhere: on this machine somebody else may listen there. The address in use is left out. */
export function otherNodes(nodes: readonly NodePlace[], current: string): readonly NodePlace[] {
  const from = webAddress(current);
  if (from === undefined) return [];
  const seen = new Set([placeOf(current)]);
  // The first is the node that answered, whatever address it knows itself by.
  return nodes.slice(1).filter((node) => {
    const to = webAddress(node.url);
    if (to === undefined || seen.has(placeOf(node.url))) return false;
    if (from.protocol === "https:" && to.protocol !== "https:") return false;
    if (isLoopback(to.hostname) && !isLoopback(from.hostname)) return false;
    seen.add(placeOf(node.url));
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

/** Whether an IP address is of this machine or of a network that the internet does not route to: loopback, link-local,
 *  private, unique local, and the range of carriers, which overlay networks use. What is no address is none of
 *  these. */
export function isPrivateAddress(address: string): boolean {
  const text = address.toLowerCase().replace(/^::ffff:(?=\d+\.)/, "");
  if (text.includes(":")) return text === "::" || text === "::1" || /^(?:f[cd]|fe[89ab])[0-9a-f]{0,2}:/.test(text);
  const parts = text.split(".").map(Number);
  if (parts.length !== 4 || !parts.every((part) => Number.isInteger(part) && part >= 0 && part <= 255)) return false;
  const [first = 0, second = 0] = parts;
  return (
    [0, 10, 127].includes(first) ||
    (first === 172 && second >= 16 && second < 32) ||
    (first === 192 && second === 168) ||
    (first === 169 && second === 254) ||
    (first === 100 && second >= 64 && second < 128)
  );
}
