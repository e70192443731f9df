import { Button, Textarea, TextInput } from "@mantine/core";
import { useState, type SubmitEvent } from "react";
import { Note } from "../../note.tsx";

/** A thing with a name that is written as JSON: the same text as in the files of `plexus rules` and `plexus playbooks`. */
export function JsonForm(props: {
  /** What it is: rule. */
  readonly what: string;
  readonly about: string;
  readonly example: object;
  /** What is done with it beside keeping it. */
  readonly also?: { readonly title: string; readonly act: (body: object) => Promise<void> };
  readonly onKeep: (name: string, body: object) => Promise<void>;
}) {
  const { what, about, example, also, onKeep } = props;
  const [name, setName] = useState("");
  const [text, setText] = useState(() => JSON.stringify(example, undefined, 2));
  const [fault, setFault] = useState<string>();
  const withBody = async (act: (body: object) => Promise<void>) => {
    const read = bodyOf(text);
    setFault("fault" in read ? read.fault : undefined);
    if ("body" in read) await act(read.body);
  };
  const keep = (event: SubmitEvent) => {
    event.preventDefault();
    void withBody((body) => onKeep(name, body));
  };
  return (
    <details className="more">
      <summary>Make a {what}, or change one</summary>
      <form className="backup-form" onSubmit={keep}>
        <p className="dim flush">{about}</p>
        <TextInput
          label="Name"
          pattern="[a-z0-9][a-z0-9._\-]{0,95}"
          title="Small letters, digits, ., - and _"
          autoCapitalize="none"
          autoComplete="off"
          spellCheck={false}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          required
        />
        <Textarea
          label={`The ${what} as JSON`}
          autosize
          minRows={6}
          maxRows={24}
          spellCheck={false}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        {fault !== undefined && <Note tone="bad">{fault}</Note>}
        <div className="row wrap">
          {also !== undefined && (
            <Button variant="default" onClick={() => void withBody(also.act)}>
              {also.title}
            </Button>
          )}
          <Button type="submit">Keep it</Button>
        </div>
      </form>
    </details>
  );
}

function bodyOf(text: string): { readonly body: object } | { readonly fault: string } {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { body: value } : { fault: "It has to be like { … }." };
  } catch (error) {
    return { fault: `This is no JSON: ${(error as Error).message}` };
  }
}
