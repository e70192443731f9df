import type { Advice } from "../../protocols/words/advice.ts";
import { withoutControls } from "../terminal/printable.ts";

/** What a refusal advises, as commands; undefined for what is no advice that this version knows. */
export function describeAdvice(told: unknown): string | undefined {
  const advice = told as Partial<Advice> | undefined | null;
  switch (advice?.code) {
    case "migrateDirectory":
      return (
        "`plexus directory migrate --etcd URL…` moves the directory to etcd; then this node can leave like any " +
        "other."
      );
    case "askAnotherNode":
      return "Run the command at another node: with the --data or the --url of that node.";
    case "drain":
      return (
        `\`plexus nodes drain ${named(advice.node)} --wait\` moves it away. If it stopped just now, try again in ` +
        `a moment: it counts as up until the others notice. ${lost}`
      );
    case "startAndDrain":
      return (
        `If it is started again, it can give its data away: \`plexus nodes drain ${named(advice.node)} --wait\`. ` +
        `${lost}`
      );
    case "setRoles":
      return `Give it to one: plexus nodes roles ${named(advice.node)} ${(advice.roles ?? []).map(named).join(",")}`;
    case undefined:
      return undefined;
  }
}

const lost = "If the node is lost for good, --force gives up the data that only it has.";

const named = (name: unknown): string => withoutControls(String(name));
