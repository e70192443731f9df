import { expect } from "chai";
import type { Locator, Page } from "playwright-core";
import { openPages, type Fixture, type Person } from "../../fixtures/page/index.ts";

const field = (page: Page): Locator => page.getByRole("textbox", { name: "Message #Den" });
const message = (page: Page, text: string): Locator => page.locator("main article[data-seq]").filter({ hasText: text });
const editor = (page: Page): Locator => page.getByRole("textbox", { name: "Edit the message" });

for (const [device, viewport] of [
  ["a desktop", { width: 1280, height: 800 }],
  ["a phone", { width: 390, height: 844 }],
] as const)
  describe(`names in messages, on ${device}`, function () {
    let fixture: Fixture, ada: Person;
    before(async () => {
      fixture = await openPages();
      ada = await fixture.person("ada", { viewport });
      await ada.api("POST", "/api/v1/rooms", { room: "den", title: "Den" });
      for (const [name, displayName] of [
        ["kenta", "健太"],
        ["hans", "Müller"],
        ["grete", "Anna Müller"],
        ["anna", "Anna Müller"],
      ] as const) {
        const one = await fixture.account(name);
        await one.api("PATCH", "/api/v1/me", { displayName });
        await one.api("POST", "/api/v1/rooms/den/join", {});
      }
      await ada.page.goto(`${fixture.node.url}/room/den`);
      await field(ada.page).waitFor();
    });
    after(() => fixture.close());
    const last = async (): Promise<{ seq: number; text: string; mentions?: readonly string[] }> => {
      const { messages } = (await ada.api("GET", "/api/v1/rooms/den/messages")) as {
        messages: Awaited<ReturnType<typeof last>>[];
      };
      const newest = messages.at(-1);
      if (newest === undefined) throw new Error("there is no message");
      return newest;
    };

    it("call people by what they are shown as; the message keeps the account, and shows the name: in its line, its edit and its quotation", async () => {
      const { page } = ada;
      await field(page).fill("交给@健太处理, and @Müller **now**");
      await field(page).press("Enter");
      const row = message(page, "处理");
      await row.locator(".mention").nth(1).waitFor();
      expect(await row.locator(".mention").allInnerTexts()).to.deep.equal(["@健太", "@Müller"]);
      // A screen reader says the same.
      expect(await row.getAttribute("aria-label")).to.include("交给@健太处理, and @Müller");
      const { seq, text, mentions } = await last();
      expect(text).to.equal("交给@kenta处理, and @hans **now**");
      expect(mentions).to.have.members(["user/kenta", "user/hans"]);
      await field(page).press("ArrowUp");
      await editor(page).waitFor();
      expect(await editor(page).inputValue()).to.equal("交给@健太处理, and @Müller **now**");
      await editor(page).press("End");
      await page.keyboard.type("!");
      await editor(page).press("Enter");
      await row.getByText("(edited)").waitFor();
      expect((await last()).text).to.equal("交给@kenta处理, and @hans **now**!");
      const kenta = await fixture.account("kenta");
      await kenta.api("POST", "/api/v1/rooms/den/messages", { text: "yes @ada", replyTo: seq, alsoInRoom: true });
      await page.locator(".quote", { hasText: "@健太处理, and @Müller" }).waitFor();
    });

    it("are known of people who are not on the first page of the list of people, in rows and in what is typed", async () => {
      const { page } = ada;
      await page.route("**/api/v1/catalog/users?limit=200", async (route) => {
        const response = await route.fetch();
        const { rows } = (await response.json()) as { rows: { key: string }[] };
        await route.fulfill({ response, json: { rows: rows.filter(({ key }) => key === "ada"), more: false } });
      });
      const hans = await fixture.account("hans");
      await hans.api("POST", "/api/v1/rooms/den/messages", { text: "from page two" });
      await page.reload();
      await message(page, "from page two").locator(".author", { hasText: "Müller" }).waitFor();
      await field(page).fill("@Müller, you");
      await field(page).press("Enter");
      await message(page, ", you").locator(".mention", { hasText: "@Müller" }).waitFor();
      expect((await last()).text).to.equal("@hans, you");
      await page.unroute("**/api/v1/catalog/users?limit=200");
      await page.reload();
      await field(page).waitFor();
    });

    it("are found folded, also behind @: where people are mentioned, written to, added and looked after", async () => {
      const { page } = ada;
      await fixture.account("zoe").then((zoe) => zoe.api("PATCH", "/api/v1/me", { displayName: "Zoë Łódzka" }));
      for (const [typed, found] of [
        ["@muller", "@hans"],
        ["@ＭÜL", "@hans"],
        ["@健", "@kenta"],
      ] as const) {
        await field(page).fill("");
        await field(page).pressSequentially(typed);
        await page.getByRole("option", { name: new RegExp(found) }).waitFor();
        await page.keyboard.press("Escape");
      }
      await field(page).fill("");
      if (device === "a phone") await page.getByRole("button", { name: /^Open the menu/ }).click();
      await page.getByRole("button", { name: "Write to a person" }).click();
      const people = page.getByRole("dialog");
      for (const typed of ["zoe lodz", "@ZOË", "ｚｏｅ"]) {
        await people.getByRole("combobox", { name: "Search people" }).fill(typed);
        await people.getByRole("option", { name: /Zoë Łódzka/ }).waitFor();
        // The list of before stands until the node has answered.
        await people.getByRole("option").nth(1).waitFor({ state: "detached" });
        expect(await people.getByRole("option").allInnerTexts(), typed).to.have.length(1);
      }
      await page.keyboard.press("Escape");
      await page.goto(`${fixture.node.url}/room/den?panel=members`);
      await page.getByRole("textbox", { name: "Add a person or your agent" }).fill("@lodzka");
      await page.getByRole("button", { name: /^Zoë Łódzka @zoe/ }).waitFor();
      await page.goto(`${fixture.node.url}/admin/people`);
      await page.getByRole("textbox", { name: "Search" }).fill("zoe lodzka");
      await page.getByRole("link", { name: /Zoë Łódzka/ }).waitFor();
      await page.goto(`${fixture.node.url}/room/den`);
      await field(page).waitFor();
    });

    it("call nobody in quotations, code, addresses and links, and the page shows none", async () => {
      const { page } = ada;
      for (const text of [
        "> @kenta said",
        "`@kenta` and more",
        "see https://x.test/@kenta/post",
        "[post](https://x.test/@kenta)",
        "    @kenta indented",
      ]) {
        await field(page).fill(text);
        await field(page).press("Enter");
        await page.waitForFunction("document.querySelector('main textarea').value === ''");
        await page.locator("article.pending").waitFor({ state: "detached" });
        const { mentions, seq } = await last();
        expect(mentions ?? [], text).to.deep.equal([]);
        const row = page.locator(`main article[data-seq="${seq}"]`);
        await row.waitFor();
        expect(await row.locator(".mention").count(), text).to.equal(0);
      }
    });

    it("that two people have call nobody, and the composer says so until one is picked", async () => {
      const { page } = ada;
      await field(page).fill("@Anna Müller, hello");
      await page.getByText("Several people here are called Anna Müller.").waitFor();
      await field(page).fill("");
      await field(page).pressSequentially("@Anna");
      await page.getByRole("option", { name: /@grete/ }).waitFor();
      await page.getByRole("option", { name: /@anna/ }).waitFor();
      await field(page).press("ArrowDown");
      await field(page).press("Enter");
      await field(page).press("Enter");
      await message(page, "@Anna Müller").locator(".mention").waitFor();
      const { text, mentions = [] } = await last();
      expect(mentions).to.have.length(1);
      // Its edit keeps the account, since the name would call nobody.
      await field(page).press("ArrowUp");
      expect((await editor(page).inputValue()).trim()).to.equal(text.trim());
      await editor(page).press("Escape");
    });

    it("that come with an edit are told", async () => {
      const { page } = ada;
      await field(page).fill("who takes this?");
      await field(page).press("Enter");
      await message(page, "who takes").waitFor();
      const kenta = await fixture.account("kenta");
      const mentioned = async (): Promise<unknown> =>
        ((await kenta.api("GET", "/api/v1/rooms")) as { rooms: { room: string; mentioned?: boolean }[] }).rooms.find(
          ({ room }) => room === "den",
        )?.mentioned;
      const { seq } = await last();
      await kenta.api("PUT", "/api/v1/rooms/den/read", { seq }).catch(() => undefined);
      await field(page).press("ArrowUp");
      await editor(page).waitFor();
      await page.keyboard.type(" @健太, perhaps?");
      await editor(page).press("Enter");
      await message(page, "who takes").locator(".mention").waitFor();
      expect((await last()).mentions).to.deep.equal(["user/kenta"]);
      expect(await mentioned()).to.equal(true);
    });
  });
