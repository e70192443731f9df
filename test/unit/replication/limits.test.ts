import { expect } from "chai";
import { meshLimits } from "../../../node/cluster/mesh/limits.ts";
import { journalLimits } from "../../../node/storage/limits.ts";
import { encode } from "../../../protocols/index.ts";
import { meshMessages } from "../../../protocols/mesh/index.ts";

/** What is on disk must be able to travel: a copy that cannot be sent something is never whole again. */
describe("the bounds of the journal and those of messages", () => {
  const { chunks, snapshots } = meshMessages["replica.append"].schema.properties;
  const { lacks } = meshMessages["replica.synced"].schema.properties;
  const itemsMax = (schema: object): number | undefined => (schema as { readonly maxItems?: number }).maxItems;
  const overheadBytes = 64 * 1024;

  it("let what one batch adds to a slot travel in one frame", () => {
    expect(journalLimits.commitBytesMax + overheadBytes).to.be.at.most(meshLimits.frameBytesMax);
    // Names travel beside what is counted: as many snapshots as a batch takes, of actors with the longest names.
    const { commitBytesMax, commitEntriesMax } = journalLimits;
    const sealed = new Uint8Array(commitBytesMax / commitEntriesMax - 64);
    const name = `${"k".repeat(32)}/${"x".repeat(96)}`;
    const most = Array.from({ length: commitEntriesMax }, () => [name, Number.MAX_SAFE_INTEGER, sealed]);
    expect(encode(most).length + overheadBytes).to.be.at.most(meshLimits.frameBytesMax);
    expect(itemsMax(snapshots)).to.equal(commitEntriesMax);
  });

  it("let as many chunks as are read at a time travel in one message, with the place of each", () => {
    const { pieceChunksMax } = journalLimits;
    expect(itemsMax(chunks)).to.equal(pieceChunksMax);
    const most = Array.from({ length: pieceChunksMax }, () => [Number.MAX_SAFE_INTEGER, new Uint8Array(300)]);
    const bytes = encode(most).length - pieceChunksMax * 300;
    expect(bytes).to.be.at.most(overheadBytes);
  });

  it("let a copy name all the actors that it names at a time", () => {
    expect(journalLimits.lackingActorsMax).to.be.at.most(itemsMax(lacks) ?? 0);
  });
});
