// The picture of a file, a page at a time, with boxes over what was read.

import { localUrl } from "./api.js";
import { h, iconButton, replace, scroller, svg } from "./dom.js";
import { say } from "./words.js";

const DOUBTFUL = 0.6; // below this confidence a word is marked
const ZOOMS = [1, 1.5, 2, 3, 4];

/**
 * The sheet of a file, at `pathOf(page)`: `element`, `show(reading, places, frame)` to lay boxes over it, and
 * `point(rows, turnTo)`. `places` are [{row, page, box}] beside the reading's rows; `frame` is the
 * {page, box} of the receipt that is shown, where a page holds several.
 */
export function sheet(pathOf, name, signal) {
  const at = { pathOf, name, signal, page: 0, zoom: 0, turns: 0, pointed: [], images: new Map() };
  const empty = { pages: [], rows: [] };
  Object.assign(at, { reading: empty, places: [], frame: null });
  at.scroll = scroller(say("pictureOf", { file: name }));
  at.caption = h("p.caption");
  at.tools = h("div.tools");
  const element = h("figure.sheet", at.scroll, h("figcaption", at.tools, at.caption));
  goTo(at, 0);
  return {
    element,
    show(reading, places = [], frame = null) {
      if (frame && !at.frame) at.page = frame.page;
      Object.assign(at, { reading: reading ?? empty, places, frame });
      goTo(at, at.page);
    },
    point(rows, turnTo = false) {
      at.pointed = rows;
      const page = turnTo ? pageOf(at, rows) : at.page;
      if (page !== at.page) goTo(at, page);
      else mark(at);
    },
    say(text) {
      at.caption.textContent = text;
    },
    zoom: (step) => zoom(at, step),
    turn: () => turn(at),
  };
}

const pagesOf = (at) => Math.max(1, at.reading.pages.length);

function pageOf(at, rows) {
  const pages = linesOf(at).filter(({ row }) => rows.includes(row)).map(({ page }) => page);
  return pages.length && !pages.includes(at.page) ? pages[0] : at.page;
}

/** Everything with a box: [{row, page, box, confidence}], where row is a number or a field's name. */
function linesOf(at) {
  const read = at.reading.rows.flatMap(({ lines }, row) => lines.map((line) => ({ ...line, row: String(row) })));
  return [...read, ...at.places];
}

function zoom(at, step) {
  at.zoom = Math.max(0, Math.min(ZOOMS.length - 1, at.zoom + step));
  goTo(at, at.page);
}

function turn(at) {
  at.turns = (at.turns + 1) % 4;
  draw(at);
}

/** Show a page as large as it is wanted; what was loaded before stays until the sharper one is here. */
async function goTo(at, page) {
  at.page = page;
  draw(at);
  const width = ZOOMS[at.zoom] * wanted(at);
  if (at.images.get(page)?.asked >= width) return;
  at.images.set(page, { ...at.images.get(page), asked: width });
  try {
    const image = await load(at, `${at.pathOf(page)}&width=${width}`);
    if (at.images.get(page).asked === width) at.images.set(page, { ...image, asked: width });
  } catch (error) {
    if (error.name === "AbortError") return;
    at.images.set(page, { failure: error.message });
  }
  draw(at);
}

/** The pixels that the sheet is wide on this screen, before it is shown those of a desk. */
const wanted = (at) => Math.ceil((at.scroll.clientWidth || 480) * Math.min(2, devicePixelRatio));

async function load({ signal }, path) {
  const url = await localUrl(path, signal);
  const image = h("img", { src: url });
  await image.decode();
  return { url, width: image.naturalWidth, height: image.naturalHeight };
}

function draw(at) {
  const image = at.images.get(at.page);
  if (image?.failure) replace(at.scroll, h("p.notice.error", image.failure));
  else if (image?.url || at.reading.pages[at.page]?.width) replace(at.scroll, paper(at, image));
  else replace(at.scroll, h("p.small", say("loading")));
  replace(at.tools, tools(at));
  mark(at);
}

/** The page and its boxes in the reading's pixels, turned as wanted; the picture itself may come later. */
function paper(at, image) {
  const page = at.reading.pages[at.page];
  const [width, height] = page?.width ? [page.width, page.height] : [image.width, image.height];
  const across = at.turns % 2 ? [height, width] : [width, height];
  const moves = ["", `translate(${height}) `, `translate(${width} ${height}) `, `translate(0 ${width}) `];
  const drawing = svg("svg.paper", { viewBox: `0 0 ${across.join(" ")}` }, [
    svg("g", { transform: `${moves[at.turns]}rotate(${at.turns * 90})` }, [
      image?.url && svg("image", { href: image.url, width, height, role: "img", "aria-label": at.name }),
      at.frame?.page === at.page && at.frame.box && outline(at.frame.box, ".frame"),
      linesOf(at).filter((line) => line.page === at.page).map(lineBox),
    ]),
  ]);
  drawing.style.width = `${ZOOMS[at.zoom] * 100}%`;
  return drawing;
}

