import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { get, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from "node:zlib";
import { expect } from "chai";
import { startFixture, type Fixture } from "./fixture.ts";

const html = `<!doctype html><title>Plexus</title>${" ".repeat(4_000)}`;
const script = `export const text = "${"plexus ".repeat(2_000)}";`;
const small = "export {};";

describe("gateway: the page's files", () => {
  let fixture: Fixture;
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "plexus-page-"));
    await mkdir(join(folder, "assets"));
    // As web/build.ts leaves them: beside each file what it is as brotli and gzip, unless that is no smaller.
    for (const [name, text] of [
      ["index.html", html],
      ["assets/index-B4x2.js", script],
    ] as const) {
      await writeFile(join(folder, name), text);
      await writeFile(join(folder, `${name}.br`), brotliCompressSync(text));
      await writeFile(join(folder, `${name}.gz`), gzipSync(text));
    }
    await writeFile(join(folder, "assets", "small-C7d1.js"), small);
    fixture = await startFixture({ webFolder: folder });
  });
  after(async () => {
    await fixture.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** A request as it goes over the wire: nothing is added and nothing is decoded. */
  async function ask(path: string, headers: Record<string, string>): Promise<{ raw: IncomingMessage; body: Buffer }> {
    const raw = await new Promise<IncomingMessage>((resolve, reject) => {
      get(fixture.url + path, { headers }, resolve).on("error", reject);
    });
    return { raw, body: await buffer(raw) };
  }

  const browser = "gzip, deflate, br, zstd";

  it("go out as brotli, as gzip, or as they are, by what the browser takes", async () => {
    const cases = [
      [browser, "br", brotliDecompressSync],
      ["br", "br", brotliDecompressSync],
      ["gzip", "gzip", gunzipSync],
      ["gzip;q=0.5, br;q=0", "gzip", gunzipSync],
      ["identity", undefined, (body: Buffer) => body],
      ["br;q=0, gzip;q=0", undefined, (body: Buffer) => body],
      ["", undefined, (body: Buffer) => body],
    ] as const;
    for (const [accepted, encoding, decode] of cases)
      for (const [path, text, type] of [
        ["/assets/index-B4x2.js", script, "application/javascript; charset=utf-8"],
        ["/", html, "text/html; charset=utf-8"],
        ["/room/garden", html, "text/html; charset=utf-8"],
      ] as const) {
        const said = `${path} for "${accepted}"`;
        const { raw, body } = await ask(path, { "accept-encoding": accepted, accept: "text/html" });
        expect(raw.statusCode, said).to.equal(200);
        expect(raw.headers["content-encoding"], said).to.equal(encoding);
        expect(decode(body).toString(), said).to.equal(text);
        expect(Number(raw.headers["content-length"]), said).to.equal(body.length);
        expect(raw.headers["content-type"], said).to.equal(type);
        // A cache on the way must not give one browser what another one asked for.
        expect(raw.headers.vary?.toLowerCase(), said).to.contain("accept-encoding");
      }
  });

  it("go out as they are where no smaller form was built", async () => {
    const { raw, body } = await ask("/assets/small-C7d1.js", { "accept-encoding": browser });
    expect(raw.headers["content-encoding"]).to.equal(undefined);
    expect(body.toString()).to.equal(small);
    expect(raw.headers["cache-control"]).to.equal("public, max-age=31536000, immutable");
  });

  it("are kept for ever when their name is made of their content; the page itself is asked for each time", async () => {
    for (const accepted of [browser, "gzip", "identity"]) {
      const asset = await ask("/assets/index-B4x2.js", { "accept-encoding": accepted });
      expect(asset.raw.headers["cache-control"], accepted).to.equal("public, max-age=31536000, immutable");
      for (const path of ["/", "/index.html", "/room/garden"]) {
        const page = await ask(path, { "accept-encoding": accepted, accept: "text/html" });
        expect(page.raw.headers["cache-control"], `${path} ${accepted}`).to.equal("no-cache");
      }
    }
  });

  it("have an ETag for each encoding, and none that was given for another is confirmed", async () => {
    const encodings = ["br", "gzip", "identity"];
    for (const path of ["/", "/assets/index-B4x2.js"]) {
      const tags = await Promise.all(
        encodings.map(async (encoding) => (await ask(path, { "accept-encoding": encoding })).raw.headers.etag ?? ""),
      );
      expect(new Set(tags).size, `${path}: ${tags.join(" ")}`).to.equal(3);
      for (const [index, encoding] of encodings.entries())
        for (const [known, tag] of tags.entries()) {
          const again = await ask(path, { "accept-encoding": encoding, "if-none-match": tag });
          expect(again.raw.statusCode, `${path} as ${encoding} with the tag of ${encodings[known]}`).to.equal(
            known === index ? 304 : 200,
          );
          if (known === index) expect(again.body.length).to.equal(0);
        }
    }
  });
});
