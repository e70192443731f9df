import { expect } from "chai";
import { keepHistory } from "../../../node/observe/index.ts";
import { observeLimits } from "../../../node/observe/limits.ts";
import { seriesRows } from "../../../node/observe/series.ts";
import type { HistoryQuery, HistoryView, Result } from "../../../protocols/index.ts";
import { quietMeter } from "../../fixtures/quiet.ts";
import { observedNodes } from "./fixture.ts";

const { fineStepMs, finePoints, coarseStepMs, coarsePoints } = observeLimits;
const viewOf = (answer: Result<HistoryView>): HistoryView => {
  if (!answer.ok) throw new Error(`${answer.error.message} ${JSON.stringify(answer.error.details)}`);
  return answer.value;
};

/** One node, whose figures are asked for. */
function openFixture() {
  const { world, own, control, clock, links } = observedNodes(["a", "b"], (name) => ({ cores: name === "a" ? 1 : 2 }));
  const meter = own["a"]!.history.meter;
  const read = async (query: HistoryQuery) => viewOf(await world.settle(control["a"]!.history(query)));
  const last = async (name: string, query: HistoryQuery = {}) => {
    const { rows } = await read({ node: "a", series: name, ...query });
    return rows[0]?.values[name]?.at(-1) ?? null;
  };
  return { world, own, control, clock, links, meter, read, last };
}

