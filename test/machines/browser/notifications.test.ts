import { expect } from "chai";
import type { BrowserContext, Page } from "playwright-core";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPages, type Fixture, type Person } from "../../fixtures/page/index.ts";
import { untilTrue } from "../../waits.ts";

interface Shown {
  readonly title: string;
  readonly body: string;
  readonly tag: string;
  readonly url: string;
}

/** The machine, for a browser without a window: it shows no notices and has no tab behind another. What a tab has shown
 *  stays with that tab; the worker, its messages and the locks are real. */
const machine = `{
  Object.defineProperty(Notification, "permission", { get: () => localStorage.getItem("asked") ?? "default" });
  Notification.requestPermission = async () => {
    localStorage.setItem("asked", "granted");
    return "granted";
  };
  let shown = [];
  ServiceWorkerRegistration.prototype.showNotification = async (title, { body, tag, data }) => {
    const notice = { title, body, tag, data, close: () => (shown = shown.filter((one) => one !== notice)) };
    shown = [...shown.filter((one) => one.tag !== tag), notice];
  };
  ServiceWorkerRegistration.prototype.getNotifications = async () => shown;
  let isHidden = false;
  Object.defineProperty(document, "visibilityState", { get: () => (isHidden ? "hidden" : "visible") });
  Object.defineProperty(document, "hidden", { get: () => isHidden });
  Object.assign(globalThis, {
    putBehind(behind) {
      isHidden = behind;
      document.dispatchEvent(new Event("visibilitychange"));
    },
    shownNotices: () => shown.map(({ title, body, tag, data }) => ({ title, body, tag, url: data.url })),
  });
}`;

const putBehind = (page: Page, behind: boolean): Promise<unknown> => page.evaluate(`putBehind(${behind})`);
const shownIn = async (...tabs: readonly Page[]): Promise<readonly Shown[]> =>
  (await Promise.all(tabs.map((tab) => tab.evaluate("shownNotices()")))).flat() as Shown[];

/** Presses one, as the machine would tell the worker. */
async function press(context: BrowserContext, { url }: Shown): Promise<void> {
  const [worker] = context.serviceWorkers();
  const notification = `{ data: { url: ${JSON.stringify(url)} }, close: () => undefined }`;
  await worker?.evaluate(
    `dispatchEvent(Object.assign(new Event("notificationclick"), { notification: ${notification}, waitUntil() {} }))`,
  );
}

