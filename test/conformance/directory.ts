import { expect } from "chai";
import fc from "fast-check";
import type { Directory, DirectoryRow, DirectoryWatcher } from "../../node/ports/index.ts";
import { failureOf } from "../../protocols/index.ts";

/** One implementation of the Directory port. */
export interface DirectoryCase {
  /** That many clients of one empty directory. */
  open(clients: number): Promise<readonly Directory[]>;
  /** Makes the last client's watches miss what `meanwhile` changes through the first client. */
  readonly gap: (meanwhile: () => Promise<void>) => Promise<void>;
  /** Frees what the case used. */
  end(): Promise<void>;
}

type Told =
  | { readonly type: "reset"; readonly rows: readonly DirectoryRow[] }
  | { readonly type: "changed"; readonly row: DirectoryRow }
  | { readonly type: "removed"; readonly key: string; readonly revision: number }
  | { readonly type: "stale" };

/** Keeps what a watcher is told, and what a reader of it would believe. */
export class Watching implements DirectoryWatcher {
  readonly told: Told[] = [];
  readonly rows = new Map<string, DirectoryRow>();
  current = false;
  #waiting: { readonly met: () => boolean; readonly resolve: () => void }[] = [];

  reset(rows: readonly DirectoryRow[]): void {
    this.rows.clear();
    for (const row of rows) this.rows.set(row.key, row);
    this.current = true;
    this.#keep({ type: "reset", rows });
  }
  changed(row: DirectoryRow): void {
    this.rows.set(row.key, row);
    this.#keep({ type: "changed", row });
  }
  removed(key: string, revision: number): void {
    this.rows.delete(key);
    this.#keep({ type: "removed", key, revision });
  }
  stale(): void {
    this.current = false;
    this.#keep({ type: "stale" });
  }

  /** Resolves as soon as it is so. */
  until(met: () => boolean): Promise<void> {
    if (met()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ met, resolve }));
  }

  /** What happened after the first reset, one line each. */
  history(): readonly string[] {
    return this.told.flatMap((told) =>
      told.type === "changed" ? [line(told.row)] : told.type === "removed" ? [`${told.revision} ${told.key} gone`] : [],
    );
  }

  #keep(told: Told): void {
    this.told.push(told);
    const met = this.#waiting.filter((one) => one.met());
    this.#waiting = this.#waiting.filter((one) => !met.includes(one));
    for (const { resolve } of met) resolve();
  }
}

export const line = ({ key, revision, value }: DirectoryRow): string => `${revision} ${key} ${JSON.stringify(value)}`;

/** The code of what an operation fails with. */
export const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "nothing",
    (error: unknown) => failureOf(error).code,
  );

const revisionOf = (row: DirectoryRow | undefined): number => row?.revision ?? 0;

