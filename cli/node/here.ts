/** How a command finds this machine: by its addresses. A machine on a network without IPv4 may have nothing that
 *  resolves `localhost`. */
import { lookup, type LookupAddress } from "node:dns";
import type { LookupFunction } from "node:net";

const loopback: readonly LookupAddress[] = [
  { address: "127.0.0.1", family: 4 },
  { address: "::1", family: 6 },
];

const isHere = (hostname: string): boolean => /(?:^|\.)localhost\.?$/i.test(hostname);

/** In place of the system's own: `localhost`, and every name below it, is this machine (RFC 6761), whatever a resolver
 *  says. Both addresses are given, and the connecting code takes the one that answers. */
export const lookupHere: LookupFunction = (hostname, options, callback) => {
  if (!isHere(hostname)) return lookup(hostname, options, callback);
  const { family } = options;
  const wanted = family === "IPv4" ? 4 : family === "IPv6" ? 6 : (family ?? 0);
  const found = loopback.filter((one) => wanted === 0 || one.family === wanted);
  process.nextTick(() =>
    options.all === true ? callback(null, [...found]) : callback(null, found[0]?.address ?? "", found[0]?.family),
  );
};

/** The address of a node on this machine as people read it: by the name `localhost`, where something resolves that. */
export async function shownHere(url: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  lookup("localhost", (error) => resolve(error === null));
  if (!(await promise)) return url;
  const address = new URL(url);
  address.hostname = "localhost";
  return address.origin;
}
