import { expect } from "chai";
import { filesFor } from "../../../actors/agent/files.ts";
import { room as behavior } from "../../../actors/room/index.ts";
import type { LeftTag } from "../../../actors/room/own.ts";
import type { Room } from "../../../actors/room/shape.ts";
import { actorLimits as limits } from "../../../actors/limits.ts";
import { ok, ownRoomKey, type ConversationTurn, type RoomFiles, type RoomMessage } from "../../../protocols/index.ts";
import { text } from "../../fixtures/engine-answers.ts";
import { ada, helper, turns, withHelper } from "./adas-agent.ts";
import type { Fixture } from "./fixture.ts";

const own = `room/${ownRoomKey("ada")}` as const;
const key = ownRoomKey("ada");
const idOf = (of: number): string => `${of.toString(16).padStart(20, "0")}.${key}`;
const plain = { type: "application/octet-stream" };

/** An agent, and the room for its files as the gateway begins it. */
function withRoom(): Fixture {
  const fixture = withHelper();
  fixture.ok(ada, own, { type: "create", visibility: "direct", with: ada });
  return fixture;
}

/** A file of ada's; `bytes` of 10 are here. */
function uploaded(fixture: Fixture, of: number, found: object = plain, here = 10): string {
  const id = idOf(of);
  const steps = [
    { type: "upload", name: `${of}.file`, bytes: 10, key: "k".repeat(43) },
    { type: "uploadTake", offset: 0 },
    { type: "uploadPart", epoch: 1, index: 0, part: of.toString(16).padStart(64, "0"), bytes: here, found },
  ];
  for (const step of steps) fixture.ok("gateway", own, { ...step, id, by: ada });
  return id;
}

const say = (fixture: Fixture, words: string, files: readonly string[], more: object = {}) =>
  fixture.ok<{ turn: number }>(ada, helper, { type: "say", text: words, files, ...more });
const kept = (fixture: Fixture) => fixture.ok<RoomFiles>(ada, own, { type: "files" }).files;
const messages = (fixture: Fixture) =>
  fixture.ok<{ messages: readonly RoomMessage[] }>(ada, own, { type: "history" }).messages;
const saidFiles = (all: readonly ConversationTurn[]) => all.map(({ files }) => files?.map(({ id }) => id));

