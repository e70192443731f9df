import { expect } from "chai";
import type { Locator, Page } from "playwright-core";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { answers, field, openConversation, say } from "../../fixtures/page/conversation.ts";
import type { Fixture, Person } from "../../fixtures/page/index.ts";
import { looks, shotsOf } from "../../fixtures/page/looks.ts";

const shoot = shotsOf("branches");

const said = (page: Page): Locator => page.locator("article.said[data-turn]");
const versions = (row: Locator): Locator => row.getByRole("group", { name: "Versions" });

/** Changes something that was said, from its button to the key that sends it. */
async function edit(page: Page, row: Locator, text: string): Promise<void> {
  await row.getByRole("button", { name: "Edit and ask again" }).click();
  await page.getByRole("textbox", { name: "Edit the message" }).fill(text);
  await page.getByRole("textbox", { name: "Edit the message" }).press("Enter");
  await answers(page).last().getByText(`You said: ${text}`).waitFor();
}

describe("branches of a conversation with an agent", function () {
  let fixture: Fixture;
  let ada: Person;
  before(async () => {
    ({ fixture, ada } = await openConversation());
  });
  after(() => fixture.close());

  it("are begun by editing what was said; what was there is a step away, in every tab", async () => {
    const { page } = ada;
    await say(page, "capital of France");
    await say(page, "and its river");
    const other = await page.context().newPage();
    await other.goto(page.url());
    await answers(other).nth(1).waitFor();
    await edit(page, said(page).first(), "capital of Spain");
    await page.getByText("and its river").waitFor({ state: "detached" });
    await versions(said(page).first()).getByText("2 / 2").waitFor();
    await answers(other).first().getByText("You said: capital of Spain").waitFor();
    expect(await answers(other).count()).to.equal(1);
    await versions(said(other).first()).getByRole("button", { name: "Previous version" }).click();
    await answers(page).last().getByText("You said: and its river").waitFor();
    await versions(said(page).first()).getByText("1 / 2").waitFor();
    expect(await answers(page).count()).to.equal(2);
    await other.close();
  });

  it("are begun by another answer, and go on where they are shown", async () => {
    const { page } = ada;
    await page.getByRole("button", { name: "Regenerate" }).click();
    await versions(answers(page).last()).getByText("2 / 2").waitFor();
    await say(page, "and its mayor");
    expect(await answers(page).count()).to.equal(3);
    await page.reload();
    await versions(answers(page).nth(1)).getByText("2 / 2").waitFor();
    await versions(answers(page).nth(1)).getByRole("button", { name: "Previous version" }).click();
    await page.getByText("and its mayor", { exact: true }).waitFor({ state: "detached" });
    // What the page does not have of a branch comes a moment later.
    await page.locator('article.answer[data-turn="4"]').waitFor();
    expect(await answers(page).count()).to.equal(2);
  });

  it("keep what is typed of an edit, which is given up by Escape", async () => {
    const { page } = ada;
    await said(page).first().getByRole("button", { name: "Edit and ask again" }).click();
    const edited = page.getByRole("textbox", { name: "Edit the message" });
    expect(await edited.inputValue()).to.equal("capital of France");
    await edited.press("Escape");
    await edited.waitFor({ state: "detached" });
    expect(await said(page).first().innerText()).to.include("capital of France");
  });

  it("are looked over in a list, from which one is shown", async () => {
    const { page } = ada;
    await page.getByRole("button", { name: "More", exact: true }).click();
    await page.getByRole("menuitem", { name: "Branches …" }).click();
    const panel = page.getByRole("complementary", { name: "Branches" });
    await panel.getByRole("button", { name: /capital of Spain/ }).waitFor();
    expect(await panel.getByRole("listitem").count()).to.equal(3);
    await panel.getByRole("button", { name: /capital of Spain/ }).click();
    await answers(page).first().getByText("You said: capital of Spain").waitFor();
    await panel.locator('button[aria-current="true"]', { hasText: "capital of Spain" }).waitFor();
    expect(await axeFaults(page)).to.deep.equal([]);
    await panel.getByRole("button", { name: "Close branches" }).click();
  });

  it("are read when something is found there, and shown as soon as something is said", async () => {
    const { page } = ada;
    const leaf = async (): Promise<unknown> =>
      ((await ada.api("GET", "/api/v1/agents/ada.helper")) as { branches?: { leaf: number } }).branches?.leaf;
    const before = await leaf();
    // Long enough that it is being written while another branch is read.
    await field(page).fill("so on and ".repeat(700).trim());
    await field(page).press("Enter");
    const other = await page.context().newPage();
    await other.goto(`${fixture.node.url}/agent/ada.helper`);
    await other.getByRole("button", { name: "Stop the answer" }).waitFor();
    await page.goto(`${fixture.node.url}/agent/ada.helper?at=8`);
    await said(page).last().getByText("and its mayor").waitFor();
    expect(await said(page).last().getAttribute("data-turn")).to.equal("8");
    await page.waitForURL((url) => !url.searchParams.has("at"));
    // The other tab reads on, and its answer is not ended.
    await answers(other).last().getByText("repeated without a model").waitFor();
    expect(await other.getByText("You stopped this answer.").count()).to.equal(0);
    const shown = await leaf();
    expect(shown).not.to.equal(before);
    await page.reload();
    await answers(page).last().getByText("repeated without a model").waitFor();
    expect(await leaf()).to.equal(shown);
    await page.goto(`${fixture.node.url}/agent/ada.helper?at=8`);
    await page.getByRole("button", { name: "Back to where you were" }).click();
    await answers(page).last().getByText("repeated without a model").waitFor();
    await page.goto(`${fixture.node.url}/agent/ada.helper?at=8`);
    await page.getByText("This is another branch.").waitFor();
    expect(await axeFaults(page)).to.deep.equal([]);
    await say(page, "and its airport");
    await page.getByText("This is another branch.").waitFor({ state: "detached" });
    expect(
      await said(page)
        .allInnerTexts()
        .then((all) => all.at(-2)),
    ).to.include("and its mayor");
    await answers(other).last().getByText("You said: and its airport").waitFor();
    await other.close();
  });

  for (const [name, options] of looks)
    it(`look well: ${name}`, async () => {
      const person = await fixture.person("ada", options);
      const { page } = person;
      await page.goto(`${fixture.node.url}/agent/ada.helper?at=8`);
      await versions(said(page).first()).waitFor();
      await shoot(page, name);
      await page.getByRole("button", { name: "More", exact: true }).click();
      await page.getByRole("menuitem", { name: "Branches …" }).click();
      await page.getByRole("button", { name: /capital of Spain/ }).waitFor();
      await shoot(page, `${name} list`);
      await person.close();
      expect(fixture.complaints).to.deep.equal([]);
    });
});
