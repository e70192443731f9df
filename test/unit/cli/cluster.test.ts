import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { auditTable } from "../../../cli/audit.ts";
import { chooseSlots, describeInvitation, describeNodes, describeSlots, joinCommand, namesOf } from "../../../cli/cluster-view.ts"; // prettier-ignore
import { drainNode, migrateDirectory } from "../../../cli/cluster.ts";
import { writeControlFile } from "../../../cli/control.ts";
import { describeEnd, guide, restartCommand } from "../../../cli/demo/guide.ts";
import { argumentsOf, demoPorts, environmentFor, planDemo } from "../../../cli/demo/plan.ts";
import type { Output } from "../../../cli/output.ts";
import { createProgram, upConfig } from "../../../cli/program.ts";
import { bar, topFrame, type TopData } from "../../../cli/top.ts";
import { parseConfig } from "../../../config/index.ts";
import { failure, failureOf, ok, refused, roles, type ClusterSlotRow } from "../../../protocols/index.ts";
import { controlToken, nodeRow, slotRow, startClusterStand, summaryOf, type ClusterStand } from "../gateway/cluster-stand.ts"; // prettier-ignore

const collected = (): Output & { readonly out: string[]; readonly err: string[] } => {
  const out: string[] = [];
  const err: string[] = [];
  return {
    out,
    err,
    print: (text) => void out.push(text),
    printError: (text) => void err.push(text),
    color: false,
    columns: 80,
  };
};

const three = [
  nodeRow("node-a", { roles: ["manager", "gateway"], directory: true, self: true, turnsPerSecond: 0 }),
  nodeRow("node-b", { labels: { zone: "b" }, slotsOwned: 130, slotsReplicated: 126, actors: 7, turnsPerSecond: 40.25 }),
  nodeRow("node-c", { up: false, state: "draining", slotsOwned: 2, slotsReplicated: 254 }),
];
const summary = summaryOf(three, { slots: { total: 256, ok: 254, moving: 1, short: 0, down: 1 } });
const names = namesOf(summary);

describe("the table of nodes", () => {
  it("shows each node by name with its state, and says what is wrong and what to do", () => {
    const text = describeNodes(summary, false);
    expect(text).to.match(/node-a.*up, directory, asked.*manager, gateway/);
    expect(text).to.match(/node-b.*up.*zone=b.*130.*126.*7.*40/);
    expect(text).to.match(/node-c.*down, draining/);
    expect(text).to.include("Directory: embedded, on node-a");
    expect(text).to.include("256 slots: 254 ok, 1 moving, 1 down (3 replicas wanted, at least 1 in sync)");
    expect(text).to.include("Down: node-c").and.include("plexus slots --not-ok");
    expect(text).not.to.include("nothing fails over");
  });

  it("says plainly what it means when the keeper of the directory is down", () => {
    const text = describeNodes(summaryOf([nodeRow("node-a", { up: false })]), false);
    expect(text).to.include("nothing fails over or joins until it is back");
    const etcd = summaryOf([], { directory: { kind: "etcd", endpoints: ["http://e:2379"] } });
    expect(describeNodes(etcd, false)).to.include("Directory: etcd at http://e:2379");
  });

  it("lets no name from another node move the cursor", () => {
    expect(describeNodes(summaryOf([nodeRow("x\u001b[2J")]), false)).not.to.include("\u001b");
  });
});

