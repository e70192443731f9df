import { useState, type ReactNode } from "react";
import { counted, rate } from "../../../../../protocols/words/amounts.ts";
import { isTaker } from "../../../../../protocols/words/cluster-advice.ts";
import type { ClusterNodeRow, ClusterSummary } from "../../../../../protocols/index.ts";
import { useDialogs } from "../../shell/dialogs.tsx";
import { bytes } from "../bytes.ts";

/** What is to be moved. */
interface Movable {
  readonly name: string;
  /** The node that has it, by id or name; undefined: none does. */
  readonly owner: string | undefined;
  /** The role that its node has to have; undefined: not known here. */
  readonly role: string | undefined;
  /** Nodes, by id, that have all of it already. */
  readonly inSync: readonly string[];
}

/** Nodes that may take it, those with least first. */
const takersOf = ({ owner, role }: Movable, { nodes }: ClusterSummary): readonly ClusterNodeRow[] =>
  nodes
    .filter((node) => isTaker(node) && node.node !== owner && node.name !== owner)
    .filter(({ roles }) => role === undefined || (roles as readonly string[]).includes(role))
    .toSorted((one, other) => one.slotsOwned - other.slotsOwned || (one.name < other.name ? -1 : 1));

/** Asks where something is to go, with what comes of it. Undefined: nowhere. */
export function useChoiceOfNode(
  summary: ClusterSummary | undefined,
): (movable: Movable) => Promise<string | undefined> {
  const { ask } = useDialogs();
  return async (movable) => {
    const takers = summary === undefined ? [] : takersOf(movable, summary);
    const [first] = takers;
    if (first === undefined) {
      const body = (
        <p>
          No other node can take it now: such a node is up, has the role {movable.role}, and is not being drained.
          Invite a node, or undo the drain of one.
        </p>
      );
      await ask({ title: `Nowhere to move ${movable.name}`, body, action: "Understood" });
      return undefined;
    }
    let chosen = first.node;
    const body = <Choose movable={movable} takers={takers} onChoose={(node) => (chosen = node)} />;
    return (await ask({ title: `Move ${movable.name}?`, body, action: "Move" })) ? chosen : undefined;
  };
}

function Choose(props: {
  readonly movable: Movable;
  readonly takers: readonly ClusterNodeRow[];
  readonly onChoose: (node: string) => void;
}): ReactNode {
  const { movable, takers, onChoose } = props;
  const [node, setNode] = useState(takers[0]?.node ?? "");
  const target = takers.find((one) => one.node === node);
  return (
    <>
      <label className="select">
        <span>To the node</span>
        <select
          value={node}
          onChange={(event) => {
            setNode(event.currentTarget.value);
            onChoose(event.currentTarget.value);
          }}
        >
          {takers.map((one) => (
            <option key={one.node} value={one.node}>
              {one.name}
            </option>
          ))}
        </select>
      </label>
      {target !== undefined && (
        <ul className="faults">
          <li>
            {target.name} owns {counted(target.slotsOwned, "slot")} and has{" "}
            {counted(target.slotsReplicated, "copy", "copies")}
            {target.turnsPerSecond !== undefined && `, takes ${rate(target.turnsPerSecond)} messages a second`}
            {target.diskFreeBytes !== undefined && `, and has ${bytes(target.diskFreeBytes)} of disk free`}.
          </li>
          <li>
            {movable.inSync.includes(target.node)
              ? "It has a copy already, so nothing has to be sent first."
              : "All of it is copied there first. Its owner keeps working until then."}
          </li>
          <li>People who write during the move wait for it, mostly less than a second. Nothing is lost.</li>
          <li>It stays there until somebody unpins it, or that node can no longer have it.</li>
        </ul>
      )}
    </>
  );
}
