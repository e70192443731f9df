/** Files of a room, sent and fetched: sealed, in parts that are each made durable and told to the room, beside plain
 *  fastify that streams the same bytes into a file and back, and beside one that seals and compares them, too. One after
 *  the other, and sixteen at once. All run with the flags that a node has. */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { request, type IncomingMessage } from "node:http";
import type { Benchmark, Figures, RowPlan, Target } from "../benchmark.ts";
import { nodeFlags } from "../processes.ts";
import { createNodeFolder, signUpPeople, startServer, watched, type Server } from "../server.ts";

const room = "bench";

/** What is sent at once, and how often it is fetched. */
interface Load {
  readonly bytes: number;
  readonly people: number;
  readonly filesEach: number;
  readonly downloads: number;
}
const one: Load = { bytes: 32 << 20, people: 1, filesEach: 1, downloads: 3 };
const crowd: Load = { bytes: 8 << 20, people: 4, filesEach: 4, downloads: 3 };
const bodies = new Map<number, Buffer>();
function bodyOf(bytes: number): Buffer {
  const made = bodies.get(bytes) ?? randomBytes(bytes);
  bodies.set(bytes, made);
  return made;
}

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly body?: Buffer | string;
}

/** One request; the answer's bytes are counted, and kept where they are few. */
function ask({ port }: Server, asked: Asked): Promise<{ headers: IncomingMessage["headers"]; bytes: number; text: string }> {
  return new Promise((resolve, reject) => {
    const { method, path, headers = {}, body: sent } = asked;
    const length = sent === undefined ? {} : { "content-length": Buffer.byteLength(sent) };
    const call = request({ host: "127.0.0.1", port, method, path, headers: { ...headers, ...length } }, (response) => {
      let count = 0;
      const few: Buffer[] = [];
      response.on("data", (piece: Buffer) => {
        count += piece.length;
        if (count < 65_536) few.push(piece);
      });
      response.on("error", reject);
      response.on("end", () => {
        const text = Buffer.concat(few).toString();
        const { statusCode = 0 } = response;
        if (statusCode < 300) resolve({ headers: response.headers, bytes: count, text });
        else reject(new Error(`${method} ${path}: ${statusCode} ${text}`));
      });
    });
    call.on("error", reject);
    call.end(sent);
  });
} // prettier-ignore

/** Files of one person. */
interface Sender {
  readonly send: (body: Buffer) => Promise<string>;
  readonly fetch: (path: string) => Promise<number>;
}

/** Sends files and fetches them a few times. */
async function round(server: Server, senders: readonly Sender[], { bytes, filesEach, downloads }: Load): Promise<Figures> {
  const body = bodyOf(bytes);
  const all = senders.flatMap((sender) => Array.from({ length: filesEach }, () => sender));
  const [startMs, startUs] = [performance.now(), await server.watch("cpu")];
  const sent = await Promise.all(all.map(async ({ send, fetch }) => ({ fetch, path: await send(body) })));
  const [sentMs, sentUs] = [performance.now(), await server.watch("cpu")];
  for (let time = 0; time < downloads; time += 1) {
    const came = await Promise.all(sent.map(({ fetch, path }) => fetch(path)));
    if (came.some((count) => count !== bytes)) throw new Error("not all of it came");
  }
  const [endMs, endUs] = [performance.now(), await server.watch("cpu")];
  const megabytes = (bytes * all.length) / 1e6;
  const peakBytes = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))?.[1] ?? NaN) * 1_024;
  return {
    upPerSecond: megabytes / ((sentMs - startMs) / 1_000),
    upCpuUs: (sentUs - startUs) / megabytes,
    downPerSecond: (downloads * megabytes) / ((endMs - sentMs) / 1_000),
    downCpuUs: (endUs - sentUs) / (downloads * megabytes),
    peakBytes,
  };
} // prettier-ignore

const plexus = (load: Load) => async (): Promise<Target> => {
  const folder = await createNodeFolder({ models: false });
  const server = await folder.start({ execArgv: watched });
  const tokens = await signUpPeople(server, load.people, room);
  const senders = tokens.map((token) => senderOf(server, token));
  return {
    note: "each part of 1 MiB is sealed, hashed, synced, and told to the room, whose journal is synced; fetched, it is compared and opened",
    round: () => round(server, senders, load),
    async stop() {
      await server.stop();
      await folder.remove();
    },
  };
}; // prettier-ignore

