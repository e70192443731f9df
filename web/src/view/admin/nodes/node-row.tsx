import { Button } from "@mantine/core";
import { useRef, useState } from "react";
import { counted, rate } from "../../../../../protocols/words/amounts.ts";
import { isTaker } from "../../../../../protocols/words/cluster-advice.ts";
import {
  describeDrain,
  describeDrained,
  describeEviction,
  describeKept,
  describeVotesLeft,
  describeStuck,
  isDrained,
  keepsDirectory,
  partInDirectory,
  rolesWithoutTaker,
} from "../../../../../protocols/words/cluster-leaving.ts";
import { stateOf } from "../../../../../protocols/words/cluster-words.ts";
import { roles, type Role } from "../../../../../protocols/ids.ts";
import type { ClusterNodeRow, ClusterSummary, Failure } from "../../../../../protocols/index.ts";
import { explainWithCode } from "../../../model/index.ts";
import { Told } from "../../parts/told.tsx";
import { useDialogs } from "../../shell/dialogs.tsx";
import { bytes } from "../bytes.ts";
import { changes, readSlots, useAct } from "./queries.ts";
import { StorageButton, type Said } from "./storage.tsx";

/** One node: what it is, what it does, and how it leaves and comes back. */
export function NodeRow(props: {
  readonly node: ClusterNodeRow;
  readonly summary: ClusterSummary;
  readonly onSaid: (said: Said) => void;
}) {
  const { node, summary, onSaid } = props;
  const act = useAct();
  const { ask } = useDialogs();
  const evict = useEviction(onSaid);
  const draining = node.state === "draining";
  const drain = async () => {
    if (!(await ask(await drainQuestion(node, summary)))) return;
    await act(() => changes.drain(node.node, true));
  };
  const giveRoles = async () => {
    let chosen: readonly Role[] = node.roles;
    const body = <ChooseRoles of={node.roles} onChoose={(roles) => (chosen = roles)} />;
    if (!(await ask({ title: `Roles of ${node.name}`, body, action: "Change" })) || chosen.join() === node.roles.join())
      return;
    const refusedBy = (refusal: Failure) => {
      onSaid({ tone: "bad", text: `The roles of ${node.name} were not changed. ${reasonOf(refusal)}` });
      return true;
    };
    if ((await act(() => changes.roles(node.node, chosen, node.roles), refusedBy)) !== undefined)
      onSaid({
        tone: "good",
        text:
          `${node.name} has the roles ${chosen.join(", ")} now. ` +
          "The data that other nodes should have moves there by itself.",
      });
  };
  return (
    <li className="node-row">
      <div className="row node-head">
        <span className="grow">
          <span className="ellipsis line-title">{node.name}</span>
          <span className={node.up ? (isTaker(node) ? "node-up" : "node-warn") : "pull-error"}>
            {stateOf(node, summary.directory)}
          </span>
        </span>
        {draining ? (
          <Button
            variant="default"
            size="xs"
            aria-label={`Undo the drain of ${node.name}`}
            onClick={() => void act(() => changes.drain(node.node, false))}
          >
            Undo drain
          </Button>
        ) : (
          <Button variant="default" size="xs" aria-label={`Drain ${node.name}`} onClick={() => void drain()}>
            Drain
          </Button>
        )}
        <Button variant="default" size="xs" aria-label={`Roles of ${node.name}`} onClick={() => void giveRoles()}>
          Roles
        </Button>
        <StorageButton node={node} onSaid={onSaid} />
        {!node.self && (
          <Button variant="default" size="xs" aria-label={`Evict ${node.name}`} onClick={() => void evict(node)}>
            Evict
          </Button>
        )}
      </div>
      <p className="dim break">{factsOf(node).join(" · ")}</p>
      {node.up && <p className="dim break">{loadOf(node).join(" · ")}</p>}
      {draining && <DrainProgress node={node} summary={summary} />}
    </li>
  );
}

/** Roles that a running node gets or gives up. */
function ChooseRoles({
  of,
  onChoose,
}: {
  readonly of: readonly Role[];
  readonly onChoose: (roles: readonly Role[]) => void;
}) {
  const [chosen, setChosen] = useState(of);
  const choose = (role: Role, on: boolean) => {
    const next = roles.filter((one) => (one === role ? on : chosen.includes(one)));
    setChosen(next);
    onChoose(next);
  };
  return (
    <>
      <p>
        It changes while the node runs. When you take a role away, its data moves to other nodes with that role. Nothing
        is lost.
      </p>
      <fieldset className="node-roles">
        <legend>Roles</legend>
        {roles.map((role) => (
          <label key={role} className="row">
            <input
              type="checkbox"
              checked={chosen.includes(role)}
              onChange={(event) => choose(role, event.currentTarget.checked)}
            />
            {role}
          </label>
        ))}
      </fieldset>
    </>
  );
}

const factsOf = ({ roles, labels, weight, version, url, models }: ClusterNodeRow): readonly string[] => [
  roles.join(", "),
  ...Object.entries(labels).map(([name, value]) => `${name} ${value}`),
  ...(weight === 1 ? [] : [`weight ${weight}`]),
  ...(models.length === 0 ? [] : [`serves ${models.join(", ")}`]),
  `Plexus ${version}`,
  ...(url === "" ? [] : [url]),
];

