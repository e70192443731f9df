import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { hottest } from "../../../../../protocols/admin/profile-tree.ts";
import type { HotFunction, ProfileTree } from "../../../../../protocols/index.ts";
import { Note } from "../../parts/note.tsx";
import { Part } from "../../settings/part.tsx";
import { momentOf } from "../../parts/time.ts";
import { bytes } from "../bytes.ts";
import { AdminPage } from "../frame.tsx";
import { Table, type Column } from "../table.tsx";
import { boxesOf, largestOf, totalsOf } from "./flame.ts";
import "./profiles.css";
import { at, seen } from "../../../wire/index.ts";

const rowHeight = 20;
const hotShown = 20;

/** One profile: the picture of its calls, and the functions that took the most. */
export function ProfilePage() {
  const { item = "" } = useParams({ strict: false });
  return (
    <AdminPage
      wide
      title="Profile"
      needs="cluster.administer"
      refusal="Only people with permission to administer the cluster see this page."
    >
      <One id={item} />
    </AdminPage>
  );
}

const amount = ({ unit }: ProfileTree, value: number): string =>
  unit === "bytes" ? bytes(value) : `${(value / 1_000).toLocaleString("en-US", { maximumFractionDigits: 1 })} ms`;
const share = (part: number, whole: number): string => `${whole === 0 ? 0 : Math.round((1_000 * part) / whole) / 10} %`;

function One({ id }: { readonly id: string }) {
  const { data, error } = useQuery({
    queryKey: ["profiles", id],
    queryFn: () => seen("profiles.show", { id }),
    retry: false,
    staleTime: Infinity,
  });
  if (error !== null) return <Note tone="bad">{error.message}</Note>;
  if (data === undefined) return <p className="dim">Loading …</p>;
  const { tree, of, node, by, begunAtMs, seconds } = data;
  return (
    <>
      <p>
        {of === "cpu" ? "Processor" : "Memory"} at {node}, {momentOf(begunAtMs)}, {seconds} s, for {by}:{" "}
        {amount(tree, tree.total)}
        {tree.idle !== undefined && `; it waited ${amount(tree, tree.idle)}`}.{" "}
        <a className="link" href={at(`/api/v1/admin/profiles/${encodeURIComponent(id)}/v8`)} download>
          Download it for the developer tools of a browser
        </a>
      </p>
      {tree.rows.length > 0 ? (
        <Flame tree={tree} />
      ) : (
        <Note tone="plain">
          {of === "heap"
            ? "Nothing that was allocated in this time is still in memory. " +
              "Profile the node for longer, or while it works."
            : "The node did nothing in this time. Profile it for longer, or while it works."}
        </Note>
      )}
    </>
  );
}

/** A function's own figures, and the way to it in the picture. */
const columnsOf = (tree: ProfileTree, onShow: (row: number) => void): readonly Column<HotFunction>[] => [
  {
    head: "Function",
    cell: ({ name, at }) => (
      <>
        <code>{name}</code>
        <span className="dim block break">{at}</span>
      </>
    ),
  },
  { head: "By itself", align: "end", cell: ({ self }) => `${amount(tree, self)} (${share(self, tree.total)})` },
  {
    head: "With functions that it called",
    align: "end",
    wide: true,
    cell: ({ total }) => `${amount(tree, total)} (${share(total, tree.total)})`,
  },
  {
    head: "In the picture",
    cell: ({ name, at }) => (
      <Button
        variant="default"
        size="xs"
        aria-label={`Show ${name} in the picture`}
        onClick={() =>
          onShow(
            largestOf(
              tree,
              tree.frames.findIndex((frame) => frame.name === name && frame.at === at),
            ),
          )
        }
      >
        Show
      </Button>
    ),
  },
];

function Flame({ tree }: { readonly tree: ProfileTree }) {
  const [from, setFrom] = useState(-1);
  const boxes = useMemo(() => boxesOf(tree, from), [tree, from]);
  const totals = useMemo(() => totalsOf(tree), [tree]);
  const hot = useMemo(() => hottest(tree, hotShown), [tree]);
  const height = (Math.max(0, ...boxes.map(({ depth }) => depth)) + 1) * rowHeight;
  const frameOf = (row: number) => tree.frames[tree.rows[row]?.[0] ?? -1] ?? { name: "", at: "" };
  const shown = frameOf(from);
  const [what, most] =
    tree.unit === "bytes"
      ? ["the memory that it filled", "The functions that filled the most memory"]
      : ["the time it took", "The functions that took the most time"];
  return (
    <>
      <Part
        title="Calls"
        about={
          `Each function lies below the one that called it; its width is ${what}, with everything it ` +
          "called. Click a function to see it alone. The table below has the same figures."
        }
      >
        <div className="row wrap" role="status">
          <span className="grow break">
            {from < 0
              ? "All calls"
              : `${shown.name} ${shown.at}: ${amount(tree, totals[from] ?? 0)}, ` +
                `${share(totals[from] ?? 0, tree.total)} of all`}
          </span>
          {from >= 0 && (
            <>
              <Button variant="default" size="xs" onClick={() => setFrom(tree.rows[from]?.[1] ?? -1)}>
                Its caller
              </Button>
              <Button variant="default" size="xs" onClick={() => setFrom(-1)}>
                All calls
              </Button>
            </>
          )}
        </div>
        <div className="flame" role="img" aria-label="Calls, callers above" style={{ height }}>
          {boxes.map(({ row, left, width, depth }) => {
            const { name, at } = frameOf(row);
            return (
              <div
                key={row}
                className={at === "" || at.startsWith("node:") || at.startsWith("node_modules/") ? "other" : ""}
                title={`${name} ${at}\n${amount(tree, totals[row] ?? 0)}, ${share(totals[row] ?? 0, tree.total)}`}
                style={{ left: `${left * 100}%`, width: `${width * 100}%`, top: depth * rowHeight }}
                onClick={() => setFrom(row)}
              >
                {width > 0.02 && name}
              </div>
            );
          })}
        </div>
      </Part>
      <Part title={most}>
        <Table
          label={most}
          columns={columnsOf(tree, setFrom)}
          rows={hot}
          keyOf={({ name, at }) => `${name} ${at}`}
          nothing="Nothing was measured."
        />
      </Part>
    </>
  );
}
