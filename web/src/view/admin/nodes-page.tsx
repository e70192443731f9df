import { NativeSelect } from "@mantine/core";
import { useState } from "react";
import { adviceOn } from "../../../../protocols/words/cluster-advice.ts";
import {
  byName,
  describeDirectory,
  describeSlotCounts,
  describeVotersWanted,
} from "../../../../protocols/words/cluster-words.ts";
import { voterCounts } from "../../../../protocols/admin/directory-info.ts";
import type { ClusterSummary, Failure } from "../../../../protocols/index.ts";
import { finder } from "../../../../protocols/text/names.ts";
import { notices } from "../../live/index.ts";
import { useDialogs } from "../shell/dialogs.tsx";
import { Note } from "../parts/note.tsx";
import { Told } from "../parts/told.tsx";
import { Part } from "../settings/part.tsx";
import { AdminPage } from "./frame.tsx";
import { changes, useAct, useSummary, useVoters } from "./nodes/queries.ts";
import { Invite } from "./nodes/invite.tsx";
import { Forecasts } from "./nodes/forecasts.tsx";
import { Plan } from "./nodes/plan.tsx";
import { NodeRow } from "./nodes/node-row.tsx";
import type { Said } from "./nodes/storage.tsx";
import { Pager, SearchField, usePaged } from "./pages.tsx";
import "./backup/backup.css";
import "./nodes/nodes.css";

/** Nodes in the document at a time. */
const pageNodes = 25;

/** The nodes of the cluster, for admins: how each is, who keeps the directory, what is wrong, and how nodes come and
 *  go. */
export function NodesPage() {
  return (
    <AdminPage title="Nodes" needs="cluster.see" refusal="Only admins see the nodes of the cluster.">
      <Cluster />
    </AdminPage>
  );
}

function Cluster() {
  const { data, error } = useSummary();
  return (
    <>
      {error !== null && (
        <Note tone="bad">
          {error.message}
          {data !== undefined &&
            " The page shows older figures. `plexus nodes`, typed on a machine that is up, says how it is now."}
        </Note>
      )}
      {data !== undefined && (
        <>
          <State summary={data} />
          <Nodes summary={data} />
          <Voters summary={data} />
          <Forecasts />
          <Plan summary={data} />
          <Invite />
        </>
      )}
    </>
  );
}

const titles = {
  good: "The cluster is healthy",
  warn: "The cluster works, but something needs attention",
  bad: "Something does not work",
};

/** How all of it is, what is wrong and what to do: what `plexus nodes` says below its table. */
function State({ summary }: { readonly summary: ClusterSummary }) {
  const advice = adviceOn(summary);
  const { blocked, down } = summary.slots;
  const stands = summary.directoryAway !== undefined || blocked > 0 || down > 0;
  const tone = stands ? "bad" : advice.length > 0 ? "warn" : "good";
  const up = summary.nodes.filter((node) => node.up).length;
  return (
    <Part title="State">
      <Note tone={tone} title={titles[tone]}>
        <p className="node-line">
          {up} of {summary.nodes.length} {summary.nodes.length === 1 ? "node" : "nodes"} up.
        </p>
        <p className="node-line break">{describeDirectory(summary)}.</p>
        <p className="node-line break">{describeSlotCounts(summary)}.</p>
        {advice.length > 0 && (
          <ul className="faults">
            {advice.map((one) => (
              <li key={one}>
                <Told text={one} />
              </li>
            ))}
          </ul>
        )}
      </Note>
    </Part>
  );
}

function Nodes({ summary }: { readonly summary: ClusterSummary }) {
  const [said, setSaid] = useState<Said>();
  const [text, setText] = useState("");
  const all = byName(summary).filter(({ name, labels }) => finder(text)(name, ...Object.values(labels)));
  const { shown, trail, next } = usePaged(all, pageNodes, text);
  return (
    <Part title="Nodes">
      {said !== undefined && (
        <Note tone={said.tone} onClose={() => setSaid(undefined)}>
          {said.text}
        </Note>
      )}
      {summary.nodes.length > pageNodes && <SearchField placeholder="Name or label" text={text} onText={setText} />}
      <ul className="lines" aria-label="Nodes of the cluster">
        {shown.map((node) => (
          <NodeRow key={node.node} node={node} summary={summary} onSaid={setSaid} />
        ))}
      </ul>
      <Pager trail={trail} next={next} waits={false} back="Previous" on="Next" />
    </Part>
  );
}

/** The nodes that keep the directory, and how many should. */
function Voters({ summary }: { readonly summary: ClusterSummary }) {
  const { data } = useVoters();
  const act = useAct();
  const { ask } = useDialogs();
  if (data === undefined || summary.directory.kind === "etcd") return null;
  const change = async (wanted: number) => {
    const fewer = wanted < data.wanted;
    const question = {
      title: `Have ${wanted === 1 ? "one node keep" : `${wanted} nodes keep`} the directory?`,
      body: fewer ? (
        <p>
          Then the cluster survives fewer failures: {(wanted - 1) / 2 || "none"} of the nodes that keep it. Nodes leave
          one after the other.
        </p>
      ) : (
        <p>Nodes are added one after the other, as long as there are nodes with the role manager.</p>
      ),
      action: "Change",
      grave: fewer,
    };
    const changedBy = ({ code, details }: Failure): boolean => {
      if (code !== "CHANGED_MEANWHILE") return false;
      notices.show(
        `Somebody else has chosen ${Number(details?.["now"])} nodes in the meantime. Nothing was changed.`,
        "bad",
      );
      return true;
    };
    if (await ask(question)) await act(() => changes.voters(wanted, data.wanted), changedBy);
  };
  return (
    <Part title="Directory" about="The directory holds the list of nodes, and which node owns what.">
      {describeVotersWanted(data, summary)
        .split("\n")
        .map((line) => (
          <p key={line} className="node-line break">
            {line}
          </p>
        ))}
      <NativeSelect
        className="narrow"
        label="How many nodes should keep it"
        value={String(data.wanted)}
        data={voterCounts.map(String)}
        onChange={(event) => void change(Number(event.currentTarget.value))}
      />
    </Part>
  );
}
