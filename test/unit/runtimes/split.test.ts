import { expect } from "chai";
import { createHash } from "node:crypto";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { type ModelSpec } from "../../../runtimes/index.ts";
import { estimateModel } from "../../../runtimes/adapters.ts";
import { inspectFile, planModel } from "../../../runtimes/store/inspect.ts";
import { writeChainModel } from "../../conformance/chain-model.ts";
import { splitAsTool, writeSplit, type Split } from "../../fixtures/split-model.ts";

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

describe("a model that is split into several files", () => {
  let folder: string;
  let whole: Buffer;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "plexus-split-"));
    writeChainModel(join(folder, "whole.gguf"), { text: "fine", after: "end", contextTokens: 512 });
    whole = readFileSync(join(folder, "whole.gguf"));
  });
  after(() => rmSync(folder, { recursive: true }));

  let count = 0;
  const written = (how: Split): readonly string[] =>
    writeSplit(join(folder, `m${(count += 1)}`), splitAsTool(whole, how));
  const planOf = (paths: readonly string[]) =>
    planModel(
      paths.map((path) => ({
        path: basename(path),
        size: readFileSync(path).length,
        found: inspectFile(path, basename(path)),
      })),
    );
  const refusalOf = (paths: readonly string[]): string => {
    const plan = planOf(paths);
    return "refused" in plan ? String(plan.refused.details?.["reason"]) : "fine";
  };
  const estimateOf = (path: string | undefined) =>
    estimateModel({ name: "m", adapter: "llama", path: path ?? "" } satisfies ModelSpec);
  const reasonOf = (path: string | undefined): string => {
    const verdict = estimateOf(path);
    return verdict.type === "refused" ? verdict.reason : verdict.type;
  };

  // What the tool wrote of this very model, once with and once without tensors in the first file.
  it("has the bytes that the tool of llama.cpp writes", () => {
    expect(sha256(whole)).to.equal("bb0a643beceec3fe8f0bec1d7f65a6802b1e6fb2421638cd58f5647e767f2298");
    expect(splitAsTool(whole, { tensorsPerFile: 5 }).map(sha256)).to.deep.equal([
      "afb7c95b3553109fca4f40c6ee2066494ae72ee35f03e163133b633ce07c5030",
      "3118fc1841c208413949d6ce7e205dfa270196f363f701a0e164e512815b3eb0",
      "cfd2aaf674b608a9a20cac6ce9f91d898ed3c0b58ca2c54627c29afcfe66b8a8",
    ]);
    expect(splitAsTool(whole, { tensorsPerFile: 5, emptyFirst: true }).map(sha256)).to.deep.equal([
      "10731a5ea428403777ad7b717a2311c8d2c2aae3281e9a8d7eaa8ce7c2afbf05",
      "f5178dec7fb84b9c9a80d3842eb8e8ca191049193ea9413caa2629b8c62584ce",
      "e9ab8a99e60600386b787e299ece31e4d13f9c6cd8e3b0e9f677f754151259b5",
      "4dc3588eb40449a72cff221ad028c09c73f5e4acbabb3b43e4be9c274a415b19",
    ]);
  });

  it("is one model, whatever the order of its files, with what all of them have together", () => {
    const single = planOf([join(folder, "whole.gguf")]);
    if ("refused" in single) throw new Error(JSON.stringify(single));
    for (const emptyFirst of [false, true]) {
      const paths = written({ tensorsPerFile: 5, emptyFirst });
      const plan = planOf(paths.toReversed());
      if ("refused" in plan) throw new Error(JSON.stringify(plan));
      expect(plan.main).to.equal(basename(paths[0] ?? ""));
      expect(plan.card).to.deep.equal(single.card);
    }
  });

  it("is loaded by its first file, and counted with all of them", () => {
    const paths = written({ tensorsPerFile: 5 });
    const [split, single] = [estimateOf(paths[0]), estimateOf(join(folder, "whole.gguf"))];
    if (split.type !== "fine" || single.type !== "fine") throw new Error(JSON.stringify([split, single]));
    // Heads of their own are all that they have more.
    expect(split.plan.sizeBytes - whole.length)
      .to.be.greaterThan(0)
      .and.lessThan(2_048);
    expect(split.plan.shares).to.have.length(3);
    expect(split.plan.contextTokens).to.equal(single.plan.contextTokens);
  });

  it("is refused by name when a file is missing, is of another model, or is called otherwise", () => {
    const paths = written({ tensorsPerFile: 5 });
    const others = written({ tensorsPerFile: 4 });
    expect(refusalOf([paths[0]!, paths[2]!])).to.match(/one of 3 parts, and part 2 is not here/);
    expect(refusalOf(paths.slice(1))).to.match(/one of 3 parts, and part 1 is not here/);
    expect(refusalOf(paths.slice(0, 2))).to.match(/one of 3 parts, and the others are not here/);
    expect(refusalOf([paths[0]!, others[1]!, paths[2]!])).to.match(/must have this name/);
    const lone = join(folder, "lone.gguf");
    copyFileSync(paths[0]!, lone);
    expect(refusalOf([lone])).to.match(/must have this name: name-00001-of-00003\.gguf/);
    expect(reasonOf(paths[1])).to.match(/name the first of them, m\d+-00001-of-00003\.gguf/);
    rmSync(paths[2]!);
    expect(reasonOf(paths[0])).to.match(/one of 3 parts, and m\d+-00003-of-00003\.gguf is not here/);
    expect(refusalOf([join(folder, "whole.gguf"), lone])).to.match(/several models at once/);
  });

  it("is refused when its numbers have a type at which llama.cpp ends the process", () => {
    const paths = written({ tensorsPerFile: 5, numbers: "u32" });
    expect(refusalOf(paths)).to.match(/split\.no is of the type u32, and llama\.cpp writes and reads u16/);
    expect(reasonOf(paths[0])).to.match(/split\.no is of the type u32/);
  });

  it("is refused when the numbers of its parts cannot be", () => {
    const changed = (key: string, value: number): readonly string[] => {
      const parts = splitAsTool(whole, { tensorsPerFile: 5 });
      const [first] = parts;
      const at = first!.indexOf(key) + key.length + 4;
      if (key === "split.tensors.count") first!.writeInt32LE(value, at);
      else first!.writeUInt16LE(value, at);
      return writeSplit(join(folder, `c${(count += 1)}`), parts);
    };
    expect(refusalOf(changed("split.no", 3))).to.match(/part 4 of 3/);
    expect(refusalOf(changed("split.no", 1))).to.match(/part 2 of 3, and must have this name/);
    expect(refusalOf(changed("split.count", 1))).to.match(/several models at once/);
    expect(refusalOf(changed("split.count", 65_535))).to.match(/not part of the same model|must have this name/);
    expect(refusalOf(changed("split.tensors.count", 13))).to.match(/not part of the same model/);
    expect(refusalOf(changed("split.tensors.count", -1))).to.match(/parts have -1 tensors/);
    const parts = splitAsTool(whole, { tensorsPerFile: 5 });
    for (const part of parts) part.writeInt32LE(13, part.indexOf("split.tensors.count") + 23);
    expect(refusalOf(writeSplit(join(folder, "more"), parts))).to.match(/have 12 tensors together, and it says 13/);
    writeFileSync(join(folder, "not.gguf"), "no model");
    expect(refusalOf([...written({ tensorsPerFile: 5 }), join(folder, "not.gguf")])).to.match(/not a GGUF file/);
  });
});
