import { expect } from "chai";
import { openPages, type Fixture, type Person } from "../fixtures/page/index.ts";

describe("a secret that two people set", function () {
  let fixture: Fixture, ada: Person;
  before(async () => {
    fixture = await openPages();
    ada = await fixture.person("ada", { viewport: { width: 1280, height: 800 } });
  });
  after(() => fixture.close());

  it("is not overwritten by who began before the other one, though the list shows it by then", async () => {
    const { page } = ada;
    const versions = async (): Promise<unknown> => {
      const answer = await ada.api("GET", "/api/v1/admin/secrets");
      return (answer as { secrets: { version: number }[] }).secrets.map(({ version }) => version);
    };
    await page.goto(`${fixture.node.url}/admin/configuration`);
    await page.getByText("Set a secret", { exact: true }).first().click();
    const form = page.locator("form[data-form=secret]");
    await form.getByLabel("Name").fill("again");
    await form.getByLabel("Only for these hosts").fill("api.example.org");
    await ada.api("PUT", "/api/v1/admin/secrets/again", { value: "theirs", for: ["api.example.org"] });
    await page.getByRole("list", { name: "Secrets" }).getByText("again", { exact: true }).waitFor();
    await form.getByLabel("The secret").fill("mine");
    await form.getByRole("button", { name: "Save" }).click();
    await form.getByText("Somebody else has set again in the meantime.", { exact: false }).waitFor();
    expect(await versions()).to.deep.equal([1]);
    await form.getByRole("button", { name: "Save" }).click();
    await page.getByText("again was set.").waitFor();
    expect(await versions()).to.deep.equal([2]);
  });
});
