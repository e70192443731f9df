/** A PKCS#11 token in software: SoftHSM of Debian, and pkcs11js, which is compiled once against the headers of the Node that runs the tests. */
import { spawnSync } from "node:child_process";
import { existsSync, globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { unpackPackage } from "../debian.ts";
import { patience } from "../waits.ts";

const built = join(import.meta.dirname, "..", "..", "node_modules", ".cache", "plexus-pkcs11");
/** Longer than a compiler takes on a busy machine. */
const buildTimeoutMs = patience * 240_000;

/** What is needed of the machine. */
export interface SoftHsm {
  readonly module: string;
  readonly tool: string;
  /** Where Node finds pkcs11js, for `NODE_PATH`. */
  readonly nodePath: string;
}

/** Where it is, or why there is none. */
export function findSoftHsm(): SoftHsm | { readonly missing: string } {
  const [tools, library] = [unpackPackage("softhsm2"), unpackPackage("libsofthsm2")];
  if ("missing" in tools) return tools;
  if ("missing" in library) return library;
  const tool = join(tools.path, "usr", "bin", "softhsm2-util");
  const [module] = globSync(join(library.path, "usr", "lib", "*", "softhsm", "libsofthsm2.so"));
  if (module === undefined) return { missing: "the package libsofthsm2 has no libsofthsm2.so" };
  const { status, stderr, error } = spawnSync(tool, ["--version"], { encoding: "utf8" });
  if (status !== 0) return { missing: `softhsm2-util does not run here: ${error?.message ?? stderr.trim()}` };
  return buildBinding() ?? { module, tool, nodePath: join(built, "node_modules") };
}

/** As docs/backup.md says it, into a folder beside. */
function buildBinding(): { readonly missing: string } | undefined {
  const binding = join(built, "node_modules", "pkcs11js", "build", "Release", "pkcs11.node");
  if (existsSync(binding)) return undefined;
  mkdirSync(built, { recursive: true });
  writeFileSync(join(built, "package.json"), "{}\n");
  const nodedir = join(dirname(process.execPath), "..");
  const words = ["install", "--no-save", "--ignore-scripts=false", "--no-audit", "--no-fund", "pkcs11js@2.1.7"];
  const env = { ...process.env, npm_config_nodedir: nodedir };
  const { error, stderr } = spawnSync("npm", words, { cwd: built, env, encoding: "utf8", timeout: buildTimeoutMs });
  if (existsSync(binding)) return undefined;
  return {
    missing: `pkcs11js cannot be compiled: ${error?.message ?? stderr.trim().split("\n").at(-1) ?? "no reason"}`,
  };
}

/** Tokens in a folder of their own. */
export class Tokens implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "plexus-tokens-"));
  /** What a process needs to see them. */
  readonly env: Readonly<Record<string, string>>;
  readonly #at: SoftHsm;

  constructor(at: SoftHsm) {
    this.#at = at;
    mkdirSync(join(this.folder, "tokens"));
    const config = join(this.folder, "softhsm2.conf");
    writeFileSync(config, `directories.tokendir = ${join(this.folder, "tokens")}\nobjectstore.backend = file\nlog.level = ERROR\n`); // prettier-ignore
    this.env = { SOFTHSM2_CONF: config, NODE_PATH: at.nodePath };
  }

  /** Makes a token. */
  make(label: string, pin: string): void {
    const words = ["--init-token", "--free", "--label", label, "--so-pin", "so-of-the-test", "--pin", pin];
    const { status, stderr } = spawnSync(this.#at.tool, ["--module", this.#at.module, ...words], {
      env: { ...process.env, ...this.env },
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`softhsm2-util: ${stderr}`);
  }

  /** A file with a PIN. */
  pinFile(name: string, pin: string): string {
    const file = join(this.folder, name);
    writeFileSync(file, `${pin}\n`, { mode: 0o600 });
    return file;
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
