/** A gateway with rooms on a real disk; with `bare`, a fastify server that says the same JSON, and to a post when it is
 *  on the disk. */
import { mkdtemp, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { fastify } from "fastify";
import { catalog } from "../../../actors/catalog/index.ts";
import { room } from "../../../actors/room/index.ts";
import { user } from "../../../actors/user/index.ts";
import { createGateway } from "../../../node/gateway/index.ts";
import { keepSpans } from "../../../node/observe/index.ts";
import { createTracer } from "../../../node/observe/tracer.ts";
import { createClock, createRandom, openLevelStore } from "../../../node/platform/index.ts";
import { ok, type SignedIn } from "../../../protocols/index.ts";
import { startAlone } from "../../fixtures/alone.ts";
import { workspace } from "../processes.ts";
import { log, noEngines } from "./ports.ts";
import { serve } from "./serve.ts";

const meter = { count() {}, gauge() {}, observeMs() {} };

interface Plan {
  readonly rooms: number;
  readonly page: number;
  readonly grpc?: boolean;
  /** How many of the requests are traced, and kept; absent: tracing is off. */
  readonly traceRatio?: number;
}

async function gateway({ rooms, page, grpc, traceRatio }: Plan) {
  const folder = await mkdtemp(join(workspace, "rest-"));
  const store = await openLevelStore(folder);
  const clock = createClock();
  const random = createRandom();
  const tracer =
    traceRatio === undefined
      ? undefined
      : createTracer({
          node: "alone",
          name: "alone",
          version: "0",
          ratio: traceRatio,
          clock,
          random,
          spans: keepSpans(),
        });
  const traced = tracer && { tracer };
  const { peer } = await startAlone({ store, behaviors: [room, user, catalog], engines: noEngines, clock, random, log, meter, ...traced }); // prettier-ignore
  const plenty = { count: 100_000_000, windowMs: 1_000 };
  const opened = await createGateway({
    kernel: peer.kernel,
    engines: noEngines,
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
    ...traced,
    ...(grpc === true && { grpcListen: { host: "127.0.0.1", port: 0 } }),
    limits: { commandRate: plenty, keyRate: plenty, roomRate: plenty },
  });
  const post = async (path: string, body: object, token?: string): Promise<unknown> => {
    const headers = {
      "content-type": "application/json",
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    };
    const answer = await fetch(`${opened.url}/api/v1${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
    return answer.json();
  };
  const { token } = (await post("/sign-up", { name: "ada", password: "correct horse" })) as SignedIn;
  for (let at = 0; at < rooms; at += 1) {
    await post("/rooms", { room: `r${at}` }, token);
    for (let message = 0; message < page; message += 1)
      await post(`/rooms/r${at}/messages`, { text: `Message ${message}, of the length that messages have.` }, token);
  }
  return {
    url: opened.url,
    grpc: opened.grpcAddress,
    token,
    async stop() {
      await opened.stop(1_000);
      await peer.stop(1_000);
      await tracer?.stop();
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** What comes while one sync runs goes with the next. */
async function bare({ read, posted }: { readonly read: unknown; readonly posted: unknown }) {
  const folder = await mkdtemp(join(workspace, "rest-bare-"));
  const file = await open(join(folder, "log"), "a");
  const app = fastify();
  let waiting: { readonly line: string; readonly done: () => void }[] = [];
  let writing = false;
  const write = async (): Promise<void> => {
    if (writing) return;
    writing = true;
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      await file.appendFile(batch.map(({ line }) => line).join(""));
      await file.datasync();
      for (const { done } of batch) done();
    }
    writing = false;
  };
  app.get("/api/v1/rooms/:room/messages", () => read);
  app.post("/api/v1/rooms/:room/messages", async ({ body }) => {
    await new Promise<void>((done) => {
      waiting.push({ line: `${JSON.stringify(body)}\n`, done });
      void write();
    });
    return posted;
  });
  const url = await app.listen({ host: "127.0.0.1", port: 0 });
  return {
    url,
    token: "none",
    async stop() {
      await app.close();
      await file.close();
      await rm(folder, { recursive: true });
    },
  };
}

let stop: () => Promise<void> = () => Promise.resolve();

serve({
  async listen(args: Plan & { readonly bare?: Parameters<typeof bare>[0] }) {
    const server = args.bare === undefined ? await gateway(args) : await bare(args.bare);
    stop = () => server.stop();
    return { url: server.url, token: server.token, ...("grpc" in server && { grpc: server.grpc }) };
  },
  /** Microseconds of a processor that this process has taken. */
  cpu() {
    const { user, system } = process.cpuUsage();
    return user + system;
  },
  stop: () => stop(),
});
