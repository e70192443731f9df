/** The wire between the page and its node: nothing else in the page opens a socket or calls `fetch`.
 *
 *  `Connection` owns the WebSocket of `protocols/client.ts`: commands that are answered once, topics that go on where they
 *  were after any loss, and a `Link` that says how things stand. Its rules are tested without a browser; `browserPorts`
 *  below is the browser. `request` is for the few HTTP calls that belong to no actor: accounts, keys, search. */
import type { Failure } from "../../../protocols/index.ts";
import type { ConnectionPorts } from "./connection.ts";
import { request } from "./rest.ts";

export { backoffMs } from "./backoff.ts";
export { connectionLimits } from "./limits.ts";
export { Connection, type Activity, type ConnectionPorts, type Follower, type Link } from "./connection.ts";
export { refreshNodes, rememberedNodes, rememberNodes } from "./other-nodes.ts";
export { fetched, request } from "./rest.ts";

/** A fresh id for a command that must be applied at most once. */
export const newOperationId = (): string => {
  // Not `randomUUID`: it is missing on plain HTTP pages other than localhost, and a node in the home network is one.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
};

/** The connection's ports on the real browser. */
export const browserPorts: ConnectionPorts = {
  open(on) {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/ws`);
    socket.addEventListener("open", on.opened);
    socket.addEventListener("message", (message) => on.frame(String(message.data)));
    socket.addEventListener("close", on.closed);
    return { send: (text) => socket.send(text), close: () => socket.close() };
  },
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
  nowMs: () => Date.now(),
  chance: () => Math.random(),
  operationId: newOperationId,
  async sessionEnded(): Promise<Failure | undefined> {
    const answer = await request("GET", "/api/v1/me");
    return !answer.ok && answer.error.code === "UNAUTHENTICATED" ? answer.error : undefined;
  },
  online: () => navigator.onLine,
};
