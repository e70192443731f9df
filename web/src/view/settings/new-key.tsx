import { Button, TextInput } from "@mantine/core";
import { useState } from "react";
import type { Failure } from "../../../../protocols/errors.ts";
import { wireLimits } from "../../../../protocols/limits.ts";
import { useFaults } from "../parts/faults.ts";
import { Form } from "../parts/form.tsx";

const dayMs = 24 * 3_600_000;
const lives = [
  { days: 30, label: "In 30 days" },
  { days: 90, label: "In 90 days" },
  { days: 365, label: "In a year" },
  { days: 0, label: "Never" },
] as const;

/** Sets of what a key may be narrowed to, as `protocols/authority/index.ts` has them. */
const scopes = [
  { scope: "read", label: "Reading rooms" },
  { scope: "chat", label: "Reading and writing in rooms" },
  { scope: "models", label: "Models and agents" },
  { scope: "admin", label: "Administration" },
] as const;

/** What a key is made with. */
export interface WantedKey {
  readonly label: string;
  readonly scopes?: string[];
  readonly expiresAtMs?: number;
}

/** What a key is to be: its name, what it is for, and when it ends. `onMake` says whether it was made. */
export function NewKey({
  onMake,
}: {
  readonly onMake: (wanted: WantedKey, on: (refusal: Failure) => boolean) => Promise<boolean>;
}) {
  const [label, setLabel] = useState("");
  const [days, setDays] = useState(90);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [busy, setBusy] = useState(false);
  const faults = useFaults({ label: "This is too long, or has signs that cannot be shown." });
  const make = async () => {
    setBusy(true);
    const made = await onMake(
      {
        label: label.trim(),
        ...(chosen.size > 0 && { scopes: [...chosen] }),
        ...(days > 0 && { expiresAtMs: Date.now() + days * dayMs }),
      },
      faults.take,
    );
    setBusy(false);
    if (!made) return;
    setLabel("");
    setChosen(new Set());
  };
  return (
    <Form id="key" faults={faults} className="stack key-form" onSubmit={make}>
      <div className="row field-row">
        <TextInput
          className="grow"
          label="What is the key for?"
          placeholder="Notebook on my laptop"
          value={label}
          maxLength={wireLimits.labelCharsMax}
          onChange={(event) => setLabel(event.currentTarget.value)}
          error={faults.of("label")}
          required
        />
        <label className="select">
          <span>It expires</span>
          <select value={days} onChange={(event) => setDays(Number(event.currentTarget.value))}>
            {lives.map((life) => (
              <option key={life.days} value={life.days}>
                {life.label}
              </option>
            ))}
          </select>
        </label>
        <Button type="submit" disabled={label.trim() === ""} loading={busy}>
          Create key
        </Button>
      </div>
      <fieldset className="scopes">
        <legend>It may only do this (nothing chosen: everything that keys may do)</legend>
        {scopes.map(({ scope, label: name }) => (
          <label key={scope} className="check">
            <input
              type="checkbox"
              checked={chosen.has(scope)}
              onChange={({ currentTarget: { checked } }) =>
                setChosen(new Set([...[...chosen].filter((one) => one !== scope), ...(checked ? [scope] : [])]))
              }
            />
            {name}
          </label>
        ))}
      </fieldset>
    </Form>
  );
}
