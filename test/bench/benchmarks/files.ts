/** Files of a room, sent and fetched: sealed, in parts that are each made durable and told to the room, beside plain
 *  fastify that streams the same bytes into a file and back. */
import { randomBytes } from "node:crypto";
import { request, type IncomingMessage } from "node:http";
import type { Benchmark, Figures, RowPlan, Target } from "../benchmark.ts";
import { createNodeFolder, signUpPeople, startServer, watched, type Server } from "../server.ts";

const room = "bench";
const bytes = 32 << 20;
const downloads = 3;
const body = randomBytes(bytes);

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

/** Sends one file and fetches it a few times. */
async function round(
  server: Server,
  { send, fetch }: { readonly send: () => Promise<string>; readonly fetch: (path: string) => Promise<number> },
): Promise<Figures> {
  const [startMs, startUs] = [performance.now(), await server.watch("cpu")];
  const path = await send();
  const [sentMs, sentUs] = [performance.now(), await server.watch("cpu")];
  for (let one = 0; one < downloads; one += 1) if ((await fetch(path)) !== bytes) throw new Error("not all of it came");
  const [endMs, endUs] = [performance.now(), await server.watch("cpu")];
  const megabytes = bytes / 1e6;
  return {
    upPerSecond: megabytes / ((sentMs - startMs) / 1_000),
    upCpuUs: (sentUs - startUs) / megabytes,
    downPerSecond: (downloads * megabytes) / ((endMs - sentMs) / 1_000),
    downCpuUs: (endUs - sentUs) / (downloads * megabytes),
  };
}

async function plexus(): Promise<Target> {
  const folder = await createNodeFolder({ models: false });
  const server = await folder.start({ execArgv: watched });
  const [token = ""] = await signUpPeople(server, 1, room);
  const authorization = `Bearer ${token}`;
  const json = { authorization, "content-type": "application/json" };
  const tus = { authorization, "tus-resumable": "1.0.0" };
  const uploads = "/api/v1/files/uploads";
  const metadata = [`filename ${Buffer.from("bench.bin").toString("base64")}`, `room ${Buffer.from(room).toString("base64")}`];
  const send = async (): Promise<string> => {
    const headers = { ...tus, "upload-length": bytes, "upload-metadata": metadata.join(",") };
    const begun = await ask(server, { method: "POST", path: uploads, headers });
    const id = String(begun.headers.location).split("/").at(-1) ?? "";
    const type = { "content-type": "application/offset+octet-stream", "upload-offset": 0 };
    await ask(server, { method: "PATCH", path: `${uploads}/${id}`, headers: { ...tus, ...type }, body });
    const message = JSON.stringify({ text: "", files: [id] });
    await ask(server, { method: "POST", path: `/api/v1/rooms/${room}/messages`, headers: json, body: message });
    return `/api/v1/rooms/${room}/files/${id}`;
  };
  const fetch = async (path: string) => (await ask(server, { method: "GET", path, headers: { authorization } })).bytes;
  return {
    round: () => round(server, { send, fetch }),
    async stop() {
      await server.stop();
      await folder.remove();
    },
  };
} // prettier-ignore

async function peer(): Promise<Target> {
  const server = await startServer("targets/plain-files.ts", [], watched);
  let files = 0;
  const send = async (): Promise<string> => {
    const path = `/files/${(files += 1)}`;
    await ask(server, { method: "PUT", path, headers: { "content-type": "application/octet-stream" }, body });
    return path;
  };
  const fetch = async (path: string) => (await ask(server, { method: "GET", path })).bytes;
  return { round: () => round(server, { send, fetch }), stop: () => server.stop() };
}

const row = (name: string, plan: Pick<RowPlan, "unit" | "better" | "figure"> & Partial<RowPlan>): RowPlan => ({
  row: `files/fastify/${name}`,
  ours: "plexus",
  peers: ["fastify"],
  ...plan,
});

export const files: Benchmark = {
  name: "files",
  about: `a file of ${bytes >> 20} MiB sent and fetched ${downloads} times, beside plain fastify with a synced file`,
  warmUps: 1,
  rounds: 7,
  targets: { plexus, fastify: peer },
  rows: [
    row("upload", { unit: "MB/s", better: "higher", figure: "upPerSecond", aimRatio: 0.6 }),
    row("download", { unit: "MB/s", better: "higher", figure: "downPerSecond", aimRatio: 0.6 }),
    row("upload/cpu", { unit: "µs of CPU/MB", better: "lower", figure: "upCpuUs" }),
    row("download/cpu", { unit: "µs of CPU/MB", better: "lower", figure: "downCpuUs" }),
  ],
};
