import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "chai";
import { pageLimits } from "../../../web/src/wire/limits.ts";
import { endUpload, uploadFile, type TusEnd, type TusRequest } from "../../../web/src/wire/tus.ts";

/** A small server of tus, which does what a test wants of it. */
class TusServer {
  readonly uploads = new Map<string, { readonly length: number; readonly metadata: string; bytes: Buffer }>();
  readonly asked: string[] = [];
  /** Answers the next request instead; undefined lets it pass. */
  instead: (request: IncomingMessage, response: ServerResponse) => boolean = () => false;
  readonly #server: Server = createServer((request, response) => void this.#answer(request, response));
  #made = 0;

  async open(): Promise<void> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
  }
  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.asked.push(`${request.method} ${String(request.headers["upload-offset"] ?? "")}`.trim());
    if (this.instead(request, response)) return;
    const end = (status: number, headers: Readonly<Record<string, string>> = {}) =>
      response.writeHead(status, { "tus-resumable": "1.0.0", ...headers }).end();
    if (request.method === "POST") {
      const id = `${(this.#made += 1)}.tea`;
      const metadata = String(request.headers["upload-metadata"]);
      this.uploads.set(id, { length: Number(request.headers["upload-length"]), metadata, bytes: Buffer.alloc(0) });
      return void end(201, { location: `/api/v1/files/uploads/${id}` });
    }
    const id = request.url?.split("/").at(-1) ?? "";
    const upload = this.uploads.get(id);
    if (upload === undefined) return void end(404);
    if (request.method === "DELETE") this.uploads.delete(id);
    if (request.method === "PATCH") {
      if (Number(request.headers["upload-offset"]) !== upload.bytes.length) return void end(409);
      // What a connection brought before it died is kept.
      const chunks: Buffer[] = [upload.bytes];
      try {
        for await (const chunk of request) chunks.push(chunk as Buffer);
      } catch {
        return;
      } finally {
        upload.bytes = Buffer.concat(chunks);
      }
    }
    end(request.method === "HEAD" ? 200 : 204, { "upload-offset": String(upload.bytes.length) });
  }
}