describe("the table of slots", () => {
  const slots: readonly ClusterSlotRow[] = [
    slotRow("room/den", "node-b"),
    slotRow("chat/17", "node-b", { status: "moving", want: { owner: "id-of-node-c", replicas: ["id-of-node-c"] } }),
    slotRow("chat/2", "node-c", { status: "down" }),
    slotRow("manager/1", "node-a", { learners: ["id-of-node-b"] }),
  ];
  const chosen = (filter: object) =>
    chooseSlots(slots, { notOk: false, pinned: false, ...filter }, names).map(({ slot }) => slot);

  it("is in the order of numbers, those of single actors last", () => {
    expect(chosen({})).to.deep.equal(["chat/2", "chat/17", "manager/1", "room/den"]);
  });

  it("is filtered by role, node, state and pin", () => {
    expect(chosen({ role: "chat" })).to.deep.equal(["chat/2", "chat/17"]);
    expect(chosen({ node: "node-b" })).to.deep.equal(["chat/17", "manager/1", "room/den"]);
    expect(chosen({ node: "id-of-node-c" })).to.deep.equal(["chat/2"]);
    expect(chosen({ notOk: true })).to.deep.equal(["chat/2", "chat/17"]);
    expect(chosen({ pinned: true })).to.deep.equal(["room/den"]);
  });

  it("shows nodes by name, and by id when they have none any more", () => {
    const text = describeSlots([...slots, slotRow("chat/3", "gone")], names, false);
    expect(text).to.match(/chat\/17.*moving.*1.*node-b.*node-b.*node-c: node-c/);
    expect(text)
      .to.match(/manager\/1.*node-a.*node-b/)
      .and.match(/chat\/3.*id-of-gone/);
    expect(describeSlots([], names, false)).to.equal("No slots.");
  });
});

describe("an invitation", () => {
  const issued = { token: "t0ken", expiresAtMs: 3_600_000, roles: ["chat", "ai"] as const };

  it("is the exact line that starts the new node", () => {
    expect(joinCommand(issued, { zone: "a", place: "cold room" })).to.equal(
      "plexus up --role chat --role ai --label zone=a --label 'place=cold room' --join t0ken",
    );
    const text = describeInvitation(issued, {}, { nowMs: 0, color: false });
    expect(text).to.include("plexus up --role chat --role ai --join t0ken").and.include("within 1 h");
  });

  it("can be typed as it is, whatever a label holds", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme-ascii" }), (value) => {
        const line = joinCommand(issued, { note: value });
        const word = /--label (.*) --join/.exec(line)?.[1] ?? "";
        const read = word.startsWith("'") ? word.slice(1, -1).replaceAll(`'\\''`, "'") : word;
        expect(read).to.equal(`note=${value}`);
      }),
    );
  });
});

describe("a frame of plexus top", () => {
  const data: TopData = {
    summary,
    slots: [slotRow("chat/2", "node-c", { status: "down" }), slotRow("chat/3", "node-b")],
    actors: [
      { actor: "room/quiet", slot: "chat/1", status: "active", mailbox: 0, restarts: 0, lastActiveAtMs: 9 },
      { actor: "room/busy", slot: "chat/1", status: "active", mailbox: 12, restarts: 1 },
    ],
  };
  const view = { columns: 120, rows: 50, color: false, nowMs: 0 };

  it("shows nodes with their load, slots that are not ok, and actors", () => {
    const text = topFrame(data, view).join("\n");
    expect(text).to.match(/^Plexus {2}2 of 3 nodes up, view 3, 00:00:00 UTC/);
    expect(text).to.match(/node-b +up +█{30} +40 +130/);
    expect(text).to.match(/Slots that are not ok\nchat\/2 +down +owner node-c, in sync node-c/);
    expect(text).not.to.include("chat/3");
    expect(text.indexOf("room/busy")).to.be.lessThan(text.indexOf("room/quiet"));
  });

  it("shows the busiest actors of the cluster where a node knows them", () => {
    const busiest = [{ actor: "room/hot", node: "id-of-node-b", turnsPerSecond: 812.4 }];
    const text = topFrame({ ...data, summary: { ...summary, busiest } }, view).join("\n");
    expect(text).to.match(/Busiest actors\nroom\/hot +812 turns\/s on node-b/);
    expect(text).not.to.include("room/busy");
  });

  it("says that what it shows is older when no node answers", () => {
    const lines = topFrame(data, { ...view, trouble: failure("UNREACHABLE") });
    expect(lines[3]).to.match(/UNREACHABLE.*older/);
  });

  it("fits every terminal", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 1, max: 60 }),
        fc.array(fc.tuple(fc.string(), fc.double({ min: 0, max: 1e9, noNaN: true })), { maxLength: 30 }),
        (columns, rows, nodes) => {
          const many = nodes.map(([name, turnsPerSecond]) => nodeRow(name, { turnsPerSecond, memoryBytes: 1e12 }));
          const lines = topFrame({ ...data, summary: summaryOf(many) }, { ...view, columns, rows });
          expect(lines.length).to.be.at.most(rows);
          for (const line of lines) expect(line.length).to.be.at.most(columns);
        },
      ),
    );
  });

  it("draws bars in eighths", () => {
    expect([bar(0, 4), bar(1, 4), bar(2, 2), bar(0.5, 3), bar(1 / 32, 4)]).to.deep.equal([
      "····",
      "████",
      "██",
      "█▌·",
      "▏···",
    ]);
    fc.assert(fc.property(fc.double(), (share) => bar(share, 7).length === 7));
  });
});

