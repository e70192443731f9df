import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { PlaybookActs as Acts, ShownPlaybook } from "../../../../../protocols/index.ts";
import { describePlace, describeRun, describeWhen } from "../../../../../protocols/words/watch-words.ts";
import { callWritten } from "../../../../../client/call.ts";
import { call, seen as read } from "../../../wire/index.ts";
import { useActOn } from "../../parts/act.ts";
import { Copyable } from "../../parts/copyable.tsx";
import { useDialogs } from "../../shell/dialogs.tsx";
import { Note } from "../../parts/note.tsx";
import { useRights } from "../../parts/rights.ts";
import { Part } from "../../settings/part.tsx";
import { momentOf } from "../../parts/time.ts";
import { live } from "../look.ts";
import { Pager, useTrail } from "../pages.tsx";
import { JsonForm, type OnRefusal } from "./json-form.tsx";

/** Playbooks run by themselves, and other admins change them. */
const lookMs = 15_000;
const pageRuns = 10;
const all = ["playbooks"];
const example = {
  when: { sources: ["rule/guessed"], severity: "warning" },
  acts: [{ do: "revokeSessions" }],
};

/** What a playbook does by itself, before it is switched on. */
const WhatItDoes = ({ acts, when, table }: Pick<ShownPlaybook, "acts" | "when"> & { readonly table: Acts }) => (
  <>
    <p>At each alert that it is for ({describeWhen(when)}), by itself and without asking:</p>
    <ul className="faults">
      {acts.map((one, index) => (
        <li key={index}>{wordsOf(one, table)}</li>
      ))}
    </ul>
  </>
);

/** What is set of a playbook, as it is on show. */
function settingsOf(playbooks: readonly ShownPlaybook[], name: string): object | null {
  const one = playbooks.find((playbook) => playbook.name === name);
  return one === undefined ? null : { note: one.note, when: one.when, acts: one.acts };
}

const aboutOf = (acts: Acts): string =>
  `Acts: ${Object.keys(acts).join(", ")}. ` +
  "A page needs a url, or the host of the url that was given before. A mail needs a role, or an address (to). " +
  "A playbook that you change only rehearses until you switch it on again.";

