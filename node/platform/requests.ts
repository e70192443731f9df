/** Asks a node of Plexus by HTTP, as its clients do. */
import { plexusMark } from "../../protocols/index.ts";

/** One request with a body in JSON, if any. It follows no redirection. Rejects where nobody answers in time, and with
 *  `signal`. */
export async function requestText(
  url: URL,
  asked: {
    readonly method: string;
    readonly token: string | undefined;
    readonly body: object | undefined;
    readonly signal: AbortSignal;
    readonly timeoutMs: number;
  },
): Promise<{ readonly status: number; readonly text: string; readonly isMarked: boolean }> {
  const { method, token, body } = asked;
  const signal = AbortSignal.any([asked.signal, AbortSignal.timeout(asked.timeoutMs)]);
  const headers = {
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(body && { "content-type": "application/json" }),
  };
  const sent = { method, headers, signal, redirect: "manual", ...(body && { body: JSON.stringify(body) }) } as const;
  const heard = await fetch(url, sent);
  return { status: heard.status, text: await heard.text(), isMarked: heard.headers.has(plexusMark) };
}
