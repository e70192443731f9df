/** Every command of `plexus`, typed on another machine that has a control token and nothing else of a real node. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import {
  allCommands,
  endlessCommands,
  localCommands,
  ofOperator,
  typedFor,
  typing,
  withoutMachine,
} from "../../fixtures/every-command.ts";
import { createDataFolder, NodeProcess } from "../../fixtures/processes/node-process.ts";

describe("a control token alone, at a real node", function () {
  it("is enough for every command, but those that act on this machine", async () => {
    await using data = await createDataFolder();
    await using node = new NodeProcess(data.path, ["--model", "echo", "--control", "127.0.0.1:0"]);
    await node.start();
    const folder = await mkdtemp(join(tmpdir(), "plexus-remote-"));
    const restore = withoutMachine(folder);
    try {
      const made = await node.http(
        "POST",
        "/api/v1/admin/control/tokens",
        { name: "ops", role: "owner" },
        await node.controlToken(),
      );
      const file = join(folder, "some.json");
      await writeFile(join(folder, "token"), (made.body as { readonly token: string }).token);
      await writeFile(file, "{}");
      const { run } = typing();
      const failures: string[] = [];
      const done: string[] = [];
      for (const leaf of await allCommands()) {
        const { path } = leaf;
        if (localCommands.includes(path) || endlessCommands.has(path)) continue;
        const outcome = await run(
          "--endpoint",
          node.control,
          "--token-file",
          join(folder, "token"),
          ...typedFor(leaf, file),
        );
        if (outcome === "ok") done.push(path);
        if (ofOperator.includes(path) ? !/^FORBIDDEN .*are for its operator/.test(outcome) : isLost(outcome))
          failures.push(`${path}: ${outcome.slice(0, 300)}`);
      }
      // Those that last as long as somebody looks, looked at once.
      const far = ["--endpoint", node.control, "--token-file", join(folder, "token")];
      for (const words of [["top", "--once"], ["logs"], ["logs", "--about", "backup.1"]])
        expect(await run(...far, ...words), words.join(" ")).to.equal("ok");
      expect(failures).to.deep.equal([]);
      expect(done.length, done.join(", ")).to.be.greaterThan(60);
    } finally {
      restore();
      await rm(folder, { recursive: true, force: true });
    }
  });
});

/** Whether a command did not get there, or found another node than it is made for. */
const isLost = (outcome: string): boolean =>
  /^(?:UNAUTHENTICATED|UNREACHABLE|PEER_LOST|INTERNAL (?!error: ))/.test(outcome) ||
  /data folder|no node runs|plexus chat --url|unknown option|acts on this one|this is the control endpoint/.test(
    outcome,
  );
