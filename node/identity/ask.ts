/** Questions to other servers, bounded in time and in bytes. */
import { DocumentMeter, PlexusError, TooMuch } from "../../protocols/index.ts";
import { identityAway } from "./claims.ts";
import { identityLimits as limits } from "./limits.ts";

const away = (reason: string): PlexusError => new PlexusError(identityAway(reason));

/** Statuses whose answers have no body. */
const bare = new Set([101, 103, 204, 205, 304]);

/** A `fetch` whose answers are here as a whole, or not at all. Rejects with IDENTITY_PROVIDER_AWAY. It follows no
 *  redirect: a secret goes where it was meant to. */
export function boundedFetch(send: typeof fetch): typeof fetch {
  return async (input, init) => {
    const signal = AbortSignal.timeout(limits.answerTimeoutMs);
    try {
      const response = await send(input, { ...init, redirect: "manual", signal });
      const parts: Uint8Array[] = [];
      let size = 0;
      const meter = new DocumentMeter();
      const isJson = response.headers.get("content-type")?.includes("json") === true;
      for await (const part of response.body ?? []) {
        size += (part as Uint8Array).length;
        if (size > limits.answerBytesMax) throw away(`its answer is longer than ${limits.answerBytesMax} bytes`);
        if (isJson) meter.push(part as Uint8Array);
        parts.push(part as Uint8Array);
      }
      const { status, headers } = response;
      return new Response(bare.has(status) ? null : Buffer.concat(parts), { status, headers });
    } catch (error) {
      if (error instanceof PlexusError) throw error;
      if (error instanceof TooMuch) throw away(`of its answer ${error.message}`);
      throw away(signal.aborted ? "it did not answer in time" : wordOf(error));
    }
  };
}

/** What a failed connection is called: `ECONNREFUSED`. */
function wordOf(error: unknown): string {
  const { cause, code } = error as { cause?: { code?: unknown }; code?: unknown };
  const word = cause?.code ?? code;
  return typeof word === "string" && /^[A-Z][A-Z0-9_]{1,40}$/.test(word) ? word : "no connection";
}
