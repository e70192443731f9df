import { expect } from "chai";
import type { Page } from "playwright-core";
import { further, isAll } from "../depth.ts";
import { axeFaults } from "../fixtures/page/axe.ts";
import { openPages, type Person, type Fixture } from "../fixtures/page/index.ts";

/** What axe finds that would keep somebody out. */
const barriers = (page: Page, rules?: string[]): Promise<readonly string[]> =>
  axeFaults(page, { ...(rules !== undefined && { rules }), graveOnly: true });

describe("the page", function () {
  let fixture: Fixture;
  let ada: Person;
  before(async () => {
    fixture = await openPages();
    ada = await fixture.person("ada");
    const bob = await fixture.person("bob");
    await ada.api("POST", "/api/v1/rooms", { room: "lobby", title: "Lobby", topic: "Everything and nothing" });
    await ada.api("POST", "/api/v1/agents", { name: "helper" });
    await bob.api("POST", "/api/v1/rooms/lobby/join", {});
    await bob.api("POST", "/api/v1/rooms/lobby/messages", {
      text: "Look at [this](https://example.org), @ada\n\n- `one`",
    });
    await ada.api("POST", "/api/v1/rooms/lobby/messages", { text: "I did.", replyTo: 1 });
    await ada.api("PUT", `/api/v1/rooms/lobby/messages/1/reactions/${encodeURIComponent("❤️")}`, {});
    await bob.context.close();
  });
  after(() => fixture.close());

  it("fits a phone: rooms behind a menu, nothing wider than the screen", async () => {
    const { page, context } = await fixture.person("ada", {
      viewport: { width: 360, height: 720 },
      hasTouch: true,
      isMobile: true,
    });
    await page.getByText("I did.").first().waitFor();
    const overflow = async () =>
      Number(await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"));
    expect(await overflow()).to.equal(0);
    await page.getByRole("textbox", { name: "Message #Lobby" }).fill("from my phone");
    await page.getByRole("button", { name: "Send", exact: true }).tap();
    const sent = page.locator("article[data-seq]").filter({ hasText: "from my phone" });
    await sent.waitFor();
    const [message, composer] = await Promise.all([sent.boundingBox(), page.locator(".composer").boundingBox()]);
    expect((composer?.y ?? 0) - (message?.y ?? 0) - (message?.height ?? 0)).to.be.at.least(8);
    await sent.getByRole("button", { name: "Message actions" }).tap();
    await sent.getByRole("button", { name: "More actions" }).tap();
    await page.getByRole("menuitem", { name: "Copy text" }).waitFor();
    // The menu is drawn before it has the focus, by which it hears the key.
    await page.locator('[role="menu"]:focus-within').waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("menu").waitFor({ state: "detached" });
    // A tap elsewhere puts them away.
    await page.getByRole("textbox", { name: "Message #Lobby" }).tap();
    await sent.getByRole("button", { name: "More actions" }).waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Members 2" }).tap();
    await page.getByRole("complementary", { name: "Members" }).waitFor();
    expect(await overflow()).to.equal(0);
    await page.getByRole("button", { name: "Close members" }).tap();
    await page.getByRole("button", { name: "Open the menu" }).tap();
    await page.getByRole("dialog").getByRole("link", { name: "helper" }).tap();
    await page.getByText("Talk to helper").waitFor();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    expect(await overflow()).to.equal(0);
    expect(await barriers(page)).to.deep.equal([]);
    // The strip of sections is wider than the screen: the one that is shown is in sight.
    for (const [section, title] of [
      ["keys", "API keys"],
      ["profile", "Profile and theme"],
    ] as const) {
      await page.goto(`${fixture.node.url}/settings/${section}`);
      const place = await page.getByRole("link", { name: title }).boundingBox();
      expect(place?.x, title).to.be.at.least(0);
      expect((place?.x ?? 0) + (place?.width ?? 0), title).to.be.at.most(360);
    }
    await context.close();
  });

  further("takes the theme that one chooses, on all devices and after a reload", async () => {
    const other = await fixture.person("ada", { colorScheme: "light" });
    const { page } = ada;
    // Nothing that was asked for is under way any more.
    await other.page.goto("about:blank");
    // What the other device asked for before the change comes behind the news of it.
    const [asked, changed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let isAskedAgain = false;
    await other.page.route("**/api/v1/me", async (route) => {
      const response = await route.fetch();
      if (isAskedAgain) {
        asked.resolve();
        await changed.promise;
      }
      isAskedAgain = true;
      await route.fulfill({ response });
    });
    // No news come before it has asked.
    await other.page.routeWebSocket(/./, async (socket) => {
      await asked.promise;
      socket.connectToServer();
    });
    await other.page.goto(fixture.node.url);
    await asked.promise;
    await page.getByRole("link", { name: "Settings" }).click();
    await page.getByRole("radiogroup", { name: "Theme" }).getByText("Dark").click();
    for (const device of [page, other.page])
      await device.locator('html[data-mantine-color-scheme="dark"]').waitFor({ state: "attached" });
    const late = other.page.waitForResponse("**/api/v1/me");
    changed.resolve();
    await late;
    await other.page.getByRole("link", { name: "Settings" }).click();
    await other.page
      .getByRole("radiogroup", { name: "Theme" })
      .getByRole("radio", { name: "Dark", checked: true })
      .waitFor({ state: "attached" });
    expect(await other.page.locator("html").getAttribute("data-mantine-color-scheme")).to.equal("dark");
    await page.reload();
    await page.locator('html[data-mantine-color-scheme="dark"]').waitFor({ state: "attached" });
    await page.getByRole("radiogroup", { name: "Theme" }).getByText("System").click();
    await page.locator('html[data-mantine-color-scheme="light"]').waitFor({ state: "attached" });
    await other.context.close();
  });

  it("can be used by keyboard alone", async () => {
    const { page } = ada;
    await page.keyboard.press("Control+K");
    await page.keyboard.type("lob");
    await page.keyboard.press("Enter");
    const field = page.getByRole("textbox", { name: "Message #Lobby" });
    await field.waitFor();
    expect(await field.evaluate((element) => element.matches(":focus"))).to.equal(true);
    await page.keyboard.type("first line");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type("secnd line");
    await page.keyboard.press("Enter");
    const own = page.locator("main article[data-seq]").filter({ hasText: "secnd line" });
    await own.waitFor();
    await page.keyboard.press("ArrowUp");
    const edit = page.getByRole("textbox", { name: "Edit the message" });
    await edit.waitFor();
    expect(await edit.inputValue()).to.equal("first line\nsecnd line");
    await page.keyboard.press("Escape");
    await edit.waitFor({ state: "detached" });
    await page.keyboard.press("ArrowUp");
    await edit.fill("first line\nsecond line");
    await page.keyboard.press("Enter");
    await page.locator("main article").filter({ hasText: "second line" }).getByText("edited").waitFor();
    // Out of the field, to the actions of the message above it.
    await page.keyboard.press("Shift+Tab");
    await page.getByRole("button", { name: "More actions" }).last().waitFor();
    await page.getByRole("region", { name: "Messages", exact: true }).focus();
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
  });

  for (const colorScheme of isAll ? (["light", "dark"] as const) : (["light"] as const))
    it(`has no serious barrier for assistive technology (${colorScheme})`, async () => {
      const found: string[] = [];
      // The dark page is the light one in other colours.
      const rules = colorScheme === "dark" ? ["color-contrast"] : undefined;
      // What is fading in has its colours only when it is there.
      const untilThere =
        "new Promise((resolve) => { const look = () => [...document.querySelectorAll('[role=dialog], [role=menu]')]" +
        ".every((one) => getComputedStyle(one).opacity === '1') ? resolve() : requestAnimationFrame(look); look(); })";
      const check = async (page: Page, where: string) => {
        await page.evaluate(untilThere);
        for (const barrier of await barriers(page, rules)) found.push(`${where}: ${barrier}`);
      };
      const visitor = await fixture.visitor({ colorScheme });
      await visitor.getByRole("button", { name: "Sign in" }).waitFor();
      await check(visitor, "sign-in");
      const { page, context } = await fixture.person("ada", { colorScheme });
      const open = async (path: string, shown: string) => {
        await page.goto(fixture.node.url + path);
        await page.getByText(shown).first().waitFor();
        await check(page, path);
      };
      await open("/room/lobby", "I did.");
      await open("/room/lobby?panel=members", "@bob");
      await open("/room/lobby?panel=thread&seq=1", "1 reply");
      await open("/agent/ada.helper", "Talk to helper");
      await page.getByRole("button", { name: "Agent settings" }).click();
      await page.getByRole("textbox", { name: "Persona" }).waitFor();
      await check(page, "agent settings");
      await open("/settings/profile", "Display name");
      await open("/settings/devices", "This device");
      await open("/settings/keys", "How to use a key");
      await open("/settings/usage", "Your use of models.");
      await page.getByRole("button", { name: "Create or find a room" }).click();
      await page.getByRole("dialog").getByText("Lobby").waitFor();
      await check(page, "rooms");
      await page.keyboard.press("Escape");
      await page.goto(`${fixture.node.url}/room/lobby?panel=members`);
      await page.getByRole("button", { name: "Change Bob" }).click();
      await page.getByRole("menuitem", { name: "Remove from the room …" }).click();
      await page.getByRole("checkbox", { name: /Also ban/ }).check();
      await check(page, "remove and ban");
      await page.keyboard.press("Escape");
      for (const entry of ["Bans", "Leave the room …"]) {
        await page.getByRole("button", { name: "Room settings" }).click();
        await page.getByRole("menuitem", { name: entry }).click();
        await page.getByRole("dialog", { name: entry === "Bans" ? "Bans" : "Leave Lobby?" }).waitFor();
        await page.getByText("Loading").waitFor({ state: "detached" });
        await check(page, entry);
        await page.keyboard.press("Escape");
        await page.getByRole("dialog").waitFor({ state: "detached" });
      }
      await page.getByRole("heading", { name: "Members" }).click();
      await page.keyboard.press("?");
      await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
      await check(page, "keys");
      expect(found).to.deep.equal([]);
      await context.close();
      await visitor.context().close();
    });

  further("tells somebody whose password is being guessed, at once and where the password is changed", async () => {
    const { page, context } = await fixture.person("dora");
    await page.goto(`${fixture.node.url}/settings/devices`);
    await page.getByText("This device").waitFor();
    for (let guess = 0; guess < 10; guess += 1) {
      const body = JSON.stringify({ name: "dora", password: `guess number ${guess}` });
      const headers = { "content-type": "application/json" };
      expect((await fetch(`${fixture.node.url}/api/v1/sign-in`, { method: "POST", headers, body })).status).to.equal(
        401,
      );
    }
    await page.getByText("Somebody tried to sign in as you and failed.").waitFor();
    await page.getByText("10 attempts to sign in as you failed").waitFor();
    expect(await barriers(page)).to.deep.equal([]);
    await context.close();
  });

  further("makes an API key that works at once, and shows it only once", async () => {
    const { page } = ada;
    await page.goto(`${fixture.node.url}/settings/keys`);
    await page.getByRole("textbox", { name: "What is the key for?" }).fill("notebook");
    await page.getByRole("button", { name: "Create key" }).click();
    const key = await page.locator(".note.good pre").textContent();
    const models = await fetch(`${fixture.node.url}/v1/models`, { headers: { authorization: `Bearer ${key}` } });
    expect(models.status).to.equal(200);
    await page.reload();
    await page.getByRole("button", { name: "Revoke the key notebook" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
    await page.getByText("You have no keys.").waitFor();
    expect(await page.locator(".made-key").count()).to.equal(0);
    const refused = await fetch(`${fixture.node.url}/v1/models`, { headers: { authorization: `Bearer ${key}` } });
    expect(refused.status).to.equal(401);
    expect(fixture.complaints).to.deep.equal([]);
  });
});
