import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { seen } from "../../../wire/index.ts";
import { Note } from "../../parts/note.tsx";
import { Part } from "../../settings/part.tsx";
import { momentOf } from "../../parts/time.ts";
import { Told } from "../../parts/told.tsx";
import { live } from "../look.ts";

const lookMs = 2_000;

/** What is known of the way of one task. It has the focus when it comes, since it stands above the list. */
export function TaskLog({ id, onHide }: { readonly id: string; readonly onHide: () => void }) {
  const { data, error } = useQuery({
    ...live(lookMs),
    queryKey: ["tasks", "one", id],
    queryFn: () => seen("tasks.show", { id }),
  });
  const hide = useRef<HTMLButtonElement>(null);
  useEffect(() => hide.current?.focus(), []);
  const lines = data?.log ?? [];
  return (
    <Part title={`Log of ${id}`} {...(data !== undefined && { about: data.what })}>
      {error !== null && <Note tone="bad">{error.message}</Note>}
      <ol className="lines" aria-label={`Lines of the log of ${id}`}>
        {lines.map(({ atMs, node, text }, at) => (
          <li key={`${atMs} ${node} ${at}`}>
            <span className="grow break">
              <Told text={text} />
            </span>
            <span className="dim">
              {node !== undefined && `${node}, `}
              {momentOf(atMs)}
            </span>
          </li>
        ))}
      </ol>
      {data !== undefined && lines.length === 0 && <p className="dim flush">Nothing was written of it.</p>}
      <div className="row">
        <Button ref={hide} variant="default" size="xs" onClick={onHide}>
          Hide the log
        </Button>
      </div>
    </Part>
  );
}
