import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { BudgetView, OwnFiles, UsagePeriod, UsageRow } from "../../../../protocols/index.ts";
import { Link } from "@tanstack/react-router";
import { describeBytes } from "../../../../protocols/words/amounts.ts";
import { isOwnRoom, ownFilesIn, storedPlaces } from "../../../../protocols/kinds/room-own.ts";
import { useRooms, useRoomTitle } from "../parts/lists.ts";
import { asked, request, seen } from "../../wire/index.ts";
import { useActOn } from "../parts/act.ts";
import { useDialogs } from "../shell/dialogs.tsx";
import { Part } from "./part.tsx";

/** What the user took of models, and what is left of the budgets that count it. It grows while the page is open, and is
 *  looked at now and then. */
export function Usage() {
  const used = useQuery({
    queryKey: ["usage"],
    queryFn: () => asked("usage"),
    staleTime: 0,
    gcTime: 0,
  });
  const limits = useQuery({
    queryKey: ["budgets"],
    queryFn: () => seen("budgets.mine"),
    staleTime: 0,
    gcTime: 0,
  });
  const budgets = limits.data?.budgets ?? [];
  return (
    <>
      <Part
        title="Budgets"
        about={
          "Your use of models. When a budget is used up, you can use these models again on the next day or in " +
          "the next month (UTC), or use another model."
        }
      >
        {limits.isError && <p className="dim">They cannot be loaded now.</p>}
        {limits.isSuccess && budgets.length === 0 && <p className="dim">No budget limits your calls.</p>}
        <ul className="lines">
          {budgets.flatMap((budget) =>
            budget.spent.map((sum) => (
              <li key={`${budget.name} ${sum.name ?? ""}`}>
                <span className="grow">
                  <span className="ellipsis line-title">{budget.name}</span>
                  <span className="dim">
                    {amount(budget.measure, sum.amount)} of {amount(budget.measure, budget.limit)} a {budget.per}
                    {budget.instead !== undefined && `, then ${budget.instead}`}
                  </span>
                </span>
                <span className="dim">{percent(sum.amount, budget.limit)}</span>
              </li>
            )),
          )}
        </ul>
      </Part>
      <Kept />
      {used.isError && <p className="dim">Your use of models cannot be shown now.</p>}
      {used.data !== undefined && (
        <>
          <Period title="Today" period={used.data.day} />
          <Period title="This month" period={used.data.month} />
        </>
      )}
    </>
  );
}

const keptQuery = ["storage"];

/** What the user keeps in files, and in which rooms. */
function Kept() {
  const kept = useQuery({ queryKey: keptQuery, queryFn: () => seen("storage.mine"), staleTime: 0, gcTime: 0 });
  const listed = useRooms().data?.rooms;
  const titleOf = useRoomTitle();
  const named = (room: string): string => titleOf(listed?.find((one) => one.room === room) ?? { room, title: "" });
  if (kept.isError) return <p className="dim">What you keep in files cannot be shown now.</p>;
  if (kept.data === undefined) return null;
  const { bytes, limit, rooms } = kept.data;
  const hasLeft = (room: string): boolean =>
    listed !== undefined && !room.includes("/") && !isOwnRoom(room) && !listed.some((one) => one.room === room);
  const of = limit === undefined ? "" : ` of ${describeBytes(limit)} (${percent(bytes, limit)})`;
  return (
    <Part
      title="Files"
      about={
        "All files that you have sent and that are still in rooms and conversations, and your picture. " +
        "Delete a message to delete its files. Files in rooms that you have left count until you delete them."
      }
    >
      <p>{`You keep ${describeBytes(bytes)}${of}.`}</p>
      <ul className="lines">
        {rooms.map((one) => (
          <li key={one.room}>
            <span className="grow ellipsis">
              <KeptPlace room={one.room} title={named(one.room)} isLeft={hasLeft(one.room)} />
            </span>
            <span className="dim">{describeBytes(one.bytes)}</span>
            {hasLeft(one.room) && <LeftFiles room={one.room} />}
          </li>
        ))}
      </ul>
    </Part>
  );
}

