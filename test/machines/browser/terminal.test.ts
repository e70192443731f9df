import { expect } from "chai";
import type { Page } from "playwright-core";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPages, type Person, type Fixture } from "../../fixtures/page/index.ts";
import { shotsOf } from "../../fixtures/page/looks.ts";

const shot = shotsOf("terminal");
/** The smallest PNG there is: one pixel. */
const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

describe("the terminal and the looks of the administration", function () {
  let fixture: Fixture;
  let ada: Person;
  let page: Page;
  before(async () => {
    fixture = await openPages();
    ada = await fixture.person("ada");
    ({ page } = ada);
  });
  after(() => fixture.close());

  const screen = (at: Page) => at.locator(".terminal-screen .xterm-rows");
  const says = (text: string | RegExp, at = page) => screen(at).filter({ hasText: text }).waitFor();
  async function open(at: Page, search = ""): Promise<void> {
    await at.goto(`${fixture.node.url}/admin/terminal${search}`);
    await says(/Commands of plexus/, at);
  }

  it("runs commands as whoever is signed in, by requests of the page alone", async () => {
    const asked: string[] = [];
    page.on("request", (request) => {
      if (request.resourceType() === "fetch") asked.push(new URL(request.url()).pathname);
    });
    await open(page);
    await page.keyboard.type("nod");
    await page.keyboard.press("Tab");
    await says("plexus nodes");
    await page.keyboard.press("Enter");
    await says("Directory: embedded");
    expect(asked).to.include("/api/v1/admin/cluster/summary");
    await page.keyboard.type("nodes $(id)\n");
    await says("this is not a shell");
    await page.keyboard.type("nodes --data /etc\n");
    await says("this terminal speaks to the cluster of its page");
    await shot(page, "terminal-light");
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("ends what runs with Ctrl-C, and is left by Escape and Tab", async () => {
    await open(page);
    await page.keyboard.type("logs --follow\n");
    const stop = page.getByRole("button", { name: "Stop" });
    await page.locator("button:enabled", { hasText: "Stop" }).waitFor();
    await page.keyboard.press("Control+c");
    await says("^C");
    await page.locator("button:disabled", { hasText: "Stop" }).waitFor();
    expect(await stop.isDisabled()).to.equal(true);
    await page.keyboard.press("Escape");
    await page.getByText("Tab leaves the terminal now.").waitFor();
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.closest('.xterm') === null")).to.equal(true);
  });

  it("types what a link says and runs nothing, and asks before it runs several lines", async () => {
    await open(page, "?run=tasks%20list");
    await says("plexus tasks list");
    expect(await screen(page).textContent()).to.not.include("under way");
    const paste = (text: string) =>
      page.evaluate(`(() => {
        const data = new DataTransfer();
        data.setData("text/plain", ${JSON.stringify(text)});
        document.querySelector(".xterm-helper-textarea").dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
      })()`);
    await paste("plexus --version\nplexus tasks\n");
    const question = page.getByRole("dialog");
    await question.getByText("Run 2 lines?").waitFor();
    await question.getByRole("button", { name: "Run", exact: true }).click();
    await says(/under way|task/);
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("can be read on a phone in the dark, and has no fault that axe finds", async () => {
    const { page: small } = await fixture.person("ada", { viewport: { width: 390, height: 844 }, colorScheme: "dark" });
    await open(small, "?run=nodes");
    await shot(small, "terminal-phone");
    expect(await axeFaults(small, { within: "main" })).to.deep.equal([]);
    await small.close();
  });

  it("shows the looks that an admin has saved to everybody, and the preview before", async () => {
    await page.goto(`${fixture.node.url}/admin/branding`);
    await page.getByLabel("Name", { exact: true }).fill("Acme");
    await page.getByLabel("Colour").fill("#ffd400");
    await page.getByText(/hard to read as text/).waitFor();
    await page.getByRole("group", { name: "Preview" }).getByText("Acme").first().waitFor();
    expect(await page.title()).to.include("Plexus");
    const logo = page.getByLabel(/^Logo: /);
    await logo.setInputFiles({ name: "logo.svg", mimeType: "image/svg+xml", buffer: Buffer.from("<svg/>") });
    await page.getByText("SVG is not taken: it can carry more than a picture.", { exact: false }).waitFor();
    await logo.setInputFiles({ name: "logo.png", mimeType: "image/png", buffer: Buffer.from(png, "base64") });
    await page.getByRole("group", { name: "Preview" }).locator('img[src^="data:image/png"]').first().waitFor();
    await shot(page, "branding-light");
    const visitor = await fixture.visitor({ colorScheme: "dark" });
    await page.getByRole("button", { name: "Save" }).click();
    const proof = page.getByRole("dialog").getByLabel("Password");
    const saved = page.getByText(/Everybody sees the change/);
    await proof.or(saved).first().waitFor();
    if (await proof.isVisible()) {
      await proof.fill("correct horse");
      await proof.press("Enter");
    }
    await saved.waitFor();
    await page.getByRole("link", { name: "Acme", exact: true }).waitFor();
    expect(await page.title()).to.include("Acme");
    await visitor.goto(fixture.node.url);
    await visitor.getByRole("heading", { name: "Sign in to Acme" }).waitFor();
    const shown = visitor.locator('img[src*="/api/v1/branding/logo/"]').first();
    await shown.waitFor();
    expect(await shown.evaluate((one) => (one as unknown as { naturalWidth: number }).naturalWidth)).to.equal(1);
    await shot(visitor, "branding-sign-in");
    for (const at of [page, visitor]) expect(await axeFaults(at, { within: "main" })).to.deep.equal([]);
    await page.getByRole("button", { name: "Back to the look of Plexus" }).click();
    await page.getByRole("link", { name: "Plexus", exact: true }).waitFor();
    await visitor.close();
  });

  it("ends with the session", async () => {
    await open(page);
    await page.keyboard.type("logs --follow\n");
    await page.locator("button:enabled", { hasText: "Stop" }).waitFor();
    await page.evaluate("fetch('/api/v1/sign-out', { method: 'POST' })");
    await page.getByRole("heading", { name: /^Sign in/ }).waitFor();
  });
});
