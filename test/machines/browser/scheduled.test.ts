import { expect } from "chai";
import type { Locator, Page } from "playwright-core";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPagesForTwo, type Fixture, type Person } from "../../fixtures/page/index.ts";
import { looks, shotsOf } from "../../fixtures/page/looks.ts";
import { until } from "../../waits.ts";

const composer = (page: Page): Locator => page.getByRole("textbox", { name: "Message #Lobby" });
const part = (page: Page, name: string): Locator => page.getByRole("region", { name, exact: true });
const item = (page: Page, text: string): Locator => page.getByRole("listitem").filter({ hasText: text });
const said = (page: Page, text: string): Locator => page.locator(".feed article").filter({ hasText: text });

const shot = shotsOf("scheduled");

describe("messages that are sent later, and reminders", function () {
  let fixture: Fixture, ada: Person, bob: Person;
  interface Scheduled {
    readonly id: number;
    readonly atMs: number;
    readonly text?: string;
    readonly replyTo?: number;
    readonly status: string;
  }
  const list = async (): Promise<readonly Scheduled[]> =>
    ((await ada.api("GET", "/api/v1/me/later")) as { later: readonly Scheduled[] }).later;
  before(async () => {
    ({ fixture, ada, bob } = await openPagesForTwo("lobby", "den"));
  });
  after(async () => {
    expect(fixture.complaints).to.deep.equal([]);
    await fixture.close();
  });

  it("are written at the clock beside Send, by keyboard alone, and taken off the field", async () => {
    const { page } = ada;
    await composer(page).fill("see you tomorrow @bob");
    await page.getByRole("button", { name: "Send later" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("menuitem", { name: /Tomorrow at 9:00/ }).waitFor();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.getByText("This is sent on").waitFor();
    expect(await composer(page).inputValue()).to.equal("");
    const tomorrow = new Date();
    tomorrow.setDate(tomorrow.getDate() + 1);
    const [one] = await list();
    expect(one?.text).to.equal("see you tomorrow @bob");
    expect(one?.atMs).to.equal(tomorrow.setHours(9, 0, 0, 0));
    expect(await said(bob.page, "see you").count()).to.equal(0);
  });

  it("are listed, changed, sent at once and deleted, on every device", async () => {
    const { page } = ada;
    await page.getByRole("link", { name: "Scheduled" }).first().click();
    const messages = part(page, "Messages to be sent");
    await item(page, "see you tomorrow").getByRole("button", { name: "Change" }).click();
    const dialog = page.getByRole("dialog", { name: "Change what is sent" });
    await dialog.getByRole("textbox", { name: "Text" }).fill("see you on Friday");
    const before = (await list())[0]?.atMs;
    await dialog.getByRole("button", { name: "Save" }).click();
    await item(page, "see you on Friday").waitFor();
    expect((await list())[0]?.atMs).to.equal(before);
    const tablet = await fixture.person("ada");
    await tablet.page.goto(`${fixture.node.url}/later`);
    await item(tablet.page, "see you on Friday").getByRole("button", { name: "Send now" }).click();
    await said(bob.page, "see you on Friday").waitFor();
    await messages.getByText("None.").waitFor();
    expect(await list()).to.deep.equal([]);
    await ada.api("POST", "/api/v1/me/later/messages", { room: "lobby", text: "never", atMs: Date.now() + 3_600_000 });
    await item(page, "never").getByRole("button", { name: "Delete" }).click();
    const asked = page.getByRole("dialog", { name: "Delete this message?" });
    await asked.getByRole("button", { name: "Delete", exact: true }).click();
    await item(page, "never").waitFor({ state: "detached" });
    await tablet.close();
  });

  it("are sent by themselves at their time, into their thread, and say why they were not", async () => {
    const { page } = ada;
    const { seq } = (await bob.api("POST", "/api/v1/rooms/lobby/messages", { text: "root" })) as { seq: number };
    await page.goto(`${fixture.node.url}/room/lobby?panel=thread&seq=${seq}`);
    const thread = page.getByRole("complementary", { name: "Thread" });
    await thread.getByRole("textbox", { name: "Reply in the thread" }).fill("in the thread");
    await thread.getByRole("button", { name: "Send later" }).click();
    await page.getByRole("menuitem", { name: /In an hour/ }).click();
    await page.getByText("This is sent on").waitFor();
    const [one] = await list();
    expect(one).to.include({ text: "in the thread", replyTo: seq });
    await ada.api("PATCH", `/api/v1/me/later/${one?.id}`, { atMs: Date.now() + 500 });
    await thread.getByText("in the thread").first().waitFor();
    await until("it is sent", async () => expect(await list()).to.deep.equal([]));
    await page.goto(`${fixture.node.url}/later`);
    const soon = { room: "den", text: "for the den", atMs: Date.now() + 1_500 };
    await bob.api("POST", "/api/v1/me/later/messages", soon);
    await ada.api("PATCH", "/api/v1/rooms/den/rules", { posting: "moderators" });
    await bob.page.goto(`${fixture.node.url}/later`);
    await item(bob.page, "for the den").getByText("It was not sent.").waitFor();
    expect(await item(bob.page, "for the den").textContent()).to.include("only moderators post in this room");
    await bob.page
      .getByRole("link", { name: /Scheduled.*1.*not sent/ })
      .first()
      .waitFor();
  });

  it("remind of a message with a notice that leads to it, and stay until one says so", async () => {
    const { page } = ada;
    const text = "Think of the *milk*";
    const { seq } = (await bob.api("POST", "/api/v1/rooms/lobby/messages", { text })) as { seq: number };
    await page.goto(`${fixture.node.url}/room/lobby`);
    await said(page, "Think of the").hover();
    await said(page, "Think of the").getByRole("button", { name: "More actions" }).click();
    await page.getByRole("menuitem", { name: "Remind me …" }).click();
    const dialog = page.getByRole("dialog", { name: "Remind me of this message" });
    await dialog.getByRole("button", { name: /In an hour/ }).waitFor();
    await shot(page, "remind");
    expect(await axeFaults(page, { within: '[role="dialog"]' })).to.deep.equal([]);
    await dialog.getByRole("button", { name: /In an hour/ }).click();
    await page.getByText("You are reminded on").waitFor();
    await page.getByRole("button", { name: /^Show all reminders/ }).click();
    await item(page, "Think of the *milk*").waitFor();
    await page.goBack();
    await said(page, "Think of the").waitFor();
    // It tells what the message says by then, and not what the list has shown before.
    await bob.api("PATCH", `/api/v1/rooms/lobby/messages/${seq}`, { text: "Think of the *tea*" });
    const reminder = (await list()).find(({ text }) => text === undefined);
    await ada.api("PATCH", `/api/v1/me/later/${reminder?.id}`, { atMs: Date.now() + 500 });
    await page.getByText("Reminder. Bob: Think of the *tea*").waitFor();
    await shot(page, "due");
    await page.getByRole("button", { name: /^Show the message/ }).click();
    await page.waitForURL(/\/room\/lobby\?at=/);
    await page
      .getByRole("link", { name: /Scheduled.*1.*due/ })
      .first()
      .click();
    await item(page, "Think of the").getByText("due").waitFor();
    // It is told once in this browser.
    await page.reload();
    await item(page, "Think of the").waitFor();
    expect(await page.getByText("Reminder. Bob").count()).to.equal(0);
    await item(page, "Think of the").getByRole("button", { name: "Done" }).click();
    await item(page, "Think of the").waitFor({ state: "detached" });
  });

  for (const [name, options] of looks)
    it(`keep nobody out: ${name}`, async () => {
      const person = await fixture.person("bob", options);
      const { page } = person;
      await page.goto(`${fixture.node.url}/room/lobby`);
      await composer(page).fill("for later");
      await page.getByRole("button", { name: "Send later" }).click();
      await page.getByRole("menuitem", { name: /In an hour/ }).waitFor();
      await shot(page, `menu ${name}`);
      // What lies in a menu beside its entries is the library's: it takes the focus when the menu opens.
      const faults = await axeFaults(page, { within: '[role="menu"]' });
      expect(
        faults.filter((fault) => !fault.startsWith("aria-required-children")),
        "menu",
      ).to.deep.equal([]);
      await page.getByRole("menuitem", { name: "Choose a time …" }).click();
      const dialog = page.getByRole("dialog", { name: "Send later" });
      await dialog.getByText("In your time zone").waitFor();
      await shot(page, `choose ${name}`);
      expect(await axeFaults(page, { within: '[role="dialog"]' }), "dialog").to.deep.equal([]);
      await page.keyboard.press("Escape");
      await page.goto(`${fixture.node.url}/later`);
      await item(page, "for the den").waitFor();
      await shot(page, `list ${name}`);
      expect(await axeFaults(page), "list").to.deep.equal([]);
      await person.close();
    });
});
