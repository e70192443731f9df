import { failure, type ErrorCode, type GenerationPart, type GenerationRequest } from "../../protocols/index.ts";
import type { Runtime } from "../../runtimes/runtime.ts";
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

/** The inference port on simulated time: a token now and then, every kind of ending, at most one ending each. */
export function simulatedRuntime(world: World, weather: RuntimeWeather, pulse: Pulse): Runtime {
  const running = new Map<number, () => void>();
  let started = 0;
  let stopping = false;

  const generate = (request: GenerationRequest, onPart: (part: GenerationPart) => void) => {
    const { dice } = world;
    const me = started;
    started += 1;
    const tokens = simulatedText(request.messages.at(-1)?.content ?? "");
    const failsAt = dice.chance(weather.failChance) ? dice.below(tokens.length + 1) : undefined;
    const code = stopping ? "STOPPING" : dice.pick(failures);
    let cancelled = false;
    let position = 0;
    const end = (part: GenerationPart) => {
      running.delete(me);
      onPart(part);
    };
    const step = () => {
      if (!pulse.alive || !running.has(me)) return;
      if (stopping || position === failsAt) return end({ type: "failed", error: failure(code) });
      const token = tokens[position];
      if (cancelled || token === undefined) {
        const how = cancelled ? "stopped" : "complete";
        return end({ type: "done", end: how, promptTokens: 1, completionTokens: position });
      }
      position += 1;
      onPart({ type: "text", text: token, tokens: 1 });
      world.after(dice.between(0, 2 * weather.tokenMs), step);
    };
    running.set(me, step);
    world.after(dice.between(0, 2 * weather.tokenMs), step);
    return {
      cancel: () => {
        cancelled = true;
      },
    };
  };

  return {
    models: () => [
      { model: "simulated", runtime: "echo", contextTokens: 4096, sizeBytes: 0, demonstration: true, state: "ready" },
    ],
    generate,
    stop: () =>
      new Promise((resolve) => {
        stopping = true;
        for (const step of running.values()) world.after(0, step);
        world.after(1, () => {
          if (pulse.alive) resolve();
        });
      }),
  };
}
