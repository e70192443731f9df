import { expect } from "chai";
import type { Locator, Page } from "playwright-core";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPages, type Fixture, type Person } from "../../fixtures/page/index.ts";

const folderOfShots = process.env["PLEXUS_SHOTS"];

describe("what a message said before it was edited", function () {
  let fixture: Fixture, ada: Person;
  before(async () => {
    fixture = await openPages();
    ada = await fixture.person("ada");
    await ada.api("POST", "/api/v1/rooms", { room: "lobby", title: "Lobby" });
    await ada.api("POST", "/api/v1/rooms/lobby/messages", { text: "Lunch at eleven" });
    await ada.api("PATCH", "/api/v1/rooms/lobby/messages/1", { text: "Lunch at twelve" });
    await ada.api("PATCH", "/api/v1/rooms/lobby/messages/1", { text: "Lunch at one" });
  });
  after(() => fixture.close());

  const message = (page: Page): Locator => page.locator("main article").filter({ hasText: "Lunch at" });
  const panel = (page: Page): Locator => page.getByRole("complementary", { name: "Edits" });
  const edited = (page: Page): Locator => message(page).getByRole("button", { name: /^Edited/ });

  for (const [name, viewport] of [
    ["desktop", { width: 1280, height: 800 }],
    ["phone", { width: 390, height: 844 }],
  ] as const)
    it(`is shown beside the room, on a ${name}, and follows the next edit`, async () => {
      const person = await fixture.person("ada", { viewport, hasTouch: name === "phone" });
      const { page } = person;
      await page.goto(`${fixture.node.url}/room/lobby`);
      await edited(page).click();
      await panel(page).getByText("Lunch at eleven").waitFor();
      const cards = panel(page).locator("article");
      expect(await cards.locator(".version-text").allInnerTexts()).to.deep.equal(
        name === "desktop"
          ? ["Lunch at one", "Lunch at twelve", "Lunch at eleven"]
          : ["Lunch at two", "Lunch at one", "Lunch at twelve", "Lunch at eleven"],
      );
      expect(await cards.first().innerText()).to.include("as it is now");
      for (const colorScheme of ["dark", "light"] as const) {
        await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        expect(await axeFaults(page, {}), colorScheme).to.deep.equal([]);
      }
      if (folderOfShots !== undefined) await page.screenshot({ path: `${folderOfShots}/edits-${name}.png` });
      if (name === "desktop") {
        await ada.api("PATCH", "/api/v1/rooms/lobby/messages/1", { text: "Lunch at two" });
        await panel(page).getByText("Lunch at two").waitFor();
        // What stood there before comes with the next answer of the room.
        await cards.nth(3).waitFor();
        expect(await cards.count()).to.equal(4);
      }
      await panel(page).getByRole("button", { name: "Close edits" }).click();
      await panel(page).waitFor({ state: "detached" });
      await person.close();
    });

  it("is shown no more once the message is deleted, or the room keeps nothing", async () => {
    const person = await fixture.person("ada");
    const { page } = person;
    await ada.api("POST", "/api/v1/rooms/lobby/messages", { text: "the secret" });
    await ada.api("PATCH", "/api/v1/rooms/lobby/messages/2", { text: "Nothing said" });
    await page.goto(`${fixture.node.url}/room/lobby`);
    const other = page.locator("main article").filter({ hasText: "Nothing said" });
    await other.getByRole("button", { name: /^Edited/ }).click();
    await panel(page).getByText("the secret").waitFor();
    await ada.api("DELETE", "/api/v1/rooms/lobby/messages/2");
    await panel(page).getByText("The message was deleted").waitFor();
    expect(await panel(page).locator("article").count()).to.equal(0);
    await panel(page).getByRole("button", { name: "Close edits" }).click();
    await edited(page).click();
    await panel(page).getByText("Lunch at eleven").waitFor();
    await ada.api("PATCH", "/api/v1/rooms/lobby/rules", { keepsVersions: false });
    await panel(page).getByText("Nothing of what it said before is kept.").waitFor();
    expect(await panel(page).locator("article").count()).to.equal(0);
    await ada.api("PATCH", "/api/v1/rooms/lobby/rules", { keepsVersions: true });
    await person.close();
  });

  it("is not kept where a moderator says so", async () => {
    const { page } = ada;
    await page.goto(`${fixture.node.url}/room/lobby`);
    await page.getByRole("button", { name: "Room settings" }).click();
    await page.getByRole("menuitem", { name: "Who posts here" }).click();
    const dialog = page.getByRole("dialog", { name: "Who posts here" });
    await dialog.getByRole("combobox", { name: "What edited messages said before" }).selectOption("It is not kept");
    await dialog.getByText("What was kept is forgotten when you save.").waitFor();
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.waitFor({ state: "detached" });
    await edited(page).click();
    await panel(page).getByText("Nothing of what it said before is kept.").waitFor();
    expect(fixture.complaints).to.deep.equal([]);
  });
});
