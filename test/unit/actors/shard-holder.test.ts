import { expect } from "chai";
import fc from "fast-check";
import type {
  ActorId,
  Collected,
  HeldShard,
  HeldShards,
  HolderSums,
  Scheme,
  ShardPage,
  ShardReleased,
  StripeRef,
} from "../../../protocols/index.ts";
import { actorLimits } from "../../../actors/limits.ts";
import { Fixture } from "./fixture.ts";

const own: ActorId = "shard-holder/g1.2";
const sizeBytes = 1_000;
const hashOf = (stripe: string, shard: number): string => `${stripe}${shard}`.padStart(64, "0");
const idOf = (n: number): string => `5${n}`.padStart(8, "a");

function stripe(n: number, more: Partial<StripeRef> = {}): StripeRef {
  const id = idOf(n);
  const scheme: Scheme = { type: "rs", k: 2, m: 1 };
  const shards = [0, 2, 4].map((index, shard) => ({ index, hash: hashOf(id.slice(1), shard), sizeBytes }));
  return { id, group: "g1", scheme, sizeBytes: 2 * sizeBytes, shards, ...more };
}

const terms = { open: true, bytesMax: 1e9, shardsMax: 1e6, ownerBytesPerMinute: 1e9 };
const hold = (n: number, more: object = {}) => ({ type: "hold", stripe: stripe(n), shard: 1, owner: "room/a", operation: 1, terms, ...more }); // prettier-ignore
const release = (n: number, owner = "room/a", operation = 1) => ({
  type: "release",
  stripe: idOf(n),
  owner,
  operation,
});
const day = 24 * 3_600_000;
const collect = { type: "collect", graceMs: day, trashMs: day, rememberMs: 4 * day };

const at = (fixture: Fixture) => ({
  ok: <T = object>(message: { type: string }): T => fixture.ok<T>("node", own, message),
  code: (message: { type: string }) => fixture.code("node", own, message),
  sums: () => fixture.ok<HolderSums>("node", own, { type: "sums" }),
  shards: (...stripes: number[]) =>
    fixture.ok<{ shards: readonly HeldShard[] }>("node", own, { type: "describe", stripes: stripes.map(idOf) }).shards,
  page: (more: object = {}) => fixture.ok<ShardPage>("node", own, { type: "list", ...more }),
  collect: () => fixture.ok<Collected>("node", own, collect),
});

