import { isLoopback, type NodePlace } from "../../protocols/index.ts";
import type { MemberRecord } from "../ports.ts";

/** The address of a node's page and API as others reach it. A gateway that listens everywhere calls itself `localhost`, which
 *  leads nowhere from another machine; the first address at which the node's mesh is announced takes its place. */
export function webAddressFor(url: string, meshAddresses: readonly string[]): string {
  const address = new URL(url);
  if (address.hostname !== "localhost") return url;
  const host = meshAddresses.map(hostOf).find((found) => found !== undefined && !isLoopback(found));
  return host === undefined ? url : `${address.protocol}//${host}:${address.port}`;
}

/** Where clients may go on, of these members: those that serve clients, take new ones, and can be reached at their address. One
 *  that listens on its own machine only is named while all of its mesh is on one machine; elsewhere its address would lead a
 *  client, and its session with it, to a stranger. */
export const placesOf = (members: readonly MemberRecord[]): readonly NodePlace[] =>
  members
    .filter(({ roles, state }) => state === "active" && roles.includes("gateway"))
    .filter(({ url, addresses }) => {
      // Empty until the node has told the directory where it listens.
      const address = URL.parse(url);
      return address !== null && (!isLoopback(address.hostname) || addresses.every(isLocal));
    })
    .map(({ name, url }) => ({ name, url }));

const isLocal = (multiaddr: string): boolean => {
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
