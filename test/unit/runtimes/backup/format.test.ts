import { readFileSync } from "node:fs";
import { expect } from "chai";
import fc from "fast-check";
import {
  compareUnits,
  contextOfUnit,
  decodeRows,
  demandSuccession,
  encodeRows,
  fragmentAt,
  hashOfHead,
  hashOfUnit,
  openNode,
  openSealed,
  readCatalog,
  readChanges,
  readCursors,
  readHead,
  readPartList,
  readTreeNode,
  sealNode,
  sealUnit,
  unitIn,
  writeCursors,
  writeHead,
  type UnitContext,
} from "../../../../runtimes/backup/format/index.ts";
import { openUnit } from "../../../../runtimes/backup/format/unit.ts";
import { readPack } from "../../../../runtimes/backup/format/pack.ts";
import { paddedSize } from "../../../../runtimes/backup/format/sizes.ts";
import { transform, untransform } from "../../../../runtimes/backup/format/transform.ts";
import { failureOf } from "../../../../protocols/index.ts";
import { depth } from "../../../depth.ts";
import { anyCharacter } from "../../../fixtures/any-character.ts";
import { bytesOf, context, frozenFile, frozenFileSample, frozenPartSample, frozenTogetherSample, headKeys, makeFileSample, makePartSample, makeSamples, makeTogetherSample, nodeKey, of, packOf, rows, type Frozen, type FrozenFile, type FrozenPart } from "./samples.ts"; // prettier-ignore

const runs = { numRuns: depth(60, 2_000) };

/** What a reader says of bytes: their content, or the code of its refusal. Anything else that it throws fails the
 *  test. */
function outcome<T>(read: () => T): T | "refused" {
  try {
    return read();
  } catch (thrown) {
    const { code } = failureOf(thrown);
    if (code !== "BACKUP_DAMAGED") throw thrown;
    return "refused";
  }
}

const withByte = (bytes: Uint8Array, at: number, change: number): Uint8Array => {
  const changed = new Uint8Array(bytes);
  changed[at % bytes.length] = (changed[at % bytes.length] as number) ^ change;
  return changed;
};
const change = fc.integer({ min: 1, max: 255 });
const anywhere = fc.nat({ max: 1 << 24 });

const plain: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.string({ unit: anyCharacter }),
    fc.double(),
    fc.integer(),
    fc.boolean(),
    fc.constantFrom(null, undefined, "\ud800", -0, { $bytes: "no" }, { $$: 1 }),
    fc.uint8Array({ maxLength: 9 }),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.string(), fc.constantFrom("$bytes", "$", "__proto__", "7")), tie("value"), {
      maxKeys: 4,
      noNullPrototype: true,
    }),
  ),
})).value;

