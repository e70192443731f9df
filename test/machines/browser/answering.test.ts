import { expect } from "chai";
import type { Locator, Page } from "playwright-core";
import { openPages, type Person, type Fixture } from "../../fixtures/page/index.ts";
import { until } from "../../waits.ts";

const field = (page: Page): Locator => page.getByRole("textbox", { name: "Message #lobby" });
const waiting = (page: Page): Locator => page.locator('article.draft[aria-busy="true"]');
const stopButton = (page: Page): Locator => page.getByRole("button", { name: /^Stop the answer of / });
const stopped = (page: Page): Locator => page.locator("main article[data-seq] .stopped");

/** A text that takes the echo some seconds to repeat: it says one word per millisecond at most. */
const long = `@ada.helper ${"so on and ".repeat(700)}`;

describe("an answer that a room waits for", function () {
  let fixture: Fixture;
  let ada: Person;
  let bob: Person;
  let cleo: Person;
  before(async () => {
    fixture = await openPages();
    [ada, bob, cleo] = [await fixture.person("ada"), await fixture.person("bob"), await fixture.person("cleo")];
    await ada.api("POST", "/api/v1/rooms", { room: "lobby", title: "lobby", visibility: "public" });
    await ada.api("POST", "/api/v1/agents", { name: "helper" });
    await ada.api("PUT", "/api/v1/rooms/lobby/members/agent%2Fada.helper");
    for (const who of [bob, cleo]) await who.api("POST", "/api/v1/rooms/lobby/join");
    for (const { page } of [ada, bob, cleo]) await page.goto(`${fixture.node.url}/room/lobby`);
    await cleo.page.setViewportSize({ width: 390, height: 844 });
  });
  after(() => fixture.close());

  /** Says it eight times: the last answer waits for long enough to look at it, however slow the machine is. */
  async function askOften(): Promise<void> {
    for (let time = 0; time < 8; time += 1) {
      await field(bob.page).fill(long);
      await field(bob.page).press("Enter");
    }
  }

  it("is shown to all from the mention on, with its place in the queue, also after a reload", async () => {
    await askOften();
    for (const { page } of [ada, bob, cleo]) {
      await waiting(page).getByText("writing …").waitFor();
      await waiting(page)
        .last()
        .getByText(/^waiting, number \d in the queue …$/)
        .waitFor();
    }
    await cleo.page.reload();
    await waiting(cleo.page)
      .last()
      .getByText(/^waiting/)
      .waitFor();
    await waiting(cleo.page).getByText("so on and").first().waitFor();
    expect(await stopButton(cleo.page).count()).to.equal(0);
  });

  it("is stopped with the keyboard by who asked, and by the agent's owner; what was written stays, marked, for all", async () => {
    await stopButton(bob.page).first().focus();
    await bob.page.keyboard.press("Enter");
    await stopped(cleo.page).first().waitFor();
    // It may end by itself at any moment: no waiting for a button that is gone.
    while ((await waiting(ada.page).count()) > 0)
      await ada.page.evaluate("document.querySelector('article .stop:enabled')?.click()");
    for (const { page } of [ada, bob, cleo]) {
      await stopped(page).first().waitFor();
      await waiting(page).first().waitFor({ state: "detached" });
    }
  });

  it("is stopped by a tap, on a phone, also for those who look on", async () => {
    const { page } = await fixture.person("bob", {
      viewport: { width: 390, height: 844 },
      hasTouch: true,
      isMobile: true,
    });
    await ada.api("POST", "/api/v1/rooms", { room: "porch", title: "porch", visibility: "public" });
    await ada.api("PUT", "/api/v1/rooms/porch/members/agent%2Fada.helper");
    for (const who of [bob, cleo]) await who.api("POST", "/api/v1/rooms/porch/join");
    for (const at of [page, cleo.page]) await at.goto(`${fixture.node.url}/room/porch`);
    await bob.api("POST", "/api/v1/rooms/porch/messages", { text: long });
    await waiting(page).getByText("so on and").first().waitFor();
    await stopButton(page).first().tap();
    for (const at of [page, cleo.page]) await stopped(at).first().waitFor();
    // What is said of one that waits has a line, and is no column of single words.
    for (let time = 0; time < 3; time += 1) await bob.api("POST", "/api/v1/rooms/porch/messages", { text: long });
    const heightPx = await until("a line of what waits", async () => {
      const lines = waiting(page).locator(".writing").filter({ hasText: "in the queue" });
      const [height] = await lines.evaluateAll((all) => all.map((line) => line.getBoundingClientRect().height));
      if (height === undefined) throw new Error("nothing waits");
      return height;
    });
    expect(heightPx).to.be.lessThan(30);
    expect(fixture.complaints).to.deep.equal([]);
  });
});
