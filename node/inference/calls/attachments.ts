/** Pictures and sounds on their way to a model: an actor names them, and the node that asks the model puts their bytes
 *  into the request. */
import {
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

/** Engines that are given the bytes of what is named. One that is gone is told in words, as the message says it;
 *  another failure ends the call. */
export const withAttachments = (inner: Engines, read: ReadAttachment): Engines => ({
  ...inner,
  generate: seeing(inner.generate, read),
});

const seeing = (inner: Engine<"generate">, read: ReadAttachment): Engine<"generate"> => ({
  models: () => inner.models(),
  watch: (listener) => inner.watch(listener),
  call(request, hear) {
    if (!request.messages.some(({ attached }) => attached !== undefined)) return inner.call(request, hear);
    let running: Running | undefined;
    let cancelled = false;
    void shown(request, read).then((ready) => {
      if ("code" in ready) return hear({ type: "answered", result: refused(ready) });
      running = inner.call(ready, hear);
      if (cancelled) running.cancel();
    });
    return {
      cancel() {
        cancelled = true;
        running?.cancel();
      },
    };
  },
});

async function shown(request: GenerationRequest, read: ReadAttachment): Promise<GenerationRequest | Failure> {
  const messages: ChatMessage[] = [];
  for (const { attached = [], ...message } of request.messages) {
    const found = await Promise.all(attached.map(({ of, hash }) => read(of, hash)));
    const failed = found.find((one) => !one.ok && one.error.code !== "NOT_FOUND");
    if (failed !== undefined && !failed.ok) return failed.error;
    const media = attached.flatMap(({ mediaType }, index) => {
      const one = found[index];
      const type = mediaType.startsWith("audio/") ? "audio" : "image";
      return one?.ok ? [{ type, mediaType, bytes: one.value } as const] : [];
    });
    messages.push(media.length === 0 ? message : { ...message, media: [...(message.media ?? []), ...media] });
  }
  return { ...request, messages };
}
