import { readFile, rm, writeFile } from "node:fs/promises";
import { expect } from "chai";
import type { Page } from "playwright-core";
import type { HolderRow, ShardsView, StripePut, StripeRef } from "../../../protocols/index.ts";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPages, type Fixture, type Person } from "../../fixtures/page/index.ts";
import { JoinedNodes } from "../../fixtures/page/joined.ts";
import { plexus } from "../../fixtures/processes/plexus-command.ts";
import { shardFilesOf } from "../../fixtures/processes/shard-files.ts";
import { untilTrue } from "../../waits.ts";

const phone = { viewport: { width: 390, height: 844 }, hasTouch: true };

describe("the page of shards of three nodes that keep them", function () {
  // Each goes on with the nodes of the one before.
  this.bail(true);
  let fixture: Fixture;
  let ada: Person;
  let page: Page;
  let small: Person;
  let stripe: StripeRef;
  const others = new JoinedNodes();

  const region = (name: string) => page.getByRole("region", { name, exact: true });
  /** A figure of the glance, as soon as it says so; the page is never loaded again. */
  const says = async (figure: string, text: RegExp) =>
    region("State")
      .locator("div", { has: page.getByText(figure, { exact: true }) })
      .locator("dd", { hasText: text })
      .first()
      .waitFor();
  const isWell = () => region("State").getByText("All shards are where they should be").waitFor();
  const groupOf = () => region(`Group ${stripe.group}`);
  const holderOn = (node: string) =>
    groupOf()
      .locator("li.model-row")
      .filter({ hasText: `on ${node}` });
  /** The bytes of this stripe's shard on a node's disk. */
  async function fileAt(node: string): Promise<string> {
    const hashes = stripe.shards.map(({ hash }) => hash);
    const files = await shardFilesOf(others.named(node).data);
    return files.find((path) => hashes.some((hash) => path.endsWith(hash))) ?? "none";
  }
  const view = async () => (await ada.api("GET", "/api/v1/admin/shards")) as ShardsView;

  /** What axe finds, and whether something is wider than the screen, on a desk and on a phone. */
  async function looked(name: string): Promise<void> {
    await small.page.goto(`${fixture.node.url}/admin/shards`);
    await small.page.getByRole("region", { name: "State", exact: true }).waitFor();
    for (const [at, width] of [
      [page, "wide"],
      [small.page, "phone"],
    ] as const) {
      const folderOfShots = process.env["PLEXUS_TEST_SHOTS"];
      if (folderOfShots !== undefined)
        await at.screenshot({ path: `${folderOfShots}/shards-${name}-${width}.png`, fullPage: true });
      expect(await axeFaults(at, { within: "main" }), name).to.deep.equal([]);
      const wider = await at.locator(".settings-body").evaluate((body) => body.scrollWidth - body.clientWidth);
      expect(wider, `${name} is wider than the screen`).to.equal(0);
    }
  }

  before(async () => {
    fixture = await openPages(["--name", "first", "--model", "echo", "--role", "manager,chat,gateway,storage"]);
    ada = await fixture.person("ada");
    ({ page } = ada);
    small = await fixture.person("ada", phone);
    for (const name of ["second", "third"]) await others.invited(ada, name, ["chat", "storage"]);
    await page.goto(`${fixture.node.url}/admin/shards`);
  });
  after(async () => {
    await others.close();
    await fixture.close();
  });

  it("shows a group of three holders, and what each has, while it stays open", async () => {
    await page.getByText("3 holders on 3 nodes. It takes new stripes.").first().waitFor();
    const bytes = Buffer.alloc(300_000, "shards").toString("base64");
    ({ stripe } = (await ada.api("POST", "/api/v1/admin/shards/stripes", { bytes })) as StripePut);
    await says("Kept", /^3 shards, /);
    await says("To repair", /^nothing$/);
    await says("Repaired so far", /^nothing yet$/);
    await isWell();
    for (const node of ["first", "second", "third"]) {
      await region("Nodes").getByRole("listitem").filter({ hasText: node }).getByText("It is trusted.").waitFor();
      await holderOn(node).getByText("No problems.").waitFor();
    }
    await holderOn("third")
      .getByRole("button", { name: /^Shards of / })
      .click();
    await holderOn("third").getByRole("list").getByText(stripe.id).waitFor();
    await looked("well");
  });

  it("repairs a shard whose file is gone, at once by the button, and says which node has done it", async () => {
    await rm(await fileAt("third"));
    await page.getByRole("button", { name: "Repair now, without waiting" }).click();
    const done = page.getByRole("status").getByRole("listitem").filter({ hasText: "third" });
    await done.getByText("1 shard repaired").waitFor();
    await says("Repaired so far", /^1 shard, last just now$/);
    await holderOn("third").getByText("repaired so far: 1 shard, last just now").waitFor();
    await isWell();
    expect(await readFile(await fileAt("third"))).to.have.lengthOf.above(0);
  });

  it("shows what was found damaged and repaired by itself", async () => {
    const path = await fileAt("second");
    const rotten = await readFile(path);
    rotten[1_000] = (rotten[1_000] as number) ^ 4;
    await writeFile(path, rotten);
    // As an audit does, which comes some minutes later.
    await ada.api("POST", "/api/v1/admin/shards/stripes/inspect", { stripe, deep: true });
    await holderOn("second").getByText("repaired so far: 1 shard, last just now").waitFor();
    await says("Repaired so far", /^2 shards, last just now$/);
    await isWell();
    await looked("repaired");
  });

  it("says what is not known while a node is down, and is well when it is back", async () => {
    await others.named("third").end("SIGKILL");
    await region("State")
      .getByText("third is down. The cluster waits for it, then rebuilds the shards on other nodes.")
      .waitFor();
    await region("Nodes").getByRole("listitem").filter({ hasText: "third" }).getByText("It is down.").waitFor();
    await says("Nodes that keep shards", /^2 of 3 up$/);
    // Another node takes the holder over, without its bytes.
    await says("To repair", /^1 shard$/);
    await region("State").getByText("Shards are being repaired").waitFor();
    await groupOf().getByText("1 shard missing or damaged. The cluster rebuilds them").first().waitFor();
    await groupOf()
      .getByText(/ · missing$/)
      .waitFor();
    await looked("down");
    await others.named("third").start();
    await isWell();
    await says("Kept", /^3 shards, /);
    // Where its holder went home no byte was brought; where it stayed, they were copied from the node that is back.
    await says("Repaired so far", /^[23] shards, last /);
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("says the same as the terminal", async () => {
    const listed = await plexus(fixture.node, "shards", "list", "--json");
    const rows = listed
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as HolderRow & { readonly group: string });
    const mine = rows.filter(({ group }) => group === stripe.group);
    expect(mine.map(({ sums }) => sums?.held.shards)).to.deep.equal([1, 1, 1]);
    const mended = mine.reduce((sum, { sums }) => sum + (sums?.mended?.shards ?? 0), 0);
    await untilTrue("the page says the same", async () => {
      const text = await region("State").innerText();
      return text.includes(`${mended} shards, last`) && mended >= 2;
    });
    expect((await view()).nodes.map(({ name }) => name)).to.have.members(["first", "second", "third"]);
  });

  it("invites a node for so much and for backups alone, and shows that it keeps to it", async () => {
    await page.goto(`${fixture.node.url}/admin/nodes`);
    const invite = region("Invite a node");
    for (const role of ["manager", "chat", "ai", "gateway"])
      await invite.getByRole("checkbox", { name: new RegExp(`^${role}:`) }).uncheck();
    const most = invite.getByRole("textbox", { name: "Most that it keeps, in GB" });
    await most.fill("a little");
    await invite.getByRole("button", { name: "Make an invitation" }).click();
    await invite.getByText("A number of gigabytes, such as 200 or 0.5.").waitFor();
    await most.fill("0.064");
    await invite.getByRole("checkbox", { name: "Only new backups" }).check();
    await invite.getByRole("button", { name: "Make an invitation" }).click();
    await invite.getByText("It keeps at most 61 MiB of shards, of backup alone.").waitFor();
    const folderOfShots = process.env["PLEXUS_TEST_SHOTS"];
    if (folderOfShots !== undefined) await invite.screenshot({ path: `${folderOfShots}/invite-storage.png` });
    expect(await axeFaults(page, { within: "main" })).to.deep.equal([]);
    const command = (await invite.locator("pre").textContent()) ?? "";
    // It gives itself more.
    process.env["PLEXUS_SHARD_QUOTA"] = "500gb";
    await others.start("fourth", command.split(" ").slice(2)).finally(() => delete process.env["PLEXUS_SHARD_QUOTA"]);
    await page.goto(`${fixture.node.url}/admin/shards`);
    const row = region("Nodes").getByRole("listitem").filter({ hasText: "fourth" });
    await row
      .getByText("room for 61 MiB · at most 61 MiB · may keep at most 61 MiB of shards, of backup alone · ")
      .waitFor();
    expect(await plexus(fixture.node, "shards", "list")).to.match(
      /fourth .*61 MiB .*61 MiB \(may keep at most 61 MiB of shards, of backup alone\)/,
    );
    // Once more from its data: what it may keep stays.
    await others.named("fourth").end("SIGKILL");
    await row.getByText("It is down.").waitFor();
    await others.named("fourth").start();
    await row.getByText("at most 61 MiB · may keep at most 61 MiB of shards").waitFor();
    // An admin allows it less, and the terminal more again.
    await page.goto(`${fixture.node.url}/admin/nodes`);
    await page.getByRole("button", { name: "Storage of fourth" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("textbox", { name: "Most that it keeps, in GB" }).fill("0.032");
    await dialog.getByRole("button", { name: "Change" }).click();
    await page.getByText(/^fourth keeps at most 3\d MiB of shards from now on\./).waitFor();
    expect(await plexus(fixture.node, "nodes", "storage", "fourth", "64mb")).to.include("at most 61 MiB of shards");
    expect(fixture.complaints).to.deep.equal([]);
  });
});
