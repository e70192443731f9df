import {
  Client,
  credentials,
  Metadata,
  type ChannelCredentials,
  type ClientDuplexStream,
  type ServiceError,
} from "@grpc/grpc-js";
import { loadPackageDefinition } from "@grpc/grpc-js";
import { loadSync, type ServiceDefinition } from "@grpc/proto-loader";
import { protoPath } from "../../../node/gateway/wires/grpc-codec.ts";
import { expireAfter, usualLimitMs } from "../../waits.ts";

const definition = loadSync(protoPath, { longs: Number, defaults: false, oneofs: true });
// What a program of somebody else would do with the file; nothing of the node's own code.
void loadPackageDefinition(definition);

// oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers of every shape
type Any = any;

/** A client of gRPC as somebody else would write it, from the `.proto` alone. */
export interface GrpcClient {
  readonly client: Client;
  /** Calls `RoomService.Post` and the like. Rejects with the status. */
  call(
    service: string,
    method: string,
    request: object,
    more?: { deadlineMs?: number; token?: string | undefined },
  ): Promise<Any>;
  connect(token?: string): GrpcStream;
  close(): void;
}

/** A stream: remembers frames until somebody waits for them. */
export interface GrpcStream {
  readonly call: ClientDuplexStream<object, Any>;
  readonly frames: Any[];
  /** Resolves with the status that ended it. */
  readonly ended: Promise<ServiceError | undefined>;
  next(fits: (frame: Any) => boolean, what?: string): Promise<Any>;
  send(command: object): number;
  /** Sends a command and gives its answer. */
  ask(command: object): Promise<Any>;
}

/** Longer than a slow, busy machine takes. */

/** Makes a client with its own connection. */
export function grpcClient(
  address: string,
  token?: string,
  secure: ChannelCredentials = credentials.createInsecure(),
  options: object = {},
): GrpcClient {
  const client = new Client(address, secure, { "grpc.use_local_subchannel_pool": 1, ...options });
  const metadataOf = (own: string | undefined): Metadata => {
    const metadata = new Metadata();
    if (own !== undefined) metadata.set("authorization", `Bearer ${own}`);
    return metadata;
  };
  const methodOf = (service: string, method: string) => {
    const found = (definition[`plexus.v1.${service}`] as ServiceDefinition)[method];
    if (found === undefined) throw new Error(`${service} has no ${method}`);
    return found;
  };
  return {
    client,
    call(service, name, request, more = {}) {
      const { path, requestSerialize, responseDeserialize } = methodOf(service, name);
      const own = "token" in more ? more.token : token;
      const deadline = more.deadlineMs === undefined ? {} : { deadline: Date.now() + more.deadlineMs };
      return new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          path,
          requestSerialize,
          responseDeserialize,
          request,
          metadataOf(own),
          deadline,
          (error, value) => (error === null ? resolve(value) : reject(error)),
        );
      });
    },
    connect(own = token) {
      const { path, requestSerialize, responseDeserialize } = methodOf("StreamService", "Connect");
      const call = client.makeBidiStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        metadataOf(own),
      ) as ClientDuplexStream<object, Any>;
      const frames: Any[] = [];
      const waiting = new Set<() => void>();
      let over = false;
      let id = 0;
      const wake = () => {
        for (const look of waiting) look();
      };
      const ended = new Promise<ServiceError | undefined>((resolve) => {
        call.on("error", (error: ServiceError) => resolve(error));
        call.on("status", () => {
          over = true;
          wake();
        });
        call.on("end", () => resolve(undefined));
      });
      call.on("data", (frame: Any) => {
        frames.push(frame);
        wake();
      });
      const stream: GrpcStream = {
        call,
        frames,
        ended,
        next(fits, what = fits.toString()) {
          return new Promise((resolve, reject) => {
            const give = (end: () => void) => {
              stop();
              waiting.delete(look);
              end();
            };
            const stop = expireAfter(usualLimitMs, () =>
              give(() => reject(new Error(`no frame came for ${what}; had ${JSON.stringify(frames).slice(0, 2_000)}`))),
            );
            const look = () => {
              const at = frames.findIndex(fits);
              if (at >= 0) give(() => resolve(frames.splice(at, 1)[0]));
              else if (over) give(() => reject(new Error(`ended while waiting for ${what}`)));
            };
            waiting.add(look);
            look();
          });
        },
        send(command) {
          id += 1;
          call.write({ id, ...command });
          return id;
        },
        async ask(command) {
          const mine = stream.send(command);
          return (await stream.next((frame) => frame.answer?.re === mine, JSON.stringify(command).slice(0, 100)))
            .answer;
        },
      };
      return stream;
    },
    close: () => client.close(),
  };
}

/** A `google.protobuf.Struct` or `Value`, as protobufjs reads it, as the plain value that it stands for. */
export function plain(value: Any): Any {
  if (value === null || value === undefined) return value;
  if (value.fields !== undefined)
    return Object.fromEntries(Object.entries(value.fields).map(([name, of]) => [name, plain(of)]));
  if (Array.isArray(value.values)) return value.values.map(plain);
  switch (value.kind) {
    case "structValue":
      return plain(value.structValue);
    case "listValue":
      return (value.listValue.values ?? []).map(plain);
    case "nullValue":
      return null;
    default:
      return typeof value.kind === "string" ? value[value.kind] : {};
  }
}

/** The other way, for what a request carries. */
export function boxed(value: Any): Any {
  if (value === null) return { nullValue: 0 };
  if (Array.isArray(value)) return { listValue: { values: value.map(boxed) } };
  if (typeof value === "object")
    return {
      structValue: { fields: Object.fromEntries(Object.entries(value).map(([name, of]) => [name, boxed(of)])) },
    };
  return { [`${typeof value === "boolean" ? "bool" : typeof value}Value`]: value };
}
