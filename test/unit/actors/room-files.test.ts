import { expect } from "chai";
import {
  wireLimits,
  type KeptFile,
  type RoomFiles,
  type RoomMessage,
  type RoomUpload,
} from "../../../protocols/index.ts";
import { actorLimits } from "../../../actors/limits.ts";
import type { Turn } from "../../../actors/behavior.ts";
import { forGateway } from "../../../actors/room/files.ts";
import type { Room } from "../../../actors/room/shape.ts";
import { inLobby, lobby, post, type Page } from "./lobby.ts";
import type { Fixture } from "./fixture.ts";

const { filePartBytes } = wireLimits;
const key = "k".repeat(43);
const hash = (of: number): string => of.toString(16).padStart(64, "0");
const idOf = (of: number): string => `${of.toString(16).padStart(20, "0")}.lobby`;

/** Asks as the gateway does, in the name of a person. */
const ask = (fixture: Fixture, by: string, message: { readonly type: string; readonly [field: string]: unknown }) =>
  fixture.do("gateway", lobby, { ...message, by: `user/${by}` });
const code = (fixture: Fixture, by: string, message: Parameters<typeof ask>[2]): string => {
  const answer = ask(fixture, by, message);
  return answer.ok ? "accepted" : answer.error.code;
};
const ok = <T>(fixture: Fixture, by: string, message: Parameters<typeof ask>[2]): T => {
  const answer = ask(fixture, by, message);
  expect(answer.ok, JSON.stringify(answer)).to.equal(true);
  return (answer as { value: T }).value;
};
const begin = (fixture: Fixture, by: string, of: number, bytes: number): RoomUpload =>
  ok(fixture, by, { type: "upload", id: idOf(of), name: `${of}.png`, bytes, key });
const part = (of: number, index: number, bytes: number, more: object = {}) => ({
  type: "uploadPart",
  id: idOf(of),
  epoch: 1,
  index,
  part: hash(of * 1_000 + index),
  bytes,
  found: { type: "image/png", width: 2, height: 3 },
  ...more,
});
/** A file that is all here. */
function uploaded(fixture: Fixture, by: string, of: number): string {
  begin(fixture, by, of, 10);
  ok(fixture, by, { type: "uploadTake", id: idOf(of), offset: 0 });
  ok(fixture, by, part(of, 0, 10));
  return idOf(of);
}
const held = (fixture: Fixture, of: string): boolean =>
  fixture.ok<{ held: boolean }>("node", lobby, { type: "fileHeld", hash: of }).held;
const records = (fixture: Fixture): readonly string[] =>
  ["file/", "kept/", "part/"].flatMap((prefix) => fixture.records(lobby, prefix).map(({ key: name }) => name));

