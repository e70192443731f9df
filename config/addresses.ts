/** Whether addresses that the schema takes can be addresses at all. It is asked before a node does anything: an
 *  invitation that is redeemed for a node that cannot listen then is used up, and leaves a member in the list that
 *  never comes. */
import { isIP } from "node:net";

/** Where a node listens for others, and what it tells them. */
interface MeshPlaces {
  readonly host?: string;
  readonly port?: number;
  readonly announce?: readonly string[];
  readonly peers?: readonly string[];
}

/** The host to listen at or to go to for a name that is typed. `localhost` is this machine whether or not something
 *  resolves it: a machine on a network without IPv4 may have no entry for it. */
export const hostAddress = (host: string): string => (/^localhost\.?$/i.test(host) ? "127.0.0.1" : host);

/** An address of IPv6 as it stands in a URL: `[::1]` is ::1. */
export const withoutBrackets = (host: string): string => host.replace(/^\[(.*)\]$/, "$1");

/** Whether a listener at this host takes connections to every address of its machine. */
export const isEverywhere = (host: string): boolean => host === "0.0.0.0" || /^[0:]*::[0:]*$/.test(host);

/** What is wrong with the addresses for other nodes; undefined: nothing that can be told without trying. */
export function meshProblem(mesh: MeshPlaces): { readonly field: string; readonly reason: string } | undefined {
  const { host, port = 0, announce = [], peers = [] } = mesh;
  if (host !== undefined && isIP(hostAddress(host)) === 0)
    return { field: "mesh.host", reason: hostProblem(host, port) };
  for (const [field, addresses] of [
    ["mesh.announce", announce],
    ["mesh.peers", peers],
  ] as const)
    for (const [index, address] of addresses.entries()) {
      const reason = multiaddrProblem(address);
      if (reason !== undefined) return { field: `${field}.${index}`, reason: `${address}: ${reason}` };
    }
  return undefined;
}

const nameOfHost = /^(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,62})(\.[a-z0-9]([a-z0-9-]{0,62}))*\.?$/i;

function hostProblem(host: string, port: number): string {
  const listen = "--mesh-host takes an IP address of this machine, like 10.0.0.5, or 0.0.0.0 or :: for all of them";
  if (!nameOfHost.test(host)) return `${host} is not an IP address; ${listen}`;
  const name = host.replace(/\.$/, "");
  return (
    `${host} is a name; ${listen}; --announce /dns/${name}/tcp/${port === 0 ? "PORT" : port} tells other nodes ` +
    "the name"
  );
}

/** What the pattern of a multiaddr leaves open. */
function multiaddrProblem(address: string): string | undefined {
  const [, kind, host = "", port] = /^\/(ip4|ip6|dns[46]?)\/([^/]+)\/tcp\/(\d+)/.exec(address) ?? [];
  if (port === undefined || Number(port) > 65_535 || Number(port) === 0) return "a port is a number from 1 to 65535";
  if (kind === "ip4" && isIP(host) !== 4) return `${host} is not an IPv4 address; a name is /dns/${host}/tcp/${port}`;
  if (kind === "ip6" && isIP(host) !== 6) return `${host} is not an IPv6 address; a name is /dns/${host}/tcp/${port}`;
  if (kind?.startsWith("dns") && (isIP(host) !== 0 || !nameOfHost.test(host)))
    return isIP(host) === 0 ? `${host} is not the name of a host` : `${host} is an address: /ip${isIP(host)}/${host}`;
  return undefined;
}
