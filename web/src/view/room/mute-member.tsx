import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { RoomView } from "../../../../protocols/index.ts";
import { notices } from "../../live/index.ts";
import { agentsOf, isAgent } from "../../model/index.ts";
import { call } from "../../wire/index.ts";
import { Dialog } from "../parts/layers.tsx";
import { useNames } from "../parts/lists.ts";
import { AgentsToo, Parting, TermField, useReason, type Term } from "./parting.tsx";

const minuteMs = 60_000;

/** How long a mute can last, as the page offers it. */
const terms: readonly Term[] = [
  { value: "minutes", label: "For 10 minutes", forMs: 10 * minuteMs },
  { value: "hour", label: "For 1 hour", forMs: 60 * minuteMs },
  { value: "day", label: "For 1 day", forMs: 24 * 60 * minuteMs },
  { value: "week", label: "For 1 week", forMs: 7 * 24 * 60 * minuteMs },
  { value: "ever", label: "Until it is lifted" },
];

interface About {
  readonly view: RoomView;
  readonly member: string;
  readonly onClose: () => void;
}

/** Asks how a member is to be muted, or why they are warned. */
export default function MuteMember(props: About & { readonly as: "mute" | "warn" }) {
  const name = useNames()(props.member);
  return (
    <Dialog opened onClose={props.onClose} title={props.as === "mute" ? `Mute ${name}?` : `Warn ${name}?`}>
      {props.as === "mute" ? <Mute {...props} /> : <Warn {...props} />}
    </Dialog>
  );
}

function Mute({ view, member, onClose }: About) {
  const nameFor = useNames();
  const name = nameFor(member);
  const [term, setTerm] = useState("hour");
  const { reason, faults, field } = useReason();
  const lift = async () => {
    const lifted = await call("rooms.unmute", { room: view.room, member });
    if (!lifted.ok && lifted.error.code !== "NOT_FOUND") notices.fail(lifted.error);
  };
  return (
    <Parting
      about={`${view.room}/${member}/mute`}
      faults={faults}
      stay="Cancel"
      go="Mute"
      careful={false}
      onStay={onClose}
      onGo={async () => {
        const forMs = terms.find(({ value }) => value === term)?.forMs;
        const how = { ...(forMs !== undefined && { muteForMs: forMs }), ...(reason !== "" && { reason }) };
        const result = await call("rooms.mute", { room: view.room, member, ...how });
        if (!result.ok) return void (faults.take(result.error) || notices.fail(result.error));
        notices.done(`${name} is muted.`, () => void lift());
        onClose();
      }}
      follows={
        <>
          <li>{name} reads here, and neither writes, reacts, votes nor sends files.</li>
          <AgentsToo
            agents={isAgent(member) ? [] : agentsOf(view, member).map(nameFor)}
            goes={["does not answer here either", "do not answer here either"]}
            whose={`${name}'s`}
          />
          <li>Leaving the room and coming back does not end it. You can lift it at any time.</li>
        </>
      }
    >
      <TermField terms={terms} term={term} onTerm={setTerm} />
      {field(`${name} and everybody in the room`)}
    </Parting>
  );
}

function Warn({ view, member, onClose }: About) {
  const name = useNames()(member);
  const queries = useQueryClient();
  const { reason, faults, field } = useReason();
  return (
    <Parting
      about={`${view.room}/${member}/warning`}
      faults={faults}
      stay="Cancel"
      go="Warn"
      careful={false}
      ready={reason !== ""}
      onStay={onClose}
      onGo={async () => {
        const result = await call("rooms.warn", { room: view.room, member, reason });
        if (!result.ok) return void (faults.take(result.error) || notices.fail(result.error));
        notices.show(`${name} is warned.`);
        await queries.invalidateQueries({ queryKey: ["warnings", view.room] });
        onClose();
      }}
      follows={
        <>
          <li>{name} gets a notice with the reason and your name, and says that they have read it.</li>
          <li>Moderators of the room see the warning. Nobody else does.</li>
        </>
      }
    >
      {field()}
    </Parting>
  );
}
