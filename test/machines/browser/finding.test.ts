import { expect } from "chai";
import type { Locator, Page } from "playwright-core";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPagesForTwo, type Fixture, type Person } from "../../fixtures/page/index.ts";
import { looks, shotsOf } from "../../fixtures/page/looks.ts";
import { until } from "../../waits.ts";

const panel = (page: Page): Locator => page.getByRole("complementary", { name: "Search messages" });
const field = (page: Page): Locator => panel(page).getByRole("combobox", { name: "Search messages" });
const results = (page: Page): Locator => panel(page).getByRole("list", { name: "Messages that were found" });
const row = (page: Page, text: string): Locator => results(page).getByRole("link").filter({ hasText: text });
const inFeed = (page: Page, text: string): Locator => page.locator(".feed article").filter({ hasText: text });
const focused = (page: Page, text: string): Promise<unknown> =>
  until(`${text} has the focus`, async () => expect(await page.locator(":focus").textContent()).to.include(text));

const shot = shotsOf("finding");

describe("finding messages in the page", function () {
  let fixture: Fixture, ada: Person, bob: Person;
  const post = async (by: Person, room: string, text: string, more: object = {}): Promise<number> =>
    ((await by.api("POST", `/api/v1/rooms/${room}/messages`, { text, ...more })) as { seq: number }).seq;
  before(async () => {
    ({ fixture, ada, bob } = await openPagesForTwo("lobby", "den", "garden"));
    await post(bob, "garden", "nothing to find");
    await post(bob, "den", "The **kettle** is in the den, see https://tea.example/kettle");
    for (let count = 0; count < 90; count += 1) await post(bob, "den", `line ${count} about nothing`);
    const seq = await post(ada, "den", "Which kettle is ours?");
    await post(bob, "den", "@ada the copper kettle", { replyTo: seq });
    for (let count = 0; count < 40; count += 1) await post(ada, "lobby", `Kettle number ${count}`);
  });
  after(async () => {
    expect(fixture.complaints).to.deep.equal([]);
    await fixture.close();
  });

  it("begins in the box that finds everything, goes to a message far back, and comes back, by keyboard alone", async () => {
    const { page } = ada;
    await page.keyboard.press("Control+k");
    const box = page.getByRole("combobox", { name: "Rooms, people, agents, messages" });
    await box.fill("den");
    await page.getByRole("option", { name: /^Den/ }).waitFor();
    await box.fill("kettle from:bob");
    await page.getByRole("option", { name: "Search messages for “kettle from:bob”" }).waitFor();
    await page.keyboard.press("Enter");
    await row(page, "copper").waitFor();
    expect(await results(page).getByRole("link").count()).to.equal(2);
    expect(await row(page, "copper").locator("mark").allTextContents()).to.deep.equal(["kettle"]);
    await page.keyboard.press("ArrowDown");
    await focused(page, "copper");
    await page.keyboard.press("ArrowDown");
    await focused(page, "The **kettle**");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/room\/den\?/);
    await inFeed(page, "kettle is in the den").waitFor();
    expect(await inFeed(page, "line 89").count(), "the newest are far away").to.equal(0);
    // The results are still there, and the focus among them.
    await focused(page, "The **kettle**");
    await page.keyboard.press("Escape");
    await page.waitForURL(/\/room\/lobby/);
    await panel(page).waitFor({ state: "detached" });
    await page.goBack();
    await row(page, "copper").waitFor();
    await page.keyboard.press("Escape");
    await panel(page).waitFor({ state: "detached" });
  });

  it("goes to another room also where that one's name ends as this one's, and the place is the same", async () => {
    const { page } = ada;
    await page.goto(`${fixture.node.url}/room/garden?at=1&find=tea.example`);
    await row(page, "tea.example").click();
    await page.waitForURL(/\/room\/den\?/);
    await inFeed(page, "kettle is in the den").waitFor();
  });

  it("opens a reply in its thread, and back leads to the results", async () => {
    const { page } = ada;
    await page.goto(`${fixture.node.url}/room/lobby?find=copper`);
    await row(page, "copper").click();
    await page.getByRole("complementary", { name: "Thread" }).getByText("the copper kettle").waitFor();
    await page.goBack();
    await row(page, "copper").waitFor();
  });

  it("narrows by buttons and by words that are completed, and says what it does not understand", async () => {
    const { page } = ada;
    await page.goto(`${fixture.node.url}/room/den`);
    await page.getByRole("textbox", { name: "Message #Den" }).waitFor();
    await page.getByRole("button", { name: "Search in this room" }).click();
    expect(await field(page).inputValue()).to.equal("in:den ");
    await field(page).pressSequentially("kettle ");
    await row(page, "Which kettle").waitFor();
    expect(await row(page, "Kettle number").count()).to.equal(0);
    await panel(page).getByRole("button", { name: "With a link" }).click();
    await row(page, "Which kettle").waitFor({ state: "detached" });
    await row(page, "tea.example").waitFor();
    await panel(page).getByRole("button", { name: "With a link" }).click();
    await panel(page).getByRole("button", { name: "From …" }).click();
    await page.keyboard.type("bo");
    await panel(page).getByRole("option", { name: /Bob/ }).waitFor();
    await page.keyboard.press("Enter");
    await until("the name is there", async () =>
      expect(await field(page).inputValue()).to.equal("in:den kettle from:bob "),
    );
    await row(page, "Which kettle").waitFor({ state: "detached" });
    await panel(page).getByRole("button", { name: "Mentions me" }).click();
    await row(page, "tea.example").waitFor({ state: "detached" });
    await row(page, "copper").waitFor();
    await field(page).fill("kettle before:soon");
    await panel(page).getByText("“before:soon” narrows nothing.").waitFor();
    await field(page).fill("nothinghasthis");
    // Both are said to screen readers, too.
    const said = panel(page).getByRole("status");
    await said.filter({ hasText: "Nothing was found in your rooms" }).waitFor();
    await field(page).fill("kettel");
    await said.filter({ hasText: "Nothing has the very words" }).waitFor();
  });

  it("shows more when one scrolls, newest first, and the best first where one asks", async () => {
    const { page } = ada;
    await page.goto(`${fixture.node.url}/room/lobby`);
    await page.getByRole("textbox", { name: "Message #Lobby" }).waitFor();
    await page.locator(".feed-scroller").focus();
    await page.keyboard.press("/");
    await field(page).waitFor();
    await field(page).fill("kettle");
    await row(page, "Kettle number 39").waitFor();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("End");
    await row(page, "Kettle number 2").last().waitFor();
    await until("all are there", async () => expect(await results(page).getByRole("link").count()).to.equal(43));
    await panel(page).getByRole("button", { name: "Best first" }).click();
    await page.waitForURL(/best=yes/);
    await row(page, "kettle").first().waitFor();
  });

  it("says why there are no more, and does not ask again and again", async () => {
    const { page } = ada;
    let asked = 0;
    let isRefused = true;
    await page.route("**/api/v1/search", async (route) => {
      if ((route.request().postDataJSON() as { cursor?: string }).cursor === undefined || !isRefused)
        return route.continue();
      asked += 1;
      const error = { code: "OVERLOADED", outcome: "not_started", message: "too many at once" };
      return route.fulfill({ status: 503, json: { error } });
    });
    await page.goto(`${fixture.node.url}/room/lobby?find=kettle`);
    await row(page, "Kettle number 39").waitFor();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("End");
    const again = panel(page).getByRole("status").getByRole("button", { name: "Try again" });
    await again.waitFor();
    // The client asks once more by itself.
    const refused = asked;
    // What came before stays, and a search that is begun meanwhile is answered: by then the list would have asked.
    await row(page, "Kettle number 39").waitFor();
    await bob.page.goto(`${fixture.node.url}/room/lobby?find=copper`);
    await row(bob.page, "copper").waitFor();
    await bob.page.goto(`${fixture.node.url}/room/lobby`);
    expect(asked).to.equal(refused);
    isRefused = false;
    await again.click();
    await until("all are there", async () => expect(await results(page).getByRole("link").count()).to.equal(43));
    await again.waitFor({ state: "detached" });
    await page.unroute("**/api/v1/search");
  });

  it("says which rooms were not searched and what is missing, and tries again", async () => {
    const { page } = ada;
    let answers: "part" | "failed" | "whole" = "part";
    await page.route("**/api/v1/search", async (route) => {
      if (answers === "failed")
        return route.fulfill({
          status: 503,
          json: { error: { code: "SLOT_UNAVAILABLE", outcome: "not_started", message: "not now" } },
        });
      const response = await route.fetch();
      const body = (await response.json()) as object;
      const part = { unreachable: ["room/den"], covered: [{ slot: "chat/1", epoch: 1, seq: 9, behind: 3 }] };
      return route.fulfill({ response, json: answers === "part" ? { ...body, ...part } : body });
    });
    await page.goto(`${fixture.node.url}/room/lobby?find=number`);
    const note = panel(page).getByText("Some rooms could not be searched just now: Den.");
    await note.waitFor();
    await panel(page).getByText("The newest 3 entries are not searched yet.").waitFor();
    await shot(page, "part");
    answers = "whole";
    await panel(page).getByRole("button", { name: "Search again" }).click();
    await note.waitFor({ state: "detached" });
    answers = "failed";
    await field(page).fill("another");
    await panel(page).getByRole("button", { name: "Try again" }).waitFor();
    answers = "whole";
    await panel(page).getByRole("button", { name: "Try again" }).click();
    await panel(page).getByText("Nothing was found").waitFor();
    await page.unroute("**/api/v1/search");
  });

  for (const [name, options] of looks)
    it(`keeps nobody out, and stands back for what was found on a phone: ${name}`, async () => {
      const person = await fixture.person("ada", options);
      const { page } = person;
      await page.goto(`${fixture.node.url}/room/den?find=`);
      await panel(page).getByText("both of them, in any order").waitFor();
      await shot(page, `empty ${name}`);
      expect(await axeFaults(page), "empty").to.deep.equal([]);
      await field(page).fill("from:");
      await panel(page).getByRole("option", { name: /Me/ }).waitFor();
      await shot(page, `choices ${name}`);
      expect(await axeFaults(page), "choices").to.deep.equal([]);
      await field(page).fill("kettle in:den ");
      await row(page, "Which kettle").waitFor();
      await shot(page, `found ${name}`);
      expect(await axeFaults(page), "found").to.deep.equal([]);
      await row(page, "tea.example").click();
      await inFeed(page, "kettle is in the den").waitFor();
      await shot(page, `jumped ${name}`);
      const isPhone = name.startsWith("phone");
      expect(await panel(page).count()).to.equal(isPhone ? 0 : 1);
      if (isPhone) {
        await page.goBack();
        await row(page, "Which kettle").waitFor();
      }
      await person.close();
    });

  it("narrows to the thread that was open by a button, and names the topic of what is found", async () => {
    const { page } = ada;
    const root = await post(ada, "den", "An old kettle", { topic: "Crockery" });
    await post(bob, "den", "a kettle in a thread", { replyTo: root });
    await page.goto(`${fixture.node.url}/room/den?panel=thread&seq=${root}`);
    await page.getByRole("complementary", { name: "Thread" }).getByText("a kettle in a thread").waitFor();
    await page.getByRole("button", { name: "Search in this room" }).click();
    await field(page).fill("in:den kettle");
    await row(page, "Which kettle").waitFor();
    await panel(page).getByRole("button", { name: "In the last thread" }).press("Enter");
    await row(page, "Which kettle").waitFor({ state: "detached" });
    expect(await field(page).inputValue()).to.equal(`in:den kettle thread:den/${root} `);
    await row(page, "a kettle in a thread").getByText("Den › Crockery").waitFor();
    await row(page, "An old kettle").waitFor();
    await field(page).fill("topic:Crockery");
    await panel(page).getByText("A topic narrows what is found: add a word, or from a person.").waitFor();
  });
});
