import { expect } from "chai";
import type { Locator, Page } from "playwright-core";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPages, type Person, type Fixture } from "../../fixtures/page/index.ts";
import { shotsOf } from "../../fixtures/page/looks.ts";

const phone = { viewport: { width: 390, height: 844 }, hasTouch: true };

/** Has the node think that everybody proved who they are long ago, until they do it again: nobody waits ten minutes
 *  here. */
async function asIfLater(page: Page, path: string): Promise<void> {
  const error = { code: "SIGN_IN_AGAIN", outcome: "not_started", message: "again" };
  await page.route(path, (route) =>
    route.request().method() === "GET" ? route.fallback() : route.fulfill({ status: 403, json: { error } }),
  );
  await page.route("**/api/v1/me/session/confirm", async (route) => {
    const response = await route.fetch();
    if (response.ok()) await page.unroute(path);
    await route.fulfill({ response });
  });
}

const shoot = shotsOf("admin");

describe("the administration", function () {
  let fixture: Fixture;
  let ada: Person;
  let page: Page;
  before(async () => {
    fixture = await openPages();
    ada = await fixture.person("ada");
    ({ page } = ada);
    for (const name of ["bob", "mod", "cyd"]) await fixture.account(name);
    await ada.api("PUT", "/api/v1/admin/users/mod/roles", { roles: ["moderator"] });
  });
  after(() => fixture.close());

  const part = (at: Page, name: string) => at.getByRole("region", { name, exact: true });
  const dialog = (at: Page) => at.getByRole("dialog");
  /** Faults that axe finds, in both looks, and whether something is wider than the screen. */
  async function looked(at: Page, name: string): Promise<void> {
    // Both looks have the same colours at any width: one is enough for a phone.
    const looks = (at.viewportSize()?.width ?? 0) > 760 ? (["light", "dark"] as const) : (["dark"] as const);
    for (const colorScheme of looks) {
      await at.emulateMedia({ colorScheme });
      await shoot(at, `${name}-${colorScheme}`);
      expect(await axeFaults(at, { within: "main" }), `${name} ${colorScheme}`).to.deep.equal([]);
    }
    const wider = await at.locator(".settings-body").evaluate((body) => body.scrollWidth - body.clientWidth);
    expect(wider, `${name} is wider than the screen`).to.equal(0);
  }

  it("is one entry for whoever may see some of it, with the pages that they may see", async () => {
    await page.getByRole("button", { name: "Your account" }).click();
    await page.getByRole("menuitem", { name: "Administration" }).click();
    const pages = page.getByRole("navigation", { name: "Administration" });
    await pages.getByRole("link", { name: "Audit", exact: true }).waitFor();
    expect(await pages.getByRole("link").allTextContents()).to.include.members(["People", "Roles", "Audit", "Alerts", "Nodes", "Models", "Shards", "Backups"]); // prettier-ignore
    const mod = await fixture.person("mod");
    await mod.page.goto(`${fixture.node.url}/admin`);
    const few = mod.page.getByRole("navigation", { name: "Administration" });
    await few.getByRole("link", { name: "People", exact: true }).waitFor();
    expect(await few.getByRole("link").allTextContents()).to.deep.equal(["People", "Roles"]);
    await mod.page.goto(`${fixture.node.url}/admin/people/ada`);
    await mod.page.getByText("This person may do more than you").waitFor();
    expect(await mod.page.getByRole("button", { name: "Suspend the account" }).count()).to.equal(0);
    const bob = await fixture.person("bob");
    await bob.page.goto(`${fixture.node.url}/admin/people`);
    await bob.page.getByText("Only people with permission to manage accounts see this page.").waitFor();
    await bob.page.getByRole("button", { name: "Your account" }).click();
    await bob.page.getByRole("menuitem", { name: "API keys" }).waitFor();
    expect(await bob.page.getByRole("menuitem", { name: "Administration" }).count()).to.equal(0);
    await mod.page.close();
    await bob.page.close();
  });

  it("finds people, gives roles with a fresh proof, and ends their devices", async () => {
    await page.goto(`${fixture.node.url}/admin/people`);
    await part(page, "Accounts").getByRole("link", { name: /^Cyd/ }).waitFor();
    await looked(page, "people");
    await page.getByRole("textbox", { name: "Search" }).fill("bo");
    await part(page, "Accounts").getByRole("link", { name: /^Cyd/ }).waitFor({ state: "detached" });
    await part(page, "Accounts").getByRole("link", { name: /^Bob/ }).click();
    const roles = part(page, "Roles");
    await roles.getByRole("checkbox", { name: /^moderator/ }).check();
    await roles.getByRole("button", { name: "Change roles" }).click();
    await dialog(page).getByText("Given: moderator.").waitFor();
    await asIfLater(page, "**/api/v1/admin/users/bob/roles");
    await dialog(page).getByRole("button", { name: "Change" }).click();
    await page.getByRole("textbox", { name: "Password" }).fill("correct horse");
    await page.keyboard.press("Enter");
    await page.getByText("The roles of bob were changed.").waitFor();
    await part(page, "Permissions").getByText("Looking after people: 3 of 4").waitFor();
    const devices = part(page, "Devices and keys");
    await devices
      .getByText(/from 127\.0\.0\.1/)
      .first()
      .waitFor();
    await looked(page, "person");
    await devices.getByRole("button", { name: "End all", exact: true }).click();
    await dialog(page).getByRole("button", { name: "End all" }).click();
    await devices.getByText("Signed in nowhere.").waitFor();
  });

  it("makes a link for a new password that is shown once, suspends and restores", async () => {
    await page.goto(`${fixture.node.url}/admin/people/cyd`);
    const access = part(page, "Access");
    await access.getByRole("button", { name: "Make a link for a new password" }).click();
    await dialog(page).getByRole("button", { name: "Make the link" }).click();
    await access.getByText(/#reset=cyd\./).waitFor();
    await access.getByRole("button", { name: "Hide this note" }).click();
    await access.getByRole("button", { name: "Suspend the account" }).click();
    await dialog(page).getByText("all API keys end").waitFor();
    await shoot(page, "suspend");
    await dialog(page).getByRole("button", { name: "Suspend" }).click();
    await page.getByText("suspended", { exact: true }).waitFor();
    await access.getByRole("button", { name: "Restore the account" }).click();
    await dialog(page).getByRole("button", { name: "Restore" }).click();
    await access.getByRole("button", { name: "Suspend the account" }).waitFor();
  });

  it("makes invitations, and accounts of programs with keys, also on a phone", async () => {
    const { page: small } = await fixture.person("ada", phone);
    await small.goto(`${fixture.node.url}/admin/people`);
    const invitations = part(small, "Invitations");
    await invitations.getByRole("textbox", { name: "For whom" }).fill("New colleagues");
    await invitations.getByRole("button", { name: "Make a link" }).click();
    await invitations.getByText(/#invitation=/).waitFor();
    await looked(small, "people-phone");
    await invitations.getByRole("button", { name: "End the invitation New colleagues" }).click();
    await dialog(small).getByRole("button", { name: "End", exact: true }).click();
    await invitations.getByText("No invitation is valid now.").waitFor();
    const program = part(small, "An account for a program");
    await program.getByRole("textbox", { name: "Name" }).fill("robot");
    await program.getByRole("button", { name: "Make the account" }).click();
    const access = part(small, "Access");
    await access.getByRole("textbox", { name: "What is the key for?" }).fill("Night job");
    await access.getByRole("checkbox", { name: "Reading rooms" }).check();
    await access.getByRole("button", { name: "Create key" }).click();
    await access.getByText(/^The new key/).waitFor();
    await part(small, "Devices and keys")
      .getByText(/never used · ends on .* · for read/)
      .waitFor();
    await looked(small, "program-phone");
    const { sessions } = (await ada.api("GET", "/api/v1/admin/users/robot/sessions")) as {
      sessions: { scopes: string[] }[];
    };
    expect(sessions[0]?.scopes).to.deep.equal(["read"]);
    await small.close();
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("shows roles as a matrix, makes one with conditions, and says who loses what when it goes", async () => {
    await page.goto(`${fixture.node.url}/admin/roles`);
    const matrix = page.getByRole("region", { name: "Permissions by role" });
    await matrix.getByRole("columnheader", { name: "moderator" }).waitFor();
    await looked(page, "roles");
    await page.getByRole("link", { name: "Make a role" }).click();
    await page.getByRole("textbox", { name: "Name" }).fill("auditor");
    await page.getByRole("textbox", { name: "What it is for" }).fill("Reads the audit from the office");
    await page.getByRole("checkbox", { name: /^Reading who changed what in the cluster/ }).check();
    await page.getByRole("button", { name: /^Conditions: Reading who changed what/ }).click();
    const when = page.getByRole("group", { name: /^Conditions of Reading/ });
    await when.getByRole("textbox", { name: "From addresses" }).fill("10.0.0.0/8");
    await when.getByLabel("From (UTC)").fill("08:00");
    await when.getByRole("button", { name: "Use", exact: true }).click();
    await when.getByRole("alert").filter({ hasText: "a start and an end" }).waitFor();
    await when.getByLabel("To (UTC)").fill("18:00");
    for (const day of ["Mon", "Tue"]) await when.getByRole("checkbox", { name: day }).check();
    await looked(page, "role-editor");
    await when.getByRole("button", { name: "Use", exact: true }).click();
    await page.getByText("from 10.0.0.0/8; 08:00–18:00 UTC, Mon Tue").waitFor();
    await page.getByRole("button", { name: "Make the role" }).click();
    await page.getByText("The role auditor was made.").waitFor();
    await matrix.getByRole("cell", { name: /^only from 10/ }).waitFor();
    await ada.api("PUT", "/api/v1/admin/users/cyd/roles", { roles: ["member", "auditor"] });
    await page.getByRole("button", { name: "Remove auditor" }).click();
    await dialog(page)
      .getByText(/^cyd loses: Reading who changed what/)
      .waitFor();
    await shoot(page, "role-removal");
    await dialog(page).getByRole("button", { name: "Remove" }).click();
    await page.getByText("The role auditor was removed.").waitFor();
  });

  it("lets nobody give more than they have, and says why; the matrix fits a phone", async () => {
    await fixture.account("dan");
    await ada.api("PUT", "/api/v1/admin/users/dan/roles", { roles: ["admin"] });
    const { page: small } = await fixture.person("dan", phone);
    await small.goto(`${fixture.node.url}/admin/people/bob`);
    const owner = part(small, "Roles").getByRole("checkbox", { name: /^owner.*cluster\.own, which you do not have/ });
    expect(await owner.isDisabled()).to.equal(true);
    await looked(small, "person-phone");
    await small.goto(`${fixture.node.url}/admin/roles?edit=%2B`);
    const own = small.getByRole("checkbox", { name: /^Making and removing owners.*You do not have this/ });
    expect(await own.isDisabled()).to.equal(true);
    await looked(small, "role-editor-phone");
    await small.goto(`${fixture.node.url}/admin/roles`);
    await small.getByRole("region", { name: "Permissions by role" }).scrollIntoViewIfNeeded();
    await looked(small, "roles-phone");
    const { page: blocked } = await fixture.person("mod");
    await blocked.goto(`${fixture.node.url}/admin/roles`);
    await blocked.getByRole("region", { name: "Permissions by role" }).waitFor();
    expect(await blocked.getByRole("link", { name: "Make a role" }).count()).to.equal(0);
    await small.close();
    await blocked.close();
  });

  it("searches the audit, shows an entry whole with before and after, says how it is proven, and exports it", async () => {
    await page.goto(`${fixture.node.url}/admin/people/cyd`);
    await page.getByRole("link", { name: "What they did" }).click();
    await part(page, "Entries")
      .getByText("Nothing was found.")
      .or(part(page, "Entries").getByRole("button", { name: /user\/cyd/ }))
      .first()
      .waitFor();
    await page.getByRole("button", { name: "Show all" }).click();
    await page.getByRole("combobox", { name: "What" }).selectOption("setRoles");
    await page.getByRole("textbox", { name: "Done to" }).fill("user/cyd");
    await page.keyboard.press("Enter");
    const entry = part(page, "Entries").getByRole("button", {
      name: /user\/ada A person gets or loses roles.*user\/cyd/,
    });
    await entry.click();
    await page.getByRole("row", { name: "roles member member auditor" }).waitFor();
    await part(page, "Proof")
      .getByText(/is complete, and its signature is valid$/)
      .waitFor();
    await looked(page, "audit");
    await page.getByRole("combobox", { name: "Outcome" }).selectOption("refused");
    await page.getByRole("button", { name: "Search", exact: true }).click();
    await part(page, "Entries").getByText("Nothing was found.").waitFor();
    await page.getByRole("combobox", { name: "Format" }).selectOption("cef");
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      part(page, "Export").getByRole("link", { name: "Download" }).click(),
    ]);
    expect(download.suggestedFilename()).to.match(/^audit/);
    const report = part(page, "Report");
    await report.scrollIntoViewIfNeeded();
    await shoot(page, "report");
    const [opened] = await Promise.all([
      page.context().waitForEvent("page"),
      report.getByRole("link", { name: "Open" }).click(),
    ]);
    await opened.getByRole("heading", { name: "People with power" }).waitFor();
    await opened
      .getByRole("row", { name: /ada.*owner/ })
      .first()
      .waitFor();
    await opened.close();
    const [kept] = await Promise.all([
      page.waitForEvent("download"),
      report.getByRole("link", { name: "Download" }).click(),
    ]);
    expect(kept.suggestedFilename()).to.match(/^audit-\d{4}-\d\d-01-.*\.txt$/);
    await report.getByLabel("From").fill("2999-01-01");
    await report.getByText("The period ends before it begins.").waitFor();
    expect(await report.getByRole("link").count()).to.equal(0);
    const { page: small } = await fixture.person("ada", phone);
    await small.goto(`${fixture.node.url}/admin/audit`);
    await part(small, "Entries").getByRole("button").first().click();
    await looked(small, "audit-phone");
    await part(small, "Report").scrollIntoViewIfNeeded();
    await shoot(small, "report-phone");
    await small.close();
  });

  it("is gone through by keys alone: a person is found and given a role, and a role is made", async () => {
    const focusOn = (name: string | RegExp, role: "link" | "button" | "checkbox" | "textbox") =>
      tabTo(page, page.getByRole(role, { name }).first());
    await page.goto(`${fixture.node.url}/admin/people`);
    await part(page, "Accounts").getByRole("link", { name: /^Cyd/ }).waitFor();
    await focusOn("Search", "textbox");
    await page.keyboard.type("cyd");
    await part(page, "Accounts").getByRole("link", { name: /^Ada/ }).waitFor({ state: "detached" });
    await focusOn(/^Cyd/, "link");
    await page.keyboard.press("Enter");
    await part(page, "Roles")
      .getByRole("checkbox", { name: /^guest/ })
      .waitFor();
    await focusOn(/^guest/, "checkbox");
    await page.keyboard.press("Space");
    await focusOn("Change roles", "button");
    await page.keyboard.press("Enter");
    await dialog(page).getByText("Given: guest.").waitFor();
    await tabTo(page, dialog(page).getByRole("button", { name: "Change" }));
    await page.keyboard.press("Enter");
    await page.getByText("The roles of cyd were changed.").waitFor();
    await focusOn("Roles", "link");
    await page.keyboard.press("Enter");
    await page.getByRole("region", { name: "Permissions by role" }).waitFor();
    await focusOn("Make a role", "link");
    await page.keyboard.press("Enter");
    await page.getByRole("textbox", { name: "Name" }).waitFor();
    await focusOn("Name", "textbox");
    await page.keyboard.type("reader");
    await focusOn(/^Reading and following/, "checkbox");
    await page.keyboard.press("Space");
    await page.keyboard.press("Enter");
    await page.getByText("The role reader was made.").waitFor();
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("lists what takes long, says why it failed, and begins it again", async () => {
    await ada.api("POST", "/api/v1/admin/models/pulls", { source: "/nowhere/model.gguf", name: "lost" });
    await page.goto(`${fixture.node.url}/admin/tasks`);
    const rows = part(page, "Tasks").getByRole("row", { name: /Pull of lost/ });
    await rows.getByText("failed", { exact: true }).first().waitFor();
    await looked(page, "tasks");
    await rows
      .getByRole("button", { name: /^Log of pull\./ })
      .first()
      .click();
    const log = page.getByRole("list", { name: /^Lines of the log of pull\./ }).getByRole("listitem");
    await log.first().getByText("begun by ada").waitFor();
    await log
      .last()
      .getByText(/^failed: /)
      .waitFor();
    expect(await page.evaluate("document.activeElement.textContent")).to.equal("Hide the log");
    await looked(page, "task-log");
    const { page: small } = await fixture.person("ada", phone);
    await small.goto(`${fixture.node.url}/admin/tasks`);
    await part(small, "Tasks")
      .getByRole("button", { name: /^Log of pull\./ })
      .first()
      .click();
    await small
      .getByRole("list", { name: /^Lines of the log of pull\./ })
      .getByText("begun by ada")
      .waitFor();
    await looked(small, "task-log-phone");
    await small.close();
    await page.keyboard.press("Enter");
    await log.first().waitFor({ state: "detached" });
    await rows
      .getByRole("button", { name: /^Begin pull\..* again$/ })
      .first()
      .click();
    await rows.nth(1).getByText("failed", { exact: true }).waitFor();
    await page
      .getByText(/Pull of lost at .* failed: /)
      .first()
      .waitFor();
  });

  it("shows alerts with what to do, and takes note of one with a word", async () => {
    await page.goto(`${fixture.node.url}/admin/alerts`);
    const alerts = part(page, "Alerts");
    await alerts.getByText("No alert is open.").waitFor();
    const found = alerts.getByText(/^\d+ sign-ins were refused within/);
    for (let guess = 0; guess < 10; guess += 1)
      await fetch(`${fixture.node.url}/api/v1/sign-in`, {
        method: "POST",
        headers: { origin: fixture.node.url, "content-type": "application/json" },
        body: JSON.stringify({ name: "bob", password: `wrong horse ${guess}` }),
      });
    await found.waitFor();
    await alerts.getByText("Ask the person whether it was them.").waitFor();
    await looked(page, "alerts");
    await alerts.getByRole("button", { name: /^Acknowledge: .*user\/bob/ }).click();
    await dialog(page).getByRole("textbox", { name: "What was the cause?" }).fill("Bob forgot it");
    await dialog(page).getByRole("button", { name: "Acknowledge" }).click();
    await alerts.getByText("No alert is open.").waitFor();
    await alerts.getByText("Acknowledged").click();
    await alerts.getByText(/ada acknowledged it on .*: Bob forgot it/).waitFor();
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("tries a rule on the past before it is switched on; a playbook rehearses until a fresh proof has it act", async () => {
    await page.goto(`${fixture.node.url}/admin/alerts`);
    await part(page, "Detectors").getByText("refused-person", { exact: true }).waitFor();
    const rules = part(page, "Rules over events");
    await rules.getByText("There is no rule yet.").waitFor();
    await rules.getByText("Make a rule, or change one").click();
    await rules.getByRole("textbox", { name: "Name" }).fill("given");
    const text = rules.getByRole("textbox", { name: "The rule as JSON" });
    await text.fill("{ severity");
    await rules.getByRole("button", { name: "Keep it" }).click();
    await rules.getByText(/^This is not JSON/).waitFor();
    const steps = [{ action: "setRoles", outcome: "done" }];
    await text.fill(JSON.stringify({ severity: "notice", withinMinutes: 30, by: "target", steps }));
    await rules.getByRole("button", { name: "Test on the past" }).click();
    await rules.getByText(/^What this rule would have found: [1-9]/).waitFor();
    await rules
      .getByText(/user\/mod/)
      .first()
      .waitFor();
    await rules.getByRole("button", { name: "Keep it" }).click();
    await rules.getByRole("button", { name: "Switch on: given" }).click();
    await rules.getByRole("button", { name: "Switch off: given" }).waitFor();
    const playbooks = part(page, "Playbooks");
    await playbooks.getByText("Make a playbook, or change one").click();
    await playbooks.getByRole("textbox", { name: "Name" }).fill("lock");
    await playbooks.getByRole("button", { name: "Keep it" }).click();
    await playbooks.getByText("rehearses", { exact: true }).waitFor();
    await looked(page, "watch");
    await asIfLater(page, "**/api/v1/admin/playbooks/lock/mode");
    await playbooks.getByRole("button", { name: "Switch on: lock" }).click();
    await dialog(page)
      .getByText(/at most 10 times an hour/)
      .waitFor();
    await dialog(page).getByRole("button", { name: "Switch on" }).click();
    await page.getByRole("textbox", { name: "Password" }).fill("correct horse");
    await page.keyboard.press("Enter");
    await playbooks.getByText("acts", { exact: true }).waitFor();
    await playbooks.getByRole("button", { name: "Rehearse only: lock" }).click();
    await playbooks.getByText("rehearses", { exact: true }).waitFor();
    const { page: small } = await fixture.person("ada", phone);
    await small.goto(`${fixture.node.url}/admin/alerts`);
    await part(small, "Playbooks").getByText("rehearses", { exact: true }).waitFor();
    await looked(small, "watch-phone");
    await small.close();
    expect(fixture.complaints).to.deep.equal([]);
  });

  /** Presses Tab until something has the focus; it is a fault when that never comes. */
  async function tabTo(at: Page, wanted: Locator): Promise<void> {
    for (let presses = 0; presses < 150; presses += 1) {
      if (await wanted.evaluate((element) => element === element.ownerDocument.activeElement)) return;
      await at.keyboard.press("Tab");
    }
    throw new Error("Tab does not lead there");
  }
});
