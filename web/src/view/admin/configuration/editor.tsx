import { Button, Select, TextInput } from "@mantine/core";
import { useState } from "react";
import type {
  Failure,
  OperationInput,
  SettingKind,
  SettingsPlan,
  SettingsView,
} from "../../../../../protocols/index.ts";
import { explain, notices } from "../../../live/index.ts";
import { plainProblem } from "../../../model/field-faults.ts";
import { call } from "../../../wire/index.ts";
import { useActOn } from "../../parts/act.ts";
import { useFaults } from "../../parts/faults.ts";
import { Form } from "../../parts/form.tsx";
import { readSettings } from "./queries.ts";
import { Effects } from "./effects.tsx";
import { choicesOf, configurationKey, fieldText, valueFrom, type Shape } from "./words.ts";

const everyNode = "All nodes";

/** Changes one key, for all nodes or for one. What a value has to be, the node says. */
export function SettingEditor(props: {
  readonly kind: SettingKind;
  readonly view: SettingsView;
  readonly onDone: () => void;
}) {
  const { kind, onDone } = props;
  // That of the node that was chosen, once somebody has chosen one.
  const [view, setView] = useState(props.view);
  const { key } = kind;
  const act = useActOn(configurationKey);
  const [scope, setScope] = useState(everyNode);
  const node = scope === everyNode ? undefined : scope;
  const known = view.scopes.find((one) => one.node === node);
  // What was on show when the form was opened: a change that somebody makes meanwhile is not overwritten.
  const [seen, setSeen] = useState(known?.revision ?? 0);
  const set = known?.values[key];
  const first = view.nodes.find((one) => one.node === (node ?? view.nodes[0]?.node));
  const [text, setText] = useState(() =>
    fieldText(set?.value ?? first?.settings.find((one) => one.key === key)?.value),
  );
  const faults = useFaults();
  const [plan, setPlan] = useState<SettingsPlan>();
  const shape = kind.schema as Shape;
  const choices = choicesOf(shape);

  const refusal = (reason: Failure): boolean => {
    const { code, details } = reason;
    if (code === "CONFIG_CHANGED") {
      const by = typeof details?.["by"] === "string" ? details["by"] : "Somebody else";
      faults.say(`${by} has changed the configuration meanwhile. Look at it, then save again.`);
      setSeen(Number(details?.["revision"] ?? 0));
      return true;
    }
    if (code !== "BAD_REQUEST") return faults.take(reason);
    const { problem } = reason.details ?? {};
    faults.say(typeof problem === "string" ? `This value ${plainProblem(problem)}.` : explain(reason), "value");
    return true;
  };
  const change = () => ({ ...(node !== undefined && { node }), set: { [key]: valueFrom(shape, text) } });
  const preview = async () => {
    faults.clear();
    setPlan(await act(() => call("configuration.plan", change()), refusal));
  };
  const send = async (body: Omit<OperationInput<"configuration.set">, "revision">) => {
    faults.clear();
    const done = await act(() => call("configuration.set", { ...body, revision: seen }), refusal);
    if (done === undefined) return;
    const waits = done.nodes.some(({ effects }) => effects.some(({ takes }) => takes === "restart"));
    notices.show(`${key} was changed${waits ? "; it takes effect when the nodes are restarted" : ""}.`);
    onDone();
  };
  const choose = async (next: string) => {
    const of = next === everyNode ? undefined : next;
    faults.clear();
    try {
      const chosen = of === undefined ? view : await readSettings(of);
      setView(chosen);
      setScope(next);
      setSeen(chosen.scopes.find((one) => one.node === of)?.revision ?? 0);
      setPlan(undefined);
    } catch (error) {
      faults.say((error as Error).message);
    }
  };
  const edit = (value: string) => {
    setText(value);
    setPlan(undefined);
  };
  return (
    <Form
      id="setting"
      about={node === undefined ? key : `${key}/${node}`}
      faults={faults}
      className="setting-form"
      label={`Change ${key}`}
      onSubmit={() => send(change())}
    >
      <div className="row wrap field-row">
        <Select
          label="For"
          data={[everyNode, ...(view.names ?? view.nodes.map((one) => one.node))]}
          value={scope}
          allowDeselect={false}
          searchable
          data-choice
          limit={100}
          onChange={(value) => void choose(value ?? everyNode)}
        />
        {choices === undefined ? (
          <TextInput
            className="grow"
            label="Value"
            {...(shape.type === "array" && { description: "Several are separated by commas" })}
            error={faults.of("value")}
            autoComplete="off"
            spellCheck={false}
            value={text}
            onChange={(event) => edit(event.currentTarget.value)}
          />
        ) : (
          <Select
            className="grow"
            label="Value"
            error={faults.of("value")}
            data={[...choices]}
            value={choices.includes(text) ? text : null}
            allowDeselect={false}
            onChange={(value) => edit(value ?? "")}
          />
        )}
      </div>
      {plan !== undefined && <Effects plan={plan} />}
      <div className="row wrap">
        <Button type="submit" size="xs">
          Save
        </Button>
        <Button variant="default" size="xs" onClick={() => void preview()}>
          Preview
        </Button>
        {set !== undefined && (
          <Button
            variant="default"
            size="xs"
            onClick={() => void send({ ...(node !== undefined && { node }), unset: [key] })}
          >
            Remove this setting
          </Button>
        )}
        <Button variant="default" size="xs" onClick={onDone}>
          Cancel
        </Button>
      </div>
    </Form>
  );
}
