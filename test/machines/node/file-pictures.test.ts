import { createCanvas } from "@napi-rs/canvas";
import { expect } from "chai";
import { openPreviews } from "../../../node/composition/bulk.ts";
import { Stops } from "../../../node/stops.ts";
import { createClock } from "../../../node/platform/index.ts";
import { createOpener, type Opener } from "../../../runtimes/opened/index.ts";
import type { FileHeld, RoomFile, RoomMessage } from "../../../protocols/index.ts";
import { pdf } from "../../fixtures/documents.ts";
import { heldBlobs } from "../../fixtures/held-blobs.ts";
import { png } from "../../fixtures/pictures.ts";
import { quietLog } from "../../fixtures/quiet.ts";
import { until } from "../../waits.ts";
import { startFixture, type Fixture } from "../../unit/gateway/fixture.ts";

/** A picture that is worth a small one: noise does not pack. */
async function photo(width: number, height: number): Promise<Buffer> {
  const canvas = createCanvas(width, height);
  const context = canvas.getContext("2d");
  const shown = context.createImageData(width, height);
  let state = 1;
  for (let at = 0; at < shown.data.length; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    shown.data[at] = at % 4 === 3 ? 255 : state >>> 24;
  }
  context.putImageData(shown, 0, 0);
  return canvas.encode("jpeg", 90);
}

/** The same, with what a camera says of how it was held. */
function turned(jpeg: Buffer, orientation: number): Buffer {
  const exif = Buffer.from(
    "457869660000" + "4d4d002a00000008" + "0001" + "0112000300000001" + "00060000" + "00000000",
    "hex",
  );
  exif.writeUInt16BE(orientation, 6 + 8 + 2 + 8);
  const head = Buffer.from([0xff, 0xe1, 0, 0]);
  head.writeUInt16BE(exif.length + 2, 2);
  return Buffer.concat([jpeg.subarray(0, 2), head, exif, jpeg.subarray(2)]);
}

const base64 = (words: string): string => Buffer.from(words).toString("base64");

