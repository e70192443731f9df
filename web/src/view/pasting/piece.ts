/** What is needed of a node of a pasted document: the browser's own nodes are such pieces. */
export interface Piece {
  readonly nodeType: number;
  readonly nodeName: string;
  textContent: string | null;
  readonly parentNode: Piece | null;
  readonly childNodes: ArrayLike<Piece>;
  readonly ownerDocument: PieceMaker | null;
  appendChild(child: Piece): unknown;
  insertBefore(child: Piece, before: Piece | null): unknown;
  removeChild(child: Piece): unknown;
}

interface PieceMaker {
  createElement(name: string): Piece;
  createTextNode(text: string): Piece;
}

const elementType = 1;
const textType = 3;

export const isElement = (piece: Piece): boolean => piece.nodeType === elementType;
export const isText = (piece: Piece): boolean => piece.nodeType === textType;

/** An attribute; nothing of what has none. */
export const attributeOf = (piece: Piece, name: string): string =>
  (piece as { readonly getAttribute?: (name: string) => string | null }).getAttribute?.(name) ?? "";

export const childrenOf = (piece: Piece): readonly Piece[] => Array.from(piece.childNodes);
export const elementsOf = (piece: Piece): readonly Piece[] => childrenOf(piece).filter(isElement);

/** The elements of these names in it, in the order of the document. */
export const insideOf = (piece: Piece, ...names: readonly string[]): readonly Piece[] =>
  elementsOf(piece).flatMap((child) => [
    ...(names.includes(child.nodeName) ? [child] : []),
    ...insideOf(child, ...names),
  ]);

/** The nearest of what it stands in that is so. */
export function around(piece: Piece, is: (one: Piece) => boolean): Piece | undefined {
  for (let one = piece.parentNode; one !== null; one = one.parentNode) if (is(one)) return one;
  return undefined;
}

/** A property of the style that is written at an element itself. */
export const styleOf = (piece: Piece, property: string): string =>
  new RegExp(`(?:^|[;\\s"'])${property}\\s*:\\s*([^;]+)`, "i")
    .exec(attributeOf(piece, "style"))?.[1]
    ?.trim()
    .toLowerCase() ?? "";
