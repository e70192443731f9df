/** A server on loopback that answers as a test says, and remembers what it was asked; and the echo behind a provider's wire.
 *
 *  The doubles in this folder are made from the documentation of the providers: each turns what it is asked into a request of ours, lets the
 *  echo answer, and writes that as the provider does. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { GenerationPart, GenerationRequest, GenerationAnswer, Failure } from "../../protocols/index.ts";
import { speak } from "../../runtimes/echo/speech.ts";

/** What a request was. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The JSON of it; undefined where it was none. */
  readonly body: unknown;
}

/** Answers one request. */
export type Script = (asked: Asked, response: ServerResponse) => unknown;

/** A server under the test's control. */
export interface Double {
  readonly url: string;
  readonly asked: readonly Asked[];
  /** Connections that are open. */
  readonly connections: () => number;
  /** Resolves when no connection is open. */
  readonly idle: () => Promise<void>;
  script: Script;
  close(): Promise<void>;
}

/** Starts one. */
export async function startDouble(script: Script = (_asked, response) => response.end(), port = 0): Promise<Double> {
  const asked: Asked[] = [];
  let open = 0;
  let waiting: (() => void)[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString("utf8");
      const one = {
        method: request.method ?? "",
        path: request.url ?? "",
        headers: request.headers,
        text,
        body: parsed(text),
      };
      asked.push(one);
      double.script(one, response);
    });
  });
  server.on("connection", (socket) => {
    open += 1;
    socket.on("error", () => undefined);
    socket.on("close", () => {
      open -= 1;
      if (open === 0) for (const resolve of waiting.splice(0)) resolve();
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const double: Double = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    connections: () => open,
    idle: () => (open === 0 ? Promise.resolve() : new Promise((resolve) => (waiting = [...waiting, resolve]))),
    script,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return double;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Answers with JSON. */
export function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
}

/** Answers with server-sent events. */
export function sse(response: ServerResponse, events: readonly unknown[], last = "[DONE]"): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (const event of events) response.write(`data: ${JSON.stringify(event)}\n\n`);
  response.end(last === "" ? "" : `data: ${last}\n\n`);
}

/** How a double of a provider is set. */
export interface DoubleOptions {
  readonly contextTokens?: number;
  readonly tokenDelayMs?: number;
}

/** What the echo says to a request. */
export interface Saying {
  part(part: GenerationPart): void;
  end(answer: GenerationAnswer): void;
  refuse(error: Failure): void;
}

/** Lets the echo answer, until whoever asked is gone. A model called `slow` takes its time. */
export function echoTo(
  request: Partial<GenerationRequest> & Pick<GenerationRequest, "messages" | "model">,
  response: ServerResponse,
  { contextTokens = 4_096, tokenDelayMs = 0 }: DoubleOptions,
  saying: Saying,
): void {
  const after = (delayMs: number, callback: () => void): (() => void) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  };
  const delayMs = request.model === "slow" ? Math.max(1, tokenDelayMs) : tokenDelayMs;
  const stop = speak(
    { id: "double", timeoutMs: 60_000, sampling: {}, ...request },
    { after, tokenDelayMs: delayMs, tokensPerPart: 1, contextTokens },
    {
      part: (part) => saying.part(part),
      end: (result) => (result.ok ? saying.end(result.value) : saying.refuse(result.error)),
    },
  );
  response.on("close", stop);
}

/** A message of a provider's, as far as ours has it. Content may be a text or a list of parts. */
export function textIn(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .map((part: unknown) => (part as { readonly text?: unknown } | null)?.text)
    .filter((text) => typeof text === "string")
    .join("");
}
