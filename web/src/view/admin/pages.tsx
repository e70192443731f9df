import { Button, TextInput } from "@mantine/core";
import { useState } from "react";

/** Where somebody is in a list that is shown a page at a time. */
interface Trail {
  /** From where on the page is; undefined: the first one. */
  readonly from: string | undefined;
  /** Pages before this one. */
  readonly before: number;
  readonly back: () => void;
  readonly on: (next: string) => void;
}

const first: readonly string[] = [];

/** A walk through a list; of another list (`of`) it begins at the first page, at once. */
export function useTrail(of = ""): Trail {
  const [kept, setKept] = useState({ of, starts: first });
  const starts = kept.of === of ? kept.starts : first;
  return {
    from: starts.at(-1),
    before: starts.length,
    back: () => setKept({ of, starts: starts.slice(0, -1) }),
    on: (next) => setKept({ of, starts: [...starts, next] }),
  };
}

/** The buttons to the page before and the one after; nothing where all is on one page. */
export function Pager(props: {
  readonly trail: Trail;
  /** Where the next page begins; undefined: this is the last. */
  readonly next: string | undefined;
  /** The page on show is one from before, until this one is there. */
  readonly waits: boolean;
  readonly back: string;
  readonly on: string;
}) {
  const { trail, next, waits, back, on } = props;
  if (trail.before === 0 && next === undefined) return null;
  return (
    <div className="row">
      <Button variant="default" size="xs" disabled={trail.before === 0} onClick={trail.back}>
        {back}
      </Button>
      <span className="dim">Page {trail.before + 1}</span>
      <Button
        variant="default"
        size="xs"
        disabled={next === undefined || waits}
        onClick={() => next !== undefined && trail.on(next)}
      >
        {on}
      </Button>
    </div>
  );
}

/** Where a list of many is searched. */
export function SearchField(props: {
  readonly label?: string;
  readonly placeholder?: string;
  readonly text: string;
  readonly onText: (text: string) => void;
}) {
  const { label = "Search", placeholder = "Name", text, onText } = props;
  return (
    <TextInput
      className="narrow"
      label={label}
      placeholder={placeholder}
      value={text}
      maxLength={64}
      autoCapitalize="none"
      onChange={(event) => onText(event.currentTarget.value.trim())}
    />
  );
}

/** A page of rows that are all here: so many are in the document. Of another list (`of`) it begins at the first
 *  page. */
export function usePaged<Row>(
  rows: readonly Row[],
  size: number,
  of = "",
): { readonly shown: readonly Row[]; readonly trail: Trail; readonly next: string | undefined } {
  const trail = useTrail(of);
  const asked = Number(trail.from ?? 0);
  // Rows go while somebody looks.
  const start = asked < rows.length ? asked : Math.max(0, Math.floor((rows.length - 1) / size) * size);
  const next = start + size;
  return { shown: rows.slice(start, next), trail, next: next < rows.length ? String(next) : undefined };
}
