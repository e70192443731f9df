import { expect } from "chai";
import fc from "fast-check";
import { ok, wireLimits, type FilePiece, type RoomMessage, type StripeRef } from "../../../protocols/index.ts";
import { actorLimits } from "../../../actors/limits.ts";
import type { Room } from "../../../actors/room/shape.ts";
import { inLobby, lobby, post } from "./lobby.ts";
import type { Fixture } from "./fixture.ts";

const { filePartBytes } = wireLimits;
const { filePieceParts } = actorLimits;
const sealedBytes = filePartBytes + 28;
const hash = (of: number): string => of.toString(16).padStart(64, "0");
const idOf = (of: number): string => `${of.toString(16).padStart(20, "0")}.lobby`;
const partOf = (of: number, index: number): string => hash(of * 1_000 + index);

/** A descriptor of so many parts, the last of them shorter. */
const stripeOf = (id: string, parts: number, group = "g"): StripeRef => ({
  id,
  group,
  scheme: { type: "copies", copies: 3 },
  sizeBytes: parts * sealedBytes - 10,
  shards: [0, 1, 2].map((index) => ({ index, hash: hash(7_000_000 + index), sizeBytes: parts * sealedBytes + 54 })),
});

const asked = (fixture: Fixture, message: { readonly type: string; readonly [field: string]: unknown }) =>
  fixture.do("node", lobby, message);
const code = (...of: Parameters<typeof asked>): string => {
  const answer = asked(...of);
  return answer.ok ? "accepted" : answer.error.code;
};
const pieceOf = (fixture: Fixture, part: string): FilePiece =>
  fixture.ok<FilePiece>("node", lobby, { type: "filePiece", hash: part });
const isHeld = (fixture: Fixture, part: string): boolean =>
  fixture.ok<{ held: boolean }>("node", lobby, { type: "fileHeld", hash: part }).held;
const isStripeHeld = (fixture: Fixture, stripe: StripeRef): boolean =>
  fixture.ok<{ held: boolean }>("node", lobby, { type: "stripeHeld", stripe }).held;
const striped = (of: number, first: number, stripe: StripeRef) => ({
  type: "fileStriped",
  id: idOf(of),
  first,
  partBytes: sealedBytes,
  stripe,
});
const all = (fixture: Fixture): readonly string[] =>
  ["file/", "kept/", "part/", "striped/"].flatMap((prefix) => fixture.records(lobby, prefix).map(({ key }) => key));

/** Uploads a file of so many parts, the last of which has ten bytes. */
function upload(fixture: Fixture, of: number, parts: number, scan = false): string {
  const by = "user/ada";
  const say = (message: { readonly type: string; readonly [field: string]: unknown }): void =>
    void fixture.ok("gateway", lobby, { ...message, by, id: idOf(of) });
  say({
    type: "upload",
    name: `${of}.bin`,
    bytes: (parts - 1) * filePartBytes + 10,
    key: "k".repeat(43),
    ...(scan && { scan }),
  });
  say({ type: "uploadTake", offset: 0 });
  for (let index = 0; index < parts; index += 1)
    say({
      type: "uploadPart",
      epoch: 1,
      index,
      part: partOf(of, index),
      bytes: index < parts - 1 ? filePartBytes : 10,
    });
  return idOf(of);
}

