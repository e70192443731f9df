/** How the commands of `plexus` get into the page: `import("virtual:plexus-commands")`. They are a bundle of their own. In the place of Node, and of what
 *  speaks to a machine, stands `cli/page/machine/` (its essay: `cli/page/index.ts`). */
import { readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Plugin, Rolldown } from "vite";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const machine = (name: string): string => join(root, "cli/page/machine", `${name}.ts`);

/** Modules of Node, and what has their place. */
const ofNode: Readonly<Record<string, string>> = {
  child_process: "child",
  crypto: "crypto",
  events: "events",
  fs: "fs",
  "fs/promises": "fs",
  net: "net",
  os: "os",
  path: "path",
  process: "process",
  "timers/promises": "timers",
  util: "styles",
};

/** Files that speak to a machine, and what has their place. */
const ofMachine: Readonly<Record<string, string>> = {
  "cli/cluster/control.ts": "control",
  "cli/terminal/download.ts": "download",
  "cli/settings/folders.ts": "folders",
  "cli/launcher.ts": "launcher",
  "cli/node/node-request.ts": "request",
  "cli/terminal/session.ts": "session",
  "cli/terminal/confirm.ts": "confirm",
  "cli/terminal/text-file.ts": "text-file",
};

/** What these do is done with files of a machine, or with keys that must not be in a page. */
const absent: ReadonlySet<string> = new Set([
  "cli/watching/audit-file.ts",
  "cli/backup/backup-copies.ts",
  "cli/backup/backup-keys.ts",
  "cli/backup/backup-kit.ts",
  "cli/cluster/directory-recovery.ts",
  "cli/backup/kit-shares.ts",
  "cli/models/model-quantise.ts",
  "cli/models/model-suggest.ts",
  "cli/models/model-trial.ts",
  "cli/backup/restore.ts",
  "cli/models/route-questions.ts",
  "cli/settings/settings.ts",
  "cli/shards/stripes.ts",
  "node/identity/index.ts",
  "runtimes/store/index.ts",
]);

/** What these do is done to the machine on which they are typed, or takes a whole terminal. */
const absentCommand =
  /^cli\/commands\/(?:chat|completion|demo|doctor|gpu|onnx|salvage|service|top|up|verify-release)\.ts$/;

const insteadOf = (path: string): string | undefined =>
  absent.has(path) ? "absent" : absentCommand.test(path) ? "absent-command" : ofMachine[path];

const isBundled = (path: string): boolean =>
  path === "client/call.ts" ||
  /^(?:cli|config|protocols)\//.test(path) ||
  /^node_modules\/(?:commander|cli-table3|@colors)\//.test(path);

/** Puts what a page has in the place of what a machine has. What a command would bring beyond that breaks the build. */
function withoutMachine(): Plugin {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { readonly version: string };
  return {
    name: "plexus-without-machine",
    enforce: "pre",
    resolveId(asked, importer) {
      const from = importer === undefined ? "" : relative(root, importer);
      if (!isBundled(from) || from.startsWith("cli/page/machine/")) return null;
      const builtin = ofNode[asked.replace(/^node:/, "")];
      if (builtin !== undefined) return machine(builtin);
      if (asked.startsWith("node:")) throw new Error(`${from} brings ${asked} into the page: web/commands.ts`);
      if (!asked.startsWith(".") || from.startsWith("node_modules/")) return null;
      const path = relative(root, resolve(dirname(importer as string), asked));
      const instead = insteadOf(path);
      if (instead !== undefined) return machine(instead);
      if (!isBundled(path)) throw new Error(`${from} brings ${path} into the page: web/commands.ts`);
      return null;
    },
    transform(code, id) {
      const path = relative(root, id);
      if (path === "cli/page/index.ts")
        return { code: code.replace("declare const plexusVersion: string;", `const plexusVersion = ${JSON.stringify(version)};`), map: null }; // prettier-ignore
      if (!isBundled(path) || path.startsWith("cli/page/") || !/\bprocess\./.test(code)) return null;
      if (/import (?:\* as )?process\b/.test(code)) return null;
      // Packages that are no modules of ECMAScript look at it as a global.
      const given = path.startsWith("node_modules/")
        ? `var process = { env: {}, argv: [], platform: "page", stdout: {} };`
        : `import process from ${JSON.stringify(machine("process"))};`;
      return { code: `${given}\n${code}`, map: null };
    },
  };
}

/** The commands as one module, which imports nothing. */
export async function bundleCommands(): Promise<string> {
  const { build } = await import("vite");
  const { output } = (await build({
    root: join(root, "web"),
    configFile: false,
    logLevel: "silent",
    publicDir: false,
    plugins: [withoutMachine()],
    build: {
      write: false,
      modulePreload: false,
      target: "es2024",
      rolldownOptions: {
        input: join(root, "cli/page/index.ts"),
        preserveEntrySignatures: "strict",
        output: { codeSplitting: false },
      },
    },
  })) as Rolldown.RolldownOutput;
  return output[0].code;
}

/** The name under which the page imports them. */
export const commandsName = "virtual:plexus-commands";

/** The plugin of the page's bundler. */
export const commandsOfPlexus = (): Plugin => ({
  name: "plexus-commands",
  resolveId: (asked) => (asked === commandsName ? `\0${commandsName}` : null),
  load: (id) => (id === `\0${commandsName}` ? bundleCommands() : null),
});
