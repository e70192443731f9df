import { Link } from "@tanstack/react-router";
import { useId, useState } from "react";
import { auditDone } from "../../../../../protocols/admin/audit.ts";
import type { AuditRecord } from "../../../../../protocols/index.ts";
import { fullTime, momentOf } from "../../parts/time.ts";
import { actionText, outcomeText, toldBy, userOf } from "./words.ts";

/** One entry: a line, and all of it when it is opened. */
export function Entry({ entry }: { readonly entry: AuditRecord }) {
  const [open, setOpen] = useState(false);
  const more = useId();
  const { atMs, by, action, target, outcome } = entry;
  return (
    <li>
      <button type="button" className="entry" aria-expanded={open} aria-controls={more} onClick={() => setOpen(!open)}>
        <span className="dim">{momentOf(atMs)}</span>
        <span className="what">
          <strong>{by}</strong> {actionText(action)}
          {target !== undefined && <span className="dim"> · {target}</span>}
        </span>
        <span className={outcome === auditDone ? "chip" : "chip bad"}>
          {outcome === auditDone ? "done" : "refused"}
        </span>
      </button>
      <div id={more}>{open && <Whole entry={entry} />}</div>
    </li>
  );
}

function Whole({ entry }: { readonly entry: AuditRecord }) {
  const { changes, others } = toldBy(entry.facts);
  const lines: readonly (readonly [string, string | undefined])[] = [
    ["When", fullTime(entry.atMs)],
    ["Who", entry.by],
    ["What", entry.action],
    ["To", entry.target],
    ["Outcome", outcomeText(entry.outcome)],
    ["From", entry.address],
    ["Session", entry.session],
    ["Node", entry.node],
    ["Entry", `${entry.seq} of ${entry.log}`],
    ...others,
  ];
  const people = [...new Set([userOf(entry.by), userOf(entry.target)])].filter((one) => one !== undefined);
  return (
    <div className="entry-more">
      <dl>
        {lines.map(
          ([name, value]) =>
            value !== undefined && (
              <div key={name} style={{ display: "contents" }}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ),
        )}
      </dl>
      {changes.length > 0 && (
        <table className="changes">
          <thead>
            <tr>
              <th scope="col">Changed</th>
              <th scope="col">Before</th>
              <th scope="col">After</th>
            </tr>
          </thead>
          <tbody>
            {changes.map(({ name, before, after }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>{before || "nothing"}</td>
                <td>{after || "nothing"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <span className="row">
        {people.map((user) => (
          <Link key={user} to="/admin/$page/$item" params={{ page: "people", item: user }} className="link">
            The account {user}
          </Link>
        ))}
        <Link to="/admin/$page" params={{ page: "audit" }} search={{ by: entry.by }} className="link">
          All by {entry.by}
        </Link>
      </span>
    </div>
  );
}
