/** The peer etcd: a process that puts. `native`: gRPC frames on one HTTP/2 session of Node's own, the leanest client there is
 *  here; else the `etcd3` package. All puts go to the leader, which spares the others a hop. Arguments: which of the two, the
 *  leader's address, and what its keys begin with. */
import { connect, constants, type ClientHttp2Session, type IncomingHttpHeaders } from "node:http2";
import { setTimeout } from "node:timers/promises";
import { Etcd3 } from "etcd3";
import { drive, payload, type Load } from "./drive.ts";
import { serve } from "./serve.ts";

const [kind = "", endpoint = "", prefix = ""] = process.argv.slice(2);
const client = new Etcd3({ hosts: endpoint });
const session: ClientHttp2Session | undefined = kind === "native" ? connect(endpoint) : undefined;
session?.unref();

const comeAgainMs = 5;
const refusedMax = 200;
const puts = new Map<number, number>();
const keyOf = (lane: number): string => `${prefix}/k${lane}`;

/** `PutRequest { key = 1, value = 2 }` of etcd's rpc.proto, in a gRPC frame that is not compressed. */
const frameOf = (lane: number): Buffer => {
  const field = (tag: number, text: string): Buffer => Buffer.concat([Buffer.from([tag, text.length]), Buffer.from(text)]);
  const body = Buffer.concat([field(0x0a, keyOf(lane)), field(0x12, payload)]);
  const header = Buffer.alloc(5);
  header.writeUInt32BE(body.length, 1);
  return Buffer.concat([header, body]);
}; // prettier-ignore
const frames: Buffer[] = [];
const { HTTP2_HEADER_METHOD, HTTP2_HEADER_PATH, HTTP2_HEADER_CONTENT_TYPE, HTTP2_HEADER_TE } = constants;
const headers = {
  [HTTP2_HEADER_METHOD]: "POST",
  [HTTP2_HEADER_PATH]: "/etcdserverpb.KV/Put",
  [HTTP2_HEADER_CONTENT_TYPE]: "application/grpc",
  [HTTP2_HEADER_TE]: "trailers",
};

function putNative(http: ClientHttp2Session, lane: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = http.request(headers, { endStream: false });
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
    stream.end((frames[lane] ??= frameOf(lane)));
  });
}

const putOnce = (lane: number): Promise<unknown> =>
  session === undefined ? client.put(keyOf(lane)).value(payload).exec() : putNative(session, lane);

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

serve({
  async durable(load: Load) {
    const driven = await drive(load, put);
    for (const [lane, count] of puts) {
      const { kvs } = await client.get(keyOf(lane)).exec();
      if (Number(kvs[0]?.version) !== count)
        throw new Error(`${keyOf(lane)} was put ${count} times, etcd says ${kvs[0]?.version}`);
    }
    return driven;
  },
  stop() {
    session?.close();
    client.close();
    return Promise.resolve();
  },
});
