/** Sheets of text as PDF 1.7 (ISO 32000-1), in Helvetica, which every reader has. Text and lines, nothing else.
 *
 *      header ─ objects (catalog, pages, two fonts, title, then a sheet and its strokes each) ─ where each begins */
import { deflateSync } from "node:zlib";

/** Where the pen is: from the lower left, in points (1/72 inch). */
interface Spot {
  readonly x: number;
  readonly y: number;
}

/** One sheet. */
export interface PdfSheet {
  text(text: string, at: Spot & { readonly size: number; readonly bold?: boolean; readonly end?: boolean }): void;
  line(from: Spot, toX: number): void;
}

/** How wide Helvetica's signs from space to tilde are, in thousandths of the size (Adobe's metrics of its 14 fonts). */
const widths = (
  "278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 278 278 " +
  "584 584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778 722 667 611 722 667 944 " +
  "667 667 611 278 278 278 469 556 333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556 556 556 333 500 " +
  "278 556 500 722 500 500 500 334 260 334 584"
)
  .split(" ")
  .map(Number);

/** Signs of WinAnsiEncoding that are not where Latin-1 has them. */
const placed: Readonly<Record<string, number>> = {
  "€": 0x80,
  "…": 0x85,
  "‘": 0x91,
  "’": 0x92,
  "“": 0x93,
  "”": 0x94,
  "–": 0x96,
  "—": 0x97,
};

/** A text in WinAnsiEncoding. Signs that the font lacks are written without their accents, or as “?”. */
function winAnsi(text: string): Buffer {
  const codeOf = (sign: string): number | undefined => {
    const code = sign.codePointAt(0) ?? 0;
    return placed[sign] ?? ((code >= 0x20 && code < 0x7f) || (code >= 0xa0 && code <= 0xff) ? code : undefined);
  };
  const plain = (sign: string): string => sign.normalize("NFD").replaceAll(/\p{M}/gu, "");
  return Buffer.from(Array.from(text.normalize("NFC"), (sign) => codeOf(sign) ?? codeOf(plain(sign)) ?? 0x3f));
}

const widthOf = (codes: Buffer, size: number): number =>
  codes.reduce((sum, code) => sum + (widths[code - 0x20] ?? 556), 0) * (size / 1000);

/** Makes it, of sheets that are `width` and `height` points large. */
export function createPdf({
  width,
  height,
  title,
}: {
  readonly width: number;
  readonly height: number;
  readonly title: string;
}) {
  const sheets: string[][] = [];
  return {
    add(): PdfSheet {
      const strokes: string[] = [];
      sheets.push(strokes);
      return {
        text(text, { x, y, size, bold = false, end = false }) {
          const codes = winAnsi(text);
          const from = end ? x - widthOf(codes, size) : x;
          strokes.push(
            `BT /${bold ? "B" : "R"} ${size} Tf ${from.toFixed(2)} ${y.toFixed(2)} Td <${codes.toString("hex")}> Tj ET`,
          );
        },
        line: ({ x, y }, toX) =>
          void strokes.push(`0.5 w 0.6 G ${x.toFixed(2)} ${y.toFixed(2)} m ${toX.toFixed(2)} ${y.toFixed(2)} l S`),
      };
    },
    bytes(): Buffer {
      const font = (name: string): string =>
        `<< /Type /Font /Subtype /Type1 /BaseFont /${name} /Encoding /WinAnsiEncoding >>`;
      // Those before are the catalog, the list of pages, two fonts and the title.
      const kids = sheets.map((_, at) => `${6 + 2 * at} 0 R`).join(" ");
      const objects: Buffer[] = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        `<< /Type /Pages /Count ${sheets.length} /Kids [${kids}] >>`,
        font("Helvetica"),
        font("Helvetica-Bold"),
        // UTF-16 with its mark: a title may have any sign.
        `<< /Title <feff${Buffer.from(title, "utf16le").swap16().toString("hex")}> >>`,
      ].map((text) => Buffer.from(text));
      for (const strokes of sheets) {
        const packed = deflateSync(strokes.join("\n"));
        objects.push(
          Buffer.from(
            `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${width} ${height}] /Contents ${objects.length + 2} 0 R ` +
              "/Resources << /Font << /R 3 0 R /B 4 0 R >> >> >>",
          ),
          Buffer.concat([
            Buffer.from(`<< /Length ${packed.length} /Filter /FlateDecode >>\nstream\n`),
            packed,
            Buffer.from("\nendstream"),
          ]),
        );
      }
      return written(objects);
    },
  };
}

/** The file: its objects, numbered from 1, and where each begins. */
function written(objects: readonly Buffer[]): Buffer {
  // The second line has bytes beyond ASCII, so that programs take the file for a binary one.
  const parts: Buffer[] = [Buffer.from("%PDF-1.7\n%\u00e2\u00e3\u00cf\u00d3\n", "latin1")];
  let sizeBytes = parts[0]?.length ?? 0;
  const begins: string[] = [];
  for (const [at, body] of objects.entries()) {
    begins.push(`${String(sizeBytes).padStart(10, "0")} 00000 n \n`);
    const part = Buffer.concat([Buffer.from(`${at + 1} 0 obj\n`), body, Buffer.from("\nendobj\n")]);
    parts.push(part);
    sizeBytes += part.length;
  }
  const count = objects.length + 1;
  parts.push(
    Buffer.from(
      `xref\n0 ${count}\n0000000000 65535 f \n${begins.join("")}` +
        `trailer\n<< /Size ${count} /Root 1 0 R /Info 5 0 R >>\nstartxref\n${sizeBytes}\n%%EOF\n`,
    ),
  );
  return Buffer.concat(parts);
}
