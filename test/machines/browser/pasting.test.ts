import { expect } from "chai";
import type { Locator, Page } from "playwright-core";
import { clipboards, editors } from "../../fixtures/clipboards/documents.ts";
import type { Fixture, Person } from "../../fixtures/page/index.ts";
import { openPagesWithModels } from "../../fixtures/page/models.ts";
import { png } from "../../fixtures/pictures.ts";

// What the page's own functions below see; the types of a browser are not those of a test.
declare const getSelection: () => { selectAllChildren(element: unknown): void };
declare const document: { readonly activeElement: { readonly value: string } };
declare const navigator: { readonly clipboard: { write(items: readonly ClipboardItem[]): Promise<void> } };
declare class ClipboardItem {
  constructor(parts: object);
}
declare class DataTransfer {
  readonly items: { add(file: File): void };
}
declare class DragEvent extends Event {
  constructor(type: string, about: object);
}
interface Target {
  dispatchEvent(event: Event): boolean;
}

const field = (page: Page, name = "Message #Den"): Locator => page.getByRole("textbox", { name });
const message = (page: Page, text: string): Locator => page.locator("main article[data-seq]").filter({ hasText: text });
const editor = (page: Page): Locator => page.getByRole("textbox", { name: "Edit the message" });

/** Puts something on the clipboard, as a program does; a picture in base64. */
const copy = (page: Page, parts: Readonly<Record<string, string>>): Promise<void> =>
  page.evaluate(async (given) => {
    const blob = (type: string, text: string): Blob =>
      new Blob([type.startsWith("image/") ? Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0)) : text], {
        type,
      });
    const blobs = Object.entries(given).map(([type, text]) => [type, blob(type, text)]);
    await navigator.clipboard.write([new ClipboardItem(Object.fromEntries(blobs))]);
  }, parts);

interface Dropped {
  readonly name: string;
  readonly type: string;
  /** In base64. */
  readonly bytes: string;
}

/** Drops files on an element, as a browser tells of it; says whether the page took them. */
const drop = (place: Locator, files: readonly Dropped[]): Promise<boolean> =>
  place.evaluate((element, dropped) => {
    const data = new DataTransfer();
    for (const { name, type, bytes } of dropped)
      data.items.add(new File([Uint8Array.from(atob(bytes), (sign) => sign.charCodeAt(0))], name, { type }));
    const tell = (type: string): boolean =>
      !(element as Target).dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
    return tell("dragover") && tell("drop");
  }, files);

const pictureOf = (shade: number): string =>
  png(320, 200, { colourOf: (column) => [column % 256, shade, 180] }).toString("base64");
const file = (name: string, shade: number): Dropped => ({ name, type: "image/png", bytes: pictureOf(shade) });

const article = clipboards[0] ?? { html: "", markdown: "" };
const sheet = clipboards[6] ?? { html: "", markdown: "" };

