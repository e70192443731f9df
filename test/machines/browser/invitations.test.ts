import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import type { Page } from "playwright-core";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPages, type Fixture } from "../../fixtures/page/index.ts";
import { shotsOf } from "../../fixtures/page/looks.ts";
import { runPlexus } from "../../fixtures/processes/plexus-command.ts";

const screens = [
  ["desktop", { width: 1280, height: 800 }],
  ["phone", { width: 390, height: 844 }],
] as const;
const shoot = shotsOf("invitations");
const part = (page: Page, name: string) => page.getByRole("region", { name, exact: true });

async function wellSeen(page: Page): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    expect(await axeFaults(page, { within: "main" }), colorScheme).to.deep.equal([]);
  }
}

describe("inviting people", function () {
  let fixture: Fixture | undefined;
  let home = "";
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), "plexus-invited-"));
  });
  afterEach(async () => {
    await fixture?.close();
    fixture = undefined;
    delete process.env["XDG_CONFIG_HOME"];
    delete process.env["PLEXUS_PASSWORD"];
    await rm(home, { recursive: true, force: true });
  });

  for (const [screen, viewport] of screens) {
    it(`says on a new node what to send to whom, on a ${screen}`, async () => {
      fixture = await openPages();
      const ada = await fixture.person("ada", { viewport });
      const { page } = ada;
      await ada.api("POST", "/api/v1/rooms", { room: "desk", title: "Desk", visibility: "public" });
      await page.goto(`${fixture.node.url}/room/desk`);
      await page.getByRole("button", { name: "Invite people" }).click();
      const address = `${fixture.node.url}/room/desk`;
      await page.getByText("People without an account make one at this address").waitFor();
      await page.getByText(address, { exact: true }).waitFor();
      await page.getByText("This address works on the machine of the node alone.", { exact: false }).waitFor();
      await wellSeen(page);
      const visitor = await fixture.visitor({ viewport });
      await visitor.goto(address);
      await visitor
        .getByRole("button", { name: /account/ })
        .first()
        .click();
      await visitor.getByRole("textbox", { name: "Name", exact: true }).fill("ben");
      await visitor.getByRole("textbox", { name: "Password" }).fill("correct horse");
      await visitor.getByRole("button", { name: "Create account" }).click();
      await visitor.getByRole("button", { name: "Join" }).waitFor();
      expect(fixture.complaints).to.deep.equal([]);
    });

    it(`is a link that ends, is counted, and can be ended, for the page, the terminal and the API, on a ${screen}`, async () => {
      fixture = await openPages(["--model", "echo", "--sign-up", "invitation"]);
      const { url } = fixture.node;
      const ada = await fixture.person("ada", { viewport });
      const { page } = ada;
      await ada.api("POST", "/api/v1/rooms", { room: "desk", title: "Desk", visibility: "public" });
      await page.goto(`${url}/room/desk`);
      await page.getByRole("button", { name: "Invite people" }).click();
      await page.getByRole("link", { name: "make a link for them" }).click();
      const invitations = part(page, "Invitations");
      await invitations.getByText("Sign-up is by invitation: nobody makes an account without one.").waitFor();
      await invitations.getByRole("textbox", { name: "For whom" }).fill("the new team");
      await invitations.getByRole("textbox", { name: "Accounts" }).fill("3");
      await invitations.getByRole("button", { name: "Make a link" }).click();
      await invitations.getByText(/^Send it to the new team, by a way that only they read/).waitFor();
      await invitations.getByText(/It is valid for 3 accounts, until/).waitFor();
      const link = await invitations.locator(".copyable pre").innerText();
      expect(link).to.match(/#invitation=[\w-]{43}$/);
      await wellSeen(page);

      const visitor = await fixture.visitor({ viewport });
      await visitor.goto(link);
      await visitor.getByRole("textbox", { name: "Name", exact: true }).fill("ben");
      await visitor.getByRole("textbox", { name: "Password" }).fill("correct horse");
      await visitor.getByRole("button", { name: "Create account" }).click();
      await visitor
        .getByRole("button", { name: /^Ben|^ben/ })
        .or(visitor.getByText("Welcome to Plexus"))
        .first()
        .waitFor();

      // Opened again by one who has an account, it uses nothing up, and the page says so.
      await visitor.goto("about:blank");
      await visitor.goto(link);
      await visitor.getByText("You are signed in already, so it was not used.").first().waitFor();
      expect(new URL(visitor.url()).hash).to.equal("");

      Object.assign(process.env, { XDG_CONFIG_HOME: home, PLEXUS_PASSWORD: "correct horse" });
      const chat = await runPlexus("chat", "--invitation", link, "--user", "cleo", "--room", "desk");
      expect([chat.code, chat.stderr], "the link says where").to.deep.equal([0, ""]);
      expect(await ada.api("GET", "/api/v1/catalog/users?text=cleo")).to.have.nested.property("rows[0].key", "cleo");
      const code = link.slice(-43);
      const signUp = (name: string) =>
        fetch(`${url}/api/v1/sign-up`, {
          method: "POST",
          headers: { "content-type": "application/json", origin: url },
          body: JSON.stringify({ name, password: "correct horse", invitation: code }),
        });
      await invitations.getByText(/1 account left/).waitFor();
      await invitations.getByRole("button", { name: "End the invitation the new team" }).click();
      await page.getByRole("button", { name: "End", exact: true }).last().click();
      await invitations.getByText("No invitation is valid now.").waitFor();
      const refused = await signUp("dora");
      expect([refused.status, await refused.text()].join(" ")).to.include("SIGN_UP_INVITATION_INVALID");
      const stranger = await fixture.visitor({ viewport });
      await stranger.goto(link);
      await stranger.getByRole("textbox", { name: "Name", exact: true }).fill("dora");
      await stranger.getByRole("textbox", { name: "Password" }).fill("correct horse");
      await stranger.getByRole("button", { name: "Create account" }).click();
      await stranger.getByRole("alert").filter({ hasText: "unknown, used up or expired. Ask an admin" }).waitFor();
      const late = await runPlexus("chat", "--invitation", link, "--user", "dora");
      expect(late.code).to.equal(1);
      expect(late.stderr).to.include("SIGN_UP_INVITATION_INVALID");
      expect(fixture.complaints).to.deep.equal([]);
    });
  }

  for (const [screen, viewport] of screens)
    it(`brings a guest into one room, who writes there and finds nothing else, on a ${screen}`, async () => {
      fixture = await openPages(["--model", "echo", "--sign-up", "invitation"]);
      const { url } = fixture.node;
      const ada = await fixture.account("ada");
      await ada.api("POST", "/api/v1/rooms", { room: "project", title: "Project", visibility: "private" });
      await ada.api("POST", "/api/v1/rooms", { room: "desk", title: "Desk", visibility: "public" });
      const guest = { room: "project", lifeMs: 14 * 24 * 3_600_000 };
      const wanted = { uses: 1, expiresInMs: 3_600_000, guest };
      const { code } = (await ada.api("POST", "/api/v1/admin/sign-up-invitations", wanted)) as { code: string };
      const page = await fixture.visitor({ viewport });
      await page.goto(`${url}/#invitation=${code}`);
      await page.getByRole("textbox", { name: "Name", exact: true }).fill("gil");
      await page.getByRole("textbox", { name: "Password" }).fill("correct horse");
      await page.getByRole("button", { name: "Create account" }).click();
      await page.locator(".shell").waitFor();
      await shoot(page, `guest-in-${screen}`);
      if (screen === "phone") await page.getByRole("button", { name: /^Open the menu/ }).click();
      await page
        .getByRole("link", { name: /Project/ })
        .first()
        .click();
      const field = page.getByRole("textbox", { name: /Message/ });
      await field.fill("hello from a guest");
      await field.press("Enter");
      await page.getByText("hello from a guest").first().waitFor();
      if (screen === "phone") await page.getByRole("button", { name: /^Open the menu/ }).click();
      // What would be refused is not offered.
      for (const name of ["Create or find a room", "Write to a person", "Create an agent", "Create your first agent"])
        await page.getByRole("button", { name }).waitFor({ state: "detached" });
      await shoot(page, `guest-menu-${screen}`);
      await wellSeen(page);
      await page.goto(`${url}/room/desk`);
      await page.locator(".shell").waitFor();
      await page.getByText("Loading").first().waitFor({ state: "detached" });
      await shoot(page, `guest-desk-${screen}`);
      await page.getByText("Ask somebody who is in the room to add you.").waitFor();
      expect(await field.count(), "a room that nobody brought the guest into").to.equal(0);
      expect(fixture.complaints).to.deep.equal([]);
    });

  it("is not offered while sign-up is closed, and the page says so", async () => {
    fixture = await openPages(["--model", "echo", "--sign-up", "closed"]);
    const { page } = await fixture.person("ada");
    await page.goto(`${fixture.node.url}/admin/people`);
    await part(page, "Invitations")
      .getByText(/^Sign-up is closed: nobody can create an account/)
      .waitFor();
    expect(await page.getByRole("button", { name: "Make a link" }).count()).to.equal(0);
  });
});
