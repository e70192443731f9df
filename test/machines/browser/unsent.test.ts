import { expect } from "chai";
import { failure } from "../../../protocols/index.ts";
import { openPages, type Fixture } from "../../fixtures/page/index.ts";
import { untilTrue } from "../../waits.ts";

describe("a message that the node does not take", function () {
  let fixture: Fixture;
  before(async () => {
    fixture = await openPages();
  });
  after(async () => {
    fixture.node.signal("SIGCONT");
    await fixture.close();
  });

  it("is shown as not sent, under a banner, and not left behind unasked; it goes out when the node wakes", async () => {
    const ada = await fixture.person("ada");
    const { page } = ada;
    await ada.api("POST", "/api/v1/rooms", { room: "den", title: "Den" });
    await page.goto(`${fixture.node.url}/room/den`);
    const field = page.getByRole("textbox", { name: "Message #Den" });
    await field.fill("before");
    await field.press("Enter");
    await page.locator("article[data-seq]").filter({ hasText: "before" }).waitFor();
    let asked = 0;
    page.on("dialog", (dialog) => {
      if (dialog.type() === "beforeunload") asked += 1;
      void dialog.dismiss();
    });

    fixture.node.signal("SIGSTOP");
    await field.fill("while it hangs");
    await field.press("Enter");
    const waiting = page.locator("article.pending").filter({ hasText: "while it hangs" });
    await waiting.getByText("Not sent yet").waitFor();
    await page.locator(".link-banner").getByText("No answer yet").waitFor();
    // Dismissed, it does not reload: what waits for it waits until the page is reloaded below.
    void page.reload().catch(() => undefined);
    await untilTrue("the page asks before it goes", () => asked > 0);
    expect(asked).to.equal(1);
    await waiting.waitFor();

    fixture.node.signal("SIGCONT");
    await page.locator("article[data-seq]").filter({ hasText: "while it hangs" }).waitFor();
    await page.locator(".link-banner").waitFor({ state: "detached" });
    await page.getByText("Not sent yet").waitFor({ state: "detached" });
    await page.reload();
    await page.locator("article[data-seq]").filter({ hasText: "while it hangs" }).waitFor();
    expect(asked).to.equal(1);
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("is not called unsent where nobody knows, and trying again sends it once", async () => {
    const bob = await fixture.person("bob");
    const { page } = bob;
    await bob.api("POST", "/api/v1/rooms", { room: "pub", title: "Pub" });
    let isLost = true;
    await page.routeWebSocket(/./, (socket) => {
      const server = socket.connectToServer();
      socket.onMessage((message) => {
        const frame = JSON.parse(String(message)) as { id: number; do: string };
        if (frame.do !== "room.post" || !isLost) return server.send(message);
        socket.send(JSON.stringify({ re: frame.id, error: failure("APPEND_FAILED") }));
      });
    });
    await page.goto(`${fixture.node.url}/room/pub`);
    const field = page.getByRole("textbox", { name: "Message #Pub" });
    await field.fill("was it?");
    await field.press("Enter");
    const doubtful = page.getByRole("article", { name: "May not have been sent" });
    await doubtful.getByText("May not have been sent.").waitFor();
    isLost = false;
    await doubtful.getByRole("button", { name: "Try again" }).click();
    await page.locator("article[data-seq]").filter({ hasText: "was it?" }).waitFor();
    await doubtful.waitFor({ state: "detached" });
    expect(fixture.complaints).to.deep.equal([]);
  });
});
