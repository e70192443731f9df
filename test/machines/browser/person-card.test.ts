import { expect } from "chai";
import type { Page } from "playwright-core";
import { untilTrue } from "../../waits.ts";
import { axeFaults } from "../../fixtures/page/axe.ts";
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

  it("fit on a phone", async () => {
    const small = await fixture.person("ada", phone);
    await small.page.goto(`${fixture.node.url}/room/lobby`);
    await small.page.locator("main article").getByRole("button", { name: "Bob", exact: true }).tap();
    await card(small.page).getByText("Ask me about backups.").waitFor();
    await clean(small.page, "card-phone");
    await small.close();
    expect(fixture.complaints).to.deep.equal([]);
  });
});
