import { expect } from "chai";
import type { Page } from "playwright-core";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPages, type Fixture, type Person } from "../../fixtures/page/index.ts";
import { looks } from "../../fixtures/page/looks.ts";

/** The page without the timers that let notices go: those of six and of fifteen seconds. What is looked at stays. */
const staying = `{
  const real = window.setTimeout;
  window.setTimeout = (run, ms, ...more) => (ms === 6000 || ms === 15000 ? 0 : real(run, ms, ...more));
}`;

interface Looked {
  readonly notices: number;
  /** What a notice covers, or where one is beyond the screen. */
  readonly faults: readonly string[];
  /** What share of the screen's height the notices have. */
  readonly share: number;
  readonly kept: number;
}

/** Measures the notices, as far as they are seen, and what they must not cover. */
const measure = `(() => {
  const list = document.querySelector(".notices");
  const frame = list.getBoundingClientRect();
  const seen = [...list.querySelectorAll(".notice")]
    .map((one) => one.getBoundingClientRect())
    .map(({ left, right, top, bottom }) => ({ left, right, top, bottom }))
    .map((one) => ({ ...one, top: Math.max(one.top, frame.top), bottom: Math.min(one.bottom, frame.bottom) }))
    .filter(({ top, bottom }) => bottom > top);
  const buttons = "[role=dialog] button, [role=alertdialog] button, form button:not([type=button])";
  const kept = [...document.querySelectorAll(".composer, " + buttons)];
  const faults = [];
  for (const one of seen) {
    const isBeyond = one.left < 0 || one.right > innerWidth || one.top < 0 || one.bottom > innerHeight;
    if (isBeyond) faults.push("beyond the screen");
    for (const other of kept) {
      const { left, right, top, bottom, height } = other.getBoundingClientRect();
      if (height > 0 && one.left < right && one.right > left && one.top < bottom && one.bottom > top)
        faults.push("covers " + (other.ariaLabel || other.textContent || other.className));
    }
  }
  if (seen.length === 0) faults.push("nothing is seen");
  return { notices: list.children.length, faults, kept: kept.length, share: frame.height / innerHeight };
})()`;

/** The notices have come to rest: two looks in a row found them at the same place, and nothing moves. */
const rested = `new Promise((resolve) => {
  let before = "";
  const look = () => {
    const { top, height } = document.querySelector(".notices").getBoundingClientRect();
    const moves = (one) => one.playState === "running" && one instanceof CSSTransition;
    const now = top + " " + height + " " + document.getAnimations().filter(moves).length;
    if (now === before && now.endsWith(" 0")) return resolve(undefined);
    before = now;
    requestAnimationFrame(() => requestAnimationFrame(look));
  };
  look();
})`;

const long = (nth: number): string =>
  `${nth}: ${"the process of the model ended before it had read all of its files, and said nothing ".repeat(3)}`;

/** Gives the page notices, one after the other: each is a refusal of a node. */
async function giveNotices(page: Page, texts: readonly string[]): Promise<void> {
  const left = [...texts];
  await page.route("**/pin", (route) => {
    const error = { code: "RUNTIME_FAULT", message: "", outcome: "failed", details: { reason: left.shift() ?? "" } };
    return route.fulfill({ status: 500, json: { error } });
  });
  for (const text of texts) {
    await page.getByRole("button", { name: /^Pin / }).first().click();
    await page.locator(".notice").getByText(text.trim()).waitFor();
  }
}

