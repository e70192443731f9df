/** `plexus endpoints`: servers with models. */
import { setTimeout as pause } from "node:timers/promises";
import { modelFromText } from "../../config/index.ts";
import { failure, PlexusError } from "../../protocols/errors.ts";
import type {
  Endpoint,
  EndpointCandidate,
  EndpointReport,
  EndpointSearch,
  EndpointsView,
  EndpointView,
  TestEndpoint,
} from "../../protocols/index.ts";
import { advised, callsTo, demand, findNode, type AdminFlags } from "../node/admin.ts";
import { cliLimits } from "../limits.ts";
import { forLook } from "../node/node-client.ts";
import type { Target } from "../node/target.ts";
import { exitCodes, paint, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { renderTable } from "../terminal/table.ts";

const view = async (target: Target): Promise<EndpointsView> => demand(await callsTo(forLook(target))("endpoints.list"));

/** `plexus endpoints`. */
export async function listEndpoints(flags: AdminFlags, output: Output): Promise<number> {
  const seen = await view(await findNode(flags));
  output.print(flags.json ? jsonLine(seen) : describeEndpoints(seen, output.color, output.columns));
  return exitCodes.ok;
}

/** What is to be added. */
export interface AddChoice {
  readonly name: string;
  /** `ADAPTER+URL[#MODEL]`; absent: the candidate of that name. */
  readonly address: string | undefined;
  readonly keyEnv: string | undefined;
  readonly keyFile: string | undefined;
  readonly keySecret: string | undefined;
  readonly contextTokens: number | undefined;
  readonly labels: Readonly<Record<string, string>>;
}

/** `plexus endpoints add`. Says what a short test finds; an endpoint that is away now is added all the same. */
export async function addEndpoint(flags: AdminFlags, choice: AddChoice, output: Output): Promise<number> {
  const target = await findNode(flags);
  const { name, address, keyEnv, keyFile, keySecret, contextTokens, labels } = choice;
  const place = address === undefined ? placeOf(await view(target), name) : readAddress(address);
  const body = {
    ...place,
    ...(keyEnv !== undefined && { key: { env: keyEnv } }),
    ...(keyFile !== undefined && { key: { file: keyFile } }),
    ...(keySecret !== undefined && { key: { secret: keySecret } }),
    ...(contextTokens !== undefined && { contextTokens }),
    ...(Object.keys(labels).length > 0 && { labels }),
  };
  const set = demand(await callsTo(target)("endpoints.set", { name, ...body }));
  if (flags.json) {
    output.print(jsonLine(set));
    return exitCodes.ok;
  }
  output.print(`Added: its models are ${withoutControls(name)}/MODEL, on every node with the role ai.`);
  const report = await test(target, { name, speed: false });
  output.print(describeReport(report, output.color));
  return exitCodes.ok;
}

/** `plexus endpoints remove`. */
export async function removeEndpoint(flags: AdminFlags, name: string, output: Output): Promise<number> {
  const removed = advised(await callsTo(await findNode(flags))("endpoints.remove", { name }), {
    NOT_FOUND: "`plexus endpoints` lists them; one of a configuration is removed there",
  });
  const endpoint = demand(removed);
  if (flags.json) output.print(jsonLine(endpoint));
  else output.print(`The endpoint is removed; calls under way end. To set it again: ${commandOf(endpoint)}`);
  return exitCodes.ok;
}

/** What is to be tried. */
export interface TestChoice {
  /** A name, or `ADAPTER+URL[#MODEL]`. */
  readonly endpoint: string;
  readonly model: string | undefined;
  readonly speed: boolean;
  readonly keyEnv: string | undefined;
  readonly keyFile: string | undefined;
  readonly keySecret: string | undefined;
}

/** `plexus endpoints test`. */
export async function testEndpoint(flags: AdminFlags, choice: TestChoice, output: Output): Promise<number> {
  const { endpoint, model, speed, keyEnv, keyFile, keySecret } = choice;
  const key =
    keyEnv !== undefined
      ? { env: keyEnv }
      : keyFile !== undefined
        ? { file: keyFile }
        : keySecret !== undefined
          ? { secret: keySecret }
          : undefined;
  const which = endpoint.includes("://")
    ? { endpoint: { ...readAddress(endpoint), ...(key && { key }) } }
    : { name: endpoint };
  const report = await test(await findNode(flags), { ...which, speed, ...(model !== undefined && { model }) });
  output.print(flags.json ? jsonLine(report) : describeReport(report, output.color));
  return report.ok ? exitCodes.ok : exitCodes.failed;
}

const test = async (target: Target, wanted: TestEndpoint): Promise<EndpointReport> =>
  demand(await callsTo({ ...target, timeoutMs: cliLimits.endpointTestMs })("endpoints.test", wanted));

/** `plexus endpoints find`. */
export async function findEndpoints(
  flags: AdminFlags,
  { range, ports }: { readonly range: string | undefined; readonly ports: readonly number[] },
  output: Output,
): Promise<number> {
  const target = await findNode(flags);
  const body = { ...(range !== undefined && { range }), ...(ports.length > 0 && { ports: [...ports] }) };
  const call = callsTo(target);
  const begun = demand(await call("endpoints.search", body));
  const cancel = (): void => void call("endpoints.endSearch", { id: begun.id });
  process.once("SIGINT", cancel);
  try {
    const live = !flags.json && process.stderr.isTTY;
    for (let search = begun; ;) {
      if (live) process.stderr.write(`\r\u001B[K${describeSearch(search)}`);
      if (search.id !== begun.id || search.state !== "running") break;
      await pause(cliLimits.pollMs / 2);
      search = (await view(target)).search ?? search;
    }
    if (live) process.stderr.write("\r\u001B[K");
  } finally {
    process.off("SIGINT", cancel);
  }
  const seen = await view(target);
  if (flags.json) output.print(jsonLine(seen));
  else {
    for (const problem of seen.search?.problems ?? []) output.printError(withoutControls(problem));
    const areKnown = seen.candidates.length === 0 && (seen.search?.found ?? 0) > 0;
    output.print(
      areKnown
        ? "All servers that were found are endpoints already: `plexus endpoints`."
        : describeCandidates(seen.candidates, output.color, output.columns),
    );
  }
  return seen.search?.state === "failed" ? exitCodes.failed : exitCodes.ok;
}

/** One line of progress. */
export const describeSearch = ({ range, asked, total, found }: EndpointSearch): string =>
  `${range === undefined ? "asks the network" : `asks ${withoutControls(range)}`}: ${asked} of ${total}, ` +
  `${found} found`;

/** The endpoints as a person reads them. */
export function describeEndpoints(
  { endpoints, candidates, node }: EndpointsView,
  color: boolean,
  width = Infinity,
): string {
  const parts: string[] = [];
  if (endpoints.length === 0)
    parts.push(
      "No endpoints. `plexus endpoints add NAME ollama+http://10.0.0.5:11434` adds one, `plexus endpoints find " +
        "192.168.1.0/24` looks for some.",
    );
  else {
    const rows = endpoints.map((one) => [
      withoutControls(one.name),
      paint(color, colors[one.state], one.state),
      withoutControls(
        one.server === undefined ? one.adapter : [one.server.kind, one.server.version].filter(Boolean).join(" "),
      ),
      withoutControls(one.url),
      String(one.models.length),
      withoutControls(one.key ?? "-"),
      one.from,
    ]);
    parts.push(
      renderTable(
        [
          { head: "Name" },
          { head: "State" },
          { head: "Server", leaves: 3 },
          { head: "Address", leaves: 4 },
          { head: "Models", align: "right" },
          { head: "Key", leaves: 1 },
          { head: "From", leaves: 2 },
        ],
        rows,
        { color, columns: width },
      ),
    );
    for (const { name, state, error } of endpoints)
      if (error !== undefined)
        parts.push(
          `${withoutControls(name)} is ${state}: ${withoutControls(wordsOf(error))}. \`plexus endpoints test ` +
            `${withoutControls(name)}\` says what helps.`,
        );
  }
  if (candidates.length > 0)
    parts.push(`Found by ${withoutControls(node)}, and used by nobody:`, describeCandidates(candidates, color, width));
  return parts.join("\n");
}

const colors = {
  asking: "yellow",
  ready: "green",
  failing: "red",
  away: "red",
  unasked: "dim",
  elsewhere: "dim",
} as const satisfies Record<EndpointView["state"], string>;

const wordsOf = ({ code, details }: NonNullable<EndpointView["error"]>): string =>
  typeof details?.["reason"] === "string" ? details["reason"] : code;

function describeCandidates(candidates: readonly EndpointCandidate[], color: boolean, width: number): string {
  if (candidates.length === 0) return "Nobody with models was found.";
  const rows = candidates.map(({ name, adapter, url, server, models, needsKey, by }) => [
    withoutControls(name),
    withoutControls([server.kind, server.version].filter(Boolean).join(" ")),
    withoutControls(`${adapter}+${url}`),
    withoutControls(needsKey ? "needs a key" : models.slice(0, 3).join(", ") + (models.length > 3 ? " …" : "")),
    by,
  ]);
  const table = renderTable(
    [
      { head: "Name" },
      { head: "Server", leaves: 2 },
      { head: "Address" },
      { head: "Models", leaves: 3 },
      { head: "By", leaves: 1 },
    ],
    rows,
    { color, columns: width },
  );
  return `${table}\n\`plexus endpoints add NAME\` takes one in: prompts then go there.`;
}

/** What a test found, one line a step. */
export function describeReport({ steps, server, url }: EndpointReport, color: boolean): string {
  const signs = { fine: ["green", "ok"], failed: ["red", "failed"], skipped: ["dim", "-"] } as const;
  const head =
    `${withoutControls(url)}` +
    `${server === undefined ? "" : `: ${withoutControls([server.kind, server.version].filter(Boolean).join(" "))}`}`;
  const lines = steps.map(({ step, state, says }) => {
    const [tone, sign] = signs[state];
    return `  ${paint(color, tone, sign.padEnd(7))} ${step.padEnd(10)} ${withoutControls(says)}`;
  });
  return [head, ...lines].join("\n");
}

function placeOf({ candidates }: EndpointsView, name: string): Pick<Endpoint, "adapter" | "url"> {
  const found = candidates.find((one) => one.name === name);
  if (found !== undefined) return { adapter: found.adapter, url: found.url };
  const hint = "give its address, ADAPTER+URL, or look for it: `plexus endpoints find`";
  throw new PlexusError(failure("NOT_FOUND", { candidate: name, hint }));
}

/** `ollama+http://10.0.0.5:11434`, `openai+https://api.openai.com/v1#gpt-4o-mini`. */
export function readAddress(text: string): Pick<Endpoint, "adapter" | "url" | "model"> {
  const { adapter, url, model } = modelFromText(text);
  if (adapter === undefined || url === undefined || text.includes(",")) {
    const reason = `${JSON.stringify(text)} is not of the form ADAPTER+URL[#MODEL], like ollama+http://10.0.0.5:11434`;
    throw new PlexusError(failure("BAD_REQUEST", { reason }));
  }
  return { adapter, url, ...(model !== undefined && { model }) };
}

const commandOf = ({ name, adapter, url, model = "*", key, labels = {}, contextTokens }: Endpoint): string =>
  [
    `plexus endpoints add ${name} ` +
      `'${withoutControls(`${adapter}+${url}${model === "*" ? "" : `#${model}`}`).replaceAll("'", `'\\''`)}'`,
    ...(key?.env === undefined ? [] : [`--key-env ${key.env}`]),
    ...(key?.file === undefined ? [] : [`--key-file ${key.file}`]),
    ...(key?.secret === undefined ? [] : [`--key-secret ${key.secret}`]),
    ...(contextTokens === undefined ? [] : [`--context ${contextTokens}`]),
    ...Object.entries(labels).map(([label, value]) => `--label ${withoutControls(`${label}=${value}`)}`),
  ].join(" ");
