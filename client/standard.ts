import { failure, type Failure } from "../protocols/errors.ts";
import { urlAt } from "../protocols/admin/nodes.ts";
import { Client, type ClientOptions } from "./client.ts";
import { refusalIn } from "../protocols/wire/plexus-answer.ts";
import type { ClientPorts, NodeStorage } from "./ports.ts";

/** How long a node may take to say why it refuses a connection. */
const refusalTimeoutMs = 10_000;

/** A fresh id for a command that must be applied at most once. */
export function newOperationId(): string {
  // Not `randomUUID`: it is missing on plain HTTP pages other than localhost, and a node in the home network is one.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The ports on what browsers and Node (from version 22) have built in. Without a token the browser's cookie counts. */
export function standardPorts(session: { readonly token?: string; readonly storage?: NodeStorage } = {}): ClientPorts {
  const { token, storage } = session;
  return {
    open(url, on) {
      const address = urlAt(url, "/ws");
      address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
      // A browser lets no program set a header of a WebSocket.
      if (token !== undefined) address.searchParams.set("token", token);
      const socket = new WebSocket(address);
      socket.addEventListener("open", () => on.opened());
      socket.addEventListener("message", (message) => on.frame(String(message.data)));
      socket.addEventListener("close", () => on.closed());
      return { send: (text) => socket.send(text), close: () => socket.close() };
    },
    after(delayMs, callback) {
      const timer = setTimeout(callback, delayMs);
      return () => clearTimeout(timer);
    },
    nowMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    chance: () => Math.random(),
    operationId: newOperationId,
    refusal: (url) => refusalOf(url, token),
    ...(storage !== undefined && { storage }),
  };
}

/** A refused upgrade looks like a node that is down; the answer to a request tells the two apart. */
async function refusalOf(url: string, token: string | undefined): Promise<Failure | undefined> {
  try {
    const answer = await fetch(urlAt(url, "/api/v1/me"), {
      credentials: "same-origin",
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(refusalTimeoutMs),
    });
    if (answer.ok) return undefined;
    const carried = refusalIn(await answer.json());
    if (carried !== undefined) return carried;
    return answer.status === 401 ? failure("UNAUTHENTICATED") : undefined;
  } catch {
    // Down, or not a Plexus node.
    return undefined;
  }
}

/** The connecting account, and the addresses. */
export interface ConnectOptions extends Omit<ClientOptions, "urls"> {
  /** The address of a node, or of several of one cluster. */
  readonly url: string | readonly string[];
  /** A session token or an API key. */
  readonly token: string;
  /** Keeps where the cluster's nodes are, for the next run of the program. */
  readonly storage?: NodeStorage;
}

/** Connects to a cluster. Commands and topics may be asked for at once; they wait for the connection. */
export function connect({ url, token, storage, ...options }: ConnectOptions): Client {
  const urls = typeof url === "string" ? [url] : url;
  const client = new Client({ ...options, urls }, standardPorts({ token, ...(storage !== undefined && { storage }) }));
  client.start();
  return client;
}
