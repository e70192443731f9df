/** Words of the page of the configuration. */
import type { SettingAtNode } from "../../../../../protocols/index.ts";

/** Other admins act, and nodes start. */
export const lookMs = 10_000;
export const configurationKey = ["configuration"];

const sources: Readonly<Record<string, string>> = {
  default: "built in",
  file: "set in the node’s file",
  cluster: "set for all nodes",
  node: "set for this node",
  environment: "set in the environment",
  flags: "set by a flag",
};
/** Where a value comes from. */
export const sourceText = ({ source, at }: Pick<SettingAtNode, "source" | "at">): string =>
  source === "environment" && at !== undefined ? `set in the environment: ${at}` : (sources[source] ?? source);

/** A value, for people. */
export function valueText(value: unknown): string {
  if (value === undefined || value === "") return "nothing";
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value.join(", ") || "nothing";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A schema, as far as the editor looks. */
export interface Shape {
  readonly type?: string;
  readonly const?: unknown;
  readonly anyOf?: readonly Shape[];
}

/** The words of which a key takes one; undefined: it takes something else. */
export function choicesOf({ type, anyOf }: Shape): readonly string[] | undefined {
  if (type === "boolean") return ["true", "false"];
  const words = anyOf?.map((one) => one.const);
  return words?.every((one) => typeof one === "string") === true ? words : undefined;
}

/** A value as it is written in the field. */
export const fieldText = (value: unknown): string =>
  value === undefined
    ? ""
    : Array.isArray(value)
      ? value.join(", ")
      : typeof value === "string"
        ? value
        : JSON.stringify(value);

/** What is written in the field, as the key takes it. What is none is sent as it is: the node says what is wrong with
 *  it. */
export function valueFrom({ type }: Shape, text: string): unknown {
  const plain = text.trim();
  switch (type) {
    case "integer":
    case "number":
      return plain !== "" && !Number.isNaN(Number(plain)) ? Number(plain) : plain;
    case "boolean":
      return plain === "true" ? true : plain === "false" ? false : plain;
    case "array":
      return plain === "" ? [] : plain.split(",").map((part) => part.trim());
    case "object":
      try {
        return JSON.parse(plain) as unknown;
      } catch {
        return plain;
      }
    default:
      return plain;
  }
}
