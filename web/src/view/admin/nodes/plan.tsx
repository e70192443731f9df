import "@mantine/core/styles/NumberInput.css";
import { Button, NativeSelect, NumberInput, TextInput } from "@mantine/core";
import { useState } from "react";
import { byName } from "../../../../../protocols/words/cluster-words.ts";
import { roles as allRoles, type Role } from "../../../../../protocols/ids.ts";
import type { ClusterPlan, ClusterSummary, SupposedChange } from "../../../../../protocols/index.ts";
import {
  describeFault,
  describePlanned,
  plannedRow,
  plannedTitles,
} from "../../../../../protocols/words/plan-words.ts";
import { Copyable } from "../../parts/copyable.tsx";
import { useDialogs } from "../../shell/dialogs.tsx";
import { useFaults } from "../../parts/faults.ts";
import { Form } from "../../parts/form.tsx";
import { Note } from "../../parts/note.tsx";
import { Told } from "../../parts/told.tsx";
import { Part } from "../../settings/part.tsx";
import { Table } from "../table.tsx";
import { changes, useAct } from "./queries.ts";

/** What may be supposed. */
const kinds = {
  comes: "Nodes are added",
  goes: "A node leaves",
  weight: "A node gets another weight",
  copies: "Slots get another number of copies",
} as const;
type Kind = keyof typeof kinds;

/** Nodes that a table shows: those that change most. */
const shownMax = 20;

/** What would follow if nodes came or went, or weights or copies were others; and the way to do it. */
export function Plan({ summary }: { readonly summary: ClusterSummary }) {
  const act = useAct();
  const { ask } = useDialogs();
  const nodes = byName(summary);
  const [kind, setKind] = useState<Kind>("comes");
  const [chosen, setChosen] = useState<readonly Role[]>(["chat", "ai", "gateway"]);
  const [count, setCount] = useState(1);
  const [zone, setZone] = useState("");
  const [node, setNode] = useState("");
  const [weight, setWeight] = useState(1);
  const [replicas, setReplicas] = useState(summary.replicas);
  const [minInSync, setMinInSync] = useState(summary.minInSync);
  const [looked, setLooked] = useState<{ readonly proposal: Proposal; readonly plan: ClusterPlan }>();
  const [done, setDone] = useState("");
  const name = nodes.find((one) => one.node === node)?.name ?? nodes[0]?.name ?? "";

  const proposalNow = (): Proposal => {
    switch (kind) {
      case "comes":
        return {
          add: Array.from({ length: count }, () => ({
            roles: [...chosen],
            ...(zone.trim() !== "" && { labels: { zone: zone.trim() } }),
          })),
        };
      case "goes":
        return { remove: [name] };
      case "weight":
        return { weights: { [name]: weight } };
      case "copies":
        return { replicas, minInSync };
    }
  };
  const faults = useFaults({
    zone: "At most 64 characters.",
    labels: "At most 64 characters.",
    replicas: "A whole number, from 1 to 7.",
    minInSync: "A whole number, from 1 to 7, and not more than copies.",
    weights: "A number, from 0.01 to 100.",
  });
  const look = async () => {
    setDone("");
    const proposal = proposalNow();
    const plan = await act(() => changes.plan(proposal), faults.take);
    if (plan !== undefined) setLooked({ proposal, plan });
  };
  const change = async (proposal: Proposal) => {
    const body = settingsOf(proposal);
    if (body === undefined) return;
    const before = await act(() => changes.planSettings(body));
    if (before === undefined) return;
    const stuck = before.nodes.flatMap(({ node: at, effects }) =>
      effects.flatMap(({ takes, why }) => (takes === "none" && why !== undefined ? [`${at}: ${why}`] : [])),
    );
    const question = {
      title: proposal.weights === undefined ? "Change the number of copies?" : `Change the weight of ${name}?`,
      body: (
        <>
          <p>Running nodes use it at once, and data begins to move.</p>
          {stuck.slice(0, 5).map((line) => (
            <p key={line} className="break">
              {line}
            </p>
          ))}
        </>
      ),
      action: "Change",
    };
    if (!(await ask(question))) return;
    // A change of the configuration that somebody made meanwhile is not undone.
    if ((await act(() => changes.setSettings({ ...body, revision: before.revision }))) !== undefined)
      setDone("Changed. The list of nodes above shows how slots move.");
  };
  const stale = looked !== undefined && JSON.stringify(looked.proposal) !== JSON.stringify(proposalNow());

  return (
    <Part
      title="What if"
      about="Shows what would happen, from what the cluster holds and how busy it is now. This changes nothing."
    >
      <Form id="plan" faults={faults} className="backup-form" label="What if" onSubmit={look}>
        <NativeSelect
          className="narrow"
          label="Suppose"
          value={kind}
          data={Object.entries(kinds).map(([value, label]) => ({ value, label }))}
          onChange={(event) => setKind(event.currentTarget.value as Kind)}
        />
        {kind === "comes" && (
          <>
            <fieldset className="node-roles roles-in-row">
              <legend>Their roles</legend>
              {allRoles.map((role) => (
                <label key={role} className="row">
                  <input
                    type="checkbox"
                    checked={chosen.includes(role)}
                    onChange={(event) =>
                      setChosen(
                        allRoles.filter((one) => (one === role ? event.currentTarget.checked : chosen.includes(one))),
                      )
                    }
                  />
                  {role}
                </label>
              ))}
            </fieldset>
            <div className="row field-row">
              <NumberInput
                className="grow"
                label="How many"
                min={1}
                max={16}
                allowDecimal={false}
                clampBehavior="strict"
                value={count}
                onChange={(value) => setCount(Number(value) || 1)}
              />
              <TextInput
                className="grow"
                label="Zone"
                error={faults.of("zone") ?? faults.of("labels")}
                value={zone}
                maxLength={64}
                autoCapitalize="none"
                onChange={(event) => setZone(event.currentTarget.value)}
              />
            </div>
          </>
        )}
        {(kind === "goes" || kind === "weight") && (
          <NativeSelect
            className="narrow"
            label="Node"
            value={node}
            data={nodes.map((one) => ({ value: one.node, label: `${one.name} (weight ${one.weight})` }))}
            onChange={(event) => setNode(event.currentTarget.value)}
          />
        )}
        {kind === "weight" && (
          <NumberInput
            className="narrow"
            label="Weight"
            description="Its share compared to other nodes; 1 is usual"
            min={0.01}
            max={100}
            step={0.5}
            error={faults.of("weights")}
            value={weight}
            onChange={(value) => setWeight(Number(value) || 1)}
          />
        )}
        {kind === "copies" && (
          <div className="row field-row">
            <NumberInput
              className="grow"
              label="Copies of each slot"
              min={1}
              max={7}
              allowDecimal={false}
              clampBehavior="strict"
              error={faults.of("replicas")}
              value={replicas}
              onChange={(value) => setReplicas(Number(value) || 1)}
            />
            <NumberInput
              className="grow"
              label="Copies in sync that writes need"
              min={1}
              max={7}
              allowDecimal={false}
              clampBehavior="strict"
              error={faults.of("minInSync")}
              value={minInSync}
              onChange={(value) => setMinInSync(Number(value) || 1)}
            />
          </div>
        )}
        <div>
          <Button type="submit" disabled={kind === "comes" && chosen.length === 0}>
            Show what would happen
          </Button>
        </div>
      </Form>
      {looked !== undefined && !stale && (
        <div role="status" className="planned">
          <Planned plan={looked.plan} />
          {settingsOf(looked.proposal) !== undefined && done === "" && (
            <div>
              <Button variant="default" onClick={() => void change(looked.proposal)}>
                Change it
              </Button>
            </div>
          )}
          {done !== "" && <Note tone="good">{done}</Note>}
        </div>
      )}
    </Part>
  );
}

