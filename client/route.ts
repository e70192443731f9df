import { otherNodes, placeOf, type NodePlace } from "../protocols/admin/nodes.ts";

/** Where a client connects to: the addresses it knows, the one in use first, and how many attempts were made in turn
 *  since it was last connected. */
export interface Route {
  readonly addresses: readonly string[];
  readonly attempts: number;
}

/** The addresses that somebody gave, each once. */
export const routeOf = (given: readonly string[]): Route => ({ addresses: distinct(given), attempts: 0 });

/** What is known once a node has answered at `address`: that one, the others it names, and those that were given.
 *  `chance` in [0, 1) says with which of the others to begin, so that the clients of a node that dies spread. */
export function routeFrom(
  address: string,
  known: { readonly nodes: readonly NodePlace[]; readonly given: readonly string[]; readonly chance: number },
): Route {
  const others = otherNodes(known.nodes, address).map(({ url }) => url);
  const first = Math.floor(known.chance * others.length);
  const turned = [...others.slice(first), ...others.slice(0, first)];
  return { addresses: distinct([address, ...turned, ...known.given]), attempts: 0 };
}

/** The address of the next attempt: the node in use once, then the others in turn, and from the beginning again. */
export const nextAddress = ({ addresses, attempts }: Route): string => addresses[attempts % addresses.length] ?? "";

/** How often every address was tried already: what the pauses grow with. */
export const roundsOf = ({ addresses, attempts }: Route): number => Math.floor(attempts / addresses.length);

export const attempted = (route: Route): Route => ({ ...route, attempts: route.attempts + 1 });

function distinct(addresses: readonly string[]): readonly string[] {
  const byPlace = new Map<string, string>();
  for (const address of addresses) {
    const place = placeOf(address);
    if (!byPlace.has(place)) byPlace.set(place, address);
  }
  return [...byPlace.values()];
}
