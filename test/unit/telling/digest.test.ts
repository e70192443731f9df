import { expect } from "chai";
import { mailSettings } from "../../../node/cluster/facts/mail.ts";
import { openDigests } from "../../../node/composition/telling.ts";
import { createOutbound, sendBySmtp } from "../../../node/mail/index.ts";
import type { DigestView } from "../../../protocols/index.ts";
import { linkIn, startMailServer, type Arrived, type MailServerFixture } from "../../fixtures/mail-server.ts";
import { controlToken, createWorld, startFixture, type Fixture, type Reply } from "../gateway/fixture.ts";

const publicUrl = "https://chat.example.org";
const minuteMs = 60_000;

describe("mail to people who were away", () => {
  let fixture: Fixture;
  let server: MailServerFixture;
  let ada: string, bob: string;
  let settings: { mailDigest: "off" | "counts" | "text" };
  let digests: ReturnType<typeof openDigests>;
  let shiftMs: number;

  const as =
    (token: string) =>
    async (method: string, path: string, body?: unknown): Promise<Reply["body"]> => {
      const answer = await fixture.request(method, `/api/v1${path}`, { token, body });
      expect(answer.status, JSON.stringify(answer.body)).to.be.within(200, 299);
      return answer.body;
    };
  const post = (room: string, text: string, more: object = {}) =>
    as(ada)("POST", `/rooms/${room}/messages`, { text, ...more });
  const shown = (): Promise<DigestView> => as(bob)("GET", "/me/digest");
  /** So much later, the node looks whether there is mail. */
  const after = async (minutes: number): Promise<readonly Arrived[]> => {
    shiftMs += minutes * minuteMs;
    await digests.look("bob");
    return (server.arrived as Arrived[]).splice(0);
  };
  const textOf = ({ text }: Arrived): string => text.replaceAll("\r\n", "\n");

  beforeEach(async () => {
    server = await startMailServer();
    settings = { mailDigest: "text" };
    shiftMs = 0;
    const world = createWorld();
    const real = world.clock();
    const clock = { ...real, nowMs: () => real.nowMs() + shiftMs };
    fixture = await startFixture({
      world,
      clock,
      openMail(at) {
        const own = mailSettings(at.directory, at.secrets);
        const known = () => own.current();
        return {
          settings: own,
          publicUrl,
          outbound: createOutbound({ ...at, server: known, send: sendBySmtp(), publicUrl, node: "test" }),
        };
      },
      open(peer, { secrets, random, log, meter, mail }) {
        const live = () => settings;
        digests = openDigests({
          live,
          machine: { clock, random, log, meter },
          node: "test",
          peer,
          secrets,
          mail: mail!,
        });
        return { digests };
      },
    });
    const from = { host: "127.0.0.1", port: server.port, security: "starttls", from: "plexus@example.org" };
    await as(controlToken)("PUT", "/admin/mail", from);
    ada = (await fixture.signUp("ada")).token;
    bob = (await fixture.signUp("bob")).token;
    for (const room of ["den", "attic"]) {
      await as(ada)("POST", "/rooms", { room, title: `The ${room}`, visibility: "public" });
      await as(bob)("POST", `/rooms/${room}/join`);
    }
    await as(bob)("PUT", "/me/mail", { mail: "bob@example.org" });
    const [user = "", secret = ""] = linkIn(await server.next())
      .replace("mail=", "")
      .split(".");
    await as(bob)("POST", "/mail/confirm", { user, secret });
  });
  afterEach(async () => {
    await fixture.stop();
    await server.stop();
  });
  const want = async (more: object = {}): Promise<void> => {
    await as(bob)("PUT", "/me/digest", { when: "unread", afterMinutes: 30, ...more });
    await digests.look("bob");
  };

  it("comes once something has been unread for as long as they said, says what, and comes once", async () => {
    await post("den", "before @bob asked for mail");
    await want();
    await post("den", "hello @bob, the key is under the mat");
    await post("den", "of no concern");
    expect(await after(29), "too early").to.deep.equal([]);
    const [mail] = await after(31);
    expect(mail).to.include({ to: "bob@example.org", from: "plexus@example.org" });
    const text = textOf(mail as Arrived);
    expect(text).to.include("1 mention, in 1 room.");
    expect(text).to.include("ada in The den: “hello @bob, the key is under the mat”");
    expect(text).to.include(`${publicUrl}/room/den?at=2`);
    expect(text).not.to.match(/before|no concern/);
    expect(await after(31), "again").to.deep.equal([]);
    expect((await shown()).last).to.deep.include({ notices: 1, outcome: "sent" });
    await post("attic", "@bob once more");
    await after(1);
    expect((await after(60)).map((one) => /\d+ mention/.exec(textOf(one))?.[0])).to.deep.equal(["1 mention"]);
  });

  it("has direct messages, answers in threads and words, and nothing of what is muted or was read", async () => {
    await as(bob)("PATCH", "/me/notifications", { keywords: ["kettle"] });
    await as(bob)("POST", "/rooms/den/messages", { text: "a question" });
    await want();
    const { room } = await as(ada)("POST", "/rooms/direct", { with: "user/bob" });
    await post(room, "between us");
    await post("den", "an answer", { replyTo: 1 });
    await post("den", "the kettle boils");
    await post("attic", "@bob in the attic");
    await as(bob)("PUT", "/me/notifications/rooms/attic", { level: "nothing" });
    const [mail] = await after(31);
    expect(textOf(mail as Arrived)).to.include(
      "1 direct message, 1 answer, 1 message with a word of yours, in 2 rooms.",
    );
    expect(textOf(mail as Arrived)).to.include("ada: “between us”");
    expect(textOf(mail as Arrived)).not.to.include("attic");
    await post("den", "@bob read elsewhere");
    await as(bob)("PUT", "/rooms/den/read", { seq: 4 });
    expect(await after(61)).to.deep.equal([]);
  });

  it("waits for the end of quiet hours, of do not disturb and of a room's mute", async () => {
    await want();
    await post("den", "@bob one");
    await as(bob)("PUT", "/me/status", { doNotDisturb: true });
    expect(await after(31)).to.deep.equal([]);
    await as(bob)("PUT", "/me/status", {});
    const day = { days: [0, 1, 2, 3, 4, 5, 6], fromMinute: 0, toMinute: 0, zone: "UTC" };
    await as(bob)("PATCH", "/me/notifications", { quiet: day });
    expect(await after(25 * 60)).to.deep.equal([]);
    await as(bob)("PATCH", "/me/notifications", { quiet: { ...day, days: [] } });
    const nowMs = fixture.settings.clock.nowMs();
    await as(bob)("PUT", "/me/notifications/rooms/den", { mutedUntilMs: nowMs + 25 * 60 * minuteMs });
    expect(await after(25 * 60 - 5)).to.deep.equal([]);
    expect(await after(60)).to.have.length(1);
  });

  it("says nothing of what was deleted, or is in a room that they left, by the time of sending", async () => {
    await want();
    await post("den", "@bob gone in a moment");
    await post("den", "@bob stays");
    await post("attic", "@bob behind you");
    await as(ada)("DELETE", "/rooms/den/messages/1");
    await as(bob)("POST", "/rooms/attic/leave");
    const [mail] = await after(31);
    expect(textOf(mail as Arrived)).to.include("“@bob stays”");
    expect(mail?.raw + textOf(mail as Arrived)).not.to.match(/gone in|behind you|attic/);
  });

  it("is given back while the mail server takes nothing, and lost, not sent again, where nobody knows", async () => {
    await want();
    await post("den", "@bob one");
    server.fates = [{ code: 451, text: "later" }];
    expect(await after(31)).to.deep.equal([]);
    expect((await shown()).last).to.deep.include({ outcome: "away" });
    await as(ada)("DELETE", "/rooms/den/messages/1");
    await post("den", "@bob two");
    server.fates = ["cut"];
    expect(await after(31)).to.deep.equal([]);
    expect((await shown()).last).to.deep.include({ outcome: "unknown" });
    server.fates = ["take"];
    const tries = server.tries;
    expect(await after(61)).to.deep.equal([]);
    expect(server.tries, "tried again").to.equal(tries);
    await post("den", "@bob three");
    await after(1);
    const [mail] = await after(61);
    expect(textOf(mail as Arrived))
      .to.include("“@bob three”")
      .and.not.include("@bob two");
  });

  it("says how much there is and nothing else where an admin or the person wants that, and is off where an admin says so", async () => {
    await want({ content: "counts" });
    await post("den", "@bob secret plans");
    const [own] = await after(31);
    expect(textOf(own as Arrived))
      .to.include("1 mention, in 1 room.")
      .and.not.match(/secret|The den|room\/den|ada/);
    settings.mailDigest = "counts";
    await as(bob)("PUT", "/me/digest", { content: "text" });
    await digests.look("bob");
    await post("den", "@bob more plans");
    await after(1);
    const [admins] = await after(61);
    expect(textOf(admins as Arrived))
      .to.include("1 mention, in 1 room.")
      .and.not.match(/plans|The den|ada/);
    settings.mailDigest = "off";
    expect((await shown()).allowed).to.equal("off");
    await post("den", "@bob hello");
    expect(await after(61)).to.deep.equal([]);
  });

  it("ends by one press of a mail program, by a link that does nothing else", async () => {
    await want();
    await post("den", "@bob one");
    const [mail] = await after(31);
    const headers = (mail as Arrived).raw.split("\r\n\r\n")[0]!.replaceAll(/\r\n[ \t]+/g, " ");
    expect(headers).to.match(/^List-Unsubscribe-Post: List-Unsubscribe=One-Click$/m);
    const [, path = ""] = /^List-Unsubscribe: <https:\/\/chat\.example\.org(\/api\/v1\/mail\/unsubscribe\/[\w-]+)>$/m.exec(headers) ?? []; // prettier-ignore
    expect(path, headers).not.to.equal("");
    const look = await fetch(new URL(path, fixture.url), { redirect: "manual" });
    expect([look.status, look.headers.get("location")]).to.deep.equal([303, `${publicUrl}/#unsubscribe=${path.split("/").at(-1)}`]); // prettier-ignore
    expect((await shown()).when).to.equal("unread");
    const form = { method: "POST", headers: { "content-type": "application/x-www-form-urlencoded" } };
    const wrong = await fetch(new URL(`${path.slice(0, -4)}AAAA`, fixture.url), { ...form, body: "List-Unsubscribe=One-Click" }); // prettier-ignore
    expect(wrong.status).to.be.within(400, 499);
    expect((await shown()).when).to.equal("unread");
    for (const _ of ["once", "twice"]) {
      const press = await fetch(new URL(path, fixture.url), { ...form, body: "List-Unsubscribe=One-Click" });
      expect(press.status).to.equal(200);
      expect((await shown()).when).to.equal("never");
    }
    await post("den", "@bob two");
    expect(await after(61)).to.deep.equal([]);
    const token = path.split("/").at(-1) ?? "";
    for (const [method, where] of [["POST", "/mail/confirm"], ["GET", "/me"]] as const) // prettier-ignore
      expect((await fixture.request(method, `/api/v1${where}`, { token, body: method === "POST" ? { user: "bob", secret: token } : undefined })).status).to.be.within(400, 499); // prettier-ignore
  });

  it("hears no more from an address that sends many links that do not open; those that do count nothing", async () => {
    const press = async (token: string) =>
      (await fixture.request("POST", `/api/v1/mail/unsubscribe/${token}`, { body: {} })).status;
    await want();
    await post("den", "@bob one");
    const [mail] = await after(31);
    const token = /#unsubscribe=([\w-]+)/.exec(textOf(mail as Arrived))?.[1] ?? "";
    for (let nth = 0; nth < 40; nth += 1) expect(await press(token)).to.equal(200);
    for (let nth = 0; nth < 30; nth += 1) expect(await press("AAAA")).to.be.within(400, 404);
    expect(await press("AAAA")).to.equal(429);
  });

  it("lets nothing that people write become a header, a recipient or markup", async () => {
    await want();
    const title = "x <b>Bcc: eve@example.org</b>";
    await as(ada)("POST", "/rooms", { room: "odd", title, visibility: "public" });
    await as(bob)("POST", "/rooms/odd/join");
    await post(
      "odd",
      '@bob hi\r\nBcc: eve@example.org\r\n\r\n<script>alert(1)</script> <a href="https://evil.example">click</a>',
    );
    const [mail] = await after(31);
    expect(mail?.to).to.equal("bob@example.org");
    const [headers = ""] = (mail as Arrived).raw.split("\r\n\r\n");
    expect(headers).not.to.match(/^bcc:/im);
    const [plain = "", html = ""] = textOf(mail as Arrived).split(/^content-type: text\/html/im);
    expect(plain).not.to.match(/^\s*Bcc:/m);
    expect(html).to.include("&lt;script&gt;").and.include("&lt;b&gt;Bcc:");
    expect(html).not.to.match(/<script|<b>|<a href="https:\/\/evil/);
  });
});
