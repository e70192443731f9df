/** What a node knows about shards beside the shards: whom it must still tell of what, where its audits are, what they
 *  have shown, and what others have signed. Small rows in the node's store, read when it starts, and most of them never
 *  waited for: what a crash takes along is told, asked and found again.
 *
 *      shards/letter/…   shards/walk/HOLDER   shards/opinion/NODE   shards/receipt/HASH/HOLDER */
import { seal, unseal } from "../../data-folder/seal.ts";
import type { Log, NodeId, Store } from "../../ports/index.ts";
import type { Opinion, Walk } from "./audit.ts";
import type { ShardLimits } from "./limits.ts";
import type { HolderNotice } from "./stripes-ports.ts";
import type { SignedReceipt } from "./receipts.ts";

/** Rows of one sort, by their names. */
export interface Rows<Value> {
  readonly size: number;
  get(name: string): Value | undefined;
  entries(): readonly (readonly [name: string, value: Value])[];
  /** False: it is full, and the row is new. */
  set(name: string, value: Value): boolean;
  /** The same; true: it is on the disk. */
  keep(name: string, value: Value): Promise<boolean>;
  delete(name: string): void;
}

export interface ShardMemory {
  readonly letters: Rows<HolderNotice>;
  /** By holder. */
  readonly walks: Rows<Walk>;
  readonly opinions: Rows<Opinion & { readonly node: NodeId }>;
  /** The oldest ones go first. */
  readonly receipts: Rows<SignedReceipt>;
}

const rowsInPage = 1_000;

/** Reads what there is. Error: the system's. */
export async function openShardMemory(
  store: Store,
  limits: Pick<ShardLimits, "tellingMax" | "walksMax" | "pacesMax" | "receiptsMax">,
  log: Log,
): Promise<ShardMemory> {
  async function open<Value>(sort: string, max: number, whenFull: "refuses" | "forgets"): Promise<Rows<Value>> {
    const prefix = `shards/${sort}/`;
    const end = `shards/${sort}0`;
    const rows = new Map<string, Value>();
    const write = (op: Parameters<Store["batch"]>[0][number]): void =>
      void store
        .batch([op], { sync: false })
        .catch((error: unknown) => log.debug("shards.memory.not.written", { key: op.key, error }));
    for (let after = prefix; ;) {
      const page = await store.range({ gte: after, lt: end, limit: rowsInPage });
      for (const [key, value] of page)
        try {
          rows.set(key.slice(prefix.length), unseal(key, value, store.location) as Value);
        } catch (error) {
          // It can be learned again.
          log.warn("shards.memory.damaged", { key, error });
        }
      const last = page.at(-1);
      if (last === undefined || page.length < rowsInPage) break;
      after = `${last[0]}!`;
    }
    const put = (name: string, value: Value): Parameters<Store["batch"]>[0][number] | undefined => {
      if (!rows.has(name) && rows.size >= max) {
        const [oldest] = rows.keys();
        if (whenFull === "refuses" || oldest === undefined) return undefined;
        forget(oldest);
      }
      rows.set(name, value);
      const key = `${prefix}${name}`;
      return { type: "put", key, value: seal(key, value) };
    };
    const forget = (name: string): void => {
      if (rows.delete(name)) write({ type: "del", key: `${prefix}${name}` });
    };
    return {
      get size() {
        return rows.size;
      },
      get: (name) => rows.get(name),
      entries: () => [...rows],
      set(name, value) {
        const op = put(name, value);
        if (op !== undefined) write(op);
        return op !== undefined;
      },
      async keep(name, value) {
        const op = put(name, value);
        if (op === undefined) return false;
        await store.batch([op], { sync: true });
        return true;
      },
      delete: forget,
    };
  }
  return {
    letters: await open<HolderNotice>("letter", limits.tellingMax, "refuses"),
    walks: await open<Walk>("walk", limits.walksMax, "forgets"),
    opinions: await open("opinion", limits.pacesMax, "forgets"),
    receipts: await open<SignedReceipt>("receipt", limits.receiptsMax, "forgets"),
  };
}
