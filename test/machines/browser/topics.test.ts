import { expect } from "chai";
import type { Locator, Page } from "playwright-core";
import { actionByKey, entryByKey } from "../../fixtures/page/actions.ts";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPagesForTwo, type Fixture, type Person } from "../../fixtures/page/index.ts";
import { looks, shotsOf } from "../../fixtures/page/looks.ts";

const said = (page: Page, text: string): Locator => page.locator(".feed article").filter({ hasText: text });
const shot = shotsOf("topics");

/** Chooses in the menu of a message, by keyboard alone. */
const choose = (page: Page, text: string, entry: string): Promise<void> => actionByKey(said(page, text).first(), entry);

/** Chooses what to do with the topic that is shown. */
async function withTopic(page: Page, entry: string): Promise<void> {
  await page.getByRole("button", { name: "What to do with the topic" }).focus();
  await page.keyboard.press("Enter");
  await entryByKey(page, entry);
}

describe("topics of a room", function () {
  let fixture: Fixture, ada: Person, bob: Person;
  const post = (person: Person, text: string, topic?: string) =>
    person.api("POST", "/api/v1/rooms/lobby/messages", { text, ...(topic !== undefined && { topic }) });
  before(async () => {
    ({ fixture, ada, bob } = await openPagesForTwo("lobby", "den"));
  });
  after(async () => {
    expect(fixture.complaints).to.deep.equal([]);
    await fixture.close();
  });

  it("begin with what one writes into one, and head what is said in them", async () => {
    const { page } = ada;
    await page.getByRole("button", { name: "Write in a topic" }).focus();
    await page.keyboard.press("Enter");
    await page
      .getByRole("combobox", { name: "Topic" })
      .or(page.getByRole("textbox", { name: "Topic" }))
      .waitFor();
    await page.keyboard.type("Release 5");
    await page.getByRole("textbox", { name: "Message #lobby" }).focus();
    await page.keyboard.type("the build is green");
    await page.keyboard.press("Enter");
    await said(bob.page, "the build is green").waitFor();
    await bob.page.locator(".topic-line", { hasText: "Release 5" }).waitFor();
    await post(bob, "soup today", "Lunch");
    await post(bob, "nothing at all");
    await page.locator(".topic-line", { hasText: "Lunch" }).waitFor();
    await page.locator(".topic-line", { hasText: "No topic" }).waitFor();
  });

  it("are listed and shown alone by keyboard, at an address of their own, and back leads back", async () => {
    const { page } = ada;
    await page.getByRole("button", { name: "Topics", exact: true }).focus();
    await page.keyboard.press("Enter");
    const list = page.getByRole("listbox", { name: "Topics" });
    await list.getByRole("option", { name: /Lunch/ }).waitFor();
    await page.getByRole("combobox", { name: "Find a topic" }).fill("rel");
    // While it is asked for, the list is that of another text: Enter counts when this one's is there.
    await page.keyboard.press("Enter");
    await page.waitForURL(/topic=Release/);
    await said(page, "the build is green").waitFor();
    expect(await said(page, "soup today").count()).to.equal(0);
    // What is written there is in the topic.
    await page.getByRole("textbox", { name: "Message #lobby › Release 5" }).focus();
    await page.keyboard.type("and shipped");
    await page.keyboard.press("Enter");
    await said(page, "and shipped").waitFor();
    await page.goBack();
    await said(page, "soup today").waitFor();
    const messages = (await ada.api("GET", "/api/v1/rooms/lobby/messages")) as {
      messages: readonly { text: string; topic?: string }[];
    };
    expect(messages.messages.find(({ text }) => text === "and shipped")?.topic).to.equal("Release 5");
  });

  it("leave the field of the whole room as it was, where something was only begun in one", async () => {
    const { page } = bob;
    await page.goto(`${fixture.node.url}/room/lobby?topic=Lunch`);
    await page.getByRole("textbox", { name: "Message #lobby › Lunch" }).fill("more so");
    await page.goto(`${fixture.node.url}/room/lobby`);
    const field = page.getByRole("textbox", { name: "Message #Lobby", exact: true });
    await field.waitFor();
    expect(await field.inputValue()).to.equal("more so");
    await field.fill("");
    expect(await page.getByRole("combobox", { name: "Topic" }).inputValue()).to.equal("");
  });

  it("are read one by one: what is unread in the others stays so", async () => {
    const { page } = ada;
    await page.goto(`${fixture.node.url}/room/den`);
    await page.getByRole("textbox", { name: "Message #den" }).waitFor();
    for (const [text, topic] of [
      ["more soup", "Lunch"],
      ["a bug", "Release 5"],
      ["a mend", "Release 5"],
    ] as const)
      await post(bob, text, topic);
    await page.goto(`${fixture.node.url}/room/lobby?topic=Release%205&panel=topics`);
    await said(page, "a mend").waitFor();
    const list = page.getByRole("listbox", { name: "Topics" });
    await list.getByRole("option", { name: /Lunch 1 unread/ }).waitFor();
    const own = page.getByRole("link", { name: /lobby/i }).locator(".count");
    await own.filter({ hasText: "1" }).waitFor();
    await list
      .getByRole("option", { name: /Release 5/ })
      .and(page.locator(":not(:has(.count))"))
      .waitFor();
  });

  it("are resolved, muted and renamed, and messages are moved", async () => {
    const { page } = ada;
    await page.goto(`${fixture.node.url}/room/lobby?topic=Lunch`);
    await said(page, "soup today").waitFor();
    await withTopic(page, "Mark as resolved");
    await page.locator(".topic-bar .tag", { hasText: "resolved" }).waitFor();
    await withTopic(page, "Mute the topic");
    await withTopic(page, "Rename the topic …");
    const name = page.getByRole("textbox", { name: "Name" });
    await name.fill("Food");
    await page.keyboard.press("Enter");
    await page.waitForURL(/topic=Food/);
    await page.locator(".topic-bar", { hasText: "Food" }).getByText("resolved").waitFor();
    await bob.page.locator(".topic-line", { hasText: "Food" }).first().waitFor();
    await page.goto(`${fixture.node.url}/room/lobby`);
    await choose(page, "nothing at all", "Move to topic …");
    const dialog = page.getByRole("dialog", { name: "Move to topic" });
    await dialog.getByRole("combobox", { name: /A topic/ }).fill("Odds");
    await dialog.getByRole("option", { name: "New topic: Odds" }).waitFor();
    await page.keyboard.press("Enter");
    await dialog.waitFor({ state: "detached" });
    await page.locator(".topic-line", { hasText: "Odds" }).waitFor();
    await bob.page.locator(".topic-line", { hasText: "Odds" }).waitFor();
  });

  it("are asked for where a room says so", async () => {
    const { page } = ada;
    await ada.api("PATCH", "/api/v1/rooms/lobby/rules", { topicsNeeded: true });
    await page.goto(`${fixture.node.url}/room/lobby`);
    await page.getByPlaceholder("Topic", { exact: true }).fill("");
    const field = page.getByRole("textbox", { name: "Message #lobby" });
    await field.fill("without");
    await field.press("Enter");
    await page.getByText("this room asks for a topic").first().waitFor();
    expect(await field.inputValue()).to.equal("without");
    await field.fill("");
    await ada.api("PATCH", "/api/v1/rooms/lobby/rules", { topicsNeeded: false });
  });

  for (const [name, options] of looks)
    it(`keep nobody out: ${name}`, async () => {
      const person = await fixture.person("ada", options);
      const { page } = person;
      await page.goto(`${fixture.node.url}/room/lobby`);
      await said(page, "soup today").first().waitFor();
      await page.locator(".topic-field").waitFor();
      expect(await axeFaults(page)).to.deep.equal([]);
      await shot(page, `${name} room`);
      await page.goto(`${fixture.node.url}/room/lobby?topic=Release%205&panel=topics`);
      await page.getByRole("option", { name: /Food/ }).waitFor();
      expect(await axeFaults(page)).to.deep.equal([]);
      await shot(page, `${name} list`);
      await page.goto(`${fixture.node.url}/room/lobby?topic=Release%205`);
      await said(page, "a mend").waitFor();
      await choose(page, "the build is green", "Move to topic …");
      await page.getByRole("option", { name: /Food/ }).waitFor();
      expect(await axeFaults(page)).to.deep.equal([]);
      await shot(page, `${name} move`);
      await person.close();
    });
});
