import { expect } from "chai";
import fc from "fast-check";
import type { Members } from "../../../../node/cluster/directory/raft/messages.ts";
import {
  planVoters,
  votersFor,
  type VoterCandidate,
  type VotersInput,
  type VotersStep,
} from "../../../../node/cluster/directory/voters.ts";

/** A cluster as its leader knows it. */
interface Table {
  readonly self: string;
  readonly members: Members;
  readonly wanted: number;
  readonly candidates: readonly VoterCandidate[];
  /** Nodes that answer. */
  readonly up: ReadonlySet<string>;
}

const manager = (node: string, facts: Partial<VoterCandidate> = {}): VoterCandidate => ({
  node,
  up: true,
  awayMs: 0,
  zone: undefined,
  host: undefined,
  ...facts,
});

const voterAwayMs = 300_000;
const inputOf = ({ up, ...table }: Table): VotersInput => ({
  ...table,
  hears: (node) => up.has(node),
  caughtUp: (node) => up.has(node),
  voterAwayMs,
});

const isMost = (some: number, of: number): boolean => some * 2 > of;
const reachable = (nodes: readonly string[], up: ReadonlySet<string>): number =>
  nodes.filter((node) => up.has(node)).length;

/** What a step says, in a word. */
const wordOf = (step: VotersStep): string =>
  step.type === "handOver" ? `handOver ${step.to}` : `${step.type} ${step.node}`;

/** Follows the plan to its end, and looks at each step. */
function follow(table: Table): { readonly steps: readonly string[]; readonly members: Members; readonly self: string } {
  let { self, members } = table;
  const steps: string[] = [];
  /** Learners catch up while the plan waits, and not before. */
  const caughtUp = new Set([...members.voters, ...members.learners]);
  // Three steps replace a node: it learns, votes, and another leaves; one more hands over, and one goes back from two
  // voters to one.
  const stepsMax = 3 * (table.candidates.length + members.voters.length + members.learners.length) + 2;
  for (;;) {
    const step = planVoters({
      ...inputOf({ ...table, self, members }),
      caughtUp: (node) => table.up.has(node) && caughtUp.has(node),
    });
    if (step === undefined) {
      expect(members.voters.length, `${steps.join(", ")}: two never wait`).to.not.equal(2);
      const late = members.learners.filter((node) => table.up.has(node) && !caughtUp.has(node));
      if (late.length === 0) return { steps, members, self };
      for (const node of late) caughtUp.add(node);
      continue;
    }
    steps.push(wordOf(step));
    expect(steps.length, steps.join(", ")).to.be.at.most(stepsMax);
    if (step.type === "handOver") {
      expect(members.voters, "the heir votes").to.include(step.to);
      expect(table.up.has(step.to), "the heir is there").to.equal(true);
      expect(table.candidates.map(({ node }) => node)).to.include(step.to);
      self = step.to;
      continue;
    }
    const before = new Set(members.voters);
    const changed =
      [...before].filter((node) => !step.members.voters.includes(node)).length +
      step.members.voters.filter((node) => !before.has(node)).length;
    expect(changed, "one voter at a time").to.be.at.most(1);
    expect(new Set(step.members.voters).size).to.equal(step.members.voters.length);
    expect(step.members.voters, "a leader removes no voter but others").to.include(self);
    const { voters } = step.members;
    expect(isMost(reachable(voters, table.up), voters.length), `${wordOf(step)} of ${[...before].join()}`).to.equal(
      true,
    );
    members = step.members;
  }
}

const names = ["a", "b", "c", "d", "e", "f", "g", "h"];
const tables: fc.Arbitrary<Table> = fc
  .record({
    nodes: fc.array(
      fc.record({
        up: fc.boolean(),
        away: fc.constantFrom(1, voterAwayMs, voterAwayMs + 5_000),
        zone: fc.constantFrom(undefined, "z1", "z2", "z3"),
        host: fc.constantFrom(undefined, "h1", "h2", "h3"),
        // Of a node that drains or was evicted, the plan is told nothing.
        may: fc.boolean(),
        part: fc.constantFrom("voter", "voter", "learner", "none", "none"),
      }),
      { minLength: 1, maxLength: names.length },
    ),
    wanted: fc.constantFrom(1, 3, 5, 7),
  })
  .map(({ nodes, wanted }) => {
    const all = nodes.map((node, at) => ({ ...node, name: names[at] as string, up: at === 0 || node.up, part: at === 0 ? "voter" : node.part })); // prettier-ignore
    const named = (part: string): string[] => all.filter((one) => one.part === part).map(({ name }) => name);
    return {
      self: "a",
      members: { voters: named("voter").slice(0, 7), learners: named("learner") },
      wanted,
      up: new Set(all.filter(({ up }) => up).map(({ name }) => name)),
      candidates: all
        .filter(({ may }) => may)
        .map(({ name, up, away, zone, host }) => ({ node: name, up, awayMs: up ? 0 : away, zone, host })),
    };
  })
  // Without a majority nobody leads.
  .filter(({ members, up }) => isMost(reachable(members.voters, up), members.voters.length));

