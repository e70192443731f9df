import { createHmac, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { expect } from "chai";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { watchTokenKeys, tokenKeysPerNodeMax, type TokenKeys } from "../../../node/cluster/facts/token-keys.ts";
import { createEmbeddedDirectory } from "../../../node/cluster/directory/index.ts";
import { gatewayLimits } from "../../../node/gateway/index.ts";
import { createServiceTokens } from "../../../node/gateway/identity/service-tokens.ts";
import { createIds } from "../../../node/gateway/identity/tokens.ts";
import { createRandom } from "../../../node/platform/index.ts";
import type { Directory } from "../../../node/ports/index.ts";
import { MemoryStore } from "../../conformance/directory-store.ts";
import { createWorld, startFixture, type Fixture } from "./fixture.ts";

const base64 = (value: unknown): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
const partsOf = (token: string) =>
  token
    .split(".")
    .slice(0, 2)
    .map((part) => JSON.parse(Buffer.from(part, "base64url").toString()));

async function directory(): Promise<Directory> {
  const made = createEmbeddedDirectory({ store: new MemoryStore() });
  await made.opened();
  return made;
}

/** Tokens of one node on a clock that the test moves. */
function nodeOf(
  rows: Directory,
  node: string,
  time: { nowMs: number },
  members: ReadonlySet<string> = new Set(["a", "b"]),
) {
  const keys = watchTokenKeys(rows, { node, isMember: (one) => members.has(one) });
  const random = createRandom();
  const clock = { ...createWorld().clock(), nowMs: () => time.nowMs, monotonicMs: () => time.nowMs };
  const tokens = createServiceTokens({ options: { node, keys }, limits: gatewayLimits, clock, random, newId: createIds(random) }); // prettier-ignore
  return { keys, tokens };
}
const whoever = { user: "ada", session: "s1", expiresAtMs: Number.POSITIVE_INFINITY };

describe("short-lived tokens", () => {
  it("are good at every node until they end, and name a session", async () => {
    const rows = await directory();
    const time = { nowMs: 1_800_000_000_000 };
    const [a, b] = [nodeOf(rows, "a", time), nodeOf(rows, "b", time)];
    const { token, expiresAtMs } = await a.tokens.issue(whoever, {});
    expect(expiresAtMs).to.equal(time.nowMs + gatewayLimits.serviceTokenLifeMs);
    for (const { tokens } of [a, b]) {
      const claim = await tokens.verify(token);
      expect(claim.ok && claim.value).to.deep.include({ user: "ada", session: "s1", expiresAtMs });
    }
    time.nowMs = expiresAtMs + gatewayLimits.serviceTokenSkewMs + 1_000;
    expect((await b.tokens.verify(token)).ok).to.equal(false);
  });

  it("end with their session at the latest, and never live longer than an hour", async () => {
    const time = { nowMs: 1_800_000_000_000 };
    const { tokens } = nodeOf(await directory(), "a", time);
    const short = await tokens.issue({ ...whoever, expiresAtMs: time.nowMs + 60_000 }, {});
    expect(short.expiresAtMs).to.equal(time.nowMs + 60_000);
    const long = await tokens.issue(whoever, { lifeMs: 86_400_000 });
    expect(long.expiresAtMs).to.equal(time.nowMs + gatewayLimits.serviceTokenLifeMsMax);
  });

  it("are signed with a new key each day; what the old one signed stays good until it ends, and then the key is gone", async () => {
    const rows = await directory();
    const time = { nowMs: 1_800_000_000_000 };
    const { tokens, keys } = nodeOf(rows, "a", time);
    await tokens.issue(whoever, {});
    time.nowMs += gatewayLimits.tokenKeyMs - 1_000;
    const last = await tokens.issue(whoever, { lifeMs: 3_600_000 });
    time.nowMs += 2_000;
    const next = await tokens.issue(whoever, {});
    const [[before], [after]] = [partsOf(last.token), partsOf(next.token)];
    expect(before.kid).not.to.equal(after.kid);
    expect((await tokens.verify(last.token)).ok && (await tokens.verify(next.token)).ok).to.equal(true);
    expect(keys.current(time.nowMs)).to.have.length(2);
    time.nowMs += 2 * gatewayLimits.serviceTokenLifeMsMax;
    expect(keys.current(time.nowMs).map(({ kid }) => kid)).to.deep.equal([after.kid]);
    // A process that starts again has a key of its own, and the number of them is bounded.
    for (let index = 0; index < tokenKeysPerNodeMax + 3; index += 1)
      await nodeOf(rows, "a", time).tokens.issue(whoever, {});
    expect(keys.current(time.nowMs)).to.have.length(tokenKeysPerNodeMax);
    // Many at once make one key.
    const fresh = nodeOf(rows, "b", time);
    const made = await Promise.all(Array.from({ length: 20 }, () => fresh.tokens.issue(whoever, {})));
    expect(new Set(made.map(({ token }) => partsOf(token)[0].kid)).size).to.equal(1);
  });

  it("count for nothing where a clock that was years ahead has published the key", async () => {
    const rows = await directory();
    const time = { nowMs: 1_900_000_000_000 };
    const { tokens, keys } = nodeOf(rows, "a", time);
    const { token } = await tokens.issue(whoever, {});
    expect(keys.current(time.nowMs)).to.have.length(1);
    time.nowMs = 1_800_000_000_000;
    expect(keys.current(time.nowMs)).to.deep.equal([]);
    expect((await tokens.verify(token)).ok).to.equal(false);
    await tokens.issue(whoever, {});
    expect(keys.current(time.nowMs)).to.have.length(1);
  });

  it("count for nothing once their node is no member, or under the name of another node", async () => {
    const rows = await directory();
    const time = { nowMs: 1_800_000_000_000 };
    const members = new Set(["a", "b"]);
    const [a, b] = [nodeOf(rows, "a", time, members), nodeOf(rows, "b", time, members)];
    const { token } = await a.tokens.issue(whoever, {});
    expect((await b.tokens.verify(token)).ok).to.equal(true);
    members.delete("a");
    expect((await b.tokens.verify(token)).ok).to.equal(false);
    // A row of b with a key that calls itself one of a is no row.
    members.add("a");
    const [key] = a.keys.current(time.nowMs);
    await rows
      .compareAndSet("token-keys/b", { node: "b", keys: [{ ...key, kid: "a.forged" }] }, 0)
      .catch(() => undefined);
    expect(b.keys.current(time.nowMs).map(({ kid }) => kid)).not.to.include("a.forged");
  });

  it("are believed with this algorithm, of this type, for this audience, and with keys of the directory alone", async () => {
    const rows = await directory();
    const time = { nowMs: 1_800_000_000_000 };
    const { tokens, keys } = nodeOf(rows, "a", time);
    const { token } = await tokens.issue(whoever, {});
    const [header, claims] = partsOf(token);
    const [key] = keys.current(time.nowMs);
    const own = generateKeyPairSync("ed25519");
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2_048 });
    const jwk = own.publicKey.export({ format: "jwk" });
    const signed = (head: object, body: object, with_: (text: string) => Buffer): string => {
      const text = `${base64(head)}.${base64(body)}`;
      return `${text}.${with_(text).toString("base64url")}`;
    };
    const ed = (private_: KeyObject) => (text: string) => sign(null, Buffer.from(text), private_);
    const hmac = (secret: string | Buffer) => (text: string) => createHmac("sha256", secret).update(text).digest();
    const nothing = () => Buffer.alloc(0);
    const wrong: Readonly<Record<string, string>> = {
      none: `${base64({ ...header, alg: "none" })}.${base64(claims)}.`,
      "none, with the signature": token.replace(/^[^.]+/, base64({ ...header, alg: "none" })),
      "HMAC with the public key as text": signed({ ...header, alg: "HS256" }, claims, hmac(key?.x ?? "")),
      "HMAC with the bytes of the public key": signed({ ...header, alg: "HS256" }, claims, hmac(Buffer.from(key?.x ?? "", "base64url"))),
      "RSA under the name of the key": signed({ ...header, alg: "RS256" }, claims, (text) => sign("sha256", Buffer.from(text), rsa.privateKey)),
      "another key under the name of the key": signed(header, claims, ed(own.privateKey)),
      "a key of its own in the header": signed({ ...header, jwk }, claims, ed(own.privateKey)),
      "a key of its own by address": signed({ ...header, jku: "https://evil.example/jwks.json", kid: "evil.1" }, claims, ed(own.privateKey)),
      "no name of a key": signed({ alg: "EdDSA", typ: "at+jwt" }, claims, ed(own.privateKey)),
      "a name that is a path": signed({ ...header, kid: "../../etc/passwd" }, claims, ed(own.privateKey)),
      "a critical extension": signed({ ...header, crit: ["x"], x: 1 }, claims, ed(own.privateKey)),
      "another person": token.replace(/\.[^.]+\./, `.${base64({ ...claims, sub: "root" })}.`),
      "without its signature": signed(header, claims, nothing),
      "for another service": (await tokens.issue(whoever, { audience: "https://other.example.org" })).token,
      nothing: "a.b.c",
    }; // prettier-ignore
    // A member whose key is known here says each of them with it: its signature is right, and all else must be, too.
    const kid = "b.known";
    const b = watchTokenKeys(rows, { node: "b", isMember: () => true });
    await b.publish({ kid, x: String(jwk["x"]), untilMs: time.nowMs + 86_400_000 }, time.nowMs);
    b.stop();
    const byMember = (head: object, body: object = claims): string =>
      signed({ ...header, kid, ...head }, body, ed(own.privateKey));
    expect((await tokens.verify(byMember({}))).ok, "signed by a member").to.equal(true);
    Object.assign(wrong, {
      "of another type": byMember({ typ: "JWT" }),
      "of no type": byMember({ typ: undefined }),
      "under a name that no key has": byMember({ kid: "b.other" }),
      "under the name of another node's key": byMember({ kid: header.kid }),
      "without a session": byMember({}, { ...claims, sid: undefined }),
      "without an id": byMember({}, { ...claims, jti: undefined }),
      "without an end": byMember({}, { ...claims, exp: undefined }),
      "for nobody's name": byMember({}, { ...claims, sub: "../root" }),
      "issued long ago": byMember({}, { ...claims, iat: claims.iat - 2 * 3_600 }),
    });
    for (const [name, text] of Object.entries(wrong)) expect((await tokens.verify(text)).ok, name).to.equal(false);
    expect((await tokens.verify(token)).ok).to.equal(true);
  });
});

