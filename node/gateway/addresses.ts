import type { IncomingMessage } from "node:http";
import { BlockList, isIP } from "node:net";

/** Makes the rule that says where a request comes from: from whoever is connected, and where that is a trusted proxy, from
 *  whom the proxy names.
 *
 *      X-Forwarded-For: 198.51.100.1, 203.0.113.9, 10.0.0.2     and 10.0.0.3 is connected; 10.0.0.0/8 is trusted
 *                                     ▲ the answer  ◄── read from the right, as far as trusted proxies go
 *
 *  Each proxy adds its peer at the right, so what is left of the first stranger is only what he says. Entries of the list
 *  are addresses and ranges as the configuration checks them. */
export function createAddressOf(trustedProxies: readonly string[]): (request: IncomingMessage) => string {
  const trusted = new BlockList();
  for (const entry of trustedProxies) {
    const [address = "", bits] = entry.split("/");
    const family = familyOf(address);
    if (bits === undefined) trusted.addAddress(address, family);
    else trusted.addSubnet(address, Number(bits), family);
  }
  const isTrusted = (address: string): boolean => {
    const [bare = ""] = address.split("%", 1);
    return isIP(bare) !== 0 && trusted.check(bare, familyOf(bare));
  };
  return (request) => {
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
  };
}

const familyOf = (address: string): "ipv4" | "ipv6" => (address.includes(":") ? "ipv6" : "ipv4");

/** Some proxies write the port as well: `203.0.113.9:50123`, `[2001:db8::1]:50123`. */
function addressIn(entry: string): string | undefined {
  const address = /^\[([^\]]*)\](?::\d+)?$/.exec(entry)?.[1] ?? /^([\d.]+):\d+$/.exec(entry)?.[1] ?? entry;
  return isIP(address) === 0 ? undefined : address;
}
