import { Button, TextInput } from "@mantine/core";
import { useState } from "react";
import type { GrantWhen } from "../../../../../protocols/index.ts";
import { Note } from "../../parts/note.tsx";
import { dayNames } from "../people/words.ts";
import { draftOf, whenOf, type WhenDraft } from "./when-draft.ts";

/** Under which conditions a grant holds. What is typed counts when it is taken over. */
export function WhenFields(props: {
  readonly of: string;
  readonly when: GrantWhen | undefined;
  readonly onTake: (when: GrantWhen | undefined, all: boolean) => void;
}) {
  const [draft, setDraft] = useState<WhenDraft>(() => draftOf(props.when));
  const [fault, setFault] = useState<string>();
  const change = (part: Partial<WhenDraft>) => {
    setDraft({ ...draft, ...part });
    setFault(undefined);
  };
  const take = (all: boolean) => {
    const read = whenOf(draft);
    if ("fault" in read) setFault(read.fault);
    else props.onTake(read.when, all);
  };
  const allDays = draft.days.length === 0;
  return (
    <div className="when" role="group" aria-label={`Conditions of ${props.of}`}>
      <p className="dim flush">All conditions that are filled in must be met. Empty fields have no effect.</p>
      <div className="row field-row">
        <TextInput
          label="Signed in within (minutes)"
          inputMode="numeric"
          placeholder="10"
          value={draft.minutes}
          onChange={(event) => change({ minutes: event.currentTarget.value })}
        />
        <TextInput
          className="grow"
          label="From addresses"
          placeholder="10.0.0.0/8, 2001:db8::/32"
          value={draft.addresses}
          onChange={(event) => change({ addresses: event.currentTarget.value })}
        />
      </div>
      <div className="row field-row">
        <TextInput
          type="time"
          label="From (UTC)"
          value={draft.from}
          onChange={(event) => change({ from: event.currentTarget.value })}
        />
        <TextInput
          type="time"
          label="To (UTC)"
          value={draft.to}
          onChange={(event) => change({ to: event.currentTarget.value })}
        />
        <TextInput
          className="grow"
          label="At nodes with labels"
          placeholder="zone=a"
          value={draft.labels}
          onChange={(event) => change({ labels: event.currentTarget.value })}
        />
      </div>
      <fieldset className="scopes">
        <legend>Days{allDays && " (nothing chosen: every day)"}</legend>
        {dayNames.map((name, index) => (
          <label key={name} className="check">
            <input
              type="checkbox"
              checked={draft.days.includes(index + 1)}
              onChange={({ currentTarget: { checked } }) =>
                change({ days: [...draft.days.filter((day) => day !== index + 1), ...(checked ? [index + 1] : [])] })
              }
            />
            {name}
          </label>
        ))}
      </fieldset>
      {fault !== undefined && <Note tone="bad">{fault}</Note>}
      <div className="row wrap">
        <Button size="xs" onClick={() => take(false)}>
          Use
        </Button>
        <Button size="xs" variant="default" onClick={() => take(true)}>
          Use for all permissions
        </Button>
      </div>
    </div>
  );
}
