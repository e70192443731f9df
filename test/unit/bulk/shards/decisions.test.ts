import { expect } from "chai";
import { assert as holds, constantFrom, integer, property } from "fast-check";
import {
  beginWalk,
  challengesFor,
  deadlineFor,
  judge,
  leafOf,
  noOpinion,
  opinionAfter,
  partOf,
  sampleSize,
  stepOf,
  targetOf,
} from "../../../../node/bulk/shards/audit.ts";
import { bySickness, dueMs, marginOf, type Sick } from "../../../../node/bulk/shards/healing.ts";
import { hashOf } from "../../../../node/bulk/blobs/index.ts";
import { createNodeSpeeds } from "../../../../node/bulk/shards/node-speeds.ts";
import { createStripeRoom } from "../../../../node/bulk/shards/room.ts";
import { failure, type StripeRef } from "../../../../protocols/index.ts";

const stripeOf = (k: number, m: number, id = "stripe00"): StripeRef => ({
  id,
  group: "g",
  scheme: { type: "rs", k, m },
  sizeBytes: 1_000,
  shards: Array.from({ length: k + m }, (_, index) => ({
    index,
    hash: String(index).padStart(64, "0"),
    sizeBytes: 100,
  })),
});
const sick = (more: Partial<Sick> = {}): Sick => ({ stripe: stripeOf(4, 2), shard: 0, why: "missing", sinceMs: 1_000, others: 5, ...more }); // prettier-ignore
const patience = { absenceMs: 3_600_000, absenceMsMin: 300_000 };

describe("what is lost", () => {
  it("is waited for, the less the less the stripe can lose, and not at all when it is damaged", () => {
    expect(dueMs(sick({ others: 5 }), patience)).to.equal(1_000 + patience.absenceMs);
    expect(dueMs(sick({ others: 4 }), patience)).to.equal(1_000 + patience.absenceMsMin);
    expect(dueMs(sick({ others: 3 }), patience)).to.equal(1_000 + patience.absenceMsMin);
    expect(dueMs(sick({ why: "damaged" }), patience)).to.equal(1_000);
    const pair: StripeRef = { ...stripeOf(1, 1), scheme: { type: "copies", copies: 2 } };
    expect(dueMs(sick({ stripe: pair, others: 1 }), patience)).to.equal(1_000 + patience.absenceMsMin);
  });

  it("is made good in the order of what can be lost, and what cannot be made good now comes last", () => {
    const line = [sick({ others: 5 }), sick({ others: 3 }), sick({ others: 4 }), sick({ others: 5, sinceMs: 500 })];
    expect(line.toSorted(bySickness).map(({ others, sinceMs }) => [others, sinceMs])).to.deep.equal([[4, 1_000], [5, 500], [5, 1_000], [3, 1_000]]); // prettier-ignore
    expect(line.map(marginOf)).to.deep.equal([1, -1, 0, 1]);
  });
});

