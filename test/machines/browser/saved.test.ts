import { expect } from "chai";
import type { Locator, Page } from "playwright-core";
import { actionByKey } from "../../fixtures/page/actions.ts";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPagesForTwo, type Fixture, type Person } from "../../fixtures/page/index.ts";
import { looks, shotsOf } from "../../fixtures/page/looks.ts";

const said = (page: Page, text: string): Locator => page.locator(".feed article").filter({ hasText: text });
const item = (page: Page, text: string): Locator => page.getByRole("listitem").filter({ hasText: text });

const shot = shotsOf("saved");

/** Chooses in the menu of a message, by keyboard alone. */
const choose = (page: Page, text: string, entry: string): Promise<void> => actionByKey(said(page, text), entry);

describe("messages that are saved for later", function () {
  let fixture: Fixture, ada: Person, bob: Person;
  const seqs: number[] = [];
  before(async () => {
    ({ fixture, ada, bob } = await openPagesForTwo("lobby", "den"));
    for (const text of ["the recipe", "the address", "the joke"])
      seqs.push(((await bob.api("POST", "/api/v1/rooms/lobby/messages", { text })) as { seq: number }).seq);
    const { seq } = (await bob.api("POST", "/api/v1/rooms/den/messages", { text: "of the den" })) as { seq: number };
    await ada.api("POST", "/api/v1/me/saved", { room: "den", seq });
  });
  after(async () => {
    expect(fixture.complaints).to.deep.equal([]);
    await fixture.close();
  });

  it("are saved in the menu of a message, and listed on every device, as they are now", async () => {
    const { page } = ada;
    await said(page, "the joke").waitFor();
    for (const text of ["the recipe", "the address", "the joke"]) {
      await choose(page, text, "Save for later");
      await page.getByText("Saved. You find it in the sidebar.").waitFor();
    }
    const tablet = await fixture.person("ada");
    await tablet.page.goto(`${fixture.node.url}/saved`);
    await item(tablet.page, "of the den").waitFor();
    expect(await tablet.page.locator(".later-text").allTextContents()).to.deep.equal([
      "the joke",
      "the address",
      "the recipe",
      "of the den",
    ]);
    await choose(page, "the joke", "Remove from saved");
    await item(tablet.page, "the joke").waitFor({ state: "detached" });
    await item(tablet.page, "the recipe").getByRole("link").click();
    await tablet.page.waitForURL(/\/room\/lobby\?at=/);
    await tablet.close();
  });

  it("are shown as gone where they were deleted, and not at all where one may not read any more", async () => {
    const { page } = ada;
    await bob.api("DELETE", `/api/v1/rooms/lobby/messages/${seqs[1]}`);
    await bob.api("PATCH", `/api/v1/rooms/lobby/messages/${seqs[0]}`, { text: "the better recipe" });
    await ada.api("POST", "/api/v1/rooms/den/leave", { successor: "user/bob" });
    await page.goto(`${fixture.node.url}/saved`);
    await item(page, "the better recipe").waitFor();
    await item(page, "This message was deleted.").waitFor();
    await item(page, "den").waitFor({ state: "detached" });
    await item(page, "This message was deleted.").getByRole("button", { name: "Remove" }).click();
    await item(page, "This message was deleted.").waitFor({ state: "detached" });
  });

  for (const [name, options] of looks)
    it(`keep nobody out: ${name}`, async () => {
      const person = await fixture.person("ada", options);
      await person.page.goto(`${fixture.node.url}/saved`);
      await item(person.page, "the better recipe").waitFor();
      await shot(person.page, name);
      expect(await axeFaults(person.page)).to.deep.equal([]);
      await person.close();
    });
});
