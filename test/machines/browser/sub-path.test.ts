import { expect } from "chai";
import { findNginx, startNginx } from "../../fixtures/processes/nginx.ts";
import { createDataFolder, NodeProcess } from "../../fixtures/processes/node-process.ts";
import { openBrowser } from "../../fixtures/page/index.ts";
import { lastingPort } from "../../fixtures/ports.ts";
import { pageWaitMs } from "../../waits.ts";

const screens = [
  ["a desktop", { viewport: { width: 1280, height: 800 } }],
  ["a phone", { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }],
] as const;

/** As docs/operate/start.md has it. */
const upgrade = "map $http_upgrade $connection_upgrade { default upgrade; '' close; }";
const passed = `proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
  proxy_buffering off; proxy_read_timeout 1h;`;

describe("a node below a path of nginx", function () {
  const nginx = findNginx();
  before(function () {
    if ("missing" in nginx) {
      console.log(`      skipped: ${nginx.missing}`);
      this.skip();
    }
  });

  it("has its page, sockets, cookies, pictures and links there, whether nginx leaves the path or takes it away", async () => {
    const { path: program } = nginx as { readonly path: string };
    await using data = await createDataFolder();
    const port = await lastingPort();
    await using proxy = await startNginx(program, {
      http: upgrade,
      server: `location /kept/ { proxy_pass http://127.0.0.1:${port}; ${passed} }
        location /taken/chat/ { proxy_pass http://127.0.0.1:${port}/; proxy_set_header X-Forwarded-Prefix /taken/chat; ${passed} }`,
    });
    const flags = [
      "--model",
      "echo",
      "--context-tokens",
      "10000",
      "--port",
      String(port),
      "--trusted-proxy",
      "127.0.0.1",
    ];
    await using node = new NodeProcess(data.path, flags, ["env", `PLEXUS_PUBLIC_URL=${proxy.url}/kept`]);
    await node.start();
    await node.http("POST", "/api/v1/rooms", { room: "den", title: "Den" }, await node.signUp("ada"));
    const browser = await openBrowser();
    const places = [`${proxy.url}/kept`, `${proxy.url}/taken/chat`];
    for (const [place, screen, options] of places.flatMap((one) => screens.map((on) => [one, ...on] as const))) {
      const said = `below ${new URL(place).pathname}, on ${screen}`;
      const context = await browser.newContext({ locale: "en-GB", ...options });
      context.setDefaultTimeout(pageWaitMs);
      const page = await context.newPage();
      const strays: string[] = [];
      context.on("request", (request) => {
        if (/^(?:http|ws)/.test(request.url()) && !request.url().startsWith(place)) strays.push(request.url());
      });
      page.on("websocket", (socket) => {
        if (!socket.url().startsWith(place.replace(/^http/, "ws"))) strays.push(socket.url());
      });
      await page.goto(`${place}/`);
      await page.locator("input[name=name]").fill("ada");
      await page.locator("input[name=password]").fill("password of ada");
      await page.locator("form button[type=submit]").click();
      // The page goes on in a room by itself; a menu that was opened before closes with that.
      await page.waitForURL(`${place}/room/den`);
      if (screen === "a phone") await page.getByRole("button", { name: /^Open the menu/ }).tap();
      await page.getByRole("link", { name: "Den" }).first().click();
      await page.waitForURL(`${place}/room/den`);
      const field = page.getByRole("textbox", { name: "Message #Den" });
      await field.fill(said);
      await page.getByRole("button", { name: "Send", exact: true }).click();
      await page.locator("article[data-seq]").filter({ hasText: said }).waitFor();
      await page.goto(`${place}/room/den?panel=members`);
      await page.getByRole("complementary", { name: "Members" }).waitFor();
      // A screen that is loaded when somebody goes there, by a link of the page.
      await page.goto(`${place}/admin`);
      await page.waitForURL(`${place}/admin/overview`);
      // On a phone the list of screens lies behind a menu.
      if (screen === "a phone") await page.goto(`${place}/admin/people`);
      else await page.getByRole("link", { name: "People" }).first().click();
      await page.waitForURL(`${place}/admin/people`);
      await page.reload();
      await page.getByRole("heading", { name: "People" }).first().waitFor();
      const cookies = await context.cookies();
      expect(new Set(cookies.map(({ path }) => path.replace(/\/api$/, "")))).to.deep.equal(
        new Set([new URL(place).pathname]),
      );
      expect(strays).to.deep.equal([]);
      const docs = await context.request.get(`${place}/api-docs`);
      expect([docs.status(), docs.url()]).to.deep.equal([200, `${place}/api-docs/`]);
      const openApi = (await (await context.request.get(`${place}/openapi.json`)).json()) as { servers: unknown };
      expect(openApi.servers).to.deep.equal([{ url: new URL(place).pathname }]);
      const opened = context.waitForEvent("page");
      await page.getByRole("link", { name: "Interface for programs" }).click();
      const described = await opened;
      await described
        .getByText("/api/v1/admin/accounts", { exact: true })
        .or(described.locator(".opblock"))
        .first()
        .waitFor();
      expect(strays).to.deep.equal([]);
      await context.close();
    }
  });
});
