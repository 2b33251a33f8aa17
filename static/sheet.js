// The picture of a file with boxes over what was read.

import { request } from "./api.js";
import { button, h, icon, save, svg } from "./dom.js";
import { say } from "./words.js";

const DOUBTFUL = 0.6; // below this confidence a word is marked

/** The bytes of a file as a URL the page may show; released when the signal says so. */
export async function openPicture(path, signal) {
  const blob = await (await request(path, { signal })).blob();
  const url = URL.createObjectURL(blob);
  signal.addEventListener("abort", () => URL.revokeObjectURL(url), { once: true });
  return { blob, url };
}

/**
 * The sheet of a file: `element`, and `show(reading)` to lay a reading's boxes over it.
 * What the browser cannot draw (PDF, TIFF, HEIC in most) is set from the words instead.
 */
export function sheet(name, picture) {
  const paper = h("div", { class: "paper" }, h("p", { class: "small" }, say("loadingPicture")));
  const scroll = h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": say("pictureOf", { file: name }) },
    paper,
  );
  const caption = h("p", { class: "caption" });
  const save_ = h("div", { class: "actions" });
  const element = h("figure", { class: "sheet" }, scroll, h("figcaption", {}, caption, save_));
  let reading = null;
  let image = null;
  let failure = null;

  const draw = () => {
    if (image)
      paper.replaceChildren(
        image,
        ...(reading?.pages.slice(0, 1).map((page) => boxes(page, 0, reading)) ?? []),
      );
    else if (failure) paper.replaceChildren(failure, ...setPages(reading));
  };
  picture
    .then(async ({ blob, url }) => {
      save_.replaceChildren(button("download", say("original"), () => save(blob, name)));
      image = await decoded(url, name);
      if (!image) failure = placeholder();
      draw();
    })
    .catch((error) => {
      if (error.name === "AbortError") return;
      failure = h("p", { class: "notice error" }, error.message);
      draw();
    });
  return {
    element,
    show(next) {
      reading = next;
      draw();
    },
  };
}

async function decoded(url, name) {
  const image = h("img", { src: url, alt: say("theReceipt", { file: name }) });
  try {
    await image.decode();
    return image;
  } catch {
    return null;
  }
}

function placeholder() {
  return h("div", { class: "placeholder" }, icon("file"), h("p", {}, say("notShown")));
}

function setPages(reading) {
  const pages = reading?.pages ?? [];
  return pages.flatMap((page, number) =>
    page.width && page.lines.length
      ? [
          h(
            "p",
            { class: "small" },
            say("pageSet", { page: number + 1, pages: pages.length }),
          ),
          h("div", { class: "set" }, boxes(page, number, reading, true)),
        ]
      : [],
  );
}

/** An overlay of a page's size: a box for each line, by the row it belongs to. */
function boxes(page, number, reading, withText = false) {
  const overlay = svg("svg", {
    class: "boxes",
    viewBox: `0 0 ${page.width ?? 1} ${page.height ?? 1}`,
    "aria-hidden": "true",
  });
  reading.rows.forEach((row, index) => {
    for (const line of row.lines.filter((one) => one.page === number))
      overlay.append(box(line, index, withText));
  });
  return overlay;
}

function box(line, row, withText) {
  const [left, top, right, bottom] = line.box;
  const [width, height] = [right - left, bottom - top];
  const frame = svg("rect", { x: left, y: top, width, height, rx: Math.min(6, height / 6) });
  const text =
    withText &&
    svg(
      "text",
      {
        x: left,
        y: bottom - height * 0.22,
        "font-size": height * 0.8,
        textLength: width,
        lengthAdjust: "spacingAndGlyphs",
      },
      line.text,
    );
  return svg("g", { class: isDoubtful(line) ? "doubtful" : "", "data-row": row }, text, frame);
}

export function isDoubtful(line) {
  return line.confidence !== null && line.confidence < DOUBTFUL;
}

/**
 * Show the same row in the picture and in the words when either is pointed at or has the focus.
 * Works on everything in `place` that carries data-row.
 */
export function linkRows(place, captionFor) {
  const point = (row, from) => {
    for (const old of place.querySelectorAll(".pointed")) old.classList.remove("pointed");
    const all = row === undefined ? [] : [...place.querySelectorAll(`[data-row="${row}"]`)];
    for (const one of all) one.classList.add("pointed");
    const caption = place.querySelector(".caption");
    if (caption) caption.textContent = row === undefined ? "" : captionFor(Number(row));
    const other = all.find((one) => isInPicture(one) !== isInPicture(from));
    if (other) bringIntoView(other);
  };
  const rowOf = (event) => event.target.closest("[data-row]");
  place.addEventListener("pointerover", (event) => {
    const at = rowOf(event);
    if (at) point(at.dataset.row, at);
    else if (event.pointerType === "mouse") point(undefined);
  });
  place.addEventListener("pointerleave", () => point(undefined));
  place.addEventListener("focusin", (event) => {
    const at = rowOf(event);
    if (at) point(at.dataset.row, at);
  });
  place.addEventListener("click", (event) => {
    const at = rowOf(event);
    if (!at) return;
    point(at.dataset.row, at);
    if (isInPicture(at))
      place
        .querySelector(`[tabindex][data-row="${at.dataset.row}"]`)
        ?.focus({ preventScroll: true });
  });
}

const isInPicture = (element) => Boolean(element.closest("svg.boxes"));

/** Scroll the box around an element, and never the whole page. */
function bringIntoView(element) {
  const scroller = element.closest(".scroll");
  if (!scroller) return;
  const [inner, outer] = [element.getBoundingClientRect(), scroller.getBoundingClientRect()];
  if (inner.top < outer.top || inner.bottom > outer.bottom) {
    scroller.scrollTop += inner.top - outer.top - outer.height / 3;
  }
}

/** One stop of the Tab key for a list of rows; the arrow keys move inside. */
export function roving(list) {
  const rows = [...list.querySelectorAll("[data-row]")];
  rows.forEach((row, number) => row.setAttribute("tabindex", number ? "-1" : "0"));
  list.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
    const at = rows.indexOf(event.target.closest("[data-row]"));
    if (!step || at < 0) return;
    event.preventDefault();
    rows[Math.max(0, Math.min(rows.length - 1, at + step))].focus();
  });
  list.addEventListener("focusin", (event) => {
    for (const row of rows) row.setAttribute("tabindex", row === event.target ? "0" : "-1");
  });
  return list;
}
