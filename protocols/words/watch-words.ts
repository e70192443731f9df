/** Rules over events and playbooks in words, for the terminal and the page. */
import type { Playbook, PlaybookRun, ShownAct, ShownPlaybook } from "../admin/playbooks.ts";
import type { RuleBody } from "../admin/watch.ts";

/** What a rule looks for: `5 × signIn refused, then signIn done`. */
export const describeSteps = ({
  steps,
  ordered,
}: {
  readonly steps: RuleBody["steps"];
  readonly ordered?: boolean | undefined;
}): string =>
  steps
    .map(({ action = "anything", outcome, count = 1 }) =>
      [...(count > 1 ? [`${count} ×`] : []), action, ...(outcome === undefined ? [] : [outcome])].join(" "),
    )
    .join(ordered === true ? ", then " : " and ");

/** Which entries a rule takes together. */
export const describeJoin = ({ by, withinMinutes }: Pick<RuleBody, "by" | "withinMinutes">): string =>
  `by ${by} within ${withinMinutes} min`;

/** For which alerts a playbook is. */
export const describeWhen = ({ sources = ["every alert"], severity }: Playbook["when"]): string =>
  [...sources, ...(severity === undefined ? [] : [`from ${severity} on`])].join(", ");

/** What a playbook does. */
export const describeActs = (acts: ShownPlaybook["acts"]): string =>
  acts.map((act) => [act.do, describePlace(act) ?? []].flat().join(" ")).join(", ");

/** Where an act sends something; undefined: it sends nothing. */
export const describePlace = ({ host, to, role }: ShownAct): string | undefined =>
  role === undefined ? (to ?? host) : `to everybody with the role ${role}`;

/** What a run came to. */
export const describeRun = (steps: PlaybookRun["steps"]): string =>
  steps
    .map(
      ({ do: what, to, status, reason }) =>
        `${[what, to ?? []].flat().join(" ")} ${status}${reason === undefined ? "" : ` (${reason})`}`,
    )
    .join(", ");
