import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { auditTable } from "../../../cli/watching/audit.ts";
import { drainNodes, listNodes } from "../../../cli/cluster/cluster-members.ts";
import { migrateDirectory } from "../../../cli/cluster/cluster.ts";
import { writeControlFile } from "../../../cli/cluster/control.ts";
import { plexusCommand } from "../../../cli/launcher.ts";
import { createProgram } from "../../../cli/program.ts";
import { failure, failureOf, ok, refused, type ClusterSlotRow, type ClusterSummary } from "../../../protocols/index.ts";
import { controlToken, nodeRow, slotRow, startClusterFixture, summaryOf, type ClusterFixture } from "../gateway/cluster-fixture.ts"; // prettier-ignore
import { collected, summary } from "./fixture.ts";

describe("commands to a cluster", () => {
  let fixture: ClusterFixture;
  let folder: string;
  before(async () => {
    fixture = await startClusterFixture();
    folder = await mkdtemp(join(tmpdir(), "plexus-cli-"));
    await writeControlFile(folder, { url: fixture.gateway.url, controlToken, pid: process.pid });
  });
  after(async () => {
    await fixture.stop();
    await rm(folder, { recursive: true });
  });
  beforeEach(() => {
    fixture.calls.length = 0;
    fixture.answers = {};
    fixture.actor = {};
    fixture.summaries = [summary];
    fixture.slots = [slotRow("chat/17", "node-b"), slotRow("chat/2", "node-c", { status: "down" })];
  });

  async function run(...argv: readonly string[]) {
    const output = collected();
    let code: number | undefined;
    const program = await createProgram("1", { output, onExit: (given) => void (code = given) }, argv);
    const thrown: unknown = await program
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
    expect(fixture.calls).to.deep.equal([["invite", asked]]);
    expect(text).to.include(`${plexusCommand()} up --role ai --role chat --label zone=b --join plexus-join-t0ken`);
    const given = JSON.parse((await run("invite", "--json")).text) as Readonly<Record<string, unknown>>;
    expect(given).to.include({ token: "plexus-join-t0ken", command: `${plexusCommand()} up --join plexus-join-t0ken` });
  });

  it("list nodes and slots", async () => {
    expect((await run("nodes")).text).to.include("node-b");
    expect(JSON.parse((await run("nodes", "--json")).text)).to.deep.equal(summary);
    const narrow = collected(80);
    await listNodes(flags(), narrow);
    expect(narrow.out.join("\n")).to.include("node-b").and.include("Left out:");
    const notOk = await run("slots", "--role", "chat", "--not-ok");
    expect(notOk.text).to.include("chat/2").and.not.include("chat/17");
    fixture.slots = [slotRow("chat/17", "node-b")];
    expect((await run("slots", "--not-ok")).text).to.match(
      /^No slot matches, of 1 in all\.\nDown: node-c\. Start it again/,
    );
    expect((await run("slots")).text).not.to.include("Down:");
    fixture.summaries = [
      summaryOf(summary.nodes, { directory: { kind: "etcd", endpoints: ["http://e"] }, directoryAway: {} }),
    ];
    for (const words of [["slots"], ["slots", "--not-ok"], ["nodes"]])
      expect((await run(...words)).text)
        .to.include("The directory does not answer")
        .and.include("as they were then");
    const keeperDown = summaryOf([nodeRow("node-a", { up: false, directory: true }), nodeRow("node-b")], {
      directory: { kind: "embedded", node: "id-of-node-a" },
      directoryAway: { forMs: 4_000 },
    });
    fixture.summaries = [keeperDown];
    for (const words of [["slots"], ["slots", "--not-ok"], ["nodes"]]) {
      const { text } = await run(...words);
      expect(text.match(/node-a, which keeps the directory, is down/g), words.join(" ")).to.have.length(1);
      expect(text).to.include("Start it again").and.include("as they were then");
    }
    fixture.summaries = [summary];
    fixture.slots = [...fixture.slots, slotRow("chat/2", "node-c")];
    const lines = (await run("slots", "--json")).text.split("\n").map((line) => JSON.parse(line) as ClusterSlotRow);
    expect(lines.map(({ slot }) => slot)).to.deep.equal(["chat/2", "chat/17"]);
  });

  it("say what to do when a node may not go", async () => {
    fixture.answers = { evict: async () => refused(failure("FORBIDDEN", { reason: "it keeps the directory" })) };
    const keeper = await run("nodes", "evict", "node-a");
    expect(failureOf(keeper.thrown)).to.include({ message: "node-a was not evicted: it keeps the directory." });
    fixture.answers = { evict: async () => refused(failure("FORBIDDEN", { slots: 2, hint: "drain it" })) };
    const { thrown } = await run("nodes", "evict", "node-b");
    expect(failureOf(thrown).details).to.deep.equal({ slots: 2, hint: "drain it" });
  });

  it("say what an eviction gave up, and not to throw away what may be all that is left of it", async () => {
    expect((await run("nodes", "evict", "node-b")).text).to.include("it can be deleted");
    const forced = await run("nodes", "evict", "node-b", "--force");
    expect(forced.text).to.match(/removed from the cluster.*Keep its data folder until `plexus slots --not-ok`/);
    expect(fixture.calls.at(-1)).to.deep.equal(["evict", "node-b", true]);
    fixture.answers = { evict: async (node) => ok({ node, lastCopies: 9 }) };
    const { text } = await run("nodes", "evict", "node-b", "--force");
    expect(text).to.include("the only copy of 9 slots").and.include("start again empty").and.not.include("deleted");
    expect(text).to.include("Keep its data folder as long as").and.include("a backup of all nodes");
    const json = await run("nodes", "evict", "node-b", "--force", "--json");
    expect(JSON.parse(json.text)).to.deep.equal({ node: "node-b", lastCopies: 9, evicted: true });
  });

  it("change roles, move actors and slots", async () => {
    expect((await run("nodes", "roles", "node-b", "chat,ai")).text).to.include("chat, ai");
    expect(fixture.calls.at(-1)).to.deep.equal(["setRoles", "node-b", ["chat", "ai"]]);
    const kept = await run("nodes", "storage", "node-b", "2kb");
    expect(fixture.calls.at(-1)).to.deep.equal(["setStorage", "node-b", { quotaBytes: 2_000 }]);
    expect(kept.text).to.match(/at most 2\.0 KiB of shards.*has 3\.0 KiB.*1\.0 KiB more than it may: it takes no new/);
    for (const [reason, hint] of [
      ["node-b does not have the role storage", /^The role comes first: [^.]+\.$/],
      ["what it may keep, its invitation says, and not the node itself", /^A bounded node[^.]+\.$/],
      ["your role does not allow it", /^undefined$/],
    ] as const) {
      fixture.answers = { setStorage: async () => refused(failure("FORBIDDEN", { reason })) };
      const { thrown } = await run("nodes", "storage", "node-b", "2kb");
      expect(String(failureOf(thrown).details?.["hint"]), reason).to.match(hint);
    }
    fixture.answers = {};
    await run("nodes", "storage", "node-b", "none");
    expect(fixture.calls.at(-1)).to.deep.equal(["setStorage", "node-b", { quotaBytes: null }]);
    const moved = await run("actors", "move", "room/lobby", "--to", "node-b", "--timeout", "5s");
    expect(moved.text).to.match(/room\/lobby is on node-b now \(slot room\/lobby, epoch 3\), after \d+ ms/);
    expect(fixture.calls).to.deep.include(["moveActor", "room/lobby", "node-b", 5_000]);
    const slot = await run("slots", "move", "chat/17", "--to", "node-b", "--json");
    expect(JSON.parse(slot.text)).to.include({ slot: "chat/17", owner: "id-of-node-b", epoch: 3 });
    fixture.answers = { moveActor: async () => refused(failure("NO_CANDIDATE")) };
    const nowhere = await run("actors", "move", "room/lobby", "--to", "node-a");
    expect(failureOf(nowhere.thrown).details?.["hint"]).to.include("node-a cannot take it");
    for (const words of [["actors", "move", "lobby", "--to", "b"], ["slots", "move", "room/lobby", "--to", "b"]])
      expect(failureOf((await run(...words)).thrown).code).to.equal("BAD_REQUEST");
    const beyond = failureOf((await run("slots", "move", "chat/999", "--to", "node-b")).thrown);
    expect(beyond.details?.["reason"]).to.include("0 to 255");
    fixture.answers = { moveSlot: async () => refused(failure("NOT_FOUND", { slot: "chat/9" })) };
    const empty = await run("slots", "move", "chat/9", "--to", "node-b");
    expect(failureOf(empty.thrown).details?.["hint"]).to.include("chat/9 is not in use yet, so there is nothing to move");
    fixture.answers = { moveSlot: async () => refused(failure("NOT_FOUND", { node: "x" })) };
    const stranger = await run("slots", "move", "chat/9", "--to", "x");
    expect(failureOf(stranger.thrown).details?.["hint"]).to.include("`plexus nodes` lists the names");
  }); // prettier-ignore

  it("let go of slots that were moved by hand", async () => {
    expect((await run("slots", "release", "chat/17")).text).to.include("places");
    const { text } = await run("slots", "release", "room/lobby", "--json");
    expect(JSON.parse(text)).to.deep.equal({ slot: "room/lobby" });
    // How the slots were before is looked at for the audit.
    const done = fixture.calls.filter(([name]) => name !== "slots");
    expect(done).to.deep.equal([["release", "chat/17"], ["release", "room/lobby"]]);
    fixture.answers = { release: async () => refused(failure("ALREADY_DONE")) };
    expect(failureOf((await run("slots", "release", "chat/2")).thrown).details?.["hint"]).to.include("It was not moved by hand");
    for (const wrong of ["chat/256", "chat/x", "chat", "lobby"]) {
      const { code, details } = failureOf((await run("slots", "release", wrong)).thrown);
      expect([code, details?.["reason"]].join(" "), wrong).to.match(/^BAD_REQUEST a slot is role\/number.*kind\/key/);
    }
  }); // prettier-ignore

  it("name the command that lets go of an actor that was moved, where there is no quarantine to end", async () => {
    fixture.actor = { release: () => refused(failure("ALREADY_DONE", { actor: "room/lobby" })) };
    const { thrown } = await run("actors", "release", "room/lobby");
    expect(failureOf(thrown).details?.["hint"]).to.include("plexus slots release room/lobby");
  });

  it("refuse a node that is none, rather than show nothing of it", async () => {
    expect(failureOf((await run("slots", "--node", "nope")).thrown).code).to.equal("NOT_FOUND");
    expect((await run("slots", "--node", "node-b")).text)
      .to.include("chat/17")
      .and.not.include("chat/2");
  });

  it("name the way in to a node elsewhere that nobody signed in at", async () => {
    const program = await createProgram("1", { output: collected(), onExit: () => {} });
    const thrown: unknown = await program
      .parseAsync(["nodes", "--url", "http://127.0.0.1:9"], { from: "user" })
      .catch((error: unknown) => error);
    expect(failureOf(thrown).code).to.equal("UNAUTHENTICATED");
    expect(failureOf(thrown).details?.["hint"]).to.include("plexus chat --url http://127.0.0.1:9");
  });

  it("say at once when a drain has no end", async () => {
    fixture.answers = { setDraining: async () => ok({ node: "id-of-node-b" }) };
    fixture.summaries = [summaryOf([nodeRow("node-b", { slotsOwned: 1 })])];
    const { text, err, code } = await run("nodes", "drain", "node-b");
    expect(code).to.equal(0);
    expect(err).to.include("No other node with the role chat can take over now");
    expect(text).to.include("It gives away the data that it can");
    expect(JSON.parse((await run("nodes", "drain", "node-b", "--json")).text)).to.deep.include({
      noCandidate: ["chat"],
    });
    fixture.summaries = [{ ...summaryOf([nodeRow("node-b", { slotsOwned: 1 }), nodeRow("node-d")]), minInSync: 2 }];
    const kept = await run("nodes", "drain", "node-b");
    expect(kept.err).to.include("minInSync is 2");
    expect(kept.text).to.include("It gives away the data that it can");
    expect(JSON.parse((await run("nodes", "drain", "node-b", "--json")).text)).to.deep.include({ keptForWrites: true });
    const { answers } = fixture;
    fixture.answers = { ...answers, summary: async () => refused(failure("DIRECTORY_AWAY")) };
    const unseen = await run("nodes", "drain", "node-b");
    expect([unseen.code, unseen.err]).to.deep.equal([0, ""]);
    expect(unseen.text).to.include("node-b is being drained.").and.include("plexus nodes drain node-b --wait");
    fixture.answers = answers;
    fixture.summaries = [summaryOf([...summary.nodes, nodeRow("node-d")])];
    fixture.slots = [slotRow("chat/1", "node-b")];
    const able = await run("nodes", "drain", "node-b");
    expect(able.err).to.equal("");
    expect(able.text).to.include("It gives its data away now");
  });

  it("follow a drain to its end, and say how to let the node go", async () => {
    const at = (slotsOwned: number, slotsReplicated: number) =>
      summaryOf([nodeRow("node-b", { state: "draining", slotsOwned, slotsReplicated })]);
    // The first is for the audit, which says how the node was before.
    fixture.summaries = [at(2, 5), at(2, 5), at(2, 5), at(1, 3), at(0, 0)];
    const output = collected();
    const wish = { nodes: ["node-b"], wait: true, timeoutMs: 60_000, pollMs: 1 };
    expect(await drainNodes(flags(), wish, output)).to.equal(0);
    expect(output.out.slice(0, -1)).to.deep.equal([
      "node-b: 2 slots owned, 5 copies left",
      "node-b: 1 slot owned, 3 copies left",
      "node-b: 0 slots owned, 0 copies left",
    ]);
    expect(output.out.at(-1)).to.include("plexus nodes evict node-b");
  });

  it("say of a drained node that keeps the directory that it does so still, and what to do", async () => {
    fixture.summaries = [summaryOf([nodeRow("node-b", { state: "draining", directory: true }), nodeRow("node-d")])];
    fixture.slots = [];
    const { text } = await run("nodes", "drain", "node-b");
    expect(text).to.include("It still keeps the directory").and.include("plexus directory migrate");
    const output = collected();
    await drainNodes(flags(), { nodes: ["node-b"], wait: true, timeoutMs: 60_000, pollMs: 1 }, output);
    expect(output.out.at(-1)).to.match(/^node-b holds no slots any more\. It still keeps the directory.*migrate/);
    expect(output.out.at(-1)).not.to.match(/can be stopped|evict/);
  });

  it("give up a drain that takes too long without ending it, and undo one", async () => {
    fixture.summaries = [summaryOf([nodeRow("node-b", { slotsOwned: 1 })])];
    const wish = { nodes: ["node-b"], wait: true, timeoutMs: 5, pollMs: 1 };
    const refusal = await drainNodes(flags(), wish, collected()).catch((thrown: unknown) => failureOf(thrown));
    expect(refusal).to.include({ code: "ASK_TIMEOUT", outcome: "unknown" });
    expect((await run("nodes", "drain", "node-b", "--undo")).text).to.equal("node-b takes its share again.");
    expect(fixture.calls).to.deep.include(["setDraining", "node-b", false]);
    fixture.summaries = [summaryOf([nodeRow("node-b", { up: false })])];
    const dead = await run("nodes", "drain", "node-b", "--undo");
    expect(dead.text).to.equal("node-b takes its share again, once it is up: it is down now.");
    fixture.summaries = [summaryOf([])];
    expect(failureOf((await run("nodes", "drain", "nobody")).thrown).code).to.equal("NOT_FOUND");
  });

  it("drain, undrain and evict several nodes at once, and say which of them was refused", async () => {
    fixture.summaries = [summaryOf([nodeRow("node-a"), nodeRow("node-b"), nodeRow("node-c", { up: false })])];
    const undrained = await run("nodes", "undrain", "node-a", "node-b", "node-c", "node-a");
    expect(undrained).to.include({ code: 0, err: "" });
    expect(undrained.text.split("\n")).to.deep.equal([
      "node-a takes its share again.",
      "node-b takes its share again.",
      "node-c takes its share again, once it is up: it is down now.",
    ]);
    const asked = (name: string) => fixture.calls.flatMap(([call, node]) => (call === name ? [node] : []));
    expect(asked("setDraining")).to.deep.equal(["node-a", "node-b", "node-c"]);
    fixture.calls.length = 0;
    fixture.answers = {
      setDraining: async (node) =>
        node === "node-x" ? refused(failure("NOT_FOUND", { node })) : ok({ node: `id-of-${node}` }),
      evict: async (node) =>
        node === "node-b"
          ? refused(failure("FORBIDDEN", { reason: "it keeps the directory", hint: "move that" }))
          : ok({ node, lastCopies: 0 }),
    };
    const drained = await run("nodes", "drain", "node-a", "node-x", "node-b");
    expect(asked("setDraining")).to.deep.equal(["node-a", "node-x", "node-b"]);
    expect(drained.code).to.equal(1);
    expect(drained.err).to.include("NOT_FOUND").and.include("node-x");
    expect(drained.text).to.match(/^node-a: 0 slots[^]*\nnode-b: 0 slots/);
    const waited = await run("nodes", "drain", "node-a", "node-b", "--wait");
    expect(waited.text).to.include("node-a holds nothing any more").and.include("node-b holds nothing any more");
    const evicted = await run("nodes", "evict", "node-b", "node-c", "--json");
    expect(evicted.code).to.equal(1);
    expect(JSON.parse(evicted.text)).to.include({ node: "node-c", evicted: true });
    expect(JSON.parse(evicted.err)).to.deep.include({
      error: {
        code: "FORBIDDEN",
        outcome: "failed",
        message: "node-b was not evicted: it keeps the directory.",
        details: { node: "node-b", hint: "move that" },
      },
    });
  });

  it("ask whether another node or actor was meant", async () => {
    fixture.answers = {
      setDraining: async (node) => refused(failure("NOT_FOUND", { node })),
      evict: async (node) => refused(failure("NOT_FOUND", { node })),
      moveSlot: async (_, to) => refused(failure("NOT_FOUND", { node: to })),
    };
    const hint = async (...words: readonly string[]) => failureOf((await run(...words)).thrown).details?.["hint"];
    const meant = "Did you mean node-b";
    expect(await hint("nodes", "drain", "nodeb"))
      .to.include(meant)
      .and.include("`plexus nodes` lists the names");
    expect(await hint("nodes", "evict", "node_b")).to.include(meant);
    expect(await hint("slots", "move", "chat/9", "--to", "ndoe-b")).to.include(meant);
    expect(await hint("slots", "--node", "ndoe-b")).to.include(meant);
    expect(await hint("nodes", "drain", "elsewhere")).to.equal("`plexus nodes` lists the names.");
    const list = "`plexus actors list` lists those that are in use.";
    const released = { release: () => refused(failure("NOT_FOUND", { actor: "x" })) };
    fixture.actor = released;
    for (const [typed, asked] of [
      ["room/dne", "room"],
      ["rooms/den", "room"],
    ] as const) {
      expect(await hint("actors", "release", typed), typed).to.equal(`Did you mean room/den? ${list}`);
      expect(fixture.calls.at(-1)?.[1]).to.deep.include({ kind: asked });
    }
    expect(await hint("actors", "release", "gizmo/den")).to.equal(list);
  });

  it("move the directory to etcd, once", async () => {
    const output = collected();
    const endpoints = ["http://e1:2379", "http://e2:2379"];
    expect(await migrateDirectory(flags(), { endpoints, pollMs: 1, yes: true }, output)).to.equal(0);
    expect(fixture.calls).to.deep.include(["migrateDirectory", endpoints]);
    expect(output.out.join("\n")).to.include("42 rows moved").and.include("in etcd at http://e1:2379, http://e2:2379");
    fixture.answers = { migrateDirectory: async () => refused(failure("PEER_LOST")) };
    const lost = await run("directory", "migrate", "--yes", "--etcd", ...endpoints);
    expect(failureOf(lost.thrown).outcome).to.equal("unknown");
    fixture.answers = { migrateDirectory: async () => refused(failure("UNREACHABLE", { node: "a" })) };
    const away = await run("directory", "migrate", "--yes", "--etcd", ...endpoints);
    expect(failureOf(away.thrown).details?.["hint"]).to.match(/^Nothing has moved: the node that was to move/);
    expect(failureOf(lost.thrown).details?.["hint"]).to.include("`plexus nodes` shows which directory is in use");
    fixture.summaries = [summaryOf([], { directory: { kind: "etcd", endpoints } })];
    const again = await run("directory", "migrate", "--yes", "--etcd", ...endpoints);
    expect(failureOf(again.thrown).code).to.equal("ALREADY_DONE");
  });

  it("say what a move of the directory does, and move nothing where nobody agreed", async () => {
    const etcd = ["directory", "migrate", "--etcd", "http://e1:2379"] as const;
    const embedded = { directory: { kind: "embedded", node: "id-of-m0" } } as const;
    fixture.summaries = [summaryOf([nodeRow("m0", { roles: ["manager"] })], embedded)];
    const asked = await run(...etcd);
    expect(failureOf(asked.thrown).details).to.deep.equal({
      field: "--yes",
      reason: "nothing was moved: confirm it in a terminal, or with --yes",
    });
    expect(asked.text).to.equal("");
    expect(asked.err)
      .to.include("Directory: embedded, on m0")
      .and.include("Then etcd at http://e1:2379 keeps it")
      .and.include("plexus directory migrate --managers moves it back");
    expect(fixture.calls.map(([name]) => name)).not.to.include("migrateDirectory");
    expect((await run(...etcd, "--yes")).text).to.include("42 rows moved");

    const back = ["directory", "migrate", "--managers"] as const;
    const managers = (count: number) =>
      Array.from({ length: count }, (_, at) => nodeRow(`m${at}`, { roles: ["manager"] }));
    const inEtcd = { directory: { kind: "etcd", endpoints: ["http://e1:2379"] } } as const;
    fixture.summaries = [summaryOf(managers(2), inEtcd)];
    expect((await run(...back)).err).to.include("Then one manager keeps it, since 2 managers are up");
    fixture.summaries = [summaryOf(managers(3), inEtcd)];
    const silent = await run(...back, "--json");
    expect([silent.err, failureOf(silent.thrown).code]).to.deep.equal(["", "BAD_REQUEST"]);
    expect((await run(...back)).err).to.include("and three as soon as two more have caught up");
  });

  it("say after a move to etcd who may be missing: managers, and who alone had the directory", async () => {
    const managers = (count: number) =>
      Array.from({ length: count }, (_, at) => nodeRow(`m${at}`, { roles: ["manager"] }));
    const said = async (
      nodes: ReturnType<typeof managers>,
      directory: ClusterSummary["directory"],
    ): Promise<string> => {
      fixture.summaries = [summaryOf(nodes, { directory })];
      return (await run("directory", "migrate", "--yes", "--etcd", "http://e1:2379")).text;
    };
    expect(await said(managers(1), { kind: "embedded", node: "m0" }))
      .to.include("and 1 node has it: give it to 3")
      .and.include("do not remove that one yet");
    const voters = { kind: "replicated", generation: 1, voters: ["m0", "m1", "m2"], leader: "m0" } as const;
    expect(await said(managers(3), voters))
      .to.not.include("give it to")
      .and.not.include("do not remove");
  });

  it("move the directory from etcd to the managers, once", async () => {
    fixture.summaries = [summaryOf([], { directory: { kind: "etcd", endpoints: ["http://e1:2379"] } })];
    const moved = await run("directory", "migrate", "--yes", "--managers");
    expect(moved.text).to.include("42 rows moved").and.include("start the nodes without --etcd");
    expect(fixture.calls).to.deep.include(["migrateDirectory", undefined]);
    fixture.summaries = [summaryOf([], { directory: { kind: "embedded", node: "a" } })];
    expect(failureOf((await run("directory", "migrate", "--yes", "--managers")).thrown).code).to.equal("ALREADY_DONE");
  });

  it("list actors with their nodes, and warn when some are missing", async () => {
    const { text, err } = await run("actors", "list");
    expect(text).to.match(/room\/den.*active.*node-a.*chat\/1/);
    expect(err).to.equal("");
    fixture.page = { ...fixture.page, unanswered: ["node-b", "x\u001b[2J"] };
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
    fixture.cluster = (message) => {
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
    expect(
      (await run("audit", "--json")).text.split("\n").map((line) => (JSON.parse(line) as { seq: number }).seq),
    ).to.deep.equal([4, 3, 2, 1]);
    fixture.cluster = () => ok({ entries: [], more: false });
    expect((await run("audit")).text).to.include("Nothing was changed");
    fixture.cluster = () => refused(failure("SLOT_UNAVAILABLE", { node: "n1" }));
    fixture.directory = false;
    const away = await run("audit");
    fixture.directory = true;
    expect(failureOf(away.thrown).code, "the node that was asked does answer").to.equal("DIRECTORY_AWAY");
    expect(failureOf(away.thrown).message).to.include("directory, which does not answer");
    expect(auditTable([{ ...entry(1), by: "\u001b[2J" }], collected())).not.to.include("\u001b");
  });

  it("show the copy of the audit where it is kept nowhere else, and name who has one where this node has none", async () => {
    const entry = { seq: 1, atMs: 0, action: "evict", by: "ada", facts: {} };
    fixture.cluster = () => refused(failure("SLOT_UNAVAILABLE", { node: "node-c" }));
    fixture.copy = { entries: [entry], more: false };
    const { text, err, code } = await run("audit");
    expect(code).to.equal(0);
    expect(text).to.include("evict");
    expect(err).to.include("The node that keeps the audit does not answer").and.include("the copy at test");
    const lines = await run("audit", "--json");
    expect(JSON.parse(lines.text)).to.deep.equal(entry);
    fixture.copy = undefined;
    fixture.summaries = [
      summaryOf([nodeRow("node-a", { self: true }), nodeRow("node-b"), nodeRow("node-c", { up: false })]),
    ];
    fixture.slots = [slotRow("manager/102", "node-c", { inSync: ["id-of-node-c", "id-of-node-b"], status: "down" })];
    const { thrown } = await run("audit");
    expect(failureOf(thrown).details?.["hint"]).to.match(/^There is a copy on node-b: `plexus audit`/);
  });

  it("print one frame of top without a terminal", async () => {
    const { text } = await run("top", "--once");
    expect(text).to.include("2 of 3 nodes up").and.include("chat/2").and.include("room/den");
    expect(JSON.parse((await run("top", "--json")).text)).to.have.keys(["summary", "slots", "actors"]);
  });

  it("say that no node runs there when none does", async () => {
    const output = collected();
    const program = await createProgram("1", { output, onExit: () => {} });
    const thrown: unknown = await program
      .parseAsync(["nodes", "--data", join(folder, "nowhere")], { from: "user" })
      .catch((error: unknown) => error);
    expect(failureOf(thrown)).to.have.nested.property("details.reason", "no node runs on this data folder");
  });
});
