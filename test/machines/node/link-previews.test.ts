import { expect } from "chai";
import { openPreviews } from "../../../node/composition/bulk.ts";
import { Stops } from "../../../node/stops.ts";
import { createClock } from "../../../node/platform/index.ts";
import { previewLimits } from "../../../node/previews/index.ts";
import type { FileHeld, LinkPreview, RoomMessage } from "../../../protocols/index.ts";
import { heldBlobs } from "../../fixtures/held-blobs.ts";
import { png } from "../../fixtures/pictures.ts";
import { createOpener } from "../../../runtimes/opened/index.ts";
import { leadsTo, says, startWebPages, type WebPages } from "../../fixtures/web-pages.ts";
import { quietLog } from "../../fixtures/quiet.ts";
import { until } from "../../waits.ts";
import { startFixture, type Fixture } from "../../unit/gateway/fixture.ts";

describe("previews of links, on a node", function () {
  this.timeout(60_000);
  const { held, blobs } = heldBlobs();
  const settings: { linkPreviews: "on" | "off"; filePreviews: "on" | "off" } = {
    linkPreviews: "on",
    filePreviews: "on",
  };
  const listed = new Set<string>();
  // Pages and processes take their own time.
  const clock = createClock();
  const stops = new Stops({ clock, log: quietLog });
  let fences = 0;
  let pages: WebPages;
  let fixture: Fixture;
  let ada: string;
  let bob: string;
  before(async () => {
    pages = await startWebPages();
    fixture = await startFixture({
      blobs,
      open(peer, { random, log, meter }) {
        const threats = { hasDomain: (name: string) => listed.has(name) };
        const limits = { pagesPerPersonMax: 500, pagesPerRoomMax: 500 };
        const opener = createOpener({ clock, log });
        stops.add(() => opener.stop());
        const machine = { clock, random, log, meter, opener };
        openPreviews({
          live: () => settings,
          machine,
          peer,
          blobs,
          threats,
          stops,
          reach: pages.reach,
          limits,
        });
        return {};
      },
    });
    [ada, bob] = [(await fixture.signUp("ada")).token, (await fixture.signUp("bob")).token];
    await fixture.request("POST", "/api/v1/rooms", { token: ada, body: { room: "lobby" } });
    await fixture.request("POST", "/api/v1/rooms/lobby/join", { token: bob });
  });
  after(async () => {
    await stops.run(1_000);
    await fixture.stop();
    await pages.close();
  });
  beforeEach(() => {
    pages.asked.splice(0);
    settings.linkPreviews = "on";
  });

  const at = async (seq: number): Promise<RoomMessage | undefined> => {
    const path = `/api/v1/rooms/lobby/messages?after=${seq - 1}&limit=1`;
    const { body } = await fixture.request("GET", path, { token: ada });
    return (body as { messages: RoomMessage[] }).messages[0];
  };
  const post = async (text: string, token = ada): Promise<number> => {
    const { body } = await fixture.request("POST", "/api/v1/rooms/lobby/messages", { token, body: { text } });
    return (body as { seq: number }).seq;
  };
  const previewsOf = async (seq: number): Promise<readonly LinkPreview[]> => {
    await until("it has previews", async () => expect((await at(seq))?.previews ?? []).not.to.have.length(0));
    return (await at(seq))?.previews ?? [];
  };
  /** Once a later link is shown, what came before was looked at. */
  const allLookedAt = async (): Promise<void> => {
    fences += 1;
    pages.answers.set("/fence", says("<title>fence</title>"));
    await previewsOf(await post(pages.at("/fence", `fence${fences}.example`), bob));
  };
  const picture = (path: string): string => `<meta property="og:image" content="${path}">`;

  it("are made once for all: words, and a picture of the node's own", async () => {
    pages.answers.set(
      "/one",
      says(`<title>A &lt;b&gt; page</title>
      <meta property="og:description" content="It says\nsome  things"><meta property="og:site_name" content="News">
      ${picture("/one.png")}`),
    );
    pages.answers.set("/one.png", says(png(1_600, 400, { colourOf: () => [200, 30, 30] }), "image/png"));
    const url = pages.at("/one");
    const seq = await post(`look at ${url}, all`);
    const [preview] = await previewsOf(seq);
    expect(preview).to.include({ url, title: "A <b> page", description: "It says some things", site: "News" });
    expect(preview?.image).to.include({ width: previewLimits.pagePictureWidth, height: 160 });
    const answer = await fetch(`${fixture.url}/api/v1/rooms/lobby/files/${preview?.image?.id}`, {
      headers: { authorization: `Bearer ${bob}` },
    });
    expect(answer.headers.get("content-type")).to.equal("image/webp");
    const bytes = Buffer.from(await answer.arrayBuffer());
    expect(bytes.subarray(8, 12).toString()).to.equal("WEBP");
    expect(
      [...held.values()].some((sealed) => sealed.includes("WEBP")),
      "kept sealed",
    ).to.equal(false);
    // Another reader, another message: the page is asked for no more.
    const asked = pages.asked.length;
    expect((await previewsOf(await post(url, bob)))[0]).to.include({ title: "A <b> page" });
    expect(pages.asked).to.have.length(asked);
  });

  it("go with the message, picture and all", async () => {
    pages.answers.set("/gone", says(`<title>Gone</title>${picture("/one.png")}`));
    const seq = await post(pages.at("/gone"));
    const [preview] = await previewsOf(seq);
    const id = preview?.image?.id ?? "";
    const isHeld = async (): Promise<boolean> => {
      const message = { type: "fileHeld", hash: id.slice(0, 64) };
      const answer = await fixture.kernel.ask({ to: "room/lobby", from: "node", message, timeoutMs: 5_000 });
      return answer.ok && (answer.value as FileHeld).held;
    };
    expect(await isHeld()).to.equal(true);
    await fixture.request("DELETE", `/api/v1/rooms/lobby/messages/${seq}`, { token: ada });
    expect(await isHeld()).to.equal(false);
    const { status } = await fixture.request("GET", `/api/v1/rooms/lobby/files/${id}`, { token: ada });
    expect(status).to.equal(404);
  });

  it("follow an edit", async () => {
    pages.answers.set("/first", says("<title>First</title>"));
    pages.answers.set("/second", says("<title>Second</title>"));
    const seq = await post(pages.at("/first"));
    await previewsOf(seq);
    const path = `/api/v1/rooms/lobby/messages/${seq}`;
    await fixture.request("PATCH", path, { token: ada, body: { text: `rather ${pages.at("/second")}` } });
    await until("the other page is shown", async () =>
      expect((await at(seq))?.previews?.map(({ title }) => title)).to.deep.equal(["Second"]),
    );
    await fixture.request("PATCH", path, { token: ada, body: { text: "nothing any more" } });
    expect(await at(seq)).not.to.have.property("previews");
    const { body } = await fixture.request("DELETE", `${path}/previews`, { token: ada });
    expect((body as RoomMessage).previews).to.deep.equal([]);
    await fixture.request("PATCH", path, { token: ada, body: { text: pages.at("/first") } });
    await allLookedAt();
    expect((await at(seq))?.previews, "nobody wants any").to.deep.equal([]);
  });

  it("are none where the cluster, or the author, wants none, or an address is between brackets", async () => {
    pages.answers.set("/off", says("<title>Off</title>"));
    settings.linkPreviews = "off";
    await post(pages.at("/off"));
    settings.linkPreviews = "on";
    await fixture.request("PATCH", "/api/v1/me", { token: ada, body: { linkPreviews: { own: false } } });
    await post(pages.at("/off"));
    await fixture.request("PATCH", "/api/v1/me", { token: ada, body: { linkPreviews: { own: true } } });
    await post(`<${pages.at("/off")}> and \`${pages.at("/off")}\``);
    listed.add("bad.example");
    await post(pages.at("/off", "bad.example"));
    await allLookedAt();
    expect(pages.asked.filter((one) => one.endsWith("/off"))).to.deep.equal([]);
  });

  it("ask no address inside, whatever a page says", async () => {
    pages.answers.set("/in", says(`<title>In</title>${picture(`http://127.0.0.2:${pages.port}/one.png`)}`));
    pages.answers.set("/to", leadsTo(`http://169.254.169.254:${pages.port}/one`));
    const [preview] = await previewsOf(
      await post(`${pages.at("/in")} ${pages.at("/to")} http://127.0.0.2:${pages.port}/`),
    );
    expect(preview).to.include({ title: "In" });
    expect(preview).not.to.have.property("image");
    await allLookedAt();
    expect(pages.asked.some((one) => one.includes("127.0.0.2"))).to.equal(false);
  });

  it("say one line of a hostile page, and nothing of what is no page", async () => {
    const deep = "<div>".repeat(100_000);
    const tags = `<meta name="x" content="${"y".repeat(100)}">`.repeat(4_000);
    const odd: readonly (readonly [string, string | Buffer, string, string | undefined])[] = [
      ["/script", "<title><script>alert(1)</script> hi</title>", "text/html", "<script>alert(1)</script> hi"],
      ["/control", "<title>a\u202eb\u0007\u0000c\n\nd</title>", "text/html", "abc d"],
      ["/long", `<title>${"x".repeat(50_000)}</title>`, "text/html", `${"x".repeat(199)}…`],
      ["/latin", Buffer.from("<title>caf\xe9</title>", "latin1"), "text/html; charset=iso-8859-1", "café"],
      ["/said", Buffer.from('<meta charset="windows-1251"><title>\xcf\xf0</title>', "latin1"), "text/html", "Пр"],
      ["/lies", Buffer.from("<title>caf\xe9</title>", "latin1"), "text/html; charset=utf-8", "caf\ufffd"],
      ["/nocharset", "<title>ok</title>", "text/html; charset=no-such-thing", "ok"],
      ["/deep", `${deep}<title>deep</title>`, "text/html", undefined],
      ["/tags", `${tags}<title>late</title>`, "text/html", undefined],
      ["/body", "<body><title>in the body</title>", "text/html", undefined],
      ["/empty", "<title>  </title>", "text/html", undefined],
      ["/pdf", "%PDF-1.4", "application/pdf", undefined],
      ["/svg", "<svg xmlns='http://www.w3.org/2000/svg'><title>x</title></svg>", "image/svg+xml", undefined],
    ];
    for (const [path, body, type, title] of odd) {
      pages.answers.set(path, says(body, type));
      const seq = await post(pages.at(path, `odd${path.slice(1)}.example`), bob);
      if (title !== undefined) expect((await previewsOf(seq))[0]?.title, path).to.equal(title);
      else {
        await allLookedAt();
        expect((await at(seq))?.previews, path).to.equal(undefined);
      }
    }
  });
});