for (const [device, viewport] of [
  ["a desktop", { width: 1280, height: 800 }],
  ["a phone", { width: 390, height: 844 }],
] as const)
  describe(`what is pasted and dropped, on ${device}`, function () {
    let fixture: Fixture, ada: Person;
    before(async () => {
      ({ fixture } = await openPagesWithModels({ seeing: "chat, vision", blind: "chat" }));
      ada = await fixture.person("ada", { viewport, permissions: ["clipboard-read", "clipboard-write"] });
      await ada.api("POST", "/api/v1/rooms", { room: "den", title: "Den" });
      await ada.api("POST", "/api/v1/rooms/den/messages", { text: "first words" });
      await ada.api("POST", "/api/v1/agents", { name: "helper", model: "seeing" });
    });
    after(() => fixture.close());
    beforeEach(async () => {
      await ada.page.goto(`${fixture.node.url}/room/den`);
      await field(ada.page).fill("");
    });
    const go = async (path: string): Promise<void> => void (await ada.page.goto(fixture.node.url + path));
    /** Pastes by the keyboard and waits for what comes into the field. */
    const paste = async (place: Locator, keys = "ControlOrMeta+v"): Promise<string> => {
      await place.focus();
      const before = await place.inputValue();
      await place.press(keys);
      await ada.page.waitForFunction((text) => document.activeElement.value !== text, before);
      return place.inputValue();
    };

    it("keeps links, lists and tables in the composer, in a thread and in an edit; it can be undone, and is sent", async () => {
      const { page } = ada;
      await copy(page, { "text/html": article.html, "text/plain": "Install\nRead the guide" });
      expect(await paste(field(page))).to.equal(article.markdown);
      await page.keyboard.press("ControlOrMeta+z");
      expect(await field(page).inputValue()).to.equal("");
      await page.keyboard.press("ControlOrMeta+Shift+z");
      await field(page).press("Enter");
      const sent = message(page, "Install");
      await sent.getByRole("link", { name: "guide" }).waitFor();
      expect(await sent.getByRole("listitem").count()).to.equal(3);

      await copy(page, { "text/html": sheet.html, "text/plain": "Name\tPrice\nTea\t2" });
      await go("/room/den?panel=thread&seq=1");
      const reply = field(page, "Reply in the thread");
      await reply.fill("Prices:");
      expect(await paste(reply)).to.equal(`Prices:\n\n${sheet.markdown}`);
      await reply.press("Enter");
      await page.getByRole("complementary").getByRole("table").waitFor();

      await go("/room/den");
      await message(page, "Install").waitFor();
      await field(page).focus();
      await field(page).press("ArrowUp");
      await editor(page).waitFor();
      await editor(page).fill("");
      expect(await paste(editor(page))).to.equal(sheet.markdown);
      await editor(page).press("Enter");
      await message(page, "Price").getByRole("table").waitFor();
    });

    it("stays plain by Ctrl+Shift+V, from an editor of code, inside code, and where the text says all", async () => {
      const { page } = ada;
      await copy(page, { "text/html": article.html, "text/plain": "Install\nRead the guide" });
      expect(await paste(field(page), "ControlOrMeta+Shift+v")).to.equal("Install\nRead the guide");
      await field(page).fill("```\n");
      expect(await paste(field(page))).to.equal("```\nInstall\nRead the guide");
      await field(page).fill("");
      await copy(page, { "text/html": editors["VS Code"] ?? "", "text/plain": "    if (a) {\n      b();" });
      expect(await paste(field(page))).to.equal("    if (a) {\n      b();");
      await field(page).fill("");
      await copy(page, { "text/html": "<p>one</p><p>two *stars*</p>", "text/plain": "one\n\ntwo *stars*" });
      expect(await paste(field(page))).to.equal("one\n\ntwo *stars*");
      await field(page).fill("");
    });

    it("is the same text again when it was copied from a message here", async () => {
      const { page } = ada;
      const text = "one\ntwo **three** [here](https://example.org/x)\n\n- a\n- b";
      await ada.api("POST", "/api/v1/rooms/den/messages", { text });
      const row = message(page, "three");
      await row.locator("strong").waitFor();
      await field(page).blur();
      await row.locator(".rich").evaluate((element) => getSelection().selectAllChildren(element));
      await page.evaluate("document.execCommand('copy')");
      expect(await paste(field(page))).to.equal(text);
      await field(page).fill("");
    });

    it("goes on at the end of a text: an edit by ↑, a draft that came back", async () => {
      const { page } = ada;
      const caretOf = (place: Locator) =>
        place.evaluate((element: unknown) => {
          const { selectionStart, value } = element as { selectionStart: number; value: string };
          return [selectionStart, value.length];
        });
      await ada.api("POST", "/api/v1/rooms/den/messages", { text: "line one\nline two" });
      await message(page, "line two").waitFor();
      await field(page).focus();
      await field(page).press("ArrowUp");
      await editor(page).waitFor();
      expect(await caretOf(editor(page))).to.deep.equal([17, 17]);
      await page.keyboard.type(", and more");
      expect(await editor(page).inputValue()).to.equal("line one\nline two, and more");
      await editor(page).press("Escape");
      await go("/room/den?panel=thread&seq=1");
      await field(page, "Reply in the thread").fill("half");
      await page.reload();
      await page.waitForFunction(() => document.activeElement.value === "half");
      await page.keyboard.type(" a reply");
      expect(await field(page, "Reply in the thread").inputValue()).to.equal("half a reply");
      await field(page, "Reply in the thread").fill("");
    });

    it("attaches pictures in an agent's conversation, and they are there after a reload, with what was written about them", async () => {
      const { page } = ada;
      await go("/agent/ada.helper");
      const text = field(page, "Message helper");
      await text.waitFor();
      const list = page.getByRole("list", { name: "Pictures of this message" });
      await copy(page, { "image/png": pictureOf(10) });
      await text.press("ControlOrMeta+v");
      await list.getByRole("textbox", { name: "What is in picture 1" }).fill("a pasted one");
      await drop(text, [file("a.png", 90), file("b.png", 200)]);
      await list.getByRole("img").nth(2).waitFor();
      await text.fill("what do you see?");
      await page.reload();
      await list.getByRole("img", { name: "a pasted one" }).waitFor();
      await list.getByRole("img").nth(2).waitFor();
      expect(await text.inputValue()).to.equal("what do you see?");
      await text.press("Enter");
      await list.waitFor({ state: "detached" });
      await page.locator("article.said").getByRole("img").nth(2).waitFor();
      await page.reload();
      await page.locator("article.said").getByRole("img").nth(2).waitFor();
      expect(await list.count()).to.equal(0);
    });

    it("says as the button does what cannot be attached", async () => {
      const { page } = ada;
      await go("/agent/ada.helper");
      const text = field(page, "Message helper");
      await text.waitFor();
      const notice = (says: string | RegExp) =>
        page.getByRole("alert").or(page.getByRole("status")).getByText(says).first();
      await drop(text, [{ name: "a.png", type: "image/png", bytes: "aGVsbG8=" }]);
      await notice("This file is not a picture that your browser can read.").waitFor();
      await drop(
        text,
        [1, 2, 3, 4, 5, 6, 7, 8, 9].map((x) => file(`${x}.png`, x * 20)),
      );
      await notice(/^A message has at most \d pictures\./).waitFor();
      await ada.api("PATCH", "/api/v1/agents/ada.helper", { model: "blind" });
      await page.reload();
      await text.waitFor();
      await copy(page, { "image/png": pictureOf(10) });
      await text.press("ControlOrMeta+v");
      await notice("The agent's model cannot see pictures.").waitFor();
    });

    it("says beside a room and in an edit that files cannot be sent there, and leaves the page where it is", async () => {
      const { page } = ada;
      const says = page.getByText("Files cannot be sent here.").first();
      await page.reload();
      await field(page).waitFor();
      expect(await drop(page.locator(".sidebar").first(), [file("a.png", 1)])).to.equal(true);
      await says.waitFor();
      await page.reload();
      await field(page).press("ArrowUp");
      await editor(page).waitFor();
      await drop(editor(page), [file("a.png", 1)]);
      await says.waitFor();
      // A picture of a text, as programs give beside it, is the text.
      await editor(page).press("Escape");
      await copy(page, { "image/png": pictureOf(10), "text/plain": "a cell" });
      expect(await paste(field(page))).to.equal("a cell");
    });
  });
