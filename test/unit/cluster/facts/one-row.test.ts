import { expect } from "chai";
import { createEmbeddedDirectory } from "../../../../node/cluster/directory/index.ts";
import { changeRow, watchRow } from "../../../../node/cluster/facts/one-row.ts";
import type { Directory } from "../../../../node/ports/index.ts";
import { failure, ok, refused } from "../../../../protocols/index.ts";
import { MemoryStore } from "../../../conformance/directory-store.ts";

const key = "names";

/** A directory that somebody else writes between each look and the change that follows it, so often. */
function contested(times: number) {
  const directory = createEmbeddedDirectory({ store: new MemoryStore() });
  let left = times;
  let looks = 0;
  return {
    directory,
    looks: () => looks,
    rows: {
      async read(of) {
        const row = await directory.read(of);
        looks += 1;
        if (left > 0) {
          left -= 1;
          await directory.compareAndSet(
            of,
            [...((row?.value as string[] | undefined) ?? []), `other ${left}`],
            row?.revision ?? 0,
          );
        }
        return row;
      },
      compareAndSet: (...change) => directory.compareAndSet(...change),
    } satisfies Pick<Directory, "read" | "compareAndSet">,
  };
}

const withName = {
  make: (row?: { readonly value: unknown }) => ok([...((row?.value as string[] | undefined) ?? []), "own"]),
};

describe("one row of the directory", () => {
  it("is changed as others have left it", async () => {
    const { rows, directory } = contested(2);
    const changed = await changeRow(rows, key, withName);
    expect(changed).to.deep.equal(ok(["other 1", "other 0", "own"]));
    expect((await directory.read(key))?.value).to.deep.equal(["other 1", "other 0", "own"]);
  });

  it("is given up when others keep writing it, under the name that may be said", async () => {
    const { rows, looks } = contested(Infinity);
    const changed = await changeRow(rows, key, { ...withName, name: "people", attemptsMax: 3 });
    expect([changed, looks()]).to.deep.equal([refused(failure("OVERLOADED", { row: "people" })), 3]);
  });

  it("is left alone by a refusal, and where it says it already", async () => {
    const { rows, directory } = contested(0);
    await directory.compareAndSet(key, { b: 1, a: 2 }, 0);
    const before = await directory.read(key);
    expect(await changeRow(rows, key, { make: () => ok({ a: 2, b: 1 }) })).to.deep.equal(ok({ a: 2, b: 1 }));
    const refusal = refused(failure("NOT_FOUND"));
    expect(await changeRow(rows, key, { make: () => refusal })).to.equal(refusal);
    expect(await directory.read(key)).to.deep.equal(before);
    expect(await changeRow(rows, "none", { make: () => ok(undefined) })).to.deep.equal(ok(undefined));
  });

  it("is heard of alone, not with rows whose keys begin with its own", async () => {
    const { directory } = contested(0);
    await directory.compareAndSet(`${key}/one`, "another", 0);
    const heard: unknown[] = [];
    const stop = watchRow(directory, key, (row) => heard.push(row?.value));
    const { row } = await directory.compareAndSet(key, "own", 0);
    await directory.compareAndSet(`${key}/one`, undefined, (await directory.read(`${key}/one`))?.revision ?? 0);
    await directory.compareAndSet(`${key}/two`, "another", 0);
    await directory.compareAndSet(key, undefined, row?.revision ?? 0);
    stop();
    await directory.compareAndSet(key, "later", 0);
    expect(heard).to.deep.equal([undefined, "own", undefined]);
  });
});