describe("an audit", () => {
  it("asks for every shard of a stripe in each walk, by another holder in the next, and never by its own", () => {
    holds(
      property(integer({ min: 2, max: 12 }), integer({ min: 0, max: 1_000_000 }), (width, round) => {
        const stripe = stripeOf(width - 1, 1);
        const asked = stripe.shards.map((_, own) => targetOf(stripe, own, round));
        expect(new Set(asked).size).to.equal(width);
        expect(asked.every((target, own) => target !== own)).to.equal(true);
        if (width > 2) expect(targetOf(stripe, 0, round)).not.to.equal(targetOf(stripe, 0, round + 1));
      }),
    );
  });

  it("asks for any leaf, and for all shards within its time", () => {
    holds(
      property(integer({ min: 0, max: 9_000_000 }), integer({ min: 0, max: 9_999 }), (size, drawn) => {
        const leaf = leafOf(size, 16_384, drawn / 10_000);
        expect(leaf).to.be.within(0, Math.max(0, Math.ceil(size / 16_384) - 1));
      }),
    );
    const day = 24 * 3_600_000;
    expect(sampleSize(43_200, { coverMs: 30 * day, everyMs: 60_000, max: 64 })).to.equal(1);
    expect(sampleSize(432_000, { coverMs: 30 * day, everyMs: 60_000, max: 64 })).to.equal(10);
  });

  it("finds a holder that has deleted 1 % of its leaves within the computed number of questions", () => {
    // 1 − 0.99^459 = 0.99; of 200 such holders about 198 are found by then. Three standard deviations are 4.2.
    let state = 7;
    const drawn = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
    const leaves = 10_000;
    const found = Array.from({ length: 200 }, () =>
      Array.from({ length: 459 }, () => leafOf(leaves * 16_384, 16_384, drawn())).some((leaf) => leaf % 100 === 17),
    ).filter(Boolean).length;
    expect(found).to.be.within(193, 200);
  });

  it("blames nobody when fewer holders answer than suffice", () => {
    const stripe = stripeOf(4, 2);
    const enough = { stripe, answering: 4, deadlineMs: 1_000 };
    const few = { ...enough, answering: 3 };
    expect(judge({ type: "proof", isProven: true, tookMs: 10 }, enough)).to.equal("ok");
    expect(judge({ type: "proof", isProven: true, tookMs: 1_001 }, enough)).to.equal("slow");
    expect(judge({ type: "proof", isProven: false, tookMs: 10 }, few)).to.equal("failed");
    expect(judge({ type: "unreached" }, enough)).to.equal("offline");
    expect(judge({ type: "unreached" }, few)).to.equal("unknown");
    const refused = (code: string) => ({ type: "refused", code, tookMs: 5 }) as const;
    expect(judge(refused("DATA_DAMAGED"), few)).to.equal("failed");
    expect(judge(refused("NOT_FOUND"), few)).to.equal("missing");
    expect(judge(refused("PEER_LOST"), enough)).to.equal("slow");
    expect(judge(refused("PEER_LOST"), few)).to.equal("unknown");
    expect(judge(refused("OVERLOADED"), enough)).to.equal("unknown");
  });

  it("makes a node unreliable by failures, and reliable again by proofs; what is unknown changes nothing", () => {
    holds(
      property(constantFrom("failed", "missing", "offline", "slow"), (result) => {
        const after = opinionAfter(noOpinion, result, 5);
        expect(after.reliability).to.be.below(1);
        expect(opinionAfter(after, "ok", 5).reliability).to.be.above(after.reliability);
        expect(opinionAfter(after, "unknown", 5)).to.deep.equal(after);
      }),
    );
  });

  it("calls nobody dishonest for being away, and counts what was answered well and badly", () => {
    expect(opinionAfter(noOpinion, "offline", 0)).to.deep.include({ honesty: 1, passed: 0, failed: 0 });
    const lacking = opinionAfter(noOpinion, "lacking", 0);
    expect(lacking).to.deep.include({ honesty: 1, passed: 0, failed: 0, reliability: 0.95 });
    expect(opinionAfter(noOpinion, "missing", 0)).to.deep.include({ honesty: 0.95, failed: 1 });
    expect(opinionAfter(noOpinion, "ok", 12)).to.deep.include({ passed: 1, usualMs: 12 });
  });

  it("gives a proof some times as long as others take, within limits", () => {
    const bounds = { mostMs: 5_000, leastMs: 100, factor: 8 };
    expect(deadlineFor([4, 5], bounds)).to.equal(5_000);
    expect(deadlineFor([4, 5, 6], bounds)).to.equal(100);
    expect(deadlineFor([40, 50, 6_000], bounds)).to.equal(400);
    expect(deadlineFor([900, 1_000, 6_000], bounds)).to.equal(5_000);
  });

  it("finds what a share of missing bytes is computed to need", () => {
    expect(challengesFor(0.01, 0.999)).to.equal(688);
    expect(challengesFor(0.5, 0.999)).to.equal(10);
    holds(
      property(integer({ min: 1, max: 99 }), (percent) => {
        const share = percent / 100;
        const needed = challengesFor(share, 0.999);
        expect((1 - share) ** needed).to.be.at.most(0.001);
        expect((1 - share) ** (needed - 1)).to.be.above(0.001);
      }),
    );
  });

  it("walks through all of an inventory once in each round, in an order of its own each time, whatever its size and the steps", () => {
    holds(
      property(
        integer({ min: 0, max: 60 }),
        integer({ min: 1, max: 64 }),
        integer({ min: 0, max: 2 }),
        (count, limit, digits) => {
          const lines = Array.from({ length: count }, (_, at) => ({
            hash: hashOf(Buffer.from(`${at}`)),
            stripe: "stripe00",
          }));
          const orders = ["a secret", "another"].map((secret) => {
            const seen: string[] = [];
            let walk = { ...beginWalk(count, 0, secret), digits };
            for (let start = partOf(walk); start !== undefined; start = partOf(walk)) {
              const part = lines.filter(({ hash }) => hash.startsWith(start ?? ""));
              const step = stepOf(walk, part, limit);
              seen.push(...step.lines.map(({ hash }) => hash));
              walk = step.walk;
            }
            expect(new Set(seen).size).to.equal(count);
            expect(seen).to.have.length(count);
            return seen;
          });
          const [order = [], another = []] = orders;
          const texts = [order, another, order.toSorted()].map((hashes) => hashes.join());
          if (count > 10) expect(new Set(texts).size).to.equal(3);
        },
      ),
      { numRuns: 8 },
    );
  });
});

describe("reads and memory of stripes", () => {
  it("expect less of a node that was fast, and ask one that gave nothing later", () => {
    const paces = createNodeSpeeds("own", 2);
    const mib = 1024 * 1024;
    expect(paces.expectedMs("own", mib)).to.equal(0);
    const before = paces.expectedMs("a", 8 * mib);
    for (let times = 0; times < 20; times += 1) paces.took("a", 80, 8 * mib);
    expect(paces.expectedMs("a", 8 * mib)).to.be.within(80, before / 4);
    paces.took("b", 5, undefined);
    expect(paces.expectedMs("b", mib)).to.be.above(paces.expectedMs("c", mib));
    paces.took("c", 5, mib);
    expect(paces.expectedMs("a", 8 * mib), "the one that was asked longest ago is forgotten").to.equal(before);
  });

  it("enter in turn, never beyond the room, and are refused when too many wait", async () => {
    const room = createStripeRoom({ bytesMax: 100, waitingMax: 4 });
    const first = await room.enter("ada", 80);
    const order: string[] = [];
    const waits = ["ada", "ada", "ada", "bob"].map((share, number) =>
      room.enter(share, 60).then((entered) => {
        order.push(`${share}${number}`);
        return entered;
      }),
    );
    expect(room.usedBytes).to.equal(80);
    const refused = await room.enter("ada", 1);
    expect(refused.ok ? undefined : refused.error.code).to.equal(failure("OVERLOADED").code);
    if (first.ok) first.value();
    const [one] = waits;
    const entered = await (one as (typeof waits)[number]);
    expect(room.usedBytes).to.equal(60);
    if (entered.ok) entered.value();
    for (const wait of waits.slice(1)) void wait.then((next) => next.ok && next.value());
    await Promise.all(waits);
    // Bob waits behind one turn of Ada's beside the one that was next, not behind all.
    expect(order).to.deep.equal(["ada0", "ada1", "bob3", "ada2"]);
  });
});
