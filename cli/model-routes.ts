/** `plexus routes`: names that stand for several models. */
import { failure, PlexusError } from "../protocols/errors.ts";
import type { ModelRoute } from "../protocols/index.ts";
import { demand, findNode, type AdminFlags } from "./admin.ts";
import { callNode, forLook } from "./node-client.ts";
import { exitCodes, type Output } from "./output.ts";
import { jsonLine, withoutControls } from "./printable.ts";
import { renderTable } from "./table.ts";

const path = "/api/v1/admin/model-routes";
const pathOf = (name: string): string => `${path}/${encodeURIComponent(name)}`;

type Steps = ModelRoute["steps"];

/** `plexus routes`. With --json one line a route. */
export async function listRoutes(flags: AdminFlags, output: Output): Promise<number> {
  const target = forLook(await findNode(flags));
  const { routes } = demand(await callNode<{ readonly routes: readonly ModelRoute[] }>(target, "GET", path));
  if (flags.json) for (const route of routes) output.print(jsonLine(route));
  else output.print(describeRoutes(routes, output.color, output.columns));
  return exitCodes.ok;
}

/** `plexus routes set`. */
export async function setRoute(
  flags: AdminFlags,
  {
    name,
    steps,
    shadow,
  }: { readonly name: string; readonly steps: readonly string[]; readonly shadow: string | undefined },
  output: Output,
): Promise<number> {
  const body = { steps: steps.map(readStep), ...(shadow !== undefined && { shadow: readShadow(shadow) }) };
  const route = demand(await callNode<ModelRoute>(await findNode(flags), "PUT", pathOf(name), body));
  output.print(flags.json ? jsonLine(route) : `${withoutControls(name)} stands for ${wordsOf(route.steps)} now.`);
  return exitCodes.ok;
}

/** `plexus routes remove`. */
export async function removeRoute(flags: AdminFlags, name: string, output: Output): Promise<number> {
  const route = demand(await callNode<ModelRoute>(await findNode(flags), "DELETE", pathOf(name)));
  if (flags.json) output.print(jsonLine(route));
  else output.print(`The route is removed. This brings it back: ${commandOf(route)}`);
  return exitCodes.ok;
}

/** The routes as a person reads them. */
export function describeRoutes(routes: readonly ModelRoute[], color: boolean, width = Infinity): string {
  if (routes.length === 0) return "No routes. `plexus routes set NAME MODEL FALLBACK` makes a name stand for models.";
  const rows = routes.map(({ name, steps, shadow }) => [
    withoutControls(name),
    withoutControls(wordsOf(steps)),
    withoutControls(shadow === undefined ? "" : `${shadow.model}, ${shadow.percent} %`),
  ]);
  return renderTable([{ head: "Name" }, { head: "Stands for" }, { head: "Shadow", leaves: 1 }], rows, {
    color,
    columns: width,
  });
}

const stepText = (step: Steps[number]): string => {
  const [only, ...more] = step;
  if (only !== undefined && more.length === 0) return only.model;
  return step.map(({ model, weight }) => `${model}:${weight}`).join(",");
};

const wordsOf = (steps: Steps): string => steps.map(stepText).join(", else ");

const quoted = (text: string): string => (/^[\w.:,/@+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

const commandOf = ({ name, steps, shadow }: ModelRoute): string =>
  [
    "plexus routes set",
    ...[name, ...steps.map(stepText)].map((text) => quoted(withoutControls(text))),
    ...(shadow === undefined ? [] : [`--shadow ${quoted(withoutControls(`${shadow.model}:${shadow.percent}`))}`]),
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
export function readStep(text: string): Steps[number] {
  const parts = text.split(",");
  const [only = ""] = parts;
  return parts.length === 1 ? [{ model: only, weight: 1 }] : parts.map(readTarget);
}

function readShadow(text: string): NonNullable<ModelRoute["shadow"]> {
  const match = /^(.+):(\d{1,3})$/.exec(text);
  if (match === null) throw wrong(text, "MODEL:PERCENT");
  const [, model = "", percent = ""] = match;
  return { model, percent: Number(percent) };
}