describe("an upload", () => {
  let server: TusServer;
  beforeEach(async () => {
    server = new TusServer();
    await server.open();
  });
  afterEach(() => server.close());

  const { filePieceBytes } = pageLimits;
  const content = Buffer.alloc(2 * filePieceBytes + 1_000, "plexus ");
  const send = async ({ method, path, headers, body, signal, onSent }: TusRequest) => {
    const response = await fetch(server.url + path, { method, headers, signal, ...(body !== undefined && { body }) });
    onSent?.(body?.byteLength ?? 0);
    const text = await response.text();
    return { status: response.status, text, header: (name: string) => response.headers.get(name) };
  };

  interface Run {
    readonly end: TusEnd;
    /** What was told on the way. */
    readonly told: readonly string[];
    readonly pausesMs: readonly number[];
  }
  async function run(
    file: Blob | { readonly size: number; slice(): { arrayBuffer(): Promise<ArrayBuffer> } } = new Blob([content]),
    {
      id,
      onTold = () => undefined,
    }: { readonly id?: string; readonly onTold?: (what: string, stop: () => void) => void } = {},
  ): Promise<Run> {
    const told: string[] = [];
    const pausesMs: number[] = [];
    const controller = new AbortController();
    const tell = (what: string) => {
      told.push(what);
      onTold(what, () => controller.abort());
    };
    const end = await uploadFile(
      file,
      { id, metadata: { filename: "Zoë.txt", filetype: "text/plain", room: "tea" } },
      { send, pause: async (delayMs) => void pausesMs.push(delayMs) },
      {
        created: (made) => tell(`created ${made}`),
        sent: (bytes) => tell(`sent ${bytes}`),
        forgotten: () => tell("forgotten"),
        away: () => tell("away"),
      },
      controller.signal,
    );
    return { end, told, pausesMs };
  }
  const kept = (id: string): Buffer | undefined => server.uploads.get(id)?.bytes;
  const refuse = (response: ServerResponse, status: number, error: object): true => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ error }));
    return true;
  };

  it("is made with its name, and comes in pieces of which each is kept before the next", async () => {
    const { end, told } = await run();
    expect(end).to.deep.equal({ ended: "up" });
    expect(kept("1.tea")?.equals(content)).to.equal(true);
    expect(server.asked).to.deep.equal(["POST", "PATCH 0", `PATCH ${filePieceBytes}`, `PATCH ${2 * filePieceBytes}`]);
    expect(told.slice(0, 2)).to.deep.equal(["created 1.tea", "sent 0"]);
    expect(told.at(-1)).to.equal(`sent ${content.length}`);
    const name = /filename ([^,]+)/.exec(server.uploads.get("1.tea")?.metadata ?? "")?.[1] ?? "";
    expect(Buffer.from(name, "base64").toString()).to.equal("Zoë.txt");
  });

  it("goes on where the node says that it is, after a connection that died within a piece", async () => {
    let isCut = false;
    server.instead = (request) => {
      if (isCut || request.method !== "PATCH" || request.headers["upload-offset"] === "0") return false;
      isCut = true;
      request.once("data", (chunk: Buffer) => {
        const upload = server.uploads.get("1.tea");
        if (upload !== undefined) upload.bytes = Buffer.concat([upload.bytes, chunk]);
        request.socket.destroy();
      });
      return true;
    };
    const { end, told } = await run();
    expect(end).to.deep.equal({ ended: "up" });
    expect(kept("1.tea")?.equals(content)).to.equal(true);
    expect(told.filter((what) => what === "away")).to.have.length(1);
    const again = server.asked.slice(server.asked.indexOf("HEAD"));
    expect(Number(again[1]?.slice("PATCH ".length))).to.be.greaterThan(filePieceBytes);
  });

  it("begins anew by itself at a node that does not know it", async () => {
    let patches = 0;
    server.instead = (request) => {
      if (request.method === "PATCH" && (patches += 1) === 2) server.uploads.clear();
      return false;
    };
    const { end, told, pausesMs } = await run();
    expect(end).to.deep.equal({ ended: "up" });
    expect(told).to.include.members(["created 1.tea", "forgotten", "created 2.tea"]);
    expect(kept("2.tea")?.equals(content)).to.equal(true);
    expect(pausesMs).to.deep.equal([]);
  });

  it("is looked for before anything of it is sent again, and is up when all is there", async () => {
    await run();
    server.asked.length = 0;
    const { end } = await run(new Blob([content]), { id: "1.tea" });
    expect(end).to.deep.equal({ ended: "up" });
    expect(server.asked).to.deep.equal(["HEAD"]);
  });

  it("looks where it is when another offset was expected", async () => {
    const first = await run(new Blob([content]), {
      onTold: (what, stop) => what === `sent ${filePieceBytes}` && stop(),
    });
    expect(first.end).to.deep.equal({ ended: "stopped" });
    let isWrong = false;
    server.instead = (request, response) => {
      if (isWrong || request.method !== "PATCH") return false;
      isWrong = true;
      response.writeHead(409).end();
      return true;
    };
    const { end } = await run(new Blob([content]), { id: "1.tea" });
    expect(end).to.deep.equal({ ended: "up" });
    expect(kept("1.tea")?.equals(content)).to.equal(true);
  });

  it("is refused with the node's own words before a byte is sent", async () => {
    const error = { code: "TOO_LARGE", outcome: "failed", message: "Too large.", details: { bytesMax: 10 } };
    server.instead = (_request, response) => refuse(response, 413, error);
    const { end } = await run();
    expect(end).to.deep.equal({ ended: "refused", refusal: error });
    expect(server.asked).to.deep.equal(["POST"]);
  });

  it("waits as long as the node asks for, and not when its disk is full", async () => {
    const slow = { code: "RATE_LIMITED", outcome: "not_started", message: "Slow.", details: { retryAfterMs: 5_000 } };
    let refusals = 0;
    server.instead = (request, response) =>
      request.method === "POST" && (refusals += 1) < 3 && refuse(response, 429, slow);
    const { end, pausesMs } = await run();
    expect(end).to.deep.equal({ ended: "up" });
    expect(pausesMs).to.deep.equal([5_000, 5_000]);
    const full = { code: "DISK_FULL", outcome: "not_started", message: "Full." };
    server.instead = (_request, response) => refuse(response, 507, full);
    expect((await run()).end).to.deep.equal({ ended: "refused", refusal: full });
  });

  it("gives up after so many losses without a byte, with pauses that grow", async () => {
    server.instead = (request) => {
      request.socket.destroy();
      return true;
    };
    const { end, pausesMs } = await run();
    expect(end).to.have.nested.property("refusal.code", "UNREACHABLE");
    expect(pausesMs).to.have.length(pageLimits.fileLossesMax);
    expect(pausesMs.slice(0, 6)).to.deep.equal([1_000, 2_000, 4_000, 8_000, 16_000, 30_000]);
    expect(Math.max(...pausesMs)).to.equal(30_000);
  });

  it("says that the browser does not read the file, and leaves nothing at the node", async () => {
    const unread = { size: 10, slice: () => ({ arrayBuffer: () => Promise.reject(new Error("NotFoundError")) }) };
    expect((await run(unread)).end).to.deep.equal({ ended: "unread" });
    expect(server.asked).to.deep.equal([]);
  });

  it("is not taken from what is no node", async () => {
    server.instead = (_request, response) => {
      response.writeHead(200, { "content-type": "text/html" }).end("<h1>Welcome to the hotel</h1>");
      return true;
    };
    expect((await run()).end).to.have.nested.property("refusal.code", "UNREACHABLE");
  });

  it("is given up at the node as well", async () => {
    await run();
    await endUpload("1.tea", send);
    expect(server.uploads.size).to.equal(0);
  });
});
