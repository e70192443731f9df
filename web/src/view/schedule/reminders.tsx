import { useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";
import type { Later } from "../../../../protocols/index.ts";
import { notices, useSession } from "../../live/index.ts";
import { useNames } from "../parts/lists.ts";
import { lineOf, useRemembered } from "./remembered.tsx";

const wordsCharsMax = 120;
/** As many as an account has, several times. */
const rememberedMax = 256;

/** Tells each reminder that is due, once in this browser. The list has it until the person says that it is done. */
export function Reminders({ due }: { readonly due: readonly Later[] }) {
  return due.map((one) => <Due key={`${one.id} ${one.atMs}`} later={one} />);
}

function Due({ later }: { readonly later: Later }) {
  const { kept } = useSession();
  const navigate = useNavigate();
  const nameFor = useNames();
  const message = useRemembered(later);
  useEffect(() => {
    if (message === undefined) return;
    const known = kept.read("reminded");
    const told = Array.isArray(known) ? known.filter((line) => typeof line === "string") : [];
    const own = `${later.id} ${later.atMs}`;
    if (told.includes(own)) return;
    kept.write("reminded", [...told, own].slice(-rememberedMax));
    const who = typeof message === "object" ? `${nameFor(message.author)}: ` : "";
    notices.show(`Reminder. ${who}${lineOf(message).slice(0, wordsCharsMax)}`, "plain", {
      label: "Show the message",
      run: () =>
        void navigate({
          to: "/room/$room",
          params: { room: later.room },
          search: later.seq === undefined ? {} : { at: later.seq },
        }),
    });
  }, [message, later, kept, navigate, nameFor]);
  return null;
}