describe("the routes of short-lived tokens", () => {
  let fixture: Fixture;
  let keys: TokenKeys;
  before(async () => {
    keys = watchTokenKeys(await directory(), { node: "test", isMember: () => true });
    fixture = await startFixture({ serviceTokens: { node: "test", keys } });
    await fixture.request("POST", "/api/v1/sign-up", {
      body: { name: "root", password: "correct horse", adminCode: "ABCD-EFGH-JKLM" },
    });
  });

  const issue = async (token: string, body: object = {}) => fixture.request("POST", "/api/v1/tokens", { token, body });

  it("give a token that does what an API key may, until its session ends", async () => {
    const { token: session } = await fixture.signUp("ada");
    const { body } = await issue(session);
    const asked = await fixture.request("GET", "/api/v1/me", { token: body.token });
    expect(asked.body).to.deep.include({ user: "ada" });
    expect(asked.body.session.kind).to.equal("key");
    // Nothing that needs a person, and no token of a token.
    expect(
      (await fixture.request("POST", "/api/v1/me/keys", { token: body.token, body: { label: "x" } })).status,
    ).to.equal(403);
    expect((await issue(body.token)).body.error.code).to.equal("FORBIDDEN");
    const client = await fixture.connect(body.token);
    await fixture.request("POST", "/api/v1/sign-out", { token: session });
    await client.closed;
    expect((await fixture.request("GET", "/api/v1/me", { token: body.token })).body.error.code).to.equal(
      "UNAUTHENTICATED",
    );
  });

  it("give a token that is narrower, if that is asked for, and never one that is wider than what asks", async () => {
    const { token: session } = await fixture.signUp("narrow");
    const { body } = await issue(session, { scopes: ["read"] });
    expect((await fixture.request("GET", "/api/v1/me", { token: body.token })).status).to.equal(200);
    const made = await fixture.request("POST", "/api/v1/rooms", { token: body.token, body: { room: "narrow-room" } });
    expect(made.body.error.code).to.equal("FORBIDDEN");
    expect((await issue(session, { scopes: ["everything"] })).body.error.code).to.equal("BAD_REQUEST");
  });

  it("publish the keys, with which others verify", async () => {
    const { token: session } = await fixture.signUp("eve");
    const { body } = await issue(session, { audience: "https://other.example.org", lifeMs: 60_000 });
    const set = createRemoteJWKSet(new URL(`${fixture.url}/.well-known/jwks.json`));
    const { payload } = await jwtVerify(body.token, set, {
      audience: "https://other.example.org",
      issuer: "plexus",
      currentDate: new Date(fixture.world.nowMs),
    });
    expect(payload.sub).to.equal("eve");
    // It is none here.
    expect((await fixture.request("GET", "/api/v1/me", { token: body.token })).body.error.code).to.equal(
      "UNAUTHENTICATED",
    );
    const { body: published } = await fixture.request("GET", "/.well-known/jwks.json");
    for (const key of published.keys)
      expect(Object.keys(key)).to.have.members(["kty", "crv", "x", "kid", "alg", "use"]);
  });

  it("take a key of a service, whose end ends its tokens", async () => {
    const { token: session } = await fixture.signUp("service");
    const { body: key } = await fixture.request("POST", "/api/v1/me/keys", { token: session, body: { label: "ci" } });
    const { body } = await issue(key.key);
    expect((await fixture.request("GET", "/api/v1/me", { token: body.token })).status).to.equal(200);
    await fixture.request("DELETE", `/api/v1/me/keys/${key.id}`, { token: session });
    expect((await fixture.request("GET", "/api/v1/me", { token: body.token })).status).to.equal(401);
  });
});
