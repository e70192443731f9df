import { expect } from "chai";
import type { Browser } from "playwright-core";
import { slotOf } from "../../../protocols/index.ts";
import { ClusterProcesses, manager, worker } from "../../fixtures/processes/cluster-processes.ts";
import { healthy } from "../../fixtures/processes/cluster-waits.ts";
import { openBrowser, openPages } from "../../fixtures/page/index.ts";
import { pageWaitMs } from "../../waits.ts";

describe("the page of a node that does not come back", function () {
  let browser: Browser;
  before(async () => {
    browser = await openBrowser();
  });

  it("leads to the same room on another node's page", async () => {
    await using cluster = await ClusterProcesses.start([
      { name: "one", roles: "manager,chat,ai,gateway" },
      { name: "two", roles: "gateway" },
    ]);
    const [one, two] = [cluster.named("one"), cluster.named("two")];
    const token = await one.signUp("ada");
    await one.http("POST", "/api/v1/rooms", { room: "den", title: "Den" }, token);
    await one.http("POST", "/api/v1/rooms/den/messages", { text: "before" }, token);
    for (let nodes = 0; nodes < 2;) {
      const { body } = await two.http("GET", "/api/v1/nodes", undefined, token);
      nodes = (body as { nodes: readonly unknown[] }).nodes.length;
    }
    const context = await browser.newContext({ locale: "en-GB" });
    context.setDefaultTimeout(pageWaitMs);
    await context.addCookies([{ name: "plexus_session", value: token, url: two.url }]);
    const page = await context.newPage();
    await page.goto(`${two.url}/room/den?panel=members`);
    await page.getByText("before").waitFor();
    await two.end("SIGKILL");
    const link = page.locator(".link-banner").getByRole("link", { name: "one" });
    await link.waitFor();
    expect(await link.getAttribute("href")).to.equal(`${one.url}/room/den?panel=members`);
    await one.http("POST", "/api/v1/rooms/den/messages", { text: "meanwhile" }, token);
    const [other] = await Promise.all([context.waitForEvent("page"), link.click()]);
    await other.getByText("meanwhile").waitFor();
    await other.getByRole("complementary", { name: "Members" }).waitFor();
    await context.close();
  });

  it("is no concern of who comes in at another, though it was the only manager", async () => {
    await using cluster = await ClusterProcesses.start([manager, worker("two"), worker("three")]);
    const two = cluster.named("two");
    const token = await cluster.first.signUp("ada");
    for (let needed = true; needed;) {
      const { body } = await two.http("GET", "/api/v1/setup");
      needed = (body as { adminNeeded: boolean }).adminNeeded;
    }
    await two.http("POST", "/api/v1/rooms", { room: "den", title: "Den" }, token);
    await two.http("POST", "/api/v1/rooms", { room: "far", title: "Far" }, token);
    await cluster.move("actors/room/far", "three");
    await cluster.move("actors/user/ada", "two");
    // Nothing is copied to the manager any more.
    const slots = await healthy(cluster, "before the manager dies");
    await cluster.first.end("SIGKILL");
    const context = await browser.newContext({ locale: "en-GB" });
    // The manager itself is waited for much longer.
    context.setDefaultTimeout(pageWaitMs);
    const page = await context.newPage();
    await page.goto(`${two.url}/room/den`);
    await page.locator("input[name=name]").fill("ada");
    await page.locator("input[name=password]").fill("password of ada");
    await page.getByRole("button", { name: "Sign in" }).click();
    const field = page.getByRole("textbox", { name: "Message #Den" });
    await field.fill("still here");
    await field.press("Enter");
    await page.reload();
    await page.locator("article[data-seq]").filter({ hasText: "still here" }).waitFor();
    // A new account whose slot is in use needs no manager; another one does, and is told so.
    const used = new Set(slots.map(({ slot }) => slot));
    const names = Array.from({ length: 10_000 }, (_, index) => `bob-${index}`);
    const named = (isUsed: boolean) => names.find((name) => used.has(slotOf("chat", `user/${name}`)) === isUsed);
    const signUp = (name: string | undefined) =>
      two.http("POST", "/api/v1/sign-up", { name, password: "correct horse" });
    expect(await signUp(named(true))).to.have.property("status", 200);
    const refusal = await signUp(named(false));
    expect(refusal).to.have.nested.property("body.error.code", "DIRECTORY_AWAY");
    expect(refusal)
      .to.have.nested.property("body.error.details.reason")
      .that.includes("only the directory can place it");

    // What another node has waits while that one is away and nobody lets a third take over, and it is that one that is
    // named.
    await page.goto(`${two.url}/room/far`);
    const far = page.getByRole("textbox", { name: "Message #Far" });
    await far.fill("to the dead");
    await cluster.named("three").end("SIGKILL");
    await far.press("Enter");
    const banner = page.locator(".link-banner");
    // The node cannot tell whether the other two are down or it is itself cut off from them, so the page leads there.
    await banner.getByText("This node cannot reach manager, three").waitFor();
    for (const name of ["manager", "three"]) await banner.getByRole("link", { name }).waitFor();
    await page.locator("article.pending").filter({ hasText: "to the dead" }).waitFor();
    await cluster.first.start();
    const taken = page.locator("article[data-seq]").filter({ hasText: "to the dead" });
    await taken.waitFor();
    expect(await taken.count(), "once").to.equal(1);
    await banner.waitFor({ state: "detached" });
    await context.close();
  });
});

describe("the page of a node that is cut off from the others", function () {
  it("says so with the way to another node, keeps what is written, and stops saying it when it is over", async () => {
    const fixture = await openPages();
    try {
      const ada = await fixture.person("ada");
      await ada.api("POST", "/api/v1/rooms", { room: "den", title: "Den" });
      const { page } = ada;
      // The node's own frames, and in between them the two that a node says which is cut off and is back.
      let say: (frame: object) => void = () => {};
      await page.routeWebSocket(/\/ws$/, (socket) => {
        socket.connectToServer();
        say = (frame) => socket.send(JSON.stringify(frame));
      });
      await page.goto(`${fixture.node.url}/room/den`);
      const field = page.getByRole("textbox", { name: "Message #Den" });
      await field.fill("half a thought");
      const reason = { code: "NODE_DEGRADED", outcome: "not_started", message: "" };
      say({ degraded: { reason, nodes: [{ name: "node-b", url: "http://10.0.0.2:7070" }] } });
      const banner = page.locator('[data-link="degraded"]');
      await banner.getByText("This node cannot reach the others").waitFor();
      const link = banner.getByRole("link", { name: "node-b" });
      expect(await link.getAttribute("href")).to.equal("http://10.0.0.2:7070/room/den");
      say({ degraded: null });
      await banner.waitFor({ state: "detached" });
      expect(await field.inputValue()).to.equal("half a thought");
      expect(fixture.complaints).to.deep.equal([]);
    } finally {
      await fixture.close();
    }
  });
});
