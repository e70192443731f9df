import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { createDataFolder, NodeProcess, withoutAi } from "../fixtures/processes/node-process.ts";
import { runPlexus } from "../fixtures/processes/plexus-command.ts";

// Each way to damage a folder: test/machines/node/damaged-folder.test.ts.
describe("a data folder with a damaged table", () => {
  it("is salvaged: a node starts on what is left, and what is gone is named", async () => {
    await using damaged = await createDataFolder();
    await using first = new NodeProcess(damaged.path, withoutAi);
    await first.start();
    const token = await first.signUp("ada");
    await first.http("POST", "/api/v1/rooms", { room: "den" }, token);
    await first.http("POST", "/api/v1/rooms/den/messages", { text: "kept or named" }, token);
    await first.end("SIGTERM");
    // LevelDB writes its log into a table when it is opened again.
    await first.start();
    await first.end("SIGTERM");
    const table =
      readdirSync(join(damaged.path, "journal")).find((name) => name.endsWith(".ldb")) ?? expect.fail("no table");
    const path = join(damaged.path, "journal", table);
    const bytes = readFileSync(path);
    bytes.fill(0xff, Math.floor(bytes.length / 2), Math.floor(0.6 * bytes.length));
    writeFileSync(path, bytes);

    const target = `${damaged.path}-salvaged`;
    try {
      const { code, stdout, stderr } = await runPlexus("salvage", "--data", damaged.path, "--to", target, "--json");
      expect(code, stderr).to.equal(0);
      const { lost } = JSON.parse(stdout) as { lost: readonly { file: string }[] };
      expect(lost.map(({ file }) => file)).to.include(path);
      await using node = new NodeProcess(target, withoutAi);
      await node.start();
      expect((await node.http("GET", "/readyz")).status).to.equal(200);
    } finally {
      rmSync(target, { recursive: true, force: true });
    }
  });
});
