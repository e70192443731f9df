/** What is watched for: thresholds, rules and playbooks, as admins set them. */
import {
  detectors,
  sameJson,
  thresholdBounds,
  wireLimits,
  type CommandOf,
  type DetectorName,
  type DetectorRow,
  type DetectorSettings,
  type DetectorView,
  type Playbook,
  type ThresholdBounds,
  type watchCommands,
  type WatchPlan,
  type WatchRule,
} from "../../protocols/index.ts";
import { persist, refuse, reply, type Effect } from "../behavior.ts";

/** What is kept of it. */
export interface PlanState {
  readonly version: number;
  readonly detectors: Readonly<Record<string, DetectorSettings>>;
  readonly rules: readonly WatchRule[];
  readonly playbooks: readonly Playbook[];
}

/** What is persisted of it. */
export type PlanChange =
  | { readonly type: "detectorSet"; readonly name: string; readonly set: DetectorSettings }
  | { readonly type: "ruleSet"; readonly rule: WatchRule }
  | { readonly type: "ruleRemoved"; readonly name: string }
  | { readonly type: "playbookSet"; readonly playbook: Playbook }
  | { readonly type: "playbookRemoved"; readonly name: string };

type Message<Type extends string> = Extract<CommandOf<typeof watchCommands>, { type: Type }>;
type Effects = readonly Effect<PlanChange, never>[];

export const noPlan: PlanState = { version: 0, detectors: {}, rules: [], playbooks: [] };

const named = <Thing extends { readonly name: string }>(things: readonly Thing[], one: Thing): readonly Thing[] =>
  [...things.filter(({ name }) => name !== one.name), one].toSorted((a, b) => (a.name < b.name ? -1 : 1));
const without = <Thing extends { readonly name: string }>(things: readonly Thing[], gone: string): readonly Thing[] =>
  things.filter(({ name }) => name !== gone);

export function evolvePlan<State extends PlanState>(state: State, change: PlanChange): State {
  switch (change.type) {
    case "detectorSet":
      return { ...state, version: state.version + 1, detectors: { ...state.detectors, [change.name]: change.set } };
    case "ruleSet":
      return { ...state, version: state.version + 1, rules: named(state.rules, change.rule) };
    case "ruleRemoved":
      return { ...state, version: state.version + 1, rules: without(state.rules, change.name) };
    case "playbookSet":
      return { ...state, playbooks: named(state.playbooks, change.playbook) };
    case "playbookRemoved":
      return { ...state, playbooks: without(state.playbooks, change.name) };
  }
}

/** What the watcher reads for. */
export const planOf = ({ version, detectors: set, rules }: PlanState): WatchPlan => ({
  version,
  detectors: set,
  rules: rules.filter(({ on }) => on === true),
});

const viewOf = (state: PlanState, name: DetectorName): DetectorView => {
  const row: DetectorRow = detectors[name];
  const set = state.detectors[name];
  const bounds = Object.fromEntries(
    Object.keys(row.settings).map((one) => [one, thresholdBounds[one] as ThresholdBounds]),
  );
  return { name, ...row, now: { ...row.settings, ...set?.settings }, off: set?.off === true, bounds };
};

/** What a threshold cannot be; undefined: it can. */
function thresholdFault(row: DetectorRow, name: string, value: number): string | undefined {
  const bounds = Object.hasOwn(row.settings, name) ? thresholdBounds[name] : undefined;
  if (bounds === undefined) return `there is no threshold ${name}; it has ${Object.keys(row.settings).join(", ")}`;
  const { min, max, whole } = bounds;
  if (value < min || value > max) return `${name} is from ${min} to ${max}`;
  return whole && !Number.isInteger(value) ? `${name} is a whole number` : undefined;
}

/** Thresholds that are not named go back to the built-in ones. */
export function setDetector(state: PlanState, { name, set, seen }: Message<"setDetector">): Effects {
  if (!Object.hasOwn(detectors, name)) return [refuse("NOT_FOUND", { detector: name })];
  for (const [threshold, value] of Object.entries(set.settings ?? {})) {
    const problem = thresholdFault(detectors[name as DetectorName], threshold, value);
    if (problem !== undefined) return [refuse("BAD_REQUEST", { path: `/settings/${threshold}`, problem })];
  }
  const change: PlanChange = { type: "detectorSet", name, set };
  const { now, off } = viewOf(state, name as DetectorName);
  const view = viewOf(evolvePlan(state, change), name as DetectorName);
  const isThere = sameJson(view.now, now) && view.off === off;
  if (seen !== undefined && !isThere && !(sameJson(seen.settings ?? {}, now) && (seen.off === true) === off))
    return [refuse("CHANGED_MEANWHILE", { detector: name, now: { settings: now, off } })];
  return [persist(change), reply({ ...view, before: { now, off } } satisfies DetectorView)];
}

