import { expect } from "chai";
import type { Locator, Page } from "playwright-core";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPages, type Fixture, type Person } from "../../fixtures/page/index.ts";
import { looks, shotsOf } from "../../fixtures/page/looks.ts";

const shoot = shotsOf("side");

const more = async (page: Page, item: string): Promise<void> => {
  await page.getByRole("button", { name: "More", exact: true }).click();
  await page.getByRole("menuitem", { name: item }).click();
};
const column = (page: Page, place: number): Locator => page.locator(".compare-column").nth(place);

describe("conversations that are shared, temporary or side by side", function () {
  let fixture: Fixture;
  let ada: Person;
  let shared = "";
  before(async () => {
    fixture = await openPages();
    ada = await fixture.person("ada");
    await ada.api("POST", "/api/v1/agents", { name: "helper" });
    await ada.api("POST", "/api/v1/agents", { name: "critic" });
    await ada.page.goto(`${fixture.node.url}/agent/ada.helper`);
  });
  after(() => fixture.close());

  it("are shown by a link to people without an account, as they were then", async () => {
    const { page } = ada;
    const field = page.getByRole("textbox", { name: "Message helper" });
    await field.fill("about bread");
    await field.press("Enter");
    await page.getByText("You said: about bread").first().waitFor();
    await page.getByRole("button", { name: "Regenerate" }).waitFor();
    await more(page, "Share a read-only link …");
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("For how long").selectOption({ label: "1 day" });
    await dialog.getByRole("button", { name: "Make a link" }).click();
    const path = /\/shared\/ada\/[A-Za-z0-9_-]{43}/.exec(await dialog.getByText(/\/shared\/ada\//).innerText())?.[0];
    shared = `${fixture.node.url}${path ?? ""}`;
    expect(await axeFaults(page)).to.deep.equal([]);
    await dialog.getByRole("button", { name: "Close" }).first().click();
    const stranger = await (await ada.page.context().browser()?.newContext())?.newPage();
    if (stranger === undefined) throw new Error("there is no browser");
    await stranger.goto(shared);
    await stranger.getByText("You said: about bread").waitFor();
    expect(await stranger.locator("script").count()).to.equal(0);
    expect(await axeFaults(stranger)).to.deep.equal([]);
    await stranger.setViewportSize({ width: 390, height: 844 });
    await shoot(stranger, "shared phone");
    await stranger.context().close();
  });

  it("are taken back in the settings", async () => {
    const { page } = ada;
    await page.goto(`${fixture.node.url}/settings/links`);
    await page.getByRole("button", { name: /^Take back the link/ }).waitFor();
    await shoot(page, "links");
    expect(await axeFaults(page)).to.deep.equal([]);
    await page.getByRole("button", { name: /^Take back the link/ }).click();
    await page.getByText("You share no conversation.").waitFor();
    expect((await fetch(shared)).status).to.equal(404);
  });

  it("are kept by nothing when they are temporary, and gone when one leaves", async () => {
    const { page } = ada;
    await page.goto(`${fixture.node.url}/agent/ada.helper`);
    await more(page, "Temporary conversation");
    await page.waitForURL("**/temporary/ada.helper");
    const field = page.getByRole("textbox", { name: "Message helper, kept nowhere" });
    await field.fill("a word of whispering");
    await field.press("Enter");
    await page.getByText("You said: a word of whispering").waitFor();
    await page.getByText(/tokens · /).waitFor();
    await shoot(page, "temporary");
    expect(await axeFaults(page)).to.deep.equal([]);
    const kept = await page.evaluate(() => JSON.stringify([localStorage, sessionStorage]));
    expect(kept).to.not.include("whispering");
    const found = (await ada.api("POST", "/api/v1/search", { text: "whispering" })) as { found: readonly unknown[] };
    expect(found.found).to.deep.equal([]);
    await page.reload();
    await field.waitFor();
    expect(await page.getByText("whispering").count()).to.equal(0);
  });

  it("are compared side by side: one message goes to both, and one of them goes on", async () => {
    const { page } = ada;
    await page.goto(`${fixture.node.url}/agent/ada.helper`);
    await more(page, "Compare two models …");
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("The first").selectOption({ label: "helper with echo" });
    await dialog.getByLabel("The second").selectOption({ label: "critic as it is" });
    expect(await axeFaults(page)).to.deep.equal([]);
    await dialog.getByRole("button", { name: "Compare" }).click();
    await page.waitForURL("**/compare/**");
    const field = page.getByRole("textbox", { name: "Message both" });
    await field.fill("capital of France");
    await field.press("Enter");
    for (const place of [0, 1]) {
      await column(page, place).getByText("You said: capital of France").waitFor();
      await column(page, place)
        .getByText(/tokens · /)
        .waitFor();
    }
    // Long enough that it is being written when it is stopped.
    await field.fill("so on and ".repeat(700).trim());
    await field.press("Enter");
    await page.getByRole("button", { name: "Stop both answers" }).click();
    for (const place of [0, 1]) await column(page, place).getByText("You stopped this answer.").waitFor();
  });

  for (const [name, options] of looks)
    it(`look well: ${name}`, async () => {
      const person = await fixture.person("ada", options);
      await person.page.goto(ada.page.url());
      await column(person.page, 0).getByText("You stopped this answer.").waitFor();
      await shoot(person.page, name);
      expect(await axeFaults(person.page)).to.deep.equal([]);
      if (name.startsWith("phone")) {
        expect(await column(person.page, 1).isVisible()).to.equal(false);
        await person.page.getByRole("tab", { name: /critic/ }).click();
        await column(person.page, 1).getByText("You stopped this answer.").waitFor();
        expect(await column(person.page, 0).isVisible()).to.equal(false);
      }
      await person.close();
      expect(fixture.complaints).to.deep.equal([]);
    });

  it("are gone on with in one, and the other is archived", async () => {
    const { page } = ada;
    await page.getByRole("button", { name: /^Go on with this one.*critic/ }).click();
    await page.waitForURL("**/agent/ada.critic.1");
    await page.getByText("You said: capital of France").waitFor();
    const { conversations } = (await ada.api("GET", "/api/v1/agents/ada.helper/conversations")) as {
      conversations: readonly { number: number; archived?: true }[];
    };
    expect(conversations.find(({ number }) => number === 1)?.archived).to.equal(true);
  });
});
