import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import type { Page } from "playwright-core";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPages, type Fixture } from "../../fixtures/page/index.ts";
import { plexus } from "../../fixtures/processes/plexus-command.ts";

const part = (page: Page, name: string) => page.getByRole("region", { name, exact: true });

describe("backups of a node that is alone", function () {
  let outside: string;
  let fixture: Fixture | undefined;
  beforeEach(async () => {
    outside = await mkdtemp(join(tmpdir(), "plexus-folder-page-"));
  });
  afterEach(async () => {
    await fixture?.close();
    fixture = undefined;
    await rm(outside, { recursive: true, force: true });
  });

  it("are offered where they can work: nowhere until the operator names a folder, and what the terminal made is listed", async () => {
    fixture = await openPages();
    const { page } = await fixture.person("ada");
    await plexus(fixture.node, "backup", "kit", "make", "--to", join(outside, "kit"));
    await page.goto(`${fixture.node.url}/admin/backup`);
    const state = part(page, "State");
    await state.getByText("There is no backup yet, and no place for one. What to do stands below.").waitFor();
    await state.getByText(/This cluster has one node\. The cluster can keep backups itself when 2 nodes/).waitFor();
    await state.getByText(/plexus backup run --to/).waitFor();
    expect(await page.getByRole("button", { name: "Back up now" }).count(), "it could only fail").to.equal(0);
    expect(await part(page, "Schedules").getByRole("button").count(), "nothing can be scheduled").to.equal(0);
    expect(await part(page, "Prune").count()).to.equal(0);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await axeFaults(page, { within: "main" }), colorScheme).to.deep.equal([]);
    }

    const folder = join(outside, "by-hand");
    await plexus(fixture.node, "backup", "run", "--to", folder);
    await part(page, "Folders").getByText(folder).waitFor();
    await part(page, "Folders")
      .getByText(/1 snapshot, the newest of/)
      .waitFor();
    await state.getByText("There is no backup yet", { exact: false }).waitFor({ state: "hidden" });
    expect(fixture.complaints).to.deep.equal([]);
  });

  for (const [screen, viewport] of [
    ["desktop", { width: 1280, height: 800 }],
    ["phone", { width: 390, height: 844 }],
  ] as const)
    it(`are made, checked and scheduled in a folder that the operator has named, on a ${screen}`, async () => {
      const folder = join(outside, "named");
      fixture = await openPages(["--backup-folder", folder]);
      const ada = await fixture.person("ada", { viewport });
      const { page } = ada;
      await plexus(fixture.node, "backup", "kit", "make", "--to", join(outside, "kit"));
      await page.goto(`${fixture.node.url}/admin/backup`);
      const state = part(page, "State");
      await state.getByText("There is no backup yet. Make the first one below.").waitFor();
      await state.getByText(`It goes into ${folder}.`).waitFor();
      await state.getByRole("button", { name: "Back up now" }).click();
      await part(page, "Tasks")
        .getByText(/^Snapshot 1: /)
        .waitFor();
      const folders = part(page, "Folders");
      await folders.getByRole("button", { name: `Check the backups in ${folder}` }).click();
      await part(page, "Tasks")
        .getByText(/: no damage\.$/)
        .waitFor();
      const schedules = part(page, "Schedules");
      await schedules.getByRole("button", { name: "Add" }).click();
      await schedules.getByText(`Backs up in ${folder}`).waitFor();
      await state.getByText("Backups are fine").waitFor();
      const prune = part(page, "Prune");
      await prune.getByRole("button", { name: "What would be removed?" }).click();
      await prune.getByText("No snapshot would be removed.").waitFor();

      const refused = async (body: object): Promise<string> =>
        ada.api("POST", "/api/v1/admin/backups/run", body).then(
          () => "it was done",
          (error: unknown) => String(error),
        );
      for (const to of ["/etc", join(folder, ".."), `${folder}/`, join(folder, "below"), fixture.node.data])
        expect(await refused({ to }), to).to.include("FORBIDDEN");
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        expect(await axeFaults(page, { within: "main" }), colorScheme).to.deep.equal([]);
      }
      const overflow = await page.locator(".settings-body").evaluate((body) => body.scrollWidth - body.clientWidth);
      expect(overflow).to.equal(0);
      expect(fixture.complaints).to.deep.equal([]);
    });
});
