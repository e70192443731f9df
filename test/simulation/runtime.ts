import { failure, ok, refused, type ErrorCode, type Said } from "../../protocols/index.ts";
import type { Engine } from "../../runtimes/engine.ts";
import type { Pulse, World } from "../world/index.ts";

/** How the model behaves. */
export interface RuntimeWeather {
  /** Probability that a generation ends in `failed`. */
  failChance: number;
  tokenMs: number;
}

const failures: readonly ErrorCode[] = [
  "QUEUE_FULL", // not_started
  "GENERATION_TIMEOUT", // failed
  "RUNTIME_FAULT", // unknown
];

/** The text that the simulated model writes for a prompt: a checker can tell whether an answer is whole. */
export const simulatedText = (prompt: string): string[] =>
  Array.from({ length: 2 + (prompt.length % 5) }, (_, index) => `${prompt}.${index} `);

/** How often the simulated model calls a tool before it answers a prompt. `always`: it does so even when it may not.
 *  `never`: it is one that cannot call any, and its node leaves tools out. Decided by the prompt, so that every attempt
 *  at an answer has the same fate. */
export function simulatedCalls(prompt: string): number | "always" | "never" {
  const sum = hashOf(prompt);
  return sum % 8 === 7 ? "always" : sum % 8 === 6 ? "never" : sum % 4;
}

const hashOf = (prompt: string): number =>
  Array.from(prompt, (character) => character.codePointAt(0) ?? 0).reduce((all, code) => all + code, 0);

/** Whether the simulated model can go on with an answer to this prompt that others have begun. */
const continues = (prompt: string): boolean => hashOf(prompt) % 3 !== 0;

/** The longest pause between two tokens of an answer to this prompt: some that need no tools take long enough to be
 *  noted before their end. */
const pauseMs = (prompt: string, tokenMs: number): number =>
  simulatedCalls(prompt) === 0 && hashOf(prompt) % 10 === 0 ? 2_000 : 2 * tokenMs;

/** What it calls: a sum whose result is known. */
const simulatedCall = (round: number) => ({
  id: "same",
  name: "calculator",
  arguments: JSON.stringify({ expression: `${round} + ${round}` }),
});

/** The engine `generate` on simulated time: a token now and then, every kind of ending, at most one ending each. */
export function simulatedRuntime(world: World, weather: RuntimeWeather, pulse: Pulse): Engine<"generate"> {
  const running = new Map<number, () => void>();
  let started = 0;

  const call: Engine<"generate">["call"] = (request, hear) => {
    const { dice } = world;
    const me = started;
    started += 1;
    const { messages, tools = [], toolChoice, ifAble = [] } = request;
    const prompt = messages.findLast(({ role }) => role === "user")?.content ?? "";
    const rounds = messages.filter(({ calls }) => calls !== undefined).length;
    const wanted = tools.length === 0 ? 0 : simulatedCalls(prompt);
    const calls = wanted === "always" || (wanted !== "never" && rounds < wanted && toolChoice !== "none");
    const whole = calls ? "Let me see." : simulatedText(prompt).join("");
    const last = messages.at(-1);
    const begun = last?.continues === true ? last.content : "";
    if (!whole.startsWith(begun)) world.violate("call-whole", `"${begun}" is no beginning of "${whole}"`);
    const rest = whole.slice(begun.length);
    // With calls there is one part, if only for them.
    const tokens = calls ? [rest] : (rest.match(/\S*\s?/gu) ?? []).filter((token) => token !== "");
    const failsAt = dice.chance(weather.failChance) ? dice.below(tokens.length + 1) : undefined;
    const code = dice.pick(failures);
    let cancelled = false;
    let position = 0;
    const end = (said: Said<"generate">) => {
      running.delete(me);
      hear(said);
    };
    const step = () => {
      if (!pulse.alive || !running.has(me)) return;
      if (begun !== "" && !continues(prompt))
        return end({ type: "answered", result: refused(failure("MODEL_UNSUPPORTED", { capability: "continue" })) });
      if (position === failsAt) return end({ type: "answered", result: refused(failure(code)) });
      const token = tokens[position];
      if (cancelled || token === undefined) {
        const how = cancelled ? "stopped" : calls ? "calls" : "complete";
        const without = wanted === "never" && ifAble.includes("tools") ? { without: ["tools" as const] } : {};
        return end({
          type: "answered",
          result: ok({ end: how, promptTokens: 1, completionTokens: position, ...without }),
        });
      }
      position += 1;
      hear({ type: "part", part: { text: token, tokens: 1, ...(calls && { calls: [simulatedCall(rounds)] }) } });
      world.after(dice.between(0, pauseMs(prompt, weather.tokenMs)), step);
    };
    running.set(me, step);
    world.after(dice.between(0, pauseMs(prompt, weather.tokenMs)), step);
    return {
      cancel: () => {
        cancelled = true;
      },
    };
  };

  return {
    models: () => [
      {
        model: "simulated",
        runtime: "simulated",
        capabilities: ["chat", "tools", "continue"],
        contextTokens: 4096,
        sizeBytes: 0,
        demonstration: true,
        state: "ready",
        // In a cluster, so few that calls go to others.
        places: 1,
      },
    ],
    watch: () => () => undefined,
    call,
  };
}
