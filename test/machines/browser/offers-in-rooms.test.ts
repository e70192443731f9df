import { expect } from "chai";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPagesForTwo, type Fixture, type Person } from "../../fixtures/page/index.ts";

const screens = [
  ["desktop", { width: 1280, height: 800 }],
  ["phone", { width: 390, height: 844 }],
] as const;

describe("what rooms offer", function () {
  let fixture: Fixture, ada: Person, bob: Person;
  before(async () => {
    ({ fixture, ada, bob } = await openPagesForTwo("lobby"));
    await ada.api("POST", "/api/v1/rooms", { room: "vault", title: "Vault", visibility: "private" });
  });
  after(() => fixture.close());

  for (const [screen, viewport] of screens) {
    it(`is no way into a private room, which looks like one that is not there, on a ${screen}`, async () => {
      const { page } = bob;
      await page.setViewportSize(viewport);
      const said: string[] = [];
      for (const room of ["vault", "never"]) {
        await page.goto(`${fixture.node.url}/room/${room}`);
        await page.getByRole("heading", { name: "There is no such room that you can see" }).waitFor();
        expect(await page.getByRole("button", { name: /^Join/ }).count()).to.equal(0);
        said.push((await page.locator("main").innerText()).replaceAll(room, "ROOM"));
      }
      expect(said[0]).to.equal(said[1]);
      const seen = async (room: string): Promise<string> =>
        bob
          .api("POST", `/api/v1/rooms/${room}/join`, {})
          .catch((error: unknown) => String(error).replaceAll(room, "ROOM")) as Promise<string>;
      expect(await seen("vault")).to.equal(await seen("never"));
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        expect(await axeFaults(page, { within: "main" }), colorScheme).to.deep.equal([]);
      }
    });

    it(`says at the field that a name is taken, and proposes one with which the same form works, on a ${screen}`, async () => {
      const { page } = ada;
      await page.setViewportSize(viewport);
      await page.goto(`${fixture.node.url}/room/lobby`);
      await page.getByRole("textbox", { name: /^Message / }).waitFor();
      if (screen === "phone") await page.getByRole("button", { name: /^Open the menu/ }).click();
      await page.getByRole("button", { name: "Create or find a room" }).click();
      await page.getByRole("button", { name: "New room" }).click();
      const dialog = page.getByRole("dialog", { name: "New room" });
      await dialog.getByRole("textbox", { name: "Title" }).fill("Lobby");
      const name = dialog.getByRole("textbox", { name: "Name in links and commands" });
      const create = dialog.getByRole("button", { name: "Create room" });
      expect(await name.inputValue()).to.equal("lobby");
      await name.fill("Not a name!");
      await dialog.getByText("Lower-case letters, digits, _ and -", { exact: false }).first().waitFor();
      expect(await create.isDisabled()).to.equal(true);
      await name.fill("lobby");
      await create.click();
      await dialog.getByText(/^There is a room “lobby” already\. “lobby-2” is proposed\./).waitFor();
      expect(await name.inputValue()).to.equal("lobby-2");
      expect(await name.getAttribute("aria-invalid")).to.equal("true");
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        expect(await axeFaults(page, { within: '[role="dialog"]' }), colorScheme).to.deep.equal([]);
      }
      await name.press("Enter");
      if (screen === "phone") {
        await dialog.getByText(/“lobby-3” is proposed/).waitFor();
        await name.press("Enter");
      }
      await page.waitForURL(screen === "phone" ? "**/room/lobby-3" : "**/room/lobby-2");
      expect(await page.getByText("already", { exact: false }).count(), "the refusal has gone").to.equal(0);
    });
  }

  it("shows who votes for what, as it says before a poll is asked", async () => {
    const { seq } = (await ada.api("POST", "/api/v1/rooms/lobby/polls", {
      question: "Where?",
      options: ["Here", "There"],
    })) as { seq: number };
    await bob.api("PUT", `/api/v1/rooms/lobby/polls/${seq}/vote`, { choices: [1] });
    for (const [screen, viewport] of screens) {
      const { page } = ada;
      await page.setViewportSize(viewport);
      await page.goto(`${fixture.node.url}/room/lobby`);
      await page.getByRole("button", { name: "Who voted for what?" }).click();
      const votes = page.getByLabel("Who votes for what");
      await votes.getByText("Bob").waitFor();
      expect((await votes.innerText()).replaceAll(/\s+/g, " "), screen).to.equal("There Bob");
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        expect(await axeFaults(page, { within: "main" }), colorScheme).to.deep.equal([]);
      }
      await page.getByRole("button", { name: "Hide who voted" }).click();
      await votes.waitFor({ state: "detached" });
    }
    expect(fixture.complaints).to.deep.equal([]);
  });
});
