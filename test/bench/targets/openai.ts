/** OpenAI's interface under load: a gateway with all that stands before an engine, and an engine that only says so many
 *  tokens, one in each turn of the event loop. With `bare`: a fastify server that says the same bytes in the same
 *  turns, and does nothing else. */
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fastify, type FastifyReply } from "fastify";
import { agent } from "../../../actors/agent/index.ts";
import { room } from "../../../actors/room/index.ts";
import { user } from "../../../actors/user/index.ts";
import { createGateway } from "../../../node/gateway/index.ts";
import { createClock, createRandom, openLevelStore } from "../../../node/platform/index.ts";
import { ok, type GenerationRequest, type Said, type SignedIn } from "../../../protocols/index.ts";
import { enginesOf, startInferenceHost } from "../../../runtimes/index.ts";
import { everyEngine, type Engine } from "../../../runtimes/engine.ts";
import { startAlone } from "../../fixtures/alone.ts";
import { workspace } from "../processes.ts";
import { log } from "./ports.ts";
import { serve } from "./serve.ts";

const token = " token";
const meter = { count() {}, gauge() {}, observeMs() {} };

/** Calls back so many times, each in a turn of its own, then once more. */
function inTurns(count: number, say: () => void, end: () => void): void {
  let left = count;
  const next = (): void => {
    if (left === 0) return end();
    left -= 1;
    say();
    setImmediate(next);
  };
  setImmediate(next);
}

const engine: Engine<"generate"> = {
  models: () => [
    { model: "turns", runtime: "bench", capabilities: ["chat"], contextTokens: 4_096, sizeBytes: 0, demonstration: true, state: "ready" },
  ],
  watch: () => () => undefined,
  call({ sampling: { maxTokens = 1 } }: GenerationRequest, hear: (said: Said<"generate">) => void) {
    const part = { type: "part", part: { text: token, tokens: 1 } } as const;
    inTurns(
      maxTokens,
      () => hear(part),
      () => hear({ type: "answered", result: ok({ end: "complete", promptTokens: 1, completionTokens: maxTokens }) }),
    );
    return { cancel: () => undefined };
  },
}; // prettier-ignore

/** A model to serve in place of that engine, in an inference host as a node has it. */
interface Model {
  readonly path: string;
  readonly sequences: number;
  readonly contextTokens: number;
}

async function gateway(model?: Model): Promise<{ readonly url: string; readonly key: string; stop(): Promise<void> }> {
  const folder = await mkdtemp(join(workspace, "openai-"));
  const store = await openLevelStore(folder);
  const clock = createClock();
  const random = createRandom();
  const host = model && startInferenceHost({ models: [{ name: "random", adapter: "llama", ...model }], clock, log });
  await host?.settled();
  const engines = host === undefined ? everyEngine({ generate: engine }) : enginesOf(host);
  const { peer } = await startAlone({ store, behaviors: [room, user, agent], engines, clock, random, log, meter });
  const plenty = { count: 100_000_000, windowMs: 1_000 };
  const opened = await createGateway({
    kernel: peer.kernel,
    engines,
    hub: peer.hub,
    clock,
    random,
    log,
    meter,
    host: "127.0.0.1",
    port: 0,
    node: "alone",
    version: "0",
    signUp: "open",
    adminNeeded: () => Promise.resolve(false),
    adminCodeHash: undefined,
    status: () => Promise.reject(new Error("nobody asks")),
    readiness: () => ok({}),
    metricsText: () => Promise.resolve({ contentType: "text/plain", body: "" }),
    limits: { commandRate: plenty, keyRate: plenty, callsPerPersonMax: 1_000 },
  });
  const body = JSON.stringify({ name: "ada", password: "correct horse" });
  const answer = await fetch(`${opened.url}/api/v1/sign-up`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
  const { token: key } = (await answer.json()) as SignedIn;
  return {
    url: opened.url,
    key,
    async stop() {
      await opened.stop(1_000);
      await host?.stop(5_000);
      await peer.stop(1_000);
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** What the gateway answered: the bare server says it again. */
interface Sample {
  readonly headers: Readonly<Record<string, string>>;
  /** The events of a stream; of a whole answer, the one text. */
  readonly pieces: readonly string[];
}

async function bare(samples: { readonly whole: Sample; readonly stream: Sample }) {
  const app = fastify();
  const say = (reply: FastifyReply, { headers, pieces }: Sample): void => {
    reply.hijack();
    const all = [...pieces];
    inTurns(
      all.length,
      () => {
        if (!reply.raw.headersSent) reply.raw.writeHead(200, headers);
        reply.raw.write(all.shift());
      },
      () => reply.raw.end(),
    );
  };
  app.post<{ Body: { readonly stream?: boolean } }>("/v1/chat/completions", (request, reply) => {
    if (request.body.stream === true) return say(reply, samples.stream);
    return reply.headers(samples.whole.headers).send(samples.whole.pieces[0]);
  });
  const url = await app.listen({ host: "127.0.0.1", port: 0 });
  return { url, key: "none", stop: (): Promise<void> => app.close() };
}

let stop: () => Promise<void> = () => Promise.resolve();

serve({
  async listen({ model, ...samples }: { readonly model?: Model; readonly whole?: Sample; readonly stream?: Sample }) {
    const { whole, stream } = samples;
    const server = whole && stream ? await bare({ whole, stream }) : await gateway(model);
    stop = () => server.stop();
    return { url: server.url, key: server.key };
  },
  stop: () => stop(),
});
