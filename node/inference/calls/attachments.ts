/** Pictures, sounds and files on their way to a model: an actor names them, and the node that asks the model puts what
 *  they are into the request. */
import {
  ok,
  refused,
  type ActorId,
  type ChatMessage,
  type Failure,
  type GenerationRequest,
  type Result,
} from "../../../protocols/index.ts";
import type { Engine, Engines, Running } from "../../../runtimes/engine.ts";
import type { BlobHash } from "../../ports/index.ts";

/** The bytes of what an actor refers to. */
export type ReadAttachment = (of: ActorId, hash: BlobHash) => Promise<Result<Uint8Array>>;

/** Puts what there is of files into messages, and says what it left out. */
type ShowFiles = (
  messages: readonly ChatMessage[],
  signal: AbortSignal,
) => Promise<{ readonly messages: readonly ChatMessage[]; readonly leftOut: readonly string[] }>;

/** What reads them. */
interface Readers {
  readonly attachment: ReadAttachment;
  readonly files: ShowFiles;
}

/** Engines that are given the bytes of what is named. Of pictures and sounds one that is gone is told in words, as the
 *  message says it; another failure ends the call. Of files what is not shown is told with the answer. */
export const withAttachments = (inner: Engines, readers: Readers): Engines => ({
  ...inner,
  generate: seeing(inner.generate, readers),
});

const seeing = (inner: Engine<"generate">, readers: Readers): Engine<"generate"> => ({
  models: () => inner.models(),
  watch: (listener) => inner.watch(listener),
  call(request, hear) {
    if (request.messages.every(({ attached, files }) => attached === undefined && files === undefined))
      return inner.call(request, hear);
    let running: Running | undefined;
    const cancelled = new AbortController();
    void shown(request, readers, cancelled.signal).then((ready) => {
      if ("code" in ready) return hear({ type: "answered", result: refused(ready) });
      const { leftOut } = ready;
      running = inner.call(
        ready.request,
        leftOut.length === 0
          ? hear
          : (said) =>
              hear(
                said.type === "answered" && said.result.ok
                  ? { ...said, result: ok({ ...said.result.value, leftOut }) }
                  : said,
              ),
      );
      if (cancelled.signal.aborted) running.cancel();
    });
    return {
      cancel() {
        cancelled.abort();
        running?.cancel();
      },
    };
  },
});

/** What is asked, and what of it was left out. */
interface Ready {
  readonly request: GenerationRequest;
  readonly leftOut: readonly string[];
}

async function shown(
  request: GenerationRequest,
  { attachment, files }: Readers,
  signal: AbortSignal,
): Promise<Ready | Failure> {
  const seen: ChatMessage[] = [];
  for (const { attached = [], ...message } of request.messages) {
    const found = await Promise.all(attached.map(({ of, hash }) => attachment(of, hash)));
    const failed = found.find((one) => !one.ok && one.error.code !== "NOT_FOUND");
    if (failed !== undefined && !failed.ok) return failed.error;
    const media = attached.flatMap(({ mediaType }, index) => {
      const one = found[index];
      const type = mediaType.startsWith("audio/") ? "audio" : "image";
      return one?.ok ? [{ type, mediaType, bytes: one.value } as const] : [];
    });
    seen.push(media.length === 0 ? message : { ...message, media: [...(message.media ?? []), ...media] });
  }
  const { messages, leftOut } = await files(seen, signal);
  return { request: { ...request, messages }, leftOut };
}
