import { expect } from "chai";
import { slotOf, type ActorDetail, type ActorPage, type AuditPage } from "../../../protocols/index.ts";
import { ClusterProcesses, manager, worker } from "../../fixtures/processes/cluster-processes.ts";
import { healthy, until } from "../../fixtures/processes/cluster-waits.ts";

const people = ["ada", "bob", "cy", "dee", "eve", "flo", "gus", "hal"] as const;

describe("what an admin sees of a cluster of real processes", () => {
  it("is the whole of it at any node, and says when it is not", async function () {
    await using cluster = await ClusterProcesses.start([
      { name: "manager", roles: "manager,chat,gateway" },
      { name: "one", roles: "chat,gateway" },
      { name: "two", roles: "chat,gateway" },
    ]);
    const [manager, one, two] = [cluster.named("manager"), cluster.named("one"), cluster.named("two")];
    for (const name of people) await manager.signUp(name);
    const list = async (at = one): Promise<ActorPage> =>
      (await cluster.admin("GET", "/api/v1/admin/actors?kind=user", undefined, at)) as ActorPage;

    // Slots move while nodes join, and what moves may be missing for a moment.
    const everybody = await until("everybody is listed", async () => {
      const page = await list();
      expect(page.rows.map(({ actor }) => actor)).to.deep.equal(people.map((name) => `user/${name}`));
      return page;
    });
    expect(everybody).to.not.have.property("unanswered");
    for (const node of [manager, one, two]) {
      const shown = (await cluster.admin("GET", "/api/v1/admin/actors/user/gus", undefined, node)) as ActorDetail;
      expect(shown)
        .to.include({ actor: "user/gus" })
        .and.to.have.property("node")
        .that.is.oneOf(["manager", "one", "two"]);
      const released = await node.http("POST", "/api/v1/admin/actors/user/gus/release", {}, await node.controlToken());
      expect(released.body).to.have.nested.property("error.code", "ALREADY_DONE");
    }

    await cluster.admin("POST", "/api/v1/admin/cluster/actors/user/ada/move", { to: "manager" }, two);
    await cluster.admin("POST", "/api/v1/admin/cluster/actors/user/bob/move", { to: "one" }, two);
    const moved = await list(two);
    expect(moved.rows.slice(0, 2).map(({ node }) => node)).to.deep.equal(["manager", "one"]);
    const audit = await until("the move is in the audit", async () => {
      const page = (await cluster.admin("GET", "/api/v1/admin/cluster/audit", undefined, two)) as AuditPage;
      expect(page.entries.filter(({ action }) => action === "move")).to.have.length(2);
      return page;
    });
    const told = audit.entries.map(({ action, by, facts }) => `${action} ${by} ${facts["name"] ?? ""}`.trim());
    expect(told.slice(0, 2)).to.deep.equal(["move operator one", "move operator manager"]);
    expect(told.slice(2)).to.have.members(["join two two", "join one one", "invite operator", "invite operator"]);
    // Each came by an invitation of its own.
    const invitations = (what: string) =>
      audit.entries.filter(({ action }) => action === what).map(({ facts }) => facts["invitation"]);
    expect(invitations("join")).to.have.members(invitations("invite"));
    expect(new Set(invitations("join"))).to.have.property("size", 2);

    // It decides about failover: while it is away, nobody takes over what it has.
    manager.signal("SIGSTOP");
    try {
      // Another may be late once, too, on a machine that is busy.
      const part = await until("only the actors of the manager are missing", async () => {
        const rows = await list();
        expect(rows.unanswered).to.deep.equal(["manager"]);
        return rows;
      });
      expect(part.rows.map(({ actor }) => actor))
        .to.include("user/bob")
        .and.to.not.include("user/ada");
      const away = await one.http("GET", "/api/v1/admin/actors/user/ada", undefined, await one.controlToken());
      expect(away.body).to.have.nested.property("error.code").that.is.oneOf(["SLOT_UNAVAILABLE", "PEER_LOST"]);
      expect(away.body).to.have.nested.property("error.details.node");
    } finally {
      manager.signal("SIGCONT");
    }
    await until("it answers again", async () => expect(await list()).to.not.have.property("unanswered"));
  });
});

