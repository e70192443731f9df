import type { IncomingMessage } from "node:http";
import { BlockList, isIP } from "node:net";

/** Where requests come from. */
export interface Addresses {
  /** Where this one does. */
  of(request: IncomingMessage): string;
  /** Whether a proxy that the operator named has this address. */
  isProxy(address: string): boolean;
  /** Looks whether a request was passed on by a proxy that nobody named. Then all its clients count as one, and one of
   *  them can use up what all may do; so it is told, once of each. */
  look(request: IncomingMessage): void;
  /** Those seen so far. */
  unnamed(): readonly string[];
}

/** Anybody can say that he passes something on: so many are told of. */
const unnamedMax = 8;

/** What proxies add to a request to say for whom it is. */
const forwardedHeaders = ["x-forwarded-for", "forwarded", "x-real-ip"] as const;

/** Whether an address is in one of these, which the configuration has checked. */
export function createAddressRule(entries: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = "", bits] = entry.split("/");
    const family = familyOf(address);
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return (address) => {
    const [bare = ""] = address.split("%", 1);
    return isIP(bare) !== 0 && list.check(bare, familyOf(bare));
  };
}

/** Makes the rule that says where a request comes from: from the connected address, and where that is a trusted proxy,
 *  from the address that the proxy names.
 *
 *      X-Forwarded-For: 198.51.100.1, 203.0.113.9, 10.0.0.2     and 10.0.0.3 is connected; 10.0.0.0/8 is trusted
 *                                     ▲ the answer  ◄── read from the right, as far as trusted proxies go
 *
 *  Each proxy adds its peer at the right, so what is left of the first stranger is only what he says. Entries of the
 *  list are addresses and ranges as the configuration checks them. */
export function createAddresses(trustedProxies: readonly string[], tell?: (proxy: string) => void): Addresses {
  const unnamed = new Set<string>();
  const isTrusted = trustedProxies.length === 0 ? () => false : createAddressRule(trustedProxies);
  return {
    isProxy: isTrusted,
    unnamed: () => [...unnamed],
    look({ socket: { remoteAddress: address }, headers }) {
      if (address === undefined || unnamed.size >= unnamedMax || unnamed.has(address) || isTrusted(address)) return;
      if (!forwardedHeaders.some((name) => headers[name] !== undefined)) return;
      unnamed.add(address);
      tell?.(address);
    },
    of(request) {
      let address = request.socket.remoteAddress ?? "";
      if (!isTrusted(address)) return address;
      const header = request.headers["x-forwarded-for"] ?? "";
      for (const entry of String(header).split(",").toReversed()) {
        const named = addressIn(entry.trim());
        // A proxy that names nobody is as far as we see.
        if (named === undefined) break;
        address = named;
        if (!isTrusted(address)) break;
      }
      return address;
    },
  };
}

/** The family of an address. */
export const familyOf = (address: string): "ipv4" | "ipv6" => (address.includes(":") ? "ipv6" : "ipv4");

/** Some proxies write the port as well: `203.0.113.9:50123`, `[2001:db8::1]:50123`. */
function addressIn(entry: string): string | undefined {
  const address = /^\[([^\]]*)\](?::\d+)?$/.exec(entry)?.[1] ?? /^([\d.]+):\d+$/.exec(entry)?.[1] ?? entry;
  return isIP(address) === 0 ? undefined : address;
}
