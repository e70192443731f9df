import { expect } from "chai";
import type { TrustRow } from "../../../../node/cluster/facts/records.ts";
import { placementLimits } from "../../../../node/cluster/placement/limits.ts";
import { nextTrust, passedOf, type Opinion } from "../../../../node/cluster/placement/trust.ts";
import type { TrustState } from "../../../../protocols/index.ts";
import { Placed } from "./fixture.ts";

const day = 24 * 3_600_000;
const row = (name: string, state: TrustState, sinceMs = 0): TrustRow => ({ name, state, sinceMs });
const says = (by: string, passed: number, failed = 0, honesty = 1): Opinion => ({ by, passed, failed, honesty });
const three = ["a", "b", "c"].map((name) => row(name, "trusted"));

describe("trust in nodes that keep shards", () => {
  const next = (known: TrustRow | undefined, opinions: readonly Opinion[], nowMs: number, rows = three) =>
    nextTrust("x", known, { opinions, rows, nowMs }, placementLimits)?.state;

  it("is given to those that begin, and to others after a probation of a day and so many audits", () => {
    expect(next(undefined, [], 1_000, [])).to.equal("trusted");
    expect(next(undefined, [], day - 1)).to.equal("trusted");
    expect(next(undefined, [], 2 * day, three.slice(1)), "nobody to compare it with").to.equal("trusted");
    expect(next(undefined, [], 2 * day)).to.equal("new");
    const known = row("x", "new", 2 * day);
    expect(next(known, [], 5 * day)).to.equal(undefined);
    expect(next(known, [says("a", 1)], 2 * day)).to.equal("probation");
    const tried = row("x", "probation", 2 * day);
    const enough = [says("a", 40), says("b", 40)];
    expect(next(tried, enough, 3 * day - 1), "too early").to.equal(undefined);
    expect(next(tried, [says("a", 40), says("b", 1)], 9 * day), "one speaks for it").to.equal(undefined);
    expect(next(tried, enough, 3 * day)).to.equal("trusted");
  });

  it("counts nobody's word for more than half, where others could speak", () => {
    expect(passedOf([says("a", 1_000)], 50)).to.equal(50);
    expect(passedOf([says("a", 1_000), says("b", 3)], 50)).to.equal(28);
  });

  it("ends when half of those that asked find that it does not give what it should, and comes back when it does", () => {
    const trusted = row("x", "trusted");
    const bad = says("a", 20, 6, 0.7);
    expect(next(trusted, [bad, says("b", 20), says("c", 20)], day), "one alone says so").to.equal(undefined);
    expect(next(trusted, [says("a", 0, 2, 0.9)], day), "too little is known").to.equal(undefined);
    expect(next(trusted, [bad, says("b", 20, 9, 0.6), says("c", 20)], day)).to.equal("suspect");
    const suspect = row("x", "suspect");
    expect(next(suspect, [bad], day)).to.equal(undefined);
    expect(next(suspect, [says("a", 90, 6, 0.97), says("b", 90, 9, 0.97)], day)).to.equal("probation");
  });

  it("is written down by the controller: of who comes later, and of a node that others call bad", async () => {
    const placed = new Placed(31);
    await placed.open(["a", "b", "c", "d"], { roles: ["chat", "storage"] });
    const rows = () =>
      new Map(
        placed.members
          .get("b")
          ?.trust.current()
          .map(({ name, state }) => [name, state]),
      );
    await placed.until(() => rows().size === 4, 30_000);
    expect([...rows().values()]).to.deep.equal(Array(4).fill("trusted"));
    for (const by of ["a", "b"])
      placed.life(by).exchange.on("shard.opinions", () => ({
        ok: true,
        value: {
          opinions: [
            { node: "d", passed: 10, failed: 9, honesty: 0.5 },
            { node: by, passed: 0, failed: 99, honesty: 0 },
          ],
        },
      }));
    await placed.until(() => rows().get("d") === "suspect", 3 * placementLimits.trustEveryMs);
    expect(rows().get("a")).to.equal("trusted");
    expect(placed.members.get("c")?.trust.of("nobody knows it")).to.equal("new");
  });
});
