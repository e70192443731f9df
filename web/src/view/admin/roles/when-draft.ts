/** The conditions of a grant as they are typed, and what they come to. Pure. */
import type { GrantWhen } from "../../../../../protocols/index.ts";

/** What the fields hold. */
export interface WhenDraft {
  readonly minutes: string;
  readonly addresses: string;
  readonly from: string;
  readonly to: string;
  readonly days: readonly number[];
  readonly labels: string;
}

/** Fields of these conditions. */
export function draftOf(when: GrantWhen | undefined): WhenDraft {
  const { provedWithinMinutes, addresses = [], hours, labels = {} } = when ?? {};
  return {
    minutes: provedWithinMinutes === undefined ? "" : String(provedWithinMinutes),
    addresses: addresses.join(", "),
    from: hours?.from ?? "",
    to: hours?.to ?? "",
    days: hours?.days ?? [],
    labels: Object.entries(labels)
      .map(([name, value]) => `${name}=${value}`)
      .join(", "),
  };
}

const parts = (text: string): readonly string[] => text.split(/[\s,]+/).filter((part) => part !== "");

/** What typed conditions come to; `when` is absent where there are none. A fault says what to mend. */
export function whenOf(draft: WhenDraft): { readonly when?: GrantWhen } | { readonly fault: string } {
  const { minutes, from, to, days } = draft;
  const proved = minutes.trim() === "" ? undefined : Number(minutes);
  if (proved !== undefined && !(Number.isInteger(proved) && proved >= 1 && proved <= 1_440))
    return { fault: "Minutes are a whole number from 1 to 1440." };
  if ((from === "") !== (to === "")) return { fault: "Hours need a start and an end." };
  if (from !== "" && from === to)
    return { fault: "The hours start and end at the same time, so this would never apply." };
  if (from === "" && days.length > 0) return { fault: "Days need hours, such as 00:00 to 23:59." };
  const addresses = parts(draft.addresses);
  const labels = parts(draft.labels).map((part) => part.split("="));
  if (labels.some((label) => label.length !== 2 || label.includes(""))) return { fault: "Labels are like zone=a." };
  const when: GrantWhen = {
    ...(proved !== undefined && { provedWithinMinutes: proved }),
    ...(addresses.length > 0 && { addresses: [...addresses] }),
    ...(from !== "" && { hours: { from, to, ...(days.length > 0 && days.length < 7 && { days: [...days] }) } }),
    ...(labels.length > 0 && { labels: Object.fromEntries(labels) as Record<string, string> }),
  };
  return Object.keys(when).length === 0 ? {} : { when };
}
