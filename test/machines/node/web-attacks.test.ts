/** What browsers, pages of other sites, and proxies in front are used for against a node, tried on a real one: forged
 *  requests, foreign WebSockets, redirects, scripts in paths and answers, and requests that two programs read
 *  differently. It ends each as a row of the error table says, and serves meanwhile. */
import { connect } from "node:net";
import { expect } from "chai";
import { WebSocket } from "ws";
import { findNginx, startNginx } from "../../fixtures/processes/nginx.ts";
import { createDataFolder, NodeProcess } from "../../fixtures/processes/node-process.ts";

const script = "<script>window.hacked=1</script><img src=x onerror=alert(1)>";

const victim = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
const head = (...lines: readonly string[]) =>
  `POST /api/v1/sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${lines.join("\r\n")}\r\n\r\n`;

/** Requests that two programs may read differently, with another one of somebody who has this token inside. */
function smugglings(token: string): readonly (readonly [string, string])[] {
  const inner = `POST /api/v1/rooms HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 19\r\n\r\n{"room":"smuggled"}`;
  return [
    ["both lengths", head(`Content-Length: ${inner.length + 5}`, "Transfer-Encoding: chunked") + `0\r\n\r\n${inner}`],
    [
      "both lengths, the other way",
      head("Transfer-Encoding: chunked", "Content-Length: 4") + `5c\r\n${inner}\r\n0\r\n\r\n`,
    ],
    ["two lengths", head("Content-Length: 0", `Content-Length: ${inner.length}`) + inner],
    ["a list of lengths", head(`Content-Length: 0, ${inner.length}`) + inner],
    ["a length with a sign", head("Content-Length: +0") + inner],
    ["a length in hex", head("Content-Length: 0x0") + inner],
    ["a space before the colon", head(`Content-Length : ${inner.length}`) + inner],
    ["an encoding with a control character", head("Transfer-Encoding: \u000bchunked") + `0\r\n\r\n${inner}`],
    ["an unknown encoding", head("Transfer-Encoding: xchunked") + `0\r\n\r\n${inner}`],
    ["an encoding twice", head("Transfer-Encoding: chunked", "Transfer-Encoding: identity") + `0\r\n\r\n${inner}`],
    ["a folded header", head("X-A: b", ` Content-Length: ${inner.length}`) + inner],
    ["a header without a colon", head("Content-Length: 0", "nonsense") + inner],
    ["a chunk with a sign", head("Transfer-Encoding: chunked") + `-1\r\n\r\n${inner}`],
    ["a chunk that is too long for a number", head("Transfer-Encoding: chunked") + `10000000000000000\r\n${inner}`],
    ["lines that end with LF alone", head("Transfer-Encoding: chunked").replaceAll("\r\n", "\n") + `0\n\n${inner}`],
    ["a NUL in a header", head("X-A: a\u0000b", "Content-Length: 0") + inner],
  ];
}

