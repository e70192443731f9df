import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { plexus } from "../../fixtures/processes/plexus-command.ts";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPagesForTwo, type Person, type Fixture } from "../../fixtures/page/index.ts";

describe("a message that comes back from a backup, in two browsers", function () {
  let fixture: Fixture, ada: Person, bob: Person, outside: string;
  before(async () => {
    ({ fixture, ada, bob } = await openPagesForTwo("lobby"));
    outside = await mkdtemp(join(tmpdir(), "plexus-restored-"));
  });
  after(async () => {
    await fixture.close();
    await rm(outside, { recursive: true });
  });

  it("appears for both at the end, as its author's, with what it was, and nobody is told that it is new", async () => {
    const post = (text: string) => ada.api("POST", "/api/v1/rooms/lobby/messages", { text });
    await post("Meet at the harbour, @bob");
    await post("Bring a coat");
    await plexus(fixture.node, "backup", "kit", "make", "--to", join(outside, "kit"));
    await plexus(fixture.node, "backup", "run", "--to", join(outside, "b"));
    for (const seq of [1, 2]) await ada.api("DELETE", `/api/v1/rooms/lobby/messages/${seq}`);
    for (const { page } of [ada, bob]) await page.getByText("This message was deleted.").nth(1).waitFor();
    const recall = ["backup", "recall", "--from", join(outside, "b"), "--room", "lobby", "--into-place", "--deleted"];
    await plexus(fixture.node, ...recall, "--id", "restored1");
    for (const { page } of [ada, bob]) {
      const article = page.locator("main article").filter({ hasText: "Meet at the harbour" });
      await article.getByText(/restored, first sent/).waitFor();
      expect(await article.locator(".author").textContent()).to.equal("Ada");
      expect(await article.getAttribute("aria-label")).to.match(/restored, first sent .*: Meet at the harbour/);
      expect(await page.locator("main article").filter({ hasText: "Bring a coat" }).getByText(/restored/).count()).to.equal(1); // prettier-ignore
      expect(await page.getByText("This message was deleted.").count()).to.equal(2);
      expect(await axeFaults(page, { within: "main" })).to.deep.equal([]);
    }
    await plexus(fixture.node, ...recall.slice(0, -2), "--undo", "restored1");
    for (const { page } of [ada, bob]) await page.getByText("This message was deleted.").nth(3).waitFor();
  });
});
