import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { readControlFile } from "../../../cli/cluster/control.ts";
import { linkIn, startMailServer, type MailServerFixture } from "../../fixtures/mail-server.ts";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPages, type Fixture } from "../../fixtures/page/index.ts";
import { looks } from "../../fixtures/page/looks.ts";

const signUpFile =
  "signUp: domain\nsignUpDomains: [example.org]\npublicUrl: https://chat.example.org\nmailDigest: text\n";

describe("mail on the page", function () {
  let fixture: Fixture;
  let server: MailServerFixture;
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "plexus-mail-"));
    await writeFile(join(folder, "plexus.yaml"), signUpFile);
    server = await startMailServer();
    fixture = await openPages(["--model", "echo", "--config", join(folder, "plexus.yaml")]);
    // The first account is the admin's, and needs no address.
    await fixture.account("root");
    const control = await readControlFile(fixture.node.data);
    const body = { host: "127.0.0.1", port: server.port, security: "starttls", from: "plexus@example.org" };
    const set = await fetch(`${fixture.node.url}/api/v1/admin/mail`, {
      method: "PUT",
      headers: { authorization: `Bearer ${control?.controlToken ?? ""}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    expect(set.status).to.equal(200);
  });
  after(async () => {
    await fixture.close();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it("makes an account by an address of the domain, and sets its forgotten password anew", async () => {
    const page = await fixture.visitor();
    await page.getByRole("button", { name: "Create an account" }).click();
    await page.locator("input[name=who]").fill("ada@example.com");
    await page.getByRole("button", { name: "Send the link" }).click();
    await page.getByRole("alert").filter({ hasText: "example.org" }).waitFor();
    await page.locator("input[name=who]").fill("ada@example.org");
    await page.getByRole("button", { name: "Send the link" }).click();
    await page.getByText("A link is on its way").waitFor();
    const link = linkIn(await server.next());
    expect(link).to.match(/^account=/);

    const joining = await fixture.visitor();
    await joining.goto(`${fixture.node.url}/#${link}`);
    await joining.getByRole("heading", { name: "Create an account" }).waitFor();
    await joining.locator("input[name=name]").fill("ada");
    await joining.locator("input[name=password]").fill("correct horse");
    await joining.getByRole("button", { name: "Create account" }).click();
    await joining.getByRole("button", { name: "Your account" }).waitFor();
    expect(new URL(joining.url()).hash).to.equal("");
    await joining.goto(`${fixture.node.url}/settings/account`);
    await joining.getByText("ada@example.org, since").waitFor();
    const [download] = await Promise.all([
      joining.waitForEvent("download"),
      joining.getByRole("button", { name: "Download my data" }).click(),
    ]);
    expect(download.suggestedFilename()).to.equal("plexus-account.jsonl");

    const forgetful = await fixture.visitor();
    await forgetful.getByRole("button", { name: "Forgot your password?" }).click();
    await forgetful.locator("input[name=who]").fill("ada");
    await forgetful.getByRole("button", { name: "Send the link" }).click();
    await forgetful.getByText("If there is such an account").waitFor();
    const reset = linkIn(await server.next());
    await forgetful.goto(`${fixture.node.url}/#${reset}`);
    await forgetful.locator("input[name=password]").fill("another horse");
    await forgetful.getByRole("button", { name: "Set the password" }).click();
    await forgetful.getByText("Your password was set").waitFor();
    await forgetful.getByRole("button", { name: "Sign in" }).click();
    await forgetful.locator("input[name=name]").fill("ada");
    await forgetful.locator("input[name=password]").fill("another horse");
    await forgetful.getByRole("button", { name: "Sign in", exact: true }).click();
    await forgetful.getByRole("button", { name: "Your account" }).waitFor();
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("has settings of mail to those who are away, and a page that ends it only when it is pressed", async () => {
    const page = await fixture.visitor({ viewport: { width: 1280, height: 900 } });
    await page.locator("input[name=name]").fill("ada");
    await page.locator("input[name=password]").fill("another horse");
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await page.getByRole("button", { name: "Your account" }).waitFor();
    await page.goto(`${fixture.node.url}/settings/notifications`);
    const form = page.locator("form", { has: page.getByRole("combobox", { name: "Mail", exact: true }) });
    await form.getByLabel("Mail", { exact: true }).selectOption("daily");
    await form.getByLabel("At", { exact: true }).fill("07:45");
    await form.getByLabel("What it says").selectOption("counts");
    expect(await axeFaults(page, { within: "main" })).to.deep.equal([]);
    await form.getByRole("button", { name: "Save" }).click();
    await page.getByText("Mail goes to ada@example.org from now on.").waitFor();
    await page.reload();
    await form.getByLabel("At", { exact: true }).waitFor();
    expect(await form.getByLabel("At", { exact: true }).inputValue()).to.equal("07:45");
    expect(await form.getByLabel("What it says").inputValue()).to.equal("counts");

    const stranger = await fixture.visitor();
    await stranger.goto(`${fixture.node.url}/#unsubscribe=${"A".repeat(40)}`);
    await stranger.getByRole("heading", { name: "No more of these mails?" }).waitFor();
    expect(await axeFaults(stranger, { within: "main" })).to.deep.equal([]);
    await stranger.getByRole("button", { name: "No more of them" }).click();
    await stranger.getByText("Ask for a new one").waitFor();
  });

  for (const [name, options] of looks)
    it(`sends reports of usage, again and again, and shows them before, ${name}`, async () => {
      const root = await fixture.person("root", options);
      const { page } = root;
      await page.goto(`${fixture.node.url}/admin/usage`);
      const part = page.getByRole("region", { name: "Reports by mail" });
      const report = `weekly-${name.replaceAll(" ", "-")}`;
      await part.getByRole("textbox", { name: "Name" }).fill(report);
      await part.getByRole("textbox", { name: "When (cron)" }).fill("often");
      await part.getByRole("textbox", { name: "To", exact: true }).fill("boss@example.org, ada@example.org");
      await part.getByRole("button", { name: "Send this report" }).click();
      await part.getByText("Five fields:").waitFor();
      await part.getByRole("textbox", { name: "When (cron)" }).fill("0 7 * * 1");
      await page.keyboard.press("Enter");
      const row = part.getByRole("listitem").filter({ hasText: report });
      await row.getByText("7 days as CSV and PDF").waitFor();
      const [file] = await Promise.all([
        page.waitForEvent("download"),
        row.getByRole("button", { name: `Look at ${report} as PDF` }).click(),
      ]);
      expect((await readFile(await file.path())).subarray(0, 5).toString()).to.equal("%PDF-");
      await row.getByRole("button", { name: `Send ${report} now` }).click();
      for (const to of ["boss@example.org", "ada@example.org"]) {
        const mail = await server.next((one) => one.to === to && one.text.includes(`: ${report}`));
        expect(mail.raw).to.include("application/pdf").and.include("text/csv");
      }
      await page.reload();
      await row.getByText("The last one was sent: 2 of 2 mails").waitFor();
      expect(await axeFaults(page, { within: "main" })).to.deep.equal([]);
      const folder = process.env["PLEXUS_TEST_SHOTS"];
      if (folder !== undefined) await part.screenshot({ path: `${folder}/reports-${name.replaceAll(" ", "-")}.png` });
      await row.getByRole("button", { name: `Remove ${report}` }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Remove", exact: true }).click();
      await row.waitFor({ state: "detached" });
      await root.close();
    });
});
