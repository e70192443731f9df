import { NativeSelect } from "@mantine/core";
import { useState } from "react";
import type { RoomView } from "../../../../protocols/index.ts";
import { useSession } from "../../live/index.ts";
import { leavingOf } from "../../model/index.ts";
import { useFaults } from "../parts/faults.ts";
import { Dialog, type DialogProps } from "../parts/layers.tsx";
import { useNames } from "../parts/lists.ts";
import { useLeave } from "./leave-room.tsx";
import { AgentsToo, Parting } from "./parting.tsx";

/** Asks before somebody leaves a room and could not come back as what they were. */
export default function LeaveRoom({
  view,
  title,
  opened,
  onClose,
}: DialogProps & { readonly view: RoomView; readonly title: string }) {
  return (
    <Dialog opened={opened} onClose={onClose} title={`Leave ${title}?`}>
      <Consequences view={view} title={title} onClose={onClose} />
    </Dialog>
  );
}

function Consequences(props: { readonly view: RoomView; readonly title: string; readonly onClose: () => void }) {
  const session = useSession();
  const nameFor = useNames();
  const { leave } = useLeave(props.view, props.title);
  const { agents, alone, successors, losesRank, needsInvitation } = leavingOf(props.view, session.me);
  const [successor, setSuccessor] = useState("");
  const faults = useFaults();
  const rank = props.view.members[session.me]?.role === "owner" ? "an owner" : "a moderator";
  return (
    <Parting
      about={`${props.view.room}/me`}
      faults={faults}
      stay="Stay"
      go="Leave"
      ready={successors.length === 0 || successor !== ""}
      careful={successors.length === 0}
      onStay={props.onClose}
      onGo={async () => {
        if (await leave(successor === "" ? undefined : successor, faults.take)) props.onClose();
      }}
      follows={
        <>
          {successors.length > 0 && <li>You are the only owner. Choose who owns the room after you.</li>}
          <AgentsToo agents={agents.map(nameFor)} goes={["leaves with you", "leave with you"]} whose="your" />
          {needsInvitation && !alone && <li>The room is private: you can come back only if you are invited.</li>}
          {needsInvitation && alone && (
            <li>You are the last person in this private room: nobody can open it again, and its messages are lost.</li>
          )}
          {losesRank && !needsInvitation && <li>You are {rank} now. If you come back, you come back as a member.</li>}
        </>
      }
    >
      {successors.length > 0 && (
        <NativeSelect
          label="New owner"
          required
          data-autofocus
          value={successor}
          onChange={(event) => setSuccessor(event.currentTarget.value)}
          data={[
            { value: "", label: "Choose a member", disabled: true },
            ...successors.map((member) => ({
              value: member,
              label: `${nameFor(member)}${props.view.members[member]?.role === "moderator" ? " (moderator)" : ""}`,
            })),
          ]}
        />
      )}
    </Parting>
  );
}
