import { expect } from "chai";
import { assert as property, array, constantFrom, integer, oneof, property as holds, record, tuple } from "fast-check";
import {
  mutesAt,
  wireLimits,
  type RoomMute,
  type RoomView,
  type RoomWarnings,
  type UserView,
} from "../../../protocols/index.ts";
import { withMute } from "../../../protocols/kinds/room-muted.ts";
import { actorLimits } from "../../../actors/limits.ts";
import type { Room } from "../../../actors/room/shape.ts";
import { fixtureWith, type Fixture } from "./fixture.ts";
import { helper, inRoom, messagesIn } from "./adas-agent.ts";
import { inLobby, lobby, post, texts, view, type Page } from "./lobby.ts";

const [ada, bob, cleo] = ["user/ada", "user/bob", "user/cleo"] as const;
const hourMs = 3_600_000;

const mute = (fixture: Fixture, member: string, more: object = {}, by: string = ada) =>
  fixture.code("gateway", lobby, { type: "mute", by, member, ...more });
const unmute = (fixture: Fixture, member: string, by: string = ada) =>
  fixture.code("gateway", lobby, { type: "unmute", by, member });
const warn = (fixture: Fixture, member: string, id: string, by: string = ada) =>
  fixture.code("gateway", lobby, { type: "warn", by, member, id, reason: `for ${id}` });
const warnings = (fixture: Fixture, by: string = ada) =>
  fixture.ok<RoomWarnings>(by as typeof ada, lobby, { type: "warnings" }).warnings;
const moderated = (): Fixture => {
  const fixture = inLobby();
  fixture.ok(ada, lobby, { type: "setRole", member: cleo, role: "moderator" });
  return fixture;
};

