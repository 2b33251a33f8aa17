// Adds receipts: dropped, picked, pasted or photographed, each with its provider, then sent.

import { newKey, upload } from "./api.js";
import {
  announce,
  button,
  complain,
  h,
  icon,
  iconButton,
  replace,
  stopComplaining,
} from "./dom.js";
import { jobRows } from "./jobs.js";
import { recall } from "./memory.js";
import { allProviders, providerChoice, providerList, usualProvider } from "./providers.js";
import { say, size } from "./words.js";

const ACCEPT = "image/*,.heic,.heif,.avif,.tif,.tiff,application/pdf";

// What waits to be sent outlives the view: {id, file, url, providers}, where one name is the rule.
let queue = [];
let lastId = 0;
let attempt = null; // the Idempotency-Key of what is sent: the same after a cut connection
let changed = () => {};

/** Put files into the queue, from whichever view they were dropped or pasted on. */
export function enqueue(files) {
  for (const file of files) {
    const url = file.type.startsWith("image/") ? URL.createObjectURL(file) : null;
    queue.push({ id: ++lastId, file, url, providers: [] });
  }
  announce(`${say("files", { n: files.length })} added, ${queue.length} to read`);
  stopComplaining();
  attempt = null;
  changed();
}

export async function openNew(main, _params, signal) {
  const list = h("ul", { class: "queue", "aria-label": "Files to read" });
  const foot = h("div", { class: "foot" });
  const recent = h("section", { class: "recent" });
  const providersPlace = h("div");
  const form = h(
    "form",
    { class: "card new", onsubmit: (event) => send(event, form) },
    dropPlace(),
    list,
    foot,
  );
  main.replaceChildren(h("h1", { tabindex: "-1" }, "Read receipts"), form, providersPlace, recent);
  showRecent(recent, signal);

  const providers = await allProviders();
  if (signal.aborted) return;
  providersPlace.replaceChildren(providerList(providers));
  const show = () => showQueue(list, foot, providers);
  changed = show;
  signal.addEventListener("abort", () => {
    changed = () => {};
  });
  show();
}

function dropPlace() {
  const pick = fileInput("pick", "Choose files", "file", { multiple: true, accept: ACCEPT });
  const shoot = fileInput("shoot", "Take a photo", "camera", {
    accept: "image/*",
    capture: "environment",
  });
  return h(
    "div",
    { class: "drop" },
    icon("upload"),
    h("p", {}, h("b", {}, "Drop receipts anywhere on this page"), " or paste them"),
    h("div", { class: "picks" }, pick, shoot),
    h("p", { class: "small" }, "JPEG, PNG, WebP, HEIC, AVIF, TIFF, GIF, BMP or PDF"),
  );
}

function fileInput(id, label, iconName, attributes) {
  const input = h("input", { type: "file", id, class: "hidden", ...attributes });
  input.addEventListener("change", () => {
    enqueue([...input.files]);
    input.value = ""; // so that the same file can be chosen again
  });
  return h(
    "span",
    { class: `pick ${id}` },
    input,
    h("label", { for: id, class: "button" }, icon(iconName), label),
  );
}

function showQueue(list, foot, providers) {
  for (const entry of queue.filter((one) => !one.providers.length))
    entry.providers = [usualProvider(providers)];
  replace(
    list,
    queue.map((entry) => queueRow(entry, providers)),
  );
  replace(foot, queue.length ? sendPlace(providers) : null);
}

function queueRow(entry, providers) {
  const { file } = entry;
  const remove = () => {
    drop(entry);
    announce(`${file.name} removed`);
    changed();
    document.getElementById(queue.length ? "send" : "pick").focus();
  };
  return h(
    "li",
    {},
    thumbnail(entry),
    h(
      "div",
      { class: "name" },
      h("b", {}, file.name),
      h("span", { class: "small" }, size(file.size)),
    ),
    h(
      "div",
      { class: "choices" },
      entry.providers.map((_, nth) => providerOf(entry, nth, providers)),
      oneMore(entry, providers),
    ),
    iconButton("close", `Remove ${file.name}`, remove),
  );
}

/** The choice of a file's nth provider; all but the first can be taken back. */
function providerOf(entry, nth, providers) {
  const choice = providerChoice(providers, {
    id: `provider-${entry.id}${nth ? `-${nth}` : ""}`,
    label: `${nth ? "Another provider" : "Provider"} for ${entry.file.name}`,
    labelHidden: true,
    chosen: entry.providers[nth],
    changed: (name) => {
      entry.providers[nth] = name;
      attempt = null;
    },
  });
  const remove = () => {
    entry.providers.splice(nth, 1);
    changed();
    document.getElementById(`provider-${entry.id}`).focus();
  };
  return nth
    ? h("div", { class: "extra" }, choice, iconButton("close", "Do not read with this one", remove))
    : choice;
}

