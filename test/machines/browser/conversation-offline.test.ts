import { expect } from "chai";
import type { Page } from "playwright-core";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPages, type Fixture } from "../../fixtures/page/index.ts";
import { shotsOf } from "../../fixtures/page/looks.ts";
import { untilTrue } from "../../waits.ts";

const shot = shotsOf("conversation-offline");

const keptText = (page: Page, name: string): Promise<string> =>
  page.evaluate<string>(`caches.match("/seen/${name}").then((kept) => kept?.text() ?? "")`);
const keptFiles = (page: Page): Promise<number> =>
  page.evaluate<number>(`caches.open("plexus-page").then((cache) => cache.keys()).then((files) => files.length)`);

for (const [device, options] of [
  ["a desktop in the light", { viewport: { width: 1280, height: 800 }, colorScheme: "light" }],
  ["a phone in the dark", { viewport: { width: 390, height: 844 }, colorScheme: "dark" }],
] as const)
  describe(`a conversation with an agent without the node, on ${device}`, function () {
    let fixture: Fixture;
    before(async () => {
      fixture = await openPages();
    });
    after(() => fixture.close());

    it("is shown as it was last, takes messages that can be taken back, and has each answered once when the node is back", async () => {
      const { node } = fixture;
      const ada = await fixture.person("ada", { ...options, serviceWorkers: "allow" });
      const { page } = ada;
      const field = page.getByRole("textbox", { name: "Message helper" });
      const pending = (text: string) => page.locator("article.pending").filter({ hasText: text });
      await ada.api("POST", "/api/v1/agents", { name: "helper" });
      await page.goto(`${node.url}/agent/ada.helper`);
      await field.fill("said before");
      await field.press("Enter");
      await page.locator("article.answer[data-turn]").filter({ hasText: "said before" }).waitFor();
      await untilTrue("the browser keeps the conversation and the page", async () => {
        const [kept, agents] = [await keptText(page, "ada/agent/ada.helper"), await keptText(page, "ada/agents")];
        return (await keptFiles(page)) > 5 && kept.includes('"role":"assistant"') && agents.includes("ada.helper");
      });

      expect(await node.end("SIGKILL")).to.equal(null);
      await page.goto(`${node.url}/agent/ada.helper`);
      await page.locator("article.answer[data-turn]").filter({ hasText: "said before" }).waitFor();
      await page.locator(".link-banner").getByText("You see what this browser saw last").waitFor();
      for (const text of ["first meanwhile", "not this one", "second meanwhile"]) {
        await field.fill(text);
        await field.press("Enter");
        await pending(text).getByText("Waits for the node").waitFor();
      }
      expect(await axeFaults(page)).to.deep.equal([]);
      await shot(page, device);
      await pending("not this one").getByRole("button", { name: "Discard" }).press("Enter");
      await pending("not this one").waitFor({ state: "detached" });
      // It is there again when the page is loaded once more.
      await page.reload();
      await pending("second meanwhile").getByText("Waits for the node").waitFor();
      expect(await pending("not this one").count()).to.equal(0);

      await node.start();
      await page.locator("article.answer[data-turn]").filter({ hasText: "second meanwhile" }).waitFor();
      const { turns } = (await ada.api("GET", "/api/v1/agents/ada.helper/turns")) as {
        readonly turns: readonly { readonly role: string; readonly text: string }[];
      };
      const said = turns.filter(({ role }) => role === "user").map(({ text }) => text);
      expect(said).to.deep.equal(["said before", "first meanwhile", "second meanwhile"]);

      await ada.api("POST", "/api/v1/agents/ada.helper/clear", {});
      await untilTrue(
        "what was cleared is not kept",
        async () => !(await keptText(page, "ada/agent/ada.helper")).includes("said before"),
      );
      expect(fixture.complaints).to.deep.equal([]);
      await ada.close();
    });
  });
