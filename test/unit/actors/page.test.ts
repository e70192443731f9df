import { expect } from "chai";
import { encode, wireLimits, type ConversationTurn, type RoomMessage } from "../../../protocols/index.ts";
import { firstPage, lastPage } from "../../../actors/page.ts";
import { actorLimits } from "../../../actors/limits.ts";
import { fixtureWith, type Fixture } from "./fixture.ts";

const { pageEntriesMax, pageBytesMax, messageCharsMax } = wireLimits;

/** Three bytes a letter. */
const ideograms = (count: number): string => "語".repeat(count);

/** A page that fits one message between nodes. */
function fitting<Page>(page: Page): Page {
  expect(encode(page).length).to.be.at.most(pageBytesMax + 1_024);
  return page;
}

describe("a page", () => {
  it("has no more entries than were asked for, and no more bytes than it may", () => {
    const entries = Array.from({ length: 10 }, (_, index) => ({ index, text: ideograms(pageBytesMax / 12) }));
    const indices = (page: readonly { readonly index: number }[]): number[] => page.map(({ index }) => index);
    expect(indices(firstPage(entries, 2))).to.deep.equal([0, 1]);
    expect(indices(lastPage(entries, 2))).to.deep.equal([8, 9]);
    expect(indices(firstPage(entries, 10))).to.deep.equal([0, 1, 2]);
    expect(indices(lastPage(entries, 10))).to.deep.equal([7, 8, 9]);
    expect(firstPage([], 5)).to.deep.equal([]);
  });

  it("has at least one entry, however large that is", () => {
    const [large, small] = [ideograms(pageBytesMax), "x"];
    expect(firstPage([large, small], 5)).to.deep.equal([large]);
    expect(lastPage([small, large], 5)).to.deep.equal([large]);
  });
});

describe("long texts of many bytes", () => {
  const lobby = "room/lobby";
  const many = pageEntriesMax + 20;

  /** A room with more of the longest messages than a page may have, half of them in a thread. */
  function crowded(): Fixture {
    const fixture = fixtureWith("ada");
    fixture.ok("user/ada", lobby, { type: "create" });
    for (let index = 1; index <= many; index += 1) {
      const replyTo = index > 1 && index % 2 === 0 ? { replyTo: 1 } : {};
      fixture.ok("user/ada", lobby, { type: "post", text: ideograms(messageCharsMax), ...replyTo });
      fixture.nowMs += 60_000;
    }
    return fixture;
  }
  interface Messages {
    readonly messages: readonly RoomMessage[];
    readonly more: boolean;
  }

  it("are paged through in a room, from memory and from records, both ways, none twice and none missing", () => {
    const fixture = crowded();
    const page = (from: object): Messages =>
      fitting(fixture.ok<Messages>("user/ada", lobby, { type: "history", limit: pageEntriesMax, ...from }));
    const seqs = ({ messages }: Messages): number[] => messages.map(({ seq }) => seq);
    const forward: number[] = [];
    for (let more = true; more;) {
      const next = page({ after: forward.at(-1) ?? 0 });
      expect(next.messages.length).to.be.within(1, 100);
      forward.push(...seqs(next));
      more = next.more;
    }
    expect(forward).to.deep.equal(Array.from({ length: many }, (_, index) => index + 1));
    const backward: number[] = [];
    for (let more = true; more;) {
      const next = page(backward.length === 0 ? {} : { before: backward[0] });
      backward.unshift(...seqs(next));
      more = next.more;
    }
    expect(backward).to.deep.equal(forward);
    const thread: number[] = [];
    for (let more = true; more;) {
      const next = page({ thread: 1, after: thread.at(-1) ?? 0 });
      thread.push(...seqs(next));
      more = next.more;
    }
    expect(thread).to.deep.equal(forward.filter((seq) => seq === 1 || seq % 2 === 0));
  });

  it("are all in the events that come after a cursor, and the newest of them in a room's state", () => {
    const fixture = crowded();
    interface Events {
      readonly head: number;
      readonly events: readonly { readonly at: number }[];
      readonly more: boolean;
    }
    const heard: number[] = [];
    for (let after = 0, more = true; more; after = heard.at(-1) ?? 0) {
      const page = fitting(fixture.ok<Events>("user/ada", lobby, { type: "resume", after }));
      heard.push(...page.events.map(({ at }) => at));
      more = page.more;
    }
    expect(heard).to.deep.equal(fixture.stream(lobby).map(({ at }) => at));
    const { state } = fixture.ok<{ state: Messages }>("user/ada", lobby, { type: "resume" });
    expect(fitting(state).messages.at(-1)?.seq).to.equal(many);
  });

  it("are paged through in an agent's conversation", () => {
    const fixture = fixtureWith("ada");
    const [ada, helper] = ["user/ada", "agent/ada.helper"] as const;
    fixture.ok(ada, ada, { type: "createAgent", name: "helper" });
    const rounds = 30;
    for (let round = 0; round < rounds; round += 1) {
      fixture.ok(ada, helper, { type: "say", text: "more" });
      fixture.answer(ideograms(actorLimits.answerCharsMax - 10));
    }
    interface Turns {
      readonly turns: readonly ConversationTurn[];
      readonly more: boolean;
    }
    const read: number[] = [];
    let pages = 0;
    for (let more = true; more; pages += 1) {
      const before = read.length === 0 ? {} : { before: read[0] };
      const page = fitting(fixture.ok<Turns>(ada, helper, { type: "history", limit: pageEntriesMax, ...before }));
      read.unshift(...page.turns.map(({ turn }) => turn));
      more = page.more;
    }
    expect(read).to.deep.equal(Array.from({ length: 2 * rounds }, (_, index) => index + 1));
    expect(pages).to.be.above(1);
  });
});
