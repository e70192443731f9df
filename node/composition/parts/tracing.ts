/** Traces of this node: nothing of them is loaded where the configuration asks for none. */
import type { Config } from "../../../config/index.ts";
import type { RunningTracer } from "../../observe/index.ts";
import type { Machine } from "../machine.ts";
import type { Stops } from "../../stops.ts";

/** Begins to trace; undefined: nothing is traced. */
export async function openTracing(
  { name, tracing }: Pick<Config, "name" | "tracing">,
  at: { readonly node: string; readonly machine: Machine; readonly stops: Stops },
): Promise<RunningTracer | undefined> {
  if (tracing.ratio === 0) return undefined;
  const { machine, node } = at;
  const { clock, random, memory, version, log } = machine;
  const [{ createTracer }, { openExporter }] = await Promise.all([
    import("../../observe/tracer.ts"),
    import("../../platform/otlp.ts"),
  ]);
  const exporter = tracing.url === undefined ? undefined : openExporter(tracing.url, log);
  const ports = { node, name, version, ratio: tracing.ratio, clock, random, spans: memory.spans };
  const tracer = createTracer({ ...ports, ...(exporter && { exporter }) });
  at.stops.add(() => tracer.stop().catch((error: unknown) => log.debug("tracing.stop.failed", { error })));
  log.info("tracing.on", { ratio: tracing.ratio, ...(tracing.url !== undefined && { to: new URL(tracing.url).host }) });
  return tracer;
}
