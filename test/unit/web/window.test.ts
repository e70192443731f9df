import { expect } from "chai";
import fc from "fast-check";
import type { RoomHistory, RoomMessage, RoomState } from "../../../protocols/index.ts";
import {
  emptyRoom,
  foldRoom,
  foldedAt,
  listAfterRoom,
  newestLine,
  pendingShown,
  reachesMarker,
  threadsInOrder,
  threadsToRead,
  windowMessagesMax,
  type RoomInput,
  type RoomModel,
} from "../../../web/src/model/index.ts";
import { tailMax } from "../../../web/src/model/window.ts";

const ada = "user/ada";
const bob = "user/bob";

/** A room as a node has it, which the page asks. */
class Room {
  readonly messages: RoomMessage[] = [];
  readSeq = 0;

  post(change: Partial<RoomMessage> = {}): RoomInput {
    const seq = this.messages.length + 1;
    const message: RoomMessage = { seq, author: bob, text: `message ${seq}`, atMs: seq * 1_000, ...change };
    this.messages.push(message);
    const at = this.messages.findIndex((one) => one.seq === message.replyTo);
    if (at < 0) return { type: "event", event: { type: "posted", message } };
    const root = this.messages[at] as RoomMessage;
    const counted = { ...root, replies: { count: (root.replies?.count ?? 0) + 1, lastAtMs: message.atMs } };
    this.messages[at] = counted;
    return { type: "event", event: { type: "posted", message, root: counted } };
  }

  get lines(): readonly RoomMessage[] {
    return this.messages.filter(({ threadOnly }) => threadOnly !== true);
  }

  history({ before, after, around, limit = 6 }: { readonly before?: number; readonly after?: number; readonly around?: number; readonly limit?: number }): RoomHistory {
    const backward = (to: number, count: number) => {
      const all = this.lines.filter(({ seq }) => seq < to);
      return { messages: all.slice(-count), more: all.length > count };
    };
    const forward = (from: number, count: number) => {
      const all = this.lines.filter(({ seq }) => seq > from);
      return { messages: all.slice(0, count), more: all.length > count };
    };
    if (around === undefined) return after === undefined ? backward(before ?? Infinity, limit) : forward(after, limit);
    const [older, newer] = [backward(around, limit / 2), forward(around - 1, limit / 2)];
    return { messages: [...older.messages, ...newer.messages], more: older.more, newer: newer.more };
  } // prettier-ignore

  get unread() {
    const all = this.lines.filter(({ seq, author }) => seq > this.readSeq && author !== ada);
    const mentioned = all.some(({ mentions }) => mentions?.includes(ada) === true);
    return { messageSeq: this.messages.length, readSeq: this.readSeq, unread: all.length, mentioned };
  }

  state(): RoomState {
    return {
      room: "lobby",
      title: "Lobby",
      topic: "",
      visibility: "public",
      createdAtMs: 0,
      members: {
        [ada]: { role: "owner", joinedAtMs: 0, readSeq: this.readSeq },
        [bob]: { role: "member", joinedAtMs: 0, readSeq: 0 },
      },
      messageSeq: this.messages.length,
      pins: [],
      messages: this.messages.slice(-6),
      unread: this.unread,
    };
  }
}

const start = (room: Room): RoomModel => foldRoom({ ...emptyRoom, me: ada }, { type: "state", state: room.state() });
const seqs = ({ messages }: RoomModel): readonly number[] => messages.map(({ seq }) => seq);

type Step =
  | { readonly post: Partial<RoomMessage>; readonly late: boolean }
  | { readonly load: "older" | "newer" | "latest" }
  | { readonly around: number }
  | { readonly trim: "older" | "newer"; readonly count: number }
  | { readonly seen: number }
  | { readonly unseen: number };

