import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { depth } from "../../depth.ts";
import { createDataFolder, NodeProcess, withoutAi } from "../../fixtures/processes/node-process.ts";
import { invitedBy, plexus } from "../../fixtures/processes/plexus-command.ts";

const killer = join(import.meta.dirname, "../../fixtures/processes/kill-at-step.ts");

/** Goes before a command that is to be killed at this step. */
const killedAt = (step: number, folder: string): readonly string[] => [
  "env",
  `NODE_OPTIONS=--import=${killer}`,
  `KILL_AT_STEP=${step}`,
  `KILL_IN=${folder}`,
];

/** Steps that are tried at a time. */
const lanes = 2;

/** Starts a node that is killed at one step after the other, or at every so-manieth, each time in a new folder, until
 *  there are no more of them; `check` gets every folder. Returns how many there were, and how many starts were not
 *  killed. */
async function killAtEach(
  stride: number,
  flags: () => Promise<readonly string[]>,
  check: (data: string, flags: readonly string[]) => Promise<void>,
): Promise<{ readonly steps: number; readonly whole: number }> {
  let steps = 0;
  let next = 1;
  let whole = 0;
  const lane = async (): Promise<void> => {
    while (whole === 0) {
      const step = next;
      next += stride;
      await using folder = await createDataFolder();
      const words = await flags();
      await using node = new NodeProcess(folder.path, words, killedAt(step, folder.path));
      const end = await node.start().then(() => undefined, String);
      if (end === undefined) {
        whole += 1;
        return;
      }
      expect(end, `step ${step}`).to.include("ended with null");
      steps += 1;
      await check(folder.path, words);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return { steps, whole };
}

describe("a first start that is killed", function () {
  it("can be repeated, whatever it was doing", async () => {
    const { steps } = await killAtEach(
      depth(4, 1),
      () => Promise.resolve(withoutAi),
      async (data) => {
        await using node = new NodeProcess(data, withoutAi);
        await node.start();
        expect(node.adminCode).to.be.a("string");
        await node.signUp("ada");
        expect(existsSync(join(data, "creating"))).to.equal(false);
      },
    );
    expect(steps).to.be.above(depth(1, 6));
  });

  it("can be repeated when it joins a cluster: the node is admitted once", async () => {
    await using first = await createDataFolder();
    await using host = new NodeProcess(first.path, withoutAi);
    await host.start();
    let joined = 0;
    // The steps that the folder takes are those of any start.
    const { steps, whole } = await killAtEach(
      depth(5, 1),
      async () => ["--model", "echo", ...(await invitedBy(host, "--role", "chat,gateway")).slice(1)],
      async (data, flags) => {
        await using node = new NodeProcess(data, flags);
        await node.start();
        expect(existsSync(join(data, "creating"))).to.equal(false);
        joined += 1;
      },
    );
    expect(joined).to.equal(steps);
    // Each of them, those that were not killed, and the host.
    const { nodes } = JSON.parse(await plexus(host, "nodes", "--json")) as { nodes: readonly unknown[] };
    expect(nodes).to.have.length(steps + whole + 1);
    expect(steps).to.be.above(depth(1, 8));
  });
});
