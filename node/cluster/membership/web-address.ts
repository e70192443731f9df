import { isEverywhere } from "../../../config/index.ts";
import { isLoopback, type NodePlace } from "../../../protocols/index.ts";
import type { MemberRecord } from "../../ports/index.ts";

/** The address of a node's page and API as others reach it. A gateway that listens everywhere calls itself by a
 *  loopback address, which leads nowhere from another machine: the first address at which the node's mesh is announced
 *  takes its place, else one of the machine's own. A machine that has none is reached by itself alone. A gateway that
 *  only its own machine reaches is behind a proxy where the node itself has a public address: others reach it there. */
export function webAddressFor(
  url: string,
  at: {
    /** It listens at all addresses of its machine. */
    readonly everywhere: boolean;
    readonly mesh: readonly string[];
    /** The machine's, without those of the loopback. */
    readonly own: readonly string[];
    /** Where people find the page, as this node's own configuration says; that of the whole cluster says nothing of one
     *  node. */
    readonly publicUrl?: string | undefined;
  },
): string {
  const address = new URL(url);
  if (!at.everywhere) return isLoopback(address.hostname) ? (at.publicUrl ?? url) : url;
  // A node that listens at all addresses of IPv4 has none of IPv6; the other way round both are served.
  const isServed = (host: string): boolean => !host.startsWith("[") || address.hostname.startsWith("[");
  const own = at.own.map((one) => (one.includes(":") ? `[${one}]` : one));
  const hosts = [...at.mesh.map(hostOf), ...own].filter((host) => host !== undefined);
  const host = hosts.find((found) => !isLoopback(found) && isServed(found));
  return host === undefined ? url : `${address.protocol}//${host}:${address.port}`;
}

/** The same of a place without a scheme, `0.0.0.0:7080`, as others reach it. */
export function placeFor(place: string, at: Omit<Parameters<typeof webAddressFor>[1], "everywhere">): string {
  const host = place.slice(0, place.lastIndexOf(":")).replaceAll(/[[\]]/g, "");
  const here = place.replace(/^0\.0\.0\.0:/, "127.0.0.1:").replace(/^\[::\]:/, "[::1]:");
  // A scheme of which no port is the usual one, so that the port stays in the text.
  return webAddressFor(`grpc://${here}`, { ...at, everywhere: isEverywhere(host) }).slice("grpc://".length);
}

/** Where clients may go on, of these members: those that serve clients, take new ones, and can be reached at their
 *  address. One that listens on its own machine only is named while all of its mesh is on one machine; elsewhere its
 *  address would lead a client, and its session with it, to a stranger. */
export const placesOf = (members: readonly MemberRecord[]): readonly NodePlace[] =>
  members
    .filter(({ roles, state }) => state === "active" && roles.includes("gateway"))
    .filter(({ url, addresses }) => {
      // Empty until the node has told the directory where it listens.
      const address = URL.parse(url);
      return address !== null && (!isLoopback(address.hostname) || addresses.every(isLocal));
    })
    .map(({ name, url }) => ({ name, url }));

/** Whether an address of the mesh leads nowhere from another machine. */
export const isLocal = (multiaddr: string): boolean => {
  const host = hostOf(multiaddr);
  return host === undefined || isLoopback(host);
};

/** As it stands in a URL; undefined where the multiaddr names no host that could be reached. */
function hostOf(multiaddr: string): string | undefined {
  const [, protocol, host] = /^\/(ip4|ip6|dns[46]?)\/([^/]+)(?:\/|$)/.exec(multiaddr) ?? [];
  if (protocol === undefined || host === undefined) return undefined;
  const inUrl = protocol === "ip6" ? `[${host}]` : host;
  return /^(?:0\.0\.0\.0|\[::\]|\[fe80:.*\])$/i.test(inUrl) ? undefined : inUrl;
}
