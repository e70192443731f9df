import { expect } from "chai";
import { assert as property, property as forAll, array, constantFrom, integer, record } from "fast-check";
import type { ConversationTurn, RoomMessage, RoomState } from "../../../protocols/index.ts";
import { failure } from "../../../protocols/index.ts";
import { mayEnter, staysWithPeople } from "../../../web/src/view/room/staying.ts";
import { groupKey } from "../../../protocols/kinds/room-group.ts";
import { isPlain, readMarkdown, visibleText } from "../../../protocols/reading/index.ts";
import { readPlain } from "../../../protocols/reading/plain.ts";
import {
  appendPiece,
  emptyAgent,
  emptyRoom,
  foldAgent,
  foldRoom,
  groupRooms,
  isWriting,
  listAfterNews,
  listAfterRead,
  listAfterSummary,
  listAfterRoom,
  mayBecome,
  mentionAt,
  messageAt,
  otherPerson,
  roomTitle,
  pendingShown,
  plainLine,
  roomNameFrom,
  stateOf,
  threadOf,
  timelineRows,
  windowMessagesMax,
  type AgentInput,
  type RoomInput,
} from "../../../web/src/model/index.ts";

const ada = "user/ada";
const bob = "user/bob";
const message = (seq: number, change: Partial<RoomMessage> = {}): RoomMessage => ({
  seq,
  author: bob,
  text: `message ${seq}`,
  atMs: seq * 1_000,
  ...change,
});
const state = (count: number, from = 1): RoomState => ({
  room: "lobby",
  title: "Lobby",
  topic: "",
  visibility: "public",
  createdAtMs: 0,
  members: {
    [ada]: { role: "owner", joinedAtMs: 0, readSeq: 0 },
    [bob]: { role: "member", joinedAtMs: 0, readSeq: 0 },
  },
  messageSeq: from + count - 1,
  pins: [],
  messages: Array.from({ length: count }, (_, index) => message(from + index)),
});
const room = (...inputs: readonly RoomInput[]) =>
  [{ type: "state", state: state(3) } as const, ...inputs].reduce(foldRoom, { ...emptyRoom, me: ada });
const posted = (given: RoomMessage): RoomInput => ({ type: "event", event: { type: "posted", message: given } });
const mine = { operationId: "o1", text: "hi", atMs: 9_000 };

describe("a poll in the page", () => {
  const poll = { options: [{ text: "Pizza", votes: 1 }, { text: "Soup", votes: 0 }], voters: 1 }; // prettier-ignore

  it("follows the votes, and knows the person's own from the state and from what they do", () => {
    const asked = message(4, { poll });
    const voted = message(4, { poll: { ...poll, voters: 2 } });
    const before = [{ type: "state", state: { ...state(3), votes: { 2: [1] } } } as const, posted(asked)];
    const shown = [
      ...before,
      { type: "event", event: { type: "voted", message: voted, by: bob, choices: [0] } } as const,
    ].reduce(foldRoom, emptyRoom);
    expect(messageAt(shown, 4)?.poll?.voters).to.equal(2);
    expect(shown.votes).to.deep.equal({ 2: [1] });
    const mine = foldRoom(shown, { type: "chose", seq: 4, choices: [0] });
    expect(mine.votes).to.deep.equal({ 2: [1], 4: [0] });
    const closed = message(4, { poll: { ...poll, closedAtMs: 9 } });
    const end = foldRoom(mine, { type: "event", event: { type: "pollClosed", message: closed, by: bob } });
    expect(messageAt(end, 4)?.poll?.closedAtMs).to.equal(9);
    expect(foldRoom(end, { type: "state", state: state(4) }).votes).to.deep.equal({});
  });
});

