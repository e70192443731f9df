/** The phase check has no compiler of its own: its linter says what is wrong with types. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { lint, root } from "../runner/phases.ts";

describe("the linter", () => {
  it("refuses what the compiler refuses, with the settings of the folder that a file is in", () => {
    const folder = mkdtempSync(join(tmpdir(), "plexus-types-"));
    try {
      const settings = { extends: join(root, "tsconfig.json"), compilerOptions: { types: [] }, include: ["."] };
      writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(settings));
      writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
      writeFileSync(
        join(folder, "wrong.ts"),
        `export const word: string = 5;
export const absent: { a?: string } = { a: undefined };
export const first = (list: readonly number[]): number => list[0];
export enum Kind { one }
import { nothing } from "./right.ts";
export const fine = nothing;
`,
      );
      writeFileSync(join(folder, "right.ts"), `export const page = (): unknown => document;\n`);
      const [program, ...words] = lint;
      const { status, stdout } = spawnSync(program!, words, { cwd: folder, encoding: "utf8" });
      const found = [...stdout.matchAll(/typescript\((TS\d+)\)/gu)].map(([, code]) => code);
      expect(found, stdout).to.have.members(["TS2322", "TS2375", "TS2322", "TS1294", "TS2305", "TS2584"]);
      expect(status).to.equal(1);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
