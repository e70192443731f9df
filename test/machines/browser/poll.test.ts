import { expect } from "chai";
import type { Locator, Page } from "playwright-core";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPagesForTwo, type Person, type Fixture } from "../../fixtures/page/index.ts";

const question = "Where do we eat on Friday?";
const message = (page: Page): Locator => page.locator("main article").filter({ hasText: question });
const poll = (page: Page): Locator => message(page).getByRole("group", { name: `Poll: ${question}` });
const option = (page: Page, name: string): Locator => poll(page).getByRole("radio", { name });

/** What keeps people out of a part of the page. */
const barriers = (page: Page, part: string): Promise<readonly string[]> => axeFaults(page, { within: part });

describe("a poll in two browsers", function () {
  let fixture: Fixture, ada: Person, bob: Person;
  before(async () => {
    ({ fixture, ada, bob } = await openPagesForTwo("lobby"));
  });
  after(() => fixture.close());

  it("is asked in a dialog that knows how many options there may be, and appears for everybody", async () => {
    const { page } = ada;
    await page.getByRole("button", { name: "New poll" }).click();
    const dialog = page.getByRole("dialog", { name: "New poll" });
    const ask = dialog.getByRole("button", { name: "Ask" });
    await dialog.getByRole("textbox", { name: "Question" }).fill(question);
    await dialog.getByRole("textbox", { name: "Option 1" }).fill("Casa Verde");
    await dialog.getByRole("textbox", { name: "Option 2" }).fill("Casa Verde");
    await dialog.getByText("This option is there already.").first().waitFor();
    expect(await ask.isDisabled()).to.equal(true);
    for (const colorScheme of ["dark", "light"] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      expect(await barriers(page, '[role="dialog"]'), `what is wrong can be read (${colorScheme})`).to.deep.equal([]);
    }
    await dialog.getByRole("textbox", { name: "Option 2" }).fill("The harbour");
    await dialog.getByRole("button", { name: "Add an option" }).click();
    await dialog.getByRole("textbox", { name: "Option 3" }).fill("At home");
    await ask.click();
    await dialog.waitFor({ state: "detached" });
    for (const person of [ada, bob]) await poll(person.page).getByText("0 people have voted").waitFor();
    expect(await poll(bob.page).getByRole("button", { name: "Close the poll …" }).count()).to.equal(0);
  });

  it("is voted in by keyboard, and everybody sees the count at once", async () => {
    const { page } = bob;
    await message(page).focus();
    // The name of its author, the first option, the second.
    for (let step = 0; step < 3; step += 1) await page.keyboard.press("ArrowRight");
    await option(page, "The harbour").and(page.locator(":focus")).waitFor();
    await page.keyboard.press("Space");
    for (const control of [option(page, "At home"), poll(page).getByRole("button", { name: "Vote", exact: true })]) {
      await page.keyboard.press("ArrowRight");
      await control.and(page.locator(":focus")).waitFor();
    }
    await page.keyboard.press("Enter");
    await poll(page).getByRole("status").getByText("You voted for The harbour.").waitFor({ state: "attached" });
    await poll(page).getByRole("button", { name: "Change vote" }).and(page.locator(":focus")).waitFor();
    await option(ada.page, "The harbour 1 vote").waitFor();
    await poll(ada.page).getByText("1 person has voted").waitFor();
    expect(await option(ada.page, "The harbour").isChecked()).to.equal(false);
  });

  it("keeps the own vote over a reload, and lets it be changed and taken back", async () => {
    const { page } = bob;
    await page.reload();
    await poll(page).locator("input:checked").waitFor();
    expect(await option(page, "The harbour").isChecked()).to.equal(true);
    await option(page, "Casa Verde").check();
    await poll(page).getByRole("button", { name: "Change vote" }).click();
    await poll(ada.page).getByText("1 person has voted").waitFor();
    await option(ada.page, "Casa Verde 1 vote").waitFor();
    await poll(page).getByRole("button", { name: "Take the vote back" }).click();
    await poll(ada.page).getByText("0 people have voted").waitFor();
    await poll(page).locator("input:checked").waitFor({ state: "detached" });
  });

  it("keeps nobody out", async () => {
    await option(bob.page, "At home").check();
    await poll(bob.page).getByRole("button", { name: "Vote", exact: true }).click();
    await poll(ada.page).getByText("1 person has voted").waitFor();
    for (const { page } of [ada, bob]) expect(await barriers(page, ".poll")).to.deep.equal([]);
  });

  it("is closed after a question, and shows the counts alone from then on", async () => {
    await poll(ada.page).getByRole("button", { name: "Close the poll …" }).click();
    const dialog = ada.page.getByRole("dialog", { name: "Close the poll?" });
    await dialog.getByRole("button", { name: "Close the poll" }).click();
    for (const { page } of [ada, bob]) {
      const closed = message(page).getByRole("group", { name: `Closed poll: ${question}` });
      await closed.getByText("Closed. 1 person has voted").waitFor();
      expect(await closed.getByRole("radio").count()).to.equal(0);
      expect(await closed.getByRole("button").count()).to.equal(0);
    }
    expect(fixture.complaints).to.deep.equal([]);
  });
});
