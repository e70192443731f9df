import { createCanvas } from "@napi-rs/canvas";
import { expect } from "chai";
import type { Page } from "playwright-core";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPagesForTwo, type Fixture, type Person } from "../../fixtures/page/index.ts";

const folderOfShots = process.env["PLEXUS_SHOTS"];
const phone = { viewport: { width: 390, height: 844 }, hasTouch: true };

/** What this looks at of a picture of the page. */
interface Drawn {
  decode(): Promise<void>;
  readonly naturalWidth: number;
}

/** A disc in a colour, and nothing around it. */
function disc(colour: string): Buffer {
  const canvas = createCanvas(200, 200);
  const pen = canvas.getContext("2d");
  pen.fillStyle = colour;
  pen.arc(100, 100, 90, 0, 2 * Math.PI);
  pen.fill();
  return canvas.toBuffer("image/png");
}

describe("emoji of the cluster, on the page", function () {
  let fixture: Fixture, ada: Person, bob: Person;
  before(async () => {
    ({ fixture, ada, bob } = await openPagesForTwo("lobby"));
  });
  after(() => fixture.close());

  const field = (page: Page) => page.getByRole("textbox", { name: "Message #Lobby" });
  const shot = async (page: Page, name: string) => {
    if (folderOfShots !== undefined) await page.screenshot({ path: `${folderOfShots}/${name}.png` });
  };
  const clean = async (page: Page, name: string) => {
    for (const colorScheme of ["dark", "light"] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      expect(await axeFaults(page, {}), `${name} ${colorScheme}`).to.deep.equal([]);
      await shot(page, `${name}-${colorScheme}`);
    }
  };
  /** Whether the picture of an emoji is there and not broken. */
  const isDrawn = (page: Page, name: string) =>
    page
      .getByRole("img", { name: `:${name}:` })
      .first()
      .evaluate((image) =>
        (image as unknown as Drawn).decode().then(() => (image as unknown as Drawn).naturalWidth > 0),
      );
  const open = (page: Page, path: string) => page.goto(`${fixture.node.url}${path}`);
  const add = async (page: Page, name: string, colour: string) => {
    const [chooser] = await Promise.all([
      page.waitForEvent("filechooser"),
      page.getByRole("button", { name: /Choose a(nother)? picture/ }).click(),
    ]);
    await chooser.setFiles({ name: `${name}.png`, mimeType: "image/png", buffer: disc(colour) });
    await page.getByRole("img", { name: "The picture that you have chosen" }).waitFor();
  };

  it("are added in the settings by those who may, and seen there by everybody", async () => {
    const { page } = ada;
    await open(page, "/settings/emoji");
    await page.getByText("This cluster has no emoji of its own yet.").waitFor();
    await add(page, "Green Disc", "#2b9348");
    const name = page.getByRole("textbox", { name: "Name" });
    expect(await name.inputValue()).to.equal("green-disc");
    await name.fill("tada");
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByText("There is an emoji :tada: already.").waitFor();
    await name.fill("green-disc");
    await name.press("Enter");
    await page.getByText("Added by Ada").waitFor();
    expect(await isDrawn(page, "green-disc")).to.equal(true);
    await clean(page, "own-emoji-settings");
    const small = await fixture.person("bob", phone);
    await open(small.page, "/settings/emoji");
    expect(await isDrawn(small.page, "green-disc")).to.equal(true);
    expect(await small.page.getByRole("button", { name: "Choose a picture" }).count()).to.equal(0);
    await clean(small.page, "own-emoji-settings-phone");
    await small.close();
  });

  it("are completed while somebody types, and shown in messages, larger where they stand alone", async () => {
    const { page } = ada;
    await open(page, "/room/lobby");
    await field(page).pressSequentially("look :gree");
    await page.getByRole("option", { name: ":green-disc:" }).waitFor();
    await shot(page, "own-emoji-completion");
    await field(page).press("Enter");
    expect(await field(page).inputValue()).to.match(/^look :green-disc:/);
    await field(page).pressSequentially(" and **bold** :green-disc: not `:green-disc:`");
    await field(page).press("Enter");
    const message = bob.page.locator("main article").filter({ hasText: "bold" });
    await message.getByRole("img", { name: ":green-disc:" }).nth(1).waitFor();
    expect(await message.getByRole("img", { name: ":green-disc:" }).count()).to.equal(2);
    expect(await message.locator("code").innerText()).to.equal(":green-disc:");
    expect(await message.locator("img.large").count(), "none stands alone").to.equal(0);
    await field(bob.page).fill(":green-disc:");
    await field(bob.page).press("Enter");
    await page.locator("main article img.own-emoji.large").waitFor();
    expect(await isDrawn(page, "green-disc")).to.equal(true);
  });

  it("that are standard ones are shown by the names that programs and other chats write", async () => {
    await field(bob.page).fill("done :tada: and :+1: not :no-such-name: at 10:30:45");
    await field(bob.page).press("Enter");
    const message = ada.page.locator("main article").filter({ hasText: "done 🎉 and 👍" });
    await message.filter({ hasText: "not :no-such-name: at 10:30:45" }).waitFor();
    await shot(ada.page, "own-emoji-standard");
  });

  it("are found in the picker by keyboard, and counted as reactions", async () => {
    const { page } = ada;
    const message = page.locator("main article").filter({ hasText: "bold" });
    await message.hover();
    await message.getByRole("button", { name: "Add a reaction" }).click();
    await page.getByRole("button", { name: "Of this cluster" }).click();
    await page.locator(".emoji-grid").getByRole("img", { name: ":green-disc:" }).waitFor();
    await clean(page, "own-emoji-picker");
    await page.getByRole("searchbox", { name: "Find an emoji" }).fill("green-d");
    await page.keyboard.press("Enter");
    const reaction = page.getByRole("button", { name: ":green-disc:, 1: Ada" });
    await reaction.waitFor();
    const theirs = bob.page.getByRole("button", { name: ":green-disc:, 1: Ada" });
    await theirs.getByRole("img").waitFor();
    await theirs.click();
    await page.getByRole("button", { name: ":green-disc:, 2: Ada, Bob" }).waitFor();
    await clean(page, "own-emoji-room");
    const small = await fixture.person("bob", phone);
    await open(small.page, "/room/lobby");
    await small.page.getByRole("button", { name: ":green-disc:, 2: Ada, Bob" }).waitFor();
    expect(await isDrawn(small.page, "green-disc")).to.equal(true);
    await clean(small.page, "own-emoji-room-phone");
    await small.close();
  });

  it("appear at pages that are open, without a reload, when somebody writes a new one", async () => {
    const { page } = ada;
    await open(page, "/settings/emoji");
    await add(page, "Blue", "#1d66b8");
    await page.getByRole("textbox", { name: "Name" }).fill("blue-disc");
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByText(":blue-disc:", { exact: true }).waitFor();
    await open(page, "/room/lobby");
    await field(page).fill("new :blue-disc: here");
    await field(page).press("Enter");
    await bob.page.getByRole("img", { name: ":blue-disc:" }).waitFor();
    expect(await isDrawn(bob.page, "blue-disc")).to.equal(true);
  });

  it("leave their names where they were, when they are removed", async () => {
    const { page } = ada;
    await open(page, "/settings/emoji");
    await page.getByRole("button", { name: "Remove the emoji green-disc" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await page.getByText(":green-disc:", { exact: true }).waitFor({ state: "detached" });
    await open(bob.page, "/room/lobby");
    await bob.page.getByRole("button", { name: ":green-disc:, 2: Ada, Bob" }).waitFor();
    await bob.page.getByRole("img", { name: ":blue-disc:" }).waitFor();
    expect(await bob.page.getByRole("img", { name: ":green-disc:" }).count()).to.equal(0);
    await bob.page.locator("main article").filter({ hasText: "look :green-disc: and" }).waitFor();
    // What is there can be taken back; nobody joins it any more.
    await bob.page.getByRole("button", { name: ":green-disc:, 2: Ada, Bob" }).click();
    const left = bob.page.getByRole("button", { name: ":green-disc:, 1: Ada" });
    await left.waitFor();
    expect(await left.getAttribute("aria-disabled")).to.equal("true");
    await left.click({ force: true });
    await clean(bob.page, "own-emoji-removed");
    expect(fixture.complaints).to.deep.equal([]);
  });
});
