/** Tells the holders of shards what they must know, until they have heard it: that a shard is not as it should be, that
 *  somebody refers to it or no longer does. A holder that is away hears it later, also when this node was restarted
 *  meanwhile. */
import { ok, refused, failure, holdsAt, type ActorId, type Failure } from "../../../protocols/index.ts";
import type { MeshBody } from "../../../protocols/mesh/index.ts";
import type { Rows } from "./memory.ts";
import { moved, ownerOf, type ShardPorts } from "./parts.ts";
import { rememberedOf } from "./remembered.ts";
import type { HolderNotice, KeptShard, Release } from "./stripes-ports.ts";

/** What became of a shard that somebody says is wanted: `released` is the operation by which its owner released
 *  it. */
export type Suspected = "done" | "later" | { readonly released: number };

interface HolderNotices {
  /** A shard may be missing or damaged, or its holder not know of somebody who refers to it. */
  tell(wanted: KeptShard): void;
  /** A holder has not heard that an owner released a stripe. True: it will, also if this node ends before. False:
   *  there is no room to remember it. */
  tellRelease(release: Release): Promise<boolean>;
  /** Nobody is told any more that an owner wants a stripe: it does not. */
  forget(stripe: string, owner: ActorId): void;
  stop(): void;
}

/** Makes it, and takes what others tell. */
export function createHolderNotices(
  ports: ShardPorts & {
    readonly letters: Rows<HolderNotice>;
    readonly holdingOf: (wanted: KeptShard) => MeshBody<"shard.mend"> | undefined;
    /** Looks after a shard of a holder here. */
    readonly suspect: (wanted: KeptShard) => Promise<Suspected>;
    /** The holders that this node owns hear that the owner of a reference has let go. */
    readonly letGo: (wanted: KeptShard, operation: number) => Promise<void>;
  },
): HolderNotices {
  const { node, exchange, clock, limits, membership, log, letters } = ports;
  let stopped = false;
  let cancel = (): void => undefined;
  let sending = false;

  /** Since when a letter meets a release that too few remember, by its key. */
  const disputed = new Map<string, { readonly last: number; readonly sinceMs: number }>();

  /** A holder remembers a release of what a letter says is wanted. If it may have been acknowledged, the holders here
   *  hear of it. If it cannot be any more, the letter is written again, above it: whatever node asked for it no longer
   *  waits for answers then. */
  async function onReleased(key: string, letter: HolderNotice & { wanted: KeptShard }): Promise<Failure | undefined> {
    const { wanted } = letter;
    const { known, last, isRefused } = await rememberedOf(ports, wanted);
    if (known >= wanted.operation) {
      await ports.letGo(wanted, known);
      return undefined;
    }
    // Its owner has released it meanwhile.
    if (letters.get(key) !== letter) return undefined;
    const nowMs = clock.monotonicMs();
    const before = disputed.get(key);
    const sinceMs = isRefused && before?.last === last ? before.sinceMs : nowMs;
    if (!isRefused || nowMs - sinceMs < 2 * limits.holderTimeoutMs) {
      disputed.set(key, { last, sinceMs });
      return failure("RELEASED", { stripe: wanted.stripe.id, owner: wanted.owner, operation: last });
    }
    letters.set(key, { wanted: { ...wanted, operation: last + 1 }, untilMs: untilMs() });
    return undefined;
  }

  async function send(key: string, letter: HolderNotice): Promise<Failure | undefined> {
    if ("release" in letter) {
      const { holder, ...release } = letter.release;
      const told = await ports.ask(holder, { type: "release", ...release }, limits.holderTimeoutMs);
      return told.ok ? undefined : told.error;
    }
    const { wanted } = letter;
    const body = ports.holdingOf(wanted);
    if (body === undefined) return undefined;
    const owner = ownerOf(ports, body.holder);
    if (owner === undefined || !membership.isUp(owner))
      return failure("UNREACHABLE", { ...(owner !== undefined && { node: owner }) });
    if (owner === node) {
      const taken = await ports.suspect(wanted);
      if (typeof taken === "object") return onReleased(key, letter);
      return taken === "later" ? failure("OVERLOADED") : undefined;
    }
    const told = await exchange.call(owner, "shard.mend", body, limits.callTimeoutMs);
    if (told.ok) return undefined;
    return told.error.code === "RELEASED" ? onReleased(key, letter) : told.error;
  }

  async function sendAll(): Promise<void> {
    if (sending) return;
    sending = true;
    try {
      for (const [key, letter] of letters.entries()) {
        if (stopped) return;
        // Another one may have been written meanwhile, or this one taken back.
        if (letters.get(key) !== letter) continue;
        const reason = await send(key, letter);
        if (reason !== undefined && holdsAt(clock.nowMs(), letter.untilMs, limits.tellForMs)) continue;
        disputed.delete(key);
        if (letters.get(key) === letter) letters.delete(key);
        if (reason !== undefined) log.warn("shard.not.told", { shard: key, failure: reason });
      }
    } finally {
      sending = false;
    }
  }
  const sendSoon = (delayMs: number): (() => void) =>
    clock.after(delayMs, () => {
      if (!stopped) void sendAll().catch((error: unknown) => log.error("shard.telling.failed", { error }));
    });
  const later = (): void => {
    cancel = clock.after(limits.tellRetryMs, () => {
      void sendAll()
        .catch((error: unknown) => log.error("shard.telling.failed", { error }))
        .finally(() => void (stopped || later()));
    });
  };
  later();

  exchange.on("shard.mend", async ({ holder, stripe, shard, for: owner, operation, lifeMs }) => {
    if (ownerOf(ports, holder) !== node) return refused(moved(ports, holder));
    const wanted = { stripe, shard, owner, operation, ...(lifeMs !== undefined && { lifeMs }) };
    const taken = await ports.suspect(wanted);
    if (typeof taken === "object")
      return refused(failure("RELEASED", { stripe: stripe.id, owner, operation: taken.released }));
    return taken === "done" ? ok(null) : refused(failure("OVERLOADED", { limit: "adoptedMax" }));
  });

  const untilMs = (): number => clock.nowMs() + limits.tellForMs;

  return {
    tell(wanted) {
      // What does not fit is found by an audit.
      const key = `${wanted.stripe.shards[wanted.shard]?.hash ?? ""}/${wanted.owner}`;
      if (letters.set(key, { wanted, untilMs: untilMs() })) sendSoon(0);
    },
    tellRelease: async (release) =>
      letters.keep(`${release.stripe}/${release.owner}/${release.holder}`, { release, untilMs: untilMs() }),
    forget(stripe, owner) {
      for (const [key, letter] of letters.entries())
        if ("wanted" in letter && letter.wanted.stripe.id === stripe && letter.wanted.owner === owner) {
          letters.delete(key);
          disputed.delete(key);
        }
    },
    stop() {
      stopped = true;
      cancel();
    },
  };
}
