import { Button, Textarea, TextInput } from "@mantine/core";
import { useState } from "react";
import type { Failure } from "../../../../protocols/index.ts";
import { laterChoices } from "../../../../protocols/words/later-times.ts";
import { momentOf } from "../parts/time.ts";
import { useFaults } from "../parts/faults.ts";
import { Form } from "../parts/form.tsx";
import { Dialog, type DialogProps } from "../parts/layers.tsx";

/** What the field for a time has: `2026-11-27T18:30`, without a zone. */
const fieldText = (atMs: number): string => {
  const at = new Date(atMs);
  const two = (part: number): string => String(part).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day}T${two(at.getHours())}:${two(at.getMinutes())}`;
};
/** As browsers have it, so that a time is never another one than the field shows. */
const zone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;

interface Asked {
  /** What the form is about: a room, or something that is scheduled. */
  readonly about: string;
  readonly action: string;
  /** Times that are often meant stand above the field. */
  readonly offers?: boolean;
  /** It is that now. */
  readonly atMs?: number;
  readonly text?: string;
  /** False: it was refused, and `take` has the refusal. */
  readonly onPick: (atMs: number, text: string, take: (refusal: Failure) => boolean) => Promise<boolean>;
}

/** Asks for a time, in the time zone of the browser, and for a text where there is one to change. */
export function ChooseTime({ opened, onClose, title, ...asked }: DialogProps & Asked & { readonly title: string }) {
  return (
    <Dialog opened={opened} onClose={onClose} title={title}>
      {opened && <TimeForm {...asked} onDone={onClose} />}
    </Dialog>
  );
}

function TimeForm({ onDone, ...asked }: Asked & { readonly onDone: () => void }) {
  const [nowMs] = useState(() => Date.now());
  const choices = laterChoices(nowMs);
  const [time, setTime] = useState(() => fieldText(asked.atMs ?? choices[1]?.atMs ?? nowMs));
  const [text, setText] = useState(asked.text ?? "");
  const faults = useFaults({ text: "This text is too long, or has nothing visible in it." });
  const pick = async (atMs: number) => {
    if (await asked.onPick(atMs, text, faults.take)) onDone();
  };
  const save = async () => {
    const atMs = new Date(time).getTime();
    if (Number.isNaN(atMs)) return faults.say("This is not a whole date with a time.", "atMs");
    // One that is not touched stays to the millisecond.
    const isSame = asked.atMs !== undefined && fieldText(asked.atMs) === time;
    if (!isSame && atMs <= Date.now()) return faults.say("This time is over.", "atMs");
    if (asked.text !== undefined && text.trim() === "") return faults.say("Write a message first.", "text");
    await pick(isSame ? (asked.atMs ?? atMs) : atMs);
  };
  return (
    <Form
      id="later"
      about={asked.about}
      faults={faults}
      // A time alone is chosen anew; what was to be sent is kept by its own field.
      keepsNothing={asked.text === undefined}
      className="stack"
      onSubmit={save}
    >
      {asked.offers === true && (
        <div className="later-offers">
          {choices.map(({ label, atMs }, index) => (
            <button
              key={label}
              type="button"
              className="pick"
              data-autofocus={index === 0 || undefined}
              onClick={() => void pick(atMs)}
            >
              <span className="grow">{label}</span>
              <span className="dim">{momentOf(atMs)}</span>
            </button>
          ))}
        </div>
      )}
      {asked.text !== undefined && (
        <Textarea
          label="Text"
          autosize
          minRows={2}
          maxRows={10}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          error={faults.of("text")}
          data-autofocus
        />
      )}
      <TextInput
        type="datetime-local"
        label="Date and time"
        description={`In your time zone, ${zone()}.`}
        value={time}
        required
        onChange={(event) => setTime(event.currentTarget.value)}
        error={faults.of("atMs")}
        data-autofocus={asked.offers !== true && asked.text === undefined ? true : undefined}
      />
      <Button type="submit">{asked.action}</Button>
    </Form>
  );
}
