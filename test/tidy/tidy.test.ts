/** What keeps the architecture true: who imports whom, where the world is read, and that the documents say what the
 *  code says. `test/tidy/` holds the rules; here they run on the repository, and on planted violations. */
import { execFileSync } from "node:child_process";
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect } from "chai";
import { fields } from "../../config/index.ts";
import { errorTable } from "../../protocols/index.ts";
import { goVariables, phases, testsOf } from "../runner/phases.ts";
import { answersText, keptAnswers, readAnswers } from "./answers.ts";
import { commandsPage, harmlessCommands } from "./commands.ts";
import { longFunctions } from "./functions.ts";
import { countsOf, houseViolations, lessOf, readHouse, readWritten, reasons, type House } from "./house.ts";
import { loneExports } from "./exports.ts";
import { isOllamaPath } from "../../node/gateway/ai/errors.ts";
import { mutations } from "../simulation/mutations.ts";
import { contractLines, contractText, declarationLines, readContract, schemaLines } from "./contract.ts";
import { layers } from "./layers.ts";
import { advisoryFindings, auditProblems, licenceProblems, readFacts, sbomOf, sbomProblems, withPage } from "../../release/index.ts"; // prettier-ignore
import { limitsPages, limitsSection, readLimitsPages } from "./limits.ts";
import { answersIn, inherited, numbered, protoFiles, protoText, type Message } from "./proto.ts";
import { accepted, incompatibilities } from "./released.ts";
import {
  awaitViolations,
  differences,
  layerViolations,
  logCalls,
  logViolations,
  reached,
  linkViolations,
  nameViolations,
  packageViolations,
  strayTests,
  tableRows,
  unfinishedViolations,
  chanceViolations,
  clockViolations,
  fixtureNameViolations,
  machineClockViolations,
  pageWaitViolations,
  processViolations,
  startViolations,
  worldViolations,
} from "./rules.ts";
import { blank, importsOf, type Source } from "./source.ts";
import { pageBudgetKiB } from "../../web/budget.ts";

const root = join(import.meta.dirname, "../..");
const ignored = /(^|\/)(node_modules|dist|coverage|\.git)\//;
const pathsOf = (pattern: string): readonly string[] =>
  globSync(pattern, { cwd: root, exclude: (path) => ignored.test(`${path}/`) }).filter((path) => !ignored.test(path));
const read = (path: string): Source => ({ path, text: readFileSync(join(root, path), "utf8") });

const folders = "{actors,cli,client,config,node,protocols,release,runtimes,test,web}";
const codePaths = pathsOf(`${folders}/**/*.{ts,tsx}`).filter((path) => !path.endsWith(".d.ts"));
// This file is left out: what it plants is not an import.
const code = codePaths.filter((path) => path !== "test/tidy/tidy.test.ts").map(read);
const documents = pathsOf("{*.md,client/*.md,docs/**/*.md,runtimes/**/*.md,test/**/*.md}").map(read);
const documentText = (path: string): string => readFileSync(join(root, path), "utf8");

const none = (violations: readonly string[]): void => {
  expect(violations, violations.join("\n")).to.have.length(0);
};

