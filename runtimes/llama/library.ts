/** Opens llama.cpp's native library in this thread.
 *
 *  On Linux node-llama-cpp starts a process of its own each time, which opens the library's file to see whether this
 *  machine can run it: two fifths of what the load of a small model takes. What one such process has shown holds for
 *  every thread and process of this node, as long as the file is the same: later loads are told of it and open that
 *  file at once. Whatever is not as it was then is looked at again. */
import { readFileSync, realpathSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { getLlama, Llama, type LlamaOptions } from "node-llama-cpp";

/** What a first load knows when the library has opened its file. */
interface KnownFile {
  readonly path: string;
  readonly state: string;
  readonly release: { readonly repo: string; readonly release: string };
  readonly ramPadding: number;
}

/** The library, and what later loads are told. */
interface Opened {
  readonly llama: Llama;
  readonly known?: string;
}

/** What `getLlama` ends with when it has found a file and tried it. The types of the library leave it out;
 *  `library.test.ts` notices when it changes. */
interface Made {
  _create(options: Readonly<Record<string, unknown>>): Promise<Llama>;
}

/** Opens the library. `known`: what an earlier load said. */
export async function openLibrary(options: LlamaOptions, known: string | undefined): Promise<Opened> {
  // A graphics card may have other drivers by now.
  if (options.gpu !== false || process.platform !== "linux") return { llama: await getLlama(options) };
  const again = await openKnown(options, known).catch(() => undefined);
  if (again !== undefined) return { llama: again, known: known! };
  const llama = await getLlama(options);
  const found = fileOf(llama);
  return found === undefined ? { llama } : { llama, known: JSON.stringify(found) };
}

async function openKnown(options: LlamaOptions, known: string | undefined): Promise<Llama | undefined> {
  if (known === undefined) return undefined;
  const { path, state, release, ramPadding } = JSON.parse(known) as KnownFile;
  if (!isOfLibrary(path) || stateOf(path) !== state) return undefined;
  const require = createRequire(import.meta.url);
  // Each of them has a logger of its own.
  delete require.cache[path];
  return await (Llama as unknown as Made)._create({
    ...options,
    bindings: require(path) as unknown,
    bindingPath: path,
    buildType: "prebuilt",
    buildMetadata: { buildOptions: { customCmakeOptions: new Map(), llamaCpp: release, gpu: false } },
    vramPadding: 0,
    ramPadding,
    debug: false,
    numa: false,
    tempDir: false,
  });
}

/** Whether a file is of the library's own packages. The process that says where it is has read a model of strangers,
 *  and what it names runs in every later load. */
function isOfLibrary(path: string): boolean {
  const parts = dirname(fileURLToPath(import.meta.resolve("node-llama-cpp"))).split(sep);
  const packages = parts.slice(0, parts.lastIndexOf("node-llama-cpp")).join(sep);
  const isWritten = realpathSync(path) === path;
  return (
    isWritten && ["node-llama-cpp", "@node-llama-cpp"].some((name) => path.startsWith(packages + sep + name + sep))
  );
}

/** What tells a file from one that was put in its place. */
function stateOf(path: string): string {
  const { ino, size, mtimeMs } = statSync(path);
  return `${ino} ${size} ${mtimeMs}`;
}

/** The file that the library has just opened: the system says which one this process has in memory. Undefined: it
 *  cannot be told, or it is none of those that come with the library. */
function fileOf({ buildType, llamaCppRelease, ramPaddingSize }: Llama): KnownFile | undefined {
  try {
    if (buildType !== "prebuilt") return undefined;
    const paths = readFileSync("/proc/self/maps", "utf8").match(/\/.*\/llama-addon\.node$/gmu);
    const [path, ...others] = new Set(paths);
    if (path === undefined || others.length > 0) return undefined;
    return { path, state: stateOf(path), release: llamaCppRelease, ramPadding: ramPaddingSize };
  } catch {
    return undefined;
  }
}
