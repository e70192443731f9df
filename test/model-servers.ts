/** Places that have models, as doubles on the loopback: each answers as its documented protocol says, or as a test tells it to. */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export const sha256Of = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** A server that counts what it is asked. */
export interface ModelServer {
  readonly url: string;
  readonly asked: { readonly path: string; readonly headers: IncomingMessage["headers"] }[];
  /** What takes the place of an answer: true when it has answered. */
  instead: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  close(): Promise<void>;
}

/** Starts a server; `answer` gets the path without its query. */
export async function startServer(
  answer: (path: string, request: IncomingMessage, response: ServerResponse) => void,
): Promise<ModelServer> {
  const asked: { path: string; headers: IncomingMessage["headers"] }[] = [];
  const server: Server = createServer((request, response) => {
    const path = request.url ?? "";
    asked.push({ path, headers: request.headers });
    if (made.instead?.(request, response) === true) return;
    answer(path.split("?")[0] ?? "", request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const made: ModelServer = {
    url: `http://127.0.0.1:${port}`,
    asked,
    instead: undefined,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  return made;
}

/** Answers with bytes, or with the part that is asked for (RFC 9110, sections 13 and 14). */
export function sendBytes(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Buffer,
  etag = `"${sha256Of(bytes)}"`,
): void {
  // prettier-ignore
  const [, from] = /^bytes=(\d+)-$/.exec(request.headers.range ?? "") ?? [];
  const condition = request.headers["if-range"];
  if (from !== undefined && (condition === undefined || condition === etag)) {
    const start = Number(from);
    if (start >= bytes.length)
      return void response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
    const range = `bytes ${start}-${bytes.length - 1}/${bytes.length}`;
    response.writeHead(206, { etag, "content-range": range, "content-length": bytes.length - start });
    return void response.end(bytes.subarray(start));
  }
  response.writeHead(200, { etag, "content-length": bytes.length, "accept-ranges": "bytes" });
  response.end(bytes);
}

const sendJson = (response: ServerResponse, value: unknown): void =>
  void response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));

/** Files by path. */
export const serveFiles = (files: Readonly<Record<string, Buffer>>): Promise<ModelServer> =>
  startServer((path, request, response) => {
    const bytes = files[path.slice(1)];
    if (bytes === undefined) return void response.writeHead(404).end("no such file");
    sendBytes(request, response, bytes);
  });

/** Where the hub has its interface. */
const hubApi = "/api";

/** A repository as Hugging Face serves one; its files come from another host, as theirs do. */
export async function serveRepository(
  repo: string,
  files: Readonly<Record<string, Buffer>>,
  about: { readonly licence?: string } = {},
): Promise<ModelServer & { readonly store: ModelServer }> {
  const commit = "0123456789abcdef0123456789abcdef01234567";
  const store = await serveFiles(files);
  const paths = Object.keys(files);
  const hub = await startServer((path, request, response) => {
    if (path === `${hubApi}/models/${repo}/revision/main`) {
      const cardData = about.licence === undefined ? {} : { license: about.licence };
      return sendJson(response, { id: repo, sha: commit, cardData, tags: [] });
    }
    if (path === `${hubApi}/models/${repo}/tree/${commit}`) {
      // Two pages, so that somebody goes on.
      const second = (request.url ?? "").includes("cursor=");
      const half = Math.ceil(paths.length / 2);
      const entries = (second ? paths.slice(half) : paths.slice(0, half)).map((name) => {
        const bytes = files[name] as Buffer;
        return {
          type: "file",
          path: name,
          size: bytes.length,
          oid: "0",
          lfs: { oid: sha256Of(bytes), size: bytes.length },
        };
      });
      if (!second) response.setHeader("link", `<${hub.url}${path}?recursive=true&cursor=x>; rel="next"`);
      return sendJson(response, [{ type: "directory", path: "onnx", oid: "0", size: 0 }, ...entries]);
    }
    const prefix = `/${repo}/resolve/${commit}/`;
    if (path.startsWith(prefix)) return void response.writeHead(302, { location: `${store.url}/${path.slice(prefix.length)}` }).end(); // prettier-ignore
    response.writeHead(404).end();
  });
  return { ...hub, asked: hub.asked, store, close: async () => void (await Promise.all([hub.close(), store.close()])) };
}

/** A registry as Ollama's is. */
export function serveRegistry(
  name: string,
  tag: string,
  layers: Readonly<Record<string, Buffer>>,
): Promise<ModelServer> {
  const blobs = new Map(Object.values(layers).map((bytes) => [sha256Of(bytes), bytes]));
  return startServer((path, request, response) => {
    if (path === `/v2/library/${name}/manifests/${tag}`)
      return sendJson(response, {
        schemaVersion: 2,
        mediaType: "application/vnd.docker.distribution.manifest.v2+json",
        layers: Object.entries(layers).map(([type, bytes]) => ({
          mediaType: `application/vnd.ollama.image.${type}`,
          digest: `sha256:${sha256Of(bytes)}`,
          size: bytes.length,
        })),
      });
    const bytes = blobs.get(path.replace(`/v2/library/${name}/blobs/sha256:`, ""));
    if (bytes === undefined) return void response.writeHead(404).end("{}");
    sendBytes(request, response, bytes);
  });
}
