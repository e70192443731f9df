import { Button, Textarea, TextInput } from "@mantine/core";
import { useState } from "react";
import type { Failure } from "../../../../../protocols/errors.ts";
import { useFaults } from "../../faults.ts";
import { Form } from "../../form.tsx";

/** Takes a refusal to the form. */
export type OnRefusal = (refusal: Failure) => boolean;

/** A thing with a name that is written as JSON: the same text as in the files of `plexus rules` and `plexus playbooks`. */
export function JsonForm(props: {
  /** What it is: rule. */
  readonly what: string;
  readonly about: string;
  readonly example: object;
  /** What is done with it beside keeping it. */
  readonly also?: { readonly title: string; readonly act: (body: object, on: OnRefusal) => Promise<void> };
  readonly onKeep: (name: string, body: object, on: OnRefusal) => Promise<void>;
}) {
  const { what, about, example, also, onKeep } = props;
  const [name, setName] = useState("");
  const [text, setText] = useState(() => JSON.stringify(example, undefined, 2));
  const faults = useFaults({ [what]: "Lower-case letters, digits, ., _ and -, and a letter or a digit first." });
  const withBody = async (act: (body: object, on: OnRefusal) => Promise<void>) => {
    const read = bodyOf(text);
    if ("fault" in read) faults.say(read.fault, "text");
    else await act(read.body, faults.take);
  };
  const keep = () => withBody((body, on) => onKeep(name, body, on));
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
          onChange={(event) => setName(event.currentTarget.value)}
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
            <Button variant="default" onClick={() => void withBody(also.act)}>
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
    return { fault: `This is no JSON: ${(error as Error).message}` };
  }
}
