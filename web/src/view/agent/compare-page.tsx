import { Button } from "@mantine/core";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState } from "react";
import { agentOfKey, conversationIn } from "../../../../protocols/answering/conversation-key.ts";
import { useLink, useSession, useShown, type AgentStore } from "../../live/index.ts";
import { agentLabel, isWriting, readHere, stageOf, type AgentModel } from "../../model/index.ts";
import { Composer } from "../parts/composer.tsx";
import { Icon } from "../parts/icons.tsx";
import { MenuButton } from "../shell/dialogs.tsx";
import { AnswerRow, PendingSayRow, TurnRow } from "./turn-rows.tsx";
import "./agent.css";

const route = getRouteApi("/compare/$first/$second");

/** Two conversations side by side: what is said goes to both. On a phone each has a tab. */
export function ComparePage() {
  const { first, second } = route.useParams();
  const session = useSession();
  const stores = useMemo(() => [session.agent(first), session.agent(second)] as const, [session, first, second]);
  const [shown, setShown] = useState(0);
  const [one, other] = stores;
  const writing = [useShown(one.store, isWriting), useShown(other.store, isWriting)];
  const names = [useNameOf(one), useNameOf(other)];
  const waits = (model: AgentModel): boolean => model.pending.some(({ status }) => status !== "failed");
  const waiting = [useShown(one.store, waits), useShown(other.store, waits)];
  const isAny = writing.includes(true) || waiting.includes(true);
  const stop = () => {
    for (const store of stores) store.stopAll();
  };
  const say = (text: string) => {
    for (const store of stores) store.say(text);
  };
  return (
    <main className="screen-main" aria-label="Two models side by side">
      <header className="header">
        <MenuButton />
        <div className="grow">
          <h1 className="ellipsis">Side by side</h1>
          <div className="topic ellipsis">{names.join(" and ")}</div>
        </div>
      </header>
      <div className="compare-tabs" role="tablist" aria-label="Which of the two is shown">
        {names.map((name, place) => (
          <button
            key={place}
            type="button"
            role="tab"
            id={`compare-tab-${place}`}
            aria-selected={shown === place}
            aria-controls={`compare-${place}`}
            onClick={() => setShown(place)}
          >
            {name}
          </button>
        ))}
      </div>
      <div className="compare">
        {stores.map((store, place) => (
          <Column
            key={store.agent}
            store={store}
            name={names[place] ?? ""}
            id={`compare-${place}`}
            isShown={shown === place}
            other={stores[1 - place] as AgentStore}
          />
        ))}
      </div>
      <div className="foot compare-foot">
        <Composer
          key={`${first} ${second}`}
          place={`agent/${first}/text`}
          label="Message both"
          autoFocus={!matchMedia("(pointer: coarse)").matches}
          onEscape={() => (isAny ? stop() : undefined)}
          onSend={say}
          action={
            isAny ? (
              <button
                type="button"
                className="tool send"
                aria-label="Stop both answers"
                title="Stop both answers (Esc)"
                onClick={stop}
              >
                <Icon name="stop" />
              </button>
            ) : undefined
          }
        />
      </div>
    </main>
  );
}

/** What a column is called: the agent, and its model. */
function useNameOf(store: AgentStore): string {
  const session = useSession();
  const model = useShown(store.store, (one: AgentModel) => one.view?.model ?? "");
  const label = agentLabel(store.agent, session.name);
  return model === "" ? label : `${label} · ${model}`;
}

function Column(props: {
  readonly store: AgentStore;
  readonly other: AgentStore;
  readonly name: string;
  readonly id: string;
  readonly isShown: boolean;
}) {
  const { store, other, name, id, isShown } = props;
  const session = useSession();
  const navigate = useNavigate();
  const link = useLink(session);
  const label = agentLabel(store.agent, session.name);
  const status = useShown(store.store, (model: AgentModel) => model.status);
  const turns = useShown(store.store, (model: AgentModel) => readHere(model).turns);
  const pending = useShown(store.store, (model: AgentModel) => model.pending);
  const writing = useShown(store.store, isWriting);
  const stage = useShown(store.store, stageOf);
  const draftChars = useShown(store.store, (model: AgentModel) => model.draft?.text.length ?? 0);
  const [editing, setEditing] = useState<number>();
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => {
    end.current?.scrollIntoView({ block: "nearest" });
  }, [turns.length, pending.length, draftChars]);
  const goOn = async () => {
    const of = conversationIn(other.agent);
    // The first conversation of an agent stays where it is.
    if (of !== undefined)
      await session.agent(agentOfKey(other.agent)).change("arrange", { number: of.number, archived: true });
    await navigate({ to: "/agent/$agent", params: { agent: store.agent } });
  };
  return (
    <section className="compare-column" data-shown={isShown} id={id} aria-label={name}>
      <div className="compare-head">
        <h2 className="ellipsis grow">{name}</h2>
        <Button size="xs" variant="default" onClick={() => void goOn()}>
          Go on with this one<span className="hidden-text">: {name}</span>
        </Button>
      </div>
      <div className="compare-feed" tabIndex={0} role="log" aria-label={`Conversation with ${name}`}>
        {(status === "refused" || status === "deleted") && <p className="turn">This conversation is not there.</p>}
        {turns.map((turn, place) => (
          <TurnRow
            key={turn.turn}
            turn={turn}
            agent={store.agent}
            label={label}
            last={place === turns.length - 1 && !writing}
            store={store}
            editing={editing === turn.turn}
            onEdit={setEditing}
          />
        ))}
        {writing && <AnswerRow store={store} label={label} waiting={link.status !== "open"} />}
        {pending.map((say) => (
          <PendingSayRow key={say.operationId} say={say} store={store} />
        ))}
        <div ref={end} />
      </div>
      <div className="under" role="status">
        {writing ? `${name} is ${stage} …` : ""}
      </div>
    </section>
  );
}
