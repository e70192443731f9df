/** The peer etcd: three members, and one process that puts. `native`: gRPC frames on one HTTP/2 session of Node's own, the
 *  leanest client there is here; else the `etcd3` package. All puts go to the leader, which spares the others a hop. */
import { connect, constants, type ClientHttp2Session } from "node:http2";
import { Etcd3 } from "etcd3";
import { findEtcd, startEtcd } from "../../integration/etcd-server.ts";
import { drive, payload, type Load } from "./drive.ts";
import { serve } from "./serve.ts";

const native = process.argv.includes("native");
const found = findEtcd();
if ("missing" in found) throw new Error(found.missing);
const cluster = await startEtcd(found.path, 3);
const { endpoint } = await cluster.leader();
const client = new Etcd3({ hosts: endpoint });
const session: ClientHttp2Session | undefined = native ? connect(endpoint) : undefined;
session?.unref();

const puts = new Map<number, number>();
const keyOf = (lane: number): string => `log/k${lane}`;

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
    let status: unknown;
    stream.on("trailers", (trailers) => (status = trailers["grpc-status"]));
    stream.on("error", reject);
    stream.on("end", () => (status === "0" ? resolve() : reject(new Error(`etcd answered ${String(status)}`))));
    stream.resume();
    stream.end((frames[lane] ??= frameOf(lane)));
  });
}

function put(lane: number): Promise<unknown> {
  puts.set(lane, (puts.get(lane) ?? 0) + 1);
  return session === undefined ? client.put(keyOf(lane)).value(payload).exec() : putNative(session, lane);
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
  async stop() {
    session?.close();
    client.close();
    await cluster.stop();
  },
});
