import { expect } from "chai";
import type { RoomMessage, RoomState, RoomSummary, RoomThread, RoomThreads } from "../../../protocols/index.ts";
import { actorLimits } from "../../../actors/limits.ts";
import type { Fixture } from "./fixture.ts";
import { inLobby, lobby, post, texts, type Page } from "./lobby.ts";

const summary = (fixture: Fixture, who: string): RoomSummary => fixture.ok(`user/${who}`, lobby, { type: "summary" });
const threads = (fixture: Fixture, who: string): readonly RoomThread[] =>
  fixture.ok<RoomThreads>(`user/${who}`, lobby, { type: "threads" }).threads;
const history = (fixture: Fixture, query: object): Page & { readonly newer?: boolean } =>
  fixture.ok("user/ada", lobby, { type: "history", ...query });
const seqs = ({ messages }: Page): readonly number[] => messages.map(({ seq }) => seq);

describe("a thread in a room", () => {
  it("keeps the room quiet: an answer is unread in the thread of those whom it concerns, and nowhere else", () => {
    const fixture = inLobby();
    post(fixture, "ada", "Where is the key?");
    fixture.ok("user/bob", lobby, { type: "markRead", seq: 1 });
    post(fixture, "bob", "Under the stone.", { replyTo: 1 });
    post(fixture, "bob", "Not any more. @cleo?", { replyTo: 1 });
    expect(summary(fixture, "ada")).to.deep.include({ unread: 0, mentioned: false, threads: 1 });
    expect(summary(fixture, "ada").last?.text).to.equal("Where is the key?");
    expect(summary(fixture, "bob")).to.deep.include({ unread: 0, mentioned: false }).and.not.have.property("threads");
    // Cleo is in it since it mentions her, and has not read the room.
    expect(summary(fixture, "cleo")).to.deep.include({ unread: 1, mentioned: true, threads: 1 });
    const last = { seq: 3, author: "user/bob", text: "Not any more. @cleo?", atMs: fixture.nowMs };
    const own = { readSeq: 1, unread: 2, mentioned: false };
    expect(threads(fixture, "ada")).to.deep.equal([{ root: 1, count: 2, last, own }]);
    expect(threads(fixture, "cleo")[0]?.own).to.deep.equal({ readSeq: 2, unread: 1, mentioned: true });
    const { state } = fixture.ok<{ state: RoomState }>("user/ada", lobby, { type: "resume" });
    expect(state.threads).to.deep.equal(threads(fixture, "ada"));
    expect(state.unread).to.deep.equal({ messageSeq: 3, readSeq: 0, unread: 0, mentioned: false });
    expect(texts(history(fixture, { roomOnly: true }))).to.deep.equal(["Where is the key?"]);
    expect(texts(history(fixture, {}))).to.have.length(3);
  });

  it("shows what is also sent to the room there, and counts it there only", () => {
    const fixture = inLobby();
    post(fixture, "ada", "one");
    post(fixture, "bob", "for all", { replyTo: 1, alsoInRoom: true });
    expect(summary(fixture, "ada")).to.deep.include({ unread: 1 }).and.not.have.property("threads");
    expect(texts(history(fixture, { roomOnly: true }))).to.deep.equal(["one", "for all"]);
    expect(history(fixture, {}).messages[1]).to.not.have.property("threadOnly");
    expect(threads(fixture, "ada")[0]?.last).to.include({ text: "for all", alsoInRoom: true });
  });

  it("is read by itself, on every device, and forward only", () => {
    const fixture = inLobby();
    post(fixture, "ada", "one");
    for (const text of ["two", "three", "four"]) post(fixture, "bob", text, { replyTo: 1 });
    const mark = (seq: number) => fixture.ok("user/ada", lobby, { type: "markRead", seq, thread: 1 });
    expect(mark(3)).to.deep.include({ readSeq: 3, thread: 1, unread: 0 });
    expect(threads(fixture, "ada")[0]?.own).to.deep.equal({ readSeq: 3, unread: 1, mentioned: false });
    expect(fixture.signals("user/ada")).to.deep.equal([{ type: "threadRead", in: "lobby", of: 1, seq: 3 }]);
    expect(mark(2)).to.deep.include({ readSeq: 3 });
    mark(4);
    expect(summary(fixture, "ada")).to.not.have.property("threads");
    fixture.crash(lobby);
    expect(threads(fixture, "ada")[0]?.own).to.deep.equal({ readSeq: 4, unread: 0, mentioned: false });
    // Who follows nothing has nothing to read, and may say so.
    expect(fixture.ok("user/cleo", lobby, { type: "markRead", seq: 4, thread: 1 })).to.deep.include({ readSeq: 4 });
  });

  it("is unread again from an answer on, with the mentions behind it, also on other devices and after a crash", () => {
    const fixture = inLobby();
    post(fixture, "ada", "one");
    for (const text of ["two", "@ada three", "four"]) post(fixture, "bob", text, { replyTo: 1 });
    const own = () => threads(fixture, "ada")[0]?.own;
    const before = own();
    fixture.ok("user/ada", lobby, { type: "markRead", seq: 4, thread: 1 });
    const back = (seq: number) => fixture.ok("user/ada", lobby, { type: "markUnread", seq, thread: 1 });
    expect(back(3)).to.deep.include({ readSeq: 2, thread: 1 });
    expect(own()).to.deep.equal({ readSeq: 2, unread: 2, mentioned: true });
    expect(fixture.signals("user/ada").at(-1)).to.deep.equal({
      type: "threadRead",
      in: "lobby",
      of: 1,
      seq: 2,
      own: { readSeq: 2, unread: 2, mentioned: true },
    });
    back((before?.readSeq ?? 0) + 1);
    fixture.crash(lobby);
    expect(own()).to.deep.equal(before);
    expect(back(4)).to.deep.include({ readSeq: before?.readSeq ?? 0 });
    expect(own()).to.deep.equal(before);
    const code = (who: `user/${string}`, seq: number, thread: number) =>
      fixture.code(who, lobby, { type: "markUnread", seq, thread });
    expect([code("user/ada", 2, 9), code("user/cleo", 2, 1), code("user/ada", 9, 1)]).to.deep.equal(
      Array.from({ length: 3 }, () => "NOT_FOUND"),
    );
  });

  it("shows of its newest answer what that says now", () => {
    const fixture = inLobby();
    post(fixture, "ada", "one");
    post(fixture, "bob", "secret @cleo", { replyTo: 1 });
    fixture.ok("user/bob", lobby, { type: "edit", seq: 2, text: "open" });
    expect(threads(fixture, "cleo")[0]).to.have.nested.property("last.text", "open");
    expect(summary(fixture, "cleo").mentioned).to.equal(false);
    fixture.ok("user/bob", lobby, { type: "edit", seq: 2, text: "@cleo again" });
    expect(summary(fixture, "cleo").mentioned).to.equal(true);
    fixture.ok("user/bob", lobby, { type: "delete", seq: 2 });
    expect(threads(fixture, "cleo")[0]).to.deep.include({ count: 1 }).and.have.nested.property("last.text", "");
    expect(summary(fixture, "cleo").mentioned).to.equal(false);
  });

  it("has the answer of an agent where it was asked: in the room, or in the thread", () => {
    const fixture = inLobby();
    fixture.ok("user/ada", "user/ada", { type: "createAgent", name: "helper" });
    fixture.ok("user/ada", lobby, { type: "invite", member: "agent/ada.helper" });
    const answer = (seq: number, generation: string) =>
      fixture.ok("agent/ada.helper", lobby, { type: "post", text: "yes", replyTo: seq, generation });
    const inRoom = post(fixture, "bob", "hello");
    const root = post(fixture, "bob", "here");
    const inThread = post(fixture, "bob", "there", { replyTo: root.seq });
    const both = post(fixture, "bob", "both", { replyTo: root.seq, alsoInRoom: true });
    answer(inRoom.seq, "a");
    answer(inThread.seq, "b");
    answer(both.seq, "c");
    const answers = history(fixture, {}).messages.filter(({ author }) => author === "agent/ada.helper");
    expect(answers.map(({ threadOnly, replyTo }) => [replyTo, threadOnly])).to.deep.equal([
      [inRoom.seq, undefined],
      [root.seq, true],
      [root.seq, undefined],
    ]);
  });

  it("keeps those that were written in last, and leaves who leaves", () => {
    const fixture = inLobby();
    const count = actorLimits.roomThreadsKept + 3;
    for (let index = 1; index <= count; index += 1) post(fixture, "ada", `root ${index}`);
    for (let root = 1; root <= count; root += 1) post(fixture, "bob", "answer", { replyTo: root });
    expect(threads(fixture, "ada").map(({ root }) => root)).to.deep.equal(
      Array.from({ length: actorLimits.roomThreadsKept }, (_, index) => index + 4),
    );
    expect(summary(fixture, "ada").threads).to.equal(actorLimits.roomThreadsKept);
    fixture.ok("user/bob", lobby, { type: "leave" });
    fixture.ok("user/bob", lobby, { type: "join" });
    expect(threads(fixture, "bob").filter(({ own }) => own !== undefined)).to.deep.equal([]);
  });
});

