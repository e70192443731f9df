import { expect } from "chai";
import type { Locator, Page } from "playwright-core";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPages, type Fixture, type Person } from "../../fixtures/page/index.ts";
import { looks, shotsOf } from "../../fixtures/page/looks.ts";
import { until } from "../../waits.ts";

const field = (page: Page): Locator => page.getByRole("textbox", { name: "Message #Tea room" });
const message = (page: Page, text: string): Locator => page.locator("main article").filter({ hasText: text });

/** Waits until a field has this text. */
const holds = (place: Locator, text: string): Promise<unknown> =>
  until(`the field has ${text}`, async () => expect(await place.inputValue()).to.equal(text));

const shot = shotsOf("writing");

describe("what one writes with", () => {
  let fixture: Fixture;
  let ada: Person;
  let bob: Person;
  before(async () => {
    fixture = await openPages();
    [ada, bob] = [await fixture.person("ada"), await fixture.person("bob")];
    await ada.api("POST", "/api/v1/rooms", { room: "tea", title: "Tea room" });
    await ada.api("POST", "/api/v1/rooms", { room: "vault", title: "The vault", visibility: "private" });
    await ada.api("POST", "/api/v1/rooms", { room: "garden", title: "Garten & Höfe" });
    await bob.api("POST", "/api/v1/rooms/tea/join", {});
    for (const { page } of [ada, bob]) {
      await page.goto(`${fixture.node.url}/room/tea`);
      await field(page).waitFor();
    }
  });
  after(async () => {
    expect(fixture.complaints).to.deep.equal([]);
    await fixture.close();
  });

  beforeEach(async () => {
    await field(ada.page).fill("");
    await field(ada.page).focus();
  });

  describe("emoji", () => {
    it("come of a name between colons, are undone with one key, and stay undone", async () => {
      const { page } = ada;
      await field(page).pressSequentially("done :tada:");
      await holds(field(page), "done 🎉");
      await page.keyboard.press("Control+z");
      expect(await field(page).inputValue()).to.equal("done :tada:");
      // The browser selects what came back, and the page takes that away: or the next letter would be in its place.
      await until("the caret stands behind the name", async () =>
        expect(await page.evaluate("(({ selectionStart }) => selectionStart)(document.activeElement)")).to.equal(11),
      );
      await page.keyboard.type(" yes");
      expect(await field(page).inputValue()).to.equal("done :tada: yes");
    });

    it("are offered while a name is typed, and taken by arrows and Enter, or left with Escape", async () => {
      const { page } = ada;
      await field(page).pressSequentially("I like :thumbs");
      const list = page.getByRole("listbox", { name: "Emoji" });
      await list.getByRole("option", { name: ":thumbsup:" }).waitFor();
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Enter");
      expect(await field(page).inputValue()).to.equal("I like 👎");
      await page.keyboard.type(" or :heart");
      await list.waitFor();
      await page.keyboard.press("Escape");
      await list.waitFor({ state: "detached" });
      expect(await field(page).inputValue()).to.equal("I like 👎 or :heart");
    });

    it("are not made of times, faces and code", async () => {
      const { page } = ada;
      // The list is there before: nothing below waits for it.
      await field(page).pressSequentially(":tada:");
      await holds(field(page), "🎉");
      await field(page).fill("");
      const text = "at 10:30:15 :D `a :tada:` std::tada: b";
      await field(page).pressSequentially(text);
      expect(await field(page).inputValue()).to.equal(text);
      expect(await page.getByRole("listbox").count()).to.equal(0);
    });

    it("are picked by words, in a colour of skin that is kept, and come first the next time", async () => {
      const { page } = ada;
      await field(page).fill("Hi ");
      const open = page.locator(".composer").getByRole("button", { name: "Emoji", exact: true });
      await open.click();
      const find = page.getByRole("searchbox", { name: "Find an emoji" });
      await find.waitFor();
      await page.getByRole("button", { name: "Medium-dark", exact: true }).click();
      await find.fill("waving hand");
      await find.press("Enter");
      expect(await field(page).inputValue()).to.equal("Hi 👋🏾");
      await find.waitFor({ state: "detached" });
      await page.reload();
      await field(page).waitFor();
      await open.click();
      await page.getByRole("group", { name: "Often used" }).getByRole("button").first().click();
      expect(await field(page).inputValue()).to.equal("Hi 👋🏾👋🏾");
      await field(page).fill("");
      await field(page).pressSequentially(":wave:");
      await holds(field(page), "👋🏾");
      await open.click();
      await page.getByRole("button", { name: "No skin tone" }).click();
      await page.keyboard.press("Escape");
      await find.waitFor({ state: "detached" });
    });

    it("are reached by the keyboard alone", async () => {
      const { page } = ada;
      await page.locator(".composer").getByRole("button", { name: "Emoji", exact: true }).press("Enter");
      const find = page.getByRole("searchbox", { name: "Find an emoji" });
      await find.and(page.locator(":focus")).waitFor();
      await page.keyboard.type("rocket");
      await page.keyboard.press("ArrowDown");
      await page.getByRole("button", { name: "rocket", exact: true }).and(page.locator(":focus")).waitFor();
      await page.keyboard.press("Enter");
      expect(await field(page).inputValue()).to.equal("🚀");
      await field(page).and(page.locator(":focus")).waitFor();
    });
  });

  describe("rooms", () => {
    it("are named with completion, and are a link to those who can open them", async () => {
      const { page } = ada;
      await field(page).pressSequentially("see #gar");
      await page.getByRole("listbox", { name: "Rooms" }).getByRole("option", { name: "Garten" }).waitFor();
      await page.keyboard.press("Tab");
      expect(await field(page).inputValue()).to.equal("see #garden ");
      await page.keyboard.type("and #vau");
      await page.getByRole("option", { name: "The vault" }).click();
      await page.keyboard.type("but not #nowhere or `#tea`");
      await page.keyboard.press("Enter");
      const own = message(page, "but not");
      await own.getByRole("link", { name: "#Garten & Höfe" }).waitFor();
      await own.getByRole("link", { name: "#The vault" }).waitFor();
      // Bob is in neither: one is public, and of the other he sees what was written.
      const his = message(bob.page, "but not");
      await his.getByRole("link", { name: "#Garten & Höfe" }).waitFor();
      expect(await his.getByRole("link").count()).to.equal(1);
      expect(await his.locator(".rich").innerText()).to.equal("see #Garten & Höfe and #vault but not #nowhere or #tea");
      await own.getByRole("link", { name: "#The vault" }).click();
      await page.waitForURL(`${fixture.node.url}/room/vault`);
      await page.goBack();
      await field(page).waitFor();
    });

    it("keep the name that they have now, and stay as they were typed in an edit", async () => {
      const { page } = ada;
      await ada.api("POST", "/api/v1/rooms/tea/messages", { text: "again in #garden, then" });
      const row = message(page, "again in");
      await row.getByRole("link", { name: "#Garten" }).waitFor();
      await field(page).press("ArrowUp");
      const edit = page.getByRole("textbox", { name: "Edit the message" });
      expect(await edit.inputValue()).to.equal("again in #garden, then");
      await edit.press("End");
      await edit.pressSequentially(" :tada:");
      await holds(edit, "again in #garden, then 🎉");
      await edit.press("Escape");
    });
  });

  describe("formatting", () => {
    const place = "document.querySelector('.foot .composer textarea')";
    const selected = (page: Page): Promise<string> =>
      page.evaluate<string>(
        `(({ value, selectionStart, selectionEnd }) => value.slice(selectionStart, selectionEnd))(${place})`,
      );
    const select = async (page: Page, words: string): Promise<void> => {
      const at = (await field(page).inputValue()).indexOf(words);
      await page.evaluate(`${place}.focus(); ${place}.setSelectionRange(${at}, ${at + words.length})`);
    };

    it("is done by keys to what is selected, and undone by the browser", async () => {
      const { page } = ada;
      await field(page).pressSequentially("make this loud");
      await select(page, "this");
      await page.keyboard.press("Control+b");
      await holds(field(page), "make **this** loud");
      expect(await selected(page)).to.equal("this");
      await page.keyboard.press("Control+i");
      await holds(field(page), "make ***this*** loud");
      await page.keyboard.press("Control+b");
      await holds(field(page), "make *this* loud");
      for (let times = 3; times > 0; times -= 1) await page.keyboard.press("Control+z");
      await holds(field(page), "make this loud");
      await select(page, "loud");
      await page.keyboard.press("Control+k");
      await holds(field(page), "make this [loud](url)");
      await page.keyboard.type("https://example.org");
      expect(await field(page).inputValue()).to.equal("make this [loud](https://example.org)");
      // Without a selection the same keys go to another place.
      await page.keyboard.press("Control+k");
      await page.getByRole("dialog", { name: "Go to" }).waitFor();
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
    });

    it("has a bar, which stays where it was wanted, and is one stop for Tab", async () => {
      const { page } = ada;
      const bar = page.getByRole("toolbar", { name: "Formatting" });
      expect(await bar.count()).to.equal(0);
      await page.locator(".composer").getByRole("button", { name: "Formatting" }).click();
      await bar.waitFor();
      await field(page).pressSequentially("one");
      await page.keyboard.press("Shift+Enter");
      await page.keyboard.type("two");
      await page.keyboard.press("Control+a");
      for (const [name, text] of [
        ["List", "- one\n- two"],
        ["Strikethrough", "- ~~one~~\n- ~~two~~"],
        ["Strikethrough", "- one\n- two"],
        ["Quotation", "> - one\n> - two"],
        ["Quotation", "- one\n- two"],
        ["List", "one\ntwo"],
        ["Code", "```\none\ntwo\n```"],
      ] as const) {
        await bar.getByRole("button", { name }).click();
        await holds(field(page), text);
      }
      await page.reload();
      await bar.waitFor();
      await field(page).focus();
      await page.keyboard.press("Shift+Tab");
      await bar.getByRole("button", { name: "Bold" }).and(page.locator(":focus")).waitFor();
      await page.keyboard.press("ArrowRight");
      await bar.getByRole("button", { name: "Italic" }).and(page.locator(":focus")).waitFor();
      await page.locator(".composer").getByRole("button", { name: "Formatting" }).click();
      await bar.waitFor({ state: "detached" });
    });
  });

  describe("code", () => {
    it("has the colours and the name of its language, and is copied as it was written", async () => {
      const { page } = ada;
      await ada.context.grantPermissions(["clipboard-read", "clipboard-write"]);
      const source = 'export const name: string = "<b>";\n// the end';
      await ada.api("POST", "/api/v1/rooms/tea/messages", { text: `\`\`\`ts\n${source}\n\`\`\`` });
      await ada.api("POST", "/api/v1/rooms/tea/messages", { text: "```klingon\nnuqneH = 1\n```" });
      const code = page.locator(".rich-code").filter({ hasText: "export const" });
      await code.getByText("TypeScript").waitFor();
      await code.locator(".hljs-keyword").getByText("export").waitFor();
      await code.locator(".hljs-comment").getByText("// the end").waitFor();
      expect(await code.locator("code").textContent()).to.equal(source);
      await code.getByRole("button", { name: "Copy the code (TypeScript)" }).click();
      expect(await page.evaluate("navigator.clipboard.readText()")).to.equal(source);
      const unknown = page.locator(".rich-code").filter({ hasText: "nuqneH" });
      await unknown.getByText("klingon").waitFor();
      expect(await unknown.locator("code span").count()).to.equal(0);
    });
  });

  describe("a screen", () => {
    for (const [look, options] of looks)
      it(`fits the screen and keeps nobody out: ${look}`, async () => {
        const person = await fixture.person("ada", { ...options, hasTouch: look.startsWith("phone") });
        const { page } = person;
        await page.goto(`${fixture.node.url}/room/tea`);
        await field(page).waitFor();
        await page.locator(".composer").getByRole("button", { name: "Emoji", exact: true }).click();
        await page.getByRole("searchbox", { name: "Find an emoji" }).waitFor();
        await shot(page, `emoji ${look}`);
        expect(await axeFaults(page)).to.deep.equal([]);
        const { x = -1, width = 0 } = (await page.locator(".emoji-panel").boundingBox()) ?? {};
        expect(x).to.be.at.least(0);
        expect(x + width).to.be.at.most(options.viewport.width);
        await page.keyboard.press("Escape");
        await field(page).fill("");
        await field(page).pressSequentially("to #");
        await page.getByRole("listbox", { name: "Rooms" }).waitFor();
        await shot(page, `rooms ${look}`);
        expect(await axeFaults(page)).to.deep.equal([]);
        await field(page).fill("a *text* that is long enough to have more than one line, on a phone at least");
        await page.locator(".composer").getByRole("button", { name: "Formatting" }).click();
        await page.getByRole("toolbar", { name: "Formatting" }).waitFor();
        await page.locator(".hljs-keyword").first().waitFor();
        await shot(page, `bar ${look}`);
        expect(await axeFaults(page)).to.deep.equal([]);
        await person.close();
      });
  });
});
