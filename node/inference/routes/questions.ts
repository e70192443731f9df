/** What sort of question a request is: rules, in order, each a pure function of the request and of what models said of
 *  it that classify.
 *
 *  Rules come first: a model is asked only where all else of a rule holds, and no rule before it does. It costs a call
 *  before the call; whether it is worth that, `plexus routes explain --questions` counts. */
import type {
  ChatMessage,
  GenerationRequest,
  QuestionKind,
  QuestionLanguage,
  QuestionRule,
} from "../../../protocols/index.ts";
import { readPattern, type Pattern } from "../../cluster/facts/model-routes.ts";

/** What rules look at. */
export type Question = Pick<GenerationRequest, "messages" | "tools" | "toolChoice" | "format">;

/** What models said of a question: how much each of their labels is true of it, or why they said nothing. */
export type Classified = ReadonlyMap<string, ReadonlyMap<string, number> | string>;

/** How much of a label is enough, where a rule does not say. */
const enough = 0.5;

/** The likeliest label. */
export const likeliest = (scores: ReadonlyMap<string, number>): readonly [label: string, score: number] =>
  [...scores].reduce((most, one) => (one[1] > most[1] ? one : most), ["nothing", 0] as const);

/** Why a question is not of the classes of a rule. */
function whyNotClass({ classified: wanted }: QuestionRule, said: Classified): string | undefined {
  if (wanted === undefined) return undefined;
  const { model, labels, least = enough } = wanted;
  const scores = said.get(model);
  if (scores === undefined) return `${model} was not asked`;
  if (typeof scores === "string") return `${model} did not say: ${scores}`;
  if (labels.some((label) => (scores.get(label) ?? 0) >= least)) return undefined;
  const [label, score] = likeliest(scores);
  return `${model} says ${label}, ${score.toFixed(2)}`;
}

/** Characters of the last message that words, language and code are looked for in. */
const questionCharsMax = 4_096;

/** The last message of a user, from its beginning. */
export function lastOf({ messages }: Pick<Question, "messages">): string {
  const last = messages.findLast(({ role }) => role === "user")?.content ?? "";
  return last.slice(0, questionCharsMax);
}

const charsOf = (messages: readonly ChatMessage[]): number =>
  messages.reduce((sum, { content }) => sum + content.length, 0);

