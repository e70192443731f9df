import "./meanwhile.css";
import { useEffect, useState, type ReactNode } from "react";
import type { Failure } from "../../../../protocols/index.ts";
import { meanwhileOf } from "../../model/index.ts";
import { copyText } from "./clipboard.ts";
import { putBack } from "./kept-form.ts";

/** A field that says a text which others may change, too. */
export interface SharedField {
  /** As it stands over the field. */
  readonly label: string;
  /** What it is by the newest news. */
  readonly now: string;
  /** What it was when what is in the field was begun, where that is longer ago than this form is open. */
  readonly was?: string | undefined;
  /** What is in the field. */
  readonly mine: string;
  /** Puts the text of now into the field. */
  readonly take: (now: string) => void;
}

/** What an open form rests on. What somebody else saves meanwhile takes its place where nothing was typed; where
 *  something was, both texts are shown, and the person chooses before anything is saved. */
interface MeanwhileOf<Name extends string> {
  /** What a write has to say that it has seen. */
  readonly seen: Readonly<Record<Name, string>>;
  /** Something waits for a choice: nothing is saved before. */
  readonly stands: boolean;
  /** Takes a refusal that says so; false: it says something else. `names`: as the node calls the fields that were
   *  sent. */
  readonly take: (refusal: Failure, names: readonly Name[]) => boolean;
  readonly notes: ReactNode;
}

export function useMeanwhile<Name extends string>(fields: Readonly<Record<Name, SharedField>>): MeanwhileOf<Name> {
  const all = Object.entries(fields) as [Name, SharedField][];
  const [seen, setSeen] = useState(() => {
    const first = all.map(([name, { now, was }]) => [name, was ?? now]);
    return Object.fromEntries(first) as Record<Name, string>;
  });
  // A refusal may say it before the news do.
  const [heard, setHeard] = useState<Partial<Record<Name, string>>>({});
  const nowOf = (name: Name): string => heard[name] ?? fields[name].now;
  const verdictOf = (name: Name) => meanwhileOf({ seen: seen[name], mine: fields[name].mine, now: nowOf(name) });
  const rest = (name: Name, now: string) => setSeen((before) => ({ ...before, [name]: now }));
  const news = all.map(([, { now }]) => now).join("\n");
  useEffect(() => setHeard({}), [news]);
  useEffect(() => {
    for (const [name, { mine, take }] of all) {
      if (verdictOf(name) !== "theirs") continue;
      rest(name, nowOf(name));
      if (mine !== nowOf(name)) take(nowOf(name));
    }
  });
  const open = all.filter(([name]) => verdictOf(name) === "both");
  return {
    seen,
    stands: open.length > 0,
    take: ({ code, details }, names) => {
      if (code !== "CHANGED_MEANWHILE") return false;
      const now = details?.["now"];
      // One field is said as its text, several by their names.
      const told = typeof now === "string" ? Object.fromEntries(names.map((name) => [name, now])) : (now ?? {});
      setHeard((before) => ({ ...before, ...(told as Partial<Record<Name, string>>) }));
      return true;
    },
    notes: open.map(([name, { label, mine, take }]) => (
      <div key={name} className="edit-conflict" role="alert">
        <p>“{label}” was changed elsewhere while you were editing it. It says now:</p>
        <blockquote dir="auto">{nowOf(name) === "" ? "(nothing)" : nowOf(name)}</blockquote>
        <p>Yours is in the field, and is not saved yet.</p>
        <div className="row wrap">
          <button type="button" className="link" onClick={() => rest(name, nowOf(name))}>
            Save mine instead
          </button>
          <button
            type="button"
            className="link"
            onClick={({ currentTarget: { form } }) => {
              rest(name, nowOf(name));
              take(nowOf(name));
              if (form !== null) putBack(form, label);
            }}
          >
            Keep what it says now
          </button>
          <button type="button" className="link" onClick={() => void copyText(mine)}>
            Copy my text
          </button>
        </div>
      </div>
    )),
  };
}
