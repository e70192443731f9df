import { Button, Textarea } from "@mantine/core";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { temporaryIdleMs, withinContext, type SaidHere } from "../../../../protocols/answering/temporary.ts";
import { cleaned } from "../../../../protocols/text/text.ts";
import { useSession } from "../../live/index.ts";
import { agentLabel } from "../../model/index.ts";
import { streamAnswer } from "../../wire/answers.ts";
import { Avatar } from "../parts/avatar.tsx";
import { Form } from "../parts/form.tsx";
import { Icon } from "../parts/icons.tsx";
import { Note } from "../parts/note.tsx";
import { RichText } from "../parts/rich-text.tsx";
import { MenuButton } from "../shell/dialogs.tsx";
import "./agent.css";

const route = getRouteApi("/temporary/$agent");

/** A conversation that this screen alone has: nothing of it is kept in the browser, and nothing at the node. */
export function TemporaryPage() {
  const { agent } = route.useParams();
  return <Temporary key={agent} agent={agent} />;
}

interface Answering {
  readonly text: string;
}

function Temporary({ agent }: { readonly agent: string }) {
  const session = useSession();
  const label = agentLabel(agent, session.name);
  const { said, answering, fault, isOver, say, stop } = useTemporary(agent);
  const [text, setText] = useState("");
  const send = () => {
    const words = cleaned(text.trim(), "lines");
    if (words === "" || answering !== undefined) return;
    setText("");
    void say(words);
  };
  return (
    <main className="screen-main" aria-label={`Temporary conversation with ${label}`}>
      <header className="header">
        <MenuButton />
        <Avatar principal={`agent/${agent}`} label={label} size={32} />
        <div className="grow">
          <h1 className="ellipsis">Temporary conversation</h1>
          <div className="topic ellipsis">{label}</div>
        </div>
        <Link to="/agent/$agent" params={{ agent }} className="link">
          End it
        </Link>
      </header>
      <Note tone="plain">
        Only this screen has what is said here. It is gone when you leave this screen or reload it, and when nothing is
        said for an hour. It is in no search, backup or export. {label} uses no tools here.
      </Note>
      <div className="temporary-feed" tabIndex={0} role="log" aria-label={`Temporary conversation with ${label}`}>
        {isOver && <p className="dim turn">Nothing was said for an hour: the conversation before is gone.</p>}
        {said.map((one, place) => (
          // Nothing is taken from between.
          <SaidRow key={place} one={one} agent={agent} label={label} />
        ))}
        {answering !== undefined && (
          <SaidRow one={{ role: "assistant", content: answering.text }} agent={agent} label={label} streaming />
        )}
        {fault !== undefined && (
          <p className="turn" role="alert">
            {fault}
          </p>
        )}
      </div>
      <div className="foot agent-foot">
        <Form id="temporary" keepsNothing className="temporary-form" onSubmit={send}>
          <Textarea
            className="grow"
            aria-label={`Message ${label}, kept nowhere`}
            placeholder={`Message ${label}`}
            autosize
            maxRows={8}
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key !== "Enter" || event.shiftKey) return;
              event.preventDefault();
              send();
            }}
          />
          {answering === undefined ? (
            <Button type="submit" aria-label="Send" disabled={text.trim() === ""}>
              <Icon name="send" />
            </Button>
          ) : (
            <Button variant="default" aria-label="Stop the answer" onClick={stop}>
              <Icon name="stop" />
            </Button>
          )}
        </Form>
      </div>
    </main>
  );
}

function SaidRow(props: {
  readonly one: SaidHere;
  readonly agent: string;
  readonly label: string;
  readonly streaming?: boolean;
}) {
  const { one, agent, label, streaming = false } = props;
  if (one.role === "user")
    return (
      <article className="turn said" aria-label="You">
        <div className="bubble">
          <RichText text={one.content} />
        </div>
      </article>
    );
  return (
    <article className="turn answer" aria-label={label} aria-busy={streaming}>
      <Avatar principal={`agent/${agent}`} label={label} size={30} />
      <div className="answer-body">
        {one.content === "" && streaming ? (
          <span className="dim">…</span>
        ) : (
          <RichText text={one.content} streaming={streaming} />
        )}
        {one.took !== undefined && (
          <div className="dim conversation-facts">
            {one.took.tokens === undefined ? "" : `${one.took.tokens} tokens · `}
            {(one.took.ms / 1_000).toFixed(1)} s
          </div>
        )}
      </div>
    </article>
  );
}

/** What is said, in this screen's memory alone. */
function useTemporary(agent: string) {
  const [said, setSaid] = useState<readonly SaidHere[]>([]);
  const [answering, setAnswering] = useState<Answering>();
  const [fault, setFault] = useState<string>();
  const [isOver, setIsOver] = useState(false);
  const running = useRef<AbortController>(undefined);
  useEffect(() => () => running.current?.abort(), []);
  useEffect(() => {
    if (said.length === 0) return;
    const timer = setTimeout(() => {
      running.current?.abort();
      setSaid([]);
      setIsOver(true);
    }, temporaryIdleMs);
    return () => clearTimeout(timer);
  }, [said]);
  const say = async (words: string): Promise<void> => {
    const now = [...said, { role: "user" as const, content: words }];
    const own = new AbortController();
    running.current = own;
    const sinceMs = performance.now();
    let text = "";
    setSaid(now);
    setFault(undefined);
    setIsOver(false);
    setAnswering({ text });
    const came = await streamAnswer(
      { model: `agent:${agent}`, messages: withinContext(now) },
      {
        signal: own.signal,
        onText(next) {
          text = next;
          if (!own.signal.aborted) setAnswering({ text });
        },
      },
    );
    setAnswering(undefined);
    const took = {
      ms: performance.now() - sinceMs,
      ...(came.ok && came.tokens !== undefined && { tokens: came.tokens }),
    };
    // A conversation that is gone by now takes no answer.
    if (text !== "")
      setSaid((before) => (before === now ? [...now, { role: "assistant", content: text, took }] : before));
    if (!came.ok) setFault(came.why);
  };
  return { said, answering, fault, isOver, say, stop: () => running.current?.abort() };
}
