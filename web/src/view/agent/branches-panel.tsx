import { Loader } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ConversationTurn } from "../../../../protocols/index.ts";
import { outlineOf, type Branch } from "../../../../protocols/answering/outline.ts";
import { useShown, type AgentStore } from "../../live/index.ts";
import { plainLine, type AgentModel } from "../../model/index.ts";
import { momentOf } from "../parts/time.ts";
import { Panel } from "../room/panel.tsx";

// Texts are asked for one by one.
const textsMax = 64;

/** All branches of the conversation, each below the one that it leaves. */
export default function BranchesPanel({
  store,
  onClose,
}: {
  readonly store: AgentStore;
  readonly onClose: () => void;
}) {
  const branches = useShown(store.store, (model: AgentModel) => model.branches);
  const outline = outlineOf(branches);
  const numbers = outline.map(({ turn }) => turn);
  const loaded = useQuery({
    queryKey: ["branches", store.agent, numbers],
    queryFn: async () => {
      const found: ConversationTurn[] = [];
      for (const turn of numbers.toSorted((one, other) => other - one).slice(0, textsMax)) {
        const one = await store.turn(turn);
        if (one !== undefined) found.push(one);
      }
      return found;
    },
    staleTime: 0,
    gcTime: 0,
  });
  const show = (branch: Branch) => void store.choose(branch.through);
  return (
    <Panel title="Branches" onClose={onClose}>
      <div className="panel-body stack" tabIndex={0} role="region" aria-label="List of branches">
        {loaded.isLoading && <Loader size="sm" aria-label="Loading" />}
        {loaded.isError && <p className="dim">What they say cannot be loaded now.</p>}
        <ul className="branch-list">
          {outline.map((branch) => {
            const turn = loaded.data?.find((one) => one.turn === branch.turn);
            return (
              <li key={branch.turn} style={{ marginInlineStart: Math.min(branch.depth, 6) * 16 }}>
                <button type="button" aria-current={branch.isShown ? "true" : undefined} onClick={() => show(branch)}>
                  <span className="branch-text" dir="auto">
                    {turn === undefined ? `Turn ${branch.turn}` : wordsOf(turn)}
                  </span>
                  <span className="dim">
                    {turn?.role === "assistant" ? "another answer" : branch === outline[0] ? "the beginning" : "edited"}
                    {turn === undefined ? "" : ` · ${momentOf(turn.atMs)}`}
                    {branch.isShown ? " · shown" : ""}
                  </span>
                </button>
              </li>
            );
          })}
        </ul>
      </div>
    </Panel>
  );
}

const wordsOf = ({ text }: ConversationTurn): string => plainLine(text).slice(0, 160) || "Without a text";
