import { withoutControls } from "../terminal/printable.ts";
import type { Line } from "./commands.ts";
import type { Names } from "./names.ts";
import type { Wrong } from "./requests.ts";

type Command = Extract<Line, { type: "command" }>;

/** Commands whose rest of the line is a person. */
const ofPeople: ReadonlySet<string> = new Set(["direct", "invite", "leave"]);
const shownMax = 5;

/** Whether the rest of the line is the name of a person. */
export function namesPerson({ name, rest }: Command): boolean {
  const isAgent = name === "invite" && /^[^\s.]+\.[^\s.]+$/.test(rest);
  const isOfSeveral = name === "direct" && rest.includes(",");
  return ofPeople.has(name) && rest !== "" && !isAgent && !isOfSeveral;
}

/** The line with an account in the place of the name that somebody shows. A name that nobody has, or several, is
 *  wrong. */
export async function withAccount(line: Command, names: Pick<Names, "meant">): Promise<Command | Wrong> {
  const { name, rest } = line;
  const { accounts, like, isPart } = await names.meant(rest);
  const [account, ...others] = accounts;
  const typed = withoutControls(rest);
  if (isPart === true) return { wrong: `Too many people have ${typed} in their names. Name the account.` };
  if (account === undefined) {
    const meant = like.slice(0, shownMax).map(withoutControls).join(", ");
    return { wrong: `Nobody here is called ${typed}.${meant === "" ? "" : ` Did you mean: ${meant}?`}` };
  }
  if (others.length === 0) return { ...line, rest: account };
  const all = accounts.slice(0, shownMax).map((one) => `/${name} ${one}`);
  const more = accounts.length > shownMax ? `, and ${accounts.length - shownMax} more` : "";
  return { wrong: `Several people are called ${typed}. Choose one by the account: ${all.join(", ")}${more}.` };
}

/** The other person of a direct room. */
export function partnerIn(room: string, user: string): string | undefined {
  const [kind, one = "", other = "", more] = room.split(".");
  if (kind !== "dm" || more !== undefined || one === other || (one !== user && other !== user)) return undefined;
  return `user/${one === user ? other : one}`;
}
