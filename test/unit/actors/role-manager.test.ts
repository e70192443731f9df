import { expect } from "chai";
import {
  wireLimits,
  type AuditPage,
  type ClusterView,
  type PeoplePage,
  type UserView,
} from "../../../protocols/index.ts";
import { roleManager } from "../../../actors/index.ts";
import type { ClusterChange, ClusterState } from "../../../actors/role-manager/index.ts";
import { actorLimits } from "../../../actors/limits.ts";
import { Fixture, fixtureWith } from "./fixture.ts";

const cluster = "role-manager/cluster";
const started = (node: string, more: object = {}) => ({
  type: "nodeStarted",
  node,
  roles: ["chat", "ai"],
  models: ["tiny"],
  labels: { zone: "a" },
  ...more,
});
const view = (fixture: Fixture): ClusterView => fixture.ok("user/ada", cluster, { type: "describe" });
const claim = (user: string, codeHash: string) => ({ type: "claimAdmin", user, codeHash });
const isAdmin = (fixture: Fixture, name: string): boolean =>
  fixture.ok<{ admin: boolean }>(`user/${name}`, `user/${name}`, { type: "describe" }).admin;

describe("the role-manager", () => {
  it("knows the nodes, what they do and whether they run", () => {
    const fixture = new Fixture();
    const record = {
      node: "n1",
      roles: ["chat", "ai"],
      models: ["tiny"],
      labels: { zone: "a" },
      startedAtMs: fixture.nowMs,
    };
    expect(fixture.ok("node", cluster, started("n1"))).to.deep.equal({
      nodes: [{ ...record, running: true }],
      admins: [],
      secondAdmins: [],
      adminNeeded: true,
    });
    fixture.ok("node", cluster, { type: "nodeStopped", node: "n1" });
    fixture.ok("node", cluster, { type: "nodeStopped", node: "n1" });
    expect(view(fixture).nodes).to.deep.equal([{ ...record, running: false }]);
    fixture.ok("node", cluster, started("n1"));
    expect(view(fixture).nodes).to.deep.equal([{ ...record, running: true }]);
  });

  it("listens to nodes and the gateway only", () => {
    const fixture = new Fixture();
    for (const command of [started("n1"), { type: "nodeStopped", node: "n1" }])
      expect(fixture.code("user/ada", cluster, command)).to.equal("FORBIDDEN");
    for (const command of [claim("ada", "h"), { type: "setAdmin", user: "ada", admin: true }])
      expect(fixture.code("user/ada", cluster, command)).to.equal("FORBIDDEN");
    expect(fixture.code("user/ada", cluster, { type: "dance" })).to.equal("BAD_REQUEST");
  });

  it("makes the first admin of whoever knows the newest code", () => {
    const fixture = fixtureWith("ada", "bob");
    expect(fixture.code("gateway", cluster, claim("ada", "h1"))).to.equal("ADMIN_CODE_WRONG");
    fixture.ok("node", cluster, started("n1", { adminCodeHash: "h1" }));
    fixture.ok("node", cluster, started("n1", { adminCodeHash: "h2" }));
    fixture.ok("node", cluster, started("n2"));
    expect(fixture.code("gateway", cluster, claim("ada", "h1"))).to.equal("ADMIN_CODE_WRONG");
    expect(fixture.ok("gateway", cluster, claim("ada", "h2"))).to.deep.equal({
      user: "ada",
      roles: ["owner"],
      admin: true,
    });
    expect(isAdmin(fixture, "ada")).to.equal(true);
    expect(fixture.ok("gateway", cluster, claim("ada", "h2"))).to.deep.equal({ admin: true });
    expect(fixture.code("gateway", cluster, claim("bob", "h2"))).to.equal("ALREADY_DONE");
    fixture.ok("node", cluster, started("n1", { adminCodeHash: "h3" }));
    expect(fixture.code("gateway", cluster, claim("bob", "h3"))).to.equal("ALREADY_DONE");
    expect(view(fixture)).to.deep.include({ admins: ["ada"], adminNeeded: false });
    expect(JSON.stringify(view(fixture))).to.not.include("h2");
  });

  it("names nobody who is not there: a stranger could sign up by that name", () => {
    const fixture = fixtureWith("ada");
    fixture.ok("gateway", cluster, { type: "setAdmin", user: "ada", admin: true });
    const ghost = { type: "setAdmin", user: "ghost", admin: true };
    expect(fixture.code("gateway", cluster, ghost)).to.equal("NOT_FOUND");
    expect(fixture.code("gateway", cluster, { type: "setAdmin", user: "ada", admin: false })).to.equal("FORBIDDEN");
    fixture.ok("gateway", "user/ghost", { type: "create", passwordHash: "x" });
    expect(isAdmin(fixture, "ghost")).to.equal(false);
    expect(view(fixture).admins).to.deep.equal(["ada"]);
    fixture.cutOff("user/ghost");
    expect(fixture.code("gateway", cluster, ghost)).to.equal("SLOT_UNAVAILABLE");
    fixture.reach("user/ghost");
    const both = [fixture.begin("gateway", cluster, ghost), fixture.begin("gateway", cluster, ghost)];
    fixture.settle();
    for (const answer of both)
      expect(answer()).to.deep.equal({ ok: true, value: { user: "ghost", roles: ["admin"], admin: true } });
    expect(view(fixture).admins).to.deep.equal(["ada", "ghost"]);
  });

  it("names and dismisses admins, but for the last one", () => {
    const fixture = fixtureWith("ada", "bob");
    const set = (user: string, admin: boolean) => ({ type: "setAdmin", user, admin });
    fixture.ok("gateway", cluster, set("ada", true));
    fixture.ok("gateway", cluster, set("ada", true));
    expect(fixture.code("gateway", cluster, set("ada", false))).to.equal("FORBIDDEN");
    fixture.ok("gateway", cluster, set("bob", true));
    expect(fixture.code("gateway", cluster, set("ada", false)), "the last owner").to.equal("FORBIDDEN");
    fixture.ok("gateway", cluster, { type: "setRoles", user: "bob", roles: ["owner"] });
    fixture.ok("gateway", cluster, set("ada", false));
    expect([isAdmin(fixture, "ada"), isAdmin(fixture, "bob")]).to.deep.equal([false, true]);
    expect(view(fixture).admins).to.deep.equal(["bob"]);
  });

  it("knows who has been an admin for a day without a break, by its own clock and through a crash", () => {
    const fixture = fixtureWith("ada", "bob");
    const set = (user: string, roles: readonly string[]) =>
      fixture.ok("gateway", cluster, { type: "setRoles", user, roles });
    const second = () => view(fixture).secondAdmins;
    set("ada", ["owner"]);
    fixture.pass(1_000);
    set("bob", ["admin"]);
    expect(second()).to.deep.equal([]);
    fixture.pass(wireLimits.secondAdminMs - 1_000);
    expect(second()).to.deep.equal(["ada"]);
    set("bob", ["owner"]);
    fixture.crash(cluster);
    fixture.pass(1_000);
    expect(second(), "another role of admins is no break").to.deep.equal(["ada", "bob"]);
    set("bob", ["member"]);
    set("bob", ["admin"]);
    expect(second(), "given again").to.deep.equal(["ada"]);
  });

  it("takes whom an older version made an admin for a new one, from when it first sees them", () => {
    const written = { type: "adminSet", user: "bob", admin: true, mail: [] } as const;
    const state = roleManager.evolve(roleManager.initial("cluster"), written);
    const at = (nowMs: number) => {
      const turn = { from: "gateway", self: cluster, key: "cluster", nowMs, notes: undefined } as unknown as Parameters<
        typeof roleManager.decide
      >[2];
      return roleManager.decide(state, { type: "describe" }, turn);
    };
    const seconds = (effects: ReturnType<typeof at>) =>
      effects.flatMap((effect) => (effect.type === "reply" ? (effect.value as ClusterView).secondAdmins : []));
    const day = wireLimits.secondAdminMs;
    const seen = at(5 * day);
    expect(seconds(seen)).to.deep.equal([]);
    const kept = seen.flatMap((effect) => (effect.type === "persist" ? [effect.event] : []));
    expect(kept).to.have.length(1);
    const known = kept.reduce((held, one) => roleManager.evolve(held, one), state);
    expect(known.adminsSince).to.deep.equal({ bob: 5 * day });
  });

  it("gives roles, says who has them, and tells the user", () => {
    const fixture = fixtureWith("ada", "bob", "eve");
    const rolesOf = (user: string) => fixture.ok<UserView>(`user/${user}`, `user/${user}`, { type: "describe" }).roles;
    const people = (more: object = {}) => fixture.ok<PeoplePage>("gateway", cluster, { type: "people", ...more });
    const set = (user: string, roles: readonly string[], before?: readonly string[]) => ({
      type: "setRoles",
      user,
      roles,
      ...(before && { before }),
    });
    expect(rolesOf("bob")).to.deep.equal(["member"]);
    fixture.ok("gateway", cluster, { type: "setAdmin", user: "ada", admin: true });
    expect(rolesOf("ada"), "the first admin owns the cluster").to.deep.equal(["owner"]);
    fixture.ok("gateway", cluster, set("bob", ["moderator", "support"], ["member"]));
    fixture.ok("gateway", cluster, set("eve", ["guest"]));
    expect([rolesOf("bob"), rolesOf("eve"), isAdmin(fixture, "bob")]).to.deep.equal([
      ["moderator", "support"],
      ["guest"],
      false,
    ]);
    expect(people().people.map(({ user, roles }) => [user, ...roles])).to.deep.equal([
      ["ada", "owner"],
      ["bob", "moderator", "support"],
      ["eve", "guest"],
    ]);
    expect(people({ after: "ada", limit: 1 }))
      .to.deep.include({ more: true })
      .and.property("people")
      .with.length(1);
    expect(people({ user: "nobody" }).people).to.deep.equal([{ user: "nobody", roles: ["member"], admin: false }]);
    expect(fixture.code("gateway", cluster, set("bob", ["admin"], ["member"])), "changed meanwhile").to.equal(
      "CHANGED_MEANWHILE",
    );
    expect(fixture.code("gateway", cluster, set("ghost", ["guest"]))).to.equal("NOT_FOUND");
    fixture.crash(cluster);
    // An older gateway makes admins without a word of roles; they keep what they had.
    fixture.ok("gateway", cluster, { type: "setAdmin", user: "bob", admin: true });
    expect(rolesOf("bob")).to.deep.equal(["moderator", "support", "admin"]);
    fixture.ok("gateway", cluster, set("bob", []));
    expect([rolesOf("bob"), people().people.length]).to.deep.equal([["member"], 2]);
    expect(fixture.code("gateway", cluster, set("ada", ["admin"]))).to.equal("FORBIDDEN");
    expect(fixture.code("user/ada", cluster, set("bob", ["admin"]))).to.equal("FORBIDDEN");
  });

  it("of a cluster of before makes the first admin the owner when a node starts", () => {
    const event = (user: string, admin = true) => ({ type: "adminSet", user, admin, mail: [] }) as const;
    const evolve = (state: ClusterState, change: ClusterChange): ClusterState => roleManager.evolve(state, change);
    const before = [event("ada"), event("bob"), event("eve")].reduce(evolve, roleManager.initial("cluster"));
    expect(before.admins).to.deep.equal(["ada", "bob", "eve"]);
    const turn = { self: cluster, key: "cluster", from: "node", nowMs: 1 } as never;
    const effects = roleManager.decide(before, started("n1") as never, turn);
    const changes = effects.flatMap((effect) => (effect.type === "persist" ? [effect.event] : []));
    expect(changes).to.deep.include({
      type: "adminSet",
      user: "ada",
      admin: true,
      roles: ["owner"],
      mail: [{ to: "user/ada", message: { type: "setAdmin", admin: true, roles: ["owner"] } }],
      atMs: 1,
    });
    const after = changes.reduce(evolve, before);
    const again = roleManager.decide(after, started("n2") as never, turn);
    expect(again.filter((effect) => effect.type === "persist")).to.have.length(1);
    // An older version ends it without a word of roles: then the next one owns the cluster.
    const without = evolve(after, event("ada", false));
    expect(without.admins).to.deep.equal(["bob", "eve"]);
    expect(JSON.stringify(roleManager.decide(without, started("n3") as never, turn))).to.include(
      `"user":"bob","admin":true,"roles":["owner"]`,
    );
  });

  it("tells a user who cannot be reached later, and in order", () => {
    const fixture = fixtureWith("ada", "bob");
    fixture.ok("gateway", cluster, { type: "setAdmin", user: "ada", admin: true });
    const answer = fixture.begin("gateway", cluster, { type: "setAdmin", user: "bob", admin: true });
    while (answer() === undefined) fixture.step();
    fixture.cutOff("user/bob");
    fixture.ok("gateway", cluster, { type: "setAdmin", user: "bob", admin: false });
    fixture.crash(cluster);
    fixture.pass(5_000);
    expect(fixture.isPending(cluster)).to.equal(true);
    fixture.reach("user/bob");
    fixture.pass(600_000);
    expect(isAdmin(fixture, "bob")).to.equal(false);
    expect([fixture.isPending(cluster), fixture.reminders(cluster)]).to.deep.equal([false, []]);
    const told = fixture
      .stream("user/bob")
      .slice(1)
      .map(({ event }) => (event["view"] as { admin: boolean }).admin);
    expect(told).to.deep.equal([true, false]);
  });

  it("remembers a bounded number of nodes, the running ones first", () => {
    const fixture = new Fixture();
    fixture.ok("node", cluster, started("first"));
    for (let index = 1; index < actorLimits.nodesMax; index += 1) fixture.begin("node", cluster, started(`n${index}`));
    fixture.settle();
    fixture.ok("node", cluster, { type: "nodeStopped", node: "n7" });
    fixture.ok("node", cluster, started("late"));
    const names = (): readonly string[] => view(fixture).nodes.map(({ node }) => node);
    expect(names()).to.have.length(actorLimits.nodesMax);
    expect(names()).to.include("first").and.include("late").and.not.include("n7");
    fixture.ok("node", cluster, started("later"));
    expect(names()).to.not.include("first");
  });

  it("tells the people of an entry, and admins, each once; nobody else may tell them", () => {
    const fixture = fixtureWith("ada", "bob", "cat");
    const cluster = "role-manager/cluster";
    fixture.ok("node", cluster, { type: "nodeStarted", node: "n1", roles: ["manager"], models: [], labels: {}, adminCodeHash: "h" });
    fixture.ok("gateway", cluster, { type: "claimAdmin", user: "cat", codeHash: "h" });
    const facts = { budget: "daily", spent: "850" };
    const entry = (people: readonly string[], admins: boolean) => ({ type: "audit", action: "budgetWarned", by: "n1", facts, tell: { people, admins } });
    fixture.ok("node", cluster, entry(["ada", "nobody", "cat"], true));
    fixture.ok("node", cluster, entry(["ada"], false));
    const noticesOf = (user: string) => fixture.ok<UserView>(`user/${user}`, `user/${user}`, { type: "describe" }).notices;
    expect(noticesOf("ada")).to.have.length(2);
    expect(noticesOf("ada")?.[0]).to.deep.include({ action: "budgetWarned", facts });
    expect([noticesOf("cat")?.length, noticesOf("bob")]).to.deep.equal([1, undefined]);
    for (const from of ["user/ada", "room/lobby", "gateway", "node"] as const)
      expect(fixture.code(from, "user/bob", { type: "notify", action: "x", facts: {}, atMs: 1 }), from).to.equal("FORBIDDEN");
    for (let index = 0; index < actorLimits.noticesKept; index += 1) fixture.ok("node", cluster, entry(["bob"], false));
    fixture.ok("node", cluster, { ...entry(["bob"], false), action: "budgetUsedUp" });
    const kept = noticesOf("bob");
    expect([kept?.length, kept?.at(-1)?.action]).to.deep.equal([actorLimits.noticesKept, "budgetUsedUp"]);
  }); // prettier-ignore

  it("remembers what was done to the cluster, the newest of it, through a crash", () => {
    const fixture = new Fixture();
    const done = (index: number) => ({ type: "audit", action: "move", by: "ada", facts: { slot: `chat/${index}` } });
    const page = (more: object = {}): AuditPage => fixture.ok("gateway", cluster, { type: "auditPage", ...more });
    expect(page()).to.deep.equal({ entries: [], more: false });
    expect(fixture.ok("node", cluster, done(1))).to.deep.equal({ seq: 1 });
    const first = { seq: 1, atMs: fixture.nowMs, action: "move", by: "ada", facts: { slot: "chat/1" } };
    expect(page()).to.deep.equal({ entries: [first], more: false });
    for (let index = 2; index <= 5; index += 1) fixture.ok("gateway", cluster, done(index));
    fixture.crash(cluster);
    const newest = page({ limit: 2 });
    expect([newest.entries.map(({ seq }) => seq), newest.more]).to.deep.equal([[5, 4], true]);
    const older = page({ limit: 3, before: 4 });
    expect([older.entries.map(({ seq }) => seq), older.more]).to.deep.equal([[3, 2, 1], false]);
    for (let index = 6; index <= actorLimits.auditEntriesMax + 3; index += 1)
      fixture.begin("node", cluster, done(index));
    fixture.settle();
    expect(fixture.records(cluster, "audit/")).to.have.length(actorLimits.auditEntriesMax);
    expect(page({ limit: 10, before: 8 }).entries.map(({ seq }) => seq)).to.deep.equal([7, 6, 5, 4]);
    for (const command of [done(1), { type: "auditPage" }])
      expect(fixture.code("user/ada", cluster, command)).to.equal("FORBIDDEN");
  });

  it("ignores signals that mean nothing to it, and refuses when too much is undelivered", () => {
    const state = roleManager.initial("cluster");
    const turn = { self: cluster, key: "cluster", nowMs: 0, from: "gateway", notes: undefined } as const;
    expect(
      roleManager.decide(state, { type: "answered", tag: undefined, result: { ok: true, value: 1 } }, turn),
    ).to.deep.equal([]);
    expect(roleManager.decide(state, { type: "records", tag: undefined, records: [] }, turn)).to.deep.equal([]);
    expect(roleManager.decide(state, { type: "reminded", id: "x", dueMs: 0 }, turn)).to.deep.equal([
      { type: "forget", id: "x" },
    ]);
    const entries = Array.from({ length: actorLimits.outboxEntriesMax }, (_, id) => ({
      id,
      to: "user/x" as const,
      message: { type: "x" },
    }));
    const full = { ...state, adminCodeHash: "h", outbox: { next: 1, entries } };
    expect(roleManager.decide(full, claim("ada", "h") as never, turn)).to.have.nested.property(
      "[0].code",
      "OVERLOADED",
    );
  });
});
