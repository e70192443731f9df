import { expect } from "chai";
import type { Locator, Page } from "playwright-core";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPagesForTwo, type Fixture, type Person } from "../../fixtures/page/index.ts";

const section = (page: Page, name: string): Locator =>
  page.getByRole("navigation", { name: "Rooms and agents" }).first().getByRole("region", { name, exact: true });
const place = (page: Page, name: string, room: string): Locator => section(page, name).locator(`[data-room="${room}"]`);

async function inMenu(page: Page, button: string | RegExp, entry: string): Promise<void> {
  await page.getByRole("button", { name: button }).first().click();
  await page.getByRole("menuitem", { name: entry }).click();
}

describe("rooms that a person arranges", function () {
  let fixture: Fixture, ada: Person, bob: Person, tablet: Person;
  before(async () => {
    ({ fixture, ada, bob } = await openPagesForTwo("lobby", "den", "attic"));
    tablet = await fixture.person("ada");
    await tablet.page.goto(`${fixture.node.url}/room/den`);
  });
  after(() => fixture.close());

  it("are favourites on every device at once, and stay over a reload", async () => {
    await inMenu(ada.page, "Room settings", "Add to favourites");
    for (const { page } of [ada, tablet]) await place(page, "Favourites", "lobby").waitFor();
    expect(await place(ada.page, "Rooms", "lobby").count()).to.equal(0);
    await ada.page.reload();
    await place(ada.page, "Favourites", "lobby").waitFor();
  });

  it("are put in sections with an order, by keyboard alone", async () => {
    const { page } = ada;
    await inMenu(page, /^Your account/, "Arrange your rooms");
    const dialog = page.getByRole("dialog", { name: "Arrange your rooms" });
    const name = dialog.getByRole("textbox", { name: "New section" });
    for (const text of ["Work", "Home"]) {
      await name.fill(text);
      await name.press("Enter");
      await dialog.getByRole("region", { name: text, exact: true }).waitFor();
    }
    await name.fill("Work");
    await name.press("Enter");
    await dialog.getByText("There is a section of this name.").waitFor();
    await dialog.getByRole("combobox", { name: "Section of Den" }).selectOption("Work");
    await dialog.getByRole("combobox", { name: "Section of Attic" }).selectOption("Work");
    await dialog.getByRole("button", { name: "Move Attic up" }).focus();
    await page.keyboard.press("Enter");
    await dialog.getByRole("button", { name: "Move section Home up" }).focus();
    await page.keyboard.press("Enter");
    for (const colorScheme of ["dark", "light"] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      expect(await axeFaults(page, { within: '[role="dialog"]' }), colorScheme).to.deep.equal([]);
    }
    await page.keyboard.press("Escape");
    const shown = await section(tablet.page, "Work").locator("[data-room]").all();
    expect(await Promise.all(shown.map((one) => one.getAttribute("data-room")))).to.deep.equal(["attic", "den"]);
    const titles = await tablet.page
      .locator("nav section")
      .evaluateAll((all) => (all as { ariaLabel: string }[]).map(({ ariaLabel }) => ariaLabel));
    expect(titles.slice(0, 3)).to.deep.equal(["Favourites", "Home", "Work"]);
  });

  it("say nothing while they are muted, but that one is mentioned", async () => {
    const post = (text: string) => bob.api("POST", "/api/v1/rooms/attic/messages", { text });
    await ada.page.goto(`${fixture.node.url}/room/attic`);
    await inMenu(ada.page, "Room settings", "Mute, but for mentions");
    await place(tablet.page, "Work", "attic").getByText("muted").waitFor({ state: "attached" });
    await ada.page.goto(`${fixture.node.url}/room/lobby`);
    // What another device shows is read.
    await tablet.page.goto(`${fixture.node.url}/settings/profile`);
    await post("nothing for anybody");
    await bob.api("POST", "/api/v1/rooms/den/messages", { text: "and here" });
    await place(ada.page, "Work", "den").getByText("1 unread").waitFor({ state: "attached" });
    expect(await place(ada.page, "Work", "attic").getByText("unread").count()).to.equal(0);
    await post("@ada but this");
    await place(ada.page, "Work", "attic").getByText("you were mentioned").waitFor({ state: "attached" });
  });

  it("have threads that are followed and muted", async () => {
    const { seq } = (await bob.api("POST", "/api/v1/rooms/lobby/messages", { text: "Who is for tea?" })) as {
      seq: number;
    };
    const reply = (text: string) => bob.api("POST", "/api/v1/rooms/lobby/messages", { text, replyTo: seq });
    await reply("me");
    const { page } = ada;
    await page.goto(`${fixture.node.url}/room/lobby?panel=thread&seq=${seq}`);
    await page.getByRole("button", { name: "Follow", exact: true }).click();
    await page.getByRole("button", { name: "Following" }).waitFor();
    await page.goto(`${fixture.node.url}/room/den`);
    await reply("and me");
    await place(page, "Favourites", "lobby").getByText("something new in a thread").waitFor({ state: "attached" });
    await page.goto(`${fixture.node.url}/room/lobby?panel=thread&seq=${seq}`);
    await page.getByRole("button", { name: "Following" }).click();
    await page.getByRole("button", { name: "Follow", exact: true }).waitFor();
    await page.reload();
    await page.getByRole("button", { name: "Follow", exact: true }).waitFor();
    expect(fixture.complaints).to.deep.equal([]);
  });
});