describe("the plan of voters", () => {
  /** Looks at where the plan has come to. */
  const checkEnd = (table: Table, { members, self, steps }: ReturnType<typeof follow>): void => {
    const said = `${JSON.stringify(table.members)} ${steps.join(", ")}`;
    expect(table.up.has(self) && members.voters.includes(self), said).to.equal(true);
    const there = table.candidates.filter(({ up }) => up);
    // All others are away: nobody can take over from a leader that is to go.
    if (there.length === 0) return;
    const byNode = new Map(table.candidates.map((one) => [one.node, one]));
    const able = table.candidates.filter(({ node, up }) => up || table.members.voters.includes(node)).length;
    // Most of those who vote in the end are up.
    expect(members.voters.length, said).to.equal(votersFor(table.wanted, Math.min(able, 2 * there.length - 1)));
    expect(members.learners, said).to.deep.equal([]);
    const voters = members.voters.flatMap((node) => byNode.get(node) ?? []);
    expect(voters.length, `${said}: nobody votes who may not`).to.equal(members.voters.length);
    // The leader stays, also where no zone is known of it.
    const zonesMax = voters.length - (byNode.get(self)?.zone === undefined ? 1 : 0);
    const zonesOf = (some: readonly VoterCandidate[]): number => new Set(some.flatMap(({ zone }) => zone ?? [])).size;
    if (voters.length > 1) expect(zonesOf(voters), said).to.be.at.least(Math.min(zonesMax, zonesOf(there)));
    // No manager that is there and does not vote would bring another zone, or as many zones and another machine.
    const places = (some: readonly VoterCandidate[]): number =>
      zonesOf(some) * 8 + new Set(some.flatMap(({ host }) => host ?? [])).size;
    const others = there.filter((one) => !voters.includes(one));
    for (const [at, { node }] of voters.entries())
      if (node !== self && others.some((one) => places(voters.with(at, one)) > places(voters)))
        throw new Error(`${said}: ${node} is not the best`);
    const late = voters.filter(({ up, awayMs }) => !up && awayMs >= voterAwayMs);
    const spare = there.filter(({ node }) => !members.voters.includes(node));
    expect(late.length === 0 || spare.length === 0, `${said}: who is away for long is replaced`).to.equal(true);
  };

  it("ends from any state with as many as are wanted and there, one at a time, spread, with a majority all the way", () => {
    fc.assert(
      fc.property(tables, (table) => checkEnd(table, follow(table))),
      { numRuns: 1_000 },
    );
  });

  it("rests wherever the lead goes", () => {
    fc.assert(
      fc.property(tables, (table) => {
        let { members } = follow(table);
        const rounds = [1, 2].map(() =>
          members.voters
            .filter((node) => table.up.has(node))
            .flatMap((self) => {
              if (!members.voters.includes(self)) return [];
              const end = follow({ ...table, self, members });
              members = end.members;
              return end.steps;
            }),
        );
        // Who leads stays, so another leader may have a better choice: once.
        const handed = (steps: readonly string[]): readonly string[] =>
          steps.filter((step) => !step.startsWith("handOver"));
        expect(handed(rounds[1] ?? []), JSON.stringify(rounds)).to.deep.equal([]);
      }),
      { numRuns: 500 },
    );
  });

  const followed = (table: Partial<Table> & Pick<Table, "candidates">): readonly string[] =>
    follow({
      self: "a",
      members: { voters: ["a"], learners: [] },
      wanted: 3,
      up: new Set(table.candidates.flatMap(({ node, up }) => (up ? [node] : []))),
      ...table,
    }).steps;

  it("stays with one voter while there are two managers, also where a third is away", () => {
    expect(followed({ candidates: [manager("a"), manager("b")] })).to.deep.equal([]);
    const away = manager("c", { up: false, awayMs: 1 });
    expect(followed({ candidates: [manager("a"), manager("b"), away] })).to.deep.equal([]);
  });

  it("grows to three by the one and the other", () => {
    const candidates = ["a", "b", "c"].map((node) => manager(node));
    expect(followed({ candidates })).to.deep.equal(["learn b", "learn c", "vote b", "vote c"]);
  });

  it("lets a newcomer vote before one goes that is there and drains", () => {
    const candidates = ["a", "b", "d"].map((node) => manager(node));
    const members = { voters: ["a", "b", "c"], learners: [] };
    const up = new Set(["a", "b", "c", "d"]);
    expect(followed({ candidates, members, up })).to.deep.equal(["learn d", "vote d", "leave c"]);
  });

  it("hands over where the leader drains, and goes on at the one that is left", () => {
    const members = { voters: ["a"], learners: [] };
    const steps = followed({ candidates: [manager("b")], members, up: new Set(["a", "b"]) });
    expect(steps).to.deep.equal(["learn b", "vote b", "handOver b", "leave a"]);
    expect(followed({ candidates: [], members, up: new Set(["a"]) }), "nobody else").to.deep.equal([]);
  });

  it("lets two newcomers vote one right after the other, and none before both have caught up and answer", () => {
    const candidates = ["a", "b", "c"].map((node) => manager(node));
    const members = { voters: ["a"], learners: ["b", "c"] };
    const input = inputOf({ self: "a", members, wanted: 3, candidates, up: new Set(["a", "b", "c"]) });
    for (const late of ["b", "c"]) {
      expect(planVoters({ ...input, caughtUp: (node) => node !== late })).to.equal(undefined);
      expect(planVoters({ ...input, hears: (node) => node !== late })).to.equal(undefined);
    }
    expect(planVoters(input)).to.deep.include({ type: "vote", node: "b" });
    const two = { ...input, members: { voters: ["a", "b"], learners: ["c"] } };
    expect(planVoters(two)).to.deep.include({ type: "vote", node: "c" });
    // The third is not ready any more: one voter stops less than two.
    expect(planVoters({ ...two, caughtUp: (node) => node !== "c" })).to.deep.include({ type: "leave", node: "b" });
  });

  it("shrinks only as far as a majority answers", () => {
    const members = { voters: ["a", "b", "c"], learners: [] };
    const candidates = ["a", "b", "c"].map((node) => manager(node, node === "c" ? { up: false, awayMs: 1 } : {}));
    expect(followed({ candidates, members, wanted: 1 })).to.deep.equal(["leave c", "leave b"]);
  });
});
