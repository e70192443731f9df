import { Button, Loader } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { Failure } from "../../../../protocols/index.ts";
import { explain } from "../../live/index.ts";
import { call, Refused, seen } from "../../wire/index.ts";

/** What a person reads who has come by a link and is not in its room: which room it is, or why the link leads
 *  nowhere. */
export default function JoinByLink({
  room,
  secret,
  onJoined,
}: {
  readonly room: string;
  readonly secret: string;
  readonly onJoined: () => void;
}) {
  const looked = useQuery({
    queryKey: ["behindLink", room, secret],
    queryFn: () => seen("rooms.lookThrough", { room, secret }),
    staleTime: 0,
    retry: false,
  });
  const [refusal, setRefusal] = useState<Failure>();
  const [busy, setBusy] = useState(false);
  const join = async () => {
    setBusy(true);
    const result = await call("rooms.joinByLink", { room, secret });
    setBusy(false);
    if (result.ok) onJoined();
    else setRefusal(result.error);
  };
  const why = refusal ?? (looked.error instanceof Refused ? looked.error.failure : undefined);
  if (why !== undefined) return <Refusal why={why} onAgain={() => (setRefusal(undefined), void looked.refetch())} />;
  if (looked.data === undefined) return <Loader aria-label="Looking where the link leads" />;
  const { title, memberCount } = looked.data;
  return (
    <>
      <h2>
        Join <bdi>{title}</bdi>?
      </h2>
      <p>
        You were given a link into this room. {memberCount === 1 ? "1 member is" : `${memberCount} members are`} in it
        and will see that you came.
      </p>
      <Button onClick={() => void join()} loading={busy} autoFocus>
        Join {title}
      </Button>
    </>
  );
}

function Refusal({ why, onAgain }: { readonly why: Failure; readonly onAgain: () => void }) {
  const isOver = why.code === "JOIN_LINK_ENDED" || why.code === "BANNED";
  return (
    <>
      <h2>{refusedTitles[why.code] ?? "The link cannot be used now"}</h2>
      <p>{explain(why, "look")}</p>
      {!isOver && <Button onClick={onAgain}>Try again</Button>}
    </>
  );
}

const refusedTitles: Readonly<Partial<Record<Failure["code"], string>>> = {
  JOIN_LINK_ENDED: "This link has ended",
  BANNED: "You are banned from this room",
};
