import { createContext, memo, useContext, useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import {
  formulaCharsMax,
  readMarkdown,
  textOf,
  type Block,
  type Formula,
  type Inline,
  type Reading,
} from "../../../../protocols/reading/index.ts";
import { namedIn, type Calling, type Named } from "../../model/index.ts";
import { readGrowing } from "../../model/growing.ts";
import { useCopy } from "./clipboard.ts";
import { drawingCharsMax } from "./diagram-words.ts";
import { Icon } from "./icons.tsx";
import { InLink, Words } from "./words.tsx";

type Names = Named | undefined;

/** Markdown as plain elements that `rich-text.css` styles. Every block finds its own direction. */
export default function Markdown({
  text,
  calling,
  streaming,
  last,
}: {
  readonly text: string;
  readonly calling: Calling | undefined;
  readonly streaming: boolean;
  readonly last: ReactNode;
}) {
  const known = useRef<Reading>(undefined);
  const reading = useMemo(() => (streaming ? readGrowing(text, known.current) : readMarkdown(text)), [text, streaming]);
  known.current = reading;
  const named = useMemo(() => calling && namedIn(reading.blocks, calling), [reading, calling]);
  const end = reading.blocks.length - 1;
  const inside = reading.blocks[end]?.kind === "paragraph";
  return (
    <div className="rich">
      {reading.blocks.map((block, index) => (
        <Growing key={index} value={streaming && index === end}>
          <BlockView block={block} names={named} last={inside && index === end ? last : undefined} />
        </Growing>
      ))}
      {!inside && last}
    </div>
  );
}

const BlockView = memo(function BlockView({
  block,
  names,
  last,
}: {
  readonly block: Block;
  readonly names: Names;
  readonly last?: ReactNode;
}) {
  switch (block.kind) {
    case "paragraph":
      return (
        <p dir="auto">
          <Inlines inlines={block.children} names={names} isAlone={block.children.length === 1} />
          {last}
        </p>
      );
    case "heading": {
      // A message is not a document: its headings start below the page's own.
      const Heading = block.level < 3 ? "h3" : block.level === 3 ? "h4" : "h5";
      return (
        <Heading dir="auto">
          <Inlines inlines={block.children} names={names} />
        </Heading>
      );
    }
    case "quote":
      return (
        <blockquote dir={block.direction}>
          <Blocks blocks={block.blocks} names={names} />
        </blockquote>
      );
    case "list": {
      const List = block.ordered ? "ol" : "ul";
      return (
        <List dir={block.direction}>
          {block.items.map((item, index) => (
            <li key={index} style={item.marker === undefined ? undefined : { listStyleType: `"${item.marker} "` }}>
              {item.checked !== undefined && (
                <input
                  type="checkbox"
                  checked={item.checked}
                  disabled
                  aria-label={item.checked ? "Done" : "Not done"}
                />
              )}
              <Blocks blocks={item.blocks} names={names} />
            </li>
          ))}
        </List>
      );
    }
    case "code":
      return block.info === "math" && block.text.length <= formulaCharsMax ? (
        <FormulaView text={block.text} formula="block" />
      ) : (
        <Code info={block.info} text={block.text} />
      );
    case "table":
      return (
        // Focusable, because only then can a keyboard scroll what is too wide.
        <div className="rich-table" tabIndex={0} role="group" aria-label={tableName(block)} dir={block.direction}>
          <table>
            <thead>
              <Cells cells={block.head} as="th" names={names} />
            </thead>
            <tbody>
              {block.rows.map((cells, index) => (
                <Cells key={index} cells={cells} as="td" names={names} />
              ))}
            </tbody>
          </table>
        </div>
      );
    case "rule":
      return <hr />;
  }
});

/** A table is called after what its columns are. */
const tableName = ({ head }: Extract<Block, { kind: "table" }>): string => {
  const columns = head.map((cell) => cell.map(textOf).join("").trim()).filter((text) => text !== "");
  return ["Table", columns.join(", ").slice(0, tableNameCharsMax)].filter((part) => part !== "").join(": ");
};
const tableNameCharsMax = 80;

function Blocks({ blocks, names }: { readonly blocks: readonly Block[]; readonly names: Names }) {
  return blocks.map((block, index) => <BlockView key={index} block={block} names={names} />);
}

function Cells(props: {
  readonly cells: readonly (readonly Inline[])[];
  readonly as: "th" | "td";
  readonly names: Names;
}) {
  const Cell = props.as;
  return (
    <tr>
      {props.cells.map((cell, index) => (
        <Cell key={index} dir="auto">
          <Inlines inlines={cell} names={props.names} />
        </Cell>
      ))}
    </tr>
  );
}

function Inlines({
  inlines,
  names,
  isAlone = false,
}: {
  readonly inlines: readonly Inline[];
  readonly names: Names;
  /** There is one, and it is all of its paragraph. */
  readonly isAlone?: boolean;
}): ReactNode {
  return inlines.map((inline, index) => {
    switch (inline.kind) {
      case "text":
        return <Words key={index} {...inline} named={names} isAlone={isAlone} />;
      case "code":
        if (inline.formula !== undefined)
          return <FormulaView key={index} text={inline.text} formula={inline.formula} />;
        return (
          <code key={index} dir="ltr">
            {inline.text}
          </code>
        );
      case "link":
        return (
          <span key={index}>
            {inline.href === undefined ? (
              <Inlines inlines={inline.children} names={names} />
            ) : (
              <a href={inline.href} target="_blank" rel="noopener noreferrer">
                <InLink value>
                  <Inlines inlines={inline.children} names={names} />
                </InLink>
              </a>
            )}
            {inline.tells && (
              <>
                {" "}
                <bdi className="rich-target">({inline.target})</bdi>
              </>
            )}
          </span>
        );
      default: {
        const Tag = inline.kind === "strong" ? "strong" : inline.kind === "emphasis" ? "em" : "del";
        return (
          <Tag key={index}>
            <Inlines inlines={inline.children} names={names} />
          </Tag>
        );
      }
    }
  });
}

const loadMaths = () => import("./maths.tsx");
let maths: Awaited<ReturnType<typeof loadMaths>> | undefined;

/** A formula, as it was written while what draws it is not there. */
function FormulaView(props: { readonly text: string; readonly formula: Formula }) {
  const [loaded, setLoaded] = useState(maths);
  useEffect(() => {
    if (loaded !== undefined) return;
    loadMaths().then(
      (module) => {
        maths = module;
        setLoaded(module);
      },
      () => undefined,
    );
  }, [loaded]);
  return loaded === undefined ? <code dir="ltr">{props.text}</code> : <loaded.Maths {...props} />;
}

const loadHighlighter = () => import("./highlight.tsx");
type Highlighter = Awaited<ReturnType<typeof loadHighlighter>>;
let highlighter: Highlighter | undefined;

/** Whether more of a block is on its way: it has no colours until it is there. */
const Growing = createContext(false);

// Longer code is read elsewhere, and the work of each block is bounded.
const highlightedCharsMax = 20_000;

/** Code in colours, once these are loaded. Without them, or where no language of that name is known, there are none. */
function useHighlighted(word: string, text: string): ReturnType<Highlighter["highlighted"]> {
  const isGrowing = useContext(Growing);
  const [loaded, setLoaded] = useState(highlighter);
  const wanted = word !== "" && !isGrowing && text.length <= highlightedCharsMax;
  useEffect(() => {
    if (!wanted || loaded !== undefined) return;
    loadHighlighter().then(
      (module) => {
        highlighter = module;
        setLoaded(module);
      },
      () => undefined,
    );
  }, [wanted, loaded]);
  return useMemo(() => (wanted ? loaded?.highlighted(word, text) : undefined), [wanted, loaded, word, text]);
}

const loadDiagrams = () => import("./diagram.tsx");
let diagrams: Awaited<ReturnType<typeof loadDiagrams>> | undefined;

/** Code; a diagram is drawn once all of it is there. */
function Code(props: { readonly info: string; readonly text: string }) {
  const isGrowing = useContext(Growing);
  const wanted = props.info === "mermaid" && !isGrowing && props.text.length <= drawingCharsMax;
  const [loaded, setLoaded] = useState(diagrams);
  useEffect(() => {
    if (!wanted || loaded !== undefined) return;
    loadDiagrams().then(
      (module) => {
        diagrams = module;
        setLoaded(module);
      },
      () => undefined,
    );
  }, [wanted, loaded]);
  const source = <CodeBlock {...props} />;
  return wanted && loaded !== undefined ? <loaded.Diagram text={props.text} source={source} /> : source;
}

/** Code is read from left to right, whatever it is about. */
function CodeBlock({ info, text }: { readonly info: string; readonly text: string }) {
  const word = /^[\w+#.-]+/.exec(info)?.[0] ?? "";
  const shown = useHighlighted(word.toLowerCase(), text);
  // What else is written behind the fence is shown as it is.
  const name = shown !== undefined && word === info ? shown.name : info;
  return (
    <div className={info === "" ? "rich-code" : "rich-code named"} dir="ltr">
      {info !== "" && <div className="rich-info">{name}</div>}
      <pre tabIndex={0} role="group" aria-label={info === "" ? "Code" : `Code, ${name}`}>
        <code className={word === "" ? undefined : `language-${word}`}>{shown?.code ?? text}</code>
      </pre>
      <CopyCode text={text} name={name} />
    </div>
  );
}

function CopyCode({ text, name }: { readonly text: string; readonly name: string }) {
  const { copied, copy } = useCopy();
  const label = name === "" ? "Copy the code" : `Copy the code (${name})`;
  return (
    <button type="button" className="tool" aria-label={label} title={label} onClick={() => copy(text)}>
      <Icon name={copied ? "check" : "copy"} size={15} />
    </button>
  );
}
