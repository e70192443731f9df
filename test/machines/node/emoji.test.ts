import { createCanvas, GifEncoder, loadImage } from "@napi-rs/canvas";
import { expect } from "chai";
import { createClock } from "../../../node/platform/index.ts";
import { wireLimits, type AuditEvent, type EmojiView, type OwnEmoji } from "../../../protocols/index.ts";
import { createOpener, pictureIn } from "../../../runtimes/opened/index.ts";
import { heldBlobs } from "../../fixtures/held-blobs.ts";
import { chunk, png } from "../../fixtures/pictures.ts";
import { quietLog } from "../../fixtures/quiet.ts";
import { startFixture, type Fixture, type Reply } from "../../unit/gateway/fixture.ts";

/** A picture of two frames, red and blue. */
function moving(): Buffer {
  const encoder = new GifEncoder(40, 20);
  for (const colour of ["#ff0000", "#0000ff"]) {
    const canvas = createCanvas(40, 20);
    const pen = canvas.getContext("2d");
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 40, 20);
    encoder.addFrame(Uint8Array.from(pen.getImageData(0, 0, 40, 20).data), 40, 20);
  }
  return encoder.finish();
}

describe("emoji of the cluster, on a node", function () {
  this.timeout(60_000);
  const { held, blobs } = heldBlobs();
  const written: AuditEvent[] = [];
  const opener = createOpener({ clock: createClock(), log: quietLog });
  let fixture: Fixture, ada: string, bob: string;
  before(async () => {
    fixture = await startFixture({
      blobs,
      opener,
      audit: { write: async (event) => void written.push(event) },
      limits: { emojiRate: { count: 1_000, windowMs: 1_000 } },
    });
    [ada, bob] = [(await fixture.signUp("ada")).token, (await fixture.signUp("bob")).token];
    await fixture.request("POST", "/api/v1/rooms", { token: ada, body: { room: "lobby" } });
    await fixture.request("POST", "/api/v1/rooms/lobby/join", { token: bob, body: {} });
    await fixture.request("POST", "/api/v1/rooms/lobby/messages", { token: ada, body: { text: "hi" } });
  });
  after(async () => {
    opener.stop();
    await fixture.stop();
  });

  const add = (name: string, bytes: Uint8Array, token = ada): Promise<Reply> =>
    fixture.request("PUT", `/api/v1/admin/emoji/${name}`, {
      token,
      body: { picture: Buffer.from(bytes).toString("base64") },
    });
  const codeOf = ({ body }: Reply): string => body.error?.code ?? "none";
  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(fixture.url + path, { headers: { authorization: `Bearer ${bob}`, ...headers } });
  const listed = async () =>
    ((await fixture.request("GET", "/api/v1/emoji", { token: bob })).body as EmojiView).emoji.map(({ name }) => name);
  const react = async (emoji: string, on = true, token = bob) =>
    codeOf(
      await fixture.request(
        on ? "PUT" : "DELETE",
        `/api/v1/rooms/lobby/messages/1/reactions/${encodeURIComponent(emoji)}`,
        {
          token,
          ...(on && { body: {} }),
        },
      ),
    );

  it("are drawn anew and smaller, served as nothing but a picture, and kept by browsers", async () => {
    const secret = Buffer.from("comment\0secret place");
    const { status, body } = await add("party-parrot", png(300, 150, { more: [chunk("tEXt", secret)] }));
    expect(status).to.equal(200);
    const { hash, size, by } = body as OwnEmoji;
    expect(by).to.equal("ada");
    const answer = await get(`/api/v1/emoji/${hash}`);
    const bytes = Buffer.from(await answer.arrayBuffer());
    expect(pictureIn(bytes)).to.include({ format: "webp", width: 128, height: 64 });
    expect([bytes.length, bytes.includes("secret place")]).to.deep.equal([size, false]);
    expect(answer.headers.get("content-type")).to.equal("image/webp");
    expect(answer.headers.get("content-security-policy")).to.include("sandbox");
    expect(answer.headers.get("x-content-type-options")).to.equal("nosniff");
    expect(answer.headers.get("cache-control")).to.equal("private, max-age=31536000, immutable");
    expect((await get(`/api/v1/emoji/${hash}`, { "if-none-match": `"${hash}"` })).status).to.equal(304);
    expect((await fetch(`${fixture.url}/api/v1/emoji/${hash}`)).status).to.equal(401);
    expect((await get(`/api/v1/emoji/${"0".repeat(64)}`)).status).to.equal(404);
  });

  it("are still: of a picture that moves the first is kept, with what shines through", async () => {
    const { body } = await add("blink", moving());
    const answer = await get(`/api/v1/emoji/${(body as OwnEmoji).hash}`);
    const image = await loadImage(Buffer.from(await answer.arrayBuffer()));
    expect([image.width, image.height]).to.deep.equal([40, 20]);
    const pen = createCanvas(40, 20).getContext("2d");
    pen.drawImage(image, 0, 0);
    const [red = 0, , blue = 0] = pen.getImageData(20, 10, 1, 1).data;
    expect(red > 200 && blue < 50, `${red} ${blue}`).to.equal(true);
  });

  it("are refused to all without the permission, under names that are taken, and where they are no small picture", async () => {
    expect(codeOf(await add("mine", png(8, 8), bob))).to.equal("FORBIDDEN");
    expect(codeOf(await add("tada", png(8, 8)))).to.equal("NAME_TAKEN");
    expect(codeOf(await add("party-parrot", png(9, 9)))).to.equal("NAME_TAKEN");
    for (const name of ["Parrot", "1up", "a%20b", "x"])
      expect(codeOf(await add(name, png(8, 8)))).to.equal("BAD_REQUEST");
    const puts = held.size;
    const bomb = Buffer.from(png(8, 8));
    bomb.writeUInt32BE(60_000, 16);
    bomb.writeUInt32BE(60_000, 20);
    const wide = Buffer.from(moving());
    wide.writeUInt16LE(60_000, 6);
    const hostile: readonly (readonly [string, Uint8Array, string])[] = [
      [
        "a drawing that can do things",
        Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'),
        "BAD_REQUEST",
      ],
      ["a page", Buffer.from("<!doctype html><script>alert(1)</script>".padEnd(80)), "BAD_REQUEST"],
      ["a picture with a page behind it", Buffer.concat([png(8, 8), Buffer.from("<script>")]), "BAD_REQUEST"],
      ["a bomb: many pixels in few bytes", bomb, "TOO_LARGE"],
      ["a picture that is too large", png(wireLimits.emojiFileSideMax + 1, 1), "TOO_LARGE"],
      ["a frame that is as wide as the format has it", wide, "TOO_LARGE"],
      ["too many bytes", Buffer.alloc(wireLimits.emojiFileBytesMax + 1, 1), "TOO_LARGE"],
    ];
    for (const [what, bytes, code] of hostile) expect(codeOf(await add("hostile", bytes)), what).to.equal(code);
    expect(held.size, "nothing of them is kept").to.equal(puts);
    expect(codeOf(await fixture.request("GET", "/api/v1/admin/emoji", { token: bob }))).to.equal("FORBIDDEN");
    expect(await listed()).to.deep.equal(["blink", "party-parrot"]);
  });

  it("are reactions as long as they are there, by any wire, and the audit says who added and removed them", async () => {
    expect(await react(":nobody:")).to.equal("BAD_REQUEST");
    expect(await react(":party-parrot:")).to.equal("none");
    const client = await fixture.connect(bob);
    const ask = (emoji: string) => client.ask("room.react", "lobby", { seq: 1, emoji, on: true });
    expect((await ask(":nobody:")).error?.code).to.equal("BAD_REQUEST");
    expect((await ask(":blink:")).error).to.equal(undefined);
    const removed = await fixture.request("DELETE", "/api/v1/admin/emoji/party-parrot", { token: ada });
    expect(removed.body).to.include({ name: "party-parrot" });
    expect((await get(`/api/v1/emoji/${(removed.body as OwnEmoji).hash}`)).status).to.equal(404);
    expect(await react(":party-parrot:", true, ada)).to.equal("BAD_REQUEST");
    expect(await react(":party-parrot:", false), "what is there can be taken back").to.equal("none");
    const told = written.filter(({ action, outcome }) => action.endsWith("Emoji") && outcome === "done");
    expect(told.map(({ action, target }) => [action, target])).to.deep.equal([
      ["addEmoji", "emoji/party-parrot"],
      ["addEmoji", "emoji/blink"],
      ["removeEmoji", "emoji/party-parrot"],
    ]);
  });

  it("are added by one person so often", async () => {
    const strict = await startFixture({ blobs, opener, limits: { emojiRate: { count: 1, windowMs: 60_000 } } });
    const { token } = await strict.signUp("ada");
    const codes = [];
    for (const name of ["one", "two"]) {
      const body = { picture: png(8, 8).toString("base64") };
      codes.push(codeOf(await strict.request("PUT", `/api/v1/admin/emoji/own-${name}`, { token, body })));
    }
    expect(codes).to.deep.equal(["none", "RATE_LIMITED"]);
    await strict.stop();
  });
});
