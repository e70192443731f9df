import { expect } from "chai";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPages, type Fixture } from "../../fixtures/page/index.ts";

describe("who is there, in two browsers", function () {
  let fixture: Fixture | undefined;
  afterEach(async () => {
    await fixture?.close();
    fixture = undefined;
  });

  for (const [screen, viewport] of [
    ["desktop", { width: 1280, height: 800 }],
    ["phone", { width: 390, height: 844 }],
  ] as const)
    it(`is seen beside people, with what they say of themselves, until they hide or go, on a ${screen}`, async () => {
      fixture = await openPages();
      const ada = await fixture.person("ada", { viewport });
      const ben = await fixture.person("ben", { viewport });
      await ada.api("POST", "/api/v1/rooms", { room: "desk", title: "Desk", visibility: "public" });
      await ben.api("POST", "/api/v1/rooms/desk/join", {});
      await ada.page.goto(`${fixture.node.url}/room/desk`);
      await ada.page.getByTitle("Members").click();
      const member = ada.page.locator("li.member", { hasText: "@ben" });
      await member.locator(".here.active").waitFor();
      await member.getByText("Active", { exact: true }).waitFor({ state: "attached" });

      await ben.page.goto(`${fixture.node.url}/settings/status`);
      const form = ben.page.locator("form[data-form=status]");
      await form.getByRole("textbox", { name: "Emoji" }).fill("🚆");
      await form.getByRole("textbox", { name: "What you are doing" }).fill("On a train");
      await form.getByRole("checkbox", { name: /^Do not disturb/ }).check();
      for (const colorScheme of ["light", "dark"] as const) {
        await ben.page.emulateMedia({ colorScheme });
        expect(await axeFaults(ben.page, { within: "main" }), colorScheme).to.deep.equal([]);
      }
      await form.getByRole("button", { name: "Set status" }).click();
      await member.getByText("🚆 On a train").waitFor();
      await member.locator(".here.quiet").waitFor();
      for (const colorScheme of ["light", "dark"] as const) {
        await ada.page.emulateMedia({ colorScheme });
        expect(await axeFaults(ada.page, { within: ".panel" }), colorScheme).to.deep.equal([]);
      }

      await form.getByRole("checkbox", { name: /^Show me as offline/ }).check();
      await form.getByRole("button", { name: "Set status" }).click();
      await member.locator(".here.offline").waitFor({ state: "attached" });
      await member.getByText("🚆 On a train").waitFor({ state: "detached" });
      await form.getByRole("button", { name: "Clear" }).click();
      await member.locator(".here.active").waitFor();

      await ben.page.close();
      await member.locator(".here.offline").waitFor({ state: "attached" });
      expect(fixture.complaints).to.deep.equal([]);
    });
});
