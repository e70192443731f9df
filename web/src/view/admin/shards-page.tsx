import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import {
  troublesOf,
  type HolderGroupRow,
  type HolderRow,
  type NodeHealed,
  type ShardLine,
  type ShardsView,
  type StorageNodeRow,
  type TrustState,
} from "../../../../protocols/index.ts";
import { counted } from "../../../../protocols/words/amounts.ts";
import { storageText } from "../../../../protocols/words/cluster-words.ts";
import { finder } from "../../../../protocols/text/names.ts";
import { notices } from "../../live/index.ts";
import { callWithin, seen } from "../../wire/index.ts";
import { Note } from "../parts/note.tsx";
import { Told } from "../parts/told.tsx";
import { Part } from "../settings/part.tsx";
import { bytes } from "./bytes.ts";
import { AdminPage } from "./frame.tsx";
import { live } from "./look.ts";
import { Pager, SearchField, usePaged } from "./pages.tsx";
import { repairedText, standingOfShards, toRepair } from "./shard-words.ts";
import "./backup/backup.css";

/** Holders move, lose and mend by themselves. */
const lookMs = 5_000;
/** A node with much to make good takes a while. */
const healTimeoutMs = 150_000;
/** Groups, and nodes, in the document at a time. */
const pageGroups = 5;
const pageNodes = 25;
/** Of an inventory so many lines are shown at a time. */
const lines = 50;

/** Where the cluster's shards are, for admins: groups, their holders, and what each has. */
export function ShardsPage() {
  return (
    <AdminPage title="Shards" needs="cluster.see" refusal="Only admins see where shards are.">
      <Shards />
    </AdminPage>
  );
}

function Shards() {
  const { data, error } = useQuery({
    queryKey: ["shards"],
    queryFn: () => seen("shards.list"),
    ...live(lookMs),
  });
  return (
    <>
      {error !== null && <Note tone="bad">{error.message}</Note>}
      {data !== undefined && <Groups view={data} />}
    </>
  );
}

function Groups({ view: { places, groups, nodes } }: { readonly view: ShardsView }) {
  if (groups.length === 0)
    return (
      <Note tone="warn">
        {places === 0
          ? "No node has the role storage. Give it to one with `plexus nodes roles`, or invite one with " +
            "`plexus invite --role storage`."
          : "Nothing can be stored yet, because there is no group of holders. The cluster makes the first one " +
            "some seconds after a node with the role storage has joined."}
      </Note>
    );
  return (
    <>
      <State groups={groups} nodes={nodes} />
      <Nodes nodes={nodes} />
      <GroupList groups={groups} />
      <Healing />
    </>
  );
}

/** The groups, a page at a time: a large cluster has hundreds. */
function GroupList({ groups }: { readonly groups: readonly HolderGroupRow[] }) {
  const { shown, trail, next } = usePaged(groups, pageGroups);
  return (
    <>
      {shown.map((group) => (
        <Group key={group.name} group={group} />
      ))}
      <Pager trail={trail} next={next} waits={false} back="Previous groups" on="More groups" />
    </>
  );
}

/** How all of it stands, in one glance. */
function State(view: Pick<ShardsView, "groups" | "nodes">) {
  const standing = standingOfShards(view);
  const { tone, title, faults, nodesUp, nodes, usedBytes, roomBytes, shards, silent } = standing;
  return (
    <Part title="State">
      <Note tone={tone} title={title}>
        {faults.length > 0 && (
          <ul className="faults">
            {faults.map((one) => (
              <li key={one}>
                <Told text={one} />
              </li>
            ))}
          </ul>
        )}
      </Note>
      <dl className="glance">
        <div>
          <dt>Nodes that keep shards</dt>
          <dd>{nodesUp === nodes ? nodes : `${nodesUp} of ${nodes} up`}</dd>
        </div>
        <div>
          <dt>Kept</dt>
          <dd>
            {silent > 0 && "at least "}
            {counted(shards, "shard")}, {bytes(usedBytes)}
          </dd>
        </div>
        <div>
          <dt>To repair</dt>
          <dd>{toRepair(standing)}</dd>
        </div>
        <div>
          <dt>Repaired so far</dt>
          <dd>{repairedText(standing.mended, Date.now())}</dd>
        </div>
        <div>
          <dt>Room for more</dt>
          <dd>{bytes(roomBytes)}</dd>
        </div>
      </dl>
    </Part>
  );
}