describe("the demonstration", () => {
  const ports = Array.from({ length: demoPorts }, (_, index) => 4_000 + index);
  const plan = planDemo("/tmp/plexus-demo-x", ports);

  it("starts one manager, and two nodes that can hold rooms so that either may die", () => {
    const holding = plan.nodes.filter((node) => node.roles.includes("chat"));
    expect(plan.nodes.filter((node) => node.roles.includes("manager")).map(({ name }) => name)).to.deep.equal([plan.nodes[0].name]);
    expect(holding).to.have.length(2);
    expect(plan.nodes.every((node) => node.roles.includes("gateway"))).to.equal(true);
    expect(new Set(plan.nodes.flatMap((node) => node.roles))).to.include.all.keys(["manager", "gateway", "chat", "ai"]);
  }); // prettier-ignore

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
      const program = createProgram("1", output, () => {});
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
    const running = plan.nodes.map((node, index) => ({ node, url: `http://127.0.0.1:${node.port}`, pid: 100 + index }));
    const text = guide(plan, { running, password: "s3cret", kept: false, plexus: "bin/plexus", color: false });
    for (const { url } of running) expect(text).to.include(url);
    expect(text).to.include("Sign in as demo, password s3cret");
    expect(text).to.include("kill -9 101").and.include("bin/plexus top --data /tmp/plexus-demo-x/node-a");
    expect(text).to.include("bin/plexus actors move room/lobby --to node-c --data /tmp/plexus-demo-x/node-a");
    expect(text).to.include(restartCommand(plan.nodes[1] ?? plan.nodes[0], "bin/plexus"));
    expect(text).to.include("removes their data");
  });

  it("reports a node that ended, with its last words unless it was killed", () => {
    const [node] = plan.nodes;
    const killed = describeEnd(node, { code: null, signal: "SIGKILL", log: "much" }, "plexus");
    expect(killed).to.match(/^node-a was ended by SIGKILL\. Start it again with:\n {4}plexus up --data/);
    expect(killed).not.to.include("much");
    expect(describeEnd(node, { code: 1, signal: null, log: "why\n" }, "plexus")).to.match(/ended with 1[\s\S]*why$/);
  });
});

