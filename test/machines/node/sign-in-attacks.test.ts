/** Attacks on sign-in, tried on a real node with a real server of OpenID Connect (`oidc-provider`), a server of SAML that
 *  signs (`samlify`), and passkeys in software: each ends with its row of the error table, and people who are signed in
 *  are served meanwhile. The tests of the gateway have more cases of each. */
import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { expect } from "chai";
import { makeCertificate } from "../../fixtures/certificates.ts";
import { Browser } from "../../fixtures/identity/browser.ts";
import { clientId, clientSecret, startOidcServer, type OidcServer } from "../../fixtures/identity/oidc-server.ts";
import { createDataFolder, NodeProcess, withoutAi } from "../../fixtures/processes/node-process.ts";
import { Authenticator } from "../../unit/gateway/authenticator.ts";
import { entryPoint, issuer as samlIssuer, requestOf, samlServer } from "../../unit/identity/saml-server.ts";
import { wrappings } from "../../unit/identity/saml-wrappings.ts";

const samlClient = "https://chat.example.org/saml";

describe("attacks on sign-in at a real node", function () {
  let folder: Awaited<ReturnType<typeof createDataFolder>>;
  let node: NodeProcess;
  let oidc: OidcServer;
  let root: string;
  const certificate = makeCertificate("idp", Date.now());
  let addresses = 0;

  before(async () => {
    folder = await createDataFolder();
    // Each test comes from an address of its own, as a proxy says: rates of sign-ins are for addresses.
    node = new NodeProcess(folder.path, [...withoutAi, "--trusted-proxy", "127.0.0.1"]);
    await node.start();
    root = await node.signUp("root");
    oidc = await startOidcServer({ pages: [node.url], names: ["main", "linked"] });
    const server = { kind: "oidc", issuer: oidc.issuer, clientId };
    const row = { server, label: "Company", secret: clientSecret, registration: "create" };
    const saml = {
      kind: "saml",
      issuer: samlIssuer,
      clientId: samlClient,
      entryPoint,
      certificates: [certificate.pem],
    };
    for (const [name, body] of Object.entries({
      main: row,
      linked: { ...row, registration: "link-only" },
      school: { server: saml, label: "School", registration: "create" },
    })) {
      const set = await node.http("PUT", `/api/v1/admin/identity-providers/${name}`, body, root);
      expect(set.status, JSON.stringify(set.body)).to.equal(200);
    }
    expect((await node.http("POST", "/api/v1/rooms", { room: "lobby" }, root)).status).to.equal(200);
  });
  after(async () => {
    await node?.[Symbol.asyncDispose]();
    await folder?.[Symbol.asyncDispose]();
    await oidc?.stop();
  });
  beforeEach(() => {
    addresses += 1;
    oidc.person = { sub: "1", preferred_username: "ada" };
  });
  afterEach(async () => {
    expect((await node.http("POST", "/api/v1/rooms/lobby/messages", { text: "still here" }, root)).status).to.equal(
      200,
    );
  });

  const from = (): Record<string, string> => ({ "x-forwarded-for": `198.51.100.${addresses}` });
  const newBrowser = (): Browser => new Browser(from());
  const isBack = (url: URL): boolean => url.pathname.startsWith("/api/v1/sign-in/back/");
  const codeOf = (body: unknown): string => (body as { error?: { code: string } }).error?.code ?? "done";
  const me = async (token: string): Promise<string> => {
    const response = await fetch(`${node.url}/api/v1/me`, { headers: { ...from(), authorization: `Bearer ${token}` } });
    return codeOf(await response.json());
  };

  it("a session that was planted in a browser stays the planter's", async () => {
    const mallory = await node.signUp("mallory");
    const browser = newBrowser();
    browser.plant(node.url, "plexus_session", mallory);
    const signedIn = await browser.ask(node.url, "POST", "/api/v1/sign-in", {
      name: "root",
      password: "password of root",
    });
    expect(signedIn.status).to.equal(200);
    expect(browser.cookie(node.url, "plexus_session")).to.not.equal(mallory);
    const { body } = await node.http("GET", "/api/v1/me", undefined, mallory);
    expect((body as { user: string }).user).to.equal("mallory");
  });

  it("a short-lived token is believed by its one algorithm and the node's keys alone", async () => {
    const { body } = await node.http("POST", "/api/v1/tokens", {}, root);
    const { token } = body as { token: string };
    expect(await me(token)).to.equal("done");
    const { body: jwks } = await node.http("GET", "/.well-known/jwks.json");
    const published = (jwks as { keys: { x: string }[] }).keys[0]?.x ?? "";
    const [head, claims] = token.split(".").map((part) => Buffer.from(part, "base64url").toString());
    const forged = (change: object, by: (text: string) => Buffer): string => {
      const coded = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
      const text = `${coded({ ...JSON.parse(head ?? ""), ...change })}.${coded(JSON.parse(claims ?? ""))}`;
      return `${text}.${by(text).toString("base64url")}`;
    };
    const own = generateKeyPairSync("ed25519");
    const jwk = own.publicKey.export({ format: "jwk" });
    const mine = (text: string): Buffer => sign(null, Buffer.from(text), own.privateKey);
    const hmac = (secret: string | Buffer) => (text: string) => createHmac("sha256", secret).update(text).digest();
    const all = {
      none: forged({ alg: "none" }, () => Buffer.alloc(0)),
      "the public key as a secret": forged({ alg: "HS256" }, hmac(Buffer.from(published, "base64url"))),
      "the same, as published": forged({ alg: "HS256" }, hmac(published)),
      "a key of its own": forged({}, mine),
      "a key of its own in the header": forged({ jwk }, mine),
      "a key of its own elsewhere": forged({ jku: "https://evil.example/jwks.json" }, mine),
    };
    for (const [name, text] of Object.entries(all)) expect(await me(text), name).to.equal("UNAUTHENTICATED");
    expect(await me(token)).to.equal("done");
  });

  it("a code of OpenID Connect is of no use in another browser, in another sign-in, or twice", async () => {
    const begun = `${node.url}/api/v1/sign-in/with/main`;
    const stolen = (await newBrowser().go(begun, { until: isBack })).url;
    const victim = newBrowser();
    expect((await victim.go(stolen.href, { from: "https://evil.example" })).url.search).to.contain("SIGN_IN_EXPIRED");
    const own = (await victim.go(begun, { until: isBack })).url;
    const injected = new URL(own);
    injected.searchParams.set("code", stolen.searchParams.get("code") ?? "");
    expect((await victim.go(injected.href)).url.search).to.contain("IDENTITY_REFUSED");
    expect(victim.cookie(node.url, "plexus_session")).to.equal(undefined);
    const good = (await victim.go(begun, { until: isBack })).url;
    expect((await victim.go(good.href)).url.search).to.equal("");
    expect((await victim.go(good.href)).url.search).to.contain("SIGN_IN_EXPIRED");
  });

  it("an answer of one server counts at no address of another, and with no other `iss`", async () => {
    const browser = newBrowser();
    const begun = `${node.url}/api/v1/sign-in/with/main`;
    const back = (await browser.go(begun, { until: isBack })).url;
    const elsewhere = back.href.replace("/back/main", "/back/linked");
    expect((await browser.go(elsewhere)).url.search).to.contain("SIGN_IN_EXPIRED");
    const again = (await browser.go(begun, { until: isBack })).url;
    again.searchParams.set("iss", "https://evil.example");
    expect((await browser.go(again.href)).url.search).to.contain("IDENTITY_REFUSED");
  });

  it("nobody is led to another site by a sign-in", async () => {
    for (const bad of ["//evil.example/x", "https://evil.example", "/\\evil.example", "/.//evil.example"]) {
      const { url } = await newBrowser().go(`${node.url}/api/v1/sign-in/with/main?return=${encodeURIComponent(bad)}`);
      expect(url.href, bad).to.equal(`${node.url}/`);
    }
  });

  /** Signs in by SAML with an answer that `change` has changed. */
  async function bySaml(
    change: (xml: string) => string,
    more: { readonly signs?: "assertion" | "both"; readonly subject?: string } = {},
  ) {
    const browser = newBrowser();
    const begun = `${node.url}/api/v1/sign-in/with/school`;
    const { url } = await browser.go(begun, { until: ({ href }) => href.startsWith(entryPoint) });
    const { id, state } = requestOf(url.href);
    const back = `${node.url}/api/v1/sign-in/back/school`;
    const answer = await samlServer({ certificate, clientId: samlClient, back }).respond({ inResponseTo: id, ...more });
    const changed = Buffer.from(change(Buffer.from(answer, "base64").toString())).toString("base64");
    const form = { SAMLResponse: changed, RelayState: state ?? "" };
    const landed = await browser.go(back, { from: new URL(entryPoint).origin, form });
    const said = landed.url.searchParams.get("signIn");
    const person = (await browser.ask(node.url, "GET", "/api/v1/me")).body as { user?: string };
    return { said, user: person.user, form, browser, back };
  }

  it("SAML lets in who was signed, and once", async () => {
    const { said, user, form, browser, back } = await bySaml((xml) => xml);
    expect([said, typeof user]).to.deep.equal([null, "string"]);
    const replayed = await newBrowser().go(back, { from: new URL(entryPoint).origin, form });
    expect(replayed.url.searchParams.get("signIn")).to.equal("SIGN_IN_EXPIRED");
    const again = await browser.go(back, { from: new URL(entryPoint).origin, form });
    expect(again.url.searchParams.get("signIn")).to.equal("SIGN_IN_EXPIRED");
  });

  it("SAML lets nobody in by signature wrapping, comments, entities or no signature", async () => {
    const { user: ada } = await bySaml((xml) => xml);
    for (const [name, { signs, wrap }] of Object.entries(wrappings)) {
      const { said, user } = await bySaml(wrap, { signs });
      // What was signed may count; what was not never does.
      if (said === null) expect(user, name).to.equal(ada);
      else expect(said, name).to.equal("IDENTITY_REFUSED");
    }
    const tricks: Readonly<Record<string, (xml: string) => string>> = {
      "a comment in the name": (xml) => xml.replace("ada-1", "ada<!-- -->-1"),
      "an entity": (xml) => `<!DOCTYPE r [<!ENTITY a "ada-1">]>${xml.replace("ada-1", "&a;")}`,
      "another name": (xml) => xml.replace("ada-1", "eve-1"),
      "no signature": (xml) => xml.replace(/<(?:\w+:)?Signature[ >][^]*<\/(?:\w+:)?Signature>/, ""),
    };
    addresses += 1;
    for (const [name, trick] of Object.entries(tricks))
      expect((await bySaml(trick)).said, name).to.equal("IDENTITY_REFUSED");
    const signed = await bySaml((xml) => xml, { subject: "ada-1<!---->.evil" });
    expect(signed.said, "a comment that was signed").to.equal("IDENTITY_REFUSED");
  });

  it("a passkey answers for its own page, question and count alone", async () => {
    const origin = `http://localhost:${new URL(node.url).port}`;
    const post = async (path: string, body: object, token?: string) => {
      const headers = {
        ...from(),
        origin,
        "content-type": "application/json",
        ...(token && { authorization: `Bearer ${token}` }),
      };
      const response = await fetch(`${origin}/api/v1${path}`, { method: "POST", headers, body: JSON.stringify(body) });
      return (await response.json()) as { readonly attempt: string; readonly options: never; readonly user?: string };
    };
    const fay = await node.signUp("fay");
    const passkey = new Authenticator(origin);
    const offered = await post("/me/passkeys/options", {}, fay);
    const made = { attempt: offered.attempt, name: "Laptop", passkey: passkey.make(offered.options) };
    expect(codeOf(await post("/me/passkeys", made, fay))).to.equal("done");
    const enter = async (wrong: object): Promise<string> => {
      const { options, attempt } = await post("/sign-in/passkey/options", {});
      const answer = await post("/sign-in/passkey", { attempt, passkey: passkey.answer(options, wrong) });
      return answer.user ?? codeOf(answer);
    };
    expect(await enter({})).to.equal("fay");
    for (const wrong of [
      { origin: "https://evil.example" },
      { host: "evil.example" },
      { challenge: "AAAA" },
      { counter: 1 },
    ])
      expect(await enter(wrong), JSON.stringify(wrong)).to.equal("PASSKEY_REFUSED");
    expect(await enter({})).to.equal("fay");
  });
});
