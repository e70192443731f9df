import { expect } from "chai";
import type { Locator, Page } from "playwright-core";
import { actionOn } from "../../fixtures/page/actions.ts";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPagesForTwo, type Fixture, type Person } from "../../fixtures/page/index.ts";

const field = (page: Page): Locator => page.getByRole("textbox", { name: "Message #Lobby" });
const place = (page: Page): Locator => page.locator('[data-room="lobby"]').first();
const message = (page: Page, text: string): Locator => page.locator("main article").filter({ hasText: text });

async function inMenu(page: Page, entry: string): Promise<void> {
  await page.getByRole("button", { name: "Room settings" }).click();
  await page.getByRole("menuitem", { name: entry }).click();
}

async function send(page: Page, text: string): Promise<void> {
  await field(page).fill(text);
  await field(page).press("Enter");
}

describe("what a room lets its members do", function () {
  let fixture: Fixture, ada: Person, bob: Person;
  before(async () => {
    ({ fixture, ada, bob } = await openPagesForTwo("lobby"));
  });
  after(() => fixture.close());

  async function setRules(posting: string, slow: string): Promise<void> {
    await inMenu(ada.page, "Who posts here");
    const dialog = ada.page.getByRole("dialog", { name: "Who posts here" });
    await dialog.getByRole("combobox", { name: "Who posts" }).selectOption(posting);
    await dialog.getByRole("combobox", { name: "How often a member posts" }).selectOption(slow);
    expect(await axeFaults(ada.page, { within: '[role="dialog"]' })).to.deep.equal([]);
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.waitFor({ state: "detached" });
  }

  it("is set by a moderator: members wait between two messages, and read for how long", async () => {
    await setRules("Every member", "Once in 5 min");
    await bob.page.getByText("Slow mode: you can send one message in 5 min.").waitFor();
    await send(bob.page, "the first");
    await message(ada.page, "the first").waitFor();
    await send(bob.page, "the second");
    await bob.page.getByText(/Members of this room wait between two messages: try again in \d/).waitFor();
    await send(ada.page, "of the owner");
    await send(ada.page, "and again");
    await message(bob.page, "and again").waitFor();
    expect(await bob.page.getByRole("button", { name: "Room settings" }).count()).to.equal(1);
    await bob.page.getByRole("button", { name: "Room settings" }).click();
    await bob.page.getByRole("menuitem", { name: "Members and invitations" }).waitFor();
    expect(await bob.page.getByRole("menuitem", { name: /Who posts|Archive/ }).count()).to.equal(0);
    await bob.page.keyboard.press("Escape");
  });

  it("is announcements: members react, and answer in the thread", async () => {
    await setRules("Moderators; members answer in threads", "As often as they like");
    await bob.page.getByText("Only moderators post here. You can react, and answer in threads.").waitFor();
    expect(await field(bob.page).count()).to.equal(0);
    await actionOn(message(bob.page, "and again"), "Reply");
    const reply = bob.page.getByRole("textbox", { name: "Reply in the thread" });
    await reply.fill("well said");
    await reply.press("Enter");
    await message(ada.page, "and again").getByText("1 reply").waitFor();
    expect(await bob.page.getByText("Also send to the room").count()).to.equal(0);
  });

  it("is public or private: an owner closes the room and opens it again", async () => {
    await inMenu(ada.page, "Make the room private …");
    const dialog = ada.page.getByRole("dialog", { name: "Make Lobby private?" });
    expect(await axeFaults(ada.page, { within: '[role="dialog"]' })).to.deep.equal([]);
    await dialog.getByRole("button", { name: "Make private" }).click();
    for (const { page } of [ada, bob]) await page.getByRole("img", { name: "Private room" }).waitFor();
    expect(await bob.page.getByRole("button", { name: "Room settings" }).count()).to.equal(1);
    await inMenu(ada.page, "Make the room public …");
    await ada.page.getByRole("dialog").getByRole("button", { name: "Make public" }).click();
    for (const { page } of [ada, bob]) await page.getByRole("img", { name: "Public room" }).waitFor();
  });

  it("is nothing where it is archived, and the room is found apart until it is brought back", async () => {
    await inMenu(ada.page, "Archive the room …");
    await ada.page.getByRole("dialog").getByRole("button", { name: "Archive" }).click();
    await ada.page.getByRole("dialog").waitFor({ state: "detached" });
    for (const { page } of [ada, bob]) {
      await page.getByText("This room is archived. It can be read, and nobody writes in it.").first().waitFor();
      await page.getByText("Archived rooms (1)").waitFor();
      await message(page, "and again").waitFor();
    }
    expect(await place(ada.page).isVisible()).to.equal(false);
    await ada.page.getByText("Archived rooms (1)").focus();
    await ada.page.keyboard.press("Enter");
    await place(ada.page).waitFor();
    await bob.page.keyboard.press("Control+k");
    await bob.page.getByRole("combobox", { name: "Rooms, people, agents, messages" }).fill("lob");
    await bob.page.getByRole("option", { name: /Lobby.*archived/ }).waitFor();
    await bob.page.keyboard.press("Escape");
    for (const colorScheme of ["dark", "light"] as const) {
      await ada.page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      expect(await axeFaults(ada.page, {}), colorScheme).to.deep.equal([]);
    }
    await inMenu(ada.page, "Bring the room back");
    await field(ada.page).waitFor();
    await ada.page.getByText("Archived rooms (1)").waitFor({ state: "detached" });
    expect(fixture.complaints).to.deep.equal([]);
  });
});
