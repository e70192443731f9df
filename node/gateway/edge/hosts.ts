import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { failure, ok, refused, type Result } from "../../../protocols/index.ts";
import type { Log } from "../../ports/index.ts";

/** Whether a request is for this node, by its `Host`. Errors: HOST_NOT_ALLOWED, BAD_REQUEST (several). */
export type HostCheck = (request: IncomingMessage) => Result<undefined>;

/** Refused names that the log tells of, so that an operator sees what to allow and a flood fills no disk. */
const toldMax = 16;

/** Makes the guard against DNS rebinding: a page on a stranger's name, which the stranger lets lead to this machine, is
 *  for the browser one site with this node and reads what it answers. The name is in `Host`, and no page can change
 *  that.
 *
 *  Allowed are addresses, which nobody can lead elsewhere, names of the machine itself, and `names`; one with a dot in
 *  front stands for all below it as well. A client that sends no `Host` is no browser. */
export function createHostCheck(names: readonly string[], log: Log): HostCheck {
  const exact = new Set(["localhost"]);
  const above = [".localhost"];
  for (const name of names.map((one) => one.toLowerCase().replace(/\.$/, "")))
    if (name.startsWith(".")) {
      above.push(name);
      exact.add(name.slice(1));
    } else exact.add(name);
  const told = new Set<string>();
  const allowed = ok(undefined);
  // Nearly all requests name the same host as the one before.
  let last: string | undefined;
  return ({ headers: { host }, rawHeaders }) => {
    // Of two, Node tells the first, and a proxy in front may go by the other (RFC 9112, section 3.2).
    if (namesSeveral(rawHeaders)) return refused(failure("BAD_REQUEST", { path: "", problem: "more than one Host" }));
    if (host === undefined || host === last) return allowed;
    const name = hostnameIn(host);
    if (name !== undefined && (isIP(name) !== 0 || exact.has(name) || above.some((end) => name.endsWith(end)))) {
      last = host;
      return allowed;
    }
    const shown = (name ?? "not a name").slice(0, 253);
    if (told.size < toldMax && !told.has(shown)) {
      told.add(shown);
      log.warn("gateway.host.refused", { host: shown });
    }
    return refused(failure("HOST_NOT_ALLOWED", { host: shown }));
  };
}

/** Whether there is more than one `Host`: the names of headers have the even places. */
function namesSeveral(rawHeaders: readonly string[]): boolean {
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    if (name.length === 4 && name.toLowerCase() === "host") hosts += 1;
  }
  return hosts > 1;
}

/** The name or address in a `Host` header, without its port; undefined where it is none. */
function hostnameIn(host: string): string | undefined {
  const [, address, name] = /^(?:\[([\da-f:.]+)\]|([\w.-]+))(?::\d{0,5})?$/i.exec(host) ?? [];
  return (address ?? name)?.toLowerCase().replace(/\.$/, "");
}
