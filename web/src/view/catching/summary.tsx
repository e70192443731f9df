import { Button } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import type { AgentView } from "../../../../protocols/index.ts";
import { sumUpOrder, toSumUp } from "../../../../protocols/words/catching-up.ts";
import { wireLimits } from "../../../../protocols/limits.ts";
import { useSession } from "../../live/index.ts";
import { agentLabel } from "../../model/index.ts";
import { Icon } from "../parts/icons.tsx";
import { useAgents, useNames } from "../parts/lists.ts";
import { RichText } from "../parts/rich-text.tsx";
import { streamAnswer } from "../../wire/answers.ts";
import { call } from "../../wire/index.ts";
import { useCalled } from "./queries.ts";

const tokensMax = 600;

type State =
  | { readonly type: "none" }
  | { readonly type: "writing" | "done"; readonly text: string; readonly without: readonly string[] }
  | { readonly type: "failed"; readonly text: string; readonly why: string };

/** Asks one of the person's agents to sum up what was missed. Neither the agent's conversation nor the node keeps what
 *  it was given, so what is deleted in a room later is not there either. */
export function Summary() {
  const agents = useAgents();
  const session = useSession();
  const [chosen, setChosen] = useState<string>();
  const { state, start, stop } = useSummary();
  const agent = agents.find((one) => one.agent === chosen) ?? agents[0];
  if (agent === undefined)
    return <p className="dim">With an agent of your own you can have this summed up: create one in the sidebar.</p>;
  const isWriting = state.type === "writing";
  return (
    <section aria-label="Summary" className="missed-summary">
      <div className="missed-acts">
        {agents.length > 1 && (
          <label>
            <span className="hidden-text">Agent that sums up</span>
            <select value={agent.agent} disabled={isWriting} onChange={(event) => setChosen(event.target.value)}>
              {agents.map((one) => (
                <option key={one.agent} value={one.agent}>
                  {agentLabel(one.agent, session.name)}
                </option>
              ))}
            </select>
          </label>
        )}
        {isWriting ? (
          <Button size="xs" variant="default" onClick={stop} leftSection={<Icon name="stop" size={15} />}>
            Stop
          </Button>
        ) : (
          <Button
            size="xs"
            variant="default"
            onClick={() => void start(agent)}
            leftSection={<Icon name="spark" size={15} />}
          >
            Have {agentLabel(agent.agent, session.name)} sum it up
          </Button>
        )}
      </div>
      {state.type !== "none" && (
        <div aria-live="polite" aria-busy={isWriting}>
          <RichText text={state.text} streaming={isWriting} />
          {state.type === "failed" && <p role="alert">{state.why}</p>}
          {state.type !== "failed" && state.without.length > 0 && (
            <p className="dim">Not in it, for there was no place: {state.without.join(", ")}</p>
          )}
        </div>
      )}
    </section>
  );
}

function useSummary() {
  const called = useCalled();
  const nameFor = useNames();
  const [state, setState] = useState<State>({ type: "none" });
  const running = useRef<AbortController>(undefined);
  useEffect(() => () => running.current?.abort(), []);
  const start = async ({ model, persona }: AgentView): Promise<void> => {
    const own = new AbortController();
    running.current?.abort();
    running.current = own;
    const { signal } = own;
    setState({ type: "writing", text: "", without: [] });
    const missed = await call("catchUp.show", { lines: wireLimits.catchUpLinesMax });
    if (signal.aborted) return;
    if (!missed.ok) return setState({ type: "failed", text: "", why: missed.error.message });
    const given = toSumUp(missed.value, { room: called, name: nameFor });
    const without = [...given.leftOut, ...(missed.value.unreachable ?? [])].map(called);
    let text = "";
    const said = await streamAnswer(
      {
        model,
        messages: [
          ...(persona === "" ? [] : [{ role: "system" as const, content: persona }]),
          { role: "user", content: `${sumUpOrder}\n\n${given.text}` },
        ],
        tokensMax,
      },
      {
        signal,
        onText(next) {
          text = next;
          if (!signal.aborted) setState({ type: "writing", text, without });
        },
      },
    );
    if (running.current !== own) return;
    setState(said.ok ? { type: "done", text, without } : { type: "failed", text, why: said.why });
  };
  return { state, start, stop: () => running.current?.abort() };
}
