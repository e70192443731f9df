import { expect } from "chai";
import type { Locator, Page } from "playwright-core";
import { actionOn } from "../../fixtures/page/actions.ts";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPagesForTwo, type Fixture, type Person } from "../../fixtures/page/index.ts";
import { looks, shotsOf } from "../../fixtures/page/looks.ts";

const shot = shotsOf("moderation");

const message = (page: Page, text: string): Locator => page.locator("main article").filter({ hasText: text });
const field = (page: Page): Locator => page.getByRole("textbox", { name: /^Message / });
const dialog = (page: Page, name: string): Locator => page.getByRole("dialog", { name });
const bar = (page: Page): Locator => page.getByRole("toolbar", { name: "Selected messages" });

async function change(page: Page, member: string, entry: string): Promise<void> {
  await page.getByRole("button", { name: `Change ${member}` }).click();
  await page.getByRole("menuitem", { name: entry }).click();
}

describe("moderators of a room", function () {
  let fixture: Fixture, ada: Person, bob: Person;
  before(async () => {
    ({ fixture, ada, bob } = await openPagesForTwo());
    // A page that has its list only when the room is in it would go there by itself, and Back would lead out of it.
    for (const { page } of [ada, bob]) await page.getByRole("heading", { name: /^Welcome to / }).waitFor();
    await ada.api("POST", "/api/v1/rooms", { room: "yard", title: "yard" });
    await bob.api("POST", "/api/v1/rooms/yard/join", {});
    for (const { page } of [ada, bob]) {
      await page.locator('[data-room="yard"]').first().click();
      await field(page).waitFor();
    }
    await ada.page.getByRole("button", { name: /^Members/ }).click();
  });
  after(() => fixture.close());

  const say = async (person: Person, ...texts: readonly string[]) => {
    for (const text of texts) await person.api("POST", "/api/v1/rooms/yard/messages", { text });
  };

  it("mute for a time; the muted reads why, and writes again when it is over, without doing anything", async () => {
    await field(bob.page).fill("half a thought");
    await change(ada.page, "Bob", "Mute …");
    const ask = dialog(ada.page, "Mute Bob?");
    await ask.getByRole("combobox", { name: "How long" }).selectOption({ label: "For 1 day" });
    await ask.getByRole("textbox", { name: "Reason" }).fill("too loud");
    await ask.getByRole("button", { name: "Mute", exact: true }).click();
    const note = bob.page.getByRole("note").filter({ hasText: /^You are muted here until .*, by Ada: too loud/ });
    await note.waitFor();
    expect(await field(bob.page).count()).to.equal(0);
    await ada.page.getByText(/^Muted until .* by Ada: too loud$/).waitFor();
    const refused = await bob.api("POST", "/api/v1/rooms/yard/messages", { text: "psst" }).catch(String);
    expect(JSON.stringify(refused)).to.include("MUTED");
    await change(ada.page, "Bob", "Lift the mute");
    await field(bob.page).waitFor();
    // What was begun is still there.
    expect(await field(bob.page).inputValue()).to.equal("half a thought");
    // The page's clock goes on by itself: a mute of a minute is over after one.
    await bob.page.clock.install();
    await ada.api("PUT", "/api/v1/rooms/yard/mutes/user%2Fbob", { muteForMs: 60_000 });
    await bob.page.getByRole("note").filter({ hasText: "You are muted here until" }).waitFor();
    // Something else is drawn at the moment when it is over, before the page has looked at its clock again.
    await bob.page.clock.setSystemTime(Date.now() + 70_000);
    await say(ada, "meanwhile");
    await field(bob.page).waitFor();
    await ada.api("DELETE", "/api/v1/rooms/yard/mutes/user%2Fbob");
    await ada.api("PUT", "/api/v1/rooms/yard/mutes/user%2Fbob", { muteForMs: 600_000 });
    await bob.page.getByRole("note").filter({ hasText: "You are muted here until" }).waitFor();
    await bob.page.clock.fastForward(600_000);
    await field(bob.page).waitFor();
    await ada.api("DELETE", "/api/v1/rooms/yard/mutes/user%2Fbob");
    await bob.page.clock.resume();
    await field(bob.page).fill("");
  });

  it("warn; the person is told, says that they have read it, and moderators see that", async () => {
    await change(ada.page, "Bob", "Warn …");
    const ask = dialog(ada.page, "Warn Bob?");
    await ask.getByRole("textbox", { name: "Reason" }).fill("be kind");
    await ask.getByRole("button", { name: "Warn", exact: true }).click();
    await bob.page.getByText(/warned you in the room yard: be kind/).waitFor();
    const note = bob.page.getByRole("alert").filter({ hasText: "Ada warned you" });
    await note.getByText("be kind").waitFor();
    await note.getByRole("button", { name: "I have read it" }).click();
    await note.waitFor({ state: "detached" });
    await ada.page.getByRole("button", { name: "Warned once" }).click();
    await dialog(ada.page, "Warnings of Bob")
      .getByText(/by Ada · (not read yet|read )/)
      .waitFor();
    await ada.page.keyboard.press("Escape");
  });

  it("select messages by the menu and by clicks, and delete them with one question", async () => {
    await say(bob, "spam one", "spam two", "spam three", "spam four", "fine");
    await message(ada.page, "fine").waitFor();
    await actionOn(message(ada.page, "spam one"), "Select messages");
    await bar(ada.page).getByText("1 selected").waitFor();
    await message(ada.page, "spam three").click({ modifiers: ["Shift"] });
    await bar(ada.page).getByText("3 selected").waitFor();
    await message(ada.page, "spam two").click();
    await bar(ada.page).getByText("2 selected").waitFor();
    await message(ada.page, "spam two").click();
    await bar(ada.page).getByRole("button", { name: "Delete …" }).click();
    await dialog(ada.page, "Delete 3 messages?").getByRole("button", { name: "Delete 3 messages" }).click();
    await ada.page.getByText("3 messages deleted.").waitFor();
    await bar(ada.page).waitFor({ state: "detached" });
    await message(bob.page, "spam one").waitFor({ state: "detached" });
    await message(bob.page, "spam four").waitFor();
    expect(await bob.page.getByText("This message was deleted.").count()).to.equal(3);
  });

  it("select by the keyboard alone; Escape and Back end it; what is another's no member deletes", async () => {
    await message(bob.page, "fine").focus();
    await bob.page.keyboard.press("x");
    await bar(bob.page).getByText("1 selected").waitFor();
    await message(bob.page, "spam four").focus();
    await bob.page.keyboard.press("Shift+X");
    await bar(bob.page).getByText("2 selected").waitFor();
    await bob.page.keyboard.press("Escape");
    await bar(bob.page).waitFor({ state: "detached" });
    await say(ada, "of ada");
    await message(bob.page, "of ada").focus();
    await bob.page.keyboard.press("x");
    expect(await bar(bob.page).getByRole("button", { name: "Delete …" }).isDisabled()).to.equal(true);
    await bar(bob.page).getByText("Others wrote 1 of them, and only moderators delete what others wrote.").waitFor();
    const address = bob.page.url();
    // On a phone.
    await bob.page.evaluate("history.back()");
    await bar(bob.page).waitFor({ state: "detached" });
    await field(bob.page).waitFor();
    expect(bob.page.url()).to.equal(address);
  });

  for (const [name, options] of looks)
    it(`keep nobody out: ${name}`, async () => {
      await ada.api("PUT", "/api/v1/rooms/yard/mutes/user%2Fbob", { muteForMs: 86_400_000, reason: "too loud" });
      const [moderator, muted] = [await fixture.person("ada", options), await fixture.person("bob", options)];
      const look = async (page: Page, what: string): Promise<void> => {
        expect(await axeFaults(page), what).to.deep.equal([]);
        await shot(page, `${name} ${what}`);
      };
      await muted.page.goto(`${fixture.node.url}/room/yard`);
      await muted.page.getByRole("note").filter({ hasText: "You are muted here until" }).waitFor();
      await look(muted.page, "muted");
      const { page } = moderator;
      await page.goto(`${fixture.node.url}/room/yard?panel=members`);
      await page.getByText(/^Muted until .* by Ada: too loud$/).waitFor();
      await look(page, "members");
      await change(page, "Bob", "Remove from the room …");
      await dialog(page, "Remove Bob?")
        .getByRole("checkbox", { name: /Also ban/ })
        .check();
      await look(page, "remove");
      await page.goto(`${fixture.node.url}/room/yard`);
      await message(page, "of ada").focus();
      await page.keyboard.press("x");
      await bar(page).getByText("1 selected").waitFor();
      await look(page, "selected");
      await Promise.all([moderator.close(), muted.close()]);
      await ada.api("DELETE", "/api/v1/rooms/yard/mutes/user%2Fbob");
    });

  it("delete with a ban what somebody wrote in the last hour", async () => {
    await change(ada.page, "Bob", "Remove from the room …");
    const ask = dialog(ada.page, "Remove Bob?");
    await ask.getByRole("checkbox", { name: /Also ban/ }).check();
    await ask.getByRole("combobox", { name: "What they wrote here" }).selectOption({ label: "Delete all of the last hour" }); // prettier-ignore
    await ask.getByRole("button", { name: "Remove and ban" }).click();
    await ada.page.getByText(/^2 messages deleted\./).waitFor();
    await message(ada.page, "fine").waitFor({ state: "detached" });
    await message(ada.page, "of ada").waitFor();
  });
});
