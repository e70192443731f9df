/** `plexus routes`: names that stand for several models. */
import { readFile } from "node:fs/promises";
import { callWritten } from "../../client/call.ts";
import { failure, PlexusError } from "../../protocols/errors.ts";
import type {
  Balance,
  CacheRow,
  EnsembleRow,
  ModelRoute,
  Preference,
  QuestionKind,
  QuestionLanguage,
  QuestionRule,
  RouteExplanation,
  RouteSteps,
} from "../../protocols/index.ts";
import { callsTo, demand, findNode, operate, type AdminFlags } from "../node/admin.ts";
import { forLook } from "../node/node-client.ts";
import { exitCodes, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { renderTable } from "../terminal/table.ts";

/** What a route is, without its name. */
type Body = Omit<ModelRoute, "name">;

/** The options of `plexus routes set`, as they are written. */
export interface RouteFlags {
  readonly shadow?: string;
  readonly balance?: string;
  readonly prefer?: string;
  readonly vote?: boolean;
  readonly bestOf?: string;
  readonly merge?: string;
  readonly members?: string;
  readonly least?: string;
  readonly cache?: string;
  readonly cacheAlways?: boolean;
  readonly cacheShared?: boolean;
  readonly semantic?: string;
  readonly kind?: readonly string[];
  readonly file?: string;
}

/** `plexus routes`. With --json one line a route. */
export async function listRoutes(flags: AdminFlags, output: Output): Promise<number> {
  const { routes } = demand(await callsTo(forLook(await findNode(flags)))("routes.list"));
  if (flags.json) for (const route of routes) output.print(jsonLine(route));
  else output.print(describeRoutes(routes, output.color, output.columns));
  return exitCodes.ok;
}

/** `plexus routes set`. */
export async function setRoute(
  flags: AdminFlags,
  { name, steps, options }: { readonly name: string; readonly steps: readonly string[]; readonly options: RouteFlags },
  output: Output,
): Promise<number> {
  const body = options.file === undefined ? readRoute(steps, options) : await readRouteFile(options.file, steps);
  const call = callsTo(await findNode(flags));
  const route = demand(await callWritten(call, "routes.set", { route: name }, body));
  output.print(flags.json ? jsonLine(route) : `${withoutControls(name)} stands for ${wordsOf(route)} now.`);
  return exitCodes.ok;
}

/** `plexus routes remove`. */
export async function removeRoute(flags: AdminFlags, name: string, output: Output): Promise<number> {
  const route = await operate(flags, "routes.remove", { route: name });
  if (flags.json) output.print(jsonLine(route));
  else output.print(`The route is removed. To set it again: ${commandOf(route)}`);
  return exitCodes.ok;
}

/** `plexus routes explain`. */
export async function explainRoute(
  flags: AdminFlags,
  name: string,
  question: {
    readonly text: string | undefined;
    readonly tools: boolean;
    readonly media: boolean;
    readonly answersJson: boolean;
  },
  output: Output,
): Promise<number> {
  const { text, tools, media, answersJson } = question;
  if (text === undefined) throw wrong("", "NAME QUESTION, or NAME --questions FILE");
  const asked = { text, ...(tools && { tools }), ...(media && { media }), ...(answersJson && { json: true }) };
  const told = await operate(flags, "routes.explain", { route: name, ...asked });
  output.print(flags.json ? jsonLine(told) : describeExplanation(told));
  return exitCodes.ok;
}

/** What a route does with a question, as a person reads it. */
export function describeExplanation({ kind, passed, together, models, classified }: RouteExplanation): string {
  const lines = [
    ...classified.map(({ model, said, ms }) => `${model} was asked: ${said} (${ms} ms).`),
    ...passed.map((one) => `Not "${one.kind}": ${one.because}.`),
    ...(kind === undefined ? [] : [`The rule "${kind}" holds.`]),
    ...(together ? ["Those that answer together come first; the others are for when too few of them do."] : []),
    ...models.map(({ model, because }, index) => `${index + 1}. ${model}: ${because}`),
  ];
  return lines.map((line) => withoutControls(line)).join("\n");
}

/** The routes as a person reads them. */
export function describeRoutes(routes: readonly ModelRoute[], color: boolean, width = Infinity): string {
  if (routes.length === 0) return "No routes. `plexus routes set NAME MODEL FALLBACK` makes a name stand for models.";
  const rows = routes.map((route) =>
    [route.name, wordsOf(route), extrasOf(route).join("; ")].map((text) => withoutControls(text)),
  );
  return renderTable([{ head: "Name" }, { head: "Stands for" }, { head: "Also", leaves: 1 }], rows, {
    color,
    columns: width,
  });
}

const stepText = (step: RouteSteps[number]): string => {
  const [only, ...more] = step;
  if (only !== undefined && more.length === 0) return only.model;
  return step.map(({ model, weight }) => `${model}:${weight}`).join(",");
};
const stepsText = (steps: RouteSteps): string => steps.map(stepText).join(", else ");

function wordsOf({ steps, ensemble }: Body): string {
  const [first, ...later] = steps;
  if (ensemble === undefined || first === undefined) return stepsText(steps);
  const { form, judge } = ensemble;
  const how = form === "vote" ? "the vote" : form === "merge" ? `one answer by ${judge}` : `the best by ${judge}`;
  const together = `${how} of ${first.map(({ model }) => model).join(", ")}`;
  return later.length === 0 ? together : `${together}, else ${stepsText(later)}`;
}

/** What a route does besides, each in a few words. */
function extrasOf({ shadow, balance, prefer, kinds = [], cache }: Body): readonly string[] {
  return [
    ...(balance === undefined ? [] : [balance]),
    ...(prefer === undefined ? [] : [`prefers ${prefer}`]),
    ...kinds.map(({ name, steps }) => `${name} to ${stepsText(steps)}`),
    ...(cache === undefined ? [] : [`keeps answers ${cache.seconds} s${cache.shared ? ", for everybody" : ""}`]),
    ...(cache?.semantic === undefined ? [] : [`also to what is ${cache.semantic.threshold} alike`]),
    ...(shadow === undefined ? [] : [`shadow ${shadow.model}, ${shadow.percent} %`]),
  ];
}

const quoted = (text: string): string => (/^[\w.:,/@+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

/** The options that say what a route is beyond its steps. */
export function optionsOf({
  shadow,
  balance,
  prefer,
  kinds = [],
  ensemble,
  cache,
}: Body): readonly (readonly [string, ...string[]])[] {
  return [
    ...(shadow === undefined ? [] : [["--shadow", `${shadow.model}:${shadow.percent}`] as const]),
    ...(balance === undefined ? [] : [["--balance", balance] as const]),
    ...(prefer === undefined ? [] : [["--prefer", prefer] as const]),
    ...(ensemble === undefined
      ? []
      : [ensemble.form === "vote" ? (["--vote"] as const) : ([`--${ensemble.form}`, ensemble.judge ?? ""] as const)]),
    ...(ensemble?.seconds === undefined ? [] : [["--members", String(ensemble.seconds)] as const]),
    ...(ensemble?.least === undefined ? [] : [["--least", String(ensemble.least)] as const]),
    ...(cache === undefined ? [] : [["--cache", String(cache.seconds)] as const]),
    ...(cache?.always === true ? [["--cache-always"] as const] : []),
    ...(cache?.shared === true ? [["--cache-shared"] as const] : []),
    ...(cache?.semantic === undefined
      ? []
      : [["--semantic", `${cache.semantic.model}:${cache.semantic.threshold}`] as const]),
    ...kinds.map((kind) => ["--kind", kindText(kind)] as const),
  ];
}

const commandOf = ({ name, ...route }: ModelRoute): string =>
  [
    "plexus routes set",
    ...[name, ...route.steps.map(stepText)].map((text) => quoted(withoutControls(text))),
    ...optionsOf(route).map(([option, ...values]) =>
      [option, ...values.map((text) => quoted(withoutControls(text)))].join(" "),
    ),
  ].join(" ");

const wrong = (text: string, form: string): PlexusError =>
  new PlexusError(failure("BAD_REQUEST", { reason: `${JSON.stringify(text)} is not of the form ${form}` }));

/** Names of models may hold colons: the weight is what stands behind the last, where that is a number. */
function readTarget(text: string): { readonly model: string; readonly weight: number } {
  const match = /^(.+):(\d+(?:\.\d+)?)$/.exec(text);
  const [, model = text, weight = "1"] = match ?? [];
  if (model === "") throw wrong(text, "MODEL or MODEL:WEIGHT");
  return { model, weight: Number(weight) };
}

/** `qwen` or `qwen:95,new:5`. A name that ends with a colon and digits (`llama3:8`) alone in its step is a name. */
export function readStep(text: string): RouteSteps[number] {
  const parts = text.split(",");
  const [only = ""] = parts;
  return parts.length === 1 ? [{ model: only, weight: 1 }] : parts.map(readTarget);
}

function readNumbered(text: string, form: string): { readonly model: string; readonly number: number } {
  const match = /^(.+):(\d+(?:\.\d+)?)$/.exec(text);
  if (match === null) throw wrong(text, form);
  const [, model = "", number = ""] = match;
  return { model, number: Number(number) };
}

const readCount = (text: string, form: string): number => {
  if (!/^\d{1,9}$/.test(text)) throw wrong(text, form);
  return Number(text);
};

/** A route of steps and options. Error: BAD_REQUEST. What only the node can judge (names of balances, bounds) it is
 *  sent as it is. */
export function readRoute(steps: readonly string[], flags: RouteFlags): Body {
  if (steps.length === 0) throw wrong("", "NAME STEP..., or NAME --file FILE");
  const shadow = flags.shadow === undefined ? undefined : readNumbered(flags.shadow, "MODEL:PERCENT");
  const ensemble = readEnsemble(flags);
  const cache = readCache(flags);
  const kinds = (flags.kind ?? []).map(readKind);
  return {
    steps: steps.map(readStep),
    ...(shadow && { shadow: { model: shadow.model, percent: shadow.number } }),
    ...(flags.balance !== undefined && { balance: flags.balance as Balance }),
    ...(flags.prefer !== undefined && { prefer: flags.prefer as Preference }),
    ...(ensemble && { ensemble }),
    ...(cache && { cache }),
    ...(kinds.length > 0 && { kinds }),
  };
}

function readEnsemble({ vote, bestOf, merge, members, least }: RouteFlags): EnsembleRow | undefined {
  const forms: readonly EnsembleRow[] = [
    ...(vote === true ? [{ form: "vote" as const }] : []),
    ...(bestOf === undefined ? [] : [{ form: "best-of" as const, judge: bestOf }]),
    ...(merge === undefined ? [] : [{ form: "merge" as const, judge: merge }]),
  ];
  const [form, second] = forms;
  if (second !== undefined) throw wrong("--vote, --best-of, --merge", "one of them");
  if (form === undefined) {
    if (members !== undefined || least !== undefined)
      throw wrong("--members, --least", "beside --vote, --best-of or --merge");
    return undefined;
  }
  return {
    ...form,
    ...(members !== undefined && { seconds: readCount(members, "--members SECONDS") }),
    ...(least !== undefined && { least: readCount(least, "--least COUNT") }),
  };
}

function readCache({ cache, cacheAlways, cacheShared, semantic }: RouteFlags): CacheRow | undefined {
  if (cache === undefined) {
    if (cacheAlways === true || cacheShared === true || semantic !== undefined)
      throw wrong("--cache-always, --cache-shared, --semantic", "beside --cache SECONDS");
    return undefined;
  }
  const alike =
    semantic === undefined ? undefined : readNumbered(semantic, "MODEL:LIKENESS, for example embedder:0.95");
  return {
    seconds: readCount(cache, "--cache SECONDS"),
    ...(cacheAlways === true && { always: true }),
    ...(cacheShared === true && { shared: true }),
    ...(alike && { semantic: { model: alike.model, threshold: alike.number } }),
  };
}

const kindForm = "NAME: CONDITION; CONDITION => STEP | STEP";
const flagsOfRule = { code: "code", tools: "tools", media: "media", json: "json" } as const;

/** `code: code; longer 2000 => coder`: a name, what must hold, and the models. What an expression matches stands last,
 *  since it may hold anything but ` => `. */
export function readKind(text: string): QuestionKind {
  const match = /^([^:]{1,64}):\s*(.+?)\s*=>\s*(.+)$/s.exec(text);
  if (match === null) throw wrong(text, kindForm);
  const [, name = "", conditions = "", steps = ""] = match;
  const [, plain = "", pattern] = /^(.*?)(?:(?:^|;\s*)matches\s+(.+))?$/s.exec(conditions) ?? [];
  const rules = plain
    .split(";")
    .map((one) => one.trim())
    .filter((one) => one !== "")
    .map((one) => readCondition(one, text));
  if (conditions.trim() === "") throw wrong(text, kindForm);
  const when: QuestionRule = Object.assign({}, ...rules, pattern === undefined ? {} : { pattern }) as QuestionRule;
  return { name: name.trim(), when, steps: steps.split("|").map((one) => readStep(one.trim())) };
}

function readCondition(text: string, whole: string): QuestionRule {
  const [, word = "", rest = ""] = /^(\S+)\s*(.*)$/s.exec(text) ?? [];
  const list = rest.split(",").map((one) => one.trim());
  const flag = Object.hasOwn(flagsOfRule, word) ? flagsOfRule[word as keyof typeof flagsOfRule] : undefined;
  if (flag !== undefined && rest === "") return { [flag]: true };
  if (word === "no" && Object.hasOwn(flagsOfRule, rest)) return { [rest]: false };
  if (word === "longer") return { charsMin: readCount(rest, "longer CHARACTERS") };
  if (word === "shorter") return { charsMax: readCount(rest, "shorter CHARACTERS") };
  if (word === "language" && rest !== "") return { languages: list as QuestionLanguage[] };
  if (word === "words" && rest !== "") return { words: list };
  const classes = word === "class" ? /^([^=\s]+)=(.+?)(?:\s*>=\s*(0?\.\d+|[01]))?$/s.exec(rest) : null;
  if (classes !== null) {
    const [, model = "", labels = "", least] = classes;
    const known = { model, labels: labels.split(",").map((one) => one.trim()) };
    return { classified: { ...known, ...(least !== undefined && { least: Number(least) }) } };
  }
  throw wrong(
    whole,
    `${kindForm}, with the conditions [no] code, [no] tools, [no] media, [no] json, longer N, shorter N, ` +
      "language de,fr, words a,b, class MODEL=LABEL,LABEL>=0.7, matches EXPRESSION",
  );
}

function kindText({ name, when, steps }: QuestionKind): string {
  const { charsMin, charsMax, languages, words, pattern, classified } = when;
  const conditions = [
    ...Object.values(flagsOfRule).flatMap((flag) =>
      when[flag] === undefined ? [] : [when[flag] ? flag : `no ${flag}`],
    ),
    ...(charsMin === undefined ? [] : [`longer ${charsMin}`]),
    ...(charsMax === undefined ? [] : [`shorter ${charsMax}`]),
    ...(languages === undefined ? [] : [`language ${languages.join(",")}`]),
    ...(words === undefined ? [] : [`words ${words.join(",")}`]),
    ...(classified === undefined
      ? []
      : [
          "class " +
            `${classified.model}=${classified.labels.join(",")}` +
            `${classified.least === undefined ? "" : `>=${classified.least}`}`,
        ]),
    ...(pattern === undefined ? [] : [`matches ${pattern}`]),
  ];
  return `${name}: ${conditions.join("; ")} => ${steps.map(stepText).join(" | ")}`;
}

/** A route as `plexus routes --json` prints it. */
async function readRouteFile(file: string, steps: readonly string[]): Promise<Body> {
  if (steps.length > 0) throw wrong(steps.join(" "), "NAME --file FILE: the steps are in the file");
  try {
    const { name: _, ...route } = JSON.parse(await readFile(file, "utf8")) as ModelRoute;
    return route;
  } catch (error) {
    throw new PlexusError(failure("BAD_REQUEST", { file, reason: (error as Error).message }));
  }
}