/** What every Directory does, wherever it is kept. */
export function directoryConformance(name: string, make: () => DirectoryCase): void {
  describe(`the directory: ${name}`, () => {
    let made: DirectoryCase;
    let clients: readonly Directory[];
    let stops: (() => void)[] = [];
    const client = (index: number): Directory => clients[index] as Directory;

    const open = async (count: number): Promise<void> => {
      made = make();
      clients = await made.open(count);
    };
    const watch = async (directory: Directory, prefix = ""): Promise<Watching> => {
      const watching = new Watching();
      stops.push(directory.watch(prefix, watching));
      await watching.until(() => watching.current);
      return watching;
    };
    const set = async (directory: Directory, key: string, value: unknown): Promise<DirectoryRow> => {
      const before = await directory.read(key);
      const { applied, row } = await directory.compareAndSet(key, value, revisionOf(before));
      expect(applied).to.equal(true);
      return row as DirectoryRow;
    };

    afterEach(async () => {
      for (const stop of stops) stop();
      stops = [];
      await made.end();
    });

    it("holds nothing at first", async () => {
      await open(1);
      expect(await client(0).read("cluster")).to.equal(undefined);
      expect(await client(0).list("slot/")).to.deep.equal([]);
    });

    it("creates a row at revision 0, and shows it to every client", async () => {
      await open(2);
      const value = { owner: "a", inSync: ["a", "b"], epoch: 7, none: null, deep: { yes: true } };
      const { applied, row } = await client(1).compareAndSet("slot/chat/1", value, 0);
      expect(applied).to.equal(true);
      expect(row?.revision).to.be.greaterThan(0);
      for (const each of clients) expect(await each.read("slot/chat/1")).to.deep.equal({ ...row, value });
    });

    it("refuses a change of another revision, and tells the row as it is", async () => {
      await open(2);
      const first = await set(client(0), "policy", 1);
      const second = await set(client(1), "policy", 2);
      expect(second.revision).to.be.greaterThan(first.revision);
      for (const old of [0, first.revision, second.revision + 1]) {
        const answer = await client(0).compareAndSet("policy", 3, old);
        expect(answer).to.deep.equal({ applied: false, row: second });
      }
      expect(await client(0).compareAndSet("absent", 3, first.revision)).to.deep.equal({
        applied: false,
        row: undefined,
      });
    });

    it("deletes by compare-and-set; what was seen before a row was made anew changes nothing", async () => {
      await open(2);
      const first = await set(client(0), "slot/chat/1", "first life");
      expect(await client(1).compareAndSet("slot/chat/1", undefined, first.revision)).to.deep.equal({
        applied: true,
        row: undefined,
      });
      expect(await client(0).read("slot/chat/1")).to.equal(undefined);
      expect((await client(0).compareAndSet("slot/chat/1", "late", first.revision)).applied).to.equal(false);
      const second = await set(client(0), "slot/chat/1", "second life");
      expect(second.revision).to.be.greaterThan(first.revision);
      const late = await client(1).compareAndSet("slot/chat/1", "late", first.revision);
      expect(late).to.deep.equal({ applied: false, row: second });
    });

    it("deletes what is absent without a change", async () => {
      await open(1);
      const watching = await watch(client(0));
      expect(await client(0).compareAndSet("absent", undefined, 0)).to.deep.equal({ applied: true, row: undefined });
      const row = await set(client(0), "policy", 1);
      await watching.until(() => watching.rows.has("policy"));
      expect(watching.history()).to.deep.equal([line(row)]);
    });

    it("heeds the guard: another row's revision, or its absence", async () => {
      await open(1);
      const [directory] = clients as [Directory];
      const guard = await set(directory, "slot/chat/1", "guard");
      const change = (key: string, at: number) =>
        directory.compareAndSet("room/lobby", "pinned", 0, { key, revision: at });
      expect((await change("slot/chat/1", 0)).applied).to.equal(false);
      expect((await change("slot/chat/1", guard.revision + 1)).applied).to.equal(false);
      expect((await change("slot/chat/2", guard.revision)).applied).to.equal(false);
      expect(await directory.read("room/lobby")).to.equal(undefined);
      const { applied, row } = await change("slot/chat/1", guard.revision);
      expect(applied).to.equal(true);
      const again = await directory.compareAndSet("room/lobby", "again", revisionOf(row), {
        key: "slot/chat/2",
        revision: 0,
      });
      expect(again.applied).to.equal(true);
    });

    it("lists what begins with a prefix, in key order", async () => {
      await open(1);
      for (const key of ["slot/chat/2", "slot", "slot/chat/10", "member/a", "slot0", "slot/"])
        await set(client(0), key, key);
      const keys = async (prefix: string) => (await client(0).list(prefix)).map(({ key }) => key);
      expect(await keys("slot/")).to.deep.equal(["slot/", "slot/chat/10", "slot/chat/2"]);
      expect(await keys("")).to.deep.equal(["member/a", "slot", "slot/", "slot/chat/10", "slot/chat/2", "slot0"]);
      expect(await keys("nothing")).to.deep.equal([]);
    });

    it("lists and resets in full what is larger than a message", async () => {
      await open(2);
      const text = "x".repeat(100_000);
      const keys = Array.from({ length: 25 }, (_, index) => `slot/chat/${100 + index}`);
      await Promise.all(keys.map((key) => client(0).compareAndSet(key, { key, text }, 0)));
      expect((await client(1).list("slot/")).map(({ key }) => key)).to.deep.equal(keys);
      const watching = await watch(client(1), "slot/");
      expect([...watching.rows.keys()]).to.deep.equal(keys);
      expect(watching.rows.get("slot/chat/124")?.value).to.deep.equal({ key: "slot/chat/124", text });
    });

    it("refuses keys and values that it could not keep", async () => {
      const deep = Array.from({ length: 600 }).reduce<unknown>((inner) => [inner], 1);
      const unreadable: readonly (readonly [what: string, value: unknown])[] = [
        ["a date", { at: new Date(0) }],
        ["a symbol", [Symbol("s")]],
        ["a function", () => 1],
        ["a large number", 2n ** 70n],
        ["what is nested deep", deep],
      ];
      await open(2);
      const large = "x".repeat(300_000);
      for (const directory of clients) {
        expect(await codeOf(directory.compareAndSet("a b", 1, 0))).to.equal("BAD_REQUEST");
        expect(await codeOf(directory.compareAndSet("", 1, 0))).to.equal("BAD_REQUEST");
        expect(await codeOf(directory.read("a b"))).to.equal("BAD_REQUEST");
        expect(await codeOf(directory.compareAndSet("policy", large, 0))).to.equal("TOO_LARGE");
        // Whoever was to read it again would fail.
        for (const [what, value] of unreadable)
          expect(await codeOf(directory.compareAndSet("policy", value, 0)), what).to.equal("BAD_REQUEST");
      }
      expect(await client(0).list("")).to.deep.equal([]);
    });

    it("does not share a value with whoever wrote it", async () => {
      await open(1);
      const value = { inSync: ["a"] };
      await client(0).compareAndSet("slot/chat/1", value, 0);
      value.inSync.push("b");
      expect((await client(0).read("slot/chat/1"))?.value).to.deep.equal({ inSync: ["a"] });
    });

    it("lets exactly one of many concurrent changes through", async () => {
      await open(3);
      for (let round = 0; round < 5; round += 1) {
        const at = revisionOf(await client(0).read("policy"));
        const answers = await Promise.all(
          Array.from({ length: 30 }, (_, index) => client(index % 3).compareAndSet("policy", { round, index }, at)),
        );
        const winners = answers.filter(({ applied }) => applied);
        expect(winners).to.have.length(1);
        expect(await client(1).read("policy")).to.deep.equal(winners[0]?.row);
      }
    });

    it("tells a watcher what there is, then every change under its prefix in order", async () => {
      await open(2);
      const before = await set(client(0), "slot/chat/1", "before");
      await set(client(0), "member/a", "another prefix");
      const watching = await watch(client(1), "slot/");
      expect(watching.told).to.deep.equal([{ type: "reset", rows: [before] }]);
      const changed = await set(client(1), "slot/chat/1", "changed");
      await set(client(0), "member/a", "again");
      const added = await set(client(0), "slot/chat/2", "added");
      await client(0).compareAndSet("slot/chat/1", undefined, changed.revision);
      const last = await set(client(0), "slot/chat/3", "last");
      await watching.until(() => watching.rows.has("slot/chat/3"));
      const [, , , removed] = watching.told;
      expect(watching.told.slice(1)).to.deep.equal([
        { type: "changed", row: changed },
        { type: "changed", row: added },
        removed,
        { type: "changed", row: last },
      ]);
      expect(removed).to.include({ type: "removed", key: "slot/chat/1" });
      expect((removed as { revision: number }).revision)
        .to.be.greaterThan(added.revision)
        .and.lessThan(last.revision);
    });

    it("tells nothing to a watcher that has ended", async () => {
      await open(2);
      const ended = new Watching();
      const stop = client(1).watch("", ended);
      await ended.until(() => ended.current);
      const other = await watch(client(1));
      stop();
      await set(client(0), "policy", 1);
      await other.until(() => other.rows.has("policy"));
      expect(ended.told).to.have.length(1);
      const never = new Watching();
      client(1).watch("", never)();
      await set(client(0), "policy", 2);
      await other.until(() => other.told.length === 3);
      expect(never.told).to.deep.equal([]);
    });

    it("is told what was missed by a reset, after it was told to doubt", async () => {
      await open(2);
      const kept = await set(client(0), "slot/chat/1", "kept");
      const gone = await set(client(0), "slot/chat/2", "gone");
      const watching = await watch(client(1), "slot/");
      let row: DirectoryRow | undefined;
      await made.gap(async () => {
        await client(0).compareAndSet("slot/chat/2", undefined, gone.revision);
        row = await set(client(0), "slot/chat/3", "new");
      });
      await watching.until(() => watching.told.length > 2 && watching.current);
      const types = watching.told.map(({ type }) => type);
      expect(types.indexOf("stale"), types.join()).to.be.greaterThan(0);
      expect(types.lastIndexOf("reset")).to.be.greaterThan(types.indexOf("stale"));
      await watching.until(() => watching.current && watching.rows.has("slot/chat/3"));
      expect([...watching.rows.values()]).to.deep.equal([kept, row]);
      const after = await set(client(0), "slot/chat/1", "after");
      await watching.until(() => revisionOf(watching.rows.get("slot/chat/1")) === after.revision);
    });

    it("does, under concurrent clients, what one client after the other could have done", async function () {
      await open(3);
      let round = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(plannedChange, { maxLength: 12 }), { minLength: 3, maxLength: 3 }),
          (plans) => {
            round += 1;
            return checkAgainstModel(clients, `m${round}/`, plans, watch);
          },
        ),
        { numRuns: 30 },
      );
    });
  });
}

