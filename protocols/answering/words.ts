import type { AnswerStage } from "../kinds/agent.ts";

/** How far an answer is, in words that go on from "its agent is". Without a stage it was asked for, and nothing is
 *  known yet. */
export function stageWords({ stage, ahead }: AnswerStage): string {
  switch (stage) {
    case "queued":
      if (ahead === undefined) return "waiting for its turn";
      return ahead === 0 ? "waiting, next in the queue" : `waiting, number ${ahead + 1} in the queue`;
    case "loading":
      return "waiting until its model is loaded";
    case "reading":
      return "reading";
    case "writing":
      return "writing";
    default:
      return "asked";
  }
}
