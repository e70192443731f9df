import { expect } from "chai";
import { array, assert as property, integer, property as holds, uniqueArray } from "fast-check";
import { type RoomDeletions, type RoomMessage } from "../../../protocols/index.ts";
import { actorLimits } from "../../../actors/limits.ts";
import { deleteMany, onManyRead, type ManyTag } from "../../../actors/room/deleting.ts";
import type { Room } from "../../../actors/room/shape.ts";
import type { Fixture } from "./fixture.ts";
import { inLobby, lobby, post, view, type Page } from "./lobby.ts";

const [ada, bob] = ["user/ada", "user/bob"] as const;
const together = (fixture: Fixture, seqs: readonly number[], by: string = ada) =>
  fixture
    .ok<RoomDeletions>("gateway", lobby, { type: "deleteMessages", by, seqs })
    .outcomes.map(({ seq, outcome }) => [seq, outcome]);
const idOf = (of: number): string => `${of.toString(16).padStart(20, "0")}.lobby`;

/** A file of bob that is all here. */
function uploaded(fixture: Fixture, of: number): string {
  const ask = (message: { readonly type: string; readonly [field: string]: unknown }) =>
    fixture.ok("gateway", lobby, { by: bob, id: idOf(of), ...message });
  ask({ type: "upload", name: `${of}.png`, bytes: 10, key: "k".repeat(43) });
  ask({ type: "uploadTake", offset: 0 });
  ask({ type: "uploadPart", epoch: 1, index: 0, part: of.toString(16).padStart(64, "0"), bytes: 10 });
  return idOf(of);
}

/** A room with so many messages of bob, of which every fifth has a file, every seventh is in a thread, and some have
 *  more to them. */
function spammed(count: number): Fixture {
  const fixture = inLobby();
  for (let at = 1; at <= count; at += 1) {
    const files = at % 5 === 0 ? { files: [uploaded(fixture, at)] } : {};
    post(fixture, "bob", `spam ${at} @ada`, { ...files, ...(at % 7 === 0 && { replyTo: 1 }) });
    if (at % 11 === 0) fixture.ok(bob, lobby, { type: "edit", seq: at, text: `edited spam ${at}` });
    if (at % 13 === 0) fixture.ok(ada, lobby, { type: "pin", seq: at, on: true });
  }
  return fixture;
}

const without = (of: readonly { readonly key: string }[]) => of.filter(({ key }) => !key.startsWith("event/"));

