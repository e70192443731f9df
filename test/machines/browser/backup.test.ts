import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import type { Page } from "playwright-core";
import { readControlFile } from "../../../cli/cluster/control.ts";
import type { BackupResults, ClusterBackupTasks, RecallRequests, ShardsView } from "../../../protocols/index.ts";
import { plexus } from "../../fixtures/processes/plexus-command.ts";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPages, type Person, type Fixture } from "../../fixtures/page/index.ts";
import { pageWaitMs, until } from "../../waits.ts";

/** Has the node think that everybody gave the password long ago, until it is given again: nobody waits ten minutes
 *  here. */
async function asIfLater(page: Page): Promise<void> {
  const error = { code: "SIGN_IN_AGAIN", outcome: "not_started", message: "again" };
  await page.route("**/api/v1/admin/backups/holds", (route) =>
    route.request().method() === "POST" ? route.fulfill({ status: 403, json: { error } }) : route.fallback(),
  );
  await page.route("**/api/v1/me/session/confirm", async (route) => {
    const response = await route.fetch();
    if (response.ok()) await page.unroute("**/api/v1/admin/backups/holds");
    await route.fulfill({ response });
  });
}

describe("the backups of a cluster", function () {
  let outside: string;
  let fixture: Fixture;
  let ada: Person;
  let eve: Person;
  before(async () => {
    outside = await mkdtemp(join(tmpdir(), "plexus-backup-page-"));
    // One node keeps its own backups, which nothing but this test would want.
    process.env["PLEXUS_SHARD_SCHEMES"] = "default=2/1";
    fixture = await openPages().finally(() => delete process.env["PLEXUS_SHARD_SCHEMES"]);
    ada = await fixture.person("ada");
    eve = await fixture.person("eve");
    await ada.api("POST", "/api/v1/rooms", { room: "lobby", title: "Lobby" });
    await ada.api("POST", "/api/v1/rooms/lobby/messages", { text: "Meet at the harbour" });
    await eve.api("POST", "/api/v1/rooms", { room: "secret", title: "Secret", visibility: "private" });
    await eve.api("POST", "/api/v1/rooms/secret/messages", { text: "Nobody else reads this" });
    await ada.api("POST", "/api/v1/rooms", { room: "kitchen", title: "Kitchen" });
    await eve.api("POST", "/api/v1/rooms/kitchen/join", {});
    const cooks = async (person: Person, text: string, replyTo?: number) =>
      person.api("POST", "/api/v1/rooms/kitchen/messages", { text, ...(replyTo !== undefined && { replyTo }) });
    await cooks(ada, "What shall we cook?");
    await cooks(eve, "Soup with leeks", 1);
    await cooks(ada, "Bread goes with it", 1);
    await cooks(eve, "Soup is not of the thread here");
    await ada.api("PUT", "/api/v1/admin/users/eve", { admin: true });
    await until("somebody keeps shards", async () => {
      const { groups } = (await ada.api("GET", "/api/v1/admin/shards")) as ShardsView;
      expect(groups.filter(({ open }) => open)).to.not.deep.equal([]);
    });
  });
  after(async () => {
    await fixture.close();
    await rm(outside, { recursive: true, force: true });
  });

  const part = (page: Page, name: string) => page.getByRole("region", { name, exact: true });
  const faults = (page: Page) => axeFaults(page, { within: "main" });

  it("say what is missing first, are made at a button, checked, scheduled, and shown", async () => {
    const { page } = ada;
    await page.goto(`${fixture.node.url}/settings/profile`);
    await page.getByRole("link", { name: "Administration" }).click();
    await page.getByRole("link", { name: "Backups", exact: true }).click();
    await part(page, "State").getByText("so nothing can be backed up. Make one: plexus backup kit make").waitFor();
    await plexus(fixture.node, "backup", "kit", "make", "--to", join(outside, "kit"));
    await part(page, "State").getByText("There is no backup yet. Make the first one below.").waitFor();
    await part(page, "State").getByRole("button", { name: "Back up now" }).click();
    await part(page, "Tasks")
      .getByText(/^Snapshot 1: /)
      .waitFor();
    await part(page, "Snapshots").getByRole("button", { name: "Check snapshot 1" }).click();
    await part(page, "Tasks")
      .getByText(/: no damage\.$/)
      .waitFor();

    const schedules = part(page, "Schedules");
    await schedules.getByText(/^Every day at 03:00\. Next: /).waitFor();
    await schedules.getByRole("textbox", { name: "As cron fields" }).fill("0 3 * *");
    await schedules.getByText("These are not five fields of cron").waitFor();
    await schedules.getByRole("combobox", { name: "When" }).selectOption("Every hour");
    await schedules.getByRole("textbox", { name: "By the clock of" }).fill("Mars/Olympus");
    await schedules.getByText("No time zone has this name.").waitFor();
    await schedules.getByRole("textbox", { name: "By the clock of" }).fill("Europe/Vienna");
    await schedules.getByRole("button", { name: "Add" }).focus();
    await page.keyboard.press("Enter");
    await schedules.getByText(/^Every hour \(Europe\/Vienna\) · next /).waitFor();
    await schedules.getByRole("textbox", { name: "Name" }).fill("tidy");
    await schedules.getByRole("combobox", { name: "What it does" }).selectOption("Removes old snapshots");
    await schedules.getByRole("textbox", { name: "Newest" }).fill("3");
    await schedules.getByRole("button", { name: "Add" }).click();
    await schedules.getByText("tidy Removes old snapshots").waitFor();
    await schedules.getByRole("textbox", { name: "Name" }).fill("rehearsal");
    await schedules.getByRole("combobox", { name: "What it does" }).selectOption("Rehearses a restore");
    await schedules.getByRole("button", { name: "Add" }).click();
    await schedules.getByText("rehearsal Rehearses a restore").waitFor();
    const kept = (await ada.api("GET", "/api/v1/admin/backups/schedules")) as {
      schedules: { name: string; wish: object }[];
    };
    expect(kept.schedules.find(({ name }) => name === "tidy")?.wish).to.deep.equal({
      sort: "prune",
      apply: true,
      keep: { last: 3, daily: 7, weekly: 8, monthly: 12 },
    });
    await part(page, "State").getByText("Backups are fine").waitFor();
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await faults(page), colorScheme).to.deep.equal([]);
    }
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("are rehearsed at a button and on a schedule, in a scratch folder of which nothing stays; the report says how far that goes", async () => {
    const { page } = ada;
    await part(page, "State").getByRole("button", { name: "Rehearse a restore now" }).click();
    await part(page, "Tasks")
      .getByText(
        /^Snapshot 1 comes back whole, in .*: [0-9,]+ parts? compared\. A node was started from it: .* signed in and read/,
      )
      .waitFor();
    await ada.api("PUT", "/api/v1/admin/backups/schedules/often", {
      cron: "* * * * *",
      timeZone: "UTC",
      wish: { sort: "drill" },
    });
    const task = await until(
      "the schedule rehearses",
      async () => {
        const { tasks } = (await ada.api("GET", "/api/v1/admin/backups/tasks")) as ClusterBackupTasks;
        const done = tasks.find(({ schedule, endedAtMs }) => schedule === "often" && endedAtMs !== undefined);
        expect(done).not.to.equal(undefined);
        return done;
      },
      pageWaitMs,
    );
    await ada.api("DELETE", "/api/v1/admin/backups/schedules/often");
    expect([task?.state, (task?.result as BackupResults["drill"] | undefined)?.whole]).to.deep.equal(["done", true]);
    expect(await readdir(join(fixture.node.data, "drill"))).to.deep.equal([]);
    await part(page, "State").getByText("Backups are fine").waitFor();
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("give back a room to who may read it, as an archive", async () => {
    const { page } = ada;
    const recall = part(page, "Recall");
    await recall.getByRole("combobox", { name: "Which", exact: true }).fill("lobby");
    await recall.getByRole("button", { name: "Show how much it is" }).click();
    await recall.getByText(/records? of 1 room, account or agent, up to/).waitFor();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      recall.getByRole("button", { name: "Download" }).click(),
    ]);
    expect(download.suggestedFilename()).to.match(/^recall-\d{4}-\d\d-\d\d\.tar$/);
    const archive = await readFile((await download.path())!, "latin1");
    expect(archive)
      .to.include("room/lobby/message/")
      .and.to.include("Meet at the harbour")
      .and.to.include("recall.json");
    expect(archive).to.not.include("Nobody else reads this");
  });

  it("give back a thread of replies, of a person, of some days, as it was on a day; a day that cannot be is said at its field", async () => {
    const { page } = ada;
    const recall = part(page, "Recall");
    const show = recall.getByRole("button", { name: "Show how much it is" });
    await recall.getByRole("combobox", { name: "Bring back" }).selectOption("A thread of a room");
    await recall.getByRole("combobox", { name: "In which room" }).fill("kitchen");
    const message = recall.getByRole("combobox", { name: "Its first message" });
    await recall
      .locator('option[value="1"][label^="2 replies, the last by ada: Bread goes"]')
      .waitFor({ state: "attached" });
    await message.fill("first");
    await show.click();
    await recall.getByText("The number of a message: a thread is named by its first one.").waitFor();
    await message.fill("1");
    await recall.getByLabel("From").fill("2030-01-01T00:00");
    await recall.getByLabel("Before").fill("2020-01-01T00:00");
    await show.click();
    await recall.getByText("A day and a time, before the one in “Before”.").waitFor();
    await recall.getByLabel("From").fill("2020-01-01T00:00");
    await recall.getByLabel("Before").fill("2090-01-01T00:00");
    await recall.getByLabel("As it was on").fill("2001-01-01T00:00");
    await show.click();
    await recall.getByText(/no snapshot of that time or earlier/).waitFor();
    await recall.getByLabel("As it was on").fill("2080-01-01T00:00");
    await recall.getByText(/^Days and times are in your time zone, \w+/).waitFor();
    await recall.getByRole("combobox", { name: "Written by" }).fill("eve");
    await show.click();
    await recall
      .getByText(
        /room\/kitchen, message 1 and its replies, the data and messages of eve, from .* 2020.*, before .* 2090.*, as it was on .* 2080/,
      )
      .waitFor();
    const folderOfShots = process.env["PLEXUS_TEST_SHOTS"];
    for (const width of [1280, 390]) {
      await page.setViewportSize({ width, height: 844 });
      if (folderOfShots !== undefined) await recall.screenshot({ path: `${folderOfShots}/recall-${width}.png` });
      expect(await faults(page), String(width)).to.deep.equal([]);
      const wider = await page.locator(".settings-body").evaluate((body) => body.scrollWidth - body.clientWidth);
      expect(wider, `wider than ${width}`).to.equal(0);
    }
    await page.setViewportSize({ width: 1280, height: 800 });
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      recall.getByRole("button", { name: "Download" }).click(),
    ]);
    const archive = await readFile((await download.path())!, "latin1");
    expect(archive).to.include("Soup with leeks");
    for (const other of ["What shall we cook?", "Bread goes with it", "not of the thread"])
      expect(archive).to.not.include(other);
    // What was chosen here is not what the next one asks for.
    await page.reload();
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("bring what was deleted back into its room, after a preview, and take it back again", async () => {
    const { page } = ada;
    await ada.api("DELETE", "/api/v1/rooms/lobby/messages/1");
    const recall = part(page, "Recall");
    await recall.getByRole("combobox", { name: "Which", exact: true }).fill("lobby");
    await recall.getByRole("textbox", { name: "With these words" }).fill("HARBOUR");
    await recall.getByRole("button", { name: "Show how much it is" }).click();
    await recall.getByRole("button", { name: "Bring back into rooms" }).click();
    const rules = recall.getByRole("form", { name: "How it comes back" });
    await rules.getByRole("button", { name: "What would come back?" }).click();
    await rules.getByText("1 were deleted since").waitFor();
    expect(await rules.getByRole("button", { name: /^Bring back/ }).count(), "it stays deleted").to.equal(0);
    await rules.getByRole("combobox", { name: "What was deleted since then" }).selectOption("comes back as well");
    await rules.getByRole("button", { name: "What would come back?" }).click();
    await rules.getByText(/^1 message of 1 conversation, 19 bytes would come back\. It takes about/).waitFor();
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await faults(page), colorScheme).to.deep.equal([]);
    }
    await rules.getByRole("button", { name: "Bring back 1 message" }).click();
    const tasks = part(page, "Tasks");
    await tasks.getByText("1 message of 1 conversation, 19 bytes came back as new messages.").waitFor();
    type Messages = { readonly messages: readonly { readonly text: string; readonly restored?: object }[] };
    const texts = async () =>
      ((await ada.api("GET", "/api/v1/rooms/lobby/messages")) as Messages).messages
        .filter(({ restored }) => restored !== undefined)
        .map(({ text }) => text);
    expect(await texts()).to.deep.equal(["Meet at the harbour"]);
    await tasks.getByRole("button", { name: /^Take back task/ }).click();
    await page.getByRole("button", { name: "Take back", exact: true }).last().click();
    await tasks.getByText("1 message removed from 1 conversation.").waitFor();
    expect(await texts()).to.deep.equal([""]);
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("give others' private things back only when another admin agrees", async () => {
    const { page } = ada;
    const recall = part(page, "Recall");
    await recall.getByRole("textbox", { name: "With these words" }).fill("");
    await recall.getByRole("combobox", { name: "Which", exact: true }).fill("secret");
    await recall.getByRole("button", { name: "Show how much it is" }).click();
    await recall.getByRole("button", { name: "Download" }).click();
    await recall.getByRole("textbox", { name: /a second admin has to agree/ }).fill("She lost it");
    await recall.getByRole("button", { name: "Ask for approval" }).click();
    await part(page, "Approvals")
      .getByText(/^No other admin has had the role for a day, so the operator approves it until/)
      .waitFor();

    await eve.page
      .getByText(/Ada \(ada\) asks for a recall of room\/secret.*She lost it/)
      .first()
      .waitFor();
    await eve.page.goto(`${fixture.node.url}/admin/backup`);
    await part(eve.page, "Approvals")
      .getByText(/^No other admin has had the role for a day/)
      .waitFor();
    const answers = part(eve.page, "Approvals").getByRole("button", { name: /^(?:Approve|Decline|Begin|Withdraw)/ });
    expect(await answers.count(), "eve was made one just now").to.equal(0);
    const control = await readControlFile(fixture.node.data);
    const headers = { authorization: `Bearer ${control?.controlToken ?? ""}` };
    const asked = `${fixture.node.url}/api/v1/admin/backups/requests`;
    const { requests } = (await (await fetch(asked, { headers })).json()) as RecallRequests;
    const approved = await fetch(`${asked}/${requests[0]?.id ?? ""}/approve`, { method: "POST", headers });
    expect(approved.status).to.equal(200);
    await part(page, "Approvals")
      .getByText(/^Approved by operator/)
      .waitFor();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      part(page, "Approvals")
        .getByRole("button", { name: /^Begin/ })
        .click(),
    ]);
    expect(await readFile((await download.path())!, "latin1")).to.include("Nobody else reads this");
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("are held against a prune, once the password is given again", async () => {
    const { page } = ada;
    await asIfLater(page);
    const holds = part(page, "Legal holds");
    await holds.getByRole("textbox", { name: "Its name" }).fill("lobby");
    await holds.getByRole("textbox", { name: "Why" }).fill("Case 12");
    await holds.getByRole("button", { name: "Hold" }).click();
    await page.getByRole("textbox", { name: "Password" }).fill("wrong horse");
    await page.keyboard.press("Enter");
    await page.getByText("This is not your password.").waitFor();
    await page.getByRole("textbox", { name: "Password" }).fill("correct horse");
    await page.keyboard.press("Enter");
    await holds.getByText(/^Case 12 · since/).waitFor();

    await part(page, "State").getByRole("button", { name: "Back up now" }).click();
    await part(page, "Tasks")
      .getByText(/^Snapshot 2: /)
      .waitFor();
    const prune = part(page, "Prune");
    for (const period of ["Daily", "Weekly", "Monthly"]) await prune.getByRole("textbox", { name: period }).fill("");
    await prune.getByRole("textbox", { name: "Newest" }).fill("1");
    await prune.getByRole("button", { name: "What would be removed?" }).click();
    await prune.getByText("1 stays: held").waitFor();
    await holds.getByRole("button", { name: "Lift the hold on room/lobby" }).click();
    await page.getByRole("button", { name: "Lift", exact: true }).last().click();
    await holds.getByText(/^Case 12/).waitFor({ state: "hidden" });
    await prune.getByRole("button", { name: "What would be removed?" }).click();
    await prune.getByRole("button", { name: "Remove 1 snapshot" }).click();
    await page.getByRole("button", { name: "Remove", exact: true }).last().click();
    await part(page, "Tasks")
      .getByText(/^1 snapshot \(1\) removed/)
      .waitFor();
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("are the admins' to see, also on a phone", async () => {
    const bob = await fixture.person("bob", { viewport: { width: 390, height: 844 } });
    await bob.page.goto(`${fixture.node.url}/admin/backup`);
    await bob.page.getByText("Only admins see and make backups.").waitFor();
    const phone = await fixture.person("ada", { viewport: { width: 390, height: 844 } });
    await phone.page.goto(`${fixture.node.url}/admin/backup`);
    await part(phone.page, "Keys")
      .getByText(/open it, of/)
      .waitFor();
    const overflow = await phone.page.locator(".settings-body").evaluate((body) => body.scrollWidth - body.clientWidth);
    expect(overflow).to.equal(0);
    expect(await faults(phone.page)).to.deep.equal([]);
    expect(fixture.complaints).to.deep.equal([]);
  });
});