describe("a room as the page knows it", () => {
  it("adds messages in order, counts them read for their author, and ends the author's typing", () => {
    const typing: RoomInput = { type: "signal", signal: { type: "typing", member: bob, untilMs: 1 }, nowMs: 0 };
    expect(room(typing).typing).to.have.property(bob);
    const model = room(typing, posted(message(4)));
    expect(model.messages.map(({ seq }) => seq)).to.deep.equal([1, 2, 3, 4]);
    expect(model.view?.messageSeq).to.equal(4);
    expect(model.view?.members[bob]?.readSeq).to.equal(4);
    expect(model.typing).to.deep.equal({});
  });

  it("holds each message once, whatever is repeated", () => {
    const event = constantFrom<RoomInput["type"]>("state", "event", "older");
    const input = record({ type: event, seq: integer({ min: 1, max: 12 }) });
    property(
      forAll(array(input, { maxLength: 40 }), (steps) => {
        let model = room();
        for (const { type, seq } of steps) {
          if (type === "state") model = foldRoom(model, { type, state: state(3, Math.max(1, seq)) });
          else if (type === "older")
            model = foldRoom(model, { type, history: { messages: [message(seq)], more: false } });
          else model = foldRoom(model, posted(message(seq)));
          const seqs = model.messages.map((known) => known.seq);
          expect(seqs).to.deep.equal([...new Set(seqs)].toSorted((a, b) => a - b));
        }
      }),
    );
  });

  it("shows a pending post until its own message is there, whichever of answer and event comes first", () => {
    const posting: RoomInput = { type: "posting", post: mine };
    const answer: RoomInput = { type: "posted", operationId: "o1", seq: 4 };
    const event = posted(message(4, { author: ada, text: "hi" }));
    expect(pendingShown(room(posting), ada)).to.have.length(1);
    expect(pendingShown(room(posting, answer), ada)).to.have.length(1);
    expect(pendingShown(room(posting, event), ada)).to.have.length(0);
    expect(room(posting, event, answer).pending).to.have.length(0);
    expect(room(posting, answer, event).pending).to.have.length(0);
  });

  it("does not take an older message with the same text for the pending one", () => {
    const earlier = posted(message(4, { author: ada, text: "hi" }));
    expect(pendingShown(room(earlier, { type: "posting", post: mine }), ada)).to.have.length(1);
  });

  it("holds a post with files until they are up, then sends it behind what was written meanwhile", () => {
    const file = { key: "k1", name: "a.png", type: "image/png", bytes: 9 };
    const held: RoomInput = { type: "posting", post: { ...mine, text: "", files: [file] } };
    // A message of the same author without a text is not the one that waits.
    const other = posted(message(4, { author: ada, text: "" }));
    expect(pendingShown(room(held, other), ada)).to.have.length(1);
    const later: RoomInput = { type: "posting", post: { ...mine, operationId: "o2" } };
    const up: RoomInput = { type: "filesUp", post: { ...mine, text: "", files: [{ ...file, id: "1.lobby" }] } };
    const sent = room(held, later, up);
    expect(sent.pending.map(({ operationId }) => operationId)).to.deep.equal(["o2", "o1"]);
    expect(sent.pending[1]).to.deep.include({ status: "waiting", files: [{ ...file, id: "1.lobby" }] });
    const one = { name: "a.png", type: "image/png", bytes: 9 };
    const strange = posted(message(4, { author: ada, text: "", files: [{ ...one, id: "2.lobby" }] }));
    expect(pendingShown(room(held, up, strange), ada)).to.have.length(1);
    const own = posted(message(4, { author: ada, text: "", files: [{ ...one, id: "1.lobby" }] }));
    expect(pendingShown(room(held, up, own), ada)).to.have.length(0);
  });

  it("keeps a failed post with its reason until it is retried or discarded", () => {
    const failed = room(
      { type: "posting", post: mine },
      { type: "postFailed", operationId: "o1", failure: failure("FORBIDDEN") },
    );
    expect(failed.pending[0]).to.include({ status: "failed" });
    expect(foldRoom(failed, { type: "retrying", operationId: "o1" }).pending[0]).not.to.have.property("failure");
    expect(foldRoom(failed, { type: "discarded", operationId: "o1" }).pending).to.have.length(0);
  });

  it("joins the pieces of a draft, forgets the text after a gap, and ends it with its message", () => {
    const piece = (offset: number, text: string): RoomInput => ({
      type: "signal",
      signal: { type: "draft", agent: "agent/ada.helper", generation: "g", offset, text },
      nowMs: 0,
    });
    expect(room(piece(0, "Hel"), piece(3, "lo")).drafts["g"]?.text).to.equal("Hello");
    expect(room(piece(0, "Hel"), piece(9, "lo")).drafts["g"]?.text).to.equal(undefined);
    const answer = posted(message(4, { author: "agent/ada.helper", generation: "g" }));
    expect(room(piece(0, "Hel"), answer).drafts).to.deep.equal({});
    expect(room(answer, piece(3, "late")).drafts).to.deep.equal({});
  });

  it("replaces an overlapping piece of a draft", () => {
    expect(appendPiece("abcdef", 3, "XYZ!")).to.equal("abcXYZ!");
    expect(appendPiece("abc", 4, "x")).to.equal(undefined);
    expect(appendPiece(undefined, 2, "x")).to.equal(undefined);
    expect(appendPiece("abc", 0, "new")).to.equal("new");
  });

  it("keeps changes of messages that are not in its window, for the panels that loaded them", () => {
    const reacted = message(1, { reactions: { "👍": [ada] } });
    const far = [{ type: "state", state: state(3, 100) } as const].reduce(foldRoom, emptyRoom);
    const model = foldRoom(far, {
      type: "event",
      event: { type: "reacted", message: reacted, by: ada, emoji: "👍", on: true },
    });
    expect(model.messages).to.have.length(3);
    expect(messageAt(model, 1)).to.equal(reacted);
    expect(threadOf(model, 1, [message(1), message(2, { replyTo: 1 })])[0]).to.equal(reacted);
  });

  it("counts as read what was seen here, and is not taken back by an older marker", () => {
    const model = room({ type: "seen", member: ada, seq: 3 });
    expect(model.view?.members[ada]?.readSeq).to.equal(3);
    expect(foldRoom(model, { type: "seen", member: ada, seq: 2 })).to.equal(model);
  });

  it("is what the browser keeps of it: its last lines, and all that is said beside them", () => {
    const inputs: RoomInput[] = [
      posted(message(4, { author: ada, mentions: [bob] })),
      posted(message(5, { replyTo: 2 })),
      { type: "event", event: { type: "deleted", message: message(3, { text: "", deletedAtMs: 9 }), by: bob } },
      { type: "posting", post: mine },
      { type: "chose", seq: 2, choices: [1] },
    ];
    const shown = room(...inputs);
    const kept = stateOf(shown) ?? expect.fail("nothing is kept");
    const again = foldRoom({ ...emptyRoom, me: ada }, { type: "state", state: structuredClone(kept) });
    for (const part of ["view", "messages", "unread", "threads", "votes"] as const)
      expect(again[part], part).to.deep.equal(shown[part]);
    expect(JSON.stringify(kept)).not.to.include("message 3").and.not.to.include(mine.operationId);
    expect(stateOf(room({ type: "state", state: state(80) }))?.messages).to.have.length(50);
    expect(stateOf({ ...emptyRoom, me: ada }), "before the node has said how it is").to.equal(undefined);
    expect(stateOf({ ...shown, newer: true }), "while one reads further back").to.equal(undefined);
  });

  it("bounds its window", () => {
    let model = room();
    for (let seq = 4; seq <= windowMessagesMax + 10; seq += 1) model = foldRoom(model, posted(message(seq)));
    expect(model.messages.length).to.be.at.most(windowMessagesMax);
    expect(model.messages.at(-1)?.seq).to.equal(windowMessagesMax + 10);
  });
});