function loadOf(node: ClusterNodeRow): readonly string[] {
  const { slotsOwned, slotsReplicated, actors, turnsPerSecond, connections, calls, eventLoopLagMs, memoryBytes } = node;
  return [
    `${counted(slotsOwned, "slot")}, ${counted(slotsReplicated, "copy", "copies")}`,
    ...(actors === undefined ? [] : [`${counted(actors, "actor")} in memory`]),
    ...(turnsPerSecond === undefined ? [] : [`${rate(turnsPerSecond)} messages/s`]),
    ...(connections === undefined ? [] : [counted(connections, "connection")]),
    ...(calls === undefined || calls === 0 ? [] : [counted(calls, "call of models", "calls of models")]),
    ...(eventLoopLagMs === undefined ? [] : [`answers ${rate(eventLoopLagMs)} ms late`]),
    ...(memoryBytes === undefined ? [] : [`${bytes(memoryBytes)} of memory`]),
    ...(node.diskFreeBytes === undefined ? [] : [`${bytes(node.diskFreeBytes)} of disk free`]),
  ];
}

/** How far a drain is: of what it held when somebody began to look. */
function DrainProgress({ node, summary }: { readonly node: ClusterNodeRow; readonly summary: ClusterSummary }) {
  const held = node.slotsOwned + node.slotsReplicated;
  const most = useRef(held);
  most.current = Math.max(most.current, held);
  return (
    <>
      {held > 0 && (
        <progress value={most.current - held} max={most.current} aria-label={`How far ${node.name} is drained`} />
      )}
      <p className="node-warn break">
        <Told text={drainText(node, summary)} />
      </p>
    </>
  );
}

/** How far a drain is, or what may be done at its end. */
function drainText(node: ClusterNodeRow, summary: ClusterSummary): string {
  const { name, up, slotsOwned, slotsReplicated } = node;
  const progress = { name, up, slotsOwned, slotsReplicated, ...partInDirectory(summary, node.node) };
  return isDrained(progress) ? describeDrained(progress) : describeDrain(progress);
}

/** What a drain will do, with what may keep it from its end. */
async function drainQuestion(node: ClusterNodeRow, summary: ClusterSummary) {
  const stuck = rolesWithoutTaker(summary, await readSlots(node.node), node.node);
  const warnings = [
    ...(stuck.length > 0 ? [describeStuck(stuck, node.name)] : []),
    describeKept(summary, node.node) ?? [],
    describeVotesLeft(summary, node.node) ?? [],
    ...(partInDirectory(summary, node.node).directory ? [keepsDirectory] : []),
  ].flat();
  return {
    title: `Drain ${node.name}?`,
    body: (
      <>
        <p>
          Other nodes take over its rooms, accounts and agents, one by one. People hardly notice. You can undo it at any
          time.
        </p>
        {warnings.map((warning) => (
          <p key={warning}>
            <Told text={warning} />
          </p>
        ))}
      </>
    ),
    action: "Drain",
    grave: stuck.length > 0,
  };
}

/** Evicts, and where slots hold the node back asks whether they are to be given up. */
function useEviction(onSaid: (said: Said) => void): (node: ClusterNodeRow) => Promise<void> {
  const act = useAct();
  const { ask } = useDialogs();
  /** The refusal, when it is to be told here. */
  const attempt = async (node: ClusterNodeRow, force: boolean): Promise<Failure | undefined> => {
    let refusal: Failure | undefined;
    const evicted = await act(
      () => changes.evict(node.node, force),
      (refused) => {
        refusal = refused;
        return !force;
      },
    );
    if (evicted !== undefined)
      onSaid({
        tone: force || evicted.lastCopies > 0 ? "warn" : "good",
        text: describeEviction(node.name, { ...evicted, force }),
      });
    return refusal;
  };
  return async (node) => {
    if (!(await ask(evictQuestion(node)))) return;
    const refusal = await attempt(node, false);
    if (refusal === undefined) return;
    const { slots, reason } = refusal.details ?? {};
    // Of one that is up everything can still be given away.
    if (node.up || typeof slots !== "number" || typeof reason !== "string") {
      onSaid({ tone: "bad", text: `${node.name} was not evicted. ${reasonOf(refusal)}` });
      return;
    }
    const question = {
      title: `Give up what only ${node.name} has?`,
      body: (
        <p>
          It was not evicted: {reason}. {slots} {slots === 1 ? "slot waits" : "slots wait"} for it. If the node can be
          started again, start it. If it is lost for good, the slots that no other node has a copy of start again empty.
          That cannot be undone.
        </p>
      ),
      action: "Evict, and give them up",
      grave: true,
    };
    if (!(await ask(question))) return;
    await attempt(node, true);
  };
}

function reasonOf(refusal: Failure): string {
  const { reason, now } = refusal.details ?? {};
  if (refusal.code === "CHANGED_MEANWHILE" && Array.isArray(now))
    return `Somebody else has changed them meanwhile: they are ${now.join(", ")} now. Look again, then decide again.`;
  return typeof reason === "string"
    ? `${reason.slice(0, 1).toUpperCase()}${reason.slice(1)}.`
    : explainWithCode(refusal);
}

const evictQuestion = (node: ClusterNodeRow) => ({
  title: `Evict ${node.name}?`,
  body: (
    <>
      <p>
        Its membership ends for good. It can come back only as a new node, with an empty data folder and an invitation.
      </p>
      {node.up && node.slotsOwned + node.slotsReplicated > 0 && (
        <p>
          It is up and still has data: drain it first. It cannot be evicted while it owns slots, or has the last copy of
          some.
        </p>
      )}
      {!node.up && <p>If it can be started again with its data, do that instead.</p>}
    </>
  ),
  action: "Evict",
  grave: true,
});
