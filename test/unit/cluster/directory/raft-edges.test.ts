import { expect } from "chai";
import { begun, coreOf, led, outrun, unheard, vote, type Message } from "./raft-table.ts";

/** What voters seldom come to: every branch of `node/cluster/directory/raft/core.ts` that the other transcripts leave out. */
describe("consensus of voters, at its edges", () => {
  const appended = (term: number, match: number): Message => ({ type: "appended", term, match, round: 0 });

  it("knows of the others while it leads, and of nobody when it does not", () => {
    const table = led();
    const [a, b] = [table.of("a"), table.of("b")];
    expect([a.behind("b"), a.hears("b"), a.behind("z"), a.hears("z")]).to.deep.equal([0, true, undefined, false]);
    table.cut.add("c");
    a.propose("x");
    table.settle();
    expect([a.behind("b"), a.behind("c")]).to.deep.equal([0, 1]);
    expect([b.behind("a"), b.hears("a")]).to.deep.equal([undefined, false]);
  });

  it("drops a read at once where it does not lead", () => {
    const table = led();
    table.of("b").read(7);
    table.settle();
    expect(table.reads).to.deep.equal(["7 dropped"]);
  });

  it("hands the lead over to no stranger, not to itself, and not where it does not lead", () => {
    const table = led();
    const before = table.lines.length;
    table.of("a").handOver("a");
    table.of("a").handOver("z");
    table.of("b").handOver("c");
    table.settle();
    expect(table.lines.slice(before)).to.deep.equal([]);
    expect(table.of("a").propose("x")).to.not.equal(undefined);
  });

  it("gives everything again where it was lost on its way, after four elections' time", () => {
    const table = outrun();
    let lost = 0;
    table.passes = (_from, _to, message) => message.type !== "install" || (lost += 1) > 1;
    const leader = table.of("a");
    // A heartbeat meanwhile says that there is a leader, and nothing of a log that is not known.
    table.elapse(30);
    expect([leader.role, lost, table.applied.get("c")]).to.deep.equal(["leader", 1, []]);
    table.elapse(20);
    expect(lost).to.equal(2);
    expect(table.applied.get("c")).to.deep.equal(["x", "y", "z"]);
    expect(table.of("c").leader).to.equal("a");
  });

  it("takes nothing for its own what a copy of everything has that it has already", () => {
    const snapshot = { index: 2, term: 1, members: { voters: ["a", "b", "c"], learners: [] }, state: ["x"] };
    const install: Message = { type: "install", term: 1, snapshot, round: 3 };
    const says = begun([1, 1, 1], { term: 1, vote: undefined });
    expect(says(install).said).to.deep.equal([{ type: "appended", term: 1, match: 2, round: 3 }]);
    // What is behind it in the log stays.
    const previous = { index: 3, term: 1 };
    const next: Message = { type: "append", term: 1, previous, entries: [], commit: 3, round: 4 };
    expect(says(next).said).to.deep.equal([{ type: "appended", term: 1, match: 3, round: 4 }]);
  });

  it("tells who would begin an old term what the term is", () => {
    expect(begun([1], { term: 4, vote: undefined })(vote(3, { index: 9, term: 3 }, true)).said).to.deep.equal([
      { type: "voted", term: 4, pre: true, granted: false },
    ]);
  });

  it("hears no answer to what it did not ask", () => {
    const table = led();
    const before = table.of("a").commit;
    // Of a node that is no member, and at one that does not lead.
    table.of("a").receive("z", appended(1, 1));
    table.of("b").receive("a", appended(1, 1));
    // A promise for a term that it did not ask about.
    const asking = unheard();
    asking.of("a").receive("b", { type: "voted", term: 7, pre: true, granted: true });
    asking.settle();
    table.settle();
    expect([asking.of("a").term, asking.of("a").role]).to.deep.equal([0, "candidate"]);
    expect([table.of("a").commit, table.of("b").role]).to.deep.equal([before, "follower"]);
  });

  it("follows again when a majority would not elect it, and asks again later", () => {
    const table = unheard();
    const no: Message = { type: "voted", term: 0, pre: true, granted: false };
    table.of("a").receive("b", no);
    expect(table.of("a").role).to.equal("candidate");
    table.of("a").receive("c", no);
    expect([table.of("a").role, table.of("a").term]).to.deep.equal(["follower", 0]);
    table.passes = () => true;
    table.elect("a");
    expect(table.of("a").term).to.equal(1);
  });

  it("asks for votes in an election's time whatever the seed of its waits", () => {
    for (const seed of [0, 1, 2 ** 32]) {
      const core = coreOf({ seed });
      let ticks = 0;
      for (; core.role === "follower"; ticks += 1) core.tick();
      expect(ticks, `seed ${seed}`).to.be.within(10, 20);
    }
  });

  it("may be elected while its going is not committed, and goes when that is", () => {
    const table = led();
    table.passes = (from, to) => from !== "b" && to !== "b" && from !== "c" && to !== "c";
    table.of("a").changeMembers({ voters: ["b", "c"], learners: [] });
    table.settle();
    // It stops leading, since it hears nobody; the others have not heard that it goes, and hear no leader any more.
    for (let ticks = 0; ticks < 20; ticks += 1)
      for (const node of ticks < 10 ? ["a", "b", "c"] : ["a"]) table.of(node).tick();
    expect(table.of("a").role).to.not.equal("leader");
    table.passes = () => true;
    table.elect("a");
    table.elapse(4);
    expect(table.lines).to.include("a>b entries 2@1");
    expect(table.of("b").members.voters).to.deep.equal(["b", "c"]);
    expect(table.of("a").role).to.equal("follower");
  });
});