const post = fc.record({
  author: fc.constantFrom(ada, bob),
  replyTo: fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined }),
  mentions: fc.constantFrom<string[] | undefined>(undefined, [ada]),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ post: post.map(({ author, replyTo, mentions }) => ({ author, ...(mentions && { mentions }), ...(replyTo !== undefined && { replyTo, threadOnly: true as const }) })), late: fc.boolean() }) },
  { weight: 6, arbitrary: fc.record({ load: fc.constantFrom("older" as const, "newer" as const, "latest" as const) }) },
  { weight: 3, arbitrary: fc.record({ around: fc.integer({ min: 1, max: 60 }) }) },
  { weight: 2, arbitrary: fc.record({ trim: fc.constantFrom("older" as const, "newer" as const), count: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 3, arbitrary: fc.record({ seen: fc.integer({ min: 1, max: 60 }) }) },
  { weight: 1, arbitrary: fc.record({ unseen: fc.integer({ min: 1, max: 60 }) }) },
); // prettier-ignore

describe("the window of a room", () => {
  it("has no hole and nothing twice, and reaches the end when it says so, whatever is loaded and comes in between", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 30 }), fc.array(step, { maxLength: 60 }), (before, steps) => {
        const room = new Room();
        for (let count = 0; count < before; count += 1) room.post();
        let model = start(room);
        // Events that are on their way while the node answers.
        const late: RoomInput[] = [];
        const take = (input: RoomInput) => (model = foldRoom(model, input));
        for (const one of steps) {
          if ("post" in one) {
            const root = one.post.replyTo;
            const isThere = root === undefined || room.messages[root - 1]?.replyTo === undefined;
            const { replyTo: _, threadOnly: __, ...line } = one.post;
            const event = room.post(isThere && root !== undefined && root <= room.messages.length ? one.post : line);
            late.push(event);
            if (!one.late) late.splice(0).forEach(take);
          } else if ("load" in one) {
            const { from, to } = model;
            if (one.load === "latest") {
              if (model.newer) take({ type: "placed", history: room.history({}) });
            } else if (model[one.load])
              take({ type: one.load, history: room.history(one.load === "older" ? { before: from } : { after: to }) });
          } else if ("around" in one) take({ type: "placed", history: room.history({ around: one.around }) });
          else if ("trim" in one) take({ type: "trimmed", end: one.trim, count: one.count });
          else if ("seen" in one) {
            const seq = Math.min(one.seen, model.view?.messageSeq ?? 0);
            if (!reachesMarker(model) && seq < (model.view?.messageSeq ?? 0)) continue;
            if (!seqs(model).includes(seq) && seq < (model.view?.messageSeq ?? 0)) continue;
            take({ type: "seen", member: ada, seq });
            room.readSeq = Math.max(room.readSeq, seq);
          } else {
            room.readSeq = Math.min(room.readSeq, one.unseen - 1);
            late.splice(0).forEach(take);
            take({ type: "counted", unread: room.unread });
          }
          const known = seqs(model);
          const [first, last] = [known[0] ?? Infinity, known.at(-1) ?? 0];
          const lines = room.lines.map(({ seq }) => seq).filter((seq) => seq >= first && seq <= last);
          expect(known).to.deep.equal(lines);
          late.splice(0).forEach(take);
          if (!model.older) expect(seqs(model)[0]).to.equal(room.lines[0]?.seq);
          if (!model.newer) expect(seqs(model).at(-1)).to.equal(room.lines.at(-1)?.seq);
          expect(model.unread).to.deep.equal(room.unread);
        }
      }),
    );
  });

  it("shows every message as it is now, however late the page comes that was asked for before it was edited", () => {
    type Held = { readonly end: "older" | "newer" | "placed"; readonly at: number; readonly history: RoomHistory };
    const act = fc.oneof(
      fc.record({ edit: fc.integer({ min: 1, max: 40 }) }),
      fc.record({ ask: fc.constantFrom("older" as const, "newer" as const) }),
      fc.record({ around: fc.integer({ min: 1, max: 40 }) }),
      fc.record({ trim: fc.constantFrom("older" as const, "newer" as const) }),
      fc.constant("post" as const),
      fc.constant("answer" as const),
    );
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
        const room = new Room();
        for (let count = 0; count < 30; count += 1) room.post();
        let model = start(room);
        let edits = 0;
        const held: Held[] = [];
        const take = (input: RoomInput) => (model = foldRoom(model, input));
        const answer = () => {
          const next = held.shift();
          if (next === undefined) return;
          const at = next.end === "older" ? model.from : next.end === "newer" ? model.to : model.placed;
          if (at === next.at) take({ type: next.end, history: next.history });
        };
        for (const one of acts) {
          if (one === "post") take(room.post());
          else if (one === "answer") answer();
          else if ("edit" in one) {
            const known = room.messages[one.edit - 1];
            if (known === undefined) continue;
            const message = { ...known, text: `edit ${(edits += 1)}` };
            room.messages[one.edit - 1] = message;
            take({ type: "event", event: { type: "edited", message, by: bob } });
          } else if ("trim" in one) take({ type: "trimmed", end: one.trim, count: 3 });
          else if ("around" in one)
            held.push({ end: "placed", at: model.placed, history: room.history({ around: one.around }) });
          else if (model[one.ask]) {
            const [at, query] =
              one.ask === "older" ? [model.from, { before: model.from }] : [model.to, { after: model.to }];
            held.push({ end: one.ask, at, history: room.history(query) });
          }
          for (const shown of model.messages) expect(shown).to.deep.equal(room.messages[shown.seq - 1]);
        }
      }),
    );
  });

  it("reaches any of 20,000 messages with one page, both ways from there, and the newest with one more", () => {
    const room = new Room();
    for (let count = 0; count < 20_000; count += 1) room.post();
    let model = start(room);
    model = foldRoom(model, { type: "placed", history: room.history({ around: 700 }) });
    expect(seqs(model)).to.deep.equal([697, 698, 699, 700, 701, 702]);
    expect(model).to.deep.include({ older: true, newer: true, placed: 1 });
    model = foldRoom(model, { type: "older", history: room.history({ before: model.from }) });
    model = foldRoom(model, { type: "newer", history: room.history({ after: model.to }) });
    expect([seqs(model)[0], seqs(model).at(-1)]).to.deep.equal([691, 708]);
    // What is said meanwhile is known, and no part of the window.
    model = foldRoom(model, room.post());
    expect(seqs(model).at(-1)).to.equal(708);
    expect(newestLine(model)?.seq).to.equal(20_001);
    model = foldRoom(model, { type: "placed", history: room.history({}) });
    expect(seqs(model).at(-1)).to.equal(20_001);
    expect(model).to.deep.include({ newer: false, tail: [] });
  });

  it("keeps few of what comes behind it, and goes on loading where those would leave a hole", () => {
    const room = new Room();
    for (let count = 0; count < 20; count += 1) room.post();
    let model = foldRoom(start(room), { type: "placed", history: room.history({ around: 5 }) });
    const page = room.history({ after: model.to, limit: 100 });
    for (let count = 0; count < tailMax + 5; count += 1) model = foldRoom(model, room.post());
    expect(model.tail).to.have.length(tailMax);
    // The page was asked for before all that came.
    model = foldRoom(model, { type: "newer", history: page });
    expect(model.newer).to.equal(true);
    model = foldRoom(model, { type: "newer", history: room.history({ after: model.to, limit: 10 }) });
    model = foldRoom(model, { type: "newer", history: room.history({ after: model.to, limit: 1_000 }) });
    expect(seqs(model).at(-1)).to.equal(room.messages.length);
  });

  it("still says that its person is mentioned when the line was let go and another one is edited", () => {
    const lettingGo: Readonly<Record<string, (model: RoomModel, room: Room) => RoomModel>> = {
      behind: (model, room) => {
        let after = foldRoom(model, { type: "trimmed", end: "newer", count: 3 });
        for (let count = 0; count < tailMax + 5; count += 1) after = foldRoom(after, room.post());
        return after;
      },
      older: (model) => foldRoom(model, { type: "trimmed", end: "older", count: 4 }),
      placed: (model, room) => foldRoom(model, { type: "placed", history: room.history({ around: 2 }) }),
    };
    for (const [name, letGo] of Object.entries(lettingGo)) {
      const room = new Room();
      for (let count = 0; count < 16; count += 1) room.post();
      let model = foldRoom(start(room), room.post({ mentions: [ada] }));
      for (let count = 0; count < 3; count += 1) model = foldRoom(model, room.post());
      model = letGo(model, room);
      const message = { ...(model.messages[0] as RoomMessage), text: "anything else" };
      model = foldRoom(model, { type: "event", event: { type: "edited", message, by: bob } });
      expect(model.unread, name).to.deep.equal(room.unread);
    }
  });

  it("is bounded, and knows that it was", () => {
    const room = new Room();
    let model = start(room);
    for (let count = 0; count < windowMessagesMax + 10; count += 1) model = foldRoom(model, room.post());
    expect(model.messages.length).to.be.at.most(windowMessagesMax);
    expect(model).to.include({ older: true, from: model.messages[0]?.seq });
  });
});

