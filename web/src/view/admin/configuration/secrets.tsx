import { Button, PasswordInput, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { Failure, SecretsView, SecretView } from "../../../../../protocols/index.ts";
import { notices } from "../../../live/index.ts";
import { call, seen } from "../../../wire/index.ts";
import { useActOn } from "../../parts/act.ts";
import { useDialogs } from "../../shell/dialogs.tsx";
import { useFaults, type Faults } from "../../parts/faults.ts";
import { Form } from "../../parts/form.tsx";
import { Note } from "../../parts/note.tsx";
import { useRights } from "../../parts/rights.ts";
import { useSeen } from "../../parts/seen.ts";
import { Part } from "../../settings/part.tsx";
import { momentOf } from "../../parts/time.ts";
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
  const set: Sends = async (name, value, places, { seen: version, on }) => {
    const done = await act(() => call("secrets.set", { secret: name, value, for: [...places], seen: version }), on);
    if (done !== undefined) notices.show(`${name} was set.`);
    return done !== undefined;
  };
  const rotate: Sends = async (name, value, _places, { on }) => {
    if ((await act(() => call("secrets.rotate", { secret: name, value }), on)) === undefined) return false;
    notices.show(`${name} was replaced.`);
    setRotated(undefined);
    return true;
  };
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
            {rotated === one.name && <SecretForm title={`Replace ${one.name}`} fixed={one.name} onSend={rotate} />}
          </li>
        ))}
      </ul>
      {data?.secrets.length === 0 && <p className="dim flush">There is no secret yet.</p>}
      {data !== undefined && data.own.length > 0 && (
        <p className="dim flush break">These settings keep a secret of their own: {data.own.join(", ")}.</p>
      )}
      {canManage && (
        <details className="more">
          <summary>Set a secret</summary>
          <SecretForm title="Set a secret" known={(name) => timesSet(data, name)} onSend={set} />
        </details>
      )}
    </Part>
  );
}

/** How often a secret was set, as it is on show. */
const timesSet = (data: SecretsView | undefined, name: string): number =>
  data?.secrets.find((one) => one.name === name)?.version ?? 0;

const secretNameRule = "Lower-case letters, digits and -, and a letter or a digit first; at most 32.";

/** Sends what was typed. `seen`: how often it was set when its name was typed. */
type Sends = (
  name: string,
  value: string,
  places: readonly string[],
  how: { readonly seen: number; readonly on: (refusal: Failure) => boolean },
) => Promise<boolean>;

function SecretForm(props: {
  readonly title: string;
  /** The name of one that is there. */
  readonly fixed?: string;
  /** How often the one of this name was set, as it is on show. */
  readonly known?: (name: string) => number;
  readonly onSend: Sends;
}) {
  const { title, fixed, known = () => 0, onSend } = props;
  const [name, setName] = useState(fixed ?? "");
  const [value, setValue] = useState("");
  const [places, setPlaces] = useState("");
  const faults = useFaults({
    secret: secretNameRule,
    for: "Names of hosts, with a port or without, separated by commas.",
    value: "A secret has 1 to 16,384 characters.",
  });
  const rests = useSeen(faults, known, (of) => `Somebody else has set ${of} in the meantime.`);
  const send = async () => {
    const list = places
      .split(",")
      .map((one) => one.trim())
      .filter((one) => one !== "");
    // It stays in the page no longer than it is needed.
    const how = { seen: rests.of(name), on: fixed === undefined ? rests.take(name) : faults.take };
    if (!(await onSend(name, value, list, how))) return;
    rests.end();
    setValue("");
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
          <NewSecret
            faults={faults}
            name={[name, (typed) => [setName(typed), rests.begin(typed)]]}
            places={[places, setPlaces]}
          />
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

type Held = readonly [text: string, put: (text: string) => unknown];

/** What a secret is called, and where it may go. */
function NewSecret({ faults, name, places }: { readonly faults: Faults; readonly name: Held; readonly places: Held }) {
  const typed = { autoComplete: "off", autoCapitalize: "none", spellCheck: false, required: true };
  return (
    <>
      <TextInput
        {...typed}
        label="Name"
        error={faults.of("secret")}
        value={name[0]}
        onChange={(event) => name[1](event.currentTarget.value)}
      />
      <TextInput
        {...typed}
        className="grow"
        label="Only for these hosts"
        placeholder="api.example.org, smtp.example.org:587"
        error={faults.of("for")}
        value={places[0]}
        onChange={(event) => places[1](event.currentTarget.value)}
      />
    </>
  );
}