describe("files of a room", () => {
  it("are of the message that was posted with them, and every member reads them", () => {
    const fixture = inLobby();
    const id = uploaded(fixture, "ada", 1);
    const { seq } = post(fixture, "ada", "", { files: [id] });
    const [message] = fixture.ok<Page>("user/bob", lobby, { type: "history" }).messages;
    const file = { id, name: "1.png", bytes: 10, type: "image/png", width: 2, height: 3 };
    expect(message).to.deep.include({ text: "", files: [file] });
    expect(JSON.stringify(fixture.stream(lobby))).not.to.include(key);
    const kept = ok<KeptFile>(fixture, "bob", { type: "file", id });
    expect(kept).to.deep.equal({ ...file, key, parts: [hash(1_000)], seq, author: "user/ada", atMs: fixture.nowMs });
    expect(code(fixture, "dan", { type: "file", id })).to.equal("NOT_A_MEMBER");
    expect(fixture.code("user/dan", lobby, { type: "files" })).to.equal("NOT_A_MEMBER");
    expect(held(fixture, hash(1_000))).to.equal(true);
    expect(fixture.ok<{ last: object }>("user/bob", lobby, { type: "summary" }).last).to.deep.include({
      text: "1.png",
    });
  });

  it("go with the message: fact, key and what says that bytes are needed, in one append", () => {
    const fixture = inLobby();
    const files = [uploaded(fixture, "ada", 1), uploaded(fixture, "ada", 2)];
    const { seq } = post(fixture, "ada", "two", { files });
    const { seq: other } = post(fixture, "ada", "three", { files: [uploaded(fixture, "ada", 3)] });
    expect(records(fixture)).to.have.length(9);
    expect(fixture.ok<RoomMessage>("user/ada", lobby, { type: "delete", seq })).not.to.have.property("files");
    expect(records(fixture)).to.have.length(3);
    expect(code(fixture, "bob", { type: "file", id: files[0] })).to.equal("NOT_FOUND");
    expect([1_000, 2_000, 3_000].map((of) => held(fixture, hash(of)))).to.deep.equal([false, false, true]);
    expect(fixture.ok<RoomFiles>("user/bob", lobby, { type: "files" }).files.map((file) => file.seq)).to.deep.equal([
      other,
    ]);
    const events = fixture.ok<{ events: object[] }>("user/bob", lobby, { type: "resume", after: 0 });
    expect(JSON.stringify(events)).not.to.include(files[0]);
  });

  it("go with the message that a node before files deleted, once it is deleted again", () => {
    const fixture = inLobby();
    const id = uploaded(fixture, "ada", 1);
    const { seq } = post(fixture, "ada", "two", { files: [id] });
    const left = ["file/", "kept/", "part/"].flatMap((prefix) => fixture.records(lobby, prefix));
    const remove = () => fixture.ok<RoomMessage>("user/ada", lobby, { type: "delete", seq });
    const deleted = remove();
    fixture.putRecords(lobby, left);
    expect(records(fixture)).to.have.length(3);
    const said = fixture.stream(lobby).length;
    expect(remove()).to.deep.equal(deleted);
    expect(records(fixture)).to.deep.equal([]);
    expect(code(fixture, "bob", { type: "file", id })).to.equal("NOT_FOUND");
    expect(held(fixture, hash(1_000))).to.equal(false);
    // With nothing left there is nothing to say.
    expect(remove()).to.deep.equal(deleted);
    expect(fixture.stream(lobby)).to.have.length(said + 1);
  });

  it("are posted once, by the person who sent them, when all of them is here", () => {
    const fixture = inLobby();
    const id = uploaded(fixture, "ada", 1);
    const say = (by: string, files: readonly string[]) =>
      fixture.code(`user/${by}`, lobby, { type: "post", text: "", files });
    expect(say("bob", [id])).to.equal("NOT_FOUND");
    expect(say("ada", [])).to.equal("BAD_REQUEST");
    begin(fixture, "ada", 2, 10);
    expect(say("ada", [id, idOf(2)])).to.equal("BAD_REQUEST");
    expect(say("ada", [id])).to.equal("accepted");
    expect(say("ada", [id])).to.equal("NOT_FOUND");
  });

  it("come in parts without gaps: none shrinks, none is written by a writer that was taken over", () => {
    const fixture = inLobby();
    begin(fixture, "ada", 1, filePartBytes + 10);
    const take = (offset?: number) => code(fixture, "ada", { type: "uploadTake", id: idOf(1), offset });
    expect(take(0)).to.equal("accepted");
    expect(code(fixture, "bob", part(1, 0, 5))).to.equal("NOT_FOUND");
    expect(code(fixture, "ada", part(1, 1, 5))).to.equal("BAD_REQUEST");
    expect(code(fixture, "ada", part(1, 0, 5))).to.equal("accepted");
    expect(code(fixture, "ada", part(1, 0, 4))).to.equal("BAD_REQUEST");
    // What the longer form replaces is needed no more.
    expect(code(fixture, "ada", part(1, 0, filePartBytes, { part: hash(7) }))).to.equal("accepted");
    expect([hash(1_000), hash(7)].map((of) => held(fixture, of))).to.deep.equal([false, true]);
    expect(take(5)).to.equal("CHANGED_MEANWHILE");
    expect(take(filePartBytes)).to.equal("accepted");
    expect(code(fixture, "ada", part(1, 1, 10))).to.equal("CHANGED_MEANWHILE");
    expect(code(fixture, "ada", part(1, 1, 11, { epoch: 2 }))).to.equal("BAD_REQUEST");
    expect(ok<RoomUpload>(fixture, "ada", part(1, 1, 10, { epoch: 2 }))).to.include({ offset: filePartBytes + 10 });
  });

  it("write nothing where somebody asks again how far they are, and nobody began to write", () => {
    const fixture = inLobby();
    begin(fixture, "ada", 1, 10);
    const asked = (): RoomUpload => ok<RoomUpload>(fixture, "ada", { type: "uploadTake", id: idOf(1) });
    const written = (): number => fixture.journalOf(lobby).length;
    const { epoch } = asked();
    const before = written();
    for (let of = 0; of < 20; of += 1) expect(asked().epoch).to.equal(epoch);
    expect(written() - before, "changes of 20 questions").to.equal(0);
    // A writer is refused from the next question on.
    ok(fixture, "ada", { type: "uploadTake", id: idOf(1), offset: 0 });
    ok(fixture, "ada", part(1, 0, 5, { epoch: epoch + 1 }));
    expect(asked()).to.include({ offset: 5, epoch: epoch + 2 });
    expect(code(fixture, "ada", part(1, 0, 6, { epoch: epoch + 1 }))).to.equal("CHANGED_MEANWHILE");
  });

  it("expire a day after the last part, hold nothing then, and make room for others", () => {
    const fixture = inLobby();
    for (let of = 1; of <= actorLimits.roomUploadsPerPersonMax; of += 1) begin(fixture, "ada", of, 10);
    const next = { type: "upload", id: idOf(99), name: "a", bytes: 1, key };
    expect(code(fixture, "ada", next)).to.equal("LIMIT_REACHED");
    expect(code(fixture, "bob", next)).to.equal("accepted");
    fixture.pass(actorLimits.uploadIdleMs / 2);
    ok(fixture, "ada", { type: "uploadTake", id: idOf(1) });
    ok(fixture, "ada", part(1, 0, 4));
    fixture.pass(actorLimits.uploadIdleMs / 2 + 1);
    expect(code(fixture, "ada", { type: "uploadTake", id: idOf(2) })).to.equal("NOT_FOUND");
    expect(held(fixture, hash(1_000))).to.equal(true);
    expect(ok<RoomUpload>(fixture, "ada", { ...next, id: idOf(100) }).offset).to.equal(0);
    expect(fixture.stateOf<{ uploads: object[] }>(lobby).uploads).to.have.length(2);
    fixture.pass(actorLimits.uploadIdleMs / 2);
    expect(held(fixture, hash(1_000))).to.equal(false);
    // The nodes that have its bytes ask now and then: no key outlives that.
    expect(
      fixture.stateOf<{ uploads: readonly { readonly id: string }[] }>(lobby).uploads.map(({ id }) => id),
    ).to.deep.equal([idOf(100)]);
  });

  it("are asked for by a question that writes nothing itself: on a full disk it would be refused, and make no room", () => {
    const fixture = inLobby();
    uploaded(fixture, "ada", 1);
    const asked = (nowMs: number) => {
      const turn = { key: "lobby", self: lobby, from: "node", nowMs, replyTo: "waiter" } as unknown as Turn;
      const effects = forGateway(fixture.stateOf<Room>(lobby), { type: "fileHeld", hash: hash(1_000) }, turn);
      return effects.map(({ type }) => type);
    };
    expect(asked(fixture.nowMs)).to.deep.equal(["reply"]);
    expect(asked(fixture.nowMs + actorLimits.uploadIdleMs + 1)).to.deep.equal(["read"]);
  });

  it("of one person leave room for the others, whatever was announced", () => {
    const fixture = inLobby();
    const { fileBytesMax, filesPerMessageMax } = wireLimits;
    const announce = (by: string, of: number, bytes = fileBytesMax): string =>
      code(fixture, by, { type: "upload", id: idOf(of), name: "a", bytes, key });
    const bobs = Array.from({ length: 16 }, (_, of) => announce("bob", of));
    expect(announce("ada", 50, 1), "beside a person who announced as much as may be").to.equal("accepted");
    expect(bobs.filter((said) => said === "accepted")).to.have.length(filesPerMessageMax);
    // Two of them fill the room; who has most there gives way to the person who has less, and not the other way round.
    for (let of = 100; of < 106; of += 1) announce("cleo", of);
    expect(announce("ada", 51)).to.equal("LIMIT_REACHED");
    fixture.pass(actorLimits.uploadYieldsMs);
    expect(announce("ada", 51)).to.equal("accepted");
    const of = (by: string): number =>
      fixture
        .stateOf<{ uploads: readonly { readonly by: string }[] }>(lobby)
        .uploads.filter((upload) => upload.by === `user/${by}`).length;
    expect([of("ada"), of("bob"), of("cleo")]).to.deep.equal([2, filesPerMessageMax - 1, 5]);
  });

  it("that nothing comes of give way to the next ones of the same person, the oldest first", () => {
    const fixture = inLobby();
    const next = { type: "upload", name: "a", bytes: 10, key };
    for (let of = 1; of <= actorLimits.roomUploadsPerPersonMax; of += 1) {
      begin(fixture, "ada", of, 10);
      fixture.pass(1);
    }
    expect(code(fixture, "ada", { ...next, id: idOf(50) })).to.equal("LIMIT_REACHED");
    fixture.pass(actorLimits.uploadYieldsMs);
    ok(fixture, "ada", { type: "uploadTake", id: idOf(1), offset: 0 });
    ok(fixture, "ada", part(1, 0, 5));
    expect(code(fixture, "ada", { ...next, id: idOf(50) })).to.equal("accepted");
    const asked = (of: number): string => code(fixture, "ada", { type: "uploadTake", id: idOf(of) });
    expect([1, 2, 3, 50].map(asked)).to.deep.equal(["accepted", "NOT_FOUND", "accepted", "accepted"]);
  });

  it("are bounded, however many are begun and given up", () => {
    const fixture = inLobby();
    let accepted = 0;
    for (let of = 0; of < 2_000; of += 1) {
      const by = ["ada", "bob", "cleo"][of % 3] as string;
      const answer = ask(fixture, by, { type: "upload", id: idOf(of), name: "a", bytes: 200 * 1024 ** 2, key });
      if (answer.ok) accepted += 1;
      else expect(answer.error.code).to.equal("LIMIT_REACHED");
    }
    const { uploads } = fixture.stateOf<{ uploads: readonly { readonly bytes: number }[] }>(lobby);
    expect(uploads).to.have.length(accepted);
    expect(uploads.reduce((sum, { bytes }) => sum + bytes, 0)).to.be.at.most(actorLimits.roomUploadBytesMax);
    fixture.pass(actorLimits.uploadIdleMs);
    begin(fixture, "ada", 5_000, 1);
    expect(fixture.stateOf<{ uploads: object[] }>(lobby).uploads).to.have.length(1);
  });

  it("are taken where a person may post: members, not in an archived room, not beyond the limits", () => {
    const fixture = inLobby();
    const want = (by: string, more: object = {}) =>
      code(fixture, by, { type: "upload", id: idOf(1), name: "a", bytes: 1, key, ...more });
    expect(want("dan")).to.equal("NOT_A_MEMBER");
    expect(want("ada", { bytes: wireLimits.fileBytesMax + 1 })).to.equal("TOO_LARGE");
    expect(want("ada", { id: `${"0".repeat(20)}.other` })).to.equal("BAD_REQUEST");
    expect(fixture.code("user/ada", lobby, { type: "upload", by: "user/ada", id: idOf(1) })).not.to.equal("accepted");
    fixture.ok("user/ada", lobby, { type: "setRules", posting: "moderators" });
    expect(want("bob")).to.equal("FORBIDDEN");
    expect(want("ada")).to.equal("accepted");
    fixture.ok("user/ada", lobby, { type: "setArchived", archived: true });
    expect(want("ada", { id: idOf(2) })).to.equal("ROOM_ARCHIVED");
  });

  it("of somebody who leaves are gone with their keys, as far as they were not posted", () => {
    const fixture = inLobby();
    post(fixture, "bob", "mine", { files: [uploaded(fixture, "bob", 1)] });
    uploaded(fixture, "bob", 2);
    fixture.ok("user/bob", lobby, { type: "leave" });
    expect([1_000, 2_000].map((of) => held(fixture, hash(of)))).to.deep.equal([true, false]);
    expect(JSON.stringify(fixture.stateOf(lobby))).not.to.include(key);
  });

  it("of an account that is gone are gone in a direct room, too, which nobody leaves", () => {
    const fixture = inLobby();
    const direct = "room/dm.ada.bob";
    fixture.ok("user/ada", direct, { type: "create", visibility: "direct", with: "user/bob" });
    const id = `${"0".repeat(20)}.dm.ada.bob`;
    fixture.ok("gateway", direct, { type: "upload", by: "user/bob", id, name: "a", bytes: 1, key });
    fixture.ok("gateway", direct, { type: "upload", by: "user/ada", id: `1${id.slice(1)}`, name: "a", bytes: 1, key });
    fixture.ok("user/bob", direct, { type: "depart" });
    const { uploads } = fixture.stateOf<{ uploads: readonly { readonly by: string }[] }>(direct);
    expect(uploads.map(({ by }) => by)).to.deep.equal(["user/ada"]);
  });

  it("are listed newest first, those of one message together", () => {
    const fixture = inLobby();
    for (let of = 0; of < 6; of += 2)
      post(fixture, "ada", "", { files: [uploaded(fixture, "ada", of), uploaded(fixture, "ada", of + 1)] });
    const list = (more: object) => fixture.ok<RoomFiles>("user/bob", lobby, { type: "files", ...more });
    const first = list({ limit: 3 });
    expect(first.files.map(({ seq, name }) => [seq, name])).to.deep.equal([
      [3, "5.png"],
      [3, "4.png"],
      [2, "3.png"],
      [2, "2.png"],
    ]);
    expect(first.more).to.equal(true);
    const rest = list({ limit: 3, before: 2 });
    expect([rest.files.length, rest.more]).to.deep.equal([2, false]);
    expect(JSON.stringify([first, rest])).not.to.include(key);
  });

  it("are passed over by a node of the version before, which has the state as it was", async () => {
    const fixture = inLobby();
    uploaded(fixture, "ada", 1);
    const changes = fixture.journalOf(lobby) as readonly { readonly type: string; readonly member?: string }[];
    // What it does not know is a marker of nobody, which it looks for among the members.
    expect(changes.slice(-3).map(({ type, member }) => [type, member])).to.deep.equal(
      Array.from({ length: 3 }, () => ["readMarked", ""]),
    );
  });
});
