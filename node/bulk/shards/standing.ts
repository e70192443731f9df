/** Which of many stripes can be read, as their holders and the disks below these say: a few questions to each holder,
 *  however many stripes there are.
 *
 *      stripes ─ by holder ─► describe: what its inventory has, and what its audits called lost
 *                               └─► shard.lacks: is the file there ─► counted
 *
 *  No shard is read. What is not in the answer may be there all the same: some holder did not answer. */
import { shardsOf, wireLimits, type ActorId, type HeldShard, type StripeRef } from "../../../protocols/index.ts";
import { ownerOf } from "./parts.ts";
import { holderOfShard, type Shard, type StripesPorts } from "./stripes-ports.ts";

interface Row {
  readonly stripe: StripeRef;
  readonly shard: Shard;
}

/** The ids of those stripes of which enough shards are there. */
export async function standingOf(
  ports: Pick<StripesPorts, "ask" | "links" | "limits" | "table">,
  stripes: readonly StripeRef[],
): Promise<ReadonlySet<string>> {
  const rows = stripes.flatMap((stripe) => stripe.shards.map((shard) => ({ stripe, shard })));
  const well = new Map<string, number>();
  const byHolder = Map.groupBy(rows, ({ stripe, shard }) => holderOfShard(stripe, shard));
  await Promise.all(
    [...byHolder].map(async ([holder, own]) => {
      for (let at = 0; at < own.length; at += wireLimits.shardsNamedMax) {
        const there = await thoseAt(ports, holder, own.slice(at, at + wireLimits.shardsNamedMax));
        // A holder that does not answer now is not asked for the others.
        if (there === undefined) return;
        for (const { stripe } of there) well.set(stripe.id, (well.get(stripe.id) ?? 0) + 1);
      }
    }),
  );
  const isThere = ({ id, scheme }: StripeRef): boolean => (well.get(id) ?? 0) >= shardsOf(scheme).enough;
  return new Set(stripes.filter(isThere).map(({ id }) => id));
}

/** Those that a holder has, and its node's disk as well; undefined: nobody answers. */
async function thoseAt(
  { ask, links, limits, table }: Pick<StripesPorts, "ask" | "links" | "limits" | "table">,
  holder: ActorId,
  rows: readonly Row[],
): Promise<readonly Row[] | undefined> {
  const described = await ask(
    holder,
    { type: "describe", stripes: rows.map(({ stripe }) => stripe.id) },
    limits.holderTimeoutMs,
  );
  const owner = ownerOf({ table }, holder);
  if (!described.ok || owner === undefined) return undefined;
  const { shards } = described.value as { readonly shards: readonly HeldShard[] };
  const held = new Map(shards.map((one) => [one.stripe.id, one]));
  const named = rows.filter(({ stripe, shard }) => {
    const one = held.get(stripe.id);
    return one !== undefined && one.lost === undefined && one.stripe.shards[one.shard]?.hash === shard.hash;
  });
  if (named.length === 0) return [];
  const lacks = await links.call(owner, "shard.lacks", { hashes: named.map(({ shard }) => shard.hash) });
  return lacks.ok ? named.filter((_, place) => !lacks.value.lacks.includes(place)) : undefined;
}