describe("being told, in a browser", () => {
  let fixture: Fixture | undefined;
  afterEach(async () => {
    await fixture?.close();
    fixture = undefined;
  });

  const open = async (viewport: { width: number; height: number }): Promise<{ ada: Person; ben: Person }> => {
    fixture = await openPages();
    const ben = await fixture.account("ben");
    const ada = await fixture.person("ada", { viewport, serviceWorkers: "allow" });
    await ada.context.addInitScript({ content: machine });
    for (const room of ["desk", "den"]) {
      await ada.api("POST", "/api/v1/rooms", { room, title: room === "desk" ? "Desk" : "Den", visibility: "public" });
      await ben.api("POST", `/api/v1/rooms/${room}/join`, {});
    }
    return { ada, ben: ben as Person };
  };

  for (const [screen, viewport] of [
    ["desktop", { width: 1280, height: 800 }],
    ["phone", { width: 390, height: 844 }],
  ] as const)
    it(`is turned on in the settings, and shown once while no tab is in sight, on a ${screen}`, async () => {
      const { ada, ben } = await open(viewport);
      const { page } = ada;
      const url = fixture?.node.url ?? "";
      const say = (room: string, text: string) => ben.api("POST", `/api/v1/rooms/${room}/messages`, { text });
      await page.goto(`${url}/settings/notifications`);
      await page.getByRole("button", { name: "Turn on" }).waitFor();
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        expect(await axeFaults(page, { within: "main" }), colorScheme).to.deep.equal([]);
      }
      expect(await page.evaluate("localStorage.getItem('asked')")).to.equal(null);
      await page.getByRole("button", { name: "Turn on" }).click();
      await page.getByText("This browser shows notices.").waitFor();
      const [first] = await shownIn(page);
      expect(first).to.include({ title: "You are told here", tag: "plexus/first" });
      await page.getByRole("textbox", { name: "Your words" }).fill("deploy");
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByText("You are told of this from now on.").waitFor();

      // A second tab: only one of them tells, and none while the other is looked at.
      const other = await ada.context.newPage();
      await other.goto(`${url}/room/desk`);
      await other.getByRole("textbox", { name: /^Message / }).waitFor();
      await putBehind(page, true);
      await say("den", "@ada in sight");
      await untilTrue("the tab counts it", async () => (await page.title()).startsWith("(1)"));
      // Locks answer in the order in which they are asked.
      await page.evaluate("navigator.locks.query()");
      await putBehind(other, true);
      const told = async () => (await shownIn(page, other)).filter(({ tag }) => tag !== first?.tag);
      await say("den", "nothing for ada");
      await say("den", "the Deploy is done");
      await untilTrue("it is told", async () => (await told()).length > 0);
      await say("desk", "@ada here");
      await untilTrue("both rooms are told", async () => (await told()).length > 1);
      expect(await told()).to.have.deep.members([
        { title: "Ben in Den", body: "the Deploy is done", tag: "plexus/ada/den", url: "/room/den?at=3" },
        { title: "Ben in Desk", body: "@ada here", tag: "plexus/ada/desk", url: "/room/desk?at=1" },
      ]);
      const icon = await page.locator("link[rel=icon]").getAttribute("href");
      expect(icon).to.match(/^data:image\/png/);

      // What is read elsewhere is told no more; a press leads to the message.
      const { messageSeq } = (await ada.api("GET", "/api/v1/rooms/den")) as { messageSeq: number };
      await ada.api("PUT", "/api/v1/rooms/den/read", { seq: messageSeq });
      await untilTrue("the den's is gone", async () => (await told()).length === 1);
      for (const notice of await told()) await press(ada.context, notice);
      const at = (tab: Page) => new URL(tab.url()).search;
      await untilTrue("a tab is there", () => [page, other].some((tab) => at(tab) === "?at=1"));
      for (const tab of [page, other]) await putBehind(tab, false);
      await untilTrue("nothing is told to somebody who looks", async () => (await told()).length === 0);
      expect(fixture?.complaints).to.deep.equal([]);
    });

  it("tells of each message in a topic that is followed, and nothing of one that is muted", async () => {
    const { ada, ben } = await open({ width: 1280, height: 800 });
    const { page } = ada;
    const say = (room: string, text: string, topic: string) =>
      ben.api("POST", `/api/v1/rooms/${room}/messages`, { text, topic });
    await say("den", "begun", "Boats");
    await say("desk", "begun", "Noise");
    await ada.api("PUT", "/api/v1/rooms/den/topics/interest", { topic: "Boats", interest: "follow" });
    await ada.api("PUT", "/api/v1/rooms/desk/topics/interest", { topic: "Noise", interest: "mute" });
    await ada.api("PUT", "/api/v1/me/notifications/rooms/desk", { level: "all" });
    for (const room of ["den", "desk"]) await ada.api("PUT", `/api/v1/rooms/${room}/read`, { seq: 1 });
    await page.goto(`${fixture?.node.url ?? ""}/settings/notifications`);
    await page.getByRole("button", { name: "Turn on" }).click();
    await page.getByText("This browser shows notices.").waitFor();
    await putBehind(page, true);
    const told = async () => (await shownIn(page)).filter(({ tag }) => tag !== "plexus/first");
    await say("desk", "nothing for ada", "Noise");
    await say("den", "nothing for ada", "Cars");
    await say("den", "she follows this", "Boats");
    await untilTrue("it is told", async () => (await told()).length > 0);
    const den = { title: "Ben in Den", body: "she follows this", tag: "plexus/ada/den", url: "/room/den?at=3" };
    expect(await told()).to.deep.equal([den]);
    await say("desk", "of another topic", "Songs");
    await untilTrue("the other room is told", async () => (await told()).length > 1);
    const desk = { title: "Ben in Desk", body: "of another topic", tag: "plexus/ada/desk", url: "/room/desk?at=3" };
    expect(await told()).to.deep.equal([den, desk]);
    expect(fixture?.complaints).to.deep.equal([]);
  });

  it("is chosen for a room in its menu, and taken back in the settings", async () => {
    const { ada, ben } = await open({ width: 1280, height: 800 });
    const { page } = ada;
    const url = fixture?.node.url ?? "";
    await page.goto(`${url}/room/den`);
    await page.getByRole("button", { name: "Room settings" }).click();
    await page.getByRole("menuitem", { name: "Notifications …" }).click();
    const dialog = page.getByRole("dialog", { name: "Notifications" });
    await dialog.getByRole("combobox", { name: "Tell me of" }).selectOption("nothing");
    await dialog.getByRole("combobox", { name: "Muted" }).selectOption("8");
    expect(await axeFaults(page, { within: '[role="dialog"]' })).to.deep.equal([]);
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.waitFor({ state: "detached" });
    await page.goto(`${url}/settings/notifications`);
    await page.getByText(/^Nothing; muted until /).waitFor();
    await ben.api("POST", "/api/v1/rooms/den/messages", { text: "@ada nothing of it" });
    await ben.api("POST", "/api/v1/rooms/desk/messages", { text: "but of this" });
    await untilTrue("the desk counts", async () => (await page.title()).startsWith("(1)"));
    await page.getByRole("button", { name: "Tell of Den as of other rooms" }).click();
    await page.getByText("There is none: every room is told of as above.").waitFor();
    await untilTrue("the den counts, too", async () => (await page.title()).startsWith("(2)"));
    expect(fixture?.complaints).to.deep.equal([]);
  });

  it("leaves alone what another device has said meanwhile, and a time that is not typed in full", async () => {
    const { ada } = await open({ width: 1280, height: 800 });
    const { page } = ada;
    await page.goto(`${fixture?.node.url ?? ""}/settings/notifications`);
    const words = page.getByRole("textbox", { name: "Your words" });
    await words.fill("deploy");
    const quiet = { days: [1], fromMinute: 20 * 60, toMinute: 6 * 60, zone: "Asia/Tokyo" };
    await ada.api("PATCH", "/api/v1/me/notifications", { level: "nothing", quiet });
    await page.getByText("Asia/Tokyo").waitFor();
    const level = page.getByRole("combobox", { name: "Of rooms" });
    await untilTrue("the form says it", async () => (await level.inputValue()) === "nothing");
    const save = async (): Promise<unknown> => {
      const saved = page.getByText("You are told of this from now on.");
      await page.getByRole("button", { name: "Save" }).click();
      await saved.waitFor();
      await page.getByRole("button", { name: "Dismiss" }).click();
      await saved.waitFor({ state: "detached" });
      return ((await ada.api("GET", "/api/v1/me")) as { notifications: unknown }).notifications;
    };
    expect(await save()).to.deep.equal({ level: "nothing", rooms: [], keywords: ["deploy"], quiet });
    const from = page.getByLabel("From");
    await from.focus();
    await page.keyboard.press("Backspace");
    expect(await from.inputValue()).to.equal("20:00");
    // What is chosen here is in the place where this browser is.
    await page.getByLabel("Tuesday").check();
    const zone = (await page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")) as string;
    expect(await save()).to.deep.include({ quiet: { ...quiet, days: [1, 2], zone } });
    expect(fixture?.complaints).to.deep.equal([]);
  });
});
