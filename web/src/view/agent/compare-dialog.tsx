import { Button, NativeSelect } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { agentOfKey, conversationIn, conversationKey } from "../../../../protocols/answering/conversation-key.ts";
import type { AgentConversation, Result } from "../../../../protocols/index.ts";
import { useSession } from "../../live/index.ts";
import { agentLabel } from "../../model/index.ts";
import { useFaults } from "../parts/faults.ts";
import { Form } from "../parts/form.tsx";
import { Dialog, type DialogProps } from "../parts/layers.tsx";
import { useAgents, useModels } from "../parts/lists.ts";

/** Opens two conversations, each with a model or an agent, and shows them side by side. */
export default function CompareDialog({ agent, opened, onClose }: DialogProps & { readonly agent: string }) {
  return (
    <Dialog opened={opened} onClose={onClose} title="Compare two models">
      {opened && <Compare agent={agentOfKey(agent)} onClose={onClose} />}
    </Dialog>
  );
}

/** `agent:KEY`, or `model:NAME` for this agent with that model. */
type Choice = string;

function Compare({ agent, onClose }: { readonly agent: string; readonly onClose: () => void }) {
  const session = useSession();
  const navigate = useNavigate();
  const agents = useAgents();
  const models = useModels();
  const faults = useFaults();
  const label = agentLabel(agent, session.name);
  const options = [
    ...models.map(({ model }) => ({ value: `model:${model}`, label: `${label} with ${model}` })),
    ...[agent, ...agents.map((one) => one.agent).filter((key) => key !== agent)].map((key) => ({
      value: `agent:${key}`,
      label: `${agentLabel(key, session.name)} as it is`,
    })),
  ];
  const [chosen, setChosen] = useState<readonly [Choice | undefined, Choice | undefined]>([undefined, undefined]);
  const sides = [chosen[0] ?? options[0]?.value ?? "", chosen[1] ?? options[1]?.value ?? ""] as const;
  const openOne = async (choice: Choice): Promise<Result<string>> => {
    const name = choice.slice(choice.indexOf(":") + 1);
    const key = choice.startsWith("agent:") ? name : agent;
    const asked = { folder: "Compared", ...(choice.startsWith("model:") && { model: name }) };
    const made: Result<AgentConversation> = await session
      .agent(key)
      .change("open", asked, (refusal) => faults.take(refusal));
    return made.ok ? { ok: true, value: conversationKey(key, made.value.number) } : made;
  };
  const isSame = sides[0] === sides[1];
  const start = async () => {
    if (isSame) return;
    const first = await openOne(sides[0]);
    if (!first.ok) return;
    const second = await openOne(sides[1]);
    if (!second.ok) {
      // One alone compares nothing.
      const of = conversationIn(first.value);
      if (of !== undefined) await session.agent(of.agent).change("drop", { number: of.number });
      return;
    }
    onClose();
    await navigate({ to: "/compare/$first/$second", params: { first: first.value, second: second.value } });
  };
  return (
    <Form id="compare" about={agent} keepsNothing faults={faults} className="stack" onSubmit={start}>
      <p className="dim flush">
        What you say goes to both, in two new conversations. Each answer shows its tokens and its time. Both count for
        your budgets.
      </p>
      <NativeSelect
        label="The first"
        data={options}
        value={sides[0]}
        onChange={(event) => setChosen([event.currentTarget.value, sides[1]])}
        data-autofocus
      />
      <NativeSelect
        label="The second"
        data={options}
        value={sides[1]}
        error={isSame ? "Choose two that differ." : undefined}
        onChange={(event) => setChosen([sides[0], event.currentTarget.value])}
      />
      <Button type="submit">Compare</Button>
    </Form>
  );
}
