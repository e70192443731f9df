import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { createDataFolder, NodeProcess } from "./node-process.ts";
import { invitedBy, plexus } from "./plexus-command.ts";

const model = ["--model", "echo"];
const killer = join(import.meta.dirname, "kill-at-step.ts");

/** Goes before a command that is to be killed at this step. */
const killedAt = (step: number, folder: string): readonly string[] => [
  "env",
  `NODE_OPTIONS=--import=${killer}`,
  `KILL_AT_STEP=${step}`,
  `KILL_IN=${folder}`,
];

/** Starts a node that is killed at one step after the other, each time in a new folder, until there are no more of them;
 *  `check` gets every folder. Returns how many there were. */
async function killAtEach(
  flags: () => Promise<readonly string[]>,
  check: (data: string, flags: readonly string[]) => Promise<void>,
): Promise<number> {
  for (let step = 1; ; step += 1) {
    await using folder = await createDataFolder();
    const words = await flags();
    await using node = new NodeProcess(folder.path, words, killedAt(step, folder.path));
    const end = await node.start().then(() => undefined, String);
    if (end === undefined) return step - 1;
    expect(end, `step ${step}`).to.include("ended with null");
    await check(folder.path, words);
  }
}

describe("a first start that is killed", function () {
  this.timeout(400_000);

  it("can be repeated, whatever it was doing", async () => {
    const steps = await killAtEach(
      () => Promise.resolve(model),
      async (data) => {
        await using node = new NodeProcess(data, model);
        await node.start();
        expect(node.adminCode).to.be.a("string");
        await node.signUp("ada");
        expect(existsSync(join(data, "creating"))).to.equal(false);
      },
    );
    expect(steps).to.be.above(5);
  });

  it("can be repeated when it joins a cluster: the node is admitted once", async () => {
    await using first = await createDataFolder();
    await using host = new NodeProcess(first.path, model);
    await host.start();
    let joined = 0;
    const steps = await killAtEach(
      async () => [...model, ...(await invitedBy(host)).slice(1)],
      async (data, flags) => {
        await using node = new NodeProcess(data, flags);
        await node.start();
        expect(existsSync(join(data, "creating"))).to.equal(false);
        joined += 1;
      },
    );
    expect(joined).to.equal(steps);
    // Each of them, the one that was not killed, and the host.
    const { nodes } = JSON.parse(await plexus(host, "nodes", "--json")) as { nodes: readonly unknown[] };
    expect(nodes).to.have.length(steps + 2);
    expect(steps).to.be.above(8);
  });
});
