import { Button, Loader, NativeSelect, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { AgentMode, AgentRules, RoomAgents as Known, RoomView } from "../../../../protocols/index.ts";
import { agentRulesText } from "../../../../protocols/kinds/room-settings.ts";
import { explain, type RoomStore } from "../../live/index.ts";
import { Form } from "../parts/form.tsx";
import { useFaults } from "../parts/faults.ts";
import { Dialog, type DialogProps } from "../parts/layers.tsx";
import { useNames } from "../parts/lists.ts";
import { Note } from "../parts/note.tsx";

const turnSteps = [0, 1, 2, 4, 8, 16];
const turnText = (turns: number): string =>
  turns === 0 ? "Never" : `${turns} ${turns === 1 ? "turn" : "turns"} at most`;
const modes: readonly { readonly value: AgentMode | ""; readonly label: string }[] = [
  { value: "", label: "When anybody mentions it" },
  { value: "always", label: "Every message of a person" },
  { value: "moderators", label: "When a moderator mentions it" },
];

interface Props {
  readonly view: RoomView;
  readonly store: RoomStore;
}

/** What agents may do in a room, and what they took today: for moderators. */
export default function RoomAgents({ view, store, opened, onClose }: DialogProps & Props) {
  return (
    <Dialog opened={opened} onClose={onClose} title="Agents of this room">
      {opened && <Loaded view={view} store={store} onDone={onClose} />}
    </Dialog>
  );
}

function Loaded(props: Props & { readonly onDone: () => void }) {
  const { store } = props;
  const loaded = useQuery({
    queryKey: ["room-agents", store.room],
    queryFn: async () => {
      const result = await store.agents();
      if (result.ok) return result.value;
      throw new Error(explain(result.error, "look"));
    },
    staleTime: 0,
    gcTime: 0,
    retry: false,
  });
  if (loaded.error !== null) return <Note tone="bad">{loaded.error.message}</Note>;
  return loaded.data === undefined ? (
    <Loader size="sm" aria-label="Loading" />
  ) : (
    <Rules {...props} known={loaded.data} />
  );
}

function Rules({ view, store, known, onDone }: Props & { readonly known: Known; readonly onDone: () => void }) {
  const nameFor = useNames();
  const [seen, setSeen] = useState(known.rules);
  const [rules, setRules] = useState<AgentRules>(known.rules);
  const [tokens, setTokens] = useState(known.rules.dayTokens === 0 ? "" : String(known.rules.dayTokens));
  const faults = useFaults();
  const save = async () => {
    const dayTokens = tokens.trim() === "" ? 0 : Number(tokens);
    if (!Number.isSafeInteger(dayTokens) || dayTokens < 0)
      return faults.say("Tokens in a day are a whole number, or nothing.");
    const result = await store.change("setAgents", { ...rules, dayTokens, seen }, (refusal) => {
      if (refusal.code !== "CHANGED_MEANWHILE") return faults.take(refusal);
      const now = { ...seen, ...(refusal.details?.["now"] as Partial<AgentRules>) };
      setSeen(now);
      faults.say(
        `Somebody else has set this meanwhile: ${agentRulesText(now, nameFor)}. Save again to set yours instead.`,
      );
      return true;
    });
    if (result.ok) onDone();
  };
  const agents = Object.keys(view.members)
    .filter((member) => member.startsWith("agent/"))
    .toSorted();
  const setMode = (agent: string, mode: string): void => {
    const { [agent]: _before, ...others } = rules.modes;
    setRules({ ...rules, modes: mode === "" ? others : { ...others, [agent]: mode as AgentMode } });
  };
  const steps = [...new Set([...turnSteps, rules.turns])].toSorted((a, b) => a - b);
  return (
    <Form id="room-agents" about={store.room} faults={faults} className="stack" onSubmit={save}>
      <p className="dim flush">
        {known.tokensToday} tokens today · {known.turnsTaken} turns since a person has said something ·{" "}
        {known.owed.length} {known.owed.length === 1 ? "answer runs or waits" : "answers run or wait"}
      </p>
      <NativeSelect
        label="Agents answer each other"
        description="After so many a person has to say something."
        data={steps.map((turns) => ({ value: String(turns), label: turnText(turns) }))}
        value={String(rules.turns)}
        onChange={(event) => setRules({ ...rules, turns: Number(event.currentTarget.value) })}
        data-autofocus
      />
      <TextInput
        label="Tokens in a day"
        description="All answers together, from midnight to midnight (UTC). Without a number there is no limit."
        inputMode="numeric"
        value={tokens}
        onChange={(event) => setTokens(event.currentTarget.value)}
      />
      {agents.map((agent) => (
        <NativeSelect
          key={agent}
          label={`${nameFor(agent)} answers`}
          data={modes.map(({ value, label }) => ({ value, label }))}
          value={rules.modes[agent] ?? ""}
          onChange={(event) => setMode(agent, event.currentTarget.value)}
        />
      ))}
      <Button type="submit">Save</Button>
    </Form>
  );
}
