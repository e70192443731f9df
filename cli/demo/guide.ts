import { constants } from "node:os";
import { paint } from "../terminal/output.ts";
import type { DemoChild, DemoEnd } from "./children.ts";
import { argumentsOf, type DemoNode, type DemoPlan } from "./plan.ts";

/** What a person types to run `plexus` from where they are. */
const shown = (words: readonly string[]): string =>
  words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word}'`)).join(" ");

/** How a node that was killed is started again. */
export const restartCommand = (node: DemoNode, plexus: string): string => `${plexus} ${shown(argumentsOf(node))}`;

/** What a person sees when everything runs. */
export function guide(
  plan: DemoPlan,
  facts: {
    readonly running: readonly Omit<DemoChild, "adminCode">[];
    /** Name of the node that the room lives on. */
    readonly home: string | undefined;
    readonly password: string;
    readonly kept: boolean;
    readonly plexus: string;
    readonly color: boolean;
  },
): string {
  const { running, home, password, kept, plexus, color } = facts;
  const { room, user, agent } = plan;
  const bold = (text: string): string => paint(color, "bold", text);
  const [first] = running;
  const holders = running.filter(({ node }) => node.roles.includes("chat"));
  const victim = holders.find(({ node }) => node.name === home) ?? holders[0];
  const other = holders.find((holder) => holder !== victim);
  const at = `--data ${shown([plan.nodes[0].data])}`;
  const nodes = running.map(({ node, url, pid }) =>
    [
      `  ${node.name.padEnd(8)}${paint(color, ["bold", "cyan"], url)}   pid ${pid}`,
      `  ${"".padEnd(8)}${paint(color, "dim", `${node.roles.join(", ")}: ${node.says}`)}`,
    ].join("\n"),
  );
  const step = (title: string, ...lines: readonly string[]): string =>
    [`  ${title}`, ...lines.map((line) => `      ${line}`)].join("\n");
  const steps = [
    step(
      `Open two of the pages, sign in at one, and talk in the room ${bold(room)}. All three pages lead into ` +
        "the same cluster; signed in at one, your browser is signed in at all.",
    ),
    step(
      "Watch the cluster, and see which node the room is on:",
      `${plexus} top ${at}`,
      `${plexus} actors show room/${room} ${at}`,
    ),
    ...(victim === undefined || other === undefined
      ? []
      : [
          step(
            `Kill ${victim.node.name}, the node that the room is on. The room continues on ${other.node.name}, ` +
              `and the agent answers there: ask it again. If your page was open at ${victim.node.name}, open ` +
              "another node's page.",
            `kill -9 ${victim.pid}`,
          ),
          step("Start it again. It is brought up to date and takes its share:", restartCommand(victim.node, plexus)),
          step(
            "Move the room while you talk in it:",
            `${plexus} actors move room/${room} --to ${other.node.name} ${at}`,
            `${plexus} actors move room/${room} --to ${victim.node.name} ${at}`,
          ),
          step(
            "Drain a node, which moves everything away from it, and let it take its share again:",
            `${plexus} nodes drain ${other.node.name} --wait ${at}`,
            `${plexus} nodes undrain ${other.node.name} ${at}`,
          ),
        ]),
    ...(first === undefined
      ? []
      : [
          step(
            `Last, when all are up and \`plexus nodes\` says that the next death is survived, kill ` +
              `${first.node.name}, the first node. Everything goes on, also joins and moves: the other two keep ` +
              "the directory. Ask one of them:",
            `kill -9 ${first.pid}`,
            `${plexus} nodes --data ${shown([(other ?? first).node.data])}`,
          ),
        ]),
  ];
  return [
    "",
    `  ${bold("A cluster of three nodes runs on this machine.")} Ctrl-C ends all of ` +
      `them${kept ? "" : " and removes their data"}.`,
    "",
    ...nodes,
    "",
    `  Sign in as ${bold(user)}, password ${bold(password)}. Your agent is ${bold(agent)}; in the room it is ` +
      `@${user}.${agent}.`,
    `  Data and logs: ${plan.folder}`,
    "",
    `  ${bold("Try")}`,
    "",
    steps.join("\n\n"),
    "",
  ].join("\n");
}

/** What a person sees when a node ended by itself or by their hand. */
export function describeEnd({ node, code, signal, log }: DemoEnd, plexus: string): string {
  const how = signal === null ? `ended with ${code ?? "no code"}` : `was ended by ${signal}`;
  // Killed on purpose, most likely: its log has nothing to say about it.
  const wanted = signal !== null && ["SIGKILL", "SIGTERM", "SIGINT"].includes(signal);
  const words = wanted || log.trim() === "" ? [] : ["Its last words:", ...log.trim().split("\n").slice(-5)];
  return [`${node.name} ${how}. Start it again with:`, `    ${restartCommand(node, plexus)}`, ...words].join("\n");
}

/** The exit code of a process that a signal ended. */
export const codeOfSignal = (signal: NodeJS.Signals): number => 128 + constants.signals[signal];
