import { expect } from "chai";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openBrowser, openPages, type Fixture } from "../../fixtures/page/index.ts";
import { looks } from "../../fixtures/page/looks.ts";
import { screens } from "../../fixtures/page/admin-screens.ts";
import { within } from "../../waits.ts";

/** Commands that stand in a sentence as plain text: nobody sees where they end, and nobody can copy them. */
const plainCommands = `(() => {
  const found = [];
  const texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const { data, parentElement } = texts.currentNode;
    if (/\\bplexus [a-z]/.test(data) && parentElement.closest("code, pre, option, .xterm") === null) found.push(data);
  }
  return found;
})()`;

const settings = ["profile", "devices", "factors", "account", "keys", "usage"];

/** Every place of the page, with a picture of each where `PLEXUS_TEST_SHOTS` names a folder. Nothing lies beyond the
 *  screen, in any place and look. */
describe("every place of the page", () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await openPages();
    const ada = await fixture.account("ada");
    await ada.api("POST", "/api/v1/rooms", { room: "lobby", title: "Lobby" });
    await ada.api("POST", "/api/v1/agents", { name: "helper" });
    await ada.api("POST", "/api/v1/rooms/lobby/messages", {
      text: "| Day | Who | What |\n| --- | --- | --- |\n| Monday | Hans Müller | prepares the release of the new version |\n| Tuesday | 健太 | tests it |",
    });
    await ada.api("POST", "/api/v1/rooms/lobby/messages", { text: "Read this. ".repeat(800) });
    await ada.api("POST", "/api/v1/rooms/lobby/messages", {
      text: "Shall we meet? ❤ `npm test` and https://example.org/a/very/long/address/that/does/not/fit/on/a/phone/at/all",
    });
    await ada.api("POST", "/api/v1/rooms/lobby/messages", { text: "A reply in the thread", replyTo: 3 });
    // What an agent called for its answer, in the room and in its conversation.
    const calls = 'call calculator {"expression":"(2 + 3) * 4"}\ncall clock {"timeZone":"Nowhere"}';
    await ada.api("PUT", "/api/v1/rooms/lobby/members/agent%2Fada.helper");
    await ada.api("POST", "/api/v1/rooms/lobby/messages", { text: `@ada.helper sum\n${calls}` });
    await ada.api("POST", "/api/v1/agents/ada.helper/say", { text: calls });
  });
  after(() => fixture.close());

  for (const [name, options] of looks)
    it(`fits the screen, ${name}`, async () => {
      const person = await fixture.person("ada", options);
      const { page } = person;
      const folder = process.env["PLEXUS_TEST_SHOTS"];
      const beyond: string[] = [];
      const plain: string[] = [];
      const look = async (place: string): Promise<void> => {
        await page.goto(`${fixture.node.url}/${place}`);
        await page.locator("main").waitFor();
        await page.waitForLoadState("networkidle");
        await page.evaluate("document.fonts.ready");
        for (const called of await page.locator("details.called summary").all()) await called.click();
        // What does not fit scrolls in its own place; the page itself has nothing beyond the screen.
        const [right = 0, below = 0] = await page.evaluate<number[]>(
          "(({ scrollWidth, clientWidth, scrollHeight, clientHeight }) => [scrollWidth - clientWidth, scrollHeight - clientHeight])(document.documentElement)",
        );
        if (right > 0 || below > 0) beyond.push(`${place}: ${right} ${below}`);
        for (const text of await page.evaluate<string[]>(plainCommands)) plain.push(`${place}: ${text}`);
        if (folder !== undefined)
          await page.screenshot({
            path: `${folder}/${place.replaceAll("/", "-") || "home"}-${name.replace(" ", "-")}.png`,
            fullPage: true,
          });
      };
      for (const place of ["", "room/lobby", "agent/ada.helper", ...settings.map((one) => `settings/${one}`)])
        await look(place);
      for (const { page: place } of screens) await look(`admin/${place}`);
      for (const place of ["admin/people/ada", "admin/roles/member", "admin/profiles", "nowhere"]) await look(place);
      await person.close();
      expect(beyond).to.deep.equal([]);
      expect(plain, "commands that are no code").to.deep.equal([]);
    });
});

describe("axe", () => {
  it("looks when colours have arrived, and waits for none in what is folded", async () => {
    const page = await (await openBrowser()).newPage();
    await page.setContent(`<!doctype html><html lang="en"><title>Folded</title>
      <style>:root { color-scheme: light dark } p { color: light-dark(#000, #fff); transition: color 0.1s }
        #folded { transition-duration: 60s }</style>
      <main><h1>Folded</h1><details><summary>More</summary><p id="folded">Less</p></details><p>Shown</p></main>`);
    const ask = "getComputedStyle(document.querySelector('#folded')).color";
    await page.evaluate(ask);
    await page.emulateMedia({ colorScheme: "dark" });
    await page.evaluate(ask);
    const onTheirWay = await page.evaluate("document.getAnimations().map(({ effect }) => effect.target.id)");
    expect(onTheirWay).to.include("folded");
    expect(await within(axeFaults(page), "axe looks")).to.deep.equal([]);
    await page.close();
  });
});
