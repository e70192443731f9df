/** The peer `@grpc/grpc-js`: unary calls on one channel, without TLS. One process listens, another one asks.
 *
 *  In its favour: the messages are the same msgpack as everywhere, so no protobuf is encoded or decoded. */
import { Client, credentials, Server, ServerCredentials } from "@grpc/grpc-js";
import { Packr } from "msgpackr";
import { driveAll, payload } from "./drive.ts";
import { serve } from "./serve.ts";

const packr = new Packr({ useRecords: false });
const same = (bytes) => bytes;
const path = "/bench.Counter/Bump";
let client;

const ask = () =>
  new Promise((resolve, reject) => {
    const request = packr.pack({ to: "counter/k0", text: payload });
    client.makeUnaryRequest(path, same, same, request, (error, answer) => {
      if (error) reject(error);
      else resolve(packr.unpack(answer).value);
    });
  });

serve({
  listen: () =>
    new Promise((resolve, reject) => {
      let count = 0;
      const server = new Server();
      const bump = {
        path,
        requestStream: false,
        responseStream: false,
        requestSerialize: same,
        requestDeserialize: same,
        responseSerialize: same,
        responseDeserialize: same,
      };
      server.addService(
        { bump },
        {
          bump(call, answer) {
            packr.unpack(call.request);
            count += 1;
            answer(null, packr.pack({ value: count }));
          },
        },
      );
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
        error ? reject(error) : resolve(port),
      );
    }),
  connect: ({ port }) =>
    new Promise((resolve, reject) => {
      client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
      client.waitForReady(Date.now() + 10_000, (error) => (error ? reject(error) : resolve()));
    }),
  volatile: ({ loads }) => driveAll(loads, ask),
});
