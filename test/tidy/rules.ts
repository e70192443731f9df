/** The rules that keep the architecture true. Each takes sources and returns what is wrong, one line per finding, so
 *  that a test can plant a violation and see it found. */
import { posix } from "node:path";
import { entrances, layers, type Layer } from "./layers.ts";
import { blank, importsOf, type Source } from "./source.ts";

/** The most special row for a path. */
function layerOf(path: string): Layer | undefined {
  return layers
    .filter((layer) => isIn(path, layer.folder))
    .toSorted((one, other) => other.folder.length - one.folder.length)[0];
}

const isIn = (path: string, folderOrFile: string): boolean =>
  path === folderOrFile || path.startsWith(`${folderOrFile}/`);

/** Imports that go up or sideways, or past a folder's entrance. */
export function layerViolations(sources: readonly Source[]): readonly string[] {
  const found: string[] = [];
  for (const { path, text } of sources) {
    const layer = layerOf(path);
    if (layer === undefined) continue;
    for (const { specifier, typeOnly } of importsOf(text)) {
      const problem = specifier.startsWith(".")
        ? judge(path, layer, posix.normalize(posix.join(posix.dirname(path), specifier)), typeOnly)
        : specifier.startsWith("node:") && !layer.nodeModules
          ? "must not use node: modules"
          : undefined;
      if (problem !== undefined) found.push(`${path} imports ${specifier}: ${problem}`);
    }
  }
  return found;
}

function judge(path: string, layer: Layer, target: string, typeOnly: boolean): string | undefined {
  const home = layerOf(target);
  if (home === undefined) return /\.(css|json|svg)$/.test(target) ? undefined : "is in no known folder";
  if (home.folder === layer.folder || layer.folder === "test") return undefined;
  // Who puts a folder together knows the rooms in it.
  if (path === `${layer.folder}/index.ts` && isIn(home.folder, layer.folder)) return undefined;
  // A part may use the files that its folder's parts share: actors/limits.ts, never actors/index.ts.
  if (layer.folder.startsWith("actors/") && home.folder === "actors") return undefined;
  const allowed = typeOnly ? [...layer.values, ...(layer.types ?? [])] : layer.values;
  // A row may name one file of a folder; then only that file is open.
  if (!allowed.some((name) => (name.endsWith(".ts") ? target === name : isIn(target, name))))
    return typeOnly ? "not even types may be taken from there" : "goes up or sideways";
  const isEntrance = target === `${home.folder}/index.ts` || entrances.includes(target);
  const isOpen = layer.insides?.some((folder) => isIn(target, folder)) === true;
  return isEntrance || isOpen ? undefined : "is not the entrance of its folder";
}

/** Imports of a package by programs, on whatever way through their files: `a.ts imports package`. */
export function reached(sources: readonly Source[], programs: readonly string[], name: string): readonly string[] {
  const texts = new Map(sources.map(({ path, text }) => [path, text]));
  const found: string[] = [];
  const seen = new Set(programs);
  // Grows while it is gone through.
  for (const path of seen) {
    for (const { specifier, typeOnly } of importsOf(texts.get(path) ?? "")) {
      if (typeOnly) continue;
      if (specifier.startsWith(".")) seen.add(posix.normalize(posix.join(posix.dirname(path), specifier)));
      else if (specifier === name || specifier.startsWith(`${name}/`)) found.push(`${path} imports ${specifier}`);
    }
  }
  return found;
}

