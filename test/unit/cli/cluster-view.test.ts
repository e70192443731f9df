import { expect } from "chai";
import fc from "fast-check";
import {
  describeDrain,
  describeKept,
  describeStuck,
  isDrained,
  describeVotesLeft,
  partInDirectory,
  rolesWithoutTaker,
} from "../../../protocols/words/cluster-leaving.ts";
import { chooseSlots, describeInvitation, describeNodes, describeNoSlots, describeSlots, findMember, namesOf } from "../../../cli/cluster/cluster-view.ts"; // prettier-ignore
import { describeVotersWanted, joinCommand } from "../../../protocols/words/cluster-words.ts";
import { failure, type ClusterSlotRow, type ClusterSummary } from "../../../protocols/index.ts";
import { nodeRow, slotRow, summaryOf } from "../gateway/cluster-fixture.ts";
import { summary } from "./fixture.ts";
import { describeModels } from "../../../cli/models/models.ts";

const names = namesOf(summary);

describe("the table of nodes", () => {
  it("shows each node by name with its state, and says what is wrong and what to do", () => {
    const text = describeNodes(summary, false);
    expect(text).to.match(/node-a.*up, directory, this node.*manager, gateway/);
    expect(text).to.match(/node-b.*up.*zone=b.*130.*126.*7.*40/);
    expect(text).to.match(/node-c.*down, draining/);
    expect(text).to.include("Directory: embedded, on node-a");
    expect(text).to.include("256 slots: 254 ok, 1 moving, 1 down (3 replicas wanted, at least 1 in sync; 2 possible)");
    expect(text).to.include("Down: node-c").and.include("plexus slots --not-ok");
    expect(text).not.to.include("nothing fails over");
  });

  it("says plainly what it means when the keeper of the directory is down", () => {
    const text = describeNodes(summaryOf([nodeRow("node-a", { up: false })]), false);
    expect(text).to.include("node-a, which keeps the directory, is down: nothing fails over or joins until it is back");
    expect(text).to.include("cannot be evicted").and.not.include("plexus nodes evict");
    const because = "it lies on an older copy of its data";
    const refusing = summaryOf([nodeRow("node-a", { up: false }), nodeRow("node-b")], { directoryAway: { because } });
    expect(describeNodes(refusing, false), "a keeper that says why does run")
      .to.include(because)
      .and.not.include("is down: nothing");
    const etcd = summaryOf([], { directory: { kind: "etcd", endpoints: ["http://e:2379"] } });
    expect(describeNodes(etcd, false)).to.include("Directory: etcd at http://e:2379");
  });

  it("says that the directory is silent and why, that what it shows is from before, and that a node has not joined", () => {
    const directory = { kind: "etcd", endpoints: ["http://e:2379"] } as const;
    const directoryAway = { forMs: 58_000, because: "no majority" };
    const told = describeNodes(summaryOf([nodeRow("node-a", { self: true })], { directory, directoryAway }), false);
    expect(told).to.include("Directory: etcd at http://e:2379, which does not answer");
    expect(told)
      .to.include("The directory has not answered for 58 s: what is placed keeps running")
      .and.include("no majority");
    expect(told).to.match(/slots? as of 58 s ago: /);
    expect(told).to.include("Slots are shown as they were then");
    const self = nodeRow("node-a", { self: true, joined: false });
    const none = { total: 0, ok: 0, moving: 0, short: 0, blocked: 0, down: 0 };
    const started = describeNodes(summaryOf([self], { directory, directoryAway: {}, slots: none }), false);
    expect(started)
      .to.match(/node-a\W+up, not joined, this node/)
      .and.include("Slots: not known here");
    expect(started).to.include("node-a, which was asked, has not joined since it started: it serves no slots");
    // Where the keeper is down, that is said already.
    const nodes = [nodeRow("node-a", { up: false }), nodeRow("node-b", { self: true })];
    const keeper = summaryOf(nodes, { directoryAway: { forMs: 58_000 } });
    expect(describeNodes(keeper, false)).not.to.include("The directory has not answered");
    expect(describeNodes(summary, false)).not.to.match(/answer|from before|as of|joined/);
  });

  it("tells whose disk takes nothing, that others take its copies, and what to do", () => {
    const nodes = [nodeRow("node-a"), nodeRow("node-b", { diskRefuses: true }), nodeRow("node-c")];
    const text = describeNodes(summaryOf(nodes), false);
    expect(text)
      .to.match(/node-b\W+up, disk refuses/)
      .and.include("The disk of node-b refused a write")
      .and.include("; 2 possible");
    expect(describeNodes(summary, false)).not.to.match(/refuse/);
  });

  it("tells whose disk is slow, how slow beside the others, what follows, and where to look", () => {
    const slow = nodeRow("node-b", { diskSlow: true, syncMs: 403.2 });
    const nodes = [nodeRow("node-a", { syncMs: 2.4 }), slow, nodeRow("node-c", { syncMs: 3 })];
    expect(describeNodes(summaryOf(nodes), false))
      .to.match(/node-b\W+up, slow disk/)
      .and.include("The disk of node-b is slow: a synced write takes 403 ms, and 2.4 ms elsewhere.")
      .and.include("smartctl");
    expect(describeNodes(summary, false)).not.to.match(/slow/);
    const told = (...slots: readonly [owned: number, replicated: number]): string => {
      const [slotsOwned, slotsReplicated] = slots;
      return describeNodes(summaryOf([nodeRow("node-a"), { ...slow, slotsOwned, slotsReplicated }]), false);
    };
    expect(told(0, 0)).to.include("No slot waits for it").and.not.include("keeps the directory, so");
    expect(told(1, 20)).to.include("Writes in 21 slots wait for it");
    const keeper = summaryOf([nodeRow("node-a"), slow], { directory: { kind: "embedded", node: slow.node } });
    expect(describeNodes(keeper, false)).to.include("It keeps the directory, so changes of the cluster wait for it.");
  });

  it("tells that the directory is nearly full, or full, by what the fullest says, and what to do", () => {
    const MiB = 1024 * 1024;
    const of = (...bytes: readonly number[]): string =>
      describeNodes(
        summaryOf(
          bytes.map((one, at) =>
            nodeRow(`node-${at}`, {
              directorySize: { rows: 1_200, rowsMax: 100_000, bytes: one, bytesMax: 192 * MiB },
            }),
          ),
        ),
        false,
      );
    expect(of(100 * MiB, 153 * MiB)).not.to.include("full");
    expect(of(100 * MiB, 160 * MiB))
      .to.include("The directory is 83 % full: 160 MiB of at most 192 MiB, in 1,200 rows of at most 100,000. Once")
      .and.include("Once it is full, what would add to it is refused (DIRECTORY_FULL)");
    expect(of(192 * MiB))
      .to.include("The directory is full: 192 MiB of at most 192 MiB")
      .and.include("A full directory");
    const rows = nodeRow("node-a", {
      directorySize: { rows: 80_000, rowsMax: 100_000, bytes: 1, bytesMax: 192 * MiB },
    });
    expect(describeNodes(summaryOf([rows]), false)).to.include("The directory is 80 % full");
    // What a node said that is down by now is old.
    expect(describeNodes(summaryOf([{ ...rows, up: false }, nodeRow("node-b")]), false)).not.to.include("full");
  });

  it("tells a node of another version from one that is down, and what to do", () => {
    const refused = (minor: number) => ({
      up: false,
      refused: failure("VERSION_UNSUPPORTED", { ours: { major: 0, minor: 1 }, theirs: { major: 0, minor } }),
    });
    const nodes = [nodeRow("node-a", { self: true }), nodeRow("node-b", refused(3)), nodeRow("node-c", { up: false })];
    const text = describeNodes(summaryOf(nodes), false);
    expect(text)
      .to.match(/node-b\W+other version/)
      .and.match(/node-c\W+down/);
    expect(text).to.match(/^Down: node-c\. Start it/m);
    expect(text).to.include(
      "Not down: node-b speaks version 0.3, which is too new for node-a (0.1), so they refuse each other. Upgrade one minor version at a time: docs/operate/nodes.md, Upgrade.",
    );
    const keeper = [nodeRow("node-a", refused(0)), nodeRow("node-b", { self: true }), nodeRow("node-c", refused(0))];
    const old = describeNodes(summaryOf(keeper), false);
    expect(old).to.include("Not down: node-a, node-c speak version 0.0, which is too old for node-b (0.1)");
    expect(old)
      .to.include("node-a keeps the directory")
      .and.not.match(/Start|role/);
    const slots = { slotCount: { ours: 256, theirs: 128 } };
    const other = [nodeRow("node-b", { up: false, refused: failure("VERSION_UNSUPPORTED", slots) })];
    expect(describeNodes(summaryOf(other), false)).to.include("node-b speaks a version that does not go with that of");
  });

  it("names all that are down, and gives back by a role what no node that is up may have", () => {
    const manager = (name: string, more: object = {}) => nodeRow(name, { roles: ["manager"], ...more });
    const down = (name: string) => manager(name, { up: false });
    const nodes = [manager("node-a", { directory: true }), nodeRow("node-b"), nodeRow("node-c"), down("node-d")];
    const say = (more: Parameters<typeof summaryOf>[1], ...others: typeof nodes) =>
      describeNodes(summaryOf([...nodes, ...others], more), false);
    expect(say({}))
      .to.match(/^Down: node-d\. Start it again; if it is gone/m)
      .and.not.include("role");
    expect(say({}, down("node-e"))).to.match(/^Down: node-d, node-e\. Start them again; if one is gone/m);
    expect(say({}), "it may run where nobody looks for it").to.include("with --peer and an address");
    const one = { stranded: [{ role: "manager", slots: 1, nodes: ["id-of-node-b"] }] } as const;
    expect(say(one)).to.include(
      "1 slot of the role manager is stranded: no node that is up and has a copy has the role. Start one again that has both, or give another the role: `plexus nodes roles node-b chat,gateway,manager`",
    );
    const two = { stranded: [{ role: "manager", slots: 3, nodes: ["id-of-node-c", "id-of-node-b"] }] } as const;
    expect(say(two)).to.match(
      /3 slots .* are stranded.*: `plexus nodes roles node-c \S+` and `plexus nodes roles node-b/,
    );
    const ai = nodeRow("node-f", { roles: ["ai"], up: false });
    expect(say({}, ai)).to.include(
      "No node with the role ai is up: no answer of a model. Start one again, or give another the role: `plexus nodes roles node-b chat,gateway,ai`",
    );
    const away = summaryOf([manager("node-a", { up: false }), nodeRow("node-b"), ai], one);
    expect(describeNodes(away, false), "no role can be given now").not.to.include("plexus nodes roles");
  });

  it("counts what is blocked, and says what that means; a node of an earlier version counts none", () => {
    const counts = { total: 256, ok: 6, moving: 0, short: 0, blocked: 250, down: 0 };
    const text = describeNodes(summaryOf([nodeRow("node-a")], { slots: counts }), false);
    expect(text).to.include("256 slots: 6 ok, 250 blocked (").and.include("Blocked slots take no commands");
    expect(text).to.include("plexus slots --not-ok");
    const { blocked: _, ...earlier } = { ...counts, ok: 256 };
    const old = describeNodes(summaryOf([nodeRow("node-a")], { slots: earlier as typeof counts }), false);
    expect(old).to.include("256 slots: 256 ok (").and.not.include("locked");
  });

  it("says why there are fewer copies than are wanted", () => {
    const wish = (...more: readonly object[]) =>
      /\(.*\)/.exec(
        describeNodes(summaryOf(more.map((one, index) => nodeRow(`node-${"abcdef"[index]}`, one))), false),
      )?.[0];
    expect(wish({})).to.equal("(3 replicas wanted, at least 1 in sync; 1 possible)");
    expect(wish({}, {})).to.equal("(3 replicas wanted, at least 1 in sync; 2 possible)");
    expect(wish({}, {}, {})).to.equal(
      "(3 replicas wanted, at least 1 in sync; 2 possible, since node-a keeps the directory and copies nothing that two others can)",
    );
    expect(wish({}, {}, {}, { state: "draining" })).to.include("2 possible, since node-a");
    expect(wish({}, {}, {}, {})).to.equal("(3 replicas wanted, at least 1 in sync)");
  });

  it("lets no name from another node move the cursor", () => {
    expect(describeNodes(summaryOf([nodeRow("x\u001b[2J")]), false)).not.to.include("\u001b");
  });
});

describe("the table of slots", () => {
  const slots: readonly ClusterSlotRow[] = [
    slotRow("room/den", "node-b"),
    // The name of a room may be a number.
    slotRow("room/2024", "node-a"),
    slotRow("chat/17", "node-b", { status: "moving", want: { owner: "id-of-node-c", replicas: ["id-of-node-c"] } }),
    slotRow("chat/2", "node-c", { status: "down" }),
    slotRow("manager/1", "node-a", { learners: ["id-of-node-b"] }),
  ];
  const chosen = (filter: object) =>
    chooseSlots(slots, { notOk: false, pinned: false, ...filter }).map(({ slot }) => slot);

  it("is in the order of numbers, those of single actors last", () => {
    expect(chosen({})).to.deep.equal(["chat/2", "chat/17", "manager/1", "room/2024", "room/den"]);
  });

  it("is filtered by role, node, state and pin", () => {
    expect(chosen({ role: "chat" })).to.deep.equal(["chat/2", "chat/17"]);
    expect(chosen({ node: "id-of-node-b" })).to.deep.equal(["chat/17", "manager/1", "room/den"]);
    expect(chosen({ node: "id-of-node-c" })).to.deep.equal(["chat/2"]);
    expect(chosen({ notOk: true })).to.deep.equal(["chat/2", "chat/17"]);
    expect(chosen({ pinned: true })).to.deep.equal(["room/2024", "room/den"]);
  });

  it("knows a node by its name, its id or the beginning of one, and one that is only in a record", () => {
    const find = (text: string) => {
      const found = findMember(names, [...slots, slotRow("chat/3", "gone")], text);
      return found.ok ? found.value : found.error.code;
    };
    expect([find("node-b"), find("id-of-node-b"), find("id-of-g")]).to.deep.equal([
      "id-of-node-b",
      "id-of-node-b",
      "id-of-gone",
    ]);
    expect(find("nope")).to.equal("NOT_FOUND");
    expect(find("node")).to.equal("BAD_REQUEST");
  });

  it("tells what only another role brings back from what waits for its node", () => {
    const row = slotRow("manager/102", "node-a", { status: "down", stranded: "manager" });
    const text = describeSlots([row], names, false);
    expect(text)
      .to.match(/manager\/102\W+stranded/)
      .and.not.include("down");
  });

  it("marks what an operator put where it is", () => {
    const text = describeSlots([slotRow("chat/4", "node-b", { held: "id-of-node-b" })], names, false);
    expect(text).to.include("node-b (held)");
  });

  it("shows nodes by name, and by id when they have none any more", () => {
    const text = describeSlots([...slots, slotRow("chat/3", "gone")], names, false);
    expect(text).to.match(/chat\/17.*moving.*1.*node-b.*node-b.*node-c: node-c/);
    expect(text)
      .to.match(/manager\/1.*node-a.*node-b/)
      .and.match(/chat\/3.*id-of-gone/);
    const self = nodeRow("node-a", { self: true });
    const [calm, away] = [summaryOf([self]), summaryOf([self], { directoryAway: {} })];
    expect(describeNoSlots([slotRow("chat/3", "gone")], calm)).to.equal("No slot matches, of 1 in all.");
    expect(describeNoSlots([], calm)).to.include("the first account and the first room make them");
    expect(describeNoSlots([], away)).to.equal(
      "node-a does not know which slots there are, because the directory, which has the list, does not answer. The slots are not lost.",
    );
  });
});

describe("an invitation", () => {
  const issued = { token: "t0ken", expiresAtMs: 3_600_000, roles: ["chat", "ai"] as const };
  const at = { nowMs: 0, color: false, plexus: "bin/plexus" };

  it("is the exact line that starts the new node", () => {
    expect(joinCommand(issued, { zone: "a", place: "cold room" }, "plexus")).to.equal(
      "plexus up --role chat --role ai --label zone=a --label 'place=cold room' --join t0ken",
    );
    const text = describeInvitation(issued, {}, at);
    expect(text).to.include("bin/plexus up --role chat --role ai --join t0ken").and.include("within 1 h");
    expect(describeInvitation(issued, {}, { ...at, nowMs: 40 }), "its answer took a moment").to.include("within 1 h (");
  });

  it("warns when nobody on another machine can use it", () => {
    const made = (...addresses: readonly string[]) => describeInvitation({ ...issued, addresses }, {}, at);
    for (const here of ["/ip4/127.0.0.1/tcp/7071", "/ip6/::1/tcp/7071", "/dns4/localhost/tcp/7071"])
      expect(made(here))
        .to.include("warning")
        .and.include("--mesh-host ADDRESS, an address that other machines can reach");
    expect(made("/ip4/127.0.0.1/tcp/7071", "/ip4/10.0.0.5/tcp/7071")).not.to.include("warning");
    expect(made()).not.to.include("warning");
  });

  it("can be typed as it is, whatever a label holds", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme-ascii" }), (value) => {
        const line = joinCommand(issued, { note: value }, "plexus");
        const word = /--label (.*) --join/.exec(line)?.[1] ?? "";
        const read = word.startsWith("'") ? word.slice(1, -1).replaceAll(`'\\''`, "'") : word;
        expect(read).to.equal(`note=${value}`);
      }),
    );
  });
});

