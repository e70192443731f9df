import { expect } from "chai";
import type { RoomMessage } from "../../../protocols/index.ts";
import type { Fixture } from "./fixture.ts";
import { inLobby, lobby, post, type Page } from "./lobby.ts";

const [ada, bob, cleo, dan] = ["user/ada", "user/bob", "user/cleo", "user/dan"] as const;
const page = "https://news.example/one";
const other = "https://news.example/two";
const part = (of: number): string => of.toString(16).padStart(64, "0");
const picture = (of: number, room = "lobby") => ({
  id: `${of.toString(16).padStart(32, "0")}.${room}`,
  part: part(of),
  key: "k".repeat(43),
  bytes: 100,
  width: 40,
  height: 30,
});

/** The room's node tells of pages. */
const told = (fixture: Fixture, seq: number, previews: readonly object[], edited = 0) =>
  fixture.do("node", lobby, { type: "preview", seq, edited, previews });
const at = (fixture: Fixture, seq: number): RoomMessage | undefined =>
  fixture.ok<Page>(cleo, lobby, { type: "history", after: seq - 1, limit: 1 }).messages[0];
const records = (fixture: Fixture) => [...fixture.records(lobby, "file/"), ...fixture.records(lobby, "part/")];
const fetched = (fixture: Fixture, id: string, by: string = cleo): string => {
  const answer = fixture.do("gateway", lobby, { type: "file", by, id });
  return answer.ok ? "fetched" : answer.error.code;
};