describe("a muted member", () => {
  it("reads and writes nothing, is told until when and by whom, and writes again when the time is over", () => {
    const fixture = inLobby();
    const { seq } = post(fixture, "bob", "before");
    fixture.ok(bob, lobby, { type: "poll", question: "Which?", options: ["this", "that"] });
    expect(mute(fixture, bob, { muteForMs: hourMs, reason: "noise" })).to.equal("accepted");
    const untilMs = fixture.nowMs + hourMs;
    const refused = fixture.do(bob, lobby, { type: "post", text: "hidden" });
    expect(refused).to.have.nested.property("error.code", "MUTED");
    expect(refused).to.have.deep.nested.property("error.details", { by: ada, atMs: fixture.nowMs, untilMs, reason: "noise" }); // prettier-ignore
    const tried = [
      { type: "post", text: "hidden", replyTo: seq },
      { type: "poll", question: "hidden", options: ["a", "b"] },
      { type: "edit", seq, text: "hidden" },
      { type: "react", seq, emoji: "👍", on: true },
      { type: "vote", seq: 2, choices: [0] },
      { type: "closePoll", seq: 2 },
    ];
    for (const command of tried) expect(fixture.code(bob, lobby, command), command.type).to.equal("MUTED");
    const upload = { type: "upload", by: bob, id: `${"1".padStart(20, "0")}.lobby`, name: "a", bytes: 1, key: "k".repeat(43) }; // prettier-ignore
    expect(fixture.code("gateway", lobby, upload)).to.equal("MUTED");
    const signals = fixture.signals(lobby).length;
    expect(fixture.code(bob, lobby, { type: "typing" })).to.equal("accepted");
    expect(fixture.signals(lobby)).to.have.length(signals);
    expect(texts(fixture.ok<Page>(bob, lobby, { type: "history" }))).to.deep.equal(["before", "Which?"]);
    expect(fixture.code(bob, lobby, { type: "delete", seq })).to.equal("accepted");
    fixture.pass(hourMs - 1);
    expect(fixture.code(bob, lobby, { type: "post", text: "hidden" })).to.equal("MUTED");
    fixture.pass(1);
    expect(fixture.code(bob, lobby, { type: "post", text: "after" })).to.equal("accepted");
  });

  it("is everybody's to see, stays muted when they leave and come again, and is let go by a moderator alone", () => {
    const fixture = moderated();
    expect(mute(fixture, bob)).to.equal("accepted");
    expect(view(fixture).mutes).to.deep.equal([{ member: bob, by: ada, atMs: fixture.nowMs }]);
    fixture.ok(bob, lobby, { type: "leave" });
    // The term is changed also while they are away.
    expect(mute(fixture, bob, { muteForMs: hourMs }, cleo)).to.equal("accepted");
    fixture.ok(bob, lobby, { type: "join" });
    expect(fixture.code(bob, lobby, { type: "post", text: "hidden" })).to.equal("MUTED");
    expect(unmute(fixture, bob, bob)).to.equal("FORBIDDEN");
    fixture.crash(lobby);
    expect(fixture.code(bob, lobby, { type: "post", text: "hidden" })).to.equal("MUTED");
    expect(unmute(fixture, bob, cleo)).to.equal("accepted");
    expect(unmute(fixture, bob, cleo)).to.equal("NOT_FOUND");
    expect(view(fixture).mutes).to.deep.equal([]);
    expect(fixture.code(bob, lobby, { type: "post", text: "after" })).to.equal("accepted");
  });

  it("is below the moderator, here, and in a room of more than two", () => {
    const fixture = moderated();
    expect(mute(fixture, ada, {}, cleo)).to.equal("FORBIDDEN");
    expect(mute(fixture, cleo, {}, cleo)).to.equal("BAD_REQUEST");
    expect(mute(fixture, bob, {}, bob)).to.equal("FORBIDDEN");
    expect(mute(fixture, "user/dan")).to.equal("NOT_FOUND");
    expect(mute(fixture, bob, {}, "user/dan")).to.equal("NOT_FOUND");
    fixture.ok(ada, lobby, { type: "setRole", member: bob, role: "moderator" });
    expect(mute(fixture, bob, {}, cleo)).to.equal("FORBIDDEN");
    expect(mute(fixture, bob)).to.equal("accepted");
    // A muted moderator gives the room no name to say something by.
    expect(fixture.code(bob, lobby, { type: "setTopic", topic: "hidden" })).to.equal("MUTED");
    expect(unmute(fixture, bob, bob)).to.equal("BAD_REQUEST");
    // Nobody could lift the mute of an owner.
    fixture.ok(ada, lobby, { type: "setRole", member: bob, role: "owner" });
    expect(fixture.code(bob, lobby, { type: "post", text: "mine" })).to.equal("accepted");
    fixture.ok(ada, "room/dm.ada.bob", { type: "create", visibility: "direct", with: bob });
    expect(fixture.code("gateway", "room/dm.ada.bob", { type: "mute", by: ada, member: bob })).to.equal("FORBIDDEN");
  });

  it("is one of so many, of whom those count whose time is not over", () => {
    const fixture = fixtureWith("ada", ...Array.from({ length: actorLimits.mutesPerRoomMax + 1 }, (_, at) => `u${at}`));
    fixture.ok(ada, lobby, { type: "create" });
    for (let at = 0; at <= actorLimits.mutesPerRoomMax; at += 1) fixture.ok(`user/u${at}`, lobby, { type: "join" });
    for (let at = 0; at < actorLimits.mutesPerRoomMax; at += 1)
      expect(mute(fixture, `user/u${at}`, at === 0 ? { muteForMs: hourMs } : {})).to.equal("accepted");
    const last = `user/u${actorLimits.mutesPerRoomMax}`;
    expect(mute(fixture, last)).to.equal("LIMIT_REACHED");
    expect(mute(fixture, "user/u1", { reason: "x".repeat(wireLimits.reasonCharsMax) })).to.equal("accepted");
    fixture.pass(hourMs);
    expect(mute(fixture, last)).to.equal("accepted");
    expect(mutesAt(fixture.stateOf<Room>(lobby).mutes, fixture.nowMs)).to.have.length(actorLimits.mutesPerRoomMax);
  });

  it("is not told of why again, once that is over", () => {
    const fixture = inLobby();
    const events = () => JSON.stringify(fixture.ok(cleo, lobby, { type: "resume", after: 0 }));
    mute(fixture, bob, { reason: "said a secret" });
    expect(events()).to.include("said a secret");
    unmute(fixture, bob);
    expect(events()).not.to.include("said a secret");
    mute(fixture, bob, { reason: "said another secret", muteForMs: hourMs });
    expect(JSON.stringify(view(fixture))).to.include("said another secret");
    fixture.pass(hourMs);
    expect(JSON.stringify([view(fixture), fixture.ok(cleo, lobby, { type: "resume" })])).not.to.include("secret");
    expect(events()).not.to.include("secret");
    // It can go at once.
    expect(unmute(fixture, bob)).to.equal("accepted");
    expect(fixture.stateOf<Room>(lobby).mutes).to.deep.equal([]);
  });

  it("stays muted where a clock that is ahead mutes somebody else, and goes in the end", () => {
    const held = [{ member: bob, by: ada, atMs: 0, untilMs: hourMs }];
    const ahead = withMute(held, { member: cleo, by: ada, atMs: 2 * hourMs });
    expect(mutesAt(ahead, hourMs - 1).map(({ member }) => member)).to.deep.equal([bob, cleo]);
    const later = { member: cleo, by: ada, atMs: 26 * hourMs };
    expect(withMute(held, later)).to.deep.equal([later]);
    const many = Array.from({ length: 100 }, (_, at) => ({ ...held[0], member: `user/u${at}` })) as RoomMute[];
    expect(withMute([...many, { member: bob, by: ada, atMs: 0 }], { ...later, atMs: 2 * hourMs })).to.have.length(66);
  });

  it("takes their agents along: what these owe is stopped, and mentions of them are refused", () => {
    const fixture = inRoom();
    const den = "room/den";
    fixture.ok("user/ada", den, { type: "setRole", member: bob, role: "owner" });
    fixture.ok("user/ada", den, { type: "setRole", member: ada, role: "member" });
    fixture.ok(bob, den, { type: "post", text: "@helper hi" });
    fixture.ok("gateway", den, { type: "mute", by: bob, member: ada });
    fixture.answer("secret answer");
    expect(messagesIn(fixture).at(-1)).to.include({ author: helper, refused: "MUTED", answers: 1 });
    expect(fixture.stateOf<Room>(den).asked).to.deep.equal([]);
    fixture.ok(bob, den, { type: "post", text: "@helper again" });
    expect(messagesIn(fixture).at(-1)).to.include({ author: helper, refused: "MUTED" });
    expect(fixture.code(helper, den, { type: "post", text: "by itself" })).to.equal("MUTED");
    expect(JSON.stringify(fixture.published)).not.to.include("by itself");
    expect(messagesIn(fixture).map(({ text }) => text)).not.to.include("secret answer");
    fixture.ok("gateway", den, { type: "unmute", by: bob, member: ada });
    fixture.ok(bob, den, { type: "post", text: "@helper now?" });
    fixture.answer("now");
    expect(messagesIn(fixture).at(-1)).to.include({ author: helper, text: "now" });
  });

  it("has what was scheduled refused at its time", () => {
    const fixture = inLobby();
    fixture.ok(bob, bob, { type: "schedule", room: "lobby", text: "hidden", atMs: fixture.nowMs + 60_000 });
    mute(fixture, bob);
    fixture.pass(120_000);
    expect(texts(fixture.ok<Page>(ada, lobby, { type: "history" }))).to.deep.equal([]);
    const { later } = fixture.ok<{ later: { status: string; failure?: object }[] }>(bob, bob, { type: "later" });
    expect(later).to.have.length(1);
    expect(later[0]).to.deep.include({ status: "failed" });
    expect(later[0]?.failure).to.include({ code: "MUTED" });
  });
});

