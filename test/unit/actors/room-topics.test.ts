import { expect } from "chai";
import { assert as property, integer, property as holds, uniqueArray } from "fast-check";
import {
  isSeen,
  seenBefore,
  seenBehind,
  seenCount,
  wireLimits,
  withSeenMessage,
  type SeenMessages,
} from "../../../protocols/index.ts";
import type { Result, RoomEvent, RoomMessage, RoomTopics, RoomUnread } from "../../../protocols/index.ts";
import { actorLimits } from "../../../actors/limits.ts";
import type { Room } from "../../../actors/room/shape.ts";
import type { Fixture } from "./fixture.ts";
import { inLobby, lobby, post, texts, type Page } from "./lobby.ts";

const topics = (fixture: Fixture, who = "ada", more: object = {}): RoomTopics =>
  fixture.ok(`user/${who}`, lobby, { type: "topics", ...more });
const names = (list: RoomTopics): readonly string[] => list.topics.map(({ topic }) => topic);
const history = (fixture: Fixture, more: object): Page =>
  fixture.ok("user/ada", lobby, { type: "history", limit: 200, ...more });
const unread = (fixture: Fixture, who: string): RoomUnread => fixture.ok(`user/${who}`, lobby, { type: "summary" });
const move = (fixture: Fixture, who: string, more: object): { readonly moved: number; readonly topic?: string } =>
  fixture.ok(`user/${who}`, lobby, { type: "moveTopic", ...more });

const codeOf = (result: Result<unknown> | undefined) => (result?.ok === true ? "done" : result?.error.code);

