import { expect } from "chai";
import { array, assert as assertProperty, constantFrom, integer, oneof, property, record, tuple } from "fast-check";
import { actorLimits as limits } from "../../../actors/limits.ts";
import type { AgentState } from "../../../actors/agent/shape.ts";
import { ok, type RoomAgents, type RoomMessage } from "../../../protocols/index.ts";
import { text } from "../../fixtures/engine-answers.ts";
import { inLobby, lobby, post, type Page } from "./lobby.ts";
import type { Fixture } from "./fixture.ts";

const ada = "user/ada";
const names = ["one", "two", "three"] as const;
const agentOf = (name: string) => `agent/ada.${name}` as const;

/** The lobby with three agents of ada's. */
function withAgents(rules: object = {}): Fixture {
  const fixture = inLobby();
  for (const name of names) {
    fixture.ok(ada, ada, { type: "createAgent", name });
    fixture.ok(ada, lobby, { type: "invite", member: agentOf(name) });
  }
  fixture.ok(ada, lobby, { type: "setAgents", ...rules });
  return fixture;
}
const stateOf = (fixture: Fixture): RoomAgents => fixture.ok(ada, lobby, { type: "agents" });
const history = (fixture: Fixture): readonly RoomMessage[] =>
  fixture.ok<Page>(ada, lobby, { type: "history", limit: 100 }).messages;
/** Jobs of all agents that run or wait. */
const jobs = (fixture: Fixture): number =>
  names.reduce((sum, name) => sum + (fixture.stateOf<AgentState>(agentOf(name)).life?.jobs.length ?? 0), 0);
const running = (fixture: Fixture) => fixture.generations.filter(({ open }) => open);
/** The oldest run that is open says something and ends. */
function answer(fixture: Fixture, words: string, tokens = 10): void {
  const [run] = running(fixture);
  if (run === undefined) throw new Error("nothing runs");
  fixture.part(run.request.id, text(words));
  fixture.part(run.request.id, {
    type: "answered",
    result: ok({ end: "complete", promptTokens: tokens - 1, completionTokens: 1 }),
  });
}

/** The runs that agents have asked to end do so; no other does. */
function endCancelled(fixture: Fixture): void {
  for (const { request } of running(fixture).filter(({ request: { id } }) => fixture.cancelled.includes(id)))
    fixture.part(request.id, {
      type: "answered",
      result: ok({ end: "stopped", promptTokens: 1, completionTokens: 1 }),
    });
}

