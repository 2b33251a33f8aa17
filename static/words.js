// What the page says, in the first of the browser's languages that words/ has; dates and money too.

const LANGUAGES = ["en", "de", "fr", "es", "pt"];
const languageOf = (tag) => tag.split("-")[0].toLowerCase();

/** The browser's tag, such as de-AT, which also says how dates and numbers are written. */
export const LOCALE = navigator.languages.find((tag) => LANGUAGES.includes(languageOf(tag))) ?? "en";
const { default: words } = await import(`./words/${languageOf(LOCALE)}.js`);
const SURE = Object.entries({ very: 0.95, quite: 0.8, hardly: 0.5, not: 0 });
const plurals = new Intl.PluralRules(LOCALE);

/** The text of this name with its {values}; a text with plural forms takes that of the number n. */
export function say(name, values = {}) {
  const text = words[name];
  const form = typeof text === "string" ? text : (text[plurals.select(values.n)] ?? text.other);
  return form.replace(/\{(\w+)\}/g, (_, value) => written(values[value]));
}

const written = (value) => (typeof value === "number" ? value.toLocaleString(LOCALE) : value);

/** Fill in the elements of index.html: data-say is their text, data-say-label their name. */
export function sayAll() {
  document.documentElement.lang = languageOf(LOCALE);
  for (const element of document.querySelectorAll("[data-say]")) element.textContent = say(element.dataset.say);
  for (const element of document.querySelectorAll("[data-say-label]"))
    element.setAttribute("aria-label", say(element.dataset.sayLabel));
}

export const errorWord = (error) => words[`error.${error?.code}`] ?? "";
export const failedWord = (error) => [say("state.failed"), errorWord(error)].filter(Boolean).join(COLON);
const COLON = LOCALE.startsWith("fr") ? "\u00a0: " : ": ";
export const statusWord = (status) => words[`status.${status}`] ?? words["status.500"];
export const warningWord = (name) => words[`warning.${name}`] ?? name.replaceAll("_", " ");
/** What a field is called; where no word is there, its name as English has it. */
export const fieldWord = (name) =>
  words[name] ?? name.replace(/[A-Z]/g, " $&").toLowerCase().replace(/^./, (first) => first.toUpperCase());
/** How probable it is that a field is right, in words; "" where that is not known. */
export function sureWord({ probability }) {
  if (typeof probability !== "number") return "";
  const [word] = SURE.find(([, least]) => probability >= least);
  return say(`sure.${word}`);
}

export const percentSure = (share) => say("percentSure", { percent: Math.round(share * 100) });
export const originWord = (evidence) => words[`origin.${evidence?.source}`];

export function size(bytes) {
  const [unit, one] = bytes >= 1e6 ? ["megabyte", 1e6] : bytes >= 1e3 ? ["kilobyte", 1e3] : ["byte", 1];
  const number = bytes / one;
  const digits = { maximumFractionDigits: number < 10 ? 1 : 0 };
  return new Intl.NumberFormat(LOCALE, { style: "unit", unit, ...digits }).format(number);
}

const dated = (form, time) => new Intl.DateTimeFormat(LOCALE, form).format(new Date(time));

/** When something happened, by this machine's clock. */
export const moment = (iso) => dated({ dateStyle: "medium", timeStyle: "short" }, iso);

/** The name of a month such as 2026-03. */
export const monthOf = (month) => dated({ month: "long", year: "numeric", timeZone: "UTC" }, `${month}-01`);

/** A printed date, never moved through time zones. */
export function printedDate(date, dateStyle = "long") {
  const day = Date.parse(`${date}T00:00:00Z`);
  return Number.isNaN(day) ? date : dated({ dateStyle, timeZone: "UTC" }, day);
}

export const percent = (rate) =>
  new Intl.NumberFormat(LOCALE, { style: "percent", maximumFractionDigits: 2 }).format(rate / 100);

/** An amount in the receipt's currency; without one, with two digits. */
export const money = (amount, currency) => currencyFormat(currency)?.format(amount) ?? bareMoney(amount, currency);

/** An amount with as many digits as its currency has, without saying which that is. */
export function bareMoney(amount, currency, useGrouping = true) {
  const digits = currencyFormat(currency)?.resolvedOptions().minimumFractionDigits ?? 2;
  return amount.toLocaleString(LOCALE, { minimumFractionDigits: digits, useGrouping });
}

/** Null without a currency, and for a code that is none. */
function currencyFormat(currency) {
  try {
    return currency ? new Intl.NumberFormat(LOCALE, { style: "currency", currency }) : null;
  } catch {
    return null;
  }
}

/** Where a picture goes when this provider reads it. */
export const destination = ({ sendsTo }) => (sendsTo ? say("sentTo", { where: sendsTo }) : say("staysHere"));
