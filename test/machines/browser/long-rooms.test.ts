import { expect } from "chai";
import type { Locator, Page } from "playwright-core";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPages, type Fixture, type Person } from "../../fixtures/page/index.ts";
import { within } from "../../waits.ts";

const feed = (page: Page): Locator => page.getByRole("region", { name: "Messages", exact: true });
const row = (page: Page, seq: number): Locator => page.locator(`main article[data-seq="${seq}"]`);
const place = (page: Page): Locator => page.locator('[data-room="hall"]').first();

/** Turns the wheel until a row is there; each turn waits until the page has shown it. Bounded by what is between. */
async function scrollTo(page: Page, seq: number, stepPx: number): Promise<void> {
  await feed(page).hover();
  for (let turn = 0; turn < 300 && (await row(page, seq).count()) === 0; turn += 1) {
    await page.mouse.wheel(0, stepPx);
    await page.evaluate("new Promise((resolve) => requestAnimationFrame(resolve))");
  }
  await row(page, seq).waitFor();
}

/** Looks with each frame until it is so: the page lets nothing else evaluate a text. */
const until = (page: Page, isSo: string): Promise<unknown> =>
  within(
    page.evaluate(
      `new Promise((resolve) => { const look = () => (${isSo} ? resolve() : requestAnimationFrame(look)); look(); })`,
    ),
    isSo,
  );

/** Waits until a row is wholly in view. */
const inView = (page: Page, seq: number): Promise<unknown> =>
  until(
    page,
    `((at) => at !== undefined && at.top >= 0 && at.bottom <= innerHeight)(document.querySelector('main article[data-seq="${seq}"]')?.getBoundingClientRect())`,
  );

const count = 600;
const writers = 4;

/** Posts so many messages, each again where the node says that it is too many at once. */
async function write(person: Pick<Person, "api">, messages: number): Promise<void> {
  for (let sent = 0; sent < messages;)
    await person.api("POST", "/api/v1/rooms/hall/messages", { text: "one of many" }).then(
      () => (sent += 1),
      (error: unknown) => {
        if (!String(error).includes("RATE_LIMITED")) throw error;
      },
    );
}

