/** What is done to sessions, tokens and sign-ins that are under way, at gateways as they run: each ends as its row of
 *  the error table says, and whoever is signed in is served meanwhile. */
import { createHmac, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { expect } from "chai";
import { watchTokenKeys, type TokenKeys } from "../../../node/cluster/facts/token-keys.ts";
import { createEmbeddedDirectory } from "../../../node/cluster/directory/index.ts";
import { createGateway } from "../../../node/gateway/index.ts";
import { type Gateway } from "../../../node/gateway/options.ts";
import { MemoryStore } from "../../conformance/directory-store.ts";
import { codeAt, setUpCodes } from "./codes.ts";
import { connectClient, password, startFixture, type Reply, type Fixture } from "./fixture.ts";

describe("gateway: attacks on sessions and sign-ins", () => {
  let fixture: Fixture;
  let other: Gateway;
  let keys: TokenKeys;
  let ada: string;

  before(async () => {
    const directory = createEmbeddedDirectory({ store: new MemoryStore() });
    await directory.opened();
    keys = watchTokenKeys(directory, { node: "test", isMember: () => true });
    fixture = await startFixture({ serviceTokens: { node: "test", keys } });
    other = await createGateway({ ...fixture.settings, node: "other" });
    await fixture.signUp("root");
    ada = (await fixture.signUp("ada")).token;
  });
  after(async () => {
    await other.stop(2_000);
    await fixture.stop();
  });
  afterEach(async () => {
    expect((await fixture.request("GET", "/api/v1/me", { token: ada })).body.user).to.equal("ada");
  });

  const statusAt = async (url: string, token: string): Promise<string> => {
    const answer = await fetch(`${url}/api/v1/me`, { headers: { authorization: `Bearer ${token}` } });
    return answer.ok ? "served" : ((await answer.json()) as { error: { code: string } }).error.code;
  };
  const withCookies = (path: string, body: object, cookie: string): Promise<Reply> =>
    fixture.request("POST", `/api/v1${path}`, { body, headers: { cookie, "sec-fetch-site": "same-origin" } });
  const cookieOf = ({ headers }: Reply, name: string): string | undefined =>
    headers
      .getSetCookie()
      .find((one) => one.startsWith(`${name}=`))
      ?.split(";")[0]
      ?.slice(name.length + 1);

  it("a session that was planted in a browser stays the planter's: who signs in gets another", async () => {
    const { token: mallory } = await fixture.signUp("mallory");
    const planted = `plexus_session=${mallory}; plexus_device=${"A".repeat(43)}`;
    const reply = await withCookies("/sign-in", { name: "ada", password }, planted);
    expect(reply.status).to.equal(200);
    const session = cookieOf(reply, "plexus_session");
    expect(session).to.equal(reply.body.token).and.to.not.equal(mallory);
    expect((await fixture.request("GET", "/api/v1/me", { token: mallory })).body.user).to.equal("mallory");
    for (const name of ["plexus_session", "plexus_device"])
      expect(reply.headers.getSetCookie().find((one) => one.startsWith(name)))
        .to.match(/HttpOnly/i)
        .and.match(/SameSite=Strict/i);
    // A token in the address is none: it would be in histories and logs.
    expect((await fetch(`${fixture.url}/api/v1/me?token=${mallory}`)).status).to.equal(401);
  });

  it("a sign-in under way that was planted in a browser leads to nobody else's account", async () => {
    const { nowMs } = fixture.world;
    const { attempt: planted } = await setUpCodes(fixture, "eve", nowMs);
    const { seed } = await setUpCodes(fixture, "victim", nowMs);
    const cookie = `plexus_sign_in=${planted}`;
    // The victim signs in with the password, in the browser with eve's attempt.
    const begun = await withCookies("/sign-in", { name: "victim", password }, cookie);
    expect(begun.status).to.equal(202);
    expect(begun.body.attempt).to.not.equal(planted);
    expect(cookieOf(begun, "plexus_sign_in")).to.equal(begun.body.attempt);
    // The victim's code is none for eve's attempt, and eve's attempt has nothing of the victim.
    const code = codeAt(seed, nowMs + 30_000);
    const mixed = await withCookies("/sign-in/code", { attempt: planted, code }, cookie);
    expect(mixed.body.error.code).to.equal("CODE_WRONG");
    const done = await withCookies("/sign-in/code", { code }, `plexus_sign_in=${begun.body.attempt}`);
    expect(done.body.user, JSON.stringify(done.body)).to.equal("victim");
    const again = await withCookies("/sign-in/code", { code }, `plexus_sign_in=${begun.body.attempt}`);
    expect(again.body.error.code).to.equal("SIGN_IN_EXPIRED");
  });

  it("a sign-in that lacks its second factor is no session, whichever way it is shown", async () => {
    const { attempt } = await setUpCodes(fixture, "half", fixture.world.nowMs);
    for (const headers of [
      { authorization: `Bearer ${attempt}` },
      { "x-api-key": attempt },
      { cookie: `plexus_session=${attempt}` },
      { cookie: `plexus_sign_in=${attempt}` },
    ] as readonly Record<string, string>[])
      expect((await fixture.request("GET", "/api/v1/me", { headers })).body.error.code).to.equal("UNAUTHENTICATED");
    const refused = await connectClient(fixture.url, attempt).then(
      () => "open",
      (error: { status?: number }) => error.status,
    );
    expect(refused).to.equal(401);
  });

  it("a token is good at no node after it was revoked at one: sockets and streams there end, and it is not taken again", async () => {
    const { token: session } = await fixture.signUp("bob");
    const { body: key } = await fixture.request("POST", "/api/v1/me/keys", { token: session, body: { label: "ci" } });
    const { body: jwt } = await fixture.request("POST", "/api/v1/tokens", { token: session, body: {} });
    const tokens = [session, key.key as string, jwt.token as string];
    for (const token of tokens)
      // Often enough that the other gateway trusts it without asking.
      for (let time = 0; time < 3; time += 1) expect(await statusAt(other.url, token)).to.equal("served");
    const sockets = await Promise.all(tokens.map((token) => connectClient(other.url, token)));
    const stream = await fetch(`${other.url}/api/v1/me/events`, { headers: { authorization: `Bearer ${session}` } });
    const read = (async () => {
      for await (const _part of stream.body ?? []) void _part;
    })().catch(() => undefined);
    expect((await fixture.request("DELETE", `/api/v1/me/keys/${key.id}`, { token: session })).status).to.equal(200);
    expect((await sockets[1]?.closed)?.code).to.equal(1008);
    expect(await statusAt(other.url, tokens[1] as string)).to.equal("UNAUTHENTICATED");
    expect(await statusAt(other.url, session)).to.equal("served");
    expect((await fixture.request("POST", "/api/v1/sign-out", { token: session, body: {} })).status).to.equal(200);
    await Promise.all([...sockets.map(({ closed }) => closed), read]);
    for (const url of [fixture.url, other.url])
      for (const token of tokens) {
        expect(await statusAt(url, token)).to.equal("UNAUTHENTICATED");
        const refused = await connectClient(url, token).then(
          () => "open",
          (error: { status?: number }) => error.status,
        );
        expect(refused).to.equal(401);
      }
  });

  it("a short-lived token is believed by its one algorithm and the keys of the cluster, at every entrance", async () => {
    const { body } = await fixture.request("POST", "/api/v1/tokens", { token: ada, body: {} });
    const token = body.token as string;
    expect(await statusAt(other.url, token)).to.equal("served");
    const [header, claims] = token
      .split(".")
      .slice(0, 2)
      .map((part) => JSON.parse(Buffer.from(part, "base64url").toString()));
    const [key] = keys.current(fixture.world.nowMs);
    const coded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
    const signed = (head: object, said: object, by: (text: string) => Buffer): string => {
      const text = `${coded({ ...header, ...head })}.${coded({ ...claims, ...said })}`;
      return `${text}.${by(text).toString("base64url")}`;
    };
    const ed = (private_: KeyObject) => (text: string) => sign(null, Buffer.from(text), private_);
    const own = generateKeyPairSync("ed25519");
    const mine = ed(own.privateKey);
    const jwk = own.publicKey.export({ format: "jwk" });
    const raw = Buffer.from(key?.x ?? "", "base64url");
    const pem = `-----BEGIN PUBLIC KEY-----\n${Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), raw]).toString("base64")}\n-----END PUBLIC KEY-----\n`;
    const hmac = (secret: string | Buffer) => (text: string) => createHmac("sha256", secret).update(text).digest();
    const forged: Readonly<Record<string, string>> = {
      "no algorithm": signed({ alg: "none" }, { sub: "root" }, () => Buffer.alloc(0)),
      "no algorithm, in other letters": signed({ alg: "nOnE" }, { sub: "root" }, () => Buffer.alloc(0)),
      "the public key as a secret": signed({ alg: "HS256" }, { sub: "root" }, hmac(raw)),
      "the public key as a secret, as published": signed({ alg: "HS256" }, { sub: "root" }, hmac(key?.x ?? "")),
      "the public key as a secret, as PEM": signed({ alg: "HS256" }, { sub: "root" }, hmac(pem)),
      "a key of its own": signed({}, { sub: "root" }, mine),
      "a key of its own in the header": signed({ jwk }, { sub: "root" }, mine),
      "a key of its own elsewhere": signed({ jku: "https://evil.example/jwks.json" }, { sub: "root" }, mine),
      "a key of another node": signed({ kid: "evil.1" }, { sub: "root" }, mine),
      "a path for a key": signed({ kid: "../../../dev/null" }, { sub: "root" }, hmac("")),
      "an extension that has to be understood": signed({ crit: ["b64"], b64: false }, {}, mine),
      "another person": token.replace(/\.[^.]+\./, `.${coded({ ...claims, sub: "root" })}.`),
      "more time": token.replace(/\.[^.]+\./, `.${coded({ ...claims, exp: claims.exp + 86_400 })}.`),
      "another signature": `${token.slice(0, -4)}AAAA`,
    };
    for (const [name, text] of Object.entries(forged)) {
      expect(await statusAt(other.url, text), name).to.equal("UNAUTHENTICATED");
      const refused = await connectClient(fixture.url, text).then(
        () => "open",
        (error: { status?: number }) => error.status,
      );
      expect(refused, name).to.equal(401);
    }
    expect(await statusAt(fixture.url, token)).to.equal("served");
  });
});
