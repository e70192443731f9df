import { expect } from "chai";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPages, type Fixture, type Person } from "../../fixtures/page/index.ts";

describe("a direct conversation of several people, in the page", () => {
  let fixture: Fixture;
  let ada: Person;
  let bob: Person;
  before(async () => {
    fixture = await openPages();
    ada = await fixture.person("ada");
    bob = await fixture.person("bob");
    await fixture.person("cleo");
    await ada.page.goto(fixture.node.url);
    await bob.page.goto(fixture.node.url);
  });
  after(() => fixture.close());

  it("is begun from its people, is called after them, and reaches them", async () => {
    const { page } = ada;
    await page.getByRole("button", { name: "Write to a person" }).first().click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Several people" }).click();
    for (const name of ["bob", "cleo"]) {
      await dialog.getByRole("combobox", { name: "Search people" }).fill(name);
      await dialog.getByRole("option").filter({ hasText: name }).first().click();
      await dialog.getByRole("button", { name: new RegExp(`^Remove .*${name}`, "i") }).waitFor();
    }
    expect(await axeFaults(page, { within: '[role="dialog"]' })).to.deep.equal([]);
    await dialog.getByRole("button", { name: "Write to 2 people" }).click();
    await page.waitForURL(/dm\.group\./u);
    const field = page.locator("main .composer").getByRole("textbox").first();
    await field.fill("hello to both");
    await field.press("Enter");
    const place = bob.page.locator('[data-room^="dm.group."]').first();
    await place.click();
    await bob.page.locator("main article").filter({ hasText: "hello to both" }).waitFor();
    const heading = await bob.page.getByRole("heading", { level: 1 }).textContent();
    expect(heading?.toLowerCase()).to.match(/ada.*cleo/u);
    expect(heading?.toLowerCase()).not.to.include("bob");
  });

  it("becomes a private room that its maker owns", async () => {
    const { page } = ada;
    await page.getByRole("button", { name: "Room settings" }).click();
    await page.getByRole("menuitem", { name: "Make a room of it …" }).click();
    await page.getByText("It stays with these people").waitFor();
    await page.getByRole("button", { name: "Make a room", exact: true }).click();
    await page.getByText("It is a private room now, and you own it.").waitFor();
    await page.getByRole("button", { name: "Room settings" }).click();
    await page.getByRole("menuitem", { name: "Title and topic" }).waitFor();
    expect(await page.getByRole("menuitem", { name: /Join links|public/u }).count()).to.equal(0);
    await page.getByRole("menuitem", { name: "Members", exact: true }).click();
    await page.getByRole("region", { name: /^Members of/u }).waitFor();
    expect(await page.getByRole("textbox", { name: /^Add/u }).count()).to.equal(0);
    await page.getByRole("button", { name: "Room settings" }).click();
    await page.getByRole("menuitem", { name: "Archive the room …" }).click();
    await page.getByRole("button", { name: "Archive", exact: true }).click();
    await page.getByRole("button", { name: "Room settings" }).click();
    await page.getByRole("menuitem", { name: "Stop all agents" }).waitFor();
    expect(fixture.complaints).to.deep.equal([]);
  });
});
