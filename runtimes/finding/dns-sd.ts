/** Services by unicast DNS (RFC 6763, RFC 2782): what a domain offers, what an instance is, or the bare SRV records of
 *  a name, as Consul's DNS has them. */
import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { isIP } from "node:net";
import { decode, encode, type Answer, type SrvAnswer, type TxtAnswer } from "dns-packet";
import { findingLimits } from "./limits.ts";
import { factsOf, serviceTypes, type Service } from "./service.ts";

/** Which names are asked, and which servers. */
export interface DnsPlaces {
  /** Domains (`example.org`), whose usual services are asked for, and names with their type
   *  (`_ollama._tcp.example.org`). */
  readonly names: readonly string[];
  /** Addresses of DNS servers, `10.0.0.1` or `127.0.0.1:8600`; none: those of the machine. */
  readonly servers: readonly string[];
}

/** Asks all of them. What is not there is not there; throws when no server answers. */
export async function findByDns({ names, servers }: DnsPlaces): Promise<readonly Service[]> {
  const resolver = new Resolver({ timeout: findingLimits.dnsMs, tries: 2 });
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
    records(resolver.resolveSrv(instance), () => srvOf(resolver, instance)),
    records(resolver.resolveTxt(instance), () => txtOf(resolver, instance)),
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

/** What is asked for; nothing where there is none of it. `odd` asks for a name that only services have: `my
 *  box._ollama._tcp.…`, which Node's resolver takes for none. Throws what the way to the server does. */
async function records<T>(
  asking: Promise<readonly T[]>,
  odd: () => Promise<readonly T[]> = () => Promise.resolve([]),
): Promise<readonly T[]> {
  try {
    return await asking;
  } catch (thrown) {
    const code = String((thrown as NodeJS.ErrnoException).code);
    if (code === "EBADNAME") return odd();
    if (["ENOTFOUND", "ENODATA", "ESERVFAIL", "EFORMERR", "ENOTIMP"].includes(code)) return [];
    throw thrown;
  }
}

const srvOf = async (resolver: Resolver, name: string) =>
  (await ask(resolver, name, "SRV"))
    .filter((one): one is SrvAnswer => one.type === "SRV")
    .map(({ data: { target, port, priority = 0, weight = 0 } }) => ({ name: target, port, priority, weight }));

const txtOf = async (resolver: Resolver, name: string): Promise<readonly string[][]> =>
  (await ask(resolver, name, "TXT"))
    .filter((one): one is TxtAnswer => one.type === "TXT")
    .map(({ data }) => [data].flat().map((one) => (typeof one === "string" ? one : Buffer.from(one).toString("utf8"))));

/** Asks the first server by one packet; nothing where it does not answer. */
function ask(resolver: Resolver, name: string, type: "SRV" | "TXT"): Promise<readonly Answer[]> {
  const [server = ""] = resolver.getServers();
  const [, host = server, port = "53"] = /^\[?(.+?)\]?:(\d+)$/.exec(isIP(server) > 0 ? `[${server}]:53` : server) ?? [];
  const socket = createSocket(isIP(host) === 6 ? "udp6" : "udp4");
  const id = randomInt(1, 0xff_ff);
  return new Promise((resolve) => {
    let over = false;
    const end = (answers: readonly Answer[]): void => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      socket.close();
      resolve(answers);
    };
    const timer = setTimeout(() => end([]), findingLimits.dnsMs);
    socket.on("error", () => end([]));
    // Connected: packets of others than the server do not arrive.
    socket.connect(Number(port), host, () =>
      socket.send(encode({ type: "query", id, flags: 0x01_00, questions: [{ name, type }] })),
    );
    socket.on("message", (bytes) => {
      const answer = read(bytes);
      if (answer?.id === id) end((answer.answers ?? []).filter((one) => one.name === name));
    });
  });
}

function read(bytes: Buffer): ReturnType<typeof decode> | undefined {
  try {
    return decode(bytes);
  } catch {
    return undefined;
  }
}

/** The name of an instance may have any character; some are written `\032` or `\.`. */
const unescaped = (text: string): string =>
  text.replaceAll(/\\(\d{3}|.)/g, (_, one: string) => (one.length === 3 ? String.fromCodePoint(Number(one)) : one));
