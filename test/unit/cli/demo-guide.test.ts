import { expect } from "chai";
import { describeEnd, guide, restartCommand } from "../../../cli/demo/guide.ts";
import { argumentsOf, demoPorts, environmentFor, planDemo } from "../../../cli/demo/plan.ts";
import { upConfig } from "../../../cli/commands/up.ts";
import { createProgram } from "../../../cli/program.ts";
import { parseConfig } from "../../../config/index.ts";
import { collected } from "./fixture.ts";

describe("the demonstration", () => {
  const ports = Array.from({ length: demoPorts }, (_, index) => 4_000 + index);
  const plan = planDemo("/tmp/plexus-demo-x", ports);

  it("starts three managers so that any may die, and two nodes that can hold rooms so that either may", () => {
    const holding = plan.nodes.filter((node) => node.roles.includes("chat"));
    expect(plan.nodes.every((node) => node.roles.includes("manager"))).to.equal(true);
    expect(holding).to.have.length(2);
    expect(
      plan.nodes.filter((node) => node.roles.includes("ai")),
      "agents answer whichever dies",
    ).to.deep.equal(holding);
    expect(plan.nodes.every((node) => node.roles.includes("gateway"))).to.equal(true);
    expect(new Set(plan.nodes.flatMap((node) => node.roles))).to.include.all.keys(["manager", "gateway", "chat", "ai"]);
  });

  it("gives no port, name or folder twice", () => {
    const all = plan.nodes.flatMap((node) => [node.port, node.meshPort]);
    expect(all).to.have.members(ports);
    for (const field of ["name", "data", "log"] as const)
      expect(new Set(plan.nodes.map((node) => node[field])).size).to.equal(plan.nodes.length);
    expect(() => planDemo("/x", [1])).to.throw(RangeError);
  });

  it("starts nodes by arguments that plexus up takes", async () => {
    for (const node of plan.nodes) {
      const output = collected();
      const program = await createProgram("1", { output, onExit: () => {} });
      const up = program.commands.find((command) => command.name() === "up");
      let options: Parameters<typeof upConfig>[0] = {};
      up?.action((given: Parameters<typeof upConfig>[0]) => void (options = given));
      await program.parseAsync(argumentsOf(node, "t0ken"), { from: "user" });
      const machine = { workFolder: "/", dataFolder: "/none", hostname: "h", models: [] };
      const config = parseConfig({ flags: upConfig(options) }, machine);
      expect(config).to.deep.include({ name: node.name, data: node.data, roles: [...node.roles], labels: node.labels });
      expect(config).to.include({ port: node.port, join: "t0ken" });
      expect(config.mesh.port).to.equal(node.meshPort);
    }
    expect(environmentFor({ PLEXUS_PORT: "1", PATH: "/bin" })).to.deep.equal({ PATH: "/bin" });
  });

  it("tells each page, how to sign in, and what to try with the real pids and names", () => {
    const facts = { password: "s3cret", kept: false, plexus: "bin/plexus", color: false };
    const running = plan.nodes.map((node, index) => ({ node, url: `http://127.0.0.1:${node.port}`, pid: 100 + index }));
    const text = guide(plan, { running, home: "node-b", ...facts });
    for (const { url } of running) expect(text).to.include(url);
    expect(text).to.include("Sign in as demo, password s3cret").and.include("sign in at one");
    expect(text).to.include("kill -9 101").and.include("bin/plexus top --data /tmp/plexus-demo-x/node-a");
    expect(text).to.include("bin/plexus actors move room/lobby --to node-c --data /tmp/plexus-demo-x/node-a");
    expect(text).to.include(restartCommand(plan.nodes[1] ?? plan.nodes[0], "bin/plexus"));
    expect(text).to.include("bin/plexus actors show room/lobby").and.include("removes their data");
    expect(text).to.include("kill node-a, the first node. Everything goes on").and.include("kill -9 100");
    const there = guide(plan, { running, home: "node-c", ...facts });
    expect(there)
      .to.include(
        "Kill node-c, the node that the room is on. The room continues on node-b, and the agent answers there",
      )
      .and.include("kill -9 102");
    expect(there).to.include("actors move room/lobby --to node-b").and.include("nodes drain node-b");
  });

  it("reports a node that ended, with its last words unless it was killed", () => {
    const [node] = plan.nodes;
    const killed = describeEnd({ node, code: null, signal: "SIGKILL", log: "much" }, "plexus");
    expect(killed).to.match(/^node-a was ended by SIGKILL\. Start it again with:\n {4}plexus up --data/);
    expect(killed).not.to.include("much");
    expect(describeEnd({ node, code: 1, signal: null, log: "why\n" }, "plexus")).to.match(/ended with 1[\s\S]*why$/);
  });
});
