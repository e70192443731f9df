import { expect } from "chai";
import { completionScript, shells } from "../../../cli/completion.ts";
import { createProgram } from "../../../cli/program.ts";
import { collected, everyPlace } from "./fixture.ts";

const context = () => ({ output: collected(), onExit: () => {} });

describe("completion in a shell", () => {
  it("knows every subcommand and flag of every command", async () => {
    const program = await createProgram("1", context());
    const places = everyPlace(program);
    expect(places.length).to.be.above(20);
    for (const shell of shells) {
      const words = new Set(completionScript(shell, program).match(/[\w-]+/g));
      for (const [path, names] of places)
        expect([...words], `${shell}: ${path.join(" ")}`).to.include.members(
          names.map((name) => (shell === "fish" ? name.replace(/^--/, "") : name)),
        );
    }
  });

  it("is a script that is printed and nothing else", async () => {
    const program = await createProgram("1", context());
    for (const shell of shells) {
      const at = context();
      const argv = ["completion", shell];
      await (await createProgram("1", at, argv)).parseAsync(argv, { from: "user" });
      expect(at.output.out.join("\n")).to.equal(completionScript(shell, program));
      expect(at.output.err).to.deep.equal([]);
    }
  });
});
