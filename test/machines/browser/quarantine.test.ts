import { expect } from "chai";
import type { Page } from "playwright-core";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPages, type Fixture, type Person } from "../../fixtures/page/index.ts";
import { clamdFrom, eicar, eicarSignature, findClamd, type ClamdProcess } from "../../fixtures/processes/clamd.ts";

const program = findClamd();

if ("missing" in program) {
  describe("scanned files", () => {
    it.skip(`are not tested: ${program.missing}`, () => undefined);
  });
} else {
  describe("scanned files", () => {
    let clamd: ClamdProcess;
    let fixture: Fixture;
    let ada: Person;
    let bob: Person;
    before(async () => {
      clamd = clamdFrom(program);
      fixture = await openPages(["--model", "echo", "--antivirus", clamd.place]);
      [ada, bob] = [await fixture.person("ada"), await fixture.person("bob")];
      await ada.api("POST", "/api/v1/rooms", { room: "tea", title: "Tea room" });
      await bob.api("POST", "/api/v1/rooms/tea/join", {});
    });
    after(async () => {
      expect(fixture.complaints).to.deep.equal([]);
      await fixture.close();
      await clamd[Symbol.asyncDispose]();
    });

    const send = async (page: Page, name: string, buffer: Buffer): Promise<void> => {
      const asked = page.waitForEvent("filechooser");
      await page.locator("main .composer").getByRole("button", { name: "Attach files" }).press("Enter");
      await (await asked).setFiles([{ name, mimeType: "application/octet-stream", buffer }]);
      await page.getByText(/^\d+ B, uploaded$/).waitFor();
      const field = page.getByRole("textbox", { name: "Message #Tea room" });
      await field.fill(`look at ${name}`);
      await field.press("Enter");
    };
    const card = (page: Page, name: string) => page.locator(".file-card").filter({ hasText: name });

    it("say that they are being checked, and have nothing to download until they are", async () => {
      await ada.page.goto(`${fixture.node.url}/room/tea`);
      await bob.page.goto(`${fixture.node.url}/room/tea`);
      await send(bob.page, "notes.bin", Buffer.from("harmless"));
      for (const { page } of [ada, bob]) {
        await card(page, "notes.bin").getByText("Being checked").waitFor();
        expect(await page.getByRole("link", { name: "Download notes.bin" }).count()).to.equal(0);
      }
      await clamd.start();
      for (const { page } of [ada, bob]) {
        await page.getByRole("link", { name: "Download notes.bin" }).waitFor();
        await card(page, "notes.bin").getByText("Being checked").waitFor({ state: "detached" });
      }
    });

    it("are in quarantine until an admin releases them, where everybody reads that", async () => {
      await send(bob.page, "invoice.exe", eicar);
      for (const { page } of [ada, bob]) {
        await card(page, "invoice.exe").getByText("In quarantine").waitFor();
        expect(await page.getByRole("link", { name: "Download invoice.exe" }).count()).to.equal(0);
      }
      const { page } = ada;
      await page.goto(`${fixture.node.url}/admin/quarantine`);
      const line = page.getByRole("row").filter({ hasText: "invoice.exe" });
      await line.getByText(eicarSignature).waitFor();
      await line.getByText("tea #").waitFor();
      await page.getByText(/: answers$/).waitFor();
      expect(await axeFaults(page)).to.deep.equal([]);
      await line.getByRole("button", { name: "Release: invoice.exe" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Release" }).click();
      await page.getByText("No file is in quarantine.").waitFor();
      await bob.page.getByRole("link", { name: "Download invoice.exe" }).waitFor();
      await card(bob.page, "invoice.exe").getByText("Released from quarantine").waitFor();
    });
  });
}
