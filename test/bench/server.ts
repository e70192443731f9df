/** A server under measurement, as a process of its own: a real Plexus node, or a bare peer. */
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { nodeFlags, startProcess, workspace } from "./processes.ts";

export interface Server {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** What else its ready line says. */
  readonly ready: Readonly<Record<string, unknown>>;
  /** From the spawn to the ready line. */
  readonly startedInMs: number;
  /** Processor time of all its threads since the start, in microseconds; or its resident bytes after a collection. */
  watch(what: "cpu" | "memory"): Promise<number>;
  stop(): Promise<void>;
}

/** Starts a file and waits for its line `{"event":"ready","url":…}`. */
export async function startServer(
  file: string,
  args: readonly string[],
  execArgv: readonly string[] = [],
  descriptorsMax?: number,
): Promise<Server> {
  const startMs = performance.now();
  const child = startProcess(file, { args, execArgv, piped: true, ...(descriptorsMax !== undefined && { descriptorsMax }) });
  const ready = await new Promise<Record<string, unknown>>((resolve, reject) => {
    const lines = createInterface({ input: child.stdout as Readable });
    lines.on("line", (line) => {
      if (line.startsWith('{"event":"ready"')) resolve(JSON.parse(line) as Record<string, unknown>);
    });
    child.once("exit", (code, signal) => reject(new Error(`${file} ended before it was ready: ${code ?? signal}`)));
  });
  const startedInMs = performance.now() - startMs;
  const over = new AbortController();
  child.once("exit", (code, signal) => over.abort(new Error(`${file} ended: ${code ?? signal}`)));
  const url = String(ready["url"]);
  return {
    url,
    port: Number(new URL(url).port),
    pid: child.pid ?? 0,
    ready,
    startedInMs,
    async watch(what) {
      child.send(what);
      const [told] = (await once(child, "message", { signal: over.signal })) as [Record<string, number>];
      return told[what] ?? NaN;
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    },
  };
} // prettier-ignore

/** Loads `targets/watch.mjs` into a server, so that `watch` is answered. */
export const watched: readonly string[] = [
  "--expose-gc",
  "--import",
  fileURLToPath(new URL("targets/watch.mjs", import.meta.url)),
];

/** A data folder of its own and a configuration beside it. */
export interface NodeFolder {
  readonly data: string;
  start(options?: {
    readonly execArgv?: readonly string[];
    readonly flags?: readonly string[];
    /** Files and sockets that the node may have open. */
    readonly descriptorsMax?: number;
  }): Promise<Server>;
  remove(): Promise<void>;
}

/** With `models` what an installation ships; without, the echo, so that no weights are loaded. */
export async function createNodeFolder(options: { readonly models: boolean }): Promise<NodeFolder> {
  const folder = await mkdtemp(join(workspace, "node-"));
  const config = join(folder, "config.yaml");
  const data = join(folder, "data");
  await writeFile(config, `log:\n  level: error\n${options.models ? "" : "models:\n  - name: echo\n    path: echo\n"}`);
  return {
    data,
    start: ({ execArgv = [], flags = [], descriptorsMax } = {}) =>
      startServer(
        "../../cli/main.ts",
        ["up", "--data", data, "--config", config, "--port", "0", "--json", ...flags],
        [...nodeFlags, ...execArgv],
        descriptorsMax,
      ),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Calls the HTTP API. From loopback address number `from`, because attempts to sign up are counted by address. */
function callNode(
  server: Server,
  call: { readonly path: string; readonly body: unknown; readonly token?: string; readonly from?: number },
): Promise<unknown> {
  const text = JSON.stringify(call.body);
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: "127.0.0.1",
        port: server.port,
        path: call.path,
        method: "POST",
        ...(call.from !== undefined && { localAddress: `127.0.0.${call.from}` }),
        headers: {
          "content-type": "application/json",
          "content-length": Buffer.byteLength(text),
          ...(call.token !== undefined && { authorization: `Bearer ${call.token}` }),
        },
      },
      (response) => {
        let answer = "";
        response.on("data", (piece: Buffer) => (answer += piece.toString()));
        response.on("end", () => {
          const before = call.path.replace("/v1/", "/");
          if (response.statusCode === 200) resolve(JSON.parse(answer));
          // `--against` a revision from before there was a version in the path.
          else if (response.statusCode === 404 && before !== call.path)
            resolve(callNode(server, { ...call, path: before }));
          else reject(new Error(`${call.path}: ${response.statusCode} ${answer}`));
        });
      },
    );
    sent.on("error", reject).end(text);
  });
}

/** Attempts one address may make in a while, with room to spare. */
const signUpsPerAddress = 10;

/** Signs people up and makes all of them members of one room. Resolves with their session tokens. */
export async function signUpPeople(server: Server, count: number, room: string): Promise<string[]> {
  const tokens: string[] = [];
  for (let person = 0; person < count; person += 1) {
    const from = 1 + Math.floor(person / signUpsPerAddress);
    const account = { name: `bench${person}`, password: "correct horse battery", adminCode: server.ready["adminCode"] };
    const body = person === 0 ? account : { name: account.name, password: account.password };
    const { token } = (await callNode(server, { path: "/api/v1/sign-up", body, from })) as { token: string };
    if (person === 0) await openRoom(server, token, room);
    else await callNode(server, { path: `/api/v1/rooms/${room}/join`, body: {}, token });
    tokens.push(token);
  }
  return tokens;
}

/** Makes a public room. */
export async function openRoom(server: Server, token: string, room: string): Promise<void> {
  await callNode(server, { path: "/api/v1/rooms", body: { room, visibility: "public" }, token });
}

/** Posts through the HTTP API. */
export async function post(server: Server, token: string, room: string, text: string): Promise<void> {
  await callNode(server, { path: `/api/v1/rooms/${room}/messages`, body: { text }, token });
}
