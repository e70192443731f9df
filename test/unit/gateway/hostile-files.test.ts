import { gzipSync } from "node:zlib";
import { expect } from "chai";
import { array, asyncProperty, assert as property, constantFrom, oneof, string } from "fast-check";
import { hashOf } from "../../../node/bulk/blobs/index.ts";
import type { ActorBlobs } from "../../../node/ports/index.ts";
import { failure, ok, refused, textFault, wireLimits, type FileHeld } from "../../../protocols/index.ts";
import { chunk, png } from "../../fixtures/pictures.ts";
import { startFixture, type Fixture } from "./fixture.ts";

/** Types that a page may be given inline: a browser runs nothing in them. */
const harmless = /^(?:image\/(?:png|jpeg|webp|gif)|audio\/[a-z0-9]+|video\/[a-z0-9]+)$/;

describe("gateway: hostile files", () => {
  const held = new Map<string, Buffer>();
  const blobs: ActorBlobs = {
    async put(actor, bytes, commit) {
      held.set(`${actor}/${hashOf(bytes)}`, Buffer.from(bytes));
      return commit(hashOf(bytes));
    },
    async read(actor, hash) {
      const bytes = held.get(`${actor}/${hash}`);
      return bytes === undefined ? refused(failure("NOT_FOUND", { blob: hash })) : ok(bytes);
    },
    async forget(actor, hashes) {
      for (const hash of hashes) {
        const message = { type: "fileHeld", hash };
        const answer = await fixture.kernel.ask({ to: actor, from: "node", message, timeoutMs: 5_000 });
        if (answer.ok && !(answer.value as FileHeld).held) held.delete(`${actor}/${hash}`);
      }
    },
  };
  const often = { count: 1_000_000, windowMs: 1_000 };
  let fixture: Fixture;
  let ada: string;
  before(async () => {
    const limits = { fileRate: often, filePartRate: often, fileStateRate: often };
    fixture = await startFixture({ blobs, limits });
    ada = (await fixture.signUp("ada")).token;
    await fixture.request("POST", "/api/v1/rooms", { token: ada, body: { room: "lobby" } });
  });
  after(() => fixture.stop());

  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const begin = (bytes: number | string, name: string): Promise<Response> =>
    fetch(`${fixture.url}/api/v1/files/uploads`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${ada}`,
        "tus-resumable": "1.0.0",
        "upload-length": String(bytes),
        "upload-metadata": `filename ${base64(name)},room ${base64("lobby")}`,
      },
    });
  const idOf = (begun: Response): string => begun.headers.get("location")?.split("/").at(-1) ?? "";
  /** Sends a file, and gives its answer as a browser gets it. */
  async function served(bytes: Buffer, name: string): Promise<Response> {
    const id = idOf(await begin(bytes.length, name));
    const sent = await fetch(`${fixture.url}/api/v1/files/uploads/${id}`, {
      method: "PATCH",
      headers: {
        authorization: `Bearer ${ada}`,
        "tus-resumable": "1.0.0",
        "upload-offset": "0",
        "content-type": "application/offset+octet-stream",
      },
      body: bytes as Uint8Array<ArrayBuffer>,
    });
    expect(sent.status).to.equal(204);
    const body = { text: "", files: [id] };
    const { status } = await fixture.request("POST", "/api/v1/rooms/lobby/messages", { token: ada, body });
    expect(status).to.equal(200);
    return fetch(`${fixture.url}/api/v1/rooms/lobby/files/${id}`, {
      headers: { authorization: `Bearer ${ada}`, accept: "text/html,image/svg+xml,*/*" },
    });
  }

  const script = "<script>alert(document.cookie)</script>";
  const pictureWith = (more: Buffer): Buffer => png(2, 2, { more: [more] });
  const polyglots: Readonly<Record<string, Buffer>> = {
    "a page": Buffer.from(`<!doctype html>${script}`),
    "a drawing with a script": Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg">${script}</svg>`),
    "a drawing behind a byte order mark": Buffer.from(`\ufeff<?xml version="1.0"?><svg onload="alert(1)"/>`),
    "a page in UTF-16": Buffer.from(`\ufeff<html>${script}`, "utf16le"),
    "a GIF that is a script": Buffer.from(`GIF89a/*\0\0\0*/=1;alert(1)//${script}`),
    "a PNG with a page in a chunk": pictureWith(chunk("tEXt", Buffer.from(`Comment\0${script}`))),
    "a PNG with an archive behind it": Buffer.concat([png(2, 2), Buffer.from(`PK\x03\x04${script}`)]),
    "a JPEG that is a page": Buffer.concat([
      Buffer.from("ffd8fffe0040", "hex"),
      Buffer.from(script.padEnd(62)),
      Buffer.from("ffd9", "hex"),
    ]),
    "a PDF with a script": Buffer.from(`%PDF-1.7 /JS (app.alert(1)) ${script}`),
    "an archive with a page": Buffer.from(`PK\x03\x04${script}`),
    "a film that is a page": Buffer.from(`\0\0\0\x18ftypisom${script}`),
    "a sound that is a page": Buffer.from(`ID3\x03\0\0\0\0\0\0${script}`),
  };

  for (const [what, bytes] of Object.entries(polyglots))
    it(`run nothing where they are served: ${what}`, async () => {
      for (const name of ["a.html", "a.svg", "a.png"]) {
        const answer = await served(bytes, name);
        const type = answer.headers.get("content-type") ?? "";
        expect(answer.status).to.equal(200);
        expect(answer.headers.get("x-content-type-options")).to.equal("nosniff");
        expect(answer.headers.get("content-security-policy")).to.equal("sandbox; default-src 'none'");
        if (harmless.test(type)) continue;
        expect(type).to.equal("application/octet-stream");
        expect(answer.headers.get("content-disposition")).to.match(/^attachment/);
      }
    });

  it("become nothing else in a node: what is packed stays so, and a picture of very many pixels is not drawn", async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    const packed = await served(bomb, "a.gz");
    expect(Buffer.from(await packed.arrayBuffer()).equals(bomb)).to.equal(true);
    const huge = png(1, 1);
    huge.writeUInt32BE(65_535, 16);
    huge.writeUInt32BE(65_535, 20);
    const drawn = await served(huge, "bomb.png");
    expect(drawn.headers.get("content-type")).to.equal("image/png");
    const { body } = await fixture.request("GET", "/api/v1/rooms/lobby/files?limit=1", { token: ada });
    expect(body.files[0]).to.deep.include({ width: 65_535, height: 65_535, bytes: huge.length });
  });

  it("have names that stay on one line and in one folder, whatever is said", async () => {
    const nasty = constantFrom(
      "/",
      "\\",
      "..",
      "\0",
      "\r\n",
      "\u202e",
      "\ud800",
      "\u0007",
      '"',
      "%2f",
      "é",
      "😀",
      "CON",
      ".",
    );
    await property(
      asyncProperty(array(oneof(nasty, string({ maxLength: 4 })), { maxLength: 12 }), async (parts) => {
        const answer = await served(Buffer.from("x"), parts.join(""));
        const disposition = answer.headers.get("content-disposition") ?? "";
        expect(disposition).to.match(
          /^attachment; filename="[\x20-\x7e]+"; filename\*=UTF-8''[A-Za-z0-9%._~!#$&+^`|-]+$/,
        );
        const name = decodeURIComponent(/''(.*)$/.exec(disposition)?.[1] ?? "");
        expect(textFault(name, "line")).to.equal(undefined);
        expect(name).not.to.match(/[/\\]|^\.+$|^$/);
        expect(name.length).to.be.most(wireLimits.fileNameCharsMax);
      }),
      { numRuns: 40 },
    );
  });

  it("are refused by name where their length is none", async () => {
    for (const length of ["-1", "1e3", "0x10", "9999999999999999999", "NaN", "", "1 2", "1.5"]) {
      const answer = await begin(length, "a");
      expect(answer.status, length).to.equal(400);
      expect(((await answer.json()) as { error: { code: string } }).error.code, length).to.equal("BAD_REQUEST");
    }
    const large = await begin(wireLimits.fileBytesMax + 1, "a");
    expect(((await large.json()) as { error: { code: string } }).error.code).to.equal("TOO_LARGE");
  });

  it("that are announced by the thousand and never come take no bytes, and few places", async () => {
    const before = held.size;
    const codes = new Set<string>();
    let last = "";
    for (let count = 0; count < 1_000; count += 1) {
      const answer = await begin(1_000_000, `${count}`);
      if (answer.status === 201) last = idOf(answer);
      codes.add(answer.status === 201 ? "taken" : ((await answer.json()) as { error: { code: string } }).error.code);
    }
    expect([...codes].toSorted()).to.deep.equal(["LIMIT_REACHED", "taken"]);
    expect(held.size).to.equal(before);
    const shown = await fixture.kernel.showActor("room/lobby");
    expect(shown.ok && shown.value.stateBytes).to.be.most(64 * 1024);
    // Another one finds a place as soon as one of them is given up.
    await fetch(`${fixture.url}/api/v1/files/uploads/${last}`, {
      method: "DELETE",
      headers: { authorization: `Bearer ${ada}`, "tus-resumable": "1.0.0" },
    });
    expect((await begin(1, "a")).status).to.equal(201);
  });
});
