import { expect } from "chai";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPagesForTwo, type Fixture, type Person } from "../../fixtures/page/index.ts";
import { until } from "../../waits.ts";

describe("messages that can be taken back before they leave", function () {
  let fixture: Fixture, ada: Person, bob: Person;
  before(async () => {
    ({ fixture, ada, bob } = await openPagesForTwo("lobby"));
  });
  after(async () => {
    expect(fixture.complaints).to.deep.equal([]);
    await fixture.close();
  });
  const told = async (): Promise<readonly string[]> =>
    ((await bob.api("GET", "/api/v1/rooms/lobby/messages")) as { messages: { text: string }[] }).messages.map(
      ({ text }) => text,
    );

  it("come back into the field, and keep their order where they are not", async () => {
    const { page } = ada;
    await page.goto(`${fixture.node.url}/settings/profile`);
    await page.getByRole("radiogroup", { name: "Messages can be taken back for" }).getByText("5 seconds").click();
    expect(await axeFaults(page, { graveOnly: true })).to.deep.equal([]);
    await page.goto(`${fixture.node.url}/room/lobby`);
    const field = page.getByRole("textbox", { name: "Message #Lobby" });
    await field.fill("too early");
    await field.press("Enter");
    await page.getByText("“too early” is sent in 5 s.").waitFor();
    await field.fill("more");
    await page.keyboard.press("F8");
    await page.getByRole("button", { name: /^Undo/ }).focus();
    await page.keyboard.press("Enter");
    await until("it is back", async () => expect(await field.inputValue()).to.equal("too early\nmore"));
    expect(await page.locator(".feed article").filter({ hasText: "too early" }).count()).to.equal(0);
    for (const text of ["one", "two", "three"]) {
      await field.fill(text);
      await field.press("Enter");
    }
    await until("they are sent", async () => expect(await told()).to.deep.equal(["one", "two", "three"]));
    await page.getByText("is sent in 5 s.").first().waitFor({ state: "detached" });
    // Another person's settings are theirs, and nothing waits there.
    const other = bob.page.getByRole("textbox", { name: "Message #Lobby" });
    await other.fill("at once");
    await other.press("Enter");
    await until("it is sent", async () => expect((await told()).at(-1)).to.equal("at once"));
  });
});
