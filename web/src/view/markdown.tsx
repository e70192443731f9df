import { useRef, type ComponentProps } from "react";
import { defaultRehypePlugins, Streamdown } from "streamdown";
import { splitMentions } from "../model/index.ts";
import { useCopy } from "./clipboard.ts";
import { Icon } from "./icons.tsx";

/** Markdown by streamdown, with plain elements that `rich-text.css` styles. Raw HTML is sanitised, links open apart and
 *  carry no referrer, and pictures become links: a message must not make its readers' browsers call other machines. */
export default function Markdown({
  text,
  mentions,
  streaming,
}: {
  readonly text: string;
  readonly mentions: readonly string[] | undefined;
  readonly streaming: boolean;
}) {
  return (
    <Streamdown
      className="rich"
      mode={streaming ? "streaming" : "static"}
      parseIncompleteMarkdown={streaming}
      isAnimating={streaming}
      controls={false}
      linkSafety={linkSafety}
      components={components}
      rehypePlugins={mentions === undefined || mentions.length === 0 ? safe : [...safe, [markMentions, mentions]]}
    >
      {text}
    </Streamdown>
  );
}

const safe = Object.values(defaultRehypePlugins);
const linkSafety = { enabled: false };

interface Node {
  readonly type: string;
  readonly tagName?: string;
  readonly value?: string;
  children?: Node[];
  readonly properties?: Record<string, unknown>;
}

const literal: ReadonlySet<string> = new Set(["code", "pre", "a"]);

/** Sets mentions apart, but not in code and links. */
function markMentions(names: readonly string[]) {
  const walk = (node: Node): void => {
    if (node.children === undefined || (node.tagName !== undefined && literal.has(node.tagName))) return;
    node.children = node.children.flatMap((child) => {
      if (child.type !== "text" || child.value?.includes("@") !== true) {
        walk(child);
        return [child];
      }
      return splitMentions(child.value).map((part, index): Node => {
        if (index % 2 === 0) return { type: "text", value: part };
        const text: Node = { type: "text", value: `@${part}` };
        if (!names.includes(part)) return text;
        return { type: "element", tagName: "span", properties: { className: ["mention"] }, children: [text] };
      });
    });
  };
  return walk;
}

type WithNode<Tag extends keyof React.JSX.IntrinsicElements> = ComponentProps<Tag> & { readonly node?: unknown };

/** The properties that belong on an element. */
function plain<Props extends { readonly node?: unknown; readonly className?: unknown }>(given: Props) {
  const { node: _node, className: _className, ...rest } = given;
  return rest;
}

/** A plain element without the renderer's own classes, which belong to a style sheet this page does not have. */
const bare = <Tag extends "p" | "ul" | "ol" | "li" | "h3" | "h4" | "h5" | "blockquote" | "hr" | "strong" | "code">(
  Tag: Tag,
) =>
  function Bare(given: WithNode<Tag>) {
    const Element = Tag as "p";
    return <Element {...(plain(given) as ComponentProps<"p">)} />;
  };

const components = {
  p: bare("p"),
  ul: bare("ul"),
  ol: bare("ol"),
  li: bare("li"),
  // A message is not a document: its headings start below the page's own.
  h1: bare("h3"),
  h2: bare("h3"),
  h3: bare("h4"),
  h4: bare("h5"),
  h5: bare("h5"),
  h6: bare("h5"),
  blockquote: bare("blockquote"),
  hr: bare("hr"),
  strong: bare("strong"),
  code: bare("code"),
  inlineCode: bare("code"),
  pre: CodeBlock,
  a(given: WithNode<"a">) {
    return <a {...plain(given)} target="_blank" rel="noopener noreferrer" />;
  },
  img({ src, alt }: WithNode<"img">) {
    return (
      <a href={typeof src === "string" ? src : undefined} target="_blank" rel="noopener noreferrer">
        picture{alt === undefined || alt === "" ? "" : `: ${alt}`}
      </a>
    );
  },
  table(given: WithNode<"table">) {
    return (
      // Focusable, because only then can a keyboard scroll what is too wide.
      <div className="rich-table" tabIndex={0} role="region" aria-label="Table">
        <table {...plain(given)} />
      </div>
    );
  },
  thead: "thead",
  tbody: "tbody",
  tr: "tr",
  th: "th",
  td: "td",
} as const;

function CodeBlock({ children }: WithNode<"pre">) {
  const block = useRef<HTMLPreElement>(null);
  return (
    <div className="rich-code">
      <pre ref={block} tabIndex={0}>
        {children}
      </pre>
      <CopyCode read={() => block.current?.textContent ?? ""} />
    </div>
  );
}

function CopyCode({ read }: { readonly read: () => string }) {
  const { copied, copy } = useCopy();
  return (
    <button
      type="button"
      className="tool"
      aria-label="Copy the code"
      title="Copy the code"
      onClick={() => copy(read())}
    >
      <Icon name={copied ? "check" : "copy"} size={15} />
    </button>
  );
}
