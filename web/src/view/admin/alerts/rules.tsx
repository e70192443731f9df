import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { callWritten } from "../../../../../client/call.ts";
import { counted } from "../../../../../protocols/words/amounts.ts";
import type { Failure, RuleTried, WatchRule } from "../../../../../protocols/index.ts";
import { describeJoin, describeSteps } from "../../../../../protocols/words/watch-words.ts";
import { call, callWithin, seen } from "../../../wire/index.ts";
import { useActOn } from "../../parts/act.ts";
import { useDialogs } from "../../shell/dialogs.tsx";
import { Note } from "../../parts/note.tsx";
import { useRights } from "../../parts/rights.ts";
import { Part } from "../../settings/part.tsx";
import { momentOf } from "../../parts/time.ts";
import { live } from "../look.ts";
import { JsonForm, type OnRefusal } from "./json-form.tsx";

/** Other admins change rules. */
const lookMs = 15_000;
/** A trial reads a month of the audit. */
const tryMs = 60_000;
/** Of what a trial found so much is shown. */
const shownMax = 20;
const all = ["rules"];
const example = {
  severity: "critical",
  withinMinutes: 30,
  by: "user",
  ordered: true,
  steps: [
    { action: "signIn", outcome: "refused", count: 5 },
    { action: "signIn", outcome: "done" },
  ],
};

/** Sets a rule as somebody has written it. */
const put = (name: string, body: object) => callWritten(call, "rules.set", { rule: name }, body);

/** A rule as it is on show, without its name. */
function ruleIn(rules: readonly WatchRule[], name: string): object | null {
  const { name: _, ...rule } = rules.find((one) => one.name === name) ?? { name };
  return Object.keys(rule).length === 0 ? null : rule;
}

/** What admins watch for beside the detectors, tried on the past before it is switched on. */
export function Rules() {
  const { may } = useRights();
  const act = useActOn(all);
  const { ask } = useDialogs();
  /** The rule that was another one when it was to be switched. */
  const [changed, setChanged] = useState<string>();
  const [tried, setTried] = useState<RuleTried & { readonly name: string }>();
  const { data, error } = useQuery({
    ...live(lookMs),
    queryKey: all,
    queryFn: () => seen("rules.list"),
  });
  const canManage = may("alerts.manage");
  const tryOut = async (name: string, rule: object, on?: OnRefusal) => {
    const result = await act(() => callWritten(callWithin(tryMs), "rules.try", {}, { rule }), on);
    if (result !== undefined) setTried({ ...result, name });
  };
  const set = (name: string, body: object) => act(() => put(name, body), changedBy(name));
  const changedBy =
    (name: string) =>
    ({ code }: Failure): boolean => {
      setChanged(code === "CHANGED_MEANWHILE" ? name : undefined);
      return code === "CHANGED_MEANWHILE";
    };
  const remove = async (name: string) => {
    const body = <p>It raises no more alerts. Alerts that it raised stay. This cannot be undone.</p>;
    if (await ask({ title: `Remove the rule ${name}?`, body, action: "Remove", grave: true }))
      await act(() => call("rules.remove", { rule: name }));
  };
  return (
    <Part title="Rules over events" about="A rule raises an alert when audit entries match it.">
      {error !== null && <Note tone="bad">{error.message}</Note>}
      {changed !== undefined && (
        <Note tone="bad" onClose={() => setChanged(undefined)}>
          Somebody else has changed the rule {changed} meanwhile. Nothing was switched; it is shown here as it is now.
        </Note>
      )}
      <ul className="alerts" aria-label="Rules">
        {data?.rules.map(({ name, ...rule }) => (
          <li key={name} className={rule.on === true ? rule.severity : "off"}>
            <div className="row wrap">
              <span className="grow line-title break">{name}</span>
              <span className="chip">{rule.on === true ? "on" : "off"}</span>
              <span className={rule.severity === "notice" ? "chip" : "chip bad"}>{rule.severity}</span>
            </div>
            <p className="flush break">
              {describeSteps(rule)} <span className="dim">· {describeJoin(rule)}</span>
            </p>
            {rule.note !== undefined && <p className="dim flush break">{rule.note}</p>}
            {canManage && (
              <div className="row wrap">
                <Button
                  variant="default"
                  size="xs"
                  aria-label={`Test on the past: ${name}`}
                  onClick={() => void tryOut(name, rule)}
                >
                  Test on the past
                </Button>
                <Button
                  variant="default"
                  size="xs"
                  aria-label={`${rule.on === true ? "Switch off" : "Switch on"}: ${name}`}
                  onClick={() => void set(name, { ...rule, on: rule.on !== true, seen: rule })}
                >
                  {rule.on === true ? "Switch off" : "Switch on"}
                </Button>
                <Button
                  variant="default"
                  size="xs"
                  aria-label={`Remove the rule ${name}`}
                  onClick={() => void remove(name)}
                >
                  Remove
                </Button>
              </div>
            )}
          </li>
        ))}
      </ul>
      {data?.rules.length === 0 && <p className="dim flush">There is no rule yet.</p>}
      {tried !== undefined && <Tried {...tried} onClose={() => setTried(undefined)} />}
      {canManage && (
        <JsonForm
          what="rule"
          about="A new rule is switched off. Test it on past entries first, then switch it on."
          example={example}
          also={{ title: "Test on the past", act: (body, on) => tryOut("this rule", body, on) }}
          known={(name) => ruleIn(data?.rules ?? [], name)}
          onKeep={async (name, body, on) => (await act(() => put(name, { ...body, on: false }), on)) !== undefined}
        />
      )}
    </Part>
  );
}

function Tried(props: RuleTried & { readonly name: string; readonly onClose: () => void }) {
  const { name, findings, found, looked, sinceMs, cut, untilMs, onClose } = props;
  return (
    <Note tone="plain" title={`What ${name} would have found: ${found}`} onClose={onClose}>
      <p role="status">
        The test read {counted(looked, "entry", "entries")}, from {momentOf(sinceMs)} on
        {cut && `, to ${momentOf(untilMs)}: it reads no more than that at once`}.
      </p>
      {findings.length > 0 && (
        <ul className="faults">
          {findings.slice(-shownMax).map(({ atMs, about }, index) => (
            <li key={index}>
              {momentOf(atMs)} · {about}
            </li>
          ))}
        </ul>
      )}
      {found > shownMax && <p>These are the newest {Math.min(shownMax, findings.length)}.</p>}
    </Note>
  );
}
