import { Button } from "@mantine/core";
import type { RecallRequest, Result } from "../../../../../protocols/index.ts";
import { useNow, useSession } from "../../../live/index.ts";
import { Part } from "../../settings/part.tsx";
import { momentOf } from "../../parts/time.ts";
import { Told } from "../../parts/told.tsx";
import { changes, fetchDownload, useAct, useRequests } from "./queries.tsx";
import { ago, wishText } from "./words.ts";

/** So many that are over are shown. */
const overMax = 3;

/** Recalls of private things that a second admin has to agree to. */
export function Approvals() {
  const { data } = useRequests();
  if (data === undefined || data.requests.length === 0) return null;
  const open = data.requests.filter(isOpen);
  const over = data.requests.filter((one) => !isOpen(one)).slice(0, overMax);
  return (
    <Part
      title="Approvals"
      about={
        "These recalls show what other people wrote in private. A second admin has to approve each one within a " +
        "day; then the admin who asked has a day to start it."
      }
    >
      <ul className="lines">
        {[...open, ...over].map((one) => (
          <Row key={one.id} asked={one} />
        ))}
      </ul>
    </Part>
  );
}

const isOpen = ({ state }: RecallRequest): boolean => state === "waiting" || state === "approved";

function Row({ asked }: { readonly asked: RecallRequest }) {
  const act = useAct();
  const { name } = useSession();
  const nowMs = useNow(10_000, true);
  const { id, by, reason, state, wish, approvers, answeredBy, untilMs, askedAtMs } = asked;
  const own = by === name;
  const send = (how: "approve" | "decline" | "begin"): Promise<Result<unknown>> =>
    how === "begin" && wish.sort === "recall" && wish.as === "download"
      ? fetchDownload({ query: wish.query, request: id })
      : changes.answer(id, how);
  const button = (how: "approve" | "decline" | "begin", label: string, primary = false) => (
    <Button
      size="xs"
      {...(!primary && { variant: "default" })}
      aria-label={`${label}: ${wishText(wish)}`}
      onClick={() => void act(() => send(how))}
    >
      {label}
    </Button>
  );
  return (
    <li className="model-row">
      <div className="row">
        <span className="grow">
          <span className="line-title break">{wishText(wish)}</span>
          <span className="dim break">
            {own ? "You" : by} asked {ago(askedAtMs, nowMs)}: {reason}
          </span>
          <span className="break task-text">
            <Told text={stateText(asked)} />
          </span>
        </span>
        {state === "waiting" && approvers.includes(name) && button("approve", "Approve", true)}
        {state === "waiting" && approvers.includes(name) && button("decline", "Decline")}
        {state === "approved" && own && button("begin", "Begin", true)}
        {own && isOpen(asked) && button("decline", "Withdraw")}
      </div>
    </li>
  );

  function stateText({ task }: RecallRequest): string {
    switch (state) {
      case "waiting":
        return approvers.length === 0
          ? `No other admin has had the role for a day, so the operator approves it until ${momentOf(untilMs)}: ` +
              `\`plexus backup approve ${id}\``
          : `${approvers.join(" or ")} may approve it until ${momentOf(untilMs)}.`;
      case "approved":
        return (
          "Approved by " +
          `${answeredBy ?? "somebody"}` +
          `${task === undefined ? `; must begin before ${momentOf(untilMs)}.` : `; task ${task} started it.`}`
        );
      case "declined":
        return answeredBy === by ? "Withdrawn." : `Declined by ${answeredBy ?? "somebody"}.`;
      default:
        return "Too late: ask again.";
    }
  }
}