describe("files in a conversation with an agent", () => {
  it("are one message of the owner's own room, and the model is told of them", () => {
    const fixture = withRoom();
    const ids = [uploaded(fixture, 1), uploaded(fixture, 2, { type: "image/png", width: 4, height: 4 })];
    say(fixture, "what do they say?", ids);
    const [message] = messages(fixture);
    expect(message).to.deep.include({ author: ada, text: "ada.helper" });
    expect(message?.files?.map(({ id }) => id)).to.deep.equal(ids);
    expect(turns(fixture)[0]?.files).to.deep.equal([
      { id: ids[0], name: "1.file", bytes: 10, ...plain },
      { id: ids[1], name: "2.file", bytes: 10, type: "image/png", width: 4, height: 4 },
    ]);
    const named = { of: own, by: ada, bytes: 10 };
    expect(fixture.generation.messages.at(-1)).to.deep.equal({
      role: "user",
      content: "what do they say?",
      files: [
        { ...named, id: ids[0], name: "1.file", chars: 10 },
        { ...named, id: ids[1], name: "2.file", chars: 0, picture: "image/png" },
      ],
    });
  });

  it("may be all that is said, and are said again without the room: on another branch, or once more", () => {
    const fixture = withRoom();
    const id = uploaded(fixture, 1);
    say(fixture, "", [id]);
    fixture.answer("I see.");
    say(fixture, "in other words", [id, id], { parent: 0 });
    expect(messages(fixture)).to.have.length(1);
    expect(saidFiles(turns(fixture))[0]).to.deep.equal([id]);
    expect(fixture.generation.messages.at(-1)?.files).to.have.length(1);
  });

  it("are refused where they are not all here, not the owner's, unknown, or too many; then nothing is said", () => {
    const fixture = withRoom();
    const half = uploaded(fixture, 1, plain, 4);
    const refused = (files: readonly string[]) => fixture.code(ada, helper, { type: "say", text: "see", files });
    expect(refused([half])).to.equal("BAD_REQUEST");
    expect(refused([idOf(9)])).to.equal("NOT_FOUND");
    expect(turns(fixture)).to.deep.equal([]);
    expect(fixture.code("user/bob", helper, { type: "say", text: "see", files: [half] })).to.equal("FORBIDDEN");
    const whole = uploaded(fixture, 2);
    for (const from of ["agent/bob.helper", "agent/ada.other"] as const) {
      const take = { type: "takeFiles", by: ada, conversation: "ada.helper", files: [whole] };
      expect(fixture.code(from, own, take), from).to.equal("FORBIDDEN");
      expect(fixture.code(from, own, { type: "dropFiles", by: ada, conversation: "ada.helper", seq: 1 })).to.equal(
        "FORBIDDEN",
      );
    }
    say(fixture, "see", [whole]);
    for (let sent = 1; sent < limits.agentFilesMax; sent += 1) {
      fixture.answer("ok");
      say(fixture, "see", [uploaded(fixture, 10 + sent)]);
    }
    expect(refused([uploaded(fixture, 1_000)])).to.equal("LIMIT_REACHED");
  });

  it("go when the conversation is cleared or deleted, and those of others stay", () => {
    const fixture = withRoom();
    const other = fixture.ok<{ number: number }>(ada, helper, { type: "open" }).number;
    const [first, second, third] = [uploaded(fixture, 1), uploaded(fixture, 2), uploaded(fixture, 3)];
    say(fixture, "one", [first]);
    fixture.ok(ada, `${helper}.${other}`, { type: "say", text: "two", files: [second] });
    fixture.ok(ada, helper, { type: "clear" });
    expect(kept(fixture).map(({ id }) => id)).to.deep.equal([second]);
    say(fixture, "three", [third]);
    fixture.ok(ada, helper, { type: "drop", number: other });
    expect(kept(fixture).map(({ id }) => id)).to.deep.equal([third]);
    fixture.ok(ada, ada, { type: "deleteAgent", agent: "ada.helper" });
    expect(kept(fixture)).to.deep.equal([]);
    expect(
      messages(fixture).every(({ deletedAtMs, text: words }) => deletedAtMs !== undefined && words === ""),
    ).to.equal(true);
  });

  it("are taken once, however often they are asked for: a lost answer neither loses a file nor keeps one", () => {
    const fixture = withRoom();
    const [first, second] = [uploaded(fixture, 1), uploaded(fixture, 2)];
    const lost = (files: readonly string[]) => {
      const before = messages(fixture).length;
      const answer = fixture.begin(ada, helper, { type: "say", text: "lost", files });
      // The room has taken them, and its answer is on the way when the conversation's node ends.
      while (fixture.records(own, "kept/").length === 0 && fixture.step());
      fixture.crash(helper);
      fixture.settle();
      expect(messages(fixture)).to.have.length(before + 1);
      expect(answer()).to.equal(undefined);
    };
    lost([first]);
    expect(turns(fixture)).to.deep.equal([]);
    // The first of them is the same, and it is another question.
    say(fixture, "both", [first, second]);
    expect(saidFiles(turns(fixture))).to.deep.equal([[first, second]]);
    expect(kept(fixture).map(({ id }) => id)).to.have.members([first, second]);
    fixture.answer("ok");
    fixture.ok(ada, helper, { type: "clear" });
    expect(kept(fixture)).to.deep.equal([]);
    expect(fixture.code(ada, helper, { type: "say", text: "again", files: [first] })).to.equal("NOT_FOUND");
    lost([uploaded(fixture, 3)]);
    fixture.ok(ada, helper, { type: "clear" });
    expect(kept(fixture), "what the conversation never heard of goes with it").to.deep.equal([]);
  });

  it("of another conversation are not taken by name", () => {
    const fixture = withRoom();
    const id = uploaded(fixture, 1);
    say(fixture, "mine", [id]);
    const other = fixture.ok<{ number: number }>(ada, helper, { type: "open" }).number;
    expect(fixture.code(ada, `${helper}.${other}`, { type: "say", text: "and mine", files: [id] })).to.equal(
      "NOT_FOUND",
    );
    expect(kept(fixture).map((one) => one.id)).to.deep.equal([id]);
  });

  it("have the number of the message that has them, by which a conversation drops its own and no other's", () => {
    const fixture = withRoom();
    const other = fixture.ok<{ number: number }>(ada, helper, { type: "open" }).number;
    const of = (conversation: string) => ({ by: ada, conversation });
    const take = (conversation: string, files: readonly string[]) =>
      fixture.ok<{ seq: number }>(`agent/${conversation}`, own, { type: "takeFiles", ...of(conversation), files }).seq;
    const drop = (seq: number) => fixture.ok("agent/ada.helper", own, { type: "dropFiles", ...of("ada.helper"), seq });
    const [first, second, third] = [uploaded(fixture, 1), uploaded(fixture, 2), uploaded(fixture, 3)];
    expect(take("ada.helper", [first])).to.equal(1);
    expect(take("ada.helper", [first]), "asked for once more").to.equal(1);
    expect(take("ada.helper", [second, first]), "with another one").to.equal(1);
    expect(take(`ada.helper.${other}`, [third])).to.equal(3);
    for (const seq of [3, 4]) drop(seq);
    expect(kept(fixture).map(({ id }) => id)).to.have.members([first, second, third]);
    drop(1);
    expect(kept(fixture).map(({ id }) => id)).to.have.members([second, third]);
  });

  it("that are taken behind one that was taken before are dropped, too, where the conversation is cleared", () => {
    for (let steps = 0; steps < 30; steps += 1) {
      const fixture = withRoom();
      const [known, fresh] = [uploaded(fixture, 1), uploaded(fixture, 2)];
      // The answer to this was lost.
      const take = { type: "takeFiles", by: ada, conversation: "ada.helper", files: [known] };
      fixture.ok("agent/ada.helper", own, take);
      const said = fixture.begin(ada, helper, { type: "say", text: "see", files: [known, fresh] });
      for (let step = 0; step < steps; step += 1) fixture.step();
      fixture.ok(ada, helper, { type: "clear" });
      const ids = turns(fixture).flatMap(({ files = [] }) => files.map(({ id }) => id));
      expect(
        kept(fixture).map(({ id }) => id),
        `${steps} steps`,
      ).to.have.members(ids);
      expect(said()).to.not.equal(undefined);
    }
  });

  it("that come while the conversation is cleared are dropped, and what was to be said with them is refused", () => {
    for (const isFirst of [true, false])
      for (let steps = 0; steps < 30; steps += 1) {
        const fixture = withRoom();
        if (!isFirst) say(fixture, "before", [uploaded(fixture, 7)]);
        if (!isFirst) fixture.answer("ok");
        const said = fixture.begin(ada, helper, { type: "say", text: "see", files: [uploaded(fixture, 1)] });
        for (let step = 0; step < steps; step += 1) fixture.step();
        fixture.ok(ada, helper, { type: "clear" });
        const result = said();
        const known = turns(fixture).flatMap(({ files = [] }) => files.map(({ id }) => id));
        expect(
          kept(fixture).map(({ id }) => id),
          `${steps} steps`,
        ).to.have.members(known);
        if (result?.ok === false) expect(result.error.code).to.equal("CHANGED_MEANWHILE");
        expect(result).to.not.equal(undefined);
      }
  });

  it("are said although another conversation is deleted or cleared meanwhile", () => {
    for (const isDropped of [true, false])
      for (let steps = 0; steps < 12; steps += 1) {
        const fixture = withRoom();
        const other = fixture.ok<{ number: number }>(ada, helper, { type: "open" }).number;
        const id = uploaded(fixture, 1);
        const said = fixture.begin(ada, helper, { type: "say", text: "see", files: [id] });
        for (let step = 0; step < steps; step += 1) fixture.step();
        if (isDropped) fixture.ok(ada, helper, { type: "drop", number: other });
        else fixture.ok(ada, `${helper}.${other}`, { type: "clear" });
        expect(said()?.ok, `${steps} steps`).to.equal(true);
        expect(saidFiles(turns(fixture))[0]).to.deep.equal([id]);
      }
  });

  it("go from a room of the version before, which knows them by their numbers alone", () => {
    const fixture = withRoom();
    for (let nth = 1; nth <= 3; nth += 1) {
      say(fixture, "see", [uploaded(fixture, nth)]);
      fixture.answer("ok");
    }
    const before = fixture.sent.length;
    fixture.ok(ada, helper, { type: "clear" });
    const drops = fixture.sent.slice(before).filter(({ message }) => message.type === "dropFiles");
    expect(drops.map(({ message }) => message["seq"])).to.deep.equal([1, 2, 3, 0]);
  });

  it("of many messages go one after the other, and those of what is said next stay", () => {
    const fixture = withRoom();
    for (let nth = 1; nth <= 70; nth += 1) {
      say(fixture, "see", [uploaded(fixture, nth)]);
      fixture.answer("ok");
    }
    const before = fixture.sent.length;
    fixture.cutOff(own);
    fixture.ok(ada, helper, { type: "clear" });
    const drops = fixture.sent.slice(before).filter(({ message }) => message.type === "dropFiles");
    expect(drops).to.have.length(1);
    fixture.reach(own);
    const next = uploaded(fixture, 100);
    // The room does not know yet what is to go: this would go along.
    expect(fixture.code(ada, helper, { type: "say", text: "next", files: [next] })).to.equal("OVERLOADED");
    fixture.pass(limits.outboxRetryMs * 2);
    say(fixture, "next", [next]);
    expect(kept(fixture).map(({ id }) => id)).to.deep.equal([next]);
  });

  it("are looked for where there are some: not where none were asked for, nor among what was deleted", () => {
    const fixture = withRoom();
    const drops = () => fixture.sent.filter(({ message }) => message.type === "dropFiles").length;
    fixture.ok(ada, helper, { type: "say", text: "see" });
    fixture.answer("ok");
    fixture.ok(ada, helper, { type: "clear" });
    expect(drops()).to.equal(0);
    const id = uploaded(fixture, 1);
    say(fixture, "see", [id]);
    fixture.ok(ada, helper, { type: "clear" });
    const before = drops();
    expect(before).to.be.greaterThan(0);
    fixture.ok(ada, helper, { type: "clear" });
    expect(drops(), "it is empty, and has asked for none").to.equal(before);
    const [state, notes] = [fixture.stateOf<Room>(own), { progress: {} }];
    const message = { type: "dropFiles", by: ada, conversation: "ada.helper", seq: 0 } as const;
    const turn = { self: own, key, from: "agent/ada.helper", nowMs: 1, notes } as const;
    const reads = behavior.decide(state, message, turn).flatMap((effect) => (effect.type === "read" ? [effect] : []));
    expect(reads.map(({ range }) => [range.from.split("/")[0], range.limit])).to.deep.equal([["kept", 1]]);
    const found = { type: "records", tag: reads[0]!.tag as LeftTag, records: [] } as const;
    expect(behavior.decide(state, found, turn).map(({ type }) => type)).to.deep.equal(["reply"]);
  });

  it("go with the account, also those that no conversation knows", () => {
    const fixture = withRoom();
    for (const nth of [1, 2]) {
      const take = { type: "takeFiles", by: ada, conversation: "ada.helper", files: [uploaded(fixture, nth)] };
      fixture.ok("agent/ada.helper", own, take);
    }
    expect(kept(fixture)).to.have.length(2);
    fixture.ok(ada, own, { type: "depart" });
    expect(kept(fixture)).to.deep.equal([]);
    expect(messages(fixture).every(({ deletedAtMs }) => deletedAtMs !== undefined)).to.equal(true);
  });

  it("go with the account some at a time, and the next only when those have gone", () => {
    const fixture = withRoom();
    for (let nth = 1; nth <= 130; nth += 1) {
      const take = { type: "takeFiles", by: ada, conversation: "ada.helper", files: [uploaded(fixture, nth)] };
      fixture.ok("agent/ada.helper", own, take);
    }
    const records = fixture.records(own, "kept/");
    const [state, notes] = [fixture.stateOf<Room>(own), { progress: {} }];
    const turn = { self: own, key, from: "node", nowMs: 1, notes } as const;
    const readsAfter = (tag: object, found: typeof records) =>
      behavior
        .decide(state, { type: "records", tag: { type: "left", by: ada, ...tag } as LeftTag, records: found }, turn)
        .flatMap((effect) => (effect.type === "read" ? [effect.range] : []))
        .filter(({ from }) => from.startsWith("kept/"));
    // While the first are there, it looks at those alone; what is refused does not hold up the others for ever.
    const first = records.slice(0, 64);
    const last = first.at(-1)!.key;
    expect(readsAfter({}, first).every(({ from }) => from <= last)).to.equal(true);
    const page = { first: 1, last: 64 };
    expect(readsAfter({ page: { ...page, looks: 1 } }, first.slice(0, 1))[0]!.from < last).to.equal(true);
    expect(readsAfter({ page: { ...page, looks: 1 } }, [])[0]!.from > last).to.equal(true);
    expect(readsAfter({ page: { ...page, looks: 8 } }, first.slice(0, 1))[0]!.from > last).to.equal(true);
    fixture.ok(ada, own, { type: "depart" });
    expect(fixture.records(own, "kept/")).to.deep.equal([]);
  });

  it("are in a room that nobody else comes into, and where nobody posts by hand", () => {
    const fixture = withRoom();
    const code = (command: object, from: "user/ada" | "user/bob" = "user/ada") =>
      fixture.code(from, own, command as { readonly type: string });
    expect(code({ type: "post", text: "hi" })).to.equal("FORBIDDEN");
    expect(code({ type: "poll", question: "q", options: ["a", "b"] })).to.equal("FORBIDDEN");
    expect(code({ type: "invite", member: "user/bob" })).to.equal("FORBIDDEN");
    expect(code({ type: "join" }, "user/bob")).to.equal("NOT_FOUND");
    expect(code({ type: "files" }, "user/bob")).to.equal("NOT_FOUND");
    expect(code({ type: "create", visibility: "direct", with: "user/bob" }, "user/bob")).to.equal("BAD_REQUEST");
  });

  it("that the model was not shown are told in the answer to the message that has them, and in no later one", () => {
    const fixture = withRoom();
    const end = (leftOut: readonly string[]): string => {
      const { id: run } = fixture.generation;
      fixture.part(run, text("Hello."));
      const tokens = { promptTokens: 1, completionTokens: 1 };
      fixture.part(run, { type: "answered", result: ok({ end: "complete", ...tokens, leftOut }) });
      return turns(fixture).at(-1)?.text ?? "";
    };
    say(fixture, "see", [uploaded(fixture, 1)]);
    expect(end(["`1.file` (it was deleted)"])).to.equal("Hello.\n\nNot shown to the model: `1.file` (it was deleted).");
    say(fixture, "and?", []);
    expect(end(["`1.file` (it was deleted)"])).to.equal("Hello.");
  });

  it("have places for the newest first, as files of rooms do", () => {
    const said = Array.from({ length: 12 }, (_, index): ConversationTurn => {
      const file = { id: idOf(index), name: `${index}.file`, bytes: 10, ...plain };
      return { turn: index * 2 + 1, role: "user", text: "see", atMs: 1, files: [file] };
    });
    const placed = filesFor({ type: "conversation", turn: 24 }, "ada.helper", {
      chars: 100_000,
      sees: false,
      recent: said,
    });
    expect(placed.files.map(({ seq }) => seq)).to.deep.equal([23, 21, 19, 17, 15, 13, 11, 9]);
  });
});
