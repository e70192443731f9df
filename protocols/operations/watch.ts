/** Detectors, rules and forecasts. */
import { answer } from "../wire/command.ts";
import { detectorBody, type DetectorView } from "../admin/detectors.ts";
import type { Forecasts } from "../admin/forecast.ts";
import { key, object } from "../wire/schema.ts";
import { ruleTrial, setRuleBody, type RuleTried, type WatchRule } from "../admin/watch.ts";
import { changes, fieldsOf, listOf, ofActors, reads } from "./operation.ts";

const tags = ["admin"];
const ruleParams = object({ rule: key });

export const watchOperations = {
  "detectors.list": reads({
    answer: fieldsOf({ detectors: listOf(answer<DetectorView>("DetectorView")) }),
    permission: "alerts.read",
    errors: ofActors,
    summary: "What is watched for, and from when on it is too much",
    tags,
  }),
  "detectors.set": changes({
    params: object({ detector: key }),
    fields: detectorBody,
    answer: answer<DetectorView>("DetectorView"),
    permission: "alerts.manage",
    errors: ["NOT_FOUND", "CHANGED_MEANWHILE", "SIGN_IN_AGAIN", ...ofActors],
    action: "setRule",
    facts: ({ detector, settings, off }) => ({ detector, ...settings, off: off === true }),
    summary: "Sets thresholds of a detector, or switches it off",
    description:
      "Thresholds that are not named are the built-in ones again. " +
      "`bounds` of the answer are what each may be set to, `before` is how it stood. " +
      "`seen`: the thresholds that the caller has seen, and `off`; where they are others by now, " +
      "nothing is changed (CHANGED_MEANWHILE).",
    tags,
  }),
  "rules.list": reads({
    answer: fieldsOf({ rules: listOf(answer<WatchRule>("WatchRule")) }),
    permission: "alerts.read",
    errors: ofActors,
    summary: "The rules over events",
    tags,
  }),
  "rules.set": changes({
    params: ruleParams,
    fields: setRuleBody,
    answer: answer<WatchRule>("WatchRule"),
    permission: "alerts.manage",
    errors: ["CHANGED_MEANWHILE", "LIMIT_REACHED", "SIGN_IN_AGAIN", ...ofActors],
    action: "setRule",
    facts: ({ rule }) => ({ rule }),
    summary: "Makes a rule over events, or changes it",
    description:
      "An alert comes of entries of the audit that match all `steps`, about one person, " +
      "from one address or done to one thing (`by`), within `withinMinutes`. " +
      "Without `on` the rule is kept and finds nothing. " +
      "`seen`: the rule as the caller has seen it, or null; where it is another by now, " +
      "nothing is changed (CHANGED_MEANWHILE).",
    tags,
  }),
  "rules.remove": changes({
    params: ruleParams,
    answer: answer<WatchRule>("WatchRule"),
    permission: "alerts.manage",
    errors: ["NOT_FOUND", "SIGN_IN_AGAIN", ...ofActors],
    action: "removeRule",
    facts: ({ rule }) => ({ rule }),
    summary: "Removes a rule over events; answers with it",
    tags,
  }),
  "rules.try": reads({
    fields: ruleTrial,
    answer: answer<RuleTried>("RuleTried"),
    looks: true,
    permission: "alerts.manage",
    errors: ["NOT_FOUND", "OVERLOADED", "RATE_LIMITED"],
    rate: { of: "ruleTrial", act: (count) => `try ${count} rules` },
    summary: "What a rule would have found in the past; it changes nothing",
    description:
      "It looks at the logs that are at this node, from 30 days ago on, or from `sinceMs` on. " +
      "It reads a great many entries: a trial too soon after another, or beside one at this node, " +
      "is refused before any is read (RATE_LIMITED, OVERLOADED).",
    tags,
  }),
  "forecasts.list": reads({
    answer: answer<Forecasts>("Forecasts"),
    permission: "cluster.see",
    errors: ofActors,
    summary: "When disk, memory and places of models of each node run out, if it goes on like so far",
    description:
      "By what the watch measured each hour: `ends` says that nothing is left within as long as the trend was " +
      "seen. What ends first comes first. Nodes that are new are `unknown` for some hours.",
    tags,
  }),
};
