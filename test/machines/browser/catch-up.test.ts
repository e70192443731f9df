import { expect } from "chai";
import type { Locator, Page } from "playwright-core";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPagesForTwo, type Fixture, type Person } from "../../fixtures/page/index.ts";
import { looks } from "../../fixtures/page/looks.ts";

const part = (page: Page, name: string): Locator => page.getByRole("region", { name, exact: true });

async function shot(page: Page, name: string): Promise<void> {
  const folder = process.env["PLEXUS_TEST_SHOTS"];
  if (folder !== undefined) await page.screenshot({ path: `${folder}/catch-up-${name.replaceAll(" ", "-")}.png` });
}

describe("what somebody has missed, in the page", function () {
  let fixture: Fixture, ada: Person, bob: Person;
  before(async () => {
    ({ fixture, ada, bob } = await openPagesForTwo("lobby", "den"));
    const post = (person: Person, room: string, body: object) =>
      person.api("POST", `/api/v1/rooms/${room}/messages`, body);
    await post(ada, "den", { text: "who has the key?" });
    for (const text of ["one", "two", "hello @ada", "four", "five"]) await post(bob, "den", { text });
    await post(bob, "den", { text: "under the mat", replyTo: 1 });
    await bob.api("PUT", `/api/v1/rooms/den/messages/1/reactions/${encodeURIComponent("👍")}`);
    await ada.api("POST", "/api/v1/agents", { name: "helper" });
  });
  after(async () => {
    expect(fixture.complaints).to.deep.equal([]);
    await fixture.close();
  });

  it("is shown with what concerns them first, and each line leads to its place", async () => {
    const { page } = ada;
    await page.getByRole("link", { name: "Catch up" }).click();
    await part(page, "For you").getByText("hello @ada").waitFor();
    expect(await part(page, "For you").getByRole("listitem").count()).to.equal(2);
    await part(page, "What is new in rooms").getByText("and 2 more").waitFor();
    await shot(page, "missed");
    await part(page, "For you").getByRole("link", { name: "hello @ada" }).click();
    await page.waitForURL(/\/room\/den\?at=4/);
    // The room was read by that, and is unread again.
    await page.goto(`${fixture.node.url}/catchup`);
    await ada.api("PUT", "/api/v1/rooms/den/read", { seq: 7 });
    await ada.api("PUT", "/api/v1/rooms/den/unread", { seq: 1 });
  });

  it("is marked as read at once, by keyboard, and that is undone on every device", async () => {
    const other = await fixture.person("ada");
    await other.page.goto(`${fixture.node.url}/catchup`);
    const { page } = other;
    await part(page, "What is new in rooms").waitFor();
    await page.getByRole("button", { name: "Mark all of it as read" }).focus();
    await page.keyboard.press("Enter");
    await page.getByText("You have missed nothing.").waitFor();
    const list = async () => {
      const { rooms } = (await ada.api("GET", "/api/v1/rooms")) as { rooms: { room: string; unread: number }[] };
      return rooms.find(({ room }) => room === "den");
    };
    expect(await list())
      .to.include({ unread: 0 })
      .and.not.have.property("threads");
    await page.getByRole("button", { name: "Undo" }).click();
    await part(page, "For you").getByText("under the mat").waitFor();
    expect(await list()).to.include({ unread: 5, threads: 1 });
    await other.close();
  });

  it("is summed up by an agent of theirs, piece by piece, and nobody keeps what it was given", async () => {
    const { page } = ada;
    await page.goto(`${fixture.node.url}/catchup`);
    await page.getByRole("button", { name: "Have helper sum it up" }).click();
    const summary = part(page, "Summary");
    await summary.locator("[aria-busy=false]").getByText("under the mat").first().waitFor();
    const { turns } = (await ada.api("GET", "/api/v1/agents/ada.helper/turns")) as { turns: unknown[] };
    expect(turns).to.deep.equal([]);
  });

  it("has all of their threads, mentions, reactions and drafts beside it", async () => {
    const { page } = ada;
    await page.goto(`${fixture.node.url}/room/lobby`);
    await page.getByRole("textbox", { name: /Message/ }).fill("half a line");
    await page.goto(`${fixture.node.url}/catchup`);
    const views = page.getByRole("navigation", { name: "What is shown" });
    for (const [view, text] of [
      ["Threads", "under the mat"],
      ["Mentions", "hello @ada"],
      ["Reactions", "who has the key?"],
      ["Drafts", "half a line"],
    ] as const) {
      await views.getByRole("link", { name: view }).click();
      await page.locator(".later-page").getByText(text).first().waitFor();
      await shot(page, view);
    }
    await page.locator(".later-page").getByRole("link", { name: "lobby" }).click();
    await page.waitForURL(/\/room\/lobby/);
    await page.getByRole("textbox", { name: /Message/ }).fill("");
  });

  for (const [name, options] of looks)
    it(`keeps nobody out: ${name}`, async () => {
      const person = await fixture.person("ada", options);
      await person.page.goto(`${fixture.node.url}/catchup`);
      await part(person.page, "For you").waitFor();
      await shot(person.page, name);
      expect(await axeFaults(person.page)).to.deep.equal([]);
      await person.close();
    });
});
