import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { expect } from "chai";
import { begunFile, orderOf, readBegun, type FolderMark, type RecallName } from "../../../node/backup/places/recall-begun.ts"; // prettier-ignore
import { openFolderSink } from "../../../node/backup/places/recall-folder.ts";
import { failureOf } from "../../../protocols/index.ts";
import { fileType } from "../../../node/backup/index.ts";
import { hashOf } from "../../../node/bulk/blobs/index.ts";
import type { Sealer, UnitEntry } from "../../../runtimes/backup/index.ts";
import { recalledUnit } from "../../fixtures/recalled-unit.ts";
import { plainSealer } from "./world.ts";

const name: RecallName = { cluster: "harbour", from: null, query: { thread: "room/lobby" } };
const tree = { number: 3, root: null };
const limits = { recalledUnits: 10, packsKept: 2 };

const picture = Buffer.from("a picture in two pieces");
const pieces = [picture.subarray(0, 9), picture.subarray(9)] as const;
/** Units as a recall brings them: a file of two pieces in the middle, and two threads of several units. */
const units: readonly (readonly [UnitEntry, Uint8Array])[] = [
  ...[1, 2, 3].map((n) => [recalledUnit("room/a", "message"), Buffer.from(`a ${n}\n`)] as const),
  [recalledUnit("room/a", ".state"), Buffer.from("state\n")],
  [recalledUnit("room/a", fileType, { bucket: hashOf(picture), last: "1" }), pieces[0]],
  [recalledUnit("room/a", fileType, { bucket: hashOf(picture), part: 1 }), pieces[1]],
  ...[1, 2, 3].map((n) => [recalledUnit("user/ada", "setting"), Buffer.from(`ada ${n}\n`)] as const),
  [recalledUnit("user/eve", "setting"), Buffer.from("eve\n")],
];

class Stop extends Error {}

