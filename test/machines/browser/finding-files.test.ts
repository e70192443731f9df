import { expect } from "chai";
import type { Page } from "playwright-core";
import { pdfOf } from "../../fixtures/pdf.ts";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPagesForTwo, type Fixture, type Person } from "../../fixtures/page/index.ts";
import { until } from "../../waits.ts";

const files = [
  { name: "report.pdf", mimeType: "application/pdf", buffer: pdfOf(["The harvest of quinces was good."]) },
  { name: "costs.csv", mimeType: "text/csv", buffer: Buffer.from(`${"item,cost\n".repeat(200)}teapot,4711\n`) },
];

async function shot(page: Page, name: string): Promise<void> {
  const folder = process.env["PLEXUS_TEST_SHOTS"];
  if (folder !== undefined) await page.screenshot({ path: `${folder}/finding-files-${name}.png` });
}

describe("finding what stands in files, in the page", function () {
  let fixture: Fixture, ada: Person, bob: Person;
  const search = async (who: Person, text: string) =>
    ((await who.api("POST", "/api/v1/search", { text })) as { found: { seq: number; file?: { name: string } }[] })
      .found;
  before(async () => {
    ({ fixture, ada, bob } = await openPagesForTwo("lobby", "den"));
    await ada.api("POST", "/api/v1/rooms", { room: "cellar", title: "Cellar" });
    await ada.page.goto(`${fixture.node.url}/room/cellar`);
  });
  after(async () => {
    expect(fixture.complaints).to.deep.equal([]);
    await fixture.close();
  });

  it("finds words of a PDF and of a table, names the file, and leads to its message", async () => {
    const { page } = ada;
    const composer = page.locator("main .composer");
    const asked = page.waitForEvent("filechooser");
    await composer.getByRole("button", { name: "Attach files" }).press("Enter");
    await (await asked).setFiles(files);
    await composer.getByRole("list", { name: "Files of this message" }).getByRole("listitem").nth(1).waitFor();
    await page.getByRole("textbox", { name: "Message #Cellar" }).fill("what came of it");
    await page.keyboard.press("Enter");
    for (const [text, name] of [
      ["quinces harvest", "report.pdf"],
      ["teapot 4711", "costs.csv"],
    ] as const)
      await until(`${text} is found`, async () => {
        const [found] = await search(ada, text);
        expect(found?.file?.name).to.equal(name);
      });
    expect(await search(bob, "quinces"), "he is not in that room").to.deep.equal([]);
    await page.goto(`${fixture.node.url}/room/lobby?find=quinces`);
    const row = page.getByRole("list", { name: "Messages that were found" }).getByRole("link");
    await row.getByText("in the file report.pdf").waitFor();
    expect(await row.locator("mark").allTextContents()).to.deep.equal(["quinces"]);
    expect(await axeFaults(page)).to.deep.equal([]);
    await shot(page, "desktop");
    await row.press("Enter");
    await page.waitForURL(/\/room\/cellar\?/);
    await page.locator(".feed article").filter({ hasText: "what came of it" }).waitFor();
  });

  it("finds nothing of a message that was deleted", async () => {
    const [found] = await search(ada, "quinces");
    await ada.api("DELETE", `/api/v1/rooms/cellar/messages/${found?.seq}`);
    for (const text of ["quinces", "4711"]) expect(await search(ada, text)).to.deep.equal([]);
  });
});