describe("a thread as the page knows it", () => {
  const withThread = () => {
    const room = new Room();
    room.post({ author: ada });
    return { room, model: start(room) };
  };

  it("keeps the room quiet: what is in it only is no line, not unread, and in the thread", () => {
    const { room, model: before } = withThread();
    const model = foldRoom(before, room.post({ replyTo: 1, threadOnly: true, text: "under the stone" }));
    expect(seqs(model)).to.deep.equal([1]);
    expect(model.unread).to.include({ unread: 0, messageSeq: 2 });
    expect(threadsToRead(model.threads)).to.have.length(1);
    expect(model.threads[1]).to.deep.include({ count: 1, own: { readSeq: 1, unread: 1, mentioned: false } });
    expect(model.threads[1]?.last.text).to.equal("under the stone");
    const list = [{ room: "lobby", title: "Lobby", visibility: "public", memberCount: 2, messageSeq: 1, readSeq: 0, unread: 0, mentioned: false } as const]; // prettier-ignore
    expect(listAfterRoom(list, model)[0]).to.include({ unread: 0, threads: 1, mentioned: false });
    const mentioned = foldRoom(model, room.post({ replyTo: 1, threadOnly: true, mentions: [ada] }));
    expect(listAfterRoom(list, mentioned)[0]).to.include({ unread: 0, threads: 1, mentioned: true });
    const read = foldRoom(mentioned, { type: "threadSeen", root: 1, seq: 3 });
    expect(listAfterRoom(list, read)[0]).to.not.have.property("threads");
    expect(listAfterRoom(list, read)[0]).to.include({ mentioned: false });
  });

  it("is none of those who have nothing to do with it", () => {
    const room = new Room();
    room.post();
    let model = start(room);
    model = foldRoom(model, room.post({ replyTo: 1, threadOnly: true }));
    expect(model.threads[1]).to.not.have.property("own");
    model = foldRoom(model, room.post({ author: ada, replyTo: 1, threadOnly: true }));
    model = foldRoom(model, room.post({ replyTo: 1, threadOnly: true }));
    expect(model.threads[1]?.own).to.deep.equal({ readSeq: 3, unread: 1, mentioned: false });
  });

  it("shows of its newest answer what that says now, and counts what came behind the marker", () => {
    const { room, model: before } = withThread();
    let model = foldRoom(before, room.post({ replyTo: 1, threadOnly: true, text: "secret" }));
    const edited = { ...(room.messages[1] as RoomMessage), text: "open", mentions: [ada] };
    model = foldRoom(model, { type: "event", event: { type: "edited", message: edited, by: bob } });
    expect(threadsInOrder(model.threads)[0]).to.have.nested.property("last.text", "open");
    expect(model.threads[1]?.own).to.deep.include({ mentioned: true });
    model = foldRoom(model, room.post({ replyTo: 1, threadOnly: true }));
    model = foldRoom(model, { type: "threadSeen", root: 1, seq: 2 });
    expect(model.threads[1]?.own).to.deep.include({ readSeq: 2, unread: 1 });
  });

  it("takes what one posts into it for shown there, though it is no line of the room", () => {
    const { room, model: before } = withThread();
    const sent = { operationId: "o1", text: "yes", replyTo: 1, atMs: 1 };
    let model = foldRoom(before, { type: "posting", post: sent });
    expect(pendingShown(model, ada)).to.have.length(1);
    model = foldRoom(model, room.post({ author: ada, text: "yes", replyTo: 1, threadOnly: true }));
    expect(pendingShown(model, ada)).to.have.length(0);
    expect(foldRoom(model, { type: "posted", operationId: "o1", seq: 2 }).pending).to.have.length(0);
  });
});

