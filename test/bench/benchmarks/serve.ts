/** A model behind OpenAI's interface: a gateway with an inference host as a node has them, beside the server of
 *  llama.cpp. The same file of a hundred million random weights, the same threads, the same sequences, the same
 *  requests. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { request, type IncomingMessage } from "node:http";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { threadCount, readMachine } from "../../../runtimes/machine.ts";
import { hundredMillion, writeRandomModel } from "../../fixtures/random-model.ts";
import { startServed, type Benchmark, type Figures, type RowPlan, type Target } from "../benchmark.ts";
import { compilerOf, llamaServer } from "../llama-server.ts";
import { familyOf, libraryOf, processorUs } from "../proc.ts";
import { workspace } from "../processes.ts";
import { median } from "../statistics.ts";

const sequences = 16;
const contextTokens = 768;
const tokensEach = 64;
/** Texts that are written while somebody else asks, and questions of theirs. */
const crowd = 8;
const questions = 4;

function model(): string {
  const path = join(workspace, "letters.gguf");
  if (!existsSync(path)) writeRandomModel(path, { ...hundredMillion, letters: true });
  return path;
}

/** A server that speaks OpenAI's interface. */
interface Place {
  readonly port: number;
  readonly key: string;
  readonly pids: readonly number[];
}

/** Before each text, so that none begins like another: what is measured is reading and writing. */
let texts = 0;

/** A text under way. */
interface Text {
  /** When its first piece came, after it was asked for. */
  readonly firstMs: Promise<number>;
  /** Its tokens, as the server counts them. */
  readonly tokens: Promise<number>;
  /** Goes away. */
  leave(): void;
}

/** Asks for a text, as a stream. */
function ask({ port, key }: Place, { words, maxTokens }: { readonly words: number; readonly maxTokens: number }): Text {
  texts += 1;
  const content = `${texts}. ${"Say something about the sea. ".repeat(words)}`;
  const body = JSON.stringify({
    model: "random",
    messages: [{ role: "user", content }],
    max_tokens: maxTokens,
    temperature: 0,
    stream: true,
    stream_options: { include_usage: true },
  });
  const headers = { "content-type": "application/json", "content-length": body.length, authorization: `Bearer ${key}` };
  const sentMs = performance.now();
  // A connection each: one that is kept may be closed by the server at the moment at which it is used again.
  const sent = request({
    host: "127.0.0.1",
    port,
    path: "/v1/chat/completions",
    method: "POST",
    agent: false,
    headers,
  });
  const first = Promise.withResolvers<number>();
  const tokens = Promise.withResolvers<number>();
  let left = false;
  const fail = (error: Error): void => {
    if (left) return tokens.resolve(0);
    first.reject(error);
    tokens.reject(error);
  };
  sent.on("error", fail);
  sent.on("response", (response: IncomingMessage) => {
    let tail = "";
    response.setEncoding("utf8");
    response.on("error", fail);
    response.on("data", (piece: string) => {
      // The first event only names the role.
      if (/"content":"[^"]/.test(piece)) first.resolve(performance.now() - sentMs);
      tail = (tail + piece).slice(-2_000);
    });
    response.on("end", () => {
      const told = /"completion_tokens":\s*(\d+)/.exec(tail)?.[1];
      if (response.statusCode === 200 && told !== undefined) tokens.resolve(Number(told));
      else fail(new Error(`${response.statusCode}: ${tail}`));
    });
  });
  sent.end(body);
  // Nobody may look at both.
  first.promise.catch(() => undefined);
  tokens.promise.catch(() => undefined);
  return {
    firstMs: first.promise,
    tokens: tokens.promise,
    leave() {
      left = true;
      sent.destroy();
    },
  };
}

