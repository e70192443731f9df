import { Button } from "@mantine/core";
import { useState, type ReactNode } from "react";
import type { Faults } from "../parts/faults.ts";
import { Form } from "../parts/form.tsx";
import { listed } from "./listed.ts";

/** Asks before somebody goes, or is sent away: what follows from it, what has to be chosen, and the two answers. */
export function Parting({
  follows,
  about,
  stay,
  go,
  faults,
  ready = true,
  careful = true,
  onGo,
  onStay,
  children,
}: {
  /** The consequences, as entries of a list. */
  /** The person who goes, and the room. */
  readonly about: string;
  readonly follows: ReactNode;
  readonly faults: Faults;
  /** What the two buttons say. */
  readonly stay: string;
  readonly go: string;
  /** All that has to be chosen is. */
  readonly ready?: boolean;
  /** The focus is on staying; otherwise on what has to be chosen. */
  readonly careful?: boolean;
  readonly onGo: () => Promise<void>;
  readonly onStay: () => void;
  readonly children?: ReactNode;
}) {
  const [busy, setBusy] = useState(false);
  const submit = async () => {
    setBusy(true);
    await onGo();
    setBusy(false);
  };
  return (
    <Form id="parting" about={about} faults={faults} className="stack" onSubmit={submit}>
      <ul className="consequences">{follows}</ul>
      {children}
      <div className="row answers">
        <Button variant="default" onClick={onStay} {...(careful && { "data-autofocus": true })}>
          {stay}
        </Button>
        <Button type="submit" color="red.9" loading={busy} disabled={!ready}>
          {go}
        </Button>
      </div>
    </Form>
  );
}

/** The agents that go along with their owner, as an entry of the list. */
export function AgentsToo({
  agents,
  goes,
  whose,
}: {
  readonly agents: readonly string[];
  /** In the singular and in the plural. */
  readonly goes: readonly [one: string, more: string];
  readonly whose: string;
}) {
  const one = agents.length === 1;
  if (agents.length === 0) return null;
  return (
    <li>
      {listed(agents)} {goes[one ? 0 : 1]}: {one ? `it is ${whose} agent.` : `they are ${whose} agents.`}
    </li>
  );
}
