import { expect } from "chai";
import type { FileText, UnreadFiles } from "../../../protocols/index.ts";
import type { Fixture } from "./fixture.ts";
import { inLobby, lobby, post } from "./lobby.ts";

const [ada, cleo, dan] = ["user/ada", "user/cleo", "user/dan"] as const;
const id = `${"a".repeat(20)}.lobby`;

/** A file of ada's in a message. */
function posted(fixture: Fixture, scan = false, of = id): number {
  const begun = { name: "a.txt", bytes: 10, key: "k".repeat(43), ...(scan && { scan: true }) };
  for (const step of [
    { type: "upload", id: of, ...begun },
    { type: "uploadTake", id: of, offset: 0 },
    { type: "uploadPart", id: of, epoch: 1, index: 0, part: of.slice(0, 1).repeat(64), bytes: 10 },
  ])
    expect(fixture.do("gateway", lobby, { ...step, by: ada }).ok).to.equal(true);
  return post(fixture, "ada", "", { files: [of] }).seq;
}
const read = (fixture: Fixture, seq: number, text = "zebra", place = 0, of = id): string => {
  const answer = fixture.do("node", lobby, { type: "fileRead", id: of, seq, place, text });
  return answer.ok ? "done" : answer.error.code;
};
const texts = (fixture: Fixture) => fixture.records(lobby, "text/");
const unread = (fixture: Fixture): readonly string[] => {
  const answer = fixture.do("node", lobby, { type: "filesUnread" });
  return answer.ok ? (answer.value as UnreadFiles).files.map((file) => file.id) : [];
};

describe("texts of files in a room", () => {
  it("are told by its node, read by its members, and gone with the message", () => {
    const fixture = inLobby();
    const seq = posted(fixture);
    expect(fixture.code(cleo, lobby, { type: "fileText", file: id })).to.equal("NOT_FOUND");
    expect(unread(fixture)).to.deep.equal([id]);
    expect(fixture.code(ada, lobby, { type: "fileRead", id, seq, place: 0, text: "x" })).to.equal("FORBIDDEN");
    expect(read(fixture, seq)).to.equal("done");
    expect(unread(fixture)).to.deep.equal([]);
    expect(fixture.ok<FileText>(cleo, lobby, { type: "fileText", file: id })).to.deep.equal({ id, text: "zebra" });
    expect(fixture.code(dan, lobby, { type: "fileText", file: id })).to.equal("NOT_A_MEMBER");
    fixture.ok(ada, lobby, { type: "delete", seq });
    expect(texts(fixture)).to.deep.equal([]);
    expect(fixture.code(cleo, lobby, { type: "fileText", file: id })).to.equal("NOT_FOUND");
    expect(read(fixture, seq)).to.equal("NOT_FOUND");
    expect(texts(fixture)).to.deep.equal([]);
  });

  it("are of no file that nobody may fetch, of no other place, and not offered where nothing can be read", () => {
    const fixture = inLobby();
    const seq = posted(fixture, true);
    expect(unread(fixture), "it is being checked").to.deep.equal([]);
    expect(read(fixture, seq)).to.equal("CHANGED_MEANWHILE");
    expect(read(fixture, seq, "zebra", 3)).to.equal("NOT_FOUND");
    const other = `${"b".repeat(20)}.lobby`;
    expect(read(fixture, posted(fixture, false, other), "", 0, other)).to.equal("done");
    expect(unread(fixture)).to.deep.equal([]);
    expect(fixture.code(cleo, lobby, { type: "fileText", file: other })).to.equal("NOT_FOUND");
  });

  it("are read by its node of a person who has left, too", () => {
    const fixture = inLobby();
    posted(fixture);
    fixture.ok(ada, lobby, { type: "setRole", member: cleo, role: "owner" });
    fixture.ok(ada, lobby, { type: "leave" });
    const asks = { type: "file", by: ada, id };
    expect(fixture.do("node", lobby, asks)).to.deep.include({ ok: true });
    expect(fixture.do("gateway", lobby, asks)).to.nested.include({ "error.code": "NOT_A_MEMBER" });
  });

  it("that were tried in vain are offered once more, and known by marks that no text is read for", () => {
    const fixture = inLobby();
    const seq = posted(fixture);
    const tell = (fields: object) =>
      fixture.do("node", lobby, { type: "fileRead", id, seq, place: 0, text: "", ...fields });
    expect(tell({ tried: true }).ok).to.equal(true);
    const answer = fixture.do("node", lobby, { type: "filesUnread" });
    expect(answer).to.nested.include({ "value.files[0].id": id, "value.files[0].tried": true });
    expect(tell({}).ok).to.equal(true);
    expect(unread(fixture)).to.deep.equal([]);
    expect(texts(fixture)).to.deep.equal([]);
    expect(fixture.records(lobby, "texted/")).to.have.length(1);
    fixture.ok(ada, lobby, { type: "delete", seq });
    expect(fixture.records(lobby, "texted/")).to.deep.equal([]);
  });

  for (const first of ["delete", "read"])
    for (let steps = 0; steps < 6; steps += 1)
      it(`go with a message that is deleted meanwhile: ${first} first, by ${steps} steps`, () => {
        const fixture = inLobby();
        const seq = posted(fixture);
        const remove = () => fixture.begin(ada, lobby, { type: "delete", seq });
        const tell = () => fixture.begin("node", lobby, { type: "fileRead", id, seq, place: 0, text: "zebra" });
        (first === "delete" ? remove : tell)();
        for (let step = 0; step < steps; step += 1) fixture.step();
        (first === "delete" ? tell : remove)();
        fixture.settle();
        expect(texts(fixture)).to.deep.equal([]);
      });
});
