import { expect } from "chai";
import { begun, led, outrun, Table, vote, type Message } from "./raft-table.ts";

describe("consensus of voters", () => {
  it("elects who asks first, and commits an entry of its term at once", () => {
    const table = led();
    expect(table.lines).to.include.members(["a>b would you vote 1", "b>a yes 1", "a>b vote 1", "a>b entries 1@1", "b>a has 1"]); // prettier-ignore
    expect(table.of("a").commit).to.equal(1);
    expect([...table.cores.values()].map(({ leader }) => leader)).to.deep.equal(["a", "a", "a"]);
  });

  it("gives every voter the same changes, in order", () => {
    const table = led();
    table.of("a").propose("x");
    table.of("a").propose("y");
    table.settle();
    table.elapse(4);
    for (const applied of table.applied.values()) expect(applied).to.deep.equal(["x", "y"]);
  });

  it("takes no change where it does not lead", () => {
    expect(led().of("b").propose("x")).to.equal(undefined);
  });

  it("commits nothing that is on its own disk alone, or on one that has not synced", () => {
    const table = led();
    table.slow.add("b").add("c");
    table.of("a").propose("x");
    table.settle();
    expect(table.of("a").commit).to.equal(1);
    table.release();
    expect(table.of("a").commit).to.equal(2);
  });

  it("stops leading when it hears no majority, and loses what nobody else had", () => {
    const table = led();
    table.cut.add("a");
    table.of("a").propose("lost");
    table.settle();
    table.elapse(45);
    expect(table.of("a").role).to.not.equal("leader");
    const next = ["b", "c"].find((node) => table.of(node).role === "leader") as string;
    table.of(next).propose("kept");
    table.settle();
    table.cut.clear();
    table.elapse(10);
    for (const applied of table.applied.values()) expect(applied).to.deep.equal(["kept"]);
  });

  it("is not deposed by a voter that was cut off", () => {
    const table = led();
    table.cut.add("c");
    table.elapse(60);
    expect(table.of("c").term).to.equal(1);
    table.cut.clear();
    table.elapse(30);
    expect([table.of("a").role, table.of("a").term]).to.deep.equal(["leader", 1]);
  });

  it("has another leader in an election's time where the lines to the last one broke, and keeps the leader that one voter lost", () => {
    const table = led();
    table.cut.add("a");
    for (const node of ["b", "c"]) table.of(node).lost("a");
    for (let ticks = 0; ticks < 10; ticks += 1) for (const node of ["b", "c"]) table.tick(node, 1);
    expect(["b", "c"].filter((node) => table.of(node).role === "leader")).to.have.length(1);

    const other = led();
    other.passes = (from, to) => ![from, to].includes("a") || ![from, to].includes("b");
    for (let round = 0; round < 4; round += 1) {
      other.of("b").lost("a");
      other.elapse(10);
    }
    expect([other.of("a").role, other.of("a").term, other.of("b").term]).to.deep.equal(["leader", 1, 1]);
  });

  it("answers a read when a majority has said that it leads, and drops it when it does not", () => {
    const table = led();
    table.of("a").read(7);
    table.settle();
    expect(table.reads).to.deep.equal(["7 at 1"]);
    table.cut.add("a");
    table.of("a").read(8);
    table.elapse(25);
    expect(table.reads).to.deep.equal(["7 at 1", "8 dropped"]);
  });

  it("gives everything to a voter whose entries it has no more", () => {
    const table = outrun();
    table.elapse(6);
    expect(table.lines).to.include("a>c all up to 4");
    expect(table.applied.get("c")).to.deep.equal(["x", "y", "z"]);
  });

  it("lets a learner catch up, makes it a voter, and goes on when the first one leaves", () => {
    const table = new Table(["a", "b"], ["a"]);
    table.tick("a", 20);
    table.of("a").propose("x");
    table.settle();
    table.of("a").changeMembers({ voters: ["a"], learners: ["b"] });
    table.settle();
    table.elapse(4);
    expect(table.applied.get("b")).to.deep.equal(["x"]);
    table.of("a").changeMembers({ voters: ["a", "b"], learners: [] });
    table.settle();
    table.elapse(4);
    table.of("a").changeMembers({ voters: ["b"], learners: [] });
    table.settle();
    expect(table.of("a").role).to.equal("follower");
    table.elapse(40);
    expect(table.of("b").role).to.equal("leader");
    expect(table.of("b").members).to.deep.equal({ voters: ["b"], learners: [] });
  });

  it("goes from one voter to three past the death of the second, once that has answered; before it waits for it, and loses nothing", () => {
    const table = new Table(["a", "b", "c"], ["a"]);
    table.tick("a", 20);
    table.of("a").changeMembers({ voters: ["a"], learners: ["b", "c"] });
    table.elapse(4);
    // Nobody has heard of it but the leader: from here on the second is needed.
    table.cut.add("b");
    table.of("a").changeMembers({ voters: ["a", "b"], learners: ["c"] });
    table.of("a").propose("x");
    table.settle();
    expect([table.of("a").settled, table.applied.get("a")]).to.deep.equal([false, []]);
    table.cut.clear();
    table.elapse(2);
    expect([table.of("a").settled, table.applied.get("a")]).to.deep.equal([true, ["x"]]);
    // Dead again, and the third votes in the same moment.
    table.cut.add("b");
    table.of("a").changeMembers({ voters: ["a", "b", "c"], learners: [] });
    table.of("a").propose("y");
    table.settle();
    table.elapse(40);
    const leader = ["a", "c"].find((node) => table.of(node).role === "leader") as string;
    expect(table.applied.get(leader)).to.deep.equal(["x", "y"]);
    expect(table.of(leader).members.voters).to.deep.equal(["a", "b", "c"]);
  });

  it("is led by one that only learns, for a moment, where another counts it as a voter and nobody else's log is as new", () => {
    const table = new Table(["a", "b", "c", "d"], ["a", "b", "c"]);
    table.elect("b");
    table.of("b").changeMembers({ voters: ["a", "b", "c"], learners: ["d"] });
    table.elapse(4);
    // d votes, which nobody but b knows.
    table.cut.add("b");
    table.of("b").changeMembers({ voters: ["a", "b", "c", "d"], learners: [] });
    table.settle();
    table.passes = (from, to, message) => from !== "b" && to !== "b" && !(to === "c" && message.type === "append");
    table.tick("b", 25);
    table.of("c").lost("b");
    table.elect("a");
    table.settle();
    expect(table.lines).to.include("a>d entries 3@2");
    table.passes = (from, to) => from !== "a" && to !== "a";
    // What a began its term with has come to d alone, and a is dead for good.
    const isBusy = (): boolean =>
      !["b", "c", "d"].some((node) => table.of(node).role === "leader" && table.of(node).members.voters.includes(node));
    for (let ticks = 0; ticks < 200 && isBusy(); ticks += 1) for (const node of ["b", "c", "d"]) table.tick(node, 1);
    expect(isBusy()).to.equal(false);
    expect(table.of("b").members.voters).to.deep.equal(["a", "b", "c"]);
  });

  it("changes members by one voter at a time, and not before the last change is committed", () => {
    const table = led();
    expect(table.of("a").changeMembers({ voters: ["a"], learners: [] })).to.equal(undefined);
    expect(table.of("a").changeMembers({ voters: [], learners: [] })).to.equal(undefined);
    table.cut.add("b").add("c");
    expect(table.of("a").changeMembers({ voters: ["a", "b"], learners: [] })).to.not.equal(undefined);
    expect(table.of("a").changeMembers({ voters: ["a", "b", "c"], learners: [] })).to.equal(undefined);
  });

  it("answers a read that waits when those who were asked count no more", () => {
    const table = new Table(["a", "b"]);
    table.elect("a");
    table.elapse(4);
    table.cut.add("b");
    table.of("a").read(7);
    table.settle();
    expect(table.reads).to.deep.equal([]);
    table.of("a").changeMembers({ voters: ["a"], learners: [] });
    table.settle();
    table.of("a").read(8);
    table.settle();
    expect(table.reads).to.deep.equal(["7 at 1", "8 at 2"]);
  });

  it("takes no members of whom one is named twice", () => {
    const table = led();
    expect(table.of("a").changeMembers({ voters: ["a", "b", "b"], learners: [] })).to.equal(undefined);
    expect(table.of("a").changeMembers({ voters: ["a", "b", "c"], learners: ["c"] })).to.equal(undefined);
  });

  it("hands the lead over to a voter that has everything", () => {
    const table = led();
    table.of("a").handOver("b");
    table.settle();
    expect(table.lines.slice(-20)).to.include("a>b lead");
    expect([table.of("b").role, table.of("a").leader]).to.deep.equal(["leader", "b"]);
  });

  it("hands the lead over only when the heir has everything, and takes no changes meanwhile", () => {
    const table = led();
    table.slow.add("b");
    table.of("a").propose("x");
    table.settle();
    table.of("a").handOver("b");
    table.settle();
    expect(table.lines).to.not.include("a>b lead");
    expect(table.of("a").propose("meanwhile")).to.equal(undefined);
    table.release();
    expect(table.lines.slice(-20)).to.include.members(["b>a has 2", "a>b lead"]);
    expect(table.of("b").role).to.equal("leader");
  });

  it("leads on and takes changes again where its heir does not take the lead in an election's time", () => {
    const table = led();
    table.passes = (_from, _to, { type }) => type !== "lead";
    table.of("a").handOver("b");
    table.settle();
    expect(table.of("a").propose("meanwhile")).to.equal(undefined);
    table.elapse(10);
    expect([table.of("a").role, table.of("a").term]).to.deep.equal(["leader", 1]);
    expect(table.of("a").propose("x")).to.not.equal(undefined);
    table.settle();
    table.elapse(4);
    for (const applied of table.applied.values()) expect(applied).to.deep.equal(["x"]);
  });

  it("loses nothing and applies nothing twice when messages come late, twice and in any order", () => {
    const table = led();
    const late: [string, string, Message][] = [];
    table.passes = (from, to, message) => {
      if (from === "a" || to === "a") late.push([from, to, message]);
      return from !== "a" && to !== "a";
    };
    for (const data of ["x", "y", "z"]) {
      table.of("a").propose(data);
      table.settle();
      table.tick("a", 2);
    }
    table.passes = () => true;
    for (const [from, to, message] of [...late.toReversed(), ...late]) {
      table.of(to).receive(from, message);
      table.settle();
    }
    table.elapse(6);
    for (const applied of table.applied.values()) expect(applied).to.deep.equal(["x", "y", "z"]);
    // Of a term that has passed, nothing counts any more.
    table.of("a").handOver("b");
    table.settle();
    const { commit, log } = table.of("b");
    const last = { ...log.last };
    for (const [from, to, message] of late) table.of(to).receive(from, message);
    table.settle();
    table.elapse(4);
    expect([table.of("b").role, table.of("b").log.last, table.of("b").commit]).to.deep.equal(["leader", last, commit]);
  });

  it("takes an old state of a leader beside newer entries for nothing, and goes on behind it", () => {
    const table = led();
    table.cut.add("c");
    for (const data of ["x", "y"]) table.of("a").propose(data);
    table.settle();
    table.of("a").compact(3);
    table.cut.clear();
    const installs: Message[] = [];
    table.passes = (_from, _to, message) => {
      if (message.type === "install") installs.push(message);
      return true;
    };
    table.elapse(6);
    table.of("a").propose("z");
    table.settle();
    table.elapse(4);
    expect(table.applied.get("c")).to.deep.equal(["x", "y", "z"]);
    expect(installs).to.have.length(1);
    table.of("c").receive("a", installs[0] as Message);
    table.settle();
    expect(table.lines.at(-1)).to.equal("c>a has 4");
    table.of("a").propose("more");
    table.settle();
    table.elapse(4);
    expect(table.applied.get("c")).to.deep.equal(["x", "y", "z", "more"]);
  });

  it("lets a learner leave that never caught up, and sends it nothing any more", () => {
    const table = new Table(["a", "b"], ["a"]);
    table.tick("a", 20);
    table.cut.add("b");
    table.of("a").changeMembers({ voters: ["a"], learners: ["b"] });
    table.settle();
    table.of("a").changeMembers({ voters: ["a"], learners: [] });
    table.settle();
    table.cut.clear();
    const before = table.lines.length;
    table.of("a").propose("x");
    table.settle();
    table.elapse(40);
    expect(table.lines.slice(before)).to.deep.equal([]);
    expect([table.of("a").role, table.of("a").commit, table.applied.get("b")]).to.deep.equal(["leader", 4, []]);
  });

  it("has a leader within one more election's time where two asked at once and neither won", () => {
    const table = led();
    table.cut.add("a");
    const flight: [from: string, to: string, message: Message][] = [];
    const cutOff = table.passes;
    table.passes = (from, to, message) => {
      if (cutOff(from, to, message)) flight.push([from, to, message]);
      return false;
    };
    for (const node of ["b", "c"]) while (table.of(node).role === "follower") table.tick(node, 1);
    for (let [next] = flight.splice(0, 1); next !== undefined; [next] = flight.splice(0, 1)) {
      const [from, to, message] = next;
      table.of(to).receive(from, message);
      table.settle();
    }
    expect(["b", "c"].map((node) => [table.of(node).role, table.of(node).term])).to.deep.equal([
      ["candidate", 2],
      ["candidate", 2],
    ]);
    table.passes = cutOff;
    let ticks = 0;
    while (!["b", "c"].some((node) => table.of(node).role === "leader")) {
      ticks += 1;
      for (const node of ["b", "c"]) table.tick(node, 1);
    }
    // Each had to wait for as long again as for a leader that is silent: for more than ten, and up to twenty.
    expect(ticks).to.be.at.most(10);
  });

  it("does not take an entry of an older term for committed because a majority has it", () => {
    // Figure 3.7 of the dissertation, with three voters.
    const table = led();
    const between = (one: string, other: string) => (from: string, to: string) =>
      one + other === from + to || other + one === from + to;
    table.passes = () => false;
    table.of("a").propose("old");
    table.settle();
    table.passes = (from, to, { type }) => between("b", "c")(from, to) && type !== "append";
    table.tick("b", 20);
    table.elect("c");
    expect([table.of("c").role, table.of("c").log.last]).to.deep.equal(["leader", { index: 2, term: 2 }]);
    table.passes = (from, to, message) =>
      between("a", "b")(from, to) && !(message.type === "append" && table.of("b").log.last.index > 1);
    table.elapse(20);
    table.elect("a");
    table.tick("a", 4);
    expect(table.lines.slice(-8)).to.include.members(["a>b entries 2@1", "b>a has 2"]);
    expect([table.of("a").role, table.of("a").commit]).to.deep.equal(["leader", 1]);
  });
});

