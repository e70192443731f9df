/** The page of a read-only link: text and styles, and nothing that runs or is loaded. What people and models wrote is
 *  text, whatever it looks like. */
import { createHash } from "node:crypto";
import { agentOfKey, type ConversationTurn, type SharedLink } from "../../../protocols/index.ts";

/** What a link shows. */
export interface SharedConversation {
  readonly link: SharedLink;
  readonly turns: readonly ConversationTurn[];
  /** The oldest are left out: there are too many. */
  readonly isCut: boolean;
}

const style = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 46rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; margin: 0; }
p.about { opacity: .75; margin: .25rem 0 1.5rem; }
article { margin: 1rem 0; padding: .75rem 1rem; border-radius: .75rem; border: 1px solid #8884; }
article.said { background: #8882; margin-inline-start: 3rem; }
h2 { font-size: .85rem; margin: 0 0 .25rem; opacity: .75; }
.text { white-space: pre-wrap; margin: 0; }
.facts { font-size: .8rem; opacity: .75; margin: .5rem 0 0; }
`;
const styleHash = createHash("sha256").update(style).digest("base64");

/** What is sent with it: nothing runs, nothing is loaded, nobody frames, keeps or indexes it, and no address is
 *  told. */
export const sharedHeaders = {
  "content-security-policy": [
    "default-src 'none'",
    `style-src 'sha256-${styleHash}'`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; "),
  "x-robots-tag": "noindex, nofollow, noarchive, nosnippet",
  "referrer-policy": "no-referrer",
  "cache-control": "private, no-store",
  "x-content-type-options": "nosniff",
} as const;

const signs: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escaped = (text: string): string => text.replaceAll(/[&<>"']/g, (sign) => signs[sign] ?? "");

const whole = (title: string, body: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow, noarchive">
<title>${escaped(title)}</title>
<style>${style}</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`;

/** Where a link leads nowhere. */
export const endedPage = (says: string): string =>
  whole("Nothing is here", `<h1>Nothing is here</h1>\n<p>${escaped(says)}</p>`);

/** The title that its owner sees may be of another branch, or of later. */
function firstWords(turns: readonly ConversationTurn[]): string {
  const words = (turns.find(({ role }) => role === "user")?.text ?? "").trim().replaceAll(/\s+/g, " ");
  const first = /^.{0,80}/su.exec(words)?.[0] ?? "";
  return first === words ? words : `${first} …`;
}

const minute = (atMs: number): string => `${new Date(atMs).toISOString().slice(0, 16).replace("T", " ")} UTC`;

/** A conversation, as it was when the link was made. */
export function sharedPage({ link, turns, isCut }: SharedConversation): string {
  const [, agent = ""] = agentOfKey(link.conversation).split(".");
  const title = firstWords(turns) || `Conversation with ${agent}`;
  const about =
    `A conversation with the AI agent ${agent}, as it was on ${minute(link.atMs)}. ` +
    `This link shows it until ${minute(link.untilMs)}. An AI wrote the answers: they may be wrong.`;
  const cut = isCut ? "<p class=about>The beginning is left out.</p>" : "";
  const rows = turns.map((turn) => rowOf(turn, agent)).join("\n");
  return whole(title, `<h1>${escaped(title)}</h1>\n<p class="about">${escaped(about)}</p>\n${cut}${rows}`);
}

function rowOf(turn: ConversationTurn, agent: string): string {
  const { role, text, atMs, pictures = [], sounds = [], end, model } = turn;
  const beside = [
    ...pictures.map((picture) => `[Picture${picture.text === "" ? "" : `: ${picture.text}`}]`),
    ...sounds.map((sound) => `[Sound${sound.text === "" ? "" : `: ${sound.text}`}]`),
  ];
  const said = [...beside, ...(text === "" ? [] : [text])].join("\n");
  const facts = [
    minute(atMs),
    ...(model === undefined ? [] : [model]),
    ...(end === "stopped" ? ["stopped"] : end === "failed" ? ["failed"] : []),
  ].join(" · ");
  const isSaid = role === "user";
  return `<article class="${isSaid ? "said" : "answer"}">
<h2>${isSaid ? "Question" : escaped(agent)}</h2>
<p class="text" dir="auto">${escaped(said)}</p>
<p class="facts">${escaped(facts)}</p>
</article>`;
}
