import { expect } from "chai";
import type { CDPSession, Page } from "playwright-core";
import { codeOf, stepAt } from "../../../node/gateway/identity/totp.ts";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPages, type Person, type Fixture } from "../../fixtures/page/index.ts";
import { shotsOf } from "../../fixtures/page/looks.ts";

/** The seed as people type it, back to bytes. */
function seedOf(typed: string): Buffer {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = typed
    .replaceAll(" ", "")
    .split("")
    .map((one) => letters.indexOf(one).toString(2).padStart(5, "0"));
  return Buffer.from((bits.join("").match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}

const shoot = shotsOf("factors");

describe("second factors in the page", function () {
  let fixture: Fixture;
  before(async () => {
    fixture = await openPages();
    await fixture.account("root");
  });
  after(() => fixture.close());

  const signOut = async (page: Page): Promise<void> => {
    await page.getByRole("button", { name: "Your account" }).click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await page.locator("input[name=name]").waitFor();
  };
  const giveName = async (page: Page, name: string): Promise<void> => {
    await page.locator("input[name=name]").fill(name);
    await page.locator("input[name=password]").fill("correct horse");
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
  };

  it("sets up one-time codes, and asks for one at the next sign-in; a recovery code does, too", async () => {
    const { page } = await fixture.person("ada", { colorScheme: "dark" });
    await page.goto(`${fixture.node.url}/settings/factors`);
    await page.getByRole("button", { name: "Set up one-time codes" }).click();
    const seed = seedOf((await page.locator(".seed").textContent()) ?? "");
    expect(seed.length).to.equal(20);
    expect(await axeFaults(page)).to.deep.equal([]);
    await shoot(page, "totp");
    await page.getByRole("textbox", { name: "Code" }).fill(codeOf(seed, stepAt(Date.now()) - 1));
    await page.getByRole("button", { name: "Turn on" }).click();
    const codes = ((await page.locator(".codes").textContent()) ?? "").split("\n");
    expect(codes).to.have.length(10);
    // On paper is the sheet alone, and whose codes these are.
    await page.emulateMedia({ media: "print" });
    expect(await page.locator(".codes").isVisible()).to.equal(true);
    expect(await page.getByText(`Recovery codes of Plexus at ${new URL(page.url()).host}`).isVisible()).to.equal(true);
    expect(await page.getByRole("button", { name: "Print" }).isVisible()).to.equal(false);
    await page.emulateMedia({ media: null });
    expect(await axeFaults(page)).to.deep.equal([]);
    await shoot(page, "recovery");

    await signOut(page);
    await giveName(page, "ada");
    await page.getByRole("heading", { name: "One more proof that it is you" }).waitFor();
    expect(await axeFaults(page)).to.deep.equal([]);
    await shoot(page, "second-step");
    await page.getByRole("textbox", { name: "One-time code" }).fill("not a code");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").filter({ hasText: "code is wrong" }).waitFor();
    await page.getByRole("textbox", { name: "One-time code" }).fill(codeOf(seed, stepAt(Date.now())));
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Your account" }).waitFor();

    await signOut(page);
    await giveName(page, "ada");
    await page.getByRole("textbox", { name: "One-time code" }).fill((codes[0] ?? "").toLowerCase());
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Your account" }).waitFor();
    await page.goto(`${fixture.node.url}/settings/factors`);
    await page.getByText("9 codes are left").waitFor();
    await page.goto(`${fixture.node.url}/settings/devices`);
    await page.getByText("by password and recovery code from 127.0.0.1").waitFor();
  });

  /** A page on a name: browsers give passkeys to no address. */
  async function named(person: Person): Promise<{ url: string; devtools: CDPSession }> {
    const url = fixture.node.url.replace("127.0.0.1", "localhost");
    const [cookie] = await person.context.cookies(fixture.node.url);
    await person.context.addCookies([{ name: "plexus_session", value: cookie?.value ?? "", url }]);
    const devtools = await person.context.newCDPSession(person.page);
    await devtools.send("WebAuthn.enable");
    await devtools.send("WebAuthn.addVirtualAuthenticator", {
      options: {
        protocol: "ctap2",
        transport: "internal",
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    });
    return { url, devtools };
  }

  it("adds a passkey, which lets in alone, with the keyboard only, on a phone", async () => {
    const bob = await fixture.person("bob", { viewport: { width: 390, height: 844 }, hasTouch: true });
    const { url } = await named(bob);
    const { page } = bob;
    await page.goto(`${url}/settings/factors`);
    await page.getByRole("textbox", { name: "What is it called?" }).fill("Phone");
    await page.keyboard.press("Enter");
    await page.getByText("for localhost").waitFor();
    expect(await axeFaults(page)).to.deep.equal([]);
    await shoot(page, "passkeys-phone");

    await bob.context.clearCookies();
    await page.goto(url);
    await page.getByRole("button", { name: "Sign in with a passkey" }).focus();
    expect(await axeFaults(page)).to.deep.equal([]);
    await shoot(page, "sign-in-phone");
    await page.keyboard.press("Enter");
    await page
      .getByText("Welcome to Plexus")
      .or(page.getByRole("button", { name: "Open the menu" }))
      .first()
      .waitFor();
    const { passkeys } = (await bob.api("GET", "/api/v1/me/factors")) as { passkeys: { usedAtMs?: number }[] };
    expect(passkeys[0]).to.have.property("usedAtMs");
  });

  it("asks for the passkey after the password, and takes no password alone", async () => {
    const cyd = await fixture.person("cyd");
    const { url } = await named(cyd);
    const { page } = cyd;
    await page.goto(`${url}/settings/factors`);
    await page.getByRole("textbox", { name: "What is it called?" }).fill("Laptop");
    await page.getByRole("button", { name: "Add a passkey" }).click();
    await page.getByText("for localhost").waitFor();
    await cyd.context.clearCookies();
    await page.goto(url);
    await giveName(page, "cyd");
    await page.getByRole("button", { name: "Use your passkey" }).click();
    await page.getByRole("button", { name: "Your account" }).waitFor();
  });

  it("takes an admin's link for a new password, once", async () => {
    await fixture.account("dan");
    const root = await fixture.person("root");
    const { path } = (await root.api("POST", "/api/v1/admin/users/dan/reset")) as { path: string };
    const page = await fixture.visitor();
    await page.goto(fixture.node.url + path);
    await page.reload();
    await page.getByRole("heading", { name: "A new password for dan" }).waitFor();
    expect(await axeFaults(page)).to.deep.equal([]);
    await shoot(page, "reset");
    await page.locator("input[name=password]").fill("another horse");
    await page.keyboard.press("Enter");
    await page.getByText("Your password was set").waitFor();
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await page.locator("input[name=name]").fill("dan");
    await page.locator("input[name=password]").fill("another horse");
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await page.getByRole("button", { name: "Your account" }).waitFor();
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("says on the way to a sign-in, too, that a part of the page could not be loaded, and loads it anew", async () => {
    await fixture.account("eve");
    const root = await fixture.person("root");
    const { path } = (await root.api("POST", "/api/v1/admin/users/eve/reset")) as { path: string };
    const page = await fixture.visitor();
    await page.route("**/assets/new-password*.js", (route) => route.fulfill({ status: 404, body: "" }));
    await page.goto(fixture.node.url + path);
    await page.getByRole("heading", { name: "The page must be loaded again" }).waitFor();
    await page.unroute("**/assets/new-password*.js");
    await page.getByRole("button", { name: "Load it again" }).click();
    await page.getByRole("heading", { name: "A new password for eve" }).waitFor();
  });
});
