import { createHash } from "node:crypto";
import { expect } from "chai";
import fc from "fast-check";
import type { ActorBlobs } from "../../../node/ports/index.ts";
import { quotaName, quotasFor, type Later, type Quota } from "../../../protocols/index.ts";
import { png } from "../../fixtures/pictures.ts";
import { until } from "../../waits.ts";
import { startFixture, type Reply, type Fixture } from "./fixture.ts";

const quota = (role: string, measure: Quota["measure"], per: Quota["per"], limit: number): Quota => ({
  name: quotaName({ role, measure, per }),
  role,
  measure,
  per,
  limit,
});

describe("quotas of roles", () => {
  const role = fc.constantFrom("guest", "member", "helper");
  const rows = fc.uniqueArray(
    fc.tuple(role, fc.constantFrom("messages" as const, "bytes" as const), fc.constantFrom("day" as const, "month" as const), fc.nat(9)).map((row) => quota(...row)),
    { selector: ({ name }) => name },
  ); // prettier-ignore

  it("never give somebody with one role more a narrower quota, and count for who has a quota in each role", () => {
    fc.assert(
      fc.property(rows, fc.uniqueArray(role, { minLength: 1 }), (quotas, roles) => {
        for (const per of ["day", "month"] as const) {
          const own = quotasFor(quotas, roles, "messages").find((one) => one.per === per);
          const each = roles.map((one) => quotasFor(quotas, [one], "messages").find((found) => found.per === per));
          const widest = each.includes(undefined) ? undefined : Math.max(...each.map((one) => one?.limit ?? 0));
          expect(own?.limit).to.equal(widest);
        }
      }),
      { seed: 82 },
    );
  });

  it("are none for somebody without roles", () => {
    expect(quotasFor([quota("guest", "messages", "day", 1)], [], "messages")).to.deep.equal([]);
  });
});

/** Uploads begin here, and no byte of them is kept. */
const noBytes: ActorBlobs = {
  read: () => Promise.reject(new Error("nothing is read")),
  put: (_of, bytes, commit) => commit(createHash("sha256").update(bytes).digest("hex")),
  forget: () => Promise.resolve(),
};

