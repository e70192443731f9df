import { endingOf } from "../../model/files.ts";

/** A sheet with the ending of a file's name; the name stands beside it. */
export function FileSign({ file }: { readonly file: { readonly name: string } }) {
  const ending = endingOf(file.name).slice(0, 4);
  return (
    <span className="file-sign" aria-hidden="true">
      {ending === "" ? "file" : ending}
    </span>
  );
}
