import { expect } from "chai";
import { identityLimits } from "../../../node/identity/limits.ts";
import { ownSamlMetadata, readSamlMetadata } from "../../../node/identity/saml-metadata.ts";
import { saml } from "../../../node/identity/saml.ts";
import type { IdentityPorts, IdentityProvider } from "../../../node/identity/provider.ts";
import { createRandom } from "../../../node/platform/index.ts";
import type { ServerOf } from "../../../protocols/index.ts";
import { makeCertificate } from "../../fixtures/certificates.ts";
import { entryPoint, issuer, logoutUrl, readByServer, requestOf, samlServer, type Response } from "./saml-server.ts";
import { cut, wrappings } from "./saml-wrappings.ts";

const clientId = "https://chat.example.org/saml";
const back = "https://chat.example.org/api/v1/sign-in/back/company";
const state = "a-state";

describe("identity: SAML", () => {
  const certificate = makeCertificate("idp", Date.now());
  const foreign = makeCertificate("evil", Date.now());
  const idp = samlServer({ certificate, clientId, back });
  const random = createRandom();
  let nowMs = Date.now();
  const ports: IdentityPorts = {
    fetch: async () => new globalThis.Response("ok"),
    nowMs: () => nowMs,
    random: (bytes) => random.bytes(bytes),
  };

  const open = (server: Partial<ServerOf<"saml">> = {}): IdentityProvider =>
    saml(
      {
        name: "company",
        label: "Company",
        server: { kind: "saml", issuer, clientId, entryPoint, certificates: [certificate.pem], logoutUrl, ...server },
        groupClaim: "groups",
        wantsGroups: true,
        trustTwo: { acr: ["https://refeds.org/profile/mfa"] },
      },
      ports,
    );
  let provider = open();
  beforeEach(() => {
    nowMs = Date.now();
    provider = open();
  });

  async function begin(again = false) {
    const begun = await provider.begin({ back, state, again });
    if (!begun.ok) throw new Error(JSON.stringify(begun.error));
    return { ...begun.value, ...requestOf(begun.value.url) };
  }
  const come = (form: string, again = false) => ({ url: new URL(`${back}?state=${state}`), form: { SAMLResponse: form, RelayState: state }, back, state, again }); // prettier-ignore
  /** The outcome of an answer to a fresh request: whom it names, or the reason why not. */
  async function outcome(said: Response, change: (xml: string) => string = (xml) => xml): Promise<string> {
    const { kept, id } = await begin();
    const form = await idp.respond({ inResponseTo: id, ...said });
    const changed = Buffer.from(change(Buffer.from(form, "base64").toString())).toString("base64");
    const claims = await provider.finish(come(changed), kept);
    return claims.ok
      ? `in as ${claims.value.subject}`
      : `${claims.error.code}: ${String(claims.error.details?.["reason"])}`;
  }

  it("sends people to the server with a request, and reads from its answer who they are", async () => {
    const { url, xml, id, kept, state: sent } = await begin();
    expect(new URL(url).origin + new URL(url).pathname).to.equal(entryPoint);
    expect(sent).to.equal(state);
    expect(xml).to.include(`AssertionConsumerServiceURL="${back}"`).and.to.include(clientId);
    expect(xml).to.not.include("ForceAuthn");
    const attributes = { mail: ["ada@example.org"], displayName: ["Ada & Co"], uid: ["ada"], groups: ["dev", "ops"] };
    const form = await idp.respond({ inResponseTo: id, attributes });
    const claims = await provider.finish(come(form), kept);
    expect(claims).to.deep.equal({
      ok: true,
      value: {
        issuer,
        subject: "ada-1",
        label: "ada@example.org",
        mail: "ada@example.org",
        mailConfirmed: false,
        name: "ada",
        displayName: "Ada & Co",
        groups: ["dev", "ops"],
      },
    });
  });

  it("takes a response whose parts are both signed, and one of any certificate of the row", async () => {
    expect(await outcome({ signs: "both" })).to.equal("in as ada-1");
    provider = open({ certificates: [foreign.pem, certificate.pem] });
    expect(await outcome({})).to.equal("in as ada-1");
  });

  it("reads attributes by the row's names, trusts its mail where the row says so, and two factors by the class that it trusts", async () => {
    provider = open({ mailAttribute: "post", trustMail: true });
    const { kept, id } = await begin();
    const attributes = { post: ["ada@example.org"], mail: ["other@example.org"] };
    const form = await idp.respond({ inResponseTo: id, attributes, context: "https://refeds.org/profile/mfa" });
    const claims = await provider.finish(come(form), kept);
    expect(claims.ok && claims.value).to.deep.include({ mail: "ada@example.org", mailConfirmed: true, two: true });
  });

  it("asks anew where it has to, and takes no older proof for it", async () => {
    const first = await begin(true);
    expect(first.xml).to.include('ForceAuthn="true"');
    const fresh = await idp.respond({ inResponseTo: first.id });
    expect((await provider.finish(come(fresh, true), first.kept)).ok).to.equal(true);
    const second = await begin(true);
    const old = await idp.respond({ inResponseTo: second.id, atMs: Date.now() - 4 * 60_000 });
    const claims = await provider.finish(come(old, true), second.kept);
    expect(claims.ok ? "in" : claims.error.details?.["reason"]).to.equal("the person was not asked again");
  });

  const refusedAs = /^IDENTITY_REFUSED: /;
  it("takes nothing that is not signed by the server, in the assertion itself, by an algorithm that holds", async () => {
    expect(await outcome({ signs: "nothing" })).to.match(refusedAs);
    expect(await outcome({ signs: "response" }), "the response is signed, the assertion is not").to.match(refusedAs);
    expect(await outcome({}, (xml) => xml.replace("ada-1", "eve-1")), "changed").to.match(refusedAs);
    const sha1 = { algorithm: "http://www.w3.org/2000/09/xmldsig#rsa-sha1" };
    const hidden = (xml: string) => xml.replaceAll(/(Algorithm="[^"]*#(?:rsa-)?sh)a1"/g, '$1&#x61;1"');
    expect(await outcome(sha1))
      .to.match(refusedAs)
      .and.include("sha1");
    expect(await outcome(sha1, hidden), "written in another way")
      .to.match(refusedAs)
      .and.include("sha1");
    const evil = samlServer({ certificate: foreign, clientId, back });
    const { kept, id } = await begin();
    const claims = await provider.finish(come(await evil.respond({ inResponseTo: id })), kept);
    expect(claims.ok, "the key of another server, which comes with its certificate").to.equal(false);
    const hmac = (xml: string) =>
      xml.replace(
        /SignatureMethod Algorithm="[^"]+"/,
        'SignatureMethod Algorithm="http://www.w3.org/2000/09/xmldsig#hmac-sha1"',
      );
    expect(await outcome({}, hmac)).to.match(refusedAs);
  });

  it("takes nothing that is for another audience, address, server or time", async () => {
    expect(await outcome({ audience: "https://other.example.org" })).to.match(refusedAs);
    expect(await outcome({ recipient: "https://other.example.org/back" })).to.match(refusedAs);
    expect(await outcome({ destination: "https://other.example.org/back" })).to.match(refusedAs);
    expect(await outcome({ issuer: "https://other.example.org" })).to.match(refusedAs);
    expect(await outcome({ method: "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches" })).to.match(refusedAs);
    expect(await outcome({ atMs: nowMs - 3_600_000 }), "over").to.match(refusedAs);
    expect(await outcome({ atMs: nowMs + 3_600_000 }), "not yet").to.match(refusedAs);
    expect(await outcome({ atMs: nowMs + identityLimits.samlSkewMs / 2 }), "clocks differ").to.equal("in as ada-1");
    const transient = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";
    expect(await outcome({ format: transient }), "a name that is another each time").to.match(refusedAs);
  });

  it("takes an answer to this request alone, and each once", async () => {
    const ours = await begin();
    const others = await begin();
    const form = await idp.respond({ inResponseTo: others.id });
    expect((await provider.finish(come(form), ours.kept)).ok, "of another browser").to.equal(false);
    expect((await provider.finish(come(form), {})).ok, "nothing was begun").to.equal(false);
    expect((await provider.finish(come(await idp.respond({})), ours.kept)).ok, "to no request").to.equal(false);
    expect((await provider.finish(come(form), others.kept)).ok).to.equal(true);
    const replayed = await provider.finish(come(form), others.kept);
    expect(replayed.ok ? "in" : replayed.error.details?.["reason"]).to.equal("it was used before");
  });

  for (const [name, { signs, wrap }] of Object.entries(wrappings))
    it(`lets nobody in by signature wrapping ${name}`, async () => {
      let changed = false;
      const said = await outcome({ signs }, (xml) => {
        const wrapped = wrap(xml);
        changed = wrapped.includes("eve-1") && wrapped.includes("ada-1");
        return wrapped;
      });
      expect(changed, "it has both names").to.equal(true);
      // What was signed may count; what was not never does.
      expect(said).to.not.include("eve-1");
    });

  it("reads no name that two readers could read differently", async () => {
    const signed = await outcome({ subject: "admin@example.org<!---->.evil.example" });
    expect(signed).to.match(refusedAs).and.include("comment");
    const after = (xml: string) => xml.replace("ada-1", "ada<!-- -->-1");
    expect(await outcome({}, after)).to.match(refusedAs);
    expect(await outcome({ subject: "<![CDATA[ada-1]]>" })).to.match(refusedAs);
    expect(await outcome({ subject: "admin<x>@evil</x>" })).to.match(refusedAs);
    expect(await outcome({}, (xml) => xml.replace("ada-1", "ada<?x y?>-1"))).to.match(refusedAs);
  });

  it("expands nothing, follows nothing, and reads no more than it has to", async () => {
    const entity = '<!DOCTYPE r [<!ENTITY a "ada"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>';
    expect(await outcome({}, (xml) => entity + xml.replace("ada-1", "&c;"))).to.match(refusedAs);
    const external = '<!DOCTYPE r SYSTEM "file:///etc/passwd">';
    expect(await outcome({}, (xml) => external + xml)).to.match(refusedAs);
    const deep = 200_000;
    expect(await outcome({}, (xml) => xml.replace("ada-1", "<a>".repeat(deep / 10)))).to.match(refusedAs);
    expect(await outcome({}, (xml) => xml.replace("ada-1", "x".repeat(identityLimits.xmlCharsMax)))).to.match(refusedAs);
    for (const nonsense of ["", "<", "<a", "</a>", "<a></b>", "<a b=\"></a>", "nonsense", "<a/><b/>", "<samlp:Response/>", "<Response xmlns='urn:oasis:names:tc:SAML:2.0:protocol'/>", "\u0000"])
      expect(await outcome({}, () => nonsense), nonsense).to.match(refusedAs);
    const utf16 = (xml: string) => `<?xml version="1.0" encoding="UTF-16"?>${xml}`;
    expect(await outcome({}, utf16)).to.match(refusedAs);
    expect(await outcome({}, (xml) => `<?xml version="1.0" encoding="UTF-8"?>${xml}`)).to.equal("in as ada-1");
  }); // prettier-ignore

  it("takes what is encrypted for nothing, and says what to change", async () => {
    const encrypted = (xml: string) => xml.replace(cut(xml).assertion, "<saml:EncryptedAssertion/>");
    expect(await outcome({}, encrypted)).to.include("encrypted");
  });

  it("sends nobody out over a line that others read, signs out where the server says, and tries it", async () => {
    provider = open({ entryPoint: "http://idp.example.org/sso" });
    expect((await provider.begin({ back, state, again: false })).ok).to.equal(false);
    provider = open();
    const out = await provider.signOut?.({ subject: "ada-1", back });
    expect(out?.startsWith(`${logoutUrl}?SAMLRequest=`)).to.equal(true);
    const request = requestOf(out ?? "").xml;
    expect(request).to.include("LogoutRequest").and.to.include("ada-1");
    const report = await provider.test();
    expect(report.ok, JSON.stringify(report)).to.equal(true);
    nowMs += 3 * 86_400_000;
    expect((await open().test()).found.at(-1)).to.include({ ok: false });
  });

  it("reads the metadata of a server: who it is, where, and what it signs with", () => {
    const read = readSamlMetadata(idp.metadata());
    expect(read.ok && { ...read.value, certificates: 0 }).to.deep.equal({ issuer, entryPoint, logoutUrl, certificates: 0 });
    const plain = (pem: string): string => pem.replaceAll(/\s/g, "");
    expect(read.ok && read.value.certificates.map(plain)).to.deep.equal([plain(certificate.pem)]);
    for (const wrong of ["", "<a/>", idp.metadata().replace("HTTP-Redirect", "HTTP-POST"), `<!DOCTYPE a>${idp.metadata()}`])
      expect(readSamlMetadata(wrong).ok, wrong.slice(0, 40)).to.equal(false);
  }); // prettier-ignore

  it("describes this cluster to the server, as metadata that the server reads", async () => {
    const own = await ownSamlMetadata({ clientId }, back);
    expect(readByServer(own)).to.deep.equal({ entity: clientId, back, wantsSigned: true });
    expect(await ownSamlMetadata({ clientId }, back)).to.equal(own);
  });
});
