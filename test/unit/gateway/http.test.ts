import { isOllamaPath } from "../../../node/gateway/ai/errors.ts";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text as readAll } from "node:stream/consumers";
import { expect } from "chai";
import { allCommands, errorTable, type Result } from "../../../protocols/index.ts";
import { controlToken, startFixture, type Fixture } from "./fixture.ts";

describe("gateway: HTTP", () => {
  let fixture: Fixture;
  let folder: string;
  let ada: string;
  let bob: string;
  let ready = true;
  let directory: string | undefined;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "plexus-page-"));
    await mkdir(join(folder, "assets"));
    await writeFile(join(folder, "index.html"), "<!doctype html><title>Plexus</title>");
    await writeFile(join(folder, "assets", "index-B4x2.js"), "export {};");
    fixture = await startFixture({
      webFolder: folder,
      readiness: () =>
        ready
          ? { ok: true, value: directory === undefined ? {} : { directory } }
          : { ok: false, error: { code: "STOPPING", outcome: "not_started", message: "leaving" } },
    });
    ada = (await fixture.signUp("ada")).token;
    bob = (await fixture.signUp("bob")).token;
  });
  after(async () => {
    await fixture.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const as = (token: string) => async (method: string, path: string, body?: unknown, headers?: Record<string, string>) => {
    const reply = await fixture.request(method, path, { token, ...(body !== undefined && { body }), ...(headers && { headers }) });
    return reply;
  }; // prettier-ignore

  it("refuses text that would come back changed, or not be what it looks like, at every entrance", async () => {
    const a = as(ada);
    const problem = async (method: string, path: string, body: object): Promise<unknown> => {
      const reply = await a(method, path, body);
      return reply.status === 400 ? reply.body.error.details : reply.status;
    };
    await a("POST", "/api/v1/rooms", { room: "plain" });
    const messages = "/api/v1/rooms/plain/messages";
    const half = "has half of a surrogate pair (U+D800) at position 1";
    expect(await problem("POST", messages, { text: "a\ud800" })).to.deep.equal({ path: "/text", problem: half });
    expect(await problem("PUT", "/api/v1/rooms/plain/title", { title: "a\u202eb" })).to.have.property("path", "/title");
    expect(await problem("PUT", "/api/v1/rooms/plain/topic", { topic: "a\0" })).to.have.property("path", "/topic");
    expect(await problem("POST", "/api/v1/rooms", { room: "odd", title: "\u200b" })).to.have.property("path", "/title");
    expect(await problem("PATCH", "/api/v1/me", { displayName: "a\x1b]0;x" })).to.have.property("path", "/displayName");
    expect(await problem("POST", "/api/v1/me/keys", { label: "a\nb" })).to.have.property("path", "/label");
    expect(await problem("POST", "/api/v1/agents", { name: "odd", persona: "\udc00" })).to.have.property("path", "/persona");
    const signUp = { name: "odd", password: "correct horse", displayName: "\u2066x" };
    expect(await problem("POST", "/api/v1/sign-up", signUp)).to.have.property("path", "/displayName");
    expect(await problem("POST", messages, { text: "fine\n\tשלום" })).to.equal(200);
    const client = await fixture.connect(ada);
    expect((await client.ask("room.post", "plain", { text: "a\ud800" })).error?.details).to.deep.equal({ path: "/with/text", problem: half });
    client.socket.close();
  }); // prettier-ignore

  it("keeps out who was banned, lists and lifts bans, and hands a room over", async () => {
    const [a, b] = [as(ada), as(bob)];
    await a("POST", "/api/v1/rooms", { room: "club" });
    await b("POST", "/api/v1/rooms/club/join");
    const refused = (await a("POST", "/api/v1/rooms/club/leave")).body.error;
    expect(refused).to.deep.include({ code: "LAST_OWNER", details: { suggested: "user/bob" } });
    const member = "/api/v1/rooms/club/members/user%2Fbob";
    expect((await a("DELETE", `${member}?banForMs=60000`)).status).to.equal(400);
    const left = await a("DELETE", `${member}?ban=true&banForMs=60000&reason=noise`);
    expect(left.body.left, JSON.stringify(left.body)).to.deep.equal(["user/bob"]);
    const banned = await b("POST", "/api/v1/rooms/club/join");
    expect([banned.status, banned.body.error.code]).to.deep.equal([403, "BANNED"]);
    expect(banned.body.error.details).to.include({ by: "user/ada", reason: "noise" });
    const { bans } = (await a("GET", "/api/v1/rooms/club/bans")).body;
    expect(bans).to.have.length(1);
    expect(bans[0].untilMs - bans[0].atMs).to.equal(60_000);
    expect((await a("DELETE", "/api/v1/rooms/club/bans/user%2Fbob")).status).to.equal(200);
    expect((await b("POST", "/api/v1/rooms/club/join")).status).to.equal(200);
    expect((await a("POST", "/api/v1/rooms/club/leave", { successor: "user/bob" })).body.left).to.deep.equal([
      "user/ada",
    ]);
  });

  it("carries a room's whole life", async () => {
    const [a, b] = [as(ada), as(bob)];
    expect((await a("POST", "/api/v1/rooms", { room: "garden", title: "Garden" })).status).to.equal(200);
    expect((await b("POST", "/api/v1/rooms/garden/join")).status).to.equal(200);
    const posted = await a("POST", "/api/v1/rooms/garden/messages", { text: "hello" });
    expect(posted.body).to.include({ seq: 1 });
    expect((await b("POST", "/api/v1/rooms/garden/messages", { text: "hi", replyTo: 1 })).status).to.equal(200);
    expect((await a("PATCH", "/api/v1/rooms/garden/messages/1", { text: "hello all" })).status).to.equal(200);
    const thumb = encodeURIComponent("👍");
    expect((await b("PUT", `/api/v1/rooms/garden/messages/1/reactions/${thumb}`)).status).to.equal(200);
    expect((await a("PUT", "/api/v1/rooms/garden/pins/1")).status).to.equal(200);
    expect((await a("PUT", "/api/v1/rooms/garden/topic", { topic: "plants" })).status).to.equal(200);
    expect((await a("PUT", "/api/v1/rooms/garden/title", { title: "The garden" })).status).to.equal(200);
    expect((await b("PUT", "/api/v1/rooms/garden/read", { seq: 2 })).status).to.equal(200);
    const role = "/api/v1/rooms/garden/members/user%2Fbob/role";
    expect((await a("PUT", role, { role: "moderator" })).status).to.equal(200);

    const history = await b("GET", "/api/v1/rooms/garden/messages?limit=10");
    expect(history.body.messages.map((message: { text: string }) => message.text)).to.deep.equal(["hello all", "hi"]);
    expect(history.body.messages[0].reactions).to.deep.equal({ "👍": ["user/bob"] });
    const view = await b("GET", "/api/v1/rooms/garden");
    expect(view.body).to.include({ title: "The garden", topic: "plants" });
    expect(view.body.members["user/bob"].role).to.equal("moderator");

    expect((await b("DELETE", `/api/v1/rooms/garden/messages/1/reactions/${thumb}`)).status).to.equal(200);
    expect((await a("DELETE", "/api/v1/rooms/garden/pins/1")).status).to.equal(200);
    expect((await a("DELETE", "/api/v1/rooms/garden/messages/1")).status).to.equal(200);
    const rooms = await b("GET", "/api/v1/rooms");
    expect(rooms.body.rooms.map((line: { room: string }) => line.room)).to.include("garden");
    expect((await a("DELETE", "/api/v1/rooms/garden/members/user%2Fbob")).status).to.equal(200);
    expect((await b("POST", "/api/v1/rooms/garden/messages", { text: "?" })).body.error.code).to.equal("NOT_A_MEMBER");
  });

  it("tells a write that rests on an older state, with what is there now, and changes nothing", async () => {
    const a = as(ada);
    await a("POST", "/api/v1/rooms", { room: "shed", title: "Shed" });
    await a("POST", "/api/v1/agents", { name: "late", persona: "A poet." });
    const { displayName } = (await a("GET", "/api/v1/me")).body;
    const writes = [
      ["PUT", "/api/v1/rooms/shed/title", (title: string, seen: string) => ({ title, seen }), "Shed"],
      ["PUT", "/api/v1/rooms/shed/topic", (topic: string, seen: string) => ({ topic, seen }), ""],
      ["PATCH", "/api/v1/agents/ada.late", (persona: string, seen: string) => ({ persona, seen: { persona: seen } }), "A poet."],
      ["PATCH", "/api/v1/me", (name: string, seen: string) => ({ displayName: name, seen: { displayName: seen } }), displayName as string],
    ] as const; // prettier-ignore
    for (const [method, path, body, seen] of writes) {
      expect((await a(method, path, body("first", seen))).status, path).to.equal(200);
      const late = await a(method, path, body("second", seen));
      expect([late.status, late.body.error.code], path).to.deep.equal([409, "CHANGED_MEANWHILE"]);
      expect(JSON.stringify(late.body.error.details), path).to.include("first");
      expect((await a(method, path, body("second", "first"))).status, path).to.equal(200);
    }
    await a("PATCH", "/api/v1/me", { displayName });
    await a("DELETE", "/api/v1/agents/ada.late");
  });

  it("finds or makes the one direct room of two people", async () => {
    const first = await as(bob)("POST", "/api/v1/rooms/direct", { with: "user/ada" });
    const second = await as(ada)("POST", "/api/v1/rooms/direct", { with: "user/bob" });
    expect(first.body.room).to.equal("dm.ada.bob");
    expect(second.body).to.deep.include({ room: "dm.ada.bob", visibility: "direct" });
  });

  it("makes, lists, changes and deletes agents", async () => {
    const a = as(ada);
    expect((await a("POST", "/api/v1/agents", { name: "muse", persona: "A poet." })).status).to.equal(200);
    const listed = await a("GET", "/api/v1/agents");
    expect(listed.body.agents.map((agent: { agent: string }) => agent.agent)).to.deep.equal(["ada.muse"]);
    expect(listed.body.unreachable).to.deep.equal([]);
    expect((await a("PATCH", "/api/v1/agents/ada.muse", { sampling: { temperature: 0.5 } })).status).to.equal(200);
    expect((await a("GET", "/api/v1/agents/ada.muse")).body.sampling).to.deep.equal({ temperature: 0.5 });
    expect((await as(bob)("GET", "/api/v1/agents/ada.muse/turns")).status).to.be.oneOf([403, 404]);
    expect((await a("DELETE", "/api/v1/agents/ada.muse")).status).to.equal(200);
    expect((await a("GET", "/api/v1/agents")).body.agents).to.deep.equal([]);
    expect((await a("GET", "/api/v1/models")).body.models[0].model).to.equal("echo");
  });

  it("gives a command repeated with its Idempotency-Key the first answer", async () => {
    await as(ada)("POST", "/api/v1/rooms", { room: "once" });
    const again = () => as(ada)("POST", "/api/v1/rooms/once/messages", { text: "1" }, { "idempotency-key": "k-1" });
    expect((await again()).body).to.deep.equal((await again()).body);
    expect((await as(ada)("GET", "/api/v1/rooms/once")).body.messageSeq).to.equal(1);
  });

  it("finds people and rooms in the catalog", async () => {
    const people = await as(ada)("GET", "/api/v1/catalog/users?text=bo&limit=5");
    expect(people.body.rows.map((row: { key: string }) => row.key)).to.deep.equal(["bob"]);
    expect((await as(ada)("GET", "/api/v1/catalog/rooms")).body.rows).to.be.an("array");
  });

  it("answers everything that does not fit with a row of the error table", async () => {
    const cases: [string, string, unknown, string, string?][] = [
      ["GET", "/api/nothing", undefined, "NOT_FOUND"],
      ["GET", "/api/v1/rooms/No%20Key", undefined, "BAD_REQUEST", "/params/room"],
      ["GET", "/api/v1/rooms/%ff", undefined, "BAD_REQUEST"],
      ["GET", "/api/v1/rooms/nowhere", undefined, "NOT_FOUND"],
      ["GET", "/api/v1/rooms/once/messages?limit=1000", undefined, "BAD_REQUEST", "/querystring/limit"],
      ["GET", "/api/v1/rooms/once/messages?bogus=1", undefined, "BAD_REQUEST", "/querystring"],
      ["POST", "/api/v1/rooms/once/messages", {}, "BAD_REQUEST", ""],
      ["POST", "/api/v1/rooms/once/messages", { text: 1 }, "BAD_REQUEST", "/text"],
      ["POST", "/api/v1/rooms/once/messages", { text: "x", more: 1 }, "BAD_REQUEST", ""],
      ["POST", "/api/v1/rooms/once/messages", "{", "BAD_REQUEST", ""],
      ["POST", "/api/v1/rooms/once/messages", '{"__proto__":{"text":"x"},"text":"x"}', "BAD_REQUEST", ""],
      ["POST", "/api/v1/rooms/once/messages", '{"\\u005f_proto__":{"text":"x"},"text":"x"}', "BAD_REQUEST", ""],
      ["POST", "/api/v1/rooms/once/messages", `{"text":${"[".repeat(500)}${"]".repeat(500)}}`, "BAD_REQUEST", ""],
      ["POST", "/api/v1/rooms/once/messages", { text: "x".repeat(70_000) }, "TOO_LARGE"],
      ["PUT", "/api/v1/rooms/once/pins/x", undefined, "BAD_REQUEST", "/params/seq"],
    ];
    for (const [method, path, body, code, where] of cases) {
      const reply = await as(ada)(method, path, body);
      const { error } = reply.body;
      expect(error?.code, `${method} ${path} ${JSON.stringify(body)?.slice(0, 80)}`).to.equal(code);
      expect(reply.status).to.equal(errorTable[error.code as keyof typeof errorTable].http);
      expect(error.outcome).to.equal("failed");
      if (where !== undefined) expect(error.details.path, JSON.stringify(error)).to.equal(where);
    }
    const form = await fixture.request("POST", "/api/v1/sign-in", {
      body: "name=ada",
      headers: { "content-type": "application/x-www-form-urlencoded" },
    });
    expect(form.body.error.code).to.equal("BAD_REQUEST");
  });

  it("reads no body in another encoding, and says so", async () => {
    for (const path of ["/api/v1/rooms", "/v1/chat/completions"]) {
      const plain = await as(ada)("POST", path, { model: "echo" }, { "content-encoding": "UTF-8" });
      expect(JSON.stringify(plain.body)).not.to.include("content-encoding");
      const reply = await as(ada)("POST", path, { model: "echo" }, { "content-encoding": "GZip" });
      expect(reply.status).to.equal(400);
      expect(JSON.stringify(reply.body)).to.include("a body in gzip is not read: send it without content-encoding");
    }
  });

  it("hides what went wrong inside behind a request id that the log knows", async () => {
    const broken = await startFixture({ metricsText: () => Promise.reject(new Error("a secret detail")) });
    const reply = await broken.request("GET", "/metrics", { token: controlToken });
    expect(reply.status).to.equal(500);
    expect(reply.body.error.code).to.equal("INTERNAL");
    expect(JSON.stringify(reply.body)).not.to.contain("secret");
    const line = broken.troubles.find((trouble) => trouble.startsWith("request.failed"));
    expect(line).to.contain(reply.body.error.details.requestId).and.to.contain("a secret detail");
    await broken.stop();
  });

  it("tells the operator's tools about life, readiness and metrics", async () => {
    expect((await fixture.request("GET", "/healthz")).status).to.equal(200);
    expect((await fixture.request("GET", "/readyz")).body).to.deep.equal({ ready: true });
    directory = "takes no change: its space is used up";
    expect((await fixture.request("GET", "/readyz")).body).to.deep.equal({ ready: true, directory });
    directory = undefined;
    ready = false;
    expect((await fixture.request("GET", "/readyz")).status).to.equal(503);
    ready = true;
    const metrics = await fixture.request("GET", "/metrics", { token: controlToken });
    expect(metrics.body).to.equal("up 1\n");
    expect(metrics.headers.get("content-type")).to.equal("text/plain; version=0.0.4");
  });

  it("serves the page on every path of its own, hashed files for ever, and nothing outside its folder", async () => {
    const html = { headers: { accept: "text/html" } };
    for (const path of ["/", "/room/lobby", "/agent/ada.muse"]) {
      const page = await fixture.request("GET", path, html);
      expect(page.body, path).to.contain("<title>Plexus");
      expect(page.headers.get("cache-control")).to.equal("no-cache");
      const policy = page.headers.get("content-security-policy") ?? "";
      expect(policy)
        .to.contain("default-src 'self'")
        .and.to.contain(`ws://${new URL(fixture.url).host}`);
      expect(policy).to.contain("script-src 'self';").and.to.contain("frame-ancestors 'none'");
      expect(page.headers.get("x-content-type-options")).to.equal("nosniff");
    }
    const asset = await fixture.request("GET", "/assets/index-B4x2.js");
    expect(asset.headers.get("cache-control")).to.contain("immutable");
    expect((await fixture.request("GET", "/assets/none.js", html)).status).to.equal(404);
    for (const path of ["/..%2f..%2fetc%2fpasswd", "/%2e%2e/%2e%2e/etc/passwd", "/assets/..%5c..%5cindex.html"])
      expect((await fixture.request("GET", path)).status, path).to.be.within(400, 404);
  });

  it("asks, counts and closes a poll", async () => {
    const { token } = await fixture.signUp("polly");
    const call = (method: string, path: string, body?: object) =>
      fixture.request(method, `/api/v1/rooms/kitchen${path}`, { token, ...(body !== undefined && { body }) });
    await fixture.request("POST", "/api/v1/rooms", { token, body: { room: "kitchen" } });
    const asked = await call("POST", "/polls", { question: "Lunch?", options: ["Pizza", "Soup"] });
    expect(asked.body).to.include({ seq: 1 });
    expect((await call("PUT", "/polls/1/vote", { choices: [1] })).body.poll.options[1]).to.include({ votes: 1 });
    expect((await call("GET", "/polls/1")).body).to.deep.include({ question: "Lunch?", choices: [1] });
    expect((await call("POST", "/polls/1/close")).body.poll)
      .to.include({ voters: 1 })
      .and.have.property("closedAtMs");
    expect((await call("PUT", "/polls/1/vote", { choices: [0] })).status).to.equal(403);
    expect((await call("GET", "/polls/2")).status).to.equal(404);
    const wrong = [
      { question: "Lunch?", options: ["Pizza"] },
      { question: "Lunch?", options: ["Pizza", "Pizza"] },
      { question: "Lunch?", options: ["Pizza", "\n"] },
      { question: "x".repeat(301), options: ["Pizza", "Soup"] },
      { question: "Lunch?", options: Array.from({ length: 13 }, (_, index) => `${index}`) },
    ];
    for (const body of wrong) expect((await call("POST", "/polls", body)).status, JSON.stringify(body)).to.equal(400);
    for (const choices of [[-1], [0.5], [0, 0], [12], "0"])
      expect((await call("PUT", "/polls/1/vote", { choices })).status, String(choices)).to.equal(400);
  });

  it("describes every route in OpenAPI 3.1 from the same schemas", async () => {
    const { body } = await fixture.request("GET", "/openapi.json");
    expect(body.openapi).to.equal("3.1.0");
    const post = body.paths["/api/v1/rooms/{room}/messages"].post;
    expect(post.requestBody.content["application/json"].schema.properties.text).to.include({ maxLength: 10_000 });
    for (const path of [
      "/api/v1/sign-in",
      "/api/v1/me/keys",
      "/v1/chat/completions",
      "/api/v1/admin/actors",
      "/healthz",
    ])
      expect(body.paths, path).to.have.property(path);
    for (const path of Object.keys(body.paths))
      if (!isOllamaPath(path)) expect(path).to.match(/^\/api\/v1\/|^\/v1\/|^\/(healthz|readyz|metrics)$/);
    for (const [path, methods] of Object.entries<Record<string, { summary?: string }>>(body.paths))
      for (const route of Object.values(methods)) expect(route.summary, path).to.be.a("string");
    const operations = new Set<string>();
    for (const { kind, name, row } of allCommands)
      for (const { method, path, summary = row.summary } of row.http ?? []) {
        const route = body.paths[`/api/v1${path.replaceAll(/:(\w+)/g, "{$1}")}`]?.[method.toLowerCase()];
        expect(route, path).to.include({ summary });
        expect(route.operationId, path).to.contain(`${kind}.${name}`);
        expect(operations.has(route.operationId), route.operationId).to.equal(false);
        operations.add(route.operationId);
      }
    expect(operations.size).to.be.above(30);
  });

  it("answers paths of REST without a version as their successors do, and says that they end", async () => {
    const a = as(ada);
    expect((await a("POST", "/api/rooms", { room: "old-path" })).status).to.equal(200);
    const [old, current] = [await a("GET", "/api/rooms/old-path"), await a("GET", "/api/v1/rooms/old-path")];
    expect([old.status, old.body]).to.deep.equal([200, current.body]);
    expect(old.headers.get("deprecation")).to.match(/^@\d{10}$/);
    expect(old.headers.get("link")).to.equal('</api/v1>; rel="successor-version"');
    expect(current.headers.get("deprecation")).to.equal(null);
    // A later version is no old path, and what is not below /api is not looked at.
    for (const path of ["/api/v2/rooms", "/api/none", "/api", "/apiary"]) {
      const unknown = await a("GET", path);
      expect(unknown.status, path).to.equal(404);
      expect(unknown.body.error.details.path).to.equal(path);
    }
    const refused = await fixture.request("GET", "/api/me");
    expect([refused.status, refused.headers.get("deprecation") !== null]).to.deep.equal([401, true]);
  });

  it("answers bytes that are not HTTP with a typed error and closes", async () => {
    const { hostname, port } = new URL(fixture.url);
    const answers = await Promise.all(
      ["garbage\r\n\r\n", "GET /healthz HTTP/9.9\r\n\r\n", `GET / HTTP/1.1\r\nx: ${"y".repeat(20_000)}\r\n\r\n`].map(
        (bytes) =>
          new Promise<string>((resolve) => {
            let text = "";
            const socket = connect(Number(port), hostname, () => socket.write(bytes));
            socket.on("data", (piece) => (text += piece.toString())).on("error", () => undefined);
            socket.on("close", () => resolve(text));
          }),
      ),
    );
    expect(answers[0]).to.contain("HTTP/1.1 400").and.to.contain('"code":"BAD_REQUEST"');
    expect(answers[1]).to.contain('"code":"BAD_REQUEST"');
    expect(answers[2]).to.contain("HTTP/1.1 413").and.to.contain('"code":"TOO_LARGE"');
  });

  it("refuses a body as soon as it is too large, and lets the caller send the rest and go on", async () => {
    const { hostname, port } = new URL(fixture.url);
    const bodies = [`[${"[],".repeat(1_000_000)}[]]`, `{"text":"${"x".repeat(2_000_000)}"}`];
    for (const body of bodies) {
      const socket = connect(Number(port), hostname);
      socket.setEncoding("utf8");
      const pieces = socket[Symbol.asyncIterator]();
      const ask = (bytes: number): void =>
        void socket.write(`POST /api/v1/sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${bytes}\r\n\r\n`);
      ask(body.length);
      socket.write(body.slice(0, -1));
      expect((await pieces.next()).value).to.contain("HTTP/1.1 413").and.to.contain('"code":"TOO_LARGE"');
      socket.write(body.slice(-1));
      ask(2);
      socket.write("{}");
      expect((await pieces.next()).value).to.contain("HTTP/1.1 400").and.to.contain('"code":"BAD_REQUEST"');
      socket.destroy();
    }
  }); // prettier-ignore

  it("says that it stops to who asks on over a connection that is still busy", async () => {
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<Result<{ readonly directory?: string }>>();
    const leaving = await startFixture({
      readiness() {
        asked.resolve();
        return answer.promise;
      },
    });
    const { hostname, port } = new URL(leaving.url);
    const socket = connect(Number(port), hostname);
    const said = readAll(socket);
    const ask = (path: string): void => void socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    ask("/readyz");
    await asked.promise;
    const stopped = leaving.stop();
    const listens = (): Promise<boolean> =>
      new Promise((resolve) => {
        const other = connect(Number(port), hostname, () => resolve(other.destroy() !== undefined));
        other.on("error", () => resolve(false));
      });
    while (await listens());
    ask("/api/v1/me");
    answer.resolve({ ok: true, value: {} });
    const [ready, refused] = (await said).split(/(?=HTTP\/1\.1 )/);
    await stopped;
    expect(ready).to.contain('{"ready":true}');
    expect(refused)
      .to.contain("HTTP/1.1 503")
      .and.to.contain('"code":"STOPPING"')
      .and.to.match(/connection: close/i);
  });

  it("rejects when its address is taken", async () => {
    const port = Number(new URL(fixture.url).port);
    const second = await startFixture({ port }).then(
      () => undefined,
      (error: { code: string }) => error.code,
    );
    expect(second).to.equal("EADDRINUSE");
  });
});
