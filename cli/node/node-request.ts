/** One request of a command on its way to a node, by HTTP. Apart from `node-client.ts`, because a page has another way
 *  (`page/`). */
import type { ClientRequest } from "node:http";
import type { RequestOptions } from "node:https";
import { hostname } from "node:os";
import { urlAt } from "../../protocols/admin/nodes.ts";
import { noHttp, plexusMark } from "../../protocols/wire/plexus-answer.ts";
import { lookupHere } from "./here.ts";
import { cliLimits } from "../limits.ts";
import type { Method, Target } from "./target.ts";
import { describeBytes } from "../terminal/output.ts";

/** What became of one request. */
export type Exchanged =
  | {
      readonly type: "answered";
      readonly status: number;
      readonly text: string;
      readonly location: string | undefined;
      readonly isMarked: boolean;
      /** Whether a node may have written it: it has its mark, or the form of its answers. A proxy may take the mark
       *  away. */
      readonly isLikeOurs: boolean;
    }
  | { readonly type: "late" }
  | { readonly type: "lost"; readonly wasSent: boolean; readonly reason: string };

/** `node:http` and not `fetch`, whose first use loads more than all the rest of a command. Each request has a
 *  connection of its own: none that has idled can be lost under it. */
export async function exchange(
  target: Target & { readonly timeoutMs: number },
  method: Method,
  path: string,
  body: unknown,
): Promise<Exchanged> {
  const { promise, resolve } = Promise.withResolvers<Exchanged>();
  // Until there is a connection, and one that is trusted, nothing of the request has left.
  let wasSent = false;
  const lost = (reason: string): void => resolve({ type: "lost", wasSent, reason });
  const overdue = new AbortController();
  const timer = setTimeout(() => {
    resolve({ type: "late" });
    overdue.abort();
  }, target.timeoutMs);
  try {
    const isSecure = target.url.startsWith("https:");
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const headers = {
      accept: "application/json",
      ...target.headers,
      ...(target.operation !== undefined && { "idempotency-key": target.operation }),
      ...(payload !== undefined && { "content-type": "application/json", "content-length": payload.length }),
    };
    const outgoing = openRequest(target, path, { method, headers, signal: overdue.signal });
    outgoing.once("socket", (socket) => socket.once(isSecure ? "secureConnect" : "connect", () => (wasSent = true)));
    let isHttp = false;
    outgoing.on("error", (error) => {
      const reason = reasonOf(error);
      if (isHttp || !reason.startsWith("HPE_")) return lost(reason);
      // Nothing that understood the request: an SSH server, or one that expects TLS.
      wasSent = false;
      lost(noHttp);
    });
    outgoing.once("response", (response) => {
      isHttp = true;
      const { statusCode: status = 0, headers: told } = response;
      const isMarked = plexusMark in told;
      const isLikeOurs = isMarked || /^application\/json\b/i.test(told["content-type"] ?? "");
      // Somebody else's 200: whatever is in it, and however long it takes to come, nobody reads it.
      if (!isMarked && status >= 200 && status < 300) {
        resolve({ type: "answered", status, text: "", location: told.location, isMarked, isLikeOurs });
        return overdue.abort();
      }
      const pieces: Buffer[] = [];
      let bytes = 0;
      response.on("error", (error) => lost(reasonOf(error)));
      response.on("data", (piece: Buffer) => {
        pieces.push(piece);
        bytes += piece.length;
        if (bytes <= cliLimits.answerBytesMax) return;
        lost(`its answer is larger than ${describeBytes(cliLimits.answerBytesMax)}`);
        overdue.abort();
      });
      response.once("end", () => {
        const text = Buffer.concat(pieces).toString();
        resolve({ type: "answered", status, text, location: told.location, isMarked, isLikeOurs });
      });
    });
    outgoing.end(payload);
    return await promise;
  } catch (thrown) {
    // An address that is none, or a token that no header may carry.
    return { type: "lost", wasSent, reason: reasonOf(thrown) };
  } finally {
    clearTimeout(timer);
  }
}

/** A request that is not sent yet. `unix:/path` is a socket of the file system. */
export function openRequest(
  target: Target,
  path: string,
  {
    method,
    headers,
    signal,
  }: {
    readonly method: Method | "HEAD" | "PATCH";
    readonly headers: Readonly<Record<string, string | number>>;
    readonly signal?: AbortSignal;
  },
): ClientRequest {
  const { url: place, token, ca, cert, key, isLocal } = target;
  const socketPath = place.startsWith("unix:") ? place.slice("unix:".length) : undefined;
  const url = urlAt(socketPath === undefined ? place : "http://localhost", path);
  // `import` reads every export, and one of them brings what `fetch` is made of.
  const isSecure = url.protocol === "https:";
  const options: RequestOptions = {
    method,
    headers: {
      // What the list of signed-in devices shows for a session that begins here.
      "user-agent": `Plexus terminal on ${hostname().replaceAll(/[^\x20-\x7e]/g, "?")}`,
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...headers,
    },
    agent: false,
    lookup: lookupHere,
    ...(signal && { signal }),
    ...(socketPath !== undefined && { socketPath }),
    ...(isLocal === true && { rejectUnauthorized: false }),
    ...(cert !== undefined && { cert, key }),
  };
  if (ca !== undefined) options.ca = [...process.getBuiltinModule("node:tls").rootCertificates, ca];
  return process.getBuiltinModule(isSecure ? "node:https" : "node:http").request(url, options);
}

/** The system's code where there is one: a search for it finds what it means. */
function reasonOf(thrown: unknown): string {
  const { code, message } = thrown as NodeJS.ErrnoException;
  return code ?? message;
}
