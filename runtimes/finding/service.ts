/** What a record of a service says: where somebody may be who has models. Pure. */
import { isIP } from "node:net";
import { isPrivateAddress, remoteAdapterRows } from "../../protocols/index.ts";
import { hostOf } from "./range.ts";

/** The types of services that are looked for (RFC 6763), and where OpenAI's paths begin with them. */
export const serviceTypes: readonly string[] = Object.values(remoteAdapterRows).flatMap(({ services = [] }) =>
  services.map((service) => `_${service}._tcp`),
);

/** Somebody who may have models. */
export interface Service {
  /** What people call it: the instance of DNS-SD, the name in Consul. */
  readonly label: string;
  /** A name or an address. */
  readonly host: string;
  readonly port: number;
  /** What the record says beside it: `path`, `scheme`. */
  readonly facts: Readonly<Record<string, string>>;
}

/** Where it is to be asked; undefined: at no address that makes sense. */
export function originOf({ host, port, facts }: Service): string | undefined {
  const isFine = Number.isInteger(port) && port > 0 && port < 65_536 && host !== "";
  if (!isFine || !(isIP(host) > 0 || /^[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,250}[A-Za-z0-9])?$/.test(host)))
    return undefined;
  const scheme = facts["scheme"] === "https" || facts["tls"] === "1" || facts["https"] === "1" ? "https" : "http";
  return URL.parse(`${scheme}://${hostOf(host)}:${port}`)?.origin;
}

/** Where OpenAI's paths begin, if the record says so. */
export function baseOf({ facts }: Service): string | undefined {
  const path = facts["path"] ?? facts["base"];
  if (path === undefined || !/^\/[\w./-]{0,100}$/.test(path) || path.includes("..")) return undefined;
  const base = path.replace(/\/+$/, "");
  return base === "" ? undefined : base;
}

/** The strings of a TXT record: `name=value`; later ones of one name do not count (RFC 6763, section 6.4). */
export function factsOf(strings: readonly string[]): Readonly<Record<string, string>> {
  const facts = new Map<string, string>();
  for (const text of strings.slice(0, 32)) {
    const at = text.indexOf("=");
    const name = (at < 0 ? text : text.slice(0, at)).toLowerCase();
    if (name !== "" && !facts.has(name)) facts.set(name, at < 0 ? "" : text.slice(at + 1, at + 256));
  }
  return Object.fromEntries(facts);
}

/** Whether an address that somebody in the local network named may be asked: it must not lead out of that network, nor
 *  back into this machine unless the word came from this machine. */
export function mayBeNamed(address: string, by: string): boolean {
  const isLoopback = (text: string): boolean => /^127\.|^::1$/.test(text);
  if (isLoopback(address)) return isLoopback(by);
  return isPrivateAddress(address) && !/^(?:0\.|169\.254\.|::$)/.test(address);
}

/** A name for an endpoint: what people call the service, as far as a name may have it; made unique. */
export function nameFor(label: string, taken: ReadonlySet<string>): string {
  const plain = label
    .normalize("NFKD")
    .replaceAll(/[^A-Za-z0-9._-]+/g, "-")
    .replaceAll(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, "")
    .slice(0, 32);
  const base = plain === "" ? "found" : plain;
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? base : `${base}-${number}`;
    if (!taken.has(name)) return name;
  }
}
