// Adds receipts: photographed, picked, dropped, pasted or shared, each with its provider, then sent.

import { newKey, upload } from "./api.js";
import { announce, attempt, button, complain, focus, h, icon, iconButton, replace, stopComplaining } from "./dom.js";
import { recall, remember } from "./memory.js";
import { allProviders, providerChoice, providerList, uploadLimits, usualProvider } from "./providers.js";
import { recentReceipts } from "./receipts.js";
import { say, size } from "./words.js";

const ACCEPT = "image/*,.heic,.heif,.avif,.tif,.tiff,application/pdf";
const BAD_FILE = /\(index (\d+)\)|^File (\d+) /; // where the server's refusal names one file

// What waits to be sent outlives the view: {id, file, url, providers, problem}; the problem is in our words.
let queue = [];
let lastId = 0;
let key = null; // the Idempotency-Key of what is sent: the same after a cut connection
const NOWHERE = { rows() {}, foot() {} };
let show = NOWHERE;

/** Put files into the queue, from whichever view they were dropped or pasted on. */
export function enqueue(files) {
  for (const file of files) {
    const url = file.type.startsWith("image/") ? URL.createObjectURL(file) : null;
    queue.push({ id: ++lastId, file, url, providers: [], problem: null });
  }
  announce(say("filesAdded", { n: files.length }));
  stopComplaining();
  change();
}

/** The queue is another one now: what is sent next is no repetition. */
function change() {
  key = null;
  show.rows();
  show.foot();
}

/** Take in the files that another app has shared with this one; share.js keeps them until then. */
export async function takeShared() {
  if (!window.caches) return; // over plain HTTP from another machine nothing can be shared
  const shared = await caches.open("shared");
  const files = [];
  for (const kept of await shared.keys()) {
    const answer = await shared.match(kept);
    const name = decodeURIComponent(answer.headers.get("X-Name"));
    files.push(new File([await answer.blob()], name, { type: answer.headers.get("Content-Type") }));
    await shared.delete(kept);
  }
  if (files.length) enqueue(files);
}

async function takeSample() {
  history.replaceState(null, "", "#/");
  const blob = await (await fetch("static/sample.jpg")).blob();
  enqueue([new File([blob], "sample.jpg", { type: "image/jpeg" })]);
}

export async function openNew(main, params, signal) {
  const list = h("ul.queue", { "aria-label": say("toRead") });
  const [foot, recent] = [h("div.foot"), h("section.recent")];
  const [others, limitsPlace] = [h("div"), h("p.small")];
  const form = h("form.card.new", { onsubmit: (event) => send(event, form) });
  form.append(dropPlace(limitsPlace), list, foot);
  main.replaceChildren(h("h1", { tabindex: "-1" }, say("readReceipts")), form, others, recent);
  recentReceipts(recent, signal).catch(() => {}); // without it there is all else
  if (params.has("sample")) attempt(takeSample);
  if (params.has("unshared")) complain(say("shareAgain"));

  const [providers, limits] = await Promise.all([allProviders(), uploadLimits()]);
  if (signal.aborted) return null;
  others.replaceChildren(providerList(providers));
  const formats = limits.formats.join(", ");
  limitsPlace.textContent = say("limits", { formats, size: size(limits.fileBytes), n: limits.files });
  show = {
    rows: () => showQueue(list, providers, limits),
    foot: () => replace(foot, queue.some(({ problem }) => !problem) ? sendPlace(providers) : null),
  };
  signal.addEventListener("abort", () => (show = NOWHERE));
  show.rows();
  show.foot();
  return { update: (next) => next.has("sample") && attempt(takeSample) };
}

function dropPlace(limits) {
  const shoot = fileInput("shoot", say("takePhoto"), "camera", { accept: "image/*", capture: "environment" });
  const pick = fileInput("pick", say("chooseFiles"), "file", { multiple: true, accept: ACCEPT });
  return h("div.drop", [icon("upload"), h("p.hint", say("dropAnywhere")), h("div.picks", shoot, pick), limits]);
}

function fileInput(id, label, iconName, attributes) {
  const input = h(`input#${id}.hidden`, { type: "file", ...attributes });
  input.addEventListener("change", () => {
    enqueue([...input.files]);
    input.value = ""; // so that the same file can be chosen again
  });
  const shown = h("label.button", { for: id }, icon(iconName), label);
  return h(`span.pick.${id}`, input, shown);
}

function showQueue(list, providers, limits) {
  let good = 0;
  for (const entry of queue) {
    if (!entry.providers.length) entry.providers = [usualProvider(providers)];
    if (!entry.isRefused) entry.problem = problemOf(entry.file, good, limits);
    if (!entry.problem) good += 1;
  }
  replace(list, queue.map((entry) => queueRow(entry, providers)));
}

/** Why a file is not sent after so many others, as far as it is known before; null if it is. */
function problemOf(file, others, { fileBytes, files }) {
  if (!file.size) return say("emptyFile");
  if (file.size > fileBytes) return say("largerThan", { size: size(fileBytes) });
  return others >= files ? say("oneTooMany", { n: files }) : null;
}

function queueRow(entry, providers) {
  const { file, problem } = entry;
  const remove = () => {
    drop(entry);
    announce(say("removed", { name: file.name }));
    change();
    focus(document.getElementById("send") ? "send" : "pick");
  };
  const about = problem ? h("span.problem", icon("failed"), " ", problem) : h("span.small", size(file.size));
  const choices = entry.providers.map((_, nth) => providerOf(entry, nth, providers));
  return h(problem ? "li.refused" : "li", [
    thumbnail(entry),
    h("div.name", h("b", file.name), about),
    !problem && h("div.choices", choices, oneMore(entry, providers)),
    iconButton("close", say("remove", { name: file.name }), remove),
  ]);
}

