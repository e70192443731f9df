import { Button, SegmentedControl, TextInput } from "@mantine/core";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { counted, rate } from "../../../../../protocols/words/amounts.ts";
import { describeSlotCounts } from "../../../../../protocols/words/cluster-words.ts";
import type { ClusterSlotRow, ClusterSummary } from "../../../../../protocols/index.ts";
import { isOfRole } from "../../../../../protocols/words/slot-list.ts";
import { notices } from "../../../live/index.ts";
import { Icon } from "../../parts/icons.tsx";
import { Note } from "../../parts/note.tsx";
import { useRights } from "../../parts/rights.ts";
import { Part } from "../../settings/part.tsx";
import { Choice } from "../backup/choice.tsx";
import { AdminPage } from "../frame.tsx";
import { useSummary } from "../nodes/queries.ts";
import { Pager, useTrail } from "../pages.tsx";
import { Table, type Column } from "../table.tsx";
import { changes, useAct, useSlots } from "./queries.ts";
import { useChoiceOfNode } from "./move.tsx";

const route = getRouteApi("/admin/$page");
const pageSlots = 50;

/** Every slot: who owns it, who has copies, and how to move it. */
export function SlotsPage() {
  return (
    <AdminPage
      wide
      title="Slots"
      needs="cluster.see"
      refusal="Only people with permission to see the cluster see this page."
    >
      <Slots />
    </AdminPage>
  );
}

type Show = "all" | "faulty" | "held" | "own";

const showText: Readonly<Record<Show, string>> = {
  all: "All",
  faulty: "With a problem",
  held: "Held",
  own: "Of one actor",
};

function Slots() {
  const { show = "all", node = "", text = "", order = "name" } = route.useSearch();
  const navigate = useNavigate();
  const { data: summary } = useSummary();
  const { may } = useRights();
  const trail = useTrail(`${show} ${node} ${text} ${order}`);
  const { data, error, isPlaceholderData } = useSlots({
    show,
    node,
    text,
    order,
    limit: String(pageSlots),
    from: trail.from ?? "",
  });
  const next = data?.next === undefined ? undefined : String(data.next);
  const set = (change: Readonly<Record<string, string>>) => {
    const search = Object.entries({ show, node, text, order, ...change }).filter(
      ([name, value]) => value !== "" && value !== { show: "all", order: "name" }[name],
    );
    void navigate({ to: "/admin/$page", params: { page: "slots" }, search: Object.fromEntries(search), replace: true });
  };
  const columns = useColumns(summary, may("cluster.administer"));
  return (
    <Part
      title="Slots"
      about={
        "Actors are spread over slots by their names. Each slot has one owner, which runs its actors, and copies " +
        "on other nodes."
      }
    >
      {summary !== undefined && <p className="node-line break">{describeSlotCounts(summary)}.</p>}
      <div className="row field-row">
        <TextInput
          className="grow"
          label="Search"
          placeholder="chat/17"
          value={text}
          maxLength={100}
          autoCapitalize="none"
          leftSection={<Icon name="search" size={16} />}
          onChange={(event) => set({ text: event.currentTarget.value })}
        />
        <Choice
          label="On the node"
          value={node}
          data={[
            { value: "", label: "Any" },
            ...(summary?.nodes ?? []).map((one) => ({ value: one.node, label: one.name })),
          ]}
          onChange={(value) => set({ node: value })}
        />
        <Choice
          label="Order"
          value={order}
          data={[
            { value: "name", label: "By number" },
            { value: "load", label: "Busiest first" },
          ]}
          onChange={(value) => set({ order: value })}
        />
      </div>
      <SegmentedControl
        aria-label="Which slots to show"
        value={show}
        data={Object.entries(showText).map(([value, label]) => ({ value, label }))}
        onChange={(value) => set({ show: value })}
      />
      {error !== null && <Note tone="bad">{error.message}</Note>}
      <Table
        label="Slots of the cluster"
        columns={columns}
        rows={data?.slots ?? []}
        keyOf={({ slot }) => slot}
        nothing={
          data === undefined ? "Loading …" : show === "faulty" ? "Every slot is as it should be." : "There are none."
        }
        busy={data === undefined}
      />
      <div className="row">
        <Pager trail={trail} next={next} waits={isPlaceholderData} back="Previous" on="Next" />
        {data !== undefined && <span className="dim">{counted(data.total, "slot")}</span>}
      </div>
    </Part>
  );
}

const tones: Readonly<Record<ClusterSlotRow["status"], string>> = {
  ok: "state-good",
  moving: "state-warn",
  short: "state-warn",
  blocked: "state-bad",
  down: "state-bad",
};
const statusText: Readonly<Record<ClusterSlotRow["status"], string>> = {
  ok: "all right",
  moving: "moving",
  short: "too few copies",
  blocked: "takes no commands",
  down: "owner is down",
};

function useColumns(summary: ClusterSummary | undefined, mayChange: boolean): readonly Column<ClusterSlotRow>[] {
  const act = useAct();
  const choose = useChoiceOfNode(summary);
  const names = new Map(summary?.nodes.map(({ node, name }) => [node, name]));
  const nameOf = (node: string): string => names.get(node) ?? node.slice(-8);
  const move = async ({ slot, owner, inSync }: ClusterSlotRow) => {
    const to = await choose({ name: slot, owner, role: slot.split("/")[0], inSync });
    if (to === undefined) return;
    const moved = await act(() => changes.moveSlot(slot, to));
    if (moved !== undefined) notices.show(`${slot} is on ${nameOf(moved.owner)} now.`);
  };
  const letGo = async ({ slot }: ClusterSlotRow) => {
    if ((await act(() => changes.letGoOfSlot(slot))) !== undefined)
      notices.show(`${slot} is placed by the cluster again.`);
  };
  return [
    { head: "Slot", cell: ({ slot }) => slot },
    {
      head: "State",
      cell: ({ status, held, want }) => (
        <>
          <span className={tones[status]}>{statusText[status]}</span>
          {held !== undefined && <span className="dim"> · held</span>}
          {want !== undefined && <span className="dim block">to {nameOf(want.owner)}</span>}
        </>
      ),
    },
    { head: "Owner", cell: ({ owner }) => nameOf(owner) },
    {
      head: "Copies",
      wide: true,
      cell: ({ owner, inSync, learners }) => (
        <>
          {inSync
            .filter((node) => node !== owner)
            .map(nameOf)
            .join(", ") || <span className="dim">none</span>}
          {learners.length > 0 && <span className="dim block">catching up: {learners.map(nameOf).join(", ")}</span>}
        </>
      ),
    },
    { head: "Epoch", align: "end", wide: true, cell: ({ epoch }) => epoch },
    {
      head: "Messages/s",
      align: "end",
      wide: true,
      cell: ({ turnsPerSecond }) => (turnsPerSecond === undefined ? "" : rate(turnsPerSecond)),
    },
    ...(mayChange
      ? [
          {
            head: "Change",
            align: "end" as const,
            cell: (row: ClusterSlotRow) =>
              isOfRole(row.slot) ? (
                <span className="row">
                  {row.held !== undefined && (
                    <Button
                      variant="default"
                      size="xs"
                      aria-label={`Unpin ${row.slot}`}
                      onClick={() => void letGo(row)}
                    >
                      Unpin
                    </Button>
                  )}
                  <Button variant="default" size="xs" aria-label={`Move ${row.slot}`} onClick={() => void move(row)}>
                    Move
                  </Button>
                </span>
              ) : null,
          },
        ]
      : []),
  ];
}
