import { Button, PasswordInput, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { Failure, SecretsView, SecretView } from "../../../../../protocols/index.ts";
import { notices } from "../../../live/index.ts";
import { call, seen } from "../../../wire/index.ts";
import { useActOn } from "../../act.ts";
import { useDialogs } from "../../dialogs.tsx";
import { useFaults } from "../../faults.ts";
import { Form } from "../../form.tsx";
import { Note } from "../../note.tsx";
import { useRights } from "../../rights.ts";
import { Part } from "../../settings/part.tsx";
import { momentOf } from "../../time.ts";
import { live } from "../look.ts";
import { lookMs } from "./words.ts";

const all = ["secrets"];

/** Secrets by their names. What they are is written here and never shown. */
export function Secrets() {
  const { may } = useRights();
  const act = useActOn(all);
  const { ask } = useDialogs();
  const [rotated, setRotated] = useState<string>();
  const { data, error } = useQuery({
    ...live(lookMs),
    queryKey: all,
    queryFn: () => seen("secrets.list"),
  });
  const canManage = may("secrets.manage");
  const remove = async ({ name }: SecretView) => {
    const body = <p>Its value is deleted. This cannot be undone.</p>;
    if (await ask({ title: `Remove the secret ${name}?`, body, action: "Remove", grave: true }))
      await act(() => call("secrets.remove", { secret: name }));
  };
  return (
    <Part
      title="Secrets"
      about="Keys and passwords for other servers. Settings use them as secret:NAME. Nobody can read them on this page."
    >
      {error !== null && <Note tone="bad">{error.message}</Note>}
      <ul className="alerts" aria-label="Secrets">
        {data?.secrets.map((one) => (
          <li key={one.name}>
            <div className="row wrap">
              <span className="grow line-title break">{one.name}</span>
              <span className="dim break">
                {one.by}, {momentOf(one.atMs)}
              </span>
            </div>
            <p className="flush break">Only for {one.for.join(", ")}</p>
            <p className="dim flush break">
              {one.usedBy.length === 0 ? "Nothing uses it." : `Used by ${one.usedBy.join(", ")}.`} {one.note}
            </p>
            {canManage && (
              <div className="row wrap">
                <Button
                  variant="default"
                  size="xs"
                  aria-expanded={rotated === one.name}
                  aria-label={`Replace: ${one.name}`}
                  onClick={() => setRotated(rotated === one.name ? undefined : one.name)}
                >
                  Replace
                </Button>
                {one.usedBy.length === 0 && (
                  <Button
                    variant="default"
                    size="xs"
                    aria-label={`Remove: ${one.name}`}
                    onClick={() => void remove(one)}
                  >
                    Remove
                  </Button>
                )}
              </div>
            )}
            {rotated === one.name && (
              <SecretForm
                title={`Replace ${one.name}`}
                fixed={one.name}
                onSend={async (_name, value, _places, on) => {
                  const done = await act(() => call("secrets.rotate", { secret: one.name, value }), on);
                  if (done === undefined) return false;
                  notices.show(`${one.name} was replaced.`);
                  setRotated(undefined);
                  return true;
                }}
              />
            )}
          </li>
        ))}
      </ul>
      {data?.secrets.length === 0 && <p className="dim flush">There are none.</p>}
      {data !== undefined && data.own.length > 0 && (
        <p className="dim flush break">These settings keep a secret of their own: {data.own.join(", ")}.</p>
      )}
      {canManage && (
        <details className="more">
          <summary>Set a secret</summary>
          <SecretForm
            title="Set a secret"
            onSend={async (name, value, places, on) => {
              const said = { secret: name, value, for: [...places], seen: timesSet(data, name) };
              const done = await act(() => call("secrets.set", said), on);
              if (done !== undefined) notices.show(`${name} was set.`);
              return done !== undefined;
            }}
          />
        </details>
      )}
    </Part>
  );
}

/** How often a secret was set, as it is on show. */
const timesSet = (data: SecretsView | undefined, name: string): number =>
  data?.secrets.find((one) => one.name === name)?.version ?? 0;

const secretNameRule = "Lower-case letters, digits and -, and a letter or a digit first; at most 32.";

function SecretForm(props: {
  readonly title: string;
  /** The name of one that is there. */
  readonly fixed?: string;
  readonly onSend: (
    name: string,
    value: string,
    places: readonly string[],
    on: (refusal: Failure) => boolean,
  ) => Promise<boolean>;
}) {
  const { title, fixed, onSend } = props;
  const [name, setName] = useState(fixed ?? "");
  const [value, setValue] = useState("");
  const [places, setPlaces] = useState("");
  const faults = useFaults({
    secret: secretNameRule,
    for: "Names of hosts, with a port or without, separated by commas.",
    value: "A secret has 1 to 16,384 characters.",
  });
  const send = async () => {
    const list = places.split(",").map((one) => one.trim()).filter((one) => one !== ""); // prettier-ignore
    // It stays in the page no longer than it is needed.
    if (await onSend(name, value, list, faults.take)) setValue("");
  };
  return (
    <Form
      id={fixed === undefined ? "secret" : "secret-replaced"}
      faults={faults}
      className="setting-form"
      label={title}
      onSubmit={send}
    >
      <div className="row wrap field-row">
        {fixed === undefined && (
          <>
            <TextInput
              label="Name"
              error={faults.of("secret")}
              autoComplete="off"
              autoCapitalize="none"
              spellCheck={false}
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
              required
            />
            <TextInput
              className="grow"
              label="Only for these hosts"
              placeholder="api.example.org, smtp.example.org:587"
              error={faults.of("for")}
              autoComplete="off"
              autoCapitalize="none"
              spellCheck={false}
              value={places}
              onChange={(event) => setPlaces(event.currentTarget.value)}
              required
            />
          </>
        )}
        <PasswordInput
          className="grow"
          label="The secret"
          error={faults.of("value")}
          autoComplete="new-password"
          value={value}
          onChange={(event) => setValue(event.currentTarget.value)}
          required
        />
      </div>
      <div className="row">
        <Button type="submit" size="xs">
          {fixed === undefined ? "Save" : "Replace"}
        </Button>
      </div>
    </Form>
  );
}
