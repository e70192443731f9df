import { InputBase } from "@mantine/core";

/** A choice of few, as the browser shows it: a wheel on a phone. */
export function Choice(props: {
  readonly label: string;
  readonly data: readonly { readonly value: string; readonly label: string }[];
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly className?: string;
}) {
  const { label, data, value, onChange, className } = props;
  return (
    <InputBase
      component="select"
      label={label}
      value={value}
      className={`choice ${className ?? ""}`}
      onChange={(event) => onChange(event.currentTarget.value)}
    >
      {data.map((one) => (
        <option key={one.value} value={one.value}>
          {one.label}
        </option>
      ))}
    </InputBase>
  );
}
