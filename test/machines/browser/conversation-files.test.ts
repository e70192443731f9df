import { expect } from "chai";
import type { Locator } from "playwright-core";
import { pdfOf } from "../../fixtures/pdf.ts";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPagesWithModels } from "../../fixtures/page/models.ts";
import type { Fixture } from "../../fixtures/page/index.ts";
import { shotsOf } from "../../fixtures/page/looks.ts";
import type { Double } from "../../fixtures/providers/double.ts";
import { untilTrue } from "../../waits.ts";

const table = { name: "costs.csv", mimeType: "text/csv", buffer: Buffer.from("item,cost\nteapot,4711\n") };
const report = { name: "report.pdf", mimeType: "application/pdf", buffer: pdfOf(["The harvest was good."]) };
const archive = { name: "old.zip", mimeType: "application/zip", buffer: Buffer.from("PK\x03\x04 and more") };

const shot = shotsOf("conversation-files");
const looks = [
  ["a desktop in the light", { viewport: { width: 1280, height: 800 }, colorScheme: "light" }],
  ["a phone in the dark", { viewport: { width: 390, height: 844 }, colorScheme: "dark" }],
] as const;

for (const [device, options] of looks)
  describe(`files in the conversation with an agent, on ${device}`, function () {
    let fixture: Fixture;
    let double: Double;
    before(async () => {
      ({ fixture, double } = await openPagesWithModels({ plain: "chat" }));
    });
    after(() => fixture.close());

    it("are attached by keyboard, read by the model, shown, kept, found, and gone when the conversation is cleared", async () => {
      const ada = await fixture.person("ada", options);
      const { page } = ada;
      await ada.api("POST", "/api/v1/agents", { name: "helper", model: "plain" });
      await page.goto(`${fixture.node.url}/agent/ada.helper`);
      const composer = page.locator("main .composer");
      const field = page.getByRole("textbox", { name: "Message helper" });
      await field.waitFor();
      const attached = composer.getByRole("list", { name: "Files of this message" }).getByRole("listitem");
      const asked = page.waitForEvent("filechooser");
      await composer.getByRole("button", { name: "Attach files" }).press("Enter");
      await (await asked).setFiles([table, report, archive]);
      await attached.nth(2).waitFor();
      await shot(page, `${device} attached`);
      expect(await axeFaults(page)).to.deep.equal([]);
      await field.fill("what do they say?");
      await page.keyboard.press("Enter");
      const answer = page.locator("article.answer[data-turn]").filter({ hasText: "Not shown to the model" });
      await answer.waitFor();
      expect(await answer.textContent()).to.match(/old\.zip`? \(it is neither text nor a picture/u);
      const request = double.asked.findLast(({ text }) => text.includes("what do they say?"))?.text ?? "";
      expect(request).to.include("teapot,4711");
      expect(request).to.include("The harvest was good.");
      const said = page.locator("article.said[data-turn]");
      await shot(page, device);
      await page.reload();
      await said.getByRole("button", { name: "Preview of costs.csv" }).click();
      await said.getByText("teapot").first().waitFor();
      const download = await said.getByRole("link", { name: "Download report.pdf" }).getAttribute("href");
      expect((await page.request.get(new URL(download ?? "", page.url()).href)).status()).to.equal(200);
      expect(await axeFaults(page)).to.deep.equal([]);

      const found = async (): Promise<readonly { readonly file?: { readonly name: string } }[]> =>
        ((await ada.api("POST", "/api/v1/search", { text: "harvest" })) as { readonly found: readonly [] }).found;
      await untilTrue("the text of the PDF is found", async () =>
        (await found()).some(({ file }) => file?.name === "report.pdf"),
      );

      // Asked again in other words: the files are still part of it.
      await edited(said.last(), "and in other words?");
      await page.locator("article.answer[data-turn]").filter({ hasText: "and in other words?" }).waitFor();
      const again = double.asked.findLast(({ text }) => text.includes("and in other words?"))?.text ?? "";
      expect(again).to.include("teapot,4711");

      await ada.api("POST", "/api/v1/agents/ada.helper/clear", {});
      await untilTrue("no file is kept", async () => {
        const kept = (await ada.api("GET", "/api/v1/rooms/dm.ada.ada/files")) as { readonly files: readonly object[] };
        return kept.files.length === 0;
      });
      expect((await page.request.get(new URL(download ?? "", page.url()).href)).status()).to.equal(404);
      await untilTrue("nothing is found any more", async () => (await found()).length === 0);
      expect(fixture.complaints.filter((one) => !one.includes("404"))).to.deep.equal([]);
      await ada.close();
    });

    it("are shown to nobody by a read-only link, neither bytes nor names", async () => {
      const bob = await fixture.person("bob", options);
      const { page } = bob;
      await bob.api("POST", "/api/v1/agents", { name: "helper", model: "plain" });
      await page.goto(`${fixture.node.url}/agent/bob.helper`);
      const field = page.getByRole("textbox", { name: "Message helper" });
      await field.waitFor();
      await page.locator("main .composer input[type=file]").first().setInputFiles([table]);
      await page.getByRole("list", { name: "Files of this message" }).getByRole("listitem").waitFor();
      await field.fill("sum it up");
      await field.press("Enter");
      await page.locator("article.answer[data-turn]").waitFor();
      const [{ id }] = ((await bob.api("GET", "/api/v1/rooms/dm.bob.bob/files")) as { files: [{ id: string }] }).files;
      const { path } = (await bob.api("POST", "/api/v1/agents/bob.helper/links", { lifeMs: 24 * 3_600_000 })) as {
        path?: string;
      };
      const stranger = await fetch(`${fixture.node.url}/api/v1/rooms/dm.bob.bob/files/${id}`);
      expect(stranger.status).to.equal(401);
      const shared = await fetch(new URL(path ?? "", fixture.node.url));
      const text = await shared.text();
      expect(text).to.include("sum it up");
      // The double's answer repeats what it was asked, names included.
      expect(text.slice(0, text.indexOf("You said"))).to.not.include("costs.csv");
      expect(text).to.not.match(/<(?:a|img|iframe)[^>]*files/u);
      expect(text).to.not.include(id);
      await bob.close();
    });
  });

async function edited(said: Locator, words: string): Promise<void> {
  await said.getByRole("button", { name: "Edit and ask again" }).click();
  const field = said.getByRole("textbox", { name: "Edit the message" });
  await field.fill(words);
  await field.press("Enter");
}
