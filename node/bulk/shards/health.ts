/** How each shard of a stripe stands: what its holder says, and what the holder's node has.
 *
 *  A put is acknowledged before all of its shards are at their holders, and only the node that puts knows of the
 *  others. All other nodes go by the holders that have theirs: for as long as the rest of an upload may take, a
 *  shard that its holder has not heard of yet is on its way, and not missing. */
import {
  shardsOf,
  type ActorId,
  type HeldShard,
  type HeldShards,
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

/** What the holder of a shard says: it does not answer, it has heard of no such shard, or what it has. */
type Described = "silent" | "none" | HeldShard;

async function describedOf(ports: StripesPorts, stripe: StripeRef, shard: Shard): Promise<Described> {
  const command = { type: "describe" as const, stripes: [stripe.id] };
  const answer = await ports.ask(holderOfShard(stripe, shard), command, ports.limits.holderTimeoutMs);
  if (!answer.ok) return "silent";
  const [held] = (answer.value as HeldShards).shards;
  return held?.stripe.shards[held.shard]?.hash === shard.hash ? held : "none";
}

/** Whether what a put leaves for later may still be on its way: the first of those that are there came so lately. */
function isRestComing({ clock, limits }: StripesPorts, described: readonly Described[]): boolean {
  const since = described.flatMap((one) => (typeof one === "string" ? [] : one.heldSinceMs));
  return since.length > 0 && clock.nowMs() < Math.min(...since) + limits.restTimeoutMs;
}

async function stateOf(
  ports: StripesPorts,
  stripe: StripeRef,
  { shard, held, deep }: Pick<Asked, "deep"> & { readonly shard: Shard; readonly held: HeldShard },
): Promise<ShardState> {
  const holder = holderOfShard(stripe, shard);
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

/** Whether every holder refers to its shard for the owner, without an end. */
export async function isKeptBy(ports: StripesPorts, stripe: StripeRef, owner: ActorId): Promise<boolean> {
  const described = await Promise.all(stripe.shards.map((shard) => describedOf(ports, stripe, shard)));
  return described.every(
    (one) => typeof one !== "string" && one.references.some((at) => at.owner === owner && at.expiresAtMs === undefined),
  );
}

/** Asks for all shards of a stripe at once. */
export async function healthOf(
  ports: StripesPorts,
  stripe: StripeRef,
  { deep, isComing }: Asked,
): Promise<StripeHealth> {
  const { members } = ports.membership.members();
  const described = await Promise.all(stripe.shards.map((shard) => describedOf(ports, stripe, shard)));
  const unheard = isRestComing(ports, described) ? "coming" : "missing";
  const shards = await Promise.all(
    stripe.shards.map(async (shard, number) => {
      const { index, hash } = shard;
      const holder = holderOfShard(stripe, shard);
      const owner = ownerOf(ports, holder);
      const node = members.find((member) => member.node === owner)?.name;
      const signedAtMs = owner === undefined ? undefined : ports.signedAtMs(owner, { hash, holder });
      const held = described[number] as Described;
      const known = { ...(node !== undefined && { node }), ...(signedAtMs !== undefined && { signedAtMs }) };
      if (isComing(hash)) return { index, hash, state: "coming" as const, ...known };
      if (held === "silent") return { index, hash, state: "unknown" as const, ...known };
      const state = held === "none" ? unheard : await stateOf(ports, stripe, { shard, held, deep });
      return { index, hash, state, ...known };
    }),
  );
  const { id, group, scheme } = stripe;
  const well = shards.filter(({ state }) => state === "well").length;
  return { id, group, scheme, shards, enough: shardsOf(scheme).enough, well };
}
