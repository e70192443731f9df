import { spawn } from "node:child_process";
import { readdir } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect } from "chai";
import { readHome, writeHome } from "../../../node/data-folder/home.ts";
import { openLevelStore } from "../../../node/platform/index.ts";
import { plexusMain } from "../../runner/phases.ts";
import { createDataFolder, NodeProcess } from "../../fixtures/processes/node-process.ts";

const root = join(import.meta.dirname, "../../..");
/** Nothing listens on the lowest ports. */
const noEtcd = "http://127.0.0.1:1";
const otherEtcd = "http://127.0.0.1:2";
const model = ["--model", "echo"];

/** Why a node does not start: the code it ends with, and what it says. */
const refusalOf = (node: NodeProcess): Promise<string> => node.start().then(() => "it is ready", String);

describe("a real node that cannot start as it is told to", () => {
  it("ends when it cannot listen for the others, and names the setting", async () => {
    await using folder = await createDataFolder();
    await using node = new NodeProcess(folder.path, [...model, "--mesh-host", "10.255.255.254"]);
    expect(await refusalOf(node)).to.match(
      /ended with 3.*CONFIG_INVALID.*no address 10\.255\.255\.254; .*--mesh-host/s,
    );
  });

  it("says which port another process has, and with which flag another one is chosen", async () => {
    await using folder = await createDataFolder();
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = other.address() as AddressInfo;
      for (const flag of ["--port", "--mesh-port"]) {
        await using node = new NodeProcess(folder.path, [...model, flag, String(port)]);
        const said = await refusalOf(node);
        expect(said).to.match(/ended with 3.*CONFIG_INVALID/s);
        expect(said).to.match(new RegExp(`Port ${port} is in use by another process; choose one .*with ${flag}\\.`));
      }
      // What was refused has left nothing behind, also where the folder was not there.
      expect(await readdir(folder.path)).to.deep.equal([]);
      await using stranger = new NodeProcess(folder.path, [...model, "--join", "no-invitation"]);
      expect(await refusalOf(stranger)).to.contain("INVITATION_INVALID");
      expect(await readdir(folder.path)).to.deep.equal([]);
      const absent = join(folder.path, "absent");
      await using unmade = new NodeProcess(absent, [...model, "--port", String(port)]);
      expect(await refusalOf(unmade)).to.contain(`Port ${port} is in use by another process`);
      expect(await readdir(folder.path)).to.deep.equal([]);
      const metrics = `127.0.0.1:${port}`;
      await using measured = new NodeProcess(folder.path, [...model, "--metrics-listen", metrics]);
      const said = await refusalOf(measured);
      expect(said).to.contain(`Metrics cannot be served at ${metrics}, which is in use by another process`);
      expect(said).to.contain("--metrics-listen.");
    } finally {
      other.close();
    }
  });

  it("ends when it is to use etcd, and its cluster keeps the directory itself", async () => {
    await using folder = await createDataFolder();
    await using before = new NodeProcess(folder.path, [...model, "--role", "manager,gateway"]);
    await before.start();
    await before.end("SIGKILL");
    await using node = new NodeProcess(folder.path, [...model, "--etcd", noEtcd]);
    expect(await refusalOf(node)).to.match(/ended with 3.*CONFIG_INVALID.*plexus directory migrate/s);
  });

  it("ends when its folder does not say any more whose it is, becomes no other node, and says what to do", async () => {
    await using folder = await createDataFolder();
    await using before = new NodeProcess(folder.path, model);
    await before.start();
    expect(await before.end("SIGTERM")).to.equal(0);
    const store = await openLevelStore(join(folder.path, "journal"));
    await store.batch([{ type: "del", key: "meta/format" }], { sync: true });
    await store.close();
    await using node = new NodeProcess(folder.path, model);
    expect(await refusalOf(node)).to.match(/ended with 1.*DATA_DAMAGED.*plexus doctor.*Damaged journal/s);
  });

  it("does not count on a folder from before, however often it is started, until it is told to", async () => {
    await using folder = await createDataFolder();
    await using node = new NodeProcess(folder.path, model);
    await node.start();
    expect(await node.end("SIGTERM")).to.equal(0);
    // As if this were a copy from before the last start: the directory, which lies elsewhere as a rule, knows of that.
    const store = await openLevelStore(join(folder.path, "journal"));
    const home = await readHome(store);
    if (home === undefined) throw new Error("the folder has no home");
    await writeHome(store, { ...home, incarnation: (home.incarnation ?? 0) - 1 });
    await store.close();
    const refusal = /DATA_DAMAGED.*older than the node's last run.*An older data folder/s;
    expect(await refusalOf(node)).to.match(refusal);
    expect(await refusalOf(node)).to.match(refusal);
    await using trusting = new NodeProcess(folder.path, [...model, "--trust-data"]);
    await trusting.start();
    expect(await trusting.end("SIGTERM")).to.equal(0);
    await node.start();
    expect(await node.end("SIGTERM")).to.equal(0);
  });

  /** Starts a node, and ends it once it waits. */
  const waitsFor = async (data: string, etcd: string): Promise<void> => {
    const args = [plexusMain, "up", "--data", data, "--port", "0", ...model, "--etcd", etcd];
    const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "ignore"] });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    try {
      const [line] = await Promise.race([
        new Promise<[string]>((resolve) => createInterface(child.stdout).once("line", (text) => resolve([text]))),
        ended.then((code): [string] => [`it ended with ${String(code)}`]),
      ]);
      expect(line).to.include(`Waiting for the cluster's directory, etcd at ${etcd}`);
      expect(child.exitCode).to.equal(null);
    } finally {
      child.kill("SIGKILL");
      await ended;
    }
  };

  it("says once for which directory it waits, and goes on waiting; another start may name other endpoints", async () => {
    await using folder = await createDataFolder();
    await waitsFor(folder.path, noEtcd);
    await waitsFor(folder.path, otherEtcd);
  });
});