describe("a cluster of real processes whose only manager is dead", () => {
  it("says soon that it cannot make what is new, goes on with the rest, and makes it when the manager is back", async function () {
    await using cluster = await ClusterProcesses.start([manager, worker("one"), worker("two")]);
    const one = cluster.named("one");
    const token = await cluster.first.signUp("ada");
    await healthy(cluster, "before the manager dies");
    await until("it is known that there is an admin", async () => {
      const { body } = await one.http("GET", "/api/v1/setup");
      expect(body).to.include({ adminNeeded: false });
    });
    const keeper = (await cluster.members()).find(({ directory }) => directory)?.node ?? "";
    await until("the manager's node has no copy of what the others own", async () => {
      const held = (await cluster.slots()).filter(({ owner, inSync }) => owner !== keeper && inSync.includes(keeper));
      expect(held).to.deep.equal([]);
    });
    await until("what was slow at the start is over", async () =>
      expect((await one.http("GET", "/readyz")).status).to.equal(200),
    );
    const used = new Set((await cluster.slots()).map(({ slot }) => slot));
    /** Keys in slots of their own that nobody has used. */
    const unused = Array.from({ length: 100 }, (_, number) => `new-${number}`).filter((key) => {
      const slots = [slotOf("chat", `user/${key}`), slotOf("chat", `room/${key}`)];
      const fresh = slots.every((slot) => !used.has(slot));
      for (const slot of slots) used.add(slot);
      return fresh;
    });
    await cluster.first.end("SIGKILL");

    /** Not with the end of the command's own time, which would be ASK_TIMEOUT: after the patience with a directory that
     *  is away. */
    const refusedSoon = async (method: string, path: string, body?: unknown, by?: string): Promise<void> => {
      const answer = await one.http(method, path, body, by);
      expect(answer.body, path).to.have.nested.property("error.code", "DIRECTORY_AWAY");
      expect(answer.body, path).to.have.nested.property("error.outcome", "not_started");
    };
    // Enough that each of the two would be the first owner of some.
    const tried = unused.slice(0, 4).map((name) => ({ name, password: `password of ${name}` }));
    await Promise.all(
      tried.flatMap((account) => [
        refusedSoon("POST", "/api/v1/sign-in", account),
        refusedSoon("POST", "/api/v1/sign-up", account),
        refusedSoon("POST", "/api/v1/rooms", { room: account.name }, token),
      ]),
    );
    // What was done until then is read from the copy at the asked node, which the answer names.
    const audit = await one.http("GET", "/api/v1/admin/cluster/audit", undefined, await one.controlToken());
    expect(audit.status, JSON.stringify(audit.body)).to.equal(200);
    expect(audit.body).to.have.property("copyAt");
    const ada = { name: "ada", password: "password of ada" };
    expect((await one.http("POST", "/api/v1/sign-in", ada)).status).to.equal(200);
    // On a busy machine the two may lose sight of each other for a moment; what nobody owns yet would never be ready.
    await until("what nobody owns yet is none of its slots", async () => {
      const ready = await one.http("GET", "/readyz");
      expect(ready.status, JSON.stringify(ready.body)).to.equal(200);
    });

    await cluster.first.start();
    for (const account of tried) expect((await one.http("POST", "/api/v1/sign-up", account)).status).to.equal(200);
  });
});

describe("a cluster of real processes that asks for two copies in sync", () => {
  it("begins with a node that waits for a second one, and drains no copy that writes need", async function () {
    const flags = ["--min-in-sync", "2"];
    await using cluster = await ClusterProcesses.start([{ name: "manager", roles: "manager,chat,gateway", flags }]);
    const early = { name: "ada", password: "password of ada", adminCode: cluster.first.adminCode };
    const refusal = await cluster.first.http("POST", "/api/v1/sign-up", early);
    expect(refusal.body).to.have.nested.property("error.outcome", "not_started");

    await cluster.add({ name: "one", roles: "chat,gateway", flags });
    const token = await until("the admin code counts", () => cluster.first.signUp("ada"));
    const room = await cluster.first.http("POST", "/api/v1/rooms", { room: "den", title: "Den" }, token);
    expect(room.body).to.include({ room: "den" });

    await healthy(cluster, "before the drain");
    await cluster.admin("PUT", "/api/v1/admin/cluster/nodes/one/draining", { draining: true });
    // A new owner goes on without a copy that is slow to answer, and takes it in again.
    await until("it owns nothing any more, and has a copy of all that was there", async () => {
      const one = (await cluster.members()).find(({ name }) => name === "one");
      expect(one).to.include({ state: "draining", slotsOwned: 0 });
      for (const { slot, inSync } of await cluster.slots()) expect(inSync, slot).to.have.length(2);
    });
    const post = await cluster.first.http("POST", "/api/v1/rooms/den/messages", { text: "still here" }, token);
    expect(post.body).to.include({ seq: 1 });
    // What is new gets its second copy from the one that drains.
    for (const room of ["nook", "attic", "cellar"]) {
      const made = await cluster.first.http("POST", "/api/v1/rooms", { room, title: room }, token);
      expect(made.body).to.include({ room });
    }
  });
});
