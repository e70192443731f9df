/** Finds what an owner refers to for good, in the inventories of all holders: for an owner that keeps books of its
 *  stripes elsewhere, and gives up those that are in no book any more. */
import {
  holderOf,
  wireLimits,
  type ActorId,
  type HeldShard,
  type ShardPage,
  type StripeRef,
} from "../../../protocols/index.ts";
import type { ShardPorts } from "./parts.ts";

/** Each stripe that some holder keeps for an owner without an end, once. Holders that do not answer are left out. */
export async function* referredBy(ports: ShardPorts, owner: ActorId): AsyncGenerator<StripeRef> {
  const { limits } = ports;
  const told = new Set<string>();
  for (const { name, width } of ports.groups())
    for (let index = 0; index < width; index += 1) {
      const holder = holderOf(name, index);
      for (let after: string | undefined = ""; after !== undefined;) {
        const list = { type: "list" as const, ...(after !== "" && { after }) };
        const listed = await ports.ask(holder, list, limits.holderTimeoutMs);
        if (!listed.ok) break;
        const page: ShardPage = listed.value as ShardPage;
        const names = page.shards.map(({ stripe }) => stripe).filter((stripe) => !told.has(stripe));
        for (let at = 0; at < names.length; at += wireLimits.shardsNamedMax) {
          const stripes = names.slice(at, at + wireLimits.shardsNamedMax);
          const described = await ports.ask(holder, { type: "describe", stripes }, limits.holderTimeoutMs);
          if (!described.ok) break;
          for (const { stripe, references } of (described.value as { shards: readonly HeldShard[] }).shards) {
            const isKept = references.some((one) => one.owner === owner && one.expiresAtMs === undefined);
            if (!isKept || told.has(stripe.id)) continue;
            told.add(stripe.id);
            yield stripe;
          }
        }
        after = page.next;
      }
    }
}
