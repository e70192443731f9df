import { expect } from "chai";
import fc from "fast-check";
import { createHash } from "node:crypto";
import { chainStart, extended, hashOfLine, lineOf, peaksOf, rootOf } from "../../../node/audit/chain.ts";
import { changeFacts } from "../../../protocols/index.ts";
import { RowStore } from "../storage/fixture.ts";
import { event, openAudit, TestClock } from "./fixture.ts";

/** RFC 6962, 2.1, word for word. */
function merkleRoot(leaves: readonly string[]): string {
  if (leaves.length === 0) return createHash("sha256").digest("hex");
  if (leaves.length === 1) return leaves[0] as string;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  const bytes = (part: readonly string[]): Buffer => Buffer.from(merkleRoot(part), "hex");
  return createHash("sha256")
    .update(Buffer.from([1]))
    .update(bytes(leaves.slice(0, split)))
    .update(bytes(leaves.slice(split)))
    .digest("hex");
}

describe("audit: a node's own log", () => {
  it("has the root of RFC 6962 for any number of entries, made from its peaks alone", () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { maxLength: 70 }), (lines) => {
        let state = chainStart;
        for (const line of lines) state = extended(state, line, 1);
        expect(rootOf(state.peaks)).to.equal(merkleRoot(lines.map(hashOfLine)));
        expect(state.peaks.length).to.equal(peaksOf(lines.length));
      }),
      { numRuns: 50 },
    );
  });

  it("numbers entries in the order they come, each with the hash of the one before, also after a restart", async () => {
    const [store, clock] = [new RowStore(), new TestClock()];
    const first = await openAudit({ store, clock });
    await Promise.all([first.write(event()), first.write(event({ by: "user/bob" }))]);
    clock.ms -= 5_000;
    await first.write(event({ by: "user/cy" }));
    await first.stop();
    const second = await openAudit({ store, clock });
    await second.write(event({ action: "signOut" }));
    const { entries } = await second.search({});
    expect(entries.map(({ seq, by, action }) => [seq, by, action])).to.deep.equal([
      [4, "user/ada", "signOut"],
      [3, "user/cy", "signIn"],
      [2, "user/bob", "signIn"],
      [1, "user/ada", "signIn"],
    ]);
    const lines = [...store.rows]
      .filter(([key]) => key.startsWith("audit/entry/"))
      .map(([, value]) => Buffer.from(value).toString());
    expect(entries.toReversed().map(({ prev }) => prev)).to.deep.equal([
      "0".repeat(64),
      ...lines.slice(0, 3).map(hashOfLine),
    ]);
    expect(entries[1]?.atMs, "time does not go back in a log").to.equal(entries[2]?.atMs);
    await second.stop();
  });

  it("begins another log where the disk has another entry than was written, and says so", async () => {
    const [store, clock] = [new RowStore(), new TestClock()];
    const audit = await openAudit({ store, clock });
    for (const by of ["user/a", "user/b", "user/c"]) await audit.write(event({ by }));
    const key = [...store.rows.keys()].find((one) => one.endsWith("2")) ?? "";
    store.rows.set(
      key,
      Buffer.from(
        Buffer.from(store.rows.get(key) ?? [])
          .toString()
          .replace("user/b", "user/x"),
      ),
    );
    const opened = await openAudit({ store, clock }, "a", 100);
    const [entry] = (await opened.search({ action: "auditForked" })).entries;
    expect([entry?.seq, entry?.outcome, entry?.facts?.["entry"]]).to.deep.equal([1, "damaged", 3]);
    expect((await opened.search({})).entries.length, "the old one can be read up to there").to.equal(3);
    await opened.stop();
  });

  it("tells the writer when the disk refuses, and goes on without a hole when it takes again", async () => {
    const [store, clock] = [new RowStore(), new TestClock()];
    const audit = await openAudit({ store, clock });
    await audit.write(event());
    const batch = store.batch.bind(store);
    let isFull = true;
    store.batch = (ops) => (isFull ? Promise.reject(new Error("ENOSPC")) : batch(ops));
    const refused = await audit.write(event({ by: "user/lost" })).then(
      () => "written",
      () => "refused",
    );
    expect(refused).to.equal("refused");
    isFull = false;
    await audit.write(event({ by: "user/bob" }));
    const { entries } = await audit.search({});
    expect(entries.map(({ seq, by }) => [seq, by])).to.deep.equal([
      [2, "user/bob"],
      [1, "user/ada"],
    ]);
    await audit.stop();
  });

  it("is searched past entries that cannot be read, however few are asked for", async () => {
    const [store, clock] = [new RowStore(), new TestClock()];
    const audit = await openAudit({ store, clock });
    for (let at = 0; at < 40; at += 1) await audit.write(event());
    const keys = [...store.rows.keys()].filter((key) => key.startsWith("audit/entry/")).toSorted();
    for (const key of keys.slice(10, 30)) store.rows.set(key, Buffer.from("spoiled"));
    const found: number[] = [];
    let before: string | undefined;
    do {
      const { entries, next } = await audit.search({ limit: 1, ...(before !== undefined && { before }) });
      found.push(...entries.map(({ seq }) => seq));
      before = next;
    } while (before !== undefined);
    const numbers = Array.from({ length: 40 }, (_, at) => 40 - at);
    expect(found).to.deep.equal(numbers.filter((seq) => seq <= 10 || seq > 30));
    await audit.stop();
  });

  it("writes so many refusals of strangers and counts the rest, which push out nothing that members did", async () => {
    const [store, clock] = [new RowStore(), new TestClock()];
    const audit = await openAudit({ store, clock, limits: { strangersBurst: 5, strangersPerMinute: 60 } });
    const refusal = event({ by: "stranger", target: "user/ada", outcome: "UNAUTHENTICATED" });
    for (let at = 0; at < 50; at += 1) await audit.write(refusal);
    await audit.write(event({ action: "setAdmin", target: "user/bob" }));
    clock.advance(60_000);
    const { entries } = await audit.search({ action: "auditMissing" });
    await audit.write(event());
    expect((await audit.search({ by: "stranger" })).entries.length).to.equal(5);
    expect([...entries, ...(await audit.search({ action: "auditMissing" })).entries][0]?.facts).to.deep.equal({
      entries: 45,
    });
    await audit.stop();
  });

  it("keeps texts from outside as text: no line is longer than it may be, and no newline is in one", () => {
    for (const text of ["\n\r\u2028", "x".repeat(5_000), "\ud800 half", "\0\u001b[31m", '","by":"user/root'])
      for (const facts of [
        { [text]: text },
        Object.fromEntries(Array.from({ length: 99 }, (_, at) => [`${at}`, text])),
      ]) {
        const at = { log: "00000000-00000000", node: text, atMs: 1, state: chainStart };
        const { line, record } = lineOf(event({ by: text, outcome: text, facts }), at);
        expect(line).not.to.match(/[\n\r]/);
        expect(Buffer.from(line).toString() === line && JSON.stringify(JSON.parse(line)) === line).to.equal(true);
        expect(line.length).to.be.lessThan(32 * 1024);
        expect(record.by).not.to.equal("user/root");
      }
  });

  it("says of a change what differs", () => {
    expect(changeFacts({ admin: false, name: "a" }, { admin: true, name: "a", label: "x" })).to.deep.equal({
      "before.admin": false,
      "after.admin": true,
      "after.label": "x",
    });
  });

  it("finds by who, what, whom, where, when and outcome, page by page", async () => {
    const [store, clock] = [new RowStore(), new TestClock()];
    const audit = await openAudit({ store, clock });
    for (let at = 0; at < 30; at += 1) {
      clock.ms += 1_000;
      const [by, outcome] = at % 3 === 0 ? ["user/ada", "done"] : ["user/bob", "FORBIDDEN"];
      await audit.write(event({ by, outcome, action: at % 2 === 0 ? "signIn" : "setRole", address: `10.0.0.${at}` }));
    }
    const seqs = async (query: Parameters<typeof audit.search>[0]) =>
      (await audit.search(query)).entries.map(({ seq }) => seq);
    expect(await seqs({ by: "user/ada", outcome: "done", action: "signIn" })).to.deep.equal([25, 19, 13, 7, 1]);
    expect(await seqs({ action: "power", outcome: "refused", limit: 2 })).to.deep.equal([30, 26]);
    expect(await seqs({ address: "10.0.0.4*" })).to.deep.equal([5]);
    expect(await seqs({ text: "10.0.0.29" })).to.deep.equal([30]);
    const start = Date.UTC(2026, 0, 1);
    expect(await seqs({ sinceMs: start + 3_000, untilMs: start + 6_000 })).to.deep.equal([5, 4, 3]);
    const paged: number[] = [];
    for (let before: string | undefined, more = true; more;) {
      const page = await audit.search({ limit: 7, ...(before !== undefined && { before }) });
      paged.push(...page.entries.map(({ seq }) => seq));
      before = page.next;
      more = before !== undefined;
    }
    expect(paged).to.deep.equal(Array.from({ length: 30 }, (_, at) => 30 - at));
    await audit.stop();
  });

  it("says how its log stands: how far it is signed, and whether that is right", async () => {
    const audit = await openAudit({ store: new RowStore(), clock: new TestClock() });
    await audit.write(event());
    await audit.seal();
    const { at, logs } = await audit.stand();
    expect(at).to.equal("a");
    expect(logs[0]).to.deep.include({ node: "a", from: 1, to: 1, witnesses: [] });
    expect(logs[0]?.head).to.deep.include({ seq: 1, verified: true });
    await audit.stop();
  });
});