/** What the inventory must look like beside the shards themselves, said once more. */
function expectConsistent(fixture: Fixture): readonly HeldShard[] {
  const all = fixture.records(own, "stripe/");
  const held = all.flatMap(({ key, value }) => (key.endsWith("/released") ? [] : [value as HeldShard]));
  const expected = held.flatMap(({ stripe: { id, shards }, shard, lost, freeFromMs, trashedAtMs }) => {
    const hash = shards[shard]?.hash ?? "";
    const time = (ms: number): string => String(ms).padStart(16, "0");
    if (trashedAtMs !== undefined) return [`hash/${hash}/${id}`, `trash/${time(trashedAtMs)}/${id}`];
    return [
      `hash/${hash}/${id}`,
      ...(lost === undefined ? [] : [`lost/${hash}/${id}`]),
      ...(freeFromMs === undefined ? [] : [`free/${time(freeFromMs)}/${id}`]),
    ];
  });
  const others = fixture.records(own, "").filter(({ key }) => !/^(stripe|released)\//.test(key));
  const due = fixture.records(own, "released/").map(({ value }) => value);
  expect(due).to.have.deep.members(all.flatMap(({ key, value }) => (key.endsWith("/released") ? [value] : [])));
  expect(others.map(({ key }) => key)).to.have.members(expected);
  const sum = (some: readonly HeldShard[]) => ({ shards: some.length, bytes: some.length * sizeBytes });
  expect(at(fixture).sums()).to.deep.include({
    held: sum(held.filter(({ trashedAtMs }) => trashedAtMs === undefined)),
    lost: sum(held.filter(({ lost, trashedAtMs }) => lost !== undefined && trashedAtMs === undefined)),
    trash: sum(held.filter(({ trashedAtMs }) => trashedAtMs !== undefined)),
  });
  return held;
}

describe("a shard-holder", () => {
  it("holds a shard once, gives a receipt each time, and remembers who refers to it", () => {
    const fixture = new Fixture();
    const holder = at(fixture);
    const receipt = holder.ok(hold(1));
    expect(receipt).to.deep.equal({
      holder: own,
      stripe: idOf(1),
      hash: stripe(1).shards[1]?.hash,
      sizeBytes,
      owner: "room/a",
      heldSinceMs: 1_000_000,
    });
    fixture.pass(5_000);
    expect(holder.ok(hold(1))).to.deep.equal(receipt);
    expect(fixture.journalOf(own)).to.have.length(1);
    holder.ok(hold(1, { owner: "room/b", lifeMs: 995_000 }));
    expect(holder.shards(1, 2)).to.deep.equal([
      {
        stripe: stripe(1),
        shard: 1,
        heldSinceMs: 1_000_000,
        references: [
          { owner: "room/a", operation: 1 },
          { owner: "room/b", operation: 1, expiresAtMs: 2_000_000, lifeMs: 995_000 },
        ],
      },
    ]);
    expect(holder.sums().held).to.deep.equal({ shards: 1, bytes: sizeBytes });
    fixture.crash(own);
    expect(holder.shards(1)).to.have.length(1);
    expectConsistent(fixture);
  });

  it("refuses the shard of another holder, of another group, and a second one of a stripe", () => {
    const holder = at(new Fixture());
    expect(holder.code(hold(1, { shard: 0 }))).to.equal("BAD_REQUEST");
    expect(holder.code(hold(1, { stripe: stripe(1, { group: "g2" }) }))).to.equal("BAD_REQUEST");
    const twice = stripe(1).shards.map((shard) => ({ ...shard, index: 2 }));
    expect(holder.code(hold(1, { stripe: stripe(1, { shards: twice }) }))).to.equal("BAD_REQUEST");
    holder.ok(hold(1));
    const turned = [1, 0, 2].map((n) => ({ ...(stripe(1).shards[n] as StripeRef["shards"][number]) }));
    expect(holder.code(hold(1, { stripe: stripe(1, { shards: turned }), shard: 0 }))).to.equal("ALREADY_DONE");
    expect(holder.code(hold(1, { stripe: stripe(1, { sizeBytes: 7 }) }))).to.equal("ALREADY_DONE");
  });

  it("refuses new stripes beyond its quota, in a closed group, and faster than its owner may; what it has it goes on with", () => {
    const fixture = new Fixture();
    const holder = at(fixture);
    holder.ok(hold(1));
    const refused = (more: object) => holder.code(hold(2, { terms: { ...terms, ...more } }));
    expect(refused({ open: false })).to.equal("FORBIDDEN");
    expect(refused({ shardsMax: 1 })).to.equal("LIMIT_REACHED");
    expect(refused({ bytesMax: 1_999 })).to.equal("LIMIT_REACHED");
    const slow = { ...terms, ownerBytesPerMinute: 1_500 };
    expect(holder.code(hold(2, { terms: slow }))).to.equal("RATE_LIMITED");
    expect(holder.code(hold(2, { terms: slow, owner: "room/b" }))).to.equal("accepted");
    expect(holder.code(hold(1, { terms: { ...slow, open: false, shardsMax: 0 }, owner: "room/b" }))).to.equal(
      "accepted",
    );
    fixture.pass(60_000);
    expect(holder.code(hold(3, { terms: slow }))).to.equal("accepted");
    expect(holder.sums().held.shards).to.equal(3);
  });

  it("collects what nobody has referred to for the grace, after a time in the trash, and nothing before", () => {
    const fixture = new Fixture();
    const holder = at(fixture);
    for (const n of [1, 2, 3]) holder.ok(hold(n));
    holder.ok(hold(1, { owner: "room/b" }));
    holder.ok(hold(4, { lifeMs: day }));
    for (const n of [1, 2]) holder.ok(release(n));
    expect(holder.ok(release(2))).to.deep.equal({ references: 0 });
    fixture.pass(day - 1);
    expect(holder.collect()).to.deep.equal({ trashed: 0, gone: [], more: false });
    fixture.pass(1);
    expect(holder.collect()).to.deep.equal({ trashed: 1, gone: [], more: false });
    expect(holder.page().shards.map(({ stripe: id }) => id)).to.have.members([1, 3, 4].map(idOf));
    expect(holder.page({ only: "trash" }).shards.map(({ stripe: id }) => id)).to.deep.equal([idOf(2)]);
    fixture.pass(day);
    const { trashed, gone } = holder.collect();
    expect([trashed, gone.map(({ stripe: id }) => id)]).to.deep.equal([1, [idOf(2)]]);
    expect(holder.shards(2)).to.deep.equal([]);
    expect(holder.page({ hash: stripe(2).shards[1]?.hash }).shards).to.deep.equal([]);
    expectConsistent(fixture);
  });

  it("ends references by its own clock, and dates what it put off while that was years ahead", () => {
    const fixture = new Fixture();
    const holder = at(fixture);
    const years = 10 * 365 * day;
    fixture.nowMs += years;
    const kept = 300;
    for (const n of [1, 2, 3, 4]) holder.ok(hold(n, n < 3 ? { lifeMs: 2 * day } : {}));
    for (const n of [3, 4]) holder.ok(release(n));
    fixture.pass(day);
    // One lies in the trash by then, and who let go of it is remembered.
    holder.collect();
    holder.ok(hold(4, { owner: "room/b" }));
    holder.ok(release(4, "room/b"));
    fixture.nowMs -= years + day;
    // Those are kept for so long by right, more of them than one step looks at.
    for (let n = 100; n < 100 + kept; n += 1) holder.ok(hold(n, { lifeMs: 100 * day }));
    expect(holder.collect().trashed).to.equal(0);
    expectConsistent(fixture);
    fixture.pass(day);
    expect(holder.collect().trashed).to.equal(3);
    fixture.pass(day);
    holder.collect();
    expect(holder.shards(1, 2, 3, 4)).to.deep.equal([]);
    expect(holder.sums()).to.deep.include({
      held: { shards: kept, bytes: kept * sizeBytes },
      trash: { shards: 0, bytes: 0 },
    });
    fixture.pass(2 * day);
    while (holder.collect().more);
    expect(fixture.records(own, "released/")).to.deep.equal([]);
    expectConsistent(fixture);
  });

  it("takes what is in the trash out of it when somebody refers to it again", () => {
    const fixture = new Fixture();
    const holder = at(fixture);
    holder.ok(hold(1, { lifeMs: 1 }));
    fixture.pass(day + 1);
    expect(holder.collect().trashed).to.equal(1);
    expect(holder.sums()).to.deep.include({ held: { shards: 0, bytes: 0 }, trash: { shards: 1, bytes: sizeBytes } });
    holder.ok(hold(1, { owner: "room/b" }));
    fixture.pass(2 * day);
    expect(holder.collect()).to.deep.equal({ trashed: 0, gone: [], more: false });
    expect(holder.shards(1)[0]?.references).to.deep.equal([{ owner: "room/b", operation: 1 }]);
  });

  it("does not collect what is referred to again while the collection reads", () => {
    const fixture = new Fixture();
    const holder = at(fixture);
    holder.ok(hold(1, { lifeMs: 1 }));
    fixture.pass(day + 1);
    const collected = fixture.begin("node", own, collect);
    const again = fixture.begin("node", own, hold(1, { owner: "room/b" }));
    fixture.settle();
    expect([collected()?.ok, again()?.ok]).to.deep.equal([true, true]);
    expect(holder.shards(1)[0]).to.not.have.property("trashedAtMs");
    expect(holder.sums().trash.shards).to.equal(0);
  });

  it("remembers which bytes are lost and where they are, until they are found or brought again", () => {
    const fixture = new Fixture();
    const holder = at(fixture);
    for (const n of [1, 2, 3]) holder.ok(hold(n));
    const lost = [1, 2, 9].map((n) => ({ stripe: idOf(n), why: n === 1 ? "damaged" : "missing" }));
    holder.ok({ type: "lost", shards: lost } as { type: string });
    expect(holder.page({ only: "lost" }).shards.map(({ stripe: id, lost: why }) => [id, why])).to.deep.equal([
      [idOf(1), "damaged"],
      [idOf(2), "missing"],
    ]);
    expect(holder.sums().mended).to.equal(undefined);
    fixture.nowMs += 5_000;
    const found = { type: "found", stripes: [idOf(1)], mended: true };
    for (let times = 0; times < 2; times += 1) holder.ok(found);
    expect(holder.sums().mended).to.deep.equal({ shards: 1, atMs: fixture.nowMs });
    // It was there all the time: its node was away.
    holder.ok({ type: "lost", shards: [{ stripe: idOf(3), why: "missing" }] } as { type: string });
    holder.ok({ type: "found", stripes: [idOf(3)] } as { type: string });
    expect(holder.sums()).to.deep.include({
      mended: { shards: 1, atMs: fixture.nowMs },
      lost: { shards: 1, bytes: sizeBytes },
    });
    fixture.nowMs += 5_000;
    for (let times = 0; times < 2; times += 1) holder.ok(hold(2));
    expect(holder.sums().mended).to.deep.equal({ shards: 2, atMs: fixture.nowMs });
    expect(holder.sums()).to.deep.include({ lost: { shards: 0, bytes: 0 }, held: { shards: 3, bytes: 3 * sizeBytes } });
    holder.ok({ type: "report", node: "n1", missing: 2 } as { type: string });
    holder.ok({ type: "report", node: "n1", missing: 2 } as { type: string });
    expect(fixture.journalOf(own).filter((event) => (event as { type: string }).type === "reported")).to.have.length(1);
    expect(holder.sums().at).to.deep.equal({ node: "n1", missing: 2, sinceMs: fixture.nowMs });
    expectConsistent(fixture);
  });

  it("gives its inventory in pages, in the order of hashes", () => {
    const fixture = new Fixture();
    const holder = at(fixture);
    for (let n = 1; n <= 7; n += 1) holder.ok(hold(n));
    const seen: string[] = [];
    for (let after: string | undefined; ;) {
      const page = holder.page({ limit: 3, ...(after !== undefined && { after }) });
      seen.push(...page.shards.map(({ hash }) => hash));
      if (page.next === undefined) break;
      after = page.next;
    }
    expect(seen).to.deep.equal([1, 2, 3, 4, 5, 6, 7].map((n) => stripe(n).shards[1]?.hash));
  });

  it("takes nothing back that comes late: who let go of a stripe is remembered by the operation, for a time", () => {
    const fixture = new Fixture();
    const holder = at(fixture);
    holder.ok(hold(1, { operation: 5 }));
    // Of an earlier operation: it was under way when the later one began.
    expect(holder.ok<ShardReleased>(release(1, "room/a", 4))).to.deep.equal({ references: 1, newer: 5 });
    expect(holder.ok<ShardReleased>(release(1, "room/a", 6))).to.deep.equal({ references: 0 });
    expect(holder.code(hold(1, { operation: 6 }))).to.equal("RELEASED");
    expect(holder.code(hold(1, { operation: 5, owner: "room/b" }))).to.equal("accepted");
    // It never came here, and must not come later.
    holder.ok(release(2, "room/a", 6));
    expect(holder.code(hold(2, { operation: 5 }))).to.equal("RELEASED");
    expect(fixture.ok<HeldShards>("node", own, { type: "describe", stripes: [idOf(2)] })).to.deep.equal({
      shards: [],
      released: [{ stripe: idOf(2), owner: "room/a", operation: 6 }],
    });
    fixture.crash(own);
    expect(holder.code(hold(2, { operation: 6 }))).to.equal("RELEASED");
    expect(holder.code(hold(2, { operation: 7 }))).to.equal("accepted");
    fixture.pass(4 * day);
    holder.collect();
    expectConsistent(fixture);
    expect(fixture.records(own, "released/")).to.deep.equal([]);
    expect(holder.code(hold(1, { operation: 1 }))).to.equal("accepted");
  });

  it("remembers no more owners that let go than it may, and forgets the first", () => {
    const holder = at(new Fixture());
    for (let n = 0; n <= actorLimits.shardReleasesMax; n += 1) holder.ok(release(1, `room/r${n}`));
    expect(holder.code(hold(1, { owner: "room/r0" }))).to.equal("accepted");
    expect(holder.code(hold(1, { owner: "room/r1" }))).to.equal("RELEASED");
  });

  it("takes other shards of the same bytes when nobody refers to those that it has, and names these while somebody does", () => {
    const fixture = new Fixture();
    const holder = at(fixture);
    holder.ok(hold(1));
    const turned = [1, 0, 2].map((n) => ({ ...(stripe(1).shards[n] as StripeRef["shards"][number]) }));
    const other = { stripe: stripe(1, { shards: turned }), shard: 0, owner: "room/b" };
    const refused = fixture.do("node", own, hold(1, other));
    if (refused.ok) throw new Error("it takes the place of what somebody refers to");
    expect(refused.error.code).to.equal("ALREADY_DONE");
    expect(refused.error.details).to.deep.include({ held: stripe(1) });
    holder.ok(release(1));
    holder.ok(hold(1, other));
    expect(holder.shards(1)[0]).to.deep.include({ stripe: other.stripe, shard: 0 });
    expectConsistent(fixture);
  });

  it("refuses one owner too many", () => {
    const holder = at(new Fixture());
    for (let n = 0; n < actorLimits.shardOwnersMax; n += 1) holder.ok(hold(1, { owner: `room/r${n}` }));
    expect(holder.code(hold(1, { owner: "room/more" }))).to.equal("LIMIT_REACHED");
    expect(holder.code(hold(1, { owner: "room/r1" }))).to.equal("accepted");
  });

  it("never collects what somebody refers to, whatever happens at the same time, and its records agree", () => {
    const one = fc.record({
      what: fc.constantFrom("hold", "hold", "hold", "release", "release", "collect", "collect", "lost", "found"),
      n: fc.integer({ min: 1, max: 4 }),
      owner: fc.constantFrom("room/a", "room/b", "user/c"),
      forMs: fc.option(fc.integer({ min: 0, max: 3 * day }), { nil: undefined }),
    });
    const batch = fc.record({ some: fc.array(one, { maxLength: 6 }), passMs: fc.integer({ min: 0, max: 2 * day }) });
    fc.assert(
      fc.property(fc.array(batch, { maxLength: 12 }), (batches) => {
        const fixture = new Fixture();
        /** Who refers to what, and until when. */
        const live = new Map<string, number>();
        let operation = 0;
        for (const { some, passMs } of batches) {
          const touched = new Set<string>();
          for (const { what, n, owner, forMs } of some) {
            const key = `${n} ${owner}`;
            // Two that bring and end the same reference at one time have no order.
            if ((what === "hold" || what === "release") && touched.has(key)) continue;
            touched.add(key);
            operation += 1;
            if (what === "hold") {
              const known = live.get(key) ?? 0;
              live.set(
                key,
                Math.max(known > fixture.nowMs ? known : 0, forMs === undefined ? Infinity : fixture.nowMs + forMs),
              );
              fixture.begin("node", own, hold(n, { owner, operation, ...(forMs !== undefined && { lifeMs: forMs }) }));
            } else if (what === "release") {
              live.delete(key);
              fixture.begin("node", own, release(n, owner, operation));
            } else if (what === "collect") fixture.begin("node", own, collect);
            else if (what === "lost")
              fixture.begin("node", own, { type: "lost", shards: [{ stripe: idOf(n), why: "missing" }] });
            else fixture.begin("node", own, { type: "found", stripes: [idOf(n)] });
          }
          fixture.settle();
          const held = expectConsistent(fixture);
          for (const [key, untilMs] of live) {
            if (untilMs <= fixture.nowMs) continue;
            const [n, owner] = key.split(" ") as [string, string];
            const found = held.find(({ stripe: { id } }) => id === idOf(Number(n)));
            expect(found?.trashedAtMs, `stripe ${n} is held`).to.equal(undefined);
            expect(found?.references.map((reference) => reference.owner)).to.include(owner);
          }
          for (const { trashedAtMs, freeFromMs = Infinity } of held)
            if (trashedAtMs !== undefined) expect(trashedAtMs).to.be.at.least(freeFromMs + day);
          fixture.pass(passMs);
        }
      }),
      { numRuns: 200 },
    );
  });
});
