import { expect } from "chai";
import { clientId, clientSecret, startOidcServer, type OidcServer } from "../../fixtures/identity/oidc-server.ts";
import { openPages, type Fixture } from "../../fixtures/page/index.ts";

describe("sign-in by another server in the page", function () {
  let fixture: Fixture;
  let server: OidcServer;
  before(async () => {
    fixture = await openPages();
    server = await startOidcServer({ pages: [fixture.node.url], names: ["company"] });
    const root = await fixture.person("root");
    await root.api("PUT", "/api/v1/admin/identity-providers/company", {
      server: { kind: "oidc", issuer: server.issuer, clientId },
      label: "Company",
      secret: clientSecret,
      registration: "create",
    });
  });
  after(async () => {
    await fixture.close();
    await server.stop();
  });

  for (const [what, viewport] of [
    ["a desktop", { width: 1280, height: 800 }],
    ["a phone", { width: 390, height: 844 }],
  ] as const)
    it(`lets somebody in who has an account there, on ${what}, and says when they have said no`, async () => {
      server.person = undefined;
      const page = await fixture.visitor({ viewport });
      await page.getByRole("link", { name: "Sign in with Company" }).click();
      await page.getByRole("alert").filter({ hasText: "does not prove who you are" }).waitFor();
      expect(new URL(page.url()).search).to.equal("");
      server.person = { sub: what, preferred_username: what.slice(2), name: `Somebody with ${what}` };
      await page.getByRole("link", { name: "Sign in with Company" }).click();
      await page.getByText("Welcome to Plexus").waitFor();
      expect(
        await page.evaluate("fetch('/api/v1/me').then((answer) => answer.json()).then((me) => me.user)"),
      ).to.contain(what.slice(2));
    });

  it("links an identity to an account when its person says yes, and removes it again", async () => {
    server.person = { sub: "ada", email: "ada@example.org" };
    const { page } = await fixture.person("ada");
    await page.goto(`${fixture.node.url}/settings/factors`);
    await page.getByRole("button", { name: "Link Company" }).click();
    const dialog = page.getByRole("dialog", { name: "Link this identity to your account?" });
    await dialog.getByText("ada@example.org").waitFor();
    await dialog.getByRole("button", { name: "Link", exact: true }).click();
    await page.getByText("Company: ada@example.org").waitFor();
    await page.getByRole("button", { name: "Remove Company" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove", exact: true }).click();
    await page.getByText("Company: ada@example.org").waitFor({ state: "detached" });
    expect(fixture.complaints).to.deep.equal([]);
  });
});
