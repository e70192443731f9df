/** Many entries on a real store: written, searched, exported, verified; then a file that was altered, one without an
 *  entry, one with two in another order, one that was cut, and a whole log that was set back. In `npm run test:long` a
 *  million. */
import { mkdtemp, open, rm } from "node:fs/promises";
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { verifyExport, type Anchors, type Audit, type AuditProof } from "../../../node/audit/index.ts";
import { openLevelStore } from "../../../node/platform/index.ts";
import type { Store } from "../../../node/ports/index.ts";
import { depth } from "../../depth.ts";
import { flowingWorld } from "../../fixtures/flowing.ts";
import { event, openAudit, signerOf } from "./fixture.ts";

const entries = depth(3_000, 1_000_000);
/** Entries that are written together: as many as wait at once on a busy node. */
const together = 1_000;

describe(`audit: ${entries} entries`, () => {
  const clock = flowingWorld().clock();
  let folder: string;
  let store: Store;
  let audit: Audit;
  let file: string;
  let early: string;

  const exportTo = async (path: string): Promise<void> => {
    const out = await open(path, "w");
    let chunk = "";
    for await (const line of audit.export({}, { format: "jsonl", version: "1" })) {
      chunk += `${line}\n`;
      if (chunk.length < 65_536) continue;
      await out.write(chunk);
      chunk = "";
    }
    await out.write(chunk);
    await out.close();
  };
  const linesOf = (path: string): AsyncIterable<string> =>
    createInterface({ input: createReadStream(path), crlfDelay: 0 });
  const verified = (lines: AsyncIterable<string>, anchors?: Anchors): Promise<AuditProof> =>
    verifyExport(lines, signerOf("a").isSigned.bind(undefined), anchors);
  /** The file with each line as `change` has it. */
  async function* changed(change: (line: string, number: number) => readonly string[]): AsyncGenerator<string> {
    let number = 0;
    for await (const line of linesOf(file)) yield* change(line, (number += 1));
  }
  /** The line of an entry: a header and the beginning of the log are before the first. */
  const lineOf = (seq: number): number => seq + 2;
  const [third, half] = [Math.floor(entries / 3), Math.floor(entries / 2)];
  const found = async (lines: AsyncIterable<string>, anchors?: Anchors): Promise<readonly unknown[]> => {
    const { finding } = await verified(lines, anchors);
    return [finding?.fault, finding?.seq];
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "plexus-audit-"));
    store = await openLevelStore(join(folder, "store"));
    audit = await openAudit({ store, clock });
    file = join(folder, "audit.jsonl");
    early = join(folder, "early.jsonl");
    const write = async (from: number, to: number): Promise<void> => {
      for (let at = from; at < to; at += together)
        await Promise.all(
          Array.from({ length: Math.min(together, to - at) }, (_, more) =>
            audit.write(event({ by: `user/u${(at + more) % 997}`, facts: { at: at + more } })),
          ),
        );
    };
    await write(0, half);
    await audit.seal();
    await exportTo(early);
    await write(half, entries);
    await audit.seal();
    await exportTo(file);
  });
  after(async () => {
    await audit.stop();
    await store.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("are found by who, what and when", async () => {
    const newest = async (query: object): Promise<readonly (readonly unknown[])[]> => {
      const { entries: page } = await audit.search({ limit: 50, ...query });
      return page.map(({ by, facts }) => [by, facts?.["at"]]);
    };
    const person = (at: number): string => `user/u${at % 997}`;
    const wanted = (all: readonly number[]): unknown => all.slice(0, 50).map((at) => [person(at), at]);
    const downwards = Array.from({ length: entries }, (_, at) => entries - 1 - at);
    expect(await newest({}), "newest page").to.deep.equal(wanted(downwards.slice(0, 50)));
    const ofOne = downwards.filter((at) => at % 997 === 3);
    expect(await newest({ by: "user/u3" }), "one person's newest page").to.deep.equal(wanted(ofOne));
    expect(await newest({ text: "nowhere" }), "one look for a text that is nowhere").to.deep.equal([]);
    let count = 0;
    let before: string | undefined;
    do {
      const page = await audit.search({ text: `"at":${third}}`, limit: 50, ...(before && { before }) });
      count += page.entries.length;
      before = page.next;
    } while (before !== undefined);
    expect(count).to.equal(1);
    const report = JSON.parse(
      await audit.report({ fromMs: 0, untilMs: Number.MAX_SAFE_INTEGER, people: [] }, "json"),
    ) as { readonly entries: number; readonly signIns: object };
    expect(report.entries).to.equal(entries);
    expect(report.signIns).to.include({ done: entries, people: Math.min(997, entries) });
  });

  it("are sound as they were written", async () => {
    const proof = await verified(linesOf(file));
    expect([proof.entries, proof.finding]).to.deep.equal([entries, undefined]);
  });

  it("are named by position when one is altered, dropped or put elsewhere, and where a file or a log ends early", async () => {
    const at = lineOf(half);
    expect(
      await found(changed((line, number) => [number === at ? line.replace("signIn", "signUp") : line])),
    ).to.deep.equal(["altered", half]);
    expect(await found(changed((line, number) => (number === at ? [] : [line])))).to.deep.equal(["dropped", half]);
    let held = "";
    const swapped = changed((line, number) => {
      if (number === at) held = line;
      return number === at ? [] : number === at + 1 ? [line, held] : [line];
    });
    expect(await found(swapped)).to.deep.equal(["reordered", half]);
    expect(await found(changed((line, number) => (number > at ? [] : [line])))).to.deep.equal(["truncated", half + 1]);
    // Entries are gone, what was signed is still there.
    const underHead = changed((line, number) => (number > at && line.startsWith('{"entry"') ? [] : [line]));
    expect(await found(underHead)).to.deep.equal(["truncated", half + 1]);
  });

  it("are missed, from where on, when the whole log is set back to an old head that is sound by itself", async () => {
    const old = await verified(linesOf(early));
    expect([old.entries, old.finding]).to.deep.equal([half, undefined]);
    const { logs } = await verified(linesOf(file));
    const anchors = new Map(logs.map(({ log, seq, root }) => [log, { seq, root }]));
    expect(await found(linesOf(early), anchors)).to.deep.equal(["rolledBack", half + 1]);
  });
});
