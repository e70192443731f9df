/** Links between the nodes of a cluster that can be cut, each direction for itself. Nothing is told to either end: what is sent
 *  into a cut link just does not arrive.
 *
 *  Two ways to lay them. Network namespaces lose packets, as a broken cable does; they need Linux and root. Proxies stop
 *  passing on what they read, so that TCP stays up and fills; they work on any Linux. */
import type { Seating } from "./cluster-processes.ts";
import { layNamespaces, missingForNamespaces } from "./links-namespaces.ts";
import { layProxies, missingForProxies } from "./links-proxies.ts";

export interface Links extends Seating, AsyncDisposable {
  /** From now on nothing that one node sends to the other arrives. Names of nodes that have a seat. */
  cut(from: string, to: string): void;
  /** All is well again. */
  mend(): void;
}

export interface Laying {
  readonly kind: string;
  /** Why it cannot be done on this machine. */
  readonly missing: () => string | undefined;
  readonly lay: () => Promise<Links>;
}

export const layings: readonly Laying[] = [
  { kind: "packets are lost", missing: missingForNamespaces, lay: layNamespaces },
  { kind: "connections stall", missing: missingForProxies, lay: layProxies },
];

/** Cuts a node off from others, both ways. */
export function isolate(links: Links, name: string, from: readonly string[]): void {
  for (const other of from) {
    if (other === name) continue;
    links.cut(name, other);
    links.cut(other, name);
  }
}