/** Where something is kept, with the way there. */
function KeptPlace({
  room,
  title,
  isLeft,
}: {
  readonly room: string;
  readonly title: string;
  readonly isLeft: boolean;
}) {
  if (room === storedPlaces.picture) return "Your picture";
  if (room.startsWith(storedPlaces.agents)) {
    const agent = room.slice(storedPlaces.agents.length);
    return (
      <Link to="/agent/$agent" params={{ agent }} className="link">
        {`Pictures and sounds for ${agent}`}
      </Link>
    );
  }
  if (isOwnRoom(room)) return title;
  if (isLeft) return `${title} (you have left)`;
  return (
    <Link to="/room/$room" params={{ room }} className="link">
      {title}
    </Link>
  );
}

/** The files in a room that the user has left. They still count, and can be deleted here. */
function LeftFiles({ room }: { readonly room: string }) {
  const act = useActOn(keptQuery);
  const { ask } = useDialogs();
  const path = `/api/v1/rooms/${encodeURIComponent(room)}/own-files`;
  const [files, setFiles] = useState<OwnFiles["files"]>();
  const load = async () => {
    const found = await ownFilesIn(room, async (at) => {
      const answer = await act(() => request("GET", at));
      return answer === undefined ? undefined : (answer as OwnFiles);
    });
    if (found !== undefined) setFiles(found.files);
  };
  const remove = async (seq: number) => {
    const names = (files ?? []).filter((file) => file.seq === seq).map(({ name }) => name);
    const body = (
      <p>{`${names.join(", ")} can be opened by nobody any more. What you wrote with it stays in the room.`}</p>
    );
    if (!(await ask({ title: "Delete these files?", body, action: "Delete", grave: true }))) return;
    await act(() => request("DELETE", `${path}/${seq}`));
    await load();
  };
  if (files === undefined)
    return (
      <Button size="compact-sm" variant="default" onClick={() => void load()}>
        Show files
      </Button>
    );
  return (
    <ul className="lines" aria-label="Your files there">
      {files.map((file) => (
        <li key={file.id}>
          <span className="grow ellipsis">{file.name}</span>
          <span className="dim">{describeBytes(file.bytes)}</span>
          <Button
            size="compact-sm"
            variant="default"
            aria-label={`Delete ${file.name}`}
            onClick={() => void remove(file.seq)}
          >
            Delete
          </Button>
        </li>
      ))}
    </ul>
  );
}

function Period({ title, period }: { readonly title: string; readonly period: UsagePeriod }) {
  const rows = period.rows.toSorted((one, other) => other.cost - one.cost || tokens(other) - tokens(one));
  return (
    <Part title={title}>
      {rows.length === 0 ? (
        <p className="dim">No calls of models.</p>
      ) : (
        <table className="usage-table">
          <thead>
            <tr>
              <th scope="col">With</th>
              <th scope="col">Model</th>
              <th scope="col">Calls</th>
              <th scope="col">Tokens read</th>
              <th scope="col">Written</th>
              <th scope="col">Cost</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={`${row.key} ${row.model} ${row.provider}`}>
                <td>{withOf(row)}</td>
                <td>{row.model}</td>
                <td>{whole(row.calls)}</td>
                <td>{whole(row.promptTokens)}</td>
                <td>{whole(row.completionTokens)}</td>
                <td>{row.cost === 0 ? "" : money(row.cost)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Part>
  );
}

const tokens = ({ promptTokens, completionTokens }: UsageRow): number => promptTokens + completionTokens;

/** What the person called with. */
function withOf({ key = "" }: UsageRow): string {
  const [kind = "", id = ""] = key.split("/", 2);
  if (kind === "agent") return `Agent ${id.split(".").slice(1).join(".")}`;
  return kind === "key" ? `API key ${id}` : "Your devices";
}

const whole = (number: number): string => number.toLocaleString("en-US");
const money = (millionths: number): string => (millionths / 1_000_000).toFixed(millionths < 10_000 ? 6 : 2);
const amount = (measure: BudgetView["measure"], value: number): string =>
  measure === "cost" ? money(value) : `${whole(value)} ${measure}`;
const percent = (spent: number, limit: number): string =>
  limit === 0 ? "100 %" : `${Math.floor((spent / limit) * 100)} %`;