/** What each state of a node means for new shards. */
const trusts: Readonly<Record<TrustState, string>> = {
  new: "It is new, so it gets few shards, and only shards without which the data can still be read.",
  probation: "It is on probation, so it gets few shards, and only shards without which the data can still be read.",
  trusted: "It is trusted.",
  suspect: "It did not have the shards that it should, so it gets no new ones.",
};

/** The nodes that keep shards: how much they have, and whether they may have more. */
function Nodes({ nodes }: { readonly nodes: readonly StorageNodeRow[] }) {
  const [text, setText] = useState("");
  const found = nodes.filter(({ name, zone }) => finder(text)(name, zone));
  const { shown, trail, next } = usePaged(found, pageNodes, text);
  return (
    <Part
      title="Nodes"
      about={
        "Nodes ask each other to prove that they have the shards they should have. " +
        "A node that fails gets fewer new shards."
      }
    >
      {nodes.length > pageNodes && <SearchField label="Search nodes" text={text} onText={setText} />}
      <ul className="lines" aria-label="Nodes that keep shards">
        {shown.map(({ node, name, zone, up, trust, usedBytes, roomBytes, quotaBytes, allowed }) => (
          <li key={node}>
            <span className="grow">
              <span className="ellipsis line-title">{name}</span>
              <span className="dim break">
                {[
                  ...(zone === undefined ? [] : [`zone ${zone}`]),
                  ...(usedBytes === undefined ? [] : [bytes(usedBytes)]),
                  ...(roomBytes === undefined ? [] : [`room for ${bytes(roomBytes)}`]),
                  ...(quotaBytes === undefined ? [] : [`at most ${bytes(quotaBytes)}`]),
                  ...(allowed === undefined ? [] : [`may keep ${storageText(allowed)}`]),
                ].map((fact) => `${fact} · `)}
              </span>
              {!up && <span className="pull-error">It is down. </span>}
              <span className={trust === "suspect" ? "pull-error break" : "dim break"}>{trusts[trust]}</span>
            </span>
          </li>
        ))}
      </ul>
      <Pager trail={trail} next={next} waits={false} back="Previous" on="Next" />
    </Part>
  );
}

/** What nodes do by themselves, after a while: now. */
function Healing() {
  const queries = useQueryClient();
  const [working, setWorking] = useState(false);
  const [healed, setHealed] = useState<readonly NodeHealed[]>();
  const { shown, trail, next } = usePaged(healed ?? [], pageNodes);
  const heal = async () => {
    setWorking(true);
    const result = await callWithin(healTimeoutMs)("shards.heal");
    setWorking(false);
    await queries.invalidateQueries({ queryKey: ["shards"] });
    if (result.ok) setHealed(result.value.nodes);
    else notices.fail(result.error);
  };
  return (
    <Part
      title="Repair"
      about={
        "The cluster rebuilds a lost shard from the other shards of the same stripe. " +
        "If a node is away, it waits a while first: the node may come back with its shards."
      }
    >
      <Button variant="default" loading={working} onClick={() => void heal()}>
        Repair now, without waiting
      </Button>
      {healed !== undefined && (
        <div role="status">
          <ul className="lines">
            {shown.map(({ node, mended = 0, lost = 0, error }) => (
              <li key={node}>
                <span className="grow">
                  <span className="line-title">{node}</span>{" "}
                  {error === undefined ? (
                    <span className={lost > 0 ? "pull-error" : "dim"}>
                      {counted(mended, "shard")} repaired{lost > 0 && `, ${lost} still lost`}
                    </span>
                  ) : (
                    <span className="pull-error">no answer ({error})</span>
                  )}
                </span>
              </li>
            ))}
          </ul>
        </div>
      )}
      <Pager trail={trail} next={next} waits={false} back="Previous" on="Next" />
    </Part>
  );
}

function Group({ group }: { readonly group: HolderGroupRow }) {
  const { name, open, holders } = group;
  const nodes = new Set(holders.flatMap(({ owner }) => owner ?? [])).size;
  const isEmpty = holders.every(({ sums }) => sums?.held.shards === 0 && sums.trash.shards === 0);
  const about =
    `${counted(holders.length, "holder")} on ${counted(nodes, "node")}. ` +
    (open
      ? "It takes new stripes."
      : isEmpty
        ? "It takes no new stripes and has none. The cluster removes it after some days."
        : "It takes no new stripes, and keeps those that it has.");
  return (
    <Part title={`Group ${name}`} about={about}>
      <ul className="lines">
        {holders.map((row) => (
          <Holder key={row.holder} row={row} group={group} />
        ))}
      </ul>
    </Part>
  );
}