describe("a recall into a folder that was begun before", () => {
  let top: string;
  beforeEach(() => (top = mkdtempSync(join(tmpdir(), "plexus-begun-"))));
  afterEach(() => rmSync(top, { recursive: true, force: true }));

  /** Writes units behind the mark; each step of the disk is asked whether it is the last one. */
  async function attempt(
    folder: string,
    step: () => void,
    order = orderOf(tree, limits),
  ): Promise<FolderMark | undefined> {
    const sealer: Pick<Sealer, "write"> = {
      async write(task) {
        step();
        // Half of the files of a lot are there when the process dies.
        for (const [at] of task.parts.entries()) {
          const bytes = (to: number): number => task.parts.slice(0, to).reduce((sum, part) => sum + part.bytes, 0);
          const one = { ...task, parts: task.parts.slice(at, at + 1), synced: [] };
          await plainSealer.write({ ...one, contents: task.contents.subarray(bytes(at), bytes(at + 1)) });
          step();
        }
      },
    };
    const begun = await readBegun(folder, name);
    const sink = await openFolderSink(folder, sealer, { name, snapshot: 3, order, begun, keptBytes: 1 });
    try {
      let place = sink.mark?.units ?? 0;
      for (const [unit, content] of units.slice(place)) {
        step();
        await sink.write(unit, content, place);
        place += 1;
        await sink.keep({ units: place, bytes: place, lost: { total: 0, named: [] } });
      }
      await sink.finish({ plexus: "recall" });
    } finally {
      await sink.close();
    }
    return sink.mark;
  }
  const filesIn = (folder: string): Readonly<Record<string, string>> =>
    Object.fromEntries(
      readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((one) => one.isFile())
        .map((one) => join(one.parentPath, one.name))
        .map((path): [string, string] => [relative(folder, path), readFileSync(path, "utf8")])
        .toSorted(([one], [other]) => (one < other ? -1 : 1)),
    );
  const stopping = (at: number) => {
    let steps = 0;
    return () => {
      if ((steps += 1) === at) throw new Stop();
    };
  };
  const reasonOf = async (work: Promise<unknown>): Promise<string> => {
    const error = await work.then(
      () => undefined,
      (thrown: unknown) => failureOf(thrown),
    );
    return `${error?.code} ${String(error?.details?.["reason"])}`;
  };

  it("comes to what it would have come to at once, whatever step it was stopped at, and once more after that", async () => {
    const whole = join(top, "whole");
    await attempt(whole, () => undefined);
    const expected = filesIn(whole);
    expect(Object.keys(expected)).to.have.length(6).and.not.include(begunFile);
    let [at, wentOn] = [1, 0];
    for (let isOver = false; !isOver; at += 1) {
      const folder = join(top, `stopped-${at}`);
      isOver = await attempt(folder, stopping(at)).then(
        () => true,
        (error: unknown) => expect(error).to.be.instanceOf(Stop) && false,
      );
      if (isOver) break;
      // A power loss: what no mark vouches for may be there or not, and the last line may be torn.
      if (at % 2 === 0) appendFileSync(join(folder, begunFile), '{"begins":["room/');
      await attempt(folder, stopping(at % 7 === 0 ? 3 : Infinity)).catch((error: unknown) =>
        expect(error).to.be.instanceOf(Stop),
      );
      // The second attempt may have come to the end.
      if (!readdirSync(folder).includes("recall.json") || readdirSync(folder).includes(begunFile))
        wentOn += (await attempt(folder, () => undefined)) === undefined ? 0 : 1;
      expect(filesIn(folder), `stopped at ${at}`).to.deep.equal(expected);
    }
    expect(at, "steps").to.be.above(30);
    expect(wentOn, "attempts that went on").to.be.above(1);
  });

  it("goes on behind its mark: what was whole is not written again", async () => {
    const folder = join(top, "out");
    await attempt(folder, stopping(25)).catch(() => undefined);
    const begun = await readBegun(folder, name);
    const [kept] = [...(begun?.before ?? [])];
    expect(begun?.mark?.units).to.be.above(1);
    const { ino } = statSync(join(folder, kept as string));
    const mark = await attempt(folder, () => undefined);
    expect(mark).to.deep.equal(begun?.mark);
    expect(statSync(join(folder, kept as string)).ino).to.equal(ino);
  });

  it("begins anew where the units come in another order", async () => {
    const folder = join(top, "out");
    await attempt(folder, stopping(25)).catch(() => undefined);
    const expected = join(top, "whole");
    await attempt(expected, () => undefined);
    const order = orderOf({ number: 3, root: { stripe: { id: "other" } } as never }, limits);
    expect(order).to.not.equal(orderOf(tree, limits));
    expect(await attempt(folder, () => undefined, order)).to.equal(undefined);
    expect(filesIn(folder)).to.deep.equal(filesIn(expected));
  });

  it("is refused where another began, where somebody put a file, and where it is whole, and touches nothing then", async () => {
    const folder = join(top, "out");
    await attempt(folder, stopping(25)).catch(() => undefined);
    const before = filesIn(folder);
    for (const other of [
      { ...name, cluster: "c2" },
      { ...name, from: "/mnt" },
      { ...name, query: {} },
    ])
      expect(await reasonOf(readBegun(folder, other))).to.match(/BAD_REQUEST .*another recall began/);
    writeFileSync(join(folder, "room", "mine.txt"), "mine");
    expect(await reasonOf(attempt(folder, () => undefined))).to.match(
      /BAD_REQUEST .*room\/mine.txt, which this recall did not write/,
    );
    rmSync(join(folder, "room", "mine.txt"));
    expect(filesIn(folder)).to.deep.equal(before);
    await attempt(folder, () => undefined);
    expect(await reasonOf(attempt(folder, () => undefined))).to.match(/BAD_REQUEST .*is not empty/);
    truncateSync(join(folder, "recall.json"), 0);
    expect(await reasonOf(attempt(folder, () => undefined))).to.match(/BAD_REQUEST .*is not empty/);
  });
});
