import { expect } from "chai";
import { array, assert as property, constantFrom, integer, oneof, property as forAll, record } from "fast-check";
import {
  foldUploads,
  isStuck,
  nextUploads,
  uploadsAt,
  uploadsKept,
  type Upload,
  type UploadInput,
  type Uploads,
} from "../../../web/src/model/uploads.ts";

const field = "room/tea/text";
const upload = (key: string, more: Partial<Upload> = {}): Upload =>
  ({
    key,
    place: field,
    room: "tea",
    name: `${key}.txt`,
    type: "text/plain",
    bytes: 100,
    modifiedMs: 7,
    sentBytes: 0,
    status: "waiting",
    ...more,
  }) as Upload;

const after = (uploads: Uploads, ...inputs: readonly UploadInput[]): Uploads => inputs.reduce(foldUploads, uploads);
const one = (...inputs: readonly UploadInput[]): Upload | undefined =>
  after([upload("a")], { type: "started", key: "a" }, { type: "created", key: "a", id: "1.tea" }, ...inputs)[0];

describe("uploads", () => {
  it("go from their turn to the node, and say how far they are", () => {
    expect(one({ type: "sent", key: "a", bytes: 40 })).to.include({ status: "sending", sentBytes: 40, id: "1.tea" });
    expect(one({ type: "sent", key: "a", bytes: 40 }, { type: "up", key: "a" })).to.include({
      status: "up",
      sentBytes: 100,
    });
  });

  it("are sent so many at once, the oldest first; what has no connection keeps its turn", () => {
    const uploads = [upload("a"), upload("b"), upload("c")];
    expect(nextUploads(uploads, 2)).to.deep.equal(["a", "b"]);
    const running = after(uploads, { type: "started", key: "a" }, { type: "away", key: "a" });
    expect(nextUploads(running, 2)).to.deep.equal(["b"]);
    expect(nextUploads(after(running, { type: "paused", key: "a" }), 2)).to.deep.equal(["b", "c"]);
  });

  it("are paused and go on where they were, whatever comes late", () => {
    const paused = one({ type: "sent", key: "a", bytes: 40 }, { type: "paused", key: "a" });
    expect(paused).to.include({ status: "paused", sentBytes: 40, id: "1.tea" });
    const late = one({ type: "paused", key: "a" }, { type: "sent", key: "a", bytes: 50 }, { type: "away", key: "a" });
    expect(late).to.include({ status: "paused" });
    expect(one({ type: "paused", key: "a" }, { type: "resumed", key: "a" })).to.include({
      status: "waiting",
      id: "1.tea",
    });
  });

  it("begin anew at a node that does not know them", () => {
    const forgotten = one({ type: "sent", key: "a", bytes: 40 }, { type: "forgotten", key: "a" });
    expect(forgotten).to.include({ status: "sending", sentBytes: 0 });
    expect(forgotten).not.to.have.property("id");
  });

  it("say why they failed until they are tried again", () => {
    const failed = one({ type: "failed", key: "a", says: "Too large.", mayRepeat: true });
    expect(failed).to.include({ status: "failed", says: "Too large." });
    const again = one({ type: "failed", key: "a", says: "Too large.", mayRepeat: true }, { type: "resumed", key: "a" });
    expect(again).to.include({ status: "waiting", id: "1.tea" });
    expect(again).not.to.have.any.keys("says", "mayRepeat");
  });

  it("are lost with the page unless the node has them; the same file goes on, and another begins anew", () => {
    const kept = uploadsKept(
      JSON.parse(
        JSON.stringify([upload("a", { id: "1.tea", sentBytes: 40, status: "sending" }), upload("b", { status: "up" })]),
      ),
    );
    expect(kept.map(({ status }) => status)).to.deep.equal(["lost", "up"]);
    expect(kept.map(isStuck)).to.deep.equal([true, false]);
    const file = { name: "a.txt", type: "text/plain", bytes: 100, modifiedMs: 7 };
    expect(after(kept, { type: "found", key: "a", file })[0]).to.include({ status: "waiting", id: "1.tea" });
    const other = after(kept, { type: "found", key: "a", file: { ...file, modifiedMs: 8 } })[0];
    expect(other).to.include({ status: "waiting", sentBytes: 0, modifiedMs: 8 });
    expect(other).not.to.have.property("id");
    for (const broken of [undefined, "", {}, [1], [{ key: "a" }]]) expect(uploadsKept(broken)).to.deep.equal([]);
  });

  it("move with their message, and those of other places stay", () => {
    const moved = after([upload("a"), upload("b", { place: "room/tea/thread/3" })], {
      type: "moved",
      from: field,
      to: "post/o1",
    });
    expect(uploadsAt(moved, "post/o1").map(({ key }) => key)).to.deep.equal(["a"]);
    expect(uploadsAt(moved, field)).to.deep.equal([]);
    expect(uploadsAt(moved, "room/tea/thread/3")).to.have.length(1);
  });

  it("never have more than their bytes, nor more turns than there are, whatever happens", () => {
    const key = constantFrom("a", "b", "c", "x");
    const input = oneof(
      record({
        type: constantFrom("started", "forgotten", "away", "paused", "resumed", "up", "removed"),
        key,
      }),
      record({ type: constantFrom("sent"), key, bytes: integer({ min: 0, max: 500 }) }),
      record({ type: constantFrom("created"), key, id: constantFrom("1", "2") }),
      record({ type: constantFrom("failed"), key, says: constantFrom("no"), mayRepeat: constantFrom(true, false) }),
    );
    property(
      forAll(array(input, { maxLength: 40 }), (inputs) => {
        const uploads = after([upload("a"), upload("b"), upload("c")], ...(inputs as readonly UploadInput[]));
        for (const { sentBytes, bytes } of uploads) expect(sentBytes).to.be.within(0, bytes);
        expect(nextUploads(uploads, 2).length).to.be.at.most(2);
        for (const next of uploads) if (next.status !== "failed") expect(next).not.to.have.property("says");
      }),
    );
  });
});
