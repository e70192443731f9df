import { createServer } from "node:net";
import { networkInterfaces } from "node:os";

/** What systems say of an address that is none of this machine's: also of one that is only valid on one of its networks
 *  (`fe80::1` without `%eth0`), and of IPv6 where there is none. */
const unknownAddress: ReadonlySet<string | undefined> = new Set(["EADDRNOTAVAIL", "EINVAL", "EAFNOSUPPORT"]);

/** Listens at a place for a moment, and gives it back. Undefined: one can; else what the system says of it, which is
 *  EADDRNOTAVAIL where the address is none of this machine's. */
export function refusalToListen(place: {
  readonly host: string;
  readonly port: number;
}): Promise<NodeJS.ErrnoException | undefined> {
  const { promise, resolve } = Promise.withResolvers<NodeJS.ErrnoException | undefined>();
  const server = createServer();
  server.once("error", (error: NodeJS.ErrnoException) =>
    resolve(unknownAddress.has(error.code) ? Object.assign(error, { code: "EADDRNOTAVAIL" }) : error),
  );
  server.listen({ ...place, exclusive: true }, () => server.close(() => resolve(undefined)));
  return promise;
}

/** The addresses of this machine at which others may find it: neither loopback nor link-local, IPv4 first. */
export const outwardAddresses = (): readonly string[] =>
  Object.values(networkInterfaces())
    .flatMap((found) => found ?? [])
    .filter(({ internal, address }) => !internal && !/^(?:fe[89ab]|169\.254\.)/i.test(address))
    .toSorted((one, other) => one.family.localeCompare(other.family))
    .map(({ address }) => address);