function oneMore(entry, providers) {
  const next = providers.find(
    ({ name, available }) => available && !entry.providers.includes(name),
  );
  const add = () => {
    entry.providers.push(next.name);
    attempt = null;
    changed();
    document.getElementById(`provider-${entry.id}-${entry.providers.length - 1}`).focus();
  };
  const label = "Compare with another";
  const named = {
    id: `more-${entry.id}`,
    "aria-label": `${label} provider for ${entry.file.name}`,
  };
  return next && button("plus", label, add, { class: "quiet more", ...named });
}

function thumbnail({ url }) {
  const place = h("div", { class: "thumb" }, icon("file"));
  if (url) {
    const picture = h("img", { src: url, alt: "", onload: () => place.replaceChildren(picture) });
  }
  return place;
}

function drop(entry) {
  queue = queue.filter((other) => other !== entry);
  if (entry.url) URL.revokeObjectURL(entry.url);
  attempt = null;
}

function sendPlace(providers) {
  const forAll =
    queue.length > 1 &&
    providerChoice(providers, {
      id: "provider-all",
      label: "Read all with",
      chosen: queue.every(({ providers: [first] }) => first === queue[0].providers[0])
        ? queue[0].providers[0]
        : null,
      changed: (name) => {
        for (const entry of queue) entry.providers = [name];
        attempt = null;
        changed();
      },
    });
  const none = !providers.some(({ available }) => available);
  return [
    forAll,
    h(
      "div",
      { class: "choice" },
      h("label", { for: "job-name" }, "Name (optional)"),
      h("input", {
        id: "job-name",
        maxlength: "200",
        autocomplete: "off",
        placeholder: "Weekly groceries",
      }),
    ),
    none &&
      h(
        "p",
        { class: "error" },
        "No provider can run here yet; the list below says what each needs.",
      ),
    h(
      "button",
      { class: "primary wide", id: "send", disabled: none },
      `Read ${say("files", { n: queue.length })}`,
    ),
  ];
}

async function send(event, form) {
  event.preventDefault();
  if (!queue.length) return;
  stopComplaining();
  const sent = [...queue];
  const name = form.querySelector("#job-name").value.trim();
  try {
    const { id } = await sendWithProgress(form, bodyOf(sent, name));
    for (const entry of sent) drop(entry);
    location.hash = `#/jobs/${id}`;
  } catch (error) {
    if (error.name !== "AbortError") complain(error.message);
    if (error.status) attempt = null; // it was answered; only what was cut off is the same again
  }
}

function bodyOf(entries, name) {
  const body = new FormData();
  entries.forEach(({ file, providers }, number) => {
    body.append("file", file, file.name);
    for (const name of new Set(providers)) body.append(`ocrProvider_${number}`, name);
  });
  if (name) body.append("jobName", name);
  return body;
}

async function sendWithProgress(form, body) {
  const bar = h("progress", { "aria-label": "Upload", max: "1" });
  const words = h("span", {}, "Sending…");
  let sending;
  const place = h(
    "div",
    { class: "sending" },
    bar,
    words,
    button("close", "Cancel", () => sending.cancel()),
  );
  form.append(place);
  form.classList.add("busy");
  form.querySelector("#send").disabled = true;
  announce("Sending");
  try {
    for (;;) {
      const key = recall("key");
      attempt ??= randomId();
      sending = upload("ocr-jobs/upload", body, { "Idempotency-Key": attempt }, (done, all) => {
        bar.value = done / all;
        words.textContent =
          done < all ? `${size(done)} of ${size(all)} sent` : "Sent; the server is checking it…";
      });
      try {
        return await sending;
      } catch (error) {
        if (error.status !== 401) throw error;
        await newKey(key, error.message);
      }
    }
  } finally {
    place.remove();
    form.classList.remove("busy");
    form.querySelector("#send").disabled = false;
  }
}

/** Also where crypto.randomUUID is missing: over plain HTTP from another machine. */
function randomId() {
  return [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}

async function showRecent(place, signal) {
  const rows = await jobRows("limit=5", signal);
  if (rows.length && !signal.aborted) {
    place.replaceChildren(
      h("h2", {}, "Recent"),
      h("ul", { class: "jobs card" }, rows),
      h("p", {}, h("a", { href: "#/jobs" }, say("allReceipts"))),
    );
  }
}
