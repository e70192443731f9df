import type { ReactNode, SubmitEvent } from "react";
import type { Faults } from "./faults.ts";
import { useKeptForm, type CameBack } from "./kept-form.ts";
import { Note } from "./note.tsx";

/** A form: the only way to one. What was wrong goes when somebody types or tries again; a refusal stands at its field,
 *  or below the form. `id` is its own among all forms of the page: by it a test finds each, and provokes what it
 *  refuses.
 *
 *  What is typed is kept until it was sent (`kept-form.ts`). */
export function Form(props: {
  readonly id: string;
  /** What the form is about, where there is one of it for each such thing. */
  readonly about?: string;
  /** What is typed is kept by the form's own maker, or not at all. */
  readonly keepsNothing?: boolean;
  /** Of a form that only searches there are none: what it finds says it. */
  readonly faults?: Faults;
  readonly className?: string;
  readonly label?: string;
  readonly labelledBy?: string;
  readonly onSubmit: (form: HTMLFormElement) => unknown;
  readonly children: ReactNode;
}) {
  const { id, about, keepsNothing, faults, className, label, labelledBy, onSubmit, children } = props;
  const kept = useKeptForm(
    keepsNothing === true ? undefined : ["form", id, about].filter((part) => part !== undefined).join("/"),
    faults?.stands === true,
  );
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    // A form in a layer is the child of what has opened it, which may be in a form of its own.
    event.stopPropagation();
    faults?.clear();
    void kept.follow(onSubmit(event.currentTarget));
  };
  return (
    <form
      ref={kept.form}
      data-form={id}
      className={className}
      aria-label={label}
      aria-labelledby={labelledBy}
      onInput={(event) => {
        kept.typed(event.target);
        faults?.clear();
      }}
      onSubmit={submit}
    >
      {children}
      {kept.came !== undefined && <Back came={kept.came} onDiscard={kept.discard} />}
      {faults?.whole !== undefined && (
        <div className="form-fault">
          <Note tone="bad">{faults.whole}</Note>
        </div>
      )}
    </form>
  );
}

/** Says of a form that its texts came back, or were changed by another tab. */
function Back({ came, onDiscard }: { readonly came: CameBack; readonly onDiscard: () => void }) {
  return (
    <div className="form-back dim" role="status">
      {came.from === "elsewhere" ? (
        "This form was changed in another tab. What was typed there is newer, and is shown here."
      ) : (
        <>
          What you typed here before is back.
          {came.changed.map(({ label, says }) => (
            <span key={label}>
              {" "}
              “{label}” was changed meanwhile: now it is <bdi>{says === "" ? "empty" : `“${says}”`}</bdi>. If you save,
              it is replaced by yours.
            </span>
          ))}{" "}
          <button type="button" className="link" onClick={onDiscard}>
            Discard it
          </button>
        </>
      )}
    </div>
  );
}
