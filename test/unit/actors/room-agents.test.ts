import { expect } from "chai";
import { array, assert as assertProperty, constantFrom, integer, oneof, property, record, tuple } from "fast-check";
import { actorLimits as limits } from "../../../actors/limits.ts";
import type { AgentState } from "../../../actors/agent/shape.ts";
import { callsOf, countedAfter, takenOn } from "../../../actors/room/agent-calls.ts";
import type { Room } from "../../../actors/room/shape.ts";
import { ok, type RoomAgents, type RoomMessage } from "../../../protocols/index.ts";
import { text } from "../../fixtures/engine-answers.ts";
import { inLobby, lobby, post, type Page } from "./lobby.ts";
import type { Fixture } from "./fixture.ts";

const ada = "user/ada";
const names = ["one", "two", "three"] as const;
const agentOf = (name: string) => `agent/ada.${name}` as const;

/** The lobby with three agents of ada's. */
function withAgents(rules: object = {}, all: readonly string[] = names): Fixture {
  const fixture = inLobby();
  for (const name of all) {
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

  it("are owed where an edit calls them: they are stopped, and take places of the budget", () => {
    const fixture = withAgents({ turns: 4, dayTokens: 1000 });
    const { seq } = post(fixture, "bob", "hello");
    fixture.ok("user/bob", lobby, { type: "edit", seq, text: "hello @one" });
    expect(stateOf(fixture).owed).to.have.length(1);
    expect(fixture.ok(ada, lobby, { type: "stopAgents" })).to.deep.equal({ stopped: 1 });
    answer(fixture, "@two go on");
    expect(running(fixture)).to.have.length(0);
    for (const all of ["@one @two", "@one @two @three"])
      fixture.ok("user/bob", lobby, { type: "edit", seq, text: `hello ${all}` });
    expect(stateOf(fixture).owed).to.have.length(2);
  });

  it("call each other again for a person who edits an older message after a stop", () => {
    const fixture = withAgents({ turns: 4 });
    const { seq } = post(fixture, "bob", "hello");
    post(fixture, "bob", "nobody");
    expect(fixture.ok(ada, lobby, { type: "stopAgents" })).to.deep.equal({ stopped: 0 });
    fixture.ok("user/bob", lobby, { type: "edit", seq, text: "hello @one" });
    answer(fixture, "@two go on");
    expect(running(fixture).map(({ actor }) => actor)).to.deep.equal([agentOf("two")]);
  });

  it("stay stopped where the agent's node fails before the answer has ended", () => {
    const fixture = withAgents();
    post(fixture, "bob", "@one go");
    const [run] = running(fixture);
    fixture.part(run?.request.id ?? "", text("something"));
    fixture.ok(ada, lobby, { type: "stopAgents" });
    fixture.crash(agentOf("one"));
    fixture.pass(120_000);
    expect(running(fixture).filter(({ request }) => request.id !== run?.request.id)).to.have.length(0);
    expect(history(fixture).at(-1)).to.include({ author: agentOf("one"), text: "something", stopped: true });
    expect(jobs(fixture)).to.equal(0);
  });

  it("are asked by moderators alone also through another agent", () => {
    const fixture = withAgents({ turns: 4, modes: { [agentOf("two")]: "moderators" } });
    post(fixture, "bob", "@one please say something");
    answer(fixture, "@two do this");
    expect(running(fixture)).to.have.length(0);
    expect(history(fixture).at(-1)).to.include({ author: agentOf("two"), refused: "FORBIDDEN" });
    post(fixture, "ada", "@one please say something");
    answer(fixture, "@three do this");
    answer(fixture, "@two do this");
    expect(running(fixture).map(({ actor }) => actor)).to.deep.equal([agentOf("two")]);
  });

  it("are not closed for good by answers that are lost, nor by what one person asks for", () => {
    const four = ["a", "b", "c", "d"];
    const fixture = withAgents({ dayTokens: 1000 }, four);
    post(fixture, "bob", four.map((name) => `@${name}`).join(" "));
    expect(stateOf(fixture).owed).to.have.length(3);
    post(fixture, "cleo", "@d please");
    expect(stateOf(fixture).owed).to.have.length(4);
    post(fixture, "ada", "@d please");
    expect(history(fixture).at(-1)).to.include({ refused: "QUEUE_FULL" });
    const owed = fixture.stateOf<Room>(lobby);
    const message = { author: "user/ada", text: "@d", seq: 99, mentions: [agentOf("d")] };
    const calls = (atMs: number) => callsOf(owed, { ...message, atMs }, true).called;
    const atMs = owed.recent.at(-1)?.atMs ?? 0;
    expect(calls(atMs)).to.deep.equal([]);
    expect(calls(atMs + limits.askedShownMs)).to.deep.equal([agentOf("d")]);
  });

  it("refuse what a stop would not reach", () => {
    const fixture = withAgents();
    const room = fixture.stateOf<Room>(lobby);
    const one = { agent: agentOf("two"), by: "user/bob", atMs: 0 };
    const asked = Array.from({ length: limits.roomAskedMax - 1 }, (_, index) => ({ ...one, seq: index + 1 }));
    const by = (author: string) =>
      callsOf({ ...room, asked }, { author, text: "@one", seq: 999, atMs: 0, mentions: [agentOf("one")] }, true);
    expect(by("user/bob")).to.deep.equal({ called: [], notCalled: [{ agent: agentOf("one"), code: "QUEUE_FULL" }] });
    expect(by("user/cleo").called).to.deep.equal([agentOf("one")]);
  });

  it("that answer everything say nothing where they do not, and leave places to those who are asked", () => {
    const fixture = withAgents({ modes: { [agentOf("one")]: "always" } });
    for (const line of [1, 2, 3, 4, 5, 6, 7, 8]) post(fixture, line % 2 === 0 ? "bob" : "cleo", `line ${line}`);
    expect(history(fixture).filter(({ refused }) => refused !== undefined)).to.deep.equal([]);
    const waiting = fixture.stateOf<AgentState>(agentOf("one")).life?.jobs.length;
    expect(stateOf(fixture).owed).to.have.length(waiting ?? 0);
    const other = withAgents({ dayTokens: 1000, modes: { [agentOf("one")]: "always" } });
    for (const line of [1, 2, 3, 4]) post(other, line % 2 === 0 ? "bob" : "cleo", `line ${line}`);
    post(other, "ada", "@two an urgent question");
    expect(running(other).map(({ actor }) => actor)).to.include(agentOf("two"));
  });

  it("count on where the clock goes back behind midnight, and forget the mode of an agent that is gone", () => {
    const day = 86_400_000;
    const counted = { agentTokens: { day: 10, tokens: 7 } } as Room;
    expect([9, 10, 11, 2].map((of) => takenOn(counted, of * day))).to.deep.equal([7, 7, 0, 0]);
    const message = { author: agentOf("one"), atMs: 9 * day } as RoomMessage;
    expect(countedAfter(counted, message, [], 5).agentTokens).to.deep.equal({ day: 10, tokens: 12 });
    const fixture = withAgents({ modes: { [agentOf("one")]: "always", [agentOf("two")]: "always" } });
    fixture.ok(ada, lobby, { type: "remove", member: agentOf("one") });
    expect(stateOf(fixture).rules.modes).to.deep.equal({ [agentOf("two")]: "always" });
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
    | { readonly is: "edits"; readonly who: "bob" | "cleo"; readonly mentions: readonly string[] }
    | { readonly is: "stops" };
  const mentions = array(constantFrom(...names), { maxLength: 3 });
  const steps = array(
    oneof(
      record({ is: constantFrom("says" as const), who: constantFrom("bob" as const, "cleo" as const), mentions }),
      record({ is: constantFrom("answers" as const), mentions, tokens: integer({ min: 2, max: 40 }) }),
      record({ is: constantFrom("answers" as const), mentions, tokens: integer({ min: 2, max: 40 }) }),
      record({ is: constantFrom("edits" as const), who: constantFrom("bob" as const, "cleo" as const), mentions }),
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
      } else if (step.is === "edits") {
        const { seq } = history(fixture).findLast(({ author }) => author === `user/${step.who}`) ?? {};
        const called = step.mentions.map((name) => `@${name}`).join(" ");
        if (seq !== undefined) fixture.ok(`user/${step.who}`, lobby, { type: "edit", seq, text: `well, ${called}` });
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
      expect(stateOf(fixture).owed.length, "all that runs or waits is owed").to.equal(jobs(fixture));
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