describe("what happens in a room that the page follows", () => {
  const event = (given: Extract<RoomInput, { type: "event" }>["event"]): RoomInput => ({ type: "event", event: given });
  const by = { by: ada, atMs: 5_000 };

  it("shows who comes, with what was said before as read, who goes, and who has which rank", () => {
    const joined = room(event({ type: "joined", member: "user/eve", role: "member", ...by }));
    expect(joined.view?.members["user/eve"]).to.deep.equal({ role: "member", joinedAtMs: 5_000, readSeq: 3 });
    const promoted = foldRoom(joined, event({ type: "roleSet", member: "user/eve", role: "moderator", ...by }));
    expect(promoted.view?.members["user/eve"]?.role).to.equal("moderator");
    const left = foldRoom(promoted, event({ type: "left", member: "user/eve", ...by }));
    expect(Object.keys(left.view?.members ?? {})).to.deep.equal([ada, bob]);
    // The event may be older than the state that the page has: nobody comes back by it.
    expect(foldRoom(left, event({ type: "roleSet", member: "user/eve", role: "owner", ...by })).view).to.equal(
      left.view,
    );
  });

  it("takes the room's texts, and the whole of a room that is made", () => {
    const texts = room(
      event({ type: "titled", title: "Hall", ...by }),
      event({ type: "topicSet", topic: "News", ...by }),
    );
    expect(texts.view).to.include({ title: "Hall", topic: "News" });
    const { messages, ...view } = state(2);
    expect(messages).to.have.length(2);
    expect(room(event({ type: "created", view: { ...view, title: "Anew" }, by: ada })).view?.title).to.equal("Anew");
  });

  it("leaves bans to the list that is asked for when it is shown", () => {
    const before = room();
    const banned = event({ type: "banned", member: bob, ...by });
    expect(foldRoom(before, banned).view).to.equal(before.view);
    expect(foldRoom(before, event({ type: "unbanned", member: bob, ...by })).view).to.equal(before.view);
  });

  it("changes a message in its place, and pins it once, until it is unpinned", () => {
    for (const type of ["edited", "deleted", "reacted"] as const)
      expect(room(event({ type, message: message(2, { text: type }) } as never)).messages[1]?.text).to.equal(type);
    const pin = (on: boolean) => event({ type: "pinned", message: message(2), on, ...by });
    expect(room(pin(true), pin(true)).view?.pins).to.deep.equal([2]);
    expect(room(pin(true), pin(false)).view?.pins).to.deep.equal([]);
  });

  it("takes a thread's root along with an answer", () => {
    const root = message(1, { replies: { count: 1, lastAtMs: 4_000 } });
    const answered = room(event({ type: "posted", message: message(4, { replyTo: 1 }), root }));
    expect(answered.messages[0]).to.equal(root);
  });

  it("knows no event before the state, and says why a room was refused until there is one", () => {
    expect(foldRoom(emptyRoom, posted(message(1)))).to.equal(emptyRoom);
    const refused = foldRoom(emptyRoom, { type: "refused", reason: failure("FORBIDDEN") });
    expect(refused).to.include({ status: "refused" });
    expect(refused.refusal?.code).to.equal("FORBIDDEN");
    const ready = foldRoom(refused, { type: "state", state: state(1) });
    expect([ready.status, ready.refusal]).to.deep.equal(["ready", undefined]);
  });

  it("finds a message in its window, in one with holes, and apart from it", () => {
    const whole = room(posted(message(4)));
    expect(messageAt(whole, 2)?.seq).to.equal(2);
    const holes = { ...whole, messages: [message(1), message(5)] };
    expect(messageAt(holes, 5)?.seq).to.equal(5);
    const changed = { ...emptyRoom, changed: { 7: message(7) } };
    expect([messageAt(changed, 7)?.seq, messageAt(changed, 8), messageAt(whole, 99)]).to.deep.equal([
      7,
      undefined,
      undefined,
    ]);
  });

  it("shows nothing as pending where nothing is, and two equal posts as two", () => {
    expect(pendingShown(room(), ada)).to.deep.equal([]);
    const twice = room(
      { type: "posting", post: mine },
      { type: "posting", post: { ...mine, operationId: "o2" } },
      posted(message(4, { author: ada, text: "hi" })),
    );
    expect(pendingShown(twice, ada).map(({ operationId }) => operationId)).to.deep.equal(["o2"]);
    const failed = foldRoom(twice, { type: "postFailed", operationId: "o1", failure: failure("OVERLOADED") });
    expect(pendingShown(failed, ada).map(({ operationId }) => operationId)).to.include("o1");
  });

  it("shows with a draft the tools that were called before it, until it says others", () => {
    const rounds = [1, 2].map((value) => ({
      text: "",
      calls: [{ name: "calculator", arguments: "{}", result: `${value}` }],
    }));
    const piece = (change: object): RoomInput => ({
      type: "signal",
      signal: { type: "draft", agent: "agent/ada.helper", generation: "g", offset: 0, text: "", ...change },
      nowMs: 0,
    });
    expect(room(piece({})).drafts["g"]?.rounds).to.deep.equal([]);
    const called = [piece({ rounds: rounds.slice(0, 1) }), piece({ text: "It" }), piece({ offset: 2, text: " is" })];
    expect(room(...called).drafts["g"]).to.deep.include({ text: "It is", rounds: rounds.slice(0, 1) });
    expect(room(...called, piece({ rounds })).drafts["g"]).to.deep.include({ text: "", rounds });
  });

  it("keeps a draft that answers a message beside it, and ends one that is given up", () => {
    const draft = (change: object): RoomInput => ({
      type: "signal",
      signal: { type: "draft", agent: "agent/ada.helper", generation: "g", offset: 0, text: "x", ...change },
      nowMs: 0,
    });
    expect(room(draft({ replyTo: 2 })).drafts["2 agent/ada.helper"]?.replyTo).to.equal(2);
    expect(room(draft({}), draft({ done: true })).drafts).to.deep.equal({});
    expect(room(draft({ done: true })).drafts).to.deep.equal({});
    // A message of an agent whose draft this page never saw.
    expect(room(posted(message(4, { generation: "other" }))).drafts).to.deep.equal({});
  });
});

