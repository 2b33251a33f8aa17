// The choice of a provider among those that can run here, with the reasons of the others.

import { getJson } from "./api.js";
import { h, icon } from "./dom.js";
import { recall } from "./memory.js";
import { destination, say } from "./words.js";

let asked = null;

/** All providers, asked once; a failed try is not kept. */
export const allProviders = async () => (await answer()).data;

/** What an upload may be at most: {files, fileBytes, formats}. */
export const uploadLimits = async () => (await answer()).limits;

function answer() {
  asked ??= getJson("providers").catch((error) => {
    asked = null;
    throw error;
  });
  return asked;
}

const isAway = ({ kind, sendsTo }) => kind === "remote" || Boolean(sendsTo);

/** The one chosen last, if it can run, else the first that can; null if none can. */
export function usualProvider(list) {
  const able = list.filter((provider) => provider.available);
  return (able.find(({ name }) => name === recall("provider")) ?? able[0])?.name ?? null;
}

/** A select with a line under it that says where the picture goes; `changed` gets the name. */
export function providerChoice(list, { id, label, labelHidden, chosen, changed }) {
  const where = h("span.where", { id: `${id}-where` });
  const select = h("select", { id, "aria-describedby": where.id }, options(list));
  select.value = chosen ?? "";
  const tell = () => {
    const provider = list.find(({ name }) => name === select.value);
    const away = provider && isAway(provider);
    where.classList.toggle("away", away === true);
    where.replaceChildren(...(provider ? [icon(away ? "away" : "home"), destination(provider)] : []));
  };
  select.addEventListener("change", () => {
    tell();
    changed?.(select.value);
  });
  tell();
  return h("div.choice", [h("label", { for: id, class: labelHidden && "hidden" }, label), select, where]);
}

function options(list) {
  const option = ({ name, available, reason }) =>
    h("option", { value: name, disabled: !available }, available ? name : `${name} (${reason})`);
  const group = (label, members) => members.length > 0 && h("optgroup", { label }, members.map(option));
  const near = list.filter((provider) => !isAway(provider));
  return [group(say("onThisMachine"), near), group(say("elsewhere"), list.filter(isAway))];
}

/** Every provider with what it is and what it lacks. */
export function providerList(list) {
  const rows = list.map((provider) =>
    h(provider.available ? "li" : "li.off", [
      h("b", provider.name),
      h("span", provider.available ? provider.model : say("notAvailable", provider)),
      provider.available && h("span.where", destination(provider)),
    ]),
  );
  const open = !list.some(({ available }) => available);
  return h("details.providers", { open }, [h("summary", say("whichProviders")), h("ul", rows)]);
}
