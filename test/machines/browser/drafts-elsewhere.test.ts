import { expect } from "chai";
import type { Page } from "playwright-core";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPages, type Fixture } from "../../fixtures/page/index.ts";
import { shotsOf } from "../../fixtures/page/looks.ts";
import { untilTrue } from "../../waits.ts";

const shot = shotsOf("drafts-elsewhere");

describe("what somebody has begun to write, on a desktop and a phone", function () {
  let fixture: Fixture;
  before(async () => {
    fixture = await openPages();
  });
  after(() => fixture.close());

  it("follows them, stands beside what they wrote there meanwhile, and is gone everywhere when it is sent", async () => {
    const ada = await fixture.person("ada", { viewport: { width: 1280, height: 800 }, colorScheme: "light" });
    const desk = ada.page;
    const browser = desk.context().browser();
    if (browser === null) throw new Error("no browser");
    const other = await browser.newContext({
      viewport: { width: 390, height: 844 },
      colorScheme: "dark",
      storageState: { cookies: await ada.context.cookies(), origins: [] },
    });
    const phone = await other.newPage();
    await ada.api("POST", "/api/v1/agents", { name: "helper" });
    await ada.api("POST", "/api/v1/rooms", { room: "den", title: "Den" });
    const room = (page: Page) => page.getByRole("textbox", { name: "Message #Den" });
    const agent = (page: Page) => page.getByRole("textbox", { name: "Message helper" });
    const says = async (page: Page, what: string, text: string, of = room) =>
      untilTrue(what, async () => (await of(page).inputValue()) === text);
    await desk.goto(`${fixture.node.url}/room/den`);
    await phone.goto(`${fixture.node.url}/room/den`);
    await room(phone).waitFor();
    await room(desk).fill("begun at the desk");
    await says(phone, "the phone has it", "begun at the desk");
    await room(phone).fill("begun at the desk, ended on the phone");
    await says(desk, "the desk has it", "begun at the desk, ended on the phone");

    // Both write while the phone is away: nothing is lost.
    await other.setOffline(true);
    await room(phone).fill("on the phone");
    await room(desk).fill("at the desk");
    await untilTrue("the account has the desk's", async () => {
      const { drafts } = (await ada.api("GET", "/api/v1/me/drafts")) as { drafts: { text: string }[] };
      return drafts[0]?.text === "at the desk";
    });
    await other.setOffline(false);
    await says(phone, "the phone has both", "at the desk\n\non the phone");
    await phone.getByText("the field has both texts").waitFor();
    expect(await axeFaults(phone)).to.deep.equal([]);
    await shot(phone, "both");
    await says(desk, "so has the desk", "at the desk\n\non the phone");

    await room(desk).press("Enter");
    await says(phone, "what is sent is gone on the phone", "");
    await desk.goto(`${fixture.node.url}/agent/ada.helper`);
    await agent(desk).fill("for the agent");
    await phone.goto(`${fixture.node.url}/agent/ada.helper`);
    await agent(phone).waitFor();
    await says(phone, "a conversation's, too", "for the agent", agent);
    await agent(phone).fill("");
    await says(desk, "and what is emptied is gone", "", agent);
    expect(fixture.complaints.filter((one) => !one.includes("ERR_INTERNET_DISCONNECTED"))).to.deep.equal([]);
    await other.close();
    await ada.close();
  });
});
