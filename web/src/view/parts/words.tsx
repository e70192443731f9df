import { Link } from "@tanstack/react-router";
import { createContext, useContext, type ReactNode } from "react";
import type { Prose } from "../../../../protocols/reading/tree.ts";
import { roomNamesIn, type Named } from "../../model/index.ts";
import { useNamedRooms } from "./lists.ts";
import { Spoken } from "./spoken.tsx";

/** Whether this stands in a link: no other link can. */
export const InLink = createContext(false);

type WordsProps = Pick<Prose, "text" | "signs"> & {
  readonly named: Named | undefined;
  /** It is all of its paragraph. */
  readonly isAlone?: boolean;
};

/** Words with their mentions, and with links to the rooms that they name. */
export function Words(props: WordsProps) {
  const isLink = useContext(InLink);
  return isLink || !props.text.includes("#") ? <Spoken {...props} isLink={isLink} /> : <WithRooms {...props} />;
}

function WithRooms({ text, signs = [], named }: WordsProps) {
  const called = [...text.matchAll(/[@＠﹫]/g)].map(({ index }, nth) => ({
    from: index,
    to: index + (named?.get(signs[nth] ?? -1)?.said.length ?? 0),
  }));
  const rooms = roomNamesIn(text).filter(({ at }) => !called.some(({ from, to }) => from < at && at < to));
  const parts: ReactNode[] = [];
  const say = (from: number, to: number) => {
    const nth = called.findIndex((sign) => sign.from >= from);
    const own = nth < 0 ? [] : signs.slice(nth);
    if (from < to) parts.push(<Spoken key={from} text={text.slice(from, to)} signs={own} named={named} />);
  };
  let past = 0;
  for (const { at, said, key } of rooms) {
    say(past, at);
    parts.push(<RoomLink key={at} room={key} said={said} />);
    past = at + said.length;
  }
  say(past, text.length);
  return parts;
}

/** A room by the title that it has now; what was written, to a person who cannot see the room. */
function RoomLink({ room, said }: { readonly room: string; readonly said: string }) {
  const found = useNamedRooms(true).find(({ key }) => key === room);
  if (found === undefined) return said;
  return (
    <Link to="/room/$room" params={{ room }} className="room-link" title={`#${room}`}>
      <bdi>#{found.title}</bdi>
    </Link>
  );
}
