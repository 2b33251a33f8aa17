// What this browser remembers; only while the page is open where storage is switched off.

const here = new Map();

export function recall(name) {
  try {
    return sessionStorage.getItem(name) ?? localStorage.getItem(name);
  } catch {
    return here.get(name) ?? null;
  }
}

/** Keep a value for this browser, or for this tab only. */
export function remember(name, value, forGood = true) {
  forget(name);
  try {
    (forGood ? localStorage : sessionStorage).setItem(name, value);
  } catch {
    here.set(name, value);
  }
}

export function forget(name) {
  here.delete(name);
  try {
    sessionStorage.removeItem(name);
    localStorage.removeItem(name);
  } catch {
    // nothing was kept
  }
}
