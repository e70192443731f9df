import { expect } from "chai";
import { openStage, type Stage } from "./stage.ts";

describe("a message that the node does not take", function () {
  this.timeout(60_000);
  let stage: Stage;
  before(async () => {
    stage = await openStage();
  });
  after(async () => {
    stage.node.signal("SIGCONT");
    await stage.close();
  });

  it("is shown as not sent, under a banner, and not left behind unasked; it goes out when the node wakes", async () => {
    const ada = await stage.person("ada");
    const { page } = ada;
    await ada.api("POST", "/api/rooms", { room: "den", title: "Den" });
    await page.goto(`${stage.node.url}/room/den`);
    const field = page.getByRole("textbox", { name: "Message #Den" });
    await field.fill("before");
    await field.press("Enter");
    await page.locator("article[data-seq]").filter({ hasText: "before" }).waitFor();
    let asked = 0;
    page.on("dialog", (dialog) => {
      if (dialog.type() === "beforeunload") asked += 1;
      void dialog.dismiss();
    });

    stage.node.signal("SIGSTOP");
    await field.fill("while it hangs");
    await field.press("Enter");
    const waiting = page.locator("article.pending").filter({ hasText: "while it hangs" });
    await waiting.getByText("Not sent yet").waitFor();
    await page.locator(".link-banner").getByText("No answer yet").waitFor({ timeout: 8_000 });
    // Dismissed, it does not reload.
    await page.reload({ timeout: 2_000 }).catch(() => undefined);
    expect(asked).to.equal(1);
    await waiting.waitFor();

    stage.node.signal("SIGCONT");
    await page.locator("article[data-seq]").filter({ hasText: "while it hangs" }).waitFor();
    await page.locator(".link-banner").waitFor({ state: "detached" });
    await page.getByText("Not sent yet").waitFor({ state: "detached" });
    await page.reload();
    await page.locator("article[data-seq]").filter({ hasText: "while it hangs" }).waitFor();
    expect(asked).to.equal(1);
    expect(stage.complaints).to.deep.equal([]);
  });
});