describe("messages that are deleted together", () => {
  it("go by one event, with all that belongs to them, old ones as new ones", () => {
    const fixture = spammed(220);
    const before = fixture.stream(lobby).length;
    const seqs = [...Array.from({ length: 60 }, (_, at) => at + 1), ...Array.from({ length: 30 }, (_, at) => at + 180)];
    expect(together(fixture, seqs.toReversed())).to.deep.equal(seqs.map((seq) => [seq, "deleted"]));
    expect(fixture.stream(lobby)).to.have.length(before + 1);
    const { event } = fixture.stream(lobby).at(-1) as unknown as { event: { messages: RoomMessage[] } };
    expect(event).to.deep.include({ type: "withdrawn", recall: "", by: ada });
    expect(event.messages.map(({ seq, text }) => [seq, text])).to.deep.equal(seqs.map((seq) => [seq, ""]));
    const records = JSON.stringify(without(fixture.records(lobby, "")));
    for (const seq of seqs) {
      expect(records).not.to.include(`"spam ${seq} `);
      expect(records).not.to.include(idOf(seq));
    }
    expect(records).to.include(idOf(70));
    expect(JSON.stringify(fixture.ok(ada, lobby, { type: "resume", after: before - 100 }))).not.to.match(
      /spam (180|209) /,
    );
    expect(view(fixture).pins).to.deep.equal([65, 78, 91, 104, 117, 130, 143, 156, 169, 208].filter((seq) => !seqs.includes(seq))); // prettier-ignore
    expect(fixture.refold(lobby)).to.deep.equal(fixture.stateOf(lobby));
    expect(together(fixture, [1, 2, 221])).to.deep.equal([[1, "gone"], [2, "gone"], [221, "NOT_FOUND"]]); // prettier-ignore
  });

  it("are one's own, or a moderator asks; one that is refused keeps no other", () => {
    const fixture = inLobby();
    const [of, other] = [post(fixture, "bob", "one").seq, post(fixture, "cleo", "two").seq];
    expect(together(fixture, [of, other, 9], bob)).to.deep.equal([[of, "deleted"], [other, "FORBIDDEN"], [9, "NOT_FOUND"]]); // prettier-ignore
    const asked = { type: "deleteMessages", by: "user/dan", seqs: [other] };
    expect(fixture.code("gateway", lobby, asked)).to.equal("NOT_FOUND");
    expect(fixture.code(ada, lobby, { type: "deleteMessages", by: ada, seqs: [2] })).to.equal("FORBIDDEN");
  });

  it("wait for another append where their files do not fit into one", () => {
    const fixture = inLobby();
    const max = actorLimits.roomDeletedPartsMax;
    try {
      (actorLimits as { roomDeletedPartsMax: number }).roomDeletedPartsMax = 4;
      for (let at = 1; at <= 4; at += 1) post(fixture, "bob", `f${at}`, { files: [uploaded(fixture, at)] });
      const { seq } = post(fixture, "bob", "bare");
      expect(together(fixture, [1, 2, 3, 4, seq]).map(([, outcome]) => outcome)).to.deep.equal([
        "deleted",
        "OVERLOADED",
        "OVERLOADED",
        "OVERLOADED",
        "deleted",
      ]);
      expect(together(fixture, [2])).to.deep.equal([[2, "deleted"]]);
      expect(fixture.records(lobby, "kept/")).to.have.length(2);
    } finally {
      (actorLimits as { roomDeletedPartsMax: number }).roomDeletedPartsMax = max;
    }
  });

  it("go with what an older node left of those that were deleted before", () => {
    const fixture = inLobby();
    post(fixture, "bob", "with a file", { files: [uploaded(fixture, 1)] });
    const left = fixture.records(lobby, "kept/");
    expect(left).to.have.length(1);
    expect(together(fixture, [1])).to.deep.equal([[1, "deleted"]]);
    expect(fixture.records(lobby, "kept/")).to.have.length(0);
    fixture.putRecords(lobby, left);
    expect(together(fixture, [1], "user/cleo")).to.deep.equal([[1, "gone"]]);
    expect(fixture.records(lobby, "kept/")).to.have.length(1);
    expect(together(fixture, [1])).to.deep.equal([[1, "gone"]]);
    expect(fixture.records(lobby, "kept/")).to.have.length(0);
    const events = fixture.stream(lobby).length;
    expect(together(fixture, [1])).to.deep.equal([[1, "gone"]]);
    expect(fixture.stream(lobby)).to.have.length(events);
  });

  it("are not begun again for ever: those that change all the time are to be asked for again", () => {
    const fixture = inLobby();
    post(fixture, "bob", "with a file", { files: [uploaded(fixture, 1)] });
    post(fixture, "bob", "bare");
    const room = fixture.stateOf<Room>(lobby);
    const turn = { self: lobby, key: "lobby", nowMs: 1, from: "gateway", notes: { progress: {} } } as const;
    let effects = deleteMany(room, { type: "deleteMessages", by: ada, seqs: [1, 2] }, turn);
    let reads = 0;
    for (; effects[0]?.type === "read" && reads < 100; reads += 1) {
      const notes = { progress: {}, filings: reads + 1, filed: [1] };
      effects = onManyRead(room, effects[0].tag as ManyTag, fixture.records(lobby, "kept/"), { ...turn, notes });
    }
    expect(reads).to.equal(actorLimits.roomDeletionTriesMax);
    expect(JSON.stringify(effects)).to.include('{"seq":1,"outcome":"OVERLOADED"},{"seq":2,"outcome":"deleted"}');
  });

  it("are known so many; events before the others are given out no more", () => {
    const fixture = inLobby();
    const max = actorLimits.roomDeletionsKept;
    try {
      (actorLimits as { roomDeletionsKept: number }).roomDeletionsKept = 6;
      for (let at = 1; at <= 12; at += 1) post(fixture, "bob", `spam ${at}`);
      const heads = [1, 5, 9].map((first) => {
        together(fixture, [first, first + 1, first + 2, first + 3]);
        return fixture.stateOf<Room>(lobby).head;
      });
      const { deletions, eventsFrom = 0 } = fixture.stateOf<Room>(lobby);
      expect(deletions.map(({ seq }) => seq)).to.deep.equal([9, 10, 11, 12]);
      expect(eventsFrom).to.equal(heads[1]);
      expect(fixture.code(bob, lobby, { type: "resume", after: eventsFrom - 1 })).to.equal("CURSOR_EXPIRED");
      expect(fixture.code(bob, lobby, { type: "resume", after: eventsFrom })).to.equal("accepted");
      expect(JSON.stringify(fixture.ok(bob, lobby, { type: "resume", after: eventsFrom }))).not.to.include("spam");
      expect(fixture.refold(lobby)).to.deep.equal(fixture.stateOf(lobby));
    } finally {
      (actorLimits as { roomDeletionsKept: number }).roomDeletionsKept = max;
    }
  });

  it("lead to what deleting one by one leads to, whatever is between", () => {
    property(
      holds(
        uniqueArray(integer({ min: 1, max: 45 }), { minLength: 1, maxLength: 30 }),
        array(integer({ min: 1, max: 40 }), { maxLength: 3 }),
        (seqs, first) => {
          const [one, all] = [spammed(40), spammed(40)];
          for (const fixture of [one, all]) for (const seq of first) fixture.do(bob, lobby, { type: "delete", seq });
          for (const seq of seqs.toSorted((a, b) => a - b)) one.do(ada, lobby, { type: "delete", seq });
          together(all, seqs);
          const page = (fixture: Fixture) => fixture.ok<Page>(ada, lobby, { type: "history", limit: 100 });
          expect(page(all)).to.deep.equal(page(one));
          expect(without(all.records(lobby, ""))).to.deep.equal(without(one.records(lobby, "")));
          const { stored, head: _, deletions: _d, outbox: _o, ...state } = all.stateOf<Room>(lobby);
          const { stored: was, head: _h, deletions: _e, outbox: _p, ...single } = one.stateOf<Room>(lobby);
          expect(state).to.deep.equal(single);
          expect(stored?.counts).to.deep.equal(was?.counts);
        },
      ),
      { numRuns: 25 },
    );
  });
});
