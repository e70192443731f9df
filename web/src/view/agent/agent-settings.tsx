import "@mantine/core/styles/NumberInput.css";
import "@mantine/core/styles/Slider.css";
import { Button, NumberInput, Slider } from "@mantine/core";
import { useRef, useState } from "react";
import type { AgentTool, AgentView, Failure, ModelInfo, Sampling } from "../../../../protocols/index.ts";
import { wireLimits } from "../../../../protocols/limits.ts";
import { sameJson } from "../../../../protocols/wire/same-json.ts";
import { isText, notices, useKept, type AgentStore } from "../../live/index.ts";
import { AgentFields } from "./agent-fields.tsx";
import { useFaults } from "../parts/faults.ts";
import { Form } from "../parts/form.tsx";
import { useMeanwhile, type SharedField } from "../parts/meanwhile.tsx";
import { Panel } from "../room/panel.tsx";
import { Usage } from "./usage.tsx";

const usualTemperature = 0.7;

const tools: readonly { readonly tool: AgentTool; readonly label: string }[] = [
  { tool: "clock", label: "Clock: date and time, in any time zone" },
  { tool: "calculator", label: "Calculator: sums, powers and common functions" },
];

interface Settings {
  readonly persona: string;
  readonly model: string | null;
  readonly temperature: number;
  readonly maxTokens: number | string;
  readonly allowed: readonly string[];
}

const settingsOf = ({ persona, model, sampling, tools: allowed }: AgentView): Settings => ({
  persona,
  model: model === "" ? null : model,
  temperature: sampling.temperature ?? usualTemperature,
  maxTokens: sampling.maxTokens ?? "",
  allowed: allowed ?? tools.map(({ tool }) => tool),
});

/** What somebody changed and has not saved, and what they had seen when they began. */
interface Begun {
  readonly was: Settings;
  readonly mine: Settings;
}

const isBegun = (value: unknown): value is Begun => {
  const { was, mine } = (value ?? {}) as Partial<Record<keyof Begun, unknown>>;
  return isSettings(was) && isSettings(mine);
};

/** Settings as texts, by which two of them are compared and shown. */
const textsOf = ({ persona, model, temperature, maxTokens, allowed }: Settings) => ({
  persona,
  model: model ?? "",
  temperature: temperature.toFixed(1),
  maxTokens: String(maxTokens),
  tools: tools
    .filter(({ tool }) => allowed.includes(tool))
    .map(({ tool }) => tool)
    .join(", "),
});
type Texts = ReturnType<typeof textsOf>;

/** The settings of these texts, as far as there are any. */
const settingsIn = ({ persona, model, temperature, maxTokens, tools: allowed }: Partial<Texts>): Partial<Settings> => ({
  ...(persona !== undefined && { persona }),
  ...(model !== undefined && { model: model === "" ? null : model }),
  ...(temperature !== undefined && { temperature: Number(temperature) }),
  ...(maxTokens !== undefined && { maxTokens: maxTokens === "" ? "" : Number(maxTokens) }),
  ...(allowed !== undefined && { allowed: allowed === "" ? [] : allowed.split(", ") }),
});

const labels: Readonly<Record<keyof Texts, string>> = {
  persona: "Persona",
  model: "Model",
  temperature: "Temperature",
  maxTokens: "Maximum length of an answer",
  tools: "Tools",
};
const names = Object.keys(labels) as (keyof Texts)[];

/** What somebody changed and has not saved. What others save meanwhile takes its place where nothing was changed
 *  here; else both are shown. */
function useSettings(store: AgentStore, view: AgentView) {
  const now = settingsOf(view);
  const [begun, keep] = useKept<Begun>(`agent/${store.agent}/settings`, isBegun, { was: now, mine: now });
  // Several fields may be told at once, before this is drawn again.
  const latest = useRef(begun.mine);
  latest.current = begun.mine;
  const change = (changed: Partial<Settings>) => {
    latest.current = { ...latest.current, ...changed };
    keep(sameJson(latest.current, now) ? undefined : { was: begun.was, mine: latest.current });
  };
  const [texts, before, mine] = [textsOf(now), textsOf(begun.was), textsOf(begun.mine)];
  const shared = (name: keyof Texts): SharedField => ({
    label: labels[name],
    now: texts[name],
    was: before[name],
    mine: mine[name],
    take: (text) => change(settingsIn({ [name]: text })),
  });
  const fields = Object.fromEntries(names.map((name) => [name, shared(name)])) as Record<keyof Texts, SharedField>;
  const meanwhile = useMeanwhile(fields);
  return { now, settings: begun.mine, change, forget: () => keep(undefined), meanwhile };
}

