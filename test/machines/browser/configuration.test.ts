import { expect } from "chai";
import type { Page } from "playwright-core";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPages, type Fixture, type Person } from "../../fixtures/page/index.ts";
import { looks, shotsOf } from "../../fixtures/page/looks.ts";

const shot = shotsOf("configuration");

interface History {
  readonly revision: number;
  readonly changes: readonly { readonly revision: number; readonly by: string }[];
}

describe("the configuration of a cluster", function () {
  let fixture: Fixture;
  let ada: Person;
  let page: Page;
  before(async () => {
    // What the machine of a node says for this process counts more than the cluster.
    fixture = await openPages(
      ["--model", "echo", "--context-tokens", "100000", "--control", "127.0.0.1:0"],
      ["env", "PLEXUS_GPU=off"],
    );
    ada = await fixture.person("ada");
    ({ page } = ada);
  });
  after(() => fixture.close());

  const open = async (at: Page): Promise<void> => {
    await at.goto(`${fixture.node.url}/admin/configuration`);
    await settings(at)
      .getByRole("textbox", { name: "Find a setting" })
      .or(at.getByLabel("Find a setting"))
      .first()
      .waitFor();
  };
  const settings = (at: Page) => at.getByRole("region", { name: "Settings", exact: true });
  const row = (at: Page, key: string) =>
    settings(at)
      .getByRole("listitem")
      .filter({ has: at.getByText(key, { exact: true }) });
  const find = (at: Page, text: string) => at.getByLabel("Find a setting").fill(text);
  const history = () => ada.api("GET", "/api/v1/admin/configuration/history") as Promise<History>;
  const form = (at: Page, key: string) => at.getByRole("form", { name: `Change ${key}` });
  /** Opens the form of a key, and writes a value. */
  async function write(at: Page, key: string, value: string): Promise<void> {
    await find(at, key);
    await row(at, key)
      .getByRole("button", { name: `Change: ${key}` })
      .click();
    await form(at, key).getByLabel("Value").fill(value);
  }
  async function looked(at: Page, name: string): Promise<void> {
    await shot(at, name);
    expect(await axeFaults(at, { within: "main" }), name).to.deep.equal([]);
    const wider = await at.locator(".settings-body").evaluate((body) => body.scrollWidth - body.clientWidth);
    expect(wider, `${name} is wider than the screen`).to.equal(0);
  }

  it("shows of each setting its value and source, what takes effect at once, and where it alone can be set", async () => {
    await open(page);
    await find(page, "gpu");
    await row(page, "gpu").getByText("environment: PLEXUS_GPU").waitFor();
    await find(page, "contextTokens");
    await row(page, "contextTokens").getByText("a flag").waitFor();
    await find(page, "signUp");
    await row(page, "signUp").getByText("at once").waitFor();
    await row(page, "signUp").getByText("built in", { exact: true }).waitFor();
    await find(page, "port");
    await row(page, "port")
      .first()
      .getByText(/Can only be set at the node itself/)
      .waitFor();
    expect(await row(page, "port").first().getByRole("button").count()).to.equal(0);
  });

  for (const [name, options] of looks)
    it(`says what a change would do, does it, and goes back to what was before; ${name}`, async () => {
      const { page: at, close } = await fixture.person("ada", options);
      await open(at);
      const before = await history();
      await write(at, "weight", "2");
      await form(at, "weight").getByRole("button", { name: "Preview" }).click();
      await form(at, "weight")
        .getByText(/weight: 1 → 2, at once/)
        .waitFor();
      expect((await history()).revision, "nothing is changed by looking").to.equal(before.revision);
      await looked(at, `preview ${name}`);
      await form(at, "weight").getByRole("button", { name: "Save" }).focus();
      await at.keyboard.press("Enter");
      await at.getByText("weight was changed.").waitFor();
      await row(at, "weight").getByText("set for all nodes").waitFor();
      await row(at, "weight").getByText("2", { exact: true }).waitFor();
      const changes = at.getByRole("list", { name: "Changes of the configuration" });
      const { revision, changes: made } = await history();
      expect(made[0]).to.deep.include({ revision, by: "ada" });
      await changes.getByText("weight: not set → 2").first().waitFor();
      await looked(at, `changes ${name}`);
      await changes.getByRole("button", { name: `Go back to before change ${revision}`, exact: true }).click();
      const question = at.getByRole("dialog");
      await question.getByText(/weight: 2 → 1, at once/).waitFor();
      await question.getByRole("button", { name: "Go back" }).click();
      await at.getByText("The configuration is as it was then.").waitFor();
      await row(at, "weight").getByText("built in", { exact: true }).waitFor();
      await close();
      expect(fixture.complaints).to.deep.equal([]);
    });

  it("says what waits for a restart, and what a node does not take since its machine says otherwise", async () => {
    await open(page);
    await write(page, "contextTokens", "2048");
    await form(page, "contextTokens").getByRole("button", { name: "Preview" }).click();
    await form(page, "contextTokens")
      .getByText(/contextTokens stays as it is .*flag/)
      .waitFor();
    await form(page, "contextTokens").getByRole("button", { name: "Cancel" }).click();
    await write(page, "modelMemoryMiB", "2000");
    await form(page, "modelMemoryMiB").getByRole("button", { name: "Save" }).click();
    await page.getByText("modelMemoryMiB was changed; it takes effect when the nodes are restarted.").waitFor();
    await row(page, "modelMemoryMiB").getByText("After a restart: 2000").waitFor();
    await row(page, "modelMemoryMiB").getByRole("button", { name: "Change: modelMemoryMiB" }).click();
    await form(page, "modelMemoryMiB").getByRole("button", { name: "Remove this setting" }).click();
    await row(page, "modelMemoryMiB").getByText("After a restart: 2000").waitFor({ state: "detached" });
  });

  it("refuses a value that cannot be, in plain words at its field, and the cluster is as it was", async () => {
    const { revision } = await history();
    await open(page);
    await write(page, "weight", "many");
    await form(page, "weight").getByRole("button", { name: "Save" }).click();
    await form(page, "weight")
      .getByText(/^This value /)
      .waitFor();
    await form(page, "weight").getByLabel("Value").fill("-3");
    await form(page, "weight").getByRole("button", { name: "Preview" }).click();
    await form(page, "weight")
      .getByText(/^This value /)
      .waitFor();
    await looked(page, "refused");
    await form(page, "weight").getByRole("button", { name: "Cancel" }).click();
    await write(page, "adminAddresses", "192.0.2.0/24");
    await form(page, "adminAddresses").getByRole("button", { name: "Save" }).click();
    await form(page, "adminAddresses")
      .getByText(/lock you out/)
      .waitFor();
    expect((await history()).revision).to.equal(revision);
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("overwrites nothing that another admin has changed since the form was opened", async () => {
    await open(page);
    await write(page, "weight", "3");
    const { revision } = await history();
    await ada.api("PUT", "/api/v1/admin/configuration", { revision, set: { weight: 5 } });
    await form(page, "weight").getByRole("button", { name: "Save" }).click();
    await form(page, "weight")
      .getByText("ada has changed the configuration meanwhile. Look at it, then save again.")
      .waitFor();
    const now = (await ada.api("GET", "/api/v1/admin/configuration?own=true")) as {
      scopes: { values: { weight?: { value: number } } }[];
    };
    expect(now.scopes[0]?.values.weight?.value).to.equal(5);
    await form(page, "weight").getByRole("button", { name: "Save" }).click();
    await page.getByText("weight was changed.").waitFor();
    await row(page, "weight").getByText("3", { exact: true }).waitFor();
    const after = await history();
    await ada.api("POST", "/api/v1/admin/configuration/rollback", { revision: after.revision, to: revision });
  });

  it("keeps secrets that nobody reads again: one is set, replaced and removed", async () => {
    await open(page);
    const list = page.getByRole("list", { name: "Secrets" });
    await page.getByText("Set a secret", { exact: true }).first().click();
    const set = page.locator("form[data-form=secret]");
    await set.getByLabel("Name").fill("relay");
    await set.getByLabel("Only for these hosts").fill("relay.example.org");
    await set.getByLabel("The secret").fill("first words");
    await set.getByRole("button", { name: "Save" }).click();
    await page.getByText("relay was set.").waitFor();
    await list.getByText("Only for relay.example.org").waitFor();
    await list.getByRole("button", { name: "Replace: relay" }).click();
    const replace = page.locator("form[data-form=secret-replaced]");
    await replace.getByLabel("The secret").fill("second words");
    await replace.getByRole("button", { name: "Replace" }).click();
    await page.getByText("relay was replaced.").waitFor();
    expect(await page.content()).to.not.match(/first words|second words/);
    const told = JSON.stringify(await ada.api("GET", "/api/v1/admin/secrets"));
    expect(told)
      .to.include('"version":2')
      .and.not.to.match(/first words|second words/);
    await list.getByRole("button", { name: "Remove: relay" }).click();
    await page.getByRole("alertdialog").or(page.getByRole("dialog")).getByRole("button", { name: "Remove" }).click();
    await list.getByText("relay", { exact: true }).waitFor({ state: "detached" });
    expect(fixture.complaints).to.deep.equal([]);
  });
});
