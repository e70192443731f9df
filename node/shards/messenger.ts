/** Tells the nodes of holders of shards that are not as they should be, until they have heard it: who is away hears it later. What is
 *  forgotten when this node ends, an audit finds again. */
import { ok, refused, failure, type Failure } from "../../protocols/index.ts";
import type { MeshBody } from "../../protocols/mesh/index.ts";
import { moved, ownerOf, type ShardPorts } from "./parts.ts";
import type { Wanted } from "./stripes.ts";

export interface Messenger {
  /** A shard may be missing or damaged, or its holder not know of somebody who refers to it. */
  tell(wanted: Wanted): void;
  stop(): void;
}

interface Letter {
  readonly wanted: Wanted;
  readonly untilMs: number;
}

/** Makes it, and takes what others tell. */
export function createMessenger(
  ports: ShardPorts & {
    readonly holdingOf: (wanted: Wanted) => MeshBody<"shard.mend"> | undefined;
    /** Looks after a shard of a holder here. False: not now. */
    readonly suspect: (wanted: Wanted) => Promise<boolean>;
  },
): Messenger {
  const { node, exchange, clock, limits, membership, log } = ports;
  const waiting = new Map<string, Letter>();
  let stopped = false;
  let cancel = (): void => undefined;
  let sending = false;

  async function send({ wanted }: Letter): Promise<Failure | undefined> {
    const body = ports.holdingOf(wanted);
    if (body === undefined) return undefined;
    const owner = ownerOf(ports, body.holder);
    if (owner === undefined || !membership.isUp(owner)) return failure("UNREACHABLE", { ...(owner !== undefined && { node: owner }) }); // prettier-ignore
    if (owner === node) return (await ports.suspect(wanted)) ? undefined : failure("OVERLOADED");
    const told = await exchange.call(owner, "shard.mend", body, limits.callTimeoutMs);
    return told.ok ? undefined : told.error;
  }

  async function sendAll(): Promise<void> {
    if (sending) return;
    sending = true;
    try {
      for (const [key, letter] of waiting) {
        if (stopped) return;
        const reason = await send(letter);
        if (reason !== undefined && clock.monotonicMs() < letter.untilMs) continue;
        if (waiting.get(key) === letter) waiting.delete(key);
        if (reason !== undefined) log.warn("shard.not.told", { shard: key, failure: reason });
      }
    } finally {
      sending = false;
    }
  }
  const later = (): void => {
    cancel = clock.after(limits.tellRetryMs, () => {
      void sendAll()
        .catch((error: unknown) => log.error("shard.telling.failed", { error }))
        .finally(() => void (stopped || later()));
    });
  };
  later();

  exchange.on("shard.mend", async ({ holder, stripe, shard, for: owner, expiresAtMs }) => {
    if (ownerOf(ports, holder) !== node) return refused(moved(ports, holder));
    const taken = await ports.suspect({ stripe, shard, owner, ...(expiresAtMs !== undefined && { expiresAtMs }) });
    return taken ? ok(null) : refused(failure("OVERLOADED", { limit: "adoptedMax" }));
  });

  return {
    tell(wanted) {
      const key = `${wanted.stripe.shards[wanted.shard]?.hash ?? ""} for ${wanted.owner}`;
      // What does not fit is found by an audit.
      if (waiting.size >= limits.tellingMax && !waiting.has(key)) return;
      waiting.set(key, { wanted, untilMs: clock.monotonicMs() + limits.tellForMs });
      clock.soon(() => {
        if (!stopped) void sendAll().catch((error: unknown) => log.error("shard.telling.failed", { error }));
      });
    },
    stop() {
      stopped = true;
      cancel();
    },
  };
}
