/** One member of etcd by gRPC: etcd's own calls (`etcd.proto`), each asked once and with a deadline.
 *
 *  Nothing is repeated here but a call that etcd refused before it looked at it, because the token of the sign-in had
 *  ended. A connection on which a call failed or had no answer in time is left: what is on its way there may end well,
 *  the next call has a new one. So a link that is cut off without a word costs one deadline, and not the quarter of an
 *  hour that TCP would wait. */
import { fileURLToPath } from "node:url";
import { isIP } from "node:net";
import { checkServerIdentity } from "node:tls";
import type { Client, ClientDuplexStream, ServiceError, serialize, deserialize } from "@grpc/grpc-js";

/** A whole number of 64 bits, as text. Those that are sent may be numbers. */
type Long = string;

export interface KeyValue {
  readonly key: Buffer;
  readonly mod_revision: Long;
  readonly value: Buffer;
}

interface ResponseHeader {
  readonly cluster_id: Long;
  readonly revision: Long;
}

export interface RangeRequest {
  readonly key: Uint8Array;
  readonly range_end?: Uint8Array;
  readonly limit?: number;
  readonly revision?: Long | number;
  readonly count_only?: boolean;
}

export interface RangeResponse {
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
  readonly count: Long;
}

export interface Compare {
  readonly result: "EQUAL" | "GREATER";
  readonly target: "CREATE" | "MOD";
  readonly key: Uint8Array;
  readonly create_revision?: Long | number;
  readonly mod_revision?: Long | number;
}

export type RequestOp =
  | { readonly request_range: RangeRequest }
  | { readonly request_put: { readonly key: Uint8Array; readonly value: Uint8Array } }
  | { readonly request_delete_range: { readonly key: Uint8Array; readonly range_end?: Uint8Array } };

/** All of `success`, if all of `compare` holds; else all of `failure`. */
export interface TxnRequest {
  readonly compare?: readonly Compare[];
  readonly success?: readonly RequestOp[];
  readonly failure?: readonly RequestOp[];
}

export interface TxnResponse {
  readonly header: ResponseHeader;
  readonly succeeded: boolean;
  /** In the order of the operations; those that are no ranges say nothing. */
  readonly responses: readonly { readonly response_range?: RangeResponse }[];
}

export type WatchRequest =
  | { readonly create_request: RangeRequest & { readonly start_revision: Long | number } }
  | { readonly progress_request: Record<never, never> };

export interface WatchResponse {
  readonly header: ResponseHeader;
  readonly created: boolean;
  readonly canceled: boolean;
  readonly compact_revision: Long;
  readonly cancel_reason: string;
  readonly events: readonly { readonly type: "PUT" | "DELETE"; readonly kv: KeyValue }[];
}

/** Changes as they come. Ends with `end` or `error`. */
export type WatchStream = Pick<ClientDuplexStream<WatchRequest, WatchResponse>, "on" | "write" | "cancel">;

/** This node's credentials for etcd, and whom etcd has to prove to be. PEM. */
export interface EtcdSecurity {
  readonly auth?: { readonly username: string; readonly password: string };
  readonly credentials?: {
    readonly rootCertificate: Buffer;
    readonly privateKey?: Buffer;
    readonly certChain?: Buffer;
  };
}

/** How one member is. `errors`: the alarms of the whole etcd, and that no member leads. */
export interface EtcdStatus {
  readonly header: ResponseHeader;
  readonly version: string;
  readonly errors: readonly string[];
}

export interface EtcdMember {
  /** `deadlineMs` on the wall clock, as gRPC wants it. */
  txn(request: TxnRequest, deadlineMs: number): Promise<TxnResponse>;
  status(deadlineMs: number): Promise<EtcdStatus>;
  /** A stream on a connection of its own, which `close` ends. The deadline is that of a sign-in; a token that is over
   *  is found by the calls, one of which comes before every stream. */
  watch(deadlineMs: number): Promise<{ readonly stream: WatchStream; readonly close: () => void }>;
  close(): void;
}

const channelOptions = {
  // A page of rows is larger than the 4 MiB that gRPC takes unasked.
  "grpc.max_receive_message_length": 128 * 1024 * 1024,
  // A member that comes back is used again soon.
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 1_000,
  "grpc.enable_retries": 0,
  // Connections end with their client, and no two clients share one.
  "grpc.use_local_subchannel_pool": 1,
};

interface Method<Asked, Answer> {
  readonly path: string;
  readonly requestSerialize: serialize<Asked>;
  readonly responseDeserialize: deserialize<Answer>;
}

interface Methods {
  readonly txn: Method<TxnRequest, TxnResponse>;
  readonly watch: Method<WatchRequest, WatchResponse>;
  readonly status: Method<object, EtcdStatus>;
  readonly authenticate: Method<{ readonly name: string; readonly password: string }, { readonly token: string }>;
}

/** Loads what speaks to etcd. It is a tenth of all that a node loads, and most clusters keep their directory
 *  themselves. */
