/** Builds the page into `web/dist`, from where the node serves it.
 *
 *      node web/build.ts               always
 *      node web/build.ts --if-stale    only when a source is newer than the last build
 *
 *  It fails, and leaves the page as it was, when a browser had to load more than `budget.ts` allows.
 *
 *  The result is built aside and then swapped in, so that a node that is serving never sees half a page and two builds
 *  at once do no harm. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip as gzipWith } from "node:zlib";
import type { build as BuildOfVite, Rolldown } from "vite";
import { diagramsBudgetKiB, overBudget, pageSizeKiB, type BuiltFile } from "./budget.ts";
import { commandsOfPlexus } from "./commands.ts";
import { emojiOfPlexus } from "./emoji.ts";

const brotli = promisify(brotliCompress);
const gzip = promisify(gzipWith);

const web = dirname(fileURLToPath(import.meta.url));
const root = dirname(web);
const dist = join(web, "dist");

/** Of the sources below a path; what was built of the page, or of the client by its tests, is none. */
function newestMs(path: string): number {
  if (basename(path) === "dist") return 0;
  const found = statSync(path);
  if (!found.isDirectory()) return found.mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => newestMs(join(path, name))));
}

function isFresh(): boolean {
  const built = join(dist, "index.html");
  if (!existsSync(built)) return false;
  const sources = [
    web,
    ...["cli", "client", "config", "protocols", "package-lock.json"].map((name) => join(root, name)),
  ];
  return Math.max(...sources.map(newestMs)) <= statSync(built).mtimeMs;
}

/** Writes brotli and gzip beside every file that they make smaller; the node serves what a browser takes. Gives the
 *  bytes that a file has as brotli. On all processors: it is most of what a build does. */
async function compress(folder: string): Promise<(name: string) => number> {
  const sizes = new Map<string, number>();
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const compressOne = async (path: string): Promise<void> => {
    const bytes = readFileSync(path);
    const [br, gz] = await Promise.all([
      brotli(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }),
      gzip(bytes, { level: 9 }),
    ]);
    if (br.length < bytes.length) writeFileSync(`${path}.br`, br);
    if (gz.length < bytes.length) writeFileSync(`${path}.gz`, gz);
    sizes.set(relative(folder, path), br.length);
  };
  await Promise.all(files.map(({ parentPath, name }) => compressOne(join(parentPath, name))));
  return (name) => {
    const size = sizes.get(name);
    if (size === undefined) throw new Error(`nothing was written to ${name}`);
    return size;
  };
}

/** Modules that a browser loads at the same time are one file: many small files compress worse, by 8 % of all that is
 *  loaded before the first message. Each file has the module that is named here, and everything that it imports. */
const together = [
  { name: "start", module: "src/main.tsx" },
  { name: "signed-in", module: "src/view/shell/signed-in.tsx" },
];
const groups = together.map(({ name, module }, index) => ({
  name,
  test: (id: string) => id === join(web, module),
  // Modules that both import are in the first file.
  priority: together.length - index,
}));
const moduleOf = ({ name, facadeModuleId }: Rolldown.OutputChunk): string | undefined =>
  facadeModuleId ?? together.find((file) => file.name === name)?.module;

const diagrams = "diagram.html";

/** The frame that draws diagrams: one document with its program in it, because a frame without an origin loads nothing.
 *  The node names the program by its hash (`node/gateway/edge/page.ts`). */
async function buildDiagrams(bundle: typeof BuildOfVite, folder: string): Promise<void> {
  const built = (await bundle({
    root: web,
    configFile: false,
    logLevel: "warn",
    define: { "process.env.NODE_ENV": '"production"' },
    build: {
      write: false,
      copyPublicDir: false,
      lib: { entry: join(web, "src/view/parts/diagram-frame.ts"), formats: ["iife"], name: "plexusDiagrams" },
      rolldownOptions: { output: { codeSplitting: false } },
    },
  })) as Rolldown.RolldownOutput | readonly Rolldown.RolldownOutput[];
  const { output } = "output" in built ? built : (built[0] as Rolldown.RolldownOutput);
  // In a document, these would end the program or hide it.
  const program = output[0].code.replaceAll(/<(?=\/script|!--)/gi, "\\x3c");
  const head = '<!doctype html>\n<meta charset="utf-8" />\n<title>Diagrams</title>';
  const document = `${head}\n<body><script>${program}</script></body>\n`;
  writeFileSync(join(folder, diagrams), document);
}

