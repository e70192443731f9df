/** `plexus rules` and `plexus playbooks`: what is watched for beside the detectors, and what is done about it. */
import { callWritten } from "../../client/call.ts";
import type { OperationInput } from "../../protocols/index.ts";
import {
  describeActs,
  describeJoin,
  describeRun,
  describeSteps,
  describeWhen,
} from "../../protocols/words/watch-words.ts";
import { callsTo, demand, findNode, operate, type AdminFlags } from "../node/admin.ts";
import { exitCodes, timeText, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { renderTable } from "../terminal/table.ts";
import { jsonIn } from "../terminal/text-file.ts";

const modes = { dryRun: "rehearses", on: "on" } as const;
const headed = (...heads: readonly string[]) => heads.map((head) => ({ head }));

/** `plexus rules`. With --json one line a rule. */
export async function listRules(flags: AdminFlags, output: Output): Promise<number> {
  const { rules } = await operate(flags, "rules.list");
  if (flags.json) for (const rule of rules) output.print(jsonLine(rule));
  else {
    const rows = rules.map(({ name, on, severity, by, withinMinutes, steps, ordered, note }) => [
      withoutControls(name),
      on === true ? "on" : "off",
      severity,
      describeJoin({ by, withinMinutes }),
      withoutControls(describeSteps({ steps, ordered })),
      withoutControls(note ?? ""),
    ]);
    output.print(
      rules.length === 0
        ? "There are no rules over events."
        : renderTable(headed("rule", "", "", "", "of what", "note"), rows, output),
    );
  }
  return exitCodes.ok;
}

/** `plexus rules set`. */
export async function setRule(
  flags: AdminFlags,
  told: { readonly name: string; readonly file: string; readonly on?: boolean },
  output: Output,
): Promise<number> {
  const body = { ...(await jsonIn(told.file)), on: told.on === true };
  const call = callsTo(await findNode(flags));
  const rule = demand(await callWritten(call, "rules.set", { rule: told.name }, body));
  if (flags.json) output.print(jsonLine(rule));
  else
    output.print(
      rule.on === true
        ? `The rule ${rule.name} is on.`
        : `The rule ${rule.name} is kept, and off. ` +
            "`plexus rules try` shows what it would have found; set it with --on then.",
    );
  return exitCodes.ok;
}

/** `plexus rules try`. */
export async function tryRule(
  flags: AdminFlags,
  told: { readonly file: string; readonly sinceMs?: number },
  output: Output,
): Promise<number> {
  // As it is written: the node says what is wrong with it.
  const rule = (await jsonIn(told.file)) as OperationInput<"rules.try">["rule"];
  const tried = await operate(flags, "rules.try", {
    rule,
    ...(told.sinceMs !== undefined && { sinceMs: told.sinceMs }),
  });
  if (flags.json) output.print(jsonLine(tried));
  else {
    const rows = tried.findings.map(({ atMs, about }) => [timeText(atMs), withoutControls(about)]);
    if (rows.length > 0) output.print(renderTable(headed("when", "about"), rows, output));
    output.print(`${tried.found} found in ${tried.looked} entries since ${timeText(tried.sinceMs)}.`);
    if (tried.cut)
      output.print(
        `There are more entries than one trial looks at: those after ${timeText(tried.untilMs)} were not. ` +
          "A later --since shows them.",
      );
  }
  return exitCodes.ok;
}

/** `plexus rules remove`. */
export async function removeRule(flags: AdminFlags, name: string, output: Output): Promise<number> {
  const rule = await operate(flags, "rules.remove", { rule: name });
  output.print(flags.json ? jsonLine(rule) : `The rule ${withoutControls(rule.name)} is removed.`);
  return exitCodes.ok;
}

/** `plexus playbooks`. With --json one line a playbook. */
export async function listPlaybooks(flags: AdminFlags, output: Output): Promise<number> {
  const { playbooks } = await operate(flags, "playbooks.list");
  if (flags.json) for (const playbook of playbooks) output.print(jsonLine(playbook));
  else {
    const rows = playbooks.map(({ name, mode, when, acts, note }) => [
      withoutControls(name),
      modes[mode],
      withoutControls(describeWhen(when)),
      withoutControls(describeActs(acts)),
      withoutControls(note ?? ""),
    ]);
    output.print(
      playbooks.length === 0
        ? "There are no playbooks."
        : renderTable(headed("playbook", "", "for", "does", "note"), rows, output),
    );
  }
  return exitCodes.ok;
}

/** `plexus playbooks set`. */
export async function setPlaybook(
  flags: AdminFlags,
  told: { readonly name: string; readonly file: string },
  output: Output,
): Promise<number> {
  const call = callsTo(await findNode(flags));
  const set = demand(await callWritten(call, "playbooks.set", { playbook: told.name }, await jsonIn(told.file)));
  if (flags.json) output.print(jsonLine(set));
  else {
    output.print(
      `The playbook ${withoutControls(set.name)} rehearses. ` +
        "`plexus playbooks runs` shows what it would have done; `plexus playbooks switch " +
        `${withoutControls(set.name)} on\` has it act.`,
    );
    if (set.secret !== undefined)
      output.print(`Its pages are signed with this secret, which is shown this once: ${set.secret}`);
  }
  return exitCodes.ok;
}

/** `plexus playbooks switch`. */
export async function switchPlaybook(
  flags: AdminFlags,
  told: { readonly name: string; readonly on: boolean },
  output: Output,
): Promise<number> {
  const { playbooks } = await operate(flags, "playbooks.list");
  const acts = playbooks.find(({ name }) => name === told.name)?.acts;
  if (told.on && acts !== undefined && !flags.json) output.print(`It will do: ${withoutControls(describeActs(acts))}.`);
  const mode = told.on ? ({ mode: "on", ...(acts && { acts: [...acts] }) } as const) : ({ mode: "dryRun" } as const);
  const set = await operate(flags, "playbooks.switch", { playbook: told.name, ...mode });
  output.print(
    flags.json
      ? jsonLine(set)
      : `The playbook ${withoutControls(set.name)} ${set.mode === "on" ? "is on: it acts by itself" : "rehearses"}.`,
  );
  return exitCodes.ok;
}

/** `plexus playbooks remove`. */
export async function removePlaybook(flags: AdminFlags, name: string, output: Output): Promise<number> {
  const set = await operate(flags, "playbooks.remove", { playbook: name });
  output.print(flags.json ? jsonLine(set) : `The playbook ${withoutControls(set.name)} is removed.`);
  return exitCodes.ok;
}

/** `plexus playbooks runs`. With --json one line a run. */
export async function listRuns(flags: AdminFlags, limit: number, output: Output): Promise<number> {
  const { runs } = await operate(flags, "playbooks.runs", { limit: Math.min(100, limit) });
  if (flags.json) for (const run of runs) output.print(jsonLine(run));
  else {
    const rows = runs.map(({ id, atMs, playbook, alert, about, steps }) => [
      id,
      timeText(atMs),
      withoutControls(playbook),
      alert,
      withoutControls(about),
      withoutControls(describeRun(steps)),
    ]);
    output.print(
      runs.length === 0
        ? "No playbook has run yet."
        : renderTable(headed("run", "when", "playbook", "alert", "about", "what"), rows, output),
    );
  }
  return exitCodes.ok;
}