describe("the repository", () => {
  it("calls requests, traces and actors the same in every line of the log", () => {
    const written = code.filter(({ path }) => /^(?:node|runtimes|actors|cli)\//.test(path));
    expect(written.flatMap(({ text }) => logCalls(text)).length).to.be.above(150);
    none(logViolations(written));
    const planted =
      'log.warn("x.y", { user, trace, of: { a: 1 } }); log?.info("x.z", { traceId: 1, trace: traceIdOf(t) });';
    expect(logViolations([{ path: "node/x.ts", text: planted }])).to.have.length(3);
  });

  it("imports downwards only, and only through entrances", () => none(layerViolations(code)));

  it("asks one piece of code who owns a slot", () => {
    const asks = /table\.get\([^;]*\)\??\.record\.owner/;
    const owner = "node/cluster/facts/slot-owner.ts";
    const found = code.filter(({ path, text }) => path.startsWith("node/") && asks.test(text)).map(({ path }) => path);
    expect(found).to.deep.equal([owner]);
  });

  it("loads no schemas into an inference host and its threads, which need none", () => {
    const programs = ["runtimes/host/child.ts", "runtimes/host/worker.ts"];
    none(reached(code, programs, "typebox"));
    expect(reached(code, programs, "piscina")).to.deep.equal(["runtimes/host/child.ts imports piscina"]);
  });

  it("loads no libp2p into simulated worlds, whose processes are many and short", () => {
    for (const name of ["libp2p", "@libp2p", "@chainsafe"]) none(reached(code, ["test/world/index.ts"], name));
    expect(reached(code, ["node/cluster/mesh/swarm.ts"], "libp2p")).to.deep.equal([
      "node/cluster/mesh/swarm.ts imports libp2p",
    ]);
  });

  it("reads clock, chance, environment and network only where the style guide allows", () =>
    none(worldViolations(code)));

  it("starts processes in one way, which keeps its own descriptors out of them", () => none(startViolations(code)));

  it("waits in no test by the clock", () => none([...clockViolations(code), ...pageWaitViolations(code)]));
  it("draws in no test without a seed, and gives no call of a process a deadline that a slow machine misses", () => {
    none(chanceViolations(code));
    expect(readFileSync(join(root, ".mocharc.json"), "utf8"), "the properties' seed").to.include("./test/draws.ts");
  });
  it("has the machine's clock in no unit test but where a library goes by it", () =>
    none(machineClockViolations(code)));

  it("starts no process in a unit test", () => none(processViolations(code)));

  it("never waits inside an actor", () => none(awaitViolations(code)));

  it("has no unfinished marks and no test that switches others off", () => {
    none(unfinishedViolations([...code, ...documents]));
  });

  // Rooms of one subject stand in one folder; so does a room in another one, where it has rules of its own.
  const houses = new Set(["bulk", "cluster", "inference"]);
  const isRoom = (path: string): boolean => layers.some(({ folder }) => folder === `node/${path}`);

  it("keeps every file of node/ in a room, and every room on the page", () => {
    const rooms = new Set<string>();
    const loose: string[] = [];
    for (const { path } of code) {
      const [folder, room, inner, file] = path.split("/");
      if (folder !== "node" || room === undefined) continue;
      if (inner === undefined) loose.push(room);
      else
        rooms.add(
          file !== undefined && (houses.has(room) || isRoom(`${room}/${inner}`)) ? `${room}/${inner}/` : `${room}/`,
        );
    }
    expect(loose).to.have.members(["pieces.ts", "stops.ts", "waiting.ts"]);
    // What only puts rooms together is few files: a module has a room.
    expect(code.filter(({ path }) => path.startsWith("node/composition/"))).to.have.lengthOf.at.most(14);
    const [, table = ""] = documentText("docs/ARCHITECTURE.md").split("| room of `node/`");
    const listed = tableRows(table.split("\n\n")[0] ?? "").map(([cell = ""]) => cell.replaceAll("`", ""));
    none(differences([...rooms], listed, { expected: "node/", actual: "docs/ARCHITECTURE.md" }));
    none([...rooms].filter((room) => !layers.some(({ folder }) => `${folder}/` === `node/${room}`)));
  });

  it("has less and less of what there is too much of", () => {
    none(houseViolations(readHouse(), readWritten()));
    const text = 'app.get("/x", f); callNode<X>("/x"); // prettier-ignore';
    const counts = countsOf([{ path: "node/x.ts", text }]);
    expect(counts).to.include({ "routes by hand": 1, "answers that are cast": 0, "prettier-ignore": 1 });
    const now = { counts, loneExports: 1, longFunctions: { "cli/x.ts f": 80 } };
    const clean: House = { counts: {}, loneExports: 0, longFunctions: {} };
    expect(houseViolations(now, now)).to.deep.equal([]);
    expect(houseViolations(now, clean)).to.have.length(4);
    const less = { ...clean, counts: { ...counts, "routes by hand": 0, "prettier-ignore": 0 } };
    expect(lessOf(now, less), "what is written down is never more").to.deep.equal(less);
    expect(lessOf(less, now)).to.deep.equal(less);
    expect(houseViolations(now, { ...now, longFunctions: { "cli/x.ts f": 79 } })).to.deep.equal([
      "cli/x.ts f: 80 lines, at most 79",
    ]);
    const inNode = { ...now, longFunctions: { "node/x.ts f": 80 } };
    expect(houseViolations(inNode, inNode)).to.deep.equal(["node/x.ts f is too long, and `reasons` does not say why"]);
    const long = readWritten().longFunctions;
    expect(
      Object.values(reasons)
        .flat()
        .filter((name) => long[name] === undefined),
      "reasons for what is short",
    ).to.deep.equal([]);
  });
  it("counts a function's own lines, without those of the functions in it", () => {
    const inner = [
      "  const g = () => {",
      ..."x"
        .repeat(8)
        .split("")
        .map((x) => `    ${x}();`),
      "  };",
    ];
    const text = ["function f() {", "  a();", ...inner, "  b();", "}"].join("\n");
    expect(longFunctions([{ path: "node/x.ts", text }], 4)).to.deep.equal({
      "node/x.ts f": 5,
      "node/x.ts g": 10,
    });
  });
  it("counts words that strangers stumble over", () => {
    const planted = (text: string, path = "node/x.ts"): Readonly<Record<string, number>> => countsOf([{ path, text }]);
    expect(planted("/** It is for who asks. */")).to.include({ "who as a noun": 1 });
    expect(planted('say("it is for the node who asks");')).to.include({ "who as a noun": 0 });
    expect(planted('fail("it has not the role ai");')).to.include({ "has not the": 1 });
    expect(planted("// The owner lets go of it.")).to.include({ "lets go of": 1 });
    expect(planted("const wish = 1;")).to.include({ wish: 1, "wish in comments": 0 });
    expect(planted("start({ wish }); // as on the wire", "node/backup/x.ts")).to.include({ wish: 0 });
    expect(planted("/** A wish. */", "node/backup/x.ts")).to.include({ wish: 0, "wish in comments": 1 });
  });
  it("finds names that are exported for nobody", () => {
    const one = { path: "node/a.ts", text: "export const a = 1; export type B = typeof a; const c = a; export { c };" };
    expect(loneExports([one])).to.deep.equal(["node/a.ts a", "node/a.ts B", "node/a.ts c"]);
    const other = { path: "test/b.test.ts", text: 'import { a, type B } from "../node/a.ts"; export * from "./c.ts";' };
    expect(loneExports([one, other])).to.deep.equal(["node/a.ts c"]);
    const later = { path: "cli/d.ts", text: 'const { c } = await import("../node/a.ts");' };
    expect(loneExports([one, later])).to.deep.equal([]);
  });
  it("has no file whose name says nothing", () => none(nameViolations(codePaths)));
  it("calls what tests start or fill fixtures", () => none(fixtureNameViolations(codePaths)));

  it("runs every test file in some phase", () => {
    none(strayTests([...codePaths, "test/tidy/tidy.test.ts"], new Set(phases.flatMap(testsOf))));
  });

  it("still has each text that a mutation of the simulation replaces, once", () => {
    const places = ({ file, find }: (typeof mutations)[number]): number => documentText(file).split(find).length - 1;
    none(mutations.filter((mutation) => places(mutation) !== 1).map(({ file, name }) => `${file}: ${name}`));
  });

  it("calls REST by paths with a version", () => {
    const tested = new Set([
      "node/gateway/edge/http.ts",
      "node/gateway/ai/errors.ts",
      "test/unit/gateway/http.test.ts",
      "test/unit/gateway/ai/ollama.test.ts",
    ]);
    // Ollama's clients know no version.
    const isOld = (text: string): boolean =>
      [...text.matchAll(/["'`*](\/api\/(?!v\d)\w*)/g)].some(([, path = ""]) => !isOllamaPath(path));
    const old = code.filter(({ path, text }) => !tested.has(path) && isOld(text));
    none(old.map(({ path }) => `${path} names a path below /api without a version`));
  });

  it("declares every package it imports", () => {
    const manifest = JSON.parse(documentText("package.json")) as Record<string, Record<string, string>>;
    // Examples stand on the package that they are part of.
    const sources = code.filter(({ path }) => !/^(test\/bench|client\/examples)\//.test(path));
    none(
      packageViolations(sources, {
        dependencies: Object.keys(manifest["dependencies"] ?? {}),
        devDependencies: Object.keys(manifest["devDependencies"] ?? {}),
      }),
    );
  });
});

describe("the packages", () => {
  const { all, rules, advisories, exceptions } = readFacts(root);
  const ofPage = code.filter(({ path }) => path.startsWith("web/src/")).flatMap(({ text }) => importsOf(text));
  const named = ofPage.map(({ specifier }) => specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/")); // prettier-ignore

  it("have licences that are allowed: what is shipped, and what only tests and tools use", () => {
    expect(named).to.include("react");
    none(licenceProblems(withPage(all.packages, new Set(named)), rules));
  });

  it("have no known fault without a reviewed exception that holds", () => {
    none(auditProblems(advisoryFindings(all.packages, advisories), exceptions, new Date().toISOString().slice(0, 10)));
  });

  it("are listed as CycloneDX takes it", async () => none(await sbomProblems(sbomOf(all, rules))));

  it("come from a registry by a digest, and run nothing when they are installed", () => {
    const installed = all.packages.filter(({ path }) => existsSync(join(root, path)));
    expect(installed.length).to.be.above(100);
    none(installed.filter(({ integrity }) => integrity === undefined).map(({ path }) => `${path} has no digest`));
    expect(documentText(".npmrc")).to.match(/^ignore-scripts=true$/m);
  });
});

describe("the documents", () => {
  it("list every error as the error table has it", () => {
    const table = Object.entries(errorTable).map(([code, row]) => [code, row.outcome, row.http, row.help].join(" | "));
    const page = tableRows(documentText("docs/reference/errors.md")).map((cells) =>
      cells.map((cell, index) => (index < 3 ? cell.replaceAll("`", "") : cell)).join(" | "),
    );
    none(differences(table, page, { expected: "protocols/errors.ts", actual: "docs/reference/errors.md" }));
  });

  it("say of the sign-in page what its budget says", () => {
    const said = /The sign-in page weighs at most (\d+) KiB/.exec(documentText("README.md"))?.[1];
    expect(Number(said)).to.equal(pageBudgetKiB.toSignIn);
  });

  it("list every limit with its value and what happens there", async () => {
    const pages = readLimitsPages();
    const now = await limitsPages(pages);
    const names = [...new Set([...pages.keys(), ...now.keys()])];
    const old = names.filter((name) => pages.get(name) !== now.get(name));
    none(old.map((name) => `docs/reference/limits/${name} is not current: node test/tidy/limits.ts --write`));
  });

  it("take the text of a limit from the first paragraph of its doc comment, and miss none", () => {
    const values = { waitMs: 12_000, rate: { count: 5, windowMs: 1_000 } };
    const source = (comment: string): string =>
      `/** The door.\n *\n *  Of wood. */\nexport const doorLimits = {\n  /** Then it\n   *  shuts.\n   *\n   *  As doors do. */\n  waitMs: 12_000,\n${comment}  rate: { count: 5, windowMs: 1_000 },\n};`;
    const section = limitsSection("node/door/limits.ts", source("  /** Knocks. */\n"), "doorLimits", values);
    expect(section).to.include("## The door\n\n`node/door/limits.ts`\n\nOf wood.\n");
    expect(section).to.include("| `waitMs` | 12 000 | Then it shuts. |\n| `rate` | 5 in 1 000 ms | Knocks. |\n");
    expect(() => limitsSection("node/door/limits.ts", source(""), "doorLimits", values)).to.throw("rate has no doc");
  });

  it("list every metric, and no other", () => {
    const suffixes: Readonly<Record<string, string>> = { count: "_total", gauge: "", observeMs: "_seconds" };
    const sources = code.filter(({ path }) => path.startsWith("node/") || path.startsWith("runtimes/"));
    const inCode = sources.flatMap(({ text }) =>
      [...text.matchAll(/\bmeter\??\.(count|gauge|observeMs)\(\s*"(\w+)"/g)].map(
        ([, kind = "", name = ""]) => `plexus_${name}${suffixes[kind]}`,
      ),
    );
    const inPage = tableRows(documentText("docs/operate/metrics.md")).flatMap(([cell = ""]) =>
      [...cell.matchAll(/`(plexus_\w+)`/g)].map(([, name = ""]) => name),
    );
    expect(inCode).to.include("plexus_turns_total");
    none(differences([...new Set(inCode)], inPage, { expected: "code", actual: "docs/operate/metrics.md" }));
  });

  it("say of everything in a data folder whether it is encrypted", () => {
    const [, after = ""] = documentText("docs/operate/disk.md").split("| on the disk ");
    const page = tableRows(after.split("\n\n")[0] ?? "").flatMap(([cell = ""]) =>
      [...cell.matchAll(/`([\w.]+)\/?(?:\w+)?`/g)].map(([, name = ""]) => name),
    );
    const inCode = code
      .filter(({ path }) => path === "node/data-folder/index.ts" || path === "cli/cluster/control.ts")
      .flatMap(({ text }) =>
        [...text.matchAll(/\bjoin\((?:data|dataFolder), "([\w.]+)"/g)].map(([, name = ""]) => name),
      );
    expect(inCode).to.include.members(["journal", "control.json"]);
    none(inCode.filter((name) => !page.includes(name) && !page.some((one) => name.startsWith(`${one}.`))));
  });

  it("list every field of the configuration", () => {
    const page = tableRows(documentText("docs/operate/configuration.md")).map((cells) => cells.slice(0, 2).join(" "));
    for (const field of fields) expect(page).to.include(`\`${field.name}\` \`${field.variable}\``);
  });

  // What stands there is made from the code, or compared with it row by row: it is looked up, not read.
  const lookedUp = /^docs\/(?:reference\/(?:limits\/.*|commands|errors|fields)|decisions\/README)\.md$/;
  const wordsMax = 3_000;

  it("are found from docs/README.md, and none that a person reads is longer than 3,000 words", () => {
    const pages = new Map(
      documents.filter(({ path }) => path.startsWith("docs/")).map(({ path, text }) => [path, text]),
    );
    const found = new Set<string>();
    const next = ["docs/README.md"];
    for (let page = next.pop(); page !== undefined; page = next.pop()) {
      if (found.has(page)) continue;
      found.add(page);
      for (const [, target = ""] of (pages.get(page) ?? "").matchAll(/\]\(([^)#\s:]+\.md)/g))
        next.push(join(dirname(page), target));
    }
    none([...pages.keys()].filter((path) => !found.has(path)).map((path) => `${path}: no page links to it`));
    const words = (text: string): number => text.split(/\s+/).length;
    const tooLong = (read: Iterable<readonly [string, string]>): readonly string[] =>
      [...read].filter(([path, text]) => !lookedUp.test(path) && words(text) > wordsMax).map(([path]) => path);
    none(tooLong(pages));
    const long = "word ".repeat(wordsMax + 1);
    expect(
      tooLong([
        ["docs/use/x.md", long],
        ["docs/reference/limits/x.md", long],
      ]),
    ).to.deep.equal(["docs/use/x.md"]);
  });

  it("link only to what exists", () => none(linkViolations(documents, (path) => existsSync(join(root, path)))));

  it("show TypeScript that type-checks", () => {
    const blocks = documents.flatMap(({ path, text }) =>
      [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map((match, index) => ({ path, index, text: match[1] ?? "" })),
    );
    if (blocks.length === 0) return;
    // Inside node_modules, so that packages resolve and nothing is left in the way of other tools.
    const folder = join(root, "node_modules/.cache/plexus-documents");
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const files = blocks.map(({ path, index, text }) => {
      const file = `${path.replaceAll("/", "-")}-${index}.ts`;
      const here = text.replaceAll(/from "\.\/([^"]+)"/g, `from "${root}/$1"`);
      writeFileSync(join(folder, file), `${here}\nexport {};\n`);
      return file;
    });
    const options = { noUnusedLocals: false, noUnusedParameters: false, types: ["node"] };
    const project = { extends: join(root, "tsconfig.json"), compilerOptions: options, files, include: [] };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(project));
    try {
      execFileSync(join(root, "node_modules/.bin/tsc"), ["--noEmit", "--singleThreaded", "-p", folder], {
        encoding: "utf8",
        env: { ...process.env, ...goVariables },
      });
    } catch (thrown) {
      expect.fail((thrown as { stdout: string }).stdout);
    }
  });
});

describe("the wire contract", () => {
  it("lists every message field as the schemas and types have it", () => {
    const now = contractLines();
    const kept = readContract()
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#") && !line.startsWith("RETIRED "));
    none(differences(now, kept, { expected: "the code", actual: "protocols/CONTRACT.txt" }));
  });

  it("is told to people as the rows have it", () => {
    const page = documentText("docs/reference/commands.md");
    expect(
      page === commandsPage(),
      "docs/reference/commands.md is written by: node test/tidy/contract.ts --write",
    ).to.equal(true);
    expect(
      readFileSync(join(root, "client/harmless.ts"), "utf8") === harmlessCommands(),
      "client/harmless.ts is written by: node test/tidy/contract.ts --write",
    ).to.equal(true);
  });

  it("names each answer as it is declared", () => {
    const rows = code
      .filter(({ path }) => path.startsWith("protocols/"))
      .flatMap(({ text }) => [...text.matchAll(/\b(?:answer|follow)<(\w+)(?:<[^>]*>+)?>\("(\w+)"\)/g)]);
    expect(rows.length).to.be.above(20);
    for (const [, type, name] of rows) expect(name).to.equal(type);
  });

  it("keeps what is gone as RETIRED when it is written anew", () => {
    const text = contractText(
      ["room.post text: string"],
      "# head\nroom.post text: string\nroom.post old: string\nRETIRED x y: z\n",
    );
    expect(text.split("\n").slice(1)).to.deep.equal([
      "room.post text: string",
      "RETIRED room.post old: string",
      "RETIRED x y: z",
      "",
    ]);
  });

  it("sees every place of a list that is told by place, and which bytes there are", () => {
    const bytes = { title: "bytes" };
    const pair = { type: "array", items: [{ type: "integer", minimum: 0 }, bytes], minItems: 2 };
    const properties = { at: pair, chunks: { type: "array", items: pair, minItems: 1 }, last: bytes };
    expect(schemaLines("bulk/x", { type: "object", properties, required: ["at", "chunks"] })).to.deep.equal([
      "bulk/x at: [integer (minimum 0), bytes]",
      "bulk/x chunks: array of [integer (minimum 0), bytes] (minItems 1)",
      "bulk/x last?: bytes",
    ]);
  });

  it("has what nodes say to each other, what they answer, and what lies in the directory", () => {
    const lines = contractLines();
    for (const start of ["frame/0 ", "control/beat ", "bulk/transfer.rows ", "answer/directory.read ", "row/slot "])
      expect(
        lines.filter((line) => line.startsWith(start)),
        start,
      ).to.not.deep.equal([]);
  });

  it("sees the fields of interfaces and of each variant of a union", () => {
    const lines = declarationLines(`
      /** Not this: interface Gone { a: string } */
      export interface Row<T> extends Base { readonly name: string; readonly inner?: { readonly a: number; b: T }; }
      export type Event =
        | { readonly type: "made"; readonly by: string }
        | { readonly type: "gone" };
      export type Name = string;
    `);
    expect(lines).to.deep.equal([
      "Row extends Base",
      "Row name: string",
      "Row inner?: { a: number; b: T }",
      'Event "made" by: string',
      'Event "gone" {}',
    ]);
  });
});

describe("the interface of gRPC", () => {
  it("is as the rows of commands and the routes of admins have it", async () => {
    for (const { path, now, kept } of await protoFiles())
      expect(now === kept, `${path} is not current: node test/tidy/proto.ts --write`).to.equal(true);
  });

  it("has of the answers of routes what their handlers' types say", () => {
    const isCurrent = answersText(readAnswers()) === keptAnswers();
    expect(
      isCurrent,
      "protocols/answers.json is not current: node test/tidy/answers.ts --write, then proto.ts",
    ).to.equal(true);
  });

  it("keeps the number of every field, and reserves those of fields that went away or got another type", () => {
    const message = (...fields: readonly string[]): Message => ({
      says: "",
      fields: fields.map((field) => {
        const [name = "", type = ""] = field.split(" ");
        return { name, type, label: "" };
      }),
    });
    const first = numbered(new Map([["A", message("one string", "two int64")]]), {});
    expect(first).to.deep.equal({ A: { fields: { one: "1 string", two: "2 int64" } } });
    const second = numbered(new Map([["A", message("three bool", "two int64")]]), first);
    expect(second).to.deep.equal({ A: { fields: { three: "3 bool", two: "2 int64" }, was: { 1: "one" } } });
    const third = numbered(new Map([["A", message("one string", "two string")]]), second);
    expect(third).to.deep.equal({
      A: { fields: { one: "4 string", two: "5 string" }, was: { 1: "one", 2: "two", 3: "three" } },
    });
    const gone = numbered(new Map(), third);
    expect(gone).to.deep.equal({ A: { fields: {}, was: { 1: "one", 2: "two", 3: "three", 4: "one", 5: "two" } } });
    expect(numbered(new Map([["A", message("one string")]]), gone)["A"]?.fields).to.deep.equal({ one: "6 string" });
    expect(protoText(new Map([["A", message("one string", "two string")]]), third)).to.include(
      'message A {\n  reserved 1, 2, 3;\n  reserved "three";\n  string one = 4;',
    );
  });
});

describe("the numbers of gRPC", () => {
  const message = (...fields: readonly string[]): Message => ({
    says: "",
    fields: fields.map((field) => {
      const [name = "", type = "", label = ""] = field.split(" ");
      return { name, type, label: label as Message["fields"][number]["label"] };
    }),
  });
  const before = numbered(
    new Map([
      ["MakeAnswer", message("id string", "uses int64", "guest MakeAnswerGuest repeated", "code string")],
      ["MakeAnswerGuest", message("room string", "ends int64")],
      ["Other", message("code string", "id string")],
    ]),
    {},
  );
  const were = answersIn("rpc Make(MakeRequest) returns (MakeAnswer);");
  const are = (answer: string) => ({ were, are: answersIn(`rpc Make(MakeRequest) returns (.plexus.v1.${answer});`) });

  it("stay with an answer that gets a name, and with what is in it, in whatever order its fields stand", () => {
    const now = new Map([
      ["Made", message("code string", "id string", "guest MadeGuest repeated", "uses int64", "path string")],
      ["MadeGuest", message("ends int64", "room string")],
    ]);
    const numbers = numbered(now, inherited(now, before, are("Made")));
    expect(numbers["Made"]?.fields).to.deep.equal({ code: "4 string", id: "1 string", guest: "3 repeated MadeGuest", uses: "2 int64", path: "5 string" }); // prettier-ignore
    expect(numbers["MadeGuest"]?.fields).to.deep.equal({ ends: "2 int64", room: "1 string" });
    // The file is written again, and nothing moves.
    expect(numbered(now, inherited(now, numbers, are("Made")))).to.deep.equal(numbers);
  });

  it("do not let a method answer with another message, in which the same fields have other numbers", () => {
    const now = new Map([["Other", message("code string", "id string")]]);
    expect(() => inherited(now, before, are("Other"))).to.throw("Other has other numbers than MakeAnswer");
  });
});

describe("the last release", () => {
  it("is understood: nothing that its programs and nodes use has changed, but what accepted.txt names", async () => {
    none(differences(accepted(), await incompatibilities(), { expected: "accepted.txt", actual: "the code" }));
  });
});

describe("the tidy rules find what is planted:", () => {
  const source = (path: string, text: string): readonly Source[] => [{ path, text }];

  const forbidden: readonly [what: string, path: string, text: string][] = [
    ["an import upwards", "protocols/x.ts", `import { a } from "../../config/index.ts";`],
    ["an actor that imports a runtime", "actors/room/x.ts", `import { a } from "../../runtimes/index.ts";`],
    ["one kind that imports another", "actors/room/x.ts", `import { a } from "../user/index.ts";`],
    ["even a type of another kind", "actors/room/x.ts", `import type { A } from "../user/index.ts";`],
    ["a kind that imports the list of kinds", "actors/room/x.ts", `import { a } from "../index.ts";`],
    ["a kernel that imports the journal's values", "node/kernel/x.ts", `import { a } from "../storage/index.ts";`],
    ["a gateway that imports the kernel", "node/gateway/x.ts", `import { a } from "../kernel/index.ts";`],
    ["a gateway's part that knows a wire", "node/gateway/feeds/feeds.ts", `import { a } from "../wires/sockets.ts";`],
    ["a value from a types-only file", "node/gateway/x.ts", `import { a } from "../kernel/api.ts";`],
    ["configuration values in an actor", "actors/x.ts", `import { a } from "../../config/index.ts";`],
    ["an import past the entrance", "cli/x.ts", `import { a } from "../../node/kernel/activation.ts";`],
    ["an export-from past the entrance", "cli/x.ts", `export * from "../../config/layers.ts";`],
    ["a dynamic import past the entrance", "cli/x.ts", `await import("../../node/storage/layout.ts");`],
    ["a part that imports the composition", "node/gateway/x.ts", `import type { Peer } from "../composition/peer.ts";`],
    ["a cluster fact that imports a part", "node/cluster/facts/x.ts", `import { a } from "../storage/index.ts";`],
    ["a loose file that imports a part", "node/x.ts", `import { a } from "./storage/index.ts";`],
    ["a page that imports the node", "web/src/x.ts", `import { a } from "../../node/composition/index.ts";`],
    ["an import of test code", "node/x.ts", `import { a } from "../run.ts";`],
    ["node modules in an actor", "actors/room/x.ts", `import { dirname, join } from "node:path";`],
    ["an import on several lines", "protocols/x.ts", `import {\n  a,\n  b,\n} from "../../cli/terminal/output.ts";`],
  ];
  for (const [what, path, text] of forbidden)
    it(what, () => expect(layerViolations(source(path, text))).to.have.length(1));

  const allowed: readonly [what: string, path: string, text: string][] = [
    ["a type of the kernel's interface", "node/gateway/x.ts", `import type { Kernel } from "../kernel/api.ts";`],
    ["types by inner marks", "node/gateway/x.ts", `import { type Kernel } from "../kernel/api.ts";`],
    ["the contract of actors", "node/kernel/x.ts", `import type { Behavior } from "../../actors/behavior.ts";`],
    ["files that all kinds share", "actors/room/x.ts", `import { actorLimits } from "../limits.ts";`],
    ["an import in a comment", "protocols/x.ts", `// import { a } from "../../cli/terminal/output.ts";`],
    ["tests, which import anything", "test/unit/x.ts", `import { a } from "../../node/kernel/mailbox.ts";`],
  ];
  for (const [what, path, text] of allowed)
    it(`not ${what}`, () => expect(layerViolations(source(path, text))).to.have.length(0));

  it("clock, chance, environment and network", () => {
    const text = "Date.now(); Math.random(); setTimeout(f); process.env; fetch(u); new Date(); performance.now();";
    expect(worldViolations(source("actors/room/x.ts", text))).to.have.length(7);
    expect(worldViolations(source("node/platform/x.ts", text))).to.have.length(0);
    const innocent = '// Date.now()\nconst a = "setTimeout"; this.fetch(u); new Date(ms); `process.env`;';
    expect(worldViolations(source("node/kernel/x.ts", innocent))).to.have.length(0);
    expect(worldViolations(source("node/kernel/x.ts", "`${Date.now()}`"))).to.have.length(1);
    const slow =
      'it("x", f).timeout(5); setTimeout(f, 5); setInterval(f, 5); performance.now(); process.cpuUsage(); // setTimeout';
    expect(clockViolations(source("test/unit/x.test.ts", slow))).to.have.length(5);
    expect(clockViolations(source("test/waits.ts", slow))).to.have.length(0);
    const page =
      "page.waitForTimeout(100); field.click({ timeout: 5_000 }); field.click({ timeout: patience * 5_000 });";
    expect(pageWaitViolations(source("test/machines/browser/x.test.ts", page))).to.have.length(2);
    const drawn =
      "const id = Math.random(); ask({ timeoutMs: 20_000 }); ask({ timeoutMs: 30 }); ask({ timeoutMs: 600_000 });";
    expect(chanceViolations(source("test/conformance/x.ts", drawn))).to.have.length(2);
    expect(chanceViolations(source("test/unit/x.test.ts", drawn))).to.have.length(1);
    expect(machineClockViolations(source("test/unit/x.test.ts", "const clock = createClock();"))).to.have.length(1);
    expect(machineClockViolations(source("test/unit/gateway/grpc.test.ts", "Date.now()"))).to.have.length(0);
    expect(machineClockViolations(source("test/unit/gateway/grpc.test.ts", "// Date.now()"))).to.have.length(1);
  });

  it("processes of unit tests", () => {
    const starts = 'import { spawn } from "node:child_process";';
    expect(processViolations(source("test/unit/x.test.ts", starts))).to.have.length(1);
    expect(processViolations(source("test/smoke/x.test.ts", starts))).to.have.length(0);
  });

  it("processes that are started otherwise", () => {
    const text = 'import { type ChildProcess, spawn } from "node:child_process";';
    expect(startViolations(source("cli/x.ts", text))).to.have.length(1);
    expect(startViolations(source("runtimes/children.ts", text))).to.have.length(0);
    const types = 'import type { ChildProcess } from "node:child_process";';
    expect(startViolations(source("cli/x.ts", types))).to.have.length(0);
  });

  it("waiting in an actor", () => {
    expect(awaitViolations(source("actors/room/x.ts", "// await\nasync () => { await x; }"))).to.have.length(2);
  });

  it("unfinished marks", () => {
    const marks = `// TO${""}DO later\n// TO${""}DO(#12) fine\n// FIX${""}ME\ndescribe.on${""}ly("x")`;
    expect(unfinishedViolations(source("x.ts", marks))).to.have.length(3);
  });

  it("names that say nothing", () => {
    const paths = ["node/utils.ts", "web/src/helpers/a.ts", "cli/types.ts", "actors/behavior.ts", "node/commontary.ts"];
    expect(nameViolations(paths)).to.have.length(3);
    const fixtures = ["test/unit/kernel/stage.ts", "test/browser/wall-clock/a.ts", "test/unit/standing.ts"];
    expect(fixtureNameViolations(fixtures)).to.have.length(2);
  });

  it("tests outside of every phase", () => {
    const run = new Set(["test/unit/a.test.ts"]);
    expect(strayTests(["test/unit/a.test.ts", "test/odd/a.test.ts", "node/a.test.ts"], run)).to.have.length(2);
  });

  it("packages that are not declared", () => {
    const declared = { dependencies: ["level"], devDependencies: ["@scope/tool"] };
    const text = `import { a } from "level";\nimport b from "@scope/tool/part";\nimport fs from "node:fs";`;
    expect(packageViolations(source("node/x.ts", text), declared)).to.have.length(1);
    expect(packageViolations(source("test/x.ts", text), declared)).to.have.length(0);
  });

  it("links and anchors that lead nowhere", () => {
    const page = { path: "docs/a.md", text: "# One thing\n[x](b.md) [y](#one-thing) [z](#other) `[c](no.md)`" };
    expect(linkViolations([page], (path) => path === "docs/a.md")).to.deep.equal([
      "docs/a.md links to b.md, which does not exist",
      "docs/a.md links to #other, which has no such heading",
    ]);
  });

  it("differences of lists, both ways", () => {
    expect(differences(["a", "b"], ["b", "c"], { expected: "code", actual: "page" })).to.deep.equal([
      "only in code: a",
      "only in page: c",
    ]);
  });

  it("imports in every form, and nothing else", () => {
    const text = [
      `import a from "a"; import * as b from "b"; import "c"; export { d } from "d";`,
      `const e = await import("e"); type F = import("f").F;`,
      'const no = `import g from "g"`; const slash = /import "h"/; // import "i"',
    ].join("\n");
    expect(importsOf(text).map(({ specifier }) => specifier)).to.include.members(["a", "b", "c", "d", "e", "f"]);
    expect(blank("a /* b */ 'c', /d/ // e\nf", { strings: false }).replaceAll(" ", "")).to.equal("a,\nf");
  });
});
