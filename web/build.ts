/** Builds the page into `web/dist`, from where the node serves it.
 *
 *      node web/build.ts               always
 *      node web/build.ts --if-stale    only when a source is newer than the last build
 *
 *  The result is built aside and then swapped in, so that a node that is serving never sees half a page and two builds
 *  at once do no harm. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const web = dirname(fileURLToPath(import.meta.url));
const root = dirname(web);
const dist = join(web, "dist");

function newestMs(path: string): number {
  if (path === dist) return 0;
  const found = statSync(path);
  if (!found.isDirectory()) return found.mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => newestMs(join(path, name))));
}

function isFresh(): boolean {
  const built = join(dist, "index.html");
  if (!existsSync(built)) return false;
  const sources = [web, join(root, "protocols"), join(root, "package-lock.json")];
  return Math.max(...sources.map(newestMs)) <= statSync(built).mtimeMs;
}

/** Bytes that a browser loads before the first screen, and all bytes there are, both as gzip. */
function gzipKiB(folder: string): { readonly entry: number; readonly all: number } {
  const html = readFileSync(join(folder, "index.html"), "utf8");
  const sizes = readdirSync(join(folder, "assets")).map((name) => ({
    entry: html.includes(name),
    bytes: gzipSync(readFileSync(join(folder, "assets", name))).length,
  }));
  const kiB = (bytes: number) => Math.round(bytes / 1024);
  return {
    entry: kiB(sizes.filter((size) => size.entry).reduce((sum, size) => sum + size.bytes, 0)),
    all: kiB(sizes.reduce((sum, size) => sum + size.bytes, 0)),
  };
}

async function build(): Promise<void> {
  process.env["NODE_ENV"] = "production";
  const startedMs = performance.now();
  // Loaded late: a run that finds the page fresh does not pay for the bundler.
  const [{ build: bundle }, { default: react }] = await Promise.all([import("vite"), import("@vitejs/plugin-react")]);
  const aside = join(root, "node_modules", ".cache", `plexus-web-${process.pid}`);
  mkdirSync(dirname(aside), { recursive: true });
  try {
    await bundle({
      root: web,
      configFile: false,
      logLevel: "warn",
      plugins: [react()],
      build: { outDir: aside, emptyOutDir: true, reportCompressedSize: false, chunkSizeWarningLimit: 700 },
    });
    const size = gzipKiB(aside);
    rmSync(dist, { recursive: true, force: true });
    renameSync(aside, dist);
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    console.log(`web: built in ${seconds} s (${size.entry} KiB gzip to start, ${size.all} KiB in all)`);
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

if (!(process.argv.includes("--if-stale") && isFresh())) await build();
