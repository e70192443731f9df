import { expect } from "chai";
import fc from "fast-check";
import { wireLimits, type Poll, type PollResults, type RoomMessage, type RoomState } from "../../../protocols/index.ts";
import type { Room } from "../../../actors/room/shape.ts";
import { voteOf, toChoices } from "../../../actors/room/votes.ts";
import { fixtureWith, type Fixture } from "./fixture.ts";

const lobby = "room/lobby";
const people = ["ada", "bob", "cleo", "dan"] as const;
const lunch = { type: "poll", question: "Lunch?", options: ["Pizza", "Soup", "Salad"] };

/** A room of ada (owner), bob, cleo and dan. */
function inLobby(): Fixture {
  const fixture = fixtureWith(...people, "eve");
  fixture.ok("user/ada", lobby, { type: "create" });
  for (const name of people.slice(1)) fixture.ok(`user/${name}`, lobby, { type: "join" });
  return fixture;
}

const ask = (fixture: Fixture, more: object = {}, name = "bob"): number =>
  fixture.ok<{ seq: number }>(`user/${name}`, lobby, { ...lunch, ...more }).seq;
const vote = (fixture: Fixture, name: string, seq: number, ...choices: number[]) =>
  fixture.do(`user/${name}`, lobby, { type: "vote", seq, choices });
const results = (fixture: Fixture, seq: number, name = "ada"): PollResults =>
  fixture.ok(`user/${name}`, lobby, { type: "pollResults", seq });
const counts = ({ options, voters }: Poll): readonly number[] => [...options.map(({ votes }) => votes), voters];

