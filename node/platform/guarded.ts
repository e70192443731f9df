/** Posts to addresses that strangers name: by https, to the internet and never to a network of one's own. The address
 *  that a name stands for is looked at where the connection is made, so that no second answer of the name's server
 *  leads elsewhere; no redirection is followed. */
import { lookup } from "node:dns";
import { request } from "node:https";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { isPrivateAddress } from "../../protocols/index.ts";
import { platformLimits } from "./limits.ts";

const reserved = new BlockList();
for (const [net, bits] of [
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
] as const)
  reserved.addSubnet(net, bits, "ipv4");
const global = new BlockList();
global.addSubnet("2000::", 3, "ipv6");
// They carry addresses of IPv4 in them, and examples.
for (const [net, bits] of [
  ["2001::", 32],
  ["2001:db8::", 32],
  ["2002::", 16],
] as const)
  reserved.addSubnet(net, bits, "ipv6");

/** Whether an address is one of the internet's. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !isPrivateAddress(address) && !reserved.check(address, "ipv4");
  return family === 6 && global.check(address, "ipv6") && !reserved.check(address, "ipv6");
}

/** What was answered: only the status, and when to come again. */
interface GuardedAnswer {
  readonly status: number;
  readonly retryAfter?: string;
}

/** How it is posted. */
export interface GuardedPost {
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Tests alone reach their own machine. */
  readonly mayReach?: (address: string) => boolean;
  /** The certificate that tests trust. */
  readonly ca?: string;
}

class Forbidden extends Error {
  constructor() {
    super("its address is not one of the internet");
  }
}

/** Posts. Rejects where nobody answers in time, and where the address is none of the internet. */
export async function postGuarded(
  url: string,
  body: Uint8Array,
  { headers, timeoutMs, mayReach = isPublicAddress, ca }: GuardedPost,
): Promise<GuardedAnswer> {
  const { protocol, hostname, port, pathname, search, username, password } = new URL(url);
  if (protocol !== "https:" || username !== "" || password !== "") throw new Forbidden();
  const host = hostname.replaceAll(/[[\]]/g, "");
  // An address is connected to without being looked up.
  if (isIP(host) > 0 && !mayReach(host)) throw new Forbidden();
  const guarded: LookupFunction = (name, options, done) => {
    lookup(name, { ...options, all: true }, (error, found) => {
      const [first] = error === null ? found : [];
      if (error !== null || first === undefined) return done(error ?? new Forbidden(), []);
      if (!found.every(({ address }) => mayReach(address))) return done(new Forbidden(), []);
      if (options.all === true) done(null, found);
      else done(null, first.address, first.family);
    });
  };
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        host,
        port: port === "" ? 443 : Number(port),
        path: pathname + search,
        method: "POST",
        lookup: guarded,
        headers: { ...headers, "content-length": String(body.length) },
        agent: false,
        maxHeaderSize: platformLimits.guardedHeadBytesMax,
        signal: AbortSignal.timeout(timeoutMs),
        ...(ca !== undefined && { ca }),
      },
      (answer) => {
        const retryAfter = answer.headers["retry-after"];
        // What it says beyond that is not read.
        answer.destroy();
        resolve({ status: answer.statusCode ?? 0, ...(retryAfter !== undefined && { retryAfter }) });
      },
    );
    asked.on("error", reject);
    asked.end(body);
  });
}
