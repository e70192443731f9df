/** What becomes of the fields of requests, as a page: `docs/reference/fields.md`, made of the table by which requests
 *  are refused.
 *
 *      node test/tidy/fields.ts            prints it as it should be
 *      node test/tidy/fields.ts --write    writes it */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fieldsOf } from "../../node/gateway/ai/fields/index.ts";
import { type Fate, type FieldRow } from "../../node/gateway/ai/fields/rows.ts";
import { relayLacks } from "../../runtimes/remote/lacks.ts";

const path = join(import.meta.dirname, "../../docs/reference/fields.md");

const head = `# Fields of requests

What becomes of each field of the interfaces that others' clients speak ([api.md](api/models.md#interfaces-of-others)). It is made by
\`node test/tidy/fields.ts --write\` of the table by which requests are refused; a test compares that table with the types of the packages
\`openai\`, \`@anthropic-ai/sdk\` and \`ollama\`, and sends each field.

\`messages(user).content(image_url).image_url.detail\` is a field of an object whose \`role\` is \`user\`, in one of its \`content\` whose \`type\` is
\`image_url\`; lists are not written, and \`*\` is every other word there. A field that is on no list is named in the answer's header
\`x-plexus-ignored\`, at any depth: \`messages.mood\`. A value that asks for nothing (\`null\`, \`false\`, 0, an empty text or list) is never refused.
`;

const words: Readonly<Record<Fate, string>> = {
  used: "Used",
  whole: "Passed on whole",
  refused: "Refused by name",
  nothing: "Mean nothing here",
};

function section(fate: Fate, rows: readonly FieldRow[]): string {
  const reasons = [...new Set(rows.map(({ why }) => why))];
  if (rows.length === 0) return "";
  const lines = reasons.map((why) => {
    const names = rows.filter((row) => row.why === why).map((row) => `\`${row.path}\``);
    return `- ${why === "" ? "" : `${why}: `}${names.join(", ")}`;
  });
  return `\n**${words[fate]}**\n\n${lines.join("\n")}\n`;
}

/** What has no place in what other servers are asked. */
function relays(): string {
  const lines = Object.entries(relayLacks).map(([server, lacks]) => {
    const reasons = [...new Set(Object.values(lacks))];
    const told = reasons.map((why) => `${Object.keys(lacks).filter((wish) => lacks[wish] === why).map((wish) => `\`${wish}\``).join(", ")} (${why})`);
    return `- ${server}: ${told.join("; ")}`;
  });
  return `\n## Models on other servers\n\nWhat a request asks of a model on another server reaches that server, is refused by name where its interface has no word for it, or means\nnothing there:\n\n${lines.join("\n")}\n`;
} // prettier-ignore

/** The page as it should be. */
export function fieldsPage(): string {
  const parts = Object.entries(fieldsOf).map(([request, rows]) => {
    const sections = (Object.keys(words) as Fate[]).map((fate) => section(fate, rows.filter((row) => row.fate === fate)));
    return `\n## ${request}\n${sections.join("")}`;
  }); // prettier-ignore
  return head + parts.join("") + relays();
}

if (import.meta.main) {
  if (process.argv.includes("--write")) writeFileSync(path, fieldsPage());
  else process.stdout.write(fieldsPage());
}
