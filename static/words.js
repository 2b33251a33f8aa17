// Words for states, money, dates and warnings.

const STATES = { pending: "Waiting", running: "Reading", completed: "Done", failed: "Failed" };

const WARNINGS = {
  total_mismatch: "The printed sums do not add up to the printed total.",
  items_mismatch: "The items do not add up to the printed sum; one may be missing or misread.",
  date_ambiguous: "It is not certain which number of the date is the day and which the month.",
  date_in_future: "The date lies in the future.",
  low_confidence: "Much of it was hard to read.",
  no_text: "No text was found in the picture.",
  not_a_receipt: "This does not look like a receipt.",
  cut_short: "The picture ends early: its last rows are missing. Send the original file again.",
};

const SOURCES = {
  engine: "The provider reads receipts itself and gave these fields.",
  model: "A vision model filled in these fields.",
  rules: "These fields were found in the text by rules.",
  data: "These fields are those of the e-invoice inside the PDF.",
};

const ORIGINS = {
  code: "as a code on it says",
  data: "from the e-invoice",
  text: "from the PDF's own text",
};

export const stateWord = (status) => STATES[status] ?? status;
export const warningWord = (warning) => WARNINGS[warning] ?? warning.replaceAll("_", " ");
export const sourceWord = (source) => SOURCES[source] ?? "";
export const originWord = (evidence) => ORIGINS[evidence?.source];

export function count(number, one, many) {
  return `${number.toLocaleString()} ${number === 1 ? one : many}`;
}

export function size(bytes) {
  const unit = bytes >= 1e6 ? "megabyte" : "kilobyte";
  const number = bytes / (bytes >= 1e6 ? 1e6 : 1e3);
  const digits = { maximumFractionDigits: number < 10 ? 1 : 0 };
  return new Intl.NumberFormat(undefined, { style: "unit", unit, ...digits }).format(number);
}

/** When something happened, by this machine's clock. */
export function moment(iso) {
  const form = { dateStyle: "medium", timeStyle: "short" };
  return new Intl.DateTimeFormat(undefined, form).format(new Date(iso));
}

/** A printed date, never moved through time zones. */
export function printedDate(date) {
  const day = new Date(`${date}T00:00:00Z`);
  if (Number.isNaN(day.getTime())) return date;
  return new Intl.DateTimeFormat(undefined, { dateStyle: "long", timeZone: "UTC" }).format(day);
}

/** An amount in the receipt's currency; without one, with two digits. */
export function money(amount, currency) {
  const format = currencyFormat(currency);
  return format ? format.format(amount) : bareMoney(amount, currency);
}

/** An amount with as many digits as its currency has, without saying which that is. */
export function bareMoney(amount, currency) {
  const digits = currencyFormat(currency)?.resolvedOptions().minimumFractionDigits ?? 2;
  return amount.toLocaleString(undefined, { minimumFractionDigits: digits });
}

/** Null without a currency, and for a code that is none. */
function currencyFormat(currency) {
  try {
    return currency ? new Intl.NumberFormat(undefined, { style: "currency", currency }) : null;
  } catch {
    return null;
  }
}

/** Where a picture goes when this provider reads it. */
export function destination(provider) {
  return provider.sendsTo
    ? `The picture is sent to ${provider.sendsTo}.`
    : "The picture stays on this machine.";
}
