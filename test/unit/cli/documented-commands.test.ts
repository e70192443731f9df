import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { misunderstood } from "./walk/understood.ts";

const root = join(import.meta.dirname, "../../..");

/** The words of a command line as a shell splits it, up to what another command or the shell itself takes. */
function wordsOf(line: string): readonly string[] {
  const found = line.match(/'[^']*'|"[^"]*"|[^\s'"]+/g) ?? [];
  const end = found.findIndex((word) => /^(?:#|\||>|<|&&|;|2>)/.test(word));
  return found.slice(0, end === -1 ? undefined : end).map((word) => word.replaceAll(/['"]/g, ""));
}

/** The command lines of `plexus` in a document: those that stand alone in its blocks of shell lines. */
function commandsIn(text: string): readonly string[] {
  const blocks = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = ""]) => block.replaceAll(/\\\n\s*/g, " "));
  return blocks.flatMap((block) => block.split("\n")).filter((line) => /^(?:sudo )?(?:npx )?plexus /.test(line));
}

describe("the commands in the documents", () => {
  const documents = ["README.md", ...globSync("docs/**/*.md", { cwd: root }).toSorted()];

  it("are found where they are", () => {
    const text = "```sh\nplexus up --name 'my node' # here\nplexus a \\\n  b | less\necho plexus\n```\n`plexus c`";
    expect(commandsIn(text).map((line) => wordsOf(line))).to.deep.equal([
      ["plexus", "up", "--name", "my node"],
      ["plexus", "a", "b"],
    ]);
    expect(commandsIn(readFileSync(join(root, "docs/backup/backups.md"), "utf8"))).to.have.length.above(20);
  });

  it("are told from those that are none", async () => {
    expect(await misunderstood(["shards", "list", "--nonsense"])).to.match(/unknown option/);
    expect(await misunderstood(["shards", "lost"])).to.match(/unknown command|too many arguments/);
    expect(await misunderstood(["backup", "recall", "--room", "lobby", "--to", "/tmp/x"])).to.equal(undefined);
  });

  for (const document of documents) {
    const commands = commandsIn(readFileSync(join(root, document), "utf8"));
    if (commands.length > 0)
      it(`exist, with the options and arguments that stand there: ${document}`, async () => {
        const faults: string[] = [];
        for (const command of commands) {
          const words = wordsOf(command);
          const fault = await misunderstood(words.slice(words.indexOf("plexus") + 1));
          if (fault !== undefined) faults.push(`${command}: ${fault}`);
        }
        expect(faults).to.deep.equal([]);
      });
  }
});
