/** An answer of a model that comes piece by piece: nothing of it is kept at the node. */
import { at } from "./mount.ts";

/** What a model is asked once. */
interface AskedModel {
  readonly model: string;
  readonly system: string;
  readonly text: string;
  readonly tokensMax: number;
}

/** What came of it: all that was written, or why nothing more comes. */
type Streamed = Readonly<{ ok: true }> | Readonly<{ ok: false; why: string }>;

const unreached = "The node did not answer. Try again.";

/** Asks, and tells the text so far whenever there is more of it. */
export async function streamAnswer(
  { model, system, text, tokensMax }: AskedModel,
  { signal, onText }: { readonly signal: AbortSignal; readonly onText: (text: string) => void },
): Promise<Streamed> {
  const messages = [...(system === "" ? [] : [{ role: "system", content: system }]), { role: "user", content: text }];
  try {
    const response = await fetch(at("/v1/chat/completions"), {
      method: "POST",
      credentials: "same-origin",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model, messages, max_tokens: tokensMax, stream: true }),
      signal,
    });
    if (!response.ok || response.body === null) {
      const why = errorIn(parsed(await response.text())) ?? unreached;
      return { ok: false, why };
    }
    return await readPieces(response.body, onText);
  } catch {
    return { ok: false, why: signal.aborted ? "It was stopped." : unreached };
  }
}

async function readPieces(body: ReadableStream<Uint8Array>, onText: (text: string) => void): Promise<Streamed> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let said = "";
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    rest += decoder.decode(value, { stream: !done });
    const events = rest.split("\n\n");
    rest = events.pop() ?? "";
    for (const event of events) {
      const data = /^data: (.*)$/m.exec(event)?.[1] ?? "";
      if (data === "[DONE]") return { ok: true };
      const piece = parsed(data);
      const why = errorIn(piece);
      if (why !== undefined) return { ok: false, why };
      said += piece.choices?.[0]?.delta?.content ?? "";
    }
    onText(said);
    // Cut off in the middle: what came stays on show.
    if (done) return { ok: false, why: unreached };
  }
}

interface Piece {
  readonly choices?: readonly { readonly delta?: { readonly content?: string | null } }[];
  readonly error?: { readonly message?: unknown };
}

const errorIn = ({ error }: Piece): string | undefined =>
  error === undefined ? undefined : typeof error.message === "string" ? error.message : unreached;

function parsed(text: string): Piece {
  try {
    return (JSON.parse(text) ?? {}) as Piece;
  } catch {
    return {};
  }
}
