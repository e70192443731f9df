/** Engines as a node with more models has them: the echo, and `seeing`, which sees, hears, writes down and draws by
 *  rote. */
import { ok, type EngineName, type EngineRequest, type ModelInfo, type Said } from "../../../../protocols/index.ts";
import { type Engines } from "../../../../runtimes/index.ts";
import { engineOf, everyEngine, type Engine } from "../../../../runtimes/engine.ts";
import { type EchoRuntime } from "../../../../runtimes/echo/echo.ts";

/** A picture of one pixel. */
export const pixel = Uint8Array.from(
  Buffer.from(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    "base64",
  ),
);

const name = "seeing";

/** Makes them. `note` is told of every call. */
export function seeing(echo: EchoRuntime, note: (engine: EngineName, request: EngineRequest) => void): Engines {
  const more = (capabilities: readonly string[]): ModelInfo => ({
    model: name,
    runtime: "rote",
    capabilities,
    contextTokens: 4_096,
    sizeBytes: 0,
    demonstration: true,
    state: "ready",
  });
  const says = <Name extends EngineName>(engine: Name, said: readonly Said<Name>[]): Engine<Name> => ({
    models: () => [more([engine])],
    watch: () => () => undefined,
    call(request, hear) {
      note(engine, request);
      // Like a cluster's: one that it does not have is not found.
      if (request.model !== name) return engineOf(everyEngine({}), engine).call(request, hear as (said: Said) => void);
      setImmediate(() => said.forEach(hear));
      return { cancel: () => undefined };
    },
  });
  return {
    ...echo.engines,
    generate: {
      models: () => [...echo.models(), more(["chat", "vision", "hearing"])],
      watch: () => () => undefined,
      call(request, hear) {
        note("generate", request);
        if (request.model !== name) return echo.call(request, hear);
        const messages = request.messages.map(({ media: _media, ...message }) => message);
        return echo.call({ ...request, model: "echo", messages }, hear);
      },
    },
    transcribe: says("transcribe", [
      { type: "part", part: { text: "hello", fromMs: 0, toMs: 500 } },
      { type: "part", part: { text: " there", fromMs: 500, toMs: 1_500 } },
      { type: "answered", result: ok({ language: "en", durationMs: 1_500 }) },
    ]),
    draw: says("draw", [
      {
        type: "answered",
        result: ok({ images: [1, 2].map(() => ({ type: "image", mediaType: "image/png", bytes: pixel })) }),
      },
    ]),
  };
}