export const listDetectors = (state: PlanState): Effects => [
  reply({ detectors: (Object.keys(detectors) as DetectorName[]).map((name) => viewOf(state, name)) }),
];

/** What a rule says that cannot be, beyond its schema; undefined: nothing. */
function ruleFault({
  steps,
}: Pick<WatchRule, "steps">): { readonly path: string; readonly problem: string } | undefined {
  const total = steps.reduce((sum, { count = 1 }) => sum + count, 0);
  if (total > wireLimits.watchRuleCountMax)
    return {
      path: "/steps",
      problem: `together they ask for ${total} entries, and ${wireLimits.watchRuleCountMax} are the most`,
    };
  const empty = steps.findIndex(({ action, outcome }) => action === undefined && outcome === undefined);
  return empty < 0
    ? undefined
    : { path: `/steps/${empty}`, problem: "a step must name an action, an area or an outcome" };
}

export function setRule(state: PlanState, { name, rule: body, seen }: Message<"setRule">): Effects {
  const fault = ruleFault(body);
  if (fault !== undefined) return [refuse("BAD_REQUEST", fault)];
  const known = state.rules.find((one) => one.name === name);
  const rule: WatchRule = { name, ...body };
  if (sameJson(rule, known)) return [reply(rule)];
  if (seen !== undefined && !sameJson(seen === null ? undefined : { name, ...seen }, known))
    return [refuse("CHANGED_MEANWHILE", { rule: name, now: known ?? null })];
  if (without(state.rules, name).length >= wireLimits.watchRulesMax)
    return [refuse("LIMIT_REACHED", { limit: "watchRulesMax", max: wireLimits.watchRulesMax })];
  return [persist({ type: "ruleSet", rule }), reply(rule)];
}

export function removeRule(state: PlanState, { name }: Message<"removeRule">): Effects {
  const rule = state.rules.find((one) => one.name === name);
  if (rule === undefined) return [refuse("NOT_FOUND", { rule: name })];
  return [persist({ type: "ruleRemoved", name }), reply(rule)];
}

export function setPlaybook(state: PlanState, { name, playbook: body, by, seen }: Message<"setPlaybook">): Effects {
  const known = state.playbooks.find((one) => one.name === name);
  const { note, when, acts } = known ?? {};
  if (seen !== undefined && !sameJson(seen, when === undefined ? null : { note, when, acts })) {
    // It is sent again. An admin who has switched it on since then has seen these acts.
    if (known !== undefined && sameJson(body, { note, when, acts })) return [reply(known)];
    return [refuse("CHANGED_MEANWHILE", { playbook: name })];
  }
  if (without(state.playbooks, name).length >= wireLimits.playbooksMax)
    return [refuse("LIMIT_REACHED", { limit: "playbooksMax", max: wireLimits.playbooksMax })];
  const playbook: Playbook = { name, ...body, mode: "dryRun", setBy: by };
  return [persist({ type: "playbookSet", playbook }), reply(playbook)];
}

/** The admin who switches it on has seen its acts, and may do each of them. */
export function switchPlaybook(state: PlanState, { name, mode, acts, by }: Message<"switchPlaybook">): Effects {
  const known = state.playbooks.find((one) => one.name === name);
  if (known === undefined) return [refuse("NOT_FOUND", { playbook: name })];
  if (JSON.stringify(known.acts) !== JSON.stringify(acts))
    return [
      refuse("ALREADY_DONE", { playbook: name, reason: "somebody changed it in the meantime; look at it again" }),
    ];
  const playbook: Playbook = { ...known, mode, switchedBy: by };
  return [persist({ type: "playbookSet", playbook }), reply(playbook)];
}

export function removePlaybook(state: PlanState, { name }: Message<"removePlaybook">): Effects {
  const playbook = state.playbooks.find((one) => one.name === name);
  if (playbook === undefined) return [refuse("NOT_FOUND", { playbook: name })];
  return [persist({ type: "playbookRemoved", name }), reply(playbook)];
}
