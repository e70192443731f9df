import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { writeControlFile } from "../../../cli/cluster/control.ts";
import { isTrusted, listProviders, removeProvider, setProvider, showProvider, testProvider, type IdentityFlags } from "../../../cli/people/identity.ts"; // prettier-ignore
import { marksOf, readSamlMetadata } from "../../../node/identity/index.ts";
import { failureOf, type ProviderKind } from "../../../protocols/index.ts";
import { makeCertificate } from "../../fixtures/certificates.ts";
import { clientId, clientSecret, startOidcServer, type OidcServer } from "../../fixtures/identity/oidc-server.ts";
import { controlToken, startFixture, type Fixture } from "../gateway/fixture.ts";
import { collected } from "./fixture.ts";

const metadataWith = (certificates: readonly string[]): string => {
  const keys = certificates
    .map((pem) => pem.replaceAll(/-----[^-]+-----|\s/g, ""))
    .map(
      (text) =>
        `<KeyDescriptor use="signing"><KeyInfo><X509Data><X509Certificate>${text}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>`,
    );
  return `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://idp.example/id"><IDPSSODescriptor>${keys.join("")}<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example/sso"/></IDPSSODescriptor></EntityDescriptor>`;
};

describe("plexus identity", function () {
  let folder: string;
  let fixture: Fixture;
  let oidc: OidcServer;
  let pages: Server;
  let pagesUrl: string;
  let answer: { readonly status: number; readonly body: string; readonly location?: string };
  let asked = 0;
  const pem = makeCertificate("idp.example", Date.now()).pem;
  const [mark] = (() => {
    const marks = marksOf([pem]);
    if (!marks.ok) throw new Error(marks.error.code);
    return marks.value;
  })();
  const fingerprint = mark?.fingerprint ?? "";

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "plexus-cli-identity-"));
    fixture = await startFixture();
    await writeControlFile(folder, { url: fixture.url, controlToken, pid: process.pid });
    oidc = await startOidcServer({ pages: [fixture.url], names: ["company"] });
    await writeFile(join(folder, "secret"), `${clientSecret}\n`);
    pages = createServer((_request, response) => {
      asked += 1;
      response.writeHead(answer.status, answer.location === undefined ? {} : { location: answer.location });
      response.end(answer.body);
    });
    await new Promise<void>((resolve) => pages.listen(0, "127.0.0.1", resolve));
    pagesUrl = `http://127.0.0.1:${(pages.address() as AddressInfo).port}/metadata`;
  });
  after(async () => {
    pages.closeAllConnections();
    await new Promise((resolve) => pages.close(resolve));
    await oidc.stop();
    await fixture.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const flags = (json = false) => ({ dataFolder: folder, url: undefined, json });
  const set = async (name: string, kind: ProviderKind, more: Partial<IdentityFlags>) => {
    const output = collected();
    const wish = { name, kind, clientId, label: "Company", registration: "link-only" as const, ...more };
    const code = await setProvider(flags(), wish, output).catch((error: unknown) => failureOf(error));
    return { code, said: output.out.join("\n"), warned: output.err.join("\n") };
  };
  const said = async (run: (output: ReturnType<typeof collected>) => Promise<number>): Promise<string> => {
    const output = collected();
    expect(await run(output)).to.equal(0);
    return output.out.join("\n");
  };

  it("sets a server, shows it without its secret, tries it, and removes it", async () => {
    expect(await said((output) => listProviders(flags(), output))).to.include("plexus identity set --help");
    const done = await set("company", "oidc", { issuer: oidc.issuer, secretFile: join(folder, "secret"), role: ["a=b=moderator"], groupClaim: "groups" }); // prettier-ignore
    expect(done.code, JSON.stringify(done.code)).to.equal(0);
    expect(done.said).to.include("a=b has moderator").and.include("/api/v1/sign-in/back/company").and.include("Try it");
    const shown = await said((output) => showProvider(flags(), "company", output));
    expect(shown).to.include("with a secret").and.not.include(clientSecret);
    const row = JSON.parse(await said((output) => listProviders(flags(true), output))) as object;
    expect(row).to.deep.include({ name: "company", hasSecret: true });
    expect(await said((output) => listProviders(flags(), output))).to.include(oidc.issuer);
    expect(await said((output) => testProvider(flags(), "company", output))).to.match(/^ok /u);
    expect(await said((output) => removeProvider(flags(), "company", output))).to.include("Nobody signs in by company");
    expect((await removeProvider(flags(), "company", collected()).catch(failureOf)) as object).to.deep.include({
      code: "NOT_FOUND",
    });
  });

  it("says which flag lacks", async () => {
    const of = async (kind: ProviderKind, more: Partial<IdentityFlags> = {}) =>
      ((await set("x", kind, more)).code as { details?: { field?: string } }).details?.field;
    expect(await of("oidc")).to.equal("--issuer");
    expect(await of("saml")).to.equal("--metadata");
    expect(await of("oidc", { issuer: oidc.issuer, role: ["admin"] })).to.equal("--role");
  });

  it("takes metadata from an address once, when somebody vouches for its certificates", async () => {
    answer = { status: 200, body: metadataWith([pem]) };
    const before = asked;
    const nobody = await set("school", "saml", { metadata: pagesUrl });
    expect(nobody.code).to.deep.include({ code: "BAD_REQUEST" });
    expect(nobody.warned, "they are shown first").to.include(fingerprint).and.include("CN=idp.example");
    expect((await set("school", "saml", { metadata: pagesUrl, fingerprint: ["AB:CD"] })).code).to.deep.include({
      code: "BAD_REQUEST",
    });
    expect(
      (await fixture.request("GET", "/api/v1/admin/identity-providers", { token: controlToken })).body.providers,
    ).to.deep.equal([]);
    const plain = fingerprint.replaceAll(":", "").toLowerCase();
    const done = await set("school", "saml", { metadata: pagesUrl, fingerprint: [plain] });
    expect(done.code, JSON.stringify(done.code)).to.equal(0);
    expect(done.said).to.include("saml, https://idp.example/id");
    expect(asked - before, "once each").to.equal(3);
  });

  it("takes from a file what an admin has", async () => {
    await writeFile(join(folder, "metadata.xml"), metadataWith([pem]));
    expect((await set("school", "saml", { metadata: join(folder, "metadata.xml") })).code).to.equal(0);
  });

  it("refuses an address without https, one that sends on, that answers nothing of use, and too much", async () => {
    const codeOf = async (metadata: string) => (await set("no", "saml", { metadata, fingerprint: [fingerprint] })).code;
    expect(await codeOf("http://idp.example/metadata")).to.deep.include({ code: "BAD_REQUEST" });
    answer = { status: 302, body: "", location: "http://127.0.0.1:1/" };
    expect(await codeOf(pagesUrl)).to.deep.include({ code: "IDENTITY_PROVIDER_AWAY" });
    answer = { status: 404, body: metadataWith([pem]) };
    expect(await codeOf(pagesUrl)).to.deep.include({ code: "IDENTITY_PROVIDER_AWAY" });
    answer = { status: 200, body: "x".repeat(1024 * 1024 + 1) };
    expect(await codeOf(pagesUrl)).to.deep.include({ code: "IDENTITY_PROVIDER_AWAY" });
    answer = { status: 200, body: metadataWith(["AAAA"]) };
    expect(await codeOf(pagesUrl)).to.deep.include({ code: "BAD_REQUEST" });
  });

  it("wants each of several certificates to be vouched for, and shows what strangers wrote in them without doing it", async () => {
    const other = { fingerprint: "11:22", subject: "CN=\u001b[2Jx", until: "later" };
    const output = collected();
    const ask = (told: readonly string[] | undefined, says = false) =>
      isTrusted([{ ...other, fingerprint: "AA:BB" }, other], told, { output, sure: () => Promise.resolve(says) });
    expect(await ask(["aabb"])).to.equal(false);
    expect(await ask(["aabb", "1122"])).to.equal(true);
    expect([await ask(undefined), await ask(undefined, true)]).to.deep.equal([false, true]);
    expect(output.err.join("")).to.not.include("\u001b");
  });

  it("reads no key as a certificate", () => {
    const { publicKey } = generateKeyPairSync("ec", {
      namedCurve: "P-256",
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
    });
    expect(marksOf([publicKey]).ok).to.equal(false);
    expect(readSamlMetadata(metadataWith([])).ok).to.equal(false);
  });
});
