/** News of the cluster in words, for the page and the terminal. */
import type { Notice } from "./notice.ts";

const amount = (measure: string, text: string | undefined): string =>
  measure === "cost" ? (Number(text) / 1_000_000).toFixed(2) : Number(text).toLocaleString("en");

/** What a person reads of it; undefined: it is of a version that knows more. `me`: whose it is. */
export function noticeText({ action, facts }: Notice, me: string): string | undefined {
  const { budget = "", whose = "", measure = "", per = "", ending = "", instead = "", resets = "" } = facts;
  const [spent, limit] = [amount(measure, facts["spent"]), amount(measure, facts["limit"])];
  const unit = measure === "cost" ? "" : ` ${measure}`;
  const of = whose === me ? "Your budget" : whose === "" ? "The budget" : `The budget of ${whose},`;
  const until = `It begins anew at ${resets.replace("T", " ").replace(/:\d\d(?:\.\d+)?Z$/, "")} UTC.`;
  const sum = `${spent} of ${limit}${unit} this ${per}`;
  if (action === "budgetWarned") return `${of} "${budget}" is nearly used up: ${sum}. ${until}`;
  if (action !== "budgetUsedUp") return undefined;
  const then =
    ending === "stop"
      ? "Calls of models are refused until then."
      : ending === "instead"
        ? `Until then ${instead} answers in place.`
        : "Nothing is stopped.";
  return `${of} "${budget}" is used up: ${sum}. ${until} ${then}`;
}
