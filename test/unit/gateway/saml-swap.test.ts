import { expect } from "chai";
import { createClock } from "../../../node/platform/index.ts";
import { makeCertificate, type Certificate } from "../../fixtures/certificates.ts";
import { Browser } from "../../fixtures/identity/browser.ts";
import { entryPoint, issuer, requestOf, samlServer } from "../identity/saml-server.ts";
import { controlToken, startFixture, type Fixture } from "./fixture.ts";

const clientId = "https://chat.example.org/saml";

/** Two admins, each with an identity at the company's SAML server, which signs for real. */
describe("gateway: a SAML server that answers for another person", function () {
  let fixture: Fixture;
  let ida: string;
  let kim: string;
  const company = makeCertificate("company", Date.now());
  const swapped = makeCertificate("swapped", Date.now());
  before(async () => {
    // By the machine's clock, by which assertions of SAML hold.
    fixture = await startFixture({ clock: createClock() });
    await fixture.signUp("root");
    expect(await set(company, controlToken)).to.equal(200);
    [ida = "", kim = ""] = await Promise.all(
      ["ida", "kim"].map(async (name) => {
        const { token } = await fixture.signUp(name);
        const body = { roles: ["admin"] };
        await fixture.request("PUT", `/api/v1/admin/users/${name}/roles`, { token: controlToken, body });
        return token;
      }),
    );
  });
  after(() => fixture.stop());

  const set = async ({ pem }: Certificate, token: string): Promise<number> => {
    const server = { kind: "saml", issuer, clientId, entryPoint, certificates: [pem] };
    const body = { server, label: "Company", registration: "link-only" };
    return (await fixture.request("PUT", "/api/v1/admin/identity-providers/company", { token, body })).status;
  };
  /** The browser is sent there, and comes back with what the server says of `subject`. */
  const answered = async (browser: Browser, begun: string, subject: string, certificate: Certificate): Promise<URL> => {
    const { url } = await browser.go(begun, { until: ({ href }) => href.startsWith(entryPoint) });
    const { id, state } = requestOf(url.href);
    const back = `${fixture.url}/api/v1/sign-in/back/company`;
    const SAMLResponse = await samlServer({ certificate, clientId, back }).respond({ inResponseTo: id, subject });
    const from = new URL(entryPoint).origin;
    return (await browser.go(back, { from, form: { SAMLResponse, RelayState: state ?? "" } })).url;
  };
  const comesIn = async (subject: string, certificate: Certificate): Promise<unknown> => {
    const browser = new Browser();
    const url = await answered(browser, `${fixture.url}/api/v1/sign-in/with/company`, subject, certificate);
    return url.searchParams.get("signIn") ?? (await browser.ask(fixture.url, "GET", "/api/v1/me")).body.user;
  };
  /** The outcome of linking what the server says of `subject` to an account that is signed in. */
  const link = async (token: string, subject: string, certificate: Certificate): Promise<unknown> => {
    const browser = new Browser();
    browser.plant(fixture.url, "plexus_session", token);
    const { url } = (await browser.ask(fixture.url, "POST", "/api/v1/me/identities/with/company", {})).body;
    await answered(browser, url, subject, certificate);
    const proven = await browser.ask(fixture.url, "POST", "/api/v1/me/identities/proven", {});
    return proven.status === 200 ? "linked" : proven.body.error.code;
  };

  it("lets in whom each identity is linked to, and links one person's identity to nobody else", async () => {
    expect(await link(kim, "kim-there", company)).to.equal("linked");
    expect(await comesIn("kim-there", company)).to.equal("kim");
    // Ida's attempt is answered with kim's identity.
    expect(await link(ida, "kim-there", company)).to.not.equal("linked");
    expect(await comesIn("kim-there", company)).to.equal("kim");
    expect(await link(ida, "ida-there", company)).to.equal("linked");
    expect(await comesIn("ida-there", company)).to.equal("ida");
  });

  it("lets nobody in as an equal by another certificate of an equal's, and its person only after linking again", async () => {
    expect(await comesIn("kim-there", swapped), "a certificate that the row has not").to.not.equal("kim");
    expect(await set(swapped, ida)).to.equal(200);
    expect(await comesIn("kim-there", swapped), "one that an equal has set").to.equal("FORBIDDEN");
    expect(await comesIn("kim-there", company), "the one of before").to.not.equal("kim");
    expect(await link(kim, "kim-there", swapped)).to.equal("linked");
    expect(await comesIn("kim-there", swapped), "linked again by its person").to.equal("kim");
    expect(await set(company, controlToken)).to.equal(200);
    expect(await comesIn("kim-there", company), "set by the operator").to.equal("kim");
  });
});
