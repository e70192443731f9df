/** The tools that an agent runs itself: each a pure function of what it is given and of the turn's time. */
import {
  agentTools,
  cleaned,
  cut,
  parseWithin,
  type AgentTool,
  type CalledTool,
  type Tool,
  type ToolCall,
} from "../../protocols/index.ts";
import { actorLimits as limits } from "../limits.ts";
import { calculate, calculatorNames, numeral } from "./calculator.ts";

type Outcome = { readonly result: string } | { readonly fault: string };
type Given = Readonly<Record<string, unknown>>;

interface Row {
  readonly tool: Tool;
  run(given: Given, nowMs: number): Outcome;
}

const rows: Readonly<Record<AgentTool, Row>> = {
  clock: {
    tool: {
      name: "clock",
      description: "Tells the date, the weekday and the time of day",
      parameters: {
        type: "object",
        properties: { timeZone: { type: "string", description: "As in Europe/Paris; UTC if it is left out" } },
        additionalProperties: false,
      },
    },
    run: ({ timeZone = "UTC" }, nowMs) =>
      typeof timeZone === "string" ? timeIn(timeZone, nowMs) : { fault: "timeZone must be a text" },
  },
  calculator: {
    tool: {
      name: "calculator",
      description: `Calculates with + - * / % ^ and parentheses, and with ${calculatorNames.join(", ")}`,
      parameters: {
        type: "object",
        properties: { expression: { type: "string", description: "As in (2 + 3) * sqrt(16)" } },
        required: ["expression"],
        additionalProperties: false,
      },
    },
    run({ expression }) {
      if (typeof expression !== "string") return { fault: "expression must be a text" };
      const calculated = calculate(expression);
      return "fault" in calculated ? calculated : { result: numeral(calculated.value) };
    },
  },
};

/** The declarations of the allowed ones, for a model. */
export const declared = (allowed: readonly AgentTool[] = agentTools): readonly Tool[] =>
  agentTools.filter((name) => allowed.includes(name)).map((name) => rows[name].tool);

const charsByTool = Object.fromEntries(
  agentTools.map((name) => [name, JSON.stringify(rows[name].tool).length]),
) as Readonly<Record<AgentTool, number>>;

/** Characters of these declarations as JSON, with what is around and between them. Of each answer it is asked several
 *  times. */
export const declaredChars = (allowed: readonly AgentTool[] = agentTools): number =>
  Math.max(
    2,
    agentTools.reduce((sum, name) => (allowed.includes(name) ? sum + charsByTool[name] + 1 : sum), 1),
  );

/** Runs the calls of one time, as many as may be; the first that is too many is told so for all of them. What a model
 *  wrote is not trusted: a call that is not right is told so. */
export const runCalls = (
  calls: readonly ToolCall[],
  allowed: readonly AgentTool[] | undefined,
  nowMs: number,
): readonly CalledTool[] =>
  calls
    .slice(0, limits.toolCallsMax + 1)
    .map((call, index) => runCall(call, allowed, nowMs, index >= limits.toolCallsMax));

function runCall(
  call: ToolCall,
  allowed: readonly AgentTool[] = agentTools,
  nowMs: number,
  isTooMany: boolean,
): CalledTool {
  const name = cleaned(cut(call.name, limits.toolArgumentsCharsMax), "line");
  const isTooLong = call.arguments.length > limits.toolArgumentsCharsMax;
  const given = isTooLong ? undefined : objectIn(call.arguments);
  const known = agentTools.find((tool) => tool === name && allowed.includes(tool));
  const outcome: Outcome = isTooMany
    ? { fault: `only ${limits.toolCallsMax} calls at a time are run` }
    : known === undefined
      ? { fault: `there is no tool ${name}` }
      : given === undefined
        ? { fault: isTooLong ? "the arguments are too long" : "the arguments must be a JSON object" }
        : rows[known].run(given, nowMs);
  const result = "fault" in outcome ? `Error: ${outcome.fault}` : outcome.result;
  return {
    name,
    // What goes back to a model's template must be JSON in any case.
    arguments: given === undefined ? "{}" : cleaned(JSON.stringify(given), "line"),
    result: cleaned(cut(result, limits.toolResultCharsMax), "line"),
    ...("fault" in outcome && { failed: true as const }),
  };
}

function objectIn(json: string): Given | undefined {
  try {
    const value = parseWithin(json === "" ? "{}" : json);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Given) : undefined;
  } catch {
    return undefined;
  }
}

function timeIn(timeZone: string, nowMs: number): Outcome {
  try {
    const format = new Intl.DateTimeFormat("en-GB", {
      timeZone,
      weekday: "long",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      hourCycle: "h23",
      timeZoneName: "longOffset",
    });
    const parts = new Map(format.formatToParts(nowMs).map(({ type, value }) => [type, value]));
    const of = (type: Intl.DateTimeFormatPartTypes): string => parts.get(type) ?? "";
    const offset = of("timeZoneName").replace("GMT", "") || "+00:00";
    const date = `${of("year")}-${of("month")}-${of("day")}`;
    return {
      result: `${of("weekday")}, ${date}T${of("hour")}:${of("minute")}:${of("second")}${offset} (${timeZone})`,
    };
  } catch {
    return { fault: `"${cut(timeZone, 64)}" is not a time zone; an example is Europe/Paris` };
  }
}
