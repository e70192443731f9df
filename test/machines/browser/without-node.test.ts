import { expect } from "chai";
import type { Page } from "playwright-core";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPages, type Fixture } from "../../fixtures/page/index.ts";
import { untilTrue } from "../../waits.ts";

/** What the browser keeps for a start without the node. */
const keptNames = (page: Page): Promise<readonly string[]> =>
  page.evaluate<readonly string[]>(`(async () => {
    if (!(await caches.has("plexus-seen"))) return [];
    const kept = await (await caches.open("plexus-seen")).keys();
    return kept.map(({ url }) => new URL(url).pathname.replace("/seen/", ""));
  })()`);
const keptText = (page: Page, name: string): Promise<string> =>
  page.evaluate<string>(`caches.match("/seen/${name}").then((kept) => kept?.text() ?? "")`);
const keptFiles = (page: Page): Promise<number> =>
  page.evaluate<number>(`caches.open("plexus-page").then((cache) => cache.keys()).then((files) => files.length)`);

for (const [device, viewport] of [
  ["a desktop", { width: 1280, height: 800 }],
  ["a phone", { width: 390, height: 844 }],
] as const)
  describe(`the page without its node, on ${device}`, function () {
    let fixture: Fixture;
    before(async () => {
      fixture = await openPages();
    });
    after(() => fixture.close());

    it("starts, shows what this browser saw last and says so, takes messages, and sends them when the node is back", async () => {
      const { node } = fixture;
      const ada = await fixture.person("ada", { viewport, serviceWorkers: "allow" });
      const { page } = ada;
      const line = (text: string) => page.locator("article[data-seq]").filter({ hasText: text });
      await ada.api("POST", "/api/v1/rooms", { room: "den", title: "Den" });
      await ada.api("POST", "/api/v1/rooms/den/messages", { text: "said before" });
      await page.goto(`${node.url}/room/den`);
      await line("said before").waitFor();
      await untilTrue("the browser keeps the room and the page", async () => {
        const names = await keptNames(page);
        return (
          (await keptFiles(page)) > 5 &&
          ["here", "ada/me", "ada/room/den", "ada/rooms"].every((name) => names.includes(name))
        );
      });

      expect(await node.end("SIGKILL")).to.equal(null);
      await page.goto(`${node.url}/room/den`);
      await line("said before").waitFor();
      const banner = page.locator(".link-banner");
      await banner.getByText("You see what this browser saw last").waitFor();
      await page.getByRole("textbox", { name: "Message #Den" }).fill("written meanwhile");
      await page.getByRole("textbox", { name: "Message #Den" }).press("Enter");
      await page.locator("article.pending").filter({ hasText: "written meanwhile" }).waitFor();
      expect(await axeFaults(page)).to.deep.equal([]);

      await node.start();
      await line("written meanwhile").waitFor();
      await banner.waitFor({ state: "detached" });
      const history = (await ada.api("GET", "/api/v1/rooms/den/messages?limit=10")) as {
        readonly messages: readonly { readonly text: string }[];
      };
      expect(history.messages.map(({ text }) => text).filter((text) => text !== "")).to.deep.equal([
        "said before",
        "written meanwhile",
      ]);
      await ada.api("DELETE", "/api/v1/rooms/den/messages/1");
      await untilTrue(
        "what was deleted is not kept",
        async () => !(await keptText(page, "ada/room/den")).includes("said before"),
      );
      expect(fixture.complaints).to.deep.equal([]);
      await ada.close();
    });

    it("sends nothing in the name of somebody else who is signed in when the node is back", async () => {
      const { node } = fixture;
      const eve = await fixture.person("eve", { viewport, serviceWorkers: "allow" });
      const { page } = eve;
      await eve.api("POST", "/api/v1/rooms", { room: "pub", title: "Pub" });
      const account = { name: "mallory", password: "correct horse", displayName: "Mallory" };
      const headers = { "content-type": "application/json", origin: node.url };
      const made = await fetch(`${node.url}/api/v1/sign-up`, {
        method: "POST",
        headers,
        body: JSON.stringify(account),
      });
      const { token } = (await made.json()) as { readonly token: string };
      await page.goto(`${node.url}/room/pub`);
      await untilTrue("the browser keeps the room", async () => (await keptNames(page)).includes("eve/room/pub"));
      await node.end("SIGKILL");
      await page.goto(`${node.url}/room/pub`);
      const field = page.getByRole("textbox", { name: "Message #Pub" });
      await field.fill("eve says so");
      await field.press("Enter");
      await page.locator("article.pending").filter({ hasText: "eve says so" }).waitFor();
      await eve.context.addCookies([{ name: "plexus_session", value: token, url: node.url }]);
      await node.start();
      await page.getByText("Mallory").first().waitFor({ state: "attached" });
      const { messages } = (await eve.api("GET", "/api/v1/rooms/pub/messages?limit=10")) as {
        readonly messages: readonly object[];
      };
      expect(messages).to.deep.equal([]);
      expect((await keptNames(page)).filter((name) => name.startsWith("eve/"))).to.deep.equal([]);
      await eve.close();
    });

    it("keeps nothing of somebody who signs out, and shows the next person nothing of theirs", async () => {
      const { node } = fixture;
      const bob = await fixture.person("bob", { viewport, serviceWorkers: "allow" });
      const { page } = bob;
      await bob.api("POST", "/api/v1/rooms", { room: "own", title: "Own" });
      await page.goto(`${node.url}/room/own`);
      await page.getByRole("textbox", { name: "Message #Own" }).waitFor();
      await untilTrue("the browser keeps the room", async () => (await keptNames(page)).includes("bob/room/own"));
      await page.goto(`${node.url}/settings/profile`);
      await page.getByRole("main").getByRole("button", { name: "Sign out" }).click();
      await page.getByRole("button", { name: "Sign in", exact: true }).waitFor();
      await untilTrue("nothing is kept", async () => (await keptNames(page)).length === 0);
      await node.end("SIGKILL");
      await page.goto(`${node.url}/room/own`);
      await page.getByRole("heading", { name: "The node does not answer" }).waitFor();
      await node.start();
      expect(fixture.complaints).to.deep.equal([]);
    });
  });
