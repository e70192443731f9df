import { expect } from "chai";
import { clientId, clientSecret, startOidcServer, type OidcServer } from "../../fixtures/identity/oidc-server.ts";
import { startGithub, type GithubDouble } from "../../fixtures/identity/github-double.ts";
import { startSamlSite, type SamlSite } from "../../fixtures/identity/saml-site.ts";
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

  describe("of other kinds", () => {
    let github: GithubDouble;
    let school: SamlSite;
    before(async () => {
      const root = await fixture.person("root");
      const set = (name: string, body: object) => root.api("PUT", `/api/v1/admin/identity-providers/${name}`, body);
      github = await startGithub({ clientId, clientSecret });
      await set("github", {
        server: { kind: "github", issuer: github.url, clientId },
        label: "GitHub",
        secret: clientSecret,
        registration: "create",
      });
      const back = `${fixture.node.url}/api/v1/sign-in/back/school`;
      school = await startSamlSite({ clientId: "https://chat.example.org/saml", back });
      await set("school", { server: school.server, label: "School", registration: "create" });
    });
    after(async () => {
      await github.stop();
      await school.stop();
    });

    for (const [what, viewport] of [
      ["a desktop", { width: 1280, height: 800 }],
      ["a phone", { width: 390, height: 844 }],
    ] as const)
      it(`let somebody in by GitHub, and by the form of a SAML server on another site, on ${what}`, async () => {
        const id = viewport.width;
        github.person = { id, login: `octo-${id}`, name: "Octo" };
        school.person = { subject: `pupil-${id}`, attributes: { uid: [`pupil-${id}`], displayName: ["A pupil"] } };
        for (const [label, user] of [
          ["GitHub", `octo-${id}`],
          ["School", `pupil-${id}`],
        ] as const) {
          const page = await fixture.visitor({ viewport });
          await page.getByRole("link", { name: `Sign in with ${label}` }).click();
          await page.getByText("Welcome to Plexus").waitFor();
          const me = "fetch('/api/v1/me').then((answer) => answer.json()).then((me) => me.user)";
          expect(await page.evaluate(me)).to.equal(user);
          // Comes back as the same person, by keys alone.
          await page.context().clearCookies();
          await page.reload();
          await page.getByRole("link", { name: `Sign in with ${label}` }).focus();
          await page.keyboard.press("Enter");
          await page.getByText("Welcome to Plexus").waitFor();
          expect(await page.evaluate(me)).to.equal(user);
        }
      });

    it("send back somebody whose SAML answer was changed on the way, and say so", async () => {
      school.person = { subject: "ada<!---->.evil" };
      const page = await fixture.visitor();
      await page.getByRole("link", { name: "Sign in with School" }).click();
      await page.getByRole("alert").filter({ hasText: "does not prove who you are" }).waitFor();
    });
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
