/** The control endpoint: a listener for admins and their programs, beside the one for people, with an authority of its
 *  own.
 *
 *      people, pages  ──► gateway listener ──┐                       ┌─► chat, page, sign-in …
 *                                            ├─► one table of routes ┼─► /api/v1/admin/*, health
 *      admins, CLI    ──► control listener ──┘   (http.ts: `enter`)  ┘   the control listener reaches these alone
 *
 *  Its requests go through the same hooks and handlers. What differs is who is let in: besides an admin's token, a
 *  control token or a client certificate that stands for one; and never a cookie, which browsers send on their own.
 *
 *  Invariant: a request of this listener reaches no route but those of admins, and those that say `control: "open"`. */
import {
  createServer as createPlain,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
} from "node:http";
import { createServer as createSecure, type Server as SecureServer } from "node:https";
import { chmod, lstat, rm } from "node:fs/promises";
import { connect, type AddressInfo, type Socket } from "node:net";
import type { PeerCertificate, TLSSocket } from "node:tls";
import {
  controlActor,
  failure,
  isControlToken,
  ok,
  PlexusError,
  refused,
  type Failure,
  type Result,
} from "../../protocols/index.ts";
import type { ControlToken, ControlTokens } from "../cluster/facts/control-tokens.ts";
import { presentedToken, type Caller } from "./identity/callers.ts";
import type { GatewayContext } from "./options.ts";
import { refuseBroken } from "./edge/refusals.ts";
import { secureOptions, followFiles } from "./edge/tls.ts";
import { sha256 } from "./identity/tokens.ts";
import type { ControlAddress, ControlDoor } from "./ports.ts";

/** A running listener. */
export interface ControlListener {
  readonly server: Server;
  /** `https://127.0.0.1:7072`, `unix:/run/plexus.sock`. */
  readonly url: string;
  /** Takes no more. Resolves when all requests are over. */
  close(): Promise<void>;
  /** Ends what is left. */
  cut(): void;
}

const came = new WeakSet<IncomingMessage>();
const passHeader = "plexus-pass";

/** Makes the rule of who is let in. */
export function createControlDoor(at: {
  /** Absent: only other wires lead here. */
  readonly address?: ControlAddress | undefined;
  readonly tokens: ControlTokens;
  readonly clock: GatewayContext["clock"];
  /** Draws what nobody can guess. */
  readonly newPass: () => string;
}): ControlDoor {
  const { tokens, clock } = at;
  const callerOf = ({ name, scopes, role, expiresAtMs = Number.POSITIVE_INFINITY }: ControlToken): Caller => ({
    user: controlActor(name),
    actor: controlActor(name),
    admin: false,
    roles: [role ?? controlActor(name)],
    session: controlActor(name),
    kind: "control",
    ...(role === undefined && { scopes: scopes ?? [] }),
    expiresAtMs,
    askedAtMs: clock.monotonicMs(),
    // It has no sign-in that could grow old; what asks for one is a scope that somebody gave it.
    provedAgoMs: 0,
  });
  const known = (by: Parameters<ControlTokens["find"]>[0]): Result<Caller> => {
    const found = tokens.find(by);
    if (!found.ok) return found;
    tokens.used(found.value.name);
    return ok(callerOf(found.value));
  };
  /** Connections of requests that are under way by another wire. */
  const passes = new Map<string, Socket>();
  const passed = ({ headers }: IncomingMessage): Socket | undefined => {
    const pass = headers[passHeader];
    return typeof pass === "string" ? passes.get(pass) : undefined;
  };
  return {
    has: (request) => came.has(request) || passed(request) !== undefined,
    isLocal: at.address !== undefined && "path" in at.address,
    pass(socket) {
      const pass = at.newPass();
      passes.set(pass, socket);
      return { headers: { [passHeader]: pass }, end: () => void passes.delete(pass) };
    },
    caller(request) {
      const shown = certificateOf(passed(request) ?? request.socket, clock.nowMs());
      // A caller that shows a bad one is not let in by something else.
      if (shown !== undefined && !shown.ok) return shown;
      const presented = presentedToken(request);
      if (presented?.by === "bearer")
        return isControlToken(presented.token) ? known({ tokenHash: sha256(presented.token) }) : undefined;
      if (shown === undefined) return undefined;
      const subject = shown.value;
      const found = known({ subject });
      if (found.ok || found.error.code !== "UNAUTHENTICATED") return found;
      const hint =
        `no control token stands for this certificate: plexus control token create NAME --subject '${subject}' ` +
        "--scope …";
      return refused(failure("UNAUTHENTICATED", { subject, hint }));
    },
  };
}

