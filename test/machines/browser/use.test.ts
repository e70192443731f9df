import { readFile } from "node:fs/promises";
import { expect } from "chai";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPages, type Fixture } from "../../fixtures/page/index.ts";
import { looks } from "../../fixtures/page/looks.ts";
import { untilTrue } from "../../waits.ts";

describe("use of the program on the page", () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await openPages();
    const root = await fixture.account("root");
    await root.api("POST", "/api/v1/rooms", { room: "lobby", title: "Lobby" });
    for (let at = 0; at < 3; at += 1) await root.api("POST", "/api/v1/rooms/lobby/messages", { text: `Message ${at}` });
  });
  after(() => fixture.close());

  it("takes feedback of people, once it is on", async () => {
    const root = await fixture.person("root");
    const { page } = root;
    await page.goto(`${fixture.node.url}/settings/account`);
    const part = page.getByRole("region", { name: "Feedback" });
    await part.getByRole("textbox").fill("The search finds what I look for.");
    await part.getByRole("button", { name: "Send feedback" }).click();
    await page.getByText("Thank you. The admins can read it.").waitFor();
    expect(await axeFaults(page, { within: "main" })).to.deep.equal([]);
    await page.goto(`${fixture.node.url}/admin/usage`);
    const use = page.getByRole("region", { name: "Use of the program" });
    await use.getByRole("button", { name: "Switch it off" }).click();
    await use.getByText("This is switched off").waitFor();
    await page.goto(`${fixture.node.url}/settings/account`);
    await part.getByRole("textbox").fill("And one thing more.");
    await part.getByRole("button", { name: "Send feedback" }).click();
    await part.getByRole("alert").filter({ hasText: "switched feedback off" }).waitFor();
    await page.goto(`${fixture.node.url}/admin/usage`);
    await use.getByRole("button", { name: "Switch it on" }).click();
    await use.getByRole("button", { name: "Switch it off" }).waitFor();
    await root.close();
  });

  for (const [name, options] of looks)
    it(`shows what is used and what people say, ${name}`, async () => {
      const root = await fixture.person("root", options);
      const { page } = root;
      await page.goto(`${fixture.node.url}/admin/usage`);
      const use = page.getByRole("region", { name: "Use of the program" });
      await use.getByText("The search finds what I look for.").waitFor();
      expect(await axeFaults(page, { within: "main" })).to.deep.equal([]);
      const folder = process.env["PLEXUS_TEST_SHOTS"];
      if (folder !== undefined) {
        await use.getByText("The search finds what I look for.").scrollIntoViewIfNeeded();
        await page.screenshot({ path: `${folder}/use-${name.replaceAll(" ", "-")}.png` });
      }
      await root.close();
    });

  it("counts commands, gives them as CSV, and deletes all", async () => {
    const root = await fixture.person("root");
    const { page } = root;
    const use = page.getByRole("region", { name: "Use of the program" });
    await untilTrue("the node has told what was used", async () => {
      await page.goto(`${fixture.node.url}/admin/usage`);
      await use.getByRole("group", { name: "Commands that were used" }).waitFor();
      return (await use.getByRole("rowheader", { name: "room.post" }).count()) > 0;
    });
    const [csv] = await Promise.all([
      page.waitForEvent("download"),
      use.getByRole("button", { name: "Download use as CSV" }).click(),
    ]);
    expect(await readFile(await csv.path(), "utf8")).to.match(
      /^day,what,count\r\n.*2\d{3}-\d\d-\d\d,room\.post,3\r\n/s,
    );
    await use.getByRole("button", { name: /^Done: The search/ }).click();
    await use.getByText(/, done$/).waitFor();
    await use.getByRole("button", { name: "Delete all of it" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete them" }).click();
    await use.getByText("No command was counted yet.").waitFor();
    await use.getByText("Nobody has said anything.").waitFor();
    await root.close();
  });
});
