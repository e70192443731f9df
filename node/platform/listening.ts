import { createServer } from "node:net";
import { networkInterfaces } from "node:os";

/** Listens at a place for a moment, and gives it back. Undefined: one can; else what the system says of it. */
export function refusalToListen(place: {
  readonly host: string;
  readonly port: number;
}): Promise<NodeJS.ErrnoException | undefined> {
  const { promise, resolve } = Promise.withResolvers<NodeJS.ErrnoException | undefined>();
  const server = createServer();
  server.once("error", resolve);
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
