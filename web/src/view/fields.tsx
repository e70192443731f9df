import { Select, Textarea, TextInput } from "@mantine/core";
import type { ModelInfo } from "../../../protocols/index.ts";
import { wireLimits } from "../../../protocols/limits.ts";

/** Fields of a room and of an agent, which are the same when it is made and when it is changed. */

interface FieldsOf<Values> {
  readonly values: Values;
  readonly onChange: (values: Values) => void;
}

/** Title and topic of a room. */
export const RoomFields = ({
  values,
  onChange,
  hint,
}: FieldsOf<{ readonly title: string; readonly topic: string }> & { readonly hint?: string }) => (
  <>
    <TextInput
      label="Title"
      description={hint}
      value={values.title}
      maxLength={wireLimits.titleCharsMax}
      onChange={(event) => onChange({ ...values, title: event.currentTarget.value })}
      required
      data-autofocus
    />
    <TextInput
      label="Topic"
      value={values.topic}
      maxLength={wireLimits.topicCharsMax}
      onChange={(event) => onChange({ ...values, topic: event.currentTarget.value })}
    />
  </>
);

/** Persona and model of an agent. `hasModel`: it has one, and may have another, but not none. */
export const AgentFields = ({
  values,
  onChange,
  models,
  hasModel = false,
}: FieldsOf<{ readonly persona: string; readonly model: string | null }> & {
  readonly models: readonly ModelInfo[];
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
      clearable={!hasModel}
      allowDeselect={!hasModel}
    />
  </>
);
