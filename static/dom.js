// Builds elements from text and attributes; nothing is ever parsed as HTML.

import { say } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";

// Drawn on 24 x 24, as strokes.
const ICONS = {
  upload: "M12 16V4m0 0L7 9m5-5 5 5M4 16v3a1 1 0 0 0 1 1h14a1 1 0 0 0 1-1v-3",
  camera:
    "M4 8h3l2-3h6l2 3h3a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V9a1 1 0 0 1 1-1zm8 2a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7",
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
  copy: "M9 9h10v11H9zM5 15V4h10",
  download: "M12 4v12m0 0 5-5m-5 5-5-5M4 20h16",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5m4-5v5",
  again: "M20 11a8 8 0 1 0-2.3 6.300M20 5v6h-6",
  completed: "M5 12.500l4.5 4.500L19 7.5",
  failed: "M12 8v5m0 3v.01M12 3l9.5 17h-19z",
  pending: "M12 7v5l3 2M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18",
  running: "M12 3a9 9 0 1 0 9 9",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  away: "M14 4h6v6M20 4l-9 9M17 14v5a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V8a1 1 0 0 1 1-1h5",
  check: "M12 7.500v5m0 3.500v.01M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18",
  left: "M15 5l-7 7 7 7",
  right: "M9 5l7 7-7 7",
  minus: "M5 12h14",
  undo: "M9 7l-5 5 5 5M4 12h11a5 5 0 0 1 0 10h-3",
  help: "M9 9.500a3 3 0 1 1 4.500 2.600c-1 .6-1.500 1.200-1.500 2.400m0 3v.01",
  home: "M4 11l8-7 8 7v8a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1z",
};

const STATE_ICONS = { reading: "running", review: "check", ok: "completed", confirmed: "completed", duplicate: "copy" };

/**
 * An HTML element by its name with an id and classes, such as "p#sum.small", its attributes if it has
 * any, and its children. `on…` attributes are listeners; null, undefined and false are left out.
 */
export const h = (name, ...rest) => fill(document.createElement(tagOf(name)), name, rest);

export const svg = (name, ...rest) => fill(document.createElementNS(SVG, tagOf(name)), name, rest);

const tagOf = (name) => /^\w+/.exec(name)[0];

function fill(element, name, rest) {
  const attributes = rest[0]?.constructor === Object ? rest.shift() : {};
  for (const [, id] of name.matchAll(/#([\w-]+)/g)) element.id = id;
  for (const [, one] of name.matchAll(/\.([\w-]+)/g)) element.classList.add(one);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (isSomething(value)) element.setAttribute(key, value);
  }
  element.append(...rest.flat(Infinity).filter(isSomething));
  return element;
}

const isSomething = (value) => value !== null && value !== undefined && value !== false;

export function icon(name) {
  const attributes = { class: `icon icon-${name}`, viewBox: "0 0 24 24", "aria-hidden": "true" };
  return svg("svg", attributes, svg("path", { d: ICONS[name] }));
}

/** A button that does something; what goes wrong is shown. `name` is its id and classes, as in `h`. */
export function button(iconName, label, action, name = "", attributes = {}) {
  const onclick = (event) => attempt(() => action(event));
  return h(`button${name}`, { type: "button", onclick, ...attributes }, iconName && icon(iconName), label);
}

/** A button of which only the icon is seen. */
export function iconButton(iconName, label, action, name = "", attributes = {}) {
  return button(iconName, null, action, `${name}.quiet.round`, { "aria-label": label, title: label, ...attributes });
}

/** The state of a receipt or of an execution as a small label. */
export function stateLabel(state, words = say(`state.${state}`)) {
  return h(`span.state.${state}`, icon(STATE_ICONS[state] ?? state), words);
}

/** A table with a row of headings; a heading is a text, or a cell of its own. */
export function table(name, caption, headings, rows, foot = null) {
  const head = headings.map((one) => (typeof one === "string" ? h("th", { scope: "col" }, one) : one));
  const body = [h("thead", h("tr", head)), h("tbody", rows)];
  return h(`table${name}`, caption && h("caption", caption), body, foot && h("tfoot", foot));
}

/** A region that scrolls, also by keyboard. */
export function scroller(label, ...children) {
  return h("div.scroll", { tabindex: "0", role: "region", "aria-label": label }, children);
}

/** A menu of downloads: [label, promise of its end]; it closes by Escape, by a choice, and by going elsewhere. */
export function menu(id, label, items) {
  const summary = h("summary.button", { id }, icon("download"), label);
  const start = (action) => {
    summary.firstChild.replaceWith(icon("running"));
    return action().finally(() => summary.firstChild.replaceWith(icon("download")));
  };
  const choices = items.map(([text, action]) => h("li", button(null, text, () => start(action), ".quiet")));
  const element = h("details.menu", summary, h("ul", choices));
  const close = () => element.removeAttribute("open");
  const outside = ({ target }) => element.contains(target) || close();
  element.addEventListener("click", ({ target }) => target.closest("li") && close());
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    close();
    summary.focus();
  });
  element.addEventListener("toggle", () => {
    for (const type of ["pointerdown", "focusin"])
      document[element.open ? "addEventListener" : "removeEventListener"](type, outside);
  });
  return element;
}

/** New content for an element; what had the focus has it again if an id tells what that is. */
export function replace(element, ...children) {
  const id = element.contains(document.activeElement) ? document.activeElement.id : "";
  element.replaceChildren(...children.flat(Infinity).filter(isSomething));
  if (id) focus(id, { preventScroll: true });
}

/** Put the focus on the element with this id, where there is one. */
export const focus = (id, options) => document.getElementById(id)?.focus(options);

/** The address of a view: its path and its parameters with some changed; empty ones are left out. */
export function hashWith(path, params, changes = {}) {
  const next = new URLSearchParams(params);
  for (const [name, value] of Object.entries(changes)) {
    if (value) next.set(name, value);
    else next.delete(name);
  }
  return `#/${path}${next.size ? `?${next}` : ""}`;
}

export const setTitle = (text) => (document.title = `${text} · Open Receipt OCR`);

/** Say something to a screen reader. */
export const announce = (text) => (document.getElementById("live").textContent = text);

/** Show what went wrong until it is dismissed. */
export function complain(text) {
  const toast = h("div.toast", icon("failed"), h("p", text), iconButton("close", say("dismiss"), stopComplaining));
  document.getElementById("toasts").replaceChildren(toast);
}

export const stopComplaining = () => document.getElementById("toasts").replaceChildren();

/** Do something; what goes wrong is shown. What takes its time clears what was shown before. */
export async function attempt(action) {
  try {
    const doing = action();
    if (doing instanceof Promise) stopComplaining();
    await doing;
  } catch (error) {
    complain(error.message);
  }
}

/** Show a dialog; a promise of the value that it is closed with, "" where it is left by Escape. */
export function answered(dialog) {
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true });
  });
}

/** Ask before something that cannot be undone; whether to go on. */
export async function ask(title, text, yes) {
  for (const [part, words] of Object.entries({ title, text, yes }))
    document.getElementById(`question-${part}`).textContent = words;
  return (await answered(document.getElementById("question"))) === "yes";
}

/** Put text on the clipboard, also where the page came over plain HTTP from another machine. */
export async function copy(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
  } else {
    const area = h("textarea.hidden", { "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  announce(say("copied"));
}

/** Hand a file to the browser's downloads. */
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // the download has begun long before
}
