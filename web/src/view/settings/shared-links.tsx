import { Button, Loader } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { SharedLink } from "../../../../protocols/index.ts";
import { notices, useSession } from "../../live/index.ts";
import { agentLabel } from "../../model/index.ts";
import { call, seen } from "../../wire/index.ts";
import { Note } from "../parts/note.tsx";
import { momentOf } from "../parts/time.ts";
import { Told } from "../parts/told.tsx";
import { Part } from "./part.tsx";

const key = ["sharedLinks"];

/** The read-only links to conversations that the person has made. */
export function SharedLinks() {
  const session = useSession();
  const queries = useQueryClient();
  const { data, error } = useQuery({ queryKey: key, queryFn: () => seen("sharedLinks.list"), staleTime: 0 });
  const takeBack = async ({ id }: SharedLink) => {
    const result = await call("sharedLinks.remove", { id });
    if (!result.ok && result.error.code !== "NOT_FOUND") notices.fail(result.error);
    await queries.invalidateQueries({ queryKey: key });
  };
  return (
    <Part
      title="Shared conversations"
      about={
        "Everybody who has such a link reads the conversation as it was when you made the link. " +
        "What you delete or clear there is gone there, too."
      }
    >
      {error !== null && (
        <Note tone="bad">
          <Told text={error.message} />
        </Note>
      )}
      {data === undefined && error === null && <Loader size="sm" aria-label="Loading" />}
      {data?.links.length === 0 && <p className="dim">You share no conversation.</p>}
      <ul className="members">
        {data?.links.map((link) => {
          const agent = agentLabel(link.conversation, session.name);
          const title = link.title === "" ? `Conversation with ${agent}` : link.title;
          return (
            <li key={link.id} className="member">
              <span className="grow">
                <Link to="/agent/$agent" params={{ agent: link.conversation }} search={{ at: link.leaf }}>
                  <bdi>{title}</bdi>
                </Link>
                <span className="dim ban-terms">
                  {agent} · made {momentOf(link.atMs)} · until {momentOf(link.untilMs)}
                </span>
              </span>
              <Button
                variant="default"
                size="xs"
                aria-label={`Take back the link to ${title}, made ${momentOf(link.atMs)}`}
                onClick={() => void takeBack(link)}
              >
                Take back
              </Button>
            </li>
          );
        })}
      </ul>
    </Part>
  );
}
