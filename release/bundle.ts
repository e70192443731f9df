/** The server as the archive has it: JavaScript, of our own files as many as the parts that are loaded together, and of
 *  each package one file with what is used of it.
 *
 *      cli/main.ts, workers ─► cli/main.js                what is started by itself stays where it is in the sources
 *      our other files      ─► parts/…                    together what the same of those load
 *      fastify, 40 files    ─► packages/fastify.js        what nobody imports is left out
 *      Swagger UI           ─► packages/files/…           its code is bundled, and finds the files that it serves here
 *      node-llama-cpp       ─► vendor/node-llama-cpp/…    file by file: it finds its data and workers by their paths
 *      piscina, pino, …     ─► stay packages              native code, workers and files of their own
 *
 *  Data stays where it is in the sources, and code finds it from where the code was. A start reads some three hundred
 *  files instead of some thousand. */
import { existsSync, globSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { builtinModules } from "node:module";
import { dirname, join, relative } from "node:path";
import { rolldown, type Plugin } from "rolldown";

/** Our sources. */
const sources = "{actors/**,cli/**,client,config/**,node/**,protocols/**,runtimes/**}";
/** The command as the page has it, which is built into that. */
const pageOnly = "cli/page";
/** The package that is taken over file by file. */
export const vendored = "node-llama-cpp";

/** Packages that stay as they are: those with native code, and those that start workers or read files from beside their
 *  code. */
const apart: readonly RegExp[] = [
  /^piscina$/,
  /^pino(-pretty)?$/,
  /^@grpc\//,
  /^grpc-health-check$/,
  /^protobufjs(\/|$)/,
  /^level$/,
  /^classic-level$/,
  /^msgpackr(-extract)?(\/|$)/,
  /^@napi-rs\//,
  /^@node-rs\//,
  /^@node-llama-cpp\//,
  /^@reflink\//,
];

/** Folders of bundled packages that their code reads by its own path. As packages they would bring along others, of
 *  which nothing is used. */
const served: Readonly<Record<string, string>> = { "@fastify/swagger-ui": "static" };
/** What stands in code for the folder that bundled packages are in. */
const here = "PLEXUS_PACKAGES";

/** Packages that code asks for by a name of its own, and not by an import. */
const required: readonly string[] = ["@napi-rs/blake-hash"];
/** What a vendored package can do without: builds that are named as optional packages, and copies that share blocks of
 *  the disk. */
const dispensable = /^@(node-llama-cpp|reflink)\//;

/** What imports of the vendored package say until it is known where the file is that has them. */
const vendoredMark = "plexus-vendored:index";

/** What the path of a source is written as until it is known which file it went into. */
const placeMark = "plexus-place:";
const placePattern = new RegExp(`${placeMark}([^"]+)`, "g");

/** Files of ours that are started by themselves, the command and workers, and stay where they are in the sources: those
 *  that others name by their paths, and those that nobody imports. */
function entriesOf(root: string): readonly string[] {
  const paths = globSync(`${sources}/*.ts`, { cwd: root, exclude: [`${pageOnly}/**`, "**/*.d.ts"] });
  const imported = new Set<string>();
  const started = new Set<string>();
  for (const path of paths) {
    const text = readFileSync(join(root, path), "utf8");
    const at = (one: string): string => join(dirname(path), one);
    for (const [, from = ""] of text.matchAll(/(?:from|import\(?)\s*"(\.[^"]+)"/g)) imported.add(at(from));
    for (const [, found = ""] of text.matchAll(/new URL\("([^"]+\.ts)", import\.meta\.url\)/g)) started.add(at(found));
  }
  return paths.filter((path) => started.has(path) || !imported.has(path));
}

/** A source of the archive: it finds files from where it stands in the sources, whichever file it went into. */
function placed(source: string, place: string): string {
  if (/import\.meta\.(?:dirname|filename)/.test(source))
    throw new Error(
      `${place} finds files by import.meta.dirname: in the archive only import.meta.url says where it is`,
    );
  const url = `new URL("${placeMark}${place.replace(/\.ts$/, ".js")}", import.meta.url).href`;
  return withArchiveNames(source).replaceAll("import.meta.url", url);
}

/** The package of a specifier: `@scope/name/file` is of `@scope/name`. */
export const packageOf = (specifier: string): string =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");

const named = /(["'`])([^"'`\n]*\/[^"'`\n]*|[\w-]+)\.ts\1/g;
/** A source with the names that files have in the archive. */
export const withArchiveNames = (source: string): string =>
  source.replace(named, (_, quote: string, path: string) => `${quote}${path}.js${quote}`);

/** The folder of the package that a file is of. */
const folderOf = (file: string): string | undefined => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0];

/** The code of a package that reads a folder of its own, with the place where the archive has that; null: it needs no
 *  other. */
function readingFiles(code: string, file: string): string | null {
  const folder = folderOf(file);
  const name = folder?.split("/node_modules/").at(-1) ?? "";
  if (folder === undefined || !(name in served) || !/\.c?js$/.test(file)) return null;
  const place = join("/files", name, relative(folder, dirname(file)));
  return code.replaceAll("__dirname", () => `(${here} + ${JSON.stringify(place)})`);
}

/** What was made. */
interface Bundled {
  /** Packages that have to be installed. */
  readonly packages: readonly string[];
  /** Folders of packages of which files went in. */
  readonly taken: readonly string[];
}

/** Says of each import where it is in the archive, and of each file where it was in the sources. `placeOf` says where a
 *  file of ours or of the vendored package goes. */
const placing = (placeOf: (file: string) => string | undefined): Plugin => ({
  name: "places",
  resolveId(source, importer) {
    if (importer === undefined) return null;
    const place = placeOf(importer);
    if (place?.startsWith("vendor/") && /^\.\.?\//.test(source)) return { id: source, external: true };
    if (place !== undefined && packageOf(source) === vendored) return { id: vendoredMark, external: true };
    return apart.some((one) => one.test(source)) ? { id: source, external: true } : null;
  },
  transform: {
    handler(code, id) {
      const place = placeOf(id);
      return place?.startsWith("vendor/") === false ? placed(code, place) : readingFiles(code, id);
    },
  },
  renderChunk(code, { fileName }) {
    const from = dirname(fileName);
    const library = relative(from, `vendor/${vendored}/dist/index.js`);
    return code
      .replaceAll(vendoredMark, library.startsWith(".") ? library : `./${library}`)
      .replaceAll(placePattern, (_, place: string) => relative(from, place));
  },
});

/** Writes the server of the repository at `from`, which has its packages beside it, to `to`. */
export async function bundle(from: string, to: string): Promise<Bundled> {
  const root = realpathSync(from);
  const vendor = realpathSync(join(root, "node_modules", vendored));
  const input: Record<string, string> = {};
  for (const path of entriesOf(root)) input[path.replace(/\.ts$/, "")] = join(root, path);
  for (const path of globSync("dist/**/*.js", { cwd: vendor }))
    input[`vendor/${vendored}/${path.replace(/\.js$/, "")}`] = join(vendor, path);
  /** Where a file of ours or of the vendored package goes; undefined: another package's. */
  const placeOf = (file: string): string | undefined =>
    file.startsWith(`${vendor}/`)
      ? `vendor/${vendored}/${relative(vendor, file)}`
      : file.startsWith(`${root}/`) && !file.includes("/node_modules/")
        ? relative(root, file)
        : undefined;

  const build = await rolldown({
    input,
    platform: "node",
    transform: { define: { [here]: "import.meta.dirname" } },
    onLog(level, log, handle) {
      if (level === "warn" && log.code !== "UNRESOLVED_IMPORT") handle(level, log);
    },
    plugins: [placing(placeOf)],
  });
  const { output } = await build.write({
    dir: to,
    format: "esm",
    entryFileNames: "[name].js",
    chunkFileNames: ({ moduleIds }) =>
      moduleIds.some((id) => placeOf(id) !== undefined) ? "parts/[name].js" : "packages/[name].js",
    codeSplitting: {
      groups: [
        {
          debugName: "packages",
          test: /node_modules/,
          name: (id) =>
            placeOf(id) === undefined
              ? (folderOf(id)?.split("/node_modules/").at(-1)?.replace("/", "+") ?? null)
              : null,
        },
      ],
    },
  });
  await build.close();

  const wanted = new Set<string>(required);
  const taken = new Set<string>();
  for (const file of output) {
    if (file.type !== "chunk") continue;
    for (const specifier of [...file.imports, ...file.dynamicImports])
      if (
        !/^[./]|^node:|^packages\/|\.js$/.test(specifier) &&
        !builtinModules.includes(specifier) &&
        !dispensable.test(specifier)
      )
        wanted.add(packageOf(specifier));
    for (const [id, { renderedLength }] of Object.entries(file.modules)) {
      const folder = renderedLength > 0 ? folderOf(id) : undefined;
      if (folder !== undefined) taken.add(folder);
    }
  }
  const made = new Set(output.map(({ fileName }) => fileName));
  const missing = output.flatMap((file) =>
    file.type !== "chunk" || placeOf(file.facadeModuleId ?? "") === undefined
      ? []
      : [...file.imports, ...file.dynamicImports].flatMap((specifier) => {
          const path = join(dirname(file.fileName), specifier);
          return /^\.\.?\//.test(specifier) && !made.has(path) ? [`${path}, for ${file.fileName}`] : [];
        }),
  );
  if (missing.length > 0) throw new Error(`the archive would lack ${missing.join("; ")}`);
  await copyVendor(vendor, join(to, "vendor", vendored));
  for (const [name, folder] of Object.entries(served))
    await cp(join(root, "node_modules", name, folder), join(to, "packages/files", name, folder), { recursive: true });
  for (const path of globSync(`${sources}/*`, { cwd: root, withFileTypes: true })) {
    const file = join(path.parentPath, path.name);
    // The library for programs is a package of its own: here it is code of the command alone.
    if (!path.isFile() || path.name.endsWith(".ts") || file.startsWith(join(root, "client/"))) continue;
    const target = join(to, relative(root, file));
    await mkdir(dirname(target), { recursive: true });
    await cp(file, target);
  }
  return { packages: [...wanted].toSorted(), taken: [...taken].toSorted() };
}

/** What the package needs besides its code, without the source of llama.cpp: builds come as packages. */
async function copyVendor(from: string, to: string): Promise<void> {
  for (const name of ["llama", "templates", "LICENSE"])
    await cp(join(from, name), join(to, name), {
      recursive: true,
      filter: (path) => !path.endsWith("gitRelease.bundle"),
    });
  const described = JSON.parse(await readFile(join(from, "package.json"), "utf8")) as Record<string, unknown>;
  const { name, version, license, type } = described;
  await writeFile(join(to, "package.json"), JSON.stringify({ name, version, license, type }, undefined, 2));
}

/** The licences of packages, as their authors wrote them. */
export function licenceTexts(folders: readonly string[]): string {
  return folders
    .map((folder) => {
      const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
        readonly name: string;
        readonly version: string;
        readonly license?: unknown;
      };
      const files = existsSync(folder)
        ? readdirSync(folder).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file))
        : [];
      const texts = files.map((file) => readFileSync(join(folder, file), "utf8").trim());
      return [`${name} ${version} (${typeof license === "string" ? license : "see below"})`, ...texts].join("\n\n");
    })
    .join(`\n\n${"-".repeat(80)}\n\n`);
}
