/** Finds stripes that holders of this node keep for rooms, and for others that say so, which do not refer to them any
 *  more. */
import {
  wireLimits,
  type ActorId,
  type FileHeld,
  type HeldShard,
  type HeldShards,
  type ShardPage,
  type StripeRef,
} from "../../../protocols/index.ts";
import { isRoom, type AttachmentPorts } from "./ports.ts";

/** What it needs of them. */
type ReleasingPorts = Pick<AttachmentPorts, "ask" | "owners" | "holders" | "log" | "meter" | "limits"> & {
  readonly stripes: Pick<AttachmentPorts["stripes"], "release">;
};

/** Gives the round: the next part of each inventory. */
export function createReleasing(
  { stripes, ask, owners = [], holders, log, meter, limits }: ReleasingPorts,
  isStopped: () => boolean,
): () => Promise<void> {
  /** Where the walk of each holder is. */
  const walks = new Map<ActorId, string>();

  /** Undefined: nobody says. */
  async function isNeeded(owner: ActorId, stripe: StripeRef): Promise<boolean | undefined> {
    if (!isRoom(owner)) return owners.find((one) => one.isOf(owner))?.refersTo(owner);
    const answer = await ask(owner, { type: "stripeHeld", stripe }, limits.askTimeoutMs);
    return answer.ok ? (answer.value as FileHeld).held : undefined;
  }

  async function look({ stripe, references }: HeldShard): Promise<void> {
    for (const { owner, expiresAtMs } of references) {
      // What has an end is a put that nobody has taken for a fact: it ends by itself.
      if (expiresAtMs !== undefined) continue;
      // Without an answer it may be needed.
      if ((await isNeeded(owner, stripe)) !== false) continue;
      const released = await stripes.release(stripe, owner);
      if (released.ok) meter.count("file_pieces_released");
      else log.debug("attachment.not.released", { stripe: stripe.id, owner, failure: released.error });
    }
  }

  async function walk(holder: ActorId): Promise<void> {
    const after = walks.get(holder);
    const list = { type: "list", limit: limits.sweptPerRound, ...(after !== undefined && { after }) } as const;
    const listed = await ask(holder, list, limits.askTimeoutMs);
    if (!listed.ok) return;
    const page = listed.value as ShardPage;
    const names = page.shards.map(({ stripe }) => stripe);
    for (let at = 0; at < names.length && !isStopped(); at += wireLimits.shardsNamedMax) {
      const some = names.slice(at, at + wireLimits.shardsNamedMax);
      const described = await ask(holder, { type: "describe", stripes: some }, limits.askTimeoutMs);
      if (!described.ok) return;
      for (const held of (described.value as HeldShards).shards) await look(held);
    }
    if (page.next === undefined) walks.delete(holder);
    else walks.set(holder, page.next);
  }

  return async () => {
    const here = holders();
    for (const holder of walks.keys()) if (!here.includes(holder)) walks.delete(holder);
    for (const holder of here) if (!isStopped()) await walk(holder);
  };
}
