/** What the holders of a stripe remember of its releases by one owner. A release that only a few have heard was never
 *  acknowledged: a put that came after it may have met none of them (decision 0059). */
import type { ActorId, HeldShards, StripeRef } from "../../../protocols/index.ts";
import { enoughOf } from "./coding/index.ts";
import type { ShardPorts } from "./parts.ts";
import { holderOfShard } from "./stripes-ports.ts";

interface Remembered {
  /** The last operation that so many holders remember that its release may have been acknowledged; 0: none. */
  readonly known: number;
  /** The last one that any of them remembers. */
  readonly last: number;
  /** So many have answered that no release of this operation or a later one was acknowledged. */
  readonly isRefused: boolean;
}

/** Asks all holders of a stripe about releases by an owner of a reference that was begun by an operation. */
export async function rememberedOf(
  ports: Pick<ShardPorts, "ask" | "limits">,
  { stripe, owner, operation }: { readonly stripe: StripeRef; readonly owner: ActorId; readonly operation: number },
): Promise<Remembered> {
  const command = { type: "describe" as const, stripes: [stripe.id] };
  const answers = await Promise.all(
    stripe.shards.map((shard) => ports.ask(holderOfShard(stripe, shard), command, ports.limits.holderTimeoutMs)),
  );
  const told = answers.flatMap((one) => (one.ok ? [one.value as HeldShards] : []));
  const lasts = told
    .map(({ released }) => released.find((one) => one.owner === owner)?.operation ?? 0)
    .toSorted((one, other) => other - one);
  const enough = enoughOf(stripe.scheme);
  return {
    known: lasts[stripe.shards.length - enough] ?? 0,
    last: lasts[0] ?? 0,
    isRefused: lasts.filter((one) => one < operation).length >= enough,
  };
}
