import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { openCommands } from "../fixtures/processes/commands.ts";

describe("the command line", () => {
  let commands: ReturnType<typeof openCommands>;
  before(() => void (commands = openCommands()));
  after(() => commands.close());

  it("starts, prints its version and its help, and says how a command is used", async () => {
    const version = await commands.run(["--version"]);
    expect([version.code, version.err]).to.deep.equal([0, ""]);
    expect(version.out).to.match(/^\d+\.\d+\.\d+/);
    const help = await commands.run(["--help"]);
    expect([help.code, help.err]).to.deep.equal([0, ""]);
    for (const name of ["up", "chat", "nodes", "status", "completion"])
      expect(help.out).to.match(new RegExp(`^ +${name}\\b`, "m"));
    const one = await commands.run(["up", "--help"]);
    expect([one.code, one.err]).to.deep.equal([0, ""]);
    expect(one.out).to.include("--data").and.to.include("--port");
  });

  it("refuses words that it does not know", async () => {
    const refused = await commands.run(["no-such-command"]);
    expect(refused.code).to.not.equal(0);
    expect(refused.out).to.equal("");
    expect(refused.err).to.include("no-such-command");
  });

  it("prints a completion that the shell takes", async function () {
    if (spawnSync("bash", ["-c", "true"]).status !== 0) this.skip();
    const { code, out, err } = await commands.run(["completion", "bash"]);
    expect([code, err]).to.deep.equal([0, ""]);
    const file = join(commands.folder, "script.bash");
    writeFileSync(file, `${out}\nCOMP_WORDS=(plexus nodes dr); COMP_CWORD=2; _plexus; echo "\${COMPREPLY[@]}"\n`);
    const said = await commands.run(["--norc", file], "", "bash");
    expect(said).to.deep.include({ code: 0, err: "" });
    expect(said.out.split(/\s+/)).to.include("drain");
  });
});
