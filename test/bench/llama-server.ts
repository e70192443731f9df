/** `llama-server`, to be compared with: built once from the source of llama.cpp that is inside the package
 *  node-llama-cpp, for this machine's processor, without its page and without downloads. It is kept in the user's
 *  cache, so that neither a run nor another checkout builds it again. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { hash } from "node:crypto";
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { availableParallelism, homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const source = join(dirname(fileURLToPath(import.meta.resolve("node-llama-cpp"))), "..", "llama");

const settings = [
  "CMAKE_BUILD_TYPE=Release",
  "BUILD_SHARED_LIBS=OFF",
  "GGML_NATIVE=ON",
  "LLAMA_BUILD_TESTS=OFF",
  "LLAMA_BUILD_EXAMPLES=OFF",
  "LLAMA_BUILD_APP=OFF",
  "LLAMA_BUILD_UI=OFF",
  "LLAMA_USE_PREBUILT_UI=OFF",
  "LLAMA_OPENSSL=OFF",
] as const;

/** GCC before 13 takes eight bytes of a tile's configuration for all that is read of it and leaves the others out: the
 *  first multiplication on a processor with AMX ends the program. Told that all of it is read, it writes all of it. */
const tiles = {
  file: "ggml/src/ggml-cpu/amx/mmq.cpp",
  before: "    _tile_loadconfig(&tc);",
  after: '    __asm__ volatile ("" :: "m" (tc));\n    _tile_loadconfig(&tc);',
} as const;

const recipe = hash("sha256", JSON.stringify([settings, tiles])).slice(0, 8);

/** The program; built now where it is not there yet, which takes ten minutes on two cores. */
export async function llamaServer(say: (text: string) => void): Promise<string> {
  const { tag } = JSON.parse(await readFile(join(source, "llama.cpp.info.json"), "utf8")) as { readonly tag: string };
  const cache = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "plexus", "bench");
  const program = join(cache, `llama-server-${tag}-${recipe}`);
  if (existsSync(program)) return program;
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, "build-"));
  const [code, built] = [join(folder, "source"), join(folder, "build")];
  // The programs say what was wrong on their error output, which is in the error that is thrown.
  const step = (command: string, args: readonly string[]) => run(command, args, { maxBuffer: 2 ** 28 });
  try {
    say(`building llama-server ${tag}, once: some minutes`);
    await step("git", ["clone", "--quiet", join(source, "gitRelease.bundle"), code]);
    const text = await readFile(join(code, tiles.file), "utf8");
    if (!text.includes(tiles.before)) throw new Error(`${tiles.file} is not as it was: look at what is mended there`);
    await writeFile(join(code, tiles.file), text.replace(tiles.before, tiles.after));
    await step("cmake", ["-S", code, "-B", built, ...settings.map((setting) => `-D${setting}`)]);
    const jobs = process.env["CMAKE_BUILD_PARALLEL_LEVEL"] ?? String(availableParallelism());
    await step("cmake", ["--build", built, "--target", "llama-server", "--parallel", jobs]);
    // Under its name only when it is whole: two runs may build at once.
    await copyFile(join(built, "bin", "llama-server"), join(folder, "program"));
    await rename(join(folder, "program"), program);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return program;
}

/** What the program was made with, in its own words. */
export async function compilerOf(program: string): Promise<string> {
  // It goes to the error output.
  const { stdout, stderr } = await run(program, ["--version"]);
  return /built with (.+?) for/.exec(stdout + stderr)?.[0].replace(/ for$/, "") ?? "compiled";
}