describe("the rows of a timeline", () => {
  const rows = (given: Partial<Parameters<typeof timelineRows>[0]>) =>
    timelineRows({
      messages: [],
      pending: [],
      drafts: [],
      me: ada,
      unreadAfter: undefined,
      hasOlder: true,
      ...given,
    });
  const kinds = (given: Partial<Parameters<typeof timelineRows>[0]>) =>
    rows(given).map((row) => (row.kind === "message" ? (row.head ? "head" : "more") : row.kind));

  it("groups what one person says within five minutes", () => {
    const messages = [
      message(1),
      message(2),
      message(3, { atMs: 400_000 }),
      message(4, { atMs: 401_000, author: ada }),
    ];
    expect(kinds({ messages })).to.deep.equal(["day", "head", "more", "head", "head"]);
  });

  it("separates days, also within a group", () => {
    const dayMs = 86_400_000;
    expect(kinds({ messages: [message(1), message(2, { atMs: dayMs + 1_000 })] })).to.deep.equal([
      "day",
      "head",
      "day",
      "head",
    ]);
  });

  it("draws the line before the first unread message of somebody else", () => {
    const messages = [message(1), message(2, { author: ada }), message(3)];
    expect(kinds({ messages, unreadAfter: 1 })).to.deep.equal(["day", "head", "head", "unread", "head"]);
  });

  it("draws no line where the first unread message is not loaded", () => {
    const messages = [message(50), message(51)];
    expect(kinds({ messages, unreadAfter: 3 })).to.deep.equal(["day", "head", "more"]);
    expect(kinds({ messages, unreadAfter: 50 })).to.deep.equal(["day", "head", "unread", "head"]);
    expect(kinds({ messages, unreadAfter: 0, hasOlder: false })).to.deep.equal([
      "start",
      "day",
      "unread",
      "head",
      "more",
    ]);
  });

  it("gives each row a key of its own", () => {
    const messages = [message(1), message(2), message(3, { atMs: 90_000_000 })];
    const pending = [{ ...mine, status: "waiting", afterSeq: 3 } as const];
    const keys = rows({ messages, pending, drafts: ["g"], hasOlder: false, unreadAfter: 0 }).map((row) => row.key);
    expect(new Set(keys).size).to.equal(keys.length);
  });
});

