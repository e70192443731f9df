/** What OpenAI's interface costs, beside a bare server that says the same bytes. */
import { connect } from "node:net";
import { once } from "node:events";
import { startServed, type Benchmark, type Figures, type RowPlan, type Target } from "../benchmark.ts";
import { answersPerSecond } from "../http-lanes.ts";

const tokens = 128;
const lanes = 16;
const durationMs = 1_000;

/** A request as bytes, and whether it asks for a stream. */
function requestOf(key: string, stream: boolean): string {
  const messages = [{ role: "user", content: "Say something." }];
  const body = JSON.stringify({ model: "turns", messages, max_tokens: stream ? tokens : 1, ...(stream && { stream }) });
  const head = ["POST /v1/chat/completions HTTP/1.1", "host: 127.0.0.1", `authorization: Bearer ${key}`, "content-type: application/json", `content-length: ${body.length}`]; // prettier-ignore
  return `${head.join("\r\n")}\r\n\r\n${body}`;
}

async function load(url: string, key: string, stream: boolean): Promise<Figures> {
  const port = Number(new URL(url).port);
  const request = requestOf(key, stream);
  const perSecond = await answersPerSecond(port, lanes, durationMs, () => request);
  return stream ? { tokensPerSecond: perSecond * tokens } : { requestsPerSecond: perSecond };
}

/** What the gateway says to a request: headers and the pieces of its body. */
async function sampleOf(url: string, key: string, stream: boolean) {
  const port = Number(new URL(url).port);
  const socket = connect({ host: "127.0.0.1", port });
  await once(socket, "connect");
  socket.write(requestOf(key, stream).replace("host: 127.0.0.1", "host: 127.0.0.1\r\nconnection: close"));
  let text = "";
  socket.on("data", (data: Buffer) => (text += data.toString()));
  await once(socket, "close");
  const end = text.indexOf("\r\n\r\n");
  const lines = text.slice(0, end).split("\r\n").slice(1);
  const own = new Set(["connection", "date", "transfer-encoding", "content-length", "keep-alive"]);
  const headers = Object.fromEntries(
    lines.map((line): [string, string] => {
      const at = line.indexOf(":");
      return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()];
    }),
  );
  for (const name of own) delete headers[name];
  const body = text.slice(end + 4);
  const pieces = stream ? body.split("\r\n").filter((piece) => piece.startsWith("data:")) : [body];
  return { headers, pieces };
}

async function gateway(): Promise<{ readonly target: Target; readonly url: string; readonly key: string }> {
  const served = await startServed("openai.ts");
  const { url, key } = (await served.call("listen")) as { url: string; key: string };
  const round = async (): Promise<Figures> => ({
    ...(await load(url, key, false)),
    ...(await load(url, key, true)),
  });
  return { url, key, target: { round, stop: () => served.stop() } };
}

const plexus = async (): Promise<Target> => (await gateway()).target;

/** Says what a gateway of this version says to the same requests. */
async function bare(): Promise<Target> {
  const sample = await gateway();
  const samples = {
    whole: await sampleOf(sample.url, sample.key, false),
    stream: await sampleOf(sample.url, sample.key, true),
  };
  await sample.target.stop();
  const served = await startServed("openai.ts");
  const { url, key } = (await served.call("listen", samples)) as { url: string; key: string };
  const round = async (): Promise<Figures> => ({
    ...(await load(url, key, false)),
    ...(await load(url, key, true)),
  });
  return { round, stop: () => served.stop() };
}

const row = (name: string, unit: string, figure: string): RowPlan => ({
  row: `openai/fastify/${name}`,
  unit,
  better: "higher",
  figure,
  ours: "plexus",
  peers: ["fastify"],
  aimRatio: 0.8,
});

export const openAi: Benchmark = {
  name: "openai",
  about: `OpenAI's interface beside a bare fastify server that says the same bytes: whole answers, and streams of ${tokens} tokens; ${lanes} clients`,
  warmUps: 2,
  rounds: 7,
  targets: { plexus, fastify: bare },
  rows: [row("request", "requests/s", "requestsPerSecond"), row("stream", "tokens/s", "tokensPerSecond")],
};