describe("attacks by way of browsers and proxies", function () {
  let folder: Awaited<ReturnType<typeof createDataFolder>>;
  let node: NodeProcess;
  let ada: string;

  before(async () => {
    folder = await createDataFolder();
    node = new NodeProcess(folder.path, ["--model", "echo", "--context-tokens", "4000"]);
    await node.start();
    ada = await node.signUp("ada");
    const made = await node.http("POST", "/api/v1/rooms", { room: "lobby", title: "Lobby", visibility: "public" }, ada);
    expect(made.status).to.equal(200);
  });
  after(async () => {
    await node?.[Symbol.asyncDispose]();
    await folder?.[Symbol.asyncDispose]();
  });
  // After every kind of attack somebody who is signed in is served.
  afterEach(async () => {
    expect((await node.http("POST", "/api/v1/rooms/lobby/messages", { text: "still here" }, ada)).status).to.equal(200);
  });

  /** Bytes on a connection of their own; all that comes back until the node ends it, or it has said nothing more for a
   *  while. */
  const raw = (
    bytes: string,
    { quietMs = 400, url = node.url } = {},
  ): Promise<{ readonly text: string; readonly ended: boolean }> =>
    new Promise((resolve, reject) => {
      const socket = connect(Number(new URL(url).port), "127.0.0.1");
      let text = "";
      let timer: NodeJS.Timeout | undefined;
      const settle = (ended: boolean): void => {
        clearTimeout(timer);
        socket.destroy();
        resolve({ text, ended });
      };
      socket.on("connect", () => socket.write(bytes));
      socket.on("data", (part) => {
        text += part.toString("latin1");
        clearTimeout(timer);
        timer = setTimeout(() => settle(false), quietMs);
      });
      socket.on("close", () => settle(true));
      socket.on("error", (error: NodeJS.ErrnoException) =>
        error.code === "ECONNRESET" ? settle(true) : reject(error),
      );
    });
  const statuses = (text: string): readonly string[] =>
    [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status = ""]) => status);

  it("take no request that two programs could read differently: it is refused, and its connection ends with it", async () => {
    for (const [name, bytes] of smugglings(ada)) {
      const { text, ended } = await raw(bytes + victim);
      expect(statuses(text), name).to.deep.equal(["400"]);
      expect(text, name).to.include('"code":"BAD_REQUEST"');
      expect(ended, `${name}: the connection ends`).to.equal(true);
    }
    const room = await node.http("GET", "/api/v1/rooms/smuggled/summary", undefined, ada);
    expect(room.status, "nothing was smuggled in").to.equal(404);
    // Of two hosts a proxy may have gone by the other. Here both agree where the request ends, so the next one is
    // served.
    const twoHosts = await raw(`GET /healthz HTTP/1.1\r\nHost: localhost\r\nhost: evil.example\r\n\r\n${victim}`);
    expect(statuses(twoHosts.text)).to.deep.equal(["400", "200"]);
    // What is right is answered as often as it was asked, on one connection.
    const { text } = await raw(head("Transfer-Encoding: chunked") + "2;a=b\r\n{}\r\n0\r\n\r\n" + victim + victim);
    expect(statuses(text)).to.deep.equal(["400", "200", "200"]);
  });

  it("smuggle nothing past a real nginx that closes the path, and nobody behind it hears another's answer", async function () {
    const nginx = findNginx();
    if ("missing" in nginx) {
      console.log(`      skipped: ${nginx.missing}`);
      return this.skip();
    }
    await using proxy = await startNginx(nginx.path, {
      // Connections to the node are kept and shared by all who come.
      http: `upstream plexus { server ${new URL(node.url).host}; keepalive 1; }`,
      server: `location /api/v1/rooms { return 403; }
        location / { proxy_pass http://plexus; proxy_http_version 1.1; proxy_set_header Connection "";
                     proxy_set_header Host localhost; proxy_request_buffering off; }`,
    });
    for (const [name, bytes] of smugglings(ada)) {
      await raw(bytes + victim, { url: proxy.url });
      const next = await fetch(`${proxy.url}/healthz`);
      expect(next.status, name).to.equal(200);
      expect(await next.text(), name).to.equal(await (await fetch(`${node.url}/healthz`)).text());
    }
    const room = await node.http("GET", "/api/v1/rooms/smuggled/summary", undefined, ada);
    expect(room.status, "nothing was smuggled in").to.equal(404);
    const posted = await fetch(`${proxy.url}/api/v1/rooms`, { method: "POST" });
    expect(posted.status, "nginx closes the path").to.equal(403);
  });

  it("write no header and no line of the log: what a client says stays within its field", async () => {
    const line = '{"level":"error","event":"forged.line"}';
    const evil = `x\r\nSet-Cookie: plexus_session=evil\r\n\r\n${line}\n\u001b[2J`;
    const coded = encodeURIComponent(evil);
    const json = { "content-type": "application/json" };
    const answers = [
      await fetch(`${node.url}/${coded}`),
      await fetch(`${node.url}/api/v1/rooms/${coded}`, { headers: { authorization: `Bearer ${ada}` } }),
      await fetch(`${node.url}/api/v1/me`, { headers: { authorization: `Bearer ${coded}`, traceparent: coded } }),
      await fetch(`${node.url}/api/v1/sign-in/with/${coded}`, { redirect: "manual" }),
      await fetch(`${node.url}/api/v1/sign-in`, {
        method: "POST",
        headers: { ...json, "user-agent": coded, "x-request-id": coded },
        body: JSON.stringify({ name: evil, password: evil }),
      }),
      await fetch(`${node.url}/api/v1/files/uploads`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${ada}`,
          "tus-resumable": "1.0.0",
          "upload-length": "1",
          "upload-metadata": `filename ${Buffer.from(evil).toString("base64")},room ${Buffer.from("lobby").toString("base64")}`,
        },
      }),
    ];
    for (const { headers, url } of answers) {
      expect(headers.get("set-cookie") ?? "", url).to.not.include("evil");
      for (const [name, value] of headers)
        for (const sign of ["\r", "\n", "\u001b"]) expect(`${name}: ${value}`, url).to.not.include(sign);
    }
    // The log is a line of JSON for each entry; what was forged would be one of its own.
    const hostile = await node.http("PATCH", "/api/v1/me", { displayName: evil }, ada);
    expect(hostile.status).to.equal(400);
    const lines = node.said.split("\n").filter((one) => one !== "");
    expect(lines.length).to.be.above(0);
    for (const written of lines) {
      expect(JSON.parse(written).event, written).to.not.equal("forged.line");
      expect(written).to.not.include("\u001b");
    }
  });

  it("change nothing from a page of another site, whichever way its browser sends a person's cookie", async () => {
    const cookie = `plexus_session=${ada}`;
    const post = async (headers: Record<string, string>, body = '{"room":"forged"}') => {
      const type = { "content-type": "application/json", ...headers };
      const answer = await fetch(`${node.url}/api/v1/rooms`, { method: "POST", headers: { cookie, ...type }, body });
      return [answer.status, ((await answer.json()) as { error?: { code: string } }).error?.code];
    };
    for (const site of ["cross-site", "same-site"])
      expect(await post({ "sec-fetch-site": site }), site).to.deep.equal([403, "FORBIDDEN"]);
    for (const origin of [
      "https://evil.example",
      "null",
      `${node.url}.evil.example`,
      node.url.replace("http://", "http://evil@"),
    ])
      expect(await post({ origin }), origin).to.deep.equal([403, "FORBIDDEN"]);
    // What a form can send without being asked for leave.
    for (const type of ["text/plain", "application/x-www-form-urlencoded"])
      expect(await post({ "content-type": type, "sec-fetch-site": "cross-site" }), type).to.deep.equal([
        403,
        "FORBIDDEN",
      ]);
    // A browser that says nothing of the site, and sends a form of another one: the type is not one that is read.
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]) {
      expect(await post({ "content-type": type }), type).to.deep.equal([400, "BAD_REQUEST"]);
      const own = await post({ "content-type": type, "sec-fetch-site": "same-origin" });
      expect(own, type).to.deep.equal([400, "BAD_REQUEST"]);
    }
    // A link or a picture asks with GET: nothing is changed by one, and no leave is given to read the answer.
    const got = await fetch(`${node.url}/api/v1/me`, { headers: { cookie, origin: "https://evil.example" } });
    expect(got.headers.get("access-control-allow-origin")).to.equal(null);
    const preflight = await fetch(`${node.url}/api/v1/rooms`, {
      method: "OPTIONS",
      headers: { origin: "https://evil.example", "access-control-request-method": "POST" },
    });
    expect(preflight.headers.get("access-control-allow-origin")).to.equal(null);
    expect((await node.http("GET", "/api/v1/rooms/forged/summary", undefined, ada)).status).to.equal(404);
  });

  it("open no WebSocket for a page of another site", async () => {
    const open = (headers: Record<string, string>): Promise<string> =>
      new Promise((resolve) => {
        const socket = new WebSocket(`${node.url.replace("http", "ws")}/ws`, {
          headers: { cookie: `plexus_session=${ada}`, ...headers },
        });
        socket.on("open", () => {
          socket.terminate();
          resolve("open");
        });
        socket.on("unexpected-response", (_, response) => {
          response.destroy();
          resolve(String(response.statusCode));
        });
        socket.on("error", () => resolve("failed"));
      });
    for (const headers of [
      { origin: "https://evil.example" },
      { origin: "null" },
      { origin: node.url, "sec-fetch-site": "cross-site" },
    ])
      expect(await open(headers as Record<string, string>), JSON.stringify(headers)).to.equal("403");
    expect(await open({ origin: node.url })).to.equal("open");
  });

  it("lead nobody to another site", async () => {
    const away = ["//evil.example", "//evil.example/%2e%2e", "/\\evil.example", "/%5cevil.example", "/%2f%2fevil.example/", "/assets", "/assets//evil.example/..", "/api/v1/sign-in?next=https://evil.example", "/?redirect=//evil.example", "/sign-in?returnTo=https://evil.example", "/https://evil.example", "/.//evil.example"]; // prettier-ignore
    for (const path of away) {
      const { text } = await raw(
        `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\nConnection: close\r\n\r\n`,
      );
      const [headers = ""] = text.split("\r\n\r\n");
      const location = /^location: (.*)$/im.exec(headers)?.[1]?.trim();
      if (location !== undefined) expect(location, path).to.match(/^\/(?![/\\])/);
      expect(headers, path).to.not.match(/^refresh:/im);
    }
  });

  it("run no script: what comes back is no page, or the page as it was built, and its policy takes no script of others", async () => {
    const encoded = encodeURIComponent(script);
    const paths = [`/${encoded}`, `/api/v1/rooms/${encoded}/summary`, `/api/v1/catalog/users?text=${encoded}`, `/v1/models/${encoded}`, `/assets/${encoded}`, `/api/tags/${encoded}`, `/openapi.json?x=${encoded}`]; // prettier-ignore
    for (const path of paths)
      for (const accept of ["text/html", "*/*"]) {
        const answer = await fetch(`${node.url}${path}`, { headers: { accept, authorization: `Bearer ${ada}` } });
        const text = await answer.text();
        const type = answer.headers.get("content-type") ?? "";
        if (type.includes("html")) expect(text, path).to.not.include("hacked");
        expect(answer.headers.get("x-content-type-options"), path).to.equal("nosniff");
        const policy = answer.headers.get("content-security-policy") ?? "";
        const sources = /script-src ([^;]*)/.exec(policy)?.[1] ?? "";
        expect(sources.trim(), path).to.equal("'self'");
        expect(policy, path)
          .to.include("object-src 'none'")
          .and.include("base-uri 'none'")
          .and.include("frame-ancestors 'none'");
      }
  });

  // Script in text fields: stored-script.test.ts.
  it("tell the script of a model's answer as JSON", async () => {
    // A model that answers with it: the echo model says what it is asked.
    const asked = { model: "echo", messages: [{ role: "user", content: script }] };
    const tell = async (path: string, body: object, type: string): Promise<void> => {
      const headers = { authorization: `Bearer ${ada}`, "content-type": "application/json", accept: "text/html" };
      const answer = await fetch(`${node.url}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
      expect(answer.status, path).to.equal(200);
      expect((answer.headers.get("content-type") ?? "").split(";")[0], path).to.equal(type);
      expect(answer.headers.get("x-content-type-options"), path).to.equal("nosniff");
      expect(answer.headers.get("content-security-policy"), path).to.include("script-src 'self'");
      expect(await answer.text(), path).to.include("hacked");
    };
    await tell("/v1/chat/completions", asked, "application/json");
    await tell("/v1/messages", { ...asked, max_tokens: 100 }, "application/json");
    await tell("/api/chat", { ...asked, stream: false }, "application/json");
  });
});
