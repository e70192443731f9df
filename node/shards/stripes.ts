/** Stripes: what many holders keep together.
 *
 *      put   code ─► a shard to each holder, all at once ─► k + ⌈m/2⌉ receipts: acknowledged ─► the rest, in the background   (writing.ts)
 *      read  k holders, the fastest first ─► one is slow or has nothing: one more ─► each compared with its hash ─► k of them: decoded
 *                                                                                                                              (reading.ts)
 *
 *  Invariant: a receipt counts only when the holder's node had the bytes synced under the hash that the descriptor names. */
import {
  failure,
  ok,
  refused,
  shardsOf,
  type HeldShard,
  type Result,
  type ShardState,
  type StripeHealth,
  type StripeRef,
} from "../../protocols/index.ts";
import type { Stripes } from "../ports.ts";
import { isAsCoded, readStripe } from "./coding/index.ts";
import { ownerOf } from "./parts.ts";
import { createReading } from "./reading.ts";
import { referredBy } from "./referred.ts";
import { createStripeRoom } from "./room.ts";
import { standingOf } from "./standing.ts";
import { holderOfShard, type Shard, type StripesPorts } from "./wanted.ts";
import { createWriting } from "./writing.ts";

/** Makes the port. */
export function createStripes(ports: StripesPorts): Stripes & { stop(): void; comingShards(): number } {
  const { clock, meter, limits, links, membership } = ports;
  const room = createStripeRoom({ bytesMax: limits.stripeBytesAtOnce, waitingMax: limits.stripesWaitingMax });
  let stopped = false;
  const writing = createWriting(ports, { isStopped: () => stopped, isRoomWanted: () => room.isWanted });
  const reading = createReading(ports, () => stopped);

  async function stateOf(stripe: StripeRef, shard: Shard, deep: boolean): Promise<ShardState> {
    if (writing.coming.has(shard.hash)) return "coming";
    const holder = holderOfShard(stripe, shard);
    const command = { type: "describe" as const, stripes: [stripe.id] };
    const answer = await ports.ask(holder, command, limits.holderTimeoutMs);
    if (!answer.ok) return "unknown";
    const [held] = (answer.value as { shards: readonly HeldShard[] }).shards;
    if (held === undefined || held.stripe.shards[held.shard]?.hash !== shard.hash) return "missing";
    const owner = ownerOf(ports, holder);
    if (owner === undefined) return "unknown";
    const lacks = await links.call(owner, "shard.lacks", { hashes: [shard.hash] });
    if (!lacks.ok) return "unknown";
    if (lacks.value.lacks.length > 0) return held.lost === undefined ? "missing" : "coming";
    if (!deep) return held.lost?.why ?? "well";
    const checked = await links.call(owner, "shard.check", { hash: shard.hash }, limits.readTimeoutMs);
    if (!checked.ok) return checked.error.code === "NOT_FOUND" ? "missing" : "unknown";
    if (checked.value.well) return "well";
    ports.mend({ stripe, shard: stripe.shards.indexOf(shard), owner: holder, operation: 0 });
    return "damaged";
  }

  return {
    async put(bytes, how) {
      if (bytes.length > limits.stripeBytesMax)
        return refused(failure("TOO_LARGE", { limitBytes: limits.stripeBytesMax }));
      const entered = await room.enter(how.owner, 3 * bytes.length);
      if (!entered.ok) return entered;
      try {
        return await writing.put(bytes, how, entered.value);
      } catch (thrown) {
        entered.value();
        throw thrown;
      }
    },
    async read(stripe) {
      if (!isAsCoded(stripe)) return notAsCoded(stripe);
      const entered = await room.enter("read", 3 * stripe.sizeBytes);
      if (!entered.ok) return entered;
      const startedMs = clock.monotonicMs();
      try {
        const gathered = await reading.gather(stripe);
        if (!gathered.ok) return gathered;
        const read = readStripe(stripe, gathered.value.values());
        meter.observeMs("stripe_read", clock.monotonicMs() - startedMs);
        return read;
      } finally {
        entered.value();
      }
    },
    async gather(stripe, without) {
      if (!isAsCoded(stripe)) return notAsCoded(stripe);
      const entered = await room.enter("mend", 3 * stripe.sizeBytes);
      if (!entered.ok) return entered;
      try {
        return await reading.gather(stripe, without);
      } finally {
        entered.value();
      }
    },
    ...writing.stripes,
    async inspect(stripe, deep = false): Promise<Result<StripeHealth>> {
      const shards = await Promise.all(
        stripe.shards.map(async (shard) => {
          const { index, hash } = shard;
          const holder = holderOfShard(stripe, shard);
          const owner = ownerOf(ports, holder);
          const node = membership.members().members.find((member) => member.node === owner)?.name;
          const signedAtMs = owner === undefined ? undefined : ports.signedAtMs(owner, { hash, holder });
          const state = await stateOf(stripe, shard, deep);
          return {
            index,
            hash,
            state,
            ...(node !== undefined && { node }),
            ...(signedAtMs !== undefined && { signedAtMs }),
          };
        }),
      );
      const { id, group, scheme } = stripe;
      const well = shards.filter(({ state }) => state === "well").length;
      return ok({ id, group, scheme, shards, enough: shardsOf(scheme).enough, well });
    },
    standing: (some) => standingOf(ports, some),
    referred: (owner) => referredBy(ports, owner),
    comingShards: () => writing.coming.size,
    stop() {
      stopped = true;
    },
  };
}

/** The answer to a descriptor that no writer of stripes has made. */
export const notAsCoded = ({ id }: StripeRef): Result<never> =>
  refused(failure("BAD_REQUEST", { stripe: id, problem: "its sizes are not those that its scheme makes" }));
