import { expect } from "chai";
import { openPages, type Fixture } from "../fixtures/page/index.ts";

describe("the sign-in screen", function () {
  let fixture: Fixture;
  before(async () => {
    fixture = await openPages();
  });
  after(() => fixture.close());

  it("makes the first account with the printed code, and says so when the code is wrong", async () => {
    const page = await fixture.visitor();
    await page.getByText("first account becomes its admin").waitFor();
    await page.locator("input[name=name]").fill("root");
    await page.locator("input[name=password]").fill("correct horse");
    await page.getByRole("textbox", { name: "Admin code" }).fill("WRONG-CODE");
    await page.getByRole("button", { name: "Create account" }).click();
    await page.getByRole("alert").filter({ hasText: "admin code" }).waitFor();
    await page.getByRole("textbox", { name: "Admin code" }).fill(fixture.node.adminCode ?? "");
    await page.getByRole("button", { name: "Create account" }).click();
    await page.getByText("Welcome to Plexus").waitFor();
    expect(await page.getByRole("button", { name: "Your account" }).textContent()).to.contain("admin");
  });

  it("signs out, refuses a wrong password in words, and signs in again", async () => {
    const { page } = await fixture.person("ada");
    await page.getByRole("button", { name: "Your account" }).click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await page.locator("input[name=name]").fill("ada");
    await page.locator("input[name=password]").fill("wrong password");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").filter({ hasText: "Name or password is wrong" }).waitFor();
    await page.locator("input[name=password]").fill("correct horse");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("button", { name: "Your account" }).waitFor();
  });

  it("offers no account where nobody can make one", async () => {
    const page = await fixture.visitor();
    await page.getByRole("button", { name: "Create an account" }).waitFor();
    await page.route("**/api/v1/setup", async (route) => {
      const response = await route.fetch();
      const setup = (await response.json()) as object;
      await route.fulfill({ response, json: { ...setup, signUp: "closed" } });
    });
    await page.reload();
    await page.getByRole("button", { name: "Sign in" }).waitFor();
    expect(await page.getByRole("button", { name: "Create an account" }).count()).to.equal(0);
  });

  it("comes back when the session is ended from another device", async () => {
    const bob = await fixture.person("bob");
    const { page } = bob;
    await page.getByRole("button", { name: "Your account" }).waitFor();
    const { current } = (await bob.api("GET", "/api/v1/me/sessions")) as { current: string };
    await bob.api("DELETE", `/api/v1/me/sessions/${current}`);
    await page.getByText("Your session ended").waitFor();
    expect(fixture.complaints).to.deep.equal([]);
  });
});
