import { expect } from "chai";
import type { Locator, Page } from "playwright-core";
import { entryByKey } from "../../fixtures/page/actions.ts";
import { openPages, type Person, type Fixture } from "../../fixtures/page/index.ts";

const message = (page: Page, text: string): Locator => page.locator("main article").filter({ hasText: text });
const field = (page: Page): Locator => page.getByRole("textbox", { name: "Message #Lobby" });

/** What has the focus, in words; `body` is nothing. */
const focused = (page: Page): Promise<string> =>
  page.evaluate<string>(
    "(document.activeElement.getAttribute('aria-label') ?? document.activeElement.tagName).toLowerCase()",
  );

/** Waits until something has the focus: what a key leads to may be drawn after the key. */
const focusOn = (place: Locator): Promise<void> =>
  place
    .and(place.page().locator(":focus"))
    .waitFor()
    .catch(async () => {
      throw new Error(`${place.toString()} has not the focus; this has it: ${await focused(place.page())}`);
    });

describe("the keyboard in a room", function () {
  let fixture: Fixture;
  let ada: Person;
  let page: Page;
  before(async () => {
    fixture = await openPages();
    ada = await fixture.person("ada");
    ({ page } = ada);
    await ada.api("POST", "/api/v1/rooms", { room: "lobby", title: "Lobby" });
    for (let number = 1; number <= 120; number += 1)
      await ada.api("POST", "/api/v1/rooms/lobby/messages", { text: `line ${number}.` });
    await ada.api("POST", "/api/v1/rooms/lobby/messages", { text: "see [one](https://one.example) and **two**" });
    await ada.api("POST", "/api/v1/rooms/lobby/messages", { text: "the last word" });
    await page.goto(`${fixture.node.url}/room/lobby`);
    await message(page, "the last word").waitFor();
  });
  after(() => fixture.close());

  beforeEach(async () => {
    await field(page).focus();
  });

  /** From the field to the newest message: the list remembers where one was. */
  async function toNewest(): Promise<void> {
    await page.keyboard.press("Shift+Tab");
    // The button that leads to the newest, and that of the room's beginning, are stops on the way when they are there.
    const button = page.locator(".to-end:focus, main .feed .link:focus");
    for (let more = 2; more > 0 && (await button.count()) > 0; more -= 1) await page.keyboard.press("Shift+Tab");
    await page.locator("main article:focus").waitFor();
    await page.keyboard.press("End");
    await focusOn(message(page, "the last word"));
  }

  /** Until so many frames were drawn. */
  const frames = (count: number): Promise<unknown> =>
    page.evaluate(
      `new Promise((resolve) => { let left = ${count}; const next = () => (left-- > 0 ? requestAnimationFrame(next) : resolve()); next(); })`,
    );

  it("leads from the field to the newest message with Shift+Tab, and back with Tab or Escape", async () => {
    await page.keyboard.press("Shift+Tab");
    await focusOn(message(page, "the last word"));
    expect(await focused(page)).to.match(/^ada, .*: the last word$/);
    await page.keyboard.press("Tab");
    await focusOn(field(page));
    await page.keyboard.press("Shift+Tab");
    await focusOn(message(page, "the last word"));
    await page.keyboard.press("Escape");
    await focusOn(field(page));
  });

  const pick = (entry: string): Promise<void> => entryByKey(page, entry);

  it("goes through messages with the arrows, also those that are not in the document yet", async () => {
    await toNewest();
    await page.keyboard.press("ArrowUp");
    await focusOn(message(page, "and two"));
    for (let number = 120; number > 60; number -= 1) {
      await page.keyboard.press("ArrowUp");
      await focusOn(message(page, `line ${number}.`));
    }
    await page.keyboard.press("ArrowDown");
    await focusOn(message(page, "line 62."));
    const { y } = (await message(page, "line 62.").boundingBox()) ?? { y: -1 };
    expect(y).to.be.within(0, 800);
    // The wheel takes it out of view, and the focus stays where it was.
    await page.getByRole("region", { name: "Messages", exact: true }).hover();
    await page.mouse.wheel(0, 4_000);
    await frames(2);
    expect(await focused(page)).to.match(/: line 62\.$/);
    await page.keyboard.press("End");
    await focusOn(message(page, "the last word"));
    await page.keyboard.press("Home");
    await page.locator("main article:focus").filter({ hasNotText: "the last word" }).waitFor();
  });

  it("is one stop for Tab, whatever links and buttons messages have", async () => {
    await toNewest();
    await page.keyboard.press("ArrowUp");
    await focusOn(message(page, "and two"));
    await page.keyboard.press("Shift+Tab");
    expect(await page.evaluate("document.activeElement.closest('main article')")).to.equal(null);
    expect(await page.evaluate("document.activeElement.closest('header') !== null")).to.equal(true);
    await page.keyboard.press("Tab");
    await focusOn(message(page, "and two"));
  });

  it("goes into a message: Right to its links, Enter to its actions, and out with Left and Escape", async () => {
    await toNewest();
    await page.keyboard.press("ArrowUp");
    const row = message(page, "and two");
    await focusOn(row);
    await page.keyboard.press("ArrowRight");
    await focusOn(row.getByRole("link", { name: "one" }));
    await page.keyboard.press("ArrowLeft");
    await focusOn(row);
    await page.keyboard.press("Enter");
    await focusOn(row.getByRole("button", { name: /^React with/ }).first());
    await page.keyboard.press("ArrowRight");
    expect(await focused(page)).to.match(/^react with/);
    await page.keyboard.press("Escape");
    await focusOn(row);
    // A reaction made by keyboard leaves the focus where it was.
    await page.keyboard.press("Enter");
    await page.keyboard.press("Enter");
    await row.locator(".reaction").waitFor();
    expect(await page.evaluate("document.activeElement.closest('article') !== null")).to.equal(true);
    await page.keyboard.press("ArrowDown");
    await focusOn(message(page, "the last word"));
  });

  it("opens the menu of a message and comes back to it", async () => {
    await toNewest();
    const row = message(page, "the last word");
    await page.keyboard.press("ArrowLeft");
    await focusOn(row.getByRole("button", { name: "More actions" }));
    await page.keyboard.press("Enter");
    await page.locator('[role="menu"]:focus, [role="menu"] :focus').waitFor({ state: "attached" });
    await page.keyboard.press("Escape");
    await page.getByRole("menu").waitFor({ state: "detached" });
    await focusOn(row.getByRole("button", { name: "More actions" }));
    await page.keyboard.press("Enter");
    await pick("Edit");
    const edit = page.getByRole("textbox", { name: "Edit the message" });
    await focusOn(edit);
    await page.keyboard.press("Escape");
    await focusOn(field(page));
  });

  it("deletes a message, and stays on what is left of it; Cancel leads back to the message", async () => {
    await ada.api("POST", "/api/v1/rooms/lobby/messages", { text: "a slip" });
    await message(page, "a slip").waitFor();
    const choose = async () => {
      await page.keyboard.press("Enter");
      await pick("Delete …");
      await focusOn(page.getByRole("dialog").getByRole("button", { name: "Cancel" }));
    };
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("End");
    await focusOn(message(page, "a slip"));
    await page.keyboard.press("ArrowLeft");
    await choose();
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await focusOn(message(page, "a slip").getByRole("button", { name: "More actions" }));
    await choose();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await focusOn(message(page, "This message was deleted."));
    await page.keyboard.press("ArrowUp");
    await focusOn(message(page, "the last word"));
  });

  it("unpins, and takes that back from the notice without a mouse", async () => {
    await ada.api("PUT", "/api/v1/rooms/lobby/pins/122");
    const row = message(page, "the last word").first();
    await page.keyboard.press("Shift+Tab");
    await focusOn(row);
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("Enter");
    await pick("Unpin");
    const undo = page.getByRole("button", { name: /^Undo: / });
    await undo.waitFor();
    await field(page).focus();
    for (
      let times = 0;
      times < 6 && (await page.locator(":focus").getAttribute("aria-label"))?.startsWith("Undo") !== true;
      times += 1
    )
      await page.keyboard.press("Tab");
    await focusOn(undo);
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Pinned messages 1" }).waitFor();
    await page.locator(":focus").waitFor();
  });

  it("goes through a thread in the same way", async () => {
    await ada.api("POST", "/api/v1/rooms/lobby/messages", { text: "an answer to it", replyTo: 122, alsoInRoom: true });
    await page.getByRole("button", { name: "1 reply" }).click();
    const thread = page.getByRole("complementary", { name: "Thread" });
    await thread.getByText("an answer to it").waitFor();
    await thread.getByRole("textbox").focus();
    await page.keyboard.press("Shift+Tab");
    await focusOn(thread.locator("article").last());
    await page.keyboard.press("ArrowUp");
    await focusOn(thread.locator("article").first());
    await page.keyboard.press("Escape");
    await focusOn(thread.getByRole("textbox"));
    await page.keyboard.press("Escape");
    await thread.waitFor({ state: "detached" });
  });

  it("goes through the conversation with an agent in the same way, and to what can be done with an answer", async () => {
    await ada.api("POST", "/api/v1/agents", { name: "helper" });
    await page.goto(`${fixture.node.url}/agent/ada.helper`);
    const said = page.getByRole("textbox", { name: "Message helper" });
    await said.fill("good morning");
    await said.press("Enter");
    const answer = page.locator("article.answer[data-turn]");
    await answer.getByText("repeated without a model").waitFor();
    await page.locator('article[aria-busy="true"]').waitFor({ state: "detached" });
    await said.press("Shift+Tab");
    await focusOn(answer);
    await page.keyboard.press("Enter");
    await focusOn(answer.getByRole("button", { name: "Copy the answer" }));
    await page.keyboard.press("ArrowUp");
    await focusOn(page.locator("article.said"));
    await page.keyboard.press("Escape");
    await focusOn(said);
    await page.goto(`${fixture.node.url}/room/lobby`);
    await message(page, "the last word").first().waitFor();
  });

  /** Ada in another browser, where the switcher is not loaded before it is released. */
  async function withoutSwitcher(): Promise<{ fresh: Person; release: () => void }> {
    const fresh = await fixture.person("ada");
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    await fresh.page.route("**/assets/switcher-*.js", async (route) => {
      await held;
      await route.continue();
    });
    return { fresh, release: () => release() };
  }

  it("takes what is typed right after Ctrl+K, before the switcher was loaded, and gives the focus back", async () => {
    const { fresh, release } = await withoutSwitcher();
    await fresh.page.goto(`${fixture.node.url}/room/lobby`);
    await focusOn(field(fresh.page));
    const dialog = fresh.page.getByRole("dialog", { name: "Go to" });
    await fresh.page.keyboard.press("Control+K");
    await fresh.page.keyboard.type("nothing");
    await fresh.page.keyboard.press("Escape");
    await focusOn(field(fresh.page));
    await fresh.page.keyboard.press("Control+K");
    await fresh.page.keyboard.type("lx");
    await fresh.page.keyboard.press("Backspace");
    expect(await dialog.count()).to.equal(0);
    release();
    await focusOn(dialog.getByRole("combobox"));
    await fresh.page.keyboard.type("ob");
    expect(await dialog.getByRole("combobox").inputValue()).to.equal("lob");
    expect(await field(fresh.page).inputValue()).to.equal("");
    await fresh.page.keyboard.press("Escape");
    await focusOn(field(fresh.page));
    // What was typed once is not there again.
    await fresh.page.keyboard.press("Control+K");
    await focusOn(dialog.getByRole("combobox"));
    expect(await dialog.getByRole("combobox").inputValue()).to.equal("");
    await fresh.close();
  });

  it("goes where Enter right after Ctrl+K and a name leads, once the switcher is there", async () => {
    const { fresh, release } = await withoutSwitcher();
    await fresh.page.goto(`${fixture.node.url}/settings/profile`);
    await fresh.page.getByRole("link", { name: /Lobby/ }).first().waitFor();
    await fresh.page.keyboard.press("Control+K");
    await fresh.page.keyboard.type("lob");
    await fresh.page.keyboard.press("Enter");
    release();
    await fresh.page.waitForURL(/room\/lobby/);
    await focusOn(field(fresh.page));
    await fresh.close();
  });

  it("goes where Enter right after Ctrl+K leads when the lists of places are there, and not to what is first before", async () => {
    const { fresh, release } = await withoutSwitcher();
    const { promise: held, resolve: list } = Promise.withResolvers<void>();
    await fresh.page.route("**/api/v1/agents", async (route) => {
      await held;
      await route.continue();
    });
    await fresh.page.goto(`${fixture.node.url}/settings/profile`);
    await fresh.page.getByRole("link", { name: /Lobby/ }).first().waitFor();
    await fresh.page.keyboard.press("Control+K");
    await fresh.page.keyboard.type("helper");
    await fresh.page.keyboard.press("Enter");
    release();
    await focusOn(fresh.page.getByRole("dialog", { name: "Go to" }).getByRole("combobox"));
    list();
    await fresh.page.waitForURL(/agent\/ada\.helper/);
    await fresh.close();
  });

  it("forgets what was typed right after Ctrl+K where the page went elsewhere before the switcher was there", async () => {
    const { fresh, release } = await withoutSwitcher();
    await fresh.page.goto(`${fixture.node.url}/settings/profile`);
    await fresh.page.getByRole("link", { name: /Lobby/ }).first().waitFor();
    await fresh.page.keyboard.press("Control+K");
    await fresh.page.keyboard.type("nothing");
    await fresh.page.keyboard.press("Enter");
    await fresh.page.getByRole("link", { name: /Lobby/ }).first().click();
    await fresh.page.waitForURL(/room\/lobby/);
    release();
    await fresh.page.keyboard.press("Control+K");
    const typed = fresh.page.getByRole("dialog", { name: "Go to" }).getByRole("combobox");
    await focusOn(typed);
    expect(await typed.inputValue()).to.equal("");
    await fresh.close();
  });

  it("loses the focus nowhere: with Tab alone there is always something that has it", async () => {
    // Once around the page and further; the document itself is only where the page ends.
    let lost = 0;
    for (let times = 0; times < 40; times += 1) {
      const before = await focused(page);
      await page.keyboard.press("Shift+Tab");
      if ((await focused(page)) === "body" && before !== "go to … ctrl k") lost += 1;
    }
    expect(lost).to.be.at.most(2);
    expect(fixture.complaints).to.deep.equal([]);
  });
});
