/** Bulk that outlives nodes: the bytes beside the holders of this node, and stripes over the holders of all.
 *
 *      put ─► code ─► shard ═ chunks ═► intake.ts at each holder's node ─► disk ─► the holder's inventory ─► receipt
 *      read ◄─ decode ◄─ compare ◄═ chunks ═ the fastest holders
 *
 *      upkeep.ts   inventory and disk compared, shards read and asked for, garbage collected
 *         └► mending.ts   what is missing: taken from a node that has it, else made of the others, most in danger first
 *      handover-copy.ts   before a holder moves
 *
 *  What a holder has is said by its inventory (`actors/shard-holder`), which is replicated like every journal. The
 *  bytes are only at its owner's node, and everything here is about the two being the same. Decisions 0044 and 0049 say
 *  what is promised.
 *
 *  Read parts.ts (what all share), intake.ts (bytes that come and go), links.ts (the other end), stripes.ts with
 *  writing.ts and reading.ts (put, read), referred.ts (what an owner keeps), placing.ts (where), healing.ts and
 *  audit.ts (decisions), upkeep.ts, auditing.ts, mending.ts, handover-copy.ts; memory.ts and holder-notices.ts (what
 *  a restart must not forget). */
import type { Message } from "../../../actors/behavior.ts";
import { ok, type ActorId, type Result, type Scheme, type SlotId, type TrustState } from "../../../protocols/index.ts";
import type { NodeId, ShardControl, Stripes } from "../../ports/index.ts";
import { within } from "../../waiting.ts";
import { countsOf } from "./coding/index.ts";
import { createHandoverCopy } from "./handover-copy.ts";
import { createIntake } from "./intake.ts";
import { createUpkeep, type Upkeep } from "./upkeep.ts";
import { shardLimits, type ShardLimits } from "./limits.ts";
import { createLinks } from "./links.ts";
import type { ShardMemory } from "./memory.ts";
import { createMending } from "./mending.ts";
import { createHolderNotices } from "./holder-notices.ts";
import { createNodeSpeeds } from "./node-speeds.ts";
import { attempt, ownerOf, type ShardPorts } from "./parts.ts";
import { choosePlace, type NodeCondition } from "./placing.ts";
import { withinQuota } from "./quota.ts";
import { receiptsOf } from "./receipts.ts";
import { createStripes } from "./stripes.ts";
import { holderOfShard, type KeptShard } from "./stripes-ports.ts";

export { handleHolders, handleStripes } from "./operations.ts";
export { createHandOvers } from "./hand-over.ts";
export { isHolder } from "./parts.ts";
export { shardLimits } from "./limits.ts";
export { openShardMemory } from "./memory.ts";
export { allowedBytes, roomAt } from "./quota.ts";
export type { Signer } from "./receipts.ts";

interface ShardsOptions extends Omit<ShardPorts, "limits" | "ask"> {
  readonly kernel: {
    ask(request: { to: ActorId; from: "node"; message: Message; timeoutMs: number }): Promise<Result<unknown>>;
  };
  readonly limits?: Partial<ShardLimits>;
  readonly memory: ShardMemory;
  /** Whether a node may be trusted with shards; absent: each is. */
  trustOf?(node: NodeId): TrustState | undefined;
  /** Writes down in the cluster's log what an audit has found. */
  noted?(action: string, facts: Readonly<Record<string, string>>): void;
  /** What a node has said of its disk. */
  freeBytesOf?(node: NodeId): number | undefined;
  /** How a class of data is to be coded, the widest scheme first; undefined: as usual. */
  schemesOf?(name: string): readonly Scheme[] | undefined;
}

export interface Shards extends ShardControl {
  readonly stripes: Stripes;
  /** How many of its shards a new stripe of a class may lose; undefined: none can be put now. */
  losses(name: string): number | undefined;
  /** Whether a slot may be handed over now: a holder's goes after its bytes. */
  mayHandOver(slot: SlotId, to: NodeId): boolean;
  stop(): void;
}

