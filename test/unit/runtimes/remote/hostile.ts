/** A server on loopback that answers as a test says, and remembers what it was asked. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { EngineName, EnginePart, EngineRequest } from "../../../../protocols/index.ts";
import type { Ended, Flow, LoadedModel, ModelSpec } from "../../../../runtimes/adapter.ts";
import { adapterOf } from "../../../../runtimes/adapters.ts";

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
export async function startDouble(script: Script = (_asked, response) => response.end()): Promise<Double> {
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
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
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

/** Loads the model of a spec; throws the reason where it fails. */
export async function loadRemote(spec: Partial<ModelSpec> & Pick<ModelSpec, "adapter" | "endpoint">): Promise<{
  readonly model: LoadedModel;
  readonly warnings: readonly string[];
}> {
  const whole: ModelSpec = { name: "m", path: "", ...spec };
  const adapter = adapterOf(whole);
  const inquiry = {
    spec: whole,
    fileBytes: 0,
    found: undefined,
    machine: { cores: 2, memoryBytes: 8e9 },
    models: 1,
    freeBytes: 1e9,
  };
  const verdict = adapter.plan(inquiry);
  if (verdict.type === "refused") throw new Error(verdict.reason);
  const result = await adapter.load(whole, verdict.plan);
  if (result.type === "failed") throw new Error(result.reason);
  return result;
}

/** A call of a loaded model, with what it said. */
export interface Heard<Name extends EngineName> {
  readonly parts: readonly EnginePart<Name>[];
  readonly ended: Promise<Ended<Name>>;
  /** Resolves with the first part. */
  readonly first: Promise<EnginePart<Name>>;
  cancel(): void;
  /** Lets the receiver take no more, until it is called again. */
  pause(): () => void;
}

/** Calls an engine of a loaded model as its worker does. */
export function ask<Name extends EngineName>(
  model: LoadedModel,
  engine: Name,
  request: Partial<EngineRequest<Name>>,
): Heard<Name> {
  const parts: EnginePart<Name>[] = [];
  const first = Promise.withResolvers<EnginePart<Name>>();
  let cancelled = false;
  let onCancel: () => void = () => undefined;
  let paused: Promise<void> | undefined;
  const flow: Flow<Name> = {
    get cancelled() {
      return cancelled;
    },
    part(part) {
      parts.push(part);
      first.resolve(part);
    },
    ready: () => paused,
    onCancel(callback) {
      onCancel = callback;
      if (cancelled) callback();
    },
  };
  const serve = model.serves[engine];
  if (serve === undefined) throw new Error(`the model does not ${engine}`);
  const whole = {
    id: "call",
    model: "m",
    timeoutMs: 20_000,
    messages: [{ role: "user", content: "Hi" }],
    sampling: {},
  };
  const ended = serve({ ...whole, ...request } as never, flow as never) as Promise<Ended<Name>>;
  return {
    parts,
    ended,
    first: first.promise,
    cancel() {
      cancelled = true;
      onCancel();
    },
    pause() {
      const gate = Promise.withResolvers<void>();
      paused = gate.promise;
      return () => {
        paused = undefined;
        gate.resolve();
      };
    },
  };
}

/** What a call of `generate` said, as one text. */
export const textOf = (heard: Heard<"generate">): string => heard.parts.map(({ text }) => text).join("");
