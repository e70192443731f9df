import { Button } from "@mantine/core";
import type { Question } from "../shell/dialogs.tsx";
import { Dialog } from "./layers.tsx";

/** A question with its answer; what was asked before an answer came is answered with no. */
export interface Asked {
  readonly question: Question;
  readonly answer: (yes: boolean) => void;
}

/** Asks before something is done that cannot be undone. The focus is on the button that does nothing. */
export function Asking({ asked }: { readonly asked: Asked | undefined }) {
  return (
    <Dialog opened={asked !== undefined} onClose={() => asked?.answer(false)} title={asked?.question.title ?? ""}>
      <div className="asked">{asked?.question.body}</div>
      <div className="row answers">
        <Button variant="default" onClick={() => asked?.answer(false)} data-autofocus>
          Cancel
        </Button>
        <Button {...(asked?.question.grave === true && { color: "red.9" })} onClick={() => asked?.answer(true)}>
          {asked?.question.action}
        </Button>
      </div>
    </Dialog>
  );
}
