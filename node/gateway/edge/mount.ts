/** The path below which people reach this node, where a proxy in front serves it under one:
 *  `https://example.org/plexus`.
 *
 *      browser ──► /plexus/api/v1/me ──► proxy ──► /api/v1/me or /plexus/api/v1/me ──► node
 *
 *  The page, cookies and redirects have to begin with that path; the routes have not. */
import type { IncomingMessage } from "node:http";

/** Where the proxy in front has put this node. */
export interface Mounts {
  /** The path below which the sender of a request reaches this node: `/plexus`, or nothing. */
  of(request: IncomingMessage): string;
  /** The URL of a request without that path, which some proxies take away and others leave. */
  within(url: string): string;
}

/** What Fastify adds to a request whose URL it has changed. */
type Asked = IncomingMessage & { readonly originalUrl?: string };

const mountPattern = /^(?:\/(?!\.{1,2}(?:\/|$))[\w.~-]{1,64}){1,8}$/;

/** Whether a URL lies below a path. */
const isBelow = (url: string, path: string): boolean =>
  path !== "" && url.startsWith(path) && (url.length === path.length || /[/?]/.test(url[path.length] as string));

/** The rule: `X-Forwarded-Prefix` of a proxy that the operator named; else the path of `publicUrl`, for requests below
 *  it and for those that were sent to its host. A request that came past the proxy has no such path. */
export function createMounts(at: {
  readonly publicUrl: () => string | undefined;
  readonly isProxy: (address: string) => boolean;
}): Mounts {
  // It may be set while the node runs, and each request asks for it.
  let read = { publicUrl: undefined as string | undefined, path: "", hosts: [] as readonly string[] };
  function standing(): { readonly path: string; readonly hosts: readonly string[] } {
    const publicUrl = at.publicUrl();
    if (publicUrl !== read.publicUrl) {
      const { pathname, host, hostname } = new URL(publicUrl ?? "http://none.invalid");
      // A proxy that passes on the host alone leaves the port out.
      read = { publicUrl, path: pathname.replace(/\/$/, ""), hosts: [host, hostname] };
    }
    return read;
  }
  return {
    of(request: Asked) {
      const said = request.headers["x-forwarded-prefix"];
      if (typeof said === "string" && at.isProxy(request.socket.remoteAddress ?? "")) {
        const path = said.replace(/\/$/, "");
        return mountPattern.test(path) ? path : "";
      }
      const { path, hosts } = standing();
      if (path === "") return "";
      const { host = "" } = request.headers;
      return isBelow(request.originalUrl ?? request.url ?? "", path) || hosts.includes(host) ? path : "";
    },
    within(url) {
      const { path } = standing();
      if (!isBelow(url, path)) return url;
      const rest = url.slice(path.length);
      return rest.startsWith("/") ? rest : `/${rest}`;
    },
  };
}