describe("previews of links in a room", () => {
  it("are of the message for everybody, with a picture that members alone fetch", () => {
    const fixture = inLobby();
    const { seq } = post(fixture, "bob", `look: ${page}`);
    expect(
      told(fixture, seq, [{ url: page, title: "One", description: "It is one", picture: picture(1) }]).ok,
    ).to.equal(true);
    const [preview] = at(fixture, seq)?.previews ?? [];
    expect(preview).to.include({ url: page, title: "One", description: "It is one" });
    expect(preview?.image).to.deep.equal({ id: `${part(1)}.lobby`, width: 40, height: 30 });
    expect(JSON.stringify(at(fixture, seq)), "no key").not.to.include("kkkk");
    expect(fetched(fixture, preview?.image?.id ?? "")).to.equal("fetched");
    expect(fetched(fixture, preview?.image?.id ?? "", dan)).to.equal("NOT_A_MEMBER");
    expect(fixture.do("node", lobby, { type: "fileHeld", hash: part(1) })).to.deep.include({ value: { held: true } });
    const gallery = fixture.ok<{ files: unknown[] }>(cleo, lobby, { type: "files" });
    expect(gallery.files, "it is none of the files that people sent").to.deep.equal([]);
    const event = fixture.stream(lobby).findLast(({ event }) => event.type === "edited")?.event;
    expect(event, "nobody has edited it").to.include({ checked: "" });
    expect(at(fixture, seq)).not.to.have.property("editedAtMs");
  });

  it("are told by nodes alone, of the text as it is", () => {
    const fixture = inLobby();
    const { seq } = post(fixture, "bob", page);
    const said = [{ url: page, title: "One" }];
    expect(fixture.code(bob, lobby, { type: "preview", seq, edited: 0, previews: said })).to.equal("FORBIDDEN");
    fixture.pass(1);
    const { editedAtMs = 0 } = fixture.ok<RoomMessage>(bob, lobby, { type: "edit", seq, text: other });
    expect(told(fixture, seq, said)).to.deep.include({ ok: false });
    expect(told(fixture, seq, [{ url: other, title: "Two" }], editedAtMs).ok).to.equal(true);
    expect(
      told(fixture, seq, [{ url: other, title: "Two", picture: picture(2, "elsewhere") }], editedAtMs).ok,
    ).to.equal(false);
    expect(told(fixture, 99, said)).to.deep.include({ ok: false });
  });

  it("go with the message: text, picture and key, also of an old one", () => {
    const fixture = inLobby();
    const before = records(fixture);
    const { seq } = post(fixture, "bob", page);
    told(fixture, seq, [{ url: page, title: "One", picture: picture(1) }]);
    for (let index = 0; index < 250; index += 1) post(fixture, "cleo", "more");
    expect(records(fixture)).to.have.length(before.length + 2);
    const gone = fixture.ok<RoomMessage>(bob, lobby, { type: "delete", seq });
    expect(gone).not.to.have.property("previews");
    expect(records(fixture)).to.deep.equal(before);
    expect(fetched(fixture, `${part(1)}.lobby`)).to.equal("NOT_FOUND");
    expect(fixture.do("node", lobby, { type: "fileHeld", hash: part(1) })).to.deep.include({ value: { held: false } });
    expect(told(fixture, seq, [{ url: page, title: "One" }])).to.deep.include({ ok: false });
  });

  it("stay of the links that an edit leaves, and go with the others", () => {
    const fixture = inLobby();
    const { seq } = post(fixture, "bob", `${page} ${other}`);
    told(fixture, seq, [
      { url: page, title: "One", picture: picture(1) },
      { url: other, title: "Two", picture: picture(2) },
    ]);
    fixture.pass(1);
    const edited = fixture.ok<RoomMessage>(bob, lobby, { type: "edit", seq, text: `only ${other}` });
    expect(edited.previews?.map(({ title }) => title)).to.deep.equal(["Two"]);
    expect(fetched(fixture, `${part(1)}.lobby`)).to.equal("NOT_FOUND");
    expect(fetched(fixture, `${part(2)}.lobby`)).to.equal("fetched");
    // What is there already keeps its picture, and a new one of the same page takes its place.
    const { editedAtMs = 0 } = edited;
    told(fixture, seq, [{ url: other, title: "Two", kept: `${part(2)}.lobby` }], editedAtMs);
    expect(fetched(fixture, `${part(2)}.lobby`)).to.equal("fetched");
    told(fixture, seq, [{ url: other, title: "Two", picture: picture(3) }], editedAtMs);
    expect(fetched(fixture, `${part(2)}.lobby`)).to.equal("NOT_FOUND");
    expect(fetched(fixture, `${part(3)}.lobby`)).to.equal("fetched");
  });

  it("that a node of the version before left in a deleted or edited message are shown to nobody, and can go", () => {
    const fixture = inLobby();
    const before = records(fixture);
    const { seq } = post(fixture, "bob", page);
    const second = post(fixture, "bob", page);
    for (const one of [seq, second.seq]) told(fixture, one, [{ url: page, title: "One", picture: picture(one) }]);
    const journal = fixture.journalOf(lobby) as unknown[];
    const write = (type: "deleted" | "edited", message: RoomMessage): void => {
      const last = journal.at(-1) as { readonly pictures?: unknown };
      const { pictures: _pictures, ...rest } = last;
      journal.push({ ...rest, event: { type, message, by: bob } });
      const [record] = fixture
        .records(lobby, "message/")
        .filter(({ value }) => (value as RoomMessage).seq === message.seq);
      fixture.putRecords(lobby, [{ key: record?.key ?? "", value: message }]);
    };
    const [first, other2] = [at(fixture, seq), at(fixture, second.seq)] as [RoomMessage, RoomMessage];
    write("deleted", { ...first, text: "", deletedAtMs: 1 });
    write("edited", { ...other2, text: "nothing", editedAtMs: 1 });
    fixture.crash(lobby);
    for (const one of [seq, second.seq]) expect(at(fixture, one)).not.to.have.property("previews");
    for (const one of [seq, second.seq]) fixture.ok(bob, lobby, { type: "delete", seq: one });
    expect(records(fixture)).to.deep.equal(before);
  });

  it("are taken away by the author or a moderator, and none comes again", () => {
    const fixture = inLobby();
    const { seq } = post(fixture, "bob", page);
    told(fixture, seq, [{ url: page, title: "One", picture: picture(1) }]);
    expect(fixture.code(cleo, lobby, { type: "removePreviews", seq })).to.equal("FORBIDDEN");
    expect(fixture.ok<RoomMessage>(bob, lobby, { type: "removePreviews", seq }).previews).to.deep.equal([]);
    expect(fetched(fixture, `${part(1)}.lobby`)).to.equal("NOT_FOUND");
    expect(told(fixture, seq, [{ url: page, title: "One" }])).to.deep.include({ ok: false });
    fixture.pass(1);
    fixture.ok(bob, lobby, { type: "edit", seq, text: other });
    expect(at(fixture, seq)?.previews, "also after an edit").to.deep.equal([]);
    const second = post(fixture, "bob", page);
    told(fixture, second.seq, [{ url: page, title: "One" }]);
    fixture.ok(ada, lobby, { type: "removePreviews", seq: second.seq });
    expect(at(fixture, second.seq)?.previews).to.deep.equal([]);
  });
});

