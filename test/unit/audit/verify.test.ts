import { expect } from "chai";
import fc from "fast-check";
import { cefLine, syslogLine } from "../../../node/audit/export.ts";
import { verifyExport, type AuditFinding, type AuditSigner } from "../../../node/audit/index.ts";
import { RowStore } from "../storage/fixture.ts";
import { event, openAudit, signerOf, TestClock } from "./fixture.ts";

const isSigned: AuditSigner["isSigned"] = (peer, bytes, signature) => signerOf("a").isSigned(peer, bytes, signature);

/** An export of a log of so many entries, sealed now and then. */
async function exported(entries: number, store = new RowStore()): Promise<readonly string[]> {
  const clock = new TestClock();
  const audit = await openAudit({ store, clock, limits: { headKeptEveryMs: 0 } });
  for (let at = 1; at <= entries; at += 1) {
    clock.ms += 1_000;
    await audit.write(event({ by: `user/u${at}`, facts: { at } }));
    if (at % 5 === 0) await audit.seal();
  }
  await audit.seal();
  const lines: string[] = [];
  for await (const line of audit.export({}, { format: "jsonl", version: "1" })) lines.push(line);
  await audit.stop();
  return lines;
}

const findingOf = async (lines: readonly string[], before?: readonly string[]): Promise<AuditFinding | undefined> => {
  const known = before === undefined ? [] : (await verifyExport(before, isSigned)).logs;
  return (await verifyExport(lines, isSigned, new Map(known.map(({ log, seq, root }) => [log, { seq, root }]))))
    .finding;
};
const positionOf = (finding: AuditFinding | undefined) => [finding?.fault, finding?.seq];

