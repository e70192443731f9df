import { expect } from "chai";
import type { Locator, Page } from "playwright-core";
import { openPagesForTwo, type Person, type Fixture } from "../fixtures/page/index.ts";

const message = (page: Page, text: string): Locator => page.locator("main article").filter({ hasText: text });
const field = (page: Page): Locator => page.getByRole("textbox", { name: /^Message / });

async function say(page: Page, text: string): Promise<void> {
  await field(page).fill(text);
  await field(page).press("Enter");
}

const threadOn = (page: Page): Locator => page.getByRole("complementary", { name: "Thread" });

async function answer(page: Page, text: string): Promise<void> {
  const own = threadOn(page).getByRole("textbox");
  await own.fill(text);
  await own.press("Enter");
}

// Everything else about rooms and agents: test/machines/browser.
describe("the page, used by two people and an agent", () => {
  let fixture: Fixture, ada: Person, bob: Person;
  before(async () => {
    ({ fixture, ada, bob } = await openPagesForTwo("lobby"));
  });
  after(() => fixture.close());

  it("shows what one says to the other, with Markdown, once", async () => {
    await say(ada.page, "Good **morning** Bob");
    for (const { page } of [ada, bob]) await message(page, "Good morning Bob").locator("strong").waitFor();
    expect(await message(ada.page, "Good morning Bob").count()).to.equal(1);
  });

  it("has replies in a thread beside the room", async () => {
    await message(bob.page, "Good morning Bob").hover();
    await message(bob.page, "Good morning Bob").getByRole("button", { name: "Reply", exact: true }).click();
    await answer(bob.page, "Good morning Ada");
    await ada.page.getByRole("button", { name: /^1 reply/ }).click();
    await threadOn(ada.page).getByText("Good morning Ada").waitFor();
    await answer(ada.page, "How are you?");
    await bob.page.getByRole("button", { name: /^2 replies/ }).waitFor();
  });

  it("streams an agent's answer, which is there once in the end", async () => {
    await ada.api("POST", "/api/v1/agents", { name: "helper", persona: "" });
    await ada.api("PUT", "/api/v1/rooms/lobby/members/agent%2Fada.helper", {});
    const words = Array.from({ length: 500 }, (_, index) => `word${index}`).join(" ");
    await say(ada.page, `@ada.helper ${words}`);
    // A long one is folded once it is whole.
    const said = bob.page
      .locator("main article[data-seq]")
      .filter({ has: bob.page.getByText("agent", { exact: true }) });
    await bob.page.locator("main article").filter({ hasText: "word3" }).nth(1).waitFor();
    await said.waitFor();
    await bob.page.locator('main article[aria-busy="true"]').waitFor({ state: "detached" });
    expect(await said.count()).to.equal(1);
    await said.getByRole("button", { name: /^Show more/ }).click();
    await said
      .getByText(/word499/)
      .last()
      .waitFor();
    expect(fixture.complaints).to.deep.equal([]);
  });
});
