import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import type { Page } from "playwright-core";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPages, type Fixture } from "../../fixtures/page/index.ts";
import { createDataFolder } from "../../fixtures/processes/node-process.ts";
import { until } from "../../waits.ts";

const part = (page: Page, name: string) => page.getByRole("region", { name, exact: true });

/** Signs in. These tests do in seconds what people do in days, so that the node may say that it was too fast. */
async function enter(page: Page, name: string, password: string): Promise<void> {
  await page.locator("input[name=name]").fill(name);
  await page.locator("input[name=password]").fill(password);
  const shell = page.locator(".shell");
  const tooFast = page.getByText("Too fast");
  await until("signing in", async () => {
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await shell.or(tooFast).first().waitFor();
    if ((await shell.count()) === 0) throw new Error("too fast");
  });
}

describe("accounts of people", function () {
  let fixture: Fixture;
  let folder: Awaited<ReturnType<typeof createDataFolder>>;
  before(async () => {
    folder = await createDataFolder();
    const places = join(folder.path, "places.csv");
    await writeFile(places, "127.0.0.0/8,48.2,16.4,Vienna\n");
    fixture = await openPages(undefined, ["env", `PLEXUS_ADDRESS_PLACES=${places}`]);
  });
  after(async () => {
    await fixture.close();
    await folder[Symbol.asyncDispose]();
  });

  for (const [screen, viewport, name] of [
    ["desktop", { width: 1280, height: 800 }, "bob"],
    ["phone", { width: 390, height: 844 }, "cleo"],
  ] as const)
    it(`are deleted after a question that says what stays, and it can be called off, on a ${screen}`, async () => {
      const { page, close } = await fixture
        .person("ada", { viewport })
        .then((ada) => ({ page: ada.page, close: () => ada.close() }));
      const person = await fixture.account(name);
      await page.goto(`${fixture.node.url}/admin/people/${name}`);
      const access = part(page, "Access");
      await access.getByRole("button", { name: "Delete the account …" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByText("What the person wrote in rooms stays", { exact: false }).waitFor();
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        expect(await axeFaults(page, { within: '[role="dialog"]' }), colorScheme).to.deep.equal([]);
      }
      await dialog.getByRole("button", { name: "Delete", exact: true }).click();
      await page
        .getByText(new RegExp(`^The account of ${name} will be deleted`))
        .first()
        .waitFor();
      const still = () => person.api("GET", "/api/v1/me/sessions").then(() => "in", String);
      expect(await still(), "the sessions have ended").to.include("UNAUTHENTICATED");
      await page.reload();
      await part(page, name.slice(0, 1).toUpperCase() + name.slice(1))
        .getByText("waits to be deleted")
        .waitFor();
      await page.getByText(/^The account is deleted .*\d/).waitFor();
      expect(
        await access.getByRole("button", { name: "Delete the account …" }).count(),
        "it is deleted already",
      ).to.equal(0);
      await access.getByRole("button", { name: "Do not delete the account" }).click();
      await page.getByText(`The account of ${name} is not deleted.`).first().waitFor();
      await page.getByText("waits to be deleted").waitFor({ state: "detached" });
      const again = await fetch(`${fixture.node.url}/api/v1/sign-in`, {
        method: "POST",
        headers: { "content-type": "application/json", origin: fixture.node.url },
        body: JSON.stringify({ name, password: "correct horse" }),
      });
      expect(again.status, "the person can sign in again").to.equal(200);
      await close();
    });

  for (const [screen, viewport, name] of [
    ["desktop", { width: 1280, height: 800 }, "eve"],
    ["phone", { width: 375, height: 812 }, "finn"],
  ] as const)
    it(`that are suspended say so where their session ends, and after the password alone, on a ${screen}`, async () => {
      const ada = await fixture.account("ada");
      const person = await fixture.person(name, { viewport });
      const { page } = person;
      await ada.api("POST", "/api/v1/me/session/confirm", { password: "correct horse" });
      await page
        .getByRole("button", { name: "Your account" })
        .or(page.getByText("Welcome to Plexus"))
        .first()
        .waitFor();
      await ada.api("PUT", `/api/v1/admin/users/${name}/suspended`, { suspended: true });
      const suspended = "An admin has suspended or closed this account";
      await page.getByText("Your session ended.").getByText(suspended).waitFor();
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        expect(await axeFaults(page, { within: "main" }), colorScheme).to.deep.equal([]);
      }
      await page.reload();
      const signIn = async (password: string) => {
        await page.locator("input[name=name]").fill(name);
        await page.locator("input[name=password]").fill(password);
        await page.getByRole("button", { name: "Sign in", exact: true }).click();
      };
      await signIn("wrong horse");
      await page.getByRole("alert").filter({ hasText: "Name or password is wrong" }).waitFor();
      expect(await page.getByText(suspended).count()).to.equal(0);
      await signIn("correct horse");
      await page.getByRole("alert").filter({ hasText: suspended }).getByText("Ask an admin here").waitFor();
      await ada.api("PUT", `/api/v1/admin/users/${name}/suspended`, { suspended: false });
      await enter(page, name, "correct horse");
      await person.close();
      expect(fixture.complaints).to.deep.equal([]);
    });

  for (const [screen, viewport, name] of [
    ["desktop", { width: 1280, height: 800 }, "gina"],
    ["phone", { width: 375, height: 812 }, "hugo"],
  ] as const)
    it(`get a new password by a link that works once, and by the newest link alone, on a ${screen}`, async () => {
      const ada = await fixture.account("ada");
      await fixture.account(name);
      await ada.api("POST", "/api/v1/me/session/confirm", { password: "correct horse" });
      const make = async () =>
        ((await ada.api("POST", `/api/v1/admin/users/${name}/reset`)) as { readonly path: string }).path;
      const [replaced, good] = [await make(), await make()];
      const page = await fixture.visitor({ viewport });
      const use = async (path: string, password: string) => {
        await page.goto("about:blank");
        await page.goto(fixture.node.url + path);
        await page.getByRole("heading", { name: `A new password for ${name}` }).waitFor();
        await page.locator("input[name=password]").fill(password);
        await page.getByRole("button", { name: "Set the password" }).click();
      };
      const refusal = page
        .getByRole("alert")
        .filter({ hasText: "The link was used before, is too old, or was replaced" });
      await use(replaced, "by the older link");
      await refusal.waitFor();
      await use(good, "by the newest link");
      await page.getByText("Your password was set").waitFor();
      await use(good, "by the used link");
      await refusal.waitFor();
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        expect(await axeFaults(page, { within: "main" }), colorScheme).to.deep.equal([]);
      }
      await page.goto("about:blank");
      await page.goto(fixture.node.url);
      await enter(page, name, "by the newest link");
      // Somebody who is signed in may have forgotten the password, too; the session ends with it.
      await use(await make(), "by a link for one who is in");
      await page.getByText("Your password was set").waitFor();
      await page.getByRole("button", { name: "Sign in", exact: true }).click();
      await enter(page, name, "by a link for one who is in");
      await page.context().close();
      expect(fixture.complaints).to.deep.equal([]);
    });

  it("say on which devices and where they are signed in; one that is ended there leaves at once", async () => {
    const { page } = await fixture.person("places");
    const other = await fixture.visitor({ viewport: { width: 390, height: 844 } });
    await enter(other, "places", "correct horse");
    await page.goto(`${fixture.node.url}/settings/devices`);
    const devices = part(page, "Signed-in devices");
    await devices.getByText("from 127.0.0.1 (Vienna)").first().waitFor();
    const ends = devices.getByRole("button", { name: /^End the session on / });
    const before = await ends.count();
    await page.getByRole("button", { name: "End all others" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "End the others" }).click();
    await other.getByRole("button", { name: "Sign in", exact: true }).waitFor();
    await until("they are gone", async () => expect(await ends.count()).to.equal(0));
    expect(before).to.be.above(0);
    await page.context().close();
    await other.context().close();
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("are left on a phone by the menu of the person, which stands in the menu of the rooms", async () => {
    await fixture.account("ida");
    const page = await fixture.visitor({ viewport: { width: 375, height: 812 }, hasTouch: true, isMobile: true });
    const signIn = async () => {
      await enter(page, "ida", "correct horse");
      await page.getByRole("button", { name: /^Open the menu/ }).tap();
    };
    await signIn();
    await page.getByRole("button", { name: "Your account" }).tap();
    await page.getByRole("menuitem", { name: "Keyboard shortcuts" }).tap();
    await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: /^Open the menu/ }).tap();
    await page.getByRole("button", { name: "Your account" }).tap();
    await page.getByRole("menuitem", { name: "Sign out" }).tap();
    await page.getByRole("button", { name: "Sign in", exact: true }).waitFor();
    await page.context().close();
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("that have a name already are refused at the field, and the refusal goes when the next name works", async () => {
    const page = await fixture.visitor();
    await page
      .getByRole("button", { name: /account/ })
      .first()
      .click();
    const name = page.getByRole("textbox", { name: "Name", exact: true });
    await page.getByRole("textbox", { name: "Password" }).fill("correct horse");
    for (const [typed, said] of [
      ["ada", "This name is taken. Choose another."],
      ["no name!", "Lower-case letters, digits, _ and -, and a letter or a digit first."],
    ] as const) {
      await name.fill(typed);
      await page.getByRole("button", { name: "Create account" }).click();
      await page.locator(".mantine-TextInput-error").getByText(said).waitFor();
      expect(await name.getAttribute("aria-invalid")).to.equal("true");
    }
    await name.fill("dora");
    await page.getByRole("button", { name: "Create account" }).click();
    await page.getByText("Welcome to Plexus").waitFor();
    expect(fixture.complaints).to.deep.equal([]);
  });
});
