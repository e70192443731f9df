import "@mantine/core/styles/NumberInput.css";
import "@mantine/core/styles/Slider.css";
import { Button, NumberInput, Slider } from "@mantine/core";
import { useState } from "react";
import type { AgentTool, AgentView, ModelInfo, Sampling } from "../../../../protocols/index.ts";
import { wireLimits } from "../../../../protocols/limits.ts";
import { sameJson } from "../../../../protocols/same-json.ts";
import { isText, notices, useKept, type AgentStore } from "../../live/index.ts";
import { AgentFields } from "./agent-fields.tsx";
import { useFaults } from "../faults.ts";
import { Form } from "../form.tsx";
import { useMeanwhile } from "../meanwhile.tsx";
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
  const now = settingsOf(view);
  const [settings, keep] = useKept(`agent/${store.agent}/settings`, isSettings, now);
  const { persona, model, temperature, maxTokens, allowed } = settings;
  const change = (changed: Partial<Settings>) => {
    const next = { ...settings, ...changed };
    keep(JSON.stringify(next) === JSON.stringify(now) ? undefined : next);
  };
  const [busy, setBusy] = useState(false);
  const faults = useFaults({
    persona: "This persona is too long. Shorten it.",
    model: "This model cannot be chosen.",
    maxTokens: `A whole number, from 1 to ${wireLimits.maxTokensMax}.`,
  });
  const meanwhile = useMeanwhile({
    persona: { label: "Persona", now: now.persona, mine: persona, take: (text) => change({ persona: text }) },
    model: {
      label: "Model",
      now: now.model ?? "",
      mine: model ?? "",
      take: (text) => change({ model: text === "" ? null : text }),
    },
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
        seen: { persona: seen.persona, model: seen.model },
      },
      (refusal) => meanwhile.take(refusal, ["persona", "model"]) || faults.take(refusal),
    );
    setBusy(false);
    if (!result.ok) return;
    keep(undefined);
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