describe("small pictures of files in a room", () => {
  /** A file of ada's in a message. */
  function posted(fixture: Fixture, scan = false): { readonly id: string; readonly seq: number } {
    const id = `${"a".repeat(20)}.lobby`;
    const of = { id, name: "a.png", bytes: 10, key: "k".repeat(43), ...(scan && { scan: true }) };
    for (const step of [
      { type: "upload", ...of },
      { type: "uploadTake", id, offset: 0 },
      { type: "uploadPart", id, epoch: 1, index: 0, part: part(9), bytes: 10, found: { type: "image/png" } },
    ])
      expect(fixture.do("gateway", lobby, { ...step, by: ada }).ok).to.equal(true);
    return { id, seq: post(fixture, "ada", "", { files: [id] }).seq };
  }
  const drawn = (fixture: Fixture, { id, seq }: { id: string; seq: number }, of = 1, place = 0): string => {
    const answer = fixture.do("node", lobby, { type: "fileDrawn", id, seq, place, picture: picture(of) });
    return answer.ok ? "done" : answer.error.code;
  };

  it("are of the file: told of, needed, and gone with it", () => {
    const fixture = inLobby();
    const before = records(fixture);
    const file = posted(fixture);
    expect(drawn(fixture, file)).to.equal("done");
    expect(at(fixture, file.seq)?.files?.[0]?.preview).to.deep.equal({ width: 40, height: 30 });
    expect(JSON.stringify(at(fixture, file.seq))).not.to.include("kkkk");
    expect(drawn(fixture, file, 2), "once").to.equal("ALREADY_DONE");
    const piece = fixture.do("node", lobby, { type: "filePiece", hash: part(1) });
    expect(piece, "it is no part of the file").to.deep.include({ value: { id: file.id, first: 0, parts: [part(1)] } });
    fixture.ok(ada, lobby, { type: "delete", seq: file.seq });
    expect(records(fixture)).to.deep.equal(before);
    expect(fixture.do("node", lobby, { type: "fileHeld", hash: part(1) })).to.deep.include({ value: { held: false } });
    expect(drawn(fixture, file)).to.equal("NOT_FOUND");
  });

  it("are of no file that nobody may fetch, and of no other place", () => {
    const fixture = inLobby();
    const file = posted(fixture, true);
    expect(at(fixture, file.seq)?.files?.[0]?.check).to.equal("scanning");
    expect(drawn(fixture, file)).to.equal("CHANGED_MEANWHILE");
    expect(drawn(fixture, file, 1, 3)).to.equal("NOT_FOUND");
    const odd = { type: "fileDrawn", id: file.id, seq: file.seq, place: 0, picture: picture(1, "elsewhere") };
    expect(fixture.do("node", lobby, odd).ok).to.equal(false);
  });

  for (const first of ["delete", "drawn"])
    for (let steps = 0; steps < 6; steps += 1)
      it(`go with a message that is deleted meanwhile: ${first} first, by ${steps} steps`, () => {
        const fixture = inLobby();
        const before = records(fixture);
        const { id, seq } = posted(fixture);
        const remove = () => fixture.begin(ada, lobby, { type: "delete", seq });
        const draw = () => fixture.begin("node", lobby, { type: "fileDrawn", id, seq, place: 0, picture: picture(1) });
        (first === "delete" ? remove : draw)();
        for (let step = 0; step < steps; step += 1) fixture.step();
        (first === "delete" ? draw : remove)();
        fixture.settle();
        expect(records(fixture)).to.deep.equal(before);
        const held = fixture.do("node", lobby, { type: "fileHeld", hash: part(1) });
        expect(held).to.deep.include({ value: { held: false } });
      });
});