describe("a page around a message", () => {
  function longRoom(): Fixture {
    const fixture = inLobby();
    post(fixture, "ada", "root");
    for (let seq = 2; seq <= 600; seq += 1)
      if (seq > 200 && seq <= 460) post(fixture, "bob", `m${seq}`, { replyTo: 1 });
      else post(fixture, "bob", `m${seq}`);
    return fixture;
  }
  const numbers = (from: number, to: number): readonly number[] =>
    Array.from({ length: to - from + 1 }, (_, index) => from + index);

  it("has half of it from before, the other half from it on, and says what there is on both sides", () => {
    const fixture = longRoom();
    const page = history(fixture, { around: 100, limit: 10 });
    expect(seqs(page)).to.deep.equal(numbers(95, 104));
    expect(page).to.deep.include({ more: true, newer: true });
    const first = history(fixture, { around: 2, limit: 10 });
    expect(seqs(first)).to.deep.equal(numbers(1, 6));
    expect(first).to.deep.include({ more: false, newer: true });
    // From what is in memory and from what is not.
    const end = history(fixture, { around: 598, limit: 10 });
    expect(seqs(end)).to.deep.equal(numbers(593, 600));
    expect(end).to.deep.include({ more: true, newer: false });
    expect(seqs(history(fixture, { around: 501, limit: 10 }))).to.deep.equal(numbers(496, 505));
    expect(seqs(history(fixture, { around: 9_999, limit: 4 }))).to.deep.equal([599, 600]);
    expect(fixture.code("user/ada", lobby, { type: "history", around: 3, before: 4 })).to.equal("BAD_REQUEST");
  });

  it("goes over what is in threads only, however much that is, and on from there", () => {
    const fixture = longRoom();
    const page = history(fixture, { around: 461, limit: 6, roomOnly: true });
    expect(seqs(page)).to.deep.equal([198, 199, 200, 461, 462, 463]);
    expect(seqs(history(fixture, { before: 461, limit: 2, roomOnly: true }))).to.deep.equal([199, 200]);
    expect(seqs(history(fixture, { after: 200, limit: 2, roomOnly: true }))).to.deep.equal([461, 462]);
    const inThread = history(fixture, { around: 300, limit: 4, thread: 1 });
    expect(seqs(inThread)).to.deep.equal([298, 299, 300, 301]);
    // All of the room's lines, page by page and from both ends.
    const lines = [...numbers(1, 200), ...numbers(461, 600)];
    const forward: number[] = [];
    for (let more = true; more;) {
      const next = history(fixture, { after: forward.at(-1) ?? 0, limit: 50, roomOnly: true });
      forward.push(...seqs(next));
      more = next.more;
    }
    expect(forward).to.deep.equal(lines);
    const backward: RoomMessage[] = [];
    for (let more = true; more;) {
      const next = history(fixture, { before: backward[0]?.seq ?? 601, limit: 50, roomOnly: true });
      backward.unshift(...next.messages);
      more = next.more;
    }
    expect(backward.map(({ seq }) => seq)).to.deep.equal(lines);
  });
});

