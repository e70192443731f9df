/** Services of the local network by multicast DNS (RFC 6762). What somebody there says is a hint and no more. */
import multicastDns from "multicast-dns";
import { findingLimits } from "./limits.ts";
import { factsOf, mayBeNamed, serviceTypes, type Service } from "./service.ts";

/** A record, of those that a service consists of. */
export type MdnsRecord =
  | { readonly type: "PTR"; readonly name: string; readonly data: string }
  | { readonly type: "SRV"; readonly name: string; readonly data: { readonly target: string; readonly port: number } }
  | { readonly type: "TXT"; readonly name: string; readonly data: readonly string[] }
  | { readonly type: "A" | "AAAA"; readonly name: string; readonly data: string };

/** Where to ask: for tests, which have a port of their own. */
export interface MdnsOptions {
  readonly port?: number;
  readonly ip?: string;
  readonly interface?: string;
  readonly waitMs?: number;
}

const domain = "local";
const recordsMax = 1_024;

/** Asks the local network, and waits for what comes. Throws what the socket does. */
export async function findByMdns({ waitMs = findingLimits.mdnsMs, ...where }: MdnsOptions = {}): Promise<
  readonly Service[]
> {
  const socket = multicastDns({ bind: "0.0.0.0", ...where, loopback: true });
  const records: { readonly record: MdnsRecord; readonly by: string }[] = [];
  const asked = new Set<string>();
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(resolve, waitMs);
      socket.on("error", (error) => {
        clearTimeout(timer);
        reject(error);
      });
      // A packet that makes no sense is somebody else's.
      socket.on("warning", () => undefined);
      socket.on("response", (packet, { address }) => {
        const all = [...(packet.answers ?? []), ...(packet.additionals ?? [])].flatMap((one) => recordOf(one) ?? []);
        for (const record of all) if (records.length < recordsMax) records.push({ record, by: address });
        // Not everybody sends along what belongs to the name of an instance.
        const missing = instancesIn(all).filter(
          (name) => !asked.has(name) && asked.size < findingLimits.servicesPerWayMax,
        );
        for (const name of missing) asked.add(name);
        if (missing.length > 0)
          socket.query({
            questions: missing.flatMap((name) => [
              { name, type: "SRV" },
              { name, type: "TXT" },
            ]),
          });
      });
      socket.once("ready", () =>
        socket.query({ questions: serviceTypes.map((type) => ({ name: `${type}.${domain}`, type: "PTR" })) }),
      );
    });
  } finally {
    await new Promise<void>((resolve) => socket.destroy(() => resolve()));
  }
  return servicesIn(records).slice(0, findingLimits.servicesPerWayMax);
}

const isType = (name: string): boolean => serviceTypes.some((type) => name.toLowerCase() === `${type}.${domain}`);

const instancesIn = (records: readonly MdnsRecord[]): readonly string[] => {
  const known = new Set(records.flatMap((record) => (record.type === "SRV" ? [record.name] : [])));
  return records.flatMap((record) =>
    record.type === "PTR" && isType(record.name) && !known.has(record.data) ? [record.data] : [],
  );
};

/** The services that records make up. An address counts if its sender may name it. Pure. */
export function servicesIn(
  records: readonly { readonly record: MdnsRecord; readonly by: string }[],
): readonly Service[] {
  const instances = new Set(
    records.flatMap(({ record }) => (record.type === "PTR" && isType(record.name) ? [record.data] : [])),
  );
  return [...instances].flatMap((instance): readonly Service[] => {
    const srv = records.find(({ record }) => record.type === "SRV" && record.name === instance);
    if (srv?.record.type !== "SRV") return [];
    const { target, port } = srv.record.data;
    const txt = records.find(({ record }) => record.type === "TXT" && record.name === instance)?.record;
    const addresses = records.flatMap(({ record, by }) =>
      (record.type === "A" || record.type === "AAAA") && record.name === target && mayBeNamed(record.data, by)
        ? [record]
        : [],
    );
    // A link-local address of IPv6 says nothing without its interface.
    const address =
      addresses.find(({ type }) => type === "A") ?? addresses.find(({ data }) => !/^fe[89ab]/i.test(data));
    if (address === undefined) return [];
    const label = instance.slice(0, instance.search(/\._[a-z0-9-]+\._tcp\./i));
    return [{ label, host: address.data, port, facts: factsOf(txt?.type === "TXT" ? txt.data : []) }];
  });
}

/** A record of a packet, if it is one of those and makes sense. */
function recordOf(answer: {
  readonly type: string;
  readonly name?: unknown;
  readonly data?: unknown;
}): MdnsRecord | undefined {
  const { type, name, data } = answer;
  if (typeof name !== "string") return undefined;
  if ((type === "A" || type === "AAAA" || type === "PTR") && typeof data === "string") return { type, name, data };
  if (type === "SRV" && typeof data === "object" && data !== null) {
    const { target, port } = data as { readonly target?: unknown; readonly port?: unknown };
    return typeof target === "string" && typeof port === "number" ? { type, name, data: { target, port } } : undefined;
  }
  if (type !== "TXT") return undefined;
  const strings = [data].flat().filter((one) => one instanceof Uint8Array || typeof one === "string");
  return {
    type,
    name,
    data: strings.map((one) => (typeof one === "string" ? one : Buffer.from(one).toString("utf8"))),
  };
}
