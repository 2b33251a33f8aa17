// What this browser remembers; only while the page is open where storage is switched off.

const here = new Map();

/** What the browser's storage answers; null where it is switched off. */
function tried(action) {
  try {
    return action() ?? null;
  } catch {
    return null;
  }
}

export function recall(name) {
  return tried(() => sessionStorage.getItem(name) ?? localStorage.getItem(name)) ?? here.get(name) ?? null;
}

/** Keep a value for this browser, or for this tab only. */
export function remember(name, value, forGood = true) {
  forget(name);
  tried(() => (forGood ? localStorage : sessionStorage).setItem(name, value));
  if (recall(name) === null) here.set(name, value);
}

export function forget(name) {
  here.delete(name);
  tried(() => [sessionStorage, localStorage].forEach((one) => one.removeItem(name)));
}
