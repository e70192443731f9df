import { expect } from "chai";
import type { StoreOp, StoreRange } from "../../../node/ports/index.ts";
import type { SlotLog } from "../../../node/storage/index.ts";
import { genesisChecksum } from "../../../node/storage/layout.ts";
import { live, stateOf, type Owner, type Step } from "./copies.ts";
import { codeOf, journalOn, RowStore, slot } from "./fixture.ts";

/** Tells what was there when it was asked, but one answer when it is let go only. */
class SlowStore extends RowStore {
  #held: Promise<void> | undefined;

  /** Holds up the next answer; returns what lets it go. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held = promise;
    return resolve;
  }

  override async get(key: string): Promise<Uint8Array | undefined> {
    return await this.#answer(super.get(key));
  }

  override async range(asked: StoreRange): Promise<readonly (readonly [string, Uint8Array])[]> {
    return await this.#answer(super.range(asked));
  }

  async #answer<Value>(value: Promise<Value>): Promise<Value> {
    const held = this.#held;
    this.#held = undefined;
    const answer = await value;
    await held;
    return answer;
  }
}

const entry = (actor: "pad/a" | "pad/b"): Step => ({ type: "entry", actor, side: [] });

describe("what is read of a copy while it is made anew", () => {
  let store: SlowStore;
  let log: SlotLog;
  let state: () => Promise<unknown>;

  beforeEach(async () => {
    store = new SlowStore();
    const journal = await journalOn(store, { scanChunksMax: 1 });
    log = await journal.openSlot(slot);
    await log.raise(1);
    state = () => stateOf({ journal }, "pad/a");
  });

  const begin = async (owner: Owner): Promise<void> => {
    await log.startOver(1);
    const rows = (from: RowStore) => [...from.rows].filter(([key]) => /^(log|snap|side)\//.test(key));
    const ops: StoreOp[] = rows(store).map(([key]) => ({ type: "del", key }));
    for (const [key, value] of rows(owner.store)) ops.push({ type: "put", key, value });
    await log.write(log.incarnation, ops);
  };
  const finish = (owner: Owner): Promise<void> => {
    const { epoch, seq, checksum } = owner.log.position;
    const { incarnation } = log;
    const last = { lastEpoch: epoch, lastSeq: seq, lastChecksum: checksum };
    const base = { baseSeq: 0, baseChecksum: genesisChecksum(slot) };
    return log.finish(1, incarnation, { fence: 1, continues: 1, incarnation, incomplete: false, ...last, ...base });
  };

  it("leaves nothing behind when the transfer whose end it was is overtaken by another one", async () => {
    const first = await live([entry("pad/b"), { type: "settle" }, entry("pad/a")]);
    const second = await live([entry("pad/a"), { type: "settle" }, entry("pad/a")]);
    await begin(first);
    const release = store.hold();
    const late = codeOf(finish(first));
    await begin(second);
    await finish(second);
    release();
    expect(await late).to.equal("FENCED");
    expect(log.position).to.deep.equal(second.log.position);
    expect([...log.actorsWithTail()]).to.deep.equal(["pad/a"]);
    expect(log.bytes).to.equal(second.log.bytes);
    expect(await state()).to.deep.equal(["1", "2"]);
  });

  it("does not make entries needless that the log has since", async () => {
    const first = await live([
      entry("pad/a"),
      { type: "settle" },
      entry("pad/a"),
      { type: "snapshot", actor: "pad/a" },
    ]);
    const second = await live([entry("pad/a")]);
    await begin(first);
    await finish(first);
    const release = store.hold();
    const late = codeOf(log.reader.recover("pad/a"));
    await begin(second);
    await finish(second);
    release();
    await late;
    expect(await state()).to.deep.equal(["1"]);
  });
});
