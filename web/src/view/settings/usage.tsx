import { useQuery } from "@tanstack/react-query";
import type { BudgetView, UsagePeriod, UsageRow } from "../../../../protocols/index.ts";
import { Link } from "@tanstack/react-router";
import { describeBytes } from "../../../../protocols/words/amounts.ts";
import { isOwnRoom } from "../../../../protocols/kinds/room-own.ts";
import { useRooms, useRoomTitle } from "../parts/lists.ts";
import { asked, seen } from "../../wire/index.ts";
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

/** What the user keeps in files, and in which rooms. */
function Kept() {
  const kept = useQuery({ queryKey: ["storage"], queryFn: () => seen("storage.mine"), staleTime: 0, gcTime: 0 });
  const listed = useRooms().data?.rooms;
  const titleOf = useRoomTitle();
  const named = (room: string): string => titleOf(listed?.find((one) => one.room === room) ?? { room, title: "" });
  if (kept.isError) return <p className="dim">What you keep in files cannot be shown now.</p>;
  if (kept.data === undefined) return null;
  const { bytes, limit, rooms } = kept.data;
  const of = limit === undefined ? "" : ` of ${describeBytes(limit)} (${percent(bytes, limit)})`;
  return (
    <Part
      title="Files"
      about={
        "All files that you have sent and that are still in rooms and conversations. " +
        "Delete a message to delete its files."
      }
    >
      <p>{`You keep ${describeBytes(bytes)}${of}.`}</p>
      <ul className="lines">
        {rooms.map((one) => (
          <li key={one.room}>
            <span className="grow ellipsis">
              {isOwnRoom(one.room) ? (
                named(one.room)
              ) : (
                <Link to="/room/$room" params={{ room: one.room }} className="link">
                  {named(one.room)}
                </Link>
              )}
            </span>
            <span className="dim">{describeBytes(one.bytes)}</span>
          </li>
        ))}
      </ul>
    </Part>
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
