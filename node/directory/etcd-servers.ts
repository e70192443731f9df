import type {
  IDuplexStream,
  IOptions,
  ITxnRequest,
  ITxnResponse,
  IWatchRequest,
  IWatchResponse,
  KVClient,
  MaintenanceClient,
} from "etcd3";
import type { ConnectionPool } from "etcd3/lib/connection-pool.js";
import type { Clock } from "../ports.ts";
import type { DirectoryLimits } from "./limits.ts";
import { unavailable } from "./row.ts";

/** This node's credentials for etcd, and the identity that etcd has to prove. */
export type EtcdSecurity = Pick<IOptions, "auth" | "credentials">;

/** Throws, with why, at an answer that is none of this directory. */
export type Accept = (answer: ITxnResponse) => void;

type WatchStream = IDuplexStream<IWatchRequest, IWatchResponse>;

/** The members of an etcd cluster, one of them preferred. Every call has a deadline. Error: DIRECTORY_UNAVAILABLE. */
export interface EtcdServers {
  /** A linearizable read. When a member does not answer, or `accept` throws at its answer, another member is asked: one of them may
   *  belong to another cluster. */
  look(request: ITxnRequest, accept: Accept): Promise<ITxnResponse>;
  /** Asks once: when it fails, or `accept` throws, the outcome is unknown. */
  transact(request: ITxnRequest, accept: Accept): Promise<ITxnResponse>;
  version(): Promise<string>;
  /** A stream on a connection of its own. `end` closes it, and prefers another member from now on if it `failed`. */
  watch(): Promise<{ readonly stream: WatchStream; readonly end: (failed: boolean) => void }>;
  close(): void;
}

type Policy = NonNullable<NonNullable<IOptions["faultHandling"]>["global"]>;

/** By default etcd3 repeats a failed call three times, a compare-and-set too; the second attempt would be refused because of the
 *  first. And its circuit breakers shut out a member that is back. So: no policy. */
const asItIs = {
  onSuccess: () => ({ dispose: () => undefined }),
  onFailure: () => ({ dispose: () => undefined }),
  execute: async (work: (context: { signal: AbortSignal }) => unknown, signal = new AbortController().signal) =>
    work({ signal }),
} as unknown as Policy;

const grpcOptions = {
  // A page of rows is larger than the 4 MiB that gRPC takes unasked.
  "grpc.max_receive_message_length": 128 * 1024 * 1024,
  // A member that comes back is used again soon.
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 1_000,
  "grpc.enable_retries": 0,
  // Connections end with their pool.
  "grpc.use_local_subchannel_pool": 1,
};

/** What speaks to etcd is a tenth of all that a node loads, and most clusters keep their directory themselves: it is loaded by
 *  the first call. */
async function loadLibrary() {
  const [clients, { ConnectionPool }] = await Promise.all([import("etcd3"), import("etcd3/lib/connection-pool.js")]);
  return { ...clients, ConnectionPool };
}

interface Member {
  readonly pool: ConnectionPool;
  readonly kv: KVClient;
  readonly maintenance: MaintenanceClient;
}

export function createEtcdServers(ports: {
  readonly endpoints: readonly string[];
  readonly clock: Pick<Clock, "nowMs">;
  readonly limits: DirectoryLimits;
  readonly security: EtcdSecurity;
}): EtcdServers {
  const { endpoints, clock, limits, security } = ports;
  if (endpoints.length === 0) throw unavailable("no etcd endpoint is given");
  type Library = Awaited<ReturnType<typeof loadLibrary>>;
  const connect = (library: Library, endpoint: string): ConnectionPool =>
    new library.ConnectionPool({
      ...security,
      hosts: endpoint,
      grpcOptions,
      // Also for the calls that etcd3 makes by itself, to sign in.
      defaultCallOptions: ({ isStream }) => (isStream ? {} : { deadline: clock.nowMs() + limits.callTimeoutMs }),
      faultHandling: { global: asItIs, host: () => asItIs },
    });
  let members: readonly Member[] = [];
  /** A read leaves time for the other members. */
  const attemptMs = Math.max(limits.callTimeoutMs / endpoints.length, limits.callTimeoutMs / 4);
  let preferred = 0;
  let closed = false;

  const avoid = (member: number): void => {
    if (member === preferred) preferred = (preferred + 1) % endpoints.length;
  };
  /** Errors: DIRECTORY_UNAVAILABLE, when it is closed. */
  const load = async (): Promise<Library> => {
    const library = await loadLibrary();
    if (closed) throw unavailable("it is closed");
    if (members.length > 0) return library;
    members = endpoints.map((endpoint) => {
      const pool = connect(library, endpoint);
      return { pool, kv: new library.KVClient(pool), maintenance: new library.MaintenanceClient(pool) };
    });
    return library;
  };
  const attempt = async <Answer>(
    timeoutMs: number,
    work: (client: Member, options: { deadline: number }) => Promise<Answer>,
  ): Promise<Answer> => {
    await load();
    const member = preferred;
    try {
      return await work(members[member] as Member, { deadline: clock.nowMs() + timeoutMs });
    } catch (error) {
      avoid(member);
      throw unavailable(`etcd ${endpoints[member]}: ${(error as Error).message}`, error);
    }
  };
  const anyOf = async <Answer>(
    work: (client: Member, options: { deadline: number }) => Promise<Answer>,
  ): Promise<Answer> => {
    for (let tries = 1; tries < endpoints.length; tries += 1) {
      try {
        return await attempt(attemptMs, work);
      } catch (error) {
        if (closed) throw error;
      }
    }
    return attempt(attemptMs, work);
  };

  const ask =
    (request: ITxnRequest, accept: Accept) =>
    async ({ kv }: Member, options: { deadline: number }): Promise<ITxnResponse> => {
      const answer = await kv.txn(request, options);
      accept(answer);
      return answer;
    };

  return {
    look: (request, accept) => anyOf(ask(request, accept)),
    transact: (request, accept) => attempt(limits.callTimeoutMs, ask(request, accept)),
    version: async () => (await anyOf(({ maintenance }, options) => maintenance.status(options))).version,
    async watch() {
      const library = await load();
      const member = preferred;
      const pool = connect(library, endpoints[member] as string);
      const stream = await new library.WatchClient(pool).watch();
      return {
        stream,
        end(failed) {
          if (failed) avoid(member);
          // Cancelling is an error to the stream, which nobody else hears of.
          stream.on("error", () => undefined);
          stream.cancel();
          pool.close();
        },
      };
    },
    close() {
      closed = true;
      for (const { pool } of members) pool.close();
    },
  };
}