describe("gateway: quotas", () => {
  let fixture: Fixture;
  let admin: string;
  let bob: string;
  before(async () => {
    fixture = await startFixture({ settleIntervalMs: 20, blobs: noBytes });
    admin = (await fixture.signUp("ada")).token;
    bob = (await fixture.signUp("bob")).token;
    for (const token of [admin, bob]) {
      await fixture.request("POST", "/api/v1/rooms", { token, body: { room: "hall" } });
      await fixture.request("POST", "/api/v1/rooms/hall/join", { token, body: {} });
    }
  });
  after(() => fixture.stop());

  const set = (path: string, limit: number, token = admin): Promise<Reply> =>
    fixture.request("PUT", `/api/v1/admin/quotas/${path}`, { token, body: { limit } });
  const remove = (path: string): Promise<Reply> =>
    fixture.request("DELETE", `/api/v1/admin/quotas/${path}`, { token: admin });
  const post = (token: string, text = "hello"): Promise<Reply> =>
    fixture.request("POST", "/api/v1/rooms/hall/messages", { token, body: { text } });

  it("are rows that admins set, list and remove, and nobody else", async () => {
    expect((await set("member/messages/day", 5, bob)).status).to.equal(403);
    expect((await set("member/coffee/day", 5)).body.error.code).to.equal("BAD_REQUEST");
    expect((await set("guest/bytes/month", 5)).body).to.include({ name: "guest.bytes.month", limit: 5 });
    const listed = await fixture.request("GET", "/api/v1/admin/quotas", { token: admin });
    expect(listed.body.quotas).to.deep.equal([quota("guest", "bytes", "month", 5)]);
    expect((await remove("guest/bytes/month")).body).to.include({ limit: 5 });
    expect((await remove("guest/bytes/month")).body.error.code).to.equal("NOT_FOUND");
  });

  it("let so many messages pass by any wire, say what is used and when it is free again, and count nothing that was refused", async () => {
    await set("member/messages/day", 4);
    expect((await post(bob, "")).status).to.equal(400);
    expect((await post(bob)).status).to.equal(200);
    const client = await fixture.connect(bob);
    const said = (id: number) => client.ask("room.post", "hall", { text: `hello ${id}` });
    const answers = await Promise.all([1, 2, 3, 4, 5].map(said));
    expect(answers.filter((one) => one.error === undefined)).to.have.length(3);
    const refused = await post(bob);
    expect(refused.status).to.equal(429);
    const { code, details } = refused.body.error as { code: string; details: Record<string, unknown> };
    expect(code).to.equal("QUOTA_EXCEEDED");
    expect(details).to.include({ quota: "member.messages.day", measure: "messages", limit: 4, per: "day" });
    // What this node has not told yet is not in it.
    expect(details["spent"]).to.be.within(3, 4);
    expect(details["resetsAt"]).to.match(/T00:00:00.000Z$/);
    // An owner has a role without a quota.
    for (let one = 0; one < 6; one += 1) expect((await post(admin)).status).to.equal(200);
    await remove("member/messages/day");
    expect((await post(bob)).status).to.equal(200);
  });

  it("count what an account sends later, and stop it, as what the roles allow by then does", async () => {
    const carol = (await fixture.signUp("carol")).token;
    await fixture.request("POST", "/api/v1/rooms/hall/join", { token: carol, body: {} });
    const schedule = async (text: string, inMs = 5_000): Promise<number> => {
      const body = { room: "hall", text, atMs: fixture.world.clock().nowMs() + inMs };
      const reply = await fixture.request("POST", "/api/v1/me/later/messages", { token: carol, body });
      expect(reply.status).to.equal(200);
      return reply.body.id as number;
    };
    const later = async (): Promise<readonly Later[]> =>
      (await fixture.request("GET", "/api/v1/me/later", { token: carol })).body.later as readonly Later[];
    const statusOf = async (id: number) => (await later()).find((one) => one.id === id);
    const gone = (id: number) => until("it is sent", async () => expect(await statusOf(id)).to.equal(undefined));
    const failed = (id: number) =>
      until("it is refused", async () => expect((await statusOf(id))?.status).to.equal("failed"));
    await set("member/messages/day", 2);
    await gone(await schedule("counted"));
    expect((await post(carol)).status).to.equal(200);
    const stopped = await schedule("too much");
    await failed(stopped);
    expect((await statusOf(stopped))?.failure).to.deep.equal({ code: "QUOTA_EXCEEDED" });
    expect((await post(carol)).status).to.equal(429);
    await remove("member/messages/day");
    await gone(await schedule("counted no more"));
    const narrowed = await schedule("not allowed", 40_000);
    const grants = [{ permission: "account.use" }, { permission: "room.read" }];
    const put = async (path: string, body: object): Promise<void> => {
      expect((await fixture.request("PUT", path, { token: admin, body })).status).to.equal(200);
    };
    await put("/api/v1/admin/roles/reader", { grants });
    await put("/api/v1/admin/users/carol/roles", { roles: ["reader"] });
    await failed(narrowed);
    expect((await statusOf(narrowed))?.failure).to.deep.include({ code: "FORBIDDEN" });
  });

  it("bound what people keep in files, before a byte comes, say so, and give back what is deleted", async () => {
    expect((await set("member/stored/day", 5)).body.error.code).to.equal("BAD_REQUEST");
    expect((await set("member/bytes/always", 5)).body.error.code).to.equal("BAD_REQUEST");
    expect((await set("member/stored/always", 100)).body).to.include({ name: "member.stored.always", limit: 100 });
    const begin = async (token: string, bytes: number) => {
      const base64 = (text: string): string => Buffer.from(text).toString("base64");
      const metadata = `filename ${base64("a.bin")},room ${base64("hall")}`;
      const headers = { "tus-resumable": "1.0.0", "upload-length": String(bytes), "upload-metadata": metadata };
      return fixture.request("POST", "/api/v1/files/uploads", { token, headers });
    };
    const kept = async (token: string) => (await fixture.request("GET", "/api/v1/me/storage", { token })).body;
    const first = await begin(bob, 60);
    expect(first.status).to.equal(201);
    await until("the account knows", async () =>
      expect(await kept(bob)).to.deep.equal({
        bytes: 60,
        rooms: [{ room: "hall", bytes: 60 }],
        limit: 100,
        quota: "member.stored.always",
      }),
    );
    const refused = await begin(bob, 41);
    expect([refused.status, refused.body.error.code]).to.deep.equal([413, "STORAGE_FULL"]);
    expect(refused.body.error.details).to.include({ quota: "member.stored.always", limit: 100, used: 60, bytes: 41 });
    // What the room refuses is not kept: it is free again at once.
    await fixture.request("PUT", "/api/v1/rooms/hall/archived", { token: admin, body: {} });
    expect((await begin(bob, 40)).body.error.code).to.equal("ROOM_ARCHIVED");
    await fixture.request("DELETE", "/api/v1/rooms/hall/archived", { token: admin });
    const many = await Promise.all([1, 2, 3, 4].map(() => begin(bob, 20)));
    expect(many.map(({ status }) => status).toSorted((one, other) => one - other)).to.deep.equal([201, 201, 413, 413]);
    const person = await fixture.request("GET", "/api/v1/admin/users/bob/sessions", { token: admin });
    expect(person.body.storedBytes).to.equal(100);
    const location = String(first.headers.get("location"));
    const ended = await fixture.request("DELETE", location, { token: bob, headers: { "tus-resumable": "1.0.0" } });
    expect(ended.status).to.equal(204);
    await until("it is free again", async () => expect((await kept(bob)).bytes).to.equal(40));
    expect((await begin(bob, 60)).status).to.equal(201);
    // An owner has a role without a quota.
    expect((await begin(admin, 200)).status).to.equal(201);
    expect((await kept(admin)).limit).to.equal(undefined);
    await remove("member/stored/always");
    expect((await begin(bob, 100)).status).to.equal(201);
  });

  it("bound pictures in conversations with agents and people's own pictures, with all else that they keep", async () => {
    const [one, other] = [png(64, 32), png(32, 64)];
    const finn = (await fixture.signUp("finn")).token;
    await fixture.request("POST", "/api/v1/agents", { token: finn, body: { name: "aide" } });
    const send = async (method: string, path: string, body: Buffer) => {
      const headers = { authorization: `Bearer ${finn}`, "content-type": "image/png" };
      const answer = await fetch(`${fixture.url}/api/v1${path}`, { method, headers, body: new Uint8Array(body) });
      return [answer.status, ((await answer.json()) as { error?: { code: string } }).error?.code];
    };
    const kept = async () => (await fixture.request("GET", "/api/v1/me/storage", { token: finn })).body;
    await set("member/stored/always", one.length + other.length - 1);
    expect(await send("POST", "/agents/finn.aide/pictures", one)).to.deep.equal([200, undefined]);
    await until("the account knows", async () =>
      expect((await kept()).rooms).to.deep.equal([{ room: "agent/finn.aide", bytes: one.length }]),
    );
    expect(await send("POST", "/agents/finn.aide/pictures", other)).to.deep.equal([413, "STORAGE_FULL"]);
    expect(await send("PUT", "/me/avatar", other)).to.deep.equal([413, "STORAGE_FULL"]);
    // The same picture for two conversations at once is two pictures.
    await set("member/stored/always", 2 * one.length + other.length - 1);
    const names = ["aide", "more", "else"];
    for (const name of names.slice(1)) await fixture.request("POST", "/api/v1/agents", { token: finn, body: { name } });
    const both = await Promise.all(names.map((name) => send("POST", `/agents/finn.${name}/pictures`, other)));
    expect(
      both.map(([status]) => status).toSorted((one, other) => Number(one) - Number(other)),
      JSON.stringify(both),
    ).to.deep.equal([200, 413, 413]);
    for (const name of names) await fixture.request("DELETE", `/api/v1/agents/finn.${name}`, { token: finn });
    await set("member/stored/always", one.length + other.length - 1);
    await until("it is free again", async () => expect((await kept()).bytes).to.equal(0));
    expect(await send("PUT", "/me/avatar", other)).to.deep.equal([200, undefined]);
    expect((await kept()).rooms).to.deep.equal([{ room: "user/picture", bytes: other.length }]);
    expect((await kept()).bytes, "and nothing is reserved for it any more").to.equal(other.length);
    await remove("member/stored/always");
  });

  it("count tokens of models, beside budgets", async () => {
    const say = (token: string): Promise<Reply> =>
      fixture.request("POST", "/v1/chat/completions", {
        token,
        body: { model: "echo", messages: [{ role: "user", content: "say hello" }], max_tokens: 20 },
      });
    await set("member/tokens/month", 1);
    expect((await say(bob)).status).to.equal(200);
    const refused = await say(bob);
    expect(refused.status).to.equal(429);
    expect(JSON.stringify(refused.body)).to.contain("a quota of your role");
    expect((await say(admin)).status).to.equal(200);
  });
});
