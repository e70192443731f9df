import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import type { Command } from "commander";
import { completionScript, shells, type Shell } from "../../../cli/completion.ts";
import { createProgram } from "../../../cli/program.ts";
import { roles } from "../../../protocols/index.ts";
import { collected, everyPlace } from "../../unit/cli/fixture.ts";

const context = () => ({ output: collected(), onExit: () => {} });
const isInstalled = (shell: Shell): boolean => spawnSync(shell, ["-c", "true"]).status === 0;

describe("completion, by the shells themselves", () => {
  let folder: string;
  let program: Command;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "plexus-completion-"));
    program = await createProgram("1", context());
  });
  after(() => rmSync(folder, { recursive: true }));

  /** What a shell offers for each line, of which the last word is being typed; run in one process. */
  function offered(shell: Shell, lines: readonly (readonly string[])[]): readonly string[][] {
    const quoted = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(" ");
    const ask: Record<Shell, (words: readonly string[]) => string> = {
      bash: (words) =>
        `COMP_WORDS=(${quoted(words)}); COMP_CWORD=${words.length - 1}; _plexus; echo "\${COMPREPLY[@]}"`,
      zsh: (words) => `words=(${quoted(words)}); CURRENT=${words.length}; said=(); _plexus; echo "\${said[@]}"`,
      fish: (words) => `echo (complete -C '${words.join(" ")}' | string split -f1 \\t)`,
    };
    // The completion system of zsh works inside its line editor only; the three functions it gives are all that is
    // used.
    const fixture = `compdef() { :; }; compadd() { shift; said+=("$@"); }; _files() { said+=(FILES); }
      _describe() { local row; for row in "\${(@P)2}"; do said+=("\${row%%:*}"); done; }`;
    const text = [...(shell === "zsh" ? [fixture] : []), completionScript(shell, program), ...lines.map(ask[shell])];
    const file = join(folder, `script.${shell}`);
    writeFileSync(file, text.join("\n"));
    const quiet: Record<Shell, string[]> = { bash: ["--norc"], zsh: ["-f"], fish: ["--no-config"] };
    const environment = { ...process.env, HOME: folder };
    const said = execFileSync(shell, [...quiet[shell], file], { cwd: folder, env: environment, encoding: "utf8" });
    const answers = said.split("\n").slice(0, lines.length);
    return answers.map((line) => line.split(" ").filter((word) => word !== ""));
  }

  for (const shell of shells)
    it(`offers every subcommand and flag of every command, in ${shell}`, function () {
      if (!isInstalled(shell)) this.skip();
      const places = everyPlace(program);
      const lines = places.flatMap(([path]) => [
        ["plexus", ...path, ""],
        ["plexus", ...path, "--"],
      ]);
      const answers = offered(shell, lines);
      places.forEach(([path, names], index) => {
        const both = [...new Set([...(answers[index * 2] ?? []), ...(answers[index * 2 + 1] ?? [])])];
        expect(both, path.join(" ")).to.include.members(names);
      });
      expect(places.length).to.be.above(20);
    });

  for (const shell of shells)
    it(`knows what follows a flag, and words that are no commands, in ${shell}`, function () {
      if (!isInstalled(shell)) this.skip();
      const [role, level, shellName, nodes] = offered(shell, [
        ["plexus", "up", "--role", ""],
        ["plexus", "up", "--name", "drain", "--log-level", ""],
        ["plexus", "completion", ""],
        ["plexus", "nodes", "--data", "/x", "dr"],
      ]);
      expect(role).to.include.members([...roles]);
      expect(level).to.include.members(["debug", "silent"]).and.not.include("--data");
      expect(shellName).to.include.members([...shells]);
      expect(nodes).to.include("drain").and.not.include("up");
    });
});
