import { memo } from "react";
import type { CalledTool, ToolRound } from "../../../../protocols/index.ts";
import { Icon } from "./icons.tsx";
import { RichText } from "./rich-text.tsx";
import "./rounds.css";

/** What an agent called before its answer: a line each, which opens. The same in its conversation and in a room. */
export const Rounds = memo(function Rounds({ rounds }: { readonly rounds: readonly ToolRound[] }) {
  // Rounds are only ever added.
  return rounds.map(({ text, calls }, round) => (
    <div key={`r${round}`}>
      {text !== "" && <RichText text={text} />}
      {calls.map((call, index) => (
        <Called key={`c${index}`} call={call} />
      ))}
    </div>
  ));
});

/** No round, the same list each time. */
export const noRounds: readonly ToolRound[] = [];

function Called({ call }: { readonly call: CalledTool }) {
  return (
    <details className="called">
      <summary>
        <Icon name={call.failed ? "warning" : "check"} size={14} />
        {call.failed ? `Could not use ${call.name}` : `Used ${call.name}`}
      </summary>
      <dl>
        <dt>Asked</dt>
        <dd>
          <code dir="auto">{call.arguments}</code>
        </dd>
        <dt>Answered</dt>
        <dd>
          <code dir="auto">{call.result}</code>
        </dd>
      </dl>
    </details>
  );
}
