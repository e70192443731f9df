/** Models of other servers, loaded and called as their worker does it, without a thread. */
import type { EngineName, EnginePart, EngineRequest } from "../../../../protocols/index.ts";
import type { Ended, Flow, LoadedModel, ModelSpec } from "../../../../runtimes/adapter.ts";
import { adapterOf } from "../../../../runtimes/adapters.ts";

/** Loads the model of a spec; throws the reason where it fails. */
export async function loadRemote(spec: Partial<ModelSpec> & Pick<ModelSpec, "adapter" | "endpoint">): Promise<{
  readonly model: LoadedModel;
  readonly warnings: readonly string[];
}> {
  const whole: ModelSpec = { name: "m", path: "", ...spec };
  const adapter = adapterOf(whole);
  const inquiry = {
    spec: whole,
    fileBytes: 0,
    found: undefined,
    machine: { cores: 2, memoryBytes: 8e9 },
    models: 1,
    freeBytes: 1e9,
  };
  const verdict = adapter.plan(inquiry);
  if (verdict.type === "refused") throw new Error(verdict.reason);
  const result = await adapter.load(whole, verdict.plan);
  if (result.type === "failed") throw new Error(result.reason);
  return result;
}

/** A call of a loaded model, with what it said. */
export interface Heard<Name extends EngineName> {
  readonly parts: readonly EnginePart<Name>[];
  readonly ended: Promise<Ended<Name>>;
  /** Resolves with the first part. */
  readonly first: Promise<EnginePart<Name>>;
  cancel(): void;
  /** Lets the receiver take no more, until it is called again. */
  pause(): () => void;
}

/** Calls an engine of a loaded model as its worker does. */
export function ask<Name extends EngineName>(
  model: LoadedModel,
  engine: Name,
  request: Partial<EngineRequest<Name>>,
): Heard<Name> {
  const parts: EnginePart<Name>[] = [];
  const first = Promise.withResolvers<EnginePart<Name>>();
  let cancelled = false;
  let onCancel: () => void = () => undefined;
  let paused: Promise<void> | undefined;
  const flow: Flow<Name> = {
    get cancelled() {
      return cancelled;
    },
    part(part) {
      parts.push(part);
      first.resolve(part);
    },
    ready: () => paused,
    onCancel(callback) {
      onCancel = callback;
      if (cancelled) callback();
    },
  };
  const serve = model.serves[engine];
  if (serve === undefined) throw new Error(`the model does not ${engine}`);
  const whole = {
    id: "call",
    model: "m",
    timeoutMs: 20_000,
    messages: [{ role: "user", content: "Hi" }],
    sampling: {},
  };
  const ended = serve({ ...whole, ...request } as never, flow as never) as Promise<Ended<Name>>;
  return {
    parts,
    ended,
    first: first.promise,
    cancel() {
      cancelled = true;
      onCancel();
    },
    pause() {
      const gate = Promise.withResolvers<void>();
      paused = gate.promise;
      return () => {
        paused = undefined;
        gate.resolve();
      };
    },
  };
}

/** What a call of `generate` said, as one text. */
export const textOf = (heard: Heard<"generate">): string => heard.parts.map(({ text }) => text).join("");