type Proposal = SupposedChange;

/** The change of the configuration that a proposal is; undefined: it is none. */
function settingsOf({
  weights,
  replicas,
  minInSync,
}: Proposal): { readonly set: Readonly<Record<string, number>>; readonly node?: string } | undefined {
  const [weight] = Object.entries(weights ?? {});
  if (weight !== undefined) return { node: weight[0], set: { weight: weight[1] } };
  return replicas === undefined || minInSync === undefined ? undefined : { set: { replicas, minInSync } };
}

function Planned({ plan }: { readonly plan: ClusterPlan }) {
  const shown = plan.nodes
    .toSorted((one, other) => weightOf(other) - weightOf(one))
    .slice(0, shownMax)
    .map(plannedRow);
  const left = plan.nodes.length - shown.length;
  return (
    <>
      <p>{describePlanned(plan)}</p>
      {plan.faults.length > 0 && (
        <Note tone="warn" title="What gets worse">
          <ul className="faults">
            {plan.faults.map((fault) => (
              <li key={JSON.stringify(fault)}>
                <Told text={describeFault(fault)} />
              </li>
            ))}
          </ul>
        </Note>
      )}
      <Table
        label="Nodes before and after"
        rows={shown}
        keyOf={([name = ""]) => name}
        nothing="No nodes."
        columns={plannedTitles.map((head, index) => ({
          head: index === 1 ? "Then" : head,
          ...(index > 1 && { align: "end" as const }),
          cell: (row: readonly string[]) => row[index] ?? "",
        }))}
      />
      <p className="dim">
        Slots that a node owns + copies that it keeps of others&rsquo;.
        {left > 0 && ` ${left} other nodes change less.`}
      </p>
      {plan.commands.length > 0 && <Copyable text={plan.commands.join("\n")} label="Copy the commands" />}
    </>
  );
}

/** How much of a node changes. */
const weightOf = ({ stays, before, after, receives }: ClusterPlan["nodes"][number]): number =>
  (stays === "stays" ? 0 : 1e9) +
  Math.abs(before.owned - after.owned) +
  Math.abs(before.copies - after.copies) +
  receives;