for (const [device, options] of [
  ["a desktop", { viewport: { width: 1280, height: 800 } }],
  ["a phone", { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }],
] as const)
  describe(`a room with ${count} messages, on ${device}`, function () {
    let fixture: Fixture, ada: Person, bob: Pick<Person, "name" | "api">;
    before(async () => {
      fixture = await openPages();
      ada = await fixture.person("ada", options);
      bob = await fixture.account("bob");
      // Her page would be in the room as soon as there is one, and read what is written.
      await ada.page.goto("about:blank");
      await ada.api("POST", "/api/v1/rooms", { room: "hall", title: "Hall" });
      await bob.api("POST", "/api/v1/rooms/hall/join", {});
      await Promise.all(Array.from({ length: writers }, () => write(bob, count / writers)));
      await ada.api("PUT", "/api/v1/rooms/hall/read", { seq: 100 });
    });
    after(() => fixture.close());
    const go = async (path: string): Promise<void> => void (await ada.page.goto(fixture.node.url + path));

    it("opens at the first unread message, counts what is unread, and reads as far as one scrolls", async () => {
      const { page } = ada;
      await go("/room/hall");
      await page.getByRole("separator", { name: "New messages" }).waitFor();
      await row(page, 101).waitFor();
      const latest = page.getByRole("button", { name: /Jump to latest/ });
      // What is in view was read.
      await latest.filter({ hasText: /4[5-9]\d unread/ }).waitFor();
      await scrollTo(page, 230, 600);
      await latest.filter({ hasText: /(?:3\d\d|4[0-3]\d) unread/ }).waitFor();
      await scrollTo(page, 60, -600);
      await latest.click();
      await row(page, count).waitFor();
      await latest.waitFor({ state: "detached" });
    });

    it("goes to any message by a link, both ways from there, and back to the newest", async () => {
      const { page } = ada;
      await go("/room/hall?at=100");
      await inView(page, 100);
      await scrollTo(page, 30, -600);
      await scrollTo(page, 230, 600);
      await bob.api("POST", "/api/v1/rooms/hall/messages", { text: "said meanwhile" });
      await page.getByRole("button", { name: /Jump to latest/ }).click();
      await page.locator("main article").filter({ hasText: "said meanwhile" }).waitFor();
      await go("/room/hall?at=99999");
      await page.getByText("There is no such message in this room.").waitFor();
    });

    it("goes to a pinned message, and from a reply in the room to what it answers", async () => {
      const { page } = ada;
      await ada.api("PUT", "/api/v1/rooms/hall/pins/40", {});
      await go("/room/hall?panel=pins");
      await page.getByRole("button", { name: "Show in the room" }).click();
      if (device === "a phone") await page.getByRole("button", { name: "Close pinned messages" }).click();
      await inView(page, 40);
      await bob.api("POST", "/api/v1/rooms/hall/messages", { text: "see above", replyTo: 300, alsoInRoom: true });
      await page.getByRole("button", { name: /Jump to latest/ }).click();
      await page.locator("main article").filter({ hasText: "see above" }).locator(".quote").click();
      await inView(page, 300);
    });

    it("is unread from a message on when one says so, until one comes back", async () => {
      const { page } = ada;
      await go("/room/hall");
      if (device === "a desktop") await until(page, `document.querySelector('[data-room="hall"] .count') === null`);
      await row(page, count).waitFor();
      const wanted = row(page, count - 3);
      if (device === "a phone") await wanted.getByRole("button", { name: "Message actions" }).tap();
      else await wanted.hover();
      await wanted.getByRole("button", { name: "More actions" }).click();
      await page.getByRole("menuitem", { name: "Mark unread from here" }).click();
      await page.getByRole("separator", { name: "New messages" }).waitFor();
      const { unread, readSeq } = (await ada.api("GET", "/api/v1/rooms/hall/summary")) as Record<string, number>;
      expect(readSeq).to.equal(count - 4);
      expect(unread).to.equal(6);
      if (device === "a phone") return;
      await place(page).getByText("6 unread").waitFor({ state: "attached" });
      await go("/settings/profile");
      await place(page).getByText("6 unread").waitFor({ state: "attached" });
      await place(page).click();
      await place(page).locator(".count").waitFor({ state: "detached" });
    });

    it("opens at the newest by choice", async () => {
      const { page } = ada;
      await go("/settings/profile");
      await page.getByRole("radiogroup", { name: "Rooms open at" }).getByText("Newest message").click();
      await ada.api("PUT", "/api/v1/rooms/hall/unread", { seq: 200 });
      await go("/room/hall");
      await row(page, count).waitFor();
      await go("/settings/profile");
      await page.getByRole("radiogroup", { name: "Rooms open at" }).getByText("First unread message").click();
    });

    it("folds a message of 9,000 characters, and unfolds it by keyboard", async () => {
      const { page } = ada;
      const text = `# Log\n\n${"It went well, and then it did not. ".repeat(257)}the end`;
      await bob.api("POST", "/api/v1/rooms/hall/messages", { text });
      await go("/room/hall");
      const more = page.getByRole("button", { name: /^Show more \(\d,\d{3} characters\)/ });
      await more.waitFor();
      const article = page.locator("main article").filter({ has: page.locator(".fold") });
      expect((await article.boundingBox())?.height ?? 0).to.be.below(900);
      expect(await axeFaults(page, { graveOnly: true, within: "main" })).to.deep.equal([]);
      await more.focus();
      await page.keyboard.press("Enter");
      const less = page.getByRole("button", { name: "Show less" });
      await less.waitFor();
      await article.getByText("the end").waitFor();
      await page.keyboard.press("Enter");
      await more.waitFor();
    });

    it("lets a wide table be scrolled by itself, also by keyboard", async () => {
      const { page } = ada;
      const head = ["Name", "Where it runs", "What it costs a month", "Who looks after it", "Since when"];
      const cells = [
        "A node with a rather long name",
        "in the cellar of the old library",
        "12.50",
        "Grace and Ada",
        "2024",
      ];
      const line = (parts: readonly string[]): string => `| ${parts.join(" | ")} |`;
      await bob.api("POST", "/api/v1/rooms/hall/messages", {
        text: [line(head), line(head.map(() => "---")), line(cells), line(cells)].join("\n"),
      });
      await go("/room/hall");
      const table = page.getByRole("group", { name: /^Table: Name, Where it runs/ });
      await table.waitFor();
      const sizes = await table.evaluate((box) => {
        const cell = box.querySelector("td")?.clientHeight ?? Infinity;
        return { wide: box.scrollWidth, shown: box.clientWidth, cell };
      });
      // No cell is broken into letters.
      expect(sizes.cell).to.be.below(80);
      expect(Number(await page.evaluate("document.documentElement.scrollWidth - innerWidth"))).to.be.at.most(0);
      if (device !== "a phone") return;
      expect(sizes.wide).to.be.above(sizes.shown);
      await table.focus();
      await page.keyboard.press("ArrowRight");
      await until(page, "document.querySelector('.rich-table').scrollLeft > 0");
      expect(await axeFaults(page, { graveOnly: true, within: "main" })).to.deep.equal([]);
      expect(fixture.complaints).to.deep.equal([]);
    });
  });
