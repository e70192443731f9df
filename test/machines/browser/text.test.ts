import { expect } from "chai";
import type { Locator, Page } from "playwright-core";
import { openPages, type Person, type Fixture } from "../../fixtures/page/index.ts";

// What the page's own functions below see; the types of a browser are not those of a test.
declare const document: { readonly activeElement: unknown };
declare const getComputedStyle: (element: unknown) => { readonly direction: string };

const rows = (page: Page): Locator => page.locator("main article[data-seq]");
const field = (page: Page): Locator => page.getByRole("textbox", { name: /^Message / });

/** What is to be seen of an element: its text without what styles hide, and nothing of a screen reader's. */
const seen = async (place: Locator): Promise<string> => (await place.innerText()).replaceAll(/\s+/g, " ").trim();

/** Waits for the renderer: until it is there, a text is shown as it was written. */
const rendered = (page: Page): Promise<void> => page.locator("main article strong").first().waitFor();

const sent = [
  "**rendered**",
  "Use Map<String, List<T>> and vector<int>, a<b>c",
  "<nav>",
  "<script>alert(1)</script><img src=x onerror=alert(1)>",
  "a <!-- remark --> b &lt;i&gt; &nbsp;",
  "[a]: https://example.org/x 'title'",
  "[^1]: a note",
  "C:\\temp",
  "#",
];