describe("several agents in a room", () => {
  it("never call each other, until moderators say for how many turns", () => {
    const fixture = withAgents();
    post(fixture, "bob", "@one hello");
    answer(fixture, "@two what do you say?");
    expect(running(fixture)).to.have.length(0);
    expect(fixture.code("user/bob", lobby, { type: "setAgents", turns: 2 })).to.equal("FORBIDDEN");
    fixture.ok(ada, lobby, { type: "setAgents", turns: 2 });
    post(fixture, "bob", "@one hello");
    answer(fixture, "@two what do you say?");
    answer(fixture, "@one, and you?");
    answer(fixture, "@two, once more");
    expect(running(fixture)).to.have.length(0);
    expect(history(fixture).at(-1)).to.include({ author: agentOf("two"), refused: "LIMIT_REACHED" });
    expect(stateOf(fixture)).to.include({ turnsTaken: 2 });
    post(fixture, "bob", "go on, @two");
    answer(fixture, "@one, please");
    expect(running(fixture)).to.have.length(1);
  });

  it("answer each message of a person, or moderators alone, where that is set", () => {
    const fixture = withAgents({ modes: { [agentOf("one")]: "always", [agentOf("two")]: "moderators" } });
    post(fixture, "bob", "nobody is mentioned");
    expect(running(fixture).map(({ actor }) => actor)).to.deep.equal([agentOf("one")]);
    answer(fixture, "I am here");
    post(fixture, "bob", "@two please");
    const refusal = history(fixture).find(({ author }) => author === agentOf("two"));
    expect(refusal).to.include({ refused: "FORBIDDEN", text: "Sorry, only moderators of this room can ask me." });
    answer(fixture, "so I answer");
    post(fixture, "ada", "@two please");
    expect(running(fixture).map(({ actor }) => actor)).to.have.members([agentOf("one"), agentOf("two")]);
    const seq = history(fixture).find(({ text: said }) => said === "nobody is mentioned")?.seq ?? 0;
    fixture.ok("user/bob", lobby, { type: "edit", seq, text: "nobody is mentioned here" });
    expect(jobs(fixture), "an edit calls nobody anew").to.equal(2);
  });

  it("have a budget of a day for the room; it begins anew", () => {
    const fixture = withAgents({ dayTokens: 15 });
    for (const said of ["@one a", "@one b"]) {
      post(fixture, "bob", said);
      answer(fixture, "yes");
    }
    expect(stateOf(fixture).tokensToday).to.equal(20);
    post(fixture, "bob", "@two c");
    expect(history(fixture).at(-1)).to.include({ author: agentOf("two"), refused: "QUOTA_EXCEEDED" });
    expect(running(fixture)).to.have.length(0);
    fixture.pass(86_400_000);
    post(fixture, "bob", "@two d");
    expect(running(fixture)).to.have.length(1);
  });

  it("are stopped all at once: what runs, what waits, what is on its way, and what would be called by it", () => {
    const fixture = withAgents({ turns: 8 });
    post(fixture, "bob", "@one @two @three go");
    post(fixture, "bob", "@one again");
    fixture.cutOff(agentOf("three"));
    expect(fixture.code("user/bob", lobby, { type: "stopAgents" })).to.equal("FORBIDDEN");
    // A call of another agent is in the middle of what it has said.
    const [run] = running(fixture);
    if (run === undefined) throw new Error("nothing runs");
    fixture.part(run.request.id, text("@two, your turn"));
    expect(fixture.ok(ada, lobby, { type: "stopAgents" })).to.deep.equal({ stopped: 4 });
    fixture.reach(agentOf("three"));
    fixture.pass(60_000);
    endCancelled(fixture);
    fixture.pass(60_000);
    expect(jobs(fixture)).to.equal(0);
    expect(stateOf(fixture).owed).to.deep.equal([]);
    expect(running(fixture)).to.have.length(0);
    expect(fixture.ok(ada, lobby, { type: "stopAgents" })).to.deep.equal({ stopped: 0 });
    post(fixture, "bob", "@one are you there?");
    expect(running(fixture)).to.have.length(1);
  });

  it("call nobody by an answer that a stop has not reached yet, nor by one that was stopped", () => {
    const fixture = withAgents({ turns: 8 });
    post(fixture, "bob", "@one go");
    fixture.cutOff(agentOf("one"));
    expect(fixture.ok(ada, lobby, { type: "stopAgents" })).to.deep.equal({ stopped: 1 });
    answer(fixture, "@two, your turn");
    expect(history(fixture).at(-1)).to.include({ author: agentOf("one"), text: "@two, your turn" });
    expect(running(fixture)).to.have.length(0);
    fixture.reach(agentOf("one"));
    fixture.pass(60_000);
    const { seq } = post(fixture, "bob", "@one go on");
    const [run] = running(fixture);
    if (run === undefined) throw new Error("nothing runs");
    fixture.part(run.request.id, text("@two, your turn"));
    fixture.ok("user/bob", lobby, { type: "stop", seq });
    endCancelled(fixture);
    expect(history(fixture).at(-1)).to.include({ author: agentOf("one"), stopped: true });
    expect(running(fixture)).to.have.length(0);
  });

  /** What happens to a room: people say something, agents answer and mention others, everything is stopped. */
  type Step =
    | { readonly is: "says"; readonly who: "bob" | "cleo"; readonly mentions: readonly string[] }
    | { readonly is: "answers"; readonly mentions: readonly string[]; readonly tokens: number }
    | { readonly is: "stops" };
  const mentions = array(constantFrom(...names), { maxLength: 3 });
  const steps = array(
    oneof(
      record({ is: constantFrom("says" as const), who: constantFrom("bob" as const, "cleo" as const), mentions }),
      record({ is: constantFrom("answers" as const), mentions, tokens: integer({ min: 2, max: 40 }) }),
      record({ is: constantFrom("answers" as const), mentions, tokens: integer({ min: 2, max: 40 }) }),
      record({ is: constantFrom("stops" as const) }),
    ),
    { maxLength: 30 },
  );

  /** Throws where a promise is broken. `forgets`: a room that does not count turns, to see that it is noticed. */
  function check([turns, dayTokens, all]: [number, number, readonly Step[]], forgets = false): void {
    const fixture = withAgents({ turns, dayTokens });
    let calledByAgents = 0;
    for (const step of all) {
      const before = fixture.generations.length;
      if (step.is === "says") {
        post(fixture, step.who, `well ${step.mentions.map((name) => `@${name}`).join(" ")}`);
        calledByAgents = 0;
      } else if (step.is === "stops") {
        fixture.ok(ada, lobby, { type: "stopAgents" });
        endCancelled(fixture);
        expect(jobs(fixture), "after a stop").to.equal(0);
      } else if (running(fixture).length > 0) {
        const owed = stateOf(fixture).owed.length;
        answer(fixture, `so ${step.mentions.map((name) => `@${name}`).join(" ")}`, step.tokens);
        calledByAgents += Math.max(0, stateOf(fixture).owed.length - (owed - 1));
      }
      if (forgets) fixture.ok(ada, lobby, { type: "setAgents", turns: 20 });
      expect(calledByAgents, "turns without a person").to.be.at.most(turns);
      const { tokensToday, owed } = stateOf(fixture);
      if (dayTokens > 0) {
        expect(tokensToday, "tokens of the day").to.be.at.most(dayTokens + limits.roomBudgetOwedMax * 40);
        expect(owed.length).to.be.at.most(limits.roomBudgetOwedMax);
        if (tokensToday >= dayTokens && step.is !== "answers") expect(fixture.generations.length - before).to.equal(0);
      }
    }
  }
  const runs = tuple(integer({ min: 0, max: 4 }), constantFrom(0, 50, 100), steps);

  it("keep to turns, budget and stop in any order of what happens", () => {
    assertProperty(property(runs, (run) => check(run)));
  });

  it("and a room that allows more turns than were set is noticed", () => {
    const noticed = (): void => {
      try {
        assertProperty(property(runs, (run) => check(run, true)));
      } catch (thrown) {
        throw (thrown as Error).cause;
      }
    };
    expect(noticed).to.throw(/turns without a person/);
  });
});