/** The subject of the certificate that a client has shown; undefined: it has shown none. Error: UNAUTHENTICATED (of
 *  another authority, not valid now). */
function certificateOf(socket: Socket, nowMs: number): Result<string> | undefined {
  const secure = socket as Partial<TLSSocket> & { authorizationError?: unknown };
  if (typeof secure.getPeerCertificate !== "function") return undefined;
  const shown = secure.getPeerCertificate() as PeerCertificate | Record<string, never>;
  if (shown.subject === undefined) return undefined;
  const bad = (reason: string) =>
    refused(failure("UNAUTHENTICATED", { reason: `the client certificate is refused: ${reason}` }));
  if (secure.authorized !== true) return bad(String(secure.authorizationError ?? "not trusted"));
  // A connection may outlast the certificate that opened it.
  if (!(Date.parse(shown.valid_to) > nowMs)) return bad("CERT_HAS_EXPIRED");
  return ok(subjectText(shown.subject));
}

/** A subject in one line, `CN=ops,O=Example`, as it is written in the certificate. */
const subjectText = (subject: object): string =>
  Object.entries(subject as Record<string, string | string[]>)
    .flatMap(([name, values]) => [values].flat().map((value) => `${name}=${value}`))
    .join(",");

/** Listens. Rejects with what the system says, or CONFIG_INVALID where a file lies at the path of the socket. */
export async function listenForControl(
  at: Pick<GatewayContext, "limits" | "log" | "tls"> & { readonly address: ControlAddress },
  routing: RequestListener,
): Promise<ControlListener> {
  const { address, limits, log } = at;
  const options: ServerOptions = {
    maxHeaderSize: limits.headerBytesMax,
    headersTimeout: limits.headerTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    connectionsCheckingInterval: limits.requestSweepMs,
    keepAliveTimeout: limits.controlIdleMs,
  };
  const receive: RequestListener = (request, response) => {
    came.add(request);
    routing(request, response);
  };
  // Nobody but the owner of a file can read along at a socket of the file system.
  const tls = "path" in address ? undefined : at.tls;
  const server: Server =
    tls === undefined
      ? createPlain(options, receive)
      : createSecure({ ...options, ...secureOptions(tls.current(), limits, "asks") }, receive);
  server.on("clientError", (error, socket) => refuseBroken(error, socket, limits.headerBytesMax));
  const unfollow = tls && followFiles(server as SecureServer, tls, "asks");
  if ("path" in address) await makeRoom(address.path);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen("path" in address ? { path: address.path } : { host: address.host, port: address.port }, () => {
      server.off("error", reject);
      resolve();
    });
  });
  server.on("error", (error) => log.warn("gateway.accept.failed", { error: error.message }));
  if ("path" in address) await chmod(address.path, 0o600);
  const url = "path" in address ? `unix:${address.path}` : urlOf(server.address() as AddressInfo, tls !== undefined);
  log.info("control.listening", { url });
  return {
    server,
    url,
    close: () =>
      new Promise((resolve) => {
        unfollow?.();
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
    cut: () => server.closeAllConnections(),
  };
}

/** Where a listener is reached from its own machine. A wildcard address is where we listen, not where anybody can go;
 *  and a name would have to be resolved, which not every machine does for `localhost`. */
export function urlOf({ address, port }: AddressInfo, isSecure: boolean): string {
  const host = address === "0.0.0.0" ? "127.0.0.1" : address === "::" ? "::1" : address;
  return `${isSecure ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Removes the socket of a process that has died. Error: CONFIG_INVALID: something else lies there, or somebody
 *  listens. */
async function makeRoom(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  const invalid = (reason: string): Failure =>
    failure("CONFIG_INVALID", { field: "control", value: `unix:${path}`, reason });
  if (!found.isSocket()) throw new PlexusError(invalid("a file that is not a socket lies there; name another path"));
  const isUsed = await new Promise<boolean>((resolve) => {
    const socket = connect({ path });
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
  if (isUsed) throw new PlexusError(invalid("another process listens there; name another path"));
  await rm(path, { force: true });
}
