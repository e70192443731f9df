import type { Clock } from "../../ports/index.ts";
import {
  loadEtcdWire,
  type EtcdMember,
  type EtcdStatus,
  type EtcdSecurity,
  type TxnRequest,
  type TxnResponse,
  type WatchStream,
} from "./etcd-wire.ts";
import type { DirectoryLimits } from "./limits.ts";
import { saysRefusal } from "./etcd-refusals.ts";
import { unavailable } from "./row.ts";

/** Throws, with why, at an answer that is none of this directory. */
export type Accept = (answer: TxnResponse) => void;

/** Opens what speaks to one member: by gRPC, unless it is said otherwise. */
export interface EtcdLink {
  readonly connect?: (endpoint: string, security: EtcdSecurity) => EtcdMember;
}

/** The members of an etcd cluster, one of them preferred. Every call has a deadline. Error: DIRECTORY_UNAVAILABLE. */
export interface EtcdServers {
  /** A linearizable read. When a member does not answer, or `accept` throws at its answer, another member is asked: one
   *  of them may belong to another cluster. */
  look(request: TxnRequest, accept: Accept): Promise<TxnResponse>;
  /** Asks once: when it fails, or `accept` throws, the outcome is unknown. */
  transact(request: TxnRequest, accept: Accept): Promise<TxnResponse>;
  status(): Promise<EtcdStatus>;
  /** A stream on a connection of its own. `end` closes it, and prefers another member from now on if it `failed`. */
  watch(): Promise<{ readonly stream: WatchStream; readonly end: (failed: boolean) => void }>;
  close(): void;
}

/** What it needs. */
interface EtcdServersPorts extends EtcdLink {
  readonly endpoints: readonly string[];
  readonly clock: Pick<Clock, "nowMs">;
  readonly limits: DirectoryLimits;
  readonly security: EtcdSecurity;
}

export function createEtcdServers(ports: EtcdServersPorts): EtcdServers {
  const { endpoints, clock, limits, security } = ports;
  if (endpoints.length === 0) throw unavailable("no etcd endpoint is given");
  let members: readonly EtcdMember[] = [];
  /** A read leaves time for the other members. */
  const attemptMs = Math.max(limits.callTimeoutMs / endpoints.length, limits.callTimeoutMs / 4);
  let preferred = 0;
  let closed = false;

  const avoid = (member: number): void => {
    if (member === preferred) preferred = (preferred + 1) % endpoints.length;
  };
  /** Errors: DIRECTORY_UNAVAILABLE, when it is closed. */
  const load = async (): Promise<readonly EtcdMember[]> => {
    const connect = ports.connect ?? (await loadEtcdWire());
    if (closed) throw unavailable("it is closed");
    if (members.length === 0) members = endpoints.map((endpoint) => connect(endpoint, security));
    return members;
  };
  const attempt = async <Answer>(
    timeoutMs: number,
    work: (client: EtcdMember, deadlineMs: number) => Promise<Answer>,
  ): Promise<Answer> => {
    if (members.length === 0 || closed) await load();
    const member = preferred;
    try {
      return await work(members[member] as EtcdMember, clock.nowMs() + timeoutMs);
    } catch (error) {
      const { message } = error as Error;
      // The other members would say the same, and nothing was done.
      const refuses = saysRefusal(message);
      if (!refuses) avoid(member);
      throw unavailable(`etcd ${endpoints[member]}: ${message}`, error, refuses ? { asked: false, refuses } : {});
    }
  };
  const anyOf = async <Answer>(work: (client: EtcdMember, deadlineMs: number) => Promise<Answer>): Promise<Answer> => {
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
    (request: TxnRequest, accept: Accept) =>
    async (member: EtcdMember, deadlineMs: number): Promise<TxnResponse> => {
      const answer = await member.txn(request, deadlineMs);
      accept(answer);
      return answer;
    };

  return {
    look: (request, accept) => anyOf(ask(request, accept)),
    transact: (request, accept) => attempt(limits.callTimeoutMs, ask(request, accept)),
    status: () => anyOf((member, deadlineMs) => member.status(deadlineMs)),
    async watch() {
      await load();
      const member = preferred;
      const { stream, close } = await attempt(limits.callTimeoutMs, (client, deadlineMs) => client.watch(deadlineMs));
      return {
        stream,
        end(failed) {
          if (failed) avoid(member);
          // Cancelling is an error to the stream, which nobody else hears of.
          stream.on("error", () => undefined);
          stream.cancel();
          close();
        },
      };
    },
    close() {
      closed = true;
      for (const member of members) member.close();
    },
  };
}
