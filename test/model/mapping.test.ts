/** docs/develop/protocol-model.md says which function is which step of the model; what it names must exist. */
import { expect } from "chai";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { baselines, mutations } from "./configurations.ts";

const root = join(import.meta.dirname, "../..");
const page = readFileSync(join(root, "docs/develop/protocol-model.md"), "utf8");

interface Named {
  readonly file: string;
  readonly name: string;
}

/** Rows whose third cell is a source file and whose fourth names functions in it. */
const named: readonly Named[] = page.split("\n").flatMap((line) => {
  const cells = line.split("|").map((cell) => cell.trim());
  const file = /^`(node\/[\w/.-]+\.ts)`$/.exec(cells[3] ?? "")?.[1];
  if (file === undefined) return [];
  return [...(cells[4] ?? "").matchAll(/`(#?\w+)`/g)].map(([, name = ""]) => ({ file, name }));
});

/** Whether a source declares a function, method or getter of this name. */
function declares(source: string, name: string): boolean {
  const escaped = name.replace("#", "\\#");
  const asFunction = new RegExp(`^\\s*(?:export )?(?:async )?function ${escaped}\\b`, "m");
  const asMethod = new RegExp(`^\\s+(?:async |get |readonly )*${escaped}\\((?:.*[{(,])?$`, "m");
  const asValue = new RegExp(`^\\s*(?:export )?(?:const|readonly) ${escaped}\\b`, "m");
  return [asFunction, asMethod, asValue].some((pattern) => pattern.test(source));
}

describe("The page on the protocol's model", () => {
  it("names at least one function for each part of the protocol", () => {
    const files = new Set(named.map(({ file }) => file));
    expect(named.length).to.be.greaterThan(30);
    for (const part of ["rules", "ownership", "follower", "replica", "acquire", "confirmations", "transfer"])
      expect([...files]).to.include(`node/replication/${part}.ts`);
  });

  for (const { file, name } of named)
    it(`finds ${name} in ${file}`, () => {
      expect(existsSync(join(root, file)), file).to.equal(true);
      expect(declares(readFileSync(join(root, file), "utf8"), name), `${file} has no ${name}`).to.equal(true);
    });

  it("has a figure for every configuration", () => {
    const figures = readFileSync(join(root, "docs/develop/protocol-model-figures.md"), "utf8");
    const rows = figures.split("\n").map((line) => line.split("|")[1]?.trim());
    for (const { name } of [...baselines, ...mutations]) expect(rows).to.include(name);
  });
});