describe("a drain", () => {
  it("has no end where nobody else may take what the node owns", () => {
    const slots = [slotRow("chat/1", "node-b"), slotRow("ai/1", "node-b"), slotRow("room/den", "node-b"), slotRow("gateway/1", "node-a")]; // prettier-ignore
    const stuck = (...nodes: Parameters<typeof summaryOf>[0]) =>
      rolesWithoutTaker(summaryOf([nodeRow("node-b", { roles: ["chat", "ai"] }), ...nodes]), slots, "id-of-node-b");
    expect(stuck()).to.deep.equal(["chat", "ai"]);
    expect(stuck(nodeRow("node-a", { roles: ["chat"] }))).to.deep.equal(["ai"]);
    expect(stuck(nodeRow("node-a", { roles: ["chat"], up: false }))).to.deep.equal(["chat", "ai"]);
    expect(stuck(nodeRow("node-a", { roles: ["chat", "ai"], state: "draining" }))).to.deep.equal(["chat", "ai"]);
    expect(stuck(nodeRow("node-a", { roles: ["chat", "ai"] }))).to.deep.equal([]);
  });

  it("keeps what writes need while too few others are there", () => {
    const full = nodeRow("node-b", { slotsReplicated: 3 });
    const kept = (own: typeof full, minInSync: number, ...others: Parameters<typeof summaryOf>[0]) =>
      describeKept({ ...summaryOf([own, ...others]), minInSync }, "id-of-node-b");
    const [a, c] = [nodeRow("node-a"), nodeRow("node-c")];
    expect(kept(full, 2, a, c)).to.equal(undefined);
    for (const gone of [
      nodeRow("node-c", { up: false }),
      nodeRow("node-c", { state: "draining" }),
      nodeRow("node-c", { diskRefuses: true }),
    ])
      expect(kept(full, 2, a, gone))
        .to.include("Only one other node can take copies")
        .and.include("minInSync is 2");
    expect(kept(full, 2)).to.include("No other node can take copies").and.include("plexus nodes undrain node-b");
    expect(kept(full, 1)).to.equal(undefined);
    expect(kept(nodeRow("node-b"), 2, a), "what is new").to.include(
      "keep the copies without which nothing could be written",
    );
  });

  it("of models says which node is the choice, and of the others why not", () => {
    const row = { engine: "generate", model: "tiny", state: "ready", runtime: "llama", contextTokens: 512 } as const;
    const text = describeModels(
      [
        { ...row, node: "node-a", device: "cpu", places: 4, calls: 1, rank: 1, because: "fewer calls" },
        {
          ...row,
          engine: "embed",
          node: "node-a",
          device: "cpu",
          places: 4,
          calls: 1,
          rank: 1,
          because: "fewer calls",
        },
        { ...row, node: "node-b", calls: 7, rank: 2, because: "the last in the order" },
        { engine: "generate", model: "", node: "node-c", because: "it has not said what it offers" },
      ],
      false,
    );
    expect(text).to.match(/tiny +│ node-a +│ ready +│ generate embed +│ llama, cpu +│ +512 │ +1\/4 │ +1 │ fewer calls/);
    expect(text).to.match(/tiny +│ node-b +│ ready +│ generate +│ llama +│ +512 │ +7 │ +2 │/);
    expect(text.match(/node-a/g)).to.have.length(1);
    expect(text).to.match(/- +│ node-c +│ unknown +│.*none │ it has not said/);
    expect(describeModels([], false)).to.include("plexus up --model");
  });

  it("of the only node names every role in which nothing new can be made, also where it owns nothing yet", () => {
    const all = summaryOf([nodeRow("node-a", { roles: ["gateway", "chat", "ai", "storage", "manager"] })]);
    const stuck = rolesWithoutTaker(all, [slotRow("manager/1", "node-a")], "id-of-node-a");
    expect(stuck).to.deep.equal(["chat", "ai", "manager"]);
    const text = describeStuck(stuck, "node-a");
    expect(text).to.include("the role chat or ai or manager").and.include("nothing new is possible");
    expect(text).to.include("no account, room or agent").and.include("plexus nodes undrain node-a");
    expect(describeStuck(["manager"], "node-a")).to.include("what node-a has of it stays there.");
  });
});

