import { expect } from "chai";
import { hashOf } from "../../../node/bulk/blobs/index.ts";
import type { ActorBlobs } from "../../../node/ports/index.ts";
import { failure, ok, refused, wireLimits, type Failure } from "../../../protocols/index.ts";
import { png } from "../../fixtures/pictures.ts";
import { startFixture, type Reply, type Fixture } from "./fixture.ts";

/** Blobs in memory, which can be told to refuse. */
function memoryBlobs(): ActorBlobs & {
  readonly held: Map<string, Uint8Array>;
  refuses: Failure | undefined;
  puts: number;
} {
  const held = new Map<string, Uint8Array>();
  return {
    held,
    refuses: undefined,
    puts: 0,
    async put(_actor, bytes, commit) {
      this.puts += 1;
      if (this.refuses !== undefined) return refused(this.refuses);
      held.set(hashOf(bytes), Uint8Array.from(bytes));
      return commit(hashOf(bytes));
    },
    forget: async () => undefined,
    async read(_actor, hash) {
      const bytes = held.get(hash);
      return bytes === undefined ? refused(failure("NOT_FOUND", { blob: hash })) : ok(bytes);
    },
  };
}

describe("gateway: pictures of people", () => {
  const blobs = memoryBlobs();
  let fixture: Fixture;
  let ada: string;
  let bob: string;
  before(async () => {
    fixture = await startFixture({ blobs, limits: { avatarRate: { count: 1_000, windowMs: 1_000 } } });
    ada = (await fixture.signUp("ada")).token;
    bob = (await fixture.signUp("bob")).token;
  });
  after(() => fixture.stop());

  const upload = async (
    bytes: Uint8Array,
    { token = ada, type = "image/png", at = fixture }: { token?: string; type?: string; at?: Fixture } = {},
  ): Promise<Reply> => {
    const headers = { authorization: `Bearer ${token}`, "content-type": type };
    const response = await fetch(`${at.url}/api/v1/me/avatar`, { method: "PUT", headers, body: Buffer.from(bytes) });
    return { status: response.status, headers: response.headers, body: await response.json() };
  };
  const get = (path: string, headers: Record<string, string> = {}, token = bob): Promise<Response> =>
    fetch(fixture.url + path, { headers: { authorization: `Bearer ${token}`, ...headers } });
  const code = ({ body }: Reply): string => body.error?.code ?? "none";

  it("serves to everybody who is signed in what somebody uploaded, as nothing but a picture", async () => {
    const bytes = png(64, 64);
    const { status, body } = await upload(bytes);
    expect(status).to.equal(200);
    expect(body.avatar).to.deep.equal({ hash: hashOf(bytes), size: bytes.length, format: "png" });
    const path = `/api/v1/people/ada/avatar/${hashOf(bytes)}`;
    const answer = await get(path);
    expect(answer.status).to.equal(200);
    expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).to.equal(true);
    const header = (name: string) => answer.headers.get(name);
    expect(header("content-type")).to.equal("image/png");
    expect(header("x-content-type-options")).to.equal("nosniff");
    expect(header("content-security-policy")).to.equal("default-src 'none'; sandbox");
    expect(header("content-disposition")).to.equal('inline; filename="ada.png"');
    expect(header("cache-control")).to.equal("private, max-age=31536000, immutable");
    expect(header("etag")).to.equal(`"${hashOf(bytes)}"`);
    const again = await get(path, { "if-none-match": `"${hashOf(bytes)}"` });
    expect(again.status).to.equal(304);
    expect(await again.text()).to.equal("");
    expect((await fetch(fixture.url + path)).status).to.equal(401);
    const { body: card } = await fixture.request("GET", "/api/v1/people/ada", { token: bob });
    expect(card).to.deep.include({ user: "ada", avatar: body.avatar });
    const { body: people } = await fixture.request("GET", "/api/v1/catalog/users?text=ada", { token: bob });
    expect(people.rows[0]).to.have.property("avatar", hashOf(bytes));
  });

  it("serves a picture only as long as it is that person's", async () => {
    const [first, second] = [png(10, 10), png(11, 11)];
    await upload(first);
    await upload(second);
    expect((await get(`/api/v1/people/ada/avatar/${hashOf(first)}`)).status).to.equal(404);
    expect((await get(`/api/v1/people/bob/avatar/${hashOf(second)}`)).status).to.equal(404);
    expect((await get(`/api/v1/people/ada/avatar/${hashOf(second)}`)).status).to.equal(200);
    const removed = await fixture.request("DELETE", "/api/v1/me/avatar", { token: ada });
    expect(removed.status).to.equal(200);
    expect(removed.body).not.to.have.property("avatar");
    expect((await get(`/api/v1/people/ada/avatar/${hashOf(second)}`)).status).to.equal(404);
    expect((await fixture.request("DELETE", "/api/v1/me/avatar", { token: ada })).status).to.equal(200);
    for (const path of ["ada/avatar/..", "ada/avatar/zz", "a%2Fb/avatar/x", `nobody/avatar/${hashOf(second)}`])
      expect((await get(`/api/v1/people/${path}`)).status, path).to.be.oneOf([400, 404]);
  });

  it("refuses what is no picture, moves, is too large, or too many, before anything is stored", async () => {
    const before = blobs.puts;
    const drawing = Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`.padEnd(80));
    expect(code(await upload(drawing))).to.equal("BAD_REQUEST");
    expect(code(await upload(drawing, { type: "image/svg+xml" }))).to.equal("BAD_REQUEST");
    expect(code(await upload(png(1, 1), { type: "text/html" }))).to.equal("BAD_REQUEST");
    expect(code(await upload(Buffer.alloc(0)))).to.equal("BAD_REQUEST");
    expect(code(await upload(png(wireLimits.avatarSideMax + 1, 1)))).to.equal("TOO_LARGE");
    const large = await upload(Buffer.concat([png(1, 1), Buffer.alloc(wireLimits.avatarBytesMax)]));
    expect(large.body.error).to.deep.include({ code: "TOO_LARGE", details: { limitBytes: wireLimits.avatarBytesMax } });
    expect(blobs.puts).to.equal(before);
    // What a picture is does not depend on what it is called.
    expect((await upload(png(1, 1), { type: "image/webp" })).body.avatar.format).to.equal("png");
    const json = await fixture.request("PUT", "/api/v1/me/avatar", { token: ada, body: {} });
    expect(code(json)).to.equal("BAD_REQUEST");

    const strict = await startFixture({ blobs, limits: { avatarRate: { count: 2, windowMs: 60_000 } } });
    const { token } = await strict.signUp("ada");
    const codes = [];
    for (let time = 0; time < 4; time += 1) codes.push(code(await upload(png(1, 1), { token, at: strict })));
    expect(codes).to.deep.equal(["none", "none", "RATE_LIMITED", "RATE_LIMITED"]);
    await strict.stop();
  });

  it("leaves the picture as it is when the new one cannot be stored", async () => {
    const bytes = png(20, 20);
    await upload(bytes);
    blobs.refuses = failure("DISK_FULL");
    expect(code(await upload(png(21, 21)))).to.equal("DISK_FULL");
    blobs.refuses = undefined;
    expect((await get(`/api/v1/people/ada/avatar/${hashOf(bytes)}`)).status).to.equal(200);
  });

  it("tells the person's own pages, and keeps the picture when the name changes", async () => {
    const client = await fixture.connect(ada);
    await client.ask("subscribe", "user/ada");
    const bytes = png(30, 30);
    await upload(bytes);
    const told = await client.next((frame) => frame.event?.type === "profileSet");
    expect(told.event.view.avatar.hash).to.equal(hashOf(bytes));
    const { body } = await fixture.request("PATCH", "/api/v1/me", { token: ada, body: { displayName: "Ada L" } });
    expect(body.avatar.hash).to.equal(hashOf(bytes));
    const { body: people } = await fixture.request("GET", "/api/v1/catalog/users?text=ada", { token: bob });
    expect(people.rows[0]).to.deep.include({ title: "Ada L", avatar: hashOf(bytes) });
  });

  it("is nobody else's to set", async () => {
    const client = await fixture.connect(bob);
    const fields = { hash: "0".repeat(64), size: 1, format: "png" };
    expect((await client.ask("user.setAvatar", "ada", fields)).error?.code).to.equal("BAD_REQUEST");
    expect((await client.ask("user.removeAvatar", "ada")).error?.code).to.equal("FORBIDDEN");
  });
});