/** Lines that hardly any prose has: each kind counts once. */
const codeSigns: readonly RegExp[] = [
  /^\s{0,8}(?:import|from|#include|using|package|require)\b[^.!?\n]{1,120}[;>"'\w]$/m,
  /^\s{0,8}(?:const|let|var|def|fn|func|function|class|struct|public|private|impl|interface|type)\s+\w{1,60}/m,
  /[;{}]\s{0,8}$/m,
  /=>|->|::|==|!=|&&|\|\||\+=|<\/\w/,
  /\b\w{1,60}\([\w\s,.'"=:]{0,120}\)\s{0,4}[;{:]?$/m,
  /\b(?:SELECT\b.{1,200}\bFROM|INSERT\s+INTO|UPDATE\b.{1,200}\bSET)\b/,
  /^\s{0,8}(?:if|for|while|return|elif|else|try|except|catch)\b[^.?!\n]{0,120}[:{;(]/m,
  /^\s{0,8}File ".{1,200}", line \d+|^\s{1,8}at .{1,200}:\d+:\d+/m,
];

/** A fence, or what nobody writes by chance. */
const surelyCode = /```|~~~|^#include\s*[<"]|^#!\/|Traceback \(most recent call last\)/m;

/** Whether there is code in a text: what is surely code, or two signs of it. */
export function hasCode(text: string): boolean {
  if (surelyCode.test(text)) return true;
  return codeSigns.filter((sign) => sign.test(text)).length >= 2;
}

const scripts: readonly (readonly [QuestionLanguage, RegExp])[] = [
  ["ja", /[\p{Script=Hiragana}\p{Script=Katakana}]/gu],
  ["ko", /\p{Script=Hangul}/gu],
  ["zh", /\p{Script=Han}/gu],
  ["ru", /\p{Script=Cyrillic}/gu],
  ["el", /\p{Script=Greek}/gu],
  ["ar", /\p{Script=Arabic}/gu],
  ["he", /\p{Script=Hebrew}/gu],
  ["hi", /\p{Script=Devanagari}/gu],
  ["th", /\p{Script=Thai}/gu],
];

/** The commonest words that are of one of these languages more than of the others. */
const commonest: Readonly<Partial<Record<QuestionLanguage, string>>> = {
  en:
    "the and is are was of to in that it for with as this what how you your my can do does not have has be which " +
    "when where why who please write explain give me i from an a write on or",
  de:
    "der die das und ist sind war von zu dass es für mit wie was du dein mein kann nicht ein eine einen haben " +
    "hat sein welche wann wo warum wer bitte schreibe erkläre ich auf im den dem des auch oder über wird wir mir",
  fr:
    "le la les et est sont était de du des que pour avec comme ce cette quoi comment vous votre mon peut pas un " +
    "une avoir quel quelle quand où pourquoi qui je sur dans au aux ou écris explique moi nous il elle",
  es:
    "el la los las y es son era de del que para con como este esta qué cómo usted su mi puede no un una tener " +
    "cuál cuándo dónde por quién yo en al o escribe explica me se lo una",
  it:
    "il lo la gli le e è sono era di del della che per con come questo questa cosa tu tuo mio può non un una " +
    "avere quale quando dove perché chi io nel al o scrivi spiega mi si dei delle",
  nl:
    "de het een en is zijn was van naar dat voor met als dit wat hoe je jouw mijn kan niet hebben heeft welke " +
    "wanneer waar waarom wie ik op in of schrijf leg uit ook er aan bij deze",
  pt:
    "o a os as e é são era de do da que para com como este esta quê você seu meu pode não um uma ter qual quando " +
    "onde por quem eu em no na ao ou escreva explique me se dos das",
};
const words: readonly (readonly [QuestionLanguage, ReadonlySet<string>])[] = Object.entries(commonest).map(
  ([language, list]) => [language as QuestionLanguage, new Set(list.split(" "))],
);

/** The language of a text, by its script, or by its commonest words; undefined: it cannot be told. */
export function languageOf(text: string): QuestionLanguage | undefined {
  const letters = text.match(/\p{L}/gu)?.length ?? 0;
  if (letters === 0) return undefined;
  const counts = scripts.map(([language, script]) => [language, text.match(script)?.length ?? 0] as const);
  const foreign = counts.reduce((sum, [, count]) => sum + count, 0);
  if (foreign / letters > 0.3) {
    const most = counts.toSorted(([, one], [, other]) => other - one)[0]?.[0];
    // Japanese is written with the characters of Chinese as well.
    return most === "zh" && (counts[0]?.[1] ?? 0) > 0 ? "ja" : most;
  }
  const said = text.toLowerCase().match(/\p{L}+/gu) ?? [];
  const scores = words
    .map(([language, list]) => [language, said.filter((word) => list.has(word)).length] as const)
    .toSorted(([, one], [, other]) => other - one);
  const [first, second] = scores;
  return first !== undefined && first[1] > (second?.[1] ?? 0) ? first[0] : undefined;
}

const hasMedia = ({ messages }: Question): boolean => messages.some(({ media }) => (media?.length ?? 0) > 0);
const wantsTools = ({ tools = [], toolChoice }: Question): boolean => tools.length > 0 && toolChoice !== "none";

const unlike = (wanted: boolean | undefined, is: boolean, has: string, hasNot: string): string | undefined =>
  wanted === undefined || wanted === is ? undefined : is ? has : hasNot;

const patterns = new WeakMap<QuestionRule, Pattern>();
/** A row that another version wrote may have an expression that this one cannot read: then nothing meets it. */
function patternOf(rule: QuestionRule, text: string): Pattern {
  const known = patterns.get(rule);
  if (known !== undefined) return known;
  const read = readPattern(text);
  const pattern = read.ok ? read.value : () => false;
  patterns.set(rule, pattern);
  return pattern;
}

const wordsIn = (text: string): ReadonlySet<string> => new Set(text.toLowerCase().match(/[\p{L}\p{N}_+#]+/gu));
/** A word of a list may be several: then they stand one after the other. */
const hasWord = (text: string, known: ReadonlySet<string>, word: string): boolean =>
  /^[\p{L}\p{N}_+#]+$/u.test(word) ? known.has(word.toLowerCase()) : text.toLowerCase().includes(word.toLowerCase());

/** Why a question is not of a sort; undefined when it is. */
export const whyNotKind = (rule: QuestionRule, question: Question, said: Classified = new Map()): string | undefined =>
  whyNotPlain(rule, question) ?? whyNotClass(rule, said);

/** The model that has to be asked before it is known of which sort a question is; undefined: it is known. */
export function classifierFor(
  kinds: readonly QuestionKind[],
  question: Question,
  said: Classified,
): string | undefined {
  for (const { when } of kinds) {
    if (whyNotPlain(when, question) !== undefined) continue;
    const model = when.classified?.model;
    if (model !== undefined && !said.has(model)) return model;
    if (whyNotClass(when, said) === undefined) return undefined;
  }
  return undefined;
}

/** The same of all that needs no model. */
function whyNotPlain(rule: QuestionRule, question: Question): string | undefined {
  const { charsMin = 0, charsMax = Infinity, languages, words: list, pattern } = rule;
  const chars = charsOf(question.messages);
  if (chars < charsMin) return `it is shorter than ${charsMin} characters`;
  if (chars > charsMax) return `it is longer than ${charsMax} characters`;
  const flags =
    unlike(rule.tools, wantsTools(question), "it offers tools", "it offers no tools") ??
    unlike(rule.media, hasMedia(question), "it has images or sounds", "it has no images or sounds") ??
    unlike(rule.json, question.format !== undefined, "it asks for JSON", "it does not ask for JSON");
  if (flags !== undefined) return flags;
  const text = lastOf(question);
  if (rule.code !== undefined) {
    const code = unlike(rule.code, hasCode(text), "there is code in it", "there is no code in it");
    if (code !== undefined) return code;
  }
  if (languages !== undefined) {
    const language = languageOf(text);
    if (language === undefined) return "its language cannot be told";
    if (!languages.includes(language)) return `its language is ${language}`;
  }
  if (list !== undefined) {
    const known = wordsIn(text);
    if (!list.some((word) => hasWord(text, known, word))) return "none of the words is in it";
  }
  if (pattern !== undefined && !patternOf(rule, pattern)(text)) return "the expression is not found in it";
  return undefined;
}

/** The first sort that a question is of, and why it is not of those before. */
export function kindOf(
  kinds: readonly QuestionKind[],
  question: Question,
  said: Classified = new Map(),
): {
  readonly kind: QuestionKind | undefined;
  readonly passed: readonly { readonly kind: string; readonly because: string }[];
} {
  const passed: { readonly kind: string; readonly because: string }[] = [];
  for (const kind of kinds) {
    const because = whyNotKind(kind.when, question, said);
    if (because === undefined) return { kind, passed };
    passed.push({ kind: kind.name, because });
  }
  return { kind: undefined, passed };
}
