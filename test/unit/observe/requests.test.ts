import { expect } from "chai";
import fc from "fast-check";
import { countRequests } from "../../../node/observe/index.ts";
import { observeLimits } from "../../../node/observe/limits.ts";
import type { RequestEnd } from "../../../node/ports/index.ts";
import type { RequestsQuery, RequestsView } from "../../../protocols/index.ts";
import { observedNodes } from "./fixture.ts";

const { requestFineStepMs, requestCoarseStepMs, requestNamesMax } = observeLimits;
const ends: readonly RequestEnd[] = ["done", "refused", "limited", "failed"];

describe("what came of requests", () => {
  it("adds up over the steps of the hour and the day, whenever they came", () => {
    const arbitrary = fc.array(
      fc.record({
        afterMs: fc.integer({ min: 0, max: 40 * 60_000 }),
        tookMs: fc.integer({ min: 0, max: 5_000 }),
        end: fc.constantFrom(...ends),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(arbitrary, (calls) => {
        let nowMs = 1_700_000_000_000;
        const counts = countRequests({ nowMs: () => nowMs });
        const told: { readonly atMs: number; readonly tookMs: number; readonly end: RequestEnd }[] = [];
        for (const { afterMs, tookMs, end } of calls) {
          nowMs += afterMs;
          counts.took("route", "GET /x", tookMs, end);
          told.push({ atMs: nowMs, tookMs, end });
        }
        for (const range of ["hour", "day"] as const) {
          const stepMs = range === "hour" ? requestFineStepMs : requestCoarseStepMs;
          const points = range === "hour" ? observeLimits.requestFinePoints : observeLimits.requestCoarsePoints;
          const first = Math.floor(nowMs / stepMs) - points + 1;
          const seen = told.filter(({ atMs }) => Math.floor(atMs / stepMs) >= first);
          const [row] = counts.read({ by: "route", range, endMs: nowMs + 1, names: ["GET /x"] });
          const count = (end: RequestEnd): number => seen.filter((one) => one.end === end).length;
          expect(row?.requests ?? 0).to.equal(seen.length);
          if (row === undefined) continue;
          expect([row.refused, row.limited, row.failed]).to.deep.equal(ends.slice(1).map(count));
          expect(row.sumMs).to.be.closeTo(
            seen.reduce((sum, { tookMs }) => sum + tookMs, 0),
            row.sumMs * 1e-5,
          );
          expect(row.steps?.requests).to.have.length(points);
          expect(row.steps?.requests.reduce((sum, one) => sum + one, 0)).to.equal(seen.length);
          expect(row.steps?.p99Ms.map((one) => one === null)).to.deep.equal(
            row.steps?.requests.map((one) => one === 0),
          );
        }
      }),
    );
  });

  it("counts in the step that runs when the clock is set back, and loses nothing", () => {
    let nowMs = 1_700_000_000_000;
    const counts = countRequests({ nowMs: () => nowMs });
    counts.took("kind", "room", 1, "done");
    nowMs -= 10 * requestFineStepMs;
    counts.took("kind", "room", 1, "failed");
    nowMs += 10 * requestFineStepMs;
    expect(counts.read({ by: "kind", range: "hour", endMs: nowMs + 1 })).to.deep.include({
      name: "room",
      requests: 2,
      unchanged: 0,
      refused: 0,
      limited: 0,
      failed: 1,
      sumMs: 2,
      p99Ms: counts.read({ by: "kind", range: "hour", endMs: nowMs + 1 })[0]?.p99Ms,
    });
  });

  it("counts again after a clock that was far ahead once", () => {
    const rightMs = 1_700_000_000_000;
    let nowMs = rightMs + 30 * 24 * 3_600_000;
    const counts = countRequests({ nowMs: () => nowMs });
    counts.took("kind", "room", 1, "done");
    nowMs = rightMs;
    for (let minute = 0; minute < 30; minute += 1) {
      nowMs += requestFineStepMs;
      counts.took("kind", "room", 1, "done");
    }
    for (const range of ["hour", "day"] as const)
      expect(counts.read({ by: "kind", range, endMs: nowMs + 1 })[0]?.requests, range).to.equal(30);
  });

  it("keeps so many keys, those that were used last", () => {
    let nowMs = 1_700_000_000_000;
    const counts = countRequests({ nowMs: () => nowMs });
    counts.took("key", "busy", 1, "done");
    for (let at = 0; at < requestNamesMax + 10; at += 1) {
      nowMs += requestFineStepMs / 100;
      counts.took("key", `key-${at}`, 1, "done");
      counts.took("key", "busy", 1, "done");
    }
    const names = counts.read({ by: "key", range: "day", endMs: nowMs + 1 }).map(({ name }) => name);
    expect(names).to.have.length(requestNamesMax);
    expect(names)
      .to.include("busy")
      .and.include(`key-${requestNamesMax + 9}`)
      .and.not.include("key-0");
  });

  it("of all nodes is one row each, the most first, the first with its figures; silent nodes are named", async () => {
    const { world, own, control, links } = observedNodes(["a", "b"]);
    const read = async (query: RequestsQuery): Promise<RequestsView> => {
      const answer = await world.settle(control["a"]!.requests(query));
      if (!answer.ok) throw new Error(answer.error.code);
      return answer.value;
    };
    world.elapse(requestFineStepMs);
    own["a"]!.requests.took("route", "GET /slow", 900, "done");
    own["b"]!.requests.took("route", "GET /slow", 100, "limited");
    for (let at = 0; at < 9; at += 1) own["b"]!.requests.took("route", "GET /often", 2, at === 0 ? "failed" : "done");
    for (const at of ["a", "b", "b"]) own[at]!.requests.took("route", "GET /slow", 500, "unchanged");
    const view = await read({ charts: 1, limit: 50 });
    expect(view).to.include({ by: "route", range: "hour", stepMs: requestFineStepMs, total: 2 });
    const told = view.rows.map((row) => [row.name, row.requests, row.unchanged, row.limited, row.failed]);
    expect(told).to.deep.equal([
      ["GET /often", 9, 0, 0, 1],
      ["GET /slow", 5, 3, 1, 0],
    ]);
    expect(view.rows[0]?.steps?.requests.at(-1)).to.equal(9);
    expect(view.rows[1]).to.not.have.property("steps");
    const [slow] = (await read({ order: "mean", charts: 2, limit: 1 })).rows;
    expect(slow).to.include({ name: "GET /slow", meanMs: 500 });
    expect(slow?.p99Ms, "the worst of both nodes").to.be.within(900, 1_100);
    expect(slow?.steps?.limited.at(-1)).to.equal(1);
    expect((await read({ text: "oft" })).rows.map(({ name }) => name)).to.deep.equal(["GET /often"]);
    expect((await read({ node: "a" })).rows.map(({ requests }) => requests)).to.deep.equal([2]);
    links.cut("id-of-a", "id-of-b");
    const alone = await read({});
    expect(alone.silent.map(({ node }) => node)).to.deep.equal(["b"]);
    expect(alone.rows.map(({ requests, unchanged }) => [requests, unchanged])).to.deep.equal([[2, 1]]);
  });
});