// A stream's own time-out asks whether its peer still reads; only the system knows.
const worldPattern =
  /(?<!\bstream\.)\b(Date\.now|Math\.random|setTimeout|setInterval|setImmediate|performance\.now|process\.env)\b|(?<![.\w])fetch\s*\(|\bnew Date\(\s*\)/g;

/** Clock, chance, environment and network, read where they must be arguments. */
export function worldViolations(sources: readonly Source[]): readonly string[] {
  return sources.flatMap(({ path, text }) => {
    const layer = layerOf(path);
    if (layer === undefined || layer.world) return [];
    return [...blank(text, { strings: false }).matchAll(worldPattern)].map(
      (match) => `${path}:${lineOf(text, match.index)} uses ${match[0].trim()}`,
    );
  });
}

/** Where tests may look at the clock or set one: what waits for all of them, what simulates or measures time, what
 *  retries as a client does, and what is not run by `npm test`. */
const clockFolders = ["test/world/", "test/runner/", "test/bench/", "test/machines/"];
const clockFiles: ReadonlySet<string> = new Set([
  "test/run.ts",
  "test/waits.ts",
  "test/conformance/real-time.ts",
  "test/conformance/inference-host.test.ts",
  "test/fixtures/processes/chat-client.ts",
  "test/fixtures/processes/system-refusals.ts",
  "test/fixtures/providers/double.ts",
  "test/fixtures/multicast.ts",
  "test/model/spin.ts",
  "test/simulation/main.ts",
  "test/simulation/raft/explore.ts",
  "test/unit/observe/profiled-thread.ts",
]);

/** Why these unit tests have the machine's clock, and not `test/world`'s: a library has one of its own, by which the
 *  test has to go. */
const machineClockFiles: ReadonlyMap<string, string> = new Map([
  ...["grpc.test.ts", "grpc-admin.test.ts", "grpc-client.ts", "grpc-limits.test.ts"].map((name) => [`test/unit/gateway/${name}`, "deadlines of gRPC"] as const),
  ...["cli/identity.test.ts", "cli/remote.test.ts", "platform/followed-certificates.test.ts", "gateway/control.test.ts"].map((name) => [`test/unit/${name}`, "certificates of OpenSSL"] as const),
  ...["identity/saml-server.ts", "identity/saml.test.ts"].map((name) => [`test/unit/${name}`, "assertions of SAML"] as const),
  ["test/unit/gateway/saml-swap.test.ts", "assertions of SAML"],
  ...["identity-forged.test.ts", "identity-sign-in.test.ts"].map((name) => [`test/unit/gateway/${name}`, "a server of OpenID Connect"] as const),
  ...["conversation.test.ts", "sign-in.test.ts"].map((name) => [`test/unit/cli/${name}`, "the command line, which is no part of a node"] as const),
]); // prettier-ignore

/** Unit tests that have the machine's clock without a reason that is known here, and reasons that nobody needs any
 *  more. */
export function machineClockViolations(sources: readonly Source[]): readonly string[] {
  const found = new Map(
    sources
      .filter(({ path }) => path.startsWith("test/unit/"))
      .map(({ path, text }) => [path, /\b(?:createClock|realClock)\(|\bDate\.now\b/.exec(blank(text, { strings: false }))?.[0]]),
  );
  return [
    ...[...found].filter(([path, use]) => use !== undefined && !machineClockFiles.has(path)).map(([path, use]) => `${path} uses ${use}`),
    ...[...machineClockFiles.keys()].filter((path) => found.has(path) && found.get(path) === undefined).map((path) => `${path} needs no clock of the machine`),
  ];
} // prettier-ignore

/** Tests that a slow machine could fail: they have a limit by the clock, or wait otherwise than by `test/waits.ts`. */
export function clockViolations(sources: readonly Source[]): readonly string[] {
  return sources
    .filter(({ path }) => path.startsWith("test/") && !clockFiles.has(path))
    .filter(({ path }) => !clockFolders.some((folder) => path.startsWith(folder)))
    .flatMap(({ path, text }) =>
      [
        ...blank(text, { strings: false }).matchAll(
          /\bperformance\.now\b|\bprocess\.(?:hrtime|cpuUsage)\b|\bset(?:Timeout|Interval)\(|\.timeout\(|timers\/promises/g,
        ),
      ].map((match) => `${path}:${lineOf(text, match.index)} uses ${match[0]}`),
    );
}

/** Tests of pages that wait by the clock, or for less long than a slow page takes: limits of Playwright's waits are
 *  multiples of `patience`. */
export function pageWaitViolations(sources: readonly Source[]): readonly string[] {
  return sources
    .filter(({ path }) => /^test\/(?:machines|smoke|fixtures)\//.test(path))
    .flatMap(({ path, text }) =>
      [...blank(text, { strings: false }).matchAll(/\bwaitForTimeout\(|\btimeout: \d[\d_]*/g)].map(
        (match) => `${path}:${lineOf(text, match.index)} uses ${match[0]}`,
      ),
    );
}

/** Tests that may go otherwise on the same sources: they draw without a seed, or give a call of a real process a
 *  deadline that a slow machine misses. */
export function chanceViolations(sources: readonly Source[]): readonly string[] {
  return sources
    .filter(({ path }) => path.startsWith("test/") && !chanceFiles.has(path))
    .filter(({ path }) => !clockFolders.some((folder) => path.startsWith(folder)))
    .flatMap(({ path, text }) => {
      const deadlines = path.startsWith("test/conformance/")
        ? [...text.matchAll(/\btimeoutMs: (?!600_000)\d[\d_]{3,}/g)]
        : [];
      return [...blank(text, { strings: false }).matchAll(/\bMath\.random\b/g), ...deadlines].map(
        (match) => `${path}:${lineOf(text, match.index)} uses ${match[0]}`,
      );
    });
}

/** What draws here is a free port, or the names of an attacker and of an assertion, of which only that they differ
 *  counts. */
const chanceFiles: ReadonlySet<string> = new Set([
  "test/fixtures/attackers.ts",
  "test/fixtures/ports.ts",
  "test/unit/identity/saml-server.ts",
]);

/** Unit tests that start a process: what starts one is in `test/smoke` or `test/machines`. */
export function processViolations(sources: readonly Source[]): readonly string[] {
  return sources
    .filter(({ path }) => path.startsWith("test/unit/"))
    .filter(({ text }) => importsOf(text).some(({ specifier }) => /^(?:node:)?child_process$/.test(specifier)))
    .map(({ path }) => `${path} starts processes`);
}

/** Whoever starts a process in what is shipped does it by `runtimes/children.ts`, which keeps this process's
 *  descriptors out of it. */
export function startViolations(sources: readonly Source[]): readonly string[] {
  return sources
    .filter(({ path }) => /^(?:actors|cli|client|config|node|protocols|runtimes)\//.test(path))
    .filter(({ path }) => path !== "runtimes/children.ts")
    .filter(({ text }) =>
      importsOf(text).some(
        ({ specifier, typeOnly }) => !typeOnly && /^(?:node:)?(?:child_process|cluster)$/.test(specifier),
      ),
    )
    .map(({ path }) => `${path} starts processes by itself`);
}

/** Names by which lines of the log do not call a request, a trace or an actor: there is one for each (`requestId`,
 *  `trace`, `actor`, `by`), so that whoever looks for an id finds all lines that have it. */
const otherNames = new Set(["request", "reqId", "traceId", "traceparent", "span", "caller", "author", "user", "person", "who", "principal"]); // prettier-ignore

/** Lines of the log that name an id otherwise, or have a whole traceparent where the id of the trace is meant. */
export function logViolations(sources: readonly Source[]): readonly string[] {
  return sources.flatMap(({ path, text }) =>
    logCalls(text).flatMap(({ event, facts }) => {
      const names = [...facts.matchAll(/(?<=[{,]\s*)(?<!\.\.\.)(\w+)(?=\s*[:,}])/g)].map(([name]) => name);
      const wrong = names.filter((name) => otherNames.has(name)).map((name) => `${path}: ${event} calls an id ${name}`);
      const isTrace = /(?<=[{,]\s*)trace\b(?!: (?:traceIdOf\(|undefined))/.test(facts);
      return isTrace ? [...wrong, `${path}: ${event} has a trace that is not traceIdOf(…)`] : wrong;
    }),
  );
}

/** What is written to the log, and with which facts, where they are written in place. */
export function logCalls(text: string): readonly { readonly event: string; readonly facts: string }[] {
  return [...text.matchAll(/\blog\??\.(?:debug|info|warn|error)\(\s*"([\w.]+)",\s*\{/g)].map((match) => {
    const from = match.index + match[0].length - 1;
    let depth = 0;
    let to = from;
    do depth += text[to] === "{" ? 1 : text[to] === "}" ? -1 : 0;
    while (depth > 0 && (to += 1) < text.length);
    return { event: match[1] ?? "", facts: text.slice(from, to + 1).replaceAll(/\$\{[^}]*\}/g, "") };
  });
}

/** Actors decide without waiting. */
export function awaitViolations(sources: readonly Source[]): readonly string[] {
  return sources
    .filter(({ path }) => path.startsWith("actors/"))
    .flatMap(({ path, text }) =>
      [...blank(text, { strings: false }).matchAll(/\b(await|async|Promise)\b/g)].map(
        (match) => `${path}:${lineOf(text, match.index)} uses ${match[0]}`,
      ),
    );
}

/** Marks of unfinished work, and tests that switch others off. The words are split so that this file is clean. */
export function unfinishedViolations(sources: readonly Source[]): readonly string[] {
  const patterns = [
    [new RegExp(String.raw`\bTO${""}DO\b(?!\(#\d+\))`, "g"), "names no issue"],
    [new RegExp(String.raw`\bFIX${""}ME\b`, "g"), "does not stay"],
    [new RegExp(String.raw`\b(?:describe|it|context|suite|test)\.on${""}ly\(`, "g"), "switches other tests off"],
  ] as const;
  return sources.flatMap(({ path, text }) =>
    patterns.flatMap(([pattern, says]) =>
      [...text.matchAll(pattern)].map((match) => `${path}:${lineOf(text, match.index)} ${match[0]} ${says}`),
    ),
  );
}

/** Names that say nothing about what is inside. */
export function nameViolations(paths: readonly string[]): readonly string[] {
  return paths
    .filter((path) => /(^|\/)(utils?|helpers?|common|misc|types)(\.\w+)*(\/|$)/.test(path))
    .map((path) => `${path} has a name that says nothing`);
}

/** Files of tests that call a fixture something else. */
export function fixtureNameViolations(paths: readonly string[]): readonly string[] {
  return paths
    .filter((path) => /^test\/.*[/.-](stage|stand|seat|strand|wall)s?[/.-]/.test(path))
    .map((path) => `${path}: what tests start or fill is a fixture`);
}

/** Tests that no phase of the runner would run. */
export function strayTests(paths: readonly string[], run: ReadonlySet<string>): readonly string[] {
  return paths
    .filter((path) => /\.test\.tsx?$/.test(path) && !run.has(path))
    .map((path) => `${path} is in no phase of test/runner/phases.ts`);
}

/** Packages used but not declared: `dependencies` for what runs, `devDependencies` too for tests, the page and the
 *  making of releases. */
export function packageViolations(
  sources: readonly Source[],
  declared: { readonly dependencies: readonly string[]; readonly devDependencies: readonly string[] },
): readonly string[] {
  return sources.flatMap(({ path, text }) => {
    const development = /^(test|web|release)\//.test(path);
    const known = new Set([...declared.dependencies, ...(development ? declared.devDependencies : [])]);
    return importsOf(text)
      .filter(({ specifier }) => !/^(?:\.|node:|virtual:)/.test(specifier))
      .map(({ specifier }) =>
        specifier
          .split("/")
          .slice(0, specifier.startsWith("@") ? 2 : 1)
          .join("/"),
      )
      .filter((name) => !known.has(name) && !known.has(`@types/${name}`))
      .map((name) => `${path} imports ${name}, which package.json does not declare for it`);
  });
}

/** Links between documents that lead nowhere. `exists` says whether a path of the repository is there. */
export function linkViolations(documents: readonly Source[], exists: (path: string) => boolean): readonly string[] {
  const anchors = new Map(documents.map(({ path, text }) => [path, anchorsOf(text)]));
  return documents.flatMap(({ path, text }) => {
    const prose = text.replaceAll(/```[\s\S]*?```|`[^`\n]*`/g, "");
    return [...prose.matchAll(/\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"/g)].flatMap((match) => {
      const link = match[1] ?? match[2] ?? "";
      if (/^[a-z]+:/.test(link)) return [];
      const [file = "", anchor] = link.split("#");
      const target = file === "" ? path : posix.normalize(posix.join(posix.dirname(path), file));
      if (!exists(target)) return [`${path} links to ${link}, which does not exist`];
      const known = anchors.get(target);
      return anchor !== undefined && known !== undefined && !known.has(anchor)
        ? [`${path} links to ${link}, which has no such heading`]
        : [];
    });
  });
}

/** The names GitHub gives to headings. */
function anchorsOf(text: string): ReadonlySet<string> {
  const headings = [...text.replaceAll(/```[\s\S]*?```/g, "").matchAll(/^#{1,6}\s+(.+)$/gm)].map(
    (match) => match[1] ?? "",
  );
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
        .trim()
        .replaceAll(/\s/g, "-"),
    ),
  );
}

/** Rows of the tables of a document: the cells of each line that begins with a name in back quotes. */
export function tableRows(text: string): readonly (readonly string[])[] {
  return [...text.matchAll(/^\|\s*`[^|]*$|^\|\s*`.*$/gm)].map((match) =>
    match[0]
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll("\\|", "|")),
  );
}

/** Differences between two lists, both ways. */
export function differences(
  expected: readonly string[],
  actual: readonly string[],
  names: { readonly expected: string; readonly actual: string },
): readonly string[] {
  const inActual = new Set(actual);
  const inExpected = new Set(expected);
  return [
    ...expected.filter((line) => !inActual.has(line)).map((line) => `only in ${names.expected}: ${line}`),
    ...actual.filter((line) => !inExpected.has(line)).map((line) => `only in ${names.actual}: ${line}`),
  ];
}

const lineOf = (text: string, index: number): number => text.slice(0, index).split("\n").length;