export async function loadEtcdWire() {
  const [grpc, { loadSync }] = await Promise.all([import("@grpc/grpc-js"), import("@grpc/proto-loader")]);
  const definition = loadSync(fileURLToPath(new URL("etcd.proto", import.meta.url)), {
    keepCase: true,
    longs: String,
    enums: String,
    defaults: true,
    oneofs: true,
  });
  const method = (service: string, name: string): unknown =>
    (definition[`etcdserverpb.${service}`] as Readonly<Record<string, unknown>>)[name];
  const methods = {
    txn: method("KV", "Txn"),
    watch: method("Watch", "Watch"),
    status: method("Maintenance", "Status"),
    authenticate: method("Auth", "Authenticate"),
  } as Methods;

  /** The address with its scheme, as the configuration has it. */
  return (endpoint: string, { auth, credentials }: EtcdSecurity): EtcdMember => {
    const { host, hostname, protocol } = new URL(endpoint);
    const address = hostname.replace(/^\[|\]$/g, "");
    // A URL leaves out the port that its scheme has unasked.
    const target = /:\d+$/.test(host) ? host : `${host}:${protocol === "https:" ? 443 : 80}`;
    const proof =
      credentials === undefined && protocol === "http:"
        ? grpc.credentials.createInsecure()
        : grpc.credentials.createSsl(
            credentials?.rootCertificate,
            credentials?.privateKey,
            credentials?.certChain,
            // Against the address that was asked for, whatever name is sent.
            { checkServerIdentity: (_sent, certificate) => checkServerIdentity(address, certificate) },
          );
    // gRPC sends the address as the server's name, which TLS does not allow of numbers: it ends the attempt.
    const options =
      isIP(address) === 0 ? channelOptions : { ...channelOptions, "grpc.ssl_target_name_override": "etcd" };
    const connect = (): Client => new grpc.Client(target, proof, options);
    let current: Client | undefined;
    let closed = false;
    let token: Promise<string> | undefined;

    const ask = <Asked, Answer>(
      { path, requestSerialize, responseDeserialize }: Method<Asked, Answer>,
      asked: Asked,
      deadlineMs: number,
      signedIn?: string,
    ): Promise<Answer> => {
      if (closed) return Promise.reject(new Error("it is closed"));
      const client = (current ??= connect());
      const metadata = new grpc.Metadata();
      if (signedIn !== undefined) metadata.set("token", signedIn);
      return new Promise((resolve, reject) => {
        const until = { deadline: deadlineMs };
        client.makeUnaryRequest(
          path,
          requestSerialize,
          responseDeserialize,
          asked,
          metadata,
          until,
          (error, answer) => {
            if (error === null && answer !== undefined) return resolve(answer);
            if (isOfConnection(error) && client === current) {
              current = undefined;
              client.close();
            }
            reject(new Error(error?.details ?? "no answer", { cause: error }));
          },
        );
      });
    };
    /** What proves to etcd who signed in; undefined where nobody has to. One sign-in at a time. */
    const signIn = async (deadlineMs: number): Promise<string | undefined> => {
      if (auth === undefined) return undefined;
      const { username: name, password } = auth;
      const asked = (token ??= ask(methods.authenticate, { name, password }, deadlineMs).then((told) => told.token));
      try {
        return await asked;
      } catch (error) {
        if (token === asked) token = undefined;
        throw error;
      }
    };
    const askSignedIn = async <Asked, Answer>(
      method: Method<Asked, Answer>,
      asked: Asked,
      deadlineMs: number,
    ): Promise<Answer> => {
      const signing = signIn(deadlineMs);
      const used = token;
      try {
        return await ask(method, asked, deadlineMs, await signing);
      } catch (error) {
        if (auth === undefined || !isTokenOver(error)) throw error;
        // Another call may have signed in anew meanwhile.
        if (token === used) token = undefined;
        return ask(method, asked, deadlineMs, await signIn(deadlineMs));
      }
    };
    return {
      txn: (request, deadlineMs) => askSignedIn(methods.txn, request, deadlineMs),
      status: (deadlineMs) => askSignedIn(methods.status, {}, deadlineMs),
      async watch(deadlineMs) {
        const metadata = new grpc.Metadata();
        const signedIn = await signIn(deadlineMs);
        if (signedIn !== undefined) metadata.set("token", signedIn);
        const client = connect();
        const { path, requestSerialize, responseDeserialize } = methods.watch;
        const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
        return { stream, close: () => client.close() };
      },
      close() {
        closed = true;
        current?.close();
      },
    };
  };

  /** Whether the next call may fare better on another connection. */
  function isOfConnection(error: ServiceError | null): boolean {
    return error?.code === grpc.status.UNAVAILABLE || error?.code === grpc.status.DEADLINE_EXCEEDED;
  }
}

/** Whether etcd refused a call before it did anything, since it does not know the token any more: it was started again,
 *  the token was not used for five minutes, or who may do what has been changed. */
function isTokenOver(error: unknown): boolean {
  const text = error instanceof Error ? error.message : "";
  return text.includes("invalid auth token") || text.includes("revision of auth store is old");
}