describe("the room list", () => {
  const summary = (name: string, change = {}) => ({
    room: name,
    title: name,
    visibility: "public" as const,
    memberCount: 2,
    messageSeq: 5,
    readSeq: 5,
    unread: 0,
    mentioned: false,
    ...change,
  });
  const clock = { me: ada, nowMs: 0 };

  it("counts news once, remembers a mention, and reads what one wrote elsewhere", () => {
    const list = [summary("lobby")];
    const news = { room: "lobby", seq: 6, author: bob, mentioned: true };
    const after = listAfterNews(list, news, clock) ?? [];
    expect(after[0]).to.include({ unread: 1, mentioned: true });
    expect(listAfterNews(after, news, clock)?.[0]).to.include({ unread: 1 });
    const own = listAfterNews(after, { ...news, seq: 7, author: ada, mentioned: false }, clock);
    expect(own?.[0]).to.include({ unread: 0, mentioned: false });
  });

  it("names nothing that was brought back as read in a muted topic, as the node does not", () => {
    const restored = { seq: 1, atMs: 1, recall: "r", snapshot: 1, backupAtMs: 2 };
    const messages = [message(1), message(2, { topic: "Noise", restored }), message(3, { topic: "Noise" })];
    const shown = foldRoom({ ...emptyRoom, me: ada }, { type: "state", state: { ...state(3), messages } });
    const unread = { messageSeq: 1, readSeq: 1, unread: 0, mentioned: false, topics: { Noise: "mute" } } as const;
    const counted = foldRoom(shown, { type: "counted", unread });
    expect(counted.unread).to.include({ readSeq: 3, unread: 0 });
  });

  it("counts nothing of a muted topic but mentions, until it is muted no more", () => {
    const list = [summary("lobby", { topics: { Noise: "mute", Boats: "follow" } })];
    const news = { room: "lobby", seq: 6, author: bob, mentioned: false, topic: "Noise" };
    expect(listAfterNews(list, news, clock)?.[0]).to.include({ messageSeq: 6, unread: 0 });
    expect(listAfterNews(list, { ...news, mentioned: true }, clock)?.[0]).to.include({ unread: 1, mentioned: true });
    expect(listAfterNews(list, { ...news, topic: "Boats" }, clock)?.[0]).to.include({ unread: 1 });
    const unread = { messageSeq: 5, readSeq: 5, unread: 0, mentioned: false };
    const after = listAfterRead(list, { type: "roomRead", room: "lobby", seq: 5, unread }) ?? [];
    expect(after[0]).not.to.have.property("topics");
    const shown = foldRoom({ ...emptyRoom, me: ada }, { type: "state", state: state(5) });
    expect(listAfterRoom(list, shown)[0]).not.to.have.property("topics");
    const muting = foldRoom(shown, { type: "counted", unread: { ...unread, topics: { Noise: "mute" } } });
    expect(listAfterRoom(after, muting)[0]?.topics).to.deep.equal({ Noise: "mute" });
  });

  it("never counts one's own messages as unread, as the node does not", () => {
    // Read up to 3; 4 is one's own, 5 is bob's.
    const list = [summary("lobby", { messageSeq: 5, readSeq: 3, unread: 1 })];
    const after = listAfterNews(list, { room: "lobby", seq: 6, author: bob, mentioned: false }, clock);
    expect(after?.[0]).to.include({ unread: 2, readSeq: 3 });
    const messages = [message(1), message(2, { author: ada }), message(3)];
    const shown = foldRoom({ ...emptyRoom, me: ada }, { type: "state", state: { ...state(3), messages } });
    expect(listAfterRoom([summary("lobby")], shown)[0]).to.include({ unread: 2 });
  });

  it("shows as read what was read on another device", () => {
    const list = [summary("lobby", { messageSeq: 9, readSeq: 5, unread: 3, mentioned: true })];
    const read = (seq: number) => listAfterRead(list, { type: "roomRead", room: "lobby", seq });
    expect(read(9)?.[0]).to.include({ readSeq: 9, unread: 0, mentioned: false });
    expect(read(8)?.[0]).to.include({ unread: 1, mentioned: true });
    expect(read(5)).to.equal(list);
  });

  it("asks for the list anew when a count came that is older than what is known", () => {
    const list = [summary("lobby", { messageSeq: 6, readSeq: 3, unread: 3 })];
    const read = (readSeq: number, messageSeq: number) =>
      listAfterRead(list, {
        type: "roomRead",
        room: "lobby",
        seq: readSeq,
        unread: { readSeq, messageSeq, unread: messageSeq - readSeq, mentioned: false },
      });
    expect(read(5, 5), "6 came meanwhile").to.equal(undefined);
    expect(read(3, 5), "nothing new").to.equal(list);
    expect(read(5, 6)?.[0]).to.include({ readSeq: 5, unread: 1, messageSeq: 6 });
    expect(listAfterSummary(list, summary("lobby", { messageSeq: 5 }))).to.equal(undefined);
    expect(listAfterSummary(list, summary("lobby", { messageSeq: 7 }))?.[0]).to.include({ messageSeq: 7 });
    expect(listAfterSummary(list, summary("other"))).to.equal(list);
  });

  it("asks for the list anew when messages came that were no news: restored ones are unread for nobody", () => {
    const list = [summary("lobby")];
    // 6 to 8 came out of a backup.
    expect(listAfterNews(list, { room: "lobby", seq: 9, author: bob, mentioned: false }, clock)).to.equal(undefined);
    const own = listAfterNews(list, { room: "lobby", seq: 9, author: ada, mentioned: false }, clock);
    expect(own?.[0]).to.include({ messageSeq: 9, unread: 0 });
  });

  it("marks a room in which an edit mentions the reader, and counts nothing anew", () => {
    const list = [summary("lobby")];
    const edited = listAfterNews(list, { room: "lobby", seq: 2, author: bob, mentioned: true, edited: true }, clock);
    expect(edited?.[0]).to.include({ ...list[0], mentioned: true });
  });

  it("asks for the list anew when the room is not in it", () => {
    expect(listAfterNews([], { room: "new", seq: 1, author: bob, mentioned: false }, clock)).to.equal(undefined);
  });

  it("follows an open room and stays the same object when nothing shown changed", () => {
    const list = [summary("lobby", { messageSeq: 3, readSeq: 3 })];
    const after = listAfterRoom(list, room(posted(message(4, { mentions: [ada] }))));
    expect(after[0]).to.include({ messageSeq: 4, unread: 4, mentioned: true });
    expect(listAfterRoom(after, room(posted(message(4, { mentions: [ada] }))))).to.equal(after);
  });

  it("orders rooms by title and people by last contact", () => {
    const last = (atMs: number) => ({ last: { author: bob, text: "", atMs } });
    const list = [
      summary("b"),
      summary("dm.ada.zoe", { visibility: "direct", ...last(1) }),
      summary("a"),
      summary("dm.ada.bob", { visibility: "direct", ...last(2) }),
    ];
    const { rooms, direct, archived } = groupRooms([
      ...list,
      summary("old", { archived: true }),
      summary("dm.ada.ada", { visibility: "direct" }),
    ]);
    expect(archived.map((entry) => entry.room)).to.deep.equal(["old"]);
    expect(rooms.map((entry) => entry.room)).to.deep.equal(["a", "b"]);
    expect(direct.map((entry) => entry.room)).to.deep.equal(["dm.ada.bob", "dm.ada.zoe"]);
    expect(otherPerson("dm.ada.bob", ada)).to.equal("bob");
    expect(otherPerson("dm.ada.bob", bob)).to.equal("ada");
    expect(otherPerson("lobby", ada)).to.equal(undefined);
  });

  it("calls a conversation of several after its people, and what was made a room by its title", () => {
    const key = groupKey([ada, bob, "user/cleo"]);
    const named = (room: string, title: string, visibility?: "direct" | "private") =>
      roomTitle({ room, title, ...(visibility && { visibility }) }, ada, (of) => `<${of}>`);
    expect(named(key, "ada, bob, cleo", "direct")).to.equal("<user/bob>, <user/cleo>");
    expect(named(key, "Boats, ada, tea", "private")).to.equal("Boats, ada, tea");
    expect(named("lobby", "Boats, ada", "private")).to.equal("Boats, ada");
    expect(named("dm.ada.bob", "", "direct")).to.equal("<user/bob>");
    expect(named(key, "")).to.equal(key);
  });

  it("keeps what was a conversation of several with its people, also where the list of them is lost", () => {
    const people = [ada, bob];
    const made = { room: groupKey(people), people };
    const lost = { room: made.room };
    const plain = { room: "lobby" };
    expect([made, lost, plain].map(staysWithPeople)).to.deep.equal([true, true, false]);
    const enters = (who: string) => [made, lost, plain].map((view) => mayEnter(view, who));
    expect(enters(bob)).to.deep.equal([true, false, true]);
    expect(enters("user/dan")).to.deep.equal([false, false, true]);
    expect(enters("agent/dan.helper")).to.deep.equal([true, true, true]);
  });
});

