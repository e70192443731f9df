import { expect } from "chai";
import { readGuarded, type GuardedRead } from "../../../node/platform/index.ts";
import { startNameServer } from "../../fixtures/name-server.ts";
import { answering, leadsTo, says, startWebPages, type WebPages } from "../../fixtures/web-pages.ts";

describe("pages of the web, read by the guard", () => {
  let pages: WebPages;
  before(async () => {
    pages = await startWebPages();
    pages.answers.set("/page", says("<title>One</title>"));
  });
  after(() => pages.close());
  beforeEach(() => pages.asked.splice(0));

  const read = (url: string, how: Partial<GuardedRead> = {}) =>
    readGuarded(url, {
      headers: {},
      signal: new AbortController().signal,
      bytesMax: 1_000,
      redirectsMax: 3,
      isWanted: (type) => type.startsWith("text/html"),
      mayAsk: () => true,
      ...pages.reach,
      ...how,
    });
  const refusal = async (url: string, how: Partial<GuardedRead> = {}): Promise<string> => {
    try {
      await read(url, how);
      return "read";
    } catch (error) {
      return (error as Error).message;
    }
  };
  const forbidden = "its address is not one of the internet";

  it("are read to the end, and from where they lead to", async () => {
    pages.answers.set("/moved", leadsTo("/page"));
    const { bytes, url, isCut, type } = await read(pages.at("/moved"));
    expect(bytes.toString()).to.equal("<title>One</title>");
    expect({ url, isCut, type }).to.deep.equal({
      url: pages.at("/page"),
      isCut: false,
      type: "text/html; charset=utf-8",
    });
  });

  it("are at no address of this machine or its networks, in whatever form it is written", async () => {
    const own = [
      "http://127.0.0.1/",
      "http://2130706433/",
      "http://0x7f.1/",
      "http://0/",
      "http://localhost/",
      "http://169.254.169.254/latest/meta-data",
      "http://10.1.2.3/",
      "http://192.168.1.1/",
      "http://172.16.0.1/",
      "http://100.64.0.1/",
      "http://[::1]/",
      "http://[::ffff:127.0.0.1]/",
      "http://[::ffff:7f00:1]/",
      "http://[64:ff9b::7f00:1]/",
      "http://[fe80::1]/",
      "http://[fd00::1]/",
      "http://[2002:7f00:1::]/",
      "http://224.0.0.1/",
      "http://255.255.255.255/",
    ];
    // As it is in a node: nothing of a test says where it may go.
    const { mayReach: _mine, resolve: _own, ports: _ports, ...plain } = pages.reach;
    for (const url of own) {
      const asked = readGuarded(url, {
        headers: {},
        signal: new AbortController().signal,
        bytesMax: 1_000,
        redirectsMax: 3,
        isWanted: () => true,
        mayAsk: () => true,
        ...plain,
      });
      const why = await asked.then(
        () => "read",
        (error: Error) => error.message,
      );
      expect(why, url).to.equal(forbidden);
    }
  });

  it("lead to no address inside, by no redirection", async () => {
    for (const inside of ["http://127.0.0.2", "http://169.254.169.254", "http://[::ffff:127.0.0.2]", "http://[::1]"]) {
      pages.answers.set("/in", leadsTo(`${inside}:${pages.port}/page`));
      expect(await refusal(pages.at("/in")), inside).to.equal(forbidden);
    }
    for (const other of ["file:///etc/passwd", "ftp://pages.example/", "javascript:alert(1)", "data:text/html,x"]) {
      pages.answers.set("/in", leadsTo(other));
      expect(await refusal(pages.at("/in")), other).to.equal(forbidden);
    }
    pages.answers.set("/in", leadsTo("http://ada:secret@pages.example/"));
    expect(await refusal(pages.at("/in"))).to.equal(forbidden);
    pages.answers.set("/in", leadsTo("http://pages.example:22/"));
    expect(await refusal(pages.at("/in")), "another port").to.equal(forbidden);
    expect(pages.asked.every((asked) => asked.endsWith("/in"))).to.equal(true);
  });

  it("are at the address that was looked at, however often the name says another one", async () => {
    // Each question is answered otherwise: first the internet, then this machine.
    let questions = 0;
    const resolve = answering(() => [(questions += 1) === 1 ? "127.0.0.1" : "127.0.0.2"]);
    pages.answers.set("/again", leadsTo(pages.at("/page", "again.example")));
    expect(await refusal(pages.at("/again", "again.example"), { resolve })).to.equal(forbidden);
    expect(questions, "one for each connection").to.equal(2);
    expect(pages.asked).to.deep.equal([`again.example:${pages.port} /again`]);
    // One of several is enough.
    const mixed = answering(() => ["127.0.0.1", "127.0.0.2"]);
    expect(await refusal(pages.at("/page"), { resolve: mixed })).to.equal(forbidden);
    expect(await refusal(pages.at("/page"), { resolve: answering(() => ["::ffff:127.0.0.1"]) })).to.equal(forbidden);
    expect(pages.asked).to.have.length(1);
  });

  it("have their names looked up by servers that may be silent, and the question ends with the reading", async () => {
    const { resolve: _own, ...reach } = pages.reach;
    const names = await startNameServer();
    const by = (how: Partial<GuardedRead>) =>
      readGuarded(pages.at("/page"), {
        headers: {},
        signal: new AbortController().signal,
        bytesMax: 1_000,
        redirectsMax: 0,
        isWanted: () => true,
        mayAsk: () => true,
        ...reach,
        servers: [names.address],
        ...how,
      });
    names.say("127.0.0.1");
    expect((await by({})).bytes.toString()).to.equal("<title>One</title>");
    names.say("127.0.0.2");
    expect(await by({}).catch((error: Error) => error.message)).to.equal(forbidden);
    names.say(undefined);
    const ended = new AbortController();
    const underWay = (): number => process.getActiveResourcesInfo().filter((one) => /REQWRAP/i.test(one)).length;
    const before = underWay();
    names.onAsked(() => ended.abort());
    const why = await by({ signal: ended.signal }).catch((error: Error) => error.name);
    expect(why).to.equal("AbortError");
    await new Promise((resolve) => setImmediate(resolve));
    expect(underWay(), "no question goes on").to.equal(before);
    await names.close();
  });

  it("are not asked for at a host that is listed, nor when they lead there", async () => {
    const mayAsk = (host: string): boolean => host !== "bad.example";
    expect(await refusal(pages.at("/page", "bad.example"), { mayAsk })).to.equal(forbidden);
    pages.answers.set("/bad", leadsTo(pages.at("/page", "bad.example")));
    expect(await refusal(pages.at("/bad"), { mayAsk })).to.equal(forbidden);
    expect(pages.asked).to.deep.equal([`pages.example:${pages.port} /bad`]);
  });

  it("end: with so many bytes, redirections, and so much time", async () => {
    let sent = 0;
    pages.answers.set("/endless", (_request, response) => {
      response.writeHead(200, { "content-type": "text/html" });
      const more = (): void => {
        sent += 1;
        if (!response.destroyed && sent < 100_000) response.write("x".repeat(1_000), () => setImmediate(more));
      };
      more();
    });
    const cut = await read(pages.at("/endless"));
    expect({ length: cut.bytes.length, isCut: cut.isCut }).to.deep.equal({ length: 1_000, isCut: true });
    pages.answers.set("/loop", leadsTo("/loop"));
    expect(await refusal(pages.at("/loop"))).to.equal("it leads on too often");
    expect(pages.asked.filter((asked) => asked.endsWith("/loop"))).to.have.length(4);
    for (const [path, head] of [
      ["/silent", false],
      ["/slow", true],
    ] as const) {
      const ended = new AbortController();
      pages.answers.set(path, (_request, response) => {
        if (head) response.writeHead(200, { "content-type": "text/html" }).write("<title>");
        setImmediate(() => ended.abort());
      });
      expect(await refusal(pages.at(path), { signal: ended.signal }), path).to.match(/abort/i);
    }
    pages.answers.set("/head", (_request, response) =>
      response.writeHead(200, { "content-type": "text/html", "x-much": "x".repeat(10_000) }).end("x"),
    );
    expect(await refusal(pages.at("/head")), "a head that never ends").to.match(/Header overflow/);
  });

  it("are read where they are of a type that is wanted, and not packed", async () => {
    pages.answers.set("/zip", says(Buffer.alloc(10), "application/zip"));
    expect(await refusal(pages.at("/zip"))).to.equal("it is nothing that is read");
    pages.answers.set("/packed", (_request, response) =>
      response.writeHead(200, { "content-type": "text/html", "content-encoding": "gzip" }).end("x"),
    );
    expect(await refusal(pages.at("/packed"))).to.equal("it is nothing that is read");
    expect(await refusal(pages.at("/nothing"))).to.equal("it answers 404");
  });
});
