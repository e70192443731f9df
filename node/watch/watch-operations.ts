/** What the operations on detectors and rules do, and on forecasts: what is watched for is with the watch's actor. */
import {
  failure,
  neededFor,
  ok,
  refused,
  watchActor,
  type ActorId,
  type Asker,
  type DetectorView,
  type Forecast,
  type HandlersOf,
  type Playbook,
  type Result,
  type RuleBody,
  type RuleTried,
  type watchOperations,
  type WatchRow,
  type WatchRule,
  type WithShown,
} from "../../protocols/index.ts";
import type { Message } from "../../actors/behavior.ts";

/** What the handlers need. */
interface Parts {
  readonly ask: (to: ActorId, message: Message) => Promise<Result<unknown>>;
  /** What becomes of what is remembered of nodes. */
  readonly forecasts: (rows: readonly WatchRow[]) => readonly Forecast[];
  /** The most pages of forecasts that are read. */
  readonly forecastPagesMax: number;
  /** Tries rules on the past. Absent: they cannot be tried here. */
  readonly tryRule?: ((rule: RuleBody, sinceMs: number) => Promise<RuleTried>) | undefined;
  /** The most trials that run at the same time. */
  readonly ruleTrialsMax: number;
  readonly nowMs: () => number;
}

/** How far back a trial looks when nobody says otherwise. */
const trialMs = 30 * 24 * 3_600_000;

const saidBy = (view: Pick<DetectorView, "now" | "off"> | undefined) => view && { settings: view.now, off: view.off };

/** What the asker has proven, without the asker's name: the actor knows that from the message itself. */
const shownBy = ({ said: { shown } }: Asker): WithShown => (shown === undefined ? {} : { shown });

/** The handlers. */
export function handleWatch(at: Parts): HandlersOf<typeof watchOperations> {
  const { ask, forecasts, forecastPagesMax } = at;
  const askWatch = <Answer>(message: Message) => ask(watchActor, message) as Promise<Result<Answer>>;
  const askRules = () => askWatch<{ readonly rules: readonly WatchRule[] }>({ type: "rules" });
  /** Sets what makes alerts of a source, where the asker may do by hand what playbooks then do by themselves. */
  const triggered = async <Answer>(asker: Asker, source: string, message: Message): Promise<Result<Answer>> => {
    const known = await askWatch<{ readonly playbooks: readonly Playbook[] }>({ type: "playbooks" });
    if (!known.ok) return known;
    for (const needed of neededFor(source, known.value.playbooks)) {
      const reason = asker.may(needed);
      if (reason !== undefined) return refused(reason);
    }
    return askWatch<Answer>({ ...message, ...shownBy(asker) });
  };
  return {
    "detectors.list": () => askWatch({ type: "detectors" }),
    "detectors.set": async ({ detector: name, seen, ...set }, asker) => {
      const message = { type: "setDetector", name, set, ...(seen && { seen }) };
      const result = await triggered<DetectorView>(asker, `detector/${name}`, message);
      const view = result.ok ? result.value : undefined;
      return { result, before: saidBy(view?.before), after: saidBy(view) };
    },
    "rules.list": askRules,
    "rules.set": async ({ rule: name, seen, ...rule }, asker) => {
      const known = await askRules();
      if (!known.ok) return { result: known };
      const before = known.value.rules.find((one) => one.name === name);
      const message = { type: "setRule", name, rule, ...(seen !== undefined && { seen }) };
      const result = await triggered<WatchRule>(asker, `rule/${name}`, message);
      return { result, before, after: result.ok ? result.value : undefined };
    },
    "rules.remove": async ({ rule: name }, asker) => {
      const result = await askWatch<WatchRule>({ type: "removeRule", name, ...shownBy(asker) });
      return { result, before: result.ok ? result.value : undefined };
    },
    "rules.try": trialsAt(at),
    "forecasts.list": async () => {
      const rows: WatchRow[] = [];
      for (let pages = 0, after: string | undefined; pages < forecastPagesMax; pages += 1) {
        const page = await askWatch<{ readonly rows: readonly WatchRow[]; readonly more: boolean }>({
          type: "scarce",
          ...(after !== undefined && { after }),
        });
        if (!page.ok) return page;
        rows.push(...page.value.rows);
        after = page.value.rows.at(-1)?.key;
        if (!page.value.more || after === undefined) break;
      }
      return ok({ forecasts: forecasts(rows) });
    },
  };
}

/** Trials of rules, so many at once: each reads a great many entries. */
function trialsAt({
  tryRule,
  ruleTrialsMax: max,
  nowMs,
}: Pick<Parts, "tryRule" | "ruleTrialsMax" | "nowMs">): HandlersOf<typeof watchOperations>["rules.try"] {
  let trying = 0;
  return async ({ rule, sinceMs }) => {
    if (tryRule === undefined) return refused(failure("NOT_FOUND", { reason: "this node has no audit" }));
    if (trying >= max) return refused(failure("OVERLOADED", { limit: "ruleTrialsMax", max }));
    trying += 1;
    try {
      return ok(await tryRule(rule, sinceMs ?? Math.max(0, Math.floor(nowMs()) - trialMs)));
    } finally {
      trying -= 1;
    }
  };
}
