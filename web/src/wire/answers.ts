/** An answer of a model that comes piece by piece: nothing of it is kept at the node. */
import { streamAnswer as stream, type AskedModel, type StreamedAnswer } from "../../../client/index.ts";
import { at } from "./mount.ts";

/** Asks in the name of the signed-in person, and tells the text so far whenever there is more of it. */
export const streamAnswer = (
  asked: AskedModel,
  { signal, onText }: { readonly signal: AbortSignal; readonly onText: (text: string) => void },
): Promise<StreamedAnswer> =>
  stream(asked, {
    signal,
    onText,
    post: (body, headers) =>
      fetch(at("/v1/chat/completions"), { method: "POST", credentials: "same-origin", headers, body, signal }),
  });
