import { expect } from "chai";
import type { Page } from "playwright-core";
import { untilTrue } from "../../waits.ts";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { actionOn } from "../../fixtures/page/actions.ts";
import { openPagesForTwo, type Fixture, type Person } from "../../fixtures/page/index.ts";

const folderOfShots = process.env["PLEXUS_SHOTS"];
const phone = { viewport: { width: 390, height: 844 }, hasTouch: true };

describe("cards of people", function () {
  let fixture: Fixture, ada: Person, bob: Person;
  before(async () => {
    ({ fixture, ada, bob } = await openPagesForTwo("lobby"));
  });
  after(() => fixture.close());

  const field = (page: Page) => page.getByRole("textbox", { name: "Message #Lobby" });
  const card = (page: Page) => page.getByRole("dialog");
  const clean = async (page: Page, name: string) => {
    for (const colorScheme of ["dark", "light"] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      expect(await axeFaults(page, {}), `${name} ${colorScheme}`).to.deep.equal([]);
      if (folderOfShots !== undefined) await page.screenshot({ path: `${folderOfShots}/${name}-${colorScheme}.png` });
    }
  };

  it("say what their people have set in the settings", async () => {
    const { page } = bob;
    await page.goto(`${fixture.node.url}/settings/profile`);
    await page.getByRole("textbox", { name: "Title" }).fill("Head of operations");
    await page.getByRole("textbox", { name: "Pronouns" }).fill("he/him");
    await page.getByRole("combobox", { name: "Time zone" }).fill("Asia/Tokyo");
    await page.getByRole("textbox", { name: "About" }).fill("Ask me about backups.");
    await page.getByRole("form", { name: "Your card" }).getByRole("button", { name: "Save" }).click();
    await page.getByText("Your card was changed.").waitFor();
    await clean(page, "card-settings");
    await page.goto(`${fixture.node.url}/room/lobby`);
    await field(page).fill("@ada hello");
    await field(page).press("Enter");
    await page.getByRole("button", { name: "@Ada" }).waitFor();
  });

  it("open by a click on a name, close by Escape, and give the focus back", async () => {
    const { page } = ada;
    const author = page.locator("main article").getByRole("button", { name: "Bob", exact: true });
    await author.click();
    for (const text of ["@bob", "Head of operations", "he/him", "Asia/Tokyo", "Ask me about backups."])
      await card(page).getByText(text).first().waitFor();
    await clean(page, "card");
    await page.keyboard.press("Escape");
    await card(page).waitFor({ state: "detached" });
    expect(await author.evaluate((element) => element.ownerDocument.activeElement === element)).to.equal(true);
    await page.keyboard.press("Enter");
    await card(page).getByText("Head of operations").waitFor();
    await card(page).getByRole("button", { name: "Mention" }).click();
    await card(page).waitFor({ state: "detached" });
    await untilTrue("the name is in the field", async () => (await field(page).inputValue()) === "@bob ");
    await field(page).fill("");
  });

  it("open from mentions and from the list of members, and lead to a direct conversation", async () => {
    const { page } = bob;
    await page.locator("main article").getByRole("button", { name: "@Ada" }).click();
    await card(page).getByText("Admin").waitFor();
    await page.keyboard.press("Escape");
    await page
      .getByRole("button", { name: /members/i })
      .first()
      .click();
    await page
      .getByRole("region", { name: /Members of/ })
      .getByRole("button", { name: "Ada", exact: true })
      .click();
    await card(page).getByRole("button", { name: "Direct message" }).click();
    await page.waitForURL(/room\/dm\./);
  });

  it("do not open while messages are selected, and mentions are part of what is selected as text", async () => {
    const { page } = ada;
    const message = page.locator("main article").filter({ hasText: "hello" });
    const mention = message.getByRole("button", { name: "@Ada" });
    expect(await mention.evaluate((element) => element.tagName)).to.equal("SPAN");
    await mention.focus();
    await page.keyboard.press(" ");
    await card(page).getByText("@ada").waitFor();
    await page.keyboard.press("Escape");
    await card(page).waitFor({ state: "detached" });
    await actionOn(message, "Select messages");
    await message.locator(".pick-box:checked").waitFor();
    await mention.click();
    await message.locator(".pick-box:not(:checked)").waitFor();
    expect(await card(page).count()).to.equal(0);
    await page.keyboard.press("Escape");
    await page.getByRole("toolbar", { name: "Selected messages" }).waitFor({ state: "detached" });
    await message.locator(".pick-box").waitFor({ state: "detached" });
  });

  it("open from the people of a reaction, and let moderators of the room decide, and nobody else", async () => {
    const { page } = ada;
    const acts = page.getByRole("group", { name: "Moderation" });
    await bob.api("POST", "/api/v1/rooms/lobby/messages", { text: "tea?" });
    const message = page.locator("main article").filter({ hasText: "tea?" });
    await message.waitFor();
    const seq = await message.getAttribute("data-seq");
    await bob.api("PUT", `/api/v1/rooms/lobby/messages/${seq}/reactions/${encodeURIComponent("🎉")}`, {});
    await message.getByRole("button", { name: /^🎉, 1/ }).waitFor();
    await actionOn(message, "Reactions …");
    const people = page.getByRole("dialog", { name: "Reactions" });
    await people.getByRole("button", { name: "Bob", exact: true }).waitFor();
    await clean(page, "card-reactions");
    await people.getByRole("button", { name: "Bob", exact: true }).click();
    await people.waitFor({ state: "detached" });
    await acts.getByRole("button", { name: "Warn …" }).waitFor();
    await clean(page, "card-moderator");
    await acts.getByRole("button", { name: "Mute …" }).click();
    const ask = page.getByRole("dialog", { name: "Mute Bob?" });
    await ask.getByRole("button", { name: "Mute", exact: true }).click();
    await ask.waitFor({ state: "detached" });
    await page.locator("main article").getByRole("button", { name: "Bob", exact: true }).first().click();
    await acts.getByRole("button", { name: "Lift the mute" }).click();
    await acts.getByRole("button", { name: "Mute …" }).waitFor();
    await acts.getByRole("button", { name: "Remove from the room …" }).click();
    await page.getByRole("dialog", { name: "Remove Bob?" }).getByRole("button", { name: "Cancel" }).click();
    await bob.page.goto(`${fixture.node.url}/room/lobby`);
    await bob.page.getByRole("button", { name: "@Ada" }).click();
    await card(bob.page).getByRole("button", { name: "Direct message" }).waitFor();
    expect(await bob.page.getByRole("group", { name: "Moderation" }).count()).to.equal(0);
    await bob.page.keyboard.press("Escape");
  });

  it("fit on a phone", async () => {
    const small = await fixture.person("ada", phone);
    await small.page.goto(`${fixture.node.url}/room/lobby`);
    await small.page.locator("main article").getByRole("button", { name: "Bob", exact: true }).first().tap();
    await card(small.page).getByText("Ask me about backups.").waitFor();
    await clean(small.page, "card-phone");
    await small.close();
    expect(fixture.complaints).to.deep.equal([]);
  });
});
