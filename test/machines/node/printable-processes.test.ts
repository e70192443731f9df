import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { buffer } from "node:stream/consumers";
import { expect } from "chai";
import { asked, controls, startHostileNode } from "../../fixtures/hostile.ts";

describe("what a node tells reaches no terminal that obeys it, by real commands", () => {
  let node: Awaited<ReturnType<typeof startHostileNode>>;
  before(async () => void (node = await startHostileNode()));
  after(() => node.stop());

  /** Nothing of the machine's but where commands are, and what is compiled. */
  const environment = (): NodeJS.ProcessEnv => {
    const { PATH, NODE_COMPILE_CACHE } = process.env;
    return { PATH, HOME: node.folder, ...(NODE_COMPILE_CACHE !== undefined && { NODE_COMPILE_CACHE }) };
  };

  it("by their bytes", async () => {
    for (const words of asked) {
      const child = spawn(process.execPath, ["cli/main.ts", ...words, "--data", node.folder], {
        stdio: ["ignore", "pipe", "pipe"],
        env: environment(),
      });
      const [out, err] = await Promise.all([buffer(child.stdout), buffer(child.stderr)]);
      expect(`${out.toString()}${err.toString()}`, words.join(" ")).to.not.equal("").and.not.match(controls);
    }
  });

  it("by a terminal of its own, with colours, and while it is drawn again and again", async function () {
    if (spawnSync("script", ["--version"]).status !== 0) this.skip();
    /** What our own drawing consists of: colours, the other screen, places of the cursor. */
    const own =
      // oxlint-disable-next-line no-control-regex -- as above
      /\u001b\[(?:0|1|2|22|31|32|33|34|35|36|39|41|49|90)m|\u001b\[\?(?:1049|25)[hl]|\u001b\[(?:H|K|J|\d+;1H)|\r+\n/g;
    for (const words of [...asked, ["top"]]) {
      const line = [process.execPath, "cli/main.ts", ...words, "--data", node.folder]
        .map((word) => `'${word}'`)
        .join(" ");
      const child = spawn("script", ["-qec", line, "/dev/null"], {
        env: { ...environment(), TERM: "xterm-256color", COLUMNS: "100", LINES: "40" },
      });
      let said = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        said += text;
        // The live view ends by a key, once it has been drawn.
        if (words[0] === "top" && words.length === 1 && said.includes("q quits")) child.stdin.end("q");
      });
      if (words[0] !== "top" || words.length > 1) child.stdin.end();
      await once(child, "close");
      expect(said.replaceAll(own, ""), words.join(" ")).to.not.equal("").and.not.match(controls);
    }
  });
});
