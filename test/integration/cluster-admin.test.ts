import { expect } from "chai";
import type { ActorDetail, ActorPage, AuditPage } from "../../protocols/index.ts";
import { ClusterProcesses } from "./cluster-processes.ts";
import { until } from "./cluster-waits.ts";

const people = ["ada", "bob", "cy", "dee", "eve", "flo", "gus", "hal"] as const;

describe("what an admin sees of a cluster of real processes", () => {
  it("is the whole of it at any node, and says when it is not", async function () {
    this.timeout(120_000);
    await using cluster = await ClusterProcesses.start([
      { name: "boss", roles: "manager,chat,gateway" },
      { name: "one", roles: "chat,gateway" },
      { name: "two", roles: "chat,gateway" },
    ]);
    const [boss, one, two] = [cluster.named("boss"), cluster.named("one"), cluster.named("two")];
    for (const name of people) await boss.signUp(name);
    const list = async (at = one): Promise<ActorPage> =>
      (await cluster.admin("GET", "/api/admin/actors?kind=user", undefined, at)) as ActorPage;

    // Slots move while nodes join, and what moves may be missing for a moment.
    const everybody = await until("everybody is listed", async () => {
      const page = await list();
      expect(page.rows.map(({ actor }) => actor)).to.deep.equal(people.map((name) => `user/${name}`));
      return page;
    });
    expect(everybody).to.not.have.property("unanswered");
    for (const node of [boss, one, two]) {
      const shown = (await cluster.admin("GET", "/api/admin/actors/user/gus", undefined, node)) as ActorDetail;
      expect(shown)
        .to.include({ actor: "user/gus" })
        .and.to.have.property("node")
        .that.is.oneOf(["boss", "one", "two"]);
      const released = await node.http("POST", "/api/admin/actors/user/gus/release", {}, await node.controlToken());
      expect(released.body).to.have.nested.property("error.code", "ALREADY_DONE");
    }

    await cluster.admin("POST", "/api/admin/cluster/actors/user/ada/move", { to: "boss" }, two);
    await cluster.admin("POST", "/api/admin/cluster/actors/user/bob/move", { to: "one" }, two);
    const moved = await list(two);
    expect(moved.rows.slice(0, 2).map(({ node }) => node)).to.deep.equal(["boss", "one"]);
    const audit = await until("the move is in the audit", async () => {
      const page = (await cluster.admin("GET", "/api/admin/cluster/audit", undefined, two)) as AuditPage;
      expect(page.entries.filter(({ action }) => action === "move")).to.have.length(2);
      return page;
    });
    const told = audit.entries.map(({ action, by, facts }) => `${action} ${by} ${facts["name"] ?? ""}`.trim());
    expect(told).to.deep.equal(["move operator one", "move operator boss", "join two two", "invite operator", "join one one", "invite operator"]); // prettier-ignore
    expect(audit.entries[2]?.facts["invitation"]).to.equal(audit.entries[3]?.facts["invitation"]);

    // It decides about failover: while it is away, nobody takes over what it has.
    boss.signal("SIGSTOP");
    try {
      const part = await list();
      expect(part.unanswered).to.deep.equal(["boss"]);
      expect(part.rows.map(({ actor }) => actor))
        .to.include("user/bob")
        .and.to.not.include("user/ada");
      const away = await one.http("GET", "/api/admin/actors/user/ada", undefined, await one.controlToken());
      expect(away.body).to.have.nested.property("error.code").that.is.oneOf(["SLOT_UNAVAILABLE", "PEER_LOST"]);
      expect(away.body).to.have.nested.property("error.details.node");
    } finally {
      boss.signal("SIGCONT");
    }
    await until("it answers again", async () => expect(await list()).to.not.have.property("unanswered"));
  });
});
