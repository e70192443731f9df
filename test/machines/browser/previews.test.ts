import { createCanvas } from "@napi-rs/canvas";
import { expect } from "chai";
import type { Locator, Page } from "playwright-core";
import { pdf } from "../../fixtures/documents.ts";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPages, type Fixture, type Person } from "../../fixtures/page/index.ts";
import { looks, shotsOf } from "../../fixtures/page/looks.ts";
import { loading } from "../../fixtures/processes/node-process.ts";
import { until } from "../../waits.ts";
import { says, startWebPages, type WebPages } from "../../fixtures/web-pages.ts";

const rows = (page: Page): Locator => page.locator("main article[data-seq]");
const pagesIn = (page: Page): Locator => page.getByRole("list", { name: "Linked pages" });

/** A picture as a camera makes it: it does not pack. */
async function photo(width: number, height: number): Promise<Buffer> {
  const canvas = createCanvas(width, height);
  const context = canvas.getContext("2d");
  const sky = context.createLinearGradient(0, 0, width, height);
  sky.addColorStop(0, "#1b4f9c");
  sky.addColorStop(1, "#f2b35d");
  context.fillStyle = sky;
  context.fillRect(0, 0, width, height);
  const shown = context.getImageData(0, 0, width, height);
  let state = 1;
  for (let at = 0; at < shown.data.length; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    if (at % 4 !== 3) shown.data[at] = (shown.data[at] ?? 0) + (state >>> 27);
  }
  context.putImageData(shown, 0, 0);
  return canvas.encode("jpeg", 92);
}

const shot = shotsOf("previews");

describe("previews of links and files", () => {
  let web: WebPages;
  let fixture: Fixture;
  let ada: Person;
  let bob: Person;
  before(async () => {
    web = await startWebPages();
    web.answers.set(
      "/article",
      says(`<title>How the reef came back</title><meta property="og:site_name" content="The Tide Table">
        <meta name="description" content="Ten years of counting fish, and what the divers of a small harbour found.">
        <meta property="og:image" content="/reef.jpg">`),
    );
    web.answers.set("/reef.jpg", says(await photo(800, 500), "image/jpeg"));
    web.answers.set("/plain", says("<title>A page with a title and nothing else</title>"));
    fixture = await openPages(undefined, ["env", loading("web-here.ts"), `PLEXUS_TEST_PAGES=${web.port}`]);
    [ada, bob] = [await fixture.person("ada"), await fixture.person("bob")];
    await ada.api("POST", "/api/v1/rooms", { room: "reef", title: "Reef" });
    await bob.api("POST", "/api/v1/rooms/reef/join", {});
    for (const { page } of [ada, bob]) await page.goto(`${fixture.node.url}/room/reef`);
  });
  after(async () => {
    expect(fixture.complaints).to.deep.equal([]);
    await fixture.close();
    await web.close();
  });

  it("come to everybody who reads the room, and no browser asks the page", async () => {
    const asked: string[] = [];
    bob.page.on("request", (request) => asked.push(request.url()));
    const field = ada.page.getByRole("textbox", { name: /^Message / });
    await field.fill("read http://pages.example/article and http://pages.example/plain");
    await field.press("Enter");
    for (const { page } of [ada, bob]) {
      await pagesIn(page).getByText("How the reef came back").waitFor();
      await pagesIn(page).getByText("A page with a title").waitFor();
      await pagesIn(page).getByText("The Tide Table").waitFor();
      expect(await pagesIn(page).locator("a").first().getAttribute("href")).to.equal("http://pages.example/article");
    }
    await bob.page.waitForLoadState("networkidle");
    expect(
      await pagesIn(bob.page)
        .locator("img")
        .evaluateAll((all) => all.map((one) => Reflect.get(one, "naturalWidth") > 0)),
    ).to.deep.equal([true]);
    expect(asked.filter((url) => url.includes("pages.example"))).to.deep.equal([]);
  });

  it("are of files, too: a small picture, and the first page of a document", async () => {
    const { page } = ada;
    const chooser = page.waitForEvent("filechooser");
    await page.locator("main .composer").getByRole("button", { name: "Attach files" }).press("Enter");
    await (
      await chooser
    ).setFiles([
      { name: "reef.jpg", mimeType: "image/jpeg", buffer: await photo(1_600, 1_000) },
      { name: "report.pdf", mimeType: "application/pdf", buffer: pdf("Fish of the reef") },
    ]);
    await page.getByText("2 of 2 files are uploaded.").waitFor();
    await page.getByRole("button", { name: "Send", exact: true }).click();
    await bob.page.locator('main img[src$="/preview"]').nth(1).waitFor();
    const shown = bob.page.getByRole("button", { name: "Show reef.jpg" }).locator("img");
    expect(await shown.getAttribute("src")).to.match(/\/preview$/);
    await bob.page.locator(".file-page img").waitFor();
    // Opened it is the whole picture.
    await bob.page.getByRole("button", { name: "Show reef.jpg" }).click();
    const whole = bob.page.getByRole("dialog").locator("img");
    expect(await whole.getAttribute("src")).not.to.match(/preview/);
    await bob.page.keyboard.press("Escape");
  });

  for (const [name, options] of looks)
    it(`are seen on a ${name} screen`, async () => {
      const person = await fixture.person("bob", options);
      const { page } = person;
      await page.goto(`${fixture.node.url}/room/reef`);
      await pagesIn(page).getByText("How the reef came back").waitFor();
      await page.locator(".file-page img").waitFor();
      await page.waitForLoadState("networkidle");
      await shot(page, name);
      await rows(page).first().scrollIntoViewIfNeeded();
      await shot(page, `${name} links`);
      expect(await axeFaults(page)).to.deep.equal([]);
      const wide = await page.evaluate<number>(
        "(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)(document.documentElement)",
      );
      expect(wide).to.equal(0);
      await person.close();
    });

  it("are hidden from a person who wants none, and taken away by the author for all", async () => {
    await bob.api("PATCH", "/api/v1/me", { linkPreviews: { shown: false } });
    await pagesIn(bob.page).waitFor({ state: "detached" });
    await bob.api("PATCH", "/api/v1/me", { linkPreviews: { shown: true } });
    await pagesIn(bob.page).waitFor();
    expect(await bob.page.getByRole("button", { name: "Remove the previews" }).count()).to.equal(0);
    await ada.page.getByRole("button", { name: "Remove the previews" }).press("Enter");
    for (const { page } of [ada, bob]) await pagesIn(page).waitFor({ state: "detached" });
  });

  it("are turned off in the settings", async () => {
    const { page } = ada;
    await page.goto(`${fixture.node.url}/settings/profile`);
    const own = page.getByRole("checkbox", { name: "Make previews of the links in my messages" });
    await own.uncheck();
    await until("the node has it", async () => {
      const { linkPreviews } = (await ada.api("GET", "/api/v1/me")) as { linkPreviews?: object };
      expect(linkPreviews).to.deep.equal({ own: false, shown: true });
    });
    expect(await axeFaults(page)).to.deep.equal([]);
  });
});
