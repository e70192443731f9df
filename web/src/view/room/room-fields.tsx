import { TextInput } from "@mantine/core";
import { wireLimits } from "../../../../protocols/limits.ts";
import type { Faults } from "../parts/faults.ts";

interface Values {
  readonly title: string;
  readonly topic: string;
}

/** Title and topic of a room: the same when it is made and when it is changed. */
export const RoomFields = ({
  values,
  onChange,
  hint,
  faults,
}: {
  readonly values: Values;
  readonly onChange: (values: Values) => void;
  readonly hint?: string;
  readonly faults: Faults;
}) => (
  <>
    <TextInput
      label="Title"
      description={hint}
      value={values.title}
      maxLength={wireLimits.titleCharsMax}
      onChange={(event) => onChange({ ...values, title: event.currentTarget.value })}
      error={faults.of("title")}
      required
      data-autofocus
    />
    <TextInput
      label="Topic"
      error={faults.of("topic")}
      value={values.topic}
      maxLength={wireLimits.topicCharsMax}
      onChange={(event) => onChange({ ...values, topic: event.currentTarget.value })}
    />
  </>
);
