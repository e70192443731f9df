import { describeBytes } from "./amounts.ts";
import type { Forecast, ScarceThing } from "../admin/forecast.ts";

/** What runs out, as text: `plexus nodes forecast`. The page of nodes says the same. Pure. */

/** What each is called. */
export const scarceNouns: Readonly<Record<ScarceThing, string>> = {
  disk: "Disk",
  memory: "Memory",
  models: "Places of models",
};

const amount = (of: ScarceThing, value: number): string =>
  of === "models" ? String(Math.round(value * 10) / 10) : describeBytes(value);

/** `12.0 GiB of 100.0 GiB`. */
export const describeFree = ({ of, free, total }: Forecast): string => `${amount(of, free)} of ${amount(of, total)}`;

const time = (days: number): string =>
  days < 2 ? `${Math.max(1, Math.round(days * 24))} h` : days > 3_650 ? "years" : `${Math.round(days)} days`;

/** How it goes, in a line. */
export function describeForecast({ of, says, perDay = 0, overDays = 0, daysLeft }: Forecast): string {
  if (says === "unknown") return "not known yet: it is measured each hour, and some hours are needed";
  if (says === "steady" || daysLeft === undefined) return "does not fall in any clear way";
  const { likely, earliest, latest } = daysLeft;
  const pace = `${amount(of, perDay)} a day less, seen over ${time(overDays)}`;
  const end = latest === undefined ? "and it may well not" : `latest ${time(latest)}`;
  const range = `earliest ${time(earliest)}, ${end}`;
  return says === "ends"
    ? `ends in about ${time(likely)} (${range}): ${pace}`
    : `falls, too unevenly to say when it ends: ${pace}`;
}

/** What helps. */
export const scarceAdvice: Readonly<Record<ScarceThing, string>> = {
  disk:
    "Make room on the disk, give it a larger one, or add a node: `plexus nodes plan --add chat,gateway` says " +
    "what would move there.",
  memory: "Look at what takes it (`plexus top`), give the machine more, or have a model run elsewhere.",
  models: "Give another node the role ai, or add one: calls wait while all places are taken.",
};
