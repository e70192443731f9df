import { Button } from "@mantine/core";
import { getRouteApi } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { failure, ok, refused } from "../../../../protocols/errors.ts";
import { useSession } from "../../live/index.ts";
import type { OpenTerminal } from "../../terminal/index.ts";
import { copyText } from "../parts/clipboard.ts";
import { useDialogs } from "../shell/dialogs.tsx";
import { Note } from "../parts/note.tsx";
import { proveAgain } from "../shell/prove-again.tsx";
import { AdminPage } from "./frame.tsx";
import "./terminal.css";

const route = getRouteApi("/admin/$page");

/** The commands of `plexus`, in the page. `?run=…` types one, and runs nothing. */
export function TerminalPage() {
  return (
    <AdminPage
      wide
      title="Terminal"
      needs="cluster.see"
      refusal="Only people with permission to see the cluster have a terminal."
    >
      <Screen />
    </AdminPage>
  );
}

function Screen() {
  const { run } = route.useSearch();
  const { ask } = useDialogs();
  const session = useSession();
  const place = useRef<HTMLDivElement>(null);
  const [terminal, setTerminal] = useState<OpenTerminal>();
  const [fault, setFault] = useState<string>();
  const [leaving, setLeaving] = useState(false);
  const [runs, setRuns] = useState(false);
  // A terminal stays while the questions of the page come and go.
  const asks = useRef(ask);
  asks.current = ask;
  useEffect(() => {
    let opened: OpenTerminal | undefined;
    let over = false;
    const open = async () => {
      const { openTerminal } = await import("../../terminal/index.ts");
      if (over || place.current === null) return;
      opened = await openTerminal(place.current, {
        async confirm() {
          const proven = await proveAgain(asks.current);
          opened?.focus();
          return proven ? ok({}) : refused(failure("SIGN_IN_AGAIN"));
        },
        agree: (lines) =>
          asks.current({
            title: `Run ${lines.length} lines?`,
            body: <pre className="terminal-lines">{lines.join("\n")}</pre>,
            action: "Run",
          }),
        onKeys: setLeaving,
        onRunning: setRuns,
        lines: () => session.terminalLines,
        keepLines: (lines) => (session.terminalLines = lines),
      });
      if (over) return opened.close();
      setTerminal(opened);
      opened.focus();
    };
    open().catch((error: unknown) => setFault(error instanceof Error ? error.message : String(error)));
    return () => {
      over = true;
      opened?.close();
    };
  }, [session]);
  useEffect(() => {
    if (terminal !== undefined && run !== undefined) terminal.type(run.slice(0, 1_000));
  }, [terminal, run]);
  const press = (data: string) => () => {
    terminal?.press(data);
    terminal?.focus();
  };
  return (
    <section className="terminal" aria-label="Terminal">
      {fault !== undefined && <Note tone="bad">The terminal could not be loaded: {fault}</Note>}
      <div className="row wrap">
        <Button variant="default" size="xs" disabled={!runs} onClick={press("\u0003")}>
          Stop
        </Button>
        <Button variant="default" size="xs" disabled={runs} onClick={press("\t")}>
          Complete
        </Button>
        <Button variant="default" size="xs" disabled={runs} onClick={press("\u001b[A")}>
          Line before
        </Button>
        <Button variant="default" size="xs" onClick={press("\u000c")}>
          Clear
        </Button>
        <Button variant="default" size="xs" onClick={() => terminal !== undefined && void copyText(terminal.text())}>
          Copy all
        </Button>
        <span className="dim grow" role="status">
          {leaving ? "Tab leaves the terminal now." : "Escape, then Tab, leaves the terminal."}
        </span>
      </div>
      <div ref={place} className="terminal-screen" />
      <p className="dim flush">
        Commands run on this cluster with your permissions. This is not a shell and has no files: commands that need
        files say so. Run those in a terminal on a machine where Plexus is installed.
      </p>
    </section>
  );
}