/** Puts a node's part together. */
export function createShards(options: ShardsOptions): Shards {
  const limits: ShardLimits = { ...shardLimits, ...options.limits };
  const ports: ShardPorts = {
    ...options,
    owned: withinQuota(options.owned, () => options.quotaBytes?.()),
    limits,
    ask: (to, message, timeoutMs) => options.kernel.ask({ to, from: "node", message, timeoutMs }),
  };
  const { node, exchange, memory } = options;
  const intake = createIntake(ports);
  const links = createLinks(ports, intake);

  const holdingOf = ({ stripe, shard, owner, operation, lifeMs }: KeptShard) => {
    const place = stripe.shards[shard];
    const life = lifeMs !== undefined && { lifeMs };
    return place && { holder: holderOfShard(stripe, place), stripe, shard, for: owner, operation, ...life };
  };
  const messenger = createHolderNotices({
    ...ports,
    letters: memory.letters,
    holdingOf,
    suspect: (wanted) => keeper.suspect(wanted),
    async letGo({ stripe, owner }, operation) {
      const here = stripe.shards
        .map((place) => holderOfShard(stripe, place))
        .filter((one) => ownerOf(ports, one) === node);
      const command = { type: "release" as const, stripe: stripe.id, owner, operation };
      for (const holder of here) await ports.ask(holder, command, limits.holderTimeoutMs);
    },
  });

  const trustOf = (other: NodeId): TrustState => options.trustOf?.(other) ?? "trusted";
  const conditionOf = (other: NodeId): NodeCondition => ({
    reliability: keeper.auditing.opinionOf(other).reliability,
    freeBytes: options.freeBytesOf?.(other),
    trust: trustOf(other),
  });
  const choose = (how: { readonly class: string; readonly bytes: number }) =>
    choosePlace({ ...ports, conditionOf }, how);
  const stripes = createStripes({
    ...ports,
    links,
    paces: createNodeSpeeds(node, limits.pacesMax),
    choose,
    mend: (wanted) => messenger.tell(wanted),
    forget(stripe, owner) {
      messenger.forget(stripe, owner);
      mending.forget(stripe, owner);
    },
    tellRelease: (release) => messenger.tellRelease(release),
    ...receiptsOf(ports.signer, memory.receipts),
    counts: (other) => trustOf(other) === "trusted",
  });
  const mending = createMending({
    ...ports,
    links,
    stripes,
    async hold(wanted) {
      const body = holdingOf(wanted);
      if (body === undefined) return "later";
      const held = await links.call(node, "shard.hold", body);
      return held.ok ? "held" : held.error.code === "RELEASED" ? "released" : "later";
    },
  });
  const keeper: Upkeep = createUpkeep({
    ...ports,
    links,
    memory,
    mending,
    noted: (action, facts) => options.noted?.(action, facts),
    tell: (wanted) => messenger.tell(wanted),
    isBeingHeld: (hash) => intake.isBeingHeld(hash),
  });
  const ahead = createHandoverCopy({ ...ports, links });

  const healHere = async () => {
    const holders = await keeper.surveyAll();
    const healed = await mending.hurry();
    // What each holder is said to miss here is from before. Nobody waits for long for that.
    if (healed.mended > 0) await within(options.clock, limits.holderTimeoutMs, keeper.surveyAll());
    return { holders, ...healed };
  };
  exchange.on("shard.opinions", () =>
    ok({
      opinions: keeper.auditing
        .opinions()
        .map(({ node: of, passed, failed, honesty }) => ({ node: of, passed, failed, honesty })),
    }),
  );
  exchange.on("shard.heal", async () => attempt(healHere));

  return {
    stripes,
    async heal() {
      const storages = ports.membership.members().members.filter(({ roles }) => roles.includes("storage"));
      return Promise.all(
        storages.map(async ({ node: other, name }) => {
          const timeoutMs = 2 * limits.healTimeoutMs;
          const healed =
            other === node ? await attempt(healHere) : await exchange.call(other, "shard.heal", {}, timeoutMs);
          return healed.ok ? { node: name, ...healed.value } : { node: name, error: healed.error.code };
        }),
      );
    },
    canPlace(what) {
      const chosen = choose({ class: what, bytes: 1 });
      return chosen.ok ? ok(null) : chosen;
    },
    losses(name) {
      const chosen = choose({ class: name, bytes: limits.shardBytesMax });
      return chosen.ok ? countsOf(chosen.value.scheme).m : undefined;
    },
    mayHandOver: (slot, to) => ahead.mayHandOver(slot, to),
    stop() {
      ahead.stop();
      keeper.stop();
      mending.stop();
      messenger.stop();
      stripes.stop();
      intake.stop();
    },
  };
}