describe("one voter, told by messages", () => {
  it("writes its vote before it says it, and gives none to a shorter log", () => {
    expect(begun([1, 1], { term: 1, vote: undefined })(vote(2, { index: 2, term: 1 }))).to.deep.equal({
      promise: { term: 2, vote: "b" },
      said: [{ type: "voted", term: 2, pre: false, granted: true }],
    });
    expect(begun([1, 1], { term: 1, vote: undefined })(vote(2, { index: 1, term: 1 })).said).to.deep.equal([
      { type: "voted", term: 2, pre: false, granted: false },
    ]);
  });

  it("has one vote a term, also after a restart, and promises nothing to who only asks whether it would", () => {
    expect(begun([1], { term: 2, vote: "c" })(vote(2, { index: 9, term: 1 })).said).to.deep.equal([
      { type: "voted", term: 2, pre: false, granted: false },
    ]);
    expect(begun([1], { term: 2, vote: "c" })(vote(3, { index: 9, term: 1 }, true))).to.deep.equal({
      promise: undefined,
      said: [{ type: "voted", term: 3, pre: true, granted: true }],
    });
  });

  it("says where its log may begin to be the leader's, and a leader of an old term what the term is", () => {
    const append = (term: number, index: number, of: number): Message => ({ type: "append", term, previous: { index, term: of }, entries: [], commit: 0, round: 4 }); // prettier-ignore
    expect(begun([1, 1, 3, 3], { term: 3, vote: undefined })(append(4, 4, 2)).said).to.deep.equal([
      { type: "refused", term: 4, previous: 4, hint: { index: 2, term: 1 }, round: 4 },
    ]);
    expect(begun([1], { term: 3, vote: undefined })(append(2, 1, 1)).said).to.deep.equal([
      { type: "refused", term: 3, previous: 0, hint: { index: 0, term: 0 }, round: 0 },
    ]);
  });
});