describe("a poll in a room", () => {
  it("shows members who votes for what while it is open, and only the counts afterwards", () => {
    const fixture = inLobby();
    const seq = ask(fixture);
    fixture.ok("user/bob", lobby, { type: "vote", seq, choices: [1] });
    expect(results(fixture, seq, "ada").votes).to.deep.equal([{ member: "user/bob", choices: [1] }]);
    fixture.ok("user/ada", lobby, { type: "closePoll", seq });
    expect(results(fixture, seq, "ada")).to.not.have.property("votes");
  });

  it("is a message with options, and counts votes that change or are taken back", () => {
    const fixture = inLobby();
    const seq = ask(fixture);
    expect(results(fixture, seq)).to.deep.equal({
      seq,
      question: "Lunch?",
      poll: { options: lunch.options.map((text) => ({ text, votes: 0 })), voters: 0 },
      choices: [],
      votes: [],
    });
    vote(fixture, "ada", seq, 0);
    vote(fixture, "cleo", seq, 0);
    expect(counts(results(fixture, seq).poll)).to.deep.equal([2, 0, 0, 2]);
    vote(fixture, "cleo", seq, 2);
    expect(counts(results(fixture, seq).poll)).to.deep.equal([1, 0, 1, 2]);
    expect(results(fixture, seq, "cleo").choices).to.deep.equal([2]);
    vote(fixture, "ada", seq);
    expect(counts(results(fixture, seq).poll)).to.deep.equal([0, 0, 1, 1]);
    expect(results(fixture, seq).choices).to.deep.equal([]);
  });

  it("tells everybody of each vote, once, and of none that changes nothing", () => {
    const fixture = inLobby();
    const seq = ask(fixture, { multiple: true });
    vote(fixture, "ada", seq, 2, 0);
    vote(fixture, "ada", seq, 0, 2);
    const told = fixture.stream(lobby).flatMap(({ event }) => (event.type === "voted" ? [event] : []));
    expect(told).to.have.length(1);
    expect(told[0]).to.deep.include({ by: "user/ada", choices: [0, 2] });
    expect(told[0]).to.have.nested.property("message.poll").that.deep.equals(results(fixture, seq).poll);
    expect(counts(results(fixture, seq).poll)).to.deep.equal([1, 0, 1, 1]);
  });

  it("gives whoever opens the room the own votes with it", () => {
    const fixture = inLobby();
    const seq = ask(fixture, { multiple: true });
    vote(fixture, "ada", seq, 1, 2);
    const opened = (name: string) => fixture.ok<{ state: RoomState }>(`user/${name}`, lobby, { type: "resume" }).state;
    expect(opened("ada").votes).to.deep.equal({ [seq]: [1, 2] });
    expect(opened("bob").votes).to.equal(undefined);
    expect(opened("bob").messages.at(-1)?.poll).to.deep.equal(results(fixture, seq).poll);
  });

  it("refuses votes for what is no option, for several where one may be chosen, and where there is no poll", () => {
    const fixture = inLobby();
    const seq = ask(fixture);
    const post = fixture.ok<{ seq: number }>("user/ada", lobby, { type: "post", text: "hi" }).seq;
    const code = (at: number, ...choices: number[]) =>
      fixture.code("user/ada", lobby, { type: "vote", seq: at, choices });
    expect(code(seq, 3)).to.equal("BAD_REQUEST");
    expect(code(seq, 0, 1)).to.equal("BAD_REQUEST");
    for (const at of [post, 0, 99]) expect(code(at, 0), String(at)).to.equal("NOT_FOUND");
    for (const type of ["pollResults", "closePoll"])
      expect(fixture.code("user/ada", lobby, { type, seq: post }), type).to.equal("NOT_FOUND");
    expect(fixture.code("user/eve", lobby, { type: "vote", seq, choices: [0] })).to.equal("NOT_A_MEMBER");
    expect(fixture.code("agent/ada.helper", lobby, { type: "vote", seq, choices: [0] })).to.equal("FORBIDDEN");
    expect(counts(results(fixture, seq).poll)).to.deep.equal([0, 0, 0, 0]);
  });

  it("begins with its own command only", () => {
    const fixture = inLobby();
    const poll = { options: [{ text: "Pizza", votes: 9 }], voters: 9 };
    const { seq } = fixture.ok<{ seq: number }>("user/ada", lobby, { type: "post", text: "hi", poll });
    expect(fixture.code("user/ada", lobby, { type: "pollResults", seq })).to.equal("NOT_FOUND");
  });

  it("is closed by who asked and by moderators, takes no votes then, and keeps the counts alone", () => {
    const fixture = inLobby();
    const [first, second] = [ask(fixture), ask(fixture)];
    vote(fixture, "ada", first, 1);
    expect(fixture.code("user/cleo", lobby, { type: "closePoll", seq: first })).to.equal("FORBIDDEN");
    const closed = fixture.ok<RoomMessage>("user/bob", lobby, { type: "closePoll", seq: first });
    expect(closed.poll).to.include({ closedAtMs: fixture.nowMs, voters: 1 });
    expect(fixture.ok("user/ada", lobby, { type: "closePoll", seq: second })).to.have.nested.property(
      "poll.closedAtMs",
    );
    // To close it again is no mistake, and changes nothing.
    fixture.nowMs += 1_000;
    expect(fixture.ok("user/ada", lobby, { type: "closePoll", seq: first })).to.deep.equal(closed);
    expect(fixture.code("user/cleo", lobby, { type: "vote", seq: first, choices: [0] })).to.equal("FORBIDDEN");
    expect(results(fixture, first)).to.deep.include({ poll: closed.poll, choices: [] });
    expect(fixture.stateOf<Room>(lobby).polls).to.deep.equal([]);
  });

  it("in a direct room is closed only by the person who asked", () => {
    const fixture = fixtureWith("ada", "bob");
    const direct = "room/dm.ada.bob";
    fixture.ok("user/ada", direct, { type: "create", visibility: "direct", with: "user/bob" });
    const { seq } = fixture.ok<{ seq: number }>("user/ada", direct, lunch);
    expect(fixture.code("user/bob", direct, { type: "closePoll", seq })).to.equal("FORBIDDEN");
    expect(fixture.code("user/ada", direct, { type: "closePoll", seq })).to.equal("accepted");
  });

  it("keeps its question, and goes with all votes when it is deleted", () => {
    const fixture = inLobby();
    const seq = ask(fixture);
    vote(fixture, "ada", seq, 1);
    expect(fixture.code("user/bob", lobby, { type: "edit", seq, text: "Dinner?" })).to.equal("FORBIDDEN");
    expect(fixture.ok("user/bob", lobby, { type: "delete", seq })).to.not.have.property("poll");
    expect(fixture.stateOf<Room>(lobby).polls).to.deep.equal([]);
    expect(fixture.code("user/ada", lobby, { type: "vote", seq, choices: [0] })).to.equal("NOT_FOUND");
    const { events } = fixture.ok<{ events: readonly unknown[] }>("user/ada", lobby, { type: "resume", after: 1 });
    expect(JSON.stringify(events)).to.not.include("Pizza");
  });

  it("keeps the vote of somebody who left, who has no second one after coming back", () => {
    const fixture = inLobby();
    const seq = ask(fixture);
    vote(fixture, "cleo", seq, 1);
    fixture.ok("user/cleo", lobby, { type: "leave" });
    expect(fixture.code("user/cleo", lobby, { type: "vote", seq, choices: [0] })).to.equal("NOT_A_MEMBER");
    expect(counts(results(fixture, seq).poll)).to.deep.equal([0, 1, 0, 1]);
    fixture.ok("user/cleo", lobby, { type: "join" });
    vote(fixture, "cleo", seq, 0);
    expect(counts(results(fixture, seq).poll)).to.deep.equal([1, 0, 0, 1]);
  });

  it("takes votes when its message has long left memory", () => {
    const fixture = inLobby();
    const seq = ask(fixture);
    vote(fixture, "ada", seq, 0);
    for (let index = 0; index < 130; index += 1) fixture.ok("user/ada", lobby, { type: "post", text: `${index}` });
    fixture.crash(lobby);
    // Both read the message before either is counted.
    const both = (["bob", "cleo"] as const).map((name) =>
      fixture.begin(`user/${name}`, lobby, { type: "vote", seq, choices: [1] }),
    );
    fixture.settle();
    for (const answer of both) expect(answer()).to.have.property("ok", true);
    expect(counts(results(fixture, seq).poll)).to.deep.equal([1, 2, 0, 3]);
  });

  it("is one of a bounded number in its room, and takes a bounded number of votes", () => {
    const fixture = inLobby();
    const seqs = Array.from({ length: wireLimits.openPollsPerRoomMax }, () => ask(fixture));
    const refusal = fixture.do("user/ada", lobby, lunch);
    expect(refusal).to.have.nested.property("error.code", "LIMIT_REACHED");
    expect(refusal).to.have.nested.property("error.details.limit", "openPollsPerRoomMax");
    fixture.ok("user/bob", lobby, { type: "closePoll", seq: seqs[3] });
    expect(fixture.code("user/ada", lobby, lunch)).to.equal("accepted");
  });
});

