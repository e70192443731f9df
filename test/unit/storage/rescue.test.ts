import { expect } from "chai";
import fc from "fast-check";
import { emptied } from "../../../node/storage/batch-draft.ts";
import { decodeChunk, encodeChunk, encodeEntry } from "../../../node/storage/layout.ts";
import { rescueLog, type Head } from "../../../node/storage/index.ts";
import type { SlotId } from "../../../protocols/index.ts";

const slot: SlotId = "chat/7";

/** A log of chunks of so many entries each, behind `base`. */
function logOf(sizes: readonly number[], base: number) {
  const empty = emptied(slot, { fence: 3, incarnation: 1 });
  let [seq, checksum] = [base, empty.baseChecksum];
  const chunks: [number, Uint8Array][] = [];
  for (const [index, size] of sizes.entries()) {
    const epoch = index < sizes.length / 2 ? 2 : 3;
    const payloads = Array.from({ length: size }, (_, number) => {
      const at = seq + 1 + number;
      return encodeEntry(epoch, at, { atMs: at, actor: "room/a", events: [{ at }], answers: [], side: [] });
    });
    const made = encodeChunk(payloads, checksum);
    chunks.push([seq + 1, made.bytes]);
    ({ checksum } = made);
    seq += size;
  }
  const head: Head = { ...empty, continues: 3, lastEpoch: 3, lastSeq: seq, lastChecksum: checksum, baseSeq: base };
  return { head, chunks };
}

/** What whoever opens the slot reads, or why he does not. */
function opened(log: ReturnType<typeof rescueLog>): readonly (number | undefined)[] {
  let [seq, checksum] = [log.head.baseSeq, log.head.baseChecksum];
  const events: (number | undefined)[] = [];
  for (const [firstSeq, bytes] of log.chunks) {
    expect(firstSeq).to.equal(seq + 1);
    const read = decodeChunk(bytes, firstSeq, checksum);
    expect(read.damage).to.equal(undefined);
    ({ checksum } = read);
    seq += read.entries.length;
    for (const entry of read.entries) events.push((entry.events[0] as { at: number } | undefined)?.at);
  }
  expect([seq, checksum]).to.deep.equal([log.head.lastSeq, log.head.lastChecksum]);
  return events;
}

describe("a log of which a part is saved", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 8 });

  it("is the same log when nothing is missing", () => {
    const { head, chunks } = logOf([2, 3, 1], 10);
    const log = rescueLog(slot, { head, chunks, atLeast: 0 });
    expect(log.gaps).to.deep.equal([]);
    expect(log.chunks.map(([seq, bytes]) => [seq, Buffer.from(bytes)])).to.deep.equal(chunks);
    expect(log.head).to.deep.equal({ ...head, incarnation: 2 });
  });

  it("opens, ends where it ended, and has every entry that is left under its own number", () => {
    fc.assert(
      fc.property(sizes, fc.nat(20), fc.array(fc.nat(7)), fc.boolean(), (made, base, lost, hasHead) => {
        const { head, chunks } = logOf(made, base);
        const left = chunks.filter((_, index) => !lost.includes(index));
        const last = left.at(-1);
        const log = rescueLog(slot, { head: hasHead ? head : undefined, chunks: left, atLeast: 0 });
        const events = opened(log);
        const first = log.head.baseSeq + 1;
        for (const [index, at] of events.entries()) if (at !== undefined) expect(at).to.equal(first + index);
        const readable = left.flatMap(([seq, bytes]) => decodeLoosely(seq, bytes));
        expect(events.filter((at) => at !== undefined)).to.deep.equal(readable);
        if (hasHead) expect(log.head.lastSeq).to.equal(head.lastSeq);
        else if (last) expect(log.head.lastSeq).to.equal(last[0] + decodeLoosely(...last).length - 1);
        const gone = log.gaps.reduce((sum, [from, to]) => sum + to - from + 1, 0);
        if (hasHead) expect(gone).to.equal(head.lastSeq - base - readable.length);
        expect(log.head.fence).to.be.at.least(log.head.lastEpoch);
      }),
    );
  });

  it("leaves out one entry of a chunk that is not what was written, and keeps those around it", () => {
    const { head, chunks } = logOf([4], 0);
    const bytes = Buffer.from(chunks[0]?.[1] ?? []);
    const at = bytes.indexOf("room/a", bytes.indexOf("room/a") + 1);
    bytes.write("room/b", at);
    const log = rescueLog(slot, { head, chunks: [[1, bytes]], atLeast: 0 });
    expect(log.gaps).to.deep.equal([[2, 2]]);
    expect(opened(log)).to.deep.equal([1, undefined, 3, 4]);
  });

  it("goes as far as snapshots say, also where nothing of it is left", () => {
    const log = rescueLog(slot, { head: undefined, chunks: [], atLeast: 40 });
    expect([log.head.baseSeq, log.head.lastSeq]).to.deep.equal([40, 40]);
    expect(opened(log)).to.deep.equal([]);
  });
});

/** The numbers of a chunk's entries. */
function decodeLoosely(firstSeq: number, bytes: Uint8Array): readonly number[] {
  const found = rescueLog(slot, { head: undefined, chunks: [[firstSeq, bytes]], atLeast: 0 });
  return opened(found).map((at) => at ?? 0);
}
