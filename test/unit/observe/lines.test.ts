import { expect } from "chai";
import fc from "fast-check";
import { keepLines } from "../../../node/observe/index.ts";
import { type Lines } from "../../../node/observe/lines.ts";
import type { Clock, Log } from "../../../node/ports/index.ts";
import type { LogLevel, LogPage, LogQuery, Result } from "../../../protocols/index.ts";
import { quietLog } from "../../fixtures/quiet.ts";
import { observedNodes } from "./fixture.ts";

const still = { nowMs: () => 1_000 } as Clock;
const eventsOf = ({ lines }: ReturnType<Lines["read"]>): readonly string[] => lines.map(({ event }) => event);
const pageOf = (answer: Result<LogPage>): LogPage => {
  if (!answer.ok) throw new Error(answer.error.message);
  return answer.value;
};

describe("lines of the log that a node keeps", () => {
  it("are printed as they were, and kept from the level on at which they are printed", () => {
    const printed: string[] = [];
    const inner: Log = {
      ...quietLog,
      debug: (event) => void printed.push(event),
      warn: (event) => void printed.push(event),
    };
    let level: LogLevel | "silent" = "info";
    const { log, read } = keepLines(inner, { clock: still, level: () => level });
    log.debug("a");
    log.warn("b");
    level = "debug";
    log.debug("c");
    level = "silent";
    log.error("d");
    expect(printed).to.deep.equal(["a", "b", "c"]);
    expect(eventsOf(read({}, { limit: 10 }))).to.deep.equal(["b", "c"]);
  });

  it("have no secret, however deep it lies, and no fact that is not plain or without end", () => {
    const { log, read } = keepLines(quietLog, { clock: still });
    const round: Record<string, unknown> = {};
    round["self"] = round;
    log.info("x", { token: "t1", deep: { more: [{ password: "t2", kept: 1n }] }, round, long: "y".repeat(5_000), none: undefined, nan: NaN, error: new Error("broken") }); // prettier-ignore
    const [line] = read({}, { limit: 1 }).lines;
    expect(JSON.stringify(line)).to.not.match(/t1|t2/);
    expect(line?.facts).to.include({ token: "[secret]", deep: '{"more":[{"password":"[secret]","kept":"1"}]}', round: "[not JSON]", nan: "NaN" }); // prettier-ignore
    expect(line?.facts["long"]).to.have.length(1_000);
    expect(line?.facts["error"]).to.match(/^Error: broken/);
    expect(line?.facts).to.not.have.property("none");
  });

  it("are the newest: of many the oldest go, by number and by characters", () => {
    const { log, read } = keepLines(quietLog, { clock: still, limits: { logLinesMax: 3 } });
    for (const event of ["a", "b", "c", "d"]) log.info(event);
    expect(eventsOf(read({}, { limit: 10 }))).to.deep.equal(["b", "c", "d"]);
    const small = keepLines(quietLog, { clock: still, limits: { logCharsMax: 20 } });
    for (const event of ["aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc"]) small.log.info(event);
    expect(eventsOf(small.read({}, { limit: 10 }))).to.deep.equal(["bbbbbbbbbb", "cccccccccc"]);
  });

  it("are found by level, by the beginning of their event, by a fact and by time", () => {
    let nowMs = 1_000;
    const { log, read } = keepLines(quietLog, { clock: { nowMs: () => nowMs } as Clock });
    log.info("mesh.up", { requestId: "r1" });
    nowMs = 2_000;
    log.warn("mesh.down");
    log.error("disk.full", { requestId: "r1" });
    expect(eventsOf(read({ level: "warn" }, { limit: 10 }))).to.deep.equal(["mesh.down", "disk.full"]);
    expect(eventsOf(read({ name: "mesh." }, { limit: 10 }))).to.deep.equal(["mesh.up", "mesh.down"]);
    expect(eventsOf(read({ about: "r1" }, { limit: 10 }))).to.deep.equal(["mesh.up", "disk.full"]);
    expect(eventsOf(read({ sinceMs: 1_500 }, { limit: 10 }))).to.deep.equal(["mesh.down", "disk.full"]);
  });

  it("are read page by page without gap or repetition, whatever is logged meanwhile", () => {
    const step = fc.oneof(
      fc.record({ add: fc.integer({ min: 1, max: 5 }) }),
      fc.record({ read: fc.integer({ min: 1, max: 4 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { log, read } = keepLines(quietLog, { clock: still });
        const written: string[] = [];
        const seen: string[] = [];
        let after = 0;
        const next = (limit: number): boolean => {
          const page = read({}, { after, limit });
          seen.push(...eventsOf(page));
          after = page.last;
          return page.more;
        };
        for (const one of steps)
          if ("add" in one)
            for (let at = 0; at < one.add; at += 1) {
              written.push(`e${written.length}`);
              log.info(written.at(-1) as string);
            }
          else next(one.read);
        while (next(3));
        expect(seen).to.deep.equal(written);
      }),
    );
  });
});

describe("the logs of all nodes", () => {
  it("are one, in the order of time, with the names of the nodes", async () => {
    const { world, own, control } = observedNodes(["a", "b"]);
    own["a"]?.lines.log.info("one");
    world.elapse(5);
    own["b"]?.lines.log.info("two");
    world.elapse(5);
    own["a"]?.lines.log.info("three");
    const page = pageOf(await world.settle(control["a"]!.logs({})));
    expect(page.lines.map(({ node, event }) => `${node} ${event}`)).to.deep.equal(["a one", "b two", "a three"]);
    expect(page).to.deep.include({ more: false, silent: [] });
    const one = pageOf(await world.settle(control["a"]!.logs({ node: "id-of-b" })));
    expect(one.lines.map(({ event }) => event)).to.deep.equal(["two"]);
    const none = await world.settle(control["a"]!.logs({ node: "c" }));
    expect(none.ok || none.error.code).to.equal("NOT_FOUND");
  });

  it("are followed: each line once, in small pages as well, also of a node that did not answer at first", async () => {
    const { world, links, own, control } = observedNodes(["a", "b"]);
    own["b"]?.lines.log.info("long ago");
    world.elapse(1_000);
    links.cut("id-of-a", "id-of-b");
    const first = pageOf(await world.settle(control["a"]!.logs({})));
    expect(first.silent.map(({ node, error }) => `${node} ${error.code}`)).to.deep.equal(["b UNREACHABLE"]);
    world.elapse(1_000);
    const written: string[] = [];
    for (let at = 0; at < 9; at += 1) {
      const node = at % 3 === 0 ? "a" : "b";
      own[node]?.lines.log.info(`line ${at}`);
      written.push(`line ${at}`);
      world.elapse(1);
    }
    links.link("id-of-a", "id-of-b");
    const seen: string[] = [];
    let after = first.next;
    for (let more = true; more;) {
      const page = pageOf(await world.settle(control["a"]!.logs({ after, limit: 2 })));
      seen.push(...page.lines.map(({ event }) => event));
      ({ next: after, more } = page);
    }
    expect(seen).to.deep.equal(written);
  });

  it("keep whoever waits until there is a line, or the time is over; and no more of them than are allowed", async () => {
    const { world, own, control } = observedNodes(["a", "b"]);
    const { next: after } = pageOf(await world.settle(control["a"]!.logs({})));
    const query: LogQuery = { after, waitMs: 10_000 };
    const waiting = control["a"]!.logs(query);
    world.after(3_000, () => own["b"]?.lines.log.info("there it is"));
    expect(pageOf(await world.settle(waiting)).lines.map(({ event }) => event)).to.deep.equal(["there it is"]);
    const none = pageOf(await world.settle(control["a"]!.logs({ ...query, level: "error" })));
    expect(none.lines).to.deep.equal([]);
    const many = Array.from({ length: 33 }, () => control["a"]!.logs({ ...query, level: "error" }));
    const answers = await world.settle(Promise.all(many));
    expect(answers.filter((one) => !one.ok && one.error.code === "OVERLOADED")).to.have.length(1);
  });

  it("take a position that is none for the beginning of what is kept", async () => {
    const { world, own, control } = observedNodes(["a"]);
    own["a"]?.lines.log.info("one");
    for (const after of ["", "x", "..-.-", "idofa.!!"])
      expect(pageOf(await world.settle(control["a"]!.logs({ after }))).lines, after).to.have.length(1);
  });
});