describe("a conversation as the page knows it", () => {
  const view = {
    agent: "ada.helper",
    owner: "ada",
    persona: "",
    model: "m",
    sampling: {},
    createdAtMs: 0,
    turns: 0,
    busy: false,
  };
  const turn = (number: number, role: "user" | "assistant", text: string): ConversationTurn => ({
    turn: number,
    role,
    text,
    atMs: number,
  });
  const agent = (...inputs: readonly AgentInput[]) =>
    [{ type: "state", state: { ...view, conversation: [] } } as const, ...inputs].reduce(foldAgent, emptyAgent);
  const event = (given: Extract<AgentInput, { type: "event" }>["event"]): AgentInput => ({
    type: "event",
    event: given,
  });
  const begun = event({ type: "generationStarted", generation: "g", turn: 2, attempt: 1 });
  const piece = (offset: number, text: string): AgentInput => ({
    type: "signal",
    signal: { type: "draft", generation: "g", turn: 2, offset, text },
  });
  const answered = (text: string): AgentInput =>
    event({ type: "answered", generation: "g", turn: turn(2, "assistant", text) });

  it("writes an answer piece by piece and ends with the answer itself", () => {
    const writing = agent(begun, piece(0, "Hel"), piece(3, "lo"));
    expect(writing.draft?.text).to.equal("Hello");
    expect(isWriting(writing)).to.equal(true);
    const done = foldAgent(writing, answered("Hello!"));
    expect(isWriting(done)).to.equal(false);
    expect(done.turns.map(({ text }) => text)).to.deep.equal(["Hello!"]);
  });

  it("awaits nothing because of what comes late of an answer that ended, or was forgotten", () => {
    const late: AgentInput = {
      type: "signal",
      signal: { type: "draft", generation: "g", turn: 2, offset: 0, text: "", stage: "queued", ahead: 1 },
    };
    expect(isWriting(agent(late)), "it waits").to.equal(true);
    const said = event({ type: "said", turn: turn(1, "user", "hi") });
    for (const inputs of [
      [said, late, begun, answered("Hello!"), late],
      [said, event({ type: "cleared" }), late],
    ])
      expect(isWriting(agent(...inputs))).to.equal(false);
    const many = Array.from({ length: 200 }, (_, at) =>
      event({ type: "answered", generation: `g${at}`, turn: turn(2 * at + 2, "assistant", "x") }),
    );
    expect(agent(...many).ended.length).to.be.at.most(64);
  });

  it("notices a gap once, and is whole again with the state", () => {
    const gap = agent(begun, piece(0, "Hel"), piece(7, "x"));
    expect(gap.gap).to.equal(true);
    expect(gap.draft?.text).to.equal("Hel");
    const draft = { generation: "g", turn: 2, text: "Hello, x" };
    const whole = foldAgent(gap, { type: "state", state: { ...view, busy: true, conversation: [], draft } });
    expect(whole.gap).to.equal(false);
    expect(foldAgent(whole, piece(8, "y")).draft?.text).to.equal("Hello, xy");
  });

  it("starts the text over when the answer is attempted again", () => {
    const again = event({ type: "generationStarted", generation: "g", turn: 2, attempt: 2 });
    expect(agent(begun, piece(0, "Hel"), again).draft).to.include({ text: "", attempt: 2 });
  });

  it("shows the tools that were called for it, also to a page that came later, and begins the text anew after each time", () => {
    const round = (result: string) => ({ text: "", calls: [{ name: "clock", arguments: "{}", result }] });
    const started = (result: string) =>
      event({ type: "generationStarted", generation: "g", turn: 2, attempt: 1, round: round(result) });
    const called = agent(begun, piece(0, "Hm"), started("one"), piece(0, "So"), started("two"));
    expect(called.draft).to.deep.include({ text: "", rounds: [round("one"), round("two")] });
    const draft = { generation: "g", turn: 2, text: "", rounds: [round("one")] };
    const later = agent({ type: "state", state: { ...view, busy: true, conversation: [], draft } }, started("two"));
    expect(later.draft?.rounds).to.deep.equal([round("one"), round("two")]);
    const again = event({ type: "generationStarted", generation: "g", turn: 2, attempt: 2 });
    expect(foldAgent(later, again).draft?.rounds).to.have.length(2);
    expect(
      foldAgent(later, event({ type: "generationStarted", generation: "h", turn: 2, attempt: 1 })).draft?.rounds,
    ).to.deep.equal([]);
  });

  it("puts a new answer in the place of the old one, and turns in the order of their numbers", () => {
    const said = (number: number) => event({ type: "said", turn: turn(number, "user", `u${number}`) });
    const model = agent(said(1), said(3), answered("first"), answered("second"));
    expect(model.turns.map(({ text }) => text)).to.deep.equal(["u1", "second", "u3"]);
  });

  it("shows what is thought of an answer, and goes on with the one that is being written", () => {
    const rated = event({ type: "answered", generation: "", turn: { ...turn(0, "assistant", "old"), thumb: "up" } });
    const model = agent(begun, piece(0, "Hel"), rated);
    expect([model.turns[0]?.thumb, model.draft?.text, isWriting(model)]).to.deep.equal(["up", "Hel", true]);
  });

  it("leaves answers given in rooms to the rooms", () => {
    expect(agent(event({ type: "generationStarted", generation: "r", attempt: 1 })).draft).to.equal(undefined);
  });

  it("shows what was said at once and gives it up for the turn", () => {
    const saying: AgentInput = { type: "saying", say: { operationId: "o", text: "hi", atMs: 0 } };
    expect(agent(saying).pending).to.have.length(1);
    expect(agent(saying, event({ type: "said", turn: turn(1, "user", "hi") })).pending).to.have.length(0);
  });

  it("forgets all that was said when it is cleared", () => {
    expect(agent(answered("x"), event({ type: "cleared" })).turns).to.deep.equal([]);
  });
});

