/** How each shard of a stripe stands: what its holder says, and what the holder's node has. */
import {
  shardsOf,
  type HeldShard,
  type ShardState,
  type StripeHealth,
  type StripeRef,
} from "../../../protocols/index.ts";
import type { BlobHash } from "../../ports/index.ts";
import { ownerOf } from "./parts.ts";
import { holderOfShard, type Shard, type StripesPorts } from "./stripes-ports.ts";

interface Asked {
  /** Each is read where it is. */
  readonly deep: boolean;
  /** Its upload is not over. */
  readonly isComing: (hash: BlobHash) => boolean;
}

async function stateOf(
  ports: StripesPorts,
  stripe: StripeRef,
  { shard, deep, isComing }: Asked & { readonly shard: Shard },
): Promise<ShardState> {
  if (isComing(shard.hash)) return "coming";
  const holder = holderOfShard(stripe, shard);
  const command = { type: "describe" as const, stripes: [stripe.id] };
  const answer = await ports.ask(holder, command, ports.limits.holderTimeoutMs);
  if (!answer.ok) return "unknown";
  const [held] = (answer.value as { shards: readonly HeldShard[] }).shards;
  if (held === undefined || held.stripe.shards[held.shard]?.hash !== shard.hash) return "missing";
  const owner = ownerOf(ports, holder);
  if (owner === undefined) return "unknown";
  const lacks = await ports.links.call(owner, "shard.lacks", { hashes: [shard.hash] });
  if (!lacks.ok) return "unknown";
  if (lacks.value.lacks.length > 0) return held.lost === undefined ? "missing" : "coming";
  if (!deep) return held.lost?.why ?? "well";
  const checked = await ports.links.call(owner, "shard.check", { hash: shard.hash }, ports.limits.readTimeoutMs);
  if (!checked.ok) return checked.error.code === "NOT_FOUND" ? "missing" : "unknown";
  if (checked.value.well) return "well";
  ports.mend({ stripe, shard: stripe.shards.indexOf(shard), owner: holder, operation: 0 });
  return "damaged";
}

/** Asks for all shards of a stripe at once. */
export async function healthOf(ports: StripesPorts, stripe: StripeRef, asked: Asked): Promise<StripeHealth> {
  const { members } = ports.membership.members();
  const shards = await Promise.all(
    stripe.shards.map(async (shard) => {
      const { index, hash } = shard;
      const holder = holderOfShard(stripe, shard);
      const owner = ownerOf(ports, holder);
      const node = members.find((member) => member.node === owner)?.name;
      const signedAtMs = owner === undefined ? undefined : ports.signedAtMs(owner, { hash, holder });
      const state = await stateOf(ports, stripe, { ...asked, shard });
      const known = { ...(node !== undefined && { node }), ...(signedAtMs !== undefined && { signedAtMs }) };
      return { index, hash, state, ...known };
    }),
  );
  const { id, group, scheme } = stripe;
  const well = shards.filter(({ state }) => state === "well").length;
  return { id, group, scheme, shards, enough: shardsOf(scheme).enough, well };
}
