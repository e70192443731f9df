import { expect } from "chai";
import type { Page } from "playwright-core";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPagesForTwo, type Fixture, type Person } from "../../fixtures/page/index.ts";

const folderOfShots = process.env["PLEXUS_SHOTS"];
const phone = { viewport: { width: 390, height: 844 }, hasTouch: true };

describe("groups of people", function () {
  let fixture: Fixture, ada: Person, bob: Person;
  before(async () => {
    ({ fixture, ada, bob } = await openPagesForTwo("lobby"));
  });
  after(() => fixture.close());

  const field = (page: Page) => page.getByRole("textbox", { name: "Message #Lobby" });

  it("are made in the settings by an admin, and seen by everybody", async () => {
    const { page } = ada;
    await page.goto(`${fixture.node.url}/settings/groups`);
    await page.getByText("There is no group yet.").waitFor();
    await page.getByRole("button", { name: "New group" }).click();
    await page.getByRole("textbox", { name: "Name" }).fill("ops");
    await page.getByRole("textbox", { name: "Title" }).fill("Operations");
    await page.getByRole("textbox", { name: "Members" }).fill("@ada, bob");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("@ops · Operations").waitFor();
    await page.getByText("Ada, Bob").waitFor();
    for (const colorScheme of ["dark", "light"] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      expect(await axeFaults(page, {}), colorScheme).to.deep.equal([]);
    }
    if (folderOfShots !== undefined) await page.screenshot({ path: `${folderOfShots}/groups.png` });
    const small = await fixture.person("bob", phone);
    await small.page.goto(`${fixture.node.url}/settings/groups`);
    await small.page.getByText("@ops · Operations").waitFor();
    expect(await small.page.getByRole("button", { name: "New group" }).count()).to.equal(0);
    if (folderOfShots !== undefined) await small.page.screenshot({ path: `${folderOfShots}/groups-phone.png` });
    await small.close();
  });

  it("are completed where somebody writes, and shown as a mention to those who are in the room", async () => {
    const { page } = ada;
    await page.goto(`${fixture.node.url}/room/lobby`);
    await field(page).pressSequentially("@op");
    await page.getByRole("option", { name: /Operations/ }).waitFor();
    await field(page).press("Enter");
    expect(await field(page).inputValue()).to.equal("@ops ");
    await field(page).pressSequentially("please look");
    await field(page).press("Enter");
    const message = bob.page.locator("main article.mentioned").filter({ hasText: "please look" });
    await message.waitFor();
    await message.locator(".mention", { hasText: "@ops" }).waitFor();
    expect(await message.getByText("(edited)").count()).to.equal(0);
    if (folderOfShots !== undefined) await bob.page.screenshot({ path: `${folderOfShots}/group-mention.png` });
  });

  it("are changed and removed", async () => {
    const { page } = ada;
    await page.goto(`${fixture.node.url}/settings/groups`);
    await page.getByRole("button", { name: "Change the group ops" }).click();
    await page.getByRole("textbox", { name: "Members" }).fill("bob");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Ada, Bob").waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Remove the group ops" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await page.getByText("There is no group yet.").waitFor();
    expect(fixture.complaints).to.deep.equal([]);
  });
});
