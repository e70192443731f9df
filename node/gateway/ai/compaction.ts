/** Long conversations made short (`/v1/responses/compact` of the Open Responses specification): a model writes down
 *  what matters of one, and that is one item, which stands for the conversation in later requests.
 *
 *  The item's `encrypted_content` is encoded, so that nobody takes it for a text of the conversation, and not
 *  encrypted: it is the client's own, it is kept nowhere, and every node reads it. */
import { ok, parseDocument, type ChatMessage, type Result } from "../../../protocols/index.ts";
import { isFields, type Fields } from "./conversation.ts";
import { wrong } from "./media.ts";

const mark = "plexus1.";

const task =
  "Below is a conversation. Write down everything that its next reader has to know to continue it: who was " +
  "told what, what was decided and why, what was asked of tools and what " +
  "came of it, names, numbers and words as they were given, and what is still open. Write notes, not an " +
  "answer. Leave out nothing that was said to be remembered.";

const names: Readonly<Record<ChatMessage["role"], string>> = {
  system: "Instructions",
  user: "User",
  assistant: "Assistant",
  tool: "Tool",
};

/** What a model is asked to make it short. */
export function compactionOf(messages: readonly ChatMessage[], instructions: string): readonly ChatMessage[] {
  const told = messages.map(({ role, content, media = [], calls = [] }) =>
    [
      ...(content === "" ? [] : [`${names[role]}: ${content}`]),
      ...media.map(({ type }) => `${names[role]} showed: one ${type}`),
      ...calls.map(({ name, arguments: given }) => `${names[role]} called: ${name} ${given}`),
    ].join("\n"),
  );
  return [
    { role: "system", content: instructions === "" ? task : `${task}\n\n${instructions}` },
    { role: "user", content: told.join("\n\n") },
  ];
}

/** The item that stands for the conversation. */
export const compactionItem = (id: string, summary: string): Fields => ({
  id,
  type: "compaction",
  encrypted_content: mark + Buffer.from(JSON.stringify({ summary })).toString("base64url"),
});

/** The conversation that an item stands for, as a message. */
export function readCompaction(path: string, { encrypted_content: content }: Fields): Result<ChatMessage> {
  const summary = typeof content === "string" ? summaryIn(content) : undefined;
  if (summary === undefined) return wrong(`${path}/encrypted_content`, "is not what /v1/responses/compact gave");
  return ok({ role: "user", content: `What was said before, in short:\n${summary}` });
}

function summaryIn(content: string): string | undefined {
  if (!content.startsWith(mark)) return undefined;
  try {
    const value = parseDocument(Buffer.from(content.slice(mark.length), "base64url").toString("utf8"));
    return isFields(value) && typeof value["summary"] === "string" ? value["summary"] : undefined;
  } catch {
    return undefined;
  }
}
