import { expect } from "chai";
import fc from "fast-check";
import type { ClusterSlotRow, ClusterSummary } from "../../../protocols/index.ts";
import { before, queryOf } from "../../../web/src/view/admin/actors/search.ts";
import { shownSlots, slotPage } from "../../../protocols/words/slot-list.ts";
import { findings } from "../../../web/src/view/admin/overview/findings.ts";

const node = (name: string, more: Partial<ClusterSummary["nodes"][number]> = {}): ClusterSummary["nodes"][number] => ({
  node: `id-${name}`,
  name,
  roles: ["manager", "chat", "ai", "gateway", "storage"],
  labels: {},
  weight: 1,
  models: ["echo"],
  version: "0.1.0",
  url: "",
  incarnation: 1,
  state: "active",
  up: true,
  self: name === "a",
  directory: true,
  slotsOwned: 10,
  slotsReplicated: 0,
  ...more,
});
const summary = (more: Partial<ClusterSummary> = {}): ClusterSummary => ({
  cluster: "c",
  view: 1,
  directory: { kind: "replicated", generation: 1, voters: ["id-a"], leader: "id-a" } as ClusterSummary["directory"],
  replicas: 1,
  minInSync: 1,
  nodes: [node("a")],
  slots: { total: 10, ok: 10, moving: 0, short: 0, blocked: 0, down: 0 },
  ...more,
});

describe("the overview of a cluster", () => {
  it("finds nothing where all is well", () => {
    expect(findings({ summary: summary() })).to.deep.equal([]);
  });

  it("says what is wrong, the worst first, and where it is mended", () => {
    const found = findings({
      summary: summary({
        nodes: [node("a", { diskBytes: 1_000, diskFreeBytes: 50 }), node("b", { up: false })],
        slots: { total: 10, ok: 9, moving: 0, short: 1, blocked: 0, down: 0 },
      }),
      quarantined: { rows: [{ actor: "room/ill" }], more: false },
      alerts: { alerts: [], open: 0, more: false },
    });
    expect(found[0]?.page).to.equal("actors");
    expect(found[0]?.text).to.match(/^1 actor takes no messages, because it failed again and again: room\/ill\./);
    const tones = found.map(({ tone }) => tone);
    expect(tones).to.deep.equal(tones.toSorted());
    const texts = found.map(({ text, page }) => `${page}: ${text}`).join("\n");
    expect(texts).to.match(/nodes: Down: b\. Start it again/);
    expect(texts).to.match(/slots: Some slots have too few copies, or cannot be used now\./);
    expect(texts).to.match(/nodes: The disk of a is nearly full: 50 bytes are free\./);
  });
});

describe("the search for actors", () => {
  const letters = "abcdefghijklmnopqrstuvwxyz0123456789._-".split("");
  const key = fc.array(fc.constantFrom(...letters), { minLength: 1, maxLength: 6 }).map((all) => all.join(""));

  it("begins where those begin that have the text at their beginning, and leaves out none", () => {
    fc.assert(
      fc.property(key, key, (prefix, other) => {
        const from = before(`room/${prefix}`);
        expect(from < `room/${prefix}`).to.equal(true);
        const is = `room/${other}`;
        if (is.startsWith(`room/${prefix}`)) expect(is > from).to.equal(true);
        else if (is < `room/${prefix}`) expect(is <= from).to.equal(true);
      }),
    );
  });

  it("takes a kind from the text, or puts it before the text", () => {
    expect(queryOf({ text: "room/gen", kind: "user", status: "" }, undefined).query).to.include({ kind: "room" });
    expect(queryOf({ text: "ada", kind: "user", status: "" }, undefined)).to.deep.equal({
      query: { limit: 50, kind: "user", after: "user/ad`~" },
      prefix: "user/ada",
    });
    expect(queryOf({ text: "", kind: "", status: "quarantined" }, "room/x").query).to.deep.equal({
      limit: 50,
      status: "quarantined",
      after: "room/x",
    });
  });
});

describe("the table of slots", () => {
  const slot = (name: string, more: Partial<ClusterSlotRow> = {}): ClusterSlotRow => ({
    slot: name,
    epoch: 1,
    owner: "id-a",
    inSync: ["id-a"],
    learners: [],
    status: "ok",
    ...more,
  });
  const rows = [
    slot("chat/10", { turnsPerSecond: 2 }),
    slot("chat/9", { status: "short" }),
    slot("room/general", { held: "id-b", owner: "id-b", inSync: ["id-b"] }),
  ];
  const names = (how: Partial<Parameters<typeof shownSlots>[1]>) =>
    shownSlots(rows, { show: "all", node: "", text: "", order: "name", ...how }).map((row) => row.slot);

  it("is in the order of numbers or of load, and shows what is asked for", () => {
    expect(names({})).to.deep.equal(["chat/9", "chat/10", "room/general"]);
    expect(names({ order: "load" })[0]).to.equal("chat/10");
    expect(names({ show: "faulty" })).to.deep.equal(["chat/9"]);
    expect(names({ show: "held" })).to.deep.equal(["room/general"]);
    expect(names({ show: "own" })).to.deep.equal(["room/general"]);
    expect(names({ node: "id-b" })).to.deep.equal(["room/general"]);
    expect(names({ text: "10" })).to.deep.equal(["chat/10"]);
  });

  it("comes a page at a time, and behind its end is its last page", () => {
    const many = Array.from({ length: 120 }, (_, at) => slot(`chat/${at}`));
    const page = (from: number, more: object = {}) => slotPage(many, { limit: 50, from, ...more });
    expect([page(0).slots[0]?.slot, page(0).next, page(0).total]).to.deep.equal(["chat/0", 50, 120]);
    expect([page(50).slots[0]?.slot, page(50).next]).to.deep.equal(["chat/50", 100]);
    expect([page(100).slots.length, page(100).next]).to.deep.equal([20, undefined]);
    expect(page(5_000).slots[0]?.slot, "they went while somebody looked").to.equal("chat/100");
    expect(page(50, { text: "nothing" })).to.deep.equal({ slots: [], total: 0 });
    expect(slotPage(many, {}).slots).to.have.length(120);
  });
});
