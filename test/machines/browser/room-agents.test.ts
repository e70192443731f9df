import { expect } from "chai";
import type { Page } from "playwright-core";
import { axeFaults } from "../../fixtures/page/axe.ts";
import type { Fixture, Person } from "../../fixtures/page/index.ts";
import { openPagesWithModels } from "../../fixtures/page/models.ts";
import type { RoomAgents } from "../../../protocols/index.ts";
import { until } from "../../waits.ts";

async function inMenu(page: Page, entry: string): Promise<void> {
  await page.getByRole("button", { name: "Room settings" }).click();
  await page.getByRole("menuitem", { name: entry }).click();
}

describe("several agents in a room, in the page", () => {
  let fixture: Fixture;
  let ada: Person;
  before(async () => {
    ({ fixture } = await openPagesWithModels({ one: "chat" }));
    ada = await fixture.person("ada");
    for (const name of ["one", "two"]) await ada.api("POST", "/api/v1/agents", { name, model: "one" });
    await ada.api("POST", "/api/v1/rooms", { room: "tea", title: "Tea room" });
    for (const name of ["one", "two"])
      await ada.api("PUT", `/api/v1/rooms/tea/members/${encodeURIComponent(`agent/ada.${name}`)}`, {});
    await ada.page.goto(`${fixture.node.url}/room/tea`);
  });
  after(() => fixture.close());
  const known = (): Promise<RoomAgents> => ada.api("GET", "/api/v1/rooms/tea/agents") as Promise<RoomAgents>;

  it("are given turns, a budget and a mode by a moderator; the room says so", async () => {
    const { page } = ada;
    await inMenu(page, "Agents …");
    const dialog = page.getByRole("dialog", { name: "Agents of this room" });
    await dialog.getByText("0 tokens today").waitFor();
    await dialog.getByRole("combobox", { name: "Agents answer each other" }).selectOption("2");
    await dialog.getByRole("textbox", { name: "Tokens in a day" }).fill("5000");
    await dialog.getByRole("combobox", { name: "one answers" }).selectOption("always");
    expect(await axeFaults(page, { within: '[role="dialog"]' })).to.deep.equal([]);
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.waitFor({ state: "detached" });
    const rules = { turns: 2, dayTokens: 5_000, modes: { "agent/ada.one": "always" } };
    expect((await known()).rules).to.deep.equal(rules);
    await page.getByRole("textbox", { name: "Message #Tea room" }).fill("nobody is mentioned");
    await page.keyboard.press("Enter");
    await page.locator("main article[data-seq]").filter({ hasText: "repeated without a model" }).first().waitFor();
    await until("what it took is counted", async () => {
      if ((await known()).tokensToday === 0) throw new Error("nothing yet");
    });
  });

  it("are stopped all at once", async () => {
    await inMenu(ada.page, "Stop all agents");
    await ada.page.getByText("No agent was writing here.").waitFor();
    expect((await known()).owed).to.deep.equal([]);
    expect(fixture.complaints).to.deep.equal([]);
  });
});