async function round(place: Place): Promise<Figures> {
  const figures: Record<string, number> = {};
  for (const count of [1, 4, sequences]) {
    const [startMs, startUs] = [performance.now(), processorUs(place.pids)];
    const all = await Promise.all(
      Array.from({ length: count }, () => ask(place, { words: 1, maxTokens: tokensEach }).tokens),
    );
    const tokens = all.reduce((sum, one) => sum + one, 0);
    if (tokens !== count * tokensEach) throw new Error(`${tokens} tokens of ${count} texts`);
    figures[`x${count} perSecond`] = (1_000 * tokens) / (performance.now() - startMs);
    figures[`x${count} cpuUs`] = (processorUs(place.pids) - startUs) / tokens;
  }
  const writing = Array.from({ length: crowd }, () => ask(place, { words: 1, maxTokens: 500 }));
  await Promise.all(writing.map(({ firstMs }) => firstMs));
  const firsts: number[] = [];
  for (let question = 0; question < questions; question += 1) {
    const text = ask(place, { words: 8, maxTokens: 2 });
    firsts.push(await text.firstMs);
    await text.tokens;
  }
  for (const text of writing) text.leave();
  figures["firstMs"] = median(firsts);
  // Those who left are noticed.
  await ask(place, { words: 1, maxTokens: 1 }).tokens;
  await sleep(200);
  return figures;
}

const threads = threadCount(readMachine(), 100e6, 1);

async function plexus(): Promise<Target> {
  const served = await startServed("openai.ts");
  const { url, key } = (await served.call("listen", { model: { path: model(), sequences, contextTokens } })) as {
    readonly url: string;
    readonly key: string;
  };
  const place = { port: Number(new URL(url).port), key, pids: familyOf(served.pid) };
  const kind = libraryOf(place.pids, "libggml-cpu-", ".so");
  return {
    note: `llama.cpp as node-llama-cpp has it for ${kind ?? "this processor"}; ${threads} thread(s)`,
    round: () => round(place),
    stop: () => served.stop(),
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function peer(): Promise<Target> {
  const program = await llamaServer((text) => console.error(text));
  const port = await freePort();
  const settings = {
    model: model(),
    alias: "random",
    host: "127.0.0.1",
    port,
    threads,
    "threads-batch": threads,
    parallel: sequences,
    "ctx-size": sequences * contextTokens,
    // What it keeps of prompts outside of its sequences would only be copied: no text here begins like another.
    "cache-ram": 0,
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = spawn(program, [...args, "--no-webui", "--log-disable"], { stdio: ["ignore", "ignore", "inherit"] });
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  const place = { port, key: "none", pids: [child.pid ?? 0] };
  for (let waits = 0; ; waits += 1) {
    const ready = await fetch(`http://127.0.0.1:${port}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (ready) break;
    if (waits > 300 || child.exitCode !== null) throw new Error("llama-server does not start");
    await sleep(100);
  }
  return {
    note: `the same llama.cpp, ${await compilerOf(program)} for this processor; ${threads} thread(s)`,
    round: () => round(place),
    async stop() {
      process.off("exit", kill);
      if (child.exitCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

const row = (name: string, plan: Pick<RowPlan, "unit" | "better" | "figure"> & Partial<RowPlan>): RowPlan => ({
  row: `serve/llama-server/${name}`,
  ours: "plexus",
  peers: ["llama-server"],
  ...plan,
});
const tokens = { unit: "tokens/s", better: "higher" } as const;

export const serveModel: Benchmark = {
  name: "serve",
  about:
    "a model of 100 million random weights behind OpenAI's interface, beside llama-server: 1, 4 and 16 texts at once; the first token under load",
  warmUps: 1,
  rounds: 5,
  targets: { plexus, "llama-server": peer },
  rows: [
    row("x1", { ...tokens, figure: "x1 perSecond", aimRatio: 0.97 }),
    row("x4", { ...tokens, figure: "x4 perSecond", aimRatio: 1 }),
    row("x16", { ...tokens, figure: "x16 perSecond", aimRatio: 1 }),
    ...[1, 4, sequences].map((count) =>
      row(`x${count}/cpu`, { unit: "µs of CPU/token", better: "lower", figure: `x${count} cpuUs` }),
    ),
    row("first-token", { unit: "ms", better: "lower", figure: "firstMs" }),
  ],
};
