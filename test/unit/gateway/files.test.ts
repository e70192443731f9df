import { once } from "node:events";
import { mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { expect } from "chai";
import { Upload, type UploadOptions } from "tus-js-client";
import { actorLimits } from "../../../actors/limits.ts";
import { filesOf, plainName } from "../../../cli/chat/files.ts";
import { hashOf } from "../../../node/bulk/blobs/index.ts";
import type { ActorBlobs } from "../../../node/ports/index.ts";
import { dispositionOf, rangeIn } from "../../../node/gateway/files/reading.ts";
import { bytesOf, openPart, sealPart } from "../../../node/gateway/files/sealed.ts";
import { fileNameOf } from "../../../node/gateway/files/uploads.ts";
import {
  failure,
  ok,
  refused,
  wireLimits,
  type FileHeld,
  type RoomFile,
  type RoomMessage,
  type SearchPage,
} from "../../../protocols/index.ts";
import { chunk, png } from "../../fixtures/pictures.ts";
import { until } from "../../waits.ts";
import { startFixture, type Fixture } from "./fixture.ts";

const { filePartBytes } = wireLimits;

/** Bytes that are nowhere the same. */
const noise = (length: number, seed = 1): Buffer => {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = seed;
  for (let at = 0; at < words.length; at += 1) words[at] = state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Buffer.from(words.buffer).subarray(0, length);
};

describe("gateway: files in rooms", () => {
  const held = new Map<string, Buffer>();
  /** What every put is refused with. */
  let broken: "DISK_FULL" | undefined;
  const blobs: ActorBlobs = {
    async put(actor, bytes, commit) {
      if (broken !== undefined) return refused(failure(broken));
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
  let fixture: Fixture;
  let ada: string;
  let bob: string;
  let dan: string;
  before(async () => {
    fixture = await startFixture({ blobs, publicUrl: () => "https://example.org/chat" });
    [ada, bob, dan] = [
      (await fixture.signUp("ada")).token,
      (await fixture.signUp("bob")).token,
      (await fixture.signUp("dan")).token,
    ];
    await fixture.request("POST", "/api/v1/rooms", { token: ada, body: { room: "lobby" } });
    await fixture.request("POST", "/api/v1/rooms/lobby/join", { token: bob });
  });
  after(() => fixture.stop());

  const api = (path: string): string => `${fixture.url}/api/v1${path}`;
  const tus = (token: string, more: object = {}) => ({
    authorization: `Bearer ${token}`,
    "tus-resumable": "1.0.0",
    ...more,
  });
  const metadata = (of: Readonly<Record<string, string>>): string =>
    Object.entries(of)
      .map(([name, value]) => `${name} ${Buffer.from(value).toString("base64")}`)
      .join(",");
  const create = (bytes: number, more: Readonly<Record<string, string>> = {}, token = ada): Promise<Response> =>
    fetch(api("/files/uploads"), {
      method: "POST",
      headers: tus(token, {
        "upload-length": String(bytes),
        "upload-metadata": metadata({ filename: "a.bin", room: "lobby", ...more }),
      }),
    });
  const created = async (bytes: number, more: Readonly<Record<string, string>> = {}): Promise<string> =>
    (await create(bytes, more)).headers.get("location")?.split("/").at(-1) ?? "";
  const patch = (id: string, offset: number, body: Uint8Array, token = ada): Promise<Response> =>
    fetch(api(`/files/uploads/${id}`), {
      method: "PATCH",
      headers: tus(token, { "upload-offset": String(offset), "content-type": "application/offset+octet-stream" }),
      body: Buffer.from(body),
    });
  /** Whether the account has the room for files of its agents. */
  const hasOwn = async (name: string): Promise<boolean> =>
    (
      await fixture.kernel.ask({
        to: `room/dm.${name}.${name}`,
        from: `user/${name}`,
        message: { type: "history" },
        timeoutMs: 5_000,
      })
    ).ok;

  it("for an agent begin no room for callers that may not talk to it, or do not have it", async () => {
    await fixture.request("POST", "/api/v1/agents", { token: dan, body: { name: "helper", persona: "kind" } });
    const body = { label: "posts", scopes: ["room.post"] };
    const key = (await fixture.request("POST", "/api/v1/me/keys", { token: dan, body })).body.key as string;
    expect((await create(3, { agent: "dan.helper" }, key)).status).to.equal(403);
    expect((await create(3, { agent: "dan.nobody" }, dan)).status).to.equal(404);
    expect((await create(3, { agent: "dan.helper" }, bob)).status).to.equal(403);
    expect(await hasOwn("dan")).to.equal(false);
    expect((await create(3, { agent: "dan.helper" }, dan)).status).to.equal(201);
    expect(await hasOwn("dan")).to.equal(true);
  });

  const head = (id: string, token = ada): Promise<Response> =>
    fetch(api(`/files/uploads/${id}`), { method: "HEAD", headers: tus(token) });
  /** Sends all of a file, as the library does. */
  const send = (bytes: Buffer, filename: string, more: Partial<UploadOptions> = {}): Promise<string> =>
    new Promise((resolve, reject) => {
      const upload = new Upload(bytes, {
        endpoint: api("/files/uploads"),
        headers: { authorization: `Bearer ${ada}` },
        metadata: { filename, filetype: "image/png", room: "lobby" },
        retryDelays: null,
        ...more,
        onError: reject,
        onSuccess: () => resolve(upload.url?.split("/").at(-1) ?? ""),
      });
      upload.start();
    });
  const post = (files: readonly string[], token = ada) =>
    fixture.request("POST", "/api/v1/rooms/lobby/messages", { token, body: { text: "", files } });
  const get = (id: string, headers: object = {}, token = bob): Promise<Response> =>
    fetch(api(`/rooms/lobby/files/${id}`), { headers: { authorization: `Bearer ${token}`, ...headers } });
  const posted = async (bytes: Buffer, filename: string): Promise<string> => {
    const id = await send(bytes, filename);
    expect((await post([id])).status).to.equal(200);
    return id;
  };

  it("come by tus, and are read by another member, whole and in part", async () => {
    const bytes = noise(2 * filePartBytes + 1_000);
    const id = await send(bytes, "noise.bin", { chunkSize: 700_000 });
    expect((await get(id)).status, "before it was posted").to.equal(404);
    const answer = await post([id]);
    expect(answer.status).to.equal(200);
    const whole = await get(id);
    expect(Buffer.from(await whole.arrayBuffer()).equals(bytes)).to.equal(true);
    expect(Object.fromEntries(whole.headers)).to.include({
      "content-type": "application/octet-stream",
      "content-length": String(bytes.length),
      "content-disposition": "attachment; filename=\"noise.bin\"; filename*=UTF-8''noise.bin",
      "content-security-policy": "sandbox; default-src 'none'",
      "x-content-type-options": "nosniff",
      "accept-ranges": "bytes",
    });
    expect(whole.headers.get("cache-control")).to.match(/^private/);
    const across = [filePartBytes - 10, filePartBytes + 9] as const;
    const part = await get(id, { range: `bytes=${across.join("-")}`, "if-range": `"${id}"` });
    expect([part.status, part.headers.get("content-range")]).to.deep.equal([
      206,
      `bytes ${across.join("-")}/${bytes.length}`,
    ]);
    expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(across[0], across[1] + 1))).to.equal(true);
    expect((await get(id, { range: "bytes=0-1", "if-range": '"other"' })).status).to.equal(200);
    expect((await get(id, { range: `bytes=${bytes.length}-` })).status).to.equal(416);
    expect((await get(id, { "if-none-match": `"${id}"` })).status).to.equal(304);
    expect((await get(id, {}, dan)).status).to.equal(403);
    // What lies beside the room is nothing without its key.
    for (const sealed of held.values()) expect(sealed.includes(bytes.subarray(0, 64))).to.equal(false);
    const { body } = await fixture.request("GET", "/api/v1/rooms/lobby/messages", { token: bob });
    const [message] = (body as { messages: readonly RoomMessage[] }).messages.slice(-1);
    expect(message?.files).to.deep.equal([
      { id, name: "noise.bin", bytes: bytes.length, type: "application/octet-stream" },
    ]);
    const list = await fixture.request("GET", "/api/v1/rooms/lobby/files", { token: bob });
    expect((list.body as { files: object[] }).files).to.have.length(1);
    await fixture.request("DELETE", `/api/v1/rooms/lobby/messages/${message?.seq}`, { token: ada });
    expect((await get(id)).status).to.equal(404);
  });

  it("are refused as everything is where their bytes do not come, with nothing said of the file", async () => {
    const id = await posted(noise(1_000, 21), "lost.bin");
    const had = new Map(held);
    held.clear();
    for (const range of [undefined, "bytes=1-2"]) {
      const answer = await get(id, range === undefined ? {} : { range });
      const said = ["etag", "content-range", "content-disposition"].map((name) => answer.headers.get(name));
      expect([answer.status, said]).to.deep.equal([404, [null, null, null]]);
      expect(((await answer.json()) as { error: { code: string } }).error.code).to.equal("NOT_FOUND");
    }
    for (const [name, bytes] of had) held.set(name, bytes);
    expect((await get(id)).status).to.equal(200);
  });

  it("are found by a search for messages with files and by their names, until they are deleted", async () => {
    const search = async (token: string, fields: object): Promise<SearchPage["found"]> => {
      const answer = await fixture.request("POST", "/api/v1/search", { token, body: { room: "lobby", ...fields } });
      expect(answer.status, JSON.stringify(answer.body)).to.equal(200);
      return (answer.body as SearchPage).found;
    };
    const find = async (token: string): Promise<readonly number[]> =>
      (await search(token, { hasFile: true })).map(({ seq }) => seq);
    await fixture.request("POST", "/api/v1/rooms/lobby/messages", { token: ada, body: { text: "no file" } });
    const before = await find(bob);
    const { body } = await post([await send(noise(1_000, 9), "Budget 2026_found.bin")]);
    const { seq } = body as { readonly seq: number };
    expect(await find(bob)).to.deep.equal([seq, ...before]);
    const [named, ...others] = await search(bob, { text: "budget found" });
    expect(others).to.deep.equal([]);
    expect(named).to.include({ seq, text: "Budget 2026_found.bin" });
    expect(named?.marks).to.deep.equal([
      [0, 6],
      [12, 17],
    ]);
    await fixture.request("DELETE", `/api/v1/rooms/lobby/messages/${seq}`, { token: ada });
    expect(await find(bob)).to.deep.equal(before);
    expect(await search(bob, { text: "budget" })).to.deep.equal([]);
  });

  it("are what their first bytes say, whatever they are called and said to be", async () => {
    const page = "<!doctype html><script>alert(1)</script>";
    const drawn = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>';
    for (const [text, name] of [
      [page, "cat.png"],
      [drawn, "cat.svg"],
      [`%PDF-1.7 ${page}`, "a.pdf"],
    ] as const) {
      const served = await get(await posted(Buffer.from(text), name), { accept: "text/html,image/svg+xml" });
      expect(served.headers.get("content-type"), name).to.equal("application/octet-stream");
      expect(served.headers.get("content-disposition"), name).to.match(/^attachment/);
      expect(served.headers.get("content-security-policy"), name).to.equal("sandbox; default-src 'none'");
    }
    const picture = await posted(png(64, 32), "page.html");
    const shown = await get(picture);
    expect(shown.headers.get("content-type")).to.equal("image/png");
    expect(shown.headers.get("content-disposition")).to.match(/^inline/);
    expect(
      (
        await fetch(`${api(`/rooms/lobby/files/${picture}`)}?download`, { headers: { authorization: `Bearer ${bob}` } })
      ).headers.get("content-disposition"),
    ).to.match(/^attachment/);
  });

  it("say nothing of where a picture was taken, unless its sender wants it", async () => {
    const place = "taken at 16.3738E";
    const bytes = png(900, 600, {
      // It goes over the end of the first part, and changes there, too.
      more: [chunk("iCCP", noise(filePartBytes - 60)), chunk("tEXt", Buffer.from(`Where\0${place}`.repeat(20)))],
    });
    expect(bytes.length).to.be.above(filePartBytes);
    const read = async (id: string): Promise<Buffer> => {
      expect((await post([id])).status).to.equal(200);
      const answer = await get(id);
      expect(answer.headers.get("content-type")).to.equal("image/png");
      return Buffer.from(await answer.arrayBuffer());
    };
    const scrubbed = await read(await send(bytes, "a.png", { chunkSize: 500_000 }));
    expect([scrubbed.length, scrubbed.includes("16.3738E")]).to.deep.equal([bytes.length, false]);
    const metadata = { filename: "a.png", room: "lobby", metadata: "keep" };
    expect((await read(await send(bytes, "a.png", { metadata }))).equals(bytes)).to.equal(true);
    // What is not a whole picture is no picture, and says no more than one.
    const torn = await posted(bytes.subarray(0, -20), "a.png");
    const served = await get(torn);
    expect(served.headers.get("content-type")).to.equal("application/octet-stream");
    const came = Buffer.from(await served.arrayBuffer());
    expect([came.length, came.includes("16.3738E")]).to.deep.equal([bytes.length - 20, false]);
  });

  it("are sent and saved by the terminal, under names that stay in one folder and take nobody's place", async () => {
    const folder = await mkdtemp(join(tmpdir(), "plexus-files-"));
    const files = filesOf(() => ({ url: fixture.url, token: ada }), folder);
    const bytes = noise(filePartBytes + 77, 11);
    await writeFile(join(folder, "a.bin"), bytes);
    const sent = await files.send(join(folder, "a.bin"), "lobby");
    const id = sent.ok ? sent.value : "";
    const file: RoomFile = { id, name: "a.bin", bytes: bytes.length, type: "application/octet-stream" };
    expect((await post([id])).status).to.equal(200);
    expect(await files.save(file, "lobby")).to.deep.equal(ok(join(folder, "a (2).bin")));
    expect((await readFile(join(folder, "a (2).bin"))).equals(bytes)).to.equal(true);
    expect(await files.save({ ...file, name: "../../.bashrc\u001b[2J" }, "lobby")).to.deep.equal(
      ok(join(folder, "_.._.bashrc_[2J")),
    );
    for (const none of ["none", "."]) {
      const answer = await files.send(join(folder, none), "lobby");
      expect(answer.ok ? "" : answer.error.code).to.equal("NOT_FOUND");
    }
    // What is refused on its way is given up: so many are not in the way of the next one.
    const large = join(folder, "large.png");
    await writeFile(large, png(3, 3));
    await truncate(large, wireLimits.filePictureBytesMax + 1);
    for (let count = 0; count <= actorLimits.roomUploadsPerPersonMax; count += 1) {
      const answer = await files.send(large, "lobby");
      expect(answer.ok ? "" : answer.error.code, `try ${count}`).to.equal("TOO_LARGE");
    }
    // As long as a room takes one, and longer than a disk does.
    const long = `${"\u8a2d".repeat(146)}.pdf`;
    for (const end of [".pdf", " (2).pdf"]) {
      const saved = await files.save({ ...file, name: long }, "lobby");
      const name = saved.ok ? basename(saved.value) : saved.error.message;
      expect(name).to.match(/^\u8a2d{82,83}/);
      expect([name.endsWith(end), Buffer.byteLength(name) <= 255]).to.deep.equal([true, true]);
    }
    const refusedThere = await filesOf(() => ({ url: fixture.url, token: dan }), folder).save(file, "lobby");
    expect(refusedThere.ok ? "" : refusedThere.error.code).to.equal("NOT_A_MEMBER");
    expect(["..", "", "con.txt", "a/b\\c:d", "\u202egpj.exe"].map(plainName)).to.deep.equal([
      "file",
      "file",
      "_con.txt",
      "a_b_c_d",
      "_gpj.exe",
    ]);
    await rm(folder, { recursive: true });
  });

  it("have an address that is right behind any proxy, and are refused before any byte", async () => {
    const made = await create(10);
    expect(made.status).to.equal(201);
    expect(made.headers.get("location")).to.match(/^\/api\/v1\/files\/uploads\/[0-9a-f]+\.lobby$/);
    const below = await fixture.app.inject({
      method: "POST",
      url: "/chat/api/v1/files/uploads",
      headers: tus(ada, { "upload-length": "1", "upload-metadata": metadata({ room: "lobby" }) }),
    });
    expect(below.headers["location"]).to.match(/^\/chat\/api\/v1\/files\/uploads\/[0-9a-f]+\.lobby$/);
    expect(Date.parse(made.headers.get("upload-expires") ?? "")).to.be.above(0);
    expect((await create(wireLimits.fileBytesMax + 1)).status).to.equal(413);
    expect((await create(1, {}, dan)).status).to.equal(403);
    expect((await create(1, { room: "../lobby" })).status).to.equal(400);
    const old = await fetch(api("/files/uploads"), {
      method: "POST",
      headers: { authorization: `Bearer ${ada}`, "upload-length": "1" },
    });
    expect([old.status, old.headers.get("tus-version")]).to.deep.equal([412, "1.0.0"]);
  });

  it("take bytes at their offset alone, and no more than were announced", async () => {
    const id = await created(10);
    const code = async (answer: Promise<Response>): Promise<string> =>
      ((await (await answer).json()) as { error: { code: string } }).error.code;
    expect(await code(patch(id, 3, Buffer.from("abc")))).to.equal("CHANGED_MEANWHILE");
    expect(await code(patch(id, 0, Buffer.from("0123456789a")))).to.equal("TOO_LARGE");
    expect(await code(patch(id, 0, Buffer.from("abc"), bob))).to.equal("NOT_FOUND");
    expect((await head(id)).headers.get("upload-offset")).to.equal("0");
    expect((await patch(id, 0, Buffer.from("0123"))).headers.get("upload-offset")).to.equal("4");
    broken = "DISK_FULL";
    expect(await code(patch(id, 4, Buffer.from("4567")))).to.equal("DISK_FULL");
    broken = undefined;
    expect((await patch(id, 4, Buffer.from("456789"))).status).to.equal(204);
    expect((await post([id], bob)).status).to.equal(404);
    expect((await post([id])).status).to.equal(200);
    expect(await (await get(id)).text()).to.equal("0123456789");
    expect((await head(id)).status).to.equal(404);
    const given = await created(10);
    const drop = () => fetch(api(`/files/uploads/${given}`), { method: "DELETE", headers: tus(ada) });
    expect([(await drop()).status, (await drop()).status]).to.deep.equal([204, 404]);
  });

  it("leave nothing behind of a part that was written anew, was refused, or is of an upload that was given up", async () => {
    const before = held.size;
    const id = await created(50);
    for (let at = 0; at < 40; at += 1) expect((await patch(id, at, Buffer.from("x"))).status).to.equal(204);
    expect(held.size - before, "after 40 requests with a byte each").to.equal(1);
    await fetch(api(`/files/uploads/${id}`), { method: "DELETE", headers: tus(ada) });
    expect(held.size - before, "given up").to.equal(0);
  });

  it("have one writer each: many requests for one end one another, and take one place of their sender's", async () => {
    const limits = { fileWritersPerPersonMax: 2, fileStalledMs: 3_600_000, requestTimeoutMs: 3_600_000 };
    const busy = await startFixture({ blobs, limits });
    const { token } = await busy.signUp("ada");
    await busy.request("POST", "/api/v1/rooms", { token, body: { room: "lobby" } });
    const { port, hostname } = new URL(busy.url);
    const begun = async (): Promise<string> => {
      const headers = tus(token, { "upload-length": "10", "upload-metadata": metadata({ room: "lobby" }) });
      const made = await fetch(`${busy.url}/api/v1/files/uploads`, { method: "POST", headers });
      return made.headers.get("location") ?? "";
    };
    /** A request that sends one byte, and then neither ends nor goes on. */
    const hold = (pathname: string) => {
      const writer = { said: "", isOver: false };
      const socket = connect(Number(port), hostname, () =>
        socket.write(
          `PATCH ${pathname} HTTP/1.1\r\nhost: ${hostname}:${port}\r\nauthorization: Bearer ${token}\r\n` +
            "tus-resumable: 1.0.0\r\nupload-offset: 0\r\ncontent-type: application/offset+octet-stream\r\n" +
            "content-length: 10\r\n\r\n0",
        ),
      )
        .on("data", (data) => Object.assign(writer, { said: writer.said + String(data), isOver: true }))
        .on("close", () => (writer.isOver = true))
        .on("error", () => undefined);
      return { writer, socket };
    };
    const ids = [await begun(), await begun(), await begun()] as const;
    const many = Array.from({ length: 30 }, () => hold(ids[0]));
    await until("all but one are over", () =>
      expect(many.filter(({ writer }) => !writer.isOver)).to.have.length.at.most(1),
    );
    const others = [hold(ids[1]), hold(ids[2])];
    await until("one has no place", () =>
      expect(others.filter(({ writer }) => writer.said.includes("RATE_LIMITED"))).to.have.length(1),
    );
    for (const { socket } of [...many, ...others]) socket.destroy();
    await busy.stop();
  });

  it("find a place at a node where those that have them all send next to nothing, and the slowest gives way", async () => {
    const limits = { fileWritersMax: 2, fileStalledMs: 3_600_000, requestTimeoutMs: 3_600_000 };
    const full = await startFixture({ blobs, limits });
    const { token } = await full.signUp("ada");
    await full.request("POST", "/api/v1/rooms", { token, body: { room: "lobby" } });
    const { port, hostname } = new URL(full.url);
    const begun = async (): Promise<string> => {
      const headers = tus(token, { "upload-length": "10", "upload-metadata": metadata({ room: "lobby" }) });
      const made = await fetch(`${full.url}/api/v1/files/uploads`, { method: "POST", headers });
      return made.headers.get("location") ?? "";
    };
    const ended: string[] = [];
    const had = held.size;
    const slow = await Promise.all(
      [0, 1].map(async () => {
        const pathname = await begun();
        const socket = connect(Number(port), hostname, () =>
          socket.write(
            `PATCH ${pathname} HTTP/1.1\r\nhost: ${hostname}:${port}\r\nauthorization: Bearer ${token}\r\n` +
              "tus-resumable: 1.0.0\r\nupload-offset: 0\r\ncontent-type: application/offset+octet-stream\r\n" +
              "content-length: 10\r\n\r\n0",
          ),
        )
          .on("close", () => ended.push(pathname))
          .on("error", () => undefined);
        return { socket, pathname };
      }),
    );
    const fast = await begun();
    const send = (offset: number): Promise<Response> =>
      fetch(`${full.url}${fast}`, {
        method: "PATCH",
        headers: tus(token, { "upload-offset": String(offset), "content-type": "application/offset+octet-stream" }),
        body: "0123456789".slice(offset),
      });
    await until("one gives way", async () => {
      // It needs a place to be refused for its offset.
      const { status } = await send(5);
      expect([status, ended.length]).to.deep.equal([409, 1]);
    });
    expect((await send(0)).status).to.equal(204);
    expect(held.size - had, "what came is kept").to.equal(2);
    for (const { socket } of slow) socket.destroy();
    await full.stop();
  });

  it("are asked for and given up at a rate", async () => {
    const limits = { fileStateRate: { count: 3, windowMs: 3_600_000 } };
    const strict = await startFixture({ blobs, limits });
    const { token } = await strict.signUp("ada");
    const at = `${strict.url}/api/v1/files/uploads/${"0".repeat(20)}.lobby`;
    const statuses: number[] = [];
    for (const method of ["HEAD", "DELETE", "HEAD", "HEAD", "DELETE"])
      statuses.push((await fetch(at, { method, headers: tus(token) })).status);
    expect(statuses).to.deep.equal([404, 404, 404, 429, 429]);
    await strict.stop();
  });

  it("go on from what came, when a connection stands still and another takes over", async () => {
    const bytes = noise(3 * filePartBytes, 7);
    const id = await created(bytes.length);
    const { port, hostname } = new URL(fixture.url);
    const dead = connect(Number(port), hostname).on("error", () => undefined);
    const before = held.size;
    const cut = filePartBytes + 5_000;
    dead.write(
      `PATCH /api/v1/files/uploads/${id} HTTP/1.1\r\nhost: ${hostname}:${port}\r\nauthorization: Bearer ${ada}\r\n` +
        "tus-resumable: 1.0.0\r\nupload-offset: 0\r\ncontent-type: application/offset+octet-stream\r\n" +
        `content-length: ${bytes.length}\r\n\r\n`,
    );
    await new Promise((resolve) => dead.write(bytes.subarray(0, cut), resolve));
    // It has the first part, and is neither closed nor goes on.
    await until("a part is kept", () => expect(held.size).to.equal(before + 1));
    const offset = Number((await head(id)).headers.get("upload-offset"));
    expect(offset).to.equal(cut);
    expect((await patch(id, offset, bytes.subarray(offset))).status).to.equal(204);
    dead.destroy();
    expect((await post([id])).status).to.equal(200);
    expect(Buffer.from(await (await get(id)).arrayBuffer()).equals(bytes)).to.equal(true);
  });

  it("may be empty, and say by HEAD how long they are", async () => {
    const empty = await created(0);
    const full = await created(3);
    expect((await patch(full, 0, Buffer.from("abc"))).status).to.equal(204);
    expect((await post([empty, full])).status).to.equal(200);
    for (const [id, text] of [
      [empty, ""],
      [full, "abc"],
    ] as const) {
      const headed = await fetch(api(`/rooms/lobby/files/${id}`), {
        method: "HEAD",
        headers: { authorization: `Bearer ${bob}` },
      });
      expect([headed.status, headed.headers.get("content-length")]).to.deep.equal([200, String(text.length)]);
      expect(await (await get(id)).text()).to.equal(text);
    }
    expect((await get(empty, { range: "bytes=0-" })).status).to.equal(416);
  });

  it("take as long as bytes come, and no longer", async () => {
    const limits = { requestTimeoutMs: 100, requestSweepMs: 10, fileStalledMs: 3_600_000 };
    for (const [stalledMs, kept] of [
      [3_600_000, 10],
      [1, 5],
    ] as const) {
      const slow = await startFixture({ blobs, limits: { ...limits, fileStalledMs: stalledMs } });
      const { token } = await slow.signUp("ada");
      await slow.request("POST", "/api/v1/rooms", { token, body: { room: "lobby" } });
      const headers = tus(token, { "upload-length": "10", "upload-metadata": metadata({ room: "lobby" }) });
      const uploads = `${slow.url}/api/v1/files/uploads`;
      const made = await fetch(uploads, { method: "POST", headers });
      const address = `${slow.url}${made.headers.get("location") ?? ""}`;
      const { port, hostname, pathname } = new URL(address);
      let said = "";
      const socket = connect(Number(port), hostname, () =>
        socket.write(
          `PATCH ${pathname} HTTP/1.1\r\nhost: ${hostname}:${port}\r\nauthorization: Bearer ${token}\r\n` +
            "tus-resumable: 1.0.0\r\nupload-offset: 0\r\ncontent-type: application/offset+octet-stream\r\n" +
            "content-length: 10\r\n\r\n01234",
        ),
      )
        .on("data", (data) => (said += String(data)))
        .on("error", () => undefined);
      // The server says that the time for a request is over, or has ended it before.
      await Promise.race([once(slow.app.server, "clientError"), once(socket, "close")]);
      socket.write("56789");
      await until("it is answered, or ended", () => expect(said !== "" || socket.closed).to.equal(true));
      const headed = await fetch(address, { method: "HEAD", headers: tus(token) });
      expect([stalledMs, headed.headers.get("upload-offset")]).to.deep.equal([stalledMs, String(kept)]);
      socket.destroy();
      await slow.stop();
    }
  });

  it("are refused readably where a body without a length goes on behind the end", async () => {
    const id = await created(5);
    const body = new Blob([Buffer.alloc(300_000, "x")]).stream();
    const answer = await fetch(api(`/files/uploads/${id}`), {
      method: "PATCH",
      headers: tus(ada, { "upload-offset": "0", "content-type": "application/offset+octet-stream" }),
      body,
      duplex: "half",
    } as RequestInit);
    expect(((await answer.json()) as { error: { code: string } }).error.code).to.equal("TOO_LARGE");
    expect((await head(id)).headers.get("upload-offset")).to.equal("0");
  });

  it("are written by one of many that send at once, and by nobody twice", async () => {
    const bytes = noise(200_000, 9);
    const id = await created(bytes.length);
    const answers = await Promise.all(Array.from({ length: 4 }, () => patch(id, 0, bytes).catch(() => undefined)));
    expect(answers.filter((answer) => answer?.status === 204)).to.have.length.at.most(1);
    const offset = Number((await head(id)).headers.get("upload-offset"));
    if (offset < bytes.length) expect((await patch(id, offset, bytes.subarray(offset))).status).to.equal(204);
    await post([id]);
    expect(Buffer.from(await (await get(id)).arrayBuffer()).equals(bytes)).to.equal(true);
  });
});

describe("gateway: a file on its way", () => {
  const random = { bytes: (length: number) => new Uint8Array(length).fill(7) };
  const id = `${"0".repeat(20)}.lobby`;
  const key = Buffer.alloc(32, 3).toString("base64url");
  const sealed = (index: number, size: number, more = { id, key }): Buffer =>
    sealPart(more, index, { bytes: Buffer.alloc(size, index), random });

  it("ends where its reader may have no more of it", async () => {
    const parts = Array.from({ length: 20 }, (_, index) => sealed(index, filePartBytes));
    const blobs = { read: async (_of: string, hash: string) => ok(parts[Number(hash)] as Buffer) };
    const bytes = parts.length * filePartBytes;
    const file = { id, key, name: "a", bytes, parts: parts.map((_, index) => String(index)) };
    let came = 0;
    const asked: number[] = [];
    const read = async (isGone: boolean): Promise<string> => {
      const askAgain = async (): Promise<void> => {
        asked.push(came);
        if (isGone) throw new Error("gone");
      };
      try {
        for await (const part of bytesOf(blobs, file, { start: 5, end: bytes, askAgain })) came += part.length;
        return "whole";
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(await read(true)).to.equal("gone");
    expect(came).to.equal(7 * filePartBytes - 5);
    came = 0;
    expect([await read(false), came]).to.deep.equal(["whole", bytes - 5]);
    expect(asked).to.have.length(3);
  });

  it("opens at its own place alone", () => {
    const part = sealed(1, 100);
    expect(openPart({ id, key }, 1, part).equals(Buffer.alloc(100, 1))).to.equal(true);
    const other = Buffer.alloc(32, 4).toString("base64url");
    const torn = Buffer.from(part);
    torn[20] = (torn[20] ?? 0) ^ 1;
    for (const open of [
      () => openPart({ id, key }, 0, part),
      () => openPart({ id: `1${id.slice(1)}`, key }, 1, part),
      () => openPart({ id, key: other }, 1, part),
      () => openPart({ id, key }, 1, torn),
      () => openPart({ id, key }, 1, part.subarray(0, 10)),
    ])
      expect(open).to.throw("damaged");
  });
});

describe("gateway: what files are called and asked for", () => {
  it("is a line without a path, and keeps its ending", () => {
    for (const [said, is] of [
      ["../../etc/passwd", "passwd"],
      ["C:\\temp\\a.txt", "a.txt"],
      ["a\u0000b\r\n.txt", "a\ufffdb\ufffd\ufffd.txt"],
      ["..", "file"],
      ["", "file"],
      ["  a b.txt ", "a b.txt"],
      [`${"x".repeat(300)}.tar.gz`, `${"x".repeat(197)}.gz`],
    ] as const)
      expect(fileNameOf(said), said).to.equal(is);
    // Its parts would change places: `exe.gpj`.
    expect(fileNameOf("a\u202egpj.exe")).not.to.include("\u202e");
    expect(dispositionOf("attachment", 'a"b\\é%.txt')).to.equal(
      "attachment; filename=\"a_b___.txt\"; filename*=UTF-8''a%22b%5C%C3%A9%25.txt",
    );
  });

  it("is one part, all, or what is not there", () => {
    for (const [header, is] of [
      ["bytes=0-0", { start: 0, end: 1 }],
      ["bytes=5-", { start: 5, end: 10 }],
      ["bytes=-3", { start: 7, end: 10 }],
      ["bytes=-99", { start: 0, end: 10 }],
      ["bytes=8-99", { start: 8, end: 10 }],
      ["bytes=10-", "outside"],
      ["bytes=-0", "outside"],
      ["bytes=3-2", undefined],
      ["bytes=-", undefined],
      ["bytes=0-1,3-4", undefined],
      ["items=0-1", undefined],
      [undefined, undefined],
    ] as const)
      expect(rangeIn(header, 10), header).to.deep.equal(is);
    expect(rangeIn("bytes=0-", 0)).to.equal("outside");
  });
});
