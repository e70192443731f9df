import { Button, NumberInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { DetectorView, Failure, OperationInput } from "../../../../../protocols/index.ts";
import { call, seen } from "../../../wire/index.ts";
import { useActOn } from "../../parts/act.ts";
import { useFaults } from "../../parts/faults.ts";
import { Form } from "../../parts/form.tsx";
import { Note } from "../../parts/note.tsx";
import { useRights } from "../../parts/rights.ts";
import { Part } from "../../settings/part.tsx";
import { live } from "../look.ts";

/** Other admins set thresholds. */
const lookMs = 15_000;
const all = ["detectors"];

/** What is always watched for, from thresholds on that are set here. */
export function Detectors() {
  const { may } = useRights();
  const act = useActOn(all);
  const { data, error } = useQuery({
    ...live(lookMs),
    queryKey: all,
    queryFn: () => seen("detectors.list"),
  });
  const set = (
    name: string,
    body: Omit<OperationInput<"detectors.set">, "detector">,
    on: (refusal: Failure) => boolean,
  ) => act(() => call("detectors.set", { detector: name, ...body }), on);
  return (
    <Part title="Detectors" about="These checks are always on. A check raises an alert above its threshold.">
      {error !== null && <Note tone="bad">{error.message}</Note>}
      <ul className="lines" aria-label="Detectors">
        {data?.detectors.map((one) => (
          <li key={one.name}>
            <span className="grow">
              <span className="line-title">
                {one.name} {one.off && <span className="chip">off</span>}
              </span>
              <span className="break">{one.finds}.</span>{" "}
              <span className="dim break">
                {[one.severity, ...Object.keys(one.now).map((name) => thresholdText(one, name))].join(" · ")}
              </span>
              {may("alerts.manage") && (
                <Thresholds
                  key={JSON.stringify(one.now)}
                  detector={one}
                  onSet={(body, on) => set(one.name, body, on)}
                />
              )}
            </span>
          </li>
        ))}
      </ul>
    </Part>
  );
}

/** A threshold, and the built-in one where that is another. */
function thresholdText({ now, settings }: DetectorView, name: string): string {
  const text = `${wordsOf(name)}: ${now[name]}`;
  return now[name] === settings[name] ? text : `${text} (built in: ${settings[name]})`;
}

/** A name of a setting in words: `kilometresPerHour` is kilometres per hour. */
const wordsOf = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

/** What a threshold may be. */
const rangeOf = ({ min = 1, max = 1_000_000 }: Partial<DetectorView["bounds"][string]> = {}): string =>
  `From ${min} to ${max}.`;

function Thresholds(props: {
  readonly detector: DetectorView;
  readonly onSet: (body: object, on: (refusal: Failure) => boolean) => Promise<unknown>;
}) {
  const { detector, onSet } = props;
  const { name, now, settings, off, bounds } = detector;
  const [wanted, setWanted] = useState<Readonly<Record<string, number | string>>>(now);
  const changed = Object.fromEntries(Object.entries(now).filter(([one, value]) => settings[one] !== value));
  const faults = useFaults(Object.fromEntries(Object.keys(now).map((one) => [one, rangeOf(bounds[one])])));
  const setTo = (body: object) =>
    onSet({ ...body, seen: { settings: now, off } }, (reason) => {
      if (reason.code !== "CHANGED_MEANWHILE") return faults.take(reason);
      faults.say(
        "Somebody else has changed this detector in the meantime. Nothing was saved. Look at it, then save again.",
      );
      return true;
    });
  const keep = () => {
    const given = Object.entries(wanted).filter(([one, value]) => value !== "" && Number(value) !== settings[one]);
    return setTo({ settings: Object.fromEntries(given.map(([one, value]) => [one, Number(value)])), off });
  };
  return (
    <details className="more">
      <summary>Set thresholds of {name}</summary>
      <Form
        id="thresholds"
        about={name}
        faults={faults}
        className="backup-form"
        onSubmit={keep}
        label={`Thresholds of ${name}`}
      >
        {Object.keys(now).map((one) => {
          const { min = 1, max = 1_000_000, whole = false } = bounds[one] ?? {};
          return (
            <NumberInput
              key={one}
              label={wordsOf(one)}
              description={`Built in: ${settings[one]}. ${rangeOf(bounds[one])}`}
              error={faults.of(one)}
              value={wanted[one] ?? ""}
              min={min}
              max={max}
              allowDecimal={!whole}
              allowNegative={false}
              clampBehavior="blur"
              onChange={(value) => setWanted({ ...wanted, [one]: value })}
            />
          );
        })}
        <div className="row wrap">
          <Button variant="default" onClick={() => void setTo({ settings: changed, off: !off })}>
            {off ? "Switch on" : "Switch off"}
          </Button>
          <Button variant="default" onClick={() => void setTo({ off })}>
            Built-in thresholds
          </Button>
          <Button type="submit">Save</Button>
        </div>
      </Form>
    </details>
  );
}
