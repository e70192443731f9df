/** The page: its files, and its first one at every address that is nobody else's. */
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import statics from "@fastify/static";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

/** Addresses of the node itself, at which no page is. */
const taken = /^\/(?:api|v1|ws|assets|metrics|healthz|readyz|openapi\.json)(?:\/|$)/;

/** The page's first file for those who reach the node below a path: what it loads is there as well. */
function createBelow(webFolder: string): (mount: string) => Promise<string> {
  // Nearly all requests come by the same proxy as the one before.
  let last: { readonly mount: string; readonly text: Promise<string> } | undefined;
  return (mount) => {
    if (last?.mount !== mount)
      last = {
        mount,
        text: readFile(join(webFolder, "index.html"), "utf8").then((text) =>
          text.replaceAll(/\b(href|src)="\//g, `$1="${mount}/`),
        ),
      };
    return last.text;
  };
}

/** The document that draws diagrams, and what a browser lets it do: run its own program, wherever it is opened. What
 *  that makes of a text has no origin, loads nothing and reaches nobody (docs/decisions/0244-diagrams.md). */
const diagramFile = "diagram.html";
function createDiagramPolicy(webFolder: string): () => string {
  const path = join(webFolder, diagramFile);
  let known: { readonly ofMs: number; readonly policy: string } | undefined;
  return () => {
    const { mtimeMs: ofMs } = statSync(path);
    // The page may have been built anew.
    if (known?.ofMs !== ofMs) known = { ofMs, policy: diagramPolicy(readFileSync(path, "utf8")) };
    return known.policy;
  };
}

function diagramPolicy(text: string): string {
  const program = text.slice(text.indexOf("<script>") + "<script>".length, text.lastIndexOf("</script>"));
  const hash = createHash("sha256").update(program).digest("base64");
  return [
    "sandbox allow-scripts",
    "default-src 'none'",
    `script-src 'sha256-${hash}'`,
    "style-src 'unsafe-inline'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'self'",
  ].join("; ");
}

/** Serves the page of a folder, and `missing` for all that is not there. */
export async function servePage(
  app: FastifyInstance,
  webFolder: string | undefined,
  missing: (request: FastifyRequest, reply: FastifyReply) => FastifyReply,
): Promise<void> {
  if (webFolder === undefined) {
    app.setNotFoundHandler(missing);
    return;
  }
  const below = createBelow(webFolder);
  const policyOf = createDiagramPolicy(webFolder);
  await app.register(statics, {
    root: webFolder,
    wildcard: true,
    // The first file is sent by what follows.
    index: false,
    // `web/build.ts` leaves brotli and gzip beside each file: nothing is compressed while somebody waits.
    preCompressed: true,
    cacheControl: false,
    setHeaders(reply, path) {
      // Vite names what lies in assets/ by its content, so it never changes under its name.
      const hashed = /[\\/]assets[\\/]/.test(path);
      // Beside it lie its smaller forms.
      if (basename(path).startsWith(diagramFile)) reply.header("content-security-policy", policyOf());
      reply.header("cache-control", hashed ? "public, max-age=31536000, immutable" : "no-cache");
    },
  });
  const sendPage = async ({ mount }: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
    mount === ""
      ? reply.sendFile("index.html")
      : reply
          .type("text/html; charset=utf-8")
          .header("cache-control", "no-cache")
          .send(await below(mount));
  for (const path of ["/", "/index.html"]) app.get(path, { schema: { hide: true } }, sendPage);
  app.setNotFoundHandler((request, reply) => {
    const [path = ""] = request.url.split("?", 1);
    const isPage =
      request.method === "GET" && !taken.test(path) && (request.headers.accept ?? "*/*").includes("text/html");
    return isPage ? sendPage(request, reply) : missing(request, reply);
  });
}