describe("text in messages", function () {
  let fixture: Fixture;
  let ada: Person;
  before(async () => {
    fixture = await openPages();
    ada = await fixture.person("ada");
    await fixture.account("bob");
    await ada.api("POST", "/api/v1/rooms", { room: "text", title: "Text" });
    await ada.api("POST", "/api/v1/agents", { name: "helper" });
  });
  after(async () => {
    expect(fixture.complaints).to.deep.equal([]);
    await fixture.close();
  });

  it("has formulas as formulas, by themselves and in lines, and nothing in them leads anywhere", async () => {
    const { page } = ada;
    await ada.api("POST", "/api/v1/rooms", { room: "maths", title: "Maths" });
    for (const text of [
      "The root $\\sqrt{x^2}$ of it",
      "$$\n\\int_0^1 x\\,dx = \\frac{1}{2}\n$$",
      "$\\href{example}{y}_1$ and $\\undefinedword{z}$",
      "it costs $5 and $10",
      "$p = 5% of 100\\,x$ but $\\raisebox{5em}{x_1}$",
    ])
      await ada.api("POST", "/api/v1/rooms/maths/messages", { text });
    await page.goto(`${fixture.node.url}/room/maths`);
    await rows(page).nth(0).locator("math msqrt").waitFor();
    await rows(page).nth(1).locator("math[display=block] mfrac").waitFor();
    await rows(page).nth(2).getByText("\\undefinedword{z}").waitFor();
    expect(await rows(page).nth(2).locator("a[href*=example]").count()).to.equal(0);
    expect(await seen(rows(page).nth(3))).to.include("it costs $5 and $10");
    expect(await rows(page).nth(3).locator("math").count()).to.equal(0);
    // A remark of TeX takes nothing away, and nothing is put where something else stands.
    expect(await rows(page).nth(4).locator("math").first().textContent()).to.include("100");
    expect(await seen(rows(page).nth(4))).to.include("\\raisebox{5em}{x_1}");
  });

  it("is an invitation where nothing was said yet", async () => {
    const { page } = ada;
    await page.goto(`${fixture.node.url}/room/text`);
    await page.getByText("So far you are the only one in it.").waitFor();
    await page.getByRole("button", { name: "Invite people" }).click();
    await page.getByRole("complementary", { name: "Members" }).waitFor();
    await page.getByRole("button", { name: "Close members" }).click();
  });

  it("is there as it was sent: in the room, quotes, threads and pins", async () => {
    const { page } = ada;
    for (const text of sent) await ada.api("POST", "/api/v1/rooms/text/messages", { text });
    await rows(page)
      .nth(sent.length - 1)
      .waitFor();
    await rendered(page);
    for (const [index, text] of sent.entries())
      expect(await seen(rows(page).nth(index).locator(".rich"))).to.equal(text.replaceAll("**", ""));

    const reply = "<b>answer</b>";
    await ada.api("POST", "/api/v1/rooms/text/messages", { text: reply, replyTo: 2, alsoInRoom: true });
    await rows(page).nth(sent.length).waitFor();
    expect(await seen(rows(page).nth(sent.length).locator(".quote"))).to.equal(`Ada ${sent[1]}`);
    await page.goto(`${fixture.node.url}/room/text?panel=thread&seq=2`);
    const thread = page.getByRole("complementary");
    await thread.getByText(reply).waitFor();
    await rendered(page);
    expect(await seen(thread.locator(".rich").first())).to.equal(sent[1]);
    await ada.api("PUT", "/api/v1/rooms/text/pins/3", {});
    await page.goto(`${fixture.node.url}/room/text?panel=pins`);
    await rendered(page);
    await thread.getByText("<nav>").waitFor();
    await page.goto(`${fixture.node.url}/room/text`);
  });

  it("is there in an agent's answer, while it comes and afterwards", async () => {
    const { page } = ada;
    await page.goto(`${fixture.node.url}/agent/ada.helper`);
    const text = "Use Map<String, List<T>>, <nav> and &amp; in [a]: b. The **end**";
    await field(page).fill(text);
    await field(page).press("Enter");
    const answer = page.locator(".turn.answer:not(.draft) .rich");
    await answer.waitFor();
    expect(await seen(answer)).to.contain(text.replaceAll("**", ""));
    await page.goto(`${fixture.node.url}/room/text`);
  });

  it("runs the way it is written: Arabic, Hebrew, lists, quotes, names, and code never", async () => {
    const { page } = ada;
    await ada.api("POST", "/api/v1/rooms", { room: "rtl", title: "غرفة الشاي", topic: "نتحدث هنا" });
    const texts = [
      "مرحبا @ada كيف الحال؟",
      "- שלום\n- עולם",
      "> ציטוט",
      "`npm ci` مثال",
      "```\nשלום = 1\n```",
      "hello שלום",
    ];
    for (const text of texts) await ada.api("POST", "/api/v1/rooms/rtl/messages", { text });
    await page.goto(`${fixture.node.url}/room/rtl`);
    await rows(page)
      .nth(texts.length - 1)
      .waitFor();
    await page.locator(".rich-code").waitFor();
    const direction = (place: Locator) => place.evaluate((element) => getComputedStyle(element).direction);
    const block = (index: number, tag: string) => rows(page).nth(index).locator(`.rich ${tag}`).first();
    expect(await direction(block(0, "p"))).to.equal("rtl");
    expect(await direction(block(1, "ul"))).to.equal("rtl");
    expect(await direction(block(2, "blockquote"))).to.equal("rtl");
    expect(await direction(block(3, "p"))).to.equal("rtl");
    expect(await direction(block(3, "code"))).to.equal("ltr");
    expect(await direction(block(4, "pre"))).to.equal("ltr");
    expect(await direction(block(5, "p"))).to.equal("ltr");
    for (const place of [
      page.locator("h1"),
      page.locator(".header .topic"),
      page.locator('[data-room="rtl"] .ellipsis'),
    ])
      expect(await direction(place)).to.equal("rtl");
    await field(page).fill("שלום");
    expect(await direction(field(page))).to.equal("rtl");
    await field(page).fill("");
    // A mention is a piece of its own, or its `@` would change sides.
    expect(await seen(block(0, "bdi"))).to.equal("@Ada");
    expect(await direction(block(0, "bdi"))).to.equal("ltr");
  });

  it("leaves no holes, no line for `edited`, and no button on code", async () => {
    const { page } = ada;
    await page.goto(`${fixture.node.url}/room/text`);
    const said = async (text: string) => {
      const { seq } = (await ada.api("POST", "/api/v1/rooms/text/messages", { text })) as { seq: number };
      const row = page.locator(`[data-seq="${seq}"]`);
      await row.waitFor();
      return { seq, row, height: async () => (await row.boundingBox())?.height };
    };
    const [holes, none] = [await said("one\n\n\n\n\n\ntwo"), await said("one\n\ntwo")];
    const brief = await said("short");
    await said(`\`\`\`ts\nconst long = "${"x".repeat(300)}";\n\`\`\``);
    await page.locator(".rich-code").last().waitFor();
    expect(await holes.height()).to.equal(await none.height());
    const before = await brief.height();
    await ada.api("PATCH", `/api/v1/rooms/text/messages/${brief.seq}`, { text: "brief" });
    await brief.row.getByText("(edited)").waitFor();
    expect(await brief.height()).to.equal(before);
    const code = page.locator(".rich-code").last();
    const [text, button] = await Promise.all([
      code.locator("pre").boundingBox(),
      code.getByRole("button").boundingBox(),
    ]);
    const apart =
      (button?.x ?? 0) >= (text?.x ?? 0) + (text?.width ?? 0) ||
      (button?.y ?? 0) + (button?.height ?? 0) <= (text?.y ?? 0);
    expect(apart, JSON.stringify({ text, button })).to.equal(true);
    await code.locator(".rich-info").getByText("TypeScript").waitFor();
  });

  it("says how much too long it is, before it is sent", async () => {
    const { page } = ada;
    const length = page.locator(".composer-length");
    await field(page).fill("x".repeat(9_900));
    expect(await seen(length)).to.equal("100 characters left");
    await field(page).fill("x".repeat(20_000));
    expect(await seen(length)).to.equal("10,000 characters too long");
    expect(await page.getByRole("button", { name: "Send", exact: true }).isDisabled()).to.equal(true);
    await field(page).fill("");
    await length.waitFor({ state: "detached" });
  });

  it("says before it is sent who will not see it, and brings them in", async () => {
    const { page } = ada;
    await field(page).fill("@bob and @ada.helper, @nobody, hello");
    const notes = page.locator(".mention-notes");
    await notes.getByText("Bob is not in this room and will not see this.").waitFor();
    await notes.getByText("helper is not in this room and will not answer.").waitFor();
    await notes.getByRole("button", { name: "Add Bob to the room" }).click();
    await notes.getByText("Bob is not").waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Members 2" }).waitFor();
    await field(page).fill("");
    await notes.waitFor({ state: "detached" });
  });

  it("comes into view also when what one writes with has just become lower", async () => {
    const { page } = ada;
    for (let line = 0; line < 12; line++)
      await ada.api("POST", "/api/v1/rooms/text/messages", { text: `filler ${line}\n\n${"more text ".repeat(40)}` });
    await rows(page).filter({ hasText: "filler 11" }).waitFor();
    // Between two frames, and laid out at once: the view has moved before anybody is told of its new height.
    await page.evaluate(`(async () => {
      const composer = document.querySelector(".composer");
      const scroller = document.querySelector(".feed-scroller");
      const frame = () => new Promise(requestAnimationFrame);
      composer.style.paddingTop = "160px";
      for (let count = 0; count < 10; count++) await frame();
      await new Promise((resolve) => setTimeout(resolve));
      composer.style.paddingTop = "";
      void scroller.scrollTop;
      for (let count = 0; count < 10; count++) await frame();
    })()`);
    await ada.api("POST", "/api/v1/rooms/text/messages", { text: "after that" });
    await rows(page).filter({ hasText: "after that" }).waitFor();
  });

  it("comes in without a flash of `Jump to latest`, which leaves the focus where it is", async () => {
    const { page } = ada;
    await page.evaluate(`
      window.jumps = 0;
      new MutationObserver((changes) => {
        for (const node of changes.flatMap((change) => [...change.addedNodes]))
          if (node instanceof Element && (node.matches(".to-end") || node.querySelector(".to-end"))) window.jumps++;
      }).observe(document.body, { childList: true, subtree: true });
    `);
    for (let line = 0; line < 12; line++)
      await ada.api("POST", "/api/v1/rooms/text/messages", {
        text: `line ${line}\n\n${"more text ".repeat(40 * (line % 3))}`,
      });
    await rows(page).filter({ hasText: "line 11" }).waitFor();
    expect(await page.evaluate("window.jumps")).to.equal(0);

    await field(page).focus();
    await page.locator(".feed-scroller").hover();
    const jump = page.getByRole("button", { name: "Jump to latest" });
    await page.mouse.wheel(0, -1_500);
    await jump.waitFor();
    await jump.click();
    await jump.waitFor({ state: "detached" });
    expect(await field(page).evaluate((element) => element === document.activeElement)).to.equal(true);
    await page.mouse.wheel(0, -1_500);
    await jump.waitFor();
    await jump.focus();
    await page.keyboard.press("Enter");
    await jump.waitFor({ state: "detached" });
    expect(await field(page).evaluate((element) => element === document.activeElement)).to.equal(true);
  });
});