describe("topics of a room", () => {
  it("are what messages are about: one name whatever its case, and a page of each", () => {
    const fixture = inLobby();
    post(fixture, "ada", "one", { topic: "Release  5 " });
    post(fixture, "bob", "nothing");
    post(fixture, "bob", "two", { topic: "release 5" });
    post(fixture, "bob", "three", { topic: "Lunch" });
    expect(names(topics(fixture))).to.deep.equal(["Lunch", "Release 5"]);
    expect(texts(history(fixture, { topic: "RELEASE 5" }))).to.deep.equal(["one", "two"]);
    expect(history(fixture, {}).messages.map(({ topic }) => topic)).to.deep.equal([
      "Release 5",
      undefined,
      "Release 5",
      "Lunch",
    ]);
    expect(names(topics(fixture, "ada", { find: "rel" }))).to.deep.equal(["Release 5"]);
    const page = topics(fixture, "ada", { limit: 1 });
    expect(page.more).to.equal(true);
    expect(names(topics(fixture, "ada", { limit: 1, before: page.topics[0]?.lastSeq }))).to.deep.equal(["Release 5"]);
  });

  it("are those of their threads, and a move takes the thread along", () => {
    const fixture = inLobby();
    const { seq } = post(fixture, "ada", "one", { topic: "release" });
    post(fixture, "bob", "answer", { replyTo: seq, topic: "other" });
    post(fixture, "bob", "too", { replyTo: seq, alsoInRoom: true });
    expect(topics(fixture).topics[0]).to.include({ topic: "release", count: 3 });
    expect(move(fixture, "ada", { seq: seq + 1, into: "lunch" })).to.deep.equal({ moved: 3, topic: "lunch" });
    expect(names(topics(fixture))).to.deep.equal(["lunch"]);
    expect(texts(history(fixture, { topic: "lunch" }))).to.deep.equal(["one", "answer", "too"]);
    expect(texts(history(fixture, { topic: "lunch", roomOnly: true }))).to.deep.equal(["one", "too"]);
    expect(texts(history(fixture, { topic: "release" }))).to.deep.equal([]);
  });

  it("are renamed with all that is in them, also with hundreds of messages, and what was set of them stays", () => {
    const fixture = inLobby();
    for (let nth = 1; nth <= 130; nth += 1) post(fixture, "bob", `t${nth}`, { topic: nth % 2 === 0 ? "one" : "other" });
    fixture.ok("user/cleo", lobby, { type: "followTopic", topic: "one", interest: "follow" });
    fixture.ok("user/bob", lobby, { type: "resolveTopic", topic: "one", resolved: true });
    expect(fixture.code("user/cleo", lobby, { type: "moveTopic", topic: "one", into: "new" })).to.equal("FORBIDDEN");
    expect(move(fixture, "ada", { topic: "ONE", into: "new" })).to.deep.equal({ moved: 65, topic: "new" });
    expect(move(fixture, "ada", { topic: "one", into: "new" })).to.deep.equal({ moved: 0, topic: "new" });
    const [first] = topics(fixture, "cleo").topics;
    expect(first).to.deep.include({ topic: "new", count: 65, resolved: true, interest: "follow", unread: 65 });
    expect(unread(fixture, "cleo").topics).to.deep.equal({ new: "follow" });
    expect(history(fixture, { topic: "new" }).messages).to.have.length(65);
    expect(move(fixture, "ada", { topic: "new", into: "New" }).topic).to.equal("New");
    expect(topics(fixture, "cleo").topics[0]).to.deep.include({ topic: "New", count: 65, interest: "follow" });
    expect(history(fixture, { topic: "new" }).messages.every(({ topic }) => topic === "New")).to.equal(true);
  });

  it("let their author move a message of his own, and moderators those of others, with all later ones", () => {
    const fixture = inLobby();
    const first = post(fixture, "ada", "one", { topic: "release" }).seq;
    const second = post(fixture, "bob", "two", { topic: "release" }).seq;
    post(fixture, "cleo", "answer", { replyTo: first });
    post(fixture, "bob", "three", { topic: "release" });
    expect(fixture.code("user/bob", lobby, { type: "moveTopic", seq: first, into: "x" })).to.equal("FORBIDDEN");
    expect(fixture.code("user/ada", lobby, { type: "moveTopic", seq: second, topic: "x", into: "y" })).to.equal(
      "CHANGED_MEANWHILE",
    );
    expect(move(fixture, "ada", { seq: second, into: "lunch", later: true }).moved).to.equal(2);
    expect(texts(history(fixture, { topic: "release" }))).to.deep.equal(["one", "answer"]);
    expect(texts(history(fixture, { topic: "lunch" }))).to.deep.equal(["two", "three"]);
    // Without a topic again.
    expect(move(fixture, "bob", { seq: second })).to.deep.equal({ moved: 1 });
    expect(history(fixture, { topic: "lunch" }).messages).to.have.length(1);
    expect(move(fixture, "ada", { seq: second, into: "lunch", later: true }).moved).to.equal(1);
  });

  it("are read one by one, and what is unread in them is together what is unread in the room", () => {
    const fixture = inLobby();
    post(fixture, "ada", "a1", { topic: "a" });
    post(fixture, "ada", "b1", { topic: "b" });
    post(fixture, "ada", "a2", { topic: "a" });
    post(fixture, "ada", "none");
    const counts = () => {
      const { topics: all, without, unread: room } = topics(fixture, "bob");
      expect(all.reduce((sum, one) => sum + one.unread, without)).to.equal(room.unread);
      return [...all.map(({ topic, unread: count }) => `${topic} ${count}`), `none ${without}`];
    };
    expect(counts()).to.deep.equal(["a 2", "b 1", "none 1"]);
    fixture.ok("user/bob", lobby, { type: "markRead", seq: 4, topic: "a" });
    expect(counts()).to.deep.equal(["a 0", "b 1", "none 1"]);
    // The marker stands before the first that is unread.
    expect(unread(fixture, "bob")).to.deep.include({ readSeq: 1, unread: 2, seen: [[3, 3]] });
    fixture.ok("user/bob", lobby, { type: "markUnread", seq: 3 });
    expect(counts()).to.deep.equal(["a 1", "b 1", "none 1"]);
    fixture.ok("user/bob", lobby, { type: "markRead", seq: 4, topic: "a" });
    // A message that was read stays so wherever it goes.
    move(fixture, "ada", { topic: "a", into: "b" });
    expect(counts()).to.deep.equal(["b 1", "none 1"]);
    fixture.ok("user/bob", lobby, { type: "markRead", seq: 4, topic: "b" });
    expect(unread(fixture, "bob")).to.deep.include({ readSeq: 3, unread: 1 });
    expect(unread(fixture, "bob")).to.not.have.property("seen");
  });

  it("are muted: only mentions in them are unread", () => {
    const fixture = inLobby();
    post(fixture, "ada", "a1", { topic: "a" });
    fixture.ok("user/bob", lobby, { type: "markRead", seq: 1 });
    fixture.ok("user/bob", lobby, { type: "followTopic", topic: "a", interest: "mute" });
    post(fixture, "ada", "a2", { topic: "a" });
    expect(unread(fixture, "bob")).to.deep.include({ unread: 0, topics: { a: "mute" } });
    post(fixture, "ada", "a3 @bob", { topic: "a" });
    expect(unread(fixture, "bob")).to.deep.include({ unread: 1, mentioned: true });
    fixture.ok("user/bob", lobby, { type: "followTopic", topic: "a", interest: "none" });
    post(fixture, "ada", "a4", { topic: "a" });
    expect(unread(fixture, "bob")).to.deep.include({ unread: 2 });
  });

  it("add a bounded number of bytes to what a member is told of the room, at worst", () => {
    const fixture = inLobby();
    const { topicReadMax, topicInterestsMax } = wireLimits;
    // The longest names, in a script of three bytes a character.
    const nameOf = (nth: number): string => `${"書".repeat(55)}${nth}`;
    for (let nth = 0; nth <= topicInterestsMax; nth += 1) post(fixture, "ada", "x", { topic: nameOf(nth) });
    for (let nth = 0; nth < topicInterestsMax; nth += 1)
      fixture.ok("user/bob", lobby, { type: "followTopic", topic: nameOf(nth), interest: "follow" });
    const more = { type: "followTopic", topic: nameOf(topicInterestsMax), interest: "follow" };
    expect(fixture.code("user/bob", lobby, more)).to.equal("LIMIT_REACHED");
    // One is read and the next one not, so that each is a stretch.
    for (let nth = 0; nth < topicReadMax + 50; nth += 1) {
      const { seq } = post(fixture, "ada", "read", { topic: "odd" });
      post(fixture, "ada", "not", { topic: "even" });
      fixture.code("user/bob", lobby, { type: "markRead", seq, topic: "odd" });
    }
    const { seen = [], topics: interests = {} } = unread(fixture, "bob");
    expect([seen.length, Object.keys(interests).length]).to.deep.equal([topicReadMax, topicInterestsMax]);
    expect(Buffer.byteLength(JSON.stringify({ seen, interests }))).to.be.below(24 * 1024);
  });

  it("are asked for where a room says so: what names none, as agents and what was scheduled, is in a general one", () => {
    const fixture = inLobby();
    fixture.ok("user/ada", lobby, { type: "setRules", topicsNeeded: true });
    const { seq } = post(fixture, "bob", "hi");
    post(fixture, "ada", "answer", { replyTo: seq });
    const later = { type: "schedule", room: "lobby", text: "later", atMs: fixture.nowMs + 60_000 };
    fixture.ok("user/bob", "user/bob", { ...later, topic: "release" });
    fixture.ok("user/bob", "user/bob", later);
    fixture.pass(120_000);
    expect(
      history(fixture, {})
        .messages.map(({ topic }) => topic)
        .toSorted((one = "", other = "") => one.localeCompare(other)),
    ).to.deep.equal(["General", "General", "General", "release"]);
    // None is none that a message could go to.
    expect(move(fixture, "ada", { topic: "release" })).to.deep.equal({ moved: 1, topic: "General" });
  });

  it("are heard of by everybody who follows the room, and old rooms have none", () => {
    const fixture = inLobby();
    expect(topics(fixture).topics).to.deep.equal([]);
    const { seq } = post(fixture, "ada", "one");
    move(fixture, "ada", { seq, into: "release" });
    const last = (): RoomEvent | undefined => fixture.stream(lobby).at(-1)?.event as RoomEvent | undefined;
    const moved = last() as Extract<RoomEvent, { type: "topicMoved" }>;
    expect(moved.messages.map((message: RoomMessage) => message.topic)).to.deep.equal(["release"]);
    fixture.ok("user/bob", lobby, { type: "resolveTopic", topic: "release", resolved: true });
    expect(last()).to.deep.equal({ type: "topicResolved", topic: "release", resolved: true, by: "user/bob" });
    fixture.ok("user/bob", lobby, { type: "resolveTopic", topic: "release", resolved: false });
    expect(topics(fixture).topics[0]).to.not.have.property("resolved");
  });

  it("say nothing of a text that was deleted after it was moved: not in what is resumed, nor in records", () => {
    const fixture = inLobby();
    const { seq, at } = post(fixture, "bob", "a secret", { topic: "one" });
    move(fixture, "ada", { seq, into: "two" });
    fixture.ok("user/bob", lobby, { type: "delete", seq });
    const { events } = fixture.ok<{ events: readonly unknown[] }>("user/cleo", lobby, { type: "resume", after: at });
    expect(events).to.have.length(2);
    expect(JSON.stringify(events)).to.not.include("a secret");
    for (const prefix of ["message/", "topic/"])
      expect(JSON.stringify(fixture.records(lobby, prefix))).to.not.include("a secret");
  });

  it("are read and moved as the message's own record is, whatever a node that knows no topics did to that", () => {
    const fixture = inLobby();
    for (let nth = 1; nth <= 300; nth += 1) post(fixture, "bob", `t${nth}`, nth % 7 === 0 ? { topic: "one" } : {});
    // A node of the version before rewrites the message's record and no other.
    const rows = fixture.records(lobby, "message/").map(({ key, value }) => ({ key, value: value as RoomMessage }));
    const emptied = rows.filter(({ value }) => value.seq === 7 || value.seq === 70);
    fixture.putRecords(
      lobby,
      emptied.map(({ key, value }) => ({ key, value: { ...value, text: "", deletedAtMs: 5 } })),
    );
    const shown = (topic: string) => texts(history(fixture, { topic })).filter((text) => text !== "");
    expect(shown("one")).to.have.length(40).and.not.include.members(["t7"]);
    expect(shown("one")[0]).to.equal("t14");
    move(fixture, "ada", { topic: "one", into: "two" });
    expect(shown("two")).to.have.length(40);
    expect(texts(history(fixture, { after: 5, limit: 2 }))[1]).to.equal("");
    expect(texts(history(fixture, { topic: "two", limit: 3 }))).to.deep.equal(["t280", "t287", "t294"]);
    fixture.ok("user/cleo", lobby, { type: "markRead", seq: 300, topic: "two" });
    expect(topics(fixture, "cleo").topics[0]).to.include({ topic: "two", unread: 0 });
    // What such a node has left of the topic goes when it is deleted once more.
    fixture.ok("user/bob", lobby, { type: "delete", seq: 7 });
    fixture.ok("gateway", lobby, { type: "deleteMessages", by: "user/bob", seqs: [70] });
    expect(history(fixture, { topic: "two" }).messages).to.have.length(40);
    expect(topics(fixture).topics[0]).to.include({ count: 40 });
  });

  it("let nobody who is muted, or may not post, rename or resolve one, nor go on with it", () => {
    const fixture = inLobby();
    post(fixture, "bob", "one", { topic: "a" });
    const rename = { type: "moveTopic", topic: "a", into: "b" };
    const resolve = { type: "resolveTopic", topic: "a", resolved: true };
    fixture.ok("user/ada", lobby, { type: "setRules", posting: "moderators" });
    for (const command of [rename, resolve, { type: "moveTopic", seq: 1, into: "b" }])
      expect(fixture.code("user/bob", lobby, command)).to.equal("FORBIDDEN");
    fixture.ok("user/ada", lobby, { type: "setRules", posting: "members" });
    fixture.ok("gateway", lobby, { type: "mute", by: "user/ada", member: "user/bob", reason: "noise" });
    for (const command of [rename, resolve]) expect(fixture.code("user/bob", lobby, command)).to.equal("MUTED");
    expect(fixture.code("user/ada", lobby, rename)).to.equal("accepted");
  });

  it("are renamed one at a time, whole, with what is written meanwhile", () => {
    const fixture = inLobby();
    for (let nth = 1; nth <= 200; nth += 1) post(fixture, "bob", `t${nth}`, { topic: "a" });
    const begun = ["b", "c"].map((into) => fixture.begin("user/ada", lobby, { type: "moveTopic", topic: "a", into }));
    for (let left = 12; left > 0; left -= 1) fixture.step();
    expect(fixture.records(lobby, "topic/b/")).to.have.length.within(1, 199);
    const late = fixture.begin("user/cleo", lobby, { type: "post", text: "late", topic: "A" });
    const answered = fixture.begin("user/cleo", lobby, { type: "post", text: "too", replyTo: 200 });
    fixture.settle();
    expect(begun.map((answer) => codeOf(answer()))).to.deep.equal(["done", "OVERLOADED"]);
    expect([late, answered].map((answer) => codeOf(answer()))).to.deep.equal(["done", "done"]);
    expect(topics(fixture).topics).to.have.length(1);
    expect(topics(fixture).topics[0]).to.include({ topic: "b", count: 202 });
    expect(fixture.records(lobby, "topic/")).to.have.length(202);
    expect(move(fixture, "ada", { topic: "b", into: "c" })).to.deep.equal({ moved: 202, topic: "c" });
  });

  it("are moved by authors in small numbers, all or nothing, and the refusal says why", () => {
    const fixture = inLobby();
    for (let nth = 1; nth <= 40; nth += 1) post(fixture, "bob", `t${nth}`, { topic: "a" });
    const refused = fixture.do("user/bob", lobby, { type: "moveTopic", topic: "a", into: "b" });
    expect(refused).to.have.nested.property("error.code", "LIMIT_REACHED");
    expect(refused).to.have.nested.property("error.details.limit", "topicMovedAtOnce");
    expect(topics(fixture).topics).to.have.length(1);
    for (let nth = 1; nth <= 101; nth += 1) post(fixture, "cleo", `r${nth}`, { replyTo: 5 });
    expect(fixture.do("user/bob", lobby, { type: "moveTopic", seq: 5, into: "b" })).to.have.nested.property(
      "error.details.limit",
      "topicMovedByAuthorMax",
    );
    expect(move(fixture, "ada", { seq: 5, into: "b" }).moved).to.equal(102);
    expect(move(fixture, "bob", { seq: 6, into: "b" }).moved).to.equal(1);
  });

  it("are gone with their last message, name and all, but for those who interest something of them", () => {
    const fixture = inLobby();
    post(fixture, "bob", "one", { topic: "Spam" });
    post(fixture, "bob", "two", { topic: "spam" });
    post(fixture, "bob", "three", { topic: "Loud" });
    fixture.ok("user/cleo", lobby, { type: "followTopic", topic: "loud", interest: "mute" });
    fixture.ok("user/bob", lobby, { type: "delete", seq: 1 });
    expect(topics(fixture).topics.map(({ topic, count }) => `${topic} ${count}`)).to.deep.equal(["Loud 1", "Spam 1"]);
    fixture.ok("gateway", lobby, { type: "deleteMessages", by: "user/ada", seqs: [2, 3] });
    expect(topics(fixture).topics).to.deep.equal([]);
    expect(JSON.stringify([fixture.records(lobby, "message/"), fixture.records(lobby, "topic/")])).to.not.match(
      /spam/iu,
    );
    expect(JSON.stringify(fixture.stateOf<Room>(lobby).topics)).to.not.match(/spam/iu);
    // It is muted still if it comes back.
    post(fixture, "bob", "four", { topic: "loud" });
    expect(topics(fixture, "cleo").topics[0]).to.deep.include({ topic: "Loud", count: 1, unread: 0, interest: "mute" });
    fixture.ok("user/bob", lobby, { type: "delete", seq: 4 });
    fixture.ok("user/cleo", lobby, { type: "followTopic", topic: "loud", interest: "none" });
    expect(fixture.stateOf<Room>(lobby).topics?.size).to.equal(0);
    expect(fixture.refold(lobby)).to.deep.equal(fixture.stateOf(lobby));
  });

  it("are begun by one member in a number that leaves room for others", () => {
    const fixture = inLobby();
    for (let nth = 1; nth <= actorLimits.roomTopicsPerMemberMax; nth += 1)
      post(fixture, "bob", "x", { topic: `${nth}` });
    expect(fixture.code("user/bob", lobby, { type: "post", text: "x", topic: "more" })).to.equal("LIMIT_REACHED");
    post(fixture, "bob", "x", { topic: "7" });
    post(fixture, "cleo", "x", { topic: "more" });
  });

  it("are all on their pages, also two that one message was in last", () => {
    const fixture = inLobby();
    for (const topic of ["c", "b", "a"]) post(fixture, "ada", topic, { topic });
    post(fixture, "ada", "last", { topic: "c" });
    for (const into of ["b", "a"]) move(fixture, "ada", { seq: 4, into });
    const pages: string[] = [];
    let next: object = {};
    for (let page = 0; page < 3; page += 1) {
      const [topic] = topics(fixture, "ada", { limit: 1, ...next }).topics;
      pages.push(topic?.topic ?? "");
      next = { before: topic?.lastSeq ?? 0, after: topic?.topic ?? "" };
    }
    expect(pages).to.deep.equal(["a", "b", "c"]);
  });

  it("have a name that can be asked for: too long once normalized is refused", () => {
    const fixture = inLobby();
    const name = "\u0958".repeat(40);
    expect(fixture.code("user/bob", lobby, { type: "post", text: "x", topic: name })).to.equal("BAD_REQUEST");
    post(fixture, "bob", "x", { topic: "a" });
    expect(fixture.code("user/bob", lobby, { type: "moveTopic", seq: 1, into: name })).to.equal("BAD_REQUEST");
    expect(fixture.code("user/bob", lobby, { type: "moveTopic", topic: "a", into: name })).to.equal("BAD_REQUEST");
  });

  it("are muted for good: what is read by that moves the marker, or is one stretch with what was", () => {
    const fixture = inLobby();
    post(fixture, "ada", "a1", { topic: "a" });
    fixture.ok("user/bob", lobby, { type: "followTopic", topic: "a", interest: "mute" });
    fixture.ok("user/bob", lobby, { type: "markRead", seq: 1 });
    for (let nth = 0; nth < 600; nth += 1) post(fixture, "ada", "more", { topic: "a" });
    expect(unread(fixture, "bob")).to.deep.include({ unread: 0, readSeq: 601 }).and.not.have.property("seen");
    post(fixture, "bob", "own");
    post(fixture, "ada", "read this");
    for (let nth = 0; nth < 600; nth += 1) post(fixture, "ada", "more", { topic: "a" });
    expect(unread(fixture, "bob")).to.deep.include({ unread: 1, readSeq: 601, seen: [[604, 1203]] });
    fixture.ok("user/bob", lobby, { type: "markRead", seq: 603 });
    expect(unread(fixture, "bob").unread).to.equal(0);
    post(fixture, "ada", "more", { topic: "a" });
    expect(unread(fixture, "bob")).to.deep.include({ unread: 0, readSeq: 1204 }).and.not.have.property("seen");
    expect(fixture.refold(lobby)).to.deep.equal(fixture.stateOf(lobby));
  });

  it("are read in stretches, which are the messages that were read whatever their order", () => {
    property(
      holds(uniqueArray(integer({ min: 1, max: 30 }), { maxLength: 30 }), integer({ min: 1, max: 30 }), (seqs, at) => {
        const seen = seqs.reduce<SeenMessages>(withSeenMessage, []);
        const all = Array.from({ length: 31 }, (_, seq) => seq);
        const of = (some: SeenMessages) => all.filter((seq) => isSeen(some, seq));
        expect(of(seen)).to.deep.equal(seqs.toSorted((one, other) => one - other));
        expect(seenCount(seen)).to.equal(seqs.length);
        expect(of(seenBehind(seen, at))).to.deep.equal(of(seen).filter((seq) => seq > at));
        expect(of(seenBefore(seen, at))).to.deep.equal(of(seen).filter((seq) => seq < at));
        for (const [index, [first]] of seen.entries())
          expect(first).to.be.greaterThan((seen[index - 1]?.[1] ?? -1) + 1);
      }),
    );
  });

  it("are moved no further by somebody who is a moderator no more", () => {
    const fixture = inLobby();
    fixture.ok("user/ada", lobby, { type: "setRole", member: "user/cleo", role: "moderator" });
    for (let nth = 1; nth <= 200; nth += 1) post(fixture, "bob", `t${nth}`, { topic: "a" });
    const answer = fixture.begin("user/cleo", lobby, { type: "moveTopic", topic: "a", into: "b" });
    for (let left = 12; left > 0; left -= 1) fixture.step();
    fixture.begin("user/ada", lobby, { type: "setRole", member: "user/cleo", role: "member" });
    fixture.settle();
    expect(codeOf(answer())).to.equal("FORBIDDEN");
    expect(
      topics(fixture)
        .topics.map(({ count }) => count)
        .reduce((sum, one) => sum + one, 0),
    ).to.equal(200);
    // The place is free again, and what is left is moved by who may.
    expect(move(fixture, "ada", { topic: "a", into: "b" }).topic).to.equal("b");
    expect(topics(fixture).topics[0]).to.include({ topic: "b", count: 200 });
  });
});
