/** The peer etcd: a process that puts, by gRPC frames on one HTTP/2 session of Node's own: the leanest client there is
 *  here. All puts go to the leader, which spares the others a hop. Arguments: the leader's address, and what its keys
 *  begin with. */
import { connect, constants, type IncomingHttpHeaders } from "node:http2";
import { setTimeout } from "node:timers/promises";
import { drive, payload, type Driven, type Load } from "./drive.ts";
import { median } from "../statistics.ts";
import { serve } from "./serve.ts";

const [endpoint = "", prefix = ""] = process.argv.slice(2);
const session = connect(endpoint);
session.unref();

const comeAgainMs = 5;
const refusedMax = 200;
const puts = new Map<number, number>();
const keyOf = (lane: number): string => `${prefix}/k${lane}`;

/** `PutRequest { key = 1, value = 2 }` of etcd's rpc.proto, in a gRPC frame that is not compressed. */
const frameOf = (lane: number): Buffer => {
  const field = (tag: number, text: string): Buffer =>
    Buffer.concat([Buffer.from([tag, text.length]), Buffer.from(text)]);
  const body = Buffer.concat([field(0x0a, keyOf(lane)), field(0x12, payload)]);
  const header = Buffer.alloc(5);
  header.writeUInt32BE(body.length, 1);
  return Buffer.concat([header, body]);
};
const frames: Buffer[] = [];
const { HTTP2_HEADER_METHOD, HTTP2_HEADER_PATH, HTTP2_HEADER_CONTENT_TYPE, HTTP2_HEADER_TE } = constants;
const headers = {
  [HTTP2_HEADER_METHOD]: "POST",
  [HTTP2_HEADER_CONTENT_TYPE]: "application/grpc",
  [HTTP2_HEADER_TE]: "trailers",
};

function send(path: string, frame: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ...headers, [HTTP2_HEADER_PATH]: path }, { endStream: false });
    let end: IncomingHttpHeaders = {};
    // An error comes without a body: what would follow it is in the first headers.
    stream.on("response", (first) => (end = first));
    stream.on("trailers", (trailers) => (end = trailers));
    stream.on("error", reject);
    stream.on("end", () => {
      const status = end["grpc-status"];
      if (status === "0") resolve();
      else reject(new Error(`etcd answered ${String(status)} ${String(end["grpc-message"])}`));
    });
    stream.resume();
    stream.end(frame);
  });
}

const putOnce = (lane: number): Promise<void> => send("/etcdserverpb.KV/Put", (frames[lane] ??= frameOf(lane)));

/** `TxnRequest` with one `Compare` of the key's version and one `PutRequest`. */
function swapFrameOf(lane: number, version: number): Buffer {
  const field = (tag: number, body: Buffer): Buffer => Buffer.concat([Buffer.from([tag]), varint(body.length), body]);
  const text = (tag: number, said: string): Buffer => field(tag, Buffer.from(said));
  // Equal is the default result, version the default target; a version of 0 has to be said.
  const compare = Buffer.concat([text(0x1a, keyOf(lane)), Buffer.from([0x20]), varint(version)]);
  const put = Buffer.concat([text(0x0a, keyOf(lane)), text(0x12, payload)]);
  const body = Buffer.concat([field(0x0a, compare), field(0x12, field(0x12, put))]);
  const header = Buffer.alloc(5);
  header.writeUInt32BE(body.length, 1);
  return Buffer.concat([header, body]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) + 128);
  }
}

/** Which of them came about shows in the end: every one that did raised the version by one. */
async function swap(lane: number): Promise<void> {
  const version = puts.get(lane) ?? 0;
  puts.set(lane, version + 1);
  await send("/etcdserverpb.KV/Txn", swapFrameOf(lane, version));
}

/** With more than 5,000 proposals to apply etcd refuses at once, and its clients come again. */
async function put(lane: number): Promise<void> {
  puts.set(lane, (puts.get(lane) ?? 0) + 1);
  for (let refused = 0; ; refused += 1) {
    try {
      await putOnce(lane);
      return;
    } catch (error) {
      if (refused === refusedMax || !String(error).includes("too many requests")) throw error;
      await setTimeout(comeAgainMs);
    }
  }
}

const watchedKey = `${prefix}/watched`;
/** Called whenever a watcher is told of a change. */
let told = (): void => undefined;

/** Watches one key so often, all on one stream, as clients of etcd do: a `WatchRequest` with one `WatchCreateRequest`
 *  each. Resolves when all are there. Each answer is a frame of its own: first that a watcher was made, then one for
 *  each watcher and change. */
function watch(count: number): Promise<void> {
  const key = Buffer.from(watchedKey);
  const create = Buffer.concat([Buffer.from([0x0a, key.length]), key]);
  const body = Buffer.concat([Buffer.from([0x0a, create.length]), create]);
  const header = Buffer.alloc(5);
  header.writeUInt32BE(body.length, 1);
  const stream = session.request(
    { ...headers, [HTTP2_HEADER_PATH]: "/etcdserverpb.Watch/Watch" },
    { endStream: false },
  );
  for (let made = 0; made < count; made += 1) stream.write(Buffer.concat([header, body]));
  return new Promise((resolve, reject) => {
    let rest = Buffer.alloc(0);
    let frames = 0;
    stream.on("error", reject);
    stream.on("data", (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
        rest = rest.subarray(5 + rest.readUInt32BE(1));
        frames += 1;
        if (frames === count) resolve();
        else if (frames > count) told();
      }
    });
  });
}

/** One change after the other, each when the last of all watchers was told of the one before. */
async function watched({
  watchers,
  changes,
}: {
  readonly watchers: number;
  readonly changes: number;
}): Promise<Record<string, number>> {
  const text = (tag: number, said: string): Buffer =>
    Buffer.concat([Buffer.from([tag, said.length]), Buffer.from(said)]);
  const body = Buffer.concat([text(0x0a, watchedKey), text(0x12, payload)]);
  const header = Buffer.alloc(5);
  header.writeUInt32BE(body.length, 1);
  const toLastMs: number[] = [];
  for (let change = 0; change < changes; change += 1) {
    let left = watchers;
    const last = new Promise<void>((resolve) => (told = () => (left -= 1) === 0 && resolve()));
    const sentMs = performance.now();
    await Promise.all([send("/etcdserverpb.KV/Put", Buffer.concat([header, body])), last]);
    toLastMs.push(performance.now() - sentMs);
  }
  return { medianMs: median(toLastMs), highestMs: Math.max(...toLastMs) };
}

let watching: Promise<void> | undefined;

async function counted(load: Load, issue: (lane: number) => Promise<void>): Promise<Driven> {
  const driven = await drive(load, issue);
  for (const [lane, count] of puts) {
    const body = JSON.stringify({ key: Buffer.from(keyOf(lane)).toString("base64") });
    const answer = await fetch(`${endpoint}/v3/kv/range`, { method: "POST", body });
    const { kvs } = (await answer.json()) as { readonly kvs?: readonly { readonly version: string }[] };
    if (Number(kvs?.[0]?.version) !== count)
      throw new Error(`${keyOf(lane)} was put ${count} times, etcd says ${kvs?.[0]?.version}`);
  }
  return driven;
}

serve({
  durable: (load: Load) => counted(load, put),
  swap: (load: Load) => counted(load, swap),
  async watched(load: { readonly watchers: number; readonly changes: number }) {
    await (watching ??= watch(load.watchers));
    return watched(load);
  },
  stop() {
    session.close();
    return Promise.resolve();
  },
});
