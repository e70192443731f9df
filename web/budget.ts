/** What the page weighs on its way to a browser, and what it may weigh. */
import { commandsName } from "./commands.ts";

/** A file of the built page, as the bundler gives it. */
export interface BuiltFile {
  readonly fileName: string;
  /** What it takes on the way to a browser: with brotli. */
  readonly sentBytes: number;
  /** Files that are loaded with it: what it imports, and its styles. */
  readonly loads: readonly string[];
  /** The source it was asked for by, if it is one that is loaded on its own. */
  readonly source: string | undefined;
}

/** KiB of brotli that a browser loads before somebody can sign in, before somebody can read and write plain messages
 *  (250,000 bytes at most), before an admin sees the overview of the cluster, for all screens of the administration
 *  together, and for its terminal, which brings the commands of `plexus`. A little above the newest measurement, so
 *  that a change that makes the page heavier is noticed. A person who chats loads nothing of the last three. */
export const pageBudgetKiB = {
  toSignIn: 149,
  toFirstMessage: 244,
  toOverview: 262,
  allOfAdministration: 478,
  toTerminal: 524,
} as const;

/** KiB of brotli of the frame that draws diagrams, which is loaded with the first one. */
export const diagramsBudgetKiB = 900;

/** The same names as in `pageBudgetKiB`, with what was built. */
type PageSizeKiB = { readonly [Step in keyof typeof pageBudgetKiB]: number };

// Whatever is loaded on its own from this folder.
const administration = "src/view/admin/";

// What each step asks for by itself; what these load comes with them.
const asked: { readonly [Step in keyof typeof pageBudgetKiB]: readonly string[] } = {
  toSignIn: ["index.html"],
  toFirstMessage: ["index.html", "src/view/shell/signed-in.tsx"],
  toOverview: [
    "index.html",
    "src/view/shell/signed-in.tsx",
    "src/view/admin/index.tsx",
    "src/view/admin/overview/overview-page.tsx",
  ],
  allOfAdministration: ["index.html", "src/view/shell/signed-in.tsx", administration],
  toTerminal: [
    "index.html",
    "src/view/shell/signed-in.tsx",
    "src/view/admin/index.tsx",
    "src/view/admin/terminal-page.tsx",
    "src/terminal/index.ts",
    commandsName,
  ],
};

/** What each step loads. */
export function pageSizeKiB(files: readonly BuiltFile[]): PageSizeKiB {
  const byName = new Map(files.map((file) => [file.fileName, file]));
  const size = (sources: readonly string[]): number => {
    const loaded = new Set<BuiltFile>();
    const load = (file: BuiltFile | undefined): void => {
      if (file === undefined || loaded.has(file)) return;
      loaded.add(file);
      for (const name of file.loads) load(byName.get(name));
    };
    for (const source of sources) {
      const found = files.filter((built) =>
        source.endsWith("/") ? built.source?.includes(source) : built.source?.endsWith(source),
      );
      if (found.length === 0) throw new Error(`nothing was built from ${source}`);
      found.forEach(load);
    }
    load(byName.get("index.html"));
    const bytes = [...loaded].reduce((sum, { sentBytes }) => sum + sentBytes, 0);
    return Math.ceil(bytes / 1024);
  };
  return {
    toSignIn: size(asked.toSignIn),
    toFirstMessage: size(asked.toFirstMessage),
    toOverview: size(asked.toOverview),
    allOfAdministration: size(asked.allOfAdministration),
    toTerminal: size(asked.toTerminal),
  };
}

/** What is over its budget, in words with both numbers. */
export function overBudget(size: PageSizeKiB): readonly string[] {
  const steps = Object.keys(pageBudgetKiB) as (keyof PageSizeKiB)[];
  return steps
    .filter((step) => size[step] > pageBudgetKiB[step])
    .map(
      (step) => `${step}: ${size[step]} KiB of brotli, and ${pageBudgetKiB[step]} KiB is the budget (web/budget.ts)`,
    );
}