describe("what happens in a conversation that the page follows", () => {
  const view = {
    agent: "ada.helper", owner: "ada", persona: "", model: "m", sampling: {}, createdAtMs: 0, turns: 0, busy: true,
  }; // prettier-ignore
  const turn = (number: number, text = `t${number}`): ConversationTurn =>
    ({ turn: number, role: "user", text, atMs: 0 }) as ConversationTurn;
  const agent = (...inputs: readonly AgentInput[]) =>
    [{ type: "state", state: { ...view, conversation: [turn(5), turn(6)] } } as const, ...inputs].reduce(
      foldAgent,
      emptyAgent,
    );
  const event = (given: Extract<AgentInput, { type: "event" }>["event"]): AgentInput => ({
    type: "event",
    event: given,
  });
  const saying: AgentInput = { type: "saying", say: { operationId: "o1", text: "hi", atMs: 0 } };
  const signal = (change: object): AgentInput => ({
    type: "signal",
    signal: { type: "draft", generation: "g", turn: 7, offset: 0, text: "x", ...change },
  });

  it("loads older turns once, until a page is the last", () => {
    expect(agent().older).to.equal(true);
    const page = (turns: readonly ConversationTurn[], more: boolean): AgentInput => ({
      type: "older",
      before: 5,
      history: { turns, more },
    });
    const older = agent(page([turn(3), turn(4), turn(5)], true));
    expect([older.turns.map((one) => one.turn), older.older]).to.deep.equal([[3, 4, 5, 6], true]);
    expect(agent(page([turn(4)], false)).older).to.equal(false);
    expect(agent(page([turn(5)], true)).older).to.equal(false);
  });

  it("does not bring back what was cleared while older turns were asked for, nor a rated answer of before the window", () => {
    const cleared = agent(event({ type: "cleared" }));
    const late = foldAgent(cleared, { type: "older", before: 5, history: { turns: [turn(4)], more: false } });
    expect(late.turns).to.deep.equal([]);
    const rated = { ...turn(2), role: "assistant", rating: "good" } as unknown as ConversationTurn;
    const after = agent(event({ type: "answered", generation: "", turn: rated }));
    expect(after.turns.map((one) => one.turn)).to.deep.equal([5, 6]);
  });

  it("keeps what was said until the turn is there, a failed one until it is retried or discarded", () => {
    const accepted = agent(saying, { type: "said", operationId: "o1" }, { type: "said", operationId: "o9" });
    expect(accepted.pending.map(({ status }) => status)).to.deep.equal(["accepted"]);
    const failed = agent(saying, { type: "sayFailed", operationId: "o1", failure: failure("QUEUE_FULL") });
    expect(failed.pending[0]).to.deep.include({ status: "failed", afterSeq: 6 });
    const spoken = foldAgent(failed, event({ type: "said", turn: turn(7, "hi") }));
    expect(spoken.pending).to.have.length(1);
    const again = foldAgent(failed, { type: "retrying", operationId: "o1" });
    expect([again.pending[0]?.status, again.pending[0]?.failure]).to.deep.equal(["waiting", undefined]);
    expect(foldAgent(failed, { type: "discarded", operationId: "o1" }).pending).to.deep.equal([]);
    const twice = agent(saying, { type: "saying", say: { operationId: "o2", text: "hi", atMs: 0 } });
    expect(foldAgent(twice, event({ type: "said", turn: turn(7, "hi") })).pending).to.have.length(1);
    expect(foldAgent(emptyAgent, saying).pending[0]?.afterSeq).to.equal(0);
  });

  it("says why it was refused until there is a state, and that the agent was deleted", () => {
    const refused = agent({ type: "refused", reason: failure("NOT_FOUND") });
    expect([refused.status, refused.refusal?.code]).to.deep.equal(["refused", "NOT_FOUND"]);
    const ready = foldAgent(refused, { type: "state", state: { ...view, conversation: [] } });
    expect([ready.status, ready.refusal, ready.older]).to.deep.equal(["ready", undefined, false]);
    expect(agent(signal({}), event({ type: "deleted" } as never))).to.include({ status: "deleted", draft: undefined });
  });

  it("takes new settings, and leaves what was answered in a room to the room", () => {
    expect(agent(event({ type: "updated", view: { ...view, persona: "Kind" } } as never)).view?.persona).to.equal(
      "Kind",
    );
    const before = agent();
    expect(foldAgent(before, event({ type: "roomAnswered", generation: "r" } as never))).to.equal(before);
    expect(foldAgent(before, signal({ turn: undefined }))).to.equal(before);
  });

  it("begins a draft with its first piece when the page came in the middle, and with no later one", () => {
    const waits = { ...view, conversation: [], waiting: [{ generation: "g", turn: 7 }] };
    const said: AgentInput = { type: "state", state: waits };
    expect(agent(said, signal({})).draft).to.deep.equal({
      generation: "g",
      turn: 7,
      attempt: 1,
      rounds: [],
      text: "x",
    });
    expect(agent(said, signal({ offset: 3 })).draft).to.equal(undefined);
    // It is busy with something else.
    expect(agent(signal({})).draft).to.equal(undefined);
    expect(isWriting(agent(signal({})))).to.equal(false);
    // A piece of an earlier answer than the one that is being written.
    expect(agent(said, signal({}), signal({ generation: "old", text: "late" })).draft?.text).to.equal("x");
    const gap = agent(said, signal({}), signal({ offset: 9 }));
    expect(foldAgent(gap, signal({ offset: 12 }))).to.equal(gap);
    expect(isWriting(foldAgent(emptyAgent, event({ type: "cleared" } as never)))).to.equal(false);
  });
});

