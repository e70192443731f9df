/** Services by unicast DNS (RFC 6763, RFC 2782): what a domain offers, what an instance is, or the bare SRV records of a name, as Consul's DNS
 *  has them. */
import { Resolver } from "node:dns/promises";
import { isIP } from "node:net";
import { findingLimits } from "./limits.ts";
import { factsOf, serviceTypes, type Service } from "./service.ts";

/** Which names are asked, and which servers. */
export interface DnsPlaces {
  /** Domains (`example.org`), whose usual services are asked for, and names with their type (`_ollama._tcp.example.org`). */
  readonly names: readonly string[];
  /** Addresses of DNS servers, `10.0.0.1` or `127.0.0.1:8600`; none: those of the machine. */
  readonly servers: readonly string[];
}

/** Asks all of them. What is not there is not there; throws when no server answers. */
export async function findByDns({ names, servers }: DnsPlaces): Promise<readonly Service[]> {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  if (servers.length > 0) resolver.setServers([...servers]);
  const timer = setTimeout(() => resolver.cancel(), findingLimits.lookMsMax);
  try {
    const asked = names.flatMap((name) =>
      name.startsWith("_") ? [name] : serviceTypes.map((type) => `${type}.${name}`),
    );
    const found = await Promise.all(asked.map((name) => servicesOf(resolver, name, servers.length > 0)));
    return found.flat().slice(0, findingLimits.servicesPerWayMax);
  } finally {
    clearTimeout(timer);
  }
}

async function servicesOf(resolver: Resolver, name: string, elsewhere: boolean): Promise<readonly Service[]> {
  const instances = (await records(resolver.resolvePtr(name))).slice(0, findingLimits.servicesPerWayMax);
  const names = instances.length > 0 ? instances : [name];
  const found = await Promise.all(names.map((one) => instanceOf(resolver, one, name, elsewhere)));
  return found.flat();
}

async function instanceOf(
  resolver: Resolver,
  instance: string,
  name: string,
  elsewhere: boolean,
): Promise<readonly Service[]> {
  const [srv, txt] = await Promise.all([
    records(resolver.resolveSrv(instance)),
    records(resolver.resolveTxt(instance)),
  ]);
  const facts = factsOf(txt.flat());
  // The least priority counts; the others are for when it does not answer.
  const best = Math.min(...srv.map(({ priority }) => priority));
  const label = instance === name ? "" : unescaped(instance.slice(0, -(name.length + 1)));
  const places = srv.filter(({ priority }) => priority === best).slice(0, findingLimits.servicesPerWayMax);
  return Promise.all(
    places.map(async ({ name: host, port }): Promise<Service> => {
      // Names that only another DNS server knows lead nowhere for those who ask later.
      const address = elsewhere && isIP(host) === 0 ? await addressOf(resolver, host) : host;
      return { label: label === "" ? (host.split(".")[0] ?? host) : label, host: address, port, facts };
    }),
  );
}

async function addressOf(resolver: Resolver, host: string): Promise<string> {
  const [four] = await records(resolver.resolve4(host));
  if (four !== undefined) return four;
  const [six] = await records(resolver.resolve6(host));
  return six ?? host;
}

/** What is asked for; nothing where there is none of it. Throws what the way to the server does. */
async function records<T>(asking: Promise<readonly T[]>): Promise<readonly T[]> {
  try {
    return await asking;
  } catch (thrown) {
    const code = String((thrown as NodeJS.ErrnoException).code);
    if (["ENOTFOUND", "ENODATA", "ESERVFAIL", "EFORMERR", "EBADNAME", "ENOTIMP"].includes(code)) return [];
    throw thrown;
  }
}

/** The name of an instance may have any character; some are written `\032` or `\.`. */
const unescaped = (text: string): string =>
  text.replaceAll(/\\(\d{3}|.)/g, (_, one: string) => (one.length === 3 ? String.fromCodePoint(Number(one)) : one));
