/** Services of Consul's catalogue that pass their checks, over HTTP (https://developer.hashicorp.com/consul/api-docs).
 *  Consul's DNS is DNS: `dns-sd.ts`. */
import { remoteAdapterRows } from "../../protocols/index.ts";
import { Call } from "../remote/call.ts";
import { at, listAt, numberAt, textAt } from "../remote/json.ts";
import { findingLimits } from "./limits.ts";
import type { Service } from "./service.ts";

/** Where Consul is. */
export interface ConsulPlace {
  readonly url: string;
  /** The file that has the token, if it wants one. */
  readonly tokenFile?: string | undefined;
}

/** Services count that are called so or have such a tag. */
const words: readonly string[] = Object.values(remoteAdapterRows).flatMap(({ services = [], words: more = [] }) => [
  ...services,
  ...more,
]);

/** Asks it. Throws PlexusErrors. */
export async function findByConsul({ url, tokenFile }: ConsulPlace): Promise<readonly Service[]> {
  const ask = async (path: string): Promise<unknown> => {
    const call = new Call({
      endpoint: { url, model: "", ...(tokenFile !== undefined && { key: { file: tokenFile } }) },
      wire: {
        base: (whole) => whole.href,
        headers: (token): Record<string, string> => (token === undefined ? {} : { "x-consul-token": token }),
        stream: "sse",
      },
      timeoutMs: findingLimits.lookMsMax,
      silenceMs: findingLimits.lookMsMax,
      bytesMax: findingLimits.consulBytesMax,
      attemptsMax: 1,
    });
    const timer = setTimeout(() => call.cancel(), findingLimits.lookMsMax);
    try {
      return await call.json({ path });
    } finally {
      clearTimeout(timer);
      void call.end();
    }
  };
  const names = namesIn(await ask("/v1/catalog/services")).slice(0, findingLimits.servicesPerWayMax);
  const found = await Promise.all(
    names.map(async (name) => instancesIn(await ask(`/v1/health/service/${encodeURIComponent(name)}?passing=true`))),
  );
  return found.flat().slice(0, findingLimits.servicesPerWayMax);
}

/** The names of the services that count. Pure. */
export function namesIn(services: unknown): readonly string[] {
  if (typeof services !== "object" || services === null) return [];
  return Object.entries(services)
    .filter(([name, tags]) => [name, ...(Array.isArray(tags) ? (tags as readonly unknown[]) : [])].some(isWord))
    .map(([name]) => name);
}

const isWord = (text: unknown): boolean => typeof text === "string" && words.includes(text.toLowerCase());

/** The instances of a service, by what Consul says of their health. Pure. */
export function instancesIn(body: unknown): readonly Service[] {
  return listAt([body], 0).flatMap((row): readonly Service[] => {
    const port = numberAt(row, "Service", "Port");
    const host = textAt(row, "Service", "Address") || textAt(row, "Node", "Address");
    if (port === undefined || host === undefined || host === "") return [];
    const meta = at(row, "Service", "Meta");
    const facts = Object.entries(typeof meta === "object" && meta !== null ? meta : {}).slice(0, 32);
    const label = [textAt(row, "Service", "Service"), textAt(row, "Node", "Node")].filter(Boolean).join("-");
    return [{ label, host, port, facts: Object.fromEntries(facts.filter(([, value]) => typeof value === "string")) }];
  });
}
