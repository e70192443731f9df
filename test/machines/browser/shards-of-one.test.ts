import { expect } from "chai";
import { openPages, type Person, type Fixture } from "../../fixtures/page/index.ts";

describe("the shards of a cluster", function () {
  let fixture: Fixture;
  let ada: Person;
  let bob: Person;
  before(async () => {
    fixture = await openPages();
    ada = await fixture.person("ada");
    bob = await fixture.person("bob");
  });
  after(() => fixture.close());

  it("are shown by group and holder, with where each is and what it has", async () => {
    const { page } = ada;
    await page.goto(`${fixture.node.url}/settings/profile`);
    await page.getByRole("link", { name: "Administration" }).click();
    await page.getByRole("link", { name: "Shards", exact: true }).click();
    const group = page.getByRole("region", { name: "Group g1" });
    await group.getByText("1 holder on 1 node. It takes new stripes.").waitFor();
    await group.getByText("No problems.").waitFor();
    const state = page.getByRole("region", { name: "State", exact: true });
    // What is to be typed is code, and is copied as it stands.
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    const command = "plexus invite --role storage";
    await state.locator("code", { hasText: command }).waitFor();
    await state.getByRole("button", { name: `Copy: ${command}` }).click();
    await page.waitForFunction(`navigator.clipboard.readText().then((text) => text === ${JSON.stringify(command)})`);
    await state.getByText("1 node can store new data.").waitFor();
    await state.getByText("0 shards, 0 bytes").waitFor();
    await group.getByRole("button", { name: "Shards of g1.0" }).focus();
    await page.keyboard.press("Enter");
    await group.getByText("It holds no shards yet.").waitFor();
    await page.getByRole("button", { name: "Repair now, without waiting" }).click();
    await page.getByText("0 shards repaired").waitFor();
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("are the admins' to see", async () => {
    await bob.page.goto(`${fixture.node.url}/admin/shards`);
    await bob.page.getByText("Only admins see where shards are.").waitFor();
    expect(fixture.complaints).to.deep.equal([]);
  });
});