describe("notices", () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await openPages();
    const ada = await fixture.account("ada");
    await ada.api("POST", "/api/v1/rooms", { room: "lobby", title: "Lobby" });
    await ada.api("POST", "/api/v1/agents", { name: "helper" });
  });
  after(() => fixture.close());

  async function openModels(options: object = {}): Promise<Person> {
    const ada = await fixture.person("ada", options);
    await ada.page.addInitScript(staying);
    await ada.page.goto(`${fixture.node.url}/admin/models`);
    await ada.page.getByRole("button", { name: /^Pin / }).first().waitFor();
    return ada;
  }

  /** Goes there without a new page: the notices stay. */
  async function go(page: Page, name: string): Promise<void> {
    await page.keyboard.press("Control+K");
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("combobox").fill(name);
    await dialog.getByRole("option").first().waitFor();
    await page.keyboard.press("Enter");
    await dialog.waitFor({ state: "detached" });
  }

  for (const [name, options] of looks)
    it(`cover no composer and no button of forms and dialogs, and a third of the screen at most: ${name}`, async () => {
      const ada = await openModels(options);
      const { page } = ada;
      const found: Record<string, readonly string[]> = {};
      const folder = process.env["PLEXUS_TEST_SHOTS"];
      const look = async (place: string, count: number): Promise<void> => {
        await page.evaluate(rested);
        const seen = await page.evaluate<Looked>(measure);
        const path = `${folder}/notices-${place} ${name}.png`.replaceAll(" ", "-");
        if (folder !== undefined) await page.screenshot({ path });
        const told = [...seen.faults];
        if (seen.notices !== count) told.push(`${seen.notices} notices`);
        if (seen.share > 0.34) told.push(`${Math.round(seen.share * 100)} % of the screen`);
        if (seen.kept === 0) told.push("nothing to cover");
        found[place] = told;
      };
      for (const [count, texts] of [
        [1, [long(0)]],
        [4, [1, 2, 3, 4, 5].map(long)],
      ] as const) {
        if (count > 1) await page.goto(`${fixture.node.url}/admin/models`);
        await giveNotices(page, texts);
        await look(`form ${count}`, count);
        await page.getByLabel("Source").scrollIntoViewIfNeeded();
        await look(`form scrolled ${count}`, count);
        await page.keyboard.press("?");
        await page.getByRole("dialog").waitFor();
        await look(`dialog ${count}`, count);
        await page.keyboard.press("Escape");
        await page.getByRole("dialog").waitFor({ state: "detached" });
        await go(page, "Lobby");
        const composer = page.getByRole("textbox", { name: "Message #Lobby" });
        await composer.waitFor();
        await look(`room ${count}`, count);
        await composer.fill("one line\n".repeat(12));
        await look(`room written ${count}`, count);
        await composer.fill("");
        await go(page, "helper");
        await page.getByRole("textbox", { name: "Message helper" }).waitFor();
        await look(`agent ${count}`, count);
      }
      await ada.close();
      expect(Object.entries(found).filter(([, faults]) => faults.length > 0)).to.deep.equal([]);
    });

  it("are each told once: in one live region that says what is new alone, without its buttons", async () => {
    const ada = await openModels();
    const { page } = ada;
    await giveNotices(page, ["first", "second"]);
    const told = await page.evaluate(`[...document.querySelectorAll(".notice")].map((one) => {
      const text = one.querySelector("span");
      const regions = [...document.querySelectorAll("[role=status], [role=alert], [role=log], [aria-live]")];
      const tells = (region) => region.ariaLive !== "off" && region.textContent.includes(text.textContent);
      const telling = regions.filter(tells);
      return {
        regions: telling.length,
        live: telling[0].ariaLive,
        whole: telling[0].ariaAtomic,
        buttons: [...one.querySelectorAll("button")].map((button) => button.closest("[aria-live]").ariaLive),
      };
    })`);
    const each = { regions: 1, live: "polite", whole: "false", buttons: ["off"] };
    expect(told).to.deep.equal([each, each]);
    expect(await axeFaults(page, { within: ".notices" })).to.deep.equal([]);
    await ada.close();
  });

  it("are reached and closed by keyboard, also over a dialog, which stays", async () => {
    const ada = await openModels();
    const { page } = ada;
    await giveNotices(page, [long(1), long(2)]);
    await page.keyboard.press("?");
    const dialog = page.getByRole("dialog", { name: "Keyboard shortcuts" });
    await dialog.getByText("Go to the latest notice").waitFor();
    await page.keyboard.press("F8");
    await page.locator(".notice:last-child .tool:focus").waitFor();
    await page.keyboard.press("Escape");
    await page.locator(".notice").getByText(long(2).trim()).waitFor({ state: "detached" });
    expect(await page.locator(".notice").count()).to.equal(1);
    expect(await dialog.count(), "the dialog is still open").to.equal(1);
    await dialog.locator(":focus").waitFor();
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    await page.keyboard.press("F8");
    await page.keyboard.press("Enter");
    await page.locator(".notice").waitFor({ state: "detached" });
    expect(fixture.complaints).to.deep.equal([]);
    await ada.close();
  });
});