/** What happens in a random history. */
const step = oneof(
  record({
    does: constantFrom("post", "reply", "edit", "poll", "react", "move", "resolve", "leave", "join", "typing"),
    by: constantFrom("bob", "cleo"),
  }),
  record({ does: constantFrom("mute", "unmute", "term"), by: constantFrom("bob", "cleo") }),
  record({ does: constantFrom("pass", "crash"), by: constantFrom("bob") }),
);

describe("the text of a muted person", () => {
  it("appears in no history, event or record, whatever happens", () => {
    property(
      holds(tuple(array(step, { maxLength: 40 }), integer({ min: 1, max: 3 })), ([steps, hours]) => {
        const fixture = moderated();
        fixture.ok(ada, lobby, { type: "setRole", member: cleo, role: "member" });
        post(fixture, "bob", "first of bob");
        post(fixture, "cleo", "first of cleo");
        post(fixture, "ada", "about it", { topic: "it" });
        const said = { bob: 1, cleo: 2 };
        const until: Record<string, number> = {};
        let count = 0;
        for (const { does, by } of steps) {
          const who = `user/${by}` as const;
          const isMuted = (until[by] ?? 0) > fixture.nowMs;
          const text = `${isMuted ? "HIDDEN" : "open"} ${(count += 1)}`;
          const commands: Record<string, object> = {
            post: { type: "post", text },
            reply: { type: "post", text, replyTo: 1 },
            edit: { type: "edit", seq: said[by as "bob"], text },
            poll: { type: "poll", question: text, options: ["a", "b"] },
            react: { type: "react", seq: 1, emoji: "👍", on: count % 2 === 0 },
            move: { type: "moveTopic", seq: said[by as "bob"], into: text },
            resolve: { type: "resolveTopic", topic: "it", resolved: count % 2 === 0 },
          };
          const command = commands[does];
          if (command !== undefined) {
            const answer = fixture.code(who, lobby, command as { type: string });
            const isIn = view(fixture).members[who] !== undefined;
            expect(answer === "accepted", `${does} ${answer}`).to.equal(isIn && !isMuted);
          } else if (does === "mute" || does === "term") {
            const forMs = does === "term" ? hours * hourMs : undefined;
            const done = mute(fixture, who, forMs === undefined ? {} : { muteForMs: forMs });
            if (done === "accepted") until[by] = forMs === undefined ? Infinity : fixture.nowMs + forMs;
          } else if (does === "unmute") {
            if (unmute(fixture, who) === "accepted") until[by] = 0;
          } else if (does === "pass") fixture.pass(hourMs);
          else if (does === "crash") fixture.crash(lobby);
          else fixture.do(who, lobby, { type: does });
        }
        const everything = JSON.stringify([fixture.published, fixture.records(lobby, ""), fixture.stateOf(lobby)]);
        expect(everything).not.to.include("HIDDEN");
        const shown = fixture.ok<RoomView>(ada, lobby, { type: "describe" });
        const held = mutesAt(shown.mutes, fixture.nowMs).map(({ member }) => member);
        const wanted = Object.keys(until).filter((by) => (until[by] ?? 0) > fixture.nowMs);
        expect(held.toSorted()).to.deep.equal(wanted.map((by) => `user/${by}`).toSorted());
        expect(fixture.refold(lobby)).to.deep.equal(fixture.stateOf(lobby));
      }),
      { numRuns: 60 },
    );
  });
});

