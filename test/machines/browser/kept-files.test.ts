import { expect } from "chai";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPages, type Fixture } from "../../fixtures/page/index.ts";
import { looks, shotsOf } from "../../fixtures/page/looks.ts";

const shot = shotsOf("kept-files");
const quota = "/api/v1/admin/quotas/member/stored/always";

describe("what somebody keeps in files", () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await openPages();
    const ada = await fixture.account("ada");
    await ada.api("PUT", quota, { limit: 3_000 });
    const bob = await fixture.account("bob");
    await bob.api("POST", "/api/v1/rooms", { room: "tea", title: "Tea room", visibility: "public" });
  });
  after(() => fixture.close());

  it("is refused beyond the quota before a byte is sent, and shown in the settings and to admins", async () => {
    for (const [name, look] of looks) {
      const { page, close } = await fixture.person("bob", look);
      await page.goto(`${fixture.node.url}/room/tea`);
      const choose = async (file: string, bytes: number): Promise<void> => {
        const asked = page.waitForEvent("filechooser");
        await page.locator("main .composer").getByRole("button", { name: "Attach files" }).press("Enter");
        await (
          await asked
        ).setFiles([{ name: file, mimeType: "application/octet-stream", buffer: Buffer.alloc(bytes) }]);
      };
      const composer = page.locator("main .composer");
      if (name === "desktop light") {
        await choose("minutes.bin", 2_000);
        await composer.getByText("minutes.bin").waitFor();
        await composer.getByRole("textbox").press("Enter");
        await page.locator("main article[data-seq]").filter({ hasText: "minutes.bin" }).waitFor();
      }
      await choose("more.bin", 2_000);
      await composer.getByText("you would keep more than your role allows", { exact: false }).waitFor();
      await shot(page, `refused ${name}`);
      await page.goto(`${fixture.node.url}/settings/usage`);
      const files = page.getByRole("region", { name: "Files", exact: true });
      await files.getByText("You keep 2.0 KiB of 2.9 KiB (66 %).").waitFor();
      expect(await axeFaults(page, { within: "main" }), name).to.deep.equal([]);
      await shot(page, `settings ${name}`);
      await files.getByRole("link", { name: "Tea room" }).click();
      await page.waitForURL("**/room/tea");
      await close();
    }
    const { page, close } = await fixture.person("ada");
    await page.goto(`${fixture.node.url}/admin/people/bob`);
    await page.getByText("Keeps 2.0 KiB in files.", { exact: false }).waitFor();
    await shot(page, "admin");
    await close();
  });

  it("can be deleted in a room that one has left, with the keyboard, and no longer counts", async () => {
    const eve = await fixture.account("eve");
    const bob = await fixture.account("bob");
    await bob.api("POST", "/api/v1/rooms", { room: "cellar", title: "Cellar", visibility: "public" });
    await eve.api("POST", "/api/v1/rooms/cellar/join", {});
    const { page, close } = await fixture.person("eve", looks[1]![1]);
    await page.goto(`${fixture.node.url}/room/cellar`);
    const asked = page.waitForEvent("filechooser");
    const composer = page.locator("main .composer");
    await composer.getByRole("button", { name: "Attach files" }).press("Enter");
    const file = { name: "old.bin", mimeType: "application/octet-stream", buffer: Buffer.alloc(1_000) };
    await (await asked).setFiles([file]);
    await composer.getByText("old.bin").waitFor();
    await composer.getByRole("textbox").press("Enter");
    await page.locator("main article[data-seq]").filter({ hasText: "old.bin" }).waitFor();
    await eve.api("POST", "/api/v1/rooms/cellar/leave", {});
    await page.goto(`${fixture.node.url}/settings/usage`);
    const files = page.getByRole("region", { name: "Files", exact: true });
    await files.getByText("Cellar (you have left)").or(files.getByText("cellar (you have left)")).waitFor();
    await files.getByRole("button", { name: "Show files" }).press("Enter");
    await files.getByText("old.bin").waitFor();
    expect(await axeFaults(page, { within: "main" })).to.deep.equal([]);
    await shot(page, "left room");
    await files.getByRole("button", { name: "Delete old.bin" }).press("Enter");
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).press("Enter");
    await files.getByText("You keep 0 B of 2.9 KiB (0 %).").waitFor();
    await close();
  });
});