function Holder({ row, group }: { readonly row: HolderRow; readonly group: HolderGroupRow }) {
  const [open, setOpen] = useState(false);
  const { holder, owner, node, zone, sums } = row;
  const name = nameOf(holder);
  const faults = faultsOf(row, group);
  const has = sums && [
    `${counted(sums.held.shards, "shard")}, ${bytes(sums.held.bytes)}`,
    ...(sums.trash.shards > 0 ? [`${bytes(sums.trash.bytes)} in the trash`] : []),
    ...(sums.mended === undefined ? [] : [`repaired so far: ${repairedText(sums.mended, Date.now())}`]),
  ];
  return (
    <li className="model-row">
      <div className="row">
        <span className="grow">
          <span className="ellipsis line-title">
            {name} <span className="dim">{node === undefined ? "" : `on ${node}`}</span>
          </span>
          <span className="dim break">
            {[...(zone === undefined ? [] : [`zone ${zone}`]), ...(has ?? [])].map((fact) => `${fact} · `)}
          </span>
          {faults.length > 0 ? (
            <span className="pull-error break">{faults.join(" ")}</span>
          ) : (
            <span className="dim">{owner === undefined ? "Being set up." : "No problems."}</span>
          )}
        </span>
        <Button
          variant="default"
          size="xs"
          disabled={sums === undefined}
          aria-expanded={open}
          aria-label={`Shards of ${name}`}
          onClick={() => setOpen(!open)}
        >
          Shards
        </Button>
      </div>
      {open && <Inventory holder={name} />}
    </li>
  );
}

/** What is not well with a holder, each as a sentence. */
function faultsOf(row: HolderRow, group: HolderGroupRow): readonly string[] {
  const { owner, status, error, home } = row;
  if (owner === undefined) return [];
  if (status === "down") return ["Its node is down. Another takes over when it stays away."];
  if (status === "blocked") return ["Too few nodes have the list of its shards, so it cannot serve them."];
  if (error !== undefined) return [`It does not answer (${error}).`];
  const { lost, elsewhere, besides } = troublesOf(row, group);
  return [
    ...(lost > 0
      ? [
          `${counted(lost, "shard")} missing or damaged. ` +
            "The cluster rebuilds them from the other shards of their stripes.",
        ]
      : []),
    ...(elsewhere ? ["Its bytes are still on another node."] : []),
    ...(home === undefined ? [] : [`It waits for ${home} to come back.`]),
    ...(besides.length > 0
      ? [`The same node has ${besides.map(nameOf).join(", ")}: more nodes with the role storage make this safer.`]
      : []),
  ];
}

/** What one holder has, a page at a time. */
function Inventory({ holder }: { readonly holder: string }) {
  const [group = "", index] = holder.split(".", 2);
  const [starts, setStarts] = useState<readonly (string | undefined)[]>([undefined]);
  const after = starts.at(-1);
  const page = { limit: lines, ...(after !== undefined && { after }) };
  const { data, error } = useQuery({
    queryKey: ["shards", holder, after],
    queryFn: () => seen("shards.inventory", { group, index: Number(index), ...page }),
    ...live(lookMs),
  });
  if (error !== null) return <Note tone="bad">{error.message}</Note>;
  if (data === undefined) return null;
  if (data.shards.length === 0 && starts.length === 1) return <p className="dim">It holds no shards yet.</p>;
  return (
    <>
      <ul className="lines" aria-label={`Shards of ${holder}`}>
        {data.shards.map((line) => (
          <li key={line.hash}>
            <span className="grow">
              <span className="ellipsis line-title">{line.stripe}</span>
              <span className={line.lost === undefined ? "dim break" : "pull-error break"}>{factsOf(line)}</span>
            </span>
          </li>
        ))}
      </ul>
      <div className="row">
        {starts.length > 1 && (
          <Button variant="default" size="xs" onClick={() => setStarts(starts.slice(0, -1))}>
            Back
          </Button>
        )}
        {data.next !== undefined && (
          <Button variant="default" size="xs" onClick={() => setStarts([...starts, data.next])}>
            More
          </Button>
        )}
      </div>
    </>
  );
}

const factsOf = ({ hash, sizeBytes, lost, trashedAtMs }: ShardLine): string =>
  [
    bytes(sizeBytes),
    hash.slice(0, 16),
    ...(lost === undefined ? [] : [lost]),
    ...(trashedAtMs === undefined ? [] : ["in the trash"]),
  ].join(" · ");

const nameOf = (holder: string): string => holder.replace(/^.*\//, "");
