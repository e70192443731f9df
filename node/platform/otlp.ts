import { diag, DiagLogLevel } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import type { Log } from "../ports/index.ts";
import { platformLimits } from "./limits.ts";

/** Sends spans by OTLP over HTTP (JSON). What the library has to say, that nothing could be sent above all, is a line
 *  of the log. */
export function openExporter(url: string, log: Log): OTLPTraceExporter {
  const note = (text: string): void => log.debug("tracing.note", { text: text.slice(0, 500) });
  diag.setLogger(
    {
      error: (text) => log.warn("tracing.unsent", { reason: text.slice(0, 500) }),
      warn: note,
      info: note,
      debug: note,
      verbose: note,
    },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  return new OTLPTraceExporter({ url, timeoutMillis: platformLimits.traceSendTimeoutMs });
}
