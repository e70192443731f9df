/** Scrolling through a long room in a real Chromium: what the scripts of the page take of a frame. */
import type { Browser } from "playwright-core";
import { startBrowser } from "../../fixtures/page/chromium.ts";
import { createNodeFolder, post, signUpPeople } from "../server.ts";
import { idleTimer, type Samples, type Timing } from "../timing.ts";

/** Fewer for a first look. A page holds 4,000 lines at most, however many there are. */
const messages = Number(process.env["PLEXUS_BENCH_SCROLLED"] ?? 100_000);
const writers = 16;
const frames = 400;
/** Of a wheel that is turned fast, each frame. */
const wheelPx = -240;
const room = "hall";

/** A node takes no more posts of one room. */
const pauseMs = 20;

/** Posts so many, each again where that is too many at once. */
async function write(one: () => Promise<void>, count: number): Promise<void> {
  for (let sent = 0; sent < count;)
    await one().then(
      () => (sent += 1),
      async (error: unknown) => {
        if (!String(error).includes("RATE_LIMITED")) throw error;
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      },
    );
}

/** The times that scripts took of frames, while the page scrolls from the newest message on. */
async function scrolled(browser: Browser, at: { readonly url: string; readonly token: string }): Promise<number[]> {
  const context = await browser.newContext({ locale: "en-GB", viewport: { width: 1280, height: 800 } });
  try {
    await context.addCookies([{ name: "plexus_session", value: at.token, url: at.url }]);
    const page = await context.newPage();
    await page.goto(`${at.url}/room/${room}`);
    await page.locator("main article[data-seq]").first().waitFor();
    // The page opens where one has read to: at first that is the beginning.
    const toEnd = page.locator(".to-end");
    const newest = page.locator(`main article[data-seq="${writers * Math.floor(messages / writers)}"]`);
    await newest.or(toEnd).first().waitFor();
    if (!(await newest.isVisible())) await toEnd.click();
    await newest.waitFor();
    await page.getByRole("region", { name: "Messages", exact: true }).hover();
    const session = await context.newCDPSession(page);
    await session.send("Performance.enable");
    const scriptMs = async (): Promise<number> => {
      const { metrics } = await session.send("Performance.getMetrics");
      return 1_000 * (metrics.find(({ name }) => name === "ScriptDuration")?.value ?? Number.NaN);
    };
    const took: number[] = [];
    for (let frame = 0; frame < frames; frame += 1) {
      const before = await scriptMs();
      await page.mouse.wheel(0, wheelPx);
      // Two frames: the one that scrolls, and the one that shows what came of it.
      await page.evaluate("new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))");
      took.push(((await scriptMs()) - before) / 2);
    }
    return took;
  } finally {
    await context.close();
  }
}

export const scroll: Timing = {
  name: "scroll",
  about: `scripting in each frame while somebody scrolls through a room of ${messages} messages, in Chromium`,
  rounds: 3,
  async start() {
    const folder = await createNodeFolder({ models: false });
    const server = await folder.start();
    const [token = "", ...others] = await signUpPeople(server, writers + 1, room);
    const text = "a **line** of `code`, and https://example.org/";
    await Promise.all(others.map((own) => write(() => post(server, own, room, text), Math.floor(messages / writers))));
    const browser = await startBrowser();
    return {
      round: async (): Promise<Samples> => ({ script: await scrolled(browser, { url: server.url, token }) }),
      async stop() {
        await browser.close();
        await server.stop();
        await folder.remove();
      },
    };
  },
  rows: [{ row: "scroll", unit: "ms", samples: "script", noise: idleTimer, aim: { share: 0.5, atMost: 8 } }],
};
