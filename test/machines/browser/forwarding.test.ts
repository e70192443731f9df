import { expect } from "chai";
import type { Locator, Page } from "playwright-core";
import { actionByKey } from "../../fixtures/page/actions.ts";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPagesForTwo, type Fixture, type Person } from "../../fixtures/page/index.ts";
import { looks, shotsOf } from "../../fixtures/page/looks.ts";

const said = (page: Page, text: string): Locator => page.locator(".feed article").filter({ hasText: text });
const shot = shotsOf("forwarding");

/** Chooses in the menu of a message, by keyboard alone. */
const choose = (page: Page, text: string, entry: string): Promise<void> => actionByKey(said(page, text).first(), entry);

describe("messages that are quoted and forwarded", function () {
  let fixture: Fixture, ada: Person, bob: Person;
  before(async () => {
    ({ fixture, ada, bob } = await openPagesForTwo("lobby", "den"));
    await bob.api("POST", "/api/v1/rooms/lobby/messages", { text: "the copper kettle\nof @ada" });
  });
  after(async () => {
    expect(fixture.complaints).to.deep.equal([]);
    await fixture.close();
  });

  it("are quoted into the field, which has the focus, and call nobody", async () => {
    const { page } = ada;
    await choose(page, "the copper kettle", "Quote");
    const field = page.getByRole("textbox", { name: "Message #lobby" });
    await page.waitForFunction("document.activeElement?.matches('textarea') === true");
    expect(await field.inputValue()).to.equal("> Bob:\n>\n> the copper kettle\n> of @ada\n\n");
    await page.keyboard.type("is mine");
    await page.keyboard.press("Enter");
    await said(bob.page, "is mine").locator("blockquote", { hasText: "the copper kettle" }).waitFor();
    expect(await said(bob.page, "is mine").locator(".mention").count()).to.equal(0);
  });

  it("are forwarded to another room, where they wait in the field behind what was begun, and lead back", async () => {
    const { page } = ada;
    await page.goto(`${fixture.node.url}/room/den`);
    await page.getByRole("textbox", { name: "Message #den" }).fill("look:");
    await page.goto(`${fixture.node.url}/room/lobby`);
    await choose(page, "the copper kettle", "Forward …");
    await page.getByRole("dialog", { name: "Forward to …" }).getByRole("combobox").fill("den");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/room\/den$/);
    const field = page.getByRole("textbox", { name: "Message #den" });
    expect(await field.inputValue()).to.match(
      /^look:\n\n> Bob:\n>\n> the copper kettle\n> of @ada\n>\n> <http.*\/room\/lobby\?at=\d+>\n\n$/,
    );
    await field.press("Enter");
    // It opens beside the page.
    await page.goto((await said(page, "look:").getByRole("link").getAttribute("href")) ?? "");
    await said(page, "the copper kettle").first().waitFor();
  });

  it("take their files along and not their topic, in the name of the person who forwards them", async () => {
    const { page } = bob;
    await page.goto(`${fixture.node.url}/room/lobby`);
    await page.getByRole("textbox", { name: "Message #lobby" }).waitFor();
    await page.getByRole("button", { name: "Write in a topic" }).click();
    await page.getByRole("combobox", { name: "Topic" }).fill("Supper");
    const soup = { name: "soup.txt", mimeType: "text/plain", buffer: Buffer.from("leek and potato") };
    await page.locator("main .composer input[type=file]").first().setInputFiles([soup]);
    await page.getByRole("list", { name: "Files of this message" }).getByRole("listitem").waitFor();
    await page.getByRole("textbox", { name: "Message #lobby" }).fill("the soup");
    await page.keyboard.press("Enter");
    const other = ada.page;
    await other.goto(`${fixture.node.url}/room/lobby`);
    await said(other, "the soup").getByText("soup.txt").first().waitFor();
    await choose(other, "the soup", "Forward …");
    const dialog = other.getByRole("dialog", { name: "Forward to …" });
    // While a file is still fetched, it can be stopped, and nothing is in the field there.
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    const files = /\/api\/v1\/rooms\/lobby\/files\//;
    await other.route(files, async (route) => {
      await held;
      await route.continue().catch(() => undefined);
    });
    await dialog.getByRole("combobox").fill("den");
    await other.keyboard.press("Enter");
    await dialog.getByText("Fetching the files …").waitFor();
    await dialog.getByRole("button", { name: "Cancel" }).press("Enter");
    await dialog.getByRole("combobox").waitFor();
    release();
    await other.unroute(files);
    expect(other.url()).to.match(/\/room\/lobby$/);
    await dialog.getByRole("combobox").fill("den");
    await other.keyboard.press("Enter");
    await other.waitForURL(/\/room\/den$/);
    expect(await other.getByRole("textbox", { name: "Message #den" }).inputValue()).to.match(/^> Bob:/);
    await other
      .getByRole("list", { name: "Files of this message" })
      .getByRole("listitem")
      .getByText("uploaded")
      .waitFor();
    await other.getByRole("textbox", { name: "Message #den" }).press("Enter");
    await said(other, "the soup").getByText("soup.txt").first().waitFor();
    type Told = {
      readonly messages: readonly {
        text: string;
        author: string;
        topic?: string;
        files?: readonly { name: string }[];
      }[];
    };
    const { messages } = (await ada.api("GET", "/api/v1/rooms/den/messages")) as Told;
    const last = messages.at(-1);
    expect(last).to.include({ author: "user/ada" });
    expect(last?.topic).to.equal(undefined);
    expect(last?.files?.map((file) => file.name)).to.deep.equal(["soup.txt"]);
  });

  for (const [name, options] of looks)
    it(`keep nobody out: ${name}`, async () => {
      const person = await fixture.person("ada", options);
      const { page } = person;
      await page.goto(`${fixture.node.url}/room/lobby`);
      await choose(page, "the copper kettle", "Forward …");
      await page.getByRole("dialog", { name: "Forward to …" }).getByRole("combobox").waitFor();
      expect(await axeFaults(page)).to.deep.equal([]);
      await shot(page, name);
      await person.close();
    });
});