describe("the formats of a backup", () => {
  const samples = makeSamples();
  const textsOf = (fragments: readonly Uint8Array[], of: UnitContext = context) =>
    openUnit(fragments, of, samples.texts);

  describe("frozen", () => {
    const frozen = JSON.parse(readFileSync(frozenFile(1), "utf8")) as Frozen;
    const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"));

    it("reads what version 1 wrote", () => {
      const pack = bytes(frozen.pack);
      const places = readPack(pack);
      expect(places).to.deep.equal(frozen.places);
      const fragments = places.map((place) => fragmentAt(pack, place));
      const texts = openUnit(fragments.slice(4), context, {
        key: bytes(frozen.textsKey),
        hash: hashOfUnit(encodeRows(rows)),
      });
      expect(decodeRows(texts)).to.deep.equal(rows);
      const picture = { key: bytes(frozen.pictureKey), hash: hashOfUnit(bytesOf("picture", 5_000)) };
      const file = openUnit(fragments.slice(0, 4), { ...context, type: "file" }, picture);
      expect(Buffer.from(file).equals(bytesOf("picture", 5_000))).to.equal(true);
      expect(readHead(bytes(frozen.head), headKeys)).to.deep.equal(samples.head);
      const catalog = openNode(bytes(frozen.catalog), { ...of, sort: "catalog" }, nodeKey);
      expect(readCatalog(catalog)).to.deep.equal([samples.snapshot]);
      const leaf = readTreeNode(openNode(bytes(frozen.node), of, nodeKey), of.cluster);
      const [unit] = (leaf as typeof samples.leaf).units;
      expect(unit?.name).to.deep.equal(samples.leaf.units[0]?.name);
      expect(unit?.fragments.map(({ offset, length }) => ({ offset, length }))).to.deep.equal(frozen.places.slice(4));
    });

    it("has files as they were written first", () => {
      const sample = JSON.parse(readFileSync(frozenFileSample, "utf8")) as FrozenFile;
      const pack = bytes(sample.pack);
      expect(Buffer.from(makeFileSample().pack.bytes).equals(pack)).to.equal(true);
      const leaf = readTreeNode(openNode(bytes(sample.node), of, nodeKey), of.cluster);
      if (!("units" in leaf)) expect.fail("a leaf");
      const opened = leaf.units.map(({ name, id, epoch, sealedKey, hash, fragments }) => {
        const own = fragments.map((place) => fragmentAt(pack, place));
        return openUnit(own, { ...name, id, epoch }, { key: sealedKey, hash });
      });
      expect(Buffer.concat(opened).equals(makeFileSample().bytes)).to.equal(true);
    });

    it("has units that are sealed together as version 2 wrote them, in nodes that readers of version 1 refuse", () => {
      const sample = JSON.parse(readFileSync(frozenTogetherSample, "utf8")) as FrozenFile;
      const [pack, node] = [bytes(sample.pack), bytes(sample.node)];
      const { units, plaintexts } = makeTogetherSample();
      const leaf = readTreeNode(openNode(node, of, nodeKey), of.cluster);
      if (!("units" in leaf)) expect.fail("a leaf");
      expect(leaf.units.map(({ start, bytes: own }) => [start, own])).to.deep.equal(
        units.map(({ start, bytes: own }) => [start, own]),
      );
      for (const [at, unit] of leaf.units.entries()) {
        const own = unit.fragments.map((place) => fragmentAt(pack, place));
        const whole = openSealed(own, contextOfUnit(unit), unit.sealedKey);
        const plaintext = unitIn(whole, { ...unit, start: unit.start ?? 0 });
        expect(Buffer.from(plaintext).equals(plaintexts[at] as Uint8Array)).to.equal(true);
        // Its own name opens nothing, and another stretch of the same bytes is not it.
        expect(
          outcome(() => openSealed(own, { ...unit.name, id: unit.id, epoch: unit.epoch }, unit.sealedKey)),
        ).to.equal("refused");
        expect(outcome(() => unitIn(whole, { ...unit, start: (unit.start ?? 0) + 1 }))).to.equal("refused");
      }
      expect(node[8]).to.equal(2);
      const older = Uint8Array.from(node);
      older[8] = 1;
      expect(outcome(() => openNode(older, of, nodeKey))).to.equal("refused");
      expect(bytes(frozen.node)[8]).to.equal(1);
    });

    it("has what nodes tell each other of a run as it was written first, of that sort alone", () => {
      const sample = JSON.parse(readFileSync(frozenPartSample, "utf8")) as FrozenPart;
      const { list, changes } = makePartSample();
      const { cluster } = of;
      const [part, changed] = [bytes(sample.part), bytes(sample.changes)];
      expect(readPartList(openNode(part, { cluster, sort: "part" }, nodeKey))).to.deep.equal(list);
      expect(readChanges(openNode(changed, { cluster, sort: "changes" }, nodeKey), cluster)).to.deep.equal(changes);
      for (const sort of ["changes", "tree", "catalog", "cursors"] as const)
        expect(outcome(() => openNode(part, { cluster, sort }, nodeKey))).to.equal("refused");
      fc.assert(
        fc.property(anywhere, change, (at, by) => {
          expect(outcome(() => openNode(withByte(part, at, by), { cluster, sort: "part" }, nodeKey))).to.equal(
            "refused",
          );
          expect(outcome(() => openNode(withByte(changed, at, by), { cluster, sort: "changes" }, nodeKey))).to.equal(
            "refused",
          );
        }),
        runs,
      );
    });

    it("writes what no library has a say in as version 1 did", () => {
      const pack = bytes(frozen.pack);
      const fragments = frozen.places.slice(0, 4).map((place) => Buffer.from(fragmentAt(pack, place)).toString("hex"));
      expect(samples.picture.fragments.map((fragment) => Buffer.from(fragment).toString("hex"))).to.deep.equal(
        fragments,
      );
      expect(Buffer.from(samples.headBytes).toString("base64")).to.equal(frozen.head);
    });
  });

  describe("rows", () => {
    it("come back as they were, whatever plain data they are", () => {
      fc.assert(
        fc.property(fc.array(fc.tuple(fc.string({ unit: anyCharacter }), plain)), (list) => {
          const read = decodeRows(encodeRows(list));
          expect(read).to.deep.equal(list);
          expect(Buffer.from(encodeRows(read)).equals(encodeRows(list))).to.equal(true);
        }),
        runs,
      );
    });

    it("have one encoding, in whatever order the keys of an object were made", () => {
      fc.assert(
        fc.property(fc.dictionary(fc.string(), fc.integer()), (made) => {
          const turned = Object.fromEntries(Object.entries(made).toReversed());
          expect(Buffer.from(encodeRows([["k", made]])).equals(encodeRows([["k", turned]]))).to.equal(true);
        }),
        runs,
      );
    });

    it("are refused where bytes are none", () => {
      fc.assert(
        fc.property(
          fc.oneof(
            fc.uint8Array(),
            fc.string().map((text) => Buffer.from(`${text}\n`)),
          ),
          (any) => {
            const read = outcome(() => decodeRows(any));
            if (read !== "refused") for (const [key] of read) expect(key).to.be.a("string");
          },
        ),
        runs,
      );
      for (const line of [
        '["a",{"$bytes":1}]\n',
        '["a",{"$":1}]\n',
        '["a",{"$number":"7"}]\n',
        '["a",1]',
        '["a"]\n',
        "[1,1]\n",
      ])
        expect(
          outcome(() => decodeRows(Buffer.from(line))),
          line,
        ).to.equal("refused");
    });
  });

  describe("units", () => {
    it("come back from all their fragments, whatever their content and number", () => {
      const content = fc.oneof(
        fc.uint8Array({ maxLength: 4_000 }),
        fc.nat(200_000).map((size) => new Uint8Array(size)),
      );
      fc.assert(
        fc.property(
          content,
          fc.integer({ min: 3, max: 16 }),
          fc.uint8Array({ minLength: 64, maxLength: 64 }),
          (body, fragments, random) => {
            const sealed = sealUnit(body, context, { fragments, random });
            expect(sealed.fragments).to.have.length(fragments);
            expect(Buffer.from(openUnit(sealed.fragments, context, sealed)).equals(body)).to.equal(true);
          },
        ),
        runs,
      );
    });

    it("are refused when any byte of any fragment is another, or a fragment is short, missing, elsewhere or twice", () => {
      const { fragments } = samples.texts;
      fc.assert(
        fc.property(fc.nat(2), anywhere, change, (which, at, by) => {
          const changed = fragments.map((fragment, n) => (n === which ? withByte(fragment, at, by) : fragment));
          expect(outcome(() => textsOf(changed))).to.equal("refused");
        }),
        runs,
      );
      const [one, two, three] = fragments as [Uint8Array, Uint8Array, Uint8Array];
      const wrong = [
        [one, two],
        [two, one, three],
        [one, one, three],
        [one, two, three.subarray(1)],
        [one, two, new Uint8Array()],
        [],
      ];
      for (const set of wrong) expect(outcome(() => textsOf(set))).to.equal("refused");
    });

    it("are refused as another unit than they are", () => {
      const other = sealUnit(
        encodeRows(rows),
        { ...context, id: "ff" },
        { fragments: 3, random: bytesOf("other", 64) },
      );
      const mixed = samples.texts.fragments.map((fragment, n) =>
        n === 1 ? (other.fragments[1] as Uint8Array) : fragment,
      );
      expect(outcome(() => textsOf(mixed))).to.equal("refused");
      const changes: readonly Partial<UnitContext>[] = [
        { cluster: "other" },
        { person: "user/ada" },
        { thread: "room/other" },
        { type: "event" },
        { bucket: "2026-11-24" },
        { part: 1 },
        { id: "aa" },
        { epoch: 3 },
      ];
      for (const one of changes)
        expect(outcome(() => textsOf(samples.texts.fragments, { ...context, ...one }))).to.equal("refused");
      const otherKey = { ...samples.texts, key: other.key };
      expect(outcome(() => openUnit(samples.texts.fragments, context, otherKey))).to.equal("refused");
      const otherHash = { ...samples.texts, hash: "00".repeat(32) };
      expect(outcome(() => openUnit(samples.texts.fragments, context, otherHash))).to.equal("refused");
    });

    it("give nothing to who lacks a fragment, even with the keys of all others", () => {
      // The same text over and over: of an ordinary cipher's parts, each would give its own part of it.
      const body = Buffer.from("attack at dawn. ".repeat(500));
      fc.assert(
        fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.nat(2), (key, lost) => {
          const whole = transform(body, key);
          expect(Buffer.from(untransform(whole)).equals(body)).to.equal(true);
          const third = Math.floor(whole.length / 3);
          // All but one third, and that one guessed as zeros: nothing of the text comes out.
          const part = new Uint8Array(whole).fill(0, lost * third, (lost + 1) * third);
          const guess = Buffer.from(untransform(part));
          expect(guess.includes("attack") || guess.includes("dawn")).to.equal(false);
        }),
        runs,
      );
    });

    it("never share a key or a fragment between two sealings of the same content", () => {
      const again = sealUnit(encodeRows(rows), context, { fragments: 3, random: bytesOf("again", 64) });
      const seen = new Set(
        [...samples.texts.fragments, ...again.fragments].map((bytes) => Buffer.from(bytes).toString("hex")),
      );
      expect(seen.size).to.equal(6);
      expect(again.hash).to.equal(samples.texts.hash);
    });

    it("say little of their size: at most 12 % are added, and few sizes remain", () => {
      fc.assert(
        fc.property(fc.integer({ min: 1_024, max: 1 << 26 }), (bytes) => {
          const padded = paddedSize(bytes, 1_024);
          expect(padded).to.be.within(bytes, bytes * 1.12);
          expect(paddedSize(padded, 1_024)).to.equal(padded);
        }),
        runs,
      );
      const sizes = new Set(Array.from({ length: 100_000 }, (_, bytes) => paddedSize(bytes, 1_024)));
      expect(sizes.size).to.be.below(150);
    });
  });

  describe("packs", () => {
    it("give back each fragment, from any number of any size", () => {
      fc.assert(
        fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 40 }), (fragments) => {
          const { bytes, places } = packOf(fragments);
          const read = readPack(bytes);
          expect(read).to.deep.equal(places);
          for (const [at, place] of read.entries())
            expect(Buffer.from(fragmentAt(bytes, place)).equals(fragments[at] as Uint8Array)).to.equal(true);
        }),
        runs,
      );
    });

    it("are noticed when any byte is another: by the pack, or by the fragment that it is in", () => {
      const { bytes, places } = samples.pack;
      const open = (pack: Uint8Array): Uint8Array => {
        const found = readPack(pack).map((place) => fragmentAt(pack, place));
        openUnit(found.slice(0, 4), { ...context, type: "file" }, samples.picture);
        return textsOf(found.slice(4));
      };
      expect(Buffer.from(open(bytes)).equals(encodeRows(rows))).to.equal(true);
      fc.assert(
        fc.property(anywhere, change, (at, by) => {
          expect(outcome(() => open(withByte(bytes, at, by)))).to.equal("refused");
        }),
        runs,
      );
      for (let length = 0; length < bytes.length; length += 97)
        expect(outcome(() => readPack(bytes.subarray(0, length)))).to.equal("refused");
      expect(outcome(() => fragmentAt(bytes, { ...(places[0] as object), offset: bytes.length, length: 1 }))).to.equal(
        "refused",
      );
    });

    it("are refused where bytes are none", () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 200 }), (any) => outcome(() => readPack(any)) === "refused"),
        runs,
      );
    });
  });

  describe("nodes and heads", () => {
    const openTree = (bytes: Uint8Array, key = nodeKey, as: Parameters<typeof openNode>[1] = of): unknown =>
      readTreeNode(openNode(bytes, as, key), of.cluster);

    it("say what they said", () => {
      expect(openTree(samples.node)).to.deep.equal(samples.leaf);
      const children = [
        {
          first: samples.leaf.units[0]!.name,
          units: 1,
          bytes: 9,
          link: { stripe: samples.snapshot.cursors.stripe, key: nodeKey },
        },
      ];
      expect(
        readTreeNode(
          { level: 1, children: children.map((child) => ({ ...child, first: ["", "a", "b", "", 0] })) },
          "c",
        ),
      ).to.have.property("level", 1);
      const cursors = new Map([["chat/7", { epoch: 3, seq: 12 }]]);
      expect(readCursors(openNode(sealNode(writeCursors(cursors), of, nodeKey), of, nodeKey))).to.deep.equal(cursors);
    });

    it("are refused when any byte is another", () => {
      fc.assert(
        fc.property(anywhere, change, (at, by) => {
          expect(outcome(() => openTree(withByte(samples.node, at, by)))).to.equal("refused");
          expect(
            outcome(() => openNode(withByte(samples.catalog, at, by), { ...of, sort: "catalog" }, nodeKey)),
          ).to.equal("refused");
          expect(outcome(() => readHead(withByte(samples.headBytes, at, by), headKeys))).to.equal("refused");
        }),
        runs,
      );
      const pieces = [0, 1, 11, 12, 13, 28, 40, samples.node.length - 1];
      for (const length of pieces)
        expect(outcome(() => openTree(samples.node.subarray(0, length)))).to.equal("refused");
      for (let length = 0; length < samples.headBytes.length; length += 13)
        expect(outcome(() => readHead(samples.headBytes.subarray(0, length), headKeys))).to.equal("refused");
    });

    it("are refused as another node, with another key, of another cluster, and signed by another", () => {
      expect(outcome(() => openTree(samples.node, bytesOf("other", 32)))).to.equal("refused");
      expect(outcome(() => openTree(samples.node, nodeKey, { ...of, sort: "catalog" }))).to.equal("refused");
      expect(outcome(() => openTree(samples.node, nodeKey, { ...of, cluster: "other" }))).to.equal("refused");
      const stranger = { sign: () => new Uint8Array(64) };
      expect(outcome(() => readHead(writeHead(samples.head, stranger), headKeys))).to.equal("refused");
      expect(outcome(() => readHead(writeHead({ ...samples.head, epoch: 4 }, headKeys), headKeys))).to.equal("refused");
    });

    it("are refused where they are well signed and encrypted, and still no node", () => {
      const values = fc.oneof(
        plain,
        fc.record({ level: fc.nat(3), units: plain, stripes: plain }),
        fc.record({ level: fc.nat(9), children: fc.array(plain) }),
      );
      fc.assert(
        fc.property(values, (value) => {
          outcome(() => openTree(sealNode(value, of, nodeKey)));
          outcome(() => readCatalog(value));
          outcome(() => readCursors(value));
        }),
        runs,
      );
      const [unit] = samples.leaf.units;
      const twice = { level: 0 as const, units: [unit!, unit!] };
      expect(outcome(() => readTreeNode({ ...twice, stripes: [] }, "c"))).to.equal("refused");
    });

    it("follow one another by number and hash only", () => {
      const before = { number: 7, hash: hashOfHead(samples.headBytes) };
      const next = { ...samples.head, number: 8, previous: before.hash };
      expect(outcome(() => demandSuccession(before, next))).to.equal(undefined);
      expect(outcome(() => demandSuccession(undefined, { ...next, number: 1, previous: "" }))).to.equal(undefined);
      for (const wrong of [
        { ...next, number: 9 },
        { ...next, number: 7 },
        { ...next, previous: "" },
      ])
        expect(outcome(() => demandSuccession(before, wrong))).to.equal("refused");
      expect(outcome(() => demandSuccession(undefined, next))).to.equal("refused");
    });

    it("keep units in an order in which each thread's follow one another", () => {
      const named = (thread: string, part: number) => ({ ...context, thread, part });
      expect(compareUnits(named("a", 2), named("a", 10))).to.be.below(0);
      expect(compareUnits(named("a", 10), named("b", 0))).to.be.below(0);
      expect(compareUnits(named("a", 1), named("a", 1))).to.equal(0);
    });
  });
});