/** What the bundler made, as far as the size of the page is concerned. */
const builtFiles = (
  output: readonly (Rolldown.OutputChunk | Rolldown.OutputAsset)[],
  sentBytes: (name: string) => number,
): readonly BuiltFile[] =>
  output.map((file) => ({
    fileName: file.fileName,
    sentBytes: sentBytes(file.fileName),
    loads: file.type === "asset" ? [] : [...file.imports, ...(file.viteMetadata?.importedCss ?? [])],
    source: file.type === "asset" ? undefined : moduleOf(file),
  }));

/** Components of Mantine that are in the page without their styles. */
function withoutStyles(output: readonly (Rolldown.OutputChunk | Rolldown.OutputAsset)[]): readonly string[] {
  const styles = output
    .map((file) => (file.fileName.endsWith(".css") && file.type === "asset" ? Buffer.from(file.source).toString() : ""))
    .join("\n");
  const used = output
    .flatMap((file) => (file.type === "chunk" ? Object.entries(file.modules) : []))
    .filter(([, module]) => module.renderedLength > 0)
    .map(([id]) => /@mantine[\\/]core[\\/].*[\\/](\w+)\.module\.mjs$/.exec(id)?.[1])
    .filter((name) => name !== undefined);
  return used.filter((name) => {
    const own = readFileSync(join(root, "node_modules/@mantine/core/styles", `${name}.css`), "utf8");
    const first = /\.m_[0-9a-f]+/.exec(own)?.[0];
    return first !== undefined && !styles.includes(first);
  });
}

async function build(): Promise<void> {
  process.env["NODE_ENV"] = "production";
  const startedMs = performance.now();
  // Loaded late: a run that finds the page fresh does not pay for the bundler.
  const [{ build: bundle }, { default: react }] = await Promise.all([import("vite"), import("@vitejs/plugin-react")]);
  const aside = join(root, "node_modules", ".cache", `plexus-web-${process.pid}`);
  mkdirSync(dirname(aside), { recursive: true });
  try {
    const { output } = (await bundle({
      root: web,
      configFile: false,
      logLevel: "warn",
      plugins: [react(), commandsOfPlexus(), emojiOfPlexus()],
      // The first file names the others from the host's root, and the node puts a path before that where a proxy in front has one; the
      // others find each other from where they are.
      experimental: { renderBuiltUrl: (_file, { hostType }) => (hostType === "html" ? undefined : { relative: true }) },
      build: {
        outDir: aside,
        emptyOutDir: true,
        reportCompressedSize: false,
        chunkSizeWarningLimit: 800,
        rolldownOptions: { output: { codeSplitting: { groups } } },
      },
    })) as Rolldown.RolldownOutput;
    const unstyled = withoutStyles(output);
    if (unstyled.length > 0) throw new Error(`web/src/view/mantine.css lacks the styles of ${unstyled.join(", ")}`);
    await buildDiagrams(bundle, aside);
    const sentBytes = await compress(aside);
    const size = pageSizeKiB(builtFiles(output, sentBytes));
    const over = overBudget(size);
    if (over.length > 0) throw new Error(`the page is too heavy: ${over.join("; ")}`);
    const diagramsKiB = Math.ceil(sentBytes(diagrams) / 1024);
    if (diagramsKiB > diagramsBudgetKiB) throw new Error(`what draws diagrams is too heavy: ${diagramsKiB} KiB`);
    rmSync(dist, { recursive: true, force: true });
    renameSync(aside, dist);
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    console.log(
      `web: built in ${seconds} s (brotli: ${size.toSignIn} KiB to sign in, ${size.toFirstMessage} KiB to the first message, ${size.toOverview} KiB to the overview of the cluster, ${size.allOfAdministration} KiB with all of the administration, ${size.toTerminal} KiB to its terminal, ${diagramsKiB} KiB with the first diagram)`,
    );
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

if (!(process.argv.includes("--if-stale") && isFresh())) await build();