function lineBox(line) {
  const name = `.box${isDoubtful(line) ? ".doubtful" : ""}${line.text ? "" : ".place"}`;
  return outline(line.box, name, { "data-row": line.row });
}

function outline([left, top, right, bottom], name, attributes = {}) {
  const [width, height] = [right - left, bottom - top];
  return svg(`rect${name}`, { ...attributes, x: left, y: top, width, height, rx: Math.min(6, height / 6) });
}

export const isDoubtful = ({ confidence }) => (confidence ?? 1) < DOUBTFUL;

function mark(at) {
  for (const box of at.scroll.querySelectorAll("[data-row]"))
    box.classList.toggle("pointed", at.pointed.includes(box.dataset.row));
  bringIntoView(at.scroll.querySelector(".pointed"));
}

function tools(at) {
  const { page } = at;
  const last = pagesOf(at) - 1;
  const go = (step) => () => goTo(at, page + step);
  const off = (disabled) => ({ disabled });
  return [
    last > 0 && iconButton("left", say("previous"), go(-1), "#sheet-left", off(page === 0)),
    last > 0 && h("span", say("pageOf", { page: page + 1, pages: last + 1 })),
    last > 0 && iconButton("right", say("next"), go(1), "#sheet-right", off(page === last)),
    iconButton("minus", say("zoomOut"), () => zoom(at, -1), "#sheet-minus", off(!at.zoom)),
    iconButton("plus", say("zoomIn"), () => zoom(at, 1), "#sheet-plus", off(at.zoom === ZOOMS.length - 1)),
    iconButton("again", say("turn"), () => turn(at), "#sheet-turn"),
  ];
}

/**
 * Show the same rows in the picture and in the words when either is pointed at or has the focus.
 * Works on everything in `place` that carries data-row: the numbers of rows, or a field's name.
 */
export function linkRows(place, picture, captionFor) {
  const point = (from, turnTo) => {
    const rows = from?.dataset.row.split(" ") ?? [];
    for (const one of place.querySelectorAll("[data-row]:not(rect)")) {
      const shares = one.dataset.row.split(" ").some((row) => rows.includes(row));
      one.classList.toggle("pointed", one === from || (shares && isInPicture(from)));
    }
    picture.point(rows, turnTo && !isInPicture(from));
    picture.say(from ? captionFor(from, rows) : "");
    if (from && isInPicture(from)) bringIntoView(place.querySelector(".pointed:not(rect)"));
  };
  const rowOf = (event) => event.target.closest("[data-row]");
  const pointAtFocus = () => point(place.querySelector("[data-row]:is(:focus, :focus-within)"), false);
  place.addEventListener("pointerover", (event) => {
    const at = rowOf(event);
    if (at) point(at, false);
    else if (event.pointerType === "mouse") pointAtFocus();
  });
  place.addEventListener("pointerleave", pointAtFocus);
  for (const type of ["focusin", "click"])
    place.addEventListener(type, (event) => {
      const at = rowOf(event);
      if (at) point(at, true);
      if (at && isInPicture(at)) focusOf(place, at)?.focus({ preventScroll: true });
    });
}

function focusOf(place, box) {
  const words = place.querySelector(`[data-row~="${box.dataset.row}"]:not(rect)`);
  return words?.matches("[tabindex]") ? words : words?.querySelector("button");
}

const isInPicture = (element) => element.matches("rect");

/** Scroll the box around an element, and never the whole page. */
function bringIntoView(element) {
  const around = element?.closest(".scroll");
  if (!around) return;
  const [inner, outer] = [element.getBoundingClientRect(), around.getBoundingClientRect()];
  if (inner.top < outer.top || inner.bottom > outer.bottom)
    around.scrollTop += inner.top - outer.top - outer.height / 3;
  if (inner.left < outer.left || inner.right > outer.right)
    around.scrollLeft += inner.left - outer.left - outer.width / 3;
}

/** One stop of the Tab key for a list of rows; the arrow keys move inside. */
export function roving(list, selector = "[data-row]") {
  const rows = [...list.querySelectorAll(selector)];
  rows.forEach((row, number) => row.setAttribute("tabindex", number ? "-1" : "0"));
  list.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
    const at = rows.indexOf(event.target.closest(selector));
    if (!step || at < 0) return;
    event.preventDefault();
    rows[Math.max(0, Math.min(rows.length - 1, at + step))].focus();
  });
  list.addEventListener("focusin", (event) => {
    if (!rows.includes(event.target)) return;
    for (const row of rows) row.setAttribute("tabindex", row === event.target ? "0" : "-1");
  });
  return list;
}