describe("a directory that voters keep", () => {
  const names = ["a", "b", "c"];
  const roles = ["chat", "manager"] as const;
  const of = (down: readonly string[], more: Partial<ClusterSummary> = {}): ClusterSummary =>
    summaryOf(
      names.map((name) => nodeRow(name, { up: !down.includes(name), roles: [...roles], directory: true })),
      {
        directory: {
          kind: "replicated",
          generation: 1,
          voters: names.map((name) => `id-of-${name}`),
          ...(down.length < 2 && { leader: "id-of-b" }),
        },
        ...more,
      },
    );

  it("says of each node what it is in it, and whether the next death is survived", () => {
    const all = describeNodes(of([]), false);
    expect(all)
      .to.match(/│ a +│ up, voter +│/)
      .and.match(/│ b +│ up, leads +│/);
    expect(all).to.include("3 voters: a, b (leads), c. Up: 3 of 3; the next death is survived");
    const two = describeNodes(of(["c"]), false);
    expect(two).to.include("Up: 2 of 3; the next death of a voter would stop it");
    expect(two).to.include("plexus nodes evict c");
    const none = of(["b", "c"], { directory: { kind: "etcd", endpoints: ["http://e"] } });
    expect(describeNodes({ ...none, nodes: none.nodes.toReversed() }, false))
      .to.include("Down: b, c.")
      .and.include("plexus nodes evict NAME");
    const alone = { kind: "replicated", generation: 2, voters: ["id-of-a"], leader: "id-of-a" } as const;
    expect(describeNodes(of([], { directory: alone }), false)).to.match(
      /1 voter: a \(leads\)\. While it is down nothing fails over or joins$/m,
    );
    expect(describeNodes(of(["b"], { directory: alone }), false)).to.include(
      "While it is down nothing fails over or joins; with three managers up three can keep it",
    );
    const pair = { ...alone, voters: ["id-of-a", "id-of-b"] };
    const both = describeNodes(of([], { directory: pair }), false);
    expect(both).to.include("Up: 2 of 2; both must be up, for the moment in which their number changes");
    expect(both).to.not.include("start those");
  });

  it("names who must be up, and what helps who lost them, and advises no eviction that cannot be", () => {
    const text = describeNodes(of(["b", "c"], { directoryAway: { forMs: 4_000, because: "x" } }), false);
    expect(text).to.include("Up: 1 of 3; 2 of them must be up. It does not answer");
    expect(text).to.include("2 of the nodes a, b, c must be up, which keep the directory together: start 1 of b, c.");
    expect(text).to.include("plexus directory recover").and.not.include("evict").and.not.include("Why:");
  });

  it("says what the wish for voters comes to", () => {
    const said = (wanted: number, summary: ClusterSummary): string =>
      describeVotersWanted({ directory: summary.directory, wanted }, summary);
    expect(said(3, of([])))
      .to.include("Generation: 1")
      .and.include("Wanted: 3; 3 nodes with the role manager.");
    expect(said(5, of(["c"]))).to.include("3 nodes with the role manager, 2 up. An even number is never chosen");
    const embedded = { kind: "embedded", node: "id-of-a" } as const;
    const two = summaryOf([nodeRow("a", { roles: ["manager"] }), nodeRow("b", { roles: ["manager"] })], {
      directory: embedded,
    });
    expect(said(3, two))
      .to.include("one node keeps it alone: two would have to be up both")
      .and.not.include("Generation");
    expect(said(1, two)).to.include("one node keeps it");
  });

  it("warns, when a voter is drained, that one node alone will keep the directory", () => {
    expect(describeVotesLeft(of([]), "id-of-c")).to.include(
      "Without c only 2 managers are up, so one alone keeps the directory",
    );
    expect(describeVotesLeft(of(["a"]), "id-of-c")).to.include("Without c only 1 manager is up");
    // Nobody could follow it: that is said by itself.
    expect(describeVotesLeft(of(["a", "b"]), "id-of-c")).to.equal(undefined);
    const four = of([]);
    const more = { ...four, nodes: [...four.nodes, nodeRow("d", { roles: [...roles] })] };
    expect(describeVotesLeft(more, "id-of-c")).to.equal(undefined);
    // The plan of voters was faster.
    const left = { kind: "replicated", generation: 1, voters: ["id-of-a"], leader: "id-of-a" } as const;
    expect(describeVotesLeft(of([], { directory: left }), "id-of-c")).to.include("Without c only 2 managers are up");
    expect(describeVotesLeft(of(["b"], { directory: left }), "id-of-c")).to.equal(undefined);
  });

  it("ends a drain when the node votes no more, except where no other manager can follow it", () => {
    const part = (summary: ClusterSummary, node: string) => partInDirectory(summary, node);
    expect(part(of([]), "id-of-b")).to.deep.equal({ directory: false, votes: true });
    const left = { kind: "replicated", generation: 1, voters: ["id-of-a"], leader: "id-of-a" } as const;
    expect(part(of([], { directory: left }), "id-of-b")).to.deep.equal({ directory: false, votes: false });
    expect(part(of(["b", "c"], { directory: left }), "id-of-a")).to.deep.equal({ directory: true, votes: false });
    const progress = { name: "b", up: true, slotsOwned: 0, slotsReplicated: 0, directory: false, votes: true };
    expect(isDrained(progress)).to.equal(false);
    expect(describeDrain(progress)).to.include("its vote on the directory");
    expect(isDrained({ ...progress, votes: false })).to.equal(true);
  });
});