function isSettings(value: unknown): value is Settings {
  const { persona, model, temperature, maxTokens, allowed } = (value ?? {}) as Partial<Record<keyof Settings, unknown>>;
  return (
    isText(persona) &&
    (model === null || isText(model)) &&
    typeof temperature === "number" &&
    (typeof maxTokens === "number" || isText(maxTokens)) &&
    Array.isArray(allowed) &&
    allowed.every(isText)
  );
}

/** A refusal that says what settings are by now, as texts. */
function told(refusal: Failure, view: AgentView): Failure {
  const now = (refusal.details?.["now"] ?? {}) as Partial<AgentView>;
  return { ...refusal, details: { now: textsOf(settingsOf({ ...view, ...now })) } };
}

/** Persona, model, sampling and tools of an agent, and what it took of models. */
export function AgentSettings({
  store,
  view,
  models,
  onClose,
}: {
  readonly store: AgentStore;
  readonly view: AgentView;
  readonly models: readonly ModelInfo[];
  readonly onClose: () => void;
}) {
  const { now, settings, change, forget, meanwhile } = useSettings(store, view);
  const { persona, model, temperature, maxTokens, allowed } = settings;
  const [busy, setBusy] = useState(false);
  const faults = useFaults({
    persona: "This persona is too long. Shorten it.",
    model: "This model cannot be chosen.",
    maxTokens: `A whole number, from 1 to ${wireLimits.maxTokensMax}.`,
  });
  const save = async () => {
    if (meanwhile.stands) return;
    const { maxTokens: _, temperature: __, ...others } = view.sampling;
    // A slider that nobody moved does not pin the model's own default down.
    const moved = view.sampling.temperature !== undefined || temperature !== usualTemperature;
    const sampling: Sampling = {
      ...others,
      ...(moved ? { temperature } : {}),
      ...(typeof maxTokens === "number" ? { maxTokens } : {}),
    };
    setBusy(true);
    const { seen } = meanwhile;
    const allowedNow = tools.map(({ tool }) => tool).filter((tool) => allowed.includes(tool));
    const result = await store.change(
      "update",
      {
        // What is not changed here is not sent: it may be another by now.
        ...(persona !== seen.persona && { persona }),
        ...(!sameJson(sampling, view.sampling) && { sampling }),
        ...(!sameJson(allowedNow, now.allowed) && { tools: allowedNow }),
        ...(model !== null && model !== seen.model && { model }),
        // What was changed of these since was shown: nothing is sent before somebody chose.
        seen: {
          persona: seen.persona,
          model: seen.model,
          sampling: view.sampling,
          ...(view.tools !== undefined && { tools: [...view.tools] }),
        },
      },
      (refusal) => meanwhile.take(told(refusal, view), names) || faults.take(refusal),
    );
    setBusy(false);
    if (!result.ok) return;
    forget();
    notices.show("Settings saved. They apply from the next answer on.");
    onClose();
  };
  return (
    <Panel title="Agent settings" onClose={onClose}>
      <Form id="agent" keepsNothing faults={faults} className="panel-body stack settings-form" onSubmit={save}>
        <AgentFields values={{ persona, model }} onChange={change} models={models} faults={faults} hasModel />
        {meanwhile.notes}
        <div>
          <div className="slider-label">
            Temperature <span>{temperature.toFixed(1)}</span>
          </div>
          <p className="dim slider-hint">0 always takes the most likely word; higher values give more varied answers</p>
          <Slider
            min={0}
            max={2}
            step={0.1}
            value={temperature}
            onChange={(value) => change({ temperature: value })}
            label={null}
            thumbLabel="Temperature"
          />
        </div>
        <NumberInput
          label="Maximum length of an answer"
          description="In tokens. A token is about four characters"
          placeholder="The model's default"
          min={1}
          max={wireLimits.maxTokensMax}
          allowDecimal={false}
          value={maxTokens}
          onChange={(value) => change({ maxTokens: value })}
          error={faults.of("maxTokens")}
        />
        <fieldset className="tool-choices">
          <legend>Tools</legend>
          <p className="dim slider-hint">
            What the agent may use for an answer, if its model can. Each use is shown in the conversation
          </p>
          {tools.map(({ tool, label }) => (
            <label key={tool}>
              <input
                type="checkbox"
                checked={allowed.includes(tool)}
                onChange={({ currentTarget: { checked } }) =>
                  change({ allowed: checked ? [...allowed, tool] : allowed.filter((other) => other !== tool) })
                }
              />
              {label}
            </label>
          ))}
        </fieldset>
        <Button type="submit" loading={busy} disabled={meanwhile.stands}>
          Save
        </Button>
        <Usage store={store} />
      </Form>
    </Panel>
  );
}