/** What is done by itself when there is an alert: rehearsed, until somebody with a fresh proof has it act. */
export function Playbooks() {
  const { may } = useRights();
  const act = useActOn(all);
  const { ask } = useDialogs();
  const [secret, setSecret] = useState<string>();
  const { data, error } = useQuery({
    ...live(lookMs),
    queryKey: [...all, "list"],
    queryFn: () => read("playbooks.list"),
  });
  const keep = async (name: string, body: object, on: OnRefusal) => {
    const set = await act(() => callWritten(call, "playbooks.set", { playbook: name }, body), on);
    if (set !== undefined) setSecret(set.secret);
    return set !== undefined;
  };
  const rehearse = (name: string) => act(() => call("playbooks.switch", { playbook: name, mode: "dryRun" }));
  const switchOn = async ({ name, acts, when }: ShownPlaybook, table: Acts) => {
    const body = <WhatItDoes acts={acts} when={when} table={table} />;
    if (await ask({ title: `Have the playbook ${name} act?`, body, action: "Switch on", grave: true }))
      await act(() => call("playbooks.switch", { playbook: name, mode: "on", acts: [...acts] }));
  };
  const remove = async (name: string) => {
    const body = <p>It no longer acts, and the secret that signs its messages is deleted. This cannot be undone.</p>;
    if (await ask({ title: `Remove the playbook ${name}?`, body, action: "Remove", grave: true }))
      await act(() => call("playbooks.remove", { playbook: name }));
  };
  return (
    <>
      <Part
        title="Playbooks"
        about="A playbook acts by itself when an alert comes. Until you switch it on, it only says what it would do."
      >
        {error !== null && <Note tone="bad">{error.message}</Note>}
        <ul className="alerts" aria-label="Playbooks">
          {data?.playbooks.map((playbook) => {
            const { name, mode, when, acts, note, setBy, switchedBy } = playbook;
            return (
              <li key={name} className={mode === "on" ? "critical" : "off"}>
                <div className="row wrap">
                  <span className="grow line-title break">{name}</span>
                  <span className={mode === "on" ? "chip bad" : "chip"}>{mode === "on" ? "acts" : "rehearses"}</span>
                </div>
                <p className="dim flush break">
                  For {describeWhen(when)} · set by {setBy}
                  {switchedBy !== undefined && ` · switched by ${switchedBy}`}
                  {note !== undefined && ` · ${note}`}
                </p>
                <ul className="faults">
                  {acts.map((one, index) => (
                    <li key={index}>{wordsOf(one, data.acts)}</li>
                  ))}
                </ul>
                <div className="row wrap">
                  {may("playbooks.manage") && (
                    <Button
                      variant="default"
                      size="xs"
                      aria-label={`${mode === "on" ? "Rehearse only" : "Switch on"}: ${name}`}
                      onClick={() => void (mode === "on" ? rehearse(name) : switchOn(playbook, data.acts))}
                    >
                      {mode === "on" ? "Rehearse only" : "Switch on"}
                    </Button>
                  )}
                  {may("alerts.manage") && (
                    <Button
                      variant="default"
                      size="xs"
                      aria-label={`Remove the playbook ${name}`}
                      onClick={() => void remove(name)}
                    >
                      Remove
                    </Button>
                  )}
                </div>
              </li>
            );
          })}
        </ul>
        {data?.playbooks.length === 0 && <p className="dim flush">There is no playbook yet.</p>}
        {secret !== undefined && (
          <Note tone="good" title="Copy the secret now: it is not shown again" onClose={() => setSecret(undefined)}>
            <p>Pages of this playbook are signed with it.</p>
            <Copyable text={secret} label="Copy the secret" />
          </Note>
        )}
        {may("alerts.manage") && data !== undefined && (
          <JsonForm
            what="playbook"
            about={aboutOf(data.acts)}
            example={example}
            known={(name) => settingsOf(data.playbooks, name)}
            onKeep={keep}
          />
        )}
      </Part>
      <Runs />
    </>
  );
}

/** One act, and how often it may be done. An act of a later version says its name. */
function wordsOf(act: ShownPlaybook["acts"][number], table: Partial<Acts>): string {
  const row = table[act.do as keyof Acts];
  if (row === undefined) return act.do;
  const where = describePlace(act);
  const often = row.perHourMax === 1 ? "once" : `${row.perHourMax} times`;
  return `${row.does}${where === undefined ? "" : `: ${where}`} (at most ${often} an hour in the whole cluster)`;
}

function Runs() {
  const trail = useTrail();
  const { data, error, isPlaceholderData } = useQuery({
    ...live(lookMs),
    queryKey: [...all, "runs", trail.from],
    queryFn: () => read("playbooks.runs", { limit: pageRuns, ...(trail.from !== undefined && { before: trail.from }) }),
    placeholderData: (kept) => kept,
  });
  return (
    <Part title="What playbooks did" about="Includes rehearsals, which show what would have been done.">
      {error !== null && <Note tone="bad">{error.message}</Note>}
      <ul className="lines" aria-busy={data === undefined || isPlaceholderData}>
        {data?.runs.map(({ id, atMs, playbook, alert, about, steps, seen = [] }) => (
          <li key={id}>
            <span className="grow">
              <span className="line-title break">
                {playbook}: {describeRun(steps)}
              </span>
              <span className="dim break">
                {momentOf(atMs)} · {about} · alert {alert}
              </span>
              {seen.map((one, index) => (
                <span key={index} className="dim break">
                  seen: {momentOf(one.atMs)} · {one.action} {one.outcome} · by {one.by}
                  {one.address !== undefined && ` from ${one.address}`}
                </span>
              ))}
            </span>
          </li>
        ))}
      </ul>
      {data?.runs.length === 0 && <p className="dim flush">No playbook has run yet.</p>}
      <Pager
        trail={trail}
        next={data?.more === true ? data.runs.at(-1)?.id : undefined}
        waits={isPlaceholderData}
        back="Newer"
        on="Older"
      />
    </Part>
  );
}
