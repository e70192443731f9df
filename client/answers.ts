/** An answer of a model that comes piece by piece, by the interface of programs. The node keeps nothing of it: no
 *  actor, no journal, no index and no backup has a word of what is said. */

/** What is said of a conversation, oldest first. */
export interface SaidToModel {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

/** What a model is asked once. */
export interface AskedModel {
  /** A model, or `agent:OWNER.NAME`: an agent's model with its persona. */
  readonly model: string;
  readonly messages: readonly SaidToModel[];
  readonly tokensMax?: number;
}

/** What came of it: all that was written, or why nothing more comes. */
export type StreamedAnswer =
  | { readonly ok: true; /** Absent: the node does not say. */ readonly tokens?: number }
  | { readonly ok: false; readonly why: string };

/** How it is asked, and heard. */
export interface AnswerPorts {
  /** Posts a body to `/v1/chat/completions` in the person's name, with these headers. */
  readonly post: (body: string, headers: Readonly<Record<string, string>>) => Promise<Response>;
  readonly signal: AbortSignal;
  /** The text so far, whenever there is more of it. */
  readonly onText: (text: string) => void;
}

const unreached = "The node did not answer. Try again.";

/** Asks, and tells the text so far. Kept answers of routes are neither used nor made. */
export async function streamAnswer(
  { model, messages, tokensMax }: AskedModel,
  { post, signal, onText }: AnswerPorts,
): Promise<StreamedAnswer> {
  const limit = tokensMax === undefined ? {} : { max_tokens: tokensMax };
  const body = JSON.stringify({ model, messages, ...limit, stream: true, stream_options: { include_usage: true } });
  try {
    const response = await post(body, { "content-type": "application/json", "x-plexus-cache": "skip" });
    if (!response.ok || response.body === null)
      return { ok: false, why: errorIn(parsed(await response.text())) ?? unreached };
    return await readPieces(response.body, onText);
  } catch {
    return { ok: false, why: signal.aborted ? "It was stopped." : unreached };
  }
}

async function readPieces(body: ReadableStream<Uint8Array>, onText: (text: string) => void): Promise<StreamedAnswer> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let said = "";
  let rest = "";
  let tokens: number | undefined;
  for (;;) {
    const { done, value } = await reader.read();
    rest += decoder.decode(value, { stream: !done });
    const events = rest.split("\n\n");
    rest = events.pop() ?? "";
    for (const event of events) {
      const data = /^data: (.*)$/m.exec(event)?.[1] ?? "";
      if (data === "[DONE]") {
        onText(said);
        return { ok: true, ...(tokens !== undefined && { tokens }) };
      }
      const piece = parsed(data);
      const why = errorIn(piece);
      if (why !== undefined) return { ok: false, why };
      said += piece.choices?.[0]?.delta?.content ?? "";
      tokens = piece.usage?.completion_tokens ?? tokens;
    }
    onText(said);
    // Cut off in the middle: what came stays on show.
    if (done) return { ok: false, why: unreached };
  }
}

interface Piece {
  readonly choices?: readonly { readonly delta?: { readonly content?: string | null } }[];
  readonly usage?: { readonly completion_tokens?: number } | null;
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