describe("message text", () => {
  it("needs Markdown only where Markdown would change it", () => {
    for (const plain of ["Good morning!", "a - b", "50 % of 3.5", "it's 10:30", "two\nlines"])
      expect(isPlain(plain), plain).to.equal(true);
    for (const marked of ["**bold**", "- item", "1. one", "see https://example.org", "`code`", "> quote", "a | b"])
      expect(isPlain(marked), marked).to.equal(false);
  });

  it("knows the mention that is being typed", () => {
    expect(mentionAt("hello @Ad", 9)).to.deep.equal({ start: 6, part: "Ad" });
    expect(mentionAt("请@健", 3)).to.deep.equal({ start: 1, part: "健" });
    expect(mentionAt("＠Mü", 3)).to.deep.equal({ start: 0, part: "Mü" });
    expect(mentionAt("hello @ada now", 14)).to.deep.equal({ start: 6, part: "ada now" });
    expect(mentionAt("mail@ad", 7)).to.equal(undefined);
    expect(mentionAt("@ada\nb", 6)).to.equal(undefined);
    const people = ["Ada Lovelace", "Ada", "Adam"].map((label, at) => ({ principal: `user/${at}`, label }));
    const may = (part: string) => mayBecome(people, part).map(({ label }) => label);
    expect([may("ad"), may("ada L"), may("ada "), may("ada x")]).to.deep.equal([["Ada Lovelace", "Ada", "Adam"], ["Ada Lovelace"], [], []]); // prettier-ignore
  });

  it("leaves holes neither with Markdown nor without", () => {
    const paragraphs = (text: string) => readPlain(text).map(({ children }) => children[0]?.text ?? "");
    expect(paragraphs("\n\na\nb\n\n \n\n\nc\n")).to.deep.equal(["a\nb", "c\n"]);
    property(
      forAll(
        array(constantFrom("a", "b", " ", "\n", "\n\n", ",", ".", "5", "<", "&lt;", "שלום"), { maxLength: 20 }),
        (parts) => {
          const text = parts.join("").trim();
          const told = readMarkdown(text).blocks.map((block) => visibleText([block]).replaceAll(/\s+/g, " ").trim());
          if (isPlain(text))
            expect(paragraphs(text).map((paragraph) => paragraph.replaceAll(/\s+/g, " ").trim())).to.deep.equal(told);
        },
      ),
    );
  });

  it("shows every character but its marks in a preview of one line", () => {
    for (const text of ["**", "```", "#", "> ", "- 5", "a ** b", "`", "[a]: b", "<nav>", "* * *"])
      expect(plainLine(text), text).to.equal(text.trim());
    expect(plainLine("```js\ncode\n```")).to.equal("js code");
    property(
      forAll(
        array(constantFrom("a", "b", " ", "\n", "#", "# ", "*", "**", "~~", "`", "```", "<", ">", "- ", "[", "!"), {
          maxLength: 20,
        }),
        (parts) => {
          const text = parts.join("");
          const bare = (from: string) => from.replaceAll(/[\s#*~`]/g, "");
          expect(bare(plainLine(text))).to.equal(bare(text));
          if (text.trim() !== "") expect(plainLine(text)).to.not.equal("");
        },
      ),
    );
  });

  it("loses its marks in a preview of one line", () => {
    expect(plainLine("# Notes\n- is `npm ci` **really** all? ~~no~~\n> 2 * 3")).to.equal(
      "Notes - is npm ci really all? no > 2 * 3",
    );
  });

  it("makes a room's name from its title", () => {
    expect(roomNameFrom("  Über uns: Café & Co. ")).to.equal("uber-uns-cafe-co");
  });
});
