import { Button, Textarea, TextInput } from "@mantine/core";
import { useState } from "react";
import type { Failure } from "../../../../../protocols/errors.ts";
import { useFaults } from "../../parts/faults.ts";
import { Form } from "../../parts/form.tsx";
import { useSeen } from "../../parts/seen.ts";

/** Takes a refusal to the form. */
export type OnRefusal = (refusal: Failure) => boolean;

/** A thing with a name that is written as JSON: the same text as in the files of `plexus rules` and `plexus
 *  playbooks`. */
export function JsonForm(props: {
  /** What it is: rule. */
  readonly what: string;
  readonly about: string;
  readonly example: object;
  /** What is done with it beside keeping it. */
  readonly also?: { readonly title: string; readonly act: (body: object, on: OnRefusal) => Promise<void> };
  /** What there is of this name as it is on show, without its name; null: nothing. */
  readonly known: (name: string) => object | null;
  /** The body says in `seen` what was on show when the name was typed. */
  readonly onKeep: (name: string, body: object, on: OnRefusal) => Promise<boolean>;
}) {
  const { what, about, example, also, known, onKeep } = props;
  const [name, setName] = useState("");
  const [text, setText] = useState(() => JSON.stringify(example, undefined, 2));
  const faults = useFaults({ [what]: "Lower-case letters, digits, ., _ and -, and a letter or a digit first." });
  const seen = useSeen<object | null>(faults, known, (of, now) =>
    now === null
      ? `Somebody else has removed the ${what} ${of} in the meantime.`
      : `Somebody else has made or changed a ${what} called ${of} in the meantime.`,
  );
  const withBody = async (act: (body: object) => Promise<void>) => {
    const read = bodyOf(text);
    if ("fault" in read) faults.say(read.fault, "text");
    else await act(read.body);
  };
  const keep = () =>
    withBody(async (body) => {
      if (await onKeep(name, { ...body, seen: seen.of(name) }, seen.take(name))) seen.end();
    });
  return (
    <details className="more">
      <summary>Make a {what}, or change one</summary>
      <Form id={what} faults={faults} className="backup-form" onSubmit={keep}>
        <p className="dim flush">{about}</p>
        <TextInput
          label="Name"
          error={faults.of(what)}
          autoCapitalize="none"
          autoComplete="off"
          spellCheck={false}
          value={name}
          onChange={({ currentTarget: { value } }) => {
            setName(value);
            seen.begin(value);
          }}
          required
        />
        <Textarea
          label={`The ${what} as JSON`}
          error={faults.of("text")}
          autosize
          minRows={6}
          maxRows={24}
          spellCheck={false}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <div className="row wrap">
          {also !== undefined && (
            <Button variant="default" onClick={() => void withBody((body) => also.act(body, faults.take))}>
              {also.title}
            </Button>
          )}
          <Button type="submit">Keep it</Button>
        </div>
      </Form>
    </details>
  );
}

function bodyOf(text: string): { readonly body: object } | { readonly fault: string } {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null
      ? { body: value }
      : { fault: "It must be an object, such as { … }." };
  } catch (error) {
    return { fault: `This is not JSON: ${(error as Error).message}` };
  }
}
