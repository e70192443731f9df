import { expect } from "chai";
import fc from "fast-check";
import type { Exchange } from "../../../node/cluster/exchange/index.ts";
import { replicationLimits } from "../../../node/replication/limits.ts";
import { fetchLongest, longest, type Fetched } from "../../../node/replication/longest.ts";
import type { Piece, Position, SlotLog } from "../../../node/storage/index.ts";
import { failure, ok, refused, type Failure, type Result } from "../../../protocols/index.ts";
import type { Standing } from "../../../protocols/mesh/index.ts";
import { append, apply, codeOf, draft, journalOn, openAs, RowStore, shippedBy, slot } from "../storage/fixture.ts";

const anyAt = fc.record({ epoch: fc.nat(3), seq: fc.nat(5), checksum: fc.nat(9) });
const standingAt = (at: Position): Standing => ({ fence: 3, continues: 3, incarnation: 0, incomplete: false, at });

describe("the longest log of a set", () => {
  it("is the one whose last entry is of the highest epoch and seq, and this one unless another is longer", () => {
    const anyOthers = fc.array(fc.option(anyAt, { nil: undefined }), { maxLength: 4 });
    fc.assert(
      fc.property(anyAt, anyOthers, (own, ends) => {
        const others = ends.map((at, index) => ({ node: `${index}`, standing: at && standingAt(at) }));
        const best = longest(own, others);
        const rank = ({ epoch, seq }: Position): number => epoch * 10 + seq;
        const highest = Math.max(rank(own), ...ends.flatMap((at) => (at ? [rank(at)] : [])));
        expect(rank(best?.at ?? own)).to.equal(highest);
        expect(best === undefined).to.equal(highest === rank(own));
        if (best !== undefined) expect(ends[Number(best.node)]).to.deep.equal(best.at);
      }),
    );
  });
});

/** A copy that has the first of three entries, and another that has all of them. */
describe("what a new owner lacks", () => {
  let store: RowStore;
  let log: SlotLog;
  let chunks: Piece["chunks"];
  let at: Position;
  const asked: number[] = [];

  beforeEach(async () => {
    const elsewhere = await openAs(await journalOn(new RowStore()), slot, 1);
    const pieces = shippedBy(elsewhere);
    for (const text of ["one", "two", "three"]) await append(elsewhere, draft("pad/x", text));
    chunks = pieces.flatMap((piece) => piece.chunks);
    at = elsewhere.position;
    store = new RowStore();
    log = await (await journalOn(store)).openSlot(slot);
    await log.raise(1);
    await apply(log, pieces[0] as Piece);
    await log.raise(2);
    asked.length = 0;
  });

  /** Fetches from a node that answers so, one answer after the other. */
  const fetchFrom = (...answers: readonly Result<unknown>[]): Promise<Fetched> => {
    const left = [...answers];
    const call = (_: string, __: string, { after }: { after: Position }): Promise<Result<unknown>> => {
      asked.push(after.seq);
      return Promise.resolve(left.shift() ?? refused(failure("PEER_LOST")));
    };
    const exchange = { call } as unknown as Exchange;
    return fetchLongest({ node: "c", at }, { exchange, log, epoch: 2, limits: replicationLimits });
  };
  const given = (...indexes: readonly number[]): Result<unknown> =>
    ok({ chunks: indexes.map((index) => chunks[index]) });
  const whyUnusable = async (fetched: Promise<Fetched>): Promise<Failure["code"] | undefined> =>
    ((await fetched) as { readonly unusable?: Failure }).unusable?.code;

  it("is fetched in as many parts as it comes in, each from where the log then ends", async () => {
    expect(await fetchFrom(given(1), given(2))).to.equal("whole");
    expect(asked).to.deep.equal([1, 2]);
    expect(log.position).to.deep.equal(at);
    await log.verify();
    expect(await fetchFrom()).to.equal("whole");
    expect(asked).to.have.length(2);
  });

  for (const code of ["PEER_LOST", "UNREACHABLE", "FENCED"] as const) {
    it(`is asked for again when who has it answers ${code}`, async () => {
      expect(await fetchFrom(given(1), refused(failure(code)))).to.equal("gone");
      expect(log.position.seq).to.equal(2);
    });
  }

  it("cannot be had by a log that is not the beginning of the longest", async () => {
    expect(await fetchFrom(refused(failure("LOG_GAP")))).to.equal("diverged");
  });

  it("cannot be used when it is damaged, or is not what it was said to be", async () => {
    const [, second] = chunks;
    const rotten = Uint8Array.from(second?.[1] ?? []);
    rotten[20] = (rotten[20] ?? 0) ^ 1;
    expect(await whyUnusable(fetchFrom(refused(failure("DATA_DAMAGED"))))).to.equal("DATA_DAMAGED");
    expect(await whyUnusable(fetchFrom(ok({ chunks: [] })))).to.equal("DATA_DAMAGED");
    expect(await whyUnusable(fetchFrom(refused(failure("BAD_FRAME"))))).to.equal("BAD_FRAME");
    expect(await whyUnusable(fetchFrom(ok({ chunks: [[2, rotten]] })))).to.equal("DATA_DAMAGED");
    expect(await whyUnusable(fetchFrom(given(2)))).to.equal("DATA_DAMAGED");
    expect(log.position.seq).to.equal(1);
    expect(await fetchFrom(given(1, 2))).to.equal("whole");
  });

  it("is not blamed on who has it when this disk fails", async () => {
    store.batch = () => Promise.reject(new Error("no space left"));
    expect(await codeOf(fetchFrom(given(1, 2)))).to.equal("APPEND_FAILED");
  });
});
