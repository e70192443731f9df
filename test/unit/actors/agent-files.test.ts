import { expect } from "chai";
import { constantFrom, array, assert as assertProperty, integer, property, record, boolean } from "fast-check";
import { charsOf, contextFor, roomFor } from "../../../actors/agent/context.ts";
import { filesFor } from "../../../actors/agent/files.ts";
import type { AgentState, RoomSource } from "../../../actors/agent/shape.ts";
import { actorLimits as limits } from "../../../actors/limits.ts";
import {
  asCode,
  failure,
  ok,
  wireLimits,
  type ChatMessage,
  type RoomMessage,
  type ToldFile,
} from "../../../protocols/index.ts";
import { failed, text } from "../../fixtures/engine-answers.ts";
import { inLobby, lobby, post, type Page } from "./lobby.ts";
import type { Fixture } from "./fixture.ts";

const helper = "agent/ada.helper";
const idOf = (of: number): string => `${of.toString(16).padStart(20, "0")}.lobby`;

/** The lobby with an agent of ada's. */
function withHelper(): Fixture {
  const fixture = inLobby();
  fixture.ok("user/ada", "user/ada", { type: "createAgent", name: "helper" });
  fixture.ok("user/ada", lobby, { type: "invite", member: helper });
  return fixture;
}

/** A file of somebody that is all here. */
function uploaded(
  fixture: Fixture,
  by: string,
  of: number,
  found: object,
  { bytes = 10, name = `${of}.file` }: { readonly bytes?: number; readonly name?: string } = {},
): string {
  const id = idOf(of);
  const steps = [
    { type: "upload", name, bytes, key: "k".repeat(43) },
    { type: "uploadTake", offset: 0 },
    { type: "uploadPart", epoch: 1, index: 0, part: of.toString(16).padStart(64, "0"), bytes, found },
  ];
  for (const step of steps) fixture.ok("gateway", lobby, { ...step, id, by: `user/${by}` });
  return id;
}
const plain = { type: "application/octet-stream" };
/** What stands in the room when the model has said "Hello." */
function answerOf(fixture: Fixture, leftOut: readonly string[]): RoomMessage {
  const { id: run } = fixture.generation;
  fixture.part(run, text("Hello."));
  const tokens = { promptTokens: 1, completionTokens: 1 };
  fixture.part(run, {
    type: "answered",
    result: ok({ end: "complete", ...tokens, ...(leftOut.length > 0 && { leftOut }) }),
  });
  const answer = fixture.ok<Page>("user/bob", lobby, { type: "history" }).messages.at(-1);
  if (answer === undefined) throw new Error("no answer");
  return answer;
}

const last = (fixture: Fixture): ChatMessage | undefined => fixture.generation.messages.at(-1);

