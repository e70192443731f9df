import type { ModelInfo } from "../../protocols/index.ts";
import { pageHint } from "./installation.ts";
import { counted, describeBytes, paint } from "../terminal/output.ts";
import { withoutControls } from "../terminal/printable.ts";

/** What a person should know about a node that has just started. */
interface Started {
  readonly version: string;
  /** Where the person who started it finds it. */
  readonly url: string;
  /** Where others find it, if that is elsewhere. */
  readonly outwardUrl?: string;
  /** Whether there is a page at that address. */
  readonly hasPage: boolean;
  readonly adminCode?: string;
  readonly models: readonly ModelInfo[];
  readonly dataFolder: string;
  readonly color: boolean;
  /** What a person types to start a node: `npm start --` or `plexus up`. */
  readonly startCommand: string;
  /** Name and roles, of a node that is not a whole cluster by itself. */
  readonly node?: string;
  /** How many more nodes must join before anything can be written. */
  readonly nodesMissing: number;
  /** False: the directory has not answered yet, and nothing is served until it has. */
  readonly joined: boolean;
  /** Whether it runs models; other nodes do where it does not. */
  readonly ai: boolean;
}

/** The text a person sees when the node is ready. */
export function banner(started: Started): string {
  const { color, url, adminCode, models, version, dataFolder, startCommand } = started;
  const others = started.outwardUrl === undefined ? [] : [`From other machines: ${started.outwardUrl}`];
  const rows: (readonly [label: string, value: string, ...more: string[]])[] = [
    started.hasPage
      ? ["Open", paint(color, ["bold", "cyan"], url), ...others]
      : ["API", paint(color, ["bold", "cyan"], url), ...others, `${pageHint}.`],
    ...(adminCode === undefined
      ? []
      : ([
          [
            "Admin code",
            paint(color, ["bold", "yellow"], adminCode),
            "Enter it when you create the first account: that account becomes the admin.",
          ],
        ] as const)),
    ...models.map((model, index) => describeModel(model, { first: index === 0, startCommand, color })),
    ...(models.length === 0
      ? [["Model", started.ai ? noModel(startCommand) : "none here: nodes with the role ai run models"] as const]
      : []),
    ...(started.node === undefined ? [] : [["Node", withoutControls(started.node)] as const]),
    ["Data", dataFolder],
    ...(started.nodesMissing === 0 ? [] : [describeWait(started.nodesMissing, color)]),
  ];
  const lines = rows.flatMap(([label, value, ...more]) => [
    `  ${label.padEnd(12)}${value}`,
    ...more.map((line) => `  ${"".padEnd(12)}${paint(color, "dim", line)}`),
  ]);
  const state = started.joined
    ? paint(color, "bold", `Plexus ${version} is ready.`)
    : paint(
        color,
        "yellow",
        `Plexus ${version} runs, but serves nothing yet: the cluster's directory has not answered. \`plexus ` +
          `nodes\` says why.`,
      );
  return ["", `  ${state} Ctrl-C stops it.`, "", ...lines, ""].join("\n");
}

function describeWait(missing: number, color: boolean): readonly [string, string, ...string[]] {
  const what = `for ${counted(missing, "more node")}: minInSync requires them, and until then commands are refused.`;
  return ["Waiting", paint(color, "yellow", what), "`plexus invite` prints how to start one."];
}

const noModel = (startCommand: string): string =>
  `none, so agents will not answer. Add one: ${startCommand} --model path/to/model.gguf`;

function describeModel(
  model: ModelInfo,
  at: { readonly first: boolean; readonly startCommand: string; readonly color: boolean },
): readonly [string, string, ...string[]] {
  const label = at.first ? "Model" : "";
  if (model.state === "failed") {
    const value = withoutControls(`${model.model} could not be loaded: ${model.reason ?? "see the log"}`);
    return [label, paint(at.color, "red", value), "Agents that use it will not answer. `plexus doctor` checks models."];
  }
  const facts = [
    // Not every model has a file.
    ...(model.sizeBytes === 0 ? [] : [describeBytes(model.sizeBytes)]),
    ...(model.contextTokens === 0 ? [] : [`context ${model.contextTokens} tokens`]),
    ...(model.node === undefined ? [] : [`on ${withoutControls(model.node)}`]),
    ...(model.state === "loading" ? ["loading"] : []),
    ...(model.state === "idle" ? ["loaded when it is used"] : []),
  ];
  const value = `${withoutControls(model.model)}${facts.length === 0 ? "" : ` (${facts.join(", ")})`}`;
  if (model.label === undefined) return [label, value];
  return [label, value, model.label.says, `For real answers: ${at.startCommand} --model path/to/model.gguf`];
}
