import { expect } from "chai";
import {
  controlBlindMs,
  controlTokensMax,
  watchControlTokens,
  type ControlToken,
} from "../../../../node/cluster/facts/control-tokens.ts";
import type { Directory, DirectoryRow } from "../../../../node/ports/index.ts";

/** A directory of one map, whose watch a test cuts. */
function createRows() {
  const rows = new Map<string, DirectoryRow>();
  let revision = 0;
  const watchers = new Set<Parameters<Directory["watch"]>[1]>();
  const directory = {
    read: async (key: string) => rows.get(key),
    list: async (prefix: string) => [...rows.values()].filter(({ key }) => key.startsWith(prefix)),
    async compareAndSet(key: string, value: unknown, expected: number) {
      if ((rows.get(key)?.revision ?? 0) !== expected) return { applied: false, row: rows.get(key) };
      revision += 1;
      const row = value === undefined ? undefined : { key, value, revision };
      if (row === undefined) rows.delete(key);
      else rows.set(key, row);
      for (const one of watchers) {
        if (row === undefined) one.removed(key, revision);
        else one.changed(row);
      }
      return { applied: true, row };
    },
    watch(_prefix: string, watcher: Parameters<Directory["watch"]>[1]) {
      watchers.add(watcher);
      watcher.reset([...rows.values()]);
      return () => watchers.delete(watcher);
    },
  } as unknown as Directory;
  return {
    directory,
    rows,
    stale: () => watchers.forEach((one) => one.stale()),
    reset: () => watchers.forEach((one) => one.reset([...rows.values()])),
  };
}

const token = (name: string, more: Partial<ControlToken> = {}): ControlToken => ({
  name,
  scopes: ["read"],
  tokenHash: name.padEnd(64, "0").replaceAll(/[^0-9a-f]/g, "a"),
  createdAtMs: 1,
  by: "operator",
  ...more,
});

describe("control tokens in the directory", () => {
  let nowMs = 1_000;
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  const codeOf = (result: { ok: boolean; error?: { code: string } }) => (result.ok ? "ok" : result.error?.code);

  it("are known and forgotten at every node at once; a use that is noted late brings none back", async () => {
    const { directory, rows } = createRows();
    const [one, other] = [watchControlTokens(directory, clock), watchControlTokens(directory, clock)];
    const made = token("ops");
    const by = { tokenHash: made.tokenHash as string };
    expect(codeOf(await one.make(made))).to.equal("ok");
    expect(codeOf(other.find(by))).to.equal("ok");
    expect(codeOf(await one.make(made))).to.equal("NAME_TAKEN");
    other.used("ops");
    expect(codeOf(await one.remove("ops"))).to.be.oneOf(["ok", "OVERLOADED"]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(rows.size).to.equal(0);
    expect(codeOf(other.find(by))).to.equal("UNAUTHENTICATED");
    expect(codeOf(await one.remove("ops"))).to.equal("NOT_FOUND");
  });

  it("hold no longer than a minute where nobody would hear of their revocation", async () => {
    const { directory, stale, reset } = createRows();
    const tokens = watchControlTokens(directory, clock);
    const made = token("ops");
    const by = { tokenHash: made.tokenHash as string };
    await tokens.make(made);
    stale();
    nowMs += controlBlindMs;
    expect(codeOf(tokens.find(by))).to.equal("ok");
    nowMs += 1;
    expect(codeOf(tokens.find(by))).to.equal("DIRECTORY_AWAY");
    reset();
    expect(codeOf(tokens.find(by))).to.equal("ok");
  });

  it("end, make room, and are bounded; a subject stands for one, and no secret for a subject", async () => {
    const { directory } = createRows();
    const tokens = watchControlTokens(directory, clock);
    for (let at = 0; at < controlTokensMax; at += 1) await tokens.make(token(`t${at}`, { expiresAtMs: nowMs + 10 }));
    expect(codeOf(await tokens.make(token("more")))).to.equal("LIMIT_REACHED");
    nowMs += 11;
    expect(tokens.current()).to.deep.equal([]);
    const { tokenHash, ...known } = token("deploy", { subject: "CN=deploy" });
    expect(tokenHash).to.be.a("string");
    expect(codeOf(await tokens.make(known))).to.equal("ok");
    expect(codeOf(await tokens.make({ ...known, name: "again" }))).to.equal("NAME_TAKEN");
    expect(codeOf(tokens.find({ subject: "CN=deploy" }))).to.equal("ok");
    expect(codeOf(tokens.find({ subject: "CN=other" }))).to.equal("UNAUTHENTICATED");
    await tokens.make(token("both", { subject: "CN=both" }));
    expect(codeOf(tokens.find({ subject: "CN=both" })), "it is known by its secret").to.equal("UNAUTHENTICATED");
  });
});