function senderOf(server: Server, token: string): Sender {
  const authorization = `Bearer ${token}`;
  const json = { authorization, "content-type": "application/json" };
  const tus = { authorization, "tus-resumable": "1.0.0" };
  const uploads = "/api/v1/files/uploads";
  const metadata = [`filename ${Buffer.from("bench.bin").toString("base64")}`, `room ${Buffer.from(room).toString("base64")}`];
  return {
    async send(body) {
      const headers = { ...tus, "upload-length": body.length, "upload-metadata": metadata.join(",") };
      const begun = await ask(server, { method: "POST", path: uploads, headers });
      const id = String(begun.headers.location).split("/").at(-1) ?? "";
      const type = { "content-type": "application/offset+octet-stream", "upload-offset": 0 };
      await ask(server, { method: "PATCH", path: `${uploads}/${id}`, headers: { ...tus, ...type }, body });
      const message = JSON.stringify({ text: "", files: [id] });
      await ask(server, { method: "POST", path: `/api/v1/rooms/${room}/messages`, headers: json, body: message });
      return `/api/v1/rooms/${room}/files/${id}`;
    },
    fetch: async (path) => (await ask(server, { method: "GET", path, headers: { authorization } })).bytes,
  };
} // prettier-ignore

const peer = (load: Load, how: "plain" | "sealing") => async (): Promise<Target> => {
  const server = await startServer("targets/plain-files.ts", [how], [...nodeFlags, ...watched]);
  let files = 0;
  const sender: Sender = {
    async send(body) {
      const path = `/files/${(files += 1)}`;
      await ask(server, { method: "PUT", path, headers: { "content-type": "application/octet-stream" }, body });
      return path;
    },
    fetch: async (path) => (await ask(server, { method: "GET", path })).bytes,
  };
  const senders = Array.from({ length: load.people }, () => sender);
  const seals = how === "sealing" ? "; each part of 1 MiB is sealed and hashed, and compared and opened" : "";
  return {
    note: `a file is synced once, at its end${seals}`,
    round: () => round(server, senders, load),
    stop: () => server.stop(),
  };
};

type Plan = Pick<RowPlan, "unit" | "better" | "figure"> & Partial<RowPlan>;

function benchmarkOf(name: string, about: string, load: Load): Benchmark {
  const row = (part: string, plan: Plan): RowPlan => ({
    row: `${name}/${part}`,
    ours: "plexus",
    peers: ["fastify"],
    ...plan,
  });
  const speed = { unit: "MB/s", better: "higher" } as const;
  const cpu = { unit: "µs of CPU/MB", better: "lower" } as const;
  return {
    name,
    about,
    warmUps: 1,
    rounds: 7,
    targets: {
      plexus: plexus(load),
      fastify: peer(load, "plain"),
      "fastify, sealing": peer(load, "sealing"),
    },
    rows: [
      row("fastify/upload", { ...speed, figure: "upPerSecond", aimRatio: 0.6 }),
      row("fastify/download", { ...speed, figure: "downPerSecond", aimRatio: 0.6 }),
      row("fastify/upload/cpu", { ...cpu, figure: "upCpuUs" }),
      row("fastify/download/cpu", { ...cpu, figure: "downCpuUs" }),
      row("fastify/peak", { unit: "bytes resident at most", better: "lower", figure: "peakBytes" }),
      row("sealing/upload", { ...speed, figure: "upPerSecond", peers: ["fastify, sealing"] }),
      row("sealing/download", { ...speed, figure: "downPerSecond", peers: ["fastify, sealing"] }),
      row("floor/upload", { ...speed, figure: "upPerSecond", ours: "fastify, sealing" }),
      row("floor/download", { ...speed, figure: "downPerSecond", ours: "fastify, sealing" }),
    ],
  };
}

export const files: Benchmark = benchmarkOf(
  "files",
  "a file of 32 MiB sent and fetched 3 times, beside plain fastify with a synced file, and one that seals",
  one,
);
export const filesCrowd: Benchmark = benchmarkOf(
  "files-16",
  "the same with sixteen files of 8 MiB at once, of four people",
  crowd,
);
