/** Requests whose answers are wanted as they come: of the commands in the page's terminal. */
import type { PageAnswer } from "../../../cli/page/terminal.ts";
import { at } from "./mount.ts";

/** One request to the node that served the page, with the session in its cookie. Rejects when there is no answer, or it
 *  is longer than `bytesMax`. */
export async function exchange(
  method: string,
  path: string,
  body: unknown,
  {
    signal,
    bytesMax,
    key,
  }: { readonly signal: AbortSignal; readonly bytesMax: number; readonly key?: string | undefined },
): Promise<PageAnswer> {
  const response = await fetch(at(path), {
    method,
    credentials: "same-origin",
    redirect: "error",
    headers: {
      accept: "application/json",
      ...(body !== undefined && { "content-type": "application/json" }),
      ...(key !== undefined && { "idempotency-key": key }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal,
  });
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for (const reader = response.body?.getReader(); reader !== undefined;) {
    const { done, value } = await reader.read();
    if (done) break;
    bytes += value.length;
    if (bytes > bytesMax) {
      await reader.cancel();
      throw new Error("its answer is too long for a page");
    }
    text += decoder.decode(value, { stream: true });
  }
  return { status: response.status, text: text + decoder.decode() };
}
