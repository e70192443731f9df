import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { readToken, writeToken } from "../../../node/cluster/mesh/invitation.ts";
import type { ClusterSummary, NodeStatus } from "../../../protocols/index.ts";
import { multicastWorks } from "../../fixtures/multicast.ts";
import { lastingPort } from "../../fixtures/ports.ts";
import { ClusterProcesses, manager } from "../../fixtures/processes/cluster-processes.ts";
import { until } from "../../fixtures/processes/cluster-waits.ts";
import { createDataFolder, NodeProcess } from "../../fixtures/processes/node-process.ts";
import { invitedBy, plexus, runPlexus } from "../../fixtures/processes/plexus-command.ts";

const model = ["--model", "echo"];

/** The invitation that a token names, by somebody who does not know its secret. */
function forgeryOf(token: string): string {
  const read = readToken(token);
  if (!read.ok) throw new Error(JSON.stringify(read.error));
  return writeToken({ ...read.value, secret: new Uint8Array(read.value.secret.length) });
}

/** What a node's log says of a newcomer that it turned away. */
interface JoinRefused {
  readonly name: string;
  readonly code: string;
  readonly details: { readonly reason: string };
}

describe("real nodes that join one cluster", () => {
  let fixture: AsyncDisposableStack;
  let cluster: ClusterProcesses;
  /** The first node's. */
  let log: string;
  let second: NodeProcess;
  before(async function () {
    fixture = new AsyncDisposableStack();
    log = join(fixture.use(await createDataFolder()).path, "log");
    const launcher = ["sh", "-c", 'log=$0; exec "$@" 2>>"$log"', log];
    cluster = fixture.use(await ClusterProcesses.start([{ ...manager, launcher }]));
  });
  after(() => fixture.disposeAsync());

  const statusOf = async (node: NodeProcess): Promise<NodeStatus> =>
    (await cluster.admin("GET", "/api/v1/admin/status", undefined, node)) as NodeStatus;

  it("are refused when a token has expired, is forged or is used, and join on the same folder with a new one", async () => {
    const own = fixture.use(await createDataFolder());
    await using other = await createDataFolder();
    const names = async (): Promise<readonly string[]> => (await cluster.members()).map(({ name }) => name);
    /** Why somebody is refused who runs the line of an invitation that does not hold. */
    const refusalOf = async (name: string, data: string, line: readonly string[]): Promise<string> => {
      const { code, stderr } = await runPlexus(...line, "--name", name, "--data", data, "--port", "0", ...model);
      expect(code, stderr).to.equal(1);
      expect(stderr).to.match(/^error INVITATION_INVALID: .* Ask for a new one: `plexus invite`\.$/m);
      expect(stderr).to.match(/^ +hint: tokens work once and expire; `plexus invite` .* prints a new one$/m);
      return /^ +reason: (.*)$/m.exec(stderr)?.[1] ?? stderr;
    };

    const brief = await invitedBy(cluster.first, "--role", "chat,gateway", "--expires", "1s");
    const expiredAtMs = Date.now() + 1_000;
    const line = await invitedBy(cluster.first, "--role", "chat,gateway");
    const forged = [...line.slice(0, -1), forgeryOf(line.at(-1) ?? "")];
    await until("the first invitation has expired", () => expect(Date.now()).to.be.above(expiredAtMs));
    expect(await refusalOf("late", own.path, brief)).to.equal("expired");
    expect(await refusalOf("forger", other.path, forged)).to.equal("forged");
    expect(await names()).to.deep.equal(["manager"]);
    second = fixture.use(new NodeProcess(own.path, [...model, "--name", "manager", ...line.slice(1)]));
    await second.start();
    expect(await refusalOf("thief", other.path, line)).to.equal("used");
    expect(await names()).to.have.members(["manager", "manager-2"]);

    const refusals = (await readFile(log, "utf8"))
      .split("\n")
      .filter((text) => text.includes('"mesh.join.refused"'))
      .map((text) => JSON.parse(text) as JoinRefused);
    expect(refusals.map(({ name, code, details }) => [name, code, details.reason])).to.deep.equal([
      ["late", "INVITATION_INVALID", "expired"],
      ["forger", "INVITATION_INVALID", "forged"],
      ["thief", "INVITATION_INVALID", "used"],
    ]);
    // Strangers must not push out of it what members did.
    await until("who joined is in the audit, and nobody else", async () => {
      const audit = await plexus(cluster.first, "audit");
      expect(audit)
        .to.match(/ join +│ manager-2 +│ .*name manager-2/)
        .and.not.match(/late|forger|thief/);
    });
  });

  it("use up no invitation and leave nobody in the list when they could not listen, and join by the same one then", async () => {
    const own = fixture.use(await createDataFolder());
    const names = async (): Promise<readonly string[]> => (await cluster.members()).map(({ name }) => name);
    const before = await names();
    const line = await invitedBy(cluster.first, "--role", "gateway");
    const { port } = new URL(cluster.first.url);
    const tried: readonly (readonly [flags: readonly string[], says: RegExp])[] = [
      [["--mesh-host", "192.0.2.1"], /This machine has no address 192\.0\.2\.1; .*--mesh-host/],
      [["--mesh-host", "node-b.example"], /node-b\.example is a name; .*--announce \/dns\/node-b\.example\/tcp\//],
      [["--announce", "/ip4/node-b/tcp/7071"], /a name is \/dns\/node-b\/tcp\/7071/],
      [["--mesh-port", port], /Port \d+ is in use .*--mesh-port/],
      [["--host", "192.0.2.1"], /This machine has no address 192\.0\.2\.1; .*--host/],
    ];
    for (const [flags, says] of tried) {
      const at = ["--name", "ghost", "--data", own.path, "--port", "0", "--mesh-port", "0"];
      const { code, stderr } = await runPlexus(...line, ...at, ...model, ...flags);
      expect(code, stderr).to.equal(3);
      expect(stderr).to.match(says);
    }
    expect(await names()).to.deep.equal(before);
    await using joined = new NodeProcess(own.path, [...model, "--name", "ghost", ...line.slice(1)]);
    await joined.start();
    expect(joined.name).to.equal("ghost");
    await joined.end("SIGTERM");
    await plexus(cluster.first, "nodes", "evict", "ghost");
  });

  it("say as which one the cluster knows them, so that nobody takes one for the other that has its name", async () => {
    expect(second.name).to.equal("manager-2");
    expect(await statusOf(second)).to.include({ name: "manager-2" });
  });

  /** Ends both nodes. Started again, each listens for the other at a port where nobody looks for it: one that it is
   *  told, since by itself it would take that of its last start. */
  const move = async (): Promise<void> => {
    await Promise.all([cluster.first, second].map((node) => node.end("SIGKILL")));
  };
  const again = async (data: string, ...flags: readonly string[]): Promise<NodeProcess> =>
    new NodeProcess(data, [...model, "--mesh-port", String(await lastingPort()), ...flags]);
  const bossAgain = (...flags: readonly string[]): Promise<NodeProcess> =>
    again(cluster.first.data, "--name", "manager", "--role", "manager,gateway", ...flags);
  const secondAgain = (...flags: readonly string[]): Promise<NodeProcess> =>
    again(second.data, "--name", "manager-2", ...flags);
  const meet = (one: NodeProcess, other: NodeProcess): Promise<void> =>
    until("they are one cluster again", async () => {
      for (const node of [one, other]) {
        expect(await statusOf(node)).to.not.have.property("joined", false);
        const { nodes } = (await cluster.admin(
          "GET",
          "/api/v1/admin/cluster/summary",
          undefined,
          node,
        )) as ClusterSummary;
        const up = nodes.flatMap((row) => (row.up ? [row.name] : []));
        expect(up).to.include.members(["manager", "manager-2"]);
      }
    });

  it("are found with --peer when all have moved while they were down", async () => {
    await move();
    await using other = await secondAgain();
    await other.start();
    const said = await plexus(other, "status");
    expect(said).to.match(/^Cluster +has not joined/m);
    const address = /^Mesh +(\S+)$/m.exec(said)?.[1] ?? "";
    await using told = await bossAgain("--peer", address);
    await told.start();
    await meet(told, other);
  });

  it("find each other with --mdns when all have moved while they were down", async function () {
    if (!(await multicastWorks())) this.skip();
    await move();
    await using first = await bossAgain("--mdns");
    await using other = await secondAgain("--mdns");
    await Promise.all([first.start(), other.start()]);
    await meet(first, other);
  });
});
