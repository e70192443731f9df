import { expect } from "chai";
import { controlToken, startFixture, type Fixture } from "./fixture.ts";

describe("gateway: roles", () => {
  let fixture: Fixture;
  const tokens: Record<string, string> = {};
  const admin = (by: string, method: string, path: string, body?: unknown) =>
    fixture.request(method, `/api/v1/admin${path}`, {
      token: tokens[by] as string,
      ...(body !== undefined && { body }),
    });
  const give = (by: string, user: string, ...roles: string[]) => admin(by, "PUT", `/users/${user}/roles`, { roles });
  const code = (reply: { body: { error?: { code: string } } }) => reply.body.error?.code ?? "ok";

  before(async () => {
    fixture = await startFixture({ labels: () => ({ zone: "a" }) });
    for (const name of ["ada", "bob", "eve", "mod"]) tokens[name] = (await fixture.signUp(name)).token;
    tokens["operator"] = controlToken;
  });
  after(() => fixture.stop());

  it("are given by who has them, and never more than that", async () => {
    expect(code(await give("ada", "bob", "admin"))).to.equal("ok");
    expect(code(await give("ada", "mod", "moderator"))).to.equal("ok");
    expect(code(await give("bob", "eve", "owner")), "an admin makes no owner").to.equal("FORBIDDEN");
    expect(code(await give("bob", "bob", "owner")), "least of all of themselves").to.equal("FORBIDDEN");
    expect(code(await give("bob", "ada", "member")), "nor unmakes one").to.equal("FORBIDDEN");
    expect(code(await admin("bob", "PUT", "/users/ada", { admin: false }))).to.equal("FORBIDDEN");
    expect(code(await give("mod", "eve", "moderator")), "a moderator gives no roles").to.equal("FORBIDDEN");
    expect(code(await give("ada", "ada", "member")), "the last owner stays").to.equal("FORBIDDEN");
    expect(code(await give("ada", "eve", "nosuch"))).to.equal("NOT_FOUND");
    const { body } = await admin("mod", "GET", "/users");
    expect(body.people).to.deep.equal([
      { user: "ada", roles: ["owner"] },
      { user: "bob", roles: ["admin"] },
      { user: "mod", roles: ["moderator"] },
    ]);
  });

  it("of a person or a role that somebody else has changed meanwhile are not overwritten", async () => {
    const set = (seen: readonly string[], ...roles: string[]) =>
      admin("ada", "PUT", "/users/eve/roles", { roles, seen });
    expect(code(await set(["member"], "member", "moderator"))).to.equal("ok");
    const late = await set(["member"], "member", "guest");
    expect(late.status).to.equal(409);
    expect(late.body.error).to.deep.include({
      code: "CHANGED_MEANWHILE",
      details: { user: "eve", now: ["member", "moderator"] },
    });
    expect(code(await set(["member"], "member", "moderator")), "its own write, sent again").to.equal("ok");
    expect(code(await set(["moderator", "member"], "member"))).to.equal("ok");

    const grants = [{ permission: "cluster.see" }];
    const setRole = (more: object) => admin("ada", "PUT", "/roles/viewer", { grants, ...more });
    expect(code(await setRole({ seen: { grants } })), "there is none").to.equal("CHANGED_MEANWHILE");
    expect(code(await setRole({ seen: null }))).to.equal("ok");
    expect(fixture.settings.clusterRoles?.current()).to.deep.equal([{ name: "viewer", grants }]);
    const details = { role: "viewer", now: grants, note: "" };
    expect(code(await setRole({ seen: null })), "its own write, sent again").to.equal("ok");
    const others = [{ permission: "alerts.read" }];
    const another = await setRole({ seen: null, grants: others });
    expect(another.body.error).to.deep.include({ code: "CHANGED_MEANWHILE", details });
    expect(code(await setRole({ seen: { grants }, note: "Looks" }))).to.equal("ok");
    expect(code(await setRole({ seen: { grants, note: "" }, note: "Sees" })), "its note is another").to.equal(
      "CHANGED_MEANWHILE",
    );
    expect(code(await admin("ada", "DELETE", "/roles/viewer"))).to.equal("ok");
  });

  it("of people who are named are one question", async () => {
    const among = async (names: string) => (await admin("ada", "GET", `/users?among=${names}`)).body;
    expect(await among("bob,eve,nobody")).to.deep.equal({ people: [{ user: "bob", roles: ["admin"] }], more: false });
    expect((await among(Array.from({ length: 101 }, (_, at) => `p${at}`).join(","))).error.code).to.equal(
      "BAD_REQUEST",
    );
  });

  it("of the cluster's own grant what their row says, at once", async () => {
    const grants = [{ permission: "cluster.see", when: { labels: { zone: "a" } } }];
    expect(code(await admin("bob", "PUT", "/roles/watcher", { grants }))).to.equal("ok");
    expect(code(await give("bob", "eve", "member", "watcher"))).to.equal("ok");
    expect(code(await admin("eve", "GET", "/status"))).to.equal("ok");
    expect(code(await admin("eve", "PUT", "/users/eve/roles", { roles: ["admin"] }))).to.equal("FORBIDDEN");
    const elsewhere = [{ permission: "cluster.see", when: { labels: { zone: "b" } } }];
    await admin("operator", "PUT", "/roles/watcher", { grants: elsewhere });
    expect(code(await admin("eve", "GET", "/status"))).to.equal("FORBIDDEN");
    await admin("bob", "PUT", "/roles/watcher", {
      grants: [{ permission: "cluster.see", when: { addresses: ["127.0.0.0/8", "::1"] } }],
    });
    expect(code(await admin("eve", "GET", "/status"))).to.equal("ok");
    await admin("bob", "PUT", "/roles/watcher", {
      grants: [{ permission: "cluster.see", when: { addresses: ["10.0.0.0/8"] } }],
    });
    expect(code(await admin("eve", "GET", "/status"))).to.equal("FORBIDDEN");
    expect(code(await admin("bob", "DELETE", "/roles/watcher"))).to.equal("ok");
    expect(code(await admin("bob", "DELETE", "/roles/watcher"))).to.equal("NOT_FOUND");
  });

  it("without the right to read tell of activity in a room nothing of what was written, at once", async () => {
    const [author, reader] = [
      await fixture.connect(tokens["ada"] as string),
      await fixture.connect(tokens["eve"] as string),
    ];
    await author.ask("room.create", "vault", {});
    await reader.ask("room.join", "vault");
    await reader.ask("user.setNotifications", "eve", { keywords: ["secret"] });
    await reader.ask("subscribe", "user/eve");
    await reader.ask("watch");
    const told = async (): Promise<object> => {
      await author.ask("room.post", "vault", { text: "@eve a secret", topic: "Plans" });
      const { activity } = await reader.next((frame) => frame.activity !== undefined);
      const { room: _room, seq: _seq, ...rest } = activity;
      return rest;
    };
    const all = { author: "user/ada", mentioned: true, keyword: true, text: "@eve a secret", topic: "Plans" };
    expect(await told()).to.deep.equal(all);
    await admin("ada", "PUT", "/roles/deaf", { grants: [{ permission: "account.use" }] });
    await give("ada", "eve", "deaf");
    await reader.next((frame) => frame.event?.type === "profileSet");
    expect(await told(), "may not read").to.deep.equal({ author: "user/ada", mentioned: true });
    const from = (range: string) => [{ permission: "room.read", when: { addresses: [range] } }];
    await admin("ada", "PUT", "/roles/deaf", { grants: from("10.0.0.0/8") });
    expect(await told(), "may read elsewhere").to.deep.equal({ author: "user/ada", mentioned: true });
    await admin("ada", "PUT", "/roles/deaf", { grants: [...from("127.0.0.0/8"), ...from("::1")] });
    expect(await told(), "may read here").to.deep.equal(all);
    await give("ada", "eve", "member");
    await admin("ada", "DELETE", "/roles/deaf");
  });

  it("cannot be set beyond what the asker has, nor to what cannot be", async () => {
    const set = (by: string, role: string, grants: unknown) => admin(by, "PUT", `/roles/${role}`, { grants });
    expect(code(await set("bob", "heir", [{ permission: "cluster.own" }]))).to.equal("FORBIDDEN");
    expect(code(await set("ada", "admin", []))).to.equal("FORBIDDEN");
    expect(code(await set("ada", "owner", []))).to.equal("FORBIDDEN");
    expect(code(await set("ada", "x", [{ permission: "room.dance" }]))).to.equal("BAD_REQUEST");
    expect(code(await set("ada", "x", [{ permission: "room.post", when: {} }]))).to.equal("BAD_REQUEST");
    expect(code(await set("ada", "x", [{ permission: "room.post", when: { addresses: ["10.0.0.0/33"] } }]))).to.equal(
      "BAD_REQUEST",
    );
    expect(code(await set("mod", "x", []))).to.equal("FORBIDDEN");
  });

  it("are felt by open connections: what is not allowed any more is refused, and what is followed ends", async () => {
    await fixture.request("POST", "/api/v1/rooms", {
      token: tokens["eve"] as string,
      body: { room: "den", visibility: "public" },
    });
    const client = await fixture.connect(tokens["eve"] as string);
    expect((await client.ask("subscribe", "room/den")).error).to.equal(undefined);
    expect((await client.ask("room.post", "den", { text: "hi" })).error).to.equal(undefined);
    await admin("ada", "PUT", "/roles/mute", { grants: [{ permission: "account.use" }] });
    await give("ada", "eve", "mute");
    await client.next((frame) => frame.lost !== undefined && frame.topic === "room/den");
    expect((await client.ask("room.post", "den", { text: "hi" })).error?.code).to.equal("FORBIDDEN");
    expect((await client.ask("subscribe", "room/den")).error?.code).to.equal("FORBIDDEN");
    expect((await client.ask("user.describe")).ok).to.deep.include({ roles: ["mute"] });
    await give("ada", "eve", "member");
  });

  it("let people be signed out, but nobody who may do more", async () => {
    const client = await fixture.connect(tokens["eve"] as string);
    expect(code(await admin("mod", "DELETE", "/users/bob/sessions")), "bob is an admin").to.equal("FORBIDDEN");
    const { body } = await admin("mod", "GET", "/users/eve/sessions");
    expect(body.sessions).to.have.length(1);
    expect(code(await admin("mod", "DELETE", `/users/eve/sessions/${body.sessions[0].id}`))).to.equal("ok");
    await client.closed;
    expect(code(await fixture.request("GET", "/api/v1/me", { token: tokens["eve"] as string }))).to.equal(
      "UNAUTHENTICATED",
    );
  });
});
