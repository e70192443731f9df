/** `plexus config`: the configuration of the nodes, as the cluster has it. */
import { fields, settingFromText } from "../../config/index.ts";
import { failure, PlexusError } from "../../protocols/errors.ts";
import type {
  NodeEffects,
  OperationInput,
  SettingAtNode,
  SettingsHistory,
  SettingsPlan,
  SettingsView,
} from "../../protocols/index.ts";
import { callsTo, demand, findNode, operate, type AdminFlags } from "../node/admin.ts";
import { forLook } from "../node/node-client.ts";
import { exitCodes, paint, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { didYouMean } from "../models/suggest.ts";
import { renderTable } from "../terminal/table.ts";

/** What a change is for, and whether it is only looked at. */
export interface ConfigChoice {
  /** Undefined: all nodes. */
  readonly node: string | undefined;
  readonly dryRun: boolean;
}

const look = async (flags: AdminFlags): Promise<SettingsView> =>
  demand(await callsTo(forLook(await findNode(flags)))("configuration.show"));

const text = (value: unknown): string =>
  value === undefined ? "" : withoutControls(typeof value === "string" ? value : JSON.stringify(value));

/** The key, or an error with one that is meant. Error: BAD_REQUEST. */
function known(key: string): string {
  if (fields.some(({ name }) => name === key)) return key;
  const meant = didYouMean(
    key,
    fields.map(({ name }) => name),
  );
  throw new PlexusError(
    failure("BAD_REQUEST", {
      path: key,
      problem: "there is no setting with this name",
      ...(meant !== undefined && { hint: meant }),
    }),
  );
}

const sources: Readonly<Record<string, string>> = { node: "cluster, for this node", flags: "flag" };
const sourceOf = ({ source, at }: SettingAtNode): string =>
  `${sources[source] ?? source}${at === undefined ? "" : ` (${withoutControls(at)})`}`;

function remarks(one: SettingAtNode): string {
  const later = one.next && `after a restart: ${text(one.next.value)}`;
  const refused = one.notApplied && `the cluster's value is not used: ${withoutControls(one.notApplied)}`;
  return [later, refused].filter((part) => part !== undefined).join("; ");
}

/** `plexus config list`. */
export async function listConfig(
  flags: AdminFlags,
  { node, all }: { readonly node: string | undefined; readonly all: boolean },
  output: Output,
): Promise<number> {
  const view = await look(flags);
  if (flags.json) output.print(jsonLine(view));
  else output.print(describeConfig(view, { node, all }, output));
  return exitCodes.ok;
}

/** What `plexus config list` prints: keys of one node. */
export function describeConfig(
  { nodes }: Pick<SettingsView, "nodes">,
  { node, all }: { readonly node: string | undefined; readonly all: boolean },
  output: Pick<Output, "color" | "columns">,
): string {
  const shown = node === undefined ? nodes[0] : nodes.find((one) => one.node === node);
  if (shown === undefined) throw new PlexusError(failure("NOT_FOUND", { node: node ?? "" }));
  if (shown.unknown !== undefined)
    return `No answer from ${withoutControls(shown.node)}: ${withoutControls(shown.unknown)}`;
  const rows = shown.settings
    .filter((one) => all || one.source !== "default" || one.next !== undefined || one.notApplied !== undefined)
    .map((one) => [one.key, text(one.value), sourceOf(one), remarks(one)]);
  const table =
    rows.length === 0
      ? "Every key has its default."
      : renderTable(
          [{ head: "Key" }, { head: "Value", wraps: true }, { head: "From", leaves: 1 }, { head: "", wraps: true }],
          rows,
          output,
        );
  const rest = all ? "" : "\nKeys that have their default are left out; --all shows them.";
  return `${paint(output.color, "bold", withoutControls(shown.node))}\n${table}${rest}`;
}

/** `plexus config show`. */
export async function showConfig(flags: AdminFlags, key: string, output: Output): Promise<number> {
  known(key);
  const view = await look(flags);
  const kind = view.keys.find((one) => one.key === key);
  const nodes = view.nodes.map(({ node, unknown, settings }) => ({
    node,
    unknown,
    at: settings.find((one) => one.key === key),
  }));
  const set = view.scopes.flatMap(({ node, values }) => {
    const one = values[key];
    return one === undefined ? [] : [{ for: node ?? "all nodes", ...one }];
  });
  if (flags.json) {
    output.print(jsonLine({ ...kind, set, nodes }));
    return exitCodes.ok;
  }
  const lines = [
    `${paint(output.color, "bold", key)}: ${withoutControls(kind?.says ?? "")}`,
    `environment: ${kind?.variable ?? ""}; a running node ` +
      `${kind?.live === true ? "takes a change" : "needs a restart"}`,
    ...(kind?.own === undefined ? [] : [`not set by the cluster: ${withoutControls(kind.own)}`]),
    ...set.map(
      (one) =>
        `set for ${withoutControls(one.for)}: ${text(one.value)}, by ${withoutControls(one.by)} at ` +
        `${new Date(one.atMs).toISOString()}`,
    ),
    ...nodes.map(({ node, unknown, at }) => {
      if (at === undefined)
        return `${withoutControls(node)}: not known: ${withoutControls(unknown ?? "it has no such key")}`;
      const more = remarks(at);
      return (
        `${withoutControls(node)}: ${text(at.value) || "nothing"}, from ` +
        `${sourceOf(at)}${more === "" ? "" : `; ${more}`}`
      );
    }),
  ];
  output.print(lines.join("\n"));
  return exitCodes.ok;
}

/** `plexus config set`. */
export async function setConfig(
  flags: AdminFlags,
  { key, value, ...choice }: ConfigChoice & { readonly key: string; readonly value: string },
  output: Output,
): Promise<number> {
  return change(flags, choice, { set: { [known(key)]: settingFromText(key, value) } }, output);
}

/** `plexus config unset`. */
export const unsetConfig = (
  flags: AdminFlags,
  { key, ...choice }: ConfigChoice & { readonly key: string },
  output: Output,
): Promise<number> => change(flags, choice, { unset: [key] }, output);

async function change(
  flags: AdminFlags,
  { node, dryRun }: ConfigChoice,
  body: Pick<OperationInput<"configuration.set">, "set" | "unset">,
  output: Output,
): Promise<number> {
  const of = node === undefined ? {} : { node };
  const plan = dryRun
    ? await operate(flags, "configuration.plan", { ...of, ...body })
    : await operate(flags, "configuration.set", { ...of, ...body, revision: await revisionOf(flags, node) });
  output.print(flags.json ? jsonLine(plan) : describePlan(plan, dryRun));
  return exitCodes.ok;
}

/** The revision that a change follows: one that somebody makes in between is not overwritten. */
async function revisionOf(flags: AdminFlags, node: string | undefined): Promise<number> {
  return (await operate(flags, "configuration.history", node === undefined ? {} : { node })).revision;
}

const effectText = ({ node, effects, unknown }: NodeEffects): readonly string[] => {
  const name = withoutControls(node);
  if (unknown !== undefined) return [`${name}: not known: ${withoutControls(unknown)}`];
  return effects.map(({ key, before, after, takes, why }) => {
    const what = takes === "none" ? "stays as it is" : `${text(before) || "nothing"} → ${text(after) || "nothing"}`;
    const when = takes === "now" ? ", at once" : takes === "restart" ? ", needs a restart" : "";
    return `${name}: ${key}: ${what}${when}${why === undefined ? "" : ` (${withoutControls(why)})`}`;
  });
};

/** What is printed of a change, or of one that is only looked at. */
export function describePlan({ changes, nodes, revision }: SettingsPlan, dryRun: boolean): string {
  const lines = nodes.flatMap(effectText);
  if (dryRun)
    return [
      changes.length === 0 ? "Nothing would change." : "It would do this. Nothing is changed yet.",
      ...lines,
    ].join("\n");
  return [`Changed; this is revision ${revision}.`, ...lines].join("\n");
}

/** `plexus config history`. */
export async function configHistory(flags: AdminFlags, node: string | undefined, output: Output): Promise<number> {
  const history = await operate(flags, "configuration.history", node === undefined ? {} : { node });
  output.print(flags.json ? jsonLine(history) : describeHistory(history));
  return exitCodes.ok;
}

/** What `plexus config history` prints. */
export function describeHistory({ changes, cut }: SettingsHistory): string {
  if (changes.length === 0) return "Nothing was changed.";
  const lines = changes.flatMap(({ revision, atMs, by, backTo, changes: keys }) => [
    `${revision}  ${new Date(atMs).toISOString()}  ` +
      `${withoutControls(by)}${backTo === undefined ? "" : `, back to ${backTo}`}`,
    ...keys.map(({ key, before, after }) => `    ${key}: ${text(before) || "not set"} → ${text(after) || "not set"}`),
  ]);
  return [...lines, ...(cut ? ["Older changes are in the audit alone."] : [])].join("\n");
}

/** `plexus config rollback`. */
export async function rollBackConfig(
  flags: AdminFlags,
  { to, node, dryRun }: ConfigChoice & { readonly to: number },
  output: Output,
): Promise<number> {
  const of = node === undefined ? {} : { node };
  const plan = dryRun
    ? await operate(flags, "configuration.plan", { ...of, to })
    : await operate(flags, "configuration.rollBack", { ...of, to, revision: await revisionOf(flags, node) });
  output.print(flags.json ? jsonLine(plan) : describePlan(plan, dryRun));
  return exitCodes.ok;
}
