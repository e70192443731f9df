import { expect } from "chai";
import type { AuditEvent, GroupsView } from "../../../protocols/index.ts";
import { untilTrue } from "../../waits.ts";
import { startFixture, type Fixture } from "./fixture.ts";

describe("gateway: groups that can be mentioned", () => {
  const written: AuditEvent[] = [];
  let fixture: Fixture;
  let ada: string, bob: string;
  before(async () => {
    fixture = await startFixture({ audit: { write: async (event) => void written.push(event) } });
    ada = (await fixture.signUp("ada")).token;
    bob = (await fixture.signUp("bob")).token;
  });
  after(() => fixture.stop());

  const put = (token: string, group: string, body: object) =>
    fixture.request("PUT", `/api/v1/admin/groups/${group}`, { token, body });
  const codeOf = ({ body }: { readonly body: unknown }) => (body as { error?: { code: string } }).error?.code;

  it("are made by people with the permission, under no account's name, and seen by everybody", async () => {
    const ops = { title: "Operations", members: ["bob"] };
    expect(codeOf(await put(bob, "ops", ops))).to.equal("FORBIDDEN");
    expect(codeOf(await put(ada, "bob", ops))).to.equal("NAME_TAKEN");
    expect(codeOf(await put(ada, "Ops", ops))).to.equal("BAD_REQUEST");
    expect((await put(ada, "ops", { ...ops, seen: null })).body).to.deep.equal({ group: "ops", ...ops });
    expect(codeOf(await put(ada, "ops", { title: "Other", members: [], seen: null }))).to.equal("CHANGED_MEANWHILE");
    const { body } = await fixture.request("GET", "/api/v1/groups", { token: bob });
    expect((body as GroupsView).groups).to.deep.equal([{ group: "ops", ...ops }]);
    await put(ada, "ops", { title: "Operations", members: ["ada", "bob"], seen: ops });
    const entry = written.findLast(({ action, outcome }) => action === "setGroup" && outcome === "done");
    expect(entry).to.deep.include({ by: "user/ada", target: "group/ops" });
    expect(entry?.facts).to.include({ "before.members": "bob", "after.members": "ada,bob" });
  });

  it("are changed under their name also where an account has it since, which nobody gets by signing up", async () => {
    const night = { title: "Night shift", members: ["bob"] };
    expect((await put(ada, "night", night)).body).to.include({ group: "night" });
    const signUp = { name: "night", password: "long enough" };
    expect(codeOf(await fixture.request("POST", "/api/v1/sign-up", { body: signUp }))).to.equal("NAME_TAKEN");
    const ask = (message: { readonly type: string; readonly [field: string]: unknown }) =>
      fixture.kernel.ask({ to: "groups/cluster", from: "gateway", message, timeoutMs: 10_000 });
    expect(await ask({ type: "remove", group: "night" })).to.include({ ok: true });
    expect((await fixture.request("POST", "/api/v1/sign-up", { body: signUp })).status).to.equal(200);
    expect(codeOf(await put(ada, "night", night))).to.equal("NAME_TAKEN");
    // An older node let an account have it.
    await ask({ type: "set", group: "night", ...night });
    expect((await put(ada, "night", { ...night, members: ["ada"] })).status).to.equal(200);
  });

  it("mention those of them who are in a room, and are removed", async () => {
    await fixture.request("POST", "/api/v1/rooms", { token: ada, body: { room: "lobby" } });
    await fixture.request("POST", "/api/v1/rooms/lobby/join", { token: bob, body: {} });
    await fixture.request("POST", "/api/v1/rooms/lobby/messages", { token: ada, body: { text: "@ops look" } });
    const summary = () => fixture.request("GET", "/api/v1/rooms/lobby/summary", { token: bob });
    await untilTrue("bob is mentioned", async () => (await summary()).body["mentioned"] === true);
    expect(codeOf(await fixture.request("DELETE", "/api/v1/admin/groups/ops", { token: bob }))).to.equal("FORBIDDEN");
    expect((await fixture.request("DELETE", "/api/v1/admin/groups/ops", { token: ada })).body).to.include({
      group: "ops",
    });
    expect(codeOf(await fixture.request("DELETE", "/api/v1/admin/groups/ops", { token: ada }))).to.equal("NOT_FOUND");
  });
});
