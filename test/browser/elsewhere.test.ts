import { expect } from "chai";
import type { Browser } from "playwright-core";
import { ClusterProcesses } from "../integration/cluster-processes.ts";
import { openBrowser } from "./stage.ts";

describe("the page of a node that does not come back", function () {
  this.timeout(120_000);
  let browser: Browser;
  before(async () => {
    browser = await openBrowser();
  });
  after(() => browser.close());

  it("leads to the same room on another node's page", async () => {
    await using cluster = await ClusterProcesses.start([
      { name: "one", roles: "manager,chat,ai,gateway" },
      { name: "two", roles: "gateway" },
    ]);
    const [one, two] = [cluster.named("one"), cluster.named("two")];
    const token = await one.signUp("ada");
    await one.http("POST", "/api/rooms", { room: "den", title: "Den" }, token);
    await one.http("POST", "/api/rooms/den/messages", { text: "before" }, token);
    for (let nodes = 0; nodes < 2;) {
      const { body } = await two.http("GET", "/api/nodes", undefined, token);
      nodes = (body as { nodes: readonly unknown[] }).nodes.length;
    }
    const context = await browser.newContext({ locale: "en-GB" });
    context.setDefaultTimeout(15_000);
    await context.addCookies([{ name: "plexus_session", value: token, url: two.url }]);
    const page = await context.newPage();
    await page.goto(`${two.url}/room/den?panel=members`);
    await page.getByText("before").waitFor();
    await two.end("SIGKILL");
    const link = page.locator(".link-banner").getByRole("link", { name: "one" });
    await link.waitFor();
    expect(await link.getAttribute("href")).to.equal(`${one.url}/room/den?panel=members`);
    await one.http("POST", "/api/rooms/den/messages", { text: "meanwhile" }, token);
    const [other] = await Promise.all([context.waitForEvent("page"), link.click()]);
    await other.getByText("meanwhile").waitFor();
    await other.getByRole("complementary", { name: "Members" }).waitFor();
    await context.close();
  });
});