describe("audit: an export is proven offline", () => {
  let lines: readonly string[];
  before(async () => {
    lines = await exported(12);
  });
  /** Line of an entry. */
  const lineAt = (seq: number): number => 1 + seq;
  const without = (seq: number): readonly string[] => lines.filter((_, at) => at !== lineAt(seq));

  it("is sound as it was written, and says up to where each log is signed", async () => {
    const { entries, logs, finding } = await verifyExport(lines, isSigned);
    expect([entries, finding]).to.deep.equal([12, undefined]);
    expect(logs.map(({ from, seq, signedSeq, peer }) => [from, seq, signedSeq, peer])).to.deep.equal([
      [1, 12, 12, "peer-a"],
    ]);
  });

  it("names the first entry that was altered", async () => {
    const altered = lines.with(lineAt(7), (lines[lineAt(7)] ?? "").replace("user/u7", "user/x7"));
    expect(positionOf(await findingOf(altered))).to.deep.equal(["altered", 7]);
  });

  it("names it also when its hash was made anew, and when all hashes after it were", async () => {
    const { exportedEntry } = await import("../../../node/audit/verify.ts");
    const { hashOfLine } = await import("../../../node/audit/chain.ts");
    const entryOf = (line: string): string => /^\{"entry":(.*),"hash":"[0-9a-f]+"\}$/.exec(line)?.[1] ?? "";
    const forged = entryOf(lines[lineAt(7)] ?? "").replace("user/u7", "user/x7");
    expect(positionOf(await findingOf(lines.with(lineAt(7), exportedEntry(forged))))).to.deep.equal(["altered", 7]);
    const all = [...lines];
    let entry = forged;
    all[lineAt(7)] = exportedEntry(entry);
    for (let seq = 8; seq <= 12; seq += 1) {
      const next = entryOf(lines[lineAt(seq)] ?? "").replace(/"prev":"[0-9a-f]+"/, `"prev":"${hashOfLine(entry)}"`);
      all[lineAt(seq)] = exportedEntry(next);
      entry = next;
    }
    // Only what the writer has signed is left to say so: up to its last head.
    expect(positionOf(await findingOf(all))).to.deep.equal(["altered", 12]);
    const link = lines.with(
      lineAt(7),
      exportedEntry(entryOf(lines[lineAt(7)] ?? "").replace(/"prev":"../, '"prev":"00')),
    );
    expect(positionOf(await findingOf(link)), "a changed link is of the entry that has it").to.deep.equal([
      "altered",
      7,
    ]);
  });

  it("names the entry that was dropped, and the one in whose place another is", async () => {
    expect(positionOf(await findingOf(without(7)))).to.deep.equal(["dropped", 7]);
    const [one, other] = [lines[lineAt(7)] ?? "", lines[lineAt(8)] ?? ""];
    expect(positionOf(await findingOf(lines.with(lineAt(7), other).with(lineAt(8), one)))).to.deep.equal([
      "reordered",
      7,
    ]);
  });

  it("names where it was truncated: the file, and the log under its head", async () => {
    expect(positionOf(await findingOf(lines.slice(0, lineAt(9))))).to.deep.equal(["truncated", 9]);
    expect(positionOf(await findingOf(lines.filter((_, at) => at < lineAt(9) || at > lineAt(12))))).to.deep.equal([
      "truncated",
      9,
    ]);
  });

  it("names from where a whole log was set back to an old head, by an earlier export", async () => {
    const store = new RowStore();
    const old = await exported(6, store);
    const longer = await exported(4, new RowStore(store.rows));
    expect(await findingOf(longer, old), "a log that has grown is sound").to.equal(undefined);
    expect(positionOf(await findingOf(old, longer))).to.deep.equal(["rolledBack", 7]);
    const other = await exported(
      5,
      new RowStore([...store.rows].filter(([key]) => !/audit\/(entry|head)\/.*[3-9]$/.test(key))),
    );
    expect((await findingOf(other, longer))?.fault).to.be.oneOf(["altered", "rolledBack"]);
  });

  it("finds any change of any byte", async () => {
    const text = `${lines.join("\n")}\n`;
    await fc.assert(
      fc.asyncProperty(fc.nat(text.length - 2), fc.integer({ min: 1, max: 127 }), async (at, by) => {
        const changed = text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ by) + text.slice(at + 1);
        expect(await findingOf(changed.replace(/\n$/, "").split("\n"))).not.to.equal(undefined);
      }),
      { numRuns: 500 },
    );
  });

  it("continues a log whose first entries were removed", async () => {
    const [store, clock] = [new RowStore(), new TestClock()];
    const limits = { headKeptEveryMs: 0, keptMs: 10_000, pruneEveryMs: 1_000_000 };
    const audit = await openAudit({ store, clock, limits });
    for (let at = 1; at <= 9; at += 1) {
      await audit.write(event({ by: `user/u${at}` }));
      if (at % 3 === 0) await audit.seal();
      clock.ms += 5_000;
    }
    clock.advance(1_000_000);
    for (let at = 0; at < 100; at += 1) await Promise.resolve();
    await audit.seal();
    const kept: string[] = [];
    for await (const line of audit.export({}, { format: "jsonl", version: "1" })) kept.push(line);
    const { logs, finding } = await verifyExport(kept, isSigned);
    expect([finding, logs[0]?.from, logs[0]?.seq]).to.deep.equal([undefined, 10, 10]);
    expect((await audit.search({})).entries.map(({ action }) => action)).to.deep.equal(["pruneAudit"]);
    await audit.stop();
  });

  it("writes syslog and CEF in which nothing that people say begins another field or line", () => {
    const record = {
      log: "00-00",
      seq: 3,
      atMs: Date.UTC(2026, 0, 1),
      node: "a b",
      action: "setAdmin",
      by: 'user/"x]\n<1>',
      target: "user/a|b=c\\",
      outcome: "FORBIDDEN",
      address: "192.0.2.7",
      facts: { admin: true },
      prev: "",
    } as const;
    expect(syslogLine(record)).to.equal(
      '<108>1 2026-01-01T00:00:00.000Z a_b plexus - setAdmin [plexus@32473 log="00-00" seq="3" by="user/\\"x\\] <1>" target="user/a|b=c\\\\" address="192.0.2.7" outcome="FORBIDDEN" fact="admin=true"]',
    );
    expect(cefLine(record, "1|0")).to.equal(
      'CEF:0|Plexus|Plexus|1\\|0|setAdmin|A person becomes or ceases to be an admin|7|rt=1767225600000 dvchost=a b externalId=00-00/3 suser=user/"x] <1> duser=user/a|b\\=c\\\\ src=192.0.2.7 outcome=failure reason=FORBIDDEN msg=admin: true',
    );
  });
});
