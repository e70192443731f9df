/** What forms keep of what is typed into them: every field but passwords, codes and files, with each key that is
 *  pressed. It comes back into its field, after a reload too, until it was sent; of two tabs the newer one wins, and
 *  the other one says so. */
import { useContext, useEffect, useMemo, useRef, useState } from "react";
import { SessionContext } from "../../live/index.ts";
import { fieldBack, fieldsAfter, keptFieldsIn, type Kept, type KeptFields } from "../../model/index.ts";

type Field = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;

/** What is to be said of a form whose texts came back. */
export type CameBack =
  | { readonly from: "before"; readonly changed: readonly { readonly label: string; readonly says: string }[] }
  | { readonly from: "elsewhere" };

const unkept: ReadonlySet<string> = new Set(["password", "file", "hidden", "submit", "button", "search"]);

function isKept(field: Field): boolean {
  if (field.disabled || unkept.has(field.type) || /one-time-code|password/.test(field.autocomplete)) return false;
  // What is chosen from a list is not typed, also where its text helps to find it.
  return !("readOnly" in field && field.readOnly) && field.dataset["choice"] === undefined;
}

/** The fields by their labels, also those of one label. */
function fieldsOf(form: HTMLFormElement): ReadonlyMap<string, Field> {
  const found = new Map<string, Field>();
  for (const field of form.querySelectorAll<Field>("input, textarea, select")) {
    if (!isKept(field) || (isRadio(field) && !field.checked)) continue;
    const label = labelOf(field);
    for (let count = 1; ; count += 1) {
      const name = count === 1 ? label : `${label} ${count}`;
      if (found.has(name)) continue;
      found.set(name, field);
      break;
    }
  }
  return found;
}

const isRadio = (field: Field): field is HTMLInputElement => field.type === "radio";

function labelOf(field: Field): string {
  const group = isRadio(field) ? field.closest('[role="radiogroup"], fieldset') : null;
  const own = group?.getAttribute("aria-label") ?? group?.querySelector("legend")?.textContent;
  const label = own ?? field.getAttribute("aria-label") ?? field.labels?.[0]?.textContent ?? field.name;
  return label.replace(/\s*\*$/, "").trim();
}

const valueOf = (field: Field): string =>
  field.type === "checkbox" ? String((field as HTMLInputElement).checked) : field.value;

/** Makes a field say something, as if somebody had typed or chosen it. */
function fill(field: Field, text: string): void {
  if (field.type === "checkbox") return void (valueOf(field) !== text && field.click());
  if (isRadio(field)) {
    const all = field.form?.querySelectorAll<HTMLInputElement>(`input[name="${CSS.escape(field.name)}"]`) ?? [];
    return [...all].find(({ value }) => value === text)?.click();
  }
  const kind =
    field instanceof HTMLTextAreaElement
      ? HTMLTextAreaElement
      : field instanceof HTMLSelectElement
        ? HTMLSelectElement
        : HTMLInputElement;
  // By the browser's own setter: the library that draws the page would take another for its own doing.
  Object.getOwnPropertyDescriptor(kind.prototype, "value")?.set?.call(field, text);
  field.dispatchEvent(new Event(field instanceof HTMLSelectElement ? "change" : "input", { bubbles: true }));
}

const rested = "rested";

/** A field says what it is at the node: what was typed into it before is kept no longer. */
export const putBack = (form: HTMLFormElement, label: string): void =>
  void form.dispatchEvent(new CustomEvent<string>(rested, { detail: label }));

class FormMemory {
  readonly #kept: Kept;
  readonly #place: string;
  readonly #tell: (came: CameBack | undefined) => void;
  /** What each field said when it came. */
  readonly #first = new Map<string, string>();
  #written: KeptFields | undefined;
  /** What was sent last: a refusal that comes late puts it back. */
  #refusable: KeptFields | undefined;
  #isFilling = false;
  #filled: Promise<void> = Promise.resolve();

  constructor(kept: Kept, place: string, tell: (came: CameBack | undefined) => void) {
    this.#kept = kept;
    this.#place = place;
    this.#tell = tell;
    this.#written = this.#now();
  }

