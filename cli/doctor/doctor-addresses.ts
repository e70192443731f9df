import { connect } from "node:net";
import type { ClusterNodeRow, ClusterSummary } from "../../protocols/index.ts";
import type { Check } from "./check.ts";
import { cliLimits } from "../limits.ts";
import { counted, describeRefusal } from "../terminal/output.ts";
import { withoutControls } from "../terminal/printable.ts";

/** What came of trying an address of a node from this machine. */
interface TriedAddress {
  readonly address: string;
  /** Why nothing takes a connection there; absent: something does. */
  readonly because?: string;
}

/** Tries one address. */
type TryAddress = (address: string) => Promise<TriedAddress>;

const name = "Addresses";

/** Tries where the nodes of a cluster look for each other. Connections that last hide an address that is wrong, until
 *  they end: then the node is not found again, and neither is one whose own address is gone. A node alone is looked for
 *  by nobody. */
export async function addressChecks(
  { nodes }: ClusterSummary,
  attempt: TryAddress = tryAddress,
): Promise<readonly Check[]> {
  const own = nodes.find(({ self }) => self);
  if (nodes.length < 2 || own === undefined) return [];
  const others = nodes.filter(({ self }) => !self).slice(0, cliLimits.addressNodesMax - 1);
  const looked = await Promise.all(
    [own, ...others].map(async (node) => {
      const addresses = (node.addresses ?? []).map((address) => withoutControls(address));
      // What leads here leads to nobody else.
      const others = addresses.filter((address) => node.self || own.addresses?.includes(address) !== true);
      return { node, tried: await Promise.all(others.map(attempt)) };
    }),
  );
  const faults = looked.flatMap(({ node, tried }) => faultOf(node, tried) ?? []);
  if (faults.length > 0) return faults;
  return [
    { name, state: "good", says: `${counted(looked.length, "node")} can be found at what the others know of them` },
  ];
}

/** What is wrong with the addresses of a node; undefined: it is found. */
function faultOf(node: ClusterNodeRow, tried: readonly TriedAddress[]): Check | undefined {
  // One of an older version does not say them, and one that is down by all that is known is told of already.
  if (node.addresses === undefined) return undefined;
  const silent = tried.filter(({ because }) => because !== undefined);
  const isFound = silent.length < tried.length;
  const each = silent.map(({ address, because }) => `${address} (${because})`).join(", ");
  const at =
    silent.length > 0 ? `: ${each}` : node.self ? ": it has not told its address" : ": this node itself listens there";
  const called = withoutControls(node.name);
  if (node.self)
    return isFound
      ? undefined
      : {
          name,
          state: "bad",
          says: `other nodes look for ${called}, which runs here, where nothing answers${at}`,
          hint: ownHint,
        };
  if (node.up)
    return isFound
      ? undefined
      : {
          name,
          state: "warning",
          says: `${called} is connected, and could not be found again: nothing answers where it is looked for${at}`,
          hint: otherHint,
        };
  return isFound
    ? {
        name,
        state: "warning",
        says:
          `${called} is down from here, though something answers where it is looked for: another program, or a ` +
          "node that refuses this one",
        hint: "See the log of both nodes (mesh.peer.refused), and what listens there.",
      }
    : {
        name,
        state: "warning",
        says: `${called} is down, and nothing answers where it is looked for${at}`,
        hint: otherHint,
      };
}

const ownHint =
  "If this machine has another address now, start the node again; where it was given addresses, with the new " +
  "ones (--mesh-host, --announce). Is it the address of a router, try it from another machine: nc -vz HOST PORT";
const otherHint =
  "If it has another address now, start it again there, so that it says so; one that is shown by plexus status " +
  "at that node can be given here with --peer. Else a firewall is in the way.";

/** Whether something takes a TCP connection at an address of the mesh. */
export function tryAddress(address: string): Promise<TriedAddress> {
  const [, host, port] = /^\/(?:ip4|ip6|dns|dns4|dns6)\/([^/]+)\/tcp\/(\d+)/.exec(address) ?? [];
  // Another way of reaching a node is not tried, and is no fault.
  if (host === undefined) return Promise.resolve({ address });
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port), timeout: cliLimits.addressTimeoutMs });
    const end = (because?: string): void => {
      socket.destroy();
      resolve({ address, ...(because !== undefined && { because }) });
    };
    socket.once("connect", () => end());
    socket.once("timeout", () => end("no answer"));
    socket.once("error", (error) => end(describeRefusal(error)));
  });
}