describe("a long message", () => {
  it("is folded at the end of a line or a word, and never where that would save little", () => {
    const words = "word ".repeat(1_800).trim();
    const at = foldedAt(words) ?? 0;
    expect(words.length).to.be.above(8_990);
    expect(at).to.be.within(1_000, 1_200);
    expect(words.slice(at, at + 5)).to.equal(" word");
    const lines = Array.from({ length: 200 }, (_, index) => `line ${index}`).join("\n");
    expect(lines.slice(0, foldedAt(lines)).split("\n")).to.have.length(16);
    expect(foldedAt("x".repeat(1_700))).to.equal(undefined);
    expect(foldedAt(Array.from({ length: 20 }, () => "short").join("\n"))).to.equal(undefined);
    expect(foldedAt("字".repeat(9_000))).to.equal(1_200);
    expect(foldedAt(`${"x".repeat(1_199)}${"😀".repeat(900)}`)).to.equal(1_199);
    expect(foldedAt(`x${"🇩🇪".repeat(900)}`), "a flag").to.equal(1_197);
    expect(foldedAt(`x${"👨‍👩‍👧".repeat(900)}`), "a family").to.equal(1_193);
    expect(foldedAt(`x${"\u0301".repeat(3_000)}`), "marks without end").to.equal(1_200);
  });
});
