import { Select, Textarea } from "@mantine/core";
import type { ModelInfo } from "../../../../protocols/index.ts";
import { wireLimits } from "../../../../protocols/limits.ts";
import type { Faults } from "../parts/faults.ts";

interface Values {
  readonly persona: string;
  readonly model: string | null;
}

/** Persona and model of an agent: the same when it is made and when it is changed. `hasModel`: it has one, and may have
 *  another, but not none. */
export const AgentFields = ({
  values,
  onChange,
  models,
  faults,
  hasModel = false,
}: {
  readonly values: Values;
  readonly onChange: (values: Values) => void;
  readonly models: readonly ModelInfo[];
  readonly faults: Faults;
  readonly hasModel?: boolean;
}) => (
  <>
    <Textarea
      label="Persona"
      description="How the agent should behave, in your own words"
      placeholder="You are a friendly assistant who answers briefly."
      value={values.persona}
      maxLength={wireLimits.personaCharsMax}
      onChange={(event) => onChange({ ...values, persona: event.currentTarget.value })}
      error={faults.of("persona")}
      autosize
      minRows={3}
      maxRows={10}
    />
    <Select
      label="Model"
      placeholder="The default model"
      data={models.map(({ model, label }) => ({
        value: model,
        label: label === undefined ? model : `${model} (${label.short})`,
      }))}
      value={values.model}
      onChange={(model) => onChange({ ...values, model })}
      error={faults.of("model")}
      clearable={!hasModel}
      allowDeselect={!hasModel}
    />
  </>
);