describe("a warning", () => {
  it("reaches the person and the moderators, nobody else, and says whether it was read", () => {
    const fixture = moderated();
    expect(warn(fixture, bob, "w1", cleo)).to.equal("accepted");
    const warning = { id: "w1", member: bob, by: cleo, atMs: fixture.nowMs, reason: "for w1" };
    expect(warnings(fixture)).to.deep.equal([warning]);
    expect(warnings(fixture, bob)).to.deep.equal([warning]);
    expect(JSON.stringify(fixture.stream(lobby))).not.to.include("for w1");
    const [noticed] = fixture.stream(bob).filter(({ event }) => (event as { type: string }).type === "noticed");
    expect(noticed?.event).to.have.deep.nested.property("notice.facts", { id: "w1", room: "lobby", by: cleo, reason: "for w1" }); // prettier-ignore
    fixture.ok("user/dan", lobby, { type: "join" });
    expect(warnings(fixture, "user/dan")).to.deep.equal([]);
    expect(fixture.code(cleo, lobby, { type: "acknowledgeWarning", id: "w1" })).to.equal("NOT_FOUND");
    fixture.ok(bob, lobby, { type: "acknowledgeWarning", id: "w1" });
    expect(warnings(fixture)[0]).to.have.property("readAtMs", fixture.nowMs);
    expect(warn(fixture, ada, "w2", cleo)).to.equal("FORBIDDEN");
    expect(warn(fixture, "user/eve", "w2", cleo)).to.equal("NOT_FOUND");
    expect(fixture.refold(lobby)).to.deep.equal(fixture.stateOf(lobby));
  });

  it("is told once, however often it has to be tried, and by the next owner of the room, too", () => {
    const fixture = moderated();
    fixture.cutOff(bob);
    warn(fixture, bob, "w1");
    fixture.pass(60_000);
    fixture.crash(lobby);
    fixture.reach(bob);
    fixture.pass(600_000);
    fixture.crash(lobby);
    fixture.pass(600_000);
    const told = fixture.stream(bob).filter(({ event }) => (event as { type: string }).type === "noticed");
    expect(told).to.have.length(1);
    expect(fixture.stateOf<Room>(lobby).warnings?.[0]).not.to.have.property("untold");
  });

  it("is one of few within an hour, and pushes no other notice out of an account", () => {
    const fixture = inLobby();
    const max = actorLimits.warningsPerHourMax;
    fixture.ok("role-manager/cluster" as "node", bob, { type: "notify", action: "passwordReset", facts: {}, atMs: 1 });
    for (let at = 1; at <= max; at += 1) expect(warn(fixture, bob, `w${at}`)).to.equal("accepted");
    expect(warn(fixture, bob, "more")).to.equal("LIMIT_REACHED");
    expect(warn(fixture, bob, "w1"), "the same again").to.equal("accepted");
    expect(warn(fixture, cleo, "hers")).to.equal("accepted");
    fixture.pass(hourMs);
    expect(warn(fixture, bob, "more")).to.equal("accepted");
    for (let at = 0; at < 2 * actorLimits.noticesKept; at += 1) {
      const room = `room/trap${at}` as const;
      fixture.ok(ada, room, { type: "create" });
      fixture.ok(bob, room, { type: "join" });
      fixture.ok("gateway", room, { type: "warn", by: ada, member: bob, id: `t${at}`, reason: "spam" });
    }
    const { notices } = fixture.ok<UserView>(bob, bob, { type: "describe" });
    const of = (action: string) => (notices ?? []).filter((one) => one.action === action);
    expect(of("passwordReset")).to.have.length(1);
    expect(of("roomWarned").map(({ facts }) => facts["id"])).to.deep.equal(["t59", "t60", "t61", "t62", "t63"]);
    fixture.ok("gateway", "room/trap62", { type: "warn", by: ada, member: bob, id: "again", reason: "spam" });
    const now = fixture.ok<UserView>(bob, bob, { type: "describe" }).notices ?? [];
    expect(now.map(({ facts }) => facts["id"])).to.deep.equal([undefined, "t59", "t60", "t61", "t63", "again"]);
  });

  it("is told to all who can be reached, though others cannot", () => {
    const fixture = moderated();
    const before = actorLimits.storedToldAtOnce;
    try {
      (actorLimits as { storedToldAtOnce: number }).storedToldAtOnce = 1;
      for (const one of [bob, cleo, "user/dan"] as const) {
        fixture.do(one, lobby, { type: "join" });
        fixture.cutOff(one);
        warn(fixture, one, `w ${one}`);
      }
      for (const one of [cleo, "user/dan"] as const) fixture.reach(one);
      fixture.crash(lobby);
      fixture.pass(600_000);
      expect(fixture.stateOf<Room>(lobby).warnings?.map(({ untold = false }) => untold)).to.deep.equal([true, false, false]); // prettier-ignore
      fixture.reach(bob);
      fixture.pass(600_000);
      expect(fixture.stateOf<Room>(lobby).warnings?.filter(({ untold }) => untold)).to.deep.equal([]);
    } finally {
      (actorLimits as { storedToldAtOnce: number }).storedToldAtOnce = before;
    }
  });

  it("is one of the newest that are kept, and goes with the account, as its mute does", () => {
    const fixture = moderated();
    for (let at = 0; at <= actorLimits.warningsPerMemberMax; at += 1) {
      fixture.pass(hourMs);
      warn(fixture, bob, `w${at}`);
    }
    expect(warnings(fixture)).to.have.length(actorLimits.warningsPerMemberMax);
    expect(warnings(fixture).at(-1)).to.include({ id: "w1" });
    mute(fixture, bob, { reason: "for all of it" });
    fixture.ok(bob, lobby, { type: "leave" });
    expect(warnings(fixture)).to.have.length(actorLimits.warningsPerMemberMax);
    fixture.ok(bob, lobby, { type: "depart" });
    expect(warnings(fixture)).to.deep.equal([]);
    expect(JSON.stringify(fixture.stateOf(lobby))).not.to.match(/for w|for all of it/);
    expect(JSON.stringify(fixture.ok(ada, lobby, { type: "resume", after: 0 }))).not.to.include("for all of it");
  });
});
