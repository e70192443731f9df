import { useEffect } from "react";
import { useRooms, useTold } from "../parts/lists.ts";
import { brandName, iconUrl, useBrand } from "./brand.ts";

/** Shows in title and icon of the tab how much there is to read. */
export function useUnread(): void {
  const brand = useBrand();
  const name = brandName(brand);
  const rooms = useRooms().data?.rooms ?? [];
  const told = useTold();
  const unread = rooms.reduce((sum, room) => sum + told(room).unread, 0);
  useEffect(() => {
    document.title = unread > 0 ? `(${unread}) ${name}` : name;
  }, [unread, name]);
  const url = iconUrl(brand);
  const says = unread > 9 ? "9+" : unread > 0 ? String(unread) : "";
  useEffect(() => {
    const link = document.querySelector<HTMLLinkElement>("link[rel=icon]");
    if (link === null || says === "") return;
    let isOver = false;
    const icon = new Image();
    icon.addEventListener("load", () => {
      if (!isOver) link.href = badged(icon, says) ?? url;
    });
    icon.src = url;
    return () => {
      isOver = true;
      link.href = url;
    };
  }, [url, says]);
}

const side = 64;

/** The icon with a number on it; undefined: this browser does not draw. */
function badged(icon: HTMLImageElement, says: string): string | undefined {
  const canvas = document.createElement("canvas");
  canvas.width = side;
  canvas.height = side;
  const pen = canvas.getContext("2d");
  if (pen === null) return undefined;
  pen.drawImage(icon, 0, 0, side, side);
  const radius = 20;
  pen.fillStyle = "#d92d20";
  pen.beginPath();
  pen.arc(side - radius, radius, radius, 0, 2 * Math.PI);
  pen.fill();
  pen.fillStyle = "#fff";
  pen.font = `bold ${says.length > 1 ? 22 : 30}px sans-serif`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(says, side - radius, radius + 1);
  return canvas.toDataURL();
}
