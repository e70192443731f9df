/** The bytes of a holder go ahead of it: before it is handed over, its new owner's node has them.
 *
 *      may it go? ─► the bytes here for it, as 256 digests ─► shard.compare ─► which differ ─► what lacks there is sent
 *                                  ▲                               └► none: it may go                     │
 *                                  └──────────────────────────── compared again ──────────────────────────┘
 *
 *  The two sides compare Merkle trees of two levels: the hashes of what is there, in 256 parts by their first byte. */
import {
  failure,
  failureOf,
  ok,
  ownSlot,
  PlexusError,
  refused,
  type ActorId,
  type SlotId,
} from "../../../protocols/index.ts";
import type { BlobHash, NodeId } from "../../ports/index.ts";
import { contentTree, hashOf } from "../blobs/index.ts";
import type { Links } from "./links.ts";
import { isHolder, moved, type ShardPorts } from "./parts.ts";

const parts = 256;

interface HandoverCopy {
  /** Whether a slot may be handed over to a node now. Begins to bring the bytes there when not; asked again and
   *  again. */
  mayHandOver(slot: SlotId, to: NodeId): boolean;
  stop(): void;
}

interface Going {
  readonly to: NodeId;
  readonly sinceMs: number;
  /** When somebody last wanted to hand it over. */
  askedMs: number;
  working: boolean;
  notBeforeMs: number;
  /** When both were equal. */
  equalAtMs?: number;
}

/** Makes it. */
export function createHandoverCopy(ports: ShardPorts & { readonly links: Links }): HandoverCopy {
  const { owned, clock, limits, links, log, meter, table, node, exchange } = ports;
  const going = new Map<ActorId, Going>();
  let stopped = false;

  /** What is here for a holder, by the first byte of its hash, in order. */
  async function partsOf(holder: ActorId): Promise<readonly (readonly BlobHash[])[]> {
    const found = Array.from({ length: parts }, (): BlobHash[] => []);
    for (const hash of owned.of(holder))
      if ((await owned.blobs.has(hash)) !== undefined) found[Number.parseInt(hash.slice(0, 2), 16)]?.push(hash);
    for (const part of found) part.sort();
    return found;
  }
  const digestBytes = 32;
  const digestsOf = (all: readonly (readonly BlobHash[])[]): Buffer =>
    Buffer.concat(all.map((hashes) => digestOf(hashes)));
  /** Of more hashes than one leaf takes: over the digests of each leaf's worth. */
  function digestOf(hashes: readonly BlobHash[]): Uint8Array {
    const bytes = Buffer.from(hashes.join(""), "hex");
    if (bytes.length <= contentTree.leafBytes) return contentTree.hashLeaf(bytes);
    return Buffer.from(hashOf(bytes), "hex");
  }

  exchange.on("shard.compare", async ({ holder, parts: theirs }) => {
    const record = table.get(ownSlot(holder))?.record;
    if (record?.owner !== node && record?.want?.owner !== node) return refused(moved(ports, holder));
    try {
      const mine = digestsOf(await partsOf(holder));
      const differs = Array.from({ length: parts }, (_, part) => part).filter((part) => {
        const at = part * digestBytes;
        return !mine.subarray(at, at + digestBytes).equals(Buffer.from(theirs.subarray(at, at + digestBytes)));
      });
      return ok({ differs });
    } catch (thrown) {
      return refused(failureOf(thrown));
    }
  });

  /** One comparison, and what it asks for. True: both are equal. */
  async function compare(holder: ActorId, to: NodeId): Promise<boolean> {
    const mine = await partsOf(holder);
    const answer = await exchange.call(to, "shard.compare", { holder, parts: digestsOf(mine) }, limits.readTimeoutMs);
    if (!answer.ok) throw new PlexusError(answer.error);
    const hashes = answer.value.differs.flatMap((part) => mine[part] ?? []);
    const line: BlobHash[] = [];
    for (let at = 0; at < hashes.length; at += limits.hashesPerMessage) {
      const some = hashes.slice(at, at + limits.hashesPerMessage);
      const lacks = await links.call(to, "shard.lacks", { holder, hashes: some });
      if (!lacks.ok) throw new PlexusError(lacks.error);
      line.push(...some.filter((_, place) => lacks.value.lacks.includes(place)));
    }
    // What the other side has more makes parts differ for good, and is nobody's loss: it is collected there.
    if (line.length === 0) return true;
    let [sent, failed] = [0, 0];
    const worker = async (): Promise<void> => {
      for (let hash = line.shift(); hash !== undefined && !stopped; hash = line.shift()) {
        const sizeBytes = await owned.blobs.has(hash);
        if (sizeBytes === undefined) continue;
        const name = hash;
        const bytes = async (start: number, end: number): Promise<Uint8Array> => {
          const read: Uint8Array[] = [];
          for await (const part of (await owned.blobs.open(name, { start, end })).bytes) read.push(part);
          return Buffer.concat(read);
        };
        const given = await links
          .give(to, { holder, hash, sizeBytes, bytes })
          .catch((thrown: unknown) => refused(failureOf(thrown)));
        if (given.ok) sent += 1;
        // What is damaged here is made anew there.
        else if (given.error.code !== "DATA_DAMAGED") failed += 1;
      }
    };
    await Promise.all(Array.from({ length: limits.aheadAtOnce }, worker));
    meter.count("shards_sent_ahead", sent);
    log.info("shards.ahead", { holder, to, sent, failed });
    if (failed > 0)
      throw new PlexusError(failure("UNREACHABLE", { node: to, because: `${failed} shards were not taken` }));
    return sent === 0;
  }

  async function work(holder: ActorId, one: Going): Promise<void> {
    one.working = true;
    try {
      // What comes while the bytes travel is sent in the next turn; the last one has little to send.
      while (!stopped && going.get(holder) === one && !(await compare(holder, one.to)));
      one.equalAtMs = clock.monotonicMs();
    } catch (thrown) {
      log.warn("shards.ahead.failed", { holder, to: one.to, failure: failureOf(thrown) });
      one.notBeforeMs = clock.monotonicMs() + limits.aheadRetryMs;
    } finally {
      one.working = false;
    }
  }

  const stopTable = table.onChange((slot, row) => {
    if (isHolder(slot) && row?.record.owner !== node) going.delete(slot);
  });

  return {
    mayHandOver(slot, to) {
      if (!isHolder(slot)) return true;
      const nowMs = clock.monotonicMs();
      let one = going.get(slot);
      // While the other node is away nobody asks, and nothing is late.
      if (one?.to !== to || nowMs - one.askedMs > limits.aheadGapMs) {
        one = { to, sinceMs: nowMs, askedMs: nowMs, working: false, notBeforeMs: nowMs };
        going.set(slot, one);
      }
      one.askedMs = nowMs;
      if (one.equalAtMs !== undefined && nowMs - one.equalAtMs <= limits.aheadFreshMs) return true;
      if (nowMs - one.sinceMs >= limits.aheadMsMax) {
        log.warn("shards.ahead.late", { holder: slot, to, waitedMs: nowMs - one.sinceMs });
        return true;
      }
      if (!one.working && nowMs >= one.notBeforeMs) void work(slot, one);
      return false;
    },
    stop() {
      stopped = true;
      stopTable();
      going.clear();
    },
  };
}