describe("a thread that somebody follows or mutes", () => {
  const follow = (fixture: Fixture, who: string, on: boolean, seq = 1) =>
    fixture.code(`user/${who}`, lobby, { type: "followThread", seq, follow: on });
  const own = (fixture: Fixture, who: string) => threads(fixture, who)[0]?.own;
  const inThread = () => {
    const fixture = inLobby();
    post(fixture, "ada", "one");
    post(fixture, "bob", "two", { replyTo: 1 });
    return fixture;
  };

  it("tells who follows it what is unread from then on, on every device", () => {
    const fixture = inThread();
    expect(own(fixture, "cleo")).to.equal(undefined);
    expect(follow(fixture, "cleo", true)).to.equal("accepted");
    expect(own(fixture, "cleo")).to.deep.equal({ readSeq: 2, unread: 0, mentioned: false });
    expect(fixture.signals("user/cleo").at(-1)).to.deep.equal({
      type: "threadFollowed",
      in: "lobby",
      of: 1,
      follow: true,
    });
    post(fixture, "bob", "three", { replyTo: 1 });
    fixture.crash(lobby);
    expect(own(fixture, "cleo")).to.include({ unread: 1 });
  });

  it("says nothing to who muted it but that they are mentioned, also after they wrote in it", () => {
    const fixture = inThread();
    expect(follow(fixture, "ada", false)).to.equal("accepted");
    expect(summary(fixture, "ada")).to.not.have.property("threads");
    post(fixture, "bob", "three", { replyTo: 1 });
    post(fixture, "ada", "four", { replyTo: 1 });
    post(fixture, "bob", "five", { replyTo: 1 });
    expect(own(fixture, "ada")).to.deep.equal({ readSeq: 4, unread: 0, mentioned: false, muted: true });
    post(fixture, "bob", "@ada six", { replyTo: 1 });
    expect(summary(fixture, "ada")).to.include({ mentioned: true, threads: 1 });
    expect(follow(fixture, "ada", true)).to.equal("accepted");
    expect(own(fixture, "ada")).to.deep.equal({ readSeq: 6, unread: 0, mentioned: false });
  });

  it("is one that is known, with a place for who wants to follow", () => {
    const fixture = inThread();
    expect(follow(fixture, "ada", true, 2)).to.equal("NOT_FOUND");
    for (let index = 0; index < actorLimits.threadReadersMax - 2; index += 1) {
      fixture.ok(`user/p${index}`, lobby, { type: "join" });
      expect(follow(fixture, `p${index}`, true)).to.equal("accepted");
    }
    expect(follow(fixture, "cleo", true)).to.equal("LIMIT_REACHED");
    expect(follow(fixture, "cleo", false)).to.equal("accepted");
  });
});
