import { expect } from "chai";
import { crc32 } from "node:zlib";
import { Copy, Lineage, type Head } from "./copies.ts";

const genesis = crc32("a slot");

/** Entries of one log from `seq` on, each chained to the one before it. */
function chain(seq: number, before: number, ...texts: readonly string[]) {
  let checksum = before;
  return texts.map((text, index) => {
    const payload = Buffer.from(text);
    checksum = crc32(payload, checksum);
    return { seq: seq + index, checksum, payload };
  });
}

const head = (baseSeq: number, baseChecksum: number, incomplete = false): Head => ({
  fence: 1,
  incarnation: 1,
  baseSeq,
  baseChecksum,
  incomplete,
});

describe("what a copy holds", () => {
  it("is what its own log had when it was trimmed, and nothing that another log of the slot had there", () => {
    const lineage = new Lineage();
    const [lost] = chain(1, genesis, "lost");
    const [one, two, three] = chain(1, genesis, "one", "two", "three");
    if (!lost || !one || !two || !three) throw new Error("too few entries");
    for (const entry of [lost, one, two, three]) lineage.add(entry);

    const copy = new Copy(lineage);
    copy.put(1, [one, two]);
    copy.put(3, [three]);
    expect([one, two, three, lost].map((entry) => copy.has(entry))).to.deep.equal([true, true, true, false]);
    copy.delete(1);
    copy.head(head(two.seq, two.checksum));
    expect([one, two, three, lost].map((entry) => copy.has(entry))).to.deep.equal([true, true, true, false]);
    copy.head(head(two.seq, two.checksum, true));
    expect([one, two, three, lost].map((entry) => copy.has(entry))).to.deep.equal([false, false, true, false]);
  });

  it("begins where an actor got a slot of its own: nothing was before that", () => {
    const lineage = new Lineage();
    const [older] = chain(1, genesis, "of an earlier try");
    const [first] = chain(3, crc32("where it was split"), "first");
    if (!older || !first) throw new Error("too few entries");
    for (const entry of [older, first]) lineage.add(entry);

    const copy = new Copy(lineage);
    copy.head(head(first.seq, first.checksum));
    expect([first, older].map((entry) => copy.has(entry))).to.deep.equal([true, false]);
  });
});
