import { hash } from "node:crypto";
import { expect } from "chai";
import type { CDPSession, Worker } from "playwright-core";
import type { PushView } from "../../../protocols/index.ts";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPages, type Fixture, type Person } from "../../fixtures/page/index.ts";
import { until, untilTrue } from "../../waits.ts";

const keys = { p256dh: "B".repeat(87), auth: "A".repeat(22) };
const endpointOf = (name: string): string => `https://push.example.org/${name}`;
const placeOf = (name: string): string => hash("sha256", endpointOf(name), "buffer").toString("base64url");

/** What the person has said to the browser: without a window it is always "denied". */
const machine = (first: "denied" | "granted"): string => `{
  let said = ${JSON.stringify(first)};
  Object.defineProperty(Notification, "permission", { get: () => said });
  Notification.requestPermission = async () => said;
  globalThis.comesBack = (now) => {
    said = now;
    dispatchEvent(new Event("focus"));
  };
}`;

/** A browser that has subscribed at a push service; here none can be reached. */
const subscribed = `{
  let own = { endpoint: ${JSON.stringify(endpointOf("here"))}, unsubscribe: async () => ((own = null), true) };
  PushManager.prototype.getSubscription = async () => own;
  globalThis.isSubscribed = () => own !== null;
}`;

const shows = `{
  self.shown = [];
  ServiceWorkerRegistration.prototype.showNotification = async (title, options) => {
    const notice = { title, ...options, close: () => (self.shown = self.shown.filter((one) => one !== notice)) };
    self.shown.push(notice);
  };
}`;

describe("notices while the page is closed, in a browser", () => {
  let fixture: Fixture | undefined;
  afterEach(async () => {
    await fixture?.close();
    fixture = undefined;
  });

  const open = async (): Promise<{ ada: Person; url: string }> => {
    fixture = await openPages();
    const viewport = { width: 1280, height: 800 };
    return {
      ada: await fixture.person("ada", { viewport, serviceWorkers: "allow" }),
      url: fixture.node.url,
    };
  };
  const devices = async (ada: Person) => ((await ada.api("GET", "/api/v1/me/push")) as PushView).devices;
  const add = (ada: Person, name: string, more: object = {}) =>
    ada.api("POST", "/api/v1/me/push", { endpoint: endpointOf(name), ...keys, name: "Chrome on Linux", ...more });
  const workerOf = ({ context }: Person): Promise<Worker> =>
    until("the worker", async () => {
      const [worker] = context.serviceWorkers();
      if (worker === undefined) throw new Error("none");
      return worker;
    });

  it("say what to do where the browser was told to show none, and where its push service does not answer", async () => {
    const { ada, url } = await open();
    const { page } = ada;
    await page.addInitScript({ content: machine("denied") });
    await page.goto(`${url}/settings/notifications`);
    await page.getByText("Press the sign before its address").waitFor();
    expect(await page.getByRole("button", { name: "Send notices to this browser" }).count()).to.equal(0);
    expect(await axeFaults(page, { within: "main" })).to.deep.equal([]);
    // It is allowed in the browser's own settings, from which the person comes back.
    await page.evaluate("comesBack('granted')");
    await page.getByRole("button", { name: "Send notices to this browser" }).click();
    await page.getByRole("alert").filter({ hasText: "The push service of this browser does not answer" }).waitFor();
    expect(await devices(ada)).to.deep.equal([]);
  });

  it("are ended in the browser that is removed, and in none that has its name", async () => {
    const { ada, url } = await open();
    const { page } = ada;
    await page.addInitScript({ content: `${machine("granted")}${subscribed}` });
    for (const name of ["elsewhere", "here"]) await add(ada, name);
    await page.goto(`${url}/settings/notifications`);
    await page.getByText("This browser takes notices.").waitFor();
    const list = page.getByRole("list", { name: "Browsers that take notices" });
    const here = list.getByRole("listitem").filter({ hasText: "(this browser)" });
    const other = list.getByRole("listitem").filter({ hasNotText: "(this browser)" });
    expect(await list.getByRole("listitem").count()).to.equal(2);
    await other.getByRole("button").click();
    await other.waitFor({ state: "detached" });
    expect(await page.evaluate("isSubscribed()")).to.equal(true);
    expect((await devices(ada)).map(({ place }) => place)).to.deep.equal([placeOf("here")]);
    await here.getByRole("button").click();
    await page.getByRole("button", { name: "Send notices to this browser" }).waitFor();
    expect(await page.evaluate("isSubscribed()")).to.equal(false);
    expect(await devices(ada)).to.deep.equal([]);
  });

  it("go on when the browser renews its subscription, called as before, and are nobody's else", async () => {
    const { ada, url } = await open();
    await ada.page.goto(`${url}/settings/notifications`);
    const worker = await workerOf(ada);
    await add(ada, "old", { content: "text" });
    const renew = (before: string, renewed: string): Promise<unknown> =>
      worker.evaluate(
        `renew(${JSON.stringify({ endpoint: endpointOf(before) })}, { toJSON: () => (${JSON.stringify({ endpoint: endpointOf(renewed), keys })}) })`,
      );
    await renew("somebody", "theirs");
    expect((await devices(ada)).map(({ place }) => place)).to.deep.equal([placeOf("old")]);
    await renew("old", "new");
    const [one, ...others] = await devices(ada);
    expect(others).to.deep.equal([]);
    expect(one).to.include({ place: placeOf("new"), name: "Chrome on Linux", content: "text" });
  });

  it("are shown by the worker when the push service brings one, and lead to their place when they are pressed", async () => {
    const { ada, url } = await open();
    const { page, context } = ada;
    await ada.api("POST", "/api/v1/rooms", { room: "den", title: "Den", visibility: "public" });
    await ada.api("POST", "/api/v1/rooms/den/messages", { text: "hello" });
    await page.goto(`${url}/settings/notifications`);
    await page.getByRole("heading", { name: "While the page is closed" }).waitFor();
    const worker = await workerOf(ada);
    const cdp = await context.newCDPSession(page);
    const registrationId = await registrationOf(cdp, url);
    // Without a window nothing is shown: what the worker shows stays with it.
    await worker.evaluate(shows);
    const message = { title: "Ben in Den", body: "hello", tag: "plexus/ada/den", path: "/room/den?at=1" };
    await cdp.send("ServiceWorker.deliverPushMessage", {
      origin: new URL(url).origin,
      registrationId,
      data: JSON.stringify(message),
    });
    const shown = (): Promise<unknown> =>
      worker.evaluate("shown.map(({ title, body, tag, data }) => ({ title, body, tag, url: data.url }))");
    const { path, ...rest } = message;
    await untilTrue("it is shown", async () => ((await shown()) as unknown[]).length === 1);
    expect(await shown()).to.deep.equal([{ ...rest, url: path }]);
    await worker.evaluate(
      `dispatchEvent(Object.assign(new Event("notificationclick"), { notification: shown[0], waitUntil: () => undefined }))`,
    );
    await page.waitForURL((at) => at.pathname === "/room/den" && at.search === "?at=1");
    await page.getByRole("textbox", { name: /^Message / }).waitFor();
    expect(await shown()).to.deep.equal([]);
  });
});

/** What the browser calls the registration of the page's worker. */
async function registrationOf(cdp: CDPSession, url: string): Promise<string> {
  const found = new Promise<string>((resolve) =>
    cdp.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => {
      const own = registrations.find(({ scopeURL, isDeleted }) => scopeURL.startsWith(url) && !isDeleted);
      if (own !== undefined) resolve(own.registrationId);
    }),
  );
  await cdp.send("ServiceWorker.enable");
  return found;
}
