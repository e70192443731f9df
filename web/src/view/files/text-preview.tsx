import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense } from "react";
import { languageOf, previewBytesMax } from "../../model/files.ts";
import { exchange } from "../../wire/index.ts";

const Highlighted = lazy(async () => {
  const { highlighted } = await import("../parts/highlight.tsx");
  return {
    default: ({ word, text }: { readonly word: string; readonly text: string }) =>
      highlighted(word, text)?.code ?? text,
  };
});

/** A text file, in the colours of its language where it has one. */
export default function TextPreview({ path, name }: { readonly path: string; readonly name: string }) {
  const loaded = useQuery({
    queryKey: ["file text", path],
    queryFn: async ({ signal }) => {
      const { status, text } = await exchange("GET", path, undefined, { signal, bytesMax: previewBytesMax });
      if (status !== 200) throw new Error("This file cannot be shown now. It may have been deleted.");
      // What is no text has signs that no text has.
      if (/[\0\ufffd]/.test(text)) throw new Error("This file is not a text. Download it.");
      return text;
    },
    // What has an id never changes.
    staleTime: Infinity,
  });
  if (loaded.isPending) return <p className="dim">Loading …</p>;
  if (loaded.isError)
    return (
      <p className="dim" role="alert">
        {loaded.error.message}
      </p>
    );
  const word = languageOf(name);
  return (
    <div className="rich">
      <div className="rich-code" dir="ltr">
        <pre tabIndex={0} role="group" aria-label={`Text of ${name}`}>
          <code>
            {word === "" ? (
              loaded.data
            ) : (
              <Suspense fallback={loaded.data}>
                <Highlighted word={word} text={loaded.data} />
              </Suspense>
            )}
          </code>
        </pre>
      </div>
    </div>
  );
}
