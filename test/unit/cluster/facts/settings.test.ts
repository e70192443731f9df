import { expect } from "chai";
import fc from "fast-check";
import { settingsLimits } from "../../../../node/cluster/facts/limits.ts";
import {
  changedRow,
  plainValues,
  valuesAfter,
  watchSettings,
  type SettingsRow,
} from "../../../../node/cluster/facts/settings.ts";
import { ok } from "../../../../protocols/index.ts";
import type { Directory } from "../../../../node/ports/index.ts";

const by = { by: "ada", nowMs: 1 };
const empty: SettingsRow = { revision: 0, values: {}, history: [] };
const after = (row: SettingsRow, values: Readonly<Record<string, unknown>>): SettingsRow => {
  const next = changedRow(row, values, by);
  if (!next.ok) throw new Error(next.error.code);
  return next.value;
};

/** Rows in memory, told at once. */
function memoryDirectory(): Pick<Directory, "read" | "compareAndSet" | "watch"> {
  const rows = new Map<string, { readonly key: string; readonly value: unknown; readonly revision: number }>();
  let last = 0;
  const watching = new Set<Parameters<Directory["watch"]>[1]>();
  return {
    read: async (key) => rows.get(key),
    async compareAndSet(key, value, revision) {
      const before = rows.get(key);
      if ((before?.revision ?? 0) !== revision) return { applied: false, row: before };
      const row = { key, value, revision: (last += 1) };
      rows.set(key, row);
      for (const one of watching) one.changed(row);
      return { applied: true, row };
    },
    watch(_prefix, watcher) {
      watching.add(watcher);
      watcher.reset([...rows.values()]);
      return () => watching.delete(watcher);
    },
  };
}

describe("the row of what admins have set", () => {
  it("goes back to what it was after any change that it remembers", () => {
    const values = fc.dictionary(fc.constantFrom("a", "b", "c"), fc.integer({ max: 3, min: 0 }));
    fc.assert(
      fc.property(fc.array(values, { maxLength: 12 }), (steps) => {
        let row = empty;
        const seen: Readonly<Record<string, unknown>>[] = [{}];
        for (const step of steps) {
          const next = changedRow(row, step, by);
          if (!next.ok) continue;
          row = next.value;
          seen.push(step);
        }
        for (const [revision, known] of seen.entries())
          expect(valuesAfter(row, revision)).to.deep.equal({ ok: true, value: known });
        expect(valuesAfter(row, row.revision + 1).ok).to.equal(false);
      }),
    );
  });

  it("keeps who set what, and forgets the oldest changes", () => {
    let row = after(empty, { a: 0, b: 1 });
    for (let value = 1; value <= settingsLimits.settingsHistoryMax + 10; value += 1)
      row = after(row, { a: value, b: 1 });
    expect(row.history.length).to.equal(settingsLimits.settingsHistoryMax);
    expect(row.revision).to.equal(settingsLimits.settingsHistoryMax + 11);
    expect(valuesAfter(row, 1)).to.have.nested.property("error.code", "NOT_FOUND");
    const large = changedRow(row, { a: "x".repeat(settingsLimits.settingsRowBytesMax * 0.47) }, by);
    expect(large.ok && large.value.history.length).to.be.lessThan(settingsLimits.settingsHistoryMax);
    expect(changedRow(row, { a: "x".repeat(settingsLimits.settingsRowBytesMax) }, by)).to.have.nested.property(
      "error.code",
      "TOO_LARGE",
    );
  });

  it("is never overwritten by somebody who has not seen it", async () => {
    const directory = memoryDirectory();
    const settings = watchSettings(directory);
    const set = (revision: number, who: string, values: Readonly<Record<string, unknown>>) =>
      settings.change({ revision, by: who, nowMs: 5 }, (row) => ok({ ...plainValues(row), ...values }));
    const both = await Promise.all([set(0, "ada", { a: 1 }), set(0, "bob", { b: 1 })]);
    expect(both.filter((one) => one.ok)).to.have.length(1);
    const refusal = both.find((one) => !one.ok);
    expect(refusal?.ok === false && refusal.error).to.deep.include({ code: "CONFIG_CHANGED" });
    expect(refusal?.ok === false && refusal.error.details).to.deep.include({ revision: 1, atMs: 5 });
    expect(await set(1, "bob", { b: 1 })).to.have.property("ok", true);
    expect(await set(1, "bob", { b: 1 }), "sent again, because its answer was lost").to.have.property("ok", true);
    expect(plainValues(settings.row())).to.deep.equal(both[0]?.ok === true ? { a: 1, b: 1 } : { b: 1 });
    expect(await set(2, "bob", { b: 1 })).to.have.nested.property("error.code", "ALREADY_DONE");
    settings.stop();
  });
});
