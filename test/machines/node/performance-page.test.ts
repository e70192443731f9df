/** The page on sizing and tuning: each line of its boxes. Those of `plexus` are typed at a real node; those of the bench
 *  name what the bench has. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "chai";
import { createDataFolder, NodeProcess } from "../../fixtures/processes/node-process.ts";
import { runPlexus } from "../../fixtures/processes/plexus-command.ts";

const root = join(import.meta.dirname, "../../..");
const page = readFileSync(join(root, "docs/operate/performance.md"), "utf8");
const lines: readonly string[] = [...page.matchAll(/^```sh\n([\s\S]*?)^```/gm)]
  .flatMap(([, box = ""]) => box.split("\n"))
  .map((line) => line.replace(/\s+#\s.*$/, "").trim())
  .filter((line) => line !== "");
const commandsInText: readonly string[] = [...page.replaceAll(/^```sh[\s\S]*?^```/gm, "").matchAll(/`plexus ([^`]+)`/g)].map(([, command = ""]) => command); // prettier-ignore

/** What each says at a node that is alone. */
const said: Readonly<Record<string, RegExp>> = {
  "plexus top --once": /node/,
  "plexus requests --order p99": /\/api\/v1|There was none/,
  "plexus requests --by kind --range day": /room|user|role-manager|There was none/,
  "plexus profile cpu --seconds 5": /%|ms/,
  "plexus nodes forecast": /disk/i,
  "plexus nodes plan --add chat,gateway": /slot/i,
  "plexus config set weight 2 --node node-b --dry-run": /weight/,
  "plexus config set tracing.ratio 0.01": /tracing\.ratio/,
  "plexus config show minInSync": /minInSync/,
  "plexus slots move chat/17 --to node-b": /chat\/\d+/,
};
/** Words of sentences of the page: an argument is left to the reader, or it is one of the lines above. */
const inText: Readonly<Record<string, string>> = {
  "config show KEY": "config show weight",
};

describe("the page on sizing and tuning", () => {
  it("has lines that are all tried here", () => {
    const typed = lines.filter((line) => line.startsWith("plexus "));
    expect([...new Set(typed)].toSorted()).to.deep.equal(Object.keys(said).toSorted());
    expect(lines.filter((line) => !/^(?:plexus |npm run bench -- [\w-]+$)/.test(line))).to.deep.equal([]);
  });

  it("names benchmarks that there are", async () => {
    const named = [...page.matchAll(/npm run bench -- ([\w-]+)/g)].map(([, name = ""]) => name);
    expect(named).to.include.members(["rest", "tracing", "dashboard", "held-reads", "held-people"]);
    const { stdout } = await promisify(execFile)(process.execPath, ["test/bench/main.ts", "--list"], { cwd: root });
    for (const name of named) expect(stdout, name).to.match(new RegExp(`^  ${name}[/ ]`, "m"));
  });

  it("has commands of which each does at a real node what it is there for", async () => {
    await using data = await createDataFolder();
    await using node = new NodeProcess(data.path, ["--model", "echo", "--name", "node-b"]);
    await node.start();
    const token = await node.signUp("ada");
    await node.http("POST", "/api/v1/rooms", { room: "lobby" }, token);
    const { body } = await node.http("GET", "/api/v1/admin/cluster/slots", undefined, await node.controlToken());
    const { slots } = body as { readonly slots: readonly { readonly slot: string }[] };
    const slot = slots.find((one) => one.slot.startsWith("chat/"))?.slot ?? "";
    for (const [line, pattern] of Object.entries(said)) {
      const words = line.replace("chat/17", slot).split(" ").slice(1);
      const { code, stdout, stderr } = await runPlexus(...words, "--data", node.data);
      // One node has nowhere to move a slot to but itself.
      if (words[0] === "slots") expect(stdout + stderr, line).to.match(pattern);
      else {
        expect(code, `${line}: ${stderr}`).to.equal(0);
        expect(stdout, line).to.match(pattern);
      }
    }
    for (const command of new Set(commandsInText)) {
      const line = inText[command] ?? command;
      const seconds = line.startsWith("profile cpu") ? ["--seconds", "1"] : [];
      const { code, stderr } = await runPlexus(...line.split(" "), ...seconds, "--data", node.data);
      expect(code, `plexus ${line}: ${stderr}`).to.equal(0);
    }
  });
});
