import { expect } from "chai";
import type { Locator, Page } from "playwright-core";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { answers, openConversation, say } from "../../fixtures/page/conversation.ts";
import type { Fixture, Person } from "../../fixtures/page/index.ts";
import { looks, shotsOf } from "../../fixtures/page/looks.ts";

const shoot = shotsOf("conversations");

const list = (page: Page): Locator => page.getByRole("region", { name: "List of conversations" });
const row = (page: Page, title: string): Locator => list(page).getByRole("link", { name: title });

describe("conversations with an agent", function () {
  let fixture: Fixture;
  let ada: Person;
  before(async () => {
    ({ fixture, ada } = await openConversation());
  });
  after(() => fixture.close());

  it("are opened beside the first one, and each has its own history and title", async () => {
    const { page } = ada;
    await say(page, "about bread");
    await page.getByRole("button", { name: "New conversation" }).click();
    await page.waitForURL("**/agent/ada.helper.1");
    await say(page, "about the sea and its ships");
    expect(await answers(page).count()).to.equal(1);
    await page.getByRole("heading", { level: 1, name: /about the sea/ }).waitFor();
    await page.getByRole("button", { name: "Conversations", exact: true }).click();
    await row(page, "about bread").waitFor();
    await row(page, "about bread").click();
    await page.waitForURL("**/agent/ada.helper");
    await answers(page).getByText("You said: about bread").waitFor();
    expect(await answers(page).count()).to.equal(1);
  });

  it("are named, sorted and archived, in every tab", async () => {
    const { page } = ada;
    const other = await page.context().newPage();
    await other.goto(page.url());
    await other.getByRole("button", { name: "Conversations", exact: true }).click();
    await page.getByRole("button", { name: "Conversations", exact: true }).click();
    await list(page)
      .getByRole("button", { name: /^More of .*about the sea/ })
      .click();
    await page.getByRole("menuitem", { name: "Name, folder, tags …" }).click();
    const form = page.locator('form[data-form="conversation"]');
    await form.getByLabel("Title").fill("Ships");
    await form.getByLabel("Folder").fill("Travel");
    await form.getByLabel("Tags").fill("sea, old");
    await form.getByRole("button", { name: "Save" }).click();
    await row(other, "Ships").getByText("#sea · #old").waitFor();
    await list(other).getByRole("heading", { name: "Travel" }).waitFor();
    await list(page).getByRole("button", { name: "More of Ships" }).click();
    await page.getByRole("menuitem", { name: "Add to favourites" }).click();
    await list(other).getByRole("heading", { name: "Favourites" }).waitFor();
    await list(page).getByLabel("Find by title").fill("travel");
    await row(page, "about bread").waitFor({ state: "detached" });
    await row(page, "Ships").waitFor();
    await list(page).getByLabel("Find by title").fill("");
    await other.close();
  });

  it("are found by what was said in them, with a jump to it", async () => {
    const { page } = ada;
    await page.goto(`${fixture.node.url}/?find=ships`);
    await page.locator("a.found", { hasText: "helper: Ships" }).first().click();
    await page.waitForURL("**/agent/ada.helper.1**");
    await page.getByRole("heading", { level: 1, name: "Ships" }).waitFor();
  });

  for (const [name, options] of looks)
    it(`look well: ${name}`, async () => {
      const person = await fixture.person("ada", options);
      const { page } = person;
      await page.goto(`${fixture.node.url}/agent/ada.helper.1`);
      await page.getByRole("button", { name: "Conversations", exact: true }).click();
      await row(page, "Ships").waitFor();
      await shoot(page, name);
      expect(await axeFaults(page)).to.deep.equal([]);
      await person.close();
      expect(fixture.complaints).to.deep.equal([]);
    });

  it("are deleted with everything in them", async () => {
    const { page } = ada;
    await page.goto(`${fixture.node.url}/agent/ada.helper.1`);
    await page.getByRole("button", { name: "Conversations", exact: true }).click();
    await list(page).getByRole("button", { name: "More of Ships" }).click();
    await page.getByRole("menuitem", { name: "Delete …" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page.waitForURL("**/agent/ada.helper");
    await row(page, "Ships").waitFor({ state: "detached" });
    await page.goto(`${fixture.node.url}/agent/ada.helper.1`);
    await page.getByRole("heading", { name: /cannot be shown|was deleted/ }).waitFor();
  });
});
