/** What a browser test plays on: a real node in a process of its own, a real Chromium, and people with accounts.
 *
 *      await using stage = await openStage();
 *      const ada = await stage.person("ada");      an account made over HTTP, and a page that is signed in
 *
 *  The node serves the echo model: its answer is what was said, one token after the other, so a test chooses the text and,
 *  by its length, how long it streams. */
import { existsSync, globSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from "playwright-core";
import { NodeProcess } from "../integration/node-process.ts";
import { pageWaitMs } from "../waits.ts";

const systemChromium = "/usr/bin/chromium";

// Not the bundled package's own list: it switches off what a page relies on (web security, separate processes).
const browserFlags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

let opened: Promise<Browser> | undefined;

/** The browser of all tests, which share nothing in it: each has contexts of its own, and closes them. */
export const openBrowser = (): Promise<Browser> => (opened ??= startBrowser());

after(async () => (await opened)?.close());

afterEach(async function () {
  if (this.currentTest?.state !== "failed") return;
  for (const context of (await opened)?.contexts() ?? [])
    for (const page of context.pages()) {
      const shown = await page.innerText("body", { timeout: 2_000 }).catch((error: unknown) => String(error));
      console.log(`      the page at ${page.url()} shows: ${shown.replaceAll(/\s+/g, " ").slice(0, 1_000)}`);
    }
});

/** Starts Chromium: the system's, or the one inside a registry package. */
async function startBrowser(): Promise<Browser> {
  if (existsSync(systemChromium)) return chromium.launch({ executablePath: systemChromium, args: browserFlags });
  // Where the system lacks the NSS libraries the package brings its own, and looks at this variable to decide.
  if (globSync("/usr/lib*/{,*/}libnss3.so").length === 0) process.env["AWS_LAMBDA_JS_RUNTIME"] ??= "nodejs22.x";
  const { default: bundled } = await import("@sparticuz/chromium");
  return chromium.launch({ executablePath: await bundled.executablePath(), args: browserFlags });
}

/** Somebody with an account and a signed-in page. */
export interface Person {
  readonly name: string;
  readonly page: Page;
  readonly context: BrowserContext;
  /** A request to the node's HTTP API in this person's name. */
  api(method: string, path: string, body?: object): Promise<unknown>;
  /** Closes the page. */
  close(): Promise<void>;
}

export interface Stage {
  readonly node: NodeProcess;
  /** What pages complained about; tests that do not provoke it expect nothing. */
  readonly complaints: string[];
  person(name: string, options?: BrowserContextOptions): Promise<Person>;
  /** An account without a page: for whoever is only talked about. */
  account(name: string): Promise<Pick<Person, "name" | "api">>;
  /** A page that nobody is signed in on. */
  visitor(options?: BrowserContextOptions): Promise<Page>;
  close(): Promise<void>;
}

const password = "correct horse";

const titled = (name: string): string => name.slice(0, 1).toUpperCase() + name.slice(1);

/** Starts the node, and the browser unless it runs. The node and all pages end with `close`. */
export async function openStage(flags?: readonly string[]): Promise<Stage> {
  const data = await mkdtemp(join(tmpdir(), "plexus-browser-"));
  const node = new NodeProcess(data, flags);
  const complaints: string[] = [];
  const contexts: BrowserContext[] = [];
  const [browser] = await Promise.all([openBrowser(), node.start()]);
  const tokens = new Map<string, string>();

  async function request(method: string, path: string, body: object | undefined, token?: string): Promise<unknown> {
    const response = await fetch(node.url + path, {
      method,
      headers: {
        origin: node.url,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer: unknown = await response.json();
    if (!response.ok) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
    return answer;
  }

  /** The session of an account, which is made with the first question for it; the first one is the admin's. */
  async function tokenOf(name: string): Promise<string> {
    const known = tokens.get(name);
    if (known !== undefined) return known;
    const adminCode = tokens.size === 0 && node.adminCode !== undefined ? { adminCode: node.adminCode } : {};
    const account = { name, password, displayName: titled(name), ...adminCode };
    const { token } = (await request("POST", "/api/v1/sign-up", account)) as { token: string };
    tokens.set(name, token);
    return token;
  }

  async function newPage(options: BrowserContextOptions): Promise<{ page: Page; context: BrowserContext }> {
    const context = await browser.newContext({ locale: "en-GB", viewport: { width: 1280, height: 800 }, ...options });
    contexts.push(context);
    context.setDefaultTimeout(pageWaitMs);
    const page = await context.newPage();
    page.on("pageerror", (error) => complaints.push(error.message));
    return { page, context };
  }

  return {
    node,
    complaints,
    async account(name) {
      const token = await tokenOf(name);
      return { name, api: (method, path, body) => request(method, path, body, token) };
    },
    async person(name, options = {}) {
      const token = await tokenOf(name);
      const { page, context } = await newPage(options);
      await context.addCookies([{ name: "plexus_session", value: token, url: node.url }]);
      await page.goto(node.url);
      const close = async (): Promise<void> => {
        contexts.splice(contexts.indexOf(context), 1);
        await context.close();
      };
      return { name, page, context, close, api: (method, path, body) => request(method, path, body, token) };
    },
    async visitor(options = {}) {
      const { page } = await newPage(options);
      await page.goto(node.url);
      return page;
    },
    async close() {
      await Promise.all(contexts.map((context) => context.close()));
      await node.end("SIGTERM");
      await rm(data, { recursive: true, force: true });
    },
  };
}

/** A stage with two people, who are members of these rooms and have the first of them before them. */
export async function openStageForTwo(
  ...rooms: readonly string[]
): Promise<{ readonly stage: Stage; readonly ada: Person; readonly bob: Person }> {
  const stage = await openStage();
  const [ada, bob] = [await stage.person("ada"), await stage.person("bob")];
  for (const room of rooms) {
    await ada.api("POST", "/api/v1/rooms", { room, title: titled(room) });
    await bob.api("POST", `/api/v1/rooms/${room}/join`, {});
  }
  const [first] = rooms;
  if (first !== undefined)
    for (const { page } of [ada, bob]) {
      await page.goto(`${stage.node.url}/room/${first}`);
      await page.getByRole("textbox", { name: `Message #${titled(first)}` }).waitFor();
    }
  return { stage, ada, bob };
}