type Step =
  | { readonly vote: readonly number[]; readonly by: (typeof people)[number] }
  | { readonly leave: (typeof people)[number] }
  | { readonly posts: number }
  | "crash"
  | "close";

const anyone = fc.constantFrom(...people);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ by: anyone, vote: fc.uniqueArray(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }) }),
  },
  { weight: 2, arbitrary: fc.record({ leave: anyone }) },
  { weight: 1, arbitrary: fc.record({ posts: fc.integer({ min: 1, max: 120 }) }) },
  { weight: 2, arbitrary: fc.constant("crash" as const) },
  { weight: 1, arbitrary: fc.constant("close" as const) },
);

describe("whatever people vote, the counts of a poll", function () {
  it("are those of everybody's last accepted vote", () => {
    fc.assert(
      fc.property(fc.boolean(), fc.array(step, { maxLength: 40, size: "max" }), (multiple, steps) => {
        const fixture = inLobby();
        const options = ["a", "b", "c", "d"];
        const seq = ask(fixture, { options, multiple }, "ada");
        const votes = new Map<string, readonly number[]>();
        let open = true;
        for (const one of steps) {
          if (one === "crash") fixture.crash(lobby);
          else if (one === "close") {
            fixture.ok("user/ada", lobby, { type: "closePoll", seq });
            open = false;
          } else if ("posts" in one)
            for (let left = one.posts; left > 0; left -= 1) fixture.ok("user/ada", lobby, { type: "post", text: "x" });
          else if ("leave" in one) {
            const { leave: name } = one;
            if (name !== "ada" && fixture.do(`user/${name}`, lobby, { type: "leave" }).ok === false)
              fixture.ok(`user/${name}`, lobby, { type: "join" });
          } else {
            const result = vote(fixture, one.by, seq, ...one.vote);
            const fits = one.vote.every((choice) => choice < options.length) && (multiple || one.vote.length < 2);
            if (!open || !fits) expect(result.ok).to.equal(false);
            if (result.ok) votes.set(one.by, one.vote);
          }
        }
        const { poll } = results(fixture, seq);
        const cast = [...votes.values()].filter((choices) => choices.length > 0);
        expect(counts(poll)).to.deep.equal([
          ...options.map((_, choice) => cast.filter((choices) => choices.includes(choice)).length),
          cast.length,
        ]);
        expect(poll.closedAtMs === undefined).to.equal(open);
        expect(fixture.refold(lobby)).to.deep.equal(fixture.stateOf(lobby));
        const [kept] = fixture.stateOf<Room>(lobby).polls ?? [];
        for (const [name, choices] of votes)
          expect(toChoices(voteOf(kept, `user/${name}`))).to.deep.equal(open ? choices.toSorted((a, b) => a - b) : []);
      }),
      { numRuns: 60 },
    );
  });
});