  /** Fields that have just come get what was typed into them before. */
  look(form: HTMLFormElement): void {
    const kept = this.#now() ?? {};
    const changed: { label: string; says: string }[] = [];
    let came = false;
    for (const [label, field] of fieldsOf(form)) {
      // Where nothing was typed, it says what is at the node.
      if (this.#first.has(label) && kept[label] === undefined) this.#first.set(label, valueOf(field));
      if (this.#first.has(label)) continue;
      const shown = valueOf(field);
      this.#first.set(label, shown);
      const back = fieldBack(kept[label], shown);
      if (back === undefined) continue;
      came = true;
      if (back.changed) changed.push({ label, says: shown });
      this.#fill(field, back.says);
    }
    if (came) this.#tell({ from: "before", changed });
  }

  typed(form: HTMLFormElement, target: EventTarget): void {
    if (this.#isFilling) return;
    for (const [label, field] of fieldsOf(form)) {
      if (field !== target && !(isRadio(field) && field.name === (target as Field).name)) continue;
      this.#write(fieldsAfter(this.#now() ?? {}, label, { was: this.#first.get(label) ?? "", now: valueOf(field) }));
    }
  }

  /** It was sent, and nothing was wrong with it. What another tab has put there since stays. */
  sent(form: HTMLFormElement | null): void {
    const sent = this.#written;
    // Before it is told, or this tab would take it for another one's doing.
    this.#written = undefined;
    this.#kept.finish(this.#place, sent);
    this.#refusable = sent;
    this.#tell(undefined);
    this.#first.clear();
    for (const [label, field] of form === null ? [] : fieldsOf(form)) this.#first.set(label, valueOf(field));
  }

  /** It was refused: what is in it is kept on. */
  refused(): void {
    if (this.#now() === undefined && this.#refusable !== undefined) this.#write(this.#refusable);
  }

  /** Another tab has changed what is kept. */
  heard(form: HTMLFormElement): void {
    const now = this.#now();
    if (JSON.stringify(now) === JSON.stringify(this.#written)) return;
    const before = this.#written ?? {};
    this.#written = now;
    let changed = false;
    for (const [label, field] of fieldsOf(form)) {
      const says = now?.[label]?.now ?? (label in before ? this.#first.get(label) : undefined);
      if (says === undefined || says === valueOf(field)) continue;
      changed = true;
      this.#fill(field, says);
    }
    if (changed) this.#tell({ from: "elsewhere" });
  }

  rest(label: string): void {
    const { [label]: _, ...others } = this.#now() ?? {};
    this.#write(Object.keys(others).length === 0 ? undefined : others);
  }

  discard(form: HTMLFormElement): void {
    const kept = this.#now() ?? {};
    this.#write(undefined);
    for (const [label, field] of fieldsOf(form)) {
      const first = this.#first.get(label);
      if (label in kept && first !== undefined) this.#fill(field, first);
    }
    this.#tell(undefined);
  }

  subscribe(listener: () => void): () => void {
    return this.#kept.subscribe(this.#place, listener);
  }

  #now(): KeptFields | undefined {
    const fields = keptFieldsIn(this.#kept.read(this.#place));
    return Object.keys(fields).length === 0 ? undefined : fields;
  }

  #write(fields: KeptFields | undefined): void {
    this.#written = fields;
    this.#kept.write(this.#place, fields);
  }

  /** One after the other: fields that share a state are drawn in between, or the second would put back the first. */
  #fill(field: Field, text: string): void {
    this.#filled = this.#filled.then(
      () =>
        new Promise((done) => {
          setTimeout(() => {
            this.#isFilling = true;
            fill(field, text);
            this.#isFilling = false;
            done();
          });
        }),
    );
  }
}

/** Keeps what is typed into a form under a place; without a place, and where nobody is signed in, nothing. */
export function useKeptForm(place: string | undefined, isRefused: boolean) {
  const session = useContext(SessionContext);
  const kept = session?.kept;
  const form = useRef<HTMLFormElement>(null);
  const refused = useRef(isRefused);
  refused.current = isRefused;
  const [came, tell] = useState<CameBack>();
  const memory = useMemo(
    () => (kept === undefined || place === undefined ? undefined : new FormMemory(kept, place, tell)),
    [kept, place],
  );
  // After each time it is drawn: fields come and go.
  useEffect(() => {
    if (form.current !== null) memory?.look(form.current);
  });
  useEffect(() => {
    const { current } = form;
    const rest = (event: Event) => memory?.rest((event as CustomEvent<string>).detail);
    current?.addEventListener(rested, rest);
    return () => current?.removeEventListener(rested, rest);
  }, [memory]);
  useEffect(() => memory?.subscribe(() => form.current !== null && memory.heard(form.current)), [memory]);
  useEffect(() => {
    if (isRefused) memory?.refused();
  }, [memory, isRefused]);
  return {
    form,
    came,
    typed: (target: EventTarget) => form.current !== null && memory?.typed(form.current, target),
    /** Follows what was sent to its end. */
    async follow(sending: unknown): Promise<void> {
      await sending;
      // A refusal is drawn first.
      setTimeout(() => refused.current || memory?.sent(form.current));
    },
    discard: () => form.current !== null && memory?.discard(form.current),
  };
}