describe("files of a room that an agent is told of", () => {
  it("are those of the mention and of what stands before it, for the person who asks", () => {
    const fixture = withHelper();
    post(fixture, "ada", "numbers", { files: [uploaded(fixture, "ada", 1, plain)] });
    const picture = { type: "image/png", width: 4, height: 4 };
    post(fixture, "bob", "@helper look", { files: [uploaded(fixture, "bob", 2, picture)] });
    const said = fixture.generation.messages.filter(({ role }) => role === "user");
    const named = { of: lobby, by: "user/bob", bytes: 10 };
    expect(said.map(({ content, files }) => ({ content, files }))).to.deep.equal([
      { content: "ada: numbers", files: [{ ...named, id: idOf(1), name: "1.file", chars: 10 }] },
      {
        content: "bob: @helper look",
        files: [{ ...named, id: idOf(2), name: "2.file", chars: 0, picture: "image/png" }],
      },
    ]);
  });

  it("are those of the thread, its first message among them, and of no other message", () => {
    const fixture = withHelper();
    const { seq } = post(fixture, "ada", "root", { files: [uploaded(fixture, "ada", 1, plain)] });
    post(fixture, "ada", "beside", { files: [uploaded(fixture, "ada", 2, plain)] });
    post(fixture, "bob", "@helper what is in it?", { replyTo: seq, threadOnly: true });
    const files = fixture.generation.messages.flatMap((message) => message.files ?? []);
    expect(files.map(({ id }) => id)).to.deep.equal([idOf(1)]);
  });

  it("are not those of a message that was deleted", () => {
    const fixture = withHelper();
    const { seq } = post(fixture, "ada", "secret", { files: [uploaded(fixture, "ada", 1, plain)] });
    fixture.ok("user/ada", lobby, { type: "delete", seq });
    post(fixture, "bob", "@helper look");
    expect(fixture.generation.messages.flatMap(({ files = [] }) => files)).to.deep.equal([]);
  });

  it("are told in words where the model sees no pictures, and the answer says so", () => {
    const fixture = withHelper();
    const id = uploaded(fixture, "ada", 1, { type: "image/png", width: 4, height: 4 });
    post(fixture, "ada", "@helper look", { files: [id] });
    expect(last(fixture)?.files?.[0]).to.include({ picture: "image/png" });
    fixture.part(fixture.generation.id, failed(failure("MODEL_UNSUPPORTED", { capability: "vision" })));
    expect(last(fixture)?.files?.[0]).to.deep.include({ chars: 0, leftOut: "the model cannot see pictures" });
    const { id: run } = fixture.generation;
    fixture.part(run, text("I see nothing."));
    const leftOut = ["`1.file` (the model cannot see pictures)"];
    fixture.part(run, {
      type: "answered",
      result: ok({ end: "complete", promptTokens: 1, completionTokens: 1, leftOut }),
    });
    const { messages } = fixture.ok<Page>("user/bob", lobby, { type: "history" });
    const says = "I see nothing.\n\nNot shown to the model: `1.file` (the model cannot see pictures).";
    expect(messages.at(-1)?.text).to.equal(says);
  });

  it("that are too many are counted, for the model and behind the answer", () => {
    const fixture = withHelper();
    const ids = Array.from({ length: 10 }, (_, at) => uploaded(fixture, "ada", at + 1, plain));
    post(fixture, "ada", "@helper compare all", { files: ids });
    expect(last(fixture)?.files).to.have.length(wireLimits.filesPerMentionMax);
    expect(last(fixture)?.content).to.include("[Not shown: 2 more files (a model is told of 8 at most)]");
    expect(answerOf(fixture, []).text).to.match(/\n\nNot shown to the model: 2 more files \(.* 8 at most\)\.$/);
    post(fixture, "ada", "@helper and now?");
    expect(last(fixture)?.content).to.include("[Not shown: 2 more files");
  });

  it("call nobody in the answer and are no links there by their names, however many there are", () => {
    const fixture = withHelper();
    const name = `@bob [click](https://evil.example) ${"x".repeat(150)}.mp4`;
    const ids = Array.from({ length: 8 }, (_, at) => uploaded(fixture, "ada", at + 1, { type: "video/mp4" }, { name }));
    post(fixture, "ada", "@helper look", { files: ids });
    const files = last(fixture)?.files ?? [];
    const answer = answerOf(
      fixture,
      files.map((file) => `${asCode(file.name)} (${file.leftOut})`),
    );
    expect(answer.mentions).to.equal(undefined);
    expect(answer.text.replaceAll(/`[^`]*`/g, "")).to.match(/^Hello\.[^`@[\]]* [1-7] more\.$/s);
  });

  it("take no place where their message has none, and are said to be left out", () => {
    const fixture = withHelper();
    post(fixture, "ada", "numbers", { files: [uploaded(fixture, "ada", 1, plain, { bytes: 90_000 })] });
    post(fixture, "ada", "word ".repeat(700));
    post(fixture, "ada", "@helper what do they say?");
    const { life } = fixture.stateOf<AgentState>(helper);
    const [job] = life?.jobs ?? [];
    if (life === null || job === undefined) throw new Error("no job");
    const kinds = new Set<number>();
    for (const halvings of [0, 1, 2, 3, 4, 5]) {
      const messages = contextFor(life, job, "ada.helper", { halvings, hasTools: false });
      kinds.add(messages.length);
      const isRead = messages.some(({ content }) => content.endsWith("numbers"));
      const [file, ...others] = messages.flatMap(({ files = [] }) => files);
      expect(others).to.deep.equal([]);
      if (!isRead) {
        expect(messages.at(-1)?.files).to.deep.equal([file]);
        expect(file?.leftOut).to.match(/^(?:its message is too far back|the model cannot read so much at once)$/);
        expect(file?.chars).to.equal(0);
        // What the file would have taken is there for what was said.
        if (roomFor(life) / 2 ** halvings > 4_000) expect(messages).to.have.length(2);
      } else if (file?.leftOut === undefined) expect(file?.chars).to.be.above(0);
    }
    expect([...kinds]).to.have.length.above(1);
  });

  it("never take more of a context than their share, nor more pictures, bytes and files than are allowed", () => {
    const told = record({
      id: constantFrom(...[1, 2, 3].map(idOf)),
      name: constantFrom("a", "b"),
      bytes: integer({ min: 0, max: 2 ** 28 }),
      type: constantFrom("image/png", "image/gif", "application/pdf", "application/octet-stream", "video/mp4"),
      width: integer({ min: 1, max: 8_000 }),
      height: integer({ min: 1, max: 8_000 }),
      seq: integer({ min: 1, max: 20 }),
    });
    assertProperty(
      property(
        array(told, { maxLength: wireLimits.filesPerMentionMax }),
        integer({ min: -10, max: 400_000 }),
        boolean(),
        (files: readonly ToldFile[], chars, sees) => {
          const source: RoomSource = {
            type: "room",
            room: "lobby",
            seq: 20,
            context: [{ author: "bob", text: "x" }],
            files,
          };
          const placed = filesFor(source, "ada.helper", { chars, sees });
          expect(placed.files).to.have.length(files.length);
          const shown = placed.files.filter(({ file }) => file.leftOut === undefined).map(({ file }) => file);
          const pictures = shown.filter(({ picture }) => picture !== undefined);
          const used = shown.reduce((sum, file) => sum + (file.picture ? limits.pictureChars : file.chars), 0);
          expect(used).to.be.at.most(Math.max(0, chars * limits.contextFilesShare));
          expect(pictures.length).to.be.at.most(sees ? limits.contextPicturesMax : 0);
          const bytes = pictures.reduce((sum, file) => sum + file.bytes, 0);
          expect(bytes).to.be.at.most(limits.contextRoomMediaBytesMax);
          for (const { file } of placed.files) expect(file.by).to.equal("user/bob");
        },
      ),
    );
  });

  it("leave a place for what was said, however large they are", () => {
    const fixture = withHelper();
    const ids = [1, 2, 3, 4].map((of) => uploaded(fixture, "ada", of, plain, { bytes: 900_000 }));
    post(fixture, "ada", `@helper ${"word ".repeat(400)}`, { files: ids });
    const { life } = fixture.stateOf<AgentState>(helper);
    const [job] = life?.jobs ?? [];
    if (life === null || job === undefined) throw new Error("no job");
    for (const halvings of [0, 1, 2, 3]) {
      const messages = contextFor(life, job, "ada.helper", { halvings, hasTools: false });
      const overheads = ids.length * limits.messageOverheadChars;
      expect(charsOf(messages)).to.be.at.most(Math.max(roomFor(life) / 2 ** halvings, 2_100) * 1.5 + overheads);
      expect(messages.at(-1)?.content).to.include("word word");
    }
  });
});
