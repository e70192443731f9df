/** One batch of entries for a system of others: its bytes, what HTTP says beside it, and the sending. */
import { createHmac } from "node:crypto";
import type { AuditRecord, AuditSink } from "../../protocols/index.ts";
import { lineAs, syslogMessage } from "./export.ts";

/** Sends one batch; resolves when the receiver has confirmed it, rejects with a reason that names no secret. */
type Deliver = (delivery: {
  readonly url: string;
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
  readonly ca?: string;
  readonly timeoutMs: number;
}) => Promise<void>;

/** Where the audit is sent, and with what. */
export interface PushTo {
  sinks(): readonly AuditSink[];
  onChange(listener: () => void): () => void;
  readonly deliver: Deliver;
  /** The secret of a sink. Undefined: it has none that this cluster can open. */
  secret(sink: AuditSink): Promise<string | undefined>;
  readonly version: string;
}

/** A batch, as the bytes that are sent: syslog by octet counting (RFC 6587, 3.4.1), HTTP by lines. */
function bodyOf(
  records: readonly AuditRecord[],
  { url, format }: Pick<AuditSink, "url" | "format">,
  version: string,
): Buffer {
  if (/^https?:/.test(url))
    return Buffer.from(records.map((record) => `${lineAs(record, format, version)}\n`).join(""));
  const frames = records.map((record) => Buffer.from(syslogMessage(record, format, version)));
  return Buffer.concat(frames.flatMap((frame) => [Buffer.from(`${frame.length} `), frame]));
}

/** What HTTP says beside a batch. The signature is over time and body, so that an old batch cannot be sent again as a
 *  new one. */
function headersOf(
  { format, auth }: Pick<AuditSink, "format" | "auth">,
  at: { readonly body: Uint8Array; readonly secret: string | undefined; readonly nowMs: number },
): Readonly<Record<string, string>> {
  const type = format === "jsonl" ? "application/x-ndjson" : "text/plain; charset=utf-8";
  const headers = { "content-type": type, "user-agent": "plexus" };
  if (at.secret === undefined) return headers;
  if (auth !== "hmac") return { ...headers, authorization: `Bearer ${at.secret}` };
  const time = String(Math.floor(at.nowMs / 1_000));
  const signature = createHmac("sha256", at.secret).update(`${time}.`).update(at.body).digest("hex");
  return { ...headers, "x-plexus-timestamp": time, "x-plexus-signature": `sha256=${signature}` };
}

/** Sends one batch to a sink. Rejects as `deliver` does, and where the secret cannot be opened. */
export async function sendBatch(
  to: Pick<PushTo, "deliver" | "secret" | "version">,
  sink: AuditSink,
  records: readonly AuditRecord[],
  at: { readonly nowMs: number; readonly timeoutMs: number },
): Promise<void> {
  const secret = sink.sealed === undefined ? undefined : await to.secret(sink);
  if (sink.sealed !== undefined && secret === undefined)
    throw new Error("its secret cannot be opened: set the sink again, with it");
  const body = bodyOf(records, sink, to.version);
  const headers = headersOf(sink, { body, secret, nowMs: at.nowMs });
  await to.deliver({ url: sink.url, body, headers, timeoutMs: at.timeoutMs, ...(sink.ca && { ca: sink.ca }) });
}