describe("files of a room in stripes", () => {
  it("have pieces once they are posted, and one part alone is none", () => {
    const fixture = inLobby();
    const id = upload(fixture, 1, filePieceParts + 1);
    // It still comes: the answer is for all of its parts, and names no piece.
    expect(pieceOf(fixture, partOf(1, 0))).to.deep.equal({
      parts: Array.from({ length: filePieceParts + 1 }, (_, index) => partOf(1, index)),
    });
    post(fixture, "ada", "", { files: [id] });
    const first = { id, first: 0, parts: Array.from({ length: filePieceParts }, (_, index) => partOf(1, index)) };
    expect(pieceOf(fixture, partOf(1, 0))).to.deep.equal(first);
    expect(pieceOf(fixture, partOf(1, 7))).to.deep.equal(first);
    expect(pieceOf(fixture, partOf(1, 8))).to.deep.equal({ id, first: 8, parts: [partOf(1, 8)] });
    expect(pieceOf(fixture, hash(5))).to.deep.equal({ parts: [] });
    const refused = [striped(1, 8, stripeOf("a".repeat(64), 1)), striped(1, 1, stripeOf("a".repeat(64), 7))];
    const wrong = [...refused, striped(1, 0, stripeOf("a".repeat(64), 7))];
    expect(wrong.map((message) => code(fixture, message))).to.deep.equal(wrong.map(() => "BAD_REQUEST"));
    expect(code(fixture, striped(2, 0, stripeOf("a".repeat(64), 8)))).to.equal("NOT_FOUND");
    expect(fixture.records(lobby, "striped/")).to.deep.equal([]);
  });

  it("keep their copies until the stripe is settled, and go with the message in one append", () => {
    const fixture = inLobby();
    const { seq } = post(fixture, "ada", "", { files: [upload(fixture, 1, 3)] });
    const before = fixture.stateOf<Room>(lobby);
    const said = fixture.stream(lobby).length;
    const stripe = stripeOf("b".repeat(64), 3);
    expect(code(fixture, { type: "fileSettled", stripe })).to.equal("NOT_FOUND");
    expect(code(fixture, striped(1, 0, stripe))).to.equal("accepted");
    expect([0, 1, 2].map((index) => isHeld(fixture, partOf(1, index)))).to.deep.equal([true, true, true]);
    expect(isStripeHeld(fixture, stripe)).to.equal(true);
    expect(pieceOf(fixture, partOf(1, 2)).stripe).to.deep.equal({ stripe, partBytes: sealedBytes });
    for (let times = 0; times < 2; times += 1) {
      expect(code(fixture, { type: "fileSettled", stripe })).to.equal("accepted");
      // Told again, by a node that was late: it stays settled.
      expect(code(fixture, striped(1, 0, stripe))).to.equal("accepted");
    }
    expect([0, 1, 2].map((index) => isHeld(fixture, partOf(1, index)))).to.deep.equal([false, false, false]);
    expect(pieceOf(fixture, partOf(1, 2)).stripe).to.deep.equal({ stripe, partBytes: sealedBytes, settled: true });
    // Where bytes lie is nobody's business who follows the room.
    expect(fixture.stream(lobby)).to.have.length(said);
    expect(fixture.stateOf<Room>(lobby)).to.deep.equal(before);
    expect(fixture.refold(lobby)).to.deep.equal(before);
    fixture.ok<RoomMessage>("user/ada", lobby, { type: "delete", seq });
    expect(all(fixture)).to.deep.equal([`striped/${stripe.id}`]);
    expect(isStripeHeld(fixture, stripe)).to.equal(false);
    expect(all(fixture)).to.deep.equal([]);
    expect(isHeld(fixture, partOf(1, 0))).to.equal(false);
    expect(code(fixture, striped(1, 0, stripe))).to.equal("NOT_FOUND");
    expect(code(fixture, { type: "fileSettled", stripe })).to.equal("NOT_FOUND");
  });

  it("are settled as the one stripe that was seen whole, and no other with the same bytes is", () => {
    const fixture = inLobby();
    post(fixture, "ada", "", { files: [upload(fixture, 1, 3)] });
    const [one, other] = [stripeOf("b".repeat(64), 3), stripeOf("b".repeat(64), 3, "h")];
    for (const stripe of [one, other]) expect(code(fixture, striped(1, 0, stripe))).to.equal("accepted");
    expect(code(fixture, { type: "fileSettled", stripe: one })).to.equal("CHANGED_MEANWHILE");
    expect(isHeld(fixture, partOf(1, 0))).to.equal(true);
    // Each may still be the one that comes to be.
    expect([one, other].map((stripe) => isStripeHeld(fixture, stripe))).to.deep.equal([true, true]);
    expect(code(fixture, { type: "fileSettled", stripe: other })).to.equal("accepted");
    expect(code(fixture, striped(1, 0, one))).to.equal("ALREADY_DONE");
    expect(pieceOf(fixture, partOf(1, 0)).stripe).to.deep.equal({
      stripe: other,
      partBytes: sealedBytes,
      settled: true,
    });
    // What was kept in vain is released.
    expect([one, other].map((stripe) => isStripeHeld(fixture, stripe))).to.deep.equal([false, true]);
  });

  it("stay settled when another node tells of the same bytes at the same time", () => {
    for (let steps = 0; steps < 12; steps += 1) {
      const fixture = inLobby();
      post(fixture, "ada", "", { files: [upload(fixture, 1, 3)] });
      const [one, other] = [stripeOf("b".repeat(64), 3), stripeOf("b".repeat(64), 3, "h")];
      expect(code(fixture, striped(1, 0, one))).to.equal("accepted");
      const tells = fixture.begin("node", lobby, striped(1, 0, other));
      for (let step = 0; step < steps; step += 1) fixture.step();
      const settles = fixture.begin("node", lobby, { type: "fileSettled", stripe: one });
      fixture.settle();
      const { stripe } = pieceOf(fixture, partOf(1, 0));
      expect(stripe?.settled, `after ${steps} steps`).to.equal(settles()?.ok === true ? true : undefined);
      expect(stripe?.stripe.group).to.equal(tells()?.ok === true ? "h" : "g");
      expect(isHeld(fixture, partOf(1, 0))).to.equal(stripe?.settled !== true);
    }
  });

  it("are copied again where they are restored without their stripes, and may go into stripes anew", () => {
    const fixture = inLobby();
    post(fixture, "ada", "", { files: [upload(fixture, 1, 3)] });
    const stripe = stripeOf("b".repeat(64), 3);
    asked(fixture, striped(1, 0, stripe));
    asked(fixture, { type: "fileSettled", stripe });
    // No backup has these.
    const kept = ["file/", "kept/", "part/"].flatMap((prefix) => fixture.records(lobby, prefix));
    fixture.dropRecords(lobby, "striped/");
    fixture.putRecords(lobby, kept);
    expect([0, 1, 2].map((index) => isHeld(fixture, partOf(1, index)))).to.deep.equal([true, true, true]);
    expect(pieceOf(fixture, partOf(1, 1)))
      .to.deep.include({ id: idOf(1), first: 0 })
      .and.not.have.property("stripe");
    expect(isStripeHeld(fixture, stripe)).to.equal(false);
    const other = stripeOf("c".repeat(64), 3);
    expect(code(fixture, striped(1, 0, other))).to.equal("accepted");
    expect(pieceOf(fixture, partOf(1, 1)).stripe?.stripe).to.deep.equal(other);
  });

  it("go with a file that an admin removes from quarantine, and nothing brings its parts back", () => {
    const fixture = inLobby();
    post(fixture, "ada", "", { files: [upload(fixture, 1, 3, true)] });
    const stripe = stripeOf("b".repeat(64), 3);
    expect(code(fixture, striped(1, 0, stripe))).to.equal("accepted");
    const [scan] = fixture.scans;
    if (scan === undefined) throw new Error("nothing is scanned");
    fixture.scanned(scan, ok({ signature: "Eicar" }));
    expect(code(fixture, { type: "fileSettled", stripe })).to.equal("accepted");
    expect(isStripeHeld(fixture, stripe)).to.equal(true);
    fixture.ok("gateway", lobby, { type: "settleFile", by: "user/root", id: idOf(1), as: "removed" });
    expect(code(fixture, striped(1, 0, stripe))).to.equal("NOT_FOUND");
    expect(code(fixture, { type: "fileSettled", stripe })).to.equal("NOT_FOUND");
    expect(isStripeHeld(fixture, stripe)).to.equal(false);
    expect(isHeld(fixture, partOf(1, 0))).to.equal(false);
    expect(all(fixture).map((name) => name.split("/")[0])).to.deep.equal(["file", "kept"]);
  });

  it("hold, whatever comes in which order: a blob is needed, or its stripe is whole; nothing is left of a message", () => {
    const sizes = [1, 2, 3, 9, 16];
    const step = fc.record({
      do: fc.constantFrom("striped", "settled", "delete"),
      of: fc.nat(4),
      piece: fc.nat(1),
      group: fc.constantFrom("g", "h"),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const fixture = inLobby();
        const files = sizes.map((parts, of) => ({
          of,
          parts,
          ...post(fixture, "ada", "", { files: [upload(fixture, of, parts)] }),
        }));
        /** The groups of the stripes that were told last, and of those that are settled, by their ids. */
        const told = new Map<string, string>();
        const settled = new Map<string, string>();
        const gone = new Set<number>();
        for (const { do: what, of, piece, group } of steps) {
          const file = files[of] as (typeof files)[number];
          const first = piece * filePieceParts;
          const count = Math.min(filePieceParts, file.parts - first);
          const id = hash(9_000_000 + of * 10 + piece);
          const stripe = stripeOf(id, Math.max(1, count), group);
          const isOther = settled.has(id) && settled.get(id) !== group;
          if (what === "delete" && !gone.has(of)) {
            fixture.ok("user/ada", lobby, { type: "delete", seq: file.seq });
            gone.add(of);
          }
          if (what === "striped") {
            const known = isOther ? "ALREADY_DONE" : "accepted";
            const wanted = gone.has(of) ? "NOT_FOUND" : count < 2 ? "BAD_REQUEST" : known;
            expect(code(fixture, striped(of, first, stripe))).to.equal(wanted);
            if (wanted === "accepted") told.set(id, group);
          }
          if (what === "settled") {
            const known = told.get(id) === group ? "accepted" : "CHANGED_MEANWHILE";
            const wanted = gone.has(of) || !told.has(id) ? "NOT_FOUND" : known;
            expect(code(fixture, { type: "fileSettled", stripe })).to.equal(wanted);
            if (wanted === "accepted") settled.set(id, group);
          }
          for (const { of: each, parts } of files)
            for (let index = 0; index < parts; index += 1) {
              const its = hash(9_000_000 + each * 10 + Math.floor(index / filePieceParts));
              const isNeeded = !gone.has(each);
              expect(isHeld(fixture, partOf(each, index))).to.equal(isNeeded && !settled.has(its));
              const record = fixture.records(lobby, `striped/${its}`)[0]?.value as { stripe: StripeRef } | undefined;
              if (record === undefined) continue;
              expect(isStripeHeld(fixture, record.stripe)).to.equal(isNeeded);
              expect(record.stripe.group).to.equal(told.get(its));
            }
        }
        for (const { of, seq } of files) if (!gone.has(of)) fixture.ok("user/ada", lobby, { type: "delete", seq });
        // The nodes of the holders ask for each.
        for (const { value } of fixture.records(lobby, "striped/"))
          isStripeHeld(fixture, (value as { readonly stripe: StripeRef }).stripe);
        expect(all(fixture)).to.deep.equal([]);
      }),
      { numRuns: 30 },
    );
  });
});