describe("commands to a cluster", () => {
  let stand: ClusterStand;
  let folder: string;
  before(async () => {
    stand = await startClusterStand();
    folder = await mkdtemp(join(tmpdir(), "plexus-cli-"));
    await writeControlFile(folder, { url: stand.gateway.url, controlToken, pid: process.pid });
  });
  after(async () => {
    await stand.stop();
    await rm(folder, { recursive: true });
  });
  beforeEach(() => {
    stand.calls.length = 0;
    stand.answers = {};
    stand.summaries = [summary];
    stand.slots = [slotRow("chat/17", "node-b"), slotRow("chat/2", "node-c", { status: "down" })];
  });

  async function run(...argv: readonly string[]) {
    const output = collected();
    let code: number | undefined;
    const thrown: unknown = await createProgram("1", output, (given) => (code = given))
      .parseAsync([...argv, "--data", folder], { from: "user" })
      .then(() => undefined)
      .catch((error: unknown) => error);
    return { text: output.out.join("\n"), err: output.err.join("\n"), code, thrown };
  }
  const flags = () => ({ dataFolder: folder, url: undefined, json: false });

  it("invite with roles, labels and an end", async () => {
    const terms = ["--role", "ai,chat", "--label", "zone=b", "--expires", "10m"];
    const { text, code } = await run("invite", ...terms);
    expect(code).to.equal(0);
    const asked = { roles: ["ai", "chat"], labels: { zone: "b" }, expiresInMs: 600_000 };
    expect(stand.calls).to.deep.equal([["invite", asked]]);
    expect(text).to.include("plexus up --role ai --role chat --label zone=b --join plexus-join-t0ken");
    const given = JSON.parse((await run("invite", "--json")).text) as Readonly<Record<string, unknown>>;
    expect(given).to.include({ token: "plexus-join-t0ken", command: "plexus up --join plexus-join-t0ken" });
  });

  it("list nodes and slots", async () => {
    expect((await run("nodes")).text).to.include("node-b");
    expect(JSON.parse((await run("nodes", "--json")).text)).to.deep.equal(summary);
    const notOk = await run("slots", "--role", "chat", "--not-ok");
    expect(notOk.text).to.include("chat/2").and.not.include("chat/17");
    const lines = (await run("slots", "--json")).text.split("\n").map((line) => JSON.parse(line) as ClusterSlotRow);
    expect(lines.map(({ slot }) => slot)).to.deep.equal(["chat/2", "chat/17"]);
  });

  it("say what to do when a node may not go", async () => {
    stand.answers = { evict: async () => refused(failure("FORBIDDEN", { reason: "it keeps the directory" })) };
    const keeper = await run("nodes", "evict", "node-a");
    expect(failureOf(keeper.thrown).details).to.deep.equal({ reason: "it keeps the directory" });
    stand.answers = { evict: async () => refused(failure("FORBIDDEN", { slots: 2 })) };
    const { thrown } = await run("nodes", "evict", "node-b");
    expect(failureOf(thrown).code).to.equal("FORBIDDEN");
    expect(failureOf(thrown).details?.["hint"]).to.include("plexus nodes drain node-b --wait").and.include("--force");
    stand.answers = {};
    expect((await run("nodes", "evict", "node-b", "--force")).text).to.include("no member any more");
    expect(stand.calls.at(-1)).to.deep.equal(["evict", "node-b", true]);
  });

  it("change roles, move actors and slots", async () => {
    expect((await run("nodes", "roles", "node-b", "chat,ai")).text).to.include("chat, ai");
    expect(stand.calls.at(-1)).to.deep.equal(["setRoles", "node-b", ["chat", "ai"]]);
    const moved = await run("actors", "move", "room/lobby", "--to", "node-b", "--timeout", "5s");
    expect(moved.text).to.match(/room\/lobby is on node-b now \(slot room\/lobby, epoch 3\), after \d+ ms/);
    expect(stand.calls[1]).to.deep.equal(["moveActor", "room/lobby", "node-b", 5_000]);
    const slot = await run("slots", "move", "chat/17", "--to", "node-b", "--json");
    expect(JSON.parse(slot.text)).to.include({ slot: "chat/17", owner: "id-of-node-b", epoch: 3 });
    stand.answers = { moveActor: async () => refused(failure("NO_CANDIDATE")) };
    const nowhere = await run("actors", "move", "room/lobby", "--to", "node-a");
    expect(failureOf(nowhere.thrown).details?.["hint"]).to.include("node-a may not hold it");
    for (const words of [["actors", "move", "lobby", "--to", "b"], ["slots", "move", "room/lobby", "--to", "b"]])
      expect(failureOf((await run(...words)).thrown).code).to.equal("BAD_REQUEST");
  }); // prettier-ignore

  it("follow a drain to its end, and say how to let the node go", async () => {
    const at = (slotsOwned: number, slotsReplicated: number) =>
      summaryOf([nodeRow("node-b", { state: "draining", slotsOwned, slotsReplicated })]);
    stand.summaries = [at(2, 5), at(2, 5), at(1, 3), at(0, 0)];
    const output = collected();
    const wish = { node: "node-b", wait: true, undo: false, timeoutMs: 60_000, pollMs: 1 };
    expect(await drainNode(flags(), wish, output)).to.equal(0);
    expect(output.out.slice(0, -1)).to.deep.equal([
      "node-b: 2 slots owned, 5 copies left",
      "node-b: 1 slot owned, 3 copies left",
      "node-b: 0 slots owned, 0 copies left",
    ]);
    expect(output.out.at(-1)).to.include("plexus nodes evict node-b");
  });

  it("give up a drain that takes too long without ending it, and undo one", async () => {
    stand.summaries = [summaryOf([nodeRow("node-b", { slotsOwned: 1 })])];
    const wish = { node: "node-b", wait: true, undo: false, timeoutMs: 5, pollMs: 1 };
    const refusal = await drainNode(flags(), wish, collected()).catch((thrown: unknown) => failureOf(thrown));
    expect(refusal).to.include({ code: "ASK_TIMEOUT", outcome: "unknown" });
    expect((await run("nodes", "drain", "node-b", "--undo")).text).to.include("takes its share again");
    expect(stand.calls.at(-1)).to.deep.equal(["setDraining", "node-b", false]);
    stand.summaries = [summaryOf([])];
    expect(failureOf((await run("nodes", "drain", "nobody")).thrown).code).to.equal("NOT_FOUND");
  });

  it("move the directory to etcd, once", async () => {
    const output = collected();
    const endpoints = ["http://e1:2379", "http://e2:2379"];
    expect(await migrateDirectory(flags(), { endpoints, pollMs: 1 }, output)).to.equal(0);
    expect(stand.calls).to.deep.include(["migrateDirectory", endpoints]);
    expect(output.out.join("\n")).to.include("42 rows moved").and.include("in etcd at http://e1:2379, http://e2:2379");
    stand.summaries = [summaryOf([], { directory: { kind: "etcd", endpoints } })];
    const again = await run("directory", "migrate", "--etcd", ...endpoints);
    expect(failureOf(again.thrown).code).to.equal("ALREADY_DONE");
  });

  it("list actors with their nodes, and warn when some are missing", async () => {
    const { text, err } = await run("actors", "list");
    expect(text).to.match(/room\/den.*active.*node-a.*chat\/1/);
    expect(err).to.equal("");
    stand.page = { ...stand.page, unanswered: ["node-b", "x\u001b[2J"] };
    const part = await run("actors", "list");
    expect(part.err).to.include("This is not all: node-b").and.not.include("\u001b");
    expect(part.code).to.equal(0);
    const lines = await run("actors", "list", "--json");
    expect(JSON.parse(lines.text)).to.include({ actor: "room/den", node: "node-a" });
    expect(lines.err).to.include("node-b");
  });

  it("show the audit, page after page until there is enough", async () => {
    const entry = (seq: number) => ({ seq, atMs: 0, action: "evict", by: "ada", facts: { name: `node-${seq}`, labels: "" } }); // prettier-ignore
    const asked: unknown[] = [];
    stand.cluster = (message) => {
      asked.push(message["before"]);
      const first = typeof message["before"] === "number" ? message["before"] - 1 : 4;
      return ok({ entries: [entry(first), entry(first - 1)], more: first > 2 });
    };
    const { text, code } = await run("audit");
    expect(code).to.equal(0);
    expect(asked).to.deep.equal([undefined, 3]);
    expect(text).to.match(/1970-01-01T00:00:00.000Z.*evict.*ada.*name node-4/);
    expect(text.indexOf("node-4")).to.be.lessThan(text.indexOf("node-1"));
    expect(text).not.to.include("labels");
    expect((await run("audit", "--limit", "2")).text).to.include("There is more");
    expect((await run("audit", "--json")).text.split("\n").map((line) => (JSON.parse(line) as { seq: number }).seq)).to.deep.equal([4, 3, 2, 1]); // prettier-ignore
    stand.cluster = () => ok({ entries: [], more: false });
    expect((await run("audit")).text).to.include("Nothing was done");
    expect(auditTable([{ ...entry(1), by: "\u001b[2J" }], false)).not.to.include("\u001b");
  });

  it("print one frame of top without a terminal", async () => {
    const { text } = await run("top", "--once");
    expect(text).to.include("2 of 3 nodes up").and.include("chat/2").and.include("room/den");
    expect(JSON.parse((await run("top", "--json")).text)).to.have.keys(["summary", "slots", "actors"]);
  });

  it("say that no node runs there when none does", async () => {
    const output = collected();
    const program = createProgram("1", output, () => {});
    const thrown: unknown = await program
      .parseAsync(["nodes", "--data", join(folder, "nowhere")], { from: "user" })
      .catch((error: unknown) => error);
    expect(failureOf(thrown)).to.have.nested.property("details.reason", "no node runs on this data folder");
  });

  it("refuse a wrong command line, and have help with examples", async () => {
    for (const words of [
      ["invite", "--role", "cook"],
      ["invite", "--expires", "soon"],
      ["invite", "--expires", "30d"],
      ["nodes", "fly"],
      ["nodes", "evict"],
      ["nodes", "roles", "node-b"],
      ["actors", "move", "room/lobby"],
      ["slots", "--role", "cook"],
      ["directory", "migrate"],
      ["directory", "migrate", "--etcd", "e1:2379"],
      ["top", "--interval", "1ms"],
      ["audit", "--limit", "0"],
      ["up", "--replicas", "9"],
    ])
      expect((await run(...words)).err, words.join(" ")).to.match(/error: /);
    for (const words of [
      ["invite"],
      ["nodes"],
      ["nodes", "drain"],
      ["nodes", "evict"],
      ["nodes", "roles"],
      ["slots"],
      ["slots", "move"],
      ["actors", "move"],
      ["audit"],
      ["directory"],
      ["directory", "migrate"],
      ["top"],
      ["demo"],
    ])
      expect((await run(...words, "--help")).text, words.join(" ")).to.match(/Examples:\n {2}\$ /);
  });
});

describe("the flags of a node in a cluster", () => {
  it("become configuration", () => {
    const machine = { workFolder: "/", dataFolder: "/none", hostname: "h", models: [] };
    const flags = upConfig({
      name: "node-b",
      join: "t0ken",
      meshHost: "0.0.0.0",
      meshPort: 9,
      announce: ["/dns4/b.example.org/tcp/7071"],
      peer: ["/ip4/10.0.0.5/tcp/7071/p2p/12D3Koo"],
      mdns: true,
      etcd: ["http://e1:2379"],
      replicas: 5,
      minInSync: 2,
      role: [...roles],
      label: ["zone=a"],
    });
    expect(parseConfig({ flags }, machine)).to.deep.include({
      name: "node-b",
      join: "t0ken",
      mesh: {
        host: "0.0.0.0",
        port: 9,
        announce: ["/dns4/b.example.org/tcp/7071"],
        peers: ["/ip4/10.0.0.5/tcp/7071/p2p/12D3Koo"],
        mdns: true,
      },
      directory: { kind: "etcd", endpoints: ["http://e1:2379"] },
      replicas: 5,
      minInSync: 2,
      labels: { zone: "a" },
    });
  });
});