/** The choice of a file's nth provider; all but the first can be taken back. */
function providerOf(entry, nth, providers) {
  const choice = providerChoice(providers, {
    id: `provider-${entry.id}${nth ? `-${nth}` : ""}`,
    label: say(nth ? "anotherProviderFor" : "providerFor", { name: entry.file.name }),
    labelHidden: true,
    chosen: entry.providers[nth],
    changed: (name) => {
      if (!nth) remember("provider", name);
      entry.providers[nth] = name;
      key = null;
      show.foot(); // and not the row, in which the name is being typed perhaps
    },
  });
  const remove = () => {
    entry.providers.splice(nth, 1);
    change();
    focus(`provider-${entry.id}`);
  };
  if (!nth) return choice;
  return h("div.extra", choice, iconButton("close", say("remove", { name: entry.providers[nth] }), remove));
}

function oneMore(entry, providers) {
  const next = () => providers.find(({ name, available }) => available && !entry.providers.includes(name));
  const add = () => {
    entry.providers.push(next().name);
    change();
    focus(`provider-${entry.id}-${entry.providers.length - 1}`);
  };
  const named = { "aria-label": say("compareFile", { name: entry.file.name }) };
  return next() && button("plus", say("compare"), add, `#more-${entry.id}.quiet.more`, named);
}

function thumbnail({ url }) {
  const place = h("div.thumb", icon("file"));
  const picture = url && h("img", { src: url, alt: "", onload: () => place.replaceChildren(picture) });
  return place;
}

function drop(entry) {
  queue = queue.filter((other) => other !== entry);
  if (entry.url) URL.revokeObjectURL(entry.url);
}

function sendPlace(providers) {
  const good = queue.filter(({ problem }) => !problem);
  const firsts = new Set(good.map((entry) => entry.providers[0]));
  const forAll = providerChoice(providers, {
    id: "provider-all",
    label: say("readAllWith"),
    chosen: firsts.size === 1 ? [...firsts][0] : null,
    changed: (name) => {
      remember("provider", name);
      for (const { providers: chosen } of good) {
        const others = chosen.slice(1).filter((other) => other !== name);
        chosen.splice(0, chosen.length, name, ...others);
      }
      key = null;
      show.rows();
    },
  });
  const none = !providers.some(({ available }) => available);
  const value = document.getElementById("job-name")?.value; // typed before the queue changed
  const example = { value, maxlength: "200", autocomplete: "off", placeholder: say("nameExample") };
  return [
    good.length > 1 && forAll,
    h("div.choice", h("label", { for: "job-name" }, say("nameOptional")), h("input#job-name", example)),
    none && h("p.error", say("noProvider")),
    h("button#send.primary.wide", { disabled: none }, say("readFiles", { n: good.length })),
  ];
}

/** Send the good files; one that the server refuses is marked, and the others are sent without it. */
async function send(event, form) {
  event.preventDefault();
  stopComplaining();
  const sent = queue.filter(({ problem }) => !problem);
  if (!sent.length) return;
  const name = form.querySelector("#job-name").value.trim();
  try {
    const { id } = await sendWithProgress(form, sent, name);
    for (const entry of sent) drop(entry);
    if (queue.length) complain(say("notSent", { n: queue.length }));
    else location.hash = `#/jobs/${id}`;
    change();
  } catch (error) {
    if (error.status) key = null; // it was answered; only what was cut off is the same again
    const [, first, second] = BAD_FILE.exec(error.detail) ?? [];
    const refused = [400, 413].includes(error.status) ? sent[first ?? second] : null;
    if (!refused) return void (error.name === "AbortError" || complain(error.message));
    const reason = error.detail.replace(/^.*\(index \d+\): /, "");
    Object.assign(refused, { isRefused: true, problem: say("badFile", { reason }) });
    announce(`${refused.file.name}: ${refused.problem}`);
    change();
    if (sent.length > 1) await send(event, form);
  }
}

function bodyOf(entries, name) {
  const body = new FormData();
  entries.forEach(({ file, providers }, number) => {
    body.append("file", file, file.name);
    for (const one of new Set(providers)) body.append(`ocrProvider_${number}`, one);
  });
  if (name) body.append("jobName", name);
  return body;
}

async function sendWithProgress(form, entries, name) {
  const bar = h("progress", { "aria-label": say("upload"), max: "1" });
  const words = h("span", say("sending"));
  let sending;
  const stop = button("close", say("cancel"), () => sending.cancel());
  const place = h("div.sending", bar, words, stop);
  form.append(place);
  form.classList.add("busy");
  form.querySelector("#send").disabled = true;
  announce(say("sending"));
  const progress = (done, all) => {
    bar.value = done / all;
    words.textContent = done < all ? progressWords(entries, done, all) : say("checking");
  };
  try {
    for (;;) {
      const tried = recall("key");
      key ??= randomId();
      sending = upload("ocr-jobs/upload", bodyOf(entries, name), { "Idempotency-Key": key }, progress);
      try {
        return await sending;
      } catch (error) {
        if (error.status !== 401) throw error;
        await newKey(tried);
      }
    }
  } finally {
    place.remove();
    form.classList.remove("busy");
    form.querySelector("#send")?.removeAttribute("disabled");
  }
}

/** The file that is being sent, of how many, and how much is sent of all. */
function progressWords(entries, done, all) {
  let before = 0;
  const number = entries.findIndex(({ file }) => (before += file.size) > done) + 1 || entries.length;
  return say("sendingFile", { number, all: entries.length, done: size(done), size: size(all) });
}

/** Also where crypto.randomUUID is missing: over plain HTTP from another machine. */
const randomId = () => crypto.getRandomValues(new Uint32Array(4)).join("-");
