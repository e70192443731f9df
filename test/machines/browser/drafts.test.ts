import { expect } from "chai";
import type { Locator, Page } from "playwright-core";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { actionOn } from "../../fixtures/page/actions.ts";
import { openPages, type Fixture, type Person } from "../../fixtures/page/index.ts";

const password = "correct horse";
const field = (page: Page, name = "Message #Den"): Locator => page.getByRole("textbox", { name });
const message = (page: Page, text: string): Locator => page.locator("main article[data-seq]").filter({ hasText: text });
const editor = (page: Page): Locator => page.getByRole("textbox", { name: "Edit the message" });

async function edit(page: Page, text: string): Promise<void> {
  await actionOn(message(page, text), "Edit");
  await editor(page).waitFor();
}

/** A key that an input method has, told as Safari tells of the one that ends a composition. */
const composed = (place: Locator, key: string): Promise<void> =>
  place.evaluate((element, name) => {
    const event = new Event("keydown", { bubbles: true, cancelable: true });
    Object.defineProperty(event, "key", { value: name });
    Object.defineProperty(event, "keyCode", { value: 229 });
    element.dispatchEvent(event);
  }, key);

for (const [device, viewport] of [
  ["a desktop", { width: 1280, height: 800 }],
  ["a phone", { width: 390, height: 844 }],
] as const)
  describe(`what somebody wrote and did not send, on ${device}`, function () {
    let fixture: Fixture, ada: Person;
    before(async () => {
      fixture = await openPages();
      ada = await fixture.person("ada", { viewport });
      const bob = await fixture.account("bob");
      await ada.api("POST", "/api/v1/rooms", { room: "den", title: "Den" });
      await ada.api("POST", "/api/v1/rooms", { room: "pub", title: "Pub" });
      await bob.api("POST", "/api/v1/rooms/den/join", {});
      await ada.api("POST", "/api/v1/rooms/den/messages", { text: "first" });
      await ada.api("POST", "/api/v1/agents", { name: "helper" });
    });
    after(() => fixture.close());
    const go = async (path: string): Promise<void> => void (await ada.page.goto(fixture.node.url + path));

    it("is there after a reload: in a room with what it answers, a thread, a conversation, an edit, forms", async () => {
      const { page } = ada;
      await go("/room/den");
      await field(page).fill("half a thou");
      await edit(page, "first");
      await editor(page).fill("first, but better");
      await go("/room/den?panel=thread&seq=1");
      await field(page, "Reply in the thread").fill("half a reply");
      await go("/agent/ada.helper");
      await field(page, "Message helper").fill("half a question");
      await go("/room/pub");
      await field(page, "Message #Pub").waitFor();
      expect(await field(page, "Message #Pub").inputValue()).to.equal("");
      await page.getByRole("button", { name: "New poll" }).click();
      await page.getByRole("textbox", { name: "Question" }).fill("Tea?");
      await page.getByRole("textbox", { name: "Option 2" }).fill("No");

      await go("/room/den?panel=thread&seq=1");
      await field(page, "Reply in the thread").waitFor();
      expect(await field(page, "Reply in the thread").inputValue()).to.equal("half a reply");
      await go("/room/den");
      await editor(page).waitFor();
      expect(await editor(page).inputValue()).to.equal("first, but better");
      expect(await field(page).inputValue()).to.equal("half a thou");
      await editor(page).press("Enter");
      await message(page, "first, but better").getByText("edited").waitFor();
      await go("/agent/ada.helper");
      await field(page, "Message helper").waitFor();
      expect(await field(page, "Message helper").inputValue()).to.equal("half a question");
      await go("/room/pub");
      await page.getByRole("button", { name: "New poll" }).click();
      expect(await page.getByRole("textbox", { name: "Question" }).inputValue()).to.equal("Tea?");
      expect(await page.getByRole("textbox", { name: "Option 2" }).inputValue()).to.equal("No");
    });

    it("is the newer one of two tabs, and gone from both when it was sent", async () => {
      const { page, context } = ada;
      await go("/room/den");
      const other = await context.newPage();
      await other.goto(`${fixture.node.url}/room/den`);
      await field(other).fill("from the other tab");
      await page.waitForFunction("document.querySelector('main textarea').value === 'from the other tab'");
      await field(page).press("Enter");
      await message(other, "from the other tab").waitFor();
      await other.waitForFunction("document.querySelector('main textarea').value === ''");
      await other.close();
    });

    it("is the newer one of two tabs in a form, too, and the older one says so; what was saved comes back no more", async () => {
      const { page, context } = ada;
      const settings = async (tab: Page): Promise<Locator> => {
        await tab.goto(`${fixture.node.url}/room/den`);
        await tab.getByRole("button", { name: "Room settings" }).click();
        await tab.getByRole("menuitem", { name: "Title and topic" }).click();
        return tab.locator("form[data-form=room]");
      };
      const other = await context.newPage();
      const [here, there] = [await settings(page), await settings(other)];
      await here.getByLabel("Topic").fill("older");
      await there.getByLabel("Topic").and(there.locator("[value=older]")).waitFor();
      await there.getByLabel("Topic").fill("newer");
      await here.getByText("This form was changed in another tab.").waitFor();
      expect(await here.getByLabel("Topic").inputValue()).to.equal("newer");
      await page.reload();
      const back = await settings(page);
      await back.getByText("What you typed here before is back.").waitFor();
      expect(await back.getByLabel("Topic").inputValue()).to.equal("newer");
      await back.getByRole("button", { name: "Save" }).click();
      await back.waitFor({ state: "detached" });
      await other.close();
      const again = await settings(page);
      expect(await again.getByLabel("Topic").inputValue()).to.equal("newer");
      expect(await again.getByText("is back").count()).to.equal(0);
      // What somebody else changed meanwhile is said before it is overwritten.
      await again.getByLabel("Topic").fill("mine");
      await go("/room/den");
      await ada.api("PUT", "/api/v1/rooms/den/topic", { topic: "of somebody else" });
      const last = await settings(page);
      await last.getByText("“Topic” was changed meanwhile: now it is “of somebody else”.").waitFor();
      expect(await last.getByLabel("Topic").inputValue()).to.equal("mine");
      await last.getByRole("button", { name: "Discard it" }).click();
      await last.locator("[value='of somebody else']").waitFor();
      await page.keyboard.press("Escape");
    });

    it("waits for its node over a reload, and goes out once", async () => {
      const { page } = ada;
      await go("/room/den");
      await field(page).waitFor();
      // No message gets through, whatever the page does.
      let isCut = true;
      await page.routeWebSocket(/./, (socket) => {
        const server = socket.connectToServer();
        socket.onMessage((frame) => {
          if (!isCut || !String(frame).includes('"room.post"')) server.send(frame);
        });
      });
      await page.reload();
      await field(page).fill("written in the dark");
      await field(page).press("Enter");
      await page.locator("article.pending").filter({ hasText: "written in the dark" }).waitFor();
      await page.reload();
      await page.locator("article.pending").filter({ hasText: "written in the dark" }).waitFor();
      isCut = false;
      await page.reload();
      await message(page, "written in the dark").waitFor();
      await page.locator("article.pending").waitFor({ state: "detached" });
      await page.reload();
      await message(page, "written in the dark").waitFor();
      expect(await message(page, "written in the dark").count()).to.equal(1);
      expect(await page.locator("article.pending").count()).to.equal(0);
    });

    it("keeps the indentation of its first line, in the field and in an edit", async () => {
      const { page } = ada;
      await field(page).fill("\n\n    if (a)\n      b();\n\n");
      await field(page).press("Enter");
      await message(page, "if (a)").waitFor();
      const texts = async (): Promise<readonly string[]> =>
        ((await ada.api("GET", "/api/v1/rooms/den/messages")) as { messages: { text: string }[] }).messages.map(
          ({ text }) => text,
        );
      expect((await texts()).at(-1)).to.equal("    if (a)\n      b();");
      await edit(page, "if (a)");
      await editor(page).fill("\n    if (c)\n      b();\n");
      await editor(page).press("Enter");
      await message(page, "if (c)").getByText("edited").waitFor();
      expect((await texts()).at(-1)).to.equal("    if (c)\n      b();");
    });

    it("is not sent, saved, chosen or left by a key of an input method", async () => {
      const { page } = ada;
      await field(page).fill("にほん");
      for (const key of ["Enter", "Escape", "ArrowUp"]) await composed(field(page), key);
      expect(await field(page).inputValue()).to.equal("にほん");
      await field(page).fill("");
      await field(page).pressSequentially("@bo");
      await page.getByRole("option", { name: /Bob/ }).waitFor();
      for (const key of ["Enter", "Tab", "Escape"]) await composed(field(page), key);
      expect(await field(page).inputValue()).to.equal("@bo");
      await page.getByRole("option", { name: /Bob/ }).waitFor();
      await field(page).fill("");
      await edit(page, "first, but better");
      await editor(page).fill("日本");
      for (const key of ["Enter", "Escape"]) await composed(editor(page), key);
      expect(await editor(page).inputValue()).to.equal("日本");
      await editor(page).press("Escape");
      await editor(page).waitFor({ state: "detached" });
      await page.keyboard.press("ControlOrMeta+k");
      const search = page.getByRole("dialog").getByRole("combobox");
      await search.fill("pub");
      for (const key of ["Enter", "Escape"]) await composed(search, key);
      expect(await search.inputValue()).to.equal("pub");
      await search.press("Enter");
      await field(page, "Message #Pub").waitFor();
      await go("/room/den");
    });

    it("tells of an edit that rests on an older state, shows both texts, and lets the author choose", async () => {
      const { page, context } = ada;
      const other = await context.newPage();
      await other.goto(`${fixture.node.url}/room/den`);
      await edit(page, "first, but better");
      await edit(other, "first, but better");
      await editor(page).fill("first, by the one");
      await editor(other).fill("first, by the other");
      await editor(page).press("Enter");
      await editor(page).waitFor({ state: "detached" });
      const told = other.getByRole("alert").filter({ hasText: "changed elsewhere" });
      await told.getByText("first, by the one").waitFor();
      expect(await editor(other).inputValue()).to.equal("first, by the other");
      await editor(other).press("Enter");
      await told.waitFor();
      expect(await axeFaults(other, { graveOnly: true, within: "main" })).to.deep.equal([]);
      for (const colorScheme of ["light", "dark"] as const) {
        await other.emulateMedia({ colorScheme });
        const folder = process.env["PLEXUS_SHOTS"];
        if (folder !== undefined)
          await other.screenshot({ path: `${folder}/conflict-${viewport.width}-${colorScheme}.png` });
      }
      await told.getByRole("button", { name: "Save mine instead" }).click();
      await message(page, "first, by the other").waitFor();
      await editor(other).waitFor({ state: "detached" });
      const late = { text: "first, by a program", seen: 0 };
      const refusal = await ada.api("PATCH", "/api/v1/rooms/den/messages/1", late).catch(String);
      expect(refusal).to.contain("CHANGED_MEANWHILE");
      await other.close();
      expect(fixture.complaints).to.deep.equal([]);
    });

    it("tells of a title, a persona and a name that somebody else has saved, shows both texts, and lets one choose", async () => {
      const { page } = ada;
      const other = await fixture.person("ada", { viewport });
      const there = other.page;
      const told = there.getByRole("alert").filter({ hasText: "changed elsewhere" });
      const saved = async (request: () => Promise<unknown>, text: string) => {
        await request();
        await told.getByText(text).waitFor();
      };
      // The title of a room.
      await there.goto(`${fixture.node.url}/room/den`);
      await there.getByRole("button", { name: "Room settings" }).click();
      await there.getByRole("menuitem", { name: "Title and topic" }).click();
      const title = there.getByRole("textbox", { name: "Title" });
      await title.fill("Den of the other");
      await saved(() => ada.api("PUT", "/api/v1/rooms/den/title", { title: "Den of the one" }), "Den of the one");
      expect(await title.inputValue()).to.equal("Den of the other");
      const save = there.getByRole("button", { name: "Save", exact: true });
      expect(await save.isDisabled()).to.equal(true);
      expect(await axeFaults(there, { graveOnly: true })).to.deep.equal([]);
      const folder = process.env["PLEXUS_SHOTS"];
      for (const colorScheme of ["light", "dark"] as const) {
        await there.emulateMedia({ colorScheme });
        if (folder !== undefined)
          await there.screenshot({ path: `${folder}/title-${viewport.width}-${colorScheme}.png` });
      }
      await told.getByRole("button", { name: "Keep what it says now" }).click();
      await told.waitFor({ state: "detached" });
      expect(await title.inputValue()).to.equal("Den of the one");
      // Nothing of the own text comes back after a reload.
      await there.reload();
      await there.getByRole("button", { name: "Room settings" }).click();
      await there.getByRole("menuitem", { name: "Title and topic" }).click();
      expect(await title.inputValue()).to.equal("Den of the one");
      await ada.api("PUT", "/api/v1/rooms/den/title", { title: "Den" });
      // An agent's persona: the field that nobody has touched follows, the other is chosen.
      await there.goto(`${fixture.node.url}/agent/ada.helper`);
      await there.getByRole("button", { name: "Agent settings" }).click();
      const persona = there.getByRole("textbox", { name: "Persona" });
      await persona.fill("By the other.");
      await saved(() => ada.api("PATCH", "/api/v1/agents/ada.helper", { persona: "By the one." }), "By the one.");
      await told.getByRole("button", { name: "Save mine instead" }).click();
      await save.click();
      await there.getByText("Settings saved.").waitFor();
      expect(await ada.api("GET", "/api/v1/agents/ada.helper")).to.include({ persona: "By the other." });
      // Its slider and its tools: one was changed here, another there, and both stay; the same in both is chosen, also
      // after a reload.
      await there.getByRole("button", { name: "Agent settings" }).click();
      const clock = there.getByRole("checkbox", { name: /^Clock/ });
      await clock.uncheck();
      await ada.api("PATCH", "/api/v1/agents/ada.helper", { sampling: { temperature: 1.5 }, persona: "By a third." });
      await there.getByText("1.5", { exact: true }).waitFor();
      expect(await persona.inputValue(), "nobody has typed here").to.equal("By a third.");
      await there.reload();
      await there.getByRole("button", { name: "Agent settings" }).click();
      expect(await clock.isChecked()).to.equal(false);
      await saved(() => ada.api("PATCH", "/api/v1/agents/ada.helper", { tools: ["clock"] }), "clock");
      expect(await save.isDisabled()).to.equal(true);
      if (folder !== undefined) await there.screenshot({ path: `${folder}/tools-${viewport.width}.png` });
      await told.getByRole("button", { name: "Save mine instead" }).click();
      await save.click();
      await there.getByText("Settings saved.").last().waitFor();
      const helper = await ada.api("GET", "/api/v1/agents/ada.helper");
      expect(helper).to.deep.include({ persona: "By a third.", sampling: { temperature: 1.5 }, tools: ["calculator"] });
      // The name that others see.
      await there.goto(`${fixture.node.url}/settings/profile`);
      const name = there.getByRole("textbox", { name: "Display name" });
      await name.fill("Ada the other");
      await saved(() => ada.api("PATCH", "/api/v1/me", { displayName: "Ada the one" }), "Ada the one");
      await told.getByRole("button", { name: "Save mine instead" }).click();
      await save.click();
      await there.getByText("Your display name was changed.").waitFor();
      expect(await ada.api("GET", "/api/v1/me")).to.include({ displayName: "Ada the other" });
      await ada.api("PATCH", "/api/v1/me", { displayName: "ada" });
      await page.bringToFront();
      await other.context.close();
      expect(fixture.complaints).to.deep.equal([]);
    });

    it("is kept when the session ends while one writes, and is there again where its author was", async () => {
      await ada.api("POST", "/api/v1/rooms/den/messages", { text: "to be edited" });
      const page = await fixture.visitor({ viewport });
      const signIn = async (): Promise<void> => {
        await page.locator("input[name=name]").fill("ada");
        await page.locator("input[name=password]").fill(password);
        await page.getByRole("button", { name: "Sign in", exact: true }).click();
      };
      await page.goto(`${fixture.node.url}/room/den`);
      await signIn();
      await field(page).fill("half a sen");
      await edit(page, "to be edited");
      await editor(page).fill("half an edit");
      await page.getByRole("button", { name: "New poll" }).click();
      const question = page.getByRole("dialog").getByRole("textbox", { name: "Question" });
      await question.pressSequentially("Lunch?");
      await ada.api("PUT", "/api/v1/me/password", { current: password, password });
      await page.getByText("Your session ended. Please sign in again.").waitFor();
      await signIn();
      await field(page).waitFor();
      expect(await field(page).inputValue()).to.equal("half a sen");
      expect(await editor(page).inputValue()).to.equal("half an edit");
      await page.getByRole("button", { name: "New poll" }).click();
      expect(await question.inputValue()).to.equal("Lunch?");
      await page.keyboard.press("Escape");
      await editor(page).press("Escape");
      await field(page).fill("");
      await page.context().close();
    });

    it("is shown to nobody else who signs in on the tab, and to its author again", async () => {
      const { page } = ada;
      const as = async (name: string): Promise<void> => {
        await page.evaluate("fetch('/api/v1/sign-out', { method: 'POST' })");
        await page.locator("input[name=name]").fill(name);
        await page.locator("input[name=password]").fill(password);
        await page.getByRole("button", { name: "Sign in", exact: true }).click();
        await page.locator(".shell").waitFor();
      };
      await go("/room/den");
      await field(page).fill("my secret");
      await as("bob");
      await field(page).waitFor();
      expect(await field(page).inputValue()).to.equal("");
      await as("ada");
      await page.waitForURL((url) => url.pathname.startsWith("/room/"));
      await go("/room/den");
      await field(page).waitFor();
      expect(await field(page).inputValue()).to.equal("my secret");
    });
  });
