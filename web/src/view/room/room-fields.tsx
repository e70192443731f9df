import { TextInput } from "@mantine/core";
import { wireLimits } from "../../../../protocols/limits.ts";

interface Values {
  readonly title: string;
  readonly topic: string;
}

/** Title and topic of a room: the same when it is made and when it is changed. */
export const RoomFields = ({
  values,
  onChange,
  hint,
}: {
  readonly values: Values;
  readonly onChange: (values: Values) => void;
  readonly hint?: string;
}) => (
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
