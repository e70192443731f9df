import { expect } from "chai";
import type { Page } from "playwright-core";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPages, type Fixture, type Person } from "../../fixtures/page/index.ts";

const folderOfShots = process.env["PLEXUS_SHOTS"];
const phone = { viewport: { width: 390, height: 844 }, hasTouch: true };

async function shot(page: Page, name: string): Promise<void> {
  if (folderOfShots !== undefined) await page.screenshot({ path: `${folderOfShots}/${name}.png` });
}

describe("links into a room", function () {
  let fixture: Fixture, ada: Person;
  before(async () => {
    fixture = await openPages();
    ada = await fixture.person("ada");
    await ada.api("POST", "/api/v1/rooms", { room: "den", title: "The Den", visibility: "private" });
    await ada.page.goto(`${fixture.node.url}/room/den`);
  });
  after(() => fixture.close());

  const dialog = () => ada.page.getByRole("dialog", { name: "Join links" });
  const open = async () => {
    await ada.page.getByRole("button", { name: "Room settings" }).click();
    await ada.page.getByRole("menuitem", { name: "Join links …" }).click();
    await dialog().waitFor();
  };

  /** Makes a link as the owner does; its address. */
  async function make(people: string): Promise<string> {
    await open();
    await dialog().getByRole("combobox", { name: "For how many people" }).selectOption(people);
    await dialog().getByRole("button", { name: "Make a link" }).click();
    const address = await dialog().locator(".copyable pre").innerText();
    expect(address).to.match(/\/room\/den#join=[A-Za-z0-9_-]{43}$/);
    expect(await dialog().getByRole("button", { name: "Copy the link" }).count()).to.equal(1);
    return address;
  }

  const close = async () => {
    await ada.page.keyboard.press("Escape");
    await dialog().waitFor({ state: "detached" });
  };
  const field = (page: Page) => page.getByRole("textbox", { name: "Message #The Den" });

  it("are made and listed by an owner, and shown once", async () => {
    const address = await make("5 people");
    await dialog().getByText("5 people left").waitFor();
    for (const colorScheme of ["dark", "light"] as const) {
      await ada.page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      expect(await axeFaults(ada.page, { within: '[role="dialog"]' }), colorScheme).to.deep.equal([]);
    }
    await shot(ada.page, "join-links");
    await close();
    await open();
    await dialog().getByText("5 people left").waitFor();
    expect(await dialog().innerText()).not.to.include(address.slice(-43));
    await close();
  });

  it("ask a person with an account whether they want to join, and lead into the room", async () => {
    const address = await make("1 person");
    await close();
    const bob = await fixture.person("bob", phone);
    await bob.page.goto(address);
    await bob.page.getByRole("heading", { name: "Join The Den?" }).waitFor();
    expect(await axeFaults(bob.page, {})).to.deep.equal([]);
    await shot(bob.page, "join-by-link");
    await bob.page.getByRole("button", { name: "Join The Den" }).click();
    await field(bob.page).waitFor();
    expect(bob.page.url()).to.match(/\/room\/den$/);
    const cleo = await fixture.person("cleo");
    await cleo.page.goto(address);
    await cleo.page.getByRole("heading", { name: "This link has ended" }).waitFor();
    await cleo.page.getByText("Ask the person who gave it to you for a new one.").waitFor();
    await cleo.close();
    await bob.close();
  });

  it("lead a person without an account through sign-up into the room", async () => {
    const address = await make("5 people");
    await close();
    const page = await fixture.visitor();
    await page.goto(address);
    await page.getByText("You were given a link into a room.").waitFor();
    await page.getByRole("button", { name: "Create an account" }).click();
    await page.getByRole("textbox", { name: "Name", exact: true }).fill("dan");
    await page.getByRole("textbox", { name: "Password" }).fill("correct horse");
    await page.getByRole("button", { name: "Create account" }).click();
    await page.getByRole("button", { name: "Join The Den" }).click();
    await field(page).waitFor();
  });

  it("are found again by a person who comes back from elsewhere signed in, without the link", async () => {
    const address = await make("5 people");
    await close();
    const page = await fixture.visitor();
    await page.goto(address);
    await page.getByText("You were given a link into a room.").waitFor();
    await page.goto(`${fixture.node.url}/`);
    await page.getByRole("button", { name: "Create an account" }).click();
    await page.getByRole("textbox", { name: "Name", exact: true }).fill("eve");
    await page.getByRole("textbox", { name: "Password" }).fill("correct horse");
    await page.getByRole("button", { name: "Create account" }).click();
    await page.getByRole("button", { name: "Join The Den" }).click();
    await field(page).waitFor();
  });

  it("are taken back, and then lead nowhere", async () => {
    const address = await make("100 people");
    await dialog()
      .getByRole("button", { name: /^Take back the link for 100 people left/ })
      .click();
    await dialog().getByText("100 people left").waitFor({ state: "detached" });
    expect(await dialog().locator(".copyable").count(), "nor is it shown any more").to.equal(0);
    await close();
    const finn = await fixture.person("finn");
    await finn.page.goto(address);
    await finn.page.getByRole("heading", { name: "This link has ended" }).waitFor();
    expect(fixture.complaints.filter((one) => !one.includes("403"))).to.deep.equal([]);
  });
});
