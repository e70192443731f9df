/** `plexus alerts detectors` and `plexus alerts set`: what is always watched for, and from when on it is too much. */
import { failure, PlexusError, type DetectorSettings, type DetectorView } from "../../protocols/index.ts";
import { operate, type AdminFlags } from "../node/admin.ts";
import { exitCodes, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { renderTable } from "../terminal/table.ts";

/** `plexus alerts detectors`. With --json one line a detector. */
export async function listDetectors(flags: AdminFlags, output: Output): Promise<number> {
  const { detectors } = await operate(flags, "detectors.list");
  if (flags.json) for (const detector of detectors) output.print(jsonLine(detector));
  else {
    const rows = detectors.map((one) => [one.name, one.off ? "off" : one.severity, thresholdsText(one), one.finds]);
    output.print(
      renderTable(
        [{ head: "detector" }, { head: "" }, { head: "thresholds", wraps: true }, { head: "finds", wraps: true }],
        rows,
        output,
      ),
    );
    output.print("`plexus alerts set DETECTOR NAME=NUMBER` sets a threshold.");
  }
  return exitCodes.ok;
}

/** Thresholds as they hold, and the built-in ones where these are others. */
const thresholdsText = ({ now, settings }: DetectorView): string =>
  Object.entries(now)
    .map(
      ([name, value]) =>
        `${withoutControls(name)} ${value}${settings[name] === value ? "" : ` (built in: ${settings[name]})`}`,
    )
    .join(", ");

/** `plexus alerts set`. */
export async function setDetector(
  flags: AdminFlags,
  choice: {
    readonly name: string;
    readonly thresholds: readonly string[];
    readonly defaults: boolean;
    readonly off?: boolean;
  },
  output: Output,
): Promise<number> {
  const { detectors } = await operate(flags, "detectors.list");
  const known = detectors.find(({ name }) => name === choice.name);
  if (known === undefined) {
    const names = detectors.map(({ name }) => name).join(", ");
    throw new PlexusError(failure("NOT_FOUND", { reason: `there is no detector ${choice.name}; there are ${names}` }));
  }
  const settings = {
    ...(choice.defaults ? {} : changedOf(known)),
    ...Object.fromEntries(choice.thresholds.map(thresholdOf)),
  };
  const body: DetectorSettings = { settings, off: choice.off ?? known.off };
  const set = await operate(flags, "detectors.set", { detector: choice.name, ...body });
  if (flags.json) output.print(jsonLine(set));
  else output.print(`The detector ${set.name} is ${set.off ? "off" : "on"}: ${thresholdsText(set)}.`);
  return exitCodes.ok;
}

/** Thresholds that are not the built-in ones. */
const changedOf = ({ now, settings }: DetectorView): Readonly<Record<string, number>> =>
  Object.fromEntries(Object.entries(now).filter(([name, value]) => settings[name] !== value));

function thresholdOf(text: string): readonly [name: string, value: number] {
  const [, name = "", value = ""] = /^([A-Za-z]+)=([0-9]+(?:[.][0-9]+)?)$/.exec(text) ?? [];
  if (name === "")
    throw new PlexusError(
      failure("BAD_REQUEST", { problem: `${text} is not a threshold: write name=number, like count=20` }),
    );
  return [name, Number(value)];
}
