import { Button, NativeSelect, TextInput } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { wireLimits } from "../../../../protocols/limits.ts";
import { useFaults, type Faults } from "../parts/faults.ts";
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

/** How long something holds, as the page offers it. */
export interface Term {
  readonly value: string;
  readonly label: string;
  /** Absent: until it is lifted. */
  readonly forMs?: number;
}

/** Asks how long it is to hold. */
export function TermField(props: {
  readonly terms: readonly Term[];
  readonly term: string;
  readonly onTerm: (term: string) => void;
}) {
  return (
    <NativeSelect
      label="How long"
      value={props.term}
      onChange={(event) => props.onTerm(event.currentTarget.value)}
      data={props.terms.map(({ value, label }) => ({ value, label }))}
    />
  );
}

/** The reason that a moderator gives, the field for it, and what is wrong with it. */
export function useReason() {
  const [reason, setReason] = useState("");
  const faults = useFaults({ reason: "This is too long, or has signs that cannot be shown." });
  return {
    reason: reason.trim(),
    faults,
    /** `readers`: who reads it, where it is optional; absent: it is asked for first. */
    field: (readers?: string) => (
      <TextInput
        label="Reason"
        error={faults.of("reason")}
        {...(readers === undefined ? { "data-autofocus": true } : { description: `Optional. ${readers} can read it.` })}
        value={reason}
        maxLength={wireLimits.reasonCharsMax}
        onChange={(event) => setReason(event.currentTarget.value)}
      />
    ),
  };
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