describe("small pictures of files, on a node", function () {
  this.timeout(60_000);
  const { held, blobs } = heldBlobs();
  const clock = createClock();
  const stops = new Stops({ clock, log: quietLog });
  let fixture: Fixture;
  let ada: string;
  let dan: string;
  before(async () => {
    fixture = await startFixture({
      blobs,
      open(peer, { random, log, meter }) {
        const live = () => ({ linkPreviews: "off", filePreviews: "on" }) as const;
        const opener = createOpener({ clock, log });
        stops.add(() => opener.stop());
        const machine = { clock, random, log, meter, opener };
        openPreviews({ live, machine, peer, blobs, threats: { hasDomain: () => false }, stops });
        return {};
      },
    });
    [ada, dan] = [(await fixture.signUp("ada")).token, (await fixture.signUp("dan")).token];
    await fixture.request("POST", "/api/v1/rooms", { token: ada, body: { room: "lobby", visibility: "private" } });
  });
  after(async () => {
    await stops.run(1_000);
    await fixture.stop();
  });

  const posted = async (bytes: Buffer, name: string): Promise<number> => {
    const tus = { authorization: `Bearer ${ada}`, "tus-resumable": "1.0.0" };
    const made = await fetch(`${fixture.url}/api/v1/files/uploads`, {
      method: "POST",
      headers: {
        ...tus,
        "upload-length": String(bytes.length),
        "upload-metadata": `room ${base64("lobby")},filename ${base64(name)}`,
      },
    });
    const id = made.headers.get("location")?.split("/").at(-1) ?? "";
    const sent = await fetch(`${fixture.url}/api/v1/files/uploads/${id}`, {
      method: "PATCH",
      headers: { ...tus, "upload-offset": "0", "content-type": "application/offset+octet-stream" },
      body: new Uint8Array(bytes),
    });
    expect(sent.status).to.equal(204);
    const body = { text: "", files: [id] };
    const answer = await fixture.request("POST", "/api/v1/rooms/lobby/messages", { token: ada, body });
    return (answer.body as { seq: number }).seq;
  };
  const at = async (seq: number): Promise<RoomMessage | undefined> => {
    const path = `/api/v1/rooms/lobby/messages?after=${seq - 1}&limit=1`;
    return ((await fixture.request("GET", path, { token: ada })).body as { messages: RoomMessage[] }).messages[0];
  };
  const drawn = async (seq: number): Promise<RoomFile> => {
    await until("it has a small picture", async () =>
      expect((await at(seq))?.files?.[0]?.preview).not.to.equal(undefined),
    );
    return (await at(seq))?.files?.[0] as RoomFile;
  };
  const fetched = (id: string, token: string): Promise<Response> =>
    fetch(`${fixture.url}/api/v1/rooms/lobby/files/${id}/preview`, { headers: { authorization: `Bearer ${token}` } });

  it("are made of pictures, as they are held, for those who may read the message", async () => {
    const file = await drawn(await posted(turned(await photo(1_200, 400), 6), "photo.jpg"));
    expect(file.preview, "upright").to.deep.equal({ width: 173, height: 520 });
    const answer = await fetched(file.id, ada);
    expect(answer.headers.get("content-type")).to.equal("image/webp");
    expect(answer.headers.get("x-content-type-options")).to.equal("nosniff");
    const bytes = Buffer.from(await answer.arrayBuffer());
    expect(bytes.length).to.be.below(file.bytes);
    expect(bytes.includes("Exif")).to.equal(false);
    expect((await fetched(file.id, dan)).status).to.equal(403);
  });

  it("are the first page of a document, and go with the message", async () => {
    const seq = await posted(pdf("Quarterly zebra report"), "report.pdf");
    const file = await drawn(seq);
    expect(file.preview?.width).to.be.above(100);
    const blob = [...held.keys()].at(-1) ?? "";
    const isHeld = async (): Promise<boolean> => {
      const message = { type: "fileHeld", hash: blob };
      const answer = await fixture.kernel.ask({ to: "room/lobby", from: "node", message, timeoutMs: 5_000 });
      return answer.ok && (answer.value as FileHeld).held;
    };
    expect(await isHeld()).to.equal(true);
    await fixture.request("DELETE", `/api/v1/rooms/lobby/messages/${seq}`, { token: ada });
    expect(await isHeld()).to.equal(false);
    expect((await fetched(file.id, ada)).status).to.equal(404);
  });

  it("are none of what is small, or cannot be opened, and the next file has one", async () => {
    const small = await posted(png(40, 40), "small.png");
    const broken = await posted(
      Buffer.concat([(await photo(900, 900)).subarray(0, 700), Buffer.alloc(90_000, 7)]),
      "x.jpg",
    );
    const notOne = await posted(Buffer.concat([Buffer.from("%PDF-1.7\n"), Buffer.alloc(2_000, 65)]), "x.pdf");
    await drawn(await posted(await photo(500, 500), "next.jpg"));
    for (const seq of [small, broken, notOne]) expect((await at(seq))?.files?.[0]).not.to.have.property("preview");
  });

  describe("opened in a process of its own", () => {
    let opener: Opener;
    const ended: string[] = [];
    const box = { width: 100, height: 100 };
    before(() => {
      const log = { ...quietLog, warn: (_event: string, facts?: object) => ended.push(JSON.stringify(facts)) };
      opener = createOpener({ clock, log, limits: { openedMsMax: 5_000, openedMemoryBytesMax: 300 * 1024 * 1024 } });
    });
    after(() => opener.stop());
    const whole = async () =>
      expect((await opener.open("picture", { bytes: png(50, 20), box }, "ada"))?.width).to.equal(50);

    it("bombs of pixels are not decoded: what a head says counts first", async () => {
      const bomb = Buffer.from(png(10, 10));
      bomb.writeUInt32BE(64_250, 16);
      bomb.writeUInt32BE(64_250, 20);
      expect(await opener.open("picture", { bytes: bomb, box }, "ada")).to.equal(undefined);
      const svg = Buffer.from(
        "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><script/></svg>".padEnd(200),
      );
      expect(await opener.open("picture", { bytes: svg, box }, "ada"), "no words of a program").to.equal(undefined);
      await whole();
      expect(ended).to.deep.equal([]);
    });

    it("a page of absurd size, and one that goes on for ever, cost neither memory nor the next file", async () => {
      expect(
        (await opener.open("document", { bytes: pdf("big", "0 0 10000000 10000000"), box }, "ada"))?.width,
      ).to.be.oneOf([100, undefined]);
      const loop = pdf("x", "0 0 100 100", "q ".repeat(10) + "0 0 m 9 9 l S ".repeat(400_000));
      await opener.open("document", { bytes: loop, box }, "ada");
      await whole();
    });

    it("a process that ends or takes too much is another one's fault to nobody", async () => {
      const hungry = createOpener({ clock, log: quietLog, limits: { openedMemoryBytesMax: 1 } });
      const big = await photo(5_000, 5_000);
      expect(await hungry.open("picture", { bytes: big, box }, "ada")).to.equal(undefined);
      hungry.stop();
      const slow = createOpener({ clock, log: quietLog, limits: { openedMsMax: 1 } });
      expect(await slow.open("picture", { bytes: big, box }, "ada")).to.equal(undefined);
      slow.stop();
      expect(await slow.open("picture", { bytes: big, box }, "ada"), "it has ended").to.equal(undefined);
    });

    it("one person's files leave a place for another's", async () => {
      const few = createOpener({ clock, log: quietLog, limits: { openedWaitingMax: 4, openedWaitingPerPersonMax: 3 } });
      const many = Array.from({ length: 30 }, () => few.open("picture", { bytes: png(50, 20), box }, "ada"));
      const other = few.open("picture", { bytes: png(50, 20), box }, "bob");
      expect((await other)?.width).to.equal(50);
      expect((await Promise.all(many)).filter(Boolean).length).to.be.within(1, 5);
      few.stop();
    });
  });
});