describe("figures of a node over time", () => {
  it("are rates, means and worst cases of each step, of metrics that the node counts", async () => {
    const { world, meter, last } = openFixture();
    world.elapse(fineStepMs);
    meter.count("turns", 30);
    meter.gauge("gateway_connections", 7);
    for (let at = 0; at < 99; at += 1) meter.observeMs("gateway_request", 2, { status: "200" });
    meter.observeMs("gateway_request", 900, { status: "503" });
    world.elapse(fineStepMs);
    expect(await last("turns")).to.be.closeTo(2, 0.01);
    expect(await last("connections")).to.equal(7);
    expect(await last("requests")).to.be.closeTo(100 / 15, 0.001);
    expect(await last("requestFaults")).to.be.closeTo(1 / 15, 0.001);
    expect(await last("requestMeanMs")).to.be.closeTo(10.98, 0.001);
    expect(await last("requestP99Ms")).to.be.within(2, 2.4);
    expect(await last("cores")).to.equal(1);
    world.elapse(fineStepMs);
    expect(await last("turns"), "nothing in this step").to.equal(0);
    expect(await last("requestMeanMs"), "no request, no time").to.equal(null);
    expect(await last("connections"), "as it was").to.equal(7);
  });

  it("become figures of the day, two minutes each", async () => {
    const { world, clock, meter, read, last } = openFixture();
    world.elapse(coarseStepMs - (clock.nowMs() % coarseStepMs));
    for (let at = 0; at < 8; at += 1) {
      meter.count("turns", 15 * at);
      meter.observeMs("gateway_request", at + 1, {});
      world.elapse(fineStepMs);
    }
    world.elapse(1_000);
    expect(await last("turns", { range: "day" })).to.be.closeTo(3.5, 0.01);
    expect(await last("requestMeanMs", { range: "day" }), "the worst of them").to.equal(8);
    const day = await read({ range: "day", node: "a" });
    expect(day).to.include({ stepMs: coarseStepMs, points: coarsePoints });
    expect(day.endMs % coarseStepMs).to.equal(0);
    for (const values of Object.values(day.rows[0]!.values)) expect(values).to.have.length(coarsePoints);
  });

  it("keep an hour and a day, and nothing for a time in which nobody looked", async () => {
    const { world, meter, read } = openFixture();
    const known = async (query: HistoryQuery) =>
      (await read({ node: "a", series: "turns", ...query })).rows[0]!.values["turns"]!;
    world.elapse(2 * 3_600_000);
    meter.count("turns", 15);
    world.elapse(fineStepMs);
    expect((await known({})).filter((value) => value !== null)).to.have.length(finePoints);
    expect((await known({ range: "day" })).filter((value) => value !== null)).to.have.length(60);
    expect((await known({})).filter((value) => value !== 0).map((value) => Math.round(value ?? NaN))).to.deep.equal([
      1,
    ]);
  });

  it("are asked for by name, and refused by a name that there is not", async () => {
    const { world, control, read } = openFixture();
    const { series, rows } = await read({ series: "turns,cores" });
    expect(series.map(({ name }) => name)).to.have.members(["turns", "cores"]);
    expect(Object.keys(rows[0]!.values)).to.have.members(["turns", "cores"]);
    const unknown = await world.settle(control["a"]!.history({ series: "turns,nothing" }));
    expect(unknown.ok || unknown.error).to.deep.include({ code: "BAD_REQUEST" });
    expect((await read({})).series).to.have.length(seriesRows.length);
  });

  it("of all nodes are one, or one row each; who does not answer is named", async () => {
    const { world, own, links, read } = openFixture();
    own["b"]!.history.meter.observeMs("gateway_request", 50);
    own["a"]!.history.meter.observeMs("gateway_request", 10);
    world.elapse(fineStepMs);
    const whole = await read({ series: "cores,requestMeanMs" });
    expect(whole.rows).to.have.length(1);
    expect(whole.rows[0]!.values["cores"]!.at(-1), "a sum").to.equal(3);
    expect(whole.rows[0]!.values["requestMeanMs"]!.at(-1), "the worst").to.equal(50);
    const each = await read({ series: "cores", per: "node" });
    expect(each.rows.map(({ node, values }) => [node, values["cores"]!.at(-1)])).to.deep.equal([
      ["a", 1],
      ["b", 2],
    ]);
    links.cut("id-of-a", "id-of-b");
    const alone = await read({ series: "cores" });
    expect(alone.silent.map(({ node }) => node)).to.deep.equal(["b"]);
    expect(alone.rows[0]!.values["cores"]!.at(-1)).to.equal(1);
  });

  it("of many nodes are those of the busiest, of such a name, or a page of them", async () => {
    const names = Array.from({ length: 70 }, (_, at) => `n${String(at).padStart(2, "0")}`);
    const { world, control } = observedNodes(names, (name) => ({ cores: Number(name.slice(1)) }));
    world.elapse(fineStepMs);
    const read = async (query: HistoryQuery) =>
      viewOf(await world.settle(control["n00"]!.history({ per: "node", ...query })));
    const nodesOf = ({ rows }: HistoryView) => rows.map(({ node }) => node);
    const top = await read({ top: 3, by: "cores" });
    expect(nodesOf(top)).to.deep.equal(["n69", "n68", "n67"]);
    expect([top.nodes, top.more, top.next]).to.deep.equal([70, true, undefined]);
    expect(nodesOf(await read({ top: 3, by: "cores", text: "n1" }))).to.deep.equal(["n19", "n18", "n17"]);
    const unknown = await world.settle(control["n00"]!.history({ per: "node", top: 3, by: "nothing" }));
    expect(unknown.ok || unknown.error.code).to.equal("BAD_REQUEST");

    const whole = await read({});
    const figures = whole.rows.reduce(
      (sum, { values }) => sum + Object.values(values).reduce((of, one) => of + one.length, 0),
      0,
    );
    expect(figures).to.be.at.most(observeLimits.historyFiguresMax);
    const seen = [...nodesOf(whole)];
    for (let next = whole.next; next !== undefined;) {
      const page = await read({ after: next });
      seen.push(...nodesOf(page));
      next = page.next;
    }
    expect(seen).to.deep.equal(names);
  });

  it("are fewer and longer steps where somebody wants fewer, with the same worst case", async () => {
    const { world, clock, meter, read } = openFixture();
    world.elapse(4 * fineStepMs - (clock.nowMs() % (4 * fineStepMs)));
    for (const ms of [1, 2, 3, 400]) {
      meter.observeMs("gateway_request", ms);
      world.elapse(fineStepMs);
    }
    const few = await read({ node: "a", series: "requestMeanMs,cores", points: 60 });
    expect([few.points, few.stepMs, few.endMs % (4 * fineStepMs)]).to.deep.equal([60, 4 * fineStepMs, 0]);
    expect(few.rows[0]!.values["requestMeanMs"]).to.have.length(60);
    expect(few.rows[0]!.values["requestMeanMs"]!.at(-1)).to.equal(400);
    expect(few.rows[0]!.values["cores"]!.at(-1)).to.equal(1);
  });

  it("are read once for all who ask the same at the same time, and anew where a node was silent", async () => {
    const { world, links, read, own } = openFixture();
    let reads = 0;
    const { history } = own["a"]!;
    const inner: typeof history = { ...history };
    Object.assign(history, {
      read: (...of: Parameters<typeof history.read>) => {
        reads += 1;
        return inner.read(...of);
      },
    });
    await read({ series: "turns" });
    await read({ series: "turns" });
    expect(reads).to.equal(1);
    links.cut("id-of-a", "id-of-b");
    await read({ series: "cores" });
    await read({ series: "cores" });
    expect(reads, "b may answer now").to.equal(3);
    world.elapse(fineStepMs);
    await read({ series: "turns" });
    expect(reads).to.equal(4);
  });

  it("cost a metric that is in no series nothing but the question", () => {
    const counted: string[] = [];
    const { clock } = openFixture();
    const { meter, stop } = keepHistory({ ...quietMeter, count: (name) => void counted.push(name) }, { clock });
    meter.count("mesh_stalls");
    meter.count("turns");
    stop();
    expect(counted).to.deep.equal(["mesh_stalls", "turns"]);
  });
});