interface PlannedChange {
  readonly key: number;
  readonly deletes: boolean;
  /** How many changes of its own key it pretends not to have seen. */
  readonly behind: number;
  readonly guard: number | undefined;
}

const plannedChange: fc.Arbitrary<PlannedChange> = fc.record({
  key: fc.integer({ min: 0, max: 2 }),
  deletes: fc.boolean(),
  behind: fc.integer({ min: 0, max: 1 }),
  guard: fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined }),
});

/** Runs one plan per client at once; then replays the changes in the order of revisions, and asks of every answer
 *  whether it is right at its place. */
async function checkAgainstModel(
  clients: readonly Directory[],
  prefix: string,
  plans: readonly (readonly PlannedChange[])[],
  watch: (directory: Directory, prefix: string) => Promise<Watching>,
): Promise<void> {
  const watchings = await Promise.all(clients.map((directory) => watch(directory, prefix)));
  const done: {
    readonly key: string;
    readonly value: unknown;
    readonly revision: number;
    readonly guard: { readonly key: string; readonly revision: number } | undefined;
    readonly applied: boolean;
    readonly row: DirectoryRow | undefined;
  }[] = [];
  const perform = async (directory: Directory, plan: readonly PlannedChange[], name: number): Promise<void> => {
    const seen = new Map<string, number[]>();
    const known = (key: string, behind: number): number => seen.get(key)?.at(-1 - behind) ?? 0;
    for (const [index, { key: number, deletes, behind, guard: guardNumber }] of plan.entries()) {
      const key = `${prefix}${number}`;
      const value = deletes ? undefined : { by: name, index };
      const revision = known(key, behind);
      const guardKey = guardNumber === undefined ? undefined : `${prefix}${guardNumber}`;
      const guard = guardKey === undefined ? undefined : { key: guardKey, revision: known(guardKey, 0) };
      const { applied, row } = await directory.compareAndSet(key, value, revision, guard);
      seen.set(key, [...(seen.get(key) ?? []), revisionOf(row)]);
      done.push({ key, value, revision, guard, applied, row });
    }
  };
  await Promise.all(clients.map((directory, index) => perform(directory, plans[index] ?? [], index)));

  const finalRows = await (clients[0] as Directory).list(prefix);
  const end = await (clients[0] as Directory).compareAndSet(`${prefix}end`, "end", 0);
  expect(end.applied).to.equal(true);
  for (const watching of watchings) await watching.until(() => watching.rows.has(`${prefix}end`));

  const [watching] = watchings as [Watching];
  for (const other of watchings) expect(other.history()).to.deep.equal(watching.history());

  // The history as the watchers saw it: each change was allowed by what was there before it.
  const rows = new Map<string, DirectoryRow>();
  const lives = new Map<string, (DirectoryRow | undefined)[]>();
  const writes = new Map(
    done.filter(({ applied, value }) => applied && value !== undefined).map((one) => [revisionOf(one.row), one]),
  );
  const deletions = done.filter(({ applied, value, revision }) => applied && value === undefined && revision !== 0);
  let last = 0;
  let changes = 0;
  for (const told of watching.told) {
    if (told.type !== "changed" && told.type !== "removed") continue;
    const key = told.type === "changed" ? told.row.key : told.key;
    const revision = told.type === "changed" ? told.row.revision : told.revision;
    expect(revision).to.be.greaterThan(last);
    last = revision;
    if (key === `${prefix}end`) continue;
    changes += 1;
    const by =
      told.type === "changed"
        ? writes.get(revision)
        : deletions.find((one) => one.key === key && one.revision === revisionOf(rows.get(key)));
    expect(by?.key, `nobody asked for ${revision}`).to.equal(key);
    expect(by?.revision).to.equal(revisionOf(rows.get(key)));
    if (by?.guard !== undefined) expect(by.guard.revision).to.equal(revisionOf(rows.get(by.guard.key)));
    if (told.type === "changed") {
      expect(told.row).to.deep.equal(by?.row);
      rows.set(key, told.row);
    } else {
      rows.delete(key);
    }
    lives.set(key, [...(lives.get(key) ?? []), rows.get(key)]);
  }
  expect(changes).to.equal(writes.size + deletions.length);
  expect([...rows.values()].sort((one, other) => (one.key < other.key ? -1 : 1))).to.deep.equal(finalRows);

  // A refusal tells a row that was there at some time, and that did not allow the change.
  for (const { key, applied, row, revision, guard } of done) {
    if (applied) continue;
    if (guard === undefined) expect(revisionOf(row)).to.not.equal(revision);
    if (row !== undefined) expect(lives.get(key)).to.deep.include(row);
  }
}
